--- Figure 4 of report A: 25 samples each of GAN, WGAN and improved WGAN, from the same noise.
--
--     lua5.4 experiments/report_a/figure4.lua

local here = arg[0]:match("^(.*/)") or ""
local pictures = dofile(here .. "pictures.lua")
local rows = dofile(here .. "rows.lua")
local runs = dofile(here .. "runs.lua")

local o = runs.settings(arg, "Figure 4: samples of GAN, WGAN and improved WGAN.", rows, { epochs = 200, seeds = "1" })
local models = { rows.gan, rows.wgan, rows["wgan-gp"] }
runs.train(models, o)
for _, seed in ipairs(o.seeds) do
  local grids = {}
  for i, row in ipairs(models) do grids[i] = pictures.grid5(runs.final(row, seed, o)) end
  pictures.save(runs.picture("figure4", seed, o), pictures.beside(grids, 12))
end
