-- Containers: Sequential, layers written in Lua, and the methods that go through all of them.

local mg = require "moongan"
local helper = require "spec.helper"
local nn = mg.nn
local values = helper.values

local function names(pairs_list)
  local result = {}
  for i, pair in ipairs(pairs_list) do result[i] = pair[1] end
  return result
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- A layer in Lua: x plus a linear function of it, scaled.
local function residual(n)
  return nn.Module{
    name = "Residual",
    inner = nn.Linear(n, n),
    scale = mg.ones(n):requires_grad_(true),
    offset = mg.zeros(n),
    forward = function(self, x) return x + self.inner(x) * self.scale + self.offset end,
  }
end

local function network()
  return nn.Sequential{ nn.Linear(4, 6), nn.BatchNorm(6), residual(6), nn.Sequential{ nn.Tanh(), nn.Linear(6, 2) } }
end

describe("Sequential", function()
  it("calls its layers one after the other", function()
    local a, b, x = nn.Linear(4, 3), nn.Linear(3, 2), values({ 5, 4 }, 1)
    for _, sequential in ipairs{ nn.Sequential{ a, nn.Tanh(), b }, nn.Sequential(a, nn.Tanh(), b) } do
      helper.near(b(a(x):tanh()), sequential(x))
    end
    helper.near(x, nn.Sequential{}(x))
  end)

  it("is a list of layers", function()
    local a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    local sequential = nn.Sequential{ a, b }
    assert.equal(2, #sequential)
    assert.equal(b, sequential[2])
    assert.is_nil(sequential[3])
    assert.is_nil(sequential.anything)
    sequential[3] = c
    sequential[1] = c
    assert.same({ c, b, c }, sequential:children())
    sequential[3] = nil
    assert.equal(2, #sequential)
    for _, bad in ipairs{ { 0, a }, { 4, a }, { 1.5, a }, { "x", a }, { 1, 3 }, { 1, nil } } do
      helper.error_like(function() sequential[bad[1]] = bad[2] end, "Sequential: ")
    end
    assert.equal(2, #sequential)
  end)

  it("does not follow later changes of the table it was made of", function()
    local list = { nn.ReLU() }
    local sequential = nn.Sequential(list)
    list[1], list[2] = nn.Tanh(), 3
    helper.near(mg.zeros(1), sequential(mg.full({ 1 }, -1)))
  end)

  it("names what it refuses", function()
    helper.error_like(function() nn.Sequential{ nn.ReLU(), 3 } end,
      "Sequential: layer 2: expected a layer, got number 3")
    helper.error_like(function() nn.Sequential(nn.ReLU(), function() end) end,
      "layer 2: expected a layer, got function.*nn.Module")
    helper.error_like(function() nn.Sequential{ nn.ReLU(), name = "x" } end, "without names or holes")
    helper.error_like(function() nn.Sequential{ nn.ReLU }() end, "layer 1: expected a layer, got function")
    helper.error_like(function() nn.Sequential{}() end, "Sequential: expected 1 to 16 tensors, got 0")
    helper.error_like(function() nn.Sequential{}(4) end, "Sequential: argument 1 %(input%)")
    helper.error_like(function() return #nn.ReLU() end, "ReLU: only containers have a length")
  end)

  it("passes several tensors on", function()
    local join = nn.Module{ forward = function(_, a, b) return mg.cat({ a, b }, 2) end }
    local split = nn.Module{ forward = function(_, x) return x:narrow(2, 1, 2), x:narrow(2, 3, 3) end }
    local a, b = values({ 2, 2 }, 1), values({ 2, 3 }, 2)
    local sequential = nn.Sequential{ join, nn.Identity(), split }
    local c, d, none = sequential(a, b)
    helper.near(a, c)
    helper.near(b, d)
    assert.is_nil(none)
    helper.error_like(function() nn.Sequential{ nn.ReLU() }(a, b) end,
      "in layer 1 %(ReLU%) of Sequential: expected 1 tensor, got 2")
  end)
end)

describe("errors in a Sequential", function()
  local function lua_layer(name, f) return nn.Module{ name = name, forward = function(_, x) return f(x) end } end

  it("say where", function()
    local sequential = nn.Sequential{ nn.Linear(4, 64), nn.ReLU(), nn.BatchNorm(128) }
    local message = helper.error_like(function() sequential(mg.ones(5, 4)) end,
      "in layer 3 %(BatchNorm%) of Sequential: expected 128 features, got %(5, 64%)")
    assert.is_nil(message:find("BatchNorm: ", 1, true))
    helper.error_like(function() nn.Sequential{ nn.Identity(), sequential }(mg.ones(5, 4)) end,
      "in layer 2 %(Sequential%) of Sequential: in layer 3 %(BatchNorm%) of Sequential: expected 128")
  end)

  it("keep the text of layers written in Lua", function()
    local boom = lua_layer("Boom", function() error("the text") end)
    helper.error_like(function() nn.Sequential{ nn.Identity(), nn.Sequential{ boom } }(mg.ones(1)) end,
      "in layer 2 %(Sequential%) of Sequential: in layer 1 %(Boom%) of Sequential: .*module_spec.lua:%d+: the text$")
    local inside = lua_layer("Inside", function(x) return nn.Sequential{ nn.Linear(2, 2) }(x) end)
    helper.error_like(function() nn.Sequential{ inside }(mg.ones(1, 3)) end,
      "in layer 1 %(Inside%) of Sequential: .*in layer 1 %(Linear%) of Sequential: expected 2 features, got %(1, 3%)")
  end)

  it("leave error values that are no text alone", function()
    local value = { code = 7 }
    local boom = lua_layer("Boom", function() error(value) end)
    local ok, caught = pcall(nn.Sequential{ nn.Sequential{ boom } }, mg.ones(1))
    assert.is_false(ok)
    assert.equal(value, caught)
    local also_ok, nothing = pcall(nn.Sequential{ lua_layer("Boom", function() error(nil) end) }, mg.ones(1))
    assert.is_false(also_ok)
    assert.is_nil(nothing)
  end)

  it("tell a wrong result of a layer written in Lua", function()
    for result, text in pairs{ [3] = "number 3", x = 'string "x"' } do
      helper.error_like(function() nn.Sequential{ lua_layer("Wrong", function() return result end) }(mg.ones(1)) end,
        "in layer 1 %(Wrong%) of Sequential: .*forward: expected a tensor as result, got " .. text)
    end
    helper.error_like(function() nn.Sequential{ lua_layer("Wrong", function() return nil end) }(mg.ones(1)) end,
      "forward: expected a tensor as result, got nil")
    local silent = nn.Module{ forward = function() end }
    helper.error_like(function() nn.Sequential{ silent }(mg.ones(1)) end, "expected 1 to 16 tensors as results, got 0")
    local many = nn.Module{ forward = function(_, x) return table.unpack({ x, x }, 1, 40) end }
    helper.error_like(function() nn.Sequential{ many }(mg.ones(1)) end, "got 40 values")
  end)

  it("leave no temporaries behind", function()
    local sequential = nn.Sequential{ nn.Linear(4, 4), lua_layer("Boom", function(x)
      local y = (x * 2):relu()
      error(y:dim() == 2 and "boom")
    end) }
    helper.leak_check(function()
      for _ = 1, 50 do pcall(sequential, mg.ones(3, 4)) end
    end)
  end)

  it("come at a depth where the stack is safe", function()
    local deep = nn.ReLU()
    for _ = 1, 300 do deep = nn.Sequential{ deep } end
    for _, f in ipairs{ function() deep(mg.ones(1)) end, function() deep:parameters() end, function() deep:clone() end,
      function() deep:eval() end } do
      helper.error_like(f, "nested more than %d+ deep")
    end
    assert.is_truthy(tostring(deep):find("%.%.$"))
    local loop = nn.Sequential{ nn.ReLU() }
    loop[2] = loop
    helper.error_like(function() loop(mg.ones(1)) end, "nested more than")
    assert.equal(0, loop:num_parameters())
    local recursive = nn.Module{ name = "Recursive" }
    recursive.forward = function(self, x) return self.all(x) end
    recursive.all = nn.Sequential{ recursive }
    assert.is_false((pcall(recursive, mg.ones(1))))
  end)
end)

describe("Module", function()
  it("calls forward with itself and whatever was given", function()
    local module = nn.Module{ forward = function(self, ...) return self, ... end }
    local results = table.pack(module(1, nil, "x"))
    assert.equal(4, results.n)
    assert.equal(module, results[1])
    assert.equal("x", results[4])
  end)

  it("has fields, and methods of its own", function()
    local module = nn.Module{ nn.ReLU(), name = "Mine", size = 4, twice = function(self) return 2 * self.size end }
    assert.equal("Mine", module.name)
    assert.equal(8, module:twice())
    assert.equal(1, #module)
    assert.equal("ReLU", module[1].name)
    module.size = 5
    assert.equal(10, module:twice())
    module.size = nil
    assert.is_nil(module.size)
    assert.equal("Module", nn.Module{}.name)
  end)

  it("sorts what it holds: positions, then names; parameters and buffers by what they require", function()
    local module = nn.Module{ nn.Linear(2, 3), nn.Linear(3, 1), beta = mg.ones(3):requires_grad_(true),
      alpha = nn.Linear(1, 1, { bias = false }), mean = mg.zeros(2) }
    assert.same({ "beta", "1.weight", "1.bias", "2.weight", "2.bias", "alpha.weight" },
      names(module:named_parameters()))
    assert.equal(1, #module:buffers())
    assert.equal(module.mean, module:buffers()[1])
    assert.same({ module[1], module[2], module.alpha }, module:children())
    assert.equal(6 + 3 + 3 + 1 + 3 + 1, module:num_parameters())
  end)

  it("takes new fields later", function()
    local module = nn.Module{ forward = function(self, x) return self.inner(x) end }
    helper.error_like(function() module(mg.ones(1, 2)) end, "inner")
    module.inner = nn.Linear(2, 2)
    assert.same({ "inner.weight", "inner.bias" }, names(module:named_parameters()))
    assert.same({ 1, 2 }, module(mg.ones(1, 2)):shape())
    module.inner = nil
    assert.same({}, module:parameters())
  end)

  it("keeps frozen parameters apart from buffers", function()
    local module = residual(3)
    module:requires_grad_(false)
    assert.is_false(module.scale.requires_grad)
    assert.same({ "scale", "inner.weight", "inner.bias" }, names(module:named_parameters()))
    module:requires_grad_(true)
    assert.is_true(module.scale.requires_grad)
    assert.is_false(module.offset.requires_grad)
    module.scale = mg.ones(3) -- a new value says anew what it is
    assert.same({ "inner.weight", "inner.bias" }, names(module:named_parameters()))
    assert.equal(2, #module:buffers())
  end)

  it("does not take results left in its fields for parameters", function()
    local module = residual(3)
    module.last = module(values({ 2, 3 }, 1))
    assert.is_true(module.last.requires_grad)
    assert.same({ "inner.bias", "inner.weight", "offset", "scale" }, sorted_keys(module:state_dict()))
  end)

  it("names what it refuses", function()
    helper.error_like(function() nn.Module() end, "Module: argument 1 %(fields%): expected a table of fields")
    helper.error_like(function() nn.Module({}, 1) end, "Module: expected one table of fields, got 2 arguments")
    helper.error_like(function() nn.Module{ train = 1 } end, "Module: field 'train': every layer has a method")
    helper.error_like(function() nn.Module{ name = "G", training = true } end, "G: field 'training'")
    helper.error_like(function() nn.Module{ forward = 1 } end, "field 'forward': expected a function, got number 1")
    helper.error_like(function() nn.Module{ name = 1 } end, "field 'name': expected a string, got number 1")
    helper.error_like(function() nn.Module{ [true] = 1 } end, "a field is a name or a position from 1 on, got true")
    helper.error_like(function() nn.Module{ [0] = nn.ReLU() } end, "a position from 1 on, got number 0")
    helper.error_like(function() nn.Module{ ["a.b"] = nn.ReLU() } end, "'a.b': .*has no dot")
    helper.error_like(function() nn.Module{ ["1"] = nn.ReLU() } end, "'1': .*starts with no digit")
    helper.error_like(function() nn.Module{ blocks = { nn.ReLU() } } end, "Module: a plain table of layers hides them")
    helper.error_like(function() nn.Module{ name = "Empty" }(1) end, "Empty: the module has no function 'forward'")
    local module = nn.Module{ name = "G" }
    helper.error_like(function() module.apply = 1 end, "G: field 'apply'")
    helper.error_like(function() module.training = true end, "G: 'training' is set by the methods train and eval")
  end)
end)

describe("parameters", function()
  it("come in the order of the layers, with names", function()
    assert.same({ "1.weight", "1.bias", "2.weight", "2.bias", "3.scale", "3.inner.weight", "3.inner.bias", "4.2.weight",
      "4.2.bias" }, names(network():named_parameters()))
    assert.equal(3, #network():buffers())
    assert.equal(24 + 6 + 12 + 6 + 36 + 6 + 12 + 2, network():num_parameters())
  end)

  it("count what is shared once", function()
    local shared = nn.Linear(3, 3)
    local net = nn.Sequential{ shared, nn.ReLU(), shared, nn.Linear(3, 3) }
    net[4].weight = shared.weight
    assert.same({ "1.weight", "1.bias", "4.bias" }, names(net:named_parameters()))
    assert.equal(15, net:num_parameters())
    net(mg.ones(1, 3)):sum():backward()
    net:zero_grad()
    for _, parameter in ipairs(net:parameters()) do assert.is_nil(parameter.grad) end
  end)

  it("are found through cycles", function()
    local child = nn.Module{ inner = nn.Linear(2, 2) }
    local parent = nn.Module{ child = child }
    child.parent = parent
    assert.same({ "child.inner.weight", "child.inner.bias" }, names(parent:named_parameters()))
    assert.same({ "inner.weight", "inner.bias" }, names(child:named_parameters()))
    parent:eval()
    assert.is_false(child.training)
    assert.is_string(tostring(parent))
  end)

  it("are those that forward uses", function()
    local linear = nn.Linear(2, 1)
    for _, parameter in ipairs(linear:parameters()) do mg.no_grad(function() parameter:fill_(1) end) end
    helper.near({ { 3 } }, linear(mg.ones(1, 2)))
  end)

  it("freeze and thaw", function()
    local net = network()
    assert.equal(net, net:requires_grad_(false))
    for _, parameter in ipairs(net:parameters()) do assert.is_false(parameter.requires_grad) end
    assert.is_false(net(mg.ones(3, 4)).requires_grad)
    net:requires_grad_(true)
    for _, parameter in ipairs(net:parameters()) do assert.is_true(parameter.requires_grad) end
    for _, buffer in ipairs(net:buffers()) do assert.is_false(buffer.requires_grad) end
    helper.error_like(function() net:requires_grad_(1) end, "requires_grad_: argument 2")
  end)

  it("name a tensor or layer that was freed", function()
    local net = nn.Sequential{ nn.Identity(), residual(3) }
    net[2].scale:free()
    helper.error_like(function() net:parameters() end, "parameters: tensor '2.scale' has been freed")
    net = nn.Sequential{ nn.Identity(), nn.Linear(2, 2) }
    net[2]:free()
    helper.error_like(function() net:parameters() end, "parameters: layer '2' has been freed")
    helper.error_like(function() net(mg.ones(1, 2)) end, "in layer 2 %(freed layer%) of Sequential: .*freed")
    assert.is_string(tostring(net))
  end)
end)

describe("state_dict", function()
  it("goes there and back", function()
    local a, b, x = network(), network(), values({ 5, 4 }, 1)
    a(x)
    a:eval()
    b:eval()
    local state = a:state_dict()
    assert.same({ "1.bias", "1.weight", "2.bias", "2.running_mean", "2.running_var", "2.weight", "3.inner.bias",
      "3.inner.weight", "3.offset", "3.scale", "4.2.bias", "4.2.weight" }, sorted_keys(state))
    assert.equal(b, b:load_state_dict(state))
    helper.same_bits(a(x), b(x))
    for name, tensor in pairs(state) do assert.is_false(tensor.requires_grad, name) end
  end)

  it("follows training, and a loaded copy does not", function()
    local linear = nn.Linear(2, 2)
    local state = linear:state_dict()
    local other = nn.Linear(2, 2):load_state_dict(state)
    mg.no_grad(function() linear.weight:fill_(7) end)
    helper.near(mg.full({ 2, 2 }, 7), state.weight)
    assert.is_false(other.weight:eq(7):max():item() == 1)
    linear:load_state_dict(state) -- its own tensors
    helper.near(mg.full({ 2, 2 }, 7), linear.weight)
  end)

  it("changes nothing where anything is wrong", function()
    local net = nn.Sequential{ nn.Linear(2, 3), nn.BatchNorm(3) }
    local function refuses(change, ...)
      local state, before = {}, {}
      for name, tensor in pairs(net:state_dict()) do
        state[name], before[name] = mg.full(tensor:shape(), 5), tensor:clone()
      end
      change(state)
      helper.error_like(function() net:load_state_dict(state) end, { "^.*load_state_dict: ", ... })
      for name, tensor in pairs(net:state_dict()) do helper.same_bits(before[name], tensor) end
    end
    refuses(function(s) s["1.bias"] = nil end, "missing '1.bias'")
    refuses(function(s) s["3.bias"] = mg.ones(2) end, "unexpected '3.bias'")
    refuses(function(s) s[1] = mg.ones(2) end, "unexpected key: number 1")
    refuses(function(s) s["2.running_var"] = mg.ones(3, 1) end,
      "'2.running_var': expected a tensor of shape %(3,%), got tensor %(3, 1%)")
    refuses(function(s) s["2.bias"] = 5 end, "'2.bias': expected a tensor of shape %(3,%), got number 5")
    refuses(function(s) s["2.bias"]:free() end, "'2.bias': expected a tensor")
    refuses(function(s) s["1.bias"], s["2.bias"], s.x = nil, nil, 1 end, "missing '1.bias'", "missing '2.bias'",
      "unexpected 'x'")
    refuses(function(s) for i = 1, 20 do s["x" .. i] = 1 end end, "and 14 more")
    helper.error_like(function() net:load_state_dict() end, "load_state_dict: argument 2 %(state%)")
    helper.error_like(function() net:load_state_dict(3) end, "load_state_dict: argument 2 %(state%)")
  end)

  it("makes the tape notice", function()
    local linear = nn.Linear(2, 2)
    local y = linear(mg.ones(1, 2):requires_grad_(true)):sum()
    linear:load_state_dict(nn.Linear(2, 2):state_dict())
    helper.error_like(function() y:backward() end, "in place")
  end)
end)

describe("modes and functions", function()
  it("reach every layer", function()
    local net = network()
    assert.is_true(net.training)
    assert.equal(net, net:eval())
    local modes, seen = {}, {}
    assert.equal(net, net:apply(function(layer)
      modes[#modes + 1], seen[#seen + 1] = layer.training, layer.name
    end))
    assert.same({ false, false, false, false, false, false, false, false }, modes)
    assert.same({ "Sequential", "Linear", "BatchNorm", "Residual", "Linear", "Sequential", "Tanh", "Linear" }, seen)
    net:train()
    assert.is_true(net[4][2].training)
    assert.is_false(net:train(false)[4].training)
    helper.error_like(function() net:train(1) end, "train: argument 2 %(on%): expected true or false, got number 1")
    helper.error_like(function() net:apply(1) end, "apply: argument 2 %(f%): expected a function, got number 1")
    helper.error_like(function() net:apply(function() error("mine") end) end, "mine")
  end)

  it("initialise as told", function()
    local net = network():apply(function(layer)
      if layer.name == "Linear" then nn.init.constant_(layer.weight, 0.5) end
    end)
    helper.near(mg.full({ 6, 2 }, 0.5), net[4][2].weight)
  end)
end)

describe("clone", function()
  it("has values of its own", function()
    local net, x = network(), values({ 5, 4 }, 1)
    net:eval()[3]:requires_grad_(false)
    local copy = net:clone()
    helper.same_bits(net(x), copy(x))
    assert.is_false(copy.training)
    assert.is_false(copy[3].scale.requires_grad)
    assert.is_true(copy[1].weight.requires_grad)
    assert.same(names(net:named_parameters()), names(copy:named_parameters()))
    mg.no_grad(function() copy[1].weight:fill_(0); copy[3].scale:fill_(0); copy[2].running_mean:fill_(9) end)
    assert.is_false(net[1].weight:eq(0):max():item() == 1)
    assert.is_false(net[3].scale:eq(0):max():item() == 1)
    assert.is_false(net[2].running_mean:eq(9):max():item() == 1)
  end)

  it("shares within what was shared, and follows cycles", function()
    local shared = nn.Linear(3, 3)
    local net = nn.Sequential{ shared, nn.Linear(3, 3), shared }
    net[2].weight = shared.weight
    local copy = net:clone()
    assert.equal(copy[1], copy[3])
    assert.not_equal(copy[1], net[1])
    assert.equal(copy[1].weight, copy[2].weight)
    assert.not_equal(copy[1].weight, net[1].weight)
    local child = nn.Module{}
    local parent = nn.Module{ child = child, size = 3 }
    child.parent = parent
    local other = parent:clone()
    assert.equal(other, other.child.parent)
    assert.not_equal(parent, other)
    assert.equal(3, other.size)
  end)
end)

describe("tostring", function()
  it("draws the layers with their parameter counts", function()
    assert.equal([[
Sequential  (219 k parameters)
  1  Linear(64 -> 256)    16 640
  2  BatchNorm(256)          512
  3  ReLU
  4  Linear(256 -> 784)  201 488
  5  Tanh]], tostring(nn.Sequential{ nn.Linear(64, 256), nn.BatchNorm(256), nn.ReLU(), nn.Linear(256, 784),
        nn.Tanh() }))
  end)

  it("nests, and shows tensors and what is shared", function()
    local module = residual(3)
    module.again = module.inner
    module.up = module
    assert.equal([[
Sequential  (39 parameters)
   1  Identity
   2  Residual
      again   Linear(3 -> 3)        12
      inner   Linear(3 -> 3)  (as above)
      offset  buffer (3,)
      scale   parameter (3,)         3
      up      Residual  (as above)
   3  Linear(3 -> 3, bias = false)   9
   4  Linear(4 -> 3)                15
   5  Tanh
   6  Tanh
   7  Tanh
   8  Tanh
   9  Tanh
  10  Tanh]], tostring(nn.Sequential{ nn.Identity(), module, nn.Linear(3, 3, { bias = false }), nn.Linear(4, 3),
        nn.Tanh(), nn.Tanh(), nn.Tanh(), nn.Tanh(), nn.Tanh(), nn.Tanh() }))
  end)

  it("says of one layer what differs from the usual", function()
    local shown = {
      { nn.Linear(64, 256), "Linear(64 -> 256)  (16.6 k parameters)" },
      { nn.Linear(3, 1, { bias = false }), "Linear(3 -> 1, bias = false)  (3 parameters)" },
      { nn.Linear(1, 1, { bias = false }), "Linear(1 -> 1, bias = false)  (1 parameter)" },
      { nn.Linear(1200, 1200), "Linear(1200 -> 1200)  (1.44 M parameters)" },
      { nn.Linear(99, 98), "Linear(99 -> 98)  (9 800 parameters)" },
      { nn.Linear(999, 1000), "Linear(999 -> 1000)  (1.00 M parameters)" },
      { nn.Maxout(784, 240, 5), "Maxout(784 -> 240, 5 pieces)  (942 k parameters)" },
      { nn.Embedding(10, 50), "Embedding(10 -> 50)  (500 parameters)" },
      { nn.BatchNorm(4, { eps = 0.8, affine = false }), "BatchNorm(4, eps = 0.8, affine = false)" },
      { nn.LayerNorm(4, 5), "LayerNorm(4, 5)  (40 parameters)" },
      { nn.Dropout(), "Dropout(0.5)" }, { nn.LeakyReLU(0.2), "LeakyReLU(0.2)" }, { nn.ReLU(), "ReLU" },
      { nn.Softmax(), "Softmax" }, { nn.Softmax{ dim = 1 }, "Softmax(dim = 1)" },
      { nn.Reshape(7, -1), "Reshape(7, -1)" }, { nn.Sequential{}, "Sequential" },
    }
    for _, pair in ipairs(shown) do assert.equal(pair[2], tostring(pair[1])) end
  end)
end)

describe("the collector", function()
  it("leaves children that are still held", function()
    helper.gc_modes(function()
      local net = network()
      local child, grandchild, weight = net[4], net[4][2], net[1].weight
      net = nil -- luacheck: ignore
      helper.collect()
      assert.equal(grandchild, child[2])
      assert.same({ 2, 2 }, child(mg.ones(2, 6)):shape())
      assert.same({ 4, 6 }, weight:shape())
    end)
  end)

  it("frees containers, cycles included", function()
    helper.gc_modes(function()
      helper.leak_check(function()
        for _ = 1, 10 do
          local net = network()
          net(mg.ones(5, 4)):sum():backward()
          local child = nn.Module{ inner = nn.Linear(8, 8) }
          local parent = nn.Module{ child = child }
          child.parent = parent
          child.forward = function(self, x) return self.inner(x), parent end
          child(mg.ones(1, 8))
          local loop = nn.Sequential{ nn.Linear(8, 8) }
          loop[2] = loop
        end
      end)
    end)
  end)

  it("may run at any time", function()
    helper.gc_stress(function()
      local net = network()
      net(mg.ones(5, 4)):sum():backward()
      local copy = net:clone():load_state_dict(net:state_dict())
      assert.equal(tostring(net), tostring(copy))
      assert.equal(#net:parameters(), #copy:parameters())
      helper.same_bits(net:eval()(mg.ones(1, 4)), copy:eval()(mg.ones(1, 4)))
    end)
  end)

  it("may find a container freed by hand, during its own call too", function()
    local net = network()
    local child = net[1]
    net:free()
    net:free()
    assert.same({ 4, 6 }, child.weight:shape())
    helper.error_like(function() net(mg.ones(1, 4)) end, "the layer has been freed")
    assert.equal("freed layer", tostring(net))
    local sequential, module
    module = nn.Module{ forward = function(_, x) sequential:free(); module:free(); return x end }
    sequential = nn.Sequential{ module, nn.ReLU() }
    helper.near(mg.ones(2), sequential(mg.ones(2)))
    helper.error_like(function() sequential(mg.ones(2)) end, "freed")
  end)

  it("may find an input freed by a layer", function()
    local x = mg.ones(3)
    local free = nn.Module{ forward = function() x:free(); return mg.ones(2) end }
    helper.near(mg.ones(2), nn.Sequential{ nn.Identity(), free, nn.Identity() }(x))
  end)
end)
