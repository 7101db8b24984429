local encode = require "spec.encode"
local helper = require "spec.helper"
local golden = require "spec.fixtures.format_golden"
local mg = require "moongan"

local safetensors = mg.safetensors
local NAME = helper.double and "F64" or "F32"

-- A file of a header's text and the bytes behind it.
local function file_of(header, bytes) return string.pack("<I8", #header) .. header .. (bytes or "") end

local function with_file(bytes, f)
  helper.with_folder(function(folder) f(encode.write(folder .. "/x.safetensors", bytes)) end)
end

local function entry(dtype, shape, first, last)
  return string.format('{"dtype":"%s","shape":[%s],"data_offsets":[%s,%s]}', dtype, shape, first, last)
end

describe("safetensors", function()
  it("come back as they were saved", function()
    helper.with_folder(function(folder)
      local path = folder .. "/x.safetensors"
      local saved = { ["1.weight"] = helper.values({ 3, 2 }, 1), scalar = mg.tensor(7), empty = mg.zeros(0, 4),
        ["naïve \"name\""] = helper.values({ 1, 2, 1, 2, 1, 2, 1, 2 }, 2), nan = mg.tensor{ 0 / 0, 1 / 0, -1 / 0 } }
      safetensors.save(path, saved, { step = "12", ["kéy"] = "välue\n" })
      local loaded, metadata = safetensors.load(path)
      for key, tensor in pairs(saved) do helper.same_bits(tensor, loaded[key], key) end
      for key in pairs(loaded) do assert.is_truthy(saved[key], key) end
      assert.same({ step = "12", ["kéy"] = "välue\n" }, metadata)
      local list, again = safetensors.inspect(path)
      assert.same(metadata, again)
      assert.same({ name = "1.weight", type = NAME, shape = { 3, 2 } }, list[1])
      assert.equal(5, #list)
    end)
  end)

  it("are written as the format says: aligned, little-endian, in the order of names", function()
    helper.with_folder(function(folder)
      local path = folder .. "/x.safetensors"
      safetensors.save(path, { b = mg.tensor{ 1, -2 }, a = mg.tensor(0.5) })
      local bytes, size = encode.read(path), mg.precision // 8
      local header = string.format('{"a":{"data_offsets":[0,%d],"dtype":"%s","shape":[]},'
        .. '"b":{"data_offsets":[%d,%d],"dtype":"%s","shape":[2]}}', size, NAME, size, 3 * size, NAME)
      header = header .. (" "):rep(-#header % 8)
      local format = helper.double and "<ddd" or "<fff"
      assert.equal(file_of(header, string.pack(format, 0.5, 1, -2)), bytes)
      safetensors.save(path, {})
      assert.same({ {}, {} }, { safetensors.load(path) })
    end)
  end)

  it("of a network load into another", function()
    helper.with_folder(function(folder)
      local path = folder .. "/x.safetensors"
      local a, b = mg.models.mlp_generator{ nz = 3 }, mg.models.mlp_generator{ nz = 3 }
      safetensors.save(path, a:state_dict())
      b:load_state_dict((safetensors.load(path)))
      local z = mg.randn(2, 3)
      helper.same_bits(a:eval()(z), b:eval()(z))
    end)
  end)

  it("of Python are read", function()
    with_file(golden.safetensors.bytes, function(path)
      local tensors, metadata = safetensors.load(path)
      for name, expected in pairs(golden.safetensors.tensors) do
        assert.same(expected.shape, tensors[name]:shape())
        helper.near(expected.values, helper.flat(tensors[name]), 0)
        tensors[name] = nil
      end
      assert.same({}, tensors)
      assert.same({ made = "by Python", ["ключ"] = "é" }, metadata)
    end)
  end)

  local READ = {
    { "F64", "<d", { 0, -0.0, 1.5, -1e30, 1 / 3 } },
    { "F32", "<f", { 0, 0.25, -3.5, 2.0 ^ -149, 2.0 ^ 127 } },
    { "F16", "<I2", { 0x0000, 0x3C00, 0xC000, 0x7BFF, 0x0001, 0x8400, 0x3555, 0x7C00, 0xFC00 },
      { 0, 1, -2, 65504, 2.0 ^ -24, -2.0 ^ -14, 0x555 / 4096, 1 / 0, -1 / 0 } },
    { "BF16", "<I2", { 0x3F80, 0xC040, 0x0000, 0x7F80, 0x4049 }, { 1, -3, 0, 1 / 0, 3.140625 } },
    { "I64", "<i8", { 0, -1, 16777216, -16777216, 1 << 40 } },
    { "I32", "<i4", { 5, -16777216, 1 << 30, math.mininteger >> 33 } },
    { "I16", "<i2", { -32768, 32767, 0 } }, { "I8", "<i1", { -128, 127, 0 } },
    { "U64", "<I8", { 0, 16777216, 1 << 62 } }, { "U32", "<I4", { 0, 1 << 31 } },
    { "U16", "<I2", { 65535, 0 } }, { "U8", "<B", { 255, 0 } }, { "BOOL", "<B", { 0, 1, 1 } },
  }
  for _, case in ipairs(READ) do
    local dtype, format, stored, expected = case[1], case[2], case[3], case[4] or case[3]
    it("of type " .. dtype .. " become numbers", function()
      local parts = {}
      for i, value in ipairs(stored) do parts[i] = string.pack(format, value) end
      local bytes = table.concat(parts)
      with_file(file_of('{"x":' .. entry(dtype, #stored, 0, #bytes) .. "}", bytes), function(path)
        local x = safetensors.load(path).x
        helper.near(expected, x, helper.double and 0 or 1e-7)
      end)
    end)
  end

  it("refuse integers that would change, and booleans that are none", function()
    for dtype, bytes in pairs{ I64 = string.pack("<i8", (1 << 53) + 1), U64 = string.pack("<I8", -1),
      I32 = not helper.double and string.pack("<i4", (1 << 24) + 1) or nil } do
      with_file(file_of('{"x":' .. entry(dtype, 1, 0, #bytes) .. "}", bytes), function(path)
        helper.error_like(function() safetensors.load(path) end, "x%.safetensors: x: holds integers too large for")
      end)
    end
    with_file(file_of('{"x":' .. entry("I64", 1, 0, 8) .. "}", string.pack("<i8", math.maxinteger)), function(path)
      helper.error_like(function() safetensors.load(path) end, "integers too large")
    end)
    with_file(file_of('{"x":' .. entry("BOOL", 1, 0, 1) .. "}", "\2"), function(path)
      helper.error_like(function() safetensors.load(path) end, "x: expected booleans")
    end)
  end)
end)

describe("a broken safetensors file", function()
  local function refuses(bytes, pattern)
    with_file(bytes, function(path)
      local message = helper.error_like(function() safetensors.load(path) end,
        { "mg%.safetensors%.load: .*x%.safetensors: ", pattern })
      helper.error_like(function() safetensors.inspect(path) end, "mg%.safetensors%.inspect: ")
      assert.is_true(#message < 400, message)
    end)
  end
  local function header_refused(header, bytes, pattern) refuses(file_of(header, bytes), pattern) end
  local four = ("\0"):rep(4)

  it("is refused for its header", function()
    refuses("", "truncated: expected at least 8 bytes")
    refuses("1234567", "truncated")
    refuses(string.pack("<I8", 0), "not a safetensors file")
    refuses(string.pack("<I8", -1) .. "{}", "not a safetensors file")
    refuses(string.pack("<I8", 100000001) .. "{}", "it claims 100000001")
    refuses(string.pack("<I8", 50) .. "{}", "truncated: the header has 50 bytes")
    header_refused(" {}", "", "no JSON object")
    header_refused("[]", "", "no JSON object")
    header_refused('{"a":1,}', "", "header: line 1, column 8")
    header_refused('{"a":1}', "", "a: expected an object")
    header_refused(string.format('{"a":%s,"a":%s}', entry("F32", "1", 0, 4), entry("F32", "1", 4, 8)), four .. four,
      "stands twice")
    header_refused('{"__metadata__":{"a":1}}', "", "__metadata__: expected an object of strings")
    header_refused('{"__metadata__":["a"]}', "", "__metadata__: expected an object of strings")
    header_refused('{"a":null}', "", "a: expected an object")
    header_refused('{"__metadata__":[]}', "", "__metadata__: expected an object of strings")
    header_refused('{"__metadata__":null}', "", "__metadata__: expected an object of strings")
  end)

  it("is refused for an entry", function()
    header_refused('{"a":' .. entry("F8_E4M3", "1", 0, 1) .. "}", "x", "a: a dtype that is not known")
    header_refused('{"a":{"shape":[],"data_offsets":[0,4]}}', four, "dtype that is not known: nil")
    header_refused('{"a":{"dtype":"F32","data_offsets":[0,4]}}', four, "expected a shape")
    header_refused('{"a":{"dtype":"F32","shape":[]}}', four, "expected data_offsets")
    header_refused('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}', four, "unknown field string \"x\"")
    for _, offsets in ipairs{ "[0]", "[0,4,8]", "[0,4.0]", '["0","4"]', "[-4,0]", "{}", "null" } do
      header_refused('{"a":{"dtype":"F32","shape":[],"data_offsets":' .. offsets .. "}}", four, "data_offsets")
    end
    for _, shape in ipairs{ "1.0", "-1", '"1"', "null", "[1]", "1,1,1,1,1,1,1,1,1" } do
      header_refused('{"a":' .. entry("F32", shape, 0, 4) .. "}", four, "a: expected .*s[hi][az]")
    end
    header_refused('{"a":{"dtype":"F32","shape":{"a":1},"data_offsets":[0,4]}}', four, "a: expected a shape")
    header_refused('{"a":' .. entry("F32", "2", 0, 4) .. "}", four, "its shape takes 8 bytes, its data_offsets 4")
    header_refused('{"a":' .. entry("F32", "1", 4, 0) .. "}", four, "its shape takes 4 bytes, its data_offsets %-4")
    header_refused('{"a":' .. entry("F32", "4611686018427387904,4", 0, 0) .. "}", "", "too large a shape")
    header_refused('{"a":' .. entry("F32", "0,4611686018427387904,4", 0, 4) .. "}", four, "shape takes 0 bytes")
    header_refused('{"a":' .. entry("F32", "1152921504606846976", 0, 4611686018427387904) .. "}", four, "truncated")
  end)

  it("is refused for overlaps, holes and the wrong length", function()
    local function two(first_a, last_a, first_b, last_b)
      return string.format('{"a":%s,"b":%s}', entry("U8", last_a - first_a, first_a, last_a),
        entry("U8", last_b - first_b, first_b, last_b))
    end
    header_refused(two(0, 4, 3, 7), "1234567", "b: its numbers begin at 3, expected 4 %(they overlap")
    header_refused(two(0, 4, 0, 4), "1234", "b: .*overlap")
    header_refused(two(0, 4, 5, 8), "12345678", "b: its numbers begin at 5, expected 4 %(a hole")
    header_refused(two(1, 4, 4, 8), "12345678", "a: its numbers begin at 1, expected 0 %(a hole")
    header_refused(two(0, 4, 4, 8), "1234567", "truncated: the tensors take 8 bytes, the file has 7")
    header_refused(two(0, 4, 4, 8), "123456789", "1 bytes behind the last tensor")
    header_refused("{}", "1", "1 bytes behind")
    with_file(file_of(two(4, 8, 0, 4) .. "   ", "12345678"), function(path) -- any order, and spaces, are fine
      helper.near({ 53, 54, 55, 56 }, safetensors.load(path).a)
      helper.near({ 49, 50, 51, 52 }, safetensors.load(path).b)
    end)
  end)

  it("is refused where it is no file", function()
    helper.with_folder(function(folder)
      helper.error_like(function() safetensors.load(folder) end, "expected a regular file")
      helper.error_like(function() safetensors.load(folder .. "/none") end, "none: No such file or directory")
      helper.error_like(function() safetensors.load("/dev/zero") end, "expected a regular file")
      helper.error_like(function() safetensors.load() end, "mg%.safetensors%.load: expected a file's path, got nil")
    end)
  end)
end)

describe("saving safetensors", function()
  it("refuses what the format has no place for", function()
    helper.with_folder(function(folder)
      local path = folder .. "/x"
      local function refuses(pattern, ...)
        local arguments = table.pack(...)
        helper.error_like(function() safetensors.save(path, table.unpack(arguments, 1, arguments.n)) end,
          { "mg%.safetensors%.save: ", pattern })
      end
      refuses("expected a table of tensors by name, got nil")
      refuses("expected names of tensors", { mg.ones(1) })
      refuses("expected names of tensors other than \"__metadata__\"", { __metadata__ = mg.ones(1) })
      refuses("a: expected a tensor, got number 1", { a = 1 })
      refuses("metadata: expected strings under names, got number 1 under string \"k\"", {}, { k = 1 })
      refuses("metadata: expected strings", {}, { "x" })
      refuses("metadata: expected a table", {}, "x")
      helper.error_like(function() safetensors.save(path, { ["\xff"] = mg.ones(1) }) end, "expected text in UTF%-8")
      local freed = mg.ones(1)
      freed:free()
      helper.error_like(function() safetensors.save(path, { a = freed }) end, "freed")
      assert.same({}, encode.list(folder))
    end)
  end)
end)
