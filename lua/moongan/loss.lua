--- Losses: the core's (BCEWithLogitsLoss, CrossEntropyLoss, ...) and the gradient penalty.

local moongan = require "moongan"
local options = require "moongan.options"

local loss = {}
for name, constructor in pairs(moongan.core.loss) do loss[name] = constructor end

local NAME = "loss.gradient_penalty"

-- Inside the square root, so that the norm has a derivative where the gradient is exactly 0.
-- It moves a norm of 1 by 5e-13.
local NORM_EPSILON = 1e-12

local known = {
  target = options.number(1),
  one_sided = false,
  epsilon = options.optional("moongan.Tensor"),
  extra = options.optional("table"),
}

local function check_tensor(name, value)
  if not options.is(value, "moongan.Tensor") then
    options.fail(NAME, "%s: expected a tensor, got %s", name, options.describe(value))
  end
end

local function check_samples(real, fake)
  check_tensor("real", real)
  check_tensor("fake", fake)
  local real_shape, fake_shape = table.concat(real:shape(), ", "), table.concat(fake:shape(), ", ")
  if real_shape ~= fake_shape then
    options.fail(NAME, "expected real and fake samples of one shape, got (%s) and (%s)", real_shape, fake_shape)
  end
  if real:numel() == 0 or real:dim() == 0 then
    options.fail(NAME, "expected samples along the first dimension, got (%s)", real_shape)
  end
end

-- Where each sample's point lies between fake (0) and real (1): a tensor (n, 1, ..., 1).
local function weights(real, epsilon)
  local shape = { real:size(1) }
  for dim = 2, real:dim() do shape[dim] = 1 end
  if not epsilon then return moongan.rand(shape) end
  if epsilon:numel() ~= shape[1] then
    options.fail(NAME, "option epsilon: expected one number for each of %d samples, got a tensor (%s)", shape[1],
      table.concat(epsilon:shape(), ", "))
  end
  return epsilon:detach():reshape(shape)
end

--- The gradient penalty of WGAN-GP (Gulrajani 2017, equation 3): the mean over samples of
-- (|gradient of D at x| - target)^2, each x drawn uniformly from the line between a real and a
-- fake sample.  The gradient is recorded, so that the penalty can be differentiated.
-- @param D     the critic: any function or layer from samples (n, ...) to scores
-- @param real  real samples (n, ...)
-- @param fake  fake samples of the same shape; no gradient flows into either
-- @param given target = 1       the norm that costs nothing
--              one_sided = false  only norms above the target cost
--              epsilon          n numbers in [0, 1] to use in place of random ones
--              extra            a list of further arguments for D (labels); or pass them after `given`
-- @return the penalty, a scalar
function loss.gradient_penalty(D, real, fake, given, ...)
  if not options.is(D, "callable") then
    options.fail(NAME, "D: expected a function or a layer, got %s", options.describe(D))
  end
  check_samples(real, fake)
  local o = options.check(NAME, given, known)
  local extra = select("#", ...) > 0 and table.pack(...) or o.extra or {}
  real, fake = real:detach(), fake:detach()
  local x = (fake + weights(real, o.epsilon) * (real - fake)):requires_grad_(true)
  local scores = D(x, table.unpack(extra, 1, extra.n))
  check_tensor("what D returned", scores)
  local gradient = moongan.grad(scores:sum(), { x }, { create_graph = true })[1]
  local norm = (gradient:reshape(x:size(1), -1):square():sum(2) + NORM_EPSILON):sqrt()
  local excess = norm - o.target
  if o.one_sided then excess = excess:relu() end
  return excess:square():mean()
end

return loss
