--- Table 2 of report A: WGAN's losses with one of n_critic, c and alpha changed at a time.
--
--     lua5.4 experiments/report_a/table2.lua

local here = arg[0]:match("^(.*/)") or ""
dofile(here .. "losses.lua")("table2", "Table 2: WGAN over n_critic, c and alpha.",
  { "wgan", "n_critic-3", "n_critic-7", "c-0.005", "c-0.015", "alpha-0.0003", "alpha-0.001" })
