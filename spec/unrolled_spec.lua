-- Unrolled discriminator steps: the gradient through them, and that the discriminator is left alone.

local mg = require "moongan"
local helper = require "spec.helper"
local golden = require "spec.fixtures.unrolled_golden"
local nn, gan = mg.nn, mg.gan

local tolerance = helper.double and 1e-9 or 1e-4

local real, fake = helper.values({ 4, 6 }, 1), helper.values({ 4, 6 }, 2, -2, 2)

-- The critic of the fixture as a layer.
local function critic()
  local tensors = {}
  for i, shape in ipairs{ { 6, 8 }, { 8 }, { 8, 1 }, { 1 } } do
    tensors[i] = helper.values(shape, 9 + i):requires_grad_(true)
  end
  return nn.Module{
    name = "Critic", a = tensors[1], b = tensors[2], c = tensors[3], d = tensors[4],
    forward = function(self, x)
      local hidden = mg.linear(x, self.a, self.b)
      return mg.linear(hidden:leaky_relu(0.2) + hidden:tanh(), self.c, self.d)
    end,
  }
end

local function losses(objective, D, penalty)
  return function(x)
    local loss = objective.discriminator(D(real), D(x))
    if penalty > 0 then
      loss = loss + penalty * gan.penalty.wgan_gp(D, real, x, { epsilon = mg.full({ 4 }, 0.5) })
    end
    return loss
  end, function(x) return objective.generator(D(x), objective.needs_real and D(real) or nil) end
end

local function snapshot(layer)
  local list = {}
  for _, tensor in ipairs(layer:parameters()) do list[#list + 1] = tensor:detach():clone() end
  for _, tensor in ipairs(layer:buffers()) do list[#list + 1] = tensor:detach():clone() end
  return list
end

local function assert_unchanged(before, layer)
  local after = snapshot(layer)
  assert.equal(#before, #after)
  for i = 1, #before do helper.same_bits(before[i], after[i], "tensor " .. i) end
end

-- A network with everything that could be left behind: running moments and random masks.
local function restless()
  mg.manual_seed(3)
  return nn.Sequential{ nn.Linear(6, 16), nn.BatchNorm(16), nn.LeakyReLU(0.2), nn.Dropout(0.5), nn.Linear(16, 1) }
end

describe("gan.unrolled", function()
  for _, row in ipairs(golden) do
    it(string.format("follows PyTorch through %d steps: %s, penalty %g", row.steps, row.name, row.penalty), function()
      local D = critic()
      local value, gradient = gan.unrolled(row.steps, { lr = row.lr })(D, fake, losses(gan[row.name], D, row.penalty))
      helper.near(row.value, value, tolerance)
      helper.near(row.gradient, helper.flat(gradient), tolerance)
    end)
  end

  it("leaves the discriminator as it was, bit for bit, and its gradients untouched", function()
    for _, D in ipairs{ critic(), restless() } do
      local before = snapshot(D)
      gan.unrolled(3, { lr = 0.3 })(D, fake, losses(gan.nonsaturating, D, 0))
      assert_unchanged(before, D)
      for _, parameter in ipairs(D:parameters()) do
        assert.is_nil(parameter.grad)
        assert.is_true(parameter.requires_grad)
      end
    end
  end)

  it("replays each step with the random numbers it had", function()
    local D = restless()
    local d_loss, g_loss = losses(gan.nonsaturating, D, 0)
    local function ahead(x)
      mg.manual_seed(5)
      return gan.unrolled(2, { lr = 0.2 })(D, x, d_loss, g_loss)
    end
    if not helper.double then return end
    local _, gradient = ahead(fake)
    for _, i in ipairs{ 1, 8, 20 } do -- the derivative by differences
      local row, column = (i - 1) // 6 + 1, (i - 1) % 6 + 1
      local function at(offset)
        local moved = fake:totable()
        moved[row][column] = moved[row][column] + offset
        return (ahead(mg.tensor(moved)))
      end
      helper.near((at(1e-5) - at(-1e-5)) / 2e-5, gradient[row][column]:item(), 1e-6)
    end
  end)

  it("uses as many random numbers as going ahead takes, not those of the replay", function()
    local D = restless()
    local d_loss, g_loss = losses(gan.nonsaturating, D, 0)
    mg.manual_seed(5)
    gan.unrolled(2, { lr = 0.2 })(D, fake, d_loss, g_loss)
    local after = mg.get_rng_state()
    mg.manual_seed(5)
    d_loss(fake)
    d_loss(fake)
    g_loss(fake)
    assert.same(mg.get_rng_state(), after)
  end)

  it("is the plain gradient where the steps are of length 0", function()
    local D = critic()
    local d_loss, g_loss = losses(gan.nonsaturating, D, 0)
    local value, gradient = gan.unrolled(2, { lr = 0 })(D, fake, d_loss, g_loss)
    local x = fake:clone():requires_grad_(true)
    local loss = g_loss(x)
    helper.same_bits(loss:item(), value)
    helper.same_bits(mg.grad(loss, { x })[1], gradient)
  end)

  it("works where the discriminator's gradient does not depend on its weights, or some are frozen", function()
    mg.manual_seed(1)
    local D = nn.Linear(6, 1)
    D.bias:requires_grad_(false)
    local before = snapshot(D)
    local d_loss, g_loss = losses(gan.wasserstein, D, 0)
    local _, gradient = gan.unrolled(2, { lr = 0.1 })(D, fake, d_loss, g_loss)
    -- The weight moves by 0.2 (mean of real - mean of fake), so the loss -mean(fake) . weight has
    -- the gradient -(weight + 0.2 (mean of real - 2 mean of fake)) / 4 for each image.
    local expected = (D.weight:reshape(6):detach() + 0.2 * (real:mean(1) - 2 * fake:mean(1))) * -0.25
    for i = 1, 4 do helper.near(expected, gradient[i], 1e-5) end
    assert_unchanged(before, D)
  end)

  it("restores the discriminator after an error in a loss", function()
    local D = restless()
    local before, count = snapshot(D), 0
    local d_loss, g_loss = losses(gan.nonsaturating, D, 0)
    local function failing(x)
      count = count + 1
      if count == 3 then error("no third time") end
      return d_loss(x)
    end
    helper.error_like(function() gan.unrolled(5, { lr = 0.3 })(D, fake, failing, g_loss) end, "no third time")
    assert_unchanged(before, D)
  end)

  it("leaks nothing", function()
    local D = restless()
    local ahead = gan.unrolled(3, { lr = 0.1 })
    helper.leak_check(function()
      for _ = 1, 5 do ahead(D, fake, losses(gan.nonsaturating, D, 0)) end
    end)
  end)

  it("rejects what it cannot use", function()
    local cases = {
      ["mg.gan.unrolled: steps: expected a whole number of at least 1, got number 0"] = { 0, { lr = 1 } },
      ["mg.gan.unrolled: steps: .*got number 2.5"] = { 2.5, { lr = 1 } },
      ["mg.gan.unrolled: steps: .*got nil"] = {},
      ["mg.gan.unrolled: option lr: expected a number of at least 0, got nil"] = { 3 },
      ["mg.gan.unrolled: option lr: expected a number of at least 0, got number %-1"] = { 3, { lr = -1 } },
      ["mg.gan.unrolled: unknown option \"rate\""] = { 3, { rate = 1 } },
    }
    for pattern, arguments in pairs(cases) do
      helper.error_like(function() gan.unrolled(arguments[1], arguments[2]) end, pattern)
    end
  end)
end)
