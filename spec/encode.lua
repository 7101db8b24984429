--- Files made byte by byte for the specs: IDX, gzip and PNG, good and broken.  Compressed data are
-- stored blocks, so nothing but the formats' own rules is needed to write them.

local encode = {}

local crc_table = {}
for n = 0, 255 do
  local c = n
  for _ = 1, 8 do c = c & 1 == 1 and (c >> 1) ~ 0xEDB88320 or c >> 1 end
  crc_table[n] = c
end

--- The CRC-32 of gzip and PNG.
function encode.crc32(bytes)
  local c = 0xFFFFFFFF
  for i = 1, #bytes do c = crc_table[(c ~ bytes:byte(i)) & 0xFF] ~ (c >> 8) end
  return c ~ 0xFFFFFFFF
end

local function adler32(bytes)
  local a, b = 1, 0
  for i = 1, #bytes do
    a = (a + bytes:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return b << 16 | a
end

-- Deflate without compression.
local function stored(bytes)
  local blocks = {}
  local at = 1
  repeat
    local part = bytes:sub(at, at + 65534)
    at = at + #part
    blocks[#blocks + 1] = string.pack("<BI2I2", at > #bytes and 1 or 0, #part, #part ~ 0xFFFF) .. part
  until at > #bytes
  return table.concat(blocks)
end

--- A gzip member of `bytes`.
function encode.gzip(bytes)
  return "\31\139\8\0\0\0\0\0\0\255" .. stored(bytes) .. string.pack("<I4I4", encode.crc32(bytes), #bytes)
end

--- An IDX file: sizes, then the bytes as a string.
-- @param kind  the type of the elements, 8 (unsigned byte) unless given
function encode.idx(sizes, bytes, kind)
  local header = string.pack("BBBB", 0, 0, kind or 8, #sizes)
  for _, size in ipairs(sizes) do header = header .. string.pack(">I4", size) end
  return header .. bytes
end

--- A string of n bytes: byte(i) for i = 1 .. n, taken modulo 256.
function encode.bytes(n, byte)
  local list = {}
  for i = 1, n do list[i] = string.char(byte(i) % 256) end
  return table.concat(list)
end

-- ---- PNG ---------------------------------------------------------------------------------------

encode.SIGNATURE = "\137PNG\r\n\26\n"

function encode.chunk(kind, body)
  return string.pack(">I4", #body) .. kind .. body .. string.pack(">I4", encode.crc32(kind .. body))
end

local CHANNELS = { [0] = 1, [2] = 3, [3] = 1, [4] = 2, [6] = 4 }

-- One row of samples, packed, behind filter type 0.
local function pack_row(samples, depth)
  local out, bits, filled = {}, 0, 0
  for _, sample in ipairs(samples) do
    bits, filled = bits << depth | sample, filled + depth
    while filled >= 8 do
      filled = filled - 8
      out[#out + 1] = string.char(bits >> filled & 0xFF)
    end
    bits = bits & 0xFF
  end
  if filled > 0 then out[#out + 1] = string.char(bits << (8 - filled) & 0xFF) end
  return "\0" .. table.concat(out)
end

local WHOLE = { { 0, 0, 1, 1 } }
-- Of each pass: first column and row, steps between columns and rows.
local ADAM7 = {
  { 0, 0, 8, 8 }, { 4, 0, 8, 8 }, { 0, 4, 4, 8 }, { 2, 0, 4, 4 }, { 0, 2, 2, 4 }, { 1, 0, 2, 2 }, { 0, 1, 1, 2 },
}

local function image_data(o)
  local rows = {}
  for _, pass in ipairs(o.interlaced and ADAM7 or WHOLE) do
    for y = pass[2], o.height - 1, pass[4] do
      local samples = {}
      for x = pass[1], o.width - 1, pass[3] do
        local pixel = o.pixel(x, y)
        for k = 1, CHANNELS[o.type] do samples[#samples + 1] = pixel[k] end
      end
      if #samples > 0 then rows[#rows + 1] = pack_row(samples, o.depth) end
    end
  end
  return table.concat(rows)
end

--- A PNG file.
-- @param o  width, height, type (0 grey, 2 colour, 3 palette, 4 grey and alpha, 6 colour and alpha),
--   depth (bits of a sample), interlaced, pixel(x, y) -> list of samples, chunks (further ones, as a
--   string, before the data)
function encode.png(o)
  local raw = image_data(o)
  local header = string.pack(">I4I4BBBBB", o.width, o.height, o.depth, o.type, 0, 0, o.interlaced and 1 or 0)
  local data = "\x78\x01" .. stored(raw) .. string.pack(">I4", adler32(raw))
  return encode.SIGNATURE .. encode.chunk("IHDR", header) .. (o.chunks or "") .. encode.chunk("IDAT", data)
    .. encode.chunk("IEND", "")
end

-- ---- files -------------------------------------------------------------------------------------

function encode.write(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  assert(file:close())
  return path
end

--- The whole of a file, or nil where there is none.
function encode.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read("a")
  file:close()
  return bytes
end

--- The names in a folder, sorted, hidden ones included.
function encode.list(folder)
  local pipe = assert(io.popen("ls -A '" .. folder .. "'"))
  local names = {}
  for name in pipe:lines() do names[#names + 1] = name end
  pipe:close()
  return names
end

return encode
