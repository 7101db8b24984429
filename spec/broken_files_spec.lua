-- Files broken by chance: good ones changed by a seeded generator, each of which must give what it holds or a clear
-- error, and never anything else.  `make asan` runs this too.

local encode = require "spec.encode"
local helper = require "spec.helper"
local golden = require "spec.fixtures.format_golden"
local mg = require "moongan"

local PER_FORMAT = 150

-- ---- changes -----------------------------------------------------------------------------------

-- A source of numbers: draw(n) is 1 to n.
local function source(seed)
  local i = 0
  return function(n)
    i = i + 1
    return math.floor((helper.hash(seed, i) + 1) / 2 * n) % n + 1
  end
end

local function replace(bytes, first, last, by) return bytes:sub(1, first - 1) .. by .. bytes:sub(last + 1) end

local NUMBERS = { "-1", "0", "1", "4294967296", "9223372036854775807", "9223372036854775808", "1e3", "1.5", "" }
local PIECES = { "", "\0", "\xff", "{", "}", "[", "]", '"', "'", ",", ":", "null", "(", ")", "\\u0000", "\\ud800", " ",
  ("["):rep(300), ("9"):rep(400), "NaN", "F32", "<f8", "True", "\127\127\127\127\127\127\127\127" }

local CHANGES = {
  function(bytes, draw) return bytes:sub(1, draw(#bytes) - 1) end,           -- cut short
  function(bytes, draw) return bytes .. string.char(draw(256) - 1):rep(draw(20)) end,
  function(bytes, draw)                                                      -- a bit
    local at = draw(#bytes)
    return replace(bytes, at, at, string.char(bytes:byte(at) ~ 1 << draw(8) - 1))
  end,
  function(bytes, draw)                                                      -- a byte
    local at = draw(#bytes)
    return replace(bytes, at, at, string.char(draw(256) - 1))
  end,
  function(bytes, draw)                                                      -- one of the first, where headers are
    local at = draw(math.min(#bytes, 40))
    return replace(bytes, at, at, string.char(({ 0, 1, 127, 128, 255 })[draw(5)]))
  end,
  function(bytes, draw) local at = draw(#bytes); return replace(bytes, at, at + draw(8), "") end,
  function(bytes, draw) local at = draw(#bytes); return replace(bytes, at, at - 1, PIECES[draw(#PIECES)]) end,
  function(bytes, draw)                                                      -- a part again
    local at = draw(#bytes)
    return replace(bytes, at, at - 1, bytes:sub(draw(#bytes), draw(#bytes)))
  end,
  function(bytes, draw)                                                      -- a number in a text
    local places = {}
    for first, last in bytes:gmatch("()%d+()") do places[#places + 1] = { first, last - 1 } end
    local place = places[draw(math.max(#places, 1))]
    return place and replace(bytes, place[1], place[2], NUMBERS[draw(#NUMBERS)]) or bytes .. "0"
  end,
}

local function broken(good, seed)
  local draw = source(seed)
  local bytes = good
  for _ = 1, draw(3) do
    if #bytes > 0 then bytes = CHANGES[draw(#CHANGES)](bytes, draw) end
  end
  return bytes
end

-- ---- formats -----------------------------------------------------------------------------------

-- The header of a safetensors file has its length in front: changed behind a right one.
local function with_changed_header(seed)
  local length = string.unpack("<I8", golden.safetensors.bytes)
  local header = broken(golden.safetensors.bytes:sub(9, 8 + length), seed)
  return string.pack("<I8", #header) .. header .. golden.safetensors.bytes:sub(9 + length)
end

local function with_changed_dictionary(seed)
  local good = golden.npy[seed % #golden.npy + 1].bytes
  local format = good:byte(7) == 1 and "<s2" or "<s4"
  local dictionary, behind = string.unpack(format, good, 9)
  return good:sub(1, 8) .. string.pack(format, broken(dictionary, seed)) .. good:sub(behind)
end

-- A picture whose chunks are changed behind right check sums.
local PICTURE = encode.png{ width = 5, height = 7, type = 3, depth = 4, interlaced = true,
  chunks = encode.chunk("PLTE", encode.bytes(48, function(i) return i * 5 end)) .. encode.chunk("tRNS", "\255\128\0"),
  pixel = function(x, y) return { (x * 3 + y) % 16 } end }

local function with_changed_chunk(seed)
  local draw, chunks, at = source(seed + 5000), {}, 9
  while at < #PICTURE do
    local length, kind = string.unpack(">I4c4", PICTURE, at)
    chunks[#chunks + 1], at = { kind, PICTURE:sub(at + 8, at + 7 + length) }, at + 12 + length
  end
  local chosen, parts = draw(#chunks), { encode.SIGNATURE }
  for i, chunk in ipairs(chunks) do
    local body = i == chosen and #chunk[2] > 0 and broken(chunk[2], seed) or chunk[2]
    parts[#parts + 1] = encode.chunk(chunk[1], body)
  end
  return table.concat(parts)
end

local function from_file(load)
  return function(bytes, folder) return load(encode.write(folder .. "/x", bytes)) end
end

local JSON = '{"name": "dcgan", "list": [1, -2.5e3, true, null, {"a": {}}], "text": "\\u00e9\\ud83d\\ude00\\n", "é": 1}'

local FORMATS = {
  { name = "safetensors", load = from_file(mg.safetensors.load), error = "^[^\n]*mg%.safetensors%.load: /[^\n]*/x: .",
    make = function(seed)
      return seed % 2 == 0 and broken(golden.safetensors.bytes, seed) or with_changed_header(seed)
    end },
  { name = "npy", load = from_file(mg.npy.load), error = "^[^\n]*mg%.npy%.load: /[^\n]*/x: .",
    make = function(seed)
      return seed % 2 == 0 and broken(golden.npy[seed % #golden.npy + 1].bytes, seed) or with_changed_dictionary(seed)
    end },
  { name = "JSON", load = mg.json.decode, error = "mg%.json%.decode: line %d+, column %d+: .",
    make = function(seed) return broken(JSON, seed) end },
  { name = "PNG", load = function(bytes) return mg.image.decode(bytes) end, error = "mg%.image%.decode: bytes: .",
    make = function(seed) return seed % 2 == 0 and broken(PICTURE, seed) or with_changed_chunk(seed) end },
}

describe("files broken by chance", function()
  for _, format in ipairs(FORMATS) do
    it("as " .. format.name .. " are read or refused", function()
      local refused = 0
      helper.with_folder(function(folder)
        for seed = 1, PER_FORMAT do
          local good, result = pcall(format.load, format.make(seed), folder)
          if not good then
            refused = refused + 1
            if type(result) ~= "string" or not result:find(format.error) or #result > 600 then
              error(string.format("seed %d: an error that is not clear: %s", seed, tostring(result)))
            end
          end
        end
      end)
      assert.is_true(refused > PER_FORMAT // 2, "most are broken, refused: " .. refused)
    end)
  end

  it("leave nothing behind", function()
    helper.leak_check(function()
      helper.with_folder(function(folder)
        for seed = 1, 40 do
          for _, format in ipairs(FORMATS) do pcall(format.load, format.make(seed), folder) end
        end
      end)
    end)
  end)
end)
