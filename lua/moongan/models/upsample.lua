--- Generators that enlarge and then convolve, in place of transposed convolutions: every pixel sums
-- over as many terms as its neighbours, so no chequered patterns arise (Odena et al. 2016).
--
-- With batch normalisation the generator is that of LSGAN (Mao et al. 2017) in its common form, a
-- match for the discriminator of moongan.models.dcgan.  With norm = "none" it is among the simplest
-- convolutional ones for MNIST, a match for the discriminators here.

local moongan = require "moongan"
local common = require "moongan.models.common"
local options = require "moongan.options"
local nn = moongan.nn
local add, size = common.add, common.size

local SAME = { padding = 1 } -- of 3 x 3 taps
local HALVING = { stride = 2, padding = 2 } -- of 5 x 5 taps

local upsample = {}

local generator_options = {
  nf = size(64), nz = size(100), norm = options.one_of("batch", "none"), slope = common.slope,
  init = common.init_rule,
}

-- Maps at the start: their number is halved by every doubling of the sides, down to nf.
local function widest(o) return o.nf << (o.doublings - 1) end

-- Layers from `inputs` maps of start x start pixels to images.
local function enlarging(o, inputs)
  local layers, width = {}, inputs
  local geometry = { padding = 1, bias = o.norm == "none" }
  for i = o.doublings - 1, 0, -1 do
    local next_width = o.nf << i
    add(layers, nn.Upsample{ scale = 2 }, nn.Conv2d(width, next_width, 3, geometry),
      common.normalisation(o.norm, next_width), nn.LeakyReLU(o.slope))
    width = next_width
  end
  add(layers, nn.Conv2d(width, o.channels, 3, SAME), nn.Tanh())
  return layers
end

-- Layers from rows of `inputs` numbers to maps of start x start pixels.
local function spread(o, inputs, width)
  local layers = { nn.Linear(inputs, width * o.start * o.start), nn.Reshape(o.start, o.start, width) }
  add(layers, common.normalisation(o.norm, width), nn.LeakyReLU(o.slope))
  return layers
end

--- Generator: noise (n, nz) to images (n, size, size, channels) in [-1, 1].
-- @param given  size = 28, channels = 1 at size 28 and else 3, nf = 64 maps before the image,
--   nz = 100, norm = "batch" (or "none"), slope = 0.2, init = "dcgan"
function upsample.upsample_generator(given)
  local o = common.image_options("mg.models.upsample_generator", given, generator_options)
  local layers = spread(o, o.nz, widest(o))
  add(layers, table.unpack(enlarging(o, widest(o))))
  return common.initialised(o.init, nn.Sequential(layers))
end

--- Generator with a label: noise and label each through a linear layer, the label's into a map of
-- its own, joined, enlarged.  Called as G(z, y) with class numbers y (n).
-- @param given  as upsample_generator's; classes = 10, embedding = 50
function upsample.cupsample_generator(given)
  local known = { classes = size(10), embedding = size(50) }
  for key, rule in pairs(generator_options) do known[key] = rule end
  local o = common.image_options("mg.models.cupsample_generator", given, known)
  return nn.Module{
    name = "ConditionalGenerator",
    embedding = nn.Embedding(o.classes, o.embedding),
    z = common.initialised(o.init, nn.Sequential(spread(o, o.nz, widest(o)))),
    y = nn.Sequential{ nn.Linear(o.embedding, o.start * o.start), nn.Reshape(o.start, o.start, 1) },
    body = common.initialised(o.init, nn.Sequential(enlarging(o, widest(o) + 1))),
    forward = function(self, z, y)
      return self.body(moongan.cat({ self.z(z), self.y(self.embedding(y)) }, 4))
    end,
  }
end

local discriminator_options = {
  nf = size(64), dropout = options.number(0.3, 0, 0.999), slope = common.slope, init = common.init_rule,
}

--- Discriminator: images (n, size, size, channels) through two halving convolutions of 5 x 5 taps,
-- nf and 2 nf maps, and dropout, to scores (n, 1).
-- @param given  size = 28, channels = 1 at size 28 and else 3, nf = 64, dropout = 0.3, slope = 0.2,
--   init = "dcgan"
function upsample.upsample_discriminator(given)
  local o = common.image_options("mg.models.upsample_discriminator", given, discriminator_options)
  local side = o.size // 4
  return common.initialised(o.init, nn.Sequential{
    nn.Conv2d(o.channels, o.nf, 5, HALVING), nn.LeakyReLU(o.slope),
    nn.Conv2d(o.nf, 2 * o.nf, 5, HALVING), nn.LeakyReLU(o.slope),
    nn.Flatten(), nn.Dropout(o.dropout), nn.Linear(side * side * 2 * o.nf, 1),
  })
end

--- Discriminator with a label: images through two convolutions of 3 x 3 taps and two poolings, the
-- label through two linear layers (the first of which is an embedding), joined, dropout, a score.
-- Called as D(x, y) with class numbers y (n).
-- @param given  as upsample_discriminator's; classes = 10, embedding = 50, label_units = 128
function upsample.cupsample_discriminator(given)
  local known = { classes = size(10), embedding = size(50), label_units = size(128) }
  for key, rule in pairs(discriminator_options) do known[key] = rule end
  local o = common.image_options("mg.models.cupsample_discriminator", given, known)
  local side = o.size // 4
  return nn.Module{
    name = "ConditionalDiscriminator",
    x = common.initialised(o.init, nn.Sequential{
      nn.Conv2d(o.channels, o.nf, 3, SAME), nn.LeakyReLU(o.slope), nn.MaxPool2d(2),
      nn.Conv2d(o.nf, 2 * o.nf, 3, SAME), nn.LeakyReLU(o.slope), nn.MaxPool2d(2),
      nn.Flatten(),
    }),
    y = nn.Sequential{
      nn.Embedding(o.classes, o.embedding), nn.Linear(o.embedding, o.label_units), nn.LeakyReLU(o.slope),
    },
    out = nn.Sequential{ nn.Dropout(o.dropout), nn.Linear(side * side * 2 * o.nf + o.label_units, 1) },
    forward = function(self, x, y) return self.out(moongan.cat({ self.x(x), self.y(y) }, 2)) end,
  }
end

return upsample
