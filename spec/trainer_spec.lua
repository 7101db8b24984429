-- The trainer: what an iteration computes, what a run leaves behind, and what it refuses.

local mg = require "moongan"
local helper = require "spec.helper"
local nn, optim, loss = mg.nn, mg.optim, mg.loss

local function small_pair()
  mg.manual_seed(5)
  local G = nn.Sequential{ nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4), nn.Tanh() }
  local D = nn.Sequential{ nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1) }
  return G, D
end

-- Batches by formula: a function as the trainer takes for data.
local function batches(n, size)
  local count = 0
  return function()
    count = count + 1
    return helper.values({ n or 6, size or 4 }, count)
  end
end

-- A stand-in for a data set of `count` images: batches in order, labels 1, 2, 3, 1, ...
local function data_set(count, size)
  local images = helper.values({ count, size }, 9)
  local labels = {}
  for i = 1, count do labels[i] = (i - 1) % 3 + 1 end
  labels = mg.tensor(labels)
  local set = { asked = {} }
  function set:batches(n, settings)
    self.asked = { n = n, settings = settings }
    local per_epoch = count // n
    local order = setmetatable({}, { __len = function() return per_epoch end })
    function order:forever() -- luacheck: ignore self
      return function(_, step)
        local start = step % per_epoch * n + 1
        return step + 1, images:narrow(1, start, n), labels:narrow(1, start, n)
      end, nil, 0
    end
    return order
  end
  return set
end

local function trainer_of(settings)
  local G, D = small_pair()
  local given = { generator = G, discriminator = D, data = batches(), nz = 3, quiet = true, grid = { 2, 2 } }
  for key, value in pairs(settings or {}) do given[key] = value end
  return mg.gan.Trainer(given), G, D
end

local function same_parameters(a, b)
  local pa, pb = a:parameters(), b:parameters()
  assert.equal(#pa, #pb)
  for i = 1, #pa do helper.same_bits(pa[i]:detach(), pb[i]:detach(), "parameter " .. i) end
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

describe("an iteration", function()
  it("is the loop one would write by hand", function()
    local adam = { lr = 1e-2, betas = { 0.5, 0.9 } }
    local G, D = small_pair()
    local opt_g, opt_d = optim.Adam(G:parameters(), adam), optim.Adam(D:parameters(), adam)
    local next_batch, d_losses, g_losses = batches(), {}, {}
    mg.randn(4, 3) -- the trainer draws its grid's noise first
    for i = 1, 3 do
      local sum = 0
      for _ = 1, 2 do
        local real = next_batch()
        local fake = mg.no_grad(function() return G(mg.randn(6, 3)) end)
        local d_loss = D(fake):mean() - D(real):mean() + 10 * loss.gradient_penalty(D, real, fake)
        sum = sum + d_loss:item()
        opt_d:zero_grad()
        d_loss:backward()
        opt_d:step()
      end
      local g_loss = -D(G(mg.randn(6, 3))):mean()
      opt_g:zero_grad()
      g_loss:backward{ inputs = G:parameters() }
      opt_g:step()
      d_losses[i], g_losses[i] = sum / 2, g_loss:item()
    end

    local G2, D2 = small_pair()
    local trainer = mg.gan.Trainer{
      generator = G2, discriminator = D2, data = batches(), nz = 3, objective = "wasserstein", penalty = 10,
      n_critic = 2, optimizer_g = optim.Adam(G2:parameters(), adam), optimizer_d = optim.Adam(D2:parameters(), adam),
      grid = { 2, 2 },
    }
    for i = 1, 3 do
      local d, g = trainer:step()
      helper.near(d_losses[i], d)
      helper.near(g_losses[i], g)
    end
    assert.equal(3, trainer.iteration)
    for _, pair in ipairs{ { G, G2 }, { D, D2 } } do
      local by_hand, trained = pair[1]:parameters(), pair[2]:parameters()
      for i = 1, #by_hand do helper.near(by_hand[i]:detach(), trained[i]:detach(), 1e-4) end
    end
  end)

  it("leaves no gradient of the generator's loss in the discriminator", function()
    local trainer, _, D = trainer_of()
    local seen
    local objective = {
      discriminator = mg.gan.wasserstein.discriminator,
      generator = function(fake)
        seen = {}
        for i, parameter in ipairs(D:parameters()) do seen[i] = parameter.grad:clone() end
        return mg.gan.wasserstein.generator(fake)
      end,
    }
    trainer.objective = objective
    trainer:step()
    for i, parameter in ipairs(D:parameters()) do helper.same_bits(seen[i], parameter.grad) end
  end)

  it("changes the generator only by the generator's loss", function()
    local trainer, G, D = trainer_of{ objective = {
      discriminator = mg.gan.nonsaturating.discriminator,
      generator = function(fake) return fake:mean() * 0 end,
    }, optimizer_g = nil }
    local before_g, before_d = G[1].weight:clone(), D[1].weight:clone()
    trainer:step()
    helper.same_bits(before_g:detach(), G[1].weight:detach())
    assert.is_true((D[1].weight - before_d):abs():max():item() > 0)
  end)

  it("keeps the discriminator's weights within clip", function()
    local trainer, _, D = trainer_of{ objective = "wasserstein", clip = 0.01 }
    trainer:step()
    local largest = 0
    for _, parameter in ipairs(D:parameters()) do
      largest = math.max(largest, parameter:detach():abs():max():item())
    end
    helper.near(0.01, largest)
  end)

  it("gives noise of the kind asked for", function()
    local uniform = trainer_of{ noise = "uniform" }.noise(2000)
    assert.same({ 2000, 3 }, uniform:shape())
    assert.is_true(uniform:min():item() >= -1 and uniform:min():item() < -0.9)
    assert.is_true(uniform:max():item() < 1 and uniform:max():item() > 0.9)
    local asked = {}
    local own = trainer_of{ noise = function(n)
      asked[#asked + 1] = n
      return mg.ones(n, 3)
    end }
    own:step()
    assert.same({ 4, 6, 6 }, asked) -- the grid, a critic's batch, a generator's batch
  end)

  it("adds a penalty of one's own", function()
    local calls = 0
    local trainer = trainer_of{ penalty = function(D, real, fake)
      calls = calls + 1
      assert.same(real:shape(), fake:shape())
      return D(real):square():mean()
    end, n_critic = 3 }
    trainer:step()
    assert.equal(3, calls)
  end)

  it("has the same bits with one thread and with two", function()
    local results = {}
    for threads = 1, 2 do
      helper.with_threads(threads, function()
        mg.manual_seed(11)
        local G, D = mg.models.mlp_generator{ nz = 20 }, mg.models.mlp_critic()
        local trainer = mg.gan.Trainer{
          generator = G, discriminator = D, data = batches(64, 784), nz = 20, objective = "wasserstein", penalty = 10,
        }
        for _ = 1, 3 do trainer:step() end
        results[threads] = { G, D }
      end)
    end
    same_parameters(results[1][1], results[2][1])
    same_parameters(results[1][2], results[2][2])
  end)
end)

describe("training", function()
  it("moves generated points to where the data are", function()
    mg.manual_seed(2)
    local G = nn.Sequential{ nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2) }
    local D = nn.Sequential{ nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1) }
    local centre = mg.tensor{ 1, -0.5 }
    local adam = { lr = 5e-3, betas = { 0.5, 0.9 } }
    local trainer = mg.gan.Trainer{
      generator = G, discriminator = D, nz = 2, n_critic = 5, objective = "wasserstein", penalty = 1, quiet = true,
      data = function() return mg.randn(64, 2) * 0.3 + centre end,
      optimizer_g = optim.Adam(G:parameters(), adam), optimizer_d = optim.Adam(D:parameters(), adam),
    }
    trainer:run{ iterations = 500 }
    local points = trainer:sample(2000)
    helper.near({ 1, -0.5 }, points:mean(1), 0.25)
    helper.near({ 0.3, 0.3 }, points:std(1), 0.15)
  end)
end)

describe("conditional training", function()
  local function conditional(settings)
    mg.manual_seed(5)
    local G = mg.models.cgan_generator{
      nz = 3, classes = 3, n_out = 4, noise_units = 4, label_units = 4, joint_units = 8,
    }
    local D = mg.models.cgan_discriminator{ n_in = 4, classes = 3 }
    local given = {
      generator = G, discriminator = D, data = data_set(12, 4), batch = 6, nz = 3, conditional = 3, quiet = true,
      grid = { 8, 2 },
    }
    for key, value in pairs(settings or {}) do given[key] = value end
    return mg.gan.Trainer(given)
  end

  it("steps, with and without a penalty", function()
    conditional():run{ iterations = 2 }
    conditional{ objective = "wasserstein", penalty = 10 }:run{ iterations = 2 }
  end)

  it("samples the classes asked for, a row of the grid each", function()
    local trainer = conditional()
    assert.same({ 1, 1, 2, 2, 3, 3 }, trainer.fixed_labels:totable())
    assert.same({ 6, 3 }, trainer.fixed_noise:shape())
    helper.same_bits(trainer.fixed_noise:narrow(1, 1, 2), trainer.fixed_noise:narrow(1, 3, 2))
    local noise = mg.randn(2, 3)
    local second = trainer:sample(noise, 2)
    helper.same_bits(trainer:sample(noise, mg.tensor{ 2, 2 }), second)
    assert.is_true((trainer:sample(noise, 1) - second):abs():max():item() > 1e-6)
    helper.error_like(function() trainer:sample(2) end, "expected labels")
  end)

  it("needs labels", function()
    helper.error_like(function() conditional{ data = batches() }:step() end, "no labels")
  end)

  -- Networks that note the labels they are called with.
  local function recording(seen)
    return nn.Module{
      name = "Recording", body = nn.Linear(3, 4),
      forward = function(self, z, y)
        seen[#seen + 1] = y
        return self.body(z)
      end,
    }, nn.Module{
      name = "Recording", body = nn.Linear(4, 1),
      forward = function(self, x, y)
        seen[#seen + 1] = y
        return self.body(x)
      end,
    }
  end

  it("gives labels one-hot or as class numbers", function()
    for form, shape in pairs{ one_hot = { 6, 3 }, number = { 6 } } do
      local seen = {}
      local G, D = recording(seen)
      local trainer = conditional{ generator = G, discriminator = D, labels = form }
      trainer:step()
      assert.equal(5, #seen) -- fake for D, D of real and fake, fake for G, D of it
      for _, y in ipairs(seen) do assert.same(shape, y:shape()) end
      if form == "number" then helper.near({ 1, 2, 3, 1, 2, 3 }, seen[1]) end
      trainer:sample(6, mg.tensor{ 3, 1, 2, 2, 2, 1 })
      assert.same(shape, seen[6]:shape())
      if form == "number" then helper.near({ 3, 1, 2, 2, 2, 1 }, seen[6]) end
    end
  end)

  -- An auxiliary classifier: D names the class, and both networks want it right.
  local function auxiliary(weight, settings)
    local G = nn.Module{
      name = "G", label = nn.Embedding(3, 3), body = nn.Linear(6, 4),
      forward = function(self, z, y) return self.body(mg.cat({ z, self.label(y) }, 2)) end,
    }
    local D = mg.models.acgan_head{ features = nn.Identity(), count = 4, classes = 3 }
    local given = { generator = G, discriminator = D, labels = "number", auxiliary = weight, objective = "wasserstein" }
    for key, value in pairs(settings or {}) do given[key] = value end
    return conditional(given), G, D
  end

  it("adds the class loss of real and generated images to the discriminator's, of the latter to the generator's",
    function()
      local trainer, G, D = auxiliary(0.5)
      local optimizers = { trainer.optimizer_d, trainer.optimizer_g }
      for _, optimizer in ipairs(optimizers) do optimizer:set_lr(0) end
      local noise = { mg.randn(6, 3), mg.randn(6, 3) }
      local drawn = 0
      trainer.noise = function()
        drawn = drawn + 1
        return noise[drawn]
      end
      local d_loss, g_loss = trainer:step()
      local _, real, y = data_set(12, 4):batches(6):forever()(nil, 0)
      local cross_entropy = loss.CrossEntropyLoss()
      local real_score, real_class = D(real)
      local fake_score, fake_class = D(G(noise[1], y))
      local expected = fake_score:mean() - real_score:mean()
        + 0.5 * cross_entropy(real_class, y) + 0.5 * cross_entropy(fake_class, y)
      helper.near(expected:item(), d_loss, 1e-5)
      fake_score, fake_class = D(G(noise[2], y))
      helper.near((0.5 * cross_entropy(fake_class, y) - fake_score:mean()):item(), g_loss, 1e-5)
    end)

  it("combines an auxiliary classifier with penalties and unrolled steps", function()
    auxiliary(1, { penalty = 10 }):run{ iterations = 2 }
    auxiliary(1, { unrolled = mg.gan.unrolled(2, { lr = 1e-3 }) }):run{ iterations = 2 }
    helper.error_like(function()
      trainer_of{ auxiliary = 1 }
    end, { "option auxiliary", "conditional" })
  end)
end)

describe("a run", function()
  it("counts iterations, epochs or seconds, and goes on", function()
    local set = data_set(30, 4)
    local trainer = trainer_of{ data = set, batch = 5, n_critic = 2, seed = 4 }
    assert.equal(5, set.asked.n)
    assert.same({ shuffle = true, drop_last = true, seed = 4 }, set.asked.settings)
    assert.equal(2, trainer:run{ iterations = 2 }.iteration)
    assert.equal(5, trainer:run{ epochs = 1 }.iteration) -- 6 batches, 2 an iteration
    assert.equal(6, trainer:run{ epochs = 9, iterations = 1 }.iteration)
    assert.is_true(trainer:run{ seconds = 0.05 }.iteration > 6)
    helper.error_like(function() trainer:run() end, "iterations, epochs or seconds")
    helper.error_like(function() trainer:run{ iteration = 3 } end, '"iterations"')
    helper.error_like(function() trainer_of():run{ epochs = 1 } end, "epochs need a data set")
  end)

  it("leaves losses, samples over time and the last samples", function()
    helper.with_folder(function(folder)
      local out = folder .. "/run"
      local trainer = trainer_of{ out = out, log_every = 2, sample_every = 3, objective = "wasserstein" }
      local d, g = {}, {}
      local step = trainer.step
      function trainer.step(self)
        local i = #d + 1
        d[i], g[i] = step(self)
        return d[i], g[i]
      end
      trainer:run{ iterations = 5 }
      local rows = mg.run.stats(out)
      assert.same({ 2, 4, 5 }, { rows[1].iteration, rows[2].iteration, rows[3].iteration })
      helper.near((d[3] + d[4]) / 2, rows[2].d_loss, 1e-12)
      helper.near((g[3] + g[4]) / 2, rows[2].g_loss, 1e-12)
      assert.is_true(rows[3].partial)
      for _, name in ipairs{ "samples.png", "samples/0000000.png", "samples/0000003.png" } do
        assert.equal("\137PNG", read(out .. "/" .. name):sub(1, 4), name)
      end
      -- The same noise: the first picture is what the untrained generator makes of it.
      assert.not_equal(read(out .. "/samples/0000000.png"), read(out .. "/samples.png"))
      trainer:save_grid(folder .. "/again.png")
      assert.equal(read(out .. "/samples.png"), read(folder .. "/again.png"))
      trainer:run{ iterations = 1 }
      rows = mg.run.stats(out)
      assert.same({ 2, 4, 6 }, { rows[1].iteration, rows[2].iteration, rows[3].iteration })
      helper.near((d[5] + d[6]) / 2, rows[3].d_loss, 1e-12) -- the means went on
      assert.is_nil(rows[3].partial)
    end)
  end)

  it("learns the same whether it is looked at or not", function()
    local trained = {}
    for i, every in ipairs{ 0, 1 } do
      helper.with_folder(function(folder)
        local trainer, G = trainer_of{ out = folder .. "/run", sample_every = every, log_every = 1 + every }
        trainer:run{ iterations = 4 }
        trained[i] = G
      end)
    end
    same_parameters(trained[1], trained[2])
  end)

  it("samples in evaluation mode and trains on", function()
    local trainer, G = trainer_of()
    local modes = {}
    local spy = nn.Module{ name = "Spy", inner = G, forward = function(self, z)
      modes[#modes + 1] = self.training
      return self.inner(z)
    end }
    trainer.generator = spy
    assert.is_false(trainer:sample(2).requires_grad)
    assert.same({ false }, modes)
    assert.is_true(spy.training)
  end)

  it("samples from averaged weights and trains on with its own", function()
    local plain, G = trainer_of()
    plain:run{ iterations = 30 }
    local averaging, H = trainer_of{ average = 0.9 }
    averaging:run{ iterations = 30 }
    same_parameters(G, H)
    local noise, mean = mg.randn(4, 3), averaging.averaged.means[1]:clone()
    assert.is_true((H[1].weight:detach() - mean):abs():max():item() > 1e-6)
    averaging.averaged:with(function() helper.same_bits(mean, H[1].weight:detach()) end)
    local sample = averaging:sample(noise)
    assert.is_true((plain:sample(noise) - sample):abs():max():item() > 1e-6)
    helper.error_like(function() averaging:sample(mg.randn(4, 2)) end, "Linear")
    assert.is_true(H.training)
    same_parameters(G, H)
    helper.same_bits(sample, averaging:sample(noise))
  end)

  it("stops where a loss is not finite, naming the iteration, and keeps the weights", function()
    local count = 0
    local trainer, G, D = trainer_of{ data = function()
      count = count + 1
      return mg.full({ 6, 4 }, count == 3 and 0 / 0 or 0.5)
    end, objective = "wasserstein" }
    local message = helper.error_like(function() trainer:run{ iterations = 10 } end, "discriminator's loss is %-?nan")
    assert.truthy(message:find("iteration 3", 1, true), message)
    for _, network in ipairs{ G, D } do
      for _, parameter in ipairs(network:parameters()) do
        local total = parameter:detach():sum():item()
        assert.equal(total, total)
      end
    end
  end)

  it("does not start in a folder that cannot be made", function()
    helper.with_folder(function(folder)
      io.open(folder .. "/file", "w"):close()
      local trainer = trainer_of{ out = folder .. "/file/run" }
      helper.error_like(function() trainer:run{ iterations = 1 } end, "cannot make the folder")
      assert.equal(0, trainer.iteration)
    end)
  end)
end)

describe("the trainer refuses", function()
  local G, D = small_pair()
  local function settings(changes)
    local given = { generator = G, discriminator = D, data = batches(), nz = 3 }
    for key, value in pairs(changes) do given[key] = value end
    return given
  end
  local refused = {
    { { n_critics = 2 }, { '"n_critics"', '"n_critic"' } },
    { { generator = 3 }, { "option generator", "moongan.Layer", "number 3" } },
    { { data = 3 }, { "option data", "number 3" } },
    { { objective = "wassersteen" }, { "option objective", "wasserstein", '"wassersteen"' } },
    { { objective = { generator = print } }, { "option objective", "discriminator", "nil" } },
    { { noise = "pink" }, { "option noise", "uniform", '"pink"' } },
    { { n_critic = 0 }, { "option n_critic", "at least 1", "0" } },
    { { grid = { 3 } }, { "option grid", "rows, columns", "nil at 2" } },
    { { clip = -1 }, { "option clip", "%-1" } },
    { { optimizer_g = "adam" }, { "option optimizer_g", "moongan.Optimizer", '"adam"' } },
  }
  for _, case in ipairs(refused) do
    local key = next(case[1])
    it("a wrong " .. key .. " (" .. tostring(case[1][key]):gsub("0x%x+", "") .. ")", function()
      local message = helper.error_like(function() mg.gan.Trainer(settings(case[1])) end, case[2])
      assert.truthy(message:find("mg.gan.Trainer", 1, true), message)
    end)
  end

  it("a missing network", function()
    helper.error_like(function() mg.gan.Trainer{ discriminator = D, data = batches() } end,
      "option generator: expected moongan.Layer, got nil")
  end)
end)
