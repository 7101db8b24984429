--- The words after a command's name: options, settings (key=value) and the rest.

local options = require "moongan.options"

local arguments = {}

local Usage = { __name = "moongan.Usage", __tostring = function(self) return self.message end }

--- Raise what is wrong with a command line.
function arguments.wrong(...) error(setmetatable({ message = string.format(...) }, Usage), 0) end

--- Whether an error is one that `wrong` raised.
function arguments.is_wrong(problem) return getmetatable(problem) == Usage end

-- The row of an option by the name it was given.
local function find(command, name)
  local names = {}
  for _, row in ipairs(command.options or {}) do
    for _, known in ipairs{ row.short or false, row.long } do
      if known == name then return row end
      names[#names + 1] = known or nil
    end
  end
  names[#names + 1] = "--help"
  arguments.wrong("unknown option %s: did you mean %s?", name, (options.nearest(name, names)))
end

-- The rule for an option's values, as options.check takes it.
local function rule_of(row)
  if row.choices then return options.one_of(table.unpack(row.choices)) end
  if row.kind == "integer" then return options.integer(nil, row.min, row.max) end
  if row.kind == "number" then return options.number(nil, row.min, row.max) end
  return options.required("string")
end

-- The value of an option's text.
local function convert(row, text)
  local value = text
  if row.kind == "integer" or row.kind == "number" then value = tonumber(text) or text end
  if text == "" then arguments.wrong("%s: expected a value, got an empty one", row.long) end
  local good, checked = pcall(options.check, "", { [row.long] = value }, { [row.long] = rule_of(row) })
  if good then return checked[row.long] end
  arguments.wrong("%s", (options.unplaced(checked):gsub("^: option ", "")))
end

-- An option's name and the value that is written with it, as in --seed=3 or -n64.
local function split(word)
  if word:sub(1, 2) == "--" then
    local name, value = word:match("^(%-%-[^=]*)=(.*)$")
    return name or word, value
  end
  return word:sub(1, 2), #word > 2 and word:sub(3) or nil
end

--- Read a command's words.
-- @param command  its `options`: rows { long = "--count", short = "-n", key = "count", kind = "integer",
--   "number", "string" or "flag", default =, min =, max =, choices =, value = "N", meaning = };
--   `positional`: { least, most } words that are neither; `settings`: whether key=value is taken
-- @return the options' values by key; `words`, `settings` (lists)
-- @error  see wrong
function arguments.read(command, list)
  local result = { words = {}, settings = {} }
  for _, row in ipairs(command.options or {}) do result[row.key] = row.default end
  local i, plain = 1, false
  while i <= #list do
    local word = list[i]
    if plain or word:sub(1, 1) ~= "-" or word == "-" then
      local is_setting = command.settings and word:find("^[%w_.]+=") and not plain
      table.insert(is_setting and result.settings or result.words, word)
    elseif word == "--" then
      plain = true
    else
      local name, value = split(word)
      local row = find(command, name)
      if row.kind == "flag" then
        if value then arguments.wrong("%s: expected no value, got %q", name, value) end
        result[row.key] = true
      else
        if not value then
          i = i + 1
          value = list[i] or arguments.wrong("%s: expected a value", name)
        end
        result[row.key] = convert(row, value)
      end
    end
    i = i + 1
  end
  local least, most = table.unpack(command.positional or { 0, 0 })
  if #result.words < least then arguments.wrong("expected %s", command.usage) end
  if #result.words > most then
    arguments.wrong("expected %s, got %q as well", command.usage == "" and "no words" or command.usage,
      result.words[most + 1])
  end
  return result
end

return arguments
