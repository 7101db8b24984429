--- Fully connected networks: the pair that is widely copied, the maxout pairs of 2014, and the
-- conditional pair of the same year.

local moongan = require "moongan"
local common = require "moongan.models.common"
local options = require "moongan.options"
local nn = moongan.nn
local size, slope, probability = common.size, common.slope, common.probability

local dense = {}

-- Widths of hidden layers: a list of at least one whole number.
local function check_widths(function_name, widths)
  for i, width in ipairs(widths) do
    if math.type(width) ~= "integer" or width < 1 then
      options.fail(function_name, "option widths: expected a list of whole numbers of at least 1, got %s at %d",
        options.describe(width), i)
    end
  end
  if #widths == 0 then options.fail(function_name, "option widths: expected at least one width, got none") end
end

local function with_classes(known)
  local result = { classes = size(10) }
  for key, rule in pairs(known) do result[key] = rule end
  return result
end

-- ---- the widely copied pair ---------------------------------------------------------------------

local generator_options = {
  nz = size(100), n_out = size(784), widths = { 128, 256, 512, 1024 }, slope = slope, eps = options.number(0.8, 0),
}

local function mlp_generator(function_name, o, inputs)
  check_widths(function_name, o.widths)
  local layers, width = {}, inputs
  for i, next_width in ipairs(o.widths) do
    layers[#layers + 1] = nn.Linear(width, next_width)
    if i > 1 then layers[#layers + 1] = nn.BatchNorm(next_width, { eps = o.eps }) end
    layers[#layers + 1] = nn.LeakyReLU(o.slope)
    width = next_width
  end
  layers[#layers + 1] = nn.Linear(width, o.n_out)
  layers[#layers + 1] = nn.Tanh()
  return nn.Sequential(layers)
end

--- Fully connected generator: nz -> widths... -> n_out, LeakyReLU between, batch normalisation
-- from the second hidden layer on, tanh at the end (so images lie in [-1, 1]).
-- The widely copied reading of the 2014-2017 papers: its batch normalisation has the unusual
-- epsilon of 0.8, which damps the smallest features and which `eps` changes.
-- @param given nz = 100, n_out = 784, widths = { 128, 256, 512, 1024 }, slope = 0.2, eps = 0.8
function dense.mlp_generator(given)
  local name = "mg.models.mlp_generator"
  local o = options.check(name, given, generator_options)
  return mlp_generator(name, o, o.nz)
end

local critic_options = {
  n_in = size(784), widths = { 512, 256 }, slope = slope, dropout = options.number(0, 0, 0.999),
}

local function mlp_critic(function_name, o, inputs)
  check_widths(function_name, o.widths)
  local layers, width = {}, inputs
  for _, next_width in ipairs(o.widths) do
    layers[#layers + 1] = nn.Linear(width, next_width)
    layers[#layers + 1] = nn.LeakyReLU(o.slope)
    if o.dropout > 0 then layers[#layers + 1] = nn.Dropout(o.dropout) end
    width = next_width
  end
  layers[#layers + 1] = nn.Linear(width, 1)
  return nn.Sequential(layers)
end

--- Fully connected critic or discriminator: n_in -> widths... -> 1 with LeakyReLU between, each
-- followed by dropout where that is above 0.
-- @param given n_in = 784, widths = { 512, 256 }, slope = 0.2, dropout = 0
function dense.mlp_critic(given)
  local name = "mg.models.mlp_critic"
  local o = options.check(name, given, critic_options)
  return mlp_critic(name, o, o.n_in)
end

--- A network of two inputs from one of one: called as net(x, y), it joins the rows of x and y, such
-- as noise or images and one-hot labels, and passes them to `body`.
function dense.joined(body)
  return nn.Module{
    name = "Joined",
    apart = true, -- as far as the body is
    body = body,
    forward = function(self, x, y) return self.body(moongan.cat({ x, y }, 2)) end,
  }
end

--- The same generator with a one-hot label joined to the noise.  Called as G(z, y) with y (n, classes).
-- @param given  as mlp_generator's; classes = 10
function dense.cmlp_generator(given)
  local name = "mg.models.cmlp_generator"
  local o = options.check(name, given, with_classes(generator_options))
  return dense.joined(mlp_generator(name, o, o.nz + o.classes))
end

--- The same critic with a one-hot label joined to the image.  Called as D(x, y) with y (n, classes).
-- @param given  as mlp_critic's; classes = 10
function dense.cmlp_critic(given)
  local name = "mg.models.cmlp_critic"
  local o = options.check(name, given, with_classes(critic_options))
  return dense.joined(mlp_critic(name, o, o.n_in + o.classes))
end

-- ---- the pairs of 2014 --------------------------------------------------------------------------

local maxout_generator_options = {
  nz = size(100), n_out = size(784), widths = { 1200, 1200 }, init = common.rectifier_init_rule,
}

local function maxout_generator(function_name, o, inputs)
  check_widths(function_name, o.widths)
  local layers, width = {}, inputs
  for _, next_width in ipairs(o.widths) do
    common.add(layers, nn.Linear(width, next_width), nn.ReLU())
    width = next_width
  end
  common.add(layers, nn.Linear(width, o.n_out), nn.Sigmoid())
  return common.initialised(o.init, nn.Sequential(layers))
end

--- Generator of Goodfellow et al. 2014: hidden layers of ReLU, sigmoid at the end (so images lie in
-- [0, 1]).  With init = "he" the noise reaches the image from the first step on: with the usual
-- weights, made for layers without a rectifier, all images are nearly the same at first, and an
-- unbounded discriminator tells them from real ones before they differ.
-- @param given nz = 100, n_out = 784, widths = { 1200, 1200 }, init = "default"
function dense.maxout_generator(given)
  local name = "mg.models.maxout_generator"
  local o = options.check(name, given, maxout_generator_options)
  return maxout_generator(name, o, o.nz)
end

local maxout_discriminator_options = {
  n_in = size(784), units = size(240), pieces = size(5), dropout = probability,
}

local function maxout_discriminator(o, inputs)
  local layers, width = {}, inputs
  for _ = 1, 2 do
    common.add(layers, nn.Maxout(width, o.units, o.pieces), o.dropout > 0 and nn.Dropout(o.dropout))
    width = o.units
  end
  common.add(layers, nn.Linear(width, 1))
  return nn.Sequential(layers)
end

--- Discriminator of Goodfellow et al. 2014: two maxout layers, each followed by dropout where that is
-- above 0; then a linear score.
-- @param given n_in = 784, units = 240, pieces = 5, dropout = 0.5
function dense.maxout_discriminator(given)
  local o = options.check("mg.models.maxout_discriminator", given, maxout_discriminator_options)
  return maxout_discriminator(o, o.n_in)
end

--- The same generator with a one-hot label joined to the noise.  Called as G(z, y) with y (n, classes).
-- @param given  as maxout_generator's; classes = 10
function dense.cmaxout_generator(given)
  local name = "mg.models.cmaxout_generator"
  local o = options.check(name, given, with_classes(maxout_generator_options))
  return dense.joined(maxout_generator(name, o, o.nz + o.classes))
end

--- The same discriminator with a one-hot label joined to the image.  Called as D(x, y) with y (n, classes).
-- @param given  as maxout_discriminator's; classes = 10
function dense.cmaxout_discriminator(given)
  local o = options.check("mg.models.cmaxout_discriminator", given, with_classes(maxout_discriminator_options))
  return dense.joined(maxout_discriminator(o, o.n_in + o.classes))
end

--- Generator of Mirza and Osindero 2014: noise and one-hot label each through a layer of their
-- own, joined, one more layer, sigmoid.  Called as G(z, y) with y (n, classes).
-- @param given nz = 100, classes = 10, n_out = 784, noise_units = 200, label_units = 1000,
--   joint_units = 1200
function dense.cgan_generator(given)
  local o = options.check("mg.models.cgan_generator", given, {
    nz = size(100), classes = size(10), n_out = size(784),
    noise_units = size(200), label_units = size(1000), joint_units = size(1200),
  })
  return nn.Module{
    name = "ConditionalGenerator",
    z = nn.Linear(o.nz, o.noise_units),
    y = nn.Linear(o.classes, o.label_units),
    joint = nn.Linear(o.noise_units + o.label_units, o.joint_units),
    out = nn.Linear(o.joint_units, o.n_out),
    forward = function(self, z, y)
      local hidden = moongan.cat({ self.z(z):relu(), self.y(y):relu() }, 2)
      return self.out(self.joint(hidden):relu()):sigmoid()
    end,
  }
end

--- Discriminator of Mirza and Osindero 2014: image and one-hot label each through a maxout layer,
-- joined, one more maxout layer, a linear score.  Called as D(x, y) with y (n, classes).
-- @param given n_in = 784, classes = 10, dropout = 0.5
function dense.cgan_discriminator(given)
  local o = options.check("mg.models.cgan_discriminator", given,
    { n_in = size(784), classes = size(10), dropout = probability })
  return nn.Module{
    name = "ConditionalDiscriminator",
    apart = true,
    x = nn.Maxout(o.n_in, 240, 5),
    y = nn.Maxout(o.classes, 50, 5),
    dropout = nn.Dropout(o.dropout),
    joint = nn.Maxout(240 + 50, 240, 4),
    out = nn.Linear(240, 1),
    forward = function(self, x, y)
      local hidden = self.dropout(moongan.cat({ self.x(x), self.y(y) }, 2))
      return self.out(self.dropout(self.joint(hidden)))
    end,
  }
end

return dense
