--- A small pair after R3GAN (Huang et al. 2024): residual blocks of grouped convolutions without any
-- normalisation, all stages of one width (as the paper has it for CIFAR-10), for the relativistic
-- pairing objective with both zero-centred penalties (R1 and R2).

local moongan = require "moongan"
local common = require "moongan.models.common"
local options = require "moongan.options"
local nn = moongan.nn
local add, size = common.add, common.size

local r3gan = {}

local SLOPE = 0.2
local GAIN = math.sqrt(2 / (1 + SLOPE ^ 2)) -- keeps the variance through LeakyReLU

local network_options = {
  nf = size(64),        -- maps in every stage
  blocks = size(1),     -- residual blocks in a stage (the paper: 2)
  expansion = size(2),  -- times as many maps within a block
  groups = size(8),     -- of the convolution in the middle of a block
}

local function check(function_name, given, known)
  for key, rule in pairs(network_options) do known[key] = rule end
  local o = common.image_options(function_name, given, known)
  if o.nf * o.expansion % o.groups ~= 0 then
    options.fail(function_name, "option groups: expected a divisor of nf * expansion = %d, got %d",
      o.nf * o.expansion, o.groups)
  end
  return o
end

-- Weights N(0, gain^2 / fan-in) (He et al. 2015), biases 0; a gain of 0 makes zeros.
local function filled(layer, gain)
  local weight, fan_in = layer.weight, 1
  for dim = 1, weight:dim() - 1 do fan_in = fan_in * weight:size(dim) end
  nn.init.normal_(weight, 0, gain / math.sqrt(fan_in))
  if layer.bias then nn.init.zeros_(layer.bias) end
  return layer
end

-- x + three convolutions, of which the last begins as 0, so that the network begins as its shortcuts
-- alone; the other two share the scale that `count` blocks in a row ask for (Zhang et al. 2019).
local function block(o, count)
  local width, gain = o.nf * o.expansion, GAIN * count ^ -0.25
  return nn.Residual{
    filled(nn.Conv2d(o.nf, width, 1), gain), nn.LeakyReLU(SLOPE),
    filled(nn.Conv2d(width, width, 3, { padding = 1, groups = o.groups }), gain), nn.LeakyReLU(SLOPE),
    filled(nn.Conv2d(width, o.nf, 1, { bias = false }), 0),
  }
end

local function add_blocks(layers, o)
  for _ = 1, o.blocks do add(layers, block(o, o.blocks * (o.doublings + 1))) end
end

--- Generator: noise (n, nz) to images (n, size, size, channels), not limited to any range: a learnt
-- image of start x start pixels, its maps scaled by the noise, then blocks, doubling, blocks, ...
-- @param given  size = 28, channels = 1 at size 28 and else 3, nz = 64, nf = 64, blocks = 1,
--   expansion = 2, groups = 8
function r3gan.r3gan_generator(given)
  local o = check("mg.models.r3gan_generator", given, { nz = size(64) })
  local layers = {
    nn.Module{
      name = "Basis",
      image = moongan.randn(o.start, o.start, o.nf):requires_grad_(true),
      scale = filled(nn.Linear(o.nz, o.nf, { bias = false }), 1),
      forward = function(self, z) return self.image * self.scale(z):reshape(-1, 1, 1, self.image:size(3)) end,
    },
  }
  add_blocks(layers, o)
  for _ = 1, o.doublings do
    add(layers, nn.Upsample{ scale = 2, mode = "bilinear" })
    add_blocks(layers, o)
  end
  add(layers, filled(nn.Conv2d(o.nf, o.channels, 1), 1))
  return nn.Sequential(layers)
end

--- Discriminator: images (n, size, size, channels) to scores (n, 1), stages in the opposite order:
-- blocks, halving, blocks, ..., then a weighted sum over the last pixels for each map.
-- @param given  size = 28, channels = 1 at size 28 and else 3, nf = 64, blocks = 1, expansion = 2,
--   groups = 8
function r3gan.r3gan_discriminator(given)
  local o = check("mg.models.r3gan_discriminator", given, {})
  local layers = { filled(nn.Conv2d(o.channels, o.nf, 1), 1) }
  for _ = 1, o.doublings do
    add_blocks(layers, o)
    add(layers, nn.AvgPool2d(2))
  end
  add_blocks(layers, o)
  add(layers, filled(nn.Conv2d(o.nf, o.nf, o.start, { groups = o.nf, bias = false }), 1), nn.Flatten(),
    filled(nn.Linear(o.nf, 1), 1))
  return nn.Sequential(layers)
end

return r3gan
