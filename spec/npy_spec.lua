local encode = require "spec.encode"
local helper = require "spec.helper"
local golden = require "spec.fixtures.format_golden"
local mg = require "moongan"

local function with_file(bytes, f)
  helper.with_folder(function(folder) f(encode.write(folder .. "/x.npy", bytes)) end)
end

-- A file of version 1.0 with this dictionary.
local function file_of(dictionary, bytes) return "\x93NUMPY\1\0" .. string.pack("<s2", dictionary) .. (bytes or "") end

describe("NumPy's file", function()
  for _, row in ipairs(golden.npy) do
    it("of " .. row.name .. " and " .. #row.shape .. " dimensions is read", function()
      with_file(row.bytes, function(path)
        local x = mg.npy.load(path)
        assert.same(row.shape, x:shape())
        helper.near(row.values, helper.flat(x), 0)
      end)
    end)
  end

  it("is written as NumPy writes it", function()
    helper.with_folder(function(folder)
      local path, dtype = folder .. "/x.npy", helper.double and "<f8" or "<f4"
      local format = helper.double and "<d" or "<f"
      for text, tensor in pairs{ ["(), "] = mg.tensor(2), ["(3,), "] = mg.tensor{ 1, -2, 3 },
        ["(2, 1), "] = mg.tensor{ { 4 }, { 5 } }, ["(0, 2), "] = mg.zeros(0, 2) } do
        mg.npy.save(path, tensor)
        local bytes, numbers = encode.read(path), {}
        for i, number in ipairs(helper.flat(tensor)) do numbers[i] = string.pack(format, number) end
        local header = "{'descr': '" .. dtype .. "', 'fortran_order': False, 'shape': " .. text .. "}"
        header = header .. (" "):rep(117 - #header) .. "\n"
        assert.equal("\x93NUMPY\1\0\118\0" .. header .. table.concat(numbers), bytes)
        helper.same_bits(tensor, mg.npy.load(path))
      end
      helper.error_like(function() mg.npy.save(path, 3) end, "mg%.npy%.save: expected a tensor, got number 3")
    end)
  end)

  it("may have its keys in any order and quotes, spaces and no last comma", function()
    for _, header in ipairs{ "{'shape': (2,), 'fortran_order': False, 'descr': '|u1'}",
      '{"descr":"|u1","fortran_order":False,"shape":(2 ,)}\n',
      "  { 'fortran_order' : True , 'shape':( 2, ), 'descr':'<u1', }" } do
      with_file(file_of(header, "\7\9"), function(path) helper.near({ 7, 9 }, mg.npy.load(path)) end)
    end
  end)
end)

describe("a broken .npy file", function()
  local function refuses(bytes, pattern)
    with_file(bytes, function(path)
      helper.error_like(function() mg.npy.load(path) end, { "mg%.npy%.load: .*x%.npy: ", pattern })
    end)
  end
  local function header_refused(descr, order, shape, pattern, bytes)
    refuses(file_of(string.format("{'descr': %s, 'fortran_order': %s, 'shape': %s, }", descr, order, shape),
      bytes or "\0\0\0\0"), pattern)
  end

  it("is refused for its beginning", function()
    refuses("", "truncated: the header ends early")
    refuses("\x93NUMPY\1", "truncated")
    refuses("\x94NUMPY\1\0\10\0", "not a %.npy file")
    refuses("\x93NUMPY\4\0\10\0\0\0", "version 4%.0 of the format")
    refuses("\x93NUMPY\1\1\10\0", "version 1%.1 of the format")
    refuses("\x93NUMPY\2\0\255\255\255\255", "a header of 4294967295 bytes")
    refuses("\x93NUMPY\1\0\200\0{'descr'", "truncated: the header ends early")
  end)

  it("is refused for its dictionary", function()
    header_refused("'<f4'", "False", "()", "8 bytes behind the array", ("\0"):rep(12))
    header_refused("'<f4'", "False", "(1,)", "truncated: expected 4 bytes of numbers, the file has 3", "\0\0\0")
    header_refused("'<f4'", "False", "(4611686018427387904, 4)", "more numbers than any file")
    header_refused("'<f4'", "False", "(1152921504606846976,)", "truncated: expected 4611686018427387904 bytes")
    header_refused("'<f4'", "False", "(99999999999999999999,)", "header: shape of a plain array")
    header_refused("'<f4'", "True", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", "9 dimensions, expected at most 8")
    for _, shape in ipairs{ "(1)", "(-1,)", "(1, , 1)", "(, 1)", "(1 1)", "[1]", "1", "None", "(1L,)", "((1,),)" } do
      header_refused("'<f4'", "False", shape, "header: shape of a plain array expected")
    end
    for _, order in ipairs{ "false", "0", "None", "'False'" } do
      header_refused("'<f4'", order, "(1,)", "header: fortran_order of a plain array expected")
    end
    for _, descr in ipairs{ "'|O'", "'<U4'", "'<c8'", "'<f16'", "'f4'", "'<M8[s]'", "'|b2'", "''" } do
      header_refused(descr, "False", "(1,)", "arrays of .* are not read")
    end
    header_refused("'|f4'", "False", "(1,)", "order of bytes is missing")
    header_refused("[('a', '<f4')]", "False", "(1,)", "header: descr of a plain array expected")
    refuses(file_of("{'descr': '<f4', 'fortran_order': False}"), "header: no 'shape'")
    refuses(file_of("{'descr': '<f4', 'descr': '<f4', 'shape': ()}"), "once each, got string \"'descr': '<f4'")
    refuses(file_of("{'dtype': '<f4'}"), "expected 'descr', 'fortran_order' and 'shape' once each")
    refuses(file_of("{'descr': '<f4' 'shape': ()}"), "expected , or } after 'descr'")
    refuses(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x"), "bytes behind the dictionary")
    refuses(file_of("['<f4']"), "expected a dictionary")
    refuses(file_of(""), "expected a dictionary")
  end)

  it("is refused where numbers would change", function()
    header_refused("'<i8'", "False", "()", "integers too large for float", string.pack("<i8", (1 << 53) + 1))
    header_refused("'|b1'", "False", "()", "expected booleans", "\2")
  end)
end)
