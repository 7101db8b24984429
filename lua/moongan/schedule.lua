--- Schedules of the learning rate: what it is multiplied with as training goes on.
--
--     schedule = "cosine"                                  -- to 0 at the end of the run
--     schedule = { "linear", hold = 5000, final = 0.1 }    -- as it is for 5000 iterations, then down to a tenth
--     schedule = { "step", every = 1000, factor = 0.5 }
--     schedule = { "constant", warmup = 500 }              -- up from 0 in the first 500 iterations
--     schedule = function(iteration, total) return 1 / (1 + iteration) end

local options = require "moongan.options"

local schedule = {}

local NAME = "schedule"

-- How much of the way down is done: 0 at `hold`, 1 at the end.
local function progress(o, iteration, total)
  if not total then
    options.fail(NAME, "%s needs an end: give it iterations, or the run iterations or epochs", o.kind)
  end
  if total <= o.hold then return iteration < o.hold and 0 or 1 end
  return math.min(math.max(iteration - o.hold, 0) / (total - o.hold), 1)
end

local decaying = {
  final = options.number(0, 0),           -- the last factor
  hold = options.integer(0, 0),           -- iterations before it begins to fall
  iterations = options.integer(nil, 1),   -- when it ends; default: where the run does
}

-- Each: the options known, and the factor of an iteration (counted from 0) of `total` (nil: nobody knows).
local kinds = {
  constant = { options = {}, factor = function() return 1 end },
  linear = {
    options = decaying,
    factor = function(o, iteration, total) return 1 - (1 - o.final) * progress(o, iteration, total) end,
  },
  -- Loshchilov and Hutter 2017, equation 5, without restarts
  cosine = {
    options = decaying,
    factor = function(o, iteration, total)
      return o.final + (1 - o.final) * (1 + math.cos(math.pi * progress(o, iteration, total))) / 2
    end,
  },
  step = {
    options = { every = options.integer(1000, 1), factor = options.number(0.1, 0) },
    factor = function(o, iteration) return o.factor ^ (iteration // o.every) end,
  },
}

local function known_of(kind)
  local known = { warmup = options.integer(0, 0) } -- iterations in which the rate rises from 0, evenly
  for name, rule in pairs(kinds[kind].options) do known[name] = rule end
  return known
end

--- A schedule as a function of the iteration, counted from 0, and of the number of iterations in all (nil
-- where the run has no such limit) to the factor of the learning rate.
-- @param given  a kind, "constant", "linear", "cosine" or "step"; a table that begins with it and has options,
--   see above; or such a function
function schedule.new(given)
  if options.is(given, "callable") then return given end
  local named = {}
  if type(given) == "table" then
    for key, value in pairs(given) do
      if key ~= 1 then named[key] = value end
    end
    given = given[1]
  end
  local kind = kinds[given]
  if not kind then
    options.fail(NAME, "expected one of %s, a table that begins with one, or a function, got %s",
      table.concat(options.names(kinds), ", "), options.describe(given))
  end
  local o = options.check(NAME .. " " .. given, named, known_of(given))
  o.kind = given
  return function(iteration, total)
    local warm = o.warmup > 0 and math.min((iteration + 1) / o.warmup, 1) or 1
    return warm * kind.factor(o, iteration, o.iterations or total)
  end
end

return schedule
