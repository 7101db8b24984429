-- Operations at positions that another tensor gives, against loops over tables.

local mg = require "moongan"
local helper = require "spec.helper"
local near, same_bits, error_like, values = helper.near, helper.same_bits, helper.error_like, helper.values

-- Whole numbers in 1..limit, of the shape given.
local function indices(shape, seed, limit)
  local flat = helper.flat(values(shape, seed, 0, limit))
  for i, x in ipairs(flat) do flat[i] = math.min(limit, math.floor(x) + 1) end
  return #flat == 0 and mg.zeros(shape) or mg.tensor(flat):reshape(shape)
end

-- The nested table t at a position (a list).
local function at(t, position)
  for _, i in ipairs(position) do t = t[i] end
  return t
end

local function with(list, i, value)
  local result = { table.unpack(list) }
  result[i] = value
  return result
end

-- Nested tables of zeros.
local function zeros(shape, dim)
  dim = dim or 1
  if dim > #shape then return 0 end
  local result = {}
  for i = 1, shape[dim] do result[i] = zeros(shape, dim + 1) end
  return result
end

local function add_at(t, position, amount)
  for i = 1, #position - 1 do t = t[position[i]] end
  t[position[#position]] = t[position[#position]] + amount
end

local function each_position(shape, visit, position)
  position = position or {}
  if #position == #shape then return visit(position) end
  for i = 1, shape[#position + 1] do
    position[#position + 1] = i
    each_position(shape, visit, position)
    position[#position] = nil
  end
end

describe("gather and scatter_add", function()
  local shape = { 3, 4, 5 }

  it("read and add along any dimension", function()
    for dim = 1, 3 do
      for _, count in ipairs{ 1, 2, 7 } do
        local index_shape = with(shape, dim, count)
        local x, index = values(shape, dim), indices(index_shape, 10 + dim, shape[dim])
        local xs, is, expected = x:totable(), index:totable(), zeros(index_shape)
        each_position(index_shape, function(p) add_at(expected, p, at(xs, with(p, dim, at(is, p)))) end)
        near(mg.tensor(expected), x:gather(dim, index), 0, "gather along " .. dim)

        local src = values(index_shape, 20 + dim)
        local ss, sum = src:totable(), zeros(shape)
        each_position(index_shape, function(p) add_at(sum, with(p, dim, at(is, p)), at(ss, p)) end)
        near(mg.tensor(sum), src:scatter_add(dim, index, shape[dim]), nil, "scatter_add along " .. dim)
      end
    end
  end)

  it("pick the log probability of each row's class", function()
    local x = mg.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }
    near({ { 3 }, { 4 } }, x:gather(2, mg.tensor{ { 3 }, { 1 } }), 0)
    near({ { 3 }, { 4 } }, x:gather(-1, mg.tensor{ { 3 }, { 1 } }), 0)
  end)

  it("take empty tensors", function()
    near({ 0, 4 }, mg.zeros(3, 4):gather(1, mg.zeros(0, 4)):shape(), 0)
    near({ 3, 0 }, mg.zeros(3, 0):gather(1, mg.zeros(3, 0)):shape(), 0)
    near({ { 0 }, { 0 } }, mg.zeros(0, 1):scatter_add(1, mg.zeros(0, 1), 2), 0)
  end)

  it("refuse indices and shapes that do not fit", function()
    local x = mg.zeros(3, 4)
    error_like(function() return x:gather(1, mg.full({ 2, 4 }, 4)) end, { "gather", "1%.%.3", "got 4" })
    error_like(function() return x:gather(1, mg.full({ 2, 4 }, 0)) end, { "gather", "1%.%.3", "got 0" })
    error_like(function() return x:gather(1, mg.full({ 2, 4 }, 1.5)) end, { "gather", "whole", "1%.5" })
    error_like(function() return x:gather(1, mg.full({ 2, 4 }, 0 / 0)) end, { "gather", "nan" })
    error_like(function() return x:gather(1, mg.full({ 2, 4 }, 1e30)) end, { "gather" })
    error_like(function() return x:gather(1, mg.full({ 2, 3 }, 1)) end, { "gather", "%(3, 4%)", "%(2, 3%)" })
    error_like(function() return x:gather(1, mg.tensor{ 1 }) end, { "gather" })
    error_like(function() return x:gather(3, mg.full({ 3, 4 }, 1)) end, { "gather" })
    error_like(function() return x:gather(1, 1) end, { "gather", "tensor", "number 1" })
    error_like(function() return mg.zeros(0, 4):gather(1, mg.full({ 1, 4 }, 1)) end, { "gather" })
    error_like(function() return x:scatter_add(1, mg.full({ 3, 4 }, 3), 2) end, { "scatter_add", "1%.%.2", "got 3" })
    error_like(function() return x:scatter_add(1, mg.full({ 2, 4 }, 1), 2) end, { "scatter_add", "%(2, 4%)" })
    error_like(function() return x:scatter_add(1, mg.full({ 3, 4 }, 1), -1) end, { "scatter_add", "%-1" })
  end)

  it("are each other's derivative", function()
    local index = indices({ 3, 6, 2 }, 1, 4)
    local function gather(x) return (x * x):gather(2, index) end
    local function scatter(x) return (x * x):scatter_add(2, index, 4) end
    helper.gradcheck(gather, { values({ 3, 4, 2 }, 2) })
    helper.gradgradcheck(gather, { values({ 3, 4, 2 }, 3) })
    helper.gradcheck(scatter, { values({ 3, 6, 2 }, 4) })
    helper.gradgradcheck(scatter, { values({ 3, 6, 2 }, 5) })
  end)
end)

describe("index_select and index_add", function()
  local shape = { 3, 4, 5 }

  it("take and add slices of any dimension", function()
    for dim = 1, 3 do
      for _, count in ipairs{ 0, 1, 7 } do
        local x, index = values(shape, dim), indices({ count }, 30 + dim, shape[dim])
        local xs, is, chosen = x:totable(), index:totable(), with(shape, dim, count)
        local expected = zeros(chosen)
        each_position(chosen, function(p) add_at(expected, p, at(xs, with(p, dim, is[p[dim]]))) end)
        local y = x:index_select(dim, index)
        near(chosen, y:shape(), 0)
        if count > 0 then near(expected, y, 0, "index_select along " .. dim) end

        local src = values(chosen, 40 + dim)
        local ss, sum = src:totable(), zeros(shape)
        each_position(chosen, function(p) add_at(sum, with(p, dim, is[p[dim]]), at(ss, p)) end)
        near(mg.tensor(sum), src:index_add(dim, index, shape[dim]), nil, "index_add along " .. dim)
      end
    end
  end)

  it("give the same bits for any number of threads", function()
    local src, index = values({ 3000, 24 }, 1), indices({ 3000 }, 2, 10)
    local function both() return src:index_add(1, index, 10), src:index_select(1, index) end
    local sum1, chosen1 = helper.with_threads(1, both)
    local sum2, chosen2 = helper.with_threads(2, both)
    same_bits(sum1, sum2)
    same_bits(chosen1, chosen2)
  end)

  it("refuse indices that do not fit", function()
    local x = mg.zeros(3, 4)
    error_like(function() return x:index_select(1, mg.tensor{ 1, 4 }) end, { "index_select", "1%.%.3", "4" })
    error_like(function() return x:index_select(2, mg.tensor{ 0 }) end, { "index_select", "1%.%.4", "got 0" })
    error_like(function() return x:index_select(1, mg.zeros(1, 1)) end, { "index_select", "one dimension" })
    error_like(function() return x:index_select(3, mg.tensor{ 1 }) end, { "index_select" })
    error_like(function() return x:index_add(1, mg.tensor{ 1, 2 }, 2) end, { "index_add", "one index for each", "2" })
    error_like(function() return x:index_add(1, mg.tensor{ 1, 2, 3 }, 2) end, { "index_add", "1%.%.2", "got 3" })
    error_like(function() return x:index_add(1, mg.tensor{ 1, 2, 3 }, -2) end, { "index_add", "%-2" })
  end)

  it("are each other's derivative", function()
    local index = indices({ 6 }, 1, 4)
    local function select(x) return (x * x):index_select(2, index) end
    local function add(x) return (x * x):index_add(2, index, 4) end
    helper.gradcheck(select, { values({ 3, 4, 2 }, 2) })
    helper.gradgradcheck(select, { values({ 3, 4, 2 }, 3) })
    helper.gradcheck(add, { values({ 3, 6, 2 }, 4) })
    helper.gradgradcheck(add, { values({ 3, 6, 2 }, 5) })
  end)
end)

describe("one_hot", function()
  it("marks classes", function()
    near({ { 0, 1, 0 }, { 0, 0, 1 }, { 1, 0, 0 } }, mg.one_hot(mg.tensor{ 2, 3, 1 }, 3), 0)
    near({ { { 0, 1 } }, { { 1, 0 } } }, mg.one_hot(mg.tensor{ { 2 }, { 1 } }, 2), 0)
    near({ 0, 1 }, mg.one_hot(mg.tensor(2), 2), 0)
    near({ 0, 4 }, mg.one_hot(mg.zeros(0), 4):shape(), 0)
    assert.is_false(mg.one_hot(mg.tensor{ 1 }:requires_grad_(true), 2).requires_grad)
  end)

  it("refuses classes that are none", function()
    error_like(function() return mg.one_hot(mg.tensor{ 4 }, 3) end, { "one_hot", "1%.%.3", "got 4" })
    error_like(function() return mg.one_hot(mg.tensor{ 0 }, 3) end, { "one_hot", "got 0" })
    error_like(function() return mg.one_hot(mg.tensor{ 1 }, 0) end, { "one_hot", "at least 1" })
    error_like(function() return mg.one_hot(mg.tensor{ 1 }, 1 << 60) end, { "one_hot" })
    error_like(function() return mg.one_hot(mg.zeros(1, 1, 1, 1, 1, 1, 1, 1), 2) end, { "one_hot", "fewer than 8" })
    error_like(function() return mg.one_hot(3, 3) end, { "one_hot", "tensor" })
  end)
end)
