-- Training follows PyTorch step by step, from the same weights, data and noise: what
-- fixtures/trajectory.py computes there is computed here, and its golden numbers are compared.

local helper = require "spec.helper"
local mg = require "moongan"

local gan, loss, models, nn, optim = mg.gan, mg.loss, mg.models, mg.nn, mg.optim
local golden = dofile("spec/fixtures/trajectory.lua")

local STEPS = 20
local NORMAL = math.sqrt(3.0) -- uniform noise of variance one stands in for the normal kind

-- ---- weights, data and noise by formula ---------------------------------------------------------

-- Layer k of those given has seeds seed + 2k (weight) and seed + 2k + 1 (bias).
local function fill(layers, seed, scale)
  mg.no_grad(function()
    for k, layer in ipairs(layers) do
      local weight, bias, bound = layer.weight, layer.bias, 0.1
      local first, second = seed + 2 * (k - 1), seed + 2 * (k - 1) + 1
      if weight:dim() > 1 then
        bound = scale / math.sqrt(weight:numel() // weight:size(-1))
        weight:copy_(helper.values(weight:shape(), first, -bound, bound))
      else
        weight:copy_(helper.values(weight:shape(), first, 0.9, 1.1))
      end
      if bias then bias:copy_(helper.values(bias:shape(), second, -bound, bound)) end
    end
  end)
end

-- The layers of a Sequential that have weights.
local function with_weights(sequential)
  local found = {}
  for i = 1, #sequential do
    if #sequential[i]:parameters() > 0 then found[#found + 1] = sequential[i] end
  end
  return found
end

-- Noise, one seed a draw.
local function new_draws()
  local seed = 1000
  return function(shape, low, high)
    seed = seed + 1
    return helper.values(shape, seed, low, high)
  end
end

-- n images of 28 x 28 pixels, made of blocks of 4 x 4.
local function pictures(n, low, high)
  return helper.values({ n, 7, 1, 7, 1 }, 1, low, high):expand(n, 7, 4, 7, 4):reshape(n, 784)
end

-- n images of side x side pixels, made of blocks of 4 x 4.
local function images(n, side, channels)
  local blocks = side // 4
  local values = helper.values({ n, blocks, 1, blocks, 1, channels }, 1)
  return values:expand(n, blocks, 4, blocks, 4, channels):reshape(n, side, side, channels)
end

-- ---- training -----------------------------------------------------------------------------------

-- The losses of STEPS iterations: n_critic times the discriminator's, then the generator's.
local function train(run)
  local G, D, draws, losses = run.G, run.D, new_draws(), {}
  local steps, n_critic = run.steps or STEPS, run.n_critic or 1
  fill(run.G_layers or with_weights(G), 100, run.scale or 1)
  fill(run.D_layers or with_weights(D), 200, run.scale or 1)
  local opt_g, opt_d = run.optimizer(G:parameters()), run.optimizer(D:parameters(), run.clip)
  local objective, real, y = run.objective, run.real, run.condition or {}
  for _ = 1, steps do
    for _ = 1, n_critic do
      local fake = mg.no_grad(G, run.noise(draws), table.unpack(y))
      local d_loss = objective.discriminator(D(real, table.unpack(y)), D(fake, table.unpack(y)))
      if run.penalty then
        local one_each = { real:size(1) }
        for dim = 2, real:dim() do one_each[dim] = 1 end
        local eps = draws(one_each, 0, 1)
        local between = eps * real + (1 - eps) * fake
        -- Any point between two equal ones is that point: so the mixing is ours.
        d_loss = d_loss + run.penalty * loss.gradient_penalty(D, between, between)
      end
      opt_d:zero_grad()
      d_loss:backward()
      opt_d:step()
      losses[#losses + 1] = d_loss:item()
    end
    local g_loss = objective.generator(D(G(run.noise(draws), table.unpack(y)), table.unpack(y)))
    opt_g:zero_grad()
    g_loss:backward{ inputs = G:parameters() }
    opt_g:step()
    losses[#losses + 1] = g_loss:item()
  end
  return losses
end

local bce = loss.BCEWithLogitsLoss()
local with_logits = {
  discriminator = function(real, fake) return bce(real, mg.ones_like(real)) + bce(fake, mg.zeros_like(fake)) end,
  generator = function(fake) return bce(fake, mg.ones_like(fake)) end,
}

local function mlp_noise(draws) return draws({ 64, 100 }, -NORMAL, NORMAL) end

local function sgd(parameters) return optim.SGD(parameters, { lr = 0.1, momentum = 0.5 }) end

local runs = {}

function runs.gan_mlp()
  return {
    G = models.mlp_generator(), D = models.mlp_critic(), objective = gan.nonsaturating, noise = mlp_noise,
    real = pictures(64, -1, 1),
    optimizer = function(parameters) return optim.Adam(parameters, { lr = 2e-4, betas = { 0.5, 0.999 } }) end,
  }
end

function runs.gan_maxout()
  return {
    G = models.maxout_generator(), D = models.maxout_discriminator{ dropout = 0 }, objective = with_logits,
    noise = function(draws) return draws({ 100, 100 }, -1, 1) end,
    real = pictures(100, 0, 1), scale = 0.2, optimizer = sgd,
  }
end

function runs.cgan_maxout()
  local G, D = models.cgan_generator(), models.cgan_discriminator{ dropout = 0 }
  local classes = {}
  for i = 1, 100 do classes[i] = (i - 1) % 10 + 1 end
  return {
    G = G, D = D, G_layers = { G.z, G.y, G.joint, G.out }, D_layers = { D.x, D.y, D.joint, D.out },
    objective = with_logits, condition = { mg.one_hot(mg.tensor(classes), 10) },
    noise = function(draws) return draws({ 100, 100 }, 0, 1) end,
    real = pictures(100, 0, 1), scale = 0.2, optimizer = sgd,
  }
end

function runs.wgan_mlp()
  return {
    G = models.mlp_generator(), D = models.mlp_critic(), objective = gan.wasserstein, noise = mlp_noise,
    real = pictures(64, -0.1, 0.1), n_critic = 5, clip = 0.01,
    optimizer = function(parameters, clip) return optim.RMSprop(parameters, { lr = 5e-4, clip = clip }) end,
  }
end

function runs.wgan_gp_mlp()
  return {
    G = models.mlp_generator(), D = models.mlp_critic(), objective = gan.wasserstein, noise = mlp_noise,
    real = pictures(64, -0.1, 0.1), scale = 0.5, n_critic = 5, penalty = 10,
    optimizer = function(parameters) return optim.Adam(parameters, { lr = 1e-4, betas = { 0, 0.9 } }) end,
  }
end

-- The convolutional ones, with few images.  rate: part of the usual learning rate.

local function dcgan_run(G, D, rate, real)
  return {
    G = G, D = D, objective = gan.nonsaturating, real = real,
    noise = function(draws) return draws({ 4, 100 }, -NORMAL, NORMAL) end,
    optimizer = function(parameters) return optim.Adam(parameters, { lr = rate * 2e-4, betas = { 0.5, 0.999 } }) end,
  }
end

local convolutional = {}

function convolutional.dcgan_28(rate)
  return dcgan_run(models.dcgan_generator{ size = 28 }, models.dcgan_discriminator{ size = 28 }, rate, images(4, 28, 1))
end

function convolutional.cdcgan_28(rate)
  local G, D = models.cdcgan_generator{ size = 28 }, models.cdcgan_discriminator{ size = 28 }
  local run = dcgan_run(G, D, rate, images(4, 28, 1))
  run.G_layers = { G.embedding, table.unpack(with_weights(G.body)) }
  run.D_layers = { D.label[1], D.label[2], table.unpack(with_weights(D.body)) }
  run.condition = { mg.tensor{ 1, 4, 10, 4 } }
  return run
end

function convolutional.dcgan_32(rate)
  return dcgan_run(models.dcgan_generator{ size = 32 }, models.dcgan_discriminator{ size = 32 }, rate, images(4, 32, 3))
end

function convolutional.wgan_gp_32(rate)
  return {
    G = models.dcgan_generator{ size = 32 }, D = models.dcgan_discriminator{ size = 32, norm = "none" },
    objective = gan.wasserstein, real = images(2, 32, 3), n_critic = 5, penalty = 10,
    noise = function(draws) return draws({ 2, 100 }, -NORMAL, NORMAL) end,
    optimizer = function(parameters) return optim.Adam(parameters, { lr = rate * 1e-4, betas = { 0, 0.9 } }) end,
  }
end

-- ---- comparisons --------------------------------------------------------------------------------

-- Single precision computes the convolutional runs slowly: the fixture's script says why.
for name, run in pairs(convolutional) do
  if helper.double then
    runs[name] = function() return run(1) end
  else
    runs[name .. "_slow"] = function() return run(0.02) end
  end
end

describe("twenty training steps follow PyTorch's losses:", function()
  for name, run in pairs(runs) do
    it(name, function()
      local expected, actual = golden[name], train(run())
      assert.are.equal(#expected, #actual)
      -- It also says why single precision determines only the first of some losses.
      local count, tolerance = #expected, 1e-6
      if not helper.double then count, tolerance = expected.single, 1e-3 end
      -- A Wasserstein loss may be near 0 by chance: what counts there is a thousandth of the largest.
      local least = 0
      for _, value in ipairs(expected) do least = math.max(least, 1e-3 * math.abs(value)) end
      for i = 1, count do
        local close = math.abs(expected[i] - actual[i]) <= tolerance * math.max(math.abs(expected[i]), least)
        assert(close, string.format("loss %d: expected %.9g, got %.9g", i, expected[i], actual[i]))
      end
    end)
  end
end)

describe("the gradient penalty follows PyTorch's:", function()
  local function penalty_of(D, shape)
    fill(with_weights(D), 300, 1)
    local x = helper.values(shape, 2)
    local penalty = loss.gradient_penalty(D, x, x)
    penalty:backward()
    return penalty:item()
  end

  -- Agreement to 1e-5 of the largest gradient of the same tensor.
  local function compare(expected, actual, from)
    local largest = 0
    for i = 1, #actual do largest = math.max(largest, math.abs(expected[from + i - 1])) end
    for i, value in ipairs(actual) do helper.near(expected[from + i - 1] / largest, value / largest, 1e-5) end
    return from + #actual
  end

  local function leaky_relu() return nn.LeakyReLU(0.2) end

  for name, activation in pairs{ penalty_leaky_relu = leaky_relu, penalty_tanh = nn.Tanh } do
    it("every gradient of a small critic, " .. name, function()
      local D = nn.Sequential{ nn.Linear(20, 16), activation(), nn.Linear(16, 8), activation(), nn.Linear(8, 1) }
      local expected = golden[name]
      helper.near(expected[1], penalty_of(D, { 6, 20 }), 1e-5)
      local at = 2
      for _, parameter in ipairs(D:parameters()) do
        local gradient = parameter.grad and helper.flat(parameter.grad) or {}
        if #gradient == 0 then -- the last bias: the penalty does not depend on it
          for i = 1, parameter:numel() do gradient[i] = 0 end
        end
        at = compare(expected, gradient, at)
      end
      assert.are.equal(#expected + 1, at)
    end)
  end

  it("the norms of the weights' gradients of the full critic", function()
    local D = models.mlp_critic()
    local expected, norms = golden.penalty_mlp_critic, {}
    helper.near(expected[1], penalty_of(D, { 64, 784 }), 1e-5)
    for i, layer in ipairs(with_weights(D)) do norms[i] = layer.weight.grad:norm():item() end
    compare(expected, norms, 2)
  end)
end)

describe("training", function()
  it("has the same bits with one thread and with two", function()
    local function weights()
      local run = runs.wgan_gp_mlp()
      local losses = train(run)
      return losses, run
    end
    local losses_1, one = helper.with_threads(1, weights)
    local losses_2, two = helper.with_threads(2, weights)
    assert.are.same(losses_1, losses_2)
    for _, network in ipairs{ "G", "D" } do
      local others = two[network]:parameters()
      for i, parameter in ipairs(one[network]:parameters()) do
        assert.are.equal(0, parameter:detach():ne(others[i]:detach()):sum():item())
      end
    end
  end)

  -- A small pair: what is counted here does not depend on sizes.  spec/soak.lua trains the real one.
  local function iterate(count)
    local G = nn.Sequential{ nn.Linear(16, 32), nn.BatchNorm(32), nn.LeakyReLU(0.2), nn.Linear(32, 64), nn.Tanh() }
    local D = nn.Sequential{ nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1) }
    local opt_g = optim.Adam(G:parameters(), { lr = 1e-4, betas = { 0, 0.9 } })
    local opt_d = optim.Adam(D:parameters(), { lr = 1e-4, betas = { 0, 0.9 } })
    local real = mg.rand(32, 64)
    local function step()
      local fake = mg.no_grad(function() return G(mg.randn(32, 16)) end)
      local d_loss = gan.wasserstein.discriminator(D(real), D(fake)) + 10 * loss.gradient_penalty(D, real, fake)
      opt_d:zero_grad()
      d_loss:backward()
      opt_d:step()
      local g_loss = gan.wasserstein.generator(D(G(mg.randn(32, 16))))
      opt_g:zero_grad()
      g_loss:backward{ inputs = G:parameters() }
      opt_g:step()
    end
    -- Garbage at times of our own, so that its amount does not depend on what ran before.
    return function()
      for i = 1, count do
        step()
        if i % 10 == 0 then helper.collect() end
      end
    end
  end

  it("asks the system for nothing once it has started, under both collectors", function()
    helper.gc_modes(function()
      local steps = iterate(150)
      steps()
      local requests, live = mg.memory().system_requests, mg.memory().live_tensors
      steps()
      steps()
      assert.are.equal(requests, mg.memory().system_requests)
      assert.are.equal(live, mg.memory().live_tensors)
    end)
  end)

  it("leaves nothing behind", function()
    helper.leak_check(function() iterate(3)() end)
  end)
end)
