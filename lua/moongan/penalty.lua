--- Penalties on the discriminator's gradient with respect to its input, to be added to its loss.
--
-- Each is a function f(D, real, fake, given, ...) that returns a scalar tensor, recorded so that it
-- can be differentiated:
--   D           any function or layer from samples (n, ...) to scores
--   real, fake  samples (n, ...); no gradient flows into either
--   given       a table of options; every penalty has `extra`, a list of further arguments for D
--               (labels), which may also be passed after `given`

local moongan = require "moongan"
local options = require "moongan.options"

local penalty = {}

-- Inside the square root, so that the norm has a derivative where the gradient is exactly 0.
-- It moves a norm of 1 by 5e-13.
local NORM_EPSILON = 1e-12

local function check_tensor(name, what, value)
  if not options.is(value, "moongan.Tensor") then
    options.fail(name, "%s: expected a tensor, got %s", what, options.describe(value))
  end
end

local function shape_text(tensor) return "(" .. table.concat(tensor:shape(), ", ") .. ")" end

local function check_samples(name, D, what, samples)
  if not options.is(D, "callable") then
    options.fail(name, "D: expected a function or a layer, got %s", options.describe(D))
  end
  check_tensor(name, what, samples)
  if samples:numel() == 0 or samples:dim() == 0 then
    options.fail(name, "expected samples along the first dimension, got %s", shape_text(samples))
  end
end

local function check_one_shape(name, real, fake)
  if shape_text(real) ~= shape_text(fake) then
    options.fail(name, "expected real and fake samples of one shape, got %s and %s", shape_text(real), shape_text(fake))
  end
end

-- For each sample in x the sum of squares of D's gradient there: (n).
local function squared_norms(name, D, x, extra, ...)
  if select("#", ...) > 0 or not extra then extra = table.pack(...) end
  x = x:detach():requires_grad_(true)
  local scores = D(x, table.unpack(extra, 1, extra.n))
  check_tensor(name, "what D returned", scores)
  local gradient = moongan.grad(scores:sum(), { x }, { create_graph = true })[1]
  return gradient:reshape(x:size(1), -1):square():sum(2)
end

-- The mean of (norm - target)^2, or of what the norms exceed the target by.
local function from_target(squared, target, one_sided)
  local excess = (squared + NORM_EPSILON):sqrt() - target
  if one_sided then excess = excess:relu() end
  return excess:square():mean()
end

-- ---- around a norm ---------------------------------------------------------------------------

-- A number in [0, 1] for each sample: a tensor (n, 1, ..., 1), random where it is not given.
local function mixing_weights(name, samples, epsilon)
  local shape = { samples:size(1) }
  for dim = 2, samples:dim() do shape[dim] = 1 end
  if not epsilon then return moongan.rand(shape) end
  if epsilon:numel() ~= shape[1] then
    options.fail(name, "option epsilon: expected one number for each of %d samples, got a tensor %s", shape[1],
      shape_text(epsilon))
  end
  return epsilon:detach():reshape(shape)
end

local gradient_penalty_options = {
  target = options.number(1),
  one_sided = false,
  epsilon = options.optional("moongan.Tensor"),
  extra = options.optional("table"),
}

--- The gradient penalty of WGAN-GP (Gulrajani 2017, equation 3): the mean over samples of
-- (|gradient of D at x| - target)^2, each x drawn uniformly from the line between a real and a
-- fake sample.  The same function as loss.gradient_penalty.
-- @param given target = 1         the norm that costs nothing
--              one_sided = false  only norms above the target cost
--              epsilon            n numbers in [0, 1] to use in place of random ones
function penalty.wgan_gp(D, real, fake, given, ...)
  local name = "loss.gradient_penalty"
  check_samples(name, D, "real", real)
  check_samples(name, D, "fake", fake)
  check_one_shape(name, real, fake)
  local o = options.check(name, given, gradient_penalty_options)
  real, fake = real:detach(), fake:detach()
  local x = fake + mixing_weights(name, real, o.epsilon) * (real - fake)
  return from_target(squared_norms(name, D, x, o.extra, ...), o.target, o.one_sided)
end

local dragan_options = {
  target = options.number(1),
  one_sided = false,
  scale = options.number(0.5, 0),
  noise = options.optional("moongan.Tensor"),
  epsilon = options.optional("moongan.Tensor"),
  extra = options.optional("table"),
}

--- DRAGAN's penalty (Kodali et al. 2017): the mean of (|gradient of D at x| -
-- target)^2 with x around the real samples alone.  The surroundings are those of the authors'
-- program: uniform noise of up to `scale` standard deviations of the batch is added, and x drawn
-- uniformly from the line between a sample and the perturbed one.
-- @param fake  not used; may be nil
-- @param given target = 1, one_sided = false, scale = 0.5
--              noise    numbers in [0, 1] of real's shape to use in place of random ones
--              epsilon  n numbers in [0, 1] to use in place of random ones
function penalty.dragan(D, real, _, given, ...)
  local name = "mg.gan.penalty.dragan"
  check_samples(name, D, "real", real)
  local o = options.check(name, given, dragan_options)
  local noise = o.noise or moongan.rand_like(real)
  if shape_text(noise) ~= shape_text(real) then
    options.fail(name, "option noise: expected a tensor of shape %s, got %s", shape_text(real), shape_text(noise))
  end
  real = real:detach()
  local deviation = (real - real:mean()):square():mean():sqrt()
  local x = real + mixing_weights(name, real, o.epsilon) * (o.scale * deviation * noise:detach())
  return from_target(squared_norms(name, D, x, o.extra, ...), o.target, o.one_sided)
end

-- ---- towards zero ----------------------------------------------------------------------------

local extra_only = { extra = options.optional("table") }

--- R1 (Mescheder et al. 2018, equation 9): the mean of |gradient of D|^2 at real samples.  The
-- paper's gamma is twice the weight.
-- @param fake  not used; may be nil
function penalty.r1(D, real, _, given, ...)
  local name = "mg.gan.penalty.r1"
  check_samples(name, D, "real", real)
  return squared_norms(name, D, real, options.check(name, given, extra_only).extra, ...):mean()
end

--- R2 (Mescheder et al. 2018, equation 10): the mean of |gradient of D|^2 at fake samples.
-- @param real  not used; may be nil
function penalty.r2(D, _, fake, given, ...)
  local name = "mg.gan.penalty.r2"
  check_samples(name, D, "fake", fake)
  return squared_norms(name, D, fake, options.check(name, given, extra_only).extra, ...):mean()
end

-- ---- several at once -------------------------------------------------------------------------

local entry_options = {
  weight = options.number(1),
  every = options.integer(1, 1),
  options = options.optional("table"),
}

local function read_entry(name, i, entry)
  local f = type(entry) == "table" and entry[1]
  if not options.is(f, "callable") then
    options.fail(name, "entry %d: expected { a penalty, weight = }, got %s", i,
      type(entry) == "table" and "a table that begins with " .. options.describe(f) or options.describe(entry))
  end
  local named = {}
  for key, value in pairs(entry) do
    if key ~= 1 then named[key] = value end
  end
  local o = options.check(string.format("%s: entry %d", name, i), named, entry_options)
  o.f = f
  return o
end

--- The weighted sum of several penalties, as one function of (D, real, fake, update = 0).
-- An entry with every = k is computed at every k-th update only, then with k times its weight
-- (lazy regularisation: Karras et al. 2020, appendix B).
-- @param list  entries { penalty, weight = 1, every = 1, options = what the penalty is given };
--   or one such entry
-- @return a function that gives a scalar; nil where nothing is due at that update (counted from 0)
function penalty.sum(list)
  local name = "mg.gan.penalty.sum"
  if type(list) ~= "table" then
    options.fail(name, "expected a list of { a penalty, weight = }, got %s", options.describe(list))
  end
  if options.is(list[1], "callable") then list = { list } end
  local entries = {}
  for i, entry in ipairs(list) do entries[i] = read_entry(name, i, entry) end
  return function(D, real, fake, update)
    update = update or 0
    local total
    for _, entry in ipairs(entries) do
      if update % entry.every == 0 then
        local term = entry.weight * entry.every * entry.f(D, real, fake, entry.options)
        total = total and total + term or term
      end
    end
    return total
  end
end

return penalty
