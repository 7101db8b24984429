-- Neighbours in a Sequential that run as one give what they give one by one.

local helper = require "spec.helper"
local mg = require "moongan"
local nn = mg.nn

local QUIET = { quiet = true }

-- The same layers, each called by itself, so that nothing runs as one.
local function one_by_one(net, x)
  for i = 1, #net do x = net[i](x) end
  return x
end

local function operations(f)
  local names = {}
  for _, row in ipairs(mg.profile(f, QUIET).operations) do names[row.name] = row.calls end
  return names
end

-- A batch norm with moments, weight and bias that are not those of a new one.
local function used_norm(features, options)
  local norm = nn.BatchNorm(features, options)
  mg.no_grad(function()
    for _, name in ipairs{ "weight", "bias", "running_mean" } do
      if norm[name] then norm[name]:copy_(helper.values({ features }, #name)) end
    end
    if norm.running_var then norm.running_var:copy_(helper.values({ features }, 7, 0.5, 2)) end
  end)
  return norm
end

local folded = {
  ["Linear"] = function() return nn.Sequential{ nn.Linear(5, 4), used_norm(4), nn.Tanh() }, { 3, 5 } end,
  ["Linear without bias"] = function()
    return nn.Sequential{ nn.Linear(5, 4, { bias = false }), used_norm(4, { eps = 0.8 }) }, { 3, 5 }
  end,
  ["Linear, a norm without weight"] = function()
    return nn.Sequential{ nn.Linear(5, 4), used_norm(4, { affine = false }) }, { 2, 2, 5 }
  end,
  ["Conv2d"] = function()
    return nn.Sequential{ nn.Conv2d(4, 6, 3, { padding = 1, groups = 2 }), used_norm(6), nn.ReLU() }, { 2, 5, 4, 4 }
  end,
  ["ConvTranspose2d"] = function()
    return nn.Sequential{ nn.ConvTranspose2d(4, 6, 4, { stride = 2, padding = 1 }), used_norm(6) }, { 2, 3, 3, 4 }
  end,
}

describe("a product and a batch norm in evaluation", function()
  for name, make in pairs(folded) do
    it("are one product, nothing being recorded: " .. name, function()
      mg.manual_seed(3)
      local net, shape = make()
      local x = helper.values(shape, 5)
      net:eval()
      local y = mg.no_grad(net, x)
      helper.near(mg.no_grad(one_by_one, net, x), y)
      local counted = operations(function() helper.same_bits(y, mg.no_grad(net, x)) end)
      assert.is_nil(counted.mul or counted.add or counted.batch_norm)
    end)
  end

  local function pair()
    mg.manual_seed(3)
    return nn.Sequential{ nn.Linear(5, 4), used_norm(4) }:eval(), helper.values({ 3, 5 }, 5)
  end

  it("are never stale: whatever changes shows at once", function()
    local net, x = pair()
    local linear, norm = net[1], net[2]
    local function check(what)
      helper.near(mg.no_grad(one_by_one, net, x), mg.no_grad(net, x), nil, what)
    end
    check("at first")
    for _, at in ipairs{ { linear, "weight" }, { linear, "bias" }, { norm, "weight" }, { norm, "bias" },
      { norm, "running_mean" }, { norm, "running_var" } } do
      local layer, name = table.unpack(at)
      mg.no_grad(function() layer[name]:mul_(1.5) end)
      check("changed in place: " .. name)
      layer[name] = helper.values(layer[name]:shape(), 9, 0.5, 1)
      check("replaced: " .. name)
    end
    net:load_state_dict(pair():state_dict())
    check("loaded")
    net:train()
    local optimizer = mg.optim.SGD(net:parameters(), { lr = 0.5 })
    net(x):square():sum():backward()
    optimizer:step()
    net:eval()
    check("trained")
    net[2] = used_norm(4, { eps = 0.5 })
    check("another norm")
    local same = nn.BatchNorm(4, { eps = 2 }):eval()
    for _, name in ipairs{ "weight", "bias", "running_mean", "running_var" } do same[name] = net[2][name] end
    net[2] = same
    check("the same tensors, another eps")
    net[2] = nn.BatchNorm(4):eval()
    check("a new norm")
  end)

  it("are two where something is recorded, or one of them trains", function()
    local net, x = pair()
    assert.is_truthy(operations(function() net(x) end).add)
    net[1]:train()
    local expected = mg.no_grad(one_by_one, net, x)
    assert.is_truthy(operations(function() helper.near(expected, mg.no_grad(net, x)) end).add)
    net[2]:train()
    assert.is_truthy(operations(function() mg.no_grad(net, x) end).batch_norm)
  end)

  it("keep nothing once they train again", function()
    local net, x = pair()
    net:train()
    mg.no_grad(net, x)
    helper.collect()
    local before = mg.memory().live_bytes
    net:eval()
    mg.no_grad(net, x)
    helper.collect()
    assert.is_true(mg.memory().live_bytes > before)
    net:train()
    mg.no_grad(net, x)
    helper.collect()
    assert.are.equal(before, mg.memory().live_bytes)
  end)

  it("say in which layer something is wrong", function()
    local net = pair()
    helper.error_like(function() mg.no_grad(net, mg.ones(3, 6)) end, "in layer 1 %(Linear%) of Sequential")
    local wrong = nn.Sequential{ nn.Linear(5, 4), nn.BatchNorm(3) }:eval()
    helper.error_like(function() mg.no_grad(wrong, mg.ones(3, 5)) end, "in layer 2 %(BatchNorm%) of Sequential")
  end)
end)

-- Layers before a rectifier: what makes one of 3 features, its name, and the operation that both become.
local rectified = {
  ["a batch norm in training"] = { function() return used_norm(3) end, "BatchNorm", "batch_norm" },
  ["a product"] = { function() return nn.Linear(3, 3) end, "Linear", "linear_rectified" },
  ["a product without bias"] = {
    function() return nn.Linear(3, 3, { bias = false }) end, "Linear", "linear_rectified",
  },
}

for what, pair in pairs(rectified) do
  local make, layer, operation = table.unpack(pair)
  describe(what .. " and a rectifier", function()
    for name, activation in pairs{ ReLU = nn.ReLU(), LeakyReLU = nn.LeakyReLU(0.2), steep = nn.LeakyReLU(1.5) } do
      it("are one operation: " .. name, function()
        mg.manual_seed(4)
        local net = nn.Sequential{ make(), activation }
        local buffers = net[1]:buffers()
        local function results(run)
          local x = helper.values({ 4, 2, 3 }, 2):requires_grad_(true)
          local y = run(net, x)
          local penalty = mg.grad((y * helper.values({ 4, 2, 3 }, 8)):sum(), { x }, { create_graph = true })[1]
          for _, parameter in ipairs(net:parameters()) do parameter.grad = nil end
          (y:square():sum() + penalty:square():sum()):backward()
          local found = { y, x.grad }
          for _, parameter in ipairs(net:parameters()) do found[#found + 1] = parameter.grad:clone() end
          for _, buffer in ipairs(buffers) do
            found[#found + 1] = buffer:clone()
            buffer:zero_()
          end
          return found
        end
        for _, buffer in ipairs(buffers) do buffer:zero_() end
        local expected = results(one_by_one)
        local actual
        local counted = operations(function() actual = results(function(f, x) return f(x) end) end)
        for i = 1, #expected do helper.near(expected[i], actual[i], nil, i) end
        assert.is_truthy(counted[operation])
        assert.is_nil(counted.relu or counted.leaky_relu)
      end)
    end

    it("say in which layer something is wrong", function()
      local net = nn.Sequential{ make(), nn.ReLU() }
      helper.error_like(function() net(mg.ones(2, 4)) end, "in layer 1 %(" .. layer .. "%) of Sequential")
    end)
  end)
end

describe("a batch norm in training", function()
  it("is one operation with its moments where rows are few, and the same as with them apart", function()
    for _, shape in ipairs{ { 64, 300 }, { 256, 129 }, { 2, 3 }, { 4, 5, 7, 70 }, { 257, 130 } } do
      mg.manual_seed(6)
      local features = shape[#shape]
      local norm, x = used_norm(features), mg.randn(table.unpack(shape)) + 3
      norm.running_mean:zero_()
      local moments, y = mg.moments(x), nil
      local expected = mg.batch_norm(x, norm.weight, norm.bias, moments, 1e-5)
      for _, threads in ipairs{ 1, 3 } do
        local counted = operations(function() y = helper.with_threads(threads, function() return norm(x) end) end)
        helper.same_bits(expected, y)
        assert.are.equal(x:numel() // features <= 256, counted.moments == nil)
      end
      helper.near(moments[1] * (1 - 0.9 ^ 2), norm.running_mean)
    end
  end)

  it("needs more than one value of a feature", function()
    local net = nn.Sequential{ nn.BatchNorm(3), nn.ReLU() }
    helper.error_like(function() net(mg.ones(1, 3)) end, "more than 1 value")
  end)
end)
