--- Table 1 of report A: the losses of GAN, WGAN and CGAN after 200 epochs.
--
--     lua5.4 experiments/report_a/table1.lua
--
-- Interrupted, it goes on where it stopped; what has ended is not run again.

local here = arg[0]:match("^(.*/)") or ""
dofile(here .. "losses.lua")("table1", "Table 1: GAN, WGAN and CGAN on MNIST.", { "gan", "wgan", "cgan" },
  { wgan = "WGAN" })
