-- The trainer with objectives that read more than one score, lists of penalties, unrolled steps and
-- schedules: each against the loop one would write by hand.

local mg = require "moongan"
local helper = require "spec.helper"
local nn, optim, gan = mg.nn, mg.optim, mg.gan

local function small_pair()
  mg.manual_seed(5)
  local G = nn.Sequential{ nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4), nn.Tanh() }
  local D = nn.Sequential{ nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1) }
  return G, D
end

-- Batches by formula: a function as the trainer takes for data.
local function batches()
  local count = 0
  return function()
    count = count + 1
    return helper.values({ 6, 4 }, count)
  end
end

local function trainer_of(settings)
  local G, D = small_pair()
  local given = { generator = G, discriminator = D, data = batches(), nz = 3, quiet = true, grid = { 2, 2 } }
  for key, value in pairs(settings) do given[key] = value end
  return gan.Trainer(given), G, D
end

local function update(optimizer, loss, parameters)
  optimizer:zero_grad()
  loss:backward{ inputs = parameters }
  optimizer:step()
  return loss:item()
end

-- Three iterations by hand.  d_loss(D, real, fake, k) is the k-th loss of D (from 0), g_loss(D,
-- fake, real, k) the one of G with the next update of D being the k-th.
local function by_hand(d_loss, g_loss, settings)
  settings = settings or {}
  local G, D = small_pair()
  local opt_g = optim.Adam(G:parameters(), { lr = settings.lr_g or 2e-4, betas = { 0.5, 0.999 } })
  local opt_d = optim.Adam(D:parameters(), { lr = settings.lr_d or 2e-4, betas = { 0.5, 0.999 } })
  local next_batch, k, result = batches(), 0, {}
  mg.randn(4, 3) -- the trainer draws its grid's noise first
  for i = 1, 3 do
    local d_sum, g_sum, real = 0, 0, nil
    for _ = 1, settings.n_critic or 1 do
      real = next_batch()
      local fake = mg.no_grad(G, mg.randn(6, 3))
      d_sum = d_sum + update(opt_d, d_loss(D, real, fake, k), D:parameters())
      k = k + 1
    end
    for _ = 1, settings.n_generator or 1 do
      g_sum = g_sum + update(opt_g, g_loss(D, G(mg.randn(6, 3)), real, k), G:parameters())
    end
    result[i] = { d_sum / (settings.n_critic or 1), g_sum / (settings.n_generator or 1) }
  end
  return result, G, D
end

local function same_training(settings, d_loss, g_loss)
  local expected, G, D = by_hand(d_loss, g_loss, settings)
  local trainer, G2, D2 = trainer_of(settings)
  for i = 1, 3 do helper.near(expected[i], { trainer:step() }, nil, "losses of iteration " .. i) end
  for _, pair in ipairs{ { G, G2 }, { D, D2 } } do
    local hand, trained = pair[1]:parameters(), pair[2]:parameters()
    for i = 1, #hand do helper.near(hand[i]:detach(), trained[i]:detach(), 1e-4) end
  end
end

local function wasserstein_d(D, real, fake) return D(fake):mean() - D(real):mean() end
local function wasserstein_g(D, fake) return -D(fake):mean() end

describe("the trainer", function()
  it("gives real scores to the generator's loss where an objective says so", function()
    same_training({ objective = "relativistic", n_critic = 2 },
      function(D, real, fake) return (D(fake) - D(real)):softplus():mean() end,
      function(D, fake, real) return (D(real) - D(fake)):softplus():mean() end)
    local trainer = trainer_of{ objective = { discriminator = gan.nonsaturating.discriminator,
      generator = function(fake, real)
        assert.is_nil(real)
        return -fake:mean()
      end } }
    trainer:step()
  end)

  it("gives images to objectives", function()
    same_training({ objective = gan.loss_sensitive{ margin = 0.5 } },
      function(D, real, fake)
        local margin = 0.5 * (real - fake):abs():sum(2, true)
        return (margin - D(real) + D(fake)):relu():mean() - D(real):mean()
      end, wasserstein_g)
    local seen = {}
    local trainer = trainer_of{ objective = {
      discriminator = function(real, fake, images)
        seen.d = images
        return gan.wasserstein.discriminator(real, fake)
      end,
      generator = function(fake, _, images)
        seen.g = images
        return gan.wasserstein.generator(fake)
      end,
    } }
    trainer:step()
    helper.same_bits(helper.values({ 6, 4 }, 1), seen.d.real)
    helper.same_bits(seen.d.real, seen.g.real)
    assert.is_false(seen.d.fake.requires_grad)
    assert.is_true(seen.g.fake.requires_grad)
  end)

  it("adds penalties of a list, each by its weight, the lazy ones now and then", function()
    local r1, r2 = gan.penalty.r1, gan.penalty.r2
    same_training({ objective = "wasserstein", n_critic = 2, penalty = { { r1, weight = 5 }, { r2, every = 3 } } },
      function(D, real, fake, k)
        local loss = wasserstein_d(D, real, fake) + 5 * r1(D, real)
        return k % 3 == 0 and loss + 3 * r2(D, nil, fake) or loss
      end, wasserstein_g)
    same_training({ objective = "wasserstein", penalty = { { r1, weight = 5, every = 2 } } },
      function(D, real, fake, k)
        local loss = wasserstein_d(D, real, fake)
        return k % 2 == 0 and loss + 10 * r1(D, real) or loss
      end, wasserstein_g)
  end)

  it("updates the generator as often as asked, with two learning rates", function()
    same_training({ objective = "wasserstein", n_generator = 3, lr_g = 1e-3, lr_d = 4e-3 }, wasserstein_d,
      wasserstein_g)
    same_training({ objective = "wasserstein", n_critic = 2, n_generator = 2 }, wasserstein_d, wasserstein_g)
  end)

  it("looks ahead of the discriminator", function()
    local ahead = gan.unrolled(3, { lr = 0.2 })
    same_training({ objective = "nonsaturating", unrolled = ahead, lr_g = 1e-2 },
      function(D, real, fake) return gan.nonsaturating.discriminator(D(real), D(fake)) end,
      function(D, fake, real)
        local value, gradient = ahead(D, fake,
          function(x) return gan.nonsaturating.discriminator(D(real), D(x)) end,
          function(x) return gan.nonsaturating.generator(D(x)) end)
        -- A scalar of this value and gradient.
        local linear = (fake * gradient):sum()
        return linear - linear:detach() + value
      end)
  end)

  it("looks ahead of the discriminator's optimizer where only the number of steps is given", function()
    local function three_steps(ahead, settings)
      local trainer = trainer_of(settings)
      if ahead then trainer.unrolled = gan.unrolled(3, { optimizer = trainer.optimizer_d }) end
      local list = {}
      for i = 1, 3 do list[i] = { trainer:step() } end
      return list
    end
    local by_number = three_steps(false, { unrolled = 3 })
    assert.same(three_steps(true, {}), by_number)
    assert.is_true(math.abs(three_steps(false, {})[1][2] - by_number[1][2]) > 1e-9)
  end)

  it("looks ahead with penalties, real scores and images, too", function()
    for _, objective in ipairs{ "relativistic", "loss_sensitive", "wasserstein" } do
      local trainer = trainer_of{ objective = objective, unrolled = gan.unrolled(2, { lr = 0.1 }), penalty = 10 }
      for _ = 1, 2 do trainer:step() end
    end
  end)

  it("trains conditional networks with any of it", function()
    mg.manual_seed(5)
    local images, labels = helper.values({ 6, 4 }, 9), mg.tensor{ 1, 2, 3, 1, 2, 3 }
    local trainer = gan.Trainer{
      generator = mg.models.cgan_generator{
        nz = 3, classes = 3, n_out = 4, noise_units = 4, label_units = 4, joint_units = 8,
      },
      discriminator = mg.models.cgan_discriminator{ n_in = 4, classes = 3 },
      data = function() return images, labels end, nz = 3, conditional = 3, quiet = true, grid = { 3, 2 },
      objective = "relativistic", penalty = { { gan.penalty.r1 }, { gan.penalty.r2 } }, n_generator = 2,
      unrolled = gan.unrolled(2, { lr = 0.1 }),
    }
    for _ = 1, 2 do trainer:step() end
  end)

  it("names the objectives there are, and refuses what it cannot use", function()
    local G, D = small_pair()
    local cases = {
      [{ objective = "penalty" }] = "expected one of hinge, least_squares, loss_sensitive, minimax, nonsaturating, "
        .. "relativistic, wasserstein, got \"penalty\"",
      [{ objective = "Trainer" }] = "option objective: expected one of hinge",
      [{ penalty = { 3 } }] = "mg.gan.penalty.sum: entry 1: expected",
      [{ penalty = "r1" }] = "option penalty: expected number, callable or table, got string \"r1\"",
      [{ unrolled = "3" }] = "option unrolled: expected number or moongan.Unrolled, got string \"3\"",
      [{ unrolled = 0 }] = "mg.gan.unrolled: steps: expected a whole number of at least 1, got number 0",
      [{ n_generator = 0 }] = "option n_generator: expected a whole number of at least 1, got number 0",
      [{ lr_g = -1 }] = "option lr_g: expected a number of at least 0",
      [{ lr_d = 1e-3, optimizer_d = optim.SGD(D:parameters()) }] =
        "option lr_d: optimizer_d has a learning rate of its own",
    }
    for settings, pattern in pairs(cases) do
      settings.generator, settings.discriminator, settings.data, settings.nz = G, D, batches(), 3
      helper.error_like(function() gan.Trainer(settings) end, pattern)
    end
  end)
end)
