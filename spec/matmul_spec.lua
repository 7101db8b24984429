-- Some products go another way than the rest, which must not show in the result: those whose left side is to a good
-- part zeros, and those of few rows with a right side that is stored transposed.  A rectifier after a product is part
-- of it, and must not show either.

local helper = require "spec.helper"
local mg = require "moongan"

-- A matrix of which about so much is not 0.
local function sparse(density, rows, columns) return mg.randn(rows, columns) * mg.rand(rows, columns):lt(density) end

-- The same product with one column more: only dense products have a number of columns that no vector divides.
local function dense(a, b, transpose_a, transpose_b)
  local columns = transpose_b and 1 or 2
  local n = b:size(columns)
  local one = transpose_b and mg.zeros(1, b:size(2)) or mg.zeros(b:size(1), 1)
  return mg.matmul(a, mg.cat({ b, one }, columns), transpose_a, transpose_b):narrow(2, 1, n)
end

-- To the bit where the core multiplies itself; a BLAS may add up the two in different orders.
local own = mg.build().simd == "avx512" and mg.precision == 32

local function same(expected, actual)
  helper.near(expected, actual)
  if own then helper.same_bits(expected, actual) end
end

-- On one thread, and on a number that divides little.
local function with_threads(check)
  for _, threads in ipairs{ 1, 3 } do helper.with_threads(threads, check) end
end

-- m, k, n, density of the left side
local cases = {
  { 64, 300, 784, 0.5 }, { 37, 301, 400, 0.3 }, { 41, 1200, 384, 0.6 }, { 130, 113, 416, 0.05 }, { 300, 64, 400, 0.4 },
  { 270, 99, 400, 0.5 }, { 64, 200, 400, 0 },
}

describe("a product whose left side is sparse", function()
  before_each(function() mg.manual_seed(11) end)

  for _, case in ipairs(cases) do
    local m, k, n, density = table.unpack(case)
    it(string.format("is the dense one: %d x %d by %d, %g", m, k, n, density), function()
      local a, b, bias = sparse(density, m, k), mg.randn(k, n), mg.randn(n)
      local expected, turned, b_turned = dense(a, b), a:t():clone(), b:t():clone()
      with_threads(function()
        same(expected, mg.matmul(a, b))
        same(expected + bias, mg.linear(a, b, bias))
        same(dense(a, b_turned, false, true), mg.matmul(a, b_turned, false, true))
        same(dense(turned, b, true), mg.matmul(turned, b, true))
      end)
    end)
  end

  it("has the derivatives of the dense one", function()
    local a, b, g = sparse(0.4, 64, 512), mg.randn(512, 400), sparse(0.4, 64, 400)
    a.requires_grad, b.requires_grad = true, true
    (mg.matmul(a, b) * g):sum():backward()
    same(dense(g, b:detach(), false, true), a.grad)
    same(dense(a:detach(), g, true, false), b.grad)
  end)

  for _, bad in ipairs{ 0 / 0, 1 / 0, -1 / 0 } do
    it("shows " .. tostring(bad) .. " that 0 is multiplied by", function()
      local a, b = sparse(0.4, 64, 512), mg.randn(512, 400)
      a[7][500] = 0
      b[500][3] = bad
      local c = mg.matmul(a, b)
      local number = c[7][3]:item()
      assert.are_not.equal(number, number)
      same(dense(a, b):narrow(2, 4, 397), c:narrow(2, 4, 397))
      a[7][500] = bad
      b[500][3] = 0
      number = mg.matmul(a, b)[7][3]:item()
      assert.are_not.equal(number, number)
    end)
  end

  it("asks the system for memory once", function()
    local a, b = sparse(0.5, 64, 512), mg.randn(512, 784)
    mg.matmul(a, b):free()
    local before = mg.memory().system_requests
    for _ = 1, 5 do mg.matmul(a, b):free() end
    assert.are.equal(before, mg.memory().system_requests)
  end)
end)

describe("a product with a right side stored transposed", function()
  before_each(function() mg.manual_seed(12) end)

  -- With one row more, a number that no vector divides, it goes the plain way.
  local function plain(a, b)
    return mg.matmul(mg.cat({ a, mg.zeros(1, a:size(2)) }, 1), b, false, true):narrow(1, 1, a:size(1))
  end

  for _, case in ipairs{ { 64, 300, 200 }, { 16, 77, 1000 }, { 128, 129, 257 }, { 112, 1000, 235 }, { 48, 64, 97 } } do
    local m, k, n = table.unpack(case)
    it(string.format("is the plain one: %d x %d by %d", m, k, n), function()
      local a, b = mg.randn(m, k), mg.randn(n, k)
      local expected = plain(a, b)
      with_threads(function()
        same(expected, mg.matmul(a, b, false, true))
      end)
    end)
  end

  it("shows NaN and infinity where they belong", function()
    local a, b = mg.randn(64, 300), mg.randn(200, 300)
    b[150][7] = 0 / 0
    a[5][9] = 1 / 0
    local c = mg.matmul(a, b, false, true)
    local finite = mg.eq(c - c, mg.zeros(1))
    assert.are.equal(63 * 199, finite:sum():item())
    assert.are.equal(0, finite:select(1, 5):sum():item())
    assert.are.equal(0, finite:select(2, 150):sum():item())
  end)
end)

describe("a product with a rectifier after it", function()
  before_each(function() mg.manual_seed(13) end)

  -- Few rows; few, and a narrow last panel; many; next to nothing; and half of x is 0.
  local shapes = { { 64, 512, 512 }, { 40, 300, 77 }, { 600, 200, 150 }, { 3, 5, 2 }, { 100, 600, 800, zeros = true } }
  for _, case in ipairs(shapes) do
    local m, k, n = table.unpack(case)
    it(string.format("is the plain one, rectified: %d x %d by %d", m, k, n), function()
      local x, weight, bias = mg.randn(m, k), mg.randn(k, n), mg.randn(n)
      if case.zeros then x = x:relu() end
      local plain = mg.linear(x, weight, bias)
      with_threads(function()
        same(mg.relu(plain), mg.linear_rectified(x, weight, bias, 0))
        same(mg.leaky_relu(plain, 0.2), mg.linear_rectified(x, weight, bias, 0.2))
      end)
    end)
  end

  it("shows NaN", function()
    local x, weight = mg.randn(64, 300), mg.randn(300, 200)
    x[5][9] = 0 / 0
    local y = mg.linear_rectified(x, weight, nil, 0)
    assert.are.equal(63 * 200, mg.eq(y, y):sum():item())
  end)
end)
