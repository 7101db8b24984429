--- Time one training iteration of each reference model.
--
-- Usage: lua5.4 experiments/bench.lua [--threads 2] [--seconds 3] [CONFIG ...]
--        lua5.4 experiments/bench.lua [--threads 2] [--seconds 0.2] micro [GROUP ...]
--        lua5.4 experiments/bench.lua [--seconds 0.5] scaling [FILE]
--
-- Prints one JSON object a line: config, engine, threads, ms_per_iteration (median over 5 blocks),
-- ms_min, iterations, gflop (what the matrix products of an iteration need) and peak_rss_mb; for
-- the config sgemm: config, threads, gflops.  Data are random tensors already in memory, so only
-- training is timed.  `micro` times kernels, `scaling` other batches and sizes: see
-- bench/micro.lua and bench/scaling.lua.

local mg = require "moongan"

local here = arg[0]:match("^(.*/)") or ""
local measure = dofile(here .. "bench/measure.lua")
local models, optim = mg.models, mg.optim

-- ---- work, in multiply-adds x 2 ----------------------------------------------------------------

-- How often a product of the sizes of a layer's weight is computed.  Training: forward, weight
-- gradient, and input gradient unless the layer is the first; under the gradient penalty, which
-- differentiates twice, 6 in all; generator's update, through the discriminator: forward and
-- input gradient, the latter only where generated images enter.
local function passes(layer, kind)
  if kind == "forward" then return 1 end
  if kind == "train" then return layer.first and 2 or 3 end
  if kind == "penalty" then return 6 end
  return layer.label and 1 or 2 -- "through"
end

local function gflop(batch, layers, kind)
  local sum = 0
  for _, layer in ipairs(layers) do sum = sum + layer[1] * layer[2] * passes(layer, kind) end
  return 2e-9 * batch * sum
end

-- One iteration: critic updates on real, fake (and penalty) batches, then a generator update.
local function iteration_gflop(batch, g, d, n_critic, penalty)
  local critic = gflop(batch, g, "forward") + 2 * gflop(batch, d, "train")
  if penalty then critic = critic + gflop(batch, d, "penalty") end
  return n_critic * critic + gflop(batch, g, "train") + gflop(batch, d, "through")
end

local mlp_g = { { 100, 128, first = true }, { 128, 256 }, { 256, 512 }, { 512, 1024 }, { 1024, 784 } }
local mlp_d = { { 784, 512, first = true }, { 512, 256 }, { 256, 1 } }
local maxout_g = { { 100, 1200, first = true }, { 1200, 1200 }, { 1200, 784 } }
local maxout_d = { { 784, 1200, first = true }, { 240, 1200 }, { 240, 1 } }
local cgan_g = { { 100, 200, first = true }, { 10, 1000, first = true }, { 1200, 1200 }, { 1200, 784 } }
local cgan_d = { { 784, 1200, first = true }, { 10, 250, first = true, label = true }, { 290, 960 }, { 240, 1 } }

-- A convolution of 4 x 4 taps, or its transpose; side: of the smaller images.
local function convolution(side, inputs, outputs) return { side * side * 4 * 4 * inputs, outputs } end

local function first(layer)
  layer.first = true
  return layer
end

local dcgan_28_g = { { 100, 7 * 7 * 128, first = true }, convolution(7, 128, 64), convolution(14, 64, 1) }
local dcgan_28_d = { first(convolution(14, 1, 64)), convolution(7, 64, 128), { 7 * 7 * 128, 1 } }
-- Nothing is first here: gradients go on to the embeddings of labels.
local cdcgan_28_g = { { 150, 7 * 7 * 128 }, convolution(7, 128, 64), convolution(14, 64, 1) }
local cdcgan_28_d = {
  { 50, 28 * 28, label = true }, convolution(14, 2, 64), convolution(7, 64, 128), { 7 * 7 * 128, 1 },
}

-- Generator and discriminator for colour images of 32 or 64.
local function dcgan_layers(size)
  local side, width = 4, 8 * size
  local g, d = { first(convolution(1, 100, width)) }, { convolution(1, width, 1) }
  while 2 * side < size do
    g[#g + 1], d[#d + 1] = convolution(side, width, width // 2), convolution(side, width // 2, width)
    side, width = 2 * side, width // 2
  end
  g[#g + 1], d[#d + 1] = convolution(side, width, 3), first(convolution(side, 3, width))
  return g, d
end

-- ---- configs: each gives a function that does one iteration, and its work -----------------------

local function trainer_step(settings, images, labels)
  settings.data = function() return images, labels end
  local trainer = mg.gan.Trainer(settings)
  return function() trainer:step() end
end

local function mlp_pair(optimizer, given, critic_given)
  local G, D = models.mlp_generator(), models.mlp_critic()
  return {
    generator = G, discriminator = D,
    optimizer_g = optimizer(G:parameters(), given), optimizer_d = optimizer(D:parameters(), critic_given or given),
  }
end

local function maxout_pair(G, D)
  local sgd = { lr = 0.1, momentum = 0.5 }
  return {
    generator = G, discriminator = D, noise = "uniform",
    optimizer_g = optim.SGD(G:parameters(), sgd), optimizer_d = optim.SGD(D:parameters(), sgd),
  }
end

local configs = {}

-- GAN, MLP pair, batch 64, Adam(2e-4, 0.5, 0.999); 1 update of D, 1 of G.
function configs.gan_mlp()
  local settings = mlp_pair(optim.Adam, { lr = 2e-4, betas = { 0.5, 0.999 } })
  return trainer_step(settings, mg.rand(64, 784) * 2 - 1), iteration_gflop(64, mlp_g, mlp_d, 1)
end

-- GAN of 2014, batch 100, SGD with momentum 0.5; 1 update of D, 1 of G.
function configs.gan_maxout()
  local settings = maxout_pair(models.maxout_generator(), models.maxout_discriminator())
  return trainer_step(settings, mg.rand(100, 784)), iteration_gflop(100, maxout_g, maxout_d, 1)
end

-- CGAN of 2014, batch 100, SGD with momentum 0.5; 1 update of D, 1 of G.
function configs.cgan_maxout()
  local settings = maxout_pair(models.cgan_generator(), models.cgan_discriminator())
  settings.conditional = 10
  local labels = {}
  for i = 1, 100 do labels[i] = (i - 1) % 10 + 1 end
  return trainer_step(settings, mg.rand(100, 784), mg.tensor(labels)), iteration_gflop(100, cgan_g, cgan_d, 1)
end

-- WGAN, MLP pair, batch 64, RMSprop 5e-4, weights clipped to 0.01; 5 updates of D, 1 of G.
function configs.wgan_mlp()
  local settings = mlp_pair(optim.RMSprop, { lr = 5e-4 }, { lr = 5e-4, clip = 0.01 })
  settings.objective, settings.n_critic = "wasserstein", 5
  return trainer_step(settings, mg.rand(64, 784) * 2 - 1), iteration_gflop(64, mlp_g, mlp_d, 5)
end

-- WGAN-GP, MLP pair, batch 64, Adam(1e-4, 0, 0.9), lambda 10; 5 updates of D, 1 of G.
function configs.wgan_gp_mlp()
  local settings = mlp_pair(optim.Adam, { lr = 1e-4, betas = { 0.0, 0.9 } })
  settings.objective, settings.n_critic, settings.penalty = "wasserstein", 5, 10
  return trainer_step(settings, mg.rand(64, 784) * 2 - 1), iteration_gflop(64, mlp_g, mlp_d, 5, true)
end

local function adam_pair(G, D, given)
  return {
    generator = G, discriminator = D,
    optimizer_g = optim.Adam(G:parameters(), given), optimizer_d = optim.Adam(D:parameters(), given),
  }
end

local dcgan_adam = { lr = 2e-4, betas = { 0.5, 0.999 } }

-- DCGAN on 28 x 28 grey pixels, batch 64, Adam(2e-4, 0.5, 0.999); 1 update of D, 1 of G.
function configs.dcgan_28()
  local settings = adam_pair(models.dcgan_generator(), models.dcgan_discriminator(), dcgan_adam)
  return trainer_step(settings, mg.rand(64, 28, 28, 1) * 2 - 1), iteration_gflop(64, dcgan_28_g, dcgan_28_d, 1)
end

-- Conditional DCGAN, the label embedded in 50 numbers: joined to the noise in G, a channel in D.
function configs.cdcgan_28()
  local settings = adam_pair(models.cdcgan_generator(), models.cdcgan_discriminator(), dcgan_adam)
  settings.conditional, settings.labels = 10, "number"
  local labels = {}
  for i = 1, 64 do labels[i] = (i - 1) % 10 + 1 end
  return trainer_step(settings, mg.rand(64, 28, 28, 1) * 2 - 1, mg.tensor(labels)),
    iteration_gflop(64, cdcgan_28_g, cdcgan_28_d, 1)
end

local function dcgan(size)
  local G, D = models.dcgan_generator{ size = size }, models.dcgan_discriminator{ size = size }
  local settings = adam_pair(G, D, dcgan_adam)
  local g, d = dcgan_layers(size)
  return trainer_step(settings, mg.rand(64, size, size, 3) * 2 - 1), iteration_gflop(64, g, d, 1)
end

-- DCGAN on colour images, nf 64, batch 64, Adam(2e-4, 0.5, 0.999); 1 update of D, 1 of G.
function configs.dcgan_32() return dcgan(32) end
function configs.dcgan_64() return dcgan(64) end

-- WGAN-GP on 32 x 32 colour pixels, DCGAN pair without normalisation in the critic, batch 64,
-- Adam(1e-4, 0, 0.9), lambda 10; 5 updates of D, 1 of G.
function configs.wgan_gp_32()
  local G, D = models.dcgan_generator{ size = 32 }, models.dcgan_discriminator{ size = 32, norm = "none" }
  local settings = adam_pair(G, D, { lr = 1e-4, betas = { 0.0, 0.9 } })
  settings.objective, settings.n_critic, settings.penalty = "wasserstein", 5, 10
  local g, d = dcgan_layers(32)
  return trainer_step(settings, mg.rand(64, 32, 32, 3) * 2 - 1), iteration_gflop(64, g, d, 5, true)
end

local order = {
  "gan_mlp", "gan_maxout", "cgan_maxout", "wgan_mlp", "wgan_gp_mlp",
  "dcgan_28", "cdcgan_28", "dcgan_32", "dcgan_64", "wgan_gp_32",
}

-- ---- measuring ----------------------------------------------------------------------------------

-- Networks start afresh every 50 iterations: on random images the pairs of maxout diverge after 100 or 200.
local function run_config(name, threads, seconds)
  local step, work
  local function restart()
    step = nil
    collectgarbage()
    mg.manual_seed(0)
    step, work = configs[name]()
  end
  local median, least, iterations = measure.time(function() step() end, seconds, restart)
  print(string.format('{"config": "%s", "engine": "moongan %s", "threads": %d, "ms_per_iteration": %.3f, '
    .. '"ms_min": %.3f, "iterations": %d, "gflop": %.3f, "peak_rss_mb": %s}',
    name, mg.version, threads, median, least, iterations, work, measure.peak_rss_mb() or "null"))
end

local function run_sgemm(threads, seconds)
  print(string.format('{"config": "sgemm", "threads": %d, "gflops": %.1f}', threads, measure.sgemm(seconds)))
end

local function usage_error(...)
  io.stderr:write("bench: ", string.format(...), "\n")
  os.exit(2, true)
end

local function parse(arguments)
  local given, names, i = { threads = 2, seconds = false }, {}, 1
  while i <= #arguments do
    local key = arguments[i]:match("^%-%-(.*)$")
    if not key then
      names[#names + 1] = arguments[i]
    else
      if given[key] == nil then usage_error("unknown option --%s; options: --threads, --seconds", key) end
      i = i + 1
      local value = tonumber(arguments[i])
      if not value or value <= 0 then usage_error("--%s: expected a number above 0, got %s", key, arguments[i]) end
      given[key] = value
    end
    i = i + 1
  end
  local threads = math.tointeger(given.threads)
  if not threads or threads > 256 then usage_error("--threads: expected a whole number from 1 to 256") end
  return threads, given.seconds or nil, names
end

local function run_configs(threads, seconds, names)
  for _, name in ipairs(names) do
    if not configs[name] and name ~= "sgemm" then
      usage_error("unknown config %s; one of %s, sgemm; or micro, scaling", name, table.concat(order, ", "))
    end
  end
  for _, name in ipairs(#names > 0 and names or order) do
    if name == "sgemm" then run_sgemm(threads, seconds) else run_config(name, threads, seconds) end
    io.stdout:flush()
  end
end

local threads, seconds, names = parse(arg)
mg.set_threads(threads)
if names[1] == "micro" then
  local fine, problem = dofile(here .. "bench/micro.lua")(threads, seconds or 0.2, { table.unpack(names, 2) })
  if not fine then usage_error("%s", problem) end
elseif names[1] == "scaling" then
  dofile(here .. "bench/scaling.lua")(seconds or 0.5, { table.unpack(names, 2) })
else
  run_configs(threads, seconds or 3, names)
end
