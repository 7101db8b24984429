--- JSON (RFC 8259), strictly: what one program writes, another reads without surprises.
--
--     json.encode{ name = "dcgan", betas = { 0.5, 0.9 } }   --> {"betas":[0.5,0.9],"name":"dcgan"}
--     json.decode('{"steps": [1, 2.0]}').steps[1]           --> 1
--
-- A table whose keys are 1 to n is an array, one whose keys are strings is an object; an empty table is an
-- object unless json.array made it, and arrays that were decoded stay arrays.  Integers stay integers, exactly,
-- and floats floats; null is json.null.  A key that stands twice in an object, a number that Lua can't hold, text
-- that is no UTF-8 or goes on after the value, and NaN or infinity (which JSON lacks) are errors.

local options = require "moongan.options"
local reading = require "moongan.reading"
local reject = reading.reject

local json = {}

local MAX_DEPTH = 200 -- of arrays and objects in one another

--- What stands for JSON's null, for nil would leave a hole.
json.null = setmetatable({}, { __name = "json.null", __tostring = function() return "null" end })

local Array = { __name = "json.array" }

--- Mark a list as an array: only an empty one needs it.
function json.array(list) return setmetatable(list, Array) end

--- What JSON calls a decoded value: "array", "object", "null", "string", "number" or "boolean".
function json.kind(value)
  if type(value) ~= "table" then return type(value) end
  return value == json.null and "null" or getmetatable(value) == Array and "array" or "object"
end

-- ---- encoding --------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t" }

local SPECIAL = '[\0-\31"\\]' -- what a string can hold as an escape only

local function encode_string(text, path)
  if not utf8.len(text) then reject("%s: expected text in UTF-8, got %s", path, options.describe(text)) end
  return '"' .. text:gsub(SPECIAL, function(c) return ESCAPES[c] or string.format("\\u%04x", c:byte()) end) .. '"'
end

-- The shortest of the notations that read back as the same number.
local function encode_number(value, path)
  if math.type(value) == "integer" then return string.format("%d", value) end
  if value ~= value or value == math.huge or value == -math.huge then
    reject("%s: JSON has no %s", path, value ~= value and "NaN" or "infinity")
  end
  local text
  for digits = 15, 17 do
    text = string.format("%." .. digits .. "g", value)
    if tonumber(text) == value then break end
  end
  text = text:gsub(",", ".") -- the decimal point of some locales
  return text:find("[.e]") and text or text .. ".0"
end

-- Whether a table is an array; its length.
local function array_length(value, path)
  local n, count = #value, 0
  for key in pairs(value) do
    count = count + 1
    if math.type(key) ~= "integer" or key < 1 or key > n then
      if n == 0 and type(key) == "string" then return nil end
      reject("%s: expected keys that are all strings, or 1 to the number of entries; got key %s", path,
        options.describe(key))
    end
  end
  if count ~= n then reject("%s: expected a list without holes", path) end
  if n == 0 and getmetatable(value) ~= Array then return nil end
  return n
end

local encode_value

local function encode_items(state, value, path, depth)
  local n = array_length(value, path)
  local items = {}
  if n then
    for i = 1, n do items[i] = encode_value(state, value[i], string.format("%s[%d]", path, i), depth) end
    return "[", items, "]"
  end
  for i, key in ipairs(options.names(value)) do
    local at = path .. "." .. key
    items[i] = encode_string(key, at) .. state.colon .. encode_value(state, value[key], at, depth)
  end
  return "{", items, "}"
end

local function encode_table(state, value, path, depth)
  if depth > MAX_DEPTH then reject("%s: nested more than %d deep", path, MAX_DEPTH) end
  local open, items, close = encode_items(state, value, path, depth)
  if #items == 0 then return open .. close end
  if not state.indent then return open .. table.concat(items, ",") .. close end
  local line = "\n" .. state.indent:rep(depth)
  return open .. line .. table.concat(items, "," .. line) .. "\n" .. state.indent:rep(depth - 1) .. close
end

function encode_value(state, value, path, depth)
  local kind = type(value)
  if value == json.null then return "null" end
  if kind == "string" then return encode_string(value, path) end
  if kind == "number" then return encode_number(value, path) end
  if kind == "boolean" then return tostring(value) end
  if kind == "table" then return encode_table(state, value, path, depth + 1) end
  reject("%s: JSON has no %s", path, options.describe(value))
end

local ENCODE_OPTIONS = { indent = options.integer(0, 0, 16) }

--- Text of a value: keys in the order of their bytes, so that the same value is always the same text.
-- @param given  indent = spaces for each level, on lines of their own; 0 (the default) writes one line
function json.encode(value, given)
  local indent = options.check("mg.json.encode", given, ENCODE_OPTIONS).indent
  local state = { colon = indent > 0 and ": " or ":", indent = indent > 0 and (" "):rep(indent) or nil }
  local good, result = reading.try(encode_value, state, value, "value", 0)
  return good and result or options.fail("mg.json.encode", "%s", result)
end

-- ---- decoding --------------------------------------------------------------------------------

local function reject_at(text, at, ...)
  local before = text:sub(1, at - 1)
  local _, breaks = before:gsub("\n", "")
  reject("line %d, column %d: %s", breaks + 1, #before:match("[^\n]*$") + 1, string.format(...))
end

-- What an error says stands there.
local function found(text, at)
  if at > #text then return "the end" end
  return string.format("%q", text:match("^[%w_.+-]+", at) or text:match("^" .. utf8.charpattern, at)):sub(1, 40)
end

local function skip_space(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

local UNESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- A UTF-16 unit "XXXX" at a place, nil where there is none.
local function unit(text, at)
  local digits = text:match("^%x%x%x%x", at)
  return digits and tonumber(digits, 16)
end

-- The character of "\u...", `at` being at the u; and the place behind it.
local function decode_unicode(text, at)
  local code = unit(text, at + 1)
  if not code then reject_at(text, at - 1, "expected four hexadecimal digits after \\u") end
  if code < 0xD800 or code > 0xDFFF then return utf8.char(code), at + 5 end
  local low = code < 0xDC00 and text:sub(at + 5, at + 6) == "\\u" and unit(text, at + 7)
  if not low or low < 0xDC00 or low > 0xDFFF then
    reject_at(text, at - 1, "\\u%04x is half of a character, the other half is not beside it", code)
  end
  return utf8.char(0x10000 + ((code & 0x3FF) << 10 | low & 0x3FF)), at + 11
end

-- A string whose opening quote is at `at`; and the place behind its closing one.
local function decode_string(text, at)
  local parts, start = {}, at
  at = at + 1
  while true do
    local stop = text:find(SPECIAL, at)
    if not stop then reject_at(text, start, "a string without an end") end
    parts[#parts + 1] = text:sub(at, stop - 1)
    local c = text:sub(stop, stop)
    if c == '"' then return table.concat(parts), stop + 1 end
    if c ~= "\\" then
      reject_at(text, stop, "expected control character %d within a string as an escape", c:byte())
    end
    local escaped = text:sub(stop + 1, stop + 1)
    if escaped == "u" then
      parts[#parts + 1], at = decode_unicode(text, stop + 1)
    elseif UNESCAPES[escaped] then
      parts[#parts + 1], at = UNESCAPES[escaped], stop + 2
    else
      reject_at(text, stop, "expected an escape (one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX)")
    end
  end
end

local function decode_number(text, at)
  local digits = text:match("^-?%d+", at)
  local whole = digits and at + #digits
  if not whole or digits:find("^-?0%d") then reject_at(text, at, "expected a number, got %s", found(text, at)) end
  local stop = text:match("^%.%d+()", whole) or whole
  stop = text:match("^[eE][+-]?%d+()", stop) or stop
  local value = tonumber(text:sub(at, stop - 1))
  if stop == whole and math.type(value) ~= "integer" then
    reject_at(text, at, "a whole number that needs more than 64 bits: %s", found(text, at))
  end
  if value == math.huge or value == -math.huge then
    reject_at(text, at, "a number too large: %s", found(text, at))
  end
  return value, stop
end

local decode_value

local function decode_array(text, at, depth)
  local list, n = json.array{}, 0
  at = skip_space(text, at + 1)
  if text:sub(at, at) == "]" then return list, at + 1 end
  while true do
    n = n + 1
    list[n], at = decode_value(text, at, depth)
    at = skip_space(text, at)
    local c = text:sub(at, at)
    if c == "]" then return list, at + 1 end
    if c ~= "," then reject_at(text, at, "expected , or ] in an array, got %s", found(text, at)) end
    at = at + 1
  end
end

-- The key and value of a member at `at`, put into the object; the place behind them.
local function decode_member(text, at, depth, object)
  at = skip_space(text, at)
  if text:sub(at, at) ~= '"' then reject_at(text, at, "expected a key in quotes, got %s", found(text, at)) end
  local key, behind = decode_string(text, at)
  if object[key] ~= nil then reject_at(text, at, "key %q stands twice in an object", key) end
  at = skip_space(text, behind)
  if text:sub(at, at) ~= ":" then reject_at(text, at, "expected : after a key, got %s", found(text, at)) end
  object[key], at = decode_value(text, at + 1, depth)
  return skip_space(text, at)
end

local function decode_object(text, at, depth)
  local object = {}
  at = skip_space(text, at + 1)
  if text:sub(at, at) == "}" then return object, at + 1 end
  while true do
    at = decode_member(text, at, depth, object)
    local c = text:sub(at, at)
    if c == "}" then return object, at + 1 end
    if c ~= "," then reject_at(text, at, "expected , or } in an object, got %s", found(text, at)) end
    at = at + 1
  end
end

local WORDS = { ["true"] = true, ["false"] = false, null = json.null }

function decode_value(text, at, depth)
  at = skip_space(text, at)
  local c = text:sub(at, at)
  if c == '"' then return decode_string(text, at) end
  if c == "{" or c == "[" then
    if depth == MAX_DEPTH then reject_at(text, at, "nested more than %d deep", MAX_DEPTH) end
    return (c == "{" and decode_object or decode_array)(text, at, depth + 1)
  end
  if c:find("[%d-]") then return decode_number(text, at) end
  local word = text:match("^%a+", at)
  if word == nil or WORDS[word] == nil then reject_at(text, at, "expected a value, got %s", found(text, at)) end
  return WORDS[word], at + #word
end

local function decode_all(text)
  local valid, bad = utf8.len(text)
  if not valid then reject_at(text, bad, "expected text in UTF-8, got byte 0x%02x", text:byte(bad)) end
  local value, at = decode_value(text, 1, 0)
  at = skip_space(text, at)
  if at <= #text then reject_at(text, at, "expected the end after the value, got %s", found(text, at)) end
  return value
end

--- The value of a text, or nil and what is wrong with it ("line 3, column 7: expected ...").
function json.try_decode(text)
  if type(text) ~= "string" then options.fail("mg.json.decode", "expected a string, got %s", options.describe(text)) end
  local good, result = reading.try(decode_all, text)
  if good then return result end
  return nil, result
end

--- The value of a text.  Errors name line and column.
function json.decode(text)
  local value, problem = json.try_decode(text)
  if problem then options.fail("mg.json.decode", "%s", problem) end
  return value
end

return json
