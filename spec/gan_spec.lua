-- Objectives of moongan.gan against their formulas written out with the sigmoid.

local mg = require "moongan"
local helper = require "spec.helper"
local gan = mg.gan

local function sigmoid(s) return 1 / (1 + math.exp(-s)) end
local function neg_log_d(s) return -math.log(sigmoid(s)) end
local function neg_log_1_d(s) return -math.log(1 - sigmoid(s)) end

local function mean(f, scores)
  local sum = 0
  for _, s in ipairs(scores) do sum = sum + f(s) end
  return sum / #scores
end

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

describe("gan", function()
  for name, formula in pairs(formulas) do
    it(name .. " is its formula", function()
      local objective = gan[name]
      local d, g = objective.discriminator(column(real), column(fake)), objective.generator(column(fake))
      assert.same({}, d:shape())
      assert.same({}, g:shape())
      helper.near(formula.discriminator(real, fake), d:item(), 1e-5)
      helper.near(formula.generator(fake), g:item(), 1e-5)
    end)

    it(name .. " has its derivatives", function()
      local objective = gan[name]
      helper.gradcheck(objective.discriminator, { column(real), column(fake) })
      helper.gradcheck(objective.generator, { column(fake) })
    end)

    it(name .. " stays finite for a discriminator that is very sure", function()
      local objective = gan[name]
      for _, s in ipairs{ -1000, 1000 } do
        local r, f = mg.full({ 4, 1 }, -s):requires_grad_(true), mg.full({ 4, 1 }, s):requires_grad_(true)
        local d, g = objective.discriminator(r, f), objective.generator(f)
        d:backward()
        assert.is_true(math.abs(d:item()) < 1e7 and math.abs(g:item()) < 1e7)
        assert.is_true(r.grad:abs():max():item() < 1e4 and f.grad:abs():max():item() < 1e4)
      end
    end)
  end

  it("has a specified formula for every objective", function()
    for name, value in pairs(gan) do
      if type(value) == "table" then assert.is_table(formulas[name], name) end
    end
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
