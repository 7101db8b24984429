-- Objectives of moongan.gan against their formulas written out with the sigmoid, and against PyTorch.

local mg = require "moongan"
local helper = require "spec.helper"
local golden = require "spec.fixtures.objective_golden"
local gan = mg.gan

local function sigmoid(s) return 1 / (1 + math.exp(-s)) end
local function neg_log_d(s) return -math.log(sigmoid(s)) end
local function neg_log_1_d(s) return -math.log(1 - sigmoid(s)) end

local function mean(f, scores)
  local sum = 0
  for _, s in ipairs(scores) do sum = sum + f(s) end
  return sum / #scores
end

local function differences(a, b)
  local result = {}
  for i = 1, #a do result[i] = a[i] - b[i] end
  return result
end

-- Pairs of images, and their L1 distances.
local images = {
  real = mg.tensor{ { 0, 1 }, { 0.5, 0.5 }, { 1, -1 }, { 0, 0 }, { 2, 1 } },
  fake = mg.tensor{ { 1, 0 }, { 0.5, 0.25 }, { 1, 3 }, { 0.5, -1 }, { 2, 1 } },
}
local distances = { 2, 0.25, 4, 1.5, 0 }

local formulas = {
  minimax = {
    discriminator = function(real, fake) return mean(neg_log_d, real) + mean(neg_log_1_d, fake) end,
    generator = function(fake) return -mean(neg_log_1_d, fake) end,
  },
  nonsaturating = {
    discriminator = function(real, fake) return mean(neg_log_d, real) + mean(neg_log_1_d, fake) end,
    generator = function(fake) return mean(neg_log_d, fake) end,
  },
  wasserstein = {
    discriminator = function(real, fake)
      local function same(s) return s end
      return mean(same, fake) - mean(same, real)
    end,
    generator = function(fake) return mean(function(s) return -s end, fake) end,
  },
  least_squares = {
    discriminator = function(real, fake)
      return mean(function(s) return (s - 1) ^ 2 / 2 end, real) + mean(function(s) return s ^ 2 / 2 end, fake)
    end,
    generator = function(fake) return mean(function(s) return (s - 1) ^ 2 / 2 end, fake) end,
  },
  relativistic = {
    discriminator = function(real, fake) return mean(neg_log_d, differences(real, fake)) end,
    generator = function(fake, real) return mean(neg_log_d, differences(fake, real)) end,
  },
  loss_sensitive = {
    discriminator = function(real, fake)
      local margins = differences(real, fake)
      for i, difference in ipairs(margins) do margins[i] = math.max(0, distances[i] - difference) end
      local function same(s) return s end
      return mean(same, margins) - mean(same, real)
    end,
    generator = function(fake) return mean(function(s) return -s end, fake) end,
  },
  hinge = {
    discriminator = function(real, fake)
      return mean(function(s) return math.max(0, 1 - s) end, real)
        + mean(function(s) return math.max(0, 1 + s) end, fake)
    end,
    generator = function(fake) return mean(function(s) return -s end, fake) end,
  },
}

local real, fake = { 1.5, -0.3, 0.2, 3.1, -2 }, { -1.2, 0.4, 2.2, -0.1, 0.7 }
local function column(scores) return mg.tensor(scores):reshape(#scores, 1) end

-- The objectives of the fixture by name.
local objectives = {
  smoothed = gan.smoothed(0.8),
  pearson = gan.least_squares(-1, 1, 0),
  loss_sensitive_weighted = gan.loss_sensitive{ margin = 0.3, weight = 2.5 },
}
setmetatable(objectives, { __index = gan })

local tolerance = helper.double and 1e-9 or 2e-5

-- First derivatives of a loss by leaves, and the derivatives of their sum weighted by formula.
local function derivatives(loss, leaves)
  local first = mg.grad(loss, leaves, { create_graph = true })
  local total = 0
  for i, gradient in ipairs(first) do total = total + (gradient * helper.values(gradient:shape(), 29 + i)):sum() end
  local second = {}
  if total.requires_grad then
    second = mg.grad(total, leaves)
  else
    for i, x in ipairs(leaves) do second[i] = mg.zeros_like(x) end
  end
  return first, second
end

local function follows(row, loss, leaves)
  helper.near(row.value, loss, tolerance)
  local first, second = derivatives(loss, leaves)
  for i = 1, #leaves do
    helper.near(row.first[i], helper.flat(first[i]), tolerance, "gradient " .. i)
    helper.near(row.second[i], helper.flat(second[i]), tolerance, "second derivative " .. i)
  end
end

describe("gan", function()
  for _, row in ipairs(golden) do
    it(row.name .. " follows PyTorch, and so do its first and second derivatives", function()
      local leaves = {}
      for i, shape in ipairs{ { 5, 1 }, { 5, 1 }, { 5, 3 }, { 5, 3 } } do
        leaves[i] = helper.values(shape, i, -2, 2):requires_grad_(true)
      end
      local r, f, x, y = table.unpack(leaves)
      local objective = objectives[row.name]
      follows(row.discriminator, objective.discriminator(r, f, { real = x, fake = y }), leaves)
      follows(row.generator, objective.generator(f, objective.needs_real and r or nil), { f, r })
    end)
  end

  for name, formula in pairs(formulas) do
    it(name .. " is its formula", function()
      local objective = gan[name]
      local d = objective.discriminator(column(real), column(fake), images)
      local g = objective.generator(column(fake), objective.needs_real and column(real) or nil, images)
      assert.same({}, d:shape())
      assert.same({}, g:shape())
      helper.near(formula.discriminator(real, fake), d:item(), 1e-5)
      helper.near(formula.generator(fake, real), g:item(), 1e-5)
    end)

    it(name .. " has its derivatives", function()
      local objective = gan[name]
      local function discriminator(r, f) return objective.discriminator(r, f, images) end
      local scores = { column(real), column(fake) }
      helper.gradcheck(discriminator, scores)
      helper.gradgradcheck(discriminator, scores)
      helper.gradcheck(function(f) return objective.generator(f, column(real)) end, { column(fake) })
    end)

    it(name .. " stays finite for a discriminator that is very sure", function()
      local objective = gan[name]
      for _, s in ipairs{ -1000, 1000 } do
        local r, f = mg.full({ 5, 1 }, -s):requires_grad_(true), mg.full({ 5, 1 }, s):requires_grad_(true)
        local d, g = objective.discriminator(r, f, images), objective.generator(f, r, images)
        d:backward()
        assert.is_true(math.abs(d:item()) < 1e7 and math.abs(g:item()) < 1e7)
        assert.is_true(r.grad:abs():max():item() < 1e4 and f.grad:abs():max():item() < 1e4)
      end
    end)
  end

  it("has a specified formula for every objective", function()
    for name, value in pairs(gan) do
      if type(value) == "table" and value.discriminator then assert.is_table(formulas[name], name) end
    end
  end)

  it("gives another objective for other numbers", function()
    local r, f = column(real), column(fake)
    helper.same_bits(gan.least_squares.discriminator(r, f), gan.least_squares(0, 1, 1).discriminator(r, f))
    helper.near(gan.nonsaturating.discriminator(r, f), gan.smoothed(1).discriminator(r, f))
    helper.same_bits(gan.smoothed(0.9).discriminator(r, f), gan.smoothed().discriminator(r, f))
    -- With no margin and no demand for one, what is left is the score of real images.
    helper.near(-r:mean(), gan.loss_sensitive{ weight = 0 }.discriminator(r, f, images))
  end)

  it("is smoothed on one side only: the best score for a real image is finite, for a fake one it is not", function()
    local objective = gan.smoothed(0.9)
    local function slope(s, side)
      local r, f = mg.full({ 1, 1 }, s):requires_grad_(true), mg.full({ 1, 1 }, s):requires_grad_(true)
      objective.discriminator(r, f):backward()
      return (side == "real" and r or f).grad:item()
    end
    helper.near(0, slope(math.log(0.9 / 0.1), "real"), 1e-6)
    assert.is_true(slope(5, "real") > 0 and slope(-5, "fake") > 0 and slope(-9, "fake") > 0)
  end)

  it("rejects what it cannot use", function()
    local r, f = column(real), column(fake)
    local cases = {
      ["mg.gan.smoothed: expected a probability above 0 and at most 1, got number 0"] = function() gan.smoothed(0) end,
      ["mg.gan.smoothed: .*got number 1.5"] = function() gan.smoothed(1.5) end,
      ["mg.gan.smoothed: .*got string"] = function() gan.smoothed("a lot") end,
      ["mg.gan.least_squares: c: expected a number, got nil"] = function() gan.least_squares(0, 1) end,
      ["mg.gan.least_squares: a: expected a number, got string \"0\""] = function() gan.least_squares("0", 1, 1) end,
      ["mg.gan.loss_sensitive: unknown option \"margins\""] = function() gan.loss_sensitive{ margins = 1 } end,
      ["mg.gan.loss_sensitive: option weight: expected a number of at least 0"] = function()
        gan.loss_sensitive{ weight = -1 }
      end,
      ["mg.gan.loss_sensitive: expected images, { real =, fake = }, as third argument, got nil"] = function()
        gan.loss_sensitive.discriminator(r, f)
      end,
      ["mg.gan.loss_sensitive: expected as many real as fake images.*%(5, 2%) and %(4, 2%)"] = function()
        gan.loss_sensitive.discriminator(r, f, { real = mg.ones(5, 2), fake = mg.ones(4, 2) })
      end,
      ["mg.gan.loss_sensitive: expected one score for each of 3 images, got %(5, 1%)"] = function()
        gan.loss_sensitive.discriminator(r, f, { real = mg.ones(3, 2), fake = mg.ones(3, 2) })
      end,
      ["mg.gan.relativistic: expected as many real as fake scores.*%(5, 1%) and %(4, 1%)"] = function()
        gan.relativistic.discriminator(r, mg.ones(4, 1))
      end,
      ["mg.gan.relativistic: .*%(5%) and %(5, 1%)"] = function() gan.relativistic.generator(f, mg.ones(5)) end,
    }
    for pattern, f_case in pairs(cases) do helper.error_like(f_case, pattern) end
  end)

  it("minimax saturates where nonsaturating does not", function()
    local function gradient(objective)
      local score = mg.full({ 1, 1 }, -20):requires_grad_(true)
      objective.generator(score):backward()
      return math.abs(score.grad:item())
    end
    assert.is_true(gradient(gan.minimax) < 1e-8)
    helper.near(1, gradient(gan.nonsaturating), 1e-5)
  end)
end)
