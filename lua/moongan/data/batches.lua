--- Batches of a data set in a seeded order.
--
--     local it = dataset:batches(64)
--     for step, images, labels in it:forever() do ... end
--     for step, images, labels in it:epoch() do ... end
--
-- The order of an epoch is a function of the seed and the epoch's number alone, so three numbers
-- (it:state()) are enough to go on later just where one stopped.

local moongan = require "moongan"
local options = require "moongan.options"

local core = moongan.core.dataset

local Batches = { __name = "moongan.Batches" }
Batches.__index = Batches

local BATCH_OPTIONS = {
  shuffle = true,
  drop_last = true,                        -- leave out what fills no whole batch at an epoch's end
  seed = options.optional("integer"),      -- of the order; default: drawn from the default generator
  flip = options.optional("boolean"),      -- mirror each image with probability 1/2; default: the data set's own
}

--- See Dataset:batches.
function Batches.new(dataset, size, given)
  local name = "batches"
  local o = options.check(name, given, BATCH_OPTIONS)
  local n = #dataset
  if not options.is(size, "integer") or size < 1 then
    options.fail(name, "expected a batch of at least 1 example, got %s", options.describe(size))
  end
  if o.drop_last and size > n then
    options.fail(name, "expected a batch of at most %d, all examples there are (drop_last = false allows more), got %d",
      n, size)
  end
  local flip = o.flip
  if flip == nil then flip = dataset.flip end
  if flip and #dataset.shape ~= 3 then
    options.fail(name, "option flip: expected a data set of images (H, W, C), got examples of shape (%s)",
      table.concat(dataset.shape, ", "))
  end
  return setmetatable({
    dataset = dataset, size = math.tointeger(size), shuffle = o.shuffle, drop_last = o.drop_last, flip = flip,
    seed = math.tointeger(o.seed) or core.draw_seed(),
    current = 1,  -- number of the epoch
    position = 0, -- examples of it that were handed out
  }, Batches)
end

--- How many batches an epoch has.
function Batches:__len()
  local n = #self.dataset
  return self.drop_last and n // self.size or (n + self.size - 1) // self.size
end

-- What does not suffice for one more batch is the end of the epoch: on to the next one.
local function settle(self)
  if self.position + (self.drop_last and self.size or 1) > #self.dataset then
    self.current, self.position = self.current + 1, 0
  end
end

-- Which examples are next: the order of the epoch, the first of them there, and how many.
local function next_picks(self)
  if self.picked ~= self.current then
    self.picks = core.pick_epoch(self.dataset.source, self.seed, self.current, self.shuffle, self.flip)
    self.picked = self.current
  end
  return self.picks, self.position + 1, math.min(self.size, #self.dataset - self.position)
end

-- The next batch, and its number counted from the first of epoch 1.
local function advance(self)
  local dataset = self.dataset
  local picks, first, count = next_picks(self)
  local step = (self.current - 1) * #self + self.position // self.size + 1
  local images, labels = dataset:gather(picks, first, count, self.ahead)
  self.position = self.position + count
  settle(self)
  -- While the caller is at work with this batch, the next one is decoded.
  if dataset.streamed then self.ahead = core.ahead(dataset.source, next_picks(self)) end
  return step, images, labels
end

--- Iterate over all batches to come, without end.
-- @return for a generic for: step (counted over epochs), images, labels (nil where there are none)
function Batches:forever()
  return function() return advance(self) end
end

--- Iterate over what is left of the current epoch, which is all of it unless a loop was left early
-- or set_state said otherwise.
-- @return for a generic for: step (counted within the epoch), images, labels
function Batches:epoch()
  local begun = self.current
  return function()
    if self.current ~= begun then return nil end
    local step, images, labels = advance(self)
    return step - (begun - 1) * #self, images, labels
  end
end

--- Where the iteration stands: { seed, epoch, position }, position being the examples of that
-- epoch that were handed out.
function Batches:state() return { seed = self.seed, epoch = self.current, position = self.position } end

local STATE = {
  seed = options.required("integer"),
  epoch = options.required("integer"),
  position = options.required("integer"),
}

--- Go on where state() was taken.
function Batches:set_state(state)
  local given = options.check("set_state", state, STATE)
  if given.epoch < 1 then options.fail("set_state", "expected an epoch from 1 on, got %d", given.epoch) end
  if given.position < 0 or given.position > #self.dataset then
    options.fail("set_state", "expected a position from 0 to %d, the examples of the data set, got %d", #self.dataset,
      given.position)
  end
  self.seed, self.picked, self.ahead = math.tointeger(given.seed), nil, nil
  self.current, self.position = math.tointeger(given.epoch), math.tointeger(given.position)
  settle(self)
end

function Batches:__tostring()
  return string.format("%d batches of %d from %s, %s%s, seed %d, at epoch %d, example %d", #self, self.size,
    self.dataset.name, self.shuffle and "shuffled" or "in order", self.flip and ", mirrored at random" or "",
    self.seed, self.current, self.position)
end

return Batches
