--- What the families of networks share: rules of options, stacks of layers, initial weights.

local moongan = require "moongan"
local options = require "moongan.options"
local nn = moongan.nn

local common = {}

-- ---- options ------------------------------------------------------------------------------------

--- A number of units, maps, classes, ...
function common.size(default) return options.integer(default, 1) end

common.slope = options.number(0.2)
common.probability = options.number(0.5, 0, 0.999)

-- How an image is built up: `start` pixels a side, doubled `doublings` times.
local scales = {
  [28] = { start = 7, doublings = 2 },
  [32] = { start = 4, doublings = 3 },
  [64] = { start = 4, doublings = 4 },
  [128] = { start = 4, doublings = 5 },
}

--- Options given to a builder of image networks, checked: those of `known`, and size (28, 32, 64 or
-- 128; default 28) and channels (default: 1 at 28, else 3, as the usual data sets have them).
-- The result has `start` and `doublings` too: size = start * 2 ^ doublings.
function common.image_options(function_name, given, known)
  local with_image = { size = options.integer(28), channels = options.integer(nil, 1) }
  for key, rule in pairs(known) do with_image[key] = rule end
  local o = options.check(function_name, given, with_image)
  local scale = scales[o.size]
  if not scale then
    options.fail(function_name, "option size: expected 28, 32, 64 or 128, got %d", o.size)
  end
  o.start, o.doublings = scale.start, scale.doublings
  o.channels = o.channels or (o.size == 28 and 1 or 3)
  return o
end

-- ---- layers -------------------------------------------------------------------------------------

--- Add layers to a list; those that are nil or false are left out.
function common.add(layers, ...)
  for i = 1, select("#", ...) do
    local layer = select(i, ...)
    if layer then layers[#layers + 1] = layer end
  end
end

local normalisations = {
  batch = function(features) return nn.BatchNorm(features) end,
  instance = function(features) return nn.InstanceNorm(features, { affine = true }) end,
  layer = function(features) return nn.GroupNorm(1, features) end,
}

--- What a discriminator normalises: each map over the batch, or over an image; all maps of an image
-- together ("layer"); its weights (see common.spectral); or nothing.  The first is the default.
common.norm_rule = options.one_of("batch", "instance", "layer", "spectral", "none")

--- A layer that normalises so many maps, or nil where the kind has none.
function common.normalisation(kind, features)
  local make = normalisations[kind]
  return make and make(features)
end

--- The layer with its weight divided by its largest singular value where kind is "spectral", else
-- the layer itself.
function common.spectral(kind, layer)
  return kind == "spectral" and nn.SpectralNorm(layer) or layer
end

-- ---- initial weights ----------------------------------------------------------------------------

--- The option `init`: "dcgan" is N(0, 0.02) for the weights of convolutions and linear layers,
-- N(1, 0.02) for those of batch normalisation, 0 for biases (Radford et al. 2016, section 4);
-- "default" is what the layers come with.
common.init_rule = options.one_of("dcgan", "default")

--- The same for rectifiers without normalisation between them: "he" keeps the variance from layer to
-- layer (He et al. 2015, equation 10), biases 0.
common.rectifier_init_rule = options.one_of("default", "he")

local function he(layer)
  if layer.name ~= "Linear" then return end
  nn.init.kaiming_normal_(layer.weight, { nonlinearity = "relu" })
  nn.init.zeros_(layer.bias)
end

--- The network with the initial weights that `kind` names.
function common.initialised(kind, network)
  if kind == "dcgan" then nn.init.dcgan_(network) end
  if kind == "he" then network:apply(he) end
  return network
end

--- Fill a layer's weight by Glorot and Bengio (2010), variance gain^2 2 / (fan-in + fan-out), its
-- bias with 0.
function common.glorot(layer, gain)
  nn.init.xavier_uniform_(layer.weight, gain or 1)
  if layer.bias then nn.init.zeros_(layer.bias) end
end

return common
