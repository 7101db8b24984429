local encode = require "spec.encode"
local helper = require "spec.helper"
local golden = require "spec.fixtures.format_golden"
local mg = require "moongan"

local crc32c = mg.core.bytes.crc32c

-- ---- a reader of event files, by the book ----------------------------------------------------------

-- The check sums of a record are turned right by 15 bits and moved by a constant.
local function unmasked(sum)
  sum = (sum - 0xA282EAD8) & 0xFFFFFFFF
  return (sum << 15 | sum >> 17) & 0xFFFFFFFF
end

local function records(bytes)
  local list, at = {}, 1
  while at <= #bytes do
    local length, length_sum = string.unpack("<I8I4", bytes, at)
    assert(unmasked(length_sum) == crc32c(bytes:sub(at, at + 7)), "check sum of a length")
    local data, sum = bytes:sub(at + 12, at + 11 + length), string.unpack("<I4", bytes, at + 12 + length)
    assert(#data == length and unmasked(sum) == crc32c(data), "check sum of data")
    list[#list + 1], at = data, at + 16 + length
  end
  return list
end

local function varint(bytes, at)
  local value, shift = 0, 0
  repeat
    local byte = bytes:byte(at)
    value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
  until byte < 0x80
  return value, at
end

-- The fields of a message by number: each a list of { wire type, value }.
local function message(bytes)
  local fields, at = {}, 1
  while at <= #bytes do
    local key, value
    key, at = varint(bytes, at)
    local wire = key & 7
    if wire == 0 then
      value, at = varint(bytes, at)
    elseif wire == 1 or wire == 5 then
      value, at = string.unpack(wire == 1 and "<d" or "<f", bytes, at)
    else
      assert(wire == 2, "wire type")
      local length
      length, at = varint(bytes, at)
      value, at = bytes:sub(at, at + length - 1), at + length
    end
    fields[key >> 3] = fields[key >> 3] or {}
    table.insert(fields[key >> 3], { wire, value })
  end
  return fields
end

local function field(fields, number) return fields[number] and fields[number][1][2] end

-- What an event says, its time apart.
local function event(data)
  local fields = message(data)
  local summary = field(fields, 5)
  local value = summary and message(field(message(summary), 1))
  local result = { step = field(fields, 2) or 0, version = field(fields, 3),
    session = field(fields, 7) and message(field(fields, 7)), tag = value and field(value, 1),
    scalar = value and field(value, 2) }
  if value and value[4] then
    local image = message(field(value, 4))
    result.image = { field(image, 1), field(image, 2), field(image, 3), field(image, 4) }
  end
  if value and value[8] then result.tensor = message(field(value, 8)) end
  if value and value[9] then result.metadata = message(field(message(field(value, 9)), 1)) end
  return result, field(fields, 1)
end

local function events_of(bytes)
  local list = {}
  for i, data in ipairs(records(bytes)) do list[i] = event(data) end
  return list
end

describe("event files", function()
  it("have the check sum of RFC 3720", function()
    assert.equal(0xE3069283, crc32c("123456789"))
    assert.equal(0x8A9136AA, crc32c(("\0"):rep(32)))
    assert.equal(0, crc32c(""))
  end)

  it("say what TensorBoard's own say", function()
    local expected = events_of(golden.events)
    expected[5].image = nil -- not of a picture
    helper.with_folder(function(folder)
      local writer = mg.events.open(folder .. "/a/b", { from = 7 })
      writer:scalar("loss", 1, 0.1)
      writer:scalar("loss", 1 << 40, -1 / 0)
      writer:image("samples", 300, mg.zeros(2, 300, 3))
      writer:text("config", 0, "nf = 64")
      writer:close()
      local bytes = encode.read(writer.path)
      local written = events_of(bytes)
      local height, width, channels, png = table.unpack(written[5].image)
      written[5].image = nil
      assert.same(expected, written)
      assert.same({ 2, 300, 3 }, { height, width, channels })
      helper.near(mg.zeros(2, 300, 3), mg.image.decode(png), 0.01)
      local _, time = event(records(bytes)[3])
      assert.is_true(math.abs(time - os.time()) < 60)
    end)
  end)

  it("hold grids of pictures", function()
    helper.with_folder(function(folder)
      local x = helper.values({ 4, 3, 3, 1 }, 1)
      do
        local writer <close> = mg.events.open(folder)
        writer:image("x", 2, x, { columns = 2, padding = 1 })
        assert.equal(1, #records(encode.read(writer.path))) -- the rest waits
      end
      local name = encode.list(folder)[1]
      assert.matches("^events%.out%.tfevents%.%d+%.moongan%.0$", name)
      local image = events_of(encode.read(folder .. "/" .. name))[2].image
      assert.same({ 9, 9, 1 }, { table.unpack(image, 1, 3) })
      assert.equal(mg.image.encode(mg.image.grid(x, { columns = 2, padding = 1 })), image[4])
    end)
  end)

  it("are new ones in a folder that has some", function()
    helper.with_folder(function(folder)
      mg.events.open(folder):close()
      mg.events.open(folder):close()
      assert.equal(2, #encode.list(folder))
    end)
  end)

  it("are written when much waits, and on flush", function()
    helper.with_folder(function(folder)
      local writer = mg.events.open(folder)
      for i = 1, 3 do writer:scalar("a", i, i) end
      writer:flush()
      writer:flush()
      assert.equal(4, #records(encode.read(writer.path)))
      writer:text("long", 1, ("x"):rep(300000))
      assert.equal(5, #records(encode.read(writer.path)))
      writer:close()
      writer:close()
    end)
  end)

  it("refuse what they have no place for", function()
    helper.with_folder(function(folder)
      local writer = mg.events.open(folder)
      local function refuses(pattern, f) helper.error_like(f, pattern) end
      refuses('EventWriter:scalar: tag: expected a name, got string ""', function() writer:scalar("", 1, 1) end)
      refuses("tag: expected a name", function() writer:text("\xff", 1, "") end)
      refuses("step: expected a whole number of at least 0, got number %-1", function() writer:scalar("a", -1, 1) end)
      refuses("step: expected a whole number", function() writer:scalar("a", 1.5, 1) end)
      refuses("EventWriter:scalar: value: expected a number, got moongan.Tensor",
        function() writer:scalar("a", 1, mg.ones(1)) end)
      refuses("EventWriter:text: text: expected a string", function() writer:text("a", 1, 2) end)
      refuses("expected a tensor", function() writer:image("a", 1, "x") end)
      writer:close()
      refuses("EventWriter:scalar: the writer is closed", function() writer:scalar("a", 1, 1) end)
      refuses('did you mean "from"', function() mg.events.open(folder, { form = 1 }) end)
      refuses("cannot make the folder: Not a directory", function() mg.events.open(writer.path .. "/x") end)
    end)
  end)

  it("keep what waits where the disk is full", function()
    helper.with_folder(function(folder)
      local code = string.format([[
        local mg = require "moongan"
        local writer = mg.events.open(%q)
        writer:text("long", 1, ("x"):rep(9000))
        print(pcall(writer.flush, writer))
        print(#writer.waiting, mg.file.size(writer.path))]], folder)
      local text = helper.run("trap '' XFSZ; ulimit -f 8; " .. helper.lua_command(code))
      assert.matches("false.*cannot append: File too large\n1\t42\n", text)
    end)
  end)
end)
