--- Unrolled discriminator steps (Metz et al. 2017, section 2.2): the generator's loss is not that of
-- the discriminator as it is, but of the one it would become in a few steps of its optimizer, and
-- its gradient goes through those steps.  A generator that looks ahead gains nothing from rushing to
-- the one spot that the discriminator rates highest now, so it drops fewer modes.
--
-- This is the full gradient, second derivatives of the discriminator's loss included.  Instead of
-- recording all steps at once it takes them back one by one, so that memory does not grow with
-- their number.  A step is theta' = theta + u(g, s), s' = w(g, s), with g the gradient of the
-- discriminator's loss at (theta, x) and s the optimizer's state.  From the derivatives of the
-- generator's loss by theta' and s' follow those by g and s, and then
--     by theta = by theta' + the derivative of (by g) . g by theta,
--     by x gains             the derivative of (by g) . g by x.

local moongan = require "moongan"
local options = require "moongan.options"

local unrolled = {}

local NAME = "mg.gan.unrolled"

-- ---- steps of optimizers ---------------------------------------------------------------------

-- How each optimizer changes a parameter with gradient g at its step number `count`:
--   step(g, state, o, count)  the change, and the next state, of recorded operations
--   state                     its names in the optimizer's state_dict
--   expected                  options that the rule leaves out, with the values that switch them off
local rules = {
  SGD = {
    step = function(g, state, o)
      local velocity = state[1] * o.momentum + g
      return velocity * -o.lr, { velocity }
    end,
    state = { "momentum_buffer" },
    expected = { weight_decay = 0, dampening = 0, nesterov = false },
  },
  Adam = {
    -- Epsilon stands inside the root, so that it has a derivative where there is no gradient.
    step = function(g, state, o, count)
      local beta1, beta2 = o.betas[1], o.betas[2]
      local mean = state[1] * beta1 + g * (1 - beta1)
      local square = state[2] * beta2 + g:square() * (1 - beta2)
      local root = (square / (1 - beta2 ^ count) + o.eps ^ 2):sqrt()
      return mean / root * (-o.lr / (1 - beta1 ^ count)), { mean, square }
    end,
    state = { "exp_avg", "exp_avg_sq" },
    expected = { weight_decay = 0, amsgrad = false },
  },
}

-- Plain gradient descent, for where no optimizer is given.
local function descent(g, _, o) return g * -o.lr, {} end

local function check_group(name, rule, group)
  for key, value in pairs(rule.expected) do
    if group[key] ~= value then
      options.fail(NAME, "cannot look ahead of optim.%s with %s = %s; expected %s", name, key, tostring(group[key]),
        tostring(value))
    end
  end
  if group.clip and group.clip < math.huge then
    options.fail(NAME, "cannot look ahead of optim.%s with clip = %s; expected none", name, group.clip)
  end
end

local function state_of(rule, saved, parameter)
  local state = {}
  for i, key in ipairs(rule.state) do state[i] = saved[key] or moongan.zeros_like(parameter):detach() end
  return state
end

-- What is learnt: a list of { parameter, step =, options =, state =, count = steps so far }.
local function entries_of(self, discriminator)
  local entries = {}
  local function add(parameter, entry)
    if not parameter.requires_grad then return end
    entry.parameter = parameter
    entries[#entries + 1] = entry
  end
  if not self.optimizer then
    for _, parameter in ipairs(discriminator:parameters()) do
      add(parameter, { step = descent, options = { lr = self.lr }, state = {}, count = 0 })
    end
    return entries
  end
  local saved, p = self.optimizer:state_dict(), 0
  local rule = rules[saved.name]
  for _, group in ipairs(self.optimizer:param_groups()) do
    check_group(saved.name, rule, group)
    for _, parameter in ipairs(group.params) do
      p = p + 1
      local state = saved.state[p]
      add(parameter,
        { step = rule.step, options = group, state = state_of(rule, state, parameter), count = state.step or 0 })
    end
  end
  return entries
end

-- ---- ahead and back --------------------------------------------------------------------------

local function copies(tensors)
  local list = {}
  for i, tensor in ipairs(tensors) do list[i] = tensor:detach():clone() end
  return list
end

local function restore(tensors, values)
  for i, tensor in ipairs(tensors) do tensor:copy_(values[i]) end
end

-- Change parameters in place as the optimizer would in its k-th step from here; returns its next
-- states.
local function take_step(entries, gradients, states, k)
  local next_states = {}
  for i, entry in ipairs(entries) do
    local change
    change, next_states[i] = entry.step(gradients[i], states[i], entry.options, entry.count + k)
    entry.parameter:add_(change)
  end
  return next_states
end

-- Take the steps; returns for each what is needed to take it back: all tensors of the network, the
-- optimizer's states and the state of random numbers (of dropout, or of a penalty) before it.
local function look_ahead(self, network, x, d_loss)
  local trail, states = {}, {}
  for i, entry in ipairs(network.entries) do states[i] = entry.state end
  for k = 1, self.steps do
    trail[k] = { tensors = copies(network.tensors), states = states, random = moongan.get_rng_state() }
    local gradients = moongan.grad(d_loss(x), network.parameters)
    states = moongan.no_grad(take_step, network.entries, gradients, states, k)
  end
  return trail
end

-- From the derivatives by a parameter and its state after a step, those by its gradient and its
-- state before.
local function through_optimizer(entry, gradient, state, count, by_parameter, by_state)
  local leaves = { gradient:detach():requires_grad_(true) }
  for j, tensor in ipairs(state) do leaves[j + 1] = tensor:detach():requires_grad_(true) end
  local change, next_state = entry.step(leaves[1], { table.unpack(leaves, 2) }, entry.options, count)
  local product = (change * by_parameter):sum()
  for j, tensor in ipairs(by_state or {}) do product = product + (next_state[j] * tensor):sum() end
  local derivatives = moongan.grad(product, leaves)
  return derivatives[1], { table.unpack(derivatives, 2) }
end

-- Take back the k-th step: turn `by`, the derivatives { x =, parameters =, states = } after it, into
-- those before it.
local function step_back(network, x, d_loss, before, k, by)
  moongan.no_grad(restore, network.tensors, before.tensors)
  moongan.set_rng_state(before.random)
  local gradients = moongan.grad(d_loss(x), network.parameters, { create_graph = true })
  local product = 0
  for i, entry in ipairs(network.entries) do
    local by_gradient
    by_gradient, by.states[i] = through_optimizer(entry, gradients[i], before.states[i], entry.count + k,
      by.parameters[i], by.states[i])
    product = product + (gradients[i] * by_gradient):sum()
  end
  if not product.requires_grad then return end -- the gradients are the same everywhere
  local changes = moongan.grad(product, { x, table.unpack(network.parameters) })
  by.x = by.x + changes[1]
  for i = 1, #network.parameters do by.parameters[i] = by.parameters[i] + changes[i + 1] end
end

local function gradient_through(self, network, x, d_loss, g_loss)
  local trail = look_ahead(self, network, x, d_loss)
  local loss = g_loss(x)
  local derivatives = moongan.grad(loss, { x, table.unpack(network.parameters) })
  local by = { x = derivatives[1], parameters = { table.unpack(derivatives, 2) }, states = {} }
  local random = moongan.get_rng_state()
  for k = self.steps, 1, -1 do step_back(network, x, d_loss, trail[k], k, by) end
  moongan.set_rng_state(random)
  return loss:item(), by.x
end

-- The discriminator's tensors that the steps change, and those among them that are learnt.
local function network_of(self, discriminator)
  local network = { entries = entries_of(self, discriminator), parameters = {}, tensors = {} }
  for i, entry in ipairs(network.entries) do
    network.parameters[i], network.tensors[i] = entry.parameter, entry.parameter
  end
  for _, buffer in ipairs(discriminator:buffers()) do network.tensors[#network.tensors + 1] = buffer end
  return network
end

-- ---- what others call ------------------------------------------------------------------------

local Unrolled = { __name = "moongan.Unrolled" }
Unrolled.__index = Unrolled

--- The generator's loss after the steps, and its gradient with respect to the fake images.  The
-- discriminator is left as it was, bit for bit, buffers included, and so is its optimizer.
-- @param discriminator  a layer
-- @param fake    images by the generator; no gradient flows into them from here
-- @param d_loss  function(fake): what a step of the discriminator makes smaller, a scalar.  All
--   steps are taken on the same batch
-- @param g_loss  function(fake): the generator's loss, a scalar
-- @return the loss, a number, and its gradient, of fake's shape
function Unrolled:__call(discriminator, fake, d_loss, g_loss)
  local network = network_of(self, discriminator)
  local before = copies(network.tensors)
  local x = fake:detach():requires_grad_(true)
  local good, loss, gradient = pcall(gradient_through, self, network, x, d_loss, g_loss)
  moongan.no_grad(restore, network.tensors, before)
  if not good then error(loss, 0) end
  return loss, gradient
end

--- How far to look ahead, and how.
-- @param steps  steps, at least 1
-- @param given  optimizer: the discriminator's, an SGD or Adam: the steps are those that it would
--   take next; or lr: the learning rate of plain gradient descent
-- @return what the trainer takes as its option `unrolled`; may also be called, see above
function unrolled.new(steps, given)
  if not options.is(steps, "integer") or steps < 1 then
    options.fail(NAME, "steps: expected a whole number of at least 1, got %s", options.describe(steps))
  end
  local o = options.check(NAME, given,
    { lr = options.number(nil, 0), optimizer = options.optional("moongan.Optimizer") })
  if (o.lr == nil) == (o.optimizer == nil) then
    options.fail(NAME, "expected one of the options lr and optimizer, got %s", o.lr and "both" or "neither")
  end
  local name = o.optimizer and o.optimizer:state_dict().name
  if name and not rules[name] then
    options.fail(NAME, "option optimizer: expected an optim.SGD or optim.Adam, got optim.%s", name)
  end
  return setmetatable({ steps = math.tointeger(steps), lr = o.lr, optimizer = o.optimizer }, Unrolled)
end

return unrolled
