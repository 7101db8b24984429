-- Penalties of moongan.gan against PyTorch and against functions whose gradient is known.

local mg = require "moongan"
local helper = require "spec.helper"
local golden = require "spec.fixtures.gan_penalty_golden"
local penalty = mg.gan.penalty

local tolerance = helper.double and 1e-9 or 2e-5
local real, fake = helper.values({ 4, 2, 3, 1 }, 1), helper.values({ 4, 2, 3, 1 }, 2, -2, 2)

local function weights()
  local w = {}
  for i, shape in ipairs{ { 6, 8 }, { 8 }, { 8, 1 }, { 1 } } do
    w[i] = helper.values(shape, 9 + i):requires_grad_(true)
  end
  return w
end

local function critic(w)
  return function(x)
    local hidden = mg.linear(x:reshape(x:size(1), -1), w[1], w[2])
    return mg.linear(hidden:leaky_relu(0.2) + hidden:tanh(), w[3], w[4])
  end
end

-- A function of which the gradient has the length `slope` everywhere.
local function slope_of(slope)
  return function(x) return x:reshape(x:size(1), -1):sum(2) * (slope / math.sqrt(6)) end
end

local function with_fixed_numbers(options)
  local o = { noise = helper.values({ 4, 2, 3, 1 }, 3, 0, 1), epsilon = helper.values({ 4 }, 4, 0, 1) }
  for key, value in pairs(options) do o[key] = value end
  return next(options) and o or nil
end

describe("gan.penalty", function()
  for _, row in ipairs(golden) do
    it("follows PyTorch: " .. row.name .. (row.options.target and ", target " .. row.options.target or ""), function()
      local w = weights()
      local value = penalty[row.name](critic(w), real, fake, with_fixed_numbers(row.options))
      helper.near(row.value, value, tolerance)
      value:backward()
      for i = 1, 3 do helper.near(row.gradients[i], helper.flat(w[i].grad), tolerance, "gradient " .. i) end
    end)

    it("has derivatives: " .. row.name, function()
      local w = weights()
      local function value(w1, b1, w2)
        return penalty[row.name](critic{ w1, b1, w2, w[4] }, real, fake, with_fixed_numbers(row.options))
      end
      helper.gradcheck(value, { w[1], w[2], w[3] })
    end)
  end

  it("is what the formula says where the slope is known", function()
    for _, slope in ipairs{ 0.25, 1, 3 } do
      local D = slope_of(slope)
      helper.near(slope ^ 2, penalty.r1(D, real, fake))
      helper.near(slope ^ 2, penalty.r2(D, real, fake))
      for _, name in ipairs{ "wgan_gp", "dragan" } do
        helper.near((slope - 1) ^ 2, penalty[name](D, real, fake), 1e-4)
        helper.near((slope - 2) ^ 2, penalty[name](D, real, fake, { target = 2 }), 1e-4)
        helper.near(math.max(0, slope - 1) ^ 2, penalty[name](D, real, fake, { one_sided = true }), 1e-4)
      end
    end
  end)

  it("looks where it should", function()
    local seen
    local function watch(x)
      seen = x:detach()
      return x:square():sum()
    end
    penalty.r1(watch, real, nil)
    helper.same_bits(real, seen)
    penalty.r2(watch, nil, fake)
    helper.same_bits(fake, seen)
    penalty.dragan(watch, real, nil, { scale = 0 })
    helper.same_bits(real, seen)
    penalty.dragan(watch, real, nil, { scale = 0.1 })
    local deviation = (real - real:mean()):square():mean():sqrt():item()
    local moved = seen - real
    assert.is_true(moved:min():item() >= 0 and moved:max():item() <= 0.1 * deviation * 1.001)
    assert.is_true(moved:max():item() > 0.03 * deviation)
  end)

  it("has a finite derivative where the discriminator is flat", function()
    for name, expected in pairs{ wgan_gp = 1, dragan = 1, r1 = 0, r2 = 0 } do
      local w = mg.zeros(6, 1):requires_grad_(true)
      local value = penalty[name](function(x) return mg.matmul(x:reshape(4, 6), w) end, real, fake)
      helper.near(expected, value, 1e-5)
      value:backward()
      helper.near(mg.zeros(6, 1), w.grad)
    end
  end)

  it("is loss.gradient_penalty under the name wgan_gp", function()
    assert.equal(mg.loss.gradient_penalty, penalty.wgan_gp)
  end)

  it("sends no gradient into the samples, and passes labels on", function()
    local scale = mg.ones(1):requires_grad_(true)
    local labels, got = mg.ones(4, 1), nil
    for _, name in ipairs{ "wgan_gp", "dragan", "r1", "r2" } do
      local source = real:clone():detach():requires_grad_(true)
      local function D(x, y)
        got = y
        return x:square():sum() * scale
      end
      penalty[name](D, source * 1, source * 2, nil, labels):backward()
      assert.is_nil(source.grad)
      assert.equal(labels, got)
      got = nil
      penalty[name](D, source * 1, source * 2, { extra = { labels } })
      assert.equal(labels, got)
    end
  end)

  it("rejects what it cannot use", function()
    local D = slope_of(1)
    local cases = {
      { "mg.gan.penalty.r1: real: expected a tensor, got nil", penalty.r1, D, nil, fake },
      { "mg.gan.penalty.r2: fake: expected a tensor, got nil", penalty.r2, D, real, nil },
      { "mg.gan.penalty.dragan: real: expected a tensor, got number 3", penalty.dragan, D, 3 },
      { "mg.gan.penalty.r1: D: expected a function or a layer, got nil", penalty.r1, nil, real, fake },
      { "mg.gan.penalty.r1: unknown option \"target\"", penalty.r1, D, real, fake, { target = 1 } },
      { "mg.gan.penalty.r1: what D returned: expected a tensor, got nil", penalty.r1, function() end, real },
      { "mg.gan.penalty.r1: expected samples along the first dimension, got %(0, 3%)", penalty.r1, D, mg.zeros(0, 3) },
      { "mg.gan.penalty.dragan: option noise: expected a tensor of shape %(4, 2, 3, 1%), got %(4%)", penalty.dragan, D,
        real, fake, { noise = mg.ones(4) } },
      { "mg.gan.penalty.dragan: option epsilon: expected one number for each of 4", penalty.dragan, D, real, fake,
        { epsilon = mg.ones(3) } },
      { "mg.gan.penalty.dragan: option scale: expected a number of at least 0", penalty.dragan, D, real, fake,
        { scale = -1 } },
    }
    for _, case in ipairs(cases) do
      helper.error_like(function() case[2](table.unpack(case, 3, 6)) end, case[1])
    end
  end)
end)

describe("gan.penalty.sum", function()
  local D = slope_of(3)

  it("adds penalties by their weights, with their options", function()
    local sum = penalty.sum{
      { penalty.r1, weight = 5 }, { penalty.r2 },
      { penalty.wgan_gp, weight = 10, options = { target = 2 } },
      { function(_, x) return x:mean() end, weight = -2 },
    }
    helper.near(5 * 9 + 9 + 10 * 1 - 2 * real:mean():item(), sum(D, real, fake), 1e-4)
  end)

  it("takes one entry as a list of it", function()
    helper.near(18, penalty.sum{ penalty.r1, weight = 2 }(D, real, fake))
  end)

  it("computes an entry at every k-th update, with k times its weight", function()
    local sum = penalty.sum{ { penalty.r1, weight = 2, every = 4 } }
    local both = penalty.sum{ { penalty.r1, weight = 2, every = 4 }, { penalty.r2, every = 2 } }
    for update = 0, 9 do
      local lazy, total = sum(D, real, fake, update), both(D, real, fake, update)
      if update % 4 == 0 then helper.near(2 * 4 * 9, lazy) else assert.is_nil(lazy) end
      local expected = (update % 4 == 0 and 72 or 0) + (update % 2 == 0 and 18 or 0)
      if expected > 0 then helper.near(expected, total) else assert.is_nil(total) end
    end
  end)

  it("is nothing for an empty list", function() assert.is_nil(penalty.sum{}(D, real, fake)) end)

  it("rejects entries that it cannot read", function()
    local r1 = penalty.r1
    local cases = {
      ["mg.gan.penalty.sum: expected a list .*got number 3"] = 3,
      ["mg.gan.penalty.sum: entry 2: expected { a penalty, weight = }, got moongan.Tensor"] = { { r1 }, mg.ones(1) },
      ["mg.gan.penalty.sum: entry 1: expected .*a table that begins with string \"r1\""] = { { "r1" } },
      ["mg.gan.penalty.sum: entry 1: unknown option \"wieght\" %(did you mean \"weight\"%?%)"] = { { r1, wieght = 5 } },
      ["mg.gan.penalty.sum: entry 1: option every: expected a whole number of at least 1, got number 0"] =
        { { r1, every = 0 } },
    }
    for pattern, list in pairs(cases) do helper.error_like(function() penalty.sum(list) end, pattern) end
  end)
end)
