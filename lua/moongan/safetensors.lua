--- Safetensors: named tensors in a file that other tools read and that nothing executes.
--
--     mg.safetensors.save("g.safetensors", G:state_dict(), { step = "1200" })
--     local tensors, metadata = mg.safetensors.load("g.safetensors")
--
-- Eight bytes give the length of a header in JSON (name -> type, shape and place of a tensor; strings about the
-- whole file), then come the numbers, row-major and little-endian, without a hole.
-- See https://huggingface.co/docs/safetensors for the format.

local moongan = require "moongan"
local json = require "moongan.json"
local options = require "moongan.options"
local reading = require "moongan.reading"
local reject = reading.reject

local core = moongan.core.bytes
local safetensors = {}

local METADATA = "__metadata__"
local MAX_HEADER = 100000000 -- bytes, as the format says
local MAX_DIMENSIONS = 8     -- of a tensor
local REAL = { [32] = "F32", [64] = "F64" }

-- ---- writing ---------------------------------------------------------------------------------

local function check_metadata(name, metadata)
  for key, value in pairs(metadata) do
    if type(key) ~= "string" or type(value) ~= "string" then
      options.fail(name, "metadata: expected strings under names, got %s under %s", options.describe(value),
        options.describe(key))
    end
  end
end

local function check_tensors(name, tensors)
  if type(tensors) ~= "table" then
    options.fail(name, "expected a table of tensors by name, got %s", options.describe(tensors))
  end
  for key, tensor in pairs(tensors) do
    if type(key) ~= "string" or key == METADATA then
      options.fail(name, "expected names of tensors other than %q, got %s", METADATA, options.describe(key))
    end
    if not moongan.is_tensor(tensor) then
      options.fail(name, "%s: expected a tensor, got %s", key, options.describe(tensor))
    end
  end
end

-- Padded with spaces, so that the numbers stand at a multiple of 8.
local function pack_header(name, header)
  local text = options.call(json.encode, header)
  text = text .. (" "):rep(-#text % 8)
  if #text > MAX_HEADER then options.fail(name, "a header of %d bytes, at most %d are allowed", #text, MAX_HEADER) end
  return string.pack("<I8", #text) .. text
end

--- Write tensors, whole or not at all, in the order of their names.
-- @param path
-- @param tensors   name -> tensor; numbers are written as the core holds them, F32 or F64
-- @param metadata  name -> string, or nil
function safetensors.save(path, tensors, metadata)
  local name = "mg.safetensors.save"
  check_tensors(name, tensors)
  if metadata ~= nil then
    if type(metadata) ~= "table" then options.fail(name, "metadata: expected a table") end
    check_metadata(name, metadata)
  end
  if string.pack("=I2", 1) ~= "\1\0" then options.fail(name, "numbers are little-endian, and this machine is not") end
  local header, pieces, at = { [METADATA] = metadata }, { "" }, 0
  for _, key in ipairs(options.names(tensors)) do
    local tensor = tensors[key]
    local stop = at + options.call(tensor.numel, tensor) * moongan.precision // 8
    header[key] = { dtype = REAL[moongan.precision], shape = json.array(tensor:shape()), data_offsets = { at, stop } }
    pieces[#pieces + 1], at = tensor, stop
  end
  pieces[1] = pack_header(name, header)
  options.call(moongan.file.write, path, pieces)
end

-- ---- reading ---------------------------------------------------------------------------------

local function is_size(value) return math.type(value) == "integer" and value >= 0 end

local function read_header(file, size)
  if size < 8 then reject("truncated: expected at least 8 bytes, the file has %d", size) end
  local length = string.unpack("<i8", reading.bytes(file, 8, "the file"))
  if length < 2 or length > MAX_HEADER then
    reject("not a safetensors file: a header of 2 to %d bytes is expected, it claims %d", MAX_HEADER, length)
  end
  if length > size - 8 then reject("truncated: the header has %d bytes, the file %d more than its length", length,
    size - 8) end
  local text = reading.bytes(file, length, "the header")
  if text:sub(1, 1) ~= "{" then reject("not a safetensors file: the header is no JSON object") end
  local header, problem = json.try_decode(text)
  if not header then reject("header: %s", problem) end
  return header, 8 + length
end

-- Bytes that a shape takes.
local function count_bytes(key, shape, element)
  if json.kind(shape) ~= "array" or #shape > MAX_DIMENSIONS then
    reject("%s: expected a shape of at most %d sizes", key, MAX_DIMENSIONS)
  end
  local bytes = element
  for _, size in ipairs(shape) do
    if not is_size(size) then reject("%s: expected whole sizes as shape", key) end
    if size > 0 and bytes > math.maxinteger // size then reject("%s: too large a shape", key) end
    bytes = bytes * size
  end
  return bytes
end

local FIELDS = { dtype = true, shape = true, data_offsets = true }

-- A tensor's entry in the header, checked: { name =, type =, shape =, first =, last = }.
local function check_entry(key, entry)
  if json.kind(entry) ~= "object" then reject("%s: expected an object", key) end
  for field in pairs(entry) do
    if not FIELDS[field] then reject("%s: unknown field %s", key, options.describe(field)) end
  end
  local element = type(entry.dtype) == "string" and core.size(entry.dtype)
  if not element then reject("%s: a dtype that is not known: %s", key, options.describe(entry.dtype)) end
  local offsets = entry.data_offsets
  if json.kind(offsets) ~= "array" or #offsets ~= 2 or not is_size(offsets[1]) or not is_size(offsets[2]) then
    reject("%s: expected data_offsets of two whole numbers", key)
  end
  local bytes = count_bytes(key, entry.shape, element)
  if offsets[2] - offsets[1] ~= bytes then
    reject("%s: its shape takes %d bytes, its data_offsets %d", key, bytes, offsets[2] - offsets[1])
  end
  return { name = key, type = entry.dtype, shape = entry.shape, first = offsets[1], last = offsets[2] }
end

local function check_strings(metadata)
  local good = json.kind(metadata) == "object"
  for _, value in pairs(good and metadata or {}) do good = good and type(value) == "string" end
  return good and metadata or reject("%s: expected an object of strings", METADATA)
end

-- What the header says: entries in the order of their places, and metadata.  The numbers fill the rest of the
-- file, `room` bytes, without overlap or hole.
local function check_header(header, room)
  local entries, metadata = {}, {}
  for key, value in pairs(header) do
    if key == METADATA then
      metadata = check_strings(value)
    else
      entries[#entries + 1] = check_entry(key, value)
    end
  end
  table.sort(entries, function(a, b)
    if a.first ~= b.first then return a.first < b.first end
    if a.last ~= b.last then return a.last < b.last end
    return a.name < b.name
  end)
  local at = 0
  for _, entry in ipairs(entries) do
    if entry.first ~= at then
      reject("%s: its numbers begin at %d, expected %d (%s)", entry.name, entry.first, at,
        entry.first < at and "they overlap those before" or "a hole")
    end
    at = entry.last
  end
  if at > room then reject("truncated: the tensors take %d bytes, the file has %d for them", at, room) end
  if at < room then reject("%d bytes behind the last tensor", room - at) end
  return entries, metadata
end

-- f(file, entries, where the numbers begin) with a file whose header is good; its result, and the metadata.
local function with_header(name, path, f)
  return reading.file(name, path, function(file, size)
    local header, start = read_header(file, size)
    local entries, metadata = check_header(header, size - start)
    return f(file, entries, start), metadata
  end)
end

--- What a file holds, without its numbers.
-- @return a list of { name =, type = "F32", shape = { ... } } in the order of the file, and the metadata
function safetensors.inspect(path)
  return with_header("mg.safetensors.inspect", path, function(_, entries)
    local list = {}
    for i, entry in ipairs(entries) do
      list[i] = { name = entry.name, type = entry.type, shape = { table.unpack(entry.shape) } }
    end
    return list
  end)
end

--- Read all tensors of a file.  Types F64, F32, F16, BF16, I8 to I64, U8 to U64 and BOOL become numbers of the core:
-- floats are rounded where it holds fewer digits, an integer that it can't hold exactly is an error.  A file is
-- refused as a whole where anything about it is wrong.
-- @return name -> tensor, and the metadata: name -> string
function safetensors.load(path)
  return with_header("mg.safetensors.load", path, function(file, entries, start)
    local tensors = {}
    for _, entry in ipairs(entries) do
      file:seek("set", start + entry.first)
      local good, result = pcall(core.read, file, entry.type, entry.shape, false)
      if not good then reject("%s: %s", entry.name, result) end
      tensors[entry.name] = result
    end
    return tensors
  end)
end

return safetensors
