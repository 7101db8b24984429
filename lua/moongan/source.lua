--- Where a trainer's batches come from, in an order that can be taken up again.

local options = require "moongan.options"

local source = {}

function source.has_method(value, name)
  local found, method = pcall(function() return value[name] end)
  return found and method ~= nil
end

local Source = {}
Source.__index = Source

--- Batches without end.
-- @param name   what messages call the caller
-- @param data   a data set, of which shuffled batches are made; batches (an object with the method forever); or
--   function() -> images, labels
-- @param size, seed  of the batches of a data set
function source.new(name, data, size, seed)
  if type(data) == "function" then return setmetatable({ draw = data, drawn = 0 }, Source) end
  local batches = data
  if source.has_method(data, "batches") then
    batches = data:batches(size, { shuffle = true, drop_last = true, seed = seed })
  elseif not source.has_method(data, "forever") then
    options.fail(name, "option data: expected a data set, its batches or a function, got %s", options.describe(data))
  end
  local advance, state, step = batches:forever()
  local function draw()
    local images, labels
    step, images, labels = advance(state, step)
    return images, labels
  end
  local able = source.has_method(batches, "state") and source.has_method(batches, "set_state")
  return setmetatable({ draw = draw, drawn = 0, batches = able and batches or nil, per_epoch = #batches }, Source)
end

--- The next images and labels.  `per_epoch` says how many batches make an epoch, nil where nobody knows.
function Source:next()
  self.drawn = self.drawn + 1
  return self.draw()
end

--- Where it stands.
function Source:state()
  return { drawn = self.drawn, per_epoch = self.per_epoch, batches = self.batches and self.batches:state() }
end

--- Go on where state() was taken.  What can't tell where it stands, such as a function, is asked for as many
-- batches as it gave, and they are let go.
-- @error  where the data have another size
function Source:set_state(state)
  if state.per_epoch ~= self.per_epoch then
    options.fail("mg.gan.Trainer", "option data: expected %s batches in an epoch, as in the run that goes on, got %s",
      state.per_epoch, self.per_epoch)
  end
  if self.batches then
    self.batches:set_state(state.batches)
  else
    if self.drawn > state.drawn then
      options.fail("mg.gan.Trainer", "option data: expected a function of which at most %d batches were drawn, got %d",
        state.drawn, self.drawn)
    end
    for _ = self.drawn + 1, state.drawn do self.draw() end
  end
  self.drawn = state.drawn
end

return source
