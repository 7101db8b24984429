-- Random numbers: the generator's published vectors, distributions, and repeatability.

local mg = require "moongan"
local helper = require "spec.helper"
local near, same_bits, error_like = helper.near, helper.same_bits, helper.error_like

local function words(hex)
  local result = {}
  for word in hex:gmatch("%x+") do result[#result + 1] = tonumber(word, 16) end
  return result
end

-- Mean, variance, skewness and kurtosis of a list.
local function moments(list)
  local n, sum = #list, 0
  for _, x in ipairs(list) do sum = sum + x end
  local mean, powers = sum / n, { 0, 0, 0, 0 }
  for _, x in ipairs(list) do
    for k = 2, 4 do powers[k] = powers[k] + (x - mean) ^ k end
  end
  local variance = powers[2] / n
  return mean, variance, powers[3] / n / variance ^ 1.5, powers[4] / n / variance ^ 2
end

-- The largest distance between a sample's distribution and the one given (Kolmogorov and
-- Smirnov), times the root of its size: beyond 1.95 once in a thousand samples.
local function kolmogorov_smirnov(list, distribution)
  table.sort(list)
  local n, largest = #list, 0
  for i, x in ipairs(list) do
    local p = distribution(x)
    largest = math.max(largest, math.abs(p - i / n), math.abs(p - (i - 1) / n))
  end
  return largest * math.sqrt(n)
end

-- The normal distribution function, by the series of erf about 0 and its fraction further out.
local function normal_distribution(x)
  local a = math.abs(x)
  local density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
  local above
  if a < 3 then
    local term, sum, k = a, a, 1
    while math.abs(term) > 1e-17 do
      term = term * a * a / (2 * k + 1)
      sum, k = sum + term, k + 1
    end
    above = 0.5 - density * sum
  else
    local fraction = a
    for k = 40, 1, -1 do fraction = a + k / fraction end
    above = density / fraction
  end
  return x < 0 and above or 1 - above
end

-- Correlation of a list with itself shifted.
local function correlation(list, shift)
  local mean, variance = moments(list)
  local sum = 0
  for i = 1, #list - shift do sum = sum + (list[i] - mean) * (list[i + shift] - mean) end
  return sum / variance / (#list - shift)
end

describe("Philox 4x32-10", function()
  it("gives the published vectors", function()
    -- Random123's known answers
    for _, row in ipairs{
      { "0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8" },
      { "ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd" },
      { "243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1" },
    } do
      near(words(row[3]), mg.core.philox(words(row[1]), words(row[2])), 0)
    end
  end)

  it("is what the vectorised draws take their numbers from", function()
    local seed, offset = 0x123456789ABCDEF0, 0xFFFFFFF8 -- the counter's low word wraps within the draw
    mg.set_rng_state{ seed = seed, offset = offset }
    local drawn = mg.rand(150):totable()
    local per_group = helper.double and 32 or 64
    for i = 1, 150 do
      local group, place = (i - 1) // per_group, (i - 1) % per_group
      local counter = offset + 16 * group + place % 16
      local out = mg.core.philox({ counter & 0xFFFFFFFF, counter >> 32, 0, 0 }, { seed & 0xFFFFFFFF, seed >> 32 })
      local w = place // 16
      local expected = helper.double and ((out[2 * w + 1] << 32 | out[2 * w + 2]) >> 11) * 2.0 ^ -53
        or (out[w + 1] >> 8) * 2.0 ^ -24
      assert.equal(expected, drawn[i], "number " .. i)
    end
  end)

  it("refuses other counts of words", function()
    error_like(function() return mg.core.philox({ 1, 2, 3 }, { 1, 2 }) end, { "philox", "4 words" })
    error_like(function() return mg.core.philox({ 1, 2, 3, 4 }, 7) end, { "philox", "2 words" })
    error_like(function() return mg.core.philox({ 1, 2, 3, 1 << 32 }, { 1, 2 }) end, { "philox", "counter" })
  end)
end)

describe("rand and uniform_", function()
  it("are uniform in [0, 1)", function()
    mg.manual_seed(1)
    local list = mg.rand(20000):totable()
    local mean, variance = moments(list)
    near(0.5, mean, 0.01)
    near(1 / 12, variance, 0.002)
    for shift = 1, 20 do assert.is_true(math.abs(correlation(list, shift)) < 0.03) end
    assert.is_true(math.abs(correlation(list, 16)) < 0.03)
    assert.is_true(kolmogorov_smirnov(list, function(x) return x end) < 1.95)
    assert.is_true(list[1] >= 0 and list[#list] < 1)
  end)

  it("never return the upper end", function()
    mg.manual_seed(2)
    local t = mg.zeros(100000)
    -- Here low + u (high - low) rounds up to high for half of all u.
    local low = helper.double and 1 - 2.0 ^ -53 or 1 - 2.0 ^ -24
    assert.is_true(t:uniform_(low, 1):max():item() < 1)
    assert.is_true(t:uniform_(-1e-3, 1e9):max():item() < 1e9)
    near(3, t:uniform_(3, 3):max(), 0)
  end)

  it("keep to the range given", function()
    mg.manual_seed(3)
    local t = mg.zeros(5000):uniform_(-3, 5)
    near(1, t:mean(), 0.1)
    assert.is_true(t:min():item() >= -3 and t:max():item() < 5)
    local default = mg.zeros(1000):uniform_()
    assert.is_true(default:min():item() >= 0 and default:max():item() < 1)
  end)

  it("refuse ranges that are none", function()
    local t = mg.zeros(3)
    error_like(function() t:uniform_(2, 1) end, { "uniform_", "high", "at least low" })
    error_like(function() t:uniform_(0, 1 / 0) end, { "uniform_", "finite" })
    error_like(function() t:uniform_(0 / 0, 1) end, { "uniform_", "finite" })
    error_like(function() t:uniform_("a") end, { "uniform_", "low", "string" })
    if helper.double then
      error_like(function() t:uniform_(-1.7e308, 1.7e308) end, { "uniform_", "finite distance" })
    end
  end)
end)

describe("randn and normal_", function()
  it("are normal", function()
    mg.manual_seed(4)
    local list = mg.randn(40000):totable()
    local mean, variance, skewness, kurtosis = moments(list)
    near(0, mean, 0.02)
    near(1, variance, 0.03)
    near(0, skewness, 0.05)
    near(3, kurtosis, 0.1)
    for _, shift in ipairs{ 1, 2, 15, 16, 17, 32, 48, 64 } do
      assert.is_true(math.abs(correlation(list, shift)) < 0.02, "shift " .. shift)
    end
    assert.is_true(kolmogorov_smirnov(list, normal_distribution) < 1.95)
  end)

  it("have no infinite tails, but far ones", function()
    mg.manual_seed(5)
    local largest, smallest = 0, 0
    for _ = 1, 8 do
      local t = mg.randn(250000)
      largest, smallest = math.max(largest, t:max():item()), math.min(smallest, t:min():item())
    end
    -- Of two million, the largest is expected near 5.1.
    assert.is_true(largest > 4.6 and largest < 7, largest)
    assert.is_true(smallest < -4.6 and smallest > -7, smallest)
  end)

  it("take a mean and a standard deviation", function()
    mg.manual_seed(6)
    local list = mg.zeros(20000):normal_(10, 0.5):totable()
    local mean, variance = moments(list)
    near(10, mean, 0.002)
    near(0.25, variance, 0.02)
    near(7, mg.zeros(10):normal_(7, 0):max(), 0)
    mg.manual_seed(6)
    local standard = mg.zeros(100):normal_()
    mg.manual_seed(6)
    same_bits(standard, mg.randn(100))
  end)

  it("refuse deviations that are none", function()
    local t = mg.zeros(3)
    error_like(function() t:normal_(0, -1) end, { "normal_", "std", "at least 0", "%-1" })
    error_like(function() t:normal_(0 / 0, 1) end, { "normal_", "mean", "finite" })
    error_like(function() t:normal_(0, 1 / 0) end, { "normal_", "std", "finite" })
    error_like(function() t:normal_(true) end, { "normal_", "mean", "true" })
  end)
end)

describe("randint", function()
  it("takes each whole number from low to high", function()
    mg.manual_seed(7)
    local t, counts = mg.randint(-2, 3, 60, 100), {}
    near({ 60, 100 }, t:shape(), 0)
    for _, x in ipairs(helper.flat(t)) do counts[x] = (counts[x] or 0) + 1 end
    for x = -2, 3 do
      assert.is_true(math.abs(counts[x] - 1000) < 120, "count of " .. x)
      counts[x] = nil
    end
    assert.is_nil(next(counts))
    near({ 5, 5 }, mg.randint(5, 5, { 2 }), 0)
  end)

  it("refuses bounds that are none or not exact", function()
    error_like(function() return mg.randint(3, 2, 1) end, { "randint", "high", "number 2" })
    error_like(function() return mg.randint(0.5, 2, 1) end, { "randint", "low", "0%.5" })
    error_like(function() return mg.randint(0, 1 << 60, 1) end, { "randint", "high" })
    error_like(function() return mg.randint(0) end, { "randint", "high" })
  end)
end)

describe("randperm", function()
  it("orders 1 .. n, each order alike", function()
    mg.manual_seed(8)
    local counts = {}
    for _ = 1, 2400 do
      local order = table.concat(mg.randperm(4):totable(), " ")
      counts[order] = (counts[order] or 0) + 1
    end
    local orders = 0
    for order, count in pairs(counts) do
      orders = orders + 1
      assert.is_true(math.abs(count - 100) < 45, order)
    end
    assert.equal(24, orders)
    local seen = {}
    for _, x in ipairs(mg.randperm(1000):totable()) do seen[x] = true end
    for i = 1, 1000 do assert.is_true(seen[i]) end
    near({ 0 }, mg.randperm(0):shape(), 0)
    error_like(function() return mg.randperm(-1) end, { "randperm", "%-1" })
    error_like(function() return mg.randperm(1 << 60) end, { "randperm" })
  end)
end)

describe("bernoulli", function()
  it("draws ones with the probability given", function()
    mg.manual_seed(9)
    for _, p in ipairs{ 0.1, 0.5, 0.999 } do
      local t = mg.bernoulli(p, 100, 200)
      near(p, t:mean(), 0.015)
      for _, x in ipairs(helper.flat(t)) do assert.is_true(x == 0 or x == 1) end
    end
    near(0, mg.bernoulli(0, 1000):max(), 0)
    near(1, mg.bernoulli(1, 1000):min(), 0)
    near(0.25, mg.zeros(10000):bernoulli_(0.25):mean(), 0.02)
    near(0.5, mg.zeros(10000):bernoulli_():mean(), 0.02)
  end)

  it("takes a tensor of probabilities", function()
    mg.manual_seed(10)
    local t = mg.bernoulli(mg.tensor{ { 0 }, { 1 }, { 0.3 } }:expand(3, 10000))
    near(0, t[1]:max(), 0)
    near(1, t[2]:min(), 0)
    near(0.3, t[3]:mean(), 0.02)
  end)

  it("refuses what is no probability", function()
    error_like(function() return mg.bernoulli(1.5, 2) end, { "bernoulli", "%[0, 1%]", "1%.5" })
    error_like(function() return mg.bernoulli(0 / 0, 2) end, { "bernoulli", "%[0, 1%]" })
    error_like(function() return mg.bernoulli(mg.tensor{ 0.5, 2 }) end, { "bernoulli", "%[0, 1%]", "element 2" })
    error_like(function() return mg.bernoulli(mg.tensor{ 0 / 0 }) end, { "bernoulli", "nan" })
    error_like(function() return mg.zeros(2):bernoulli_(-1) end, { "bernoulli_", "%-1" })
  end)
end)

describe("draws", function()
  local function draw()
    mg.manual_seed(11)
    return { mg.rand(100003), mg.randn(99991), mg.bernoulli(0.3, 100003), mg.randint(1, 6, 50), mg.randperm(50),
      mg.zeros(70001):normal_(1, 2) }
  end

  it("have the same bits for any number of threads", function()
    local one, two = helper.with_threads(1, draw), helper.with_threads(2, draw)
    for i in ipairs(one) do same_bits(one[i], two[i]) end
  end)

  it("have the same bits for any instruction set", function()
    local code = [[
      local mg = require "moongan"
      mg.manual_seed(12)
      local sum = 0
      for _, t in ipairs{ mg.rand(3001), mg.randn(3001), mg.bernoulli(0.3, 3001) } do
        for i, x in ipairs(t:totable()) do sum = (sum * 31 + string.unpack("<i8", string.pack("<d", x)) + i) end
      end
      io.write(sum)]]
    local texts = {}
    for _, simd in ipairs{ "generic", "avx2", "avx512" } do
      local text, status = helper.run_lua(code, "MOONGAN_SIMD=" .. simd .. " MOONGAN_PRECISION=" .. mg.precision)
      assert.equal(0, status, text)
      texts[#texts + 1] = text
    end
    assert.equal(texts[1], texts[2])
    assert.equal(texts[1], texts[3])
  end)

  it("of the first numbers do not depend on how many follow", function()
    mg.manual_seed(13)
    local few = mg.randn(10)
    mg.manual_seed(13)
    same_bits(few, mg.randn(1000)[{ { 1, 10 } }])
  end)

  it("differ from each other and from seed to seed", function()
    mg.manual_seed(14)
    local a, b = mg.rand(8), mg.rand(8)
    mg.manual_seed(-15)
    local c = mg.rand(8)
    local seen = {}
    for _, t in ipairs{ a, b, c } do
      for _, x in ipairs(t:totable()) do
        assert.is_nil(seen[x])
        seen[x] = true
      end
    end
  end)

  it("go on from a saved state", function()
    mg.manual_seed(15)
    mg.randn(77)
    mg.randint(1, 6, 3)
    local state = mg.get_rng_state()
    assert.equal(15, state.seed)
    local expected = { mg.randn(5), mg.randperm(9), mg.rand(3) }
    mg.manual_seed(16)
    mg.set_rng_state(state)
    for _, t in ipairs(expected) do
      same_bits(t, t:size(1) == 5 and mg.randn(5) or t:size(1) == 9 and mg.randperm(9) or mg.rand(3))
    end
  end)

  it("come in any shape", function()
    near({ 2, 0, 3 }, mg.rand(2, 0, 3):shape(), 0)
    near({ 2, 3 }, mg.randn{ 2, 3 }:shape(), 0)
    assert.equal(0, mg.randn():dim())
    near({ 4, 5 }, mg.rand_like(mg.zeros(4, 5)):shape(), 0)
    near({ 4, 5 }, mg.randn_like(mg.zeros(4, 5)):shape(), 0)
    error_like(function() return mg.rand(-1) end, { "%-1" })
    error_like(function() return mg.randn("x") end, { "randn", "string" })
    error_like(function() return mg.rand(1 << 40, 1 << 40) end, {})
    error_like(function() return mg.rand_like(3) end, { "rand_like", "tensor" })
  end)

  it("refuse seeds and states that are none", function()
    error_like(function() mg.manual_seed(1.5) end, { "manual_seed", "whole number", "1%.5" })
    error_like(function() mg.manual_seed() end, { "manual_seed", "seed" })
    error_like(function() mg.set_rng_state(5) end, { "set_rng_state", "number 5" })
    error_like(function() mg.set_rng_state{ seed = 1 } end, { "set_rng_state", "offset", "nil" })
    error_like(function() mg.set_rng_state{ seed = 1, offset = "1" } end, { "set_rng_state", "offset", "string" })
    error_like(function() mg.set_rng_state{ seed = 1, offset = 1, ofset = 2 } end, { "set_rng_state", "ofset" })
  end)

  it("in place keep to the rules of changes in place", function()
    local w = mg.zeros(3):requires_grad_(true)
    for _, name in ipairs{ "normal_", "uniform_", "bernoulli_" } do
      error_like(function() w[name](w) end, { name, "no_grad" })
      error_like(function() w[name](7) end, { name, "tensor", "number 7" })
    end
    local t = mg.no_grad(function() return w:normal_() end)
    assert.equal(w, t)
    local x = mg.ones(3)
    local y = (w * x):sum()
    x:uniform_()
    error_like(function() y:backward() end, { "changed in place" })
  end)

  it("leave nothing behind", function()
    helper.leak_check(function()
      mg.rand(10)
      mg.randn_like(mg.zeros(3)):normal_()
      pcall(mg.bernoulli, mg.tensor{ 2 })
      pcall(mg.randint, 1, 2, -1)
    end)
  end)
end)
