--- Table 3 of report A: WGAN and improved WGAN, whose critic has a gradient penalty in place of clipped weights.
--
--     lua5.4 experiments/report_a/table3.lua

local here = arg[0]:match("^(.*/)") or ""
dofile(here .. "losses.lua")("table3", "Table 3: WGAN with clipping and with gradient penalty.", { "wgan", "wgan-gp" },
  { wgan = "WGAN" })
