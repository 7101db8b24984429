local helper = require "spec.helper"
local json = require "moongan.json"

local function decodes(text, expected) assert.same(expected, json.decode(text)) end

local function refuses(text, pattern)
  local value, problem = json.try_decode(text)
  assert.is_nil(value)
  assert.matches(pattern, problem)
  assert.matches("^line %d+, column %d+: ", problem)
  helper.error_like(function() json.decode(text) end, { "mg%.json%.decode: line %d+, column", pattern })
end

describe("JSON read", function()
  it("gives values of every kind", function()
    decodes('{"a": [1, -2, 0.5, 1e2, true, false], "b": {"c": "d"}, "e": {}}',
      { a = { 1, -2, 0.5, 100.0, true, false }, b = { c = "d" }, e = {} })
    decodes(" \t\r\n[ ] ", {})
    decodes('"x"', "x")
    decodes("false", false)
    assert.equal(json.null, json.decode("[null]")[1])
    for text, kind in pairs{ ["[]"] = "array", ["{}"] = "object", null = "null", ["1"] = "number", ["true"] = "boolean",
      ['""'] = "string" } do assert.equal(kind, json.kind(json.decode(text))) end
  end)

  it("keeps integers exact and apart from floats", function()
    for text, expected in pairs{ ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
      ["0"] = 0, ["-7"] = -7, ["9007199254740993"] = 9007199254740993 } do
      assert.equal(expected, json.decode(text))
      assert.equal("integer", math.type(json.decode(text)))
    end
    for _, text in ipairs{ "1.0", "0e0", "1E5", "-0.0", "0.1" } do
      assert.equal("float", math.type(json.decode(text)))
      assert.equal(tonumber(text), json.decode(text))
    end
    refuses("[9223372036854775808]", "line 1, column 2: a whole number that needs more than 64 bits")
    refuses("1e400", "a number too large: \"1e400\"")
  end)

  it("takes escapes and characters of all planes", function()
    decodes([["\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00\u0000"]], '"\\/\b\f\n\r\té€😀\0')
    decodes('"é€😀\127"', "é€😀\127")
    for _, half in ipairs{ [["\ud83d"]], [["\ud83dx"]], [["\ud83d\u0041"]], [["\ude00"]], [["\ude00\ud83d"]] } do
      refuses(half, "half of a character")
    end
    refuses([["\u12g4"]], "four hexadecimal digits")
    refuses([["\x"]], "column 2: expected an escape")
    refuses('"a\nb"', "control character 10")
    refuses('"abc', "line 1, column 1: a string without an end")
    refuses('["\xff"]', "line 1, column 3: expected text in UTF%-8, got byte 0xff")
    refuses('"\xed\xa0\x80"', "UTF%-8") -- a surrogate encoded
  end)

  it("says where it is wrong and what it found", function()
    refuses('{"a": 1,\n "b": nul}', 'line 2, column 7: expected a value, got "nul"')
    refuses('{"a": 1,\n "a": 2}', 'line 2, column 2: key "a" stands twice')
    refuses('{"a": {}, "b": {"a": 1, "a": false}}', 'key "a" stands twice')
    refuses("[1, 2", "column 6: expected , or %] in an array, got the end")
    refuses('{"a" 1}', "expected : after a key")
    refuses('{a: 1}', 'expected a key in quotes, got "a"')
    refuses('{"a": 1,}', "expected a key in quotes")
    refuses("[1,]", 'expected a value, got "%]"')
    refuses("[1] 2", "column 5: expected the end after the value")
    refuses("", "expected a value, got the end")
    for _, text in ipairs{ "01", "-", "-01", "+1", ".5", "1.", "1e", "0x10", "1_000", "NaN", "Infinity", "-Infinity",
      "'x'", "True", "[1 2]", "\v1", "\xef\xbb\xbf1", "// x\n1" } do refuses(text, "expected") end
    helper.error_like(function() json.decode(7) end, "mg%.json%.decode: expected a string, got number 7")
  end)

  it("nests to a limit and refuses more", function()
    local deep = ("["):rep(200) .. ("]"):rep(200)
    assert.equal(deep, json.encode(json.decode(deep)))
    refuses("[" .. deep .. "]", "column 201: nested more than 200 deep")
    refuses(("["):rep(1000000), "nested more than 200 deep")
    refuses(('{"a":'):rep(1000000), "nested more than 200 deep")
  end)
end)

describe("JSON written", function()
  it("has keys in order, and arrays apart from objects", function()
    assert.equal('{"B":[1,2],"a":{"x":null},"b":[],"c":{}}',
      json.encode{ c = {}, b = json.array{}, B = { 1, 2 }, a = { x = json.null } })
    assert.equal('{\n  "a": [\n    1,\n    {\n      "b": true\n    }\n  ],\n  "c": []\n}',
      json.encode({ c = json.array{}, a = { 1, { b = true } } }, { indent = 2 }))
  end)

  it("reads back as it was, numbers to the last bit", function()
    local numbers = { 0.1, 1 / 3, 1e-320, 5e-324, 1.7976931348623157e308, 2.0, -0.0, 1e15, 123456789.123, 2 ^ 53,
      math.maxinteger, math.mininteger, 0, 3.141592653589793 }
    for i = 1, 300 do numbers[#numbers + 1] = helper.hash(5, i) * 10.0 ^ (i % 40 - 20) end
    local back = json.decode(json.encode(numbers))
    for i, number in ipairs(numbers) do
      assert.equal(string.pack(math.type(number) == "float" and "d" or "j", number),
        string.pack(math.type(back[i]) == "float" and "d" or "j", back[i]))
      assert.equal(math.type(number), math.type(back[i]))
    end
    local text = "é\0\31\127\"\\/\n€😀"
    assert.equal(text, json.decode(json.encode(text)))
    assert.equal('"\\u0000\\n\\"\\\\"', json.encode('\0\n"\\'))
  end)

  it("has no NaN, no infinity, nothing that is no data, and says where", function()
    for value, word in pairs{ [1 / 0] = "infinity", [-1 / 0] = "infinity", [print] = "function" } do
      helper.error_like(function() json.encode{ list = { 1, value } } end,
        "mg%.json%.encode: value%.list%[2%]: JSON has no " .. word)
    end
    helper.error_like(function() json.encode{ loss = 0 / 0 } end, "mg%.json%.encode: value%.loss: JSON has no NaN")
    helper.error_like(function() json.encode{ 1, nil, 3 } end, "a list without holes")
    helper.error_like(function() json.encode{ 1, x = 2 } end, 'got key string "x"')
    helper.error_like(function() json.encode{ [2.5] = 1 } end, "got key number 2.5")
    helper.error_like(function() json.encode{ [true] = 1 } end, "got key boolean true")
    helper.error_like(function() json.encode{ a = "\xff" } end, "value%.a: expected text in UTF%-8")
    helper.error_like(function() json.encode{ ["\xff"] = 1 } end, "expected text in UTF%-8")
    local loop = {}
    loop[1] = loop
    helper.error_like(function() json.encode(loop) end, "nested more than 200 deep")
    helper.error_like(function() json.encode({}, { indnt = 2 }) end, 'did you mean "indent"')
  end)
end)
