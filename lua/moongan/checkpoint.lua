--- Checkpoints: a state, nested tables of plain values and tensors, as one safetensors file.
--
-- Tensors are stored under their path in the state ("generator/1.weight", "optimizer_g/state/1/exp_avg"), the
-- rest as JSON in the file's metadata, so that other programs read both.  Neither holds a time or a machine's
-- name: the same state is the same file, byte for byte.

local moongan = require "moongan"
local json = require "moongan.json"
local options = require "moongan.options"

local checkpoint = {}

local FORMAT = "moongan checkpoint 1"

local function is_tensor(value) return options.is(value, "moongan.Tensor") end

-- The state without its tensors, which go to `tensors` by their path.
local function part(state, path, tensors)
  local plain = {}
  for key, value in pairs(state) do
    local place = path .. tostring(key)
    if is_tensor(value) then
      tensors[place] = value
    elseif type(value) == "table" then
      plain[key] = part(value, place .. "/", tensors)
    else
      plain[key] = value
    end
  end
  return plain
end

--- Where in a state a number is NaN or infinite: the path of the first such tensor, or nil.
function checkpoint.find_nonfinite(state)
  local tensors, names = {}, {}
  part(state, "", tensors)
  for name in pairs(tensors) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if not moongan.all_finite(tensors[name]) then return name end
  end
end

--- Write a state, whole or not at all: on an error what was at the path before is untouched.
-- @param state  tables of strings, numbers, booleans, tensors and such tables; keys of strings hold no "/"
function checkpoint.save(path, state)
  local tensors = {}
  local plain = part(state, "", tensors)
  moongan.safetensors.save(path, tensors, { format = FORMAT, state = json.encode(plain) })
end

-- Put a tensor where its path says; what is all digits there is a position in a list.
local function put(state, path, tensor)
  local table_of, key = state, nil
  for word in path:gmatch("[^/]+") do
    if key then
      if table_of[key] == nil then table_of[key] = {} end
      table_of = table_of[key]
    end
    key = math.tointeger(tonumber(word:match("^%d+$"))) or word
  end
  table_of[key] = tensor
end

--- The state in a file that `save` wrote.
-- @error  where the file cannot be read or is none
function checkpoint.load(path)
  local tensors, metadata = moongan.safetensors.load(path)
  if metadata.format ~= FORMAT then
    options.fail("checkpoint", "%s: expected a %s, the file says %s", path, FORMAT, options.describe(metadata.format))
  end
  local state = json.decode(metadata.state)
  for name, tensor in pairs(tensors) do put(state, name, tensor) end
  return state
end

return checkpoint
