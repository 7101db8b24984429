--- Named options: one table of `key = value` against a table of what is known.
--
-- An unknown key, a wrong type or a number out of range is an error that names the function, the
-- option, what was expected and what came, so that a misspelt option never passes in silence.
--
--     local given = options.check("mg.data.mnist", given, {
--       folder = options.optional("string"),          -- nil where not given
--       split = options.one_of("train", "test"),      -- the first is the default
--       scale = options.integer(1, 1, 64),            -- default, minimum, maximum
--       alpha = options.number(0.5),                  -- any number; limits may be left out
--       range = options.range(-1, 1),
--       flat = true,                                  -- a plain default: a value of the same type
--     })

local options = {}

local Rule = {}
Rule.__index = Rule

local function rule(fields) return setmetatable(fields, Rule) end

--- What an error message calls a value: 'string "x"', "number 3.5", "table", "moongan.Tensor", ...
function options.describe(value)
  local kind = type(value)
  if kind == "string" then return string.format("string %q", #value > 60 and value:sub(1, 60) .. "..." or value) end
  if kind == "number" or kind == "boolean" then return kind .. " " .. tostring(value) end
  local meta = (kind == "userdata" or kind == "table") and getmetatable(value)
  if type(meta) == "table" and type(meta.__name) == "string" then return meta.__name end
  return kind
end

-- Where moongan's Lua modules are: "@/some/where/moongan/".
local home = debug.getinfo(1, "S").source:match("^(.*[/\\])") or ""

-- Raise a message at the place outside moongan's own modules that the call came from.
local function raise(message)
  local level = 2
  while true do
    local caller = debug.getinfo(level, "S")
    if not caller then break end
    if caller.what ~= "C" and caller.source:sub(1, #home) ~= home then break end
    level = level + 1
  end
  error(message, level)
end

--- Raise "FUNCTION: MESSAGE", the message formatted, at the place outside moongan's own modules
-- that the call came from.
function options.fail(function_name, ...) raise(function_name .. ": " .. string.format(...)) end

--- The text of an error without the place in moongan's own modules where it was raised, for people
-- who did not write them.
function options.message(problem)
  local text = tostring(problem)
  local placed = text:sub(1, #home - 1) == home:sub(2) or text:sub(1, 3) == "..."
  return placed and text:gsub("^[^\n]-%.lua:%d+: ", "") or text
end

--- The text of an error of options.check or options.fail, without any place.
function options.unplaced(problem) return (tostring(problem):gsub("^[^\n:]+:%d+: ", "")) end

local function results_or_raise(ok, ...)
  if ok then return ... end
  raise((...))
end

--- Call a function of the core; an error of its is raised as options.fail would.
function options.call(f, ...) return results_or_raise(pcall(f, ...)) end

-- "a", "a or b", "a, b or c"
local function either(words)
  if #words == 1 then return words[1] end
  return table.concat(words, ", ", 1, #words - 1) .. " or " .. words[#words]
end

--- Whether a value is of a type: one of Lua's own, "integer" (2.0 counts), "callable", "any" (all
-- but nil), or a name that a metatable gives ("moongan.Tensor").
function options.is(value, name)
  if name == "any" then return value ~= nil end
  if name == "integer" then return type(value) == "number" and math.tointeger(value) ~= nil end
  if name == "callable" then
    if type(value) == "function" then return true end
    local meta = getmetatable(value)
    return type(meta) == "table" and meta.__call ~= nil
  end
  if type(value) == name then return true end
  local meta = (type(value) == "userdata" or type(value) == "table") and getmetatable(value)
  return type(meta) == "table" and meta.__name == name
end

local function of_types(names, required)
  return rule{
    required = required,
    expected = either(names),
    accept = function(value)
      for _, name in ipairs(names) do
        if options.is(value, name) then return true, value end
      end
      return false
    end,
  }
end

--- An option without a default, of one of the types given (see options.is).
function options.optional(...) return of_types({ ... }, false) end

--- An option that must be given.
function options.required(...) return of_types({ ... }, true) end

--- One of the strings listed; the first is the default.
function options.one_of(...)
  local choices, quoted = {}, {}
  for i, choice in ipairs{ ... } do
    choices[choice], quoted[i] = true, string.format("%q", choice)
  end
  return rule{
    default = (...),
    expected = either(quoted),
    accept = function(value) return choices[value] == true, value end,
  }
end

local function in_limits(what, default, min, max, convert)
  min, max = min or -math.huge, max or math.huge
  local expected = what
  if min > -math.huge and max < math.huge then
    expected = string.format("%s from %s to %s", what, min, max)
  elseif min > -math.huge then
    expected = string.format("%s of at least %s", what, min)
  elseif max < math.huge then
    expected = string.format("%s of at most %s", what, max)
  end
  return rule{
    default = default,
    expected = expected,
    accept = function(value)
      local number = convert(value)
      return number ~= nil and number >= min and number <= max, number
    end,
  }
end

--- A number, within limits where they are given; nil is no default.
function options.number(default, min, max)
  return in_limits("a number", default, min, max, function(value) return type(value) == "number" and value or nil end)
end

--- A whole number (2.0 counts, and arrives as 2), within limits where they are given.
function options.integer(default, min, max)
  return in_limits("a whole number", default, min, max,
    function(value) return type(value) == "number" and math.tointeger(value) or nil end)
end

--- { low, high }: two different finite numbers; the default is the two given.
function options.range(default_low, default_high)
  local function finite(value) return type(value) == "number" and math.abs(value) < math.huge end
  return rule{
    default = { default_low, default_high },
    expected = "two different finite numbers, { low, high }",
    accept = function(value)
      local good = type(value) == "table" and #value == 2 and finite(value[1]) and finite(value[2])
        and value[1] ~= value[2]
      return good, value
    end,
  }
end

-- Levenshtein's distance, ignoring case.
local function distance(a, b)
  a, b = a:lower(), b:lower()
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local substitute = diagonal + (a:byte(i) == b:byte(j) and 0 or 1)
      diagonal = row[j]
      row[j] = math.min(substitute, row[j] + 1, row[j - 1] + 1)
    end
  end
  return row[#b]
end

--- The word of the list that is nearest to `word`, and how many edits away it is.
function options.nearest(word, list)
  local best, edits
  for _, candidate in ipairs(list) do
    local d = distance(word, candidate)
    if not edits or d < edits then best, edits = candidate, d end
  end
  return best, edits
end

--- The keys of a table that are strings, sorted.
function options.names(known)
  local list = {}
  for key in pairs(known) do
    if type(key) == "string" then list[#list + 1] = key end
  end
  table.sort(list)
  return list
end

--- The text of the error about a key that is not in `list` (the names known).
function options.unknown(key, list)
  if #list == 0 then return string.format("unknown option %s; no options are known here", options.describe(key)) end
  if type(key) ~= "string" then
    return string.format("options are named, got an entry at key %s; options: %s", options.describe(key),
      table.concat(list, ", "))
  end
  local nearest, edits = options.nearest(key, list)
  local hint = edits <= math.max(2, #key // 2) and string.format(" (did you mean %q?)", nearest) or ""
  return string.format("unknown option %q%s; options: %s", key, hint, table.concat(list, ", "))
end

-- Whether a value fits an entry of the options known: accepted, the value to use, what was expected.
local function fits(entry, value)
  local ruled = getmetatable(entry) == Rule
  if value == nil and ruled then return not entry.required, entry.default, entry.expected end
  if value == nil then return true, entry end
  if not ruled then return type(value) == type(entry), value, type(entry) end
  local good, accepted = entry.accept(value)
  return good, accepted, entry.expected
end

-- What options.known has called stops at its first options.check, which leaves its arguments here.
local asked

--- The options that a function knows: f(...) is run as far as its first call of options.check.
-- @return what its messages call it, and the table of what it knows, as options.check takes them
function options.known(f, ...)
  local answer = {}
  asked = answer
  local _, result = pcall(f, ...)
  asked = nil
  if result ~= answer then error("options.known: the function checks no options: " .. tostring(result), 2) end
  return answer.name, answer.known
end

--- The options given to a function, checked and with defaults filled in.
-- @param function_name  what messages call the function, "mg.image.save"
-- @param given          the caller's table, or nil; never changed
-- @param known          option name -> default value, or one of the rules above
-- @return a new table with a value for every known option (nil where there is no default)
function options.check(function_name, given, known)
  if asked then
    local answer = asked
    answer.name, answer.known, asked = function_name, known, nil
    error(answer, 0)
  end
  if given ~= nil and type(given) ~= "table" then
    options.fail(function_name, "expected a table of options, got %s", options.describe(given))
  end
  given = given or {}
  for key in pairs(given) do
    if known[key] == nil then options.fail(function_name, "%s", options.unknown(key, options.names(known))) end
  end
  local result = {}
  for key, entry in pairs(known) do
    local good, accepted, expected = fits(entry, given[key])
    if not good then
      options.fail(function_name, "option %s: expected %s, got %s", key, expected, options.describe(given[key]))
    end
    result[key] = accepted
  end
  return result
end

return options
