-- Tables from Lua files that are not trusted: what they may do, and what they cannot.

local sandbox = require "moongan.sandbox"

local function refused(text, ...)
  local result, message = sandbox.load(text, "file.lua")
  assert.is_nil(result, text)
  assert.equal("file.lua:", message:sub(1, 9))
  assert.falsy(message:find("\n", 1, true), message)
  for _, fragment in ipairs{ ... } do assert.truthy(message:find(fragment, 1, true), message) end
end

describe("sandbox.load", function()
  it("returns the table of a file", function()
    assert.same({ a = 1, b = { "x", true, 0.5 } }, sandbox.load('return { a = 1, b = { "x", true, 0.5 } }', "f"))
  end)

  it("lets a file compute", function()
    local result = assert(sandbox.load([[
      local list = {}
      for i, name in ipairs{ "b", "a" } do list[i] = ("%s%d"):format(name:upper(), math.floor(i * 1.5)) end
      table.sort(list)
      local function twice(x) return 2 * x end
      return { list = list, n = twice(#list), text = table.concat(list, "-"), long = ("ab"):rep(3, ",") }
    ]], "f"))
    assert.same({ list = { "A3", "B1" }, n = 4, text = "A3-B1", long = "ab,ab,ab" }, result)
  end)

  it("takes a script that hands its table to moongan.experiment", function()
    local script = '#!/usr/bin/env lua\nreturn require "moongan.experiment" { name = "x" }'
    assert.same({ name = "x" }, sandbox.load(script, "f"))
  end)

  it("says where a file is wrong", function()
    refused("return {", "file.lua:1:")
    refused("\nreturn nothing.at_all", "file.lua:2:")
    refused('error("my own words")', "my own words")
    refused("error({})", "an error that is a table")
    refused("return 3", "expected the file to return a table, got number")
    refused("", "got nil")
  end)

  it("gives no way out", function()
    local globals = "os io debug package coroutine load loadstring loadfile dofile collectgarbage getmetatable "
      .. "setmetatable rawget rawset rawequal next pcall xpcall print _G arg moongan"
    for name in globals:gmatch("%S+") do
      assert.same({ "nil" }, sandbox.load(string.format("return { type(%s) }", name), "f"), name)
    end
    for _, name in ipairs{ "string.dump", "string.gsub", "math.random", "math.randomseed", "table.move" } do
      assert.same({ "nil" }, sandbox.load(string.format("return { type(%s) }", name), "f"), name)
    end
    for _, name in ipairs{ "os", "io", "moongan", "moongan.core", "moongan.experiment.parts", "string" } do
      refused(string.format("return require %q", name), "cannot require")
    end
  end)

  it("gives no way out through the methods of strings", function()
    for _, name in ipairs{ "dump", "find", "match", "gmatch", "gsub", "pack" } do
      assert.same({ "nil" }, sandbox.load(string.format('return { type(("").%s) }', name), "f"), name)
    end
    assert(sandbox.load('string.format = nil; string.rep = function() return "mine" end; return {}', "f"))
    assert.equal("xx", ("x"):rep(2))
    assert.equal("5", ("%d"):format(5))
    assert.equal(2, ("abc"):find("b")) -- strings are themselves again
    sandbox.load("error()", "f")
    assert.equal(2, ("abc"):find("b"))
  end)

  it("leaves the program's own tables alone", function()
    local floor, insert = math.floor, table.insert
    assert(sandbox.load("math.floor = nil; table.insert = nil; ipairs = nil; x = 1; return {}", "f"))
    assert.equal(floor, math.floor)
    assert.equal(insert, table.insert)
    assert.is_nil(rawget(_G, "x"))
  end)

  it("refuses compiled code", function()
    refused(string.dump(function() return {} end), "binary chunk")
    refused("\27Lua", "binary chunk")
  end)

  it("ends what goes on for ever", function()
    for _, text in ipairs{
      "while true do end", "for i = 1, math.huge do end", "goto a ::a:: goto a", "repeat until false",
      "local function f() return f() end return f()", "table.sort({ 1, 2, 3 }, function() while true do end end)",
    } do
      refused(text, "it goes on for too long")
    end
    assert.is_nil(debug.gethook())
  end)

  it("ends what takes all memory", function()
    refused('local s = "x" while true do s = s .. s end', "too much memory")
    refused("local t = {} while true do t[#t + 1] = {} end", "too much memory")
    refused("local function f() return 1 + f() end return f()")
    refused('return { ("x"):rep(1e9) }', "a string of more than")
    refused('return { string.rep("x", 2, ("y"):rep(1e6)) .. string.rep("x", 1 << 40) }', "a string of more than")
    refused('local s = ("x"):rep(1e6) return { table.concat({ s, s }) }', "a string of more than")
    refused("return " .. ("{"):rep(10000))
    refused("return " .. ("("):rep(10000))
    refused(("-"):rep(2 << 20), "a file of more than")
  end)

  it("keeps the hook that was there", function()
    local function hook() end
    debug.sethook(hook, "", 1000000)
    assert(sandbox.load("return {}", "f"))
    sandbox.load("while true do end", "f")
    local kept, _, count = debug.gethook()
    debug.sethook()
    assert.equal(hook, kept)
    assert.equal(1000000, count)
  end)

  it("returns plain data only", function()
    refused("return { f = function() end }", "f: expected a string, a number, a boolean or a table, got a function")
    refused("return { a = { ipairs } }", "a.1: expected")
    refused("return { 0 / 0 }", "a finite number")
    refused("return { lr = math.huge }", "lr: expected a finite number")
    refused("return { [1.5] = 1 }", "names and places as keys")
    refused("return { [{}] = 1 }", "names and places as keys")
    refused("local t = {} t.t = t return t", "tables within tables")
    refused("local t = {} for i = 1, 20000 do t[i] = i end return t", "more than 10000 entries")
  end)
end)
