-- A training iteration that has run before asks the system for no memory.

local helper = require "spec.helper"
local mg = require "moongan"
local models, optim = mg.models, mg.optim

-- What four iterations of a trainer ask for; garbage is collected at times of our own, so that its
-- amount is the same each time.
local function requests_of(settings)
  local trainer = mg.gan.Trainer(settings)
  local function iterate(count)
    for _ = 1, count do
      trainer:step()
      helper.collect()
    end
  end
  collectgarbage("stop")
  iterate(3)
  local before = mg.memory().system_requests
  iterate(4)
  collectgarbage("restart")
  return mg.memory().system_requests - before
end

local function images(...)
  local batch, labels = mg.rand(...), {}
  for i = 1, batch:size(1) do labels[i] = (i - 1) % 10 + 1 end
  labels = mg.tensor(labels)
  return function() return batch, labels end
end

-- A trainer's settings: those given, the pair, and its optimizers.
local function with_pair(settings, G, D, optimizer, given)
  optimizer = optimizer or optim.Adam
  settings.generator, settings.discriminator, settings.nz = G, D, 8
  settings.optimizer_g, settings.optimizer_d = optimizer(G:parameters(), given), optimizer(D:parameters(), given)
  return settings
end

local function dense(settings, ...)
  settings.data = images(8, 784)
  local G, D = models.mlp_generator{ nz = 8, widths = { 8, 16 } }, models.mlp_critic{ widths = { 16, 8 } }
  return with_pair(settings, G, D, ...)
end

local function convolutional(settings, size, kind, norm)
  settings.data = images(4, size, size, size == 28 and 1 or 3)
  local G = models[kind .. "_generator"]{ size = size, nf = 4, nz = 8 }
  return with_pair(settings, G, models[kind .. "_discriminator"]{ size = size, nf = 4, norm = norm })
end

local configurations = {
  gan_mlp = function() return dense({}, optim.Adam, { lr = 2e-4, betas = { 0.5, 0.999 } }) end,
  gan_maxout = function()
    local G, D = models.maxout_generator{ nz = 8, widths = { 16, 16 } }, models.maxout_discriminator{ units = 16 }
    return with_pair({ data = images(10, 784), noise = "uniform" }, G, D, optim.SGD, { lr = 0.1, momentum = 0.5 })
  end,
  wgan_mlp = function()
    return dense({ objective = "wasserstein", n_critic = 2 }, optim.RMSprop, { lr = 5e-4, clip = 0.01 })
  end,
  wgan_gp_mlp = function()
    return dense{ objective = "wasserstein", n_critic = 2, penalty = 10, average = 0.9 }
  end,
  dcgan_28 = function() return convolutional({}, 28, "dcgan") end,
  cdcgan_28 = function() return convolutional({ conditional = 10, labels = "number" }, 28, "cdcgan") end,
  dcgan_32 = function() return convolutional({}, 32, "dcgan") end,
  wgan_gp_32 = function()
    return convolutional({ objective = "wasserstein", penalty = 10, n_critic = 2 }, 32, "dcgan", "none")
  end,
}

describe("a training iteration asks the system for no memory:", function()
  for name, settings in pairs(configurations) do
    it(name, function()
      for threads = 1, 2 do
        helper.with_threads(threads, function()
          mg.manual_seed(1)
          assert.are.equal(0, requests_of(settings()))
        end)
      end
    end)
  end
end)

-- What dies in an iteration is collected at its end: nothing of it is taken for something that lasts.
describe("a trainer under a collector of generations", function()
  it("goes on in the memory it has, without a collection of one's own", function()
    local text = helper.run_lua([[
      local mg = require "moongan"
      collectgarbage("generational")
      local images = mg.rand(64, 784)
      local G, D = mg.models.mlp_generator{ widths = { 16 } }, mg.models.mlp_critic{ widths = { 16 } }
      local rate = { lr = 1e-4 }
      local trainer = mg.gan.Trainer{
        generator = G, discriminator = D, data = function() return images end, objective = "wasserstein", n_critic = 2,
        optimizer_g = mg.optim.RMSprop(G:parameters(), rate), optimizer_d = mg.optim.RMSprop(D:parameters(), rate),
      }
      for _ = 1, 10 do trainer:step() end
      local before, changes = mg.memory(), 0
      for _ = 1, 40 do
        trainer:step()
        if mg.memory().live_tensors ~= before.live_tensors then changes = changes + 1 end
      end
      print(mg.memory().system_requests - before.system_requests, changes)
    ]])
    assert.are.equal("0\t0\n", text)
  end)
end)

describe("mg.memory", function()
  it("counts what is asked from the system: tensors, and the nodes of graphs", function()
    local text = helper.run_lua([[
      local mg = require "moongan"
      local kept, before = {}, mg.memory().system_requests
      for i = 1, 50 do kept[i] = mg.ones(12345) end
      local tensors = mg.memory().system_requests
      local x = mg.ones(2):requires_grad_(true)
      for _ = 1, 50 do kept[#kept + 1] = x:reshape(2) end
      print(tensors - before >= 3 * 50, mg.memory().system_requests - tensors >= 2 * 50, #kept)
    ]])
    assert.are.equal("true\ttrue\t100\n", text)
  end)
end)

describe("memory that is free", function()
  local function address_space()
    return tonumber((helper.run_lua[[
      require "moongan"
      print((io.open("/proc/self/status"):read("a"):match("VmSize:%s*(%d+)")))
    ]]))
  end

  it("goes back to the system where it is needed in another size", function()
    local kilobytes = address_space()
    if kilobytes > 2 ^ 30 then return end -- a sanitizer's shadow, which no limit leaves room for
    local text = helper.run(string.format("ulimit -v %d; ", kilobytes + 500 * 1024) .. helper.lua_command[[
      local mg = require "moongan"
      local function numbers(megabytes) return math.tointeger(megabytes * 2 ^ 20 * 8 // mg.precision) end
      for _, size in ipairs{ 0.25, 1, 3 } do
        local kept = {}
        for i = 1, 250 // size do kept[i] = mg.zeros(numbers(size)) end
      end
      print(mg.zeros(numbers(300)):size(1) == numbers(300))
    ]])
    assert.are.equal("true\n", text)
  end)
end)
