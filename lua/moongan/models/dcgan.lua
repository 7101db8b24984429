--- Deep convolutional GAN (Radford et al. 2016): convolutions of 4 x 4 taps and stride 2, batch
-- normalisation except at the generator's output and the discriminator's input.
--
-- The first maps have 4 x 4 pixels, or 7 x 7 for images of 28, and every doubling of the sides
-- halves their number, down to nf before the image: nf = 64 begins with 128 maps for images of 28,
-- 256 for 32, 512 for 64, 1024 for 128.
--
-- At 28 the step between noise and first maps is a linear layer, as between last maps and score,
-- and layers that no normalisation follows have biases.  At other sizes every layer is a
-- convolution and none has a bias.

local moongan = require "moongan"
local common = require "moongan.models.common"
local nn = moongan.nn
local add, size = common.add, common.size

local HALVING = { stride = 2, padding = 1, bias = false }
local HALVING_WITH_BIAS = { stride = 2, padding = 1 }
local ALL_PIXELS = { bias = false } -- the kernel is as large as the image

local dcgan = {}

local function with_label(known)
  local result = { classes = size(10), embedding = size(50) }
  for key, rule in pairs(known) do result[key] = rule end
  return result
end

local function at_edge(o) return o.size == 28 and HALVING_WITH_BIAS or HALVING end

-- ---- generators ---------------------------------------------------------------------------------

local generator_options = { nf = size(64), nz = size(100), init = common.init_rule }

local function generator(o, inputs)
  local width, layers = o.nf << (o.doublings - 1), {}
  if o.size == 28 then
    add(layers, nn.Linear(inputs, width * o.start * o.start), nn.Reshape(o.start, o.start, width))
  else
    add(layers, nn.Reshape(1, 1, inputs), nn.ConvTranspose2d(inputs, width, o.start, ALL_PIXELS))
  end
  add(layers, nn.BatchNorm(width), nn.ReLU())
  for _ = 2, o.doublings do
    add(layers, nn.ConvTranspose2d(width, width // 2, 4, HALVING), nn.BatchNorm(width // 2), nn.ReLU())
    width = width // 2
  end
  add(layers, nn.ConvTranspose2d(width, o.channels, 4, at_edge(o)), nn.Tanh())
  return common.initialised(o.init, nn.Sequential(layers))
end

--- Generator: noise (n, nz) to images (n, size, size, channels) in [-1, 1].
-- @param given  size = 28, channels = 1 at size 28 and else 3, nf = 64, nz = 100, init = "dcgan"
function dcgan.dcgan_generator(given)
  local o = common.image_options("mg.models.dcgan_generator", given, generator_options)
  return generator(o, o.nz)
end

--- Conditional generator: an embedding of the label is joined to the noise.  Called as G(z, y) with
-- class numbers y (n).
-- @param given  as dcgan_generator's; classes = 10, embedding = 50
function dcgan.cdcgan_generator(given)
  local o = common.image_options("mg.models.cdcgan_generator", given, with_label(generator_options))
  return nn.Module{
    name = "ConditionalGenerator",
    embedding = nn.Embedding(o.classes, o.embedding),
    body = generator(o, o.nz + o.embedding),
    forward = function(self, z, y) return self.body(moongan.cat({ z, self.embedding(y) }, 2)) end,
  }
end

-- ---- discriminators -----------------------------------------------------------------------------

local discriminator_options = {
  nf = size(64), norm = common.norm_rule, slope = common.slope, init = common.init_rule,
}

-- Layers up to the last maps, which have start x start pixels; and the number of those maps.
local function body(o, channels)
  local spectral, width = common.spectral, o.nf
  local layers = { spectral(o.norm, nn.Conv2d(channels, width, 4, at_edge(o))), nn.LeakyReLU(o.slope) }
  for _ = 2, o.doublings do
    add(layers, spectral(o.norm, nn.Conv2d(width, 2 * width, 4, HALVING)), common.normalisation(o.norm, 2 * width),
      nn.LeakyReLU(o.slope))
    width = 2 * width
  end
  return layers, width
end

local function discriminator(o, channels)
  local layers, width = body(o, channels)
  if o.size == 28 then
    add(layers, nn.Flatten(), common.spectral(o.norm, nn.Linear(width * o.start * o.start, 1)))
  else
    add(layers, common.spectral(o.norm, nn.Conv2d(width, 1, o.start, ALL_PIXELS)), nn.Flatten())
  end
  return common.initialised(o.init, nn.Sequential(layers))
end

--- Discriminator or critic: images (n, size, size, channels) to scores (n, 1).
-- @param given  size = 28, channels = 1 at size 28 and else 3, nf = 64,
--   norm = "batch" (or "instance", "layer", "spectral", "none": under a gradient penalty, any but
--   "batch", which would make a score depend on the other images), slope = 0.2, init = "dcgan"
function dcgan.dcgan_discriminator(given)
  local o = common.image_options("mg.models.dcgan_discriminator", given, discriminator_options)
  return discriminator(o, o.channels)
end

--- Conditional discriminator: an embedding of the label, spread over all pixels by a linear layer,
-- is one more channel of the image.  Called as D(x, y) with class numbers y (n).
-- @param given  as dcgan_discriminator's; classes = 10, embedding = 50
function dcgan.cdcgan_discriminator(given)
  local o = common.image_options("mg.models.cdcgan_discriminator", given, with_label(discriminator_options))
  return nn.Module{
    name = "ConditionalDiscriminator",
    label = common.initialised(o.init, nn.Sequential{
      nn.Embedding(o.classes, o.embedding), nn.Linear(o.embedding, o.size * o.size), nn.Reshape(o.size, o.size, 1),
    }),
    body = discriminator(o, o.channels + 1),
    forward = function(self, x, y) return self.body(moongan.cat({ x, self.label(y) }, 4)) end,
  }
end

--- A discriminator without its last layer: images (n, size, size, channels) to features (n, count).
-- @param given  as dcgan_discriminator's
-- @return the layer; and the count
function dcgan.dcgan_features(given)
  local o = common.image_options("mg.models.dcgan_features", given, discriminator_options)
  local layers, width = body(o, o.channels)
  add(layers, nn.Flatten())
  return common.initialised(o.init, nn.Sequential(layers)), width * o.start * o.start
end

return dcgan
