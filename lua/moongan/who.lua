--- mg.who(): the tensors that are reachable by name, and the memory in use.

local moongan = require "moongan"

local MAX_DEPTH = 4 -- of tables in one another

local function megabytes(bytes) return string.format("%.1f MB", bytes / 2 ^ 20) end

-- Whether a tensor is in the list under another name: two handles of one are equal, and different keys.
local function is_known(state, tensor)
  local size = tensor:numel()
  local alike = state.of_size[size] or {}
  for _, other in ipairs(alike) do
    if other == tensor then return true end
  end
  alike[#alike + 1] = tensor
  state.of_size[size] = alike
  return false
end

local function add(state, name, tensor)
  local good, shape = pcall(tensor.shape, tensor)
  if not good or is_known(state, tensor) then return end -- freed, or there
  state.list[#state.list + 1] = { name = name, shape = shape, bytes = tensor:numel() * moongan.precision // 8,
    requires_grad = tensor.requires_grad }
end

local function kind_of(value)
  local meta = (type(value) == "userdata" or type(value) == "table") and getmetatable(value)
  return type(meta) == "table" and meta.__name
end

-- So that the same name is found each time.
local function sorted_keys(t)
  local keys = {}
  for key in next, t do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function visit(state, name, value, depth)
  local kind = kind_of(value)
  if kind == "moongan.Tensor" then
    if not state.seen[value] then add(state, name, value) end
    state.seen[value] = true
  elseif state.seen[value] or value == package.loaded or value == moongan then
    return
  elseif kind == "moongan.Layer" then
    state.seen[value] = true
    local good, parameters = pcall(value.named_parameters, value)
    for _, pair in ipairs(good and parameters or {}) do add(state, name .. "." .. pair[1], pair[2]) end
  elseif type(value) == "table" and depth < MAX_DEPTH then
    state.seen[value] = true
    for _, key in ipairs(sorted_keys(value)) do
      local dot = name == "" and "" or "."
      local at = type(key) == "string" and dot .. key or "[" .. tostring(key) .. "]"
      visit(state, name .. at, rawget(value, key), depth + 1)
    end
  end
end

--- List live tensors and memory: those that global names lead to, through tables and layers, the largest first.
-- @param names  a table to start from, _G unless given
-- @return what it prints at the prompt, a list of { name =, shape =, bytes =, requires_grad = }
local function who(names)
  local state = { list = {}, seen = {}, of_size = {} }
  visit(state, "", names or _G, 0)
  table.sort(state.list, function(a, b)
    if a.bytes ~= b.bytes then return a.bytes > b.bytes end
    return a.name < b.name
  end)
  return setmetatable(state.list, {
    __name = "moongan.Who",
    __tostring = function(list)
      local lines, sum = {}, 0
      for _, entry in ipairs(list) do
        sum = sum + entry.bytes
        lines[#lines + 1] = string.format("%10s  %-30s (%s)%s", megabytes(entry.bytes), entry.name,
          table.concat(entry.shape, ", "), entry.requires_grad and "  trained" or "")
      end
      local memory = moongan.memory()
      lines[#lines + 1] = string.format("%d tensor%s by name: %s; %d live: %s, %s at most so far, %s kept for reuse",
        #list, #list == 1 and "" or "s", megabytes(sum), memory.live_tensors, megabytes(memory.live_bytes),
        megabytes(memory.peak_bytes), megabytes(memory.cached_bytes))
      return table.concat(lines, "\n")
    end,
  })
end

return who
