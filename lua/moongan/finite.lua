--- Where in a training numbers stopped being finite, in words.

local moongan = require "moongan"

local finite = {}

-- The first of a network's parameters that is not finite, by name.
local function bad_parameter(network)
  for _, pair in ipairs(network:named_parameters()) do
    if not moongan.all_finite(pair[2]:detach()) then return pair[1] end
  end
end

local function layer_text(network, layer, whose)
  for _, pair in ipairs(network:named_layers()) do
    if pair[2] == layer then
      local place = pair[1] == "" and "the " .. whose or string.format("layer %s of the %s", pair[1], whose)
      return string.format("%s (%s)", place, layer.name)
    end
  end
  return "a layer"
end

-- What is wrong with a network's results for an input, or nil.
local function examine(network, whose, x, y)
  local parameter = bad_parameter(network)
  local layer = moongan.first_nonfinite(moongan.no_grad, network, table.unpack{ x, y })
  if not (layer or parameter) then return nil end
  local parts = {}
  if layer then parts[1] = layer_text(network, layer, whose) .. " gave the first number that is not finite" end
  if parameter then
    parts[#parts + 1] = string.format("the %s's parameter %s is not finite since its last update", whose, parameter)
  end
  return table.concat(parts, "; ") .. "; a lower learning rate may help"
end

--- Why a loss is not finite.
-- @param trainer
-- @param real, fake, y  the images and classes it came from
-- @return a text
function finite.explain(trainer, real, fake, y)
  if not moongan.all_finite(real) then return "the batch of real images is not finite" end
  local for_d = not trainer.auxiliary and y or nil -- a discriminator that names classes itself is told none
  return examine(trainer.generator, "generator", trainer.noise(real:size(1)), y)
    or examine(trainer.discriminator, "discriminator", real, for_d)
    or examine(trainer.discriminator, "discriminator", fake, for_d)
    or "every layer's results are finite, so the objective or a penalty made it so"
end

return finite
