--- Residual pair for images of 32 x 32: that of WGAN-GP (Gulrajani et al. 2017, appendix C) with
-- norm = "none", that of SNGAN (Miyato et al. 2018, table 4) with norm = "spectral".

local moongan = require "moongan"
local common = require "moongan.models.common"
local options = require "moongan.options"
local nn = moongan.nn
local size = common.size

local resnet = {}

-- ---- initial weights ----------------------------------------------------------------------------

-- In a block's convolutions, which ReLU follows, weights have twice Glorot's variance.
local init_rule = options.one_of("glorot", "default")

local function initialised(o, layer, gain)
  if o.init == "glorot" then common.glorot(layer, gain) end
  return common.spectral(o.norm, layer)
end

local function convolution(o, inputs, outputs)
  return initialised(o, nn.Conv2d(inputs, outputs, 3, { padding = 1, bias = o.bias }), math.sqrt(2))
end

local function pointwise(o, inputs, outputs) return initialised(o, nn.Conv2d(inputs, outputs, 1, { bias = o.bias })) end

local function linear(o, inputs, outputs) return initialised(o, nn.Linear(inputs, outputs)) end

-- ---- generator ----------------------------------------------------------------------------------

-- Doubles the sides.  No biases: the batch normalisation at the end would cancel them all.
local function generator_block(o, width)
  return nn.Residual{
    nn.BatchNorm(width), nn.ReLU(), nn.Upsample{ scale = 2 }, convolution(o, width, width),
    nn.BatchNorm(width), nn.ReLU(), convolution(o, width, width),
    shortcut = nn.Sequential{ pointwise(o, width, width), nn.Upsample{ scale = 2 } },
  }
end

--- Generator: noise (n, nz) to images (n, 32, 32, channels) in [-1, 1], through a linear layer and
-- three residual blocks that double the sides, with batch normalisation.
-- @param given  channels = 3, nf = 128 (SNGAN: 256), nz = 128, init = "glorot" (or "default")
function resnet.resnet_generator(given)
  local o = options.check("mg.models.resnet_generator", given,
    { channels = size(3), nf = size(128), nz = size(128), init = init_rule })
  local width = o.nf
  o.bias = false
  return nn.Sequential{
    linear(o, o.nz, 4 * 4 * width), nn.Reshape(4, 4, width),
    generator_block(o, width), generator_block(o, width), generator_block(o, width),
    nn.BatchNorm(width), nn.ReLU(), initialised(o, nn.Conv2d(width, o.channels, 3, { padding = 1 })), nn.Tanh(),
  }
end

-- ---- discriminators -----------------------------------------------------------------------------

-- The first block halves the sides, and starts with a convolution, as its input is no feature yet.
local function first_block(o, inputs, outputs)
  return nn.Residual{
    convolution(o, inputs, outputs), nn.ReLU(), convolution(o, outputs, outputs), nn.AvgPool2d(2),
    shortcut = nn.Sequential{ nn.AvgPool2d(2), pointwise(o, inputs, outputs) },
  }
end

local function block(o, width, halve)
  local layers = { nn.ReLU(), convolution(o, width, width), nn.ReLU(), convolution(o, width, width) }
  if halve then
    layers[5] = nn.AvgPool2d(2)
    layers.shortcut = nn.Sequential{ pointwise(o, width, width), nn.AvgPool2d(2) }
  end
  return nn.Residual(layers)
end

local discriminator_options = {
  channels = size(3), nf = size(128), norm = options.one_of("none", "spectral"), init = init_rule,
}

-- What the last maps, of 8 x 8 pixels, come to: their means; or their sums, as Miyato et al. have it.
local function over_pixels(o)
  if o.norm == "none" then return nn.GlobalAvgPool2d() end
  return nn.Module{
    name = "GlobalSumPool2d",
    forward = function(_, x) return x:reshape(x:size(1), -1, x:size(4)):sum(2) end,
  }
end

local function features(o)
  return nn.Sequential{
    first_block(o, o.channels, o.nf), block(o, o.nf, true), block(o, o.nf), block(o, o.nf), nn.ReLU(), over_pixels(o),
  }
end

--- The discriminator without its last layer: images (n, 32, 32, channels) to features (n, nf).
-- @param given  as resnet_discriminator's
-- @return the layer; and nf
function resnet.resnet_features(given)
  local o = options.check("mg.models.resnet_features", given, discriminator_options)
  return features(o), o.nf
end

--- Discriminator or critic: images (n, 32, 32, channels) to scores (n, 1), through four residual
-- blocks, the first two of which halve the sides; batches are nowhere normalised.
-- @param given  channels = 3, nf = 128, norm = "none" (or "spectral"), init = "glorot" (or "default")
function resnet.resnet_discriminator(given)
  local o = options.check("mg.models.resnet_discriminator", given, discriminator_options)
  local layers = features(o)
  layers[#layers + 1] = linear(o, o.nf, 1)
  return layers
end

return resnet
