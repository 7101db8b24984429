-- Command-line options of scripts (moongan.config) and progress lines.

local config = require "moongan.config"
local progress = require "moongan.progress"
local helper = require "spec.helper"

local rows = {
  about = "A script of examples.",
  { "iterations", 300, "updates", min = 1 },
  { "lr", 0.1, "learning rate", min = 0.0, max = 1.0 },
  { "quiet", false, "say nothing" },
  { "data", "mnist", "data set", choices = { "mnist", "fashion_mnist" } },
  { "out", "runs/x", "folder" },
}

describe("config.read", function()
  it("gives the defaults where nothing is said", function()
    assert.same({ iterations = 300, lr = 0.1, quiet = false, data = "mnist", out = "runs/x" }, config.read({}, rows))
  end)

  it("types a value by its default", function()
    local o = config.read({ "iterations=1e3", "lr=1", "quiet=yes", "data=fashion_mnist", "out=a=b" }, rows)
    assert.same({ iterations = 1000, lr = 1.0, quiet = true, data = "fashion_mnist", out = "a=b" }, o)
    assert.equal("integer", math.type(o.iterations))
    assert.equal("float", math.type(o.lr))
  end)

  it("accepts dashes before a key", function()
    assert.equal(7, config.read({ "--iterations=7" }, rows).iterations)
  end)

  local wrong = {
    ["iteration=3"] = { "unknown key \"iteration\"", "did you mean iterations" },
    ["iterations"] = { "expected key=value", "\"iterations\"" },
    ["iterations=2.5"] = { "iterations: expected a whole number, got \"2.5\"" },
    ["iterations=0"] = { "iterations: expected at least 1, got \"0\"" },
    ["lr=fast"] = { "lr: expected a number, got \"fast\"" },
    ["lr=nan"] = { "lr: expected a number, got \"nan\"" },
    ["lr=2"] = { "lr: expected at most 1" },
    ["quiet=maybe"] = { "quiet: expected true or false, got \"maybe\"" },
    ["data=cifar"] = { "data: expected one of mnist, fashion_mnist, got \"cifar\"" },
    ["=3"] = { "expected key=value" },
  }
  for argument, fragments in pairs(wrong) do
    it("refuses " .. argument, function()
      local o, message = config.read({ argument }, rows)
      assert.is_nil(o)
      for _, fragment in ipairs(fragments) do assert.truthy(message:find(fragment, 1, true), message) end
    end)
  end
end)

describe("config.parse in a script", function()
  local script = [[
    local o = require("moongan.config").parse(arg, { about = "About it.", { "lr", 0.1, "the rate" } })
    print("lr is " .. o.lr)]]

  local function run_script(arguments)
    local text, status
    helper.with_folder(function(folder)
      local file = assert(io.open(folder .. "/script.lua", "w"))
      file:write(script)
      file:close()
      text, status = helper.run(string.format("LUA_PATH='%s' %s %s/script.lua %s", package.path, helper.interpreter(),
        folder, arguments))
    end)
    return text, status
  end

  it("gives values", function()
    local text, status = run_script("lr=0.5")
    assert.equal("lr is 0.5\n", text)
    assert.equal(0, status)
  end)

  it("prints help with defaults and meanings", function()
    local text, status = run_script("--help")
    assert.equal(0, status)
    for _, fragment in ipairs{ "Usage:", "About it.", "lr=0.1", "the rate" } do
      assert.truthy(text:find(fragment, 1, true), text)
    end
  end)

  it("ends with status 2 and one line for an unknown key", function()
    local text, status = run_script("rate=0.5")
    assert.equal(2, status)
    assert.truthy(text:find('script.lua: unknown key "rate"', 1, true), text)
    assert.falsy(text:find("traceback"), text)
    assert.equal(1, select(2, text:gsub("\n", "")))
  end)
end)

describe("progress", function()
  local function with_clock(settings)
    local time, written = 0, {}
    settings.clock = function() return time end
    settings.write = function(text) written[#written + 1] = text end
    return progress.new(settings), written, function(seconds) time = seconds end
  end

  it("writes durations as people do", function()
    assert.equal("42s", progress.duration(42.2))
    assert.equal("3:07", progress.duration(187))
    assert.equal("1:02:33", progress.duration(3753))
  end)

  it("shows percent, rate and time left", function()
    local bar = with_clock{ total = 200, terminal = true }
    local line = bar:line(50, 10, "D 0.1  G 0.2")
    assert.equal("[#####...............]   25%  50/200  D 0.1  G 0.2  5 it/s  30s left", line)
  end)

  it("shows the whole where an earlier run went before, and the pace of this one", function()
    local plain = with_clock{ total = 200, from = 100 }
    assert.equal(" 75%  150/200  x  5 it/s  10s left", plain:line(150, 10, "x"))
    assert.equal("100%  100/100  x  0 it/s  5s", with_clock{ total = 100, from = 100 }:line(100, 5, "x"))
  end)

  it("goes by time where only time is limited", function()
    local plain = with_clock{ seconds = 20 }
    assert.equal(" 50%  7  x  0.7 it/s  10s left", plain:line(7, 10, "x"))
  end)

  it("writes a plain line every five seconds elsewhere than on a terminal", function()
    local plain, written, set_time = with_clock{ total = 10, terminal = false }
    assert.is_true(plain:due())
    plain:show(1, "x")
    set_time(4.9)
    assert.is_false(plain:due())
    set_time(5)
    assert.is_true(plain:due())
    plain:finish(10, "x")
    assert.equal(2, #written)
    assert.falsy(table.concat(written):find("[\r\27]"))
    assert.equal("100%  10/10  x  2 it/s  5s\n", written[2])
  end)

  it("draws over its line on a terminal and ends it once", function()
    local bar, written = with_clock{ total = 2, terminal = true }
    bar:show(1, "x")
    bar:finish(2, "x")
    local text = table.concat(written)
    assert.equal(2, select(2, text:gsub("\r", "")))
    assert.equal(1, select(2, text:gsub("\n", "")))
  end)
end)
