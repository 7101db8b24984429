--- Time the kernels that training is made of, each against what this machine can do at most: its
-- sgemm rate for what multiplies, its memory bandwidth for what passes over memory.
--
-- Usage: lua5.4 experiments/bench.lua [--threads 2] [--seconds 0.2] micro [GROUP ...]
--
-- Groups: gemm, conv, norm, activation, optimizer, random, data, sample.  Prints one JSON object a
-- line: micro (the kernel), group, threads, ms, gflops or gb_s, and of_limit; and a table on
-- standard error.  Arrays of elementwise kernels are 67 MB each, so that memory is what they wait
-- for; smaller ones that a cache holds are faster.

local mg = require "moongan"

local here = arg[0]:match("^(.*/)") or ""
local measure = dofile(here .. "bench/measure.lua")
local nn = mg.nn

local BYTES = mg.precision // 8
local groups = {}

-- Each group is a list of { name, function, flops = or bytes = of one call }; neither: only time counts.

function groups.gemm()
  local list = {}
  local function add(m, k, n, transpose_a, transpose_b, half)
    local a = transpose_a and mg.randn(k, m) or mg.randn(m, k)
    if half then a = a:relu() end
    local b = transpose_b and mg.randn(n, k) or mg.randn(k, n)
    list[#list + 1] = {
      string.format("matmul %d x %d x %d%s%s%s", m, k, n, transpose_a and ", A'" or "", transpose_b and ", B'" or "",
        half and ", A half zeros" or ""),
      function() mg.matmul(a, b, transpose_a, transpose_b):free() end, flops = 2 * m * k * n,
    }
  end
  add(1024, 1024, 1024)
  add(4096, 576, 64)
  for _, layer in ipairs{ { 784, 512 }, { 512, 256 }, { 1200, 1200 }, { 100, 1200 } } do
    add(64, layer[1], layer[2])
    add(64, layer[2], layer[1], false, true) -- gradient of the input
    add(layer[1], 64, layer[2], true)        -- gradient of the weight
  end
  for _, half in ipairs{ false, true } do -- behind a rectifier
    add(100, 1200, 1200, false, false, half)
    add(100, 1200, 1200, false, true, half)
    add(1200, 100, 1200, true, false, half)
  end
  return list
end

function groups.conv()
  local list = {}
  for _, layer in ipairs{ { 28, 1, 64 }, { 64, 3, 64 }, { 32, 64, 128 }, { 16, 128, 256 }, { 8, 256, 512 } } do
    local size, inputs, outputs = table.unpack(layer)
    local x, w = mg.randn(64, size, size, inputs), mg.randn(4, 4, inputs, outputs)
    local y = mg.randn(64, size // 2, size // 2, outputs)
    local geometry = { stride = 2, padding = 1 }
    local name = string.format("%d x %d, %d -> %d", size, size, inputs, outputs)
    local flops = 2 * 64 * (size // 2) ^ 2 * 16 * inputs * outputs
    list[#list + 1] = { "conv2d " .. name, function() mg.conv2d(x, w, nil, geometry):free() end, flops = flops }
    list[#list + 1] = { "conv2d_input " .. name,
      function() mg.conv2d_input(y, w, nil, size, size, geometry):free() end, flops = flops }
    list[#list + 1] = { "conv2d_weight " .. name,
      function() mg.conv2d_weight(x, y, 4, 4, geometry):free() end, flops = flops }
  end
  return list
end

-- Images of which each takes 67 MB in single precision.
local function large() return mg.randn(64, 64, 64, 64) end

-- Forward and backward through a layer: arrays read and written, at least, if each pass is counted.
local function layer_rows(list, name, layer, x, forward_passes, backward_passes)
  local bytes = x:numel() * BYTES
  list[#list + 1] = { name, function() mg.no_grad(layer, x):free() end, bytes = forward_passes * bytes }
  local leaf = x:detach():requires_grad_(true)
  local y = layer(leaf)
  local g = mg.ones(y:shape())
  list[#list + 1] = { name .. " backward", function()
    mg.grad(y, { leaf }, { grad_output = g, retain_graph = true })[1]:free()
  end, bytes = backward_passes * bytes }
end

function groups.norm()
  local list, x = {}, large()
  layer_rows(list, "BatchNorm", nn.BatchNorm(64), x, 3, 5)
  layer_rows(list, "BatchNorm, ReLU", nn.Sequential{ nn.BatchNorm(64), nn.ReLU() }, x, 3, 5)
  layer_rows(list, "GroupNorm of 8", nn.GroupNorm(8, 64), x, 3, 5)
  return list
end

function groups.activation()
  local list, x = {}, large()
  for _, name in ipairs{ "ReLU", "Tanh", "Sigmoid", "Softplus", "GELU" } do
    layer_rows(list, name, nn[name](), x, 2, 3)
  end
  layer_rows(list, "LeakyReLU", nn.LeakyReLU(0.2), x, 2, 3)
  layer_rows(list, "MaxPool2d", nn.MaxPool2d(2), x, 1.25, 1.5)
  layer_rows(list, "AvgPool2d", nn.AvgPool2d(2), x, 1.25, 1.25)
  local row, out = mg.randn(64), mg.zeros(64, 64, 64, 64)
  list[#list + 1] = { "add a bias", function() (x + row):free() end, bytes = 2 * x:numel() * BYTES }
  list[#list + 1] = { "sum over rows", function() x:sum(1):free() end, bytes = x:numel() * BYTES }
  list[#list + 1] = { "lerp_", function() out:lerp_(x, 0.01) end, bytes = 3 * x:numel() * BYTES }
  return list
end

function groups.optimizer()
  local list, size = {}, 2 ^ 24
  local function add(name, kind, options, passes)
    local parameter = mg.zeros(size):requires_grad_(true)
    local optimizer = mg.optim[kind]({ parameter }, options)
    parameter:sum():backward()
    list[#list + 1] = { name, function() optimizer:step() end, bytes = passes * size * BYTES }
  end
  add("SGD, momentum", "SGD", { lr = 1e-6, momentum = 0.5 }, 5)
  add("RMSprop", "RMSprop", { lr = 1e-6 }, 5)
  add("Adam", "Adam", { lr = 1e-6 }, 7)
  local weights = mg.models.mlp_generator():parameters()
  local optimizer, elements = mg.optim.Adam(weights, { lr = 1e-6 }), 0
  for _, weight in ipairs(weights) do
    weight:sum():backward()
    elements = elements + weight:numel()
  end
  list[#list + 1] = { "Adam, MLP generator", function() optimizer:step() end, bytes = 7 * elements * BYTES }
  list[#list + 1] = { "zero_grad", function() optimizer:zero_grad() end }
  return list
end

function groups.random()
  local x = mg.zeros(64, 64, 64, 64)
  local bytes = x:numel() * BYTES
  return {
    { "normal", function() x:normal_() end, bytes = bytes },
    { "uniform", function() x:uniform_() end, bytes = bytes },
    { "bernoulli", function() x:bernoulli_(0.5) end, bytes = bytes },
    { "normal 64 x 100", function() mg.randn(64, 100):free() end, bytes = 64 * 100 * BYTES },
  }
end

-- A data set of n grey pictures of side 28 in files that are gone again.
local function byte_images(n)
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  file:write(string.pack(">I4I4I4I4", 0x803, n, 28, 28), ("moongan"):rep(n * 112))
  file:close()
  local set = mg.data.idx{ images = name }
  os.remove(name)
  return set
end

function groups.data()
  local set = byte_images(20000)
  local list, path = {}, os.tmpname()
  for _, batch in ipairs{ 64, 1024 } do
    local advance, state, step = set:batches(batch, { shuffle = true, drop_last = true }):forever()
    list[#list + 1] = { "gather " .. batch .. " images, 28 x 28", function()
      local images
      step, images = advance(state, step)
      images:free()
    end, bytes = batch * 784 * (1 + BYTES) }
  end
  for _, size in ipairs{ 28, 64 } do
    local images = mg.rand(64, size, size, size == 28 and 1 or 3) * 2 - 1
    list[#list + 1] = { string.format("PNG grid of 64, %d x %d", size, size),
      function() mg.image.save_grid(path, images) end, bytes = images:numel() * (BYTES + 1) }
  end
  list.finish = function() os.remove(path) end
  return list
end

-- Multiply-adds x 2 of one image, from the profiler's count.
local function flops_of(network, noise)
  local report, sum = mg.profile(function() mg.no_grad(network, noise) end, { quiet = true }), 0
  for _, row in ipairs(report.operations) do sum = sum + row.flops end
  return sum
end

function groups.sample()
  local list, models = {}, mg.models
  local networks = { { "MLP", models.mlp_generator() }, { "DCGAN 32", models.dcgan_generator{ size = 32 } },
    { "DCGAN 64", models.dcgan_generator{ size = 64 } } }
  for _, pair in ipairs(networks) do
    local name, network = table.unpack(pair)
    network:eval()
    for _, n in ipairs{ 1, 64 } do
      local noise = mg.randn(n, 100)
      list[#list + 1] = { string.format("%s, %d image%s", name, n, n > 1 and "s" or ""),
        function() mg.no_grad(network, noise):free() end, flops = flops_of(network, noise) }
    end
  end
  local weights, picture = os.tmpname(), os.tmpname()
  mg.safetensors.save(weights, networks[1][2]:state_dict())
  local quote, interpreter = require("moongan.shell").quote, measure.interpreter()
  local start = interpreter .. " -e " .. quote('require "moongan"')
  local sample = table.concat({ interpreter, quote(here .. "bench/sample.lua"), quote(weights), quote(picture) }, " ")
  list[#list + 1] = { "cold start: require", function() assert(os.execute(start)) end }
  list[#list + 1] = { "cold start: 64 digits, weights to PNG", function() assert(os.execute(sample)) end }
  list.finish = function()
    os.remove(weights)
    os.remove(picture)
  end
  return list
end

local ORDER = { "gemm", "conv", "norm", "activation", "optimizer", "random", "data", "sample" }

-- ---- reports ------------------------------------------------------------------------------------

local function report(group, threads, row, milliseconds, limits)
  local kind = row.flops and "gflops" or row.bytes and "gb_s"
  local line = string.format('{"micro": %q, "group": "%s", "threads": %d, "ms": %.4f', row[1], group, threads,
    milliseconds)
  local rate, share = "", ""
  if kind then
    local value = (row.flops or row.bytes) / milliseconds / 1e6
    line = line .. string.format(', "%s": %.2f, "of_limit": %.3f', kind, value, value / limits[kind])
    rate = string.format("%.1f %s", value, kind == "gflops" and "GFLOP/s" or "GB/s")
    share = string.format("%.0f %%", 100 * value / limits[kind])
  end
  print(line .. "}")
  io.stderr:write(string.format("%-42s %10.3f ms %16s %7s\n", row[1], milliseconds, rate, share))
end

--- Run the groups named (none: all).
-- @return false and a message where a name is wrong
return function(threads, seconds, names)
  for _, name in ipairs(names) do
    if not groups[name] then
      return false, string.format("unknown group %s; one of %s", name, table.concat(ORDER, ", "))
    end
  end
  local limits = { gflops = measure.sgemm(seconds), gb_s = measure.bandwidth(seconds) }
  print(string.format('{"limits": {"gflops": %.1f, "gb_s": %.1f}, "threads": %d}', limits.gflops, limits.gb_s, threads))
  io.stderr:write(string.format("limits of this machine, %d thread%s: %.0f GFLOP/s, %.0f GB/s\n", threads,
    threads > 1 and "s" or "", limits.gflops, limits.gb_s))
  for _, name in ipairs(#names > 0 and names or ORDER) do
    local list = groups[name]()
    for _, row in ipairs(list) do
      report(name, threads, row, measure.time(row[2], seconds), limits)
      collectgarbage()
    end
    if list.finish then list.finish() end
    list = nil -- luacheck: ignore 311 (its tensors go before the next group's come)
    collectgarbage()
  end
  return true
end
