--- What commands share that ask a run's generator for pictures.

local arguments = require "moongan.cli.arguments"
local moongan = require "moongan"
local run = require "moongan.run"

local generator = {}

--- Options of such commands.
generator.options = {
  { long = "--class", key = "class", kind = "string", value = "K",
    meaning = "class, by number or name; several with commas (conditional runs; default: all)" },
  { long = "--seed", key = "seed", kind = "integer", default = 1, min = 0, value = "S", meaning = "of the noise" },
  { long = "--checkpoint", key = "checkpoint", kind = "string", default = "last", value = "NAME",
    meaning = "last, best, or the iteration of one that was kept" },
  { long = "--scale", key = "scale", kind = "integer", default = 1, min = 1, max = 256,
    meaning = "each pixel becomes a square of this side" },
}

--- The options of a command: its own rows, then the shared ones.
function generator.with(rows)
  for _, row in ipairs(generator.options) do rows[#rows + 1] = row end
  return rows
end

--- Open the run that a command names, its random numbers those of --seed.
function generator.open(o)
  local opened = run.open(o.words[1], {
    checkpoint = math.tointeger(tonumber(o.checkpoint)) or o.checkpoint, data = false,
  })
  moongan.manual_seed(o.seed)
  return opened
end

--- The number of a class of an opened run by its name, which digits are before they are numbers, or by its number;
-- nil where there is no such class.
function generator.class_number(opened, word)
  for number, name in ipairs(opened.config.class_names or {}) do
    if name == word then return number end
  end
  local number = math.tointeger(tonumber(word))
  return number and number >= 1 and number <= opened.trainer.conditional and number or nil
end

--- The class numbers asked for: a list, all where none was; nil where the run has no classes.
function generator.classes(opened, o)
  local count = opened.trainer.conditional
  if not count then
    if o.class then arguments.wrong("--class: %s is not conditional", opened.folder) end
    return nil
  end
  local names, list = opened.config.class_names or {}, {}
  if not o.class then
    for k = 1, count do list[k] = k end
    return list
  end
  for word in (o.class .. ","):gmatch("([^,]*),") do
    local number = generator.class_number(opened, word)
    if not number then
      arguments.wrong("--class: expected numbers from 1 to %d or names (%s), got %q", count, table.concat(names, ", "),
        word)
    end
    list[#list + 1] = number
  end
  return list
end

return generator
