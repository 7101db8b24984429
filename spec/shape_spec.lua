-- Operations that rearrange elements, against references that visit them one by one.

local mg = require "moongan"
local helper = require "spec.helper"
local near, same_bits, error_like, values = helper.near, helper.same_bits, helper.error_like, helper.values

-- ---- a naive reference -------------------------------------------------------------------------

-- Calls visit(position) for every position (a table of 1-based indices) of a shape, in order.
local function each_position(shape, visit)
  local position = {}
  local function go(dim)
    if dim > #shape then return visit(position) end
    for i = 1, shape[dim] do
      position[dim] = i
      go(dim + 1)
    end
  end
  go(1)
end

local function offset_of(shape, position)
  local offset = 0
  for dim = 1, #shape do offset = offset * shape[dim] + position[dim] - 1 end
  return offset + 1
end

-- Assert that y has the shape given and at each position what reference(position) says.
local function agrees(y, shape, reference, label)
  near(shape, y:shape(), 0, label)
  local flat, i = helper.flat(y), 0
  each_position(shape, function(position)
    i = i + 1
    local expected = reference(position)
    if flat[i] ~= expected then
      error(string.format("%s: at (%s) expected %s, got %s", label or "value", table.concat(position, ", "),
        expected, flat[i]), 2)
    end
  end)
end

-- A function from positions of x to its elements.
local function reader(x)
  local flat, shape = helper.flat(x), x:shape()
  return function(position) return flat[offset_of(shape, position)] end
end

local function copy(list) return { table.unpack(list) } end

local function with(list, i, value)
  local result = copy(list)
  result[i] = value
  return result
end

-- Every order of 1 .. n.
local function permutations(n)
  local result, order, used = {}, {}, {}
  local function go(i)
    if i > n then result[#result + 1] = copy(order) return end
    for k = 1, n do
      if not used[k] then
        used[k], order[i] = true, k
        go(i + 1)
        used[k] = nil
      end
    end
  end
  go(1)
  return result
end

-- ---- the operations ----------------------------------------------------------------------------

describe("reshape", function()
  it("keeps the elements and their order", function()
    local x = values({ 2, 3, 4 }, 1)
    local y = x:reshape(4, 6)
    near({ 4, 6 }, y:shape(), 0)
    near(helper.flat(x), helper.flat(y), 0)
    near({ 24 }, x:reshape(24):shape(), 0)
    near({ 24 }, x:reshape{ 24 }:shape(), 0)
  end)

  it("fills in one size of -1", function()
    local x = values({ 2, 3, 4 }, 1)
    near({ 3, 8 }, x:reshape(3, -1):shape(), 0)
    near({ 2, 12, 1 }, mg.reshape(x, { 2, -1, 1 }):shape(), 0)
    near({ 0, 5 }, mg.zeros(0, 2):reshape(-1, 5):shape(), 0)
  end)

  it("shares storage", function()
    local x = mg.zeros(2, 3)
    x:reshape(6)[5] = 7
    near({ { 0, 0, 0 }, { 0, 7, 0 } }, x, 0)
  end)

  it("goes to and from no dimensions", function()
    assert.equal(0, mg.tensor{ 5 }:reshape{}:dim())
    near({ 1, 1 }, mg.tensor(5):reshape(1, 1):shape(), 0)
    near({ 3, 0 }, mg.zeros(0):reshape(3, 0):shape(), 0)
  end)

  it("refuses what does not fit", function()
    local x = mg.zeros(2, 3)
    error_like(function() return x:reshape(4, 2) end, { "reshape", "6 elements", "%(2, 3%)", "%(4, 2%)" })
    error_like(function() return x:reshape(-1, 4) end, { "reshape", "6 elements" })
    error_like(function() return x:reshape(-1, -1) end, { "reshape", "one of them %-1" })
    error_like(function() return x:reshape(-2, 3) end, { "reshape" })
    error_like(function() return mg.zeros(0):reshape(-1, 0) end, { "reshape" })
    error_like(function() return x:reshape(1 << 62, 1 << 62, -1) end, { "reshape" })
    error_like(function() return x:reshape(1, 1, 1, 1, 1, 1, 1, 2, 3) end, { "reshape", "at most 8" })
    error_like(function() return x:reshape("6") end, { "reshape" })
  end)
end)

describe("expand", function()
  local function check(from, to)
    local x = values(from, 2)
    local read, added = reader(x), #to - #from
    agrees(x:expand(to), to, function(position)
      local own = {}
      for i = 1, #from do own[i] = from[i] == 1 and 1 or position[i + added] end
      return read(own)
    end, table.concat(from, "x") .. " to " .. table.concat(to, "x"))
  end

  it("repeats by NumPy's rule", function()
    check({ 3 }, { 2, 3 })
    check({ 3, 1 }, { 3, 4 })
    check({ 2, 1, 3 }, { 2, 5, 3 })
    check({ 1, 4, 1 }, { 3, 2, 4, 5 })
    check({}, { 2, 3 })
    check({ 1 }, { 0 })
    check({ 2, 3 }, { 2, 3 })
    check({ 1, 1000 }, { 70, 1000 })
    check({ 300, 1 }, { 300, 200 })
  end)

  it("keeps a size where -1 stands", function()
    near({ 4, 2, 3 }, mg.zeros(2, 1):expand(4, -1, 3):shape(), 0)
  end)

  it("refuses what does not broadcast", function()
    local x = mg.zeros(2, 3)
    error_like(function() return x:expand(3, 3) end, { "expand", "%(2, 3%)", "%(3, 3%)" })
    error_like(function() return x:expand(3) end, { "expand" })
    error_like(function() return x:expand(-1, 2, 3) end, { "expand" })
    error_like(function() return x:expand(-2, 3) end, { "expand" })
  end)
end)

describe("permute", function()
  local function check(shape, dims)
    local x = values(shape, 3)
    local read, to = reader(x), {}
    for i, dim in ipairs(dims) do to[i] = shape[dim] end
    agrees(x:permute(dims), to, function(position)
      local own = {}
      for i, dim in ipairs(dims) do own[dim] = position[i] end
      return read(own)
    end, table.concat(shape, "x") .. " by " .. table.concat(dims, ","))
  end

  it("takes the dimensions in any order", function()
    for n = 1, 4 do
      for _, dims in ipairs(permutations(n)) do check({ table.unpack({ 3, 4, 2, 5 }, 1, n) }, dims) end
    end
    check({ 2, 3, 2, 2, 3 }, { 5, 2, 4, 1, 3 })
  end)

  it("passes the edges of its tiles and blocks", function()
    for _, shape in ipairs{ { 16, 16 }, { 17, 33 }, { 128, 129 }, { 1, 40 }, { 150, 3 }, { 3, 150 } } do
      check(shape, { 2, 1 })
    end
    check({ 5, 17, 140 }, { 1, 3, 2 })
    check({ 17, 5, 130 }, { 3, 2, 1 })
    check({ 2, 20, 30, 3 }, { 1, 4, 2, 3 })
    check({ 2, 3, 20, 30 }, { 1, 3, 4, 2 })
  end)

  it("gives the same bits for any number of threads", function()
    local x = values({ 9, 70, 130 }, 4)
    local one = helper.with_threads(1, function() return x:permute(3, 1, 2) end)
    local two = helper.with_threads(2, function() return x:permute(3, 1, 2) end)
    same_bits(one, two)
  end)

  it("takes empty tensors, single dimensions and negative ones", function()
    near({ 3, 0, 2 }, mg.zeros(2, 3, 0):permute(2, 3, 1):shape(), 0)
    near({ 1, 2 }, mg.tensor{ 1, 2 }:permute(1), 0)
    near({ 4, 3, 2 }, mg.zeros(2, 3, 4):permute(-1, -2, -3):shape(), 0)
    assert.equal(0, mg.tensor(5):permute{}:dim())
  end)

  it("refuses orders that are none", function()
    local x = mg.zeros(2, 3)
    error_like(function() return x:permute(1, 1) end, { "permute", "once" })
    error_like(function() return x:permute(1) end, { "permute" })
    error_like(function() return x:permute(1, 2, 3) end, { "permute" })
    error_like(function() return x:permute(1, 3) end, { "permute" })
    error_like(function() return x:permute(0, 1) end, { "permute" })
  end)
end)

describe("transpose", function()
  it("exchanges two dimensions", function()
    local x = values({ 2, 3, 4 }, 5)
    same_bits(x:permute(3, 2, 1), x:transpose(1, 3))
    same_bits(x:permute(1, 3, 2), x:transpose(-1, -2))
    same_bits(x, x:transpose(2, 2))
    same_bits(mg.tensor{ { 1, 4 }, { 2, 5 }, { 3, 6 } }, mg.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }:t())
    same_bits(x:transpose(1, 2), mg.transpose(x, 1, 2))
  end)

  it("refuses dimensions that are not there", function()
    local x = mg.zeros(2, 3)
    error_like(function() return x:transpose(1, 3) end, { "transpose", "from 1 to 2", "number 3" })
    error_like(function() return x:transpose(0, 1) end, { "transpose" })
    error_like(function() return x:transpose(1) end, { "transpose", "argument 3" })
    error_like(function() return mg.zeros(2, 3, 4):t() end, { "t: ", "2 dimensions", "%(2, 3, 4%)" })
    error_like(function() return mg.transpose(7, 1, 2) end, { "transpose", "a tensor", "number 7" })
  end)
end)

describe("narrow", function()
  it("takes a range of one dimension", function()
    local shape = { 4, 5, 6 }
    local x = values(shape, 6)
    local read = reader(x)
    for dim = 1, 3 do
      for _, range in ipairs{ { 1, shape[dim] }, { 2, 2 }, { shape[dim], 1 }, { 3, 0 }, { shape[dim] + 1, 0 } } do
        local y = x:narrow(dim, range[1], range[2])
        agrees(y, with(shape, dim, range[2]), function(position)
          return read(with(position, dim, position[dim] + range[1] - 1))
        end, "dimension " .. dim)
      end
    end
  end)

  it("shares storage along the first dimension alone", function()
    local x = mg.zeros(3, 2)
    x:narrow(1, 2, 1):fill_(1)
    near({ { 0, 0 }, { 1, 1 }, { 0, 0 } }, x, 0)
    x:narrow(2, 1, 1):fill_(5)
    near({ { 0, 0 }, { 1, 1 }, { 0, 0 } }, x, 0)
  end)

  it("refuses ranges that leave the tensor", function()
    local x = mg.zeros(3, 4)
    error_like(function() return x:narrow(2, 3, 3) end, { "narrow", "1%.%.4", "start 3", "length 3" })
    error_like(function() return x:narrow(1, 0, 1) end, { "narrow" })
    error_like(function() return x:narrow(1, 1, -1) end, { "narrow" })
    error_like(function() return x:narrow(1, 2, math.maxinteger) end, { "narrow" })
    error_like(function() return x:narrow(3, 1, 1) end, { "narrow" })
    error_like(function() return mg.tensor(1):narrow(1, 1, 1) end, { "narrow" })
    error_like(function() return x:narrow(1, 1.5, 1) end, { "narrow" })
  end)
end)

describe("pad", function()
  it("adds zeros around one dimension", function()
    local shape = { 3, 4, 2 }
    local x = values(shape, 7)
    local read = reader(x)
    for dim = 1, 3 do
      for _, margins in ipairs{ { 0, 0 }, { 2, 0 }, { 0, 3 }, { 1, 2 } } do
        local before, after = margins[1], margins[2]
        agrees(x:pad(dim, before, after), with(shape, dim, shape[dim] + before + after), function(position)
          local at = position[dim] - before
          return at >= 1 and at <= shape[dim] and read(with(position, dim, at)) or 0
        end, "dimension " .. dim)
      end
    end
    near({ 0, 0, 0 }, mg.zeros(0):pad(1, 1, 2), 0)
    near({ 0, 5 }, mg.zeros(0, 2):pad(2, 1, 2):shape(), 0)
  end)

  it("refuses negative and boundless margins", function()
    local x = mg.zeros(3, 4)
    error_like(function() return x:pad(1, -1, 0) end, { "pad", "at least 0", "%-1" })
    error_like(function() return x:pad(1, 0, -1) end, { "pad" })
    error_like(function() return x:pad(1, math.maxinteger, 1) end, { "pad" })
    error_like(function() return x:pad(1, 0, math.maxinteger - 3) end, { "pad" })
    error_like(function() return x:pad(3, 0, 1) end, { "pad" })
  end)
end)

describe("select", function()
  it("picks one position of a dimension", function()
    local x = values({ 3, 4, 5 }, 8)
    local read = reader(x)
    agrees(x:select(1, 2), { 4, 5 }, function(p) return read{ 2, p[1], p[2] } end)
    agrees(x:select(2, -1), { 3, 5 }, function(p) return read{ p[1], 4, p[2] } end)
    agrees(x:select(-1, 5), { 3, 4 }, function(p) return read{ p[1], p[2], 5 } end)
    assert.equal(0, mg.tensor{ 4, 5 }:select(1, 2):dim())
    near(5, mg.tensor{ 4, 5 }:select(1, 2), 0)
  end)

  it("refuses positions that are not there", function()
    local x = mg.zeros(3, 4)
    error_like(function() return x:select(1, 4) end, { "select", "number 4" })
    error_like(function() return x:select(1, 0) end, { "select" })
    error_like(function() return x:select(3, 1) end, { "select" })
    error_like(function() return mg.zeros(0):select(1, 1) end, { "select" })
  end)
end)

describe("cat", function()
  it("joins along any dimension", function()
    for dim = 1, 3 do
      local base, pieces, readers, sizes = { 2, 3, 4 }, {}, {}, { 1, 3, 0, 2 }
      for i, size in ipairs(sizes) do
        pieces[i] = values(with(base, dim, size), 10 + i)
        readers[i] = reader(pieces[i])
      end
      agrees(mg.cat(pieces, dim), with(base, dim, 6), function(position)
        local at, i = position[dim], 1
        while at > sizes[i] do at, i = at - sizes[i], i + 1 end
        return readers[i](with(position, dim, at))
      end, "dimension " .. dim)
    end
  end)

  it("counts dimensions from the end and takes one tensor", function()
    local x = values({ 2, 3 }, 9)
    same_bits(mg.cat({ x, x }, 2), mg.cat({ x, x }, -1))
    same_bits(x, mg.cat({ x }, 1))
    same_bits(mg.cat({ x, x }, 1), mg.cat{ x, x })
  end)

  it("refuses what does not join", function()
    local x = mg.zeros(2, 3)
    error_like(function() return mg.cat({}, 1) end, { "cat" })
    error_like(function() return mg.cat({ x, mg.zeros(3, 2) }, 1) end, { "cat", "%(2, 3%)", "number 2", "%(3, 2%)" })
    error_like(function() return mg.cat({ x, mg.zeros(2) }, 1) end, { "cat" })
    error_like(function() return mg.cat({ x, x }, 3) end, { "cat" })
    error_like(function() return mg.cat({ mg.tensor(1), mg.tensor(2) }, 1) end, { "cat" })
    error_like(function() return mg.cat({ x, 5 }, 1) end, { "cat", "tensors", "number 5" })
    error_like(function() return mg.cat(x, 1) end, { "cat", "list of tensors" })
  end)
end)

describe("stack", function()
  it("puts tensors side by side along a new dimension", function()
    local a, b = values({ 2, 3 }, 11), values({ 2, 3 }, 12)
    local first, second = reader(a), reader(b)
    for dim = 1, 3 do
      agrees(mg.stack({ a, b }, dim), ({ { 2, 2, 3 }, { 2, 2, 3 }, { 2, 3, 2 } })[dim], function(position)
        local own = copy(position)
        return (table.remove(own, dim) == 1 and first or second)(own)
      end, "dimension " .. dim)
    end
    near({ 1, 2, 3 }, mg.stack{ mg.tensor(1), mg.tensor(2), mg.tensor(3) }, 0)
    near({ 2, 3, 1 }, mg.stack({ a }, -1):shape(), 0)
  end)

  it("refuses shapes that differ, nothing, and places that are none", function()
    local x = mg.zeros(2, 3)
    error_like(function() return mg.stack{ x, mg.zeros(3, 2) } end, { "stack", "%(2, 3%)", "%(3, 2%)" })
    error_like(function() return mg.stack{} end, { "stack", "at least one" })
    error_like(function() return mg.stack({ x, x }, 4) end, { "stack", "dim" })
    local full = mg.zeros(1, 1, 1, 1, 1, 1, 1, 1)
    error_like(function() return mg.stack{ full, full } end, { "at most 8" })
  end)
end)

describe("flip", function()
  it("reverses one dimension", function()
    local shape = { 3, 4, 5 }
    local x = values(shape, 13)
    local read = reader(x)
    for dim = 1, 3 do
      agrees(x:flip(dim), shape, function(position)
        return read(with(position, dim, shape[dim] + 1 - position[dim]))
      end, "dimension " .. dim)
    end
    near({ 2, 0 }, mg.zeros(2, 0):flip(2):shape(), 0)
    near({ 0, 2 }, mg.zeros(0, 2):flip(1):shape(), 0)
    error_like(function() return x:flip(4) end, { "flip" })
    error_like(function() return mg.tensor(1):flip(1) end, { "flip" })
  end)
end)

describe("squeeze, unsqueeze and flatten", function()
  it("drop and add dimensions of size 1", function()
    local x = mg.zeros(1, 3, 1, 2)
    near({ 3, 2 }, x:squeeze():shape(), 0)
    near({ 3, 1, 2 }, x:squeeze(1):shape(), 0)
    near({ 1, 3, 2 }, x:squeeze(-2):shape(), 0)
    assert.equal(0, mg.zeros(1, 1):squeeze():dim())
    near({ 1, 3 }, mg.zeros(3):unsqueeze(1):shape(), 0)
    near({ 3, 1 }, mg.zeros(3):unsqueeze(-1):shape(), 0)
    near({ 1 }, mg.tensor(3):unsqueeze(1):shape(), 0)
    error_like(function() return x:squeeze(2) end, { "squeeze", "size 1", "%(1, 3, 1, 2%)" })
    error_like(function() return x:squeeze(5) end, { "squeeze" })
    error_like(function() return x:unsqueeze(6) end, { "unsqueeze" })
    error_like(function() return mg.zeros(1, 1, 1, 1, 1, 1, 1, 1):unsqueeze(1) end, { "at most 8" })
  end)

  it("makes dimensions into one", function()
    local x = mg.zeros(2, 3, 4)
    near({ 24 }, x:flatten():shape(), 0)
    near({ 2, 12 }, x:flatten(2):shape(), 0)
    near({ 6, 4 }, x:flatten(1, 2):shape(), 0)
    near({ 2, 3, 4 }, x:flatten(2, 2):shape(), 0)
    near({ 1 }, mg.tensor(3):flatten():shape(), 0)
    near({ 0 }, mg.zeros(2, 0):flatten():shape(), 0)
    error_like(function() return x:flatten(3, 1) end, { "flatten", "3", "1" })
    error_like(function() return x:flatten(4) end, { "flatten" })
  end)
end)

-- ---- derivatives -------------------------------------------------------------------------------

describe("derivatives of shape operations", function()
  local cases = {
    reshape = function(x) return (x * x):reshape(6, 4) end,
    expand = function(x) return (x * x):reshape(2, 1, 3, 4):expand(2, 2, 3, 4) end,
    ["expand from nothing"] = function(x) return (x * x):sum():expand(2, 2) end,
    permute = function(x) return (x * x):permute(3, 1, 2) end,
    transpose = function(x) return (x * x):transpose(1, 2) end,
    ["narrow, first dimension"] = function(x) return (x * x):narrow(1, 2, 1) end,
    ["narrow, last dimension"] = function(x) return (x * x):narrow(3, 2, 2) end,
    pad = function(x) return (x * x):pad(2, 1, 2) end,
    select = function(x) return (x * x):select(2, 3) end,
    flip = function(x) return (x * x):flip(3) end,
    squeeze = function(x) return (x * x):reshape(2, 1, 12):squeeze(2) end,
    unsqueeze = function(x) return (x * x):unsqueeze(2) end,
    flatten = function(x) return (x * x):flatten(2) end,
    cat = function(x) return mg.cat({ x * x, x:narrow(2, 1, 1), x:exp() }, 2) end,
    stack = function(x) return mg.stack({ x * x, x:exp() }, 2) end,
    slice = function(x) return (x * x)[{ -1, { 2, 3 }, {} }] end,
  }
  for name, f in pairs(cases) do
    it("of first and second order: " .. name, function()
      helper.gradcheck(f, { values({ 2, 3, 4 }, 20, -1.5, 1.5) })
      helper.gradgradcheck(f, { values({ 2, 3, 4 }, 21, -1.5, 1.5) })
    end)
  end

  it("reach only the inputs of cat that want them", function()
    local a, b = values({ 2 }, 1):requires_grad_(true), values({ 3 }, 2)
    local y = mg.cat({ b, a, b }, 1)
    y:backward{ gradient = mg.arange(1, 9) }
    near({ 4, 5 }, a.grad, 0)
    assert.is_nil(b.grad)
  end)

  it("are exact: a view's gradient is its place in the whole", function()
    local x = values({ 3, 2 }, 3):requires_grad_(true)
    x[2]:sum():backward()
    near({ { 0, 0 }, { 1, 1 }, { 0, 0 } }, x.grad, 0)
  end)

  it("leave nothing behind", function()
    helper.leak_check(function()
      local x = values({ 3, 4 }, 3):requires_grad_(true)
      mg.cat({ x:t():narrow(1, 1, 2), x:t() }, 1):pad(2, 1, 1):flip(1):expand(2, 6, 5):sum():backward()
      pcall(x.reshape, x, 5)
      pcall(mg.cat, { x, mg.zeros(1) }, 1)
    end)
  end)
end)
