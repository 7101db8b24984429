--- A running average of a network's weights over training, which makes steadier pictures than the
-- weights of the moment: they circle around what they approach (Yazici et al. 2019).

local moongan = require "moongan"
local options = require "moongan.options"

local average = {}

-- An average over hundreds of iterations does not need every one of them, and each costs a pass
-- over all weights.
local EVERY = 5

local Average = {}
Average.__index = Average

-- Parameters and buffers (the running moments of batch normalisation) of a network.
local function tensors_of(network)
  local list = network:parameters()
  for _, buffer in ipairs(network:buffers()) do list[#list + 1] = buffer end
  return list
end

--- Start averaging.
-- @param decay  how much of the average is kept in an iteration: 0.999 remembers about 1000
function average.new(network, decay)
  local self = setmetatable({ decay = decay, count = 0, tensors = tensors_of(network), means = {} }, Average)
  for i, tensor in ipairs(self.tensors) do self.means[i] = tensor:detach():clone() end
  return self
end

local function blend(means, tensors, keep)
  for i, mean in ipairs(means) do mean:lerp_(tensors[i], 1 - keep) end
end

--- To be called after each iteration.  The first ones count more, so that the beginning is soon
-- forgotten.
function Average:update()
  self.count = self.count + 1
  if self.count % EVERY ~= 0 then return end
  local decay = math.min(self.decay, self.count / (self.count + 10))
  moongan.no_grad(blend, self.means, self.tensors, decay ^ EVERY)
end

--- What an average depends on; the tensors are its own, not copies.
function Average:state() return { count = self.count, means = self.means } end

--- Go on where state() was taken.
-- @error  where it is that of another network
function Average:set_state(state)
  if #state.means ~= #self.means then
    options.fail("average", "expected the means of %d tensors, got %d", #self.means, #state.means)
  end
  self.count = state.count
  moongan.no_grad(function()
    for i, mean in ipairs(self.means) do mean:copy_(state.means[i]) end
  end)
end

local function exchange(a, b)
  for i = 1, #a do
    local kept = a[i]:detach():clone()
    a[i]:copy_(b[i])
    b[i]:copy_(kept)
  end
end

--- Run f(...) while the network has the averaged weights; returns f's first result.
function Average:with(f, ...)
  moongan.no_grad(exchange, self.tensors, self.means)
  local good, result = pcall(f, ...)
  moongan.no_grad(exchange, self.tensors, self.means)
  if not good then error(result, 0) end
  return result
end

return average
