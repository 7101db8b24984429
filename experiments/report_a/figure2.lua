--- Figure 2 of report A: how GAN, WGAN and CGAN come to make digits from noise, all from the same noise, as one
-- picture and as an animation.
--
--     lua5.4 experiments/report_a/figure2.lua
--
-- Models stand below each other, epochs side by side; CGAN's rows are the classes asked for.

local here = arg[0]:match("^(.*/)") or ""
local mg = require "moongan"
local pictures = dofile(here .. "pictures.lua")
local rows = dofile(here .. "rows.lua")
local runs = dofile(here .. "runs.lua")

local EPOCHS, COLUMNS = { 0, 1, 5, 20, 50, 100, 200 }, 4
local FRAMES, FRAME_COLUMNS = 40, 5

local o = runs.settings(arg, "Figure 2: digits from noise over training.", rows, { epochs = 200, seeds = "1" })
local models = { rows.gan, rows.wgan, rows.cgan }
runs.train(models, o)

local function at_epoch(row, seed, epoch, columns)
  return pictures.at_epoch(runs.result(row, seed, o), row.config.sample_every, epoch, columns)
end

local function draw(seed)
  local bands = {}
  for i, row in ipairs(models) do
    local list = {}
    for _, epoch in ipairs(EPOCHS) do
      if epoch <= o.epochs then list[#list + 1] = at_epoch(row, seed, epoch, COLUMNS) end
    end
    bands[i] = pictures.beside(list, 4)
  end
  pictures.save(runs.picture("figure2", seed, o), pictures.stacked(bands, 8))
end

local function animate(seed)
  local frames, path = {}, runs.picture("figure2_animation", seed, o)
  local count = math.min(FRAMES, o.epochs)
  for i = 0, count do
    local list = {}
    for j, row in ipairs(models) do list[j] = at_epoch(row, seed, o.epochs * i / count, FRAME_COLUMNS) end
    frames[#frames + 1] = pictures.beside(list, 8)
  end
  mg.image.save_animation(path, frames, { range = { 0, 1 }, delay = 0.25 })
  print("Animation: " .. path)
end

for _, seed in ipairs(o.seeds) do
  draw(seed)
  animate(seed)
end
