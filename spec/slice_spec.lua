-- t[key] and t[key] = value.

local mg = require "moongan"
local helper = require "spec.helper"
local near, same_bits, error_like, values = helper.near, helper.same_bits, helper.error_like, helper.values

describe("reading t[key]", function()
  local x = mg.arange(24):reshape(2, 3, 4)

  it("picks a position with a number", function()
    near({ 3, 4 }, x[1]:shape(), 0)
    near({ 12, 13, 14, 15 }, x[2][1], 0)
    near(23, x[2][3][4], 0)
    near(23, x[-1][-1][-1], 0)
    assert.equal(0, x[1][1][1]:dim())
    near(x[2], x[2.0], 0)
  end)

  it("takes numbers, ranges and everything, by dimension", function()
    near({ { 4, 5, 6, 7 }, { 8, 9, 10, 11 } }, x[{ 1, { 2, 3 } }], 0)
    near({ { 0, 4, 8 }, { 12, 16, 20 } }, x[{ {}, {}, 1 }], 0)
    near({ { 1, 2 }, { 13, 14 } }, x[{ {}, 1, { 2, 3 } }], 0)
    near({ { { 23 } } }, x[{ { -1, -1 }, { 3, -1 }, { 4, 4 } }], 0)
    near(17, x[{ 2, 2, 2 }], 0)
    near({ 2, 3, 4 }, x[{}]:shape(), 0)
    near({ 2, 3, 4 }, x[{ {}, {}, {} }]:shape(), 0)
    near({ 3, 2 }, x[{ 1, {}, { 1, 2 } }]:shape(), 0)
    assert.equal(5, mg.tensor(5)[{}]:item())
    near({ 0, 4 }, mg.zeros(2, 0, 4)[{ 1, {} }]:shape(), 0)
  end)

  it("shares storage as far as the leading dimensions go", function()
    local t = mg.zeros(2, 3)
    t[1]:fill_(1)
    t[{ 2, 3 }]:fill_(2)
    t[{ 2, { 1, 2 } }]:add_(5)
    near({ { 1, 1, 1 }, { 5, 5, 2 } }, t, 0)
  end)

  it("refuses keys that fit nothing", function()
    error_like(function() return x[3] end, { "tensor index", "1%.%.2 or %-2%.%.%-1", "%(2, 3, 4%)", "got 3" })
    error_like(function() return x[0] end, { "tensor index", "got 0" })
    error_like(function() return x[-3] end, { "tensor index", "got %-3" })
    error_like(function() return x[1.5] end, { "tensor index", "whole number", "1%.5" })
    error_like(function() return x[0 / 0] end, { "tensor index", "whole number" })
    error_like(function() return mg.tensor(5)[1] end, { "tensor index", "0 dimensions" })
    error_like(function() return x[{ 1, 1, 1, 1 }] end, { "tensor index", "table of 4" })
    error_like(function() return x[{ { 1 } }] end, { "tensor index", "first, last", "one entry" })
    error_like(function() return x[{ { 1, 2, 3 } }] end, { "tensor index", "first, last" })
    error_like(function() return x[{ { 2, 1 } }] end, { "tensor index", "{2, 1}" })
    error_like(function() return x[{ { 1, 3 } }] end, { "tensor index", "got 3" })
    error_like(function() return x[{ { 1, true } }] end, { "tensor index", "true" })
    error_like(function() return x[{ true }] end, { "tensor index", "dimension 1", "true" })
    error_like(function() return x[{ first = 1 }] end, { "tensor index", "named fields" })
    error_like(function() return x[{ [2] = 1 }] end, { "tensor index" })
    error_like(function() return mg.zeros(0)[1] end, { "tensor index" })
  end)

  it("refuses a freed tensor", function()
    local t = mg.zeros(2)
    t:free()
    error_like(function() return t[1] end, { "freed" })
    error_like(function() t[1] = 1 end, { "freed" })
    error_like(function() x[1] = t end, { "freed" })
  end)

  it("is part of the graph", function()
    local w = values({ 3, 4 }, 1):requires_grad_(true)
    local doubled = w[2] * 2
    doubled:sum():backward()
    w[{ {}, { 2, 3 } }]:sum():backward()
    near({ { 0, 1, 1, 0 }, { 2, 3, 3, 2 }, { 0, 1, 1, 0 } }, w.grad, 0)
  end)
end)

describe("writing t[key]", function()
  it("fills a part with a number", function()
    local t = mg.zeros(2, 3)
    t[2] = 5
    t[{ 1, { 2, 3 } }] = -1
    t[{ 1, 1 }] = 0.5
    near({ { 0.5, -1, -1 }, { 5, 5, 5 } }, t, 0)
    t[{}] = 4
    near({ { 4, 4, 4 }, { 4, 4, 4 } }, t, 0)
    t[{ {}, -1 }] = 7
    near({ { 4, 4, 7 }, { 4, 4, 7 } }, t, 0)
    local scalar = mg.tensor(1)
    scalar[{}] = 3
    near(3, scalar, 0)
  end)

  it("copies a tensor, by NumPy's rule", function()
    local t = mg.zeros(2, 3, 2)
    t[1] = mg.tensor{ 1, 2 }
    t[{ 2, {}, 1 }] = mg.tensor{ 5, 6, 7 }
    t[{ 2, { 2, 3 }, {} }] = mg.tensor{ { 8 }, { 9 } }
    near({ { { 1, 2 }, { 1, 2 }, { 1, 2 } }, { { 5, 0 }, { 8, 8 }, { 9, 9 } } }, t, 0)
    t[{ {}, { 1, 2 } }] = mg.full({ 1, 1, 1, 1 }, 3)
    near({ { 3, 3 }, { 3, 3 }, { 1, 2 } }, t[1], 0)
    t[{ {}, 3, {} }] = mg.tensor{ { 1, 2 }, { 3, 4 } }
    near({ { 1, 2 }, { 3, 4 } }, t[{ {}, 3 }], 0)
  end)

  it("copies from itself", function()
    local t = mg.tensor{ 1, 2, 3, 4 }
    t[{ { 2, 4 } }] = t[{ { 1, 3 } }]
    near({ 1, 1, 2, 3 }, t, 0)
    local m = mg.tensor{ { 1, 2 }, { 3, 4 } }
    m[{}] = m[1]
    near({ { 1, 2 }, { 1, 2 } }, m, 0)
    local square = mg.tensor{ { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } }
    square[{ {}, 2 }] = square[1]
    near({ { 1, 1, 3 }, { 4, 2, 6 }, { 7, 3, 9 } }, square, 0)
  end)

  it("refuses what does not fit, and leaves the tensor as it was", function()
    local t = mg.zeros(2, 3)
    error_like(function() t[1] = mg.zeros(2) end, { "tensor assignment", "%(2,%)", "%(3,%)" })
    error_like(function() t[{ {}, 1 }] = mg.zeros(2, 1, 2) end, { "tensor assignment", "%(2, 1, 2%)", "%(2,%)" })
    error_like(function() t[3] = 1 end, { "tensor index", "got 3" })
    error_like(function() t[1] = "x" end, { "tensor assignment", "a number or a tensor", "string \"x\"" })
    error_like(function() t[1] = nil end, { "tensor assignment", "nil" })
    error_like(function() t[1] = { 1, 2, 3 } end, { "tensor assignment", "table" })
    near({ { 0, 0, 0 }, { 0, 0, 0 } }, t, 0)
  end)

  it("keeps to the rules of changes in place", function()
    local w = mg.zeros(2):requires_grad_(true)
    error_like(function() w[1] = 1 end, { "tensor assignment", "no_grad" })
    mg.no_grad(function() w[1] = 1 end)
    near({ 1, 0 }, w, 0)
    local t = mg.zeros(2)
    error_like(function() t[1] = (w * 2)[1] end, { "tensor assignment", "detach" })
    t[1] = (w * 2)[1]:detach()
    near({ 2, 0 }, t, 0)
    local x = mg.ones(2)
    local y = (w * x):sum()
    x[1] = 5
    error_like(function() y:backward() end, { "changed in place" })
  end)

  it("leaves nothing behind", function()
    helper.leak_check(function()
      local t = mg.zeros(3, 4)
      t[2] = t[1]
      t[{ {}, { 2, 3 } }] = mg.ones(3, 1)
      pcall(function() t[1] = mg.zeros(7) end)
      pcall(function() return t[9] end)
      same_bits(t[2][1], t[{ 2, 1 }])
    end)
  end)

  it("survives the collector at every step", function()
    helper.gc_stress(function()
      local t = mg.zeros(3, 4)
      for i = 1, 3 do
        t[i] = mg.full({ 4 }, i)
        near(i, t[i][{ { 1, 2 } }][2], 0)
      end
    end)
  end)
end)
