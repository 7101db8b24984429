--- NumPy's files of one array (.npy), versions 1.0 to 3.0.
--
--     mg.npy.save("z.npy", mg.randn(64, 100))      -- numpy.load("z.npy") gives an array (64, 100)
--     local z = mg.npy.load("z.npy")
--
-- A header, which is a dictionary as Python writes it, tells type, order and shape; then come the numbers.
-- See https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html for the format.

local moongan = require "moongan"
local options = require "moongan.options"
local reading = require "moongan.reading"
local reject = reading.reject

local core = moongan.core.bytes
local npy = {}

local MAGIC = "\x93NUMPY"
local MAX_HEADER = 1 << 16 -- bytes; a plain array's has about a hundred
local MAX_DIMENSIONS = 8   -- of a tensor

--- Write a tensor, whole or not at all: float32 or float64 as the core has it, in C order.
function npy.save(path, tensor)
  local name = "mg.npy.save"
  if not moongan.is_tensor(tensor) then options.fail(name, "expected a tensor, got %s", options.describe(tensor)) end
  local shape = options.call(tensor.shape, tensor)
  local order = string.pack("=I2", 1) == "\1\0" and "<" or ">"
  local header = string.format("{'descr': '%sf%d', 'fortran_order': False, 'shape': (%s), }", order,
    moongan.precision // 8, #shape == 1 and shape[1] .. "," or table.concat(shape, ", "))
  header = header .. (" "):rep(-(#MAGIC + 4 + #header + 1) % 64) .. "\n" -- numbers stand at a multiple of 64
  options.call(moongan.file.write, path, { MAGIC, "\1\0", string.pack("<s2", header), tensor })
end

-- ---- the header ------------------------------------------------------------------------------

-- The sizes between the brackets of a tuple, nil where it is none.
local function python_shape(text)
  local shape = {}
  if not text:find("^[%d, ]*$") or text:find("%d +%d") or text:find(",[ ]*,") or text:find("^ *,") then return nil end
  for digits in text:gmatch("%d+") do
    local size = math.tointeger(tonumber(digits))
    if not size then return nil end
    shape[#shape + 1] = size
  end
  -- (3) is no tuple, (3,) is.
  return (#shape ~= 1 or text:find(",")) and shape or nil
end

-- The dictionary's values: the pattern that the text follows, and what it means.
local BOOLEANS = { True = true, False = false }
local FIELDS = {
  descr = { "^'([^'\\]*)'()", function(text) return text end },
  fortran_order = { "^(%a+)()", function(text) return BOOLEANS[text] end },
  shape = { "^%(([^()]*)%)()", python_shape },
}

-- The dictionary { descr =, fortran_order =, shape = }: its three keys, each once, in any order.
local function parse_header(text)
  local found, at = {}, text:match("^%s*{()")
  if not at then reject("header: expected a dictionary, got %s", options.describe(text)) end
  text = text:gsub('"', "'")
  while not text:find("^%s*}", at) do
    local key, value_at = text:match("^%s*'([%w_]*)'%s*:%s*()", at)
    local field = FIELDS[key]
    if not field or found[key] ~= nil then
      reject("header: expected 'descr', 'fortran_order' and 'shape' once each, got %s",
        options.describe(text:sub(at, at + 40)))
    end
    local value, behind = text:match(field[1], value_at)
    if value then found[key] = field[2](value) end
    if found[key] == nil then
      reject("header: %s of a plain array expected, got %s", key, options.describe(text:sub(value_at, value_at + 40)))
    end
    at = text:match("^%s*,%s*()", behind) or text:match("^%s*()}", behind)
    if not at then reject("header: expected , or } after '%s'", key) end
  end
  if not text:find("^%s*}%s*$", at) then reject("header: bytes behind the dictionary") end
  for key in pairs(FIELDS) do
    if found[key] == nil then reject("header: no '%s'", key) end
  end
  return found
end

local KINDS = { f = "F", i = "I", u = "U" }

-- The core's name of a type such as "<f4", and whether its bytes are big-endian.
local function element_type(descr)
  local order, kind, size = descr:match("^([<>=|])(%a)(%d+)$")
  local element = kind == "b" and size == "1" and "BOOL" or KINDS[kind] and #size < 3 and KINDS[kind] .. size * 8
  if not element or not core.size(element) then
    reject("arrays of %s are not read, only of floats, integers and booleans of up to 64 bits", options.describe(descr))
  end
  if order == "=" then order = string.pack("=I2", 1) == "\1\0" and "<" or ">" end
  if order == "|" and core.size(element) > 1 then reject("the order of bytes is missing in %q", descr) end
  return element, order == ">"
end

local LENGTHS = { [1] = "<I2", [2] = "<I4", [3] = "<I4" } -- of the header, by version

local function read_header(file)
  local start = reading.bytes(file, 8, "the header")
  if start:sub(1, 6) ~= MAGIC then reject("not a .npy file: its first bytes are not \\x93NUMPY") end
  local major, minor = start:byte(7, 8)
  local format = LENGTHS[major]
  if not format or minor ~= 0 then reject("version %d.%d of the format, expected 1.0, 2.0 or 3.0", major, minor) end
  local length = string.unpack(format, reading.bytes(file, string.packsize(format), "the header"))
  if length > MAX_HEADER then reject("a header of %d bytes, expected at most %d", length, MAX_HEADER) end
  return parse_header(reading.bytes(file, length, "the header"))
end

local function reversed(list)
  local result = {}
  for i = #list, 1, -1 do result[#result + 1] = list[i] end
  return result
end

local function read_array(file, size)
  local header = read_header(file)
  local shape = header.shape
  if #shape > MAX_DIMENSIONS then reject("%d dimensions, expected at most %d", #shape, MAX_DIMENSIONS) end
  local element, big_endian = element_type(header.descr)
  -- Fortran's first index runs fastest: the same numbers are the transpose in C order.
  local good, tensor = pcall(core.read, file, element, header.fortran_order and reversed(shape) or shape, big_endian)
  if not good then reject("%s", tensor) end
  local behind = size - file:seek()
  if behind > 0 then reject("%d bytes behind the array", behind) end
  if header.fortran_order and #shape > 1 then
    local dims = {}
    for i = 1, #shape do dims[i] = #shape + 1 - i end
    tensor = tensor:permute(dims)
  end
  return tensor
end

--- Read an array of floats, integers or booleans, as a tensor of the core's numbers: floats are rounded where the core
-- holds fewer digits, an integer that it can't hold exactly is an error.
function npy.load(path) return reading.file("mg.npy.load", path, read_array) end

return npy
