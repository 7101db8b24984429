-- The gradients of maxout where most of its own gradient is 0, as behind a dropout.

local helper = require "spec.helper"
local mg = require "moongan"

local rows, inputs, units, pieces = 150, 70, 50, 5

-- x, weight, g and the pieces chosen: three quarters of g are 0.
local function make()
  mg.manual_seed(3)
  local g = mg.randn(rows, units) * mg.rand(rows, units):gt(0.75)
  return mg.randn(rows, inputs), mg.randn(inputs, pieces * units), g, mg.randn(rows, pieces, units):argmax(2)
end

local function chosen(piece, n, u) return (math.tointeger(piece[n][u]:item()) - 1) * units + u end

local function finite(t)
  local sum = t:sum():item()
  return sum - sum == 0
end

describe("maxout's gradients, mostly 0,", function()
  it("are those of the plain composition", function()
    local x, weight, g, piece = make()
    helper.near(mg.compose("maxout_input", g, weight, piece), mg.maxout_input(g, weight, piece))
    helper.near(mg.compose("maxout_weight", x, g, piece, pieces), mg.maxout_weight(x, g, piece, pieces))
    local none = mg.zeros(rows, units)
    assert.are.equal(0, mg.maxout_input(none, weight, piece):abs():sum():item())
    assert.are.equal(0, mg.maxout_weight(x, none, piece, pieces):abs():sum():item())
  end)

  it("of a bias are sums over the rows", function()
    local _, _, g, piece = make()
    local ones = mg.ones(rows, 1)
    helper.near(mg.compose("maxout_weight", ones, g, piece, pieces), mg.maxout_weight(ones, g, piece, pieces))
  end)

  for _, bad in ipairs{ 0 / 0, 1 / 0, -1 / 0 } do
    it("show " .. tostring(bad) .. " that they are multiplied by", function()
      local x, weight, g, piece = make()
      g[7][2] = 0
      x[7][3] = bad
      local of_weight = mg.maxout_weight(x, g, piece, pieces)
      local column = chosen(piece, 7, 2)
      assert.is_false(finite(of_weight[3][column]))
      assert.is_true(finite(of_weight[4]))
      weight[3][column] = bad
      local of_x = mg.maxout_input(g, weight, piece)
      assert.is_false(finite(of_x[7][3]))
      assert.is_true(finite(of_x[7][4]))
    end)
  end

  it("need pieces that exist", function()
    local x, weight, g, piece = make()
    for _, bad in ipairs{ 0, 6, 1.5, 0 / 0, 1e30 } do
      local wrong = piece:clone()
      wrong[rows][units] = bad
      for _, call in ipairs{
        function() mg.maxout_weight(x, g, wrong, pieces) end,
        function() mg.maxout_input(g, weight, wrong) end,
        function() mg.maxout(x, weight, wrong) end,
      } do
        helper.error_like(call, { "expected pieces in 1 .. 5, got" })
      end
    end
  end)
end)
