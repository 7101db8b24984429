-- What runs of a trainer keep and heed: checkpoints and resuming, schedules, accumulated and clipped gradients,
-- metrics, callbacks, the stop where numbers are not finite.  Processes that end are in resume_spec.

local helper = require "spec.helper"
local mg = require "moongan"
local schedule = require "moongan.schedule"
local nn, optim = mg.nn, mg.optim

local function small_pair()
  mg.manual_seed(5)
  local G = nn.Sequential{ nn.Linear(3, 8), nn.Sequential{ nn.ReLU(), nn.Linear(8, 4) }, nn.Tanh() }
  local D = nn.Sequential{ nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1) }
  return G, D
end

local function data_set(n) return mg.data.from_tensor(helper.values({ n or 20, 4 }, 3)) end

local function trainer_of(settings)
  local G, D = small_pair()
  local given = {
    generator = G, discriminator = D, data = data_set(), batch = 5, nz = 3, quiet = true, grid = { 2, 2 },
  }
  for key, value in pairs(settings or {}) do given[key] = value end
  return mg.gan.Trainer(given), G, D
end

local function same_parameters(a, b)
  for i, parameter in ipairs(a:parameters()) do
    helper.same_bits(parameter:detach(), b:parameters()[i]:detach(), "parameter " .. i)
  end
end

describe("a schedule", function()
  local function factors(given, iterations, total)
    local f, list = schedule.new(given), {}
    for i, iteration in ipairs(iterations) do list[i] = f(iteration, total) end
    return list
  end

  it("gives the factors that its name says", function()
    helper.near({ 1, 1 }, factors("constant", { 0, 999 }))
    helper.near({ 1, 0.5, 0 }, factors("linear", { 0, 50, 100 }, 100))
    helper.near({ 1, 1, 0.55, 0.1 }, factors({ "linear", hold = 20, final = 0.1 }, { 0, 20, 60, 100 }, 100))
    helper.near({ 1, (1 + math.sqrt(0.5)) / 2, 0.5, 0 }, factors("cosine", { 0, 25, 50, 100 }, 100))
    helper.near({ 1, 0.6, 0.2, 0.2 }, factors({ "cosine", final = 0.2, iterations = 10 }, { 0, 5, 10, 50 }, 100))
    helper.near({ 1, 1, 0.5, 0.25 }, factors({ "step", every = 10, factor = 0.5 }, { 0, 9, 10, 29 }))
    helper.near({ 0.25, 1, 1 }, factors({ "constant", warmup = 4 }, { 0, 3, 100 }))
    helper.near({ 7 }, factors(function(iteration, total) return iteration + total end, { 3 }, 4))
  end)

  it("refuses what it does not know, and a fall without an end", function()
    helper.error_like(function() schedule.new("cosin") end, { "cosine", '"cosin"' })
    helper.error_like(function() schedule.new{ "step", evry = 3 } end, { '"evry"', '"every"' })
    helper.error_like(function() schedule.new("linear")(0, nil) end, "needs an end")
  end)

  it("sets the learning rates of an iteration, each optimizer's from its own", function()
    local trainer, G, D = trainer_of{ schedule = "linear", schedule_d = { "step", every = 2, factor = 0.1 } }
    local optimizers = { optim.Adam(G:parameters(), { lr = 0.5 }), optim.SGD(D:parameters(), { lr = 0.3 }) }
    trainer = mg.gan.Trainer{
      generator = G, discriminator = D, data = trainer.data, batch = 5, nz = 3, quiet = true, schedule = "linear",
      schedule_d = { "step", every = 2, factor = 0.1 }, optimizer_g = optimizers[1], optimizer_d = optimizers[2],
    }
    local seen = {}
    trainer.callbacks = { iteration = function()
      seen[#seen + 1] = { optimizers[1]:param_groups()[1].lr, optimizers[2]:param_groups()[1].lr }
    end }
    trainer:run{ iterations = 4 }
    helper.near({ { 0.5, 0.3 }, { 0.375, 0.3 }, { 0.25, 0.03 }, { 0.125, 0.03 } }, seen, 1e-12)
  end)
end)

describe("gradients", function()
  it("of several batches add up to that of one large one", function()
    local count = 0
    local function parts(size)
      return function()
        count = count + 1
        return helper.values({ 8, 4 }, 1):narrow(1, (count - 1) * size % 8 + 1, size)
      end
    end
    local trained = {}
    for i, size in ipairs{ 8, 4 } do
      count = 0
      local noise = helper.values({ 4000, 3 }, 2)
      local drawn = 0
      local trainer, G, D = trainer_of{ data = parts(size), accumulate = 8 // size, noise = function(n)
        drawn = drawn + n
        return noise:narrow(1, drawn - n + 1, n)
      end }
      for _ = 1, 3 do trainer:step() end
      trained[i] = { G, D }
    end
    for network = 1, 2 do
      local whole, parts_of = trained[1][network]:parameters(), trained[2][network]:parameters()
      for i = 1, #whole do helper.near(whole[i]:detach(), parts_of[i]:detach(), 1e-4) end
    end
  end)

  it("are clipped to the norm asked for", function()
    local trainer, G, D = trainer_of{ clip_grad_norm = 1e-3, objective = "wasserstein" }
    trainer:step()
    for _, network in ipairs{ G, D } do
      helper.near(1e-3, optim.clip_grad_norm(network:parameters(), 1), 1e-4)
    end
  end)
end)

describe("a run folder", function()
  it("takes up the run to the same bits", function()
    local settings = {
      average = 0.9, log_every = 3, checkpoint_every = 4, sample_every = 5, schedule = "cosine",
      penalty = { mg.gan.penalty.r1, every = 2 }, evaluate_every = 2, best = "distance",
      metrics = { distance = function(self) return math.abs(self.iteration - 4) end },
    }
    helper.with_folder(function(root)
      settings.out = root .. "/alone"
      local alone = trainer_of(settings)
      alone:run{ iterations = 12 }
      settings.out = root .. "/resumed"
      local first = trainer_of(settings)
      assert.is_nil(first:resume())
      first.callbacks = { iteration = function(self) return self.iteration == 7 and "stop" or nil end }
      assert.equal("stopped", first:run{ iterations = 12 }.ended)
      mg.manual_seed(99)
      local second = trainer_of(settings)
      assert.equal(7, second:resume())
      local result = second:run{ iterations = 12 }
      assert.same({ 12, "done" }, { result.iteration, result.ended })
      local found = require("spec.killing").difference(root .. "/alone", root .. "/resumed")
      assert.is_nil(found)
      -- A run that is done stays as it is.
      local third = trainer_of(settings)
      assert.equal(12, third:resume())
      assert.equal(12, third:run{ iterations = 12 }.iteration)
      assert.is_nil(require("spec.killing").difference(root .. "/alone", root .. "/resumed"))
    end)
  end)

  it("keeps states of one's own", function()
    helper.with_folder(function(folder)
      local function noise()
        local self = { n = 0 }
        return setmetatable(self, { __call = function(_, n)
          self.n = self.n + n
          return mg.full({ n, 3 }, self.n / 1000)
        end, __index = { state = function() return { n = self.n } end, set_state = function(_, s) self.n = s.n end } })
      end
      local function penalty()
        local self = { n = 0 }
        return setmetatable(self, { __call = function()
          self.n = self.n + 1
          return mg.tensor(0.0)
        end, __index = { state = function() return { n = self.n } end, set_state = function(_, s) self.n = s.n end } })
      end
      trainer_of{ noise = noise(), penalty = { { penalty(), weight = 2 } }, out = folder }:run{ iterations = 2 }
      local own = { noise(), penalty() }
      trainer_of{ noise = own[1], penalty = { { own[2], weight = 2 } }, out = folder }:resume()
      assert.same({ 4 + 2 * 10, 2 }, { own[1].n, own[2].n })
    end)
  end)

  it("is not written over unless asked", function()
    helper.with_folder(function(folder)
      trainer_of{ out = folder, keep_every = 2, sample_every = 1 }:run{ iterations = 4 }
      local again = trainer_of{ out = folder }
      helper.error_like(function() again:run{ iterations = 1 } end, { "holds a run", "resume", "overwrite" })
      assert.equal(4, mg.run.load_state(folder, "last").iteration)
      trainer_of{ out = folder, overwrite = true }:run{ iterations = 1 }
      assert.equal(1, mg.run.load_state(folder, "last").iteration)
      assert.is_nil(mg.run.load_state(folder, 4))
      assert.is_nil(mg.file.exists(folder .. "/samples/0000004.png"))
    end)
  end)

  it("is one trainer's at a time", function()
    helper.with_folder(function(folder)
      local tried = 0
      local other = trainer_of{ out = folder, overwrite = true }
      trainer_of{ out = folder, callbacks = { iteration = function()
        tried = tried + 1
        local holder = mg.file.read(folder .. "/lock"):match("%d+")
        helper.error_like(function() other:run{ iterations = 1 } end,
          { folder .. " is in use", "process " .. holder .. " trains there" })
      end } }:run{ iterations = 2 }
      assert.equal(2, tried)
      assert.is_nil(mg.file.exists(folder .. "/lock"))
      other:run{ iterations = 1 }
      assert.equal(1, mg.run.load_state(folder, "last").iteration)
    end)
  end)

  it("counts the seconds of all its parts", function()
    helper.with_folder(function(folder)
      local seconds = trainer_of{ out = folder }:run{ iterations = 3 }.seconds
      local again = trainer_of{ out = folder }
      again:resume()
      assert.near(seconds, again:run{ iterations = 3 }.seconds, 0.001) -- nothing is left to do
      assert.near(seconds, mg.run.stats(folder)[1].seconds, 0.001)
    end)
  end)

  it("says what ran, and on what", function()
    helper.with_folder(function(folder)
      local config = { name = "small", generator = { type = "mlp" } }
      trainer_of{ out = folder, config = config, seed = 4 }:run{ iterations = 1 }
      local about = mg.run.about(folder)
      assert.same(config, about.config)
      assert.same({ 4, mg.version, mg.threads(), mg.precision },
        { about.seed, about.version, about.threads, about.precision })
      assert.truthy(about.machine.blas)
      assert.equal(5, about.options.batch)
    end)
  end)

  it("has an animation, event files and the generator's weights", function()
    helper.with_folder(function(folder)
      local trainer, G = trainer_of{ out = folder, sample_every = 1, tensorboard = true, average = 0.5 }
      trainer:run{ iterations = 10 }
      assert.truthy(mg.file.read(folder .. "/animation.png"):find("acTL", 1, true))
      local tensors, metadata = mg.safetensors.load(folder .. "/generator.safetensors")
      assert.equal("10", metadata.iteration)
      local other = small_pair()
      other:load_state_dict(tensors)
      local noise = mg.randn(3, 3)
      helper.same_bits(trainer:sample(noise), mg.no_grad(other, noise))
      assert.is_true((G[1].weight:detach() - tensors["1.weight"]):abs():max():item() > 1e-6)
      local events = 0
      for _, name in ipairs((mg.file.list_folder(folder))) do
        if name:find("tfevents", 1, true) then events = events + 1 end
      end
      assert.equal(1, events)
    end)
  end)

  -- A configuration of tiny images and networks.
  local function configuration(folder, more)
    local images, labels = {}, {}
    for i = 1, 40 do images[i], labels[i] = string.char(i * 5):rep(784), string.char(i % 10) end
    mg.file.write(folder .. "/train-images-idx3-ubyte",
      string.pack(">I4I4I4I4", 0x803, 40, 28, 28) .. table.concat(images))
    mg.file.write(folder .. "/train-labels-idx1-ubyte", string.pack(">I4I4", 0x801, 40) .. table.concat(labels))
    local config = {
      data = { "mnist", folder = folder }, generator = { "mlp_generator", widths = { 8 } },
      discriminator = { "mlp_critic", widths = { 8 } }, nz = 8, batch = 10, iterations = 4, average = 0.5, quiet = true,
      sample_every = 2, threads = 1, name = "tiny",
      out = folder .. "/run",
    }
    for key, value in pairs(more or {}) do config[key] = value end
    return config
  end

  it("rebuilds its networks from config.json", function()
    helper.with_folder(function(folder)
      local trainer = mg.experiment.build(configuration(folder))
      trainer:run{ iterations = 3 }
      local opened = mg.run.open(folder .. "/run")
      assert.equal(3, opened.iteration)
      same_parameters(trainer.generator, opened.trainer.generator)
      local noise = mg.randn(2, 8)
      helper.same_bits(trainer:sample(noise), opened:sample(noise))
      helper.same_bits(trainer:sample(noise), mg.no_grad(opened.generator, noise))
      assert.equal(5, opened.trainer:run{ iterations = 5 }.iteration)
      helper.error_like(function() mg.run.open(folder .. "/run", { checkpoint = "best" }) end,
        "has no checkpoint best: expected last")
      helper.error_like(function() mg.run.open(folder .. "/none") end, "config.json")
    end)
  end)

  it("takes up whatever a configuration describes", function()
    -- Decoded batch by batch.
    local pictures = { "image_folder", size = 28, flip = true, unlabelled = true, budget = 1 }
    local dcgan = { generator = { "dcgan_generator", nf = 2 }, discriminator = { "dcgan_discriminator", nf = 2 } }
    local cases = {
      { unrolled = 2, schedule = "cosine", clip_grad_norm = 1, accumulate = 2 },
      { generator = { "cdcgan_generator", nf = 2 }, discriminator = { "acgan_discriminator", nf = 2 } },
      { data = pictures, generator = dcgan.generator, discriminator = dcgan.discriminator, batch = 4 },
    }
    for _, case in ipairs(cases) do
      helper.with_folder(function(folder)
        mg.file.make_folder(folder .. "/pictures")
        for i = 1, 9 do
          mg.image.save(string.format("%s/pictures/%d.png", folder, i), helper.values({ 30, 31, 3 }, i))
        end
        pictures.folder = folder .. "/pictures"
        mg.experiment.build(configuration(folder, case), { out = folder .. "/alone" }):run{ iterations = 4 }
        local stopped = mg.experiment.build(configuration(folder, case))
        stopped.callbacks = { iteration = function(self) return self.iteration == 3 and "stop" or nil end }
        stopped:run{ iterations = 4 }
        mg.run.open(folder .. "/run").trainer:run{ iterations = 4 }
        assert.is_nil(require("spec.killing").difference(folder .. "/alone", folder .. "/run"))
      end)
    end
  end)
end)

describe("metrics", function()
  it("are in rows, choose the best, and leave the training as it is", function()
    helper.with_folder(function(folder)
      local values, calls = { 3, 1, 2 }, 0
      local _, plain = trainer_of()
      local reference = mg.gan.Trainer{ generator = plain, discriminator = select(2, small_pair()), data = data_set(),
        batch = 5, nz = 3, quiet = true, grid = { 2, 2 } }
      reference:run{ iterations = 6 }
      local trainer = trainer_of{
        out = folder, log_every = 4, evaluate_every = 2, best = "distance", metrics = {
          distance = function(self)
            calls = calls + 1
            self:sample(7)
            return values[calls]
          end,
        },
      }
      trainer:run{ iterations = 6 }
      same_parameters(reference.discriminator, trainer.discriminator)
      local rows = mg.run.stats(folder)
      local seen = {}
      for i, row in ipairs(rows) do seen[i] = { row.iteration, row.distance or 0, row.d_loss and 1 or 0 } end
      assert.same({ { 2, 3, 0 }, { 4, 1, 1 }, { 6, 2, 0 }, { 6, 0, 1 } }, seen)
      assert.equal(4, mg.run.load_state(folder, "best").iteration)
      assert.same({ metric = "distance", value = 1, iteration = 4 }, mg.run.load_state(folder, "last").best)
    end)
  end)

  it("and callbacks are refused where they cannot be meant", function()
    helper.error_like(function() trainer_of{ metrics = { d_loss = print } } end, "d_loss")
    helper.error_like(function() trainer_of{ metrics = { fid = 3 } } end, { "option metrics", "fid" })
    helper.error_like(function() trainer_of{ best = "fid" } end, { "option best", "fid" })
    helper.error_like(function() trainer_of{ callbacks = { iterations = print } } end, '"iteration"')
    helper.error_like(function()
      trainer_of{ metrics = { fid = function() return "low" end }, evaluate_every = 1 }:run{ iterations = 1 }
    end, { "metric fid", "number", '"low"' })
  end)
end)

describe("callbacks", function()
  it("hear of iterations, rows, checkpoints and the end", function()
    helper.with_folder(function(folder)
      local heard = {}
      local function hear(event) return function(_, info) heard[#heard + 1] = { event, info } end end
      trainer_of{ out = folder, log_every = 2, checkpoint_every = 2, callbacks = {
        iteration = hear "iteration", row = hear "row", checkpoint = hear "checkpoint", finish = hear "finish",
      } }:run{ iterations = 2 }
      local events = {}
      for i, entry in ipairs(heard) do events[i] = entry[1] end
      assert.same({ "iteration", "row", "iteration", "checkpoint", "finish" }, events)
      assert.truthy(heard[1][2].d_loss)
      assert.equal(2, heard[2][2].iteration)
      assert.same({ "last" }, heard[4][2])
      assert.equal("done", heard[5][2].ended)
    end)
  end)
end)

describe("where numbers are not finite", function()
  it("is the first layer whose result is not", function()
    local G = small_pair()
    local names = {}
    for i, pair in ipairs(G:named_layers()) do names[i] = pair[1] .. " " .. pair[2].name end
    assert.same({ " Sequential", "1 Linear", "2 Sequential", "2.1 ReLU", "2.2 Linear", "3 Tanh" }, names)
    local x = mg.ones(2, 3)
    assert.is_nil(mg.first_nonfinite(G, x))
    mg.no_grad(function() G[2][2].bias:fill_(0 / 0) end)
    assert.is_true(mg.first_nonfinite(G, x) == G[2][2])
    assert.is_true(mg.first_nonfinite(function() return nn.Identity()(G(x)) end) == G[2][2])
    assert.is_nil(mg.first_nonfinite(error, "is let go"))
    assert.is_false(mg.all_finite(G[2][2].bias:detach()))
    assert.is_true(mg.all_finite(G[2][2].weight:detach()))
    assert.is_false(mg.all_finite(mg.tensor{ 1, -math.huge, 2 }))
    assert.is_true(mg.all_finite(mg.zeros(0)))
  end)
end)

describe("a number that is not finite", function()
  local function stops(settings, change, patterns)
    helper.with_folder(function(folder)
      settings.out, settings.checkpoint_every = folder, 2
      local trainer, G, D = trainer_of(settings)
      trainer.callbacks = { iteration = function(self)
        if self.iteration == 5 then mg.no_grad(change, G, D) end
      end }
      helper.error_like(function() trainer:run{ iterations = 9 } end, patterns)
      assert.equal(4, mg.run.load_state(folder, "last").iteration)
      assert.truthy(mg.file.read(folder .. "/log.txt"):find("finite", 1, true))
    end)
  end

  it("stops the run, which names layer and iteration and keeps the last good checkpoint", function()
    stops({}, function(G) G[2][2].weight:fill_(0 / 0) end, {
      "the discriminator's loss is %-?nan in iteration 6", "layer 2.2 of the generator %(Linear%)",
      "generator's parameter 2.2.weight", "checkpoint of iteration 4",
    })
    stops({ objective = "wasserstein" }, function(_, D) D[1].weight:fill_(math.huge) end,
      { "in iteration 6", "layer 1 of the discriminator %(Linear%)", "parameter 1.weight" })
  end)

  it("is found in the data and in gradients, too", function()
    local count = 0
    local trainer = trainer_of{ data = function()
      count = count + 1
      return mg.full({ 5, 4 }, count == 3 and math.huge or 0.5)
    end, objective = "wasserstein" }
    helper.error_like(function() trainer:run{ iterations = 9 } end, { "in iteration 3", "batch of real images" })
    trainer = trainer_of{ clip_grad_norm = 1, penalty = function(D) return (D(mg.zeros(5, 4)) * 0):sqrt():mean() end }
    helper.error_like(function() trainer:step() end, { "norm of the discriminator's gradient is", "iteration 1" })
  end)

  it("is not saved", function()
    helper.with_folder(function(folder)
      local trainer, G = trainer_of{ out = folder, checkpoint_every = 2 }
      trainer.callbacks = { checkpoint = function() mg.no_grad(G[1].bias.fill_, G[1].bias, 0 / 0) end }
      trainer.step = function(self) self.iteration = self.iteration + 1 return 0.0, 0.0 end
      helper.error_like(function() trainer:run{ iterations = 4 } end,
        { "generator/1.bias has NaN or infinity after iteration 4", "checkpoint of iteration 2" })
      assert.equal(2, mg.run.load_state(folder, "last").iteration)
    end)
  end)
end)
