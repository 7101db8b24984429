-- Tensors as text.

local mg = require "moongan"
local helper = require "spec.helper"

local precision = helper.double and "float64" or "float32"

-- Assert that t prints as the lines given, the precision standing for PRECISION.
local function prints(t, ...)
  assert.equal((table.concat({ ... }, "\n"):gsub("PRECISION", precision)), tostring(t))
end

describe("printing", function()
  it("aligns columns, with four decimals", function()
    prints(mg.tensor{ { 0.12341, -1.234 }, { 0.33333, 1 } },
      "tensor([[ 0.1234, -1.2340],",
      "        [ 0.3333,  1.0000]], shape (2, 2), PRECISION)")
    prints(mg.tensor{ 0.5, 100.25 }, "tensor([  0.5000, 100.2500], shape (2,), PRECISION)")
  end)

  it("writes whole numbers without decimals", function()
    prints(mg.tensor{ 1, -20, 3 }, "tensor([  1, -20,   3], shape (3,), PRECISION)")
    prints(mg.zeros(2, 1), "tensor([[0],", "        [0]], shape (2, 1), PRECISION)")
  end)

  it("takes exponents where four decimals would not do", function()
    prints(mg.tensor{ 0.5, 0.000025 }, "tensor([5.0000e-01, 2.5000e-05], shape (2,), PRECISION)")
    prints(mg.tensor{ 0.00005, 0.00007 }, "tensor([5.0000e-05, 7.0000e-05], shape (2,), PRECISION)")
    prints(mg.tensor{ 1.5, -20000 }, "tensor([ 1.5000e+00, -2.0000e+04], shape (2,), PRECISION)")
    prints(mg.tensor{ 1, 1e12 }, "tensor([1.0000e+00, 1.0000e+12], shape (2,), PRECISION)")
  end)

  it("shows what is not a number or not finite", function()
    prints(mg.tensor{ 0 / 0, 1 / 0, -1 / 0, 1 }, "tensor([ nan,  inf, -inf,    1], shape (4,), PRECISION)")
    prints(mg.tensor{ 0 / 0, 1.5 }, "tensor([   nan, 1.5000], shape (2,), PRECISION)")
    prints(mg.tensor(0 / 0), "tensor(nan, PRECISION)")
    prints(mg.tensor(-1 / 0), "tensor(-inf, PRECISION)")
  end)

  it("shows a single number in full", function()
    prints(mg.tensor(3.5), "tensor(3.5, PRECISION)")
    prints(mg.tensor(0.1), "tensor(0.1, PRECISION)")
    prints(mg.tensor(123456), "tensor(123456, PRECISION)")
    prints(mg.tensor(1e30), "tensor(1e+30, PRECISION)")
    prints(mg.tensor(1 / 3), ("tensor(%s, PRECISION)"):format(helper.double and "0.3333333333333333" or "0.33333334"))
  end)

  it("shows empty tensors by their shape", function()
    prints(mg.zeros(0), "tensor([], shape (0,), PRECISION)")
    prints(mg.zeros(2, 0, 3), "tensor([], shape (2, 0, 3), PRECISION)")
  end)

  it("sets blocks apart", function()
    prints(mg.arange(8):reshape(2, 2, 2),
      "tensor([[[0, 1],",
      "         [2, 3]],",
      "",
      "        [[4, 5],",
      "         [6, 7]]], shape (2, 2, 2), PRECISION)")
  end)

  it("breaks long rows", function()
    prints(mg.arange(30),
      "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,",
      "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29], shape (30,), PRECISION)")
  end)

  it("leaves out the middle of more than 1000 elements", function()
    prints(mg.arange(1001), "tensor([   0,    1,    2, ...,  998,  999, 1000], shape (1001,), PRECISION)")
    assert.is_nil(tostring(mg.arange(1000)):find("...", 1, true))
    prints(mg.arange(2400):reshape(8, 5, 60)[{ {}, { 1, 3 } }],
      "tensor([[[   0,    1,    2, ...,   57,   58,   59],",
      "         [  60,   61,   62, ...,  117,  118,  119],",
      "         [ 120,  121,  122, ...,  177,  178,  179]],",
      "",
      "        [[ 300,  301,  302, ...,  357,  358,  359],",
      "         [ 360,  361,  362, ...,  417,  418,  419],",
      "         [ 420,  421,  422, ...,  477,  478,  479]],",
      "",
      "        [[ 600,  601,  602, ...,  657,  658,  659],",
      "         [ 660,  661,  662, ...,  717,  718,  719],",
      "         [ 720,  721,  722, ...,  777,  778,  779]],",
      "",
      "        ...,",
      "",
      "        [[1500, 1501, 1502, ..., 1557, 1558, 1559],",
      "         [1560, 1561, 1562, ..., 1617, 1618, 1619],",
      "         [1620, 1621, 1622, ..., 1677, 1678, 1679]],",
      "",
      "        [[1800, 1801, 1802, ..., 1857, 1858, 1859],",
      "         [1860, 1861, 1862, ..., 1917, 1918, 1919],",
      "         [1920, 1921, 1922, ..., 1977, 1978, 1979]],",
      "",
      "        [[2100, 2101, 2102, ..., 2157, 2158, 2159],",
      "         [2160, 2161, 2162, ..., 2217, 2218, 2219],",
      "         [2220, 2221, 2222, ..., 2277, 2278, 2279]]], shape (8, 3, 60), PRECISION)")
  end)

  it("looks at the elements it shows alone", function()
    local t = mg.zeros(2000)
    t[1000] = 0.5
    prints(t, "tensor([0, 0, 0, ..., 0, 0, 0], shape (2000,), PRECISION)")
  end)

  it("tells which tensors require a gradient", function()
    local w = mg.tensor{ 1, 2 }:requires_grad_(true)
    prints(w, "tensor([1, 2], shape (2,), PRECISION, requires_grad)")
    prints((w * 2):sum(), "tensor(6, PRECISION, requires_grad)")
  end)

  it("is quick and bounded, whatever the size", function()
    assert.is_true(#tostring(mg.zeros(1000, 1000)) < 1000)
    assert.is_true(#tostring(mg.zeros(1, 1, 1, 1, 1, 1, 1, 1001)) < 200)
  end)
end)
