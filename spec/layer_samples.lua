--- A sample of every kind of layer, for the specs that hold for all of them.

local mg = require "moongan"
local helper = require "spec.helper"
local nn = mg.nn
local values = helper.values

-- Tensor k gets values by formula with seed first_seed + k - 1.
local function set_values(tensors, first_seed, low, high)
  mg.no_grad(function()
    for k, tensor in ipairs(tensors) do tensor:copy_(values(tensor:shape(), first_seed + k - 1, low, high)) end
  end)
end

-- Layers under test, one list of arguments and inputs for each way of building them.  A new
-- constructor without a sample here fails layer_spec.lua.
local V = function(...) return values({ ... }, 3, -1.7, 1.7) end
local samples = {
  Linear = { { { 5, 3 }, V(4, 5) }, { { 5, 3, { bias = false } }, V(2, 3, 5) }, { { 5, 3 }, V(5) } },
  Maxout = { { { 5, 3, 4 }, V(4, 5) }, { { 5, 2, 3, { bias = false } }, V(2, 2, 5) } },
  Conv2d = { { { 2, 3, 3, { stride = 2, padding = 1 } }, V(2, 4, 3, 2) },
    { { 4, 4, { 1, 2 }, { groups = 2, dilation = { 1, 2 }, bias = false } }, V(1, 2, 4, 4) } },
  ConvTranspose2d = { { { 2, 3, 3, { stride = 2, padding = 1, output_padding = 1 } }, V(2, 2, 2, 2) },
    { { 4, 4, { 1, 2 }, { groups = 2, dilation = { 1, 2 }, bias = false } }, V(1, 2, 2, 4) } },
  SpectralNorm = { { { nn.Linear(4, 3) }, V(5, 4), eval = true },
    { { nn.ConvTranspose2d(2, 3, 2, { stride = 2 }) }, V(1, 2, 2, 2), eval = true } },
  MaxPool2d = { { { 2 }, V(2, 4, 5, 2) }, { { { 3, 2 }, { stride = 1, padding = 1, dilation = 2 } }, V(1, 5, 4, 2) } },
  AvgPool2d = { { { 2 }, V(2, 4, 5, 2) }, { { { 3, 2 }, { stride = 1, padding = { 1, 0 } } }, V(1, 4, 4, 2) } },
  GlobalAvgPool2d = { { {}, V(2, 3, 2, 2) } },
  Upsample = { { { { scale = 2 } }, V(2, 2, 2, 2) }, { { { size = { 3, 5 } } }, V(1, 2, 3, 2) },
    { { { scale = { 2, 1 }, mode = "bilinear" } }, V(1, 2, 3, 2) } },
  PixelShuffle = { { { 2 }, V(2, 1, 2, 4) } },
  InstanceNorm = { { { 2 }, V(2, 3, 2, 2) }, { { 2, { affine = true, eps = 0.1 } }, V(2, 3, 2) } },
  GroupNorm = { { { 2, 4 }, V(2, 2, 2, 4) }, { { 1, 4, { affine = false } }, V(3, 4) } },
  PixelNorm = { { {}, V(2, 2, 2, 3) }, { { { eps = 0.1 } }, V(3) } },
  MinibatchDiscrimination = { { { 3, 2, 4 }, V(4, 3) } },
  MinibatchStddev = { { {}, V(4, 2, 2, 2) }, { { { group = 2 } }, V(4, 3) } },
  Embedding = { { { 6, 3 }, mg.tensor{ { 1, 6, 3 }, { 3, 3, 4 } }, constant = true } },
  BatchNorm = {
    { { 3 }, V(6, 3) }, { { 3, { eps = 0.8 } }, V(2, 3, 2, 3) }, { { 3 }, V(4, 3), eval = true },
    { { 3, { affine = false } }, V(5, 3) }, { { 3, { affine = false } }, V(5, 3), eval = true },
    { { 3, { track_running_stats = false } }, V(5, 3), eval = true },
  },
  LayerNorm = { { { 4 }, V(3, 4) }, { { 2, 4, { eps = 0.1 } }, V(3, 2, 4) },
    { { 4, { elementwise_affine = false } }, V(3, 4) } },
  Dropout = { { { 0.4 }, V(4, 5) }, { { 1 }, V(2, 3) }, { { 0.4 }, V(4, 5), eval = true } },
  Dropout2d = { { { 0.4 }, V(3, 2, 2, 4) }, { { 0.4 }, V(2, 1, 1, 2), eval = true } },
  Flatten = { { {}, V(2, 3, 2) } },
  Reshape = { { { 3, -1 }, V(2, 12) }, { { 2, 2 }, V(3, 4) } },
  Identity = { { {}, V(2, 3) } },
  ReLU = { { {}, V(3, 5) } },
  LeakyReLU = { { {}, V(3, 5) }, { { 0.2 }, V(3, 5) } },
  ELU = { { {}, V(3, 5) }, { { 1.5 }, V(3, 5) } },
  SELU = { { {}, V(3, 5) } },
  GELU = { { {}, V(3, 5) } },
  SiLU = { { {}, V(3, 5) } },
  Softplus = { { {}, V(3, 5) } },
  Tanh = { { {}, V(3, 5) } },
  Sigmoid = { { {}, V(3, 5) } },
  LogSigmoid = { { {}, V(3, 5) } },
  Softmax = { { {}, V(3, 5) }, { { { dim = 1 } }, V(3, 2, 2) } },
  LogSoftmax = { { {}, V(3, 5) }, { { { dim = -2 } }, V(3, 2, 2) } },
  Sequential = { { { nn.Linear(4, 3), nn.Tanh(), nn.BatchNorm(3), nn.Linear(3, 2) }, V(5, 4) } },
  Residual = { { { { nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3) } }, V(5, 3) },
    { { { nn.Linear(3, 2), shortcut = nn.Linear(3, 2, { bias = false }) } }, V(2, 2, 3) } },
  Concat = { { { { nn.Linear(3, 2), nn.Tanh() } }, V(4, 3) } },
  Parallel = { { { { nn.Linear(3, 2) } }, V(4, 3) } },
  Module = { { { { inner = nn.Linear(4, 4), scale = values({ 4 }, 8):requires_grad_(true),
    forward = function(self, x) return self.inner(x):tanh() * self.scale + x end } }, V(5, 4) } },
}

-- The layer of a sample, its parameters and buffers filled by formula.
local function build(name, sample)
  local layer = nn[name](table.unpack(sample[1]))
  set_values(layer:parameters(), 21)
  set_values(layer:buffers(), 31, 0.5, 1.5)
  return layer:train(not sample.eval)
end

return { samples = samples, build = build, set_values = set_values }
