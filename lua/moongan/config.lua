--- Options of a script on its command line: `key=value`, each with a default and a meaning.
--
--     local o = config.parse(arg, {
--       about = "GAN on handwritten digits",
--       { "iterations", 3000, "updates of the generator", min = 1 },
--       { "data", "mnist", "data set", choices = { "mnist", "fashion_mnist" } },
--       { "quiet", false, "print nothing while training" },
--     })
--     print(o.iterations)
--
-- A default's type is the option's type: whole number, number, boolean or string.

local options = require "moongan.options"

local config = {}

local function kind_of(default)
  return math.type(default) == "integer" and "whole number" or type(default)
end

local words = { ["true"] = true, yes = true, ["1"] = true, ["false"] = false, no = false, ["0"] = false }

-- The value that `text` stands for, or nil and what was expected.
local function read_value(row, text)
  local kind = kind_of(row[2])
  local value
  if kind == "whole number" then
    value = math.tointeger(tonumber(text))
  elseif kind == "number" then
    value = tonumber(text)
    if value then value = value + 0.0 end
  elseif kind == "boolean" then
    value = words[text:lower()]
  else
    value = text
  end
  if value == nil or value ~= value then return nil, kind == "boolean" and "true or false" or "a " .. kind end
  if row.min and value < row.min then return nil, "at least " .. row.min end
  if row.max and value > row.max then return nil, "at most " .. row.max end
  if row.choices then
    for _, choice in ipairs(row.choices) do
      if choice == value then return value end
    end
    return nil, "one of " .. table.concat(row.choices, ", ")
  end
  return value
end

--- The values of a command line.
-- @param arguments  a list of "key=value" strings
-- @param rows       the options known: a list of { name, default, meaning, min=, max=, choices= }
-- @return a table of name -> value; or nil and what is wrong
function config.read(arguments, rows)
  local values, by_name, names = {}, {}, {}
  for i, row in ipairs(rows) do
    values[row[1]], by_name[row[1]], names[i] = row[2], row, row[1]
  end
  for _, argument in ipairs(arguments) do
    local key, text = argument:match("^%-*([^=]+)=(.*)$")
    if not key then return nil, string.format("expected key=value, got %q (--help lists the keys)", argument) end
    local row = by_name[key]
    if not row then
      local nearest = options.nearest(key, names)
      return nil, string.format("unknown key %q: did you mean %s? (--help lists the keys)", key, nearest)
    end
    local value, expected = read_value(row, text)
    if value == nil then return nil, string.format("%s: expected %s, got %q", key, expected, text) end
    values[key] = value
  end
  return values
end

--- What --help prints.
function config.help(script, rows)
  local lines, width = { "Usage: lua5.4 " .. script .. " [key=value ...]" }, 0
  if rows.about then lines[#lines + 1] = "\n" .. rows.about .. "\n" end
  for _, row in ipairs(rows) do width = math.max(width, #row[1] + 1 + #tostring(row[2])) end
  for _, row in ipairs(rows) do
    local meaning = row[3] .. (row.choices and " (" .. table.concat(row.choices, ", ") .. ")" or "")
    lines[#lines + 1] = string.format("  %-" .. width .. "s  %s", row[1] .. "=" .. tostring(row[2]), meaning)
  end
  return table.concat(lines, "\n") .. "\n"
end

--- End the program with a message alone: what is wrong is a person's mistake, and a traceback would hide it.
-- @param status   2 for a wrong command line, 1 for what fails later
-- @param message  an error's text, or another
function config.give_up(status, message)
  io.stderr:write(options.message(message), "\n")
  os.exit(status, true)
end

--- The values of a script's command line, as config.read gives them.  Prints the help and ends
-- the program (status 0) where --help or -h was asked for; ends it with a message (status 2) where
-- an argument is wrong.
function config.parse(arguments, rows)
  local script = arguments[0] or "script.lua"
  for _, argument in ipairs(arguments) do
    if argument == "--help" or argument == "-h" then
      io.stdout:write(config.help(script, rows))
      os.exit(0, true)
    end
  end
  local values, message = config.read(arguments, rows)
  if not values then config.give_up(2, script:match("[^/]*$") .. ": " .. message) end
  return values
end

return config
