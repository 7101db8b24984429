-- Configurations: from a table as it is written, and settings of a command line, to one that says
-- everything; networks and trainers from it; what is refused.

local arguments = require "moongan.experiment.arguments"
local experiment = require "moongan.experiment"
local helper = require "spec.helper"
local keys = require "moongan.experiment.keys"
local mg = require "moongan"
local scripts = require "spec.scripts"

local minimal = { generator = "mlp_generator", discriminator = "mlp_critic", epochs = 1 }

local function with(entries)
  local result = {}
  for key, value in pairs(minimal) do result[key] = value end
  for key, value in pairs(entries) do result[key] = value end
  return result
end

local images = { generator = "dcgan_generator", discriminator = "dcgan_discriminator", nf = 2, epochs = 1 }

-- Labelled images of a shape.
local function dataset(shape, count, classes)
  local labels = {}
  for i = 1, count do labels[i] = i % classes + 1 end
  return mg.data.from_tensor(helper.values({ count, table.unpack(shape) }, 3), labels)
end

-- experiment.build with that data set in place of MNIST.
local function build(data, given, settings)
  local mnist = mg.data.mnist
  mg.data.mnist = function(o)
    require("moongan.options").check("mg.data.mnist", o, { folder = "", split = "train", range = {}, flat = true })
    data.flat = o.flat
    return data
  end
  local good, result = pcall(experiment.build, given, settings)
  mg.data.mnist = mnist
  if not good then error(result, 0) end
  return result
end

describe("arguments", function()
  it("read values as what they look like", function()
    local cases = {
      ["1e-4"] = 1e-4, ["3"] = 3, ["yes"] = true, ["false"] = false, ["mnist"] = "mnist", ["0,0.9"] = { 0, 0.9 },
      ["{1,2}"] = { 1, 2 }, ["rose,"] = { "rose" }, ["{}"] = {}, ["a,{b,2}"] = { "a", { "b", 2 } }, [""] = "",
      ["{a"] = "{a", ["a}"] = "a}", ["inf"] = "inf", ["nan"] = "nan", ["1e999"] = "1e999", ["{"] = "{",
    }
    for text, expected in pairs(cases) do assert.same(expected, arguments.value(text), text) end
  end)

  it("split at commas outside of braces", function()
    assert.same({ "0.1", "{1,2}", "x" }, arguments.split("0.1,{1,2},x"))
    assert.same({ "{1,2" }, arguments.split("{1,2"))
  end)

  it("read paths", function()
    local settings = assert(arguments.read{ "a.b.2=x=y", "--c=1" })
    assert.same({ { key = "a.b.2", path = { "a", "b", 2 }, text = "x=y" }, { key = "c", path = { "c" }, text = "1" } },
      settings)
    local none, why = arguments.read{ "a" }
    assert.is_nil(none)
    assert.truthy(why:find('expected key=value, got "a"', 1, true))
  end)
end)

describe("experiment.configure", function()
  it("fills in every default", function()
    local config = experiment.configure(minimal)
    assert.same({ type = "mlp_generator", widths = { 128, 256, 512, 1024 }, slope = 0.2, eps = 0.8 }, config.generator)
    assert.same({ type = "mlp_critic", widths = { 512, 256 }, slope = 0.2, dropout = 0 }, config.discriminator)
    assert.same({ type = "mnist", split = "train" }, config.data)
    assert.same({ type = "nonsaturating" }, config.objective)
    assert.same({ type = "Adam", lr = 2e-4, betas = { 0.5, 0.999 }, eps = 1e-8, weight_decay = 0, amsgrad = false },
      config.optimizer_d)
    for _, row in ipairs(keys) do
      local rule = row[2]
      if type(rule) ~= "table" or rule.default ~= nil then assert.is_not_nil(config[row[1]], row[1]) end
    end
    assert.equal("runs/run", config.out)
  end)

  it("changes nothing the second time, and nothing of what it is given", function()
    local given = with{ penalty = { { "r1", weight = 5 }, { "r2", every = 4 } }, lr = 1e-3, clip = 0.1 }
    local once = experiment.configure(given)
    assert.same(once, experiment.configure(once))
    assert.equal(1e-3, given.lr)
    assert.is_nil(given.optimizer_g)
    once.generator.widths[1] = 7 -- the network's own default is another table
    assert.equal(128, experiment.configure(minimal).generator.widths[1])
  end)

  it("takes parts by name or with options", function()
    local config = experiment.configure(with{
      generator = { "mlp_generator", widths = { 8 } }, optimizer_d = { type = "RMSprop", lr = 0.1 }, penalty = 7,
      objective = { "least_squares", c = 0.5 },
    })
    assert.same({ 8 }, config.generator.widths)
    assert.equal("RMSprop", config.optimizer_d.type)
    assert.same({ { type = "wgan_gp", weight = 7, every = 1, target = 1, one_sided = false } }, config.penalty)
    assert.same({ type = "least_squares", a = 0, b = 1, c = 0.5 }, config.objective)
  end)

  it("hands an option at the top to the parts that have it and say nothing else", function()
    local config = experiment.configure(with{
      optimizer_d = { "Adam", lr = 1 }, lr = 2, betas = { 0, 0.9 }, dropout = 0.25, weight = 3, penalty = "r1",
      data = "image_folder", folder = "somewhere", size = 28,
    })
    assert.equal(2, config.optimizer_g.lr)
    assert.equal(1, config.optimizer_d.lr)
    assert.same({ 0, 0.9 }, config.optimizer_d.betas)
    assert.equal(0.25, config.discriminator.dropout)
    assert.equal(3, config.penalty[1].weight)
    assert.equal("somewhere", config.data.folder)
  end)

  it("lets settings count more, the more exact ones most", function()
    local config = experiment.configure(with{ optimizer_d = { "Adam", lr = 1 } },
      { "optimizer_d.betas.1=0.1", "lr=3", "lr_g=4", "batch=1e2", "grid.2=3", "betas.2=0.7", "noise=uniform" })
    assert.equal(3, config.optimizer_d.lr)
    assert.equal(4, config.optimizer_g.lr)
    assert.same({ 0.1, 0.7 }, config.optimizer_d.betas)
    assert.same({ 0.5, 0.7 }, config.optimizer_g.betas)
    assert.equal(100, config.batch)
    assert.equal("integer", math.type(config.batch))
    assert.same({ 8, 3 }, config.grid)
  end)

  it("goes by depth first, then by order", function()
    local config = experiment.configure(minimal, { "optimizer_d.lr=5", "lr=3", "lr_g=7", "lr=4" })
    assert.equal(5, config.optimizer_d.lr)
    assert.equal(7, config.optimizer_g.lr)
    local settings = {}
    for i = 1, 30 do settings[i] = "dropout=" .. i / 100 end
    assert.equal(0.3, experiment.configure(minimal, settings).discriminator.dropout)
    assert.equal(2, experiment.configure(minimal, { "batch=1", "batch=2" }).batch)
    config = experiment.configure(minimal, { "data.folder=x", "flip=true", "data=cifar10" })
    assert.equal("x", config.data.folder)
  end)

  it("takes schedules as parts", function()
    local config = experiment.configure(with{ schedule = { "linear", hold = 5 }, schedule_d = "step" },
      { "schedule.final=0.5", "factor=0.25" })
    assert.same({ type = "linear", hold = 5, final = 0.5, warmup = 0 }, config.schedule)
    assert.equal(0.25, config.schedule_d.factor)
    assert.is_nil(experiment.configure(with{ schedule = "cosine" }, { "schedule=none" }).schedule)
    local trainer = build(dataset({ 28, 28, 1 }, 8, 2), minimal, { "schedule=step", "schedule.every=1", "batch=4" })
    trainer.out, trainer.quiet = nil, true
    trainer:run{ iterations = 3 }
    helper.near(2e-6, trainer.optimizer_g:param_groups()[1].lr)
  end)

  it("takes entries in place of texts, too", function()
    local config = experiment.configure(minimal, { out = "a=b", betas = { 0, 0.9 }, "batch=3" })
    assert.equal("a=b", config.out)
    assert.same({ 0, 0.9 }, config.optimizer_g.betas)
    assert.equal(3, config.batch)
  end)

  it("replaces parts", function()
    local given = with{ lr = 0.5, betas = { 0, 0.9 }, penalty = 10, clip = 0.1 }
    local config = experiment.configure(given,
      { "lr_d=0.25", "optimizer_d=SGD", "optimizer_g=SGD", "penalty=none", "clip=none" })
    assert.equal("SGD", config.optimizer_d.type) -- which knows no betas
    assert.equal(0.25, config.optimizer_d.lr)
    assert.equal(0.5, config.optimizer_g.lr)
    assert.is_nil(config.penalty)
    assert.is_nil(config.clip)
    config = experiment.configure(minimal, { "penalty=r1,r2", "penalty.2.weight=3" })
    assert.equal("r1", config.penalty[1].type)
    assert.equal(3, config.penalty[2].weight)
  end)

  it("takes text for what it is wanted as", function()
    local config = experiment.configure(with{ data = "image_folder" },
      { "name=7", "out=a,b", "folder=1", "quiet=1", "data.classes=1,2", "flip=0" })
    assert.equal("7", config.name)
    assert.equal("a,b", config.out)
    assert.equal("1", config.data.folder)
    assert.is_true(config.quiet)
    assert.is_false(config.data.flip)
  end)

  it("chooses between models", function()
    local given = {
      model = "a", epochs = 1, dropout = 0.1,
      models = {
        a = { generator = "mlp_generator", discriminator = "mlp_critic" },
        b = { generator = "maxout_generator", discriminator = "maxout_discriminator", range = { 0, 1 }, dropout = 0.2 },
      },
    }
    assert.equal("mlp_generator", experiment.configure(given).generator.type)
    local config = experiment.configure(given, { "model=b" })
    assert.same({ 0, 1 }, config.range)
    assert.equal(0.2, config.discriminator.dropout)
    assert.is_nil(config.models)
    helper.error_like(function() experiment.configure(given, { "model=c" }) end, "model: expected one of a, b, got")
    helper.error_like(function() experiment.configure(minimal, { "model=c" }) end, "model: expected one of")
  end)

  local wrong = {
    { { about = 3 }, "about: expected string, got number 3" },
    { { epoch = 3 }, 'unknown key "epoch": did you mean epochs?' },
    { { [1] = "x" }, "expected names as keys, got the number 1" },
    { { generator = "mlp_generatr" }, 'generator: unknown name "mlp_generatr" (did you mean "mlp_generator"?)' },
    { { generator = { "mlp_generator", width = 1 } }, 'unknown option "width" (did you mean "widths"?)' },
    { { generator = { "mlp_generator", "mlp_critic" } }, "generator: expected one name, then options" },
    { { generator = {} }, "generator: expected a name or { name, option = value }, got table" },
    { { generator = 3 }, "generator: expected a name or { name, option = value }, got number 3" },
    { { generator = "projection_head" }, 'generator: unknown name "projection_head"' },
    { { batch = 0 }, "batch: expected a whole number of at least 1, got number 0" },
    { { noise = "gauss" }, 'noise: expected "normal" or "uniform", got string "gauss"' },
    { { optimizer_g = { "Adam", lr = "fast" } }, "optimizer_g: optim.Adam: option lr: expected a number" },
    { { penalty = { { "r1" }, weight = 3 } }, "penalty: expected a list of penalties, got an entry weight" },
    { { penalty = { "r1", weight = "x" } }, "penalty: mg.gan.penalty.r1: option weight: expected a number" },
    { { objective = { "least_squares", d = 1 } }, 'objective: mg.gan.least_squares: unknown option "d"' },
    { { generator = "dcgan_generator" }, "makes images and discriminator mlp_critic takes rows of pixels" },
    { { generator = "cmlp_generator" }, "cmlp_generator is told a class and discriminator mlp_critic is not" },
    { { auxiliary = 1 }, "auxiliary: expected the discriminator acgan_discriminator" },
    { { epochs = 0 }, "expected epochs, iterations or seconds above 0" },
    { { eps = 1e-3 }, "option eps: generator and optimizer_g have one" },
    { { flip = true }, "key flip: an option of data cifar10, image_folder, not of mnist" },
    { { grid = { 8 } }, "grid: expected two whole numbers" },
    { { grid = { 8, 8, x = 1 } }, "grid: expected two whole numbers" },
    { { range = { 1, 1 } }, "range: expected two different finite numbers" },
    { { clip = 0.1, optimizer_d = { "SGD", lr = 1, clip = 0.1 } }, "clip: expected clip or optimizer_d.clip" },
    { { objective = { "hinge", noise = function() end } }, "expected a string, a number, a boolean or a table" },
  }
  for i, case in ipairs(wrong) do
    it("refuses wrong entries, case " .. i, function()
      local good, message = pcall(experiment.configure, with(case[1]))
      assert.is_false(good)
      assert.truthy(message:find(case[2], 1, true), message)
    end)
  end

  local wrong_settings = {
    ["foo"] = 'expected key=value, got "foo"', ["=3"] = "expected key=value", [".=3"] = 'unknown key ""',
    ["quiet=none"] = 'quiet: expected boolean, got string "none"',
    ["batch=x"] = 'batch: expected a whole number of at least 1, got string "x"',
    ["batch.1=3"] = "batch.1: expected a list or a table at batch", ["epocs=3"] = "did you mean epochs?",
    ["generator.width=3"] = "generator: unknown option \"width\"", ["penalty.weight=3"] = "there is no penalty",
    ["lr=fast"] = "option lr", ["betas=0"] = "option betas", ["optimizer_d.betas.3=0"] = "option betas",
    ["optimizer_d.lr.2=0"] = "expected a list or a table at lr", ["generator="] = 'generator: unknown name ""',
    ["generator.=1"] = 'unknown option ""', ["1=2"] = "got the number 1", ["widths=1"] = "option widths",
  }
  for setting, fragment in pairs(wrong_settings) do
    it("refuses " .. setting, function()
      local good, message = pcall(experiment.configure, minimal, { setting })
      assert.is_false(good)
      assert.truthy(message:find(fragment, 1, true), message)
    end)
  end
end)

describe("experiment.build", function()
  it("takes sizes and classes from the data", function()
    local trainer = build(dataset({ 32, 32, 3 }, 8, 4), {
      generator = "cdcgan_generator", discriminator = "cdcgan_discriminator", nf = 2, nz = 5, batch = 4, epochs = 1,
    })
    assert.same({ type = "cdcgan_generator", size = 32, channels = 3, nz = 5, nf = 2, classes = 4, embedding = 50,
      init = "dcgan" }, trainer.config.generator)
    assert.equal(4, trainer.config.conditional)
    assert.equal("number", trainer.config.labels)
    trainer:step()
  end)

  it("gives every pair of networks what it needs", function()
    local pairs_of = {
      { "mlp_generator", "mlp_critic" }, { "cmlp_generator", "cmlp_critic" },
      { "maxout_generator", "maxout_discriminator" }, { "cgan_generator", "cgan_discriminator" },
      { "cmaxout_generator", "cmaxout_discriminator" },
      { "upsample_generator", "upsample_discriminator" }, { "cupsample_generator", "cupsample_discriminator" },
      { "cdcgan_generator", "acgan_discriminator" }, { "r3gan_generator", "r3gan_discriminator" },
    }
    for _, pair in ipairs(pairs_of) do
      local trainer = build(dataset({ 28, 28, 1 }, 4, 2), {
        generator = pair[1], discriminator = pair[2], batch = 2, epochs = 1,
      })
      trainer:step()
      assert.equal(pair[2] == "acgan_discriminator" and 1 or nil, trainer.config.auxiliary)
      assert.equal(pair[1]:find("^c") and 2 or nil, trainer.config.conditional)
    end
  end)

  it("makes the same networks from its complete configuration, bit for bit", function()
    local trainer = build(dataset({ 28, 28, 1 }, 8, 2), images, { "batch=4", "seed=9" })
    local config = trainer.config
    assert.same(config, require("moongan.sandbox").plain(config))
    local function copy(network)
      local result = {}
      for name, tensor in pairs(network:state_dict()) do result[name] = tensor:clone() end
      return result
    end
    local before, losses = { copy(trainer.generator), copy(trainer.discriminator) }, { trainer:step() }
    local from_file = mg.json.decode(mg.json.encode(config))
    assert.same(config, experiment.build(from_file, nil, function() end).config)
    for i, network in ipairs{ experiment.networks(from_file) } do
      for name, tensor in pairs(network:state_dict()) do helper.same_bits(before[i][name], tensor, name) end
    end
    local again = build(dataset({ 28, 28, 1 }, 8, 2), config)
    assert.same(config, again.config)
    assert.same(losses, { again:step() })
  end)

  it("hands everything to the trainer", function()
    local trainer = build(dataset({ 28, 28, 1 }, 8, 2), minimal, {
      "objective=least_squares", "a=-1", "c=0.25", "penalty=r1,dragan", "penalty.1.every=2", "n_critic=2",
      "n_generator=3", "average=0.9", "noise=uniform", "optimizer_d=SGD", "lr_d=0.125", "clip=0.01", "batch=4",
    })
    assert.equal(0.125, trainer.optimizer_d:param_groups()[1].lr)
    assert.equal(2, trainer.n_critic)
    assert.equal(3, trainer.n_generator)
    assert.equal(0.01, trainer.config.clip)
    assert.is_nil(trainer.config.optimizer_d.clip)
    trainer:step()
    for _, parameter in ipairs(trainer.discriminator:parameters()) do
      assert.is_true(parameter:detach():abs():max():item() <= 0.01 + 1e-9)
    end
    local scores = mg.tensor{ 0.5, -0.5 }
    helper.near(0.5 * 0.3125, trainer.objective.generator(scores):item())
    assert.equal(0.9, trainer.average)
    assert.is_true(build(dataset({ 28, 28, 1 }, 8, 2), minimal, { "unrolled=2", "batch=4" }).unrolled ~= nil)
  end)

  it("refuses what the data cannot give", function()
    local cases = {
      { dataset({ 28, 28, 1 }, 4, 2), { generator = "resnet_generator" }, "makes images %(1, 32, 32, 1%)" },
      { dataset({ 28, 32, 1 }, 4, 2), {}, "needs square images" },
      { dataset({ 48, 48, 1 }, 4, 2), {}, "option size: expected 28, 32, 64 or 128, got 48" },
      { mg.data.from_tensor(mg.zeros(4, 28, 28, 1)), { generator = "cdcgan_generator",
        discriminator = "cdcgan_discriminator" }, "needs classes; tensor has no labels" },
      { dataset({ 28, 28, 1 }, 4, 2), { generator = { "dcgan_generator", size = 32 } }, "generator.size: expected 28" },
      { dataset({ 28, 28, 1 }, 4, 2), { batch = 5 }, "batch" },
    }
    for _, case in ipairs(cases) do
      local given = {}
      for key, value in pairs(images) do given[key] = value end
      for key, value in pairs(case[2]) do given[key] = value end
      helper.error_like(function() build(case[1], given) end, case[3])
    end
  end)

  it("draws nothing of its own from the random numbers", function()
    local trainer = build(dataset({ 28, 28, 1 }, 8, 2), images, { "batch=4" })
    local state = mg.get_rng_state()
    experiment.networks(trainer.config)
    trainer.noise(64)
    assert.same(mg.get_rng_state(), state)
  end)
end)

describe("experiment.load", function()
  it("reads every experiment as data", function()
    for _, name in ipairs{ "gan", "cgan", "wgan", "wgan_gp", "dcgan", "cdcgan", "lsgan", "wgan_dcgan", "wgan_gp_dcgan",
      "quickstart" } do
      local given = experiment.load("experiments/" .. name .. ".lua")
      assert.equal(name, given.name)
      assert.equal("runs/" .. name, experiment.configure(given).out)
    end
  end)

  it("names a configuration after its file", function()
    helper.with_folder(function(folder)
      scripts.write(folder .. "/my run.lua", "return { epochs = 1 }")
      assert.equal("my run", experiment.load(folder .. "/my run.lua").name)
    end)
  end)

  it("says which file is wrong", function()
    helper.with_folder(function(folder)
      scripts.write(folder .. "/bad.lua", "return os.getenv('HOME')")
      helper.error_like(function() experiment.load(folder .. "/bad.lua") end, "bad%.lua:1: .*global 'os'")
      helper.error_like(function() experiment.load(folder .. "/none.lua") end, "none%.lua: cannot open: No such file")
      helper.error_like(function() experiment.load(folder) end, "^" .. folder .. ": ")
      helper.error_like(function() experiment.load("/dev/zero") end, "^/dev/zero: ")
    end)
  end)
end)
