-- softmax, log_softmax and logsumexp against loops over tables.

local mg = require "moongan"
local helper = require "spec.helper"
local near, same_bits, error_like, values = helper.near, helper.same_bits, helper.error_like, helper.values

-- softmax of x along dim, by the definition, through moving dim to the end.
local function reference(x, dim)
  local n = x:dim()
  local rows = x:transpose(dim, n)
  local shape, size = rows:shape(), x:size(dim)
  local flat, result, sums = helper.flat(rows), {}, {}
  for start = 1, #flat, size do
    local largest, sum = -math.huge, 0
    for i = start, start + size - 1 do largest = math.max(largest, flat[i]) end
    for i = start, start + size - 1 do
      result[i] = math.exp(flat[i] - largest)
      sum = sum + result[i]
    end
    for i = start, start + size - 1 do result[i] = result[i] / sum end
    sums[#sums + 1] = largest + math.log(sum)
  end
  shape[n] = 1
  return mg.tensor(result):reshape(rows:shape()):transpose(dim, n), mg.tensor(sums):reshape(shape):transpose(dim, n)
end

describe("softmax, log_softmax and logsumexp", function()
  it("follow the definition along any dimension", function()
    for _, shape in ipairs{ { 7 }, { 5, 10 }, { 1, 1 }, { 4, 3, 6 }, { 2, 5, 300 }, { 3, 1, 2 }, { 40, 1000 } } do
      local x = values(shape, 1, -4, 4)
      for dim = 1, #shape do
        local probabilities, sums = reference(x, dim)
        near(probabilities, x:softmax(dim), nil, "softmax")
        near(probabilities:log(), x:log_softmax(dim), nil, "log_softmax")
        near(sums, x:logsumexp(dim, true), nil, "logsumexp")
        near(sums:squeeze(dim), x:logsumexp(dim), nil, "logsumexp")
      end
      near(x:exp():sum():log(), x:logsumexp(), nil, "logsumexp of all")
      same_bits(x:softmax(-1), mg.softmax(x, #shape))
    end
  end)

  it("do not overflow", function()
    local x = mg.tensor{ 1000, 0, -1000 }
    near({ 1, 0, 0 }, x:softmax(1), 0)
    near({ 0, -1000, -2000 }, x:log_softmax(1), 0)
    near(1000, x:logsumexp(1), 0)
    near({ { 1, 0, 0 } }, x:reshape(1, 3, 1):softmax(2):squeeze(3), 0)
    near({ 0.5, 0.5, 0 }, mg.tensor{ 5, 5, -math.huge }:softmax(1), 0)
    near(-math.huge, mg.tensor{ -math.huge, -math.huge }:logsumexp(1), 0)
    near(math.huge, mg.tensor{ math.huge, 1 }:logsumexp(1), 0)
  end)

  it("let NaN be seen", function()
    local nan = 0 / 0
    for _, x in ipairs{ mg.tensor{ { 1, nan } }, mg.tensor{ { nan, 1 } } } do
      near({ { nan, nan } }, x:softmax(2), 0)
      near({ { nan, nan } }, x:log_softmax(2), 0)
      near({ { nan }, { nan } }, x:t():softmax(1), 0)
      near({ nan }, x:logsumexp(2), 0)
    end
    local long = values({ 3, 77 }, 5)
    for place = 1, 77 do
      local x = long:clone()
      x[{ 2, place }] = nan
      local y = x:softmax(2)
      near(nan, y[2]:sum(), 0, "place " .. place)
      near(long[{ { 1, 3 } }]:softmax(2)[3], y[3], 0)
    end
  end)

  it("give the same bits for any number of threads", function()
    local x = values({ 90, 30, 50 }, 2, -3, 3)
    for dim = 1, 3 do
      local one = helper.with_threads(1, function() return x:softmax(dim) end)
      same_bits(one, helper.with_threads(2, function() return x:softmax(dim) end))
    end
  end)

  it("take empty tensors, and refuse dimensions that are not there", function()
    near({ 0, 3 }, mg.zeros(0, 3):softmax(2):shape(), 0)
    near({ 0, 3 }, mg.zeros(0, 3):log_softmax(1):shape(), 0)
    error_like(function() return mg.zeros(2):softmax(2) end, { "softmax", "dim" })
    error_like(function() return mg.tensor(2):softmax(1) end, { "softmax", "dim" })
    error_like(function() return mg.zeros(2):log_softmax(0) end, { "log_softmax", "dim" })
    error_like(function() return mg.zeros(2):logsumexp(3) end, { "logsumexp", "dim" })
    error_like(function() return mg.zeros(2):logsumexp(1, 1) end, { "logsumexp", "true or false" })
  end)

  it("have derivatives of first and second order", function()
    for _, dim in ipairs{ 1, 2, 3 } do
      for _, name in ipairs{ "softmax", "log_softmax", "logsumexp" } do
        local function f(x) return x[name](x, dim) end
        helper.gradcheck(f, { values({ 3, 4, 2 }, 3, -2, 2) })
        helper.gradgradcheck(f, { values({ 3, 4, 2 }, 4, -2, 2) })
      end
    end
  end)
end)
