--- Pictures of report A's runs: grids of samples, always from the same noise, and several side by side.

local mg = require "moongan"

local pictures = {}

local SEED = 4 -- of the noise of the 5 x 5 grids

--- A 5 x 5 grid by the generator that a run ended with: a picture (H, W, 1) in [0, 1].
function pictures.grid5(folder)
  local opened = mg.run.open(folder, { data = false })
  mg.manual_seed(SEED)
  return mg.image.grid(opened:sample(opened.trainer.noise(25)), { columns = 5, range = { 0, 1 } })
end

--- Pictures of the same height side by side.
-- @param list  pictures (H, W, 1)
-- @param gap   white pixels between them
function pictures.beside(list, gap)
  local parts = {}
  for i, picture in ipairs(list) do
    if i > 1 then parts[#parts + 1] = mg.ones(picture:size(1), gap, 1) end
    parts[#parts + 1] = picture
  end
  return mg.cat(parts, 2)
end

--- Pictures of the same width, one below the other.
function pictures.stacked(list, gap)
  local parts = {}
  for i, picture in ipairs(list) do
    if i > 1 then parts[#parts + 1] = mg.ones(gap, picture:size(2), 1) end
    parts[#parts + 1] = picture
  end
  return mg.cat(parts, 1)
end

--- What a run sampled from the same noise after about so many epochs, the first columns of its grid.
-- @param result  of the run (see runs.result)
-- @param every   iterations between two samples
-- @param columns  how many
function pictures.at_epoch(result, every, epoch, columns)
  local per_epoch = result.iterations / #result.epochs
  local last = result.iterations // every
  local index = math.min(last, math.floor(epoch * per_epoch / every + 0.5))
  local path = string.format("%s/samples/%07d.png", result.folder, index * every)
  return mg.image.load(path, { range = { 0, 1 } }):narrow(2, 1, columns * 30 + 2)
end

function pictures.save(path, picture)
  mg.image.save(path, picture, { range = { 0, 1 } })
  print("Picture: " .. path)
end

return pictures
