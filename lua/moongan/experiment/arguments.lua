--- Settings as they are typed: `key=value`, `part.option=value`, `part.option.2=value`.

local arguments = {}

local words = { ["true"] = true, yes = true, ["false"] = false, no = false }

-- The pieces of a text between commas that stand in no braces; a comma at the end adds none.
-- Nil where braces do not match.
local function split(text)
  local pieces, depth, from = {}, 0, 1
  for i = 1, #text do
    local c = text:sub(i, i)
    if c == "{" then depth = depth + 1 elseif c == "}" then depth = depth - 1 end
    if depth < 0 then return nil end
    if c == "," and depth == 0 then
      pieces[#pieces + 1] = text:sub(from, i - 1)
      from = i + 1
    end
  end
  if depth ~= 0 then return nil end
  if from <= #text then pieces[#pieces + 1] = text:sub(from) end
  return pieces
end

--- The texts between a text's commas that stand in no braces: "1,{2,3}" are "1" and "{2,3}".
function arguments.split(text) return split(text) or { text } end

local function list_of(pieces)
  local list = {}
  for i, piece in ipairs(pieces) do list[i] = arguments.value(piece) end
  return list
end

--- What a text stands for: a number, true or false (yes, no), a list of such (1,2 or {1,2}), or
-- itself.
function arguments.value(text)
  local number = tonumber(text)
  if number and math.abs(number) < math.huge then return number end
  if words[text:lower()] ~= nil then return words[text:lower()] end
  local inner = text:match("^{(.*)}$")
  local pieces = split(inner or text)
  if pieces and (inner or #pieces > 1 or text:find(",", 1, true)) then return list_of(pieces) end
  return text
end

--- All that a text may stand for where it is not known what is wanted, the likeliest first.
function arguments.candidates(text)
  local list = { arguments.value(text) }
  if type(list[1]) ~= "string" then list[2] = text end
  if text == "1" or text == "0" then list[#list + 1] = text == "1" end
  return list
end

--- Read a command line.
-- @param list  texts, "key=value"; dashes before a key are passed over
-- @return a list of { key =, path = (the key's names and places), text = }; or nil and what is wrong
function arguments.read(list)
  local settings = {}
  for _, argument in ipairs(list) do
    local key, text = argument:match("^%-*([^=]+)=(.*)$")
    if not key then return nil, string.format("expected key=value, got %q (--help lists the keys)", argument) end
    local path = {}
    for name in (key .. "."):gmatch("([^.]*)%.") do path[#path + 1] = math.tointeger(tonumber(name)) or name end
    settings[#settings + 1] = { key = key, path = path, text = text }
  end
  return settings
end

return arguments
