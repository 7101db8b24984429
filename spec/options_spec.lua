local mg = require "moongan"
local options = require "moongan.options"
local helper = require "spec.helper"

describe("options", function()
  local known = {
    folder = options.optional("string"),
    split = options.one_of("train", "test"),
    scale = options.integer(1, 1, 64),
    alpha = options.number(0.5),
    range = options.range(-1, 1),
    flat = true,
    hook = options.optional("callable", "integer"),
  }
  local function check(given) return options.check("f", given, known) end

  it("fill in defaults", function()
    local o = check()
    assert.same({ split = "train", scale = 1, alpha = 0.5, range = { -1, 1 }, flat = true }, o)
  end)

  it("take what is given, and leave the caller's table alone", function()
    local given = { split = "test", scale = 3.0, flat = false, hook = print }
    local o = check(given)
    assert.equal("test", o.split)
    assert.equal("integer", math.type(o.scale))
    assert.is_false(o.flat)
    assert.equal(print, o.hook)
    assert.same({ split = "test", scale = 3.0, flat = false, hook = print }, given)
  end)

  it("accept callable tables", function()
    local callable = setmetatable({}, { __call = function() end })
    assert.equal(callable, check{ hook = callable }.hook)
  end)

  it("know types by the name in a metatable", function()
    local dataset = mg.data.from_tensor(mg.zeros(1))
    assert.is_true(options.is(mg.zeros(1), "moongan.Tensor"))
    assert.is_true(options.is(dataset, "moongan.Dataset"))
    assert.is_false(options.is({}, "moongan.Dataset"))
    assert.equal("moongan.Tensor", options.describe(mg.zeros(1)))
    assert.equal("moongan.Dataset", options.describe(dataset))
  end)

  it("suggest the nearest name for an unknown one", function()
    helper.error_like(function() check{ fodler = "x" } end, { 'f: unknown option "fodler"', 'did you mean "folder"%?' })
    helper.error_like(function() check{ Split = "x" } end, 'did you mean "split"%?')
    helper.error_like(function() check{ zzzzzzzz = 1 } end, "options: alpha, flat, folder")
    helper.error_like(function() check{ "x" } end, "options are named")
  end)

  it("name option, expectation and value", function()
    helper.error_like(function() check{ folder = 3 } end, "f: option folder: expected string, got number 3")
    helper.error_like(function() check{ split = "valid" } end, 'split: expected "train" or "test", got string "valid"')
    helper.error_like(function() check{ scale = 65 } end, "scale: expected a whole number from 1 to 64, got number 65")
    helper.error_like(function() check{ scale = 1.5 } end, "got number 1.5")
    helper.error_like(function() check{ alpha = "x" } end, "alpha: expected a number")
    helper.error_like(function() check{ alpha = 0 / 0 } end, "got number %-?nan")
    helper.error_like(function() check{ flat = 1 } end, "flat: expected boolean, got number 1")
    helper.error_like(function() check{ hook = {} } end, "hook: expected callable or integer, got table")
    for _, range in ipairs{ {}, { 1 }, { 1, 1 }, { 0, math.huge }, { 0, 1, 2 }, { "0", 1 } } do
      helper.error_like(function() check{ range = range } end, "range: expected two different finite numbers")
    end
    helper.error_like(function() check("x") end, "f: expected a table of options")
    helper.error_like(function() options.check("f", {}, { a = options.required("string") }) end,
      "option a: expected string, got nil")
  end)

  it("point errors at the line outside moongan that made the call", function()
    local function call() mg.image.save("x.png", mg.zeros(2, 2), { rnage = { 0, 1 } }) end
    local line = debug.getinfo(call, "S").linedefined
    helper.error_like(call, string.format("^[^:]*options_spec%%.lua:%d: mg%%.image%%.save:", line))
    local function core_call() mg.data.from_tensor(3) end
    line = debug.getinfo(core_call, "S").linedefined
    helper.error_like(core_call,
      string.format("^[^:]*options_spec%%.lua:%d: mg%%.data%%.from_tensor: argument 1", line))
  end)
end)
