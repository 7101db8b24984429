--- Unrolled discriminator steps (Metz et al. 2017, section 2.2): the generator's loss is not that of
-- the discriminator as it is, but of the one it would become in a few steps of gradient descent,
-- and its gradient goes through those steps.  A generator that looks ahead gains nothing from
-- rushing to the one spot that the discriminator rates highest now, so it drops fewer modes.
--
-- This is the full gradient, second derivatives of the discriminator's loss included.  Instead of
-- recording all steps at once it replays them backwards, so that memory does not grow with their
-- number: with theta' = theta - lr g(theta, x), g the gradient of the discriminator's loss, and
-- a' the derivative of the generator's loss by theta',
--     derivative by theta = a' - lr (a' . g) by theta,      derivative by x gains -lr (a' . g) by x.

local moongan = require "moongan"
local options = require "moongan.options"

local unrolled = {}

local function copies(tensors)
  local list = {}
  for i, tensor in ipairs(tensors) do list[i] = tensor:detach():clone() end
  return list
end

local function restore(tensors, values)
  for i, tensor in ipairs(tensors) do tensor:copy_(values[i]) end
end

local function descend(parameters, gradients, lr)
  for i, parameter in ipairs(parameters) do parameter:sub_(gradients[i] * lr) end
end

local function with_parameters(x, parameters) return { x, table.unpack(parameters) } end

-- Take the steps; returns for each what is needed to take it again: all tensors of the network and
-- the state of random numbers (of dropout, or of a penalty) before it.
local function look_ahead(self, network, x, d_loss)
  local trail = {}
  for k = 1, self.steps do
    trail[k] = { tensors = copies(network.tensors), random = moongan.get_rng_state() }
    local gradients = moongan.grad(d_loss(x), network.parameters)
    moongan.no_grad(descend, network.parameters, gradients, self.lr)
  end
  return trail
end

-- One step backwards: from the derivatives after it ({ by x, by each parameter }) to those before.
local function step_back(self, network, x, d_loss, before, derivatives)
  moongan.no_grad(restore, network.tensors, before.tensors)
  moongan.set_rng_state(before.random)
  local gradients = moongan.grad(d_loss(x), network.parameters, { create_graph = true })
  local product = 0
  for i, gradient in ipairs(gradients) do product = product + (gradient * derivatives[i + 1]):sum() end
  if not product.requires_grad then return derivatives end -- the gradients are the same everywhere
  local changes = moongan.grad(product, with_parameters(x, network.parameters))
  local result = {}
  for i, change in ipairs(changes) do result[i] = derivatives[i] - change * self.lr end
  return result
end

local function gradient_through(self, network, x, d_loss, g_loss)
  local trail = look_ahead(self, network, x, d_loss)
  local loss = g_loss(x)
  local derivatives = moongan.grad(loss, with_parameters(x, network.parameters))
  local random = moongan.get_rng_state()
  for k = self.steps, 1, -1 do derivatives = step_back(self, network, x, d_loss, trail[k], derivatives) end
  moongan.set_rng_state(random)
  return loss:item(), derivatives[1]
end

-- The tensors of a network that change, and those among them that are learnt.
local function tensors_of(discriminator)
  local network = { tensors = discriminator:parameters(), parameters = {} }
  for _, parameter in ipairs(network.tensors) do
    if parameter.requires_grad then network.parameters[#network.parameters + 1] = parameter end
  end
  for _, buffer in ipairs(discriminator:buffers()) do network.tensors[#network.tensors + 1] = buffer end
  return network
end

local Unrolled = { __name = "moongan.Unrolled" }
Unrolled.__index = Unrolled

--- The generator's loss after the steps, and its gradient with respect to the fake images.  The
-- discriminator is left as it was, bit for bit, buffers included.
-- @param discriminator  a layer
-- @param fake    images by the generator; no gradient flows into them from here
-- @param d_loss  function(fake): what a step of the discriminator makes smaller, a scalar.  All
--   steps are taken on the same batch, as in the paper's program
-- @param g_loss  function(fake): the generator's loss, a scalar
-- @return the loss, a number, and its gradient, of fake's shape
function Unrolled:__call(discriminator, fake, d_loss, g_loss)
  local network = tensors_of(discriminator)
  local before = copies(network.tensors)
  local x = fake:detach():requires_grad_(true)
  local good, loss, gradient = pcall(gradient_through, self, network, x, d_loss, g_loss)
  moongan.no_grad(restore, network.tensors, before)
  if not good then error(loss, 0) end
  return loss, gradient
end

--- How far to look ahead.
-- @param steps  steps of gradient descent, at least 1
-- @param given  lr: their learning rate
-- @return what the trainer takes as its option `unrolled`; may also be called, see above
function unrolled.new(steps, given)
  local name = "mg.gan.unrolled"
  if not options.is(steps, "integer") or steps < 1 then
    options.fail(name, "steps: expected a whole number of at least 1, got %s", options.describe(steps))
  end
  local o = options.check(name, given, { lr = options.number(nil, 0) })
  if not o.lr then options.fail(name, "option lr: expected a number of at least 0, got nil") end
  return setmetatable({ steps = math.tointeger(steps), lr = o.lr }, Unrolled)
end

return unrolled
