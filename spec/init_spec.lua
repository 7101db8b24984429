-- Initialisers: distributions, fans, gains.

local mg = require "moongan"
local helper = require "spec.helper"
local init = mg.nn.init

-- Mean and standard deviation, and the largest magnitude.
local function moments(tensor)
  local mean = tensor:mean():item()
  return mean, math.sqrt((tensor - mean):square():mean():item()), tensor:abs():max():item()
end

local function is_normal(tensor, std)
  local mean, deviation, largest = moments(tensor)
  helper.near(0, mean / std, 0.05, "mean")
  helper.near(1, deviation / std, 0.05, "deviation")
  assert(largest > 2.5 * std, "no tails")
end

local function is_uniform(tensor, bound)
  local mean, deviation, largest = moments(tensor)
  helper.near(0, mean / bound, 0.05, "mean")
  helper.near(1 / math.sqrt(3), deviation / bound, 0.05, "deviation")
  assert(largest <= bound and largest > 0.98 * bound, "largest is " .. largest)
end

describe("nn.init", function()
  before_each(function() mg.manual_seed(11) end)

  it("fills in place and returns the tensor", function()
    local t = mg.zeros(3, 4)
    for name, arguments in pairs{ normal_ = { 0, 1 }, uniform_ = {}, constant_ = { 2 }, zeros_ = {}, ones_ = {},
      xavier_uniform_ = {}, xavier_normal_ = { 2 }, kaiming_uniform_ = { { a = 1 } }, kaiming_normal_ = {} } do
      assert.equal(t, init[name](t, table.unpack(arguments)))
    end
    helper.near(mg.full({ 3, 4 }, 2.5), init.constant_(t, 2.5))
    helper.near(mg.ones(3, 4), init.ones_(t))
    helper.near(mg.zeros(3, 4), init.zeros_(t))
  end)

  it("draws normal and uniform numbers", function()
    is_normal(init.normal_(mg.zeros(100, 100)), 1)
    is_normal(init.normal_(mg.zeros(100, 100), 3, 0.02) - 3, 0.02)
    local t = init.uniform_(mg.zeros(100, 100), 2, 6)
    is_uniform(t - 4, 2)
    is_uniform(init.uniform_(mg.zeros(100, 100)) - 0.5, 0.5)
  end)

  it("repeats with the seed", function()
    local first = init.normal_(mg.zeros(50))
    mg.manual_seed(11)
    helper.same_bits(first, init.normal_(mg.zeros(50)))
  end)

  it("scales Xavier's to both fans", function()
    is_uniform(init.xavier_uniform_(mg.zeros(80, 160)), math.sqrt(6 / 240))
    is_normal(init.xavier_normal_(mg.zeros(80, 160), 2), 2 * math.sqrt(2 / 240))
  end)

  it("scales Kaiming's to one fan and the gain", function()
    is_uniform(init.kaiming_uniform_(mg.zeros(80, 160)), math.sqrt(6 / 80))
    is_uniform(init.kaiming_uniform_(mg.zeros(80, 160), { a = math.sqrt(5) }), 1 / math.sqrt(80))
    is_normal(init.kaiming_normal_(mg.zeros(80, 160), { mode = "fan_out" }), math.sqrt(2 / 160))
    local gains = { relu = math.sqrt(2), tanh = 5 / 3, sigmoid = 1, linear = 1, selu = 0.75 }
    for name, gain in pairs(gains) do
      is_normal(init.kaiming_normal_(mg.zeros(100, 100), { nonlinearity = name }), gain / 10)
    end
  end)

  it("counts a convolution's window in its fans", function()
    is_normal(init.kaiming_normal_(mg.zeros(3, 3, 20, 40)), math.sqrt(2 / 180))
    is_normal(init.kaiming_normal_(mg.zeros(3, 3, 20, 40), { mode = "fan_out" }), math.sqrt(2 / 360))
  end)

  it("makes the tape notice", function()
    local x = mg.ones(3):requires_grad_(true)
    local y = (x * x):sum()
    init.normal_(x)
    helper.error_like(function() y:backward() end, "in place")
  end)

  it("accepts empty tensors", function()
    init.normal_(mg.zeros(0))
    init.kaiming_uniform_(mg.zeros(0, 3))
    init.xavier_normal_(mg.zeros(0, 0))
  end)

  it("names what it refuses", function()
    local t = mg.zeros(3)
    helper.error_like(function() init.kaiming_normal_(t) end,
      "kaiming_normal_: expected a weight of at least 2 dimensions %(.., in, out%), got %(3,%)")
    helper.error_like(function() init.normal_(3) end, "normal_: argument 1 %(tensor%): expected a tensor, got number 3")
    helper.error_like(function() init.normal_(t, 0, -1) end, "normal_: argument 3 %(std%)")
    helper.error_like(function() init.uniform_(t, 2, 1) end, "uniform_: expected a finite range with a <= b")
    helper.error_like(function() init.constant_(t) end, "constant_: ")
    helper.error_like(function() init.zeros_(t, 1) end, "zeros_: argument 2")
    helper.error_like(function() init.kaiming_normal_(mg.zeros(2, 2), { mode = "fan" }) end,
      "kaiming_normal_: option mode: expected one of fan_in|fan_out")
    helper.error_like(function() init.xavier_normal_(mg.zeros(2, 2), { gian = 2 }) end, "gian.*gain")
    local x = mg.ones(2, 2):requires_grad_(true)
    helper.error_like(function() init.normal_(x * 2) end, "normal_: .*result of an operation")
    t:free()
    helper.error_like(function() init.normal_(t) end, "normal_: argument 1 %(tensor%).*freed")
  end)

  it("starts a network as DCGAN's", function()
    local nn = mg.nn
    local net = nn.Sequential{
      nn.Conv2d(8, 30, 5), nn.BatchNorm(1000), nn.Residual{ nn.ConvTranspose2d(30, 8, 5) },
      nn.SpectralNorm(nn.Linear(80, 60)), nn.Maxout(20, 50, 3), nn.Embedding(50, 50), nn.LayerNorm(50),
      nn.BatchNorm(4, { affine = false }), nn.Conv2d(2, 2, 1, { bias = false }),
    }
    local embedding = net[6].weight:clone()
    assert.equal(net, init.dcgan_(net))
    for _, layer in ipairs{ net[1], net[3][1], net[4].layer, net[5] } do
      is_normal(layer.weight, 0.02)
      helper.near(mg.zeros(layer.bias:shape()), layer.bias)
    end
    helper.near(1, net[2].weight:mean():item(), 0.003)
    is_normal(net[2].weight - 1, 0.02)
    helper.near(mg.zeros(1000), net[2].bias)
    helper.near(mg.zeros(1000), net[2].running_mean)
    helper.same_bits(embedding, net[6].weight)
    helper.same_bits(mg.ones(50), net[7].weight)
    helper.error_like(function() init.dcgan_(mg.ones(2, 2)) end, "dcgan_: argument 1 %(layer%): expected a layer")
  end)
end)
