-- Unrolled discriminator steps: the gradient through them, and that the discriminator is left alone.

local mg = require "moongan"
local helper = require "spec.helper"
local golden = require "spec.fixtures.unrolled_golden"
local nn, optim, gan = mg.nn, mg.optim, mg.gan

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

local function update(optimizer, loss)
  optimizer:zero_grad()
  loss:backward()
  optimizer:step()
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
    it(string.format("follows PyTorch through %d steps of %s: %s, penalty %g", row.steps,
      row.optimizer == "" and "descent" or row.optimizer, row.name, row.penalty), function()
      local D = critic()
      local d_loss, g_loss = losses(gan[row.name], D, row.penalty)
      local given = row.options
      if row.optimizer ~= "" then
        given = { optimizer = optim[row.optimizer](D:parameters(), row.options) }
        for _ = 1, 2 do update(given.optimizer, d_loss(fake)) end
      end
      local value, gradient = gan.unrolled(row.steps, given)(D, fake, d_loss, g_loss)
      helper.near(row.value, value, tolerance)
      helper.near(row.gradient, helper.flat(gradient), tolerance)
    end)
  end

  it("ends where the optimizer would", function()
    for name, options in pairs{ Adam = { lr = 0.1, betas = { 0.5, 0.9 } }, SGD = { lr = 0.1, momentum = 0.9 } } do
      for before = 0, 2 do
        local D = critic()
        local d_loss, g_loss = losses(gan.nonsaturating, D, 0)
        local optimizer = optim[name](D:parameters(), options)
        for _ = 1, before do update(optimizer, d_loss(fake)) end
        local value = gan.unrolled(3, { optimizer = optimizer })(D, fake, d_loss, g_loss)
        for _ = 1, 3 do update(optimizer, d_loss(fake)) end
        helper.near(g_loss(fake), value, 1e-5)
      end
    end
  end)

  it("leaves the optimizer as it was", function()
    local D = restless()
    local d_loss, g_loss = losses(gan.nonsaturating, D, 0)
    local optimizer = optim.Adam(D:parameters(), { lr = 0.1 })
    update(optimizer, d_loss(fake))
    local function state()
      local list = {}
      for i, saved in ipairs(optimizer:state_dict().state) do
        list[i] = { saved.step, saved.exp_avg:clone(), saved.exp_avg_sq:clone() }
      end
      return list
    end
    local before = state()
    gan.unrolled(3, { optimizer = optimizer })(D, fake, d_loss, g_loss)
    for i, saved in ipairs(state()) do
      assert.equal(before[i][1], saved[1])
      helper.same_bits(before[i][2], saved[2])
      helper.same_bits(before[i][3], saved[3])
    end
  end)

  it("is finite through Adam where a parameter has no gradient", function()
    local D = critic() -- of the relativistic losses, none reads the last bias
    local d_loss, g_loss = losses(gan.relativistic, D, 0)
    local optimizer = optim.Adam(D:parameters(), { lr = 0.1 })
    for _ = 1, 2 do
      local value, gradient = gan.unrolled(3, { optimizer = optimizer })(D, fake, d_loss, g_loss)
      local total = gradient:abs():sum():item()
      assert.is_true(value == value and total > 0 and total < math.huge)
      update(optimizer, d_loss(fake))
    end
  end)

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
    local D = critic()
    local function sgd(options) return optim.SGD(D:parameters(), options) end
    local cases = {
      ["mg.gan.unrolled: steps: expected a whole number of at least 1, got number 0"] = { 0, { lr = 1 } },
      ["mg.gan.unrolled: steps: .*got number 2.5"] = { 2.5, { lr = 1 } },
      ["mg.gan.unrolled: steps: .*got nil"] = {},
      ["mg.gan.unrolled: expected one of the options lr and optimizer, got neither"] = { 3 },
      ["mg.gan.unrolled: expected one of the options lr and optimizer, got both"] =
        { 3, { lr = 1, optimizer = sgd{} } },
      ["mg.gan.unrolled: option lr: expected a number of at least 0, got number %-1"] = { 3, { lr = -1 } },
      ["mg.gan.unrolled: option optimizer: expected moongan.Optimizer, got table"] = { 3, { optimizer = {} } },
      ["mg.gan.unrolled: option optimizer: expected an optim.SGD or optim.Adam, got optim.RMSprop"] =
        { 3, { optimizer = optim.RMSprop(D:parameters()) } },
      ["mg.gan.unrolled: unknown option \"rate\""] = { 3, { rate = 1 } },
    }
    for pattern, arguments in pairs(cases) do
      helper.error_like(function() gan.unrolled(arguments[1], arguments[2]) end, pattern)
    end
    local d_loss, g_loss = losses(gan.nonsaturating, D, 0)
    local optimizers = {
      ["optim.SGD with weight_decay = 0.1"] = sgd{ weight_decay = 0.1 },
      ["optim.SGD with nesterov = true"] = sgd{ momentum = 0.5, nesterov = true },
      ["optim.SGD with clip = 0.01"] = sgd{ clip = 0.01 },
      ["optim.Adam with amsgrad = true"] = optim.Adam(D:parameters(), { amsgrad = true }),
    }
    local before = snapshot(D)
    for pattern, optimizer in pairs(optimizers) do
      helper.error_like(function() gan.unrolled(3, { optimizer = optimizer })(D, fake, d_loss, g_loss) end,
        "mg.gan.unrolled: cannot look ahead of " .. pattern)
      assert_unchanged(before, D)
    end
  end)
end)
