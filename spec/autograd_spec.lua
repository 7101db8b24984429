-- Derivatives: backward, grad, no_grad; what is kept, what is freed, what is refused.

local helper = require "spec.helper"
local mg = require "moongan"

local function leaf(value) return mg.tensor(value):requires_grad_(true) end

describe("backward", function()
  it("adds gradients into leaves, again at every call", function()
    local x, y = leaf{ 1, 2 }, leaf{ 3, 4 }
    local function loss() return (x * y + x):sum() end
    loss():backward()
    helper.near({ 4, 5 }, x.grad)
    helper.near({ 1, 2 }, y.grad)
    loss():backward()
    helper.near({ 8, 10 }, x.grad)
    x.grad = nil
    assert.is_nil(x.grad)
    loss():backward()
    helper.near({ 4, 5 }, x.grad)
    helper.near({ 3, 6 }, y.grad)
  end)

  it("takes a gradient to start with, and wants one where the output is not a scalar", function()
    local x = leaf{ 1, 2, 3 }
    local y = x:square()
    helper.error_like(function() y:backward() end, { "backward", "one element", "%(3,%)" })
    helper.error_like(function() y:backward{ gradient = mg.ones(2) } end, { "backward", "%(3,%)", "%(2,%)" })
    helper.error_like(function() y:backward{ gradient = 1 } end, { "backward", "gradient" })
    y:backward{ gradient = mg.tensor{ 1, 10, 100 } }
    helper.near({ 2, 40, 600 }, x.grad)
  end)

  it("owns what it leaves in grad", function()
    local x, seed = leaf{ 1, 2 }, mg.ones(2)
    x:reshape(2):backward{ gradient = seed }
    seed:fill_(9)
    helper.near({ 1, 1 }, x.grad)
    local a, b = leaf{ 1 }, leaf{ 2 }
    local sum = a + b
    sum:backward()
    a.grad:fill_(5)
    helper.near({ 1 }, b.grad)
  end)

  it("reaches only the inputs that are asked for", function()
    local x, y = leaf{ 1, 2 }, leaf{ 3, 4 }
    local sum = (x * y):sum()
    sum:backward{ inputs = { y } }
    assert.is_nil(x.grad)
    helper.near({ 1, 2 }, y.grad)
    helper.error_like(function() (x * y):sum():backward{ inputs = { mg.ones(2) } } end, "require a gradient")
    helper.error_like(function() (x * y):sum():backward{ inputs = { x * 2 } } end, "leaves")
    helper.error_like(function() (x * y):sum():backward{ inputs = { x, 3 } } end, { "inputs", "number 3" })
    helper.error_like(function() (x * y):sum():backward{ input = { x } } end, { "input", "inputs" })
    helper.error_like(function() (x * y):sum():backward{ retain_graph = 1 } end, "retain_graph")
    helper.error_like(function() (x * y):sum():backward(true) end, "backward")
  end)

  it("walks a diamond once and a shared tensor as often as it is used", function()
    local x = leaf{ 2 }
    local y = x * x
    local sum = y * y + y
    sum:backward()
    helper.near({ 4 * 8 + 4 }, x.grad)
    x.grad = nil
    local z = x
    for _ = 1, 40 do z = z + z end -- 2^40 paths
    z:sum():backward()
    helper.near({ 2 ^ 40 }, x.grad)
  end)

  it("frees the graph, unless told to retain it", function()
    local x = leaf{ 3 }
    local y = x:square():sum()
    y:backward{ retain_graph = true }
    y:backward()
    helper.near({ 12 }, x.grad)
    helper.error_like(function() y:backward() end, { "backward", "freed", "retain_graph" })
    local shared = x:exp()
    local first, second = shared:square():sum(), shared:sum()
    first:backward()
    helper.error_like(function() second:backward() end, { "exp", "freed" })
    helper.error_like(function() mg.grad(y, { x }) end, "freed")
  end)

  it("refuses what has no graph", function()
    helper.error_like(function() mg.ones(1):backward() end, { "backward", "requires a gradient" })
    local x = leaf{ 1 }
    helper.error_like(function() mg.no_grad(function() return x * 2 end):backward() end, "requires a gradient")
    helper.error_like(function() (x:detach() * 2):backward() end, "requires a gradient")
    helper.error_like(function() x:gt(0):sum():backward() end, "requires a gradient")
    x:backward()
    helper.near({ 1 }, x.grad)
  end)

  it("notices that a saved tensor was changed in place, and names the operation", function()
    local x, w = leaf{ 1, 2 }, mg.tensor{ 3, 4 }
    local y = (x * w):sum()
    w:add_(1)
    helper.error_like(function() y:backward() end, { "mul", "in place" })
    local view = mg.tensor{ { 1, 2 }, { 3, 4 } }
    y = (x * view[1]):sum()
    view[{ 1, 1 }] = 7 -- through another view of the same storage
    helper.error_like(function() y:backward() end, { "mul", "in place" })
    local e = x:exp()
    y = e:sum()
    e:detach():zero_()
    helper.error_like(function() y:backward() end, { "exp", "in place" })
    local fine = x + w -- saves nothing
    w:zero_()
    fine:sum():backward()
    helper.near({ 1, 1 }, x.grad)
  end)

  it("refuses in-place changes of what is being recorded", function()
    local x = leaf{ 1, 2 }
    for _, change in ipairs{ "add_", "mul_", "copy_", "fill_" } do
      helper.error_like(function() x[change](x, 1) end, change)
    end
    helper.error_like(function() x:zero_() end, "zero_")
    helper.error_like(function() x:clamp_(0, 1) end, "clamp_")
    helper.error_like(function() (x * 2):add_(1) end, "add_")
    mg.no_grad(function() x:add_(1) end)
    helper.near({ 2, 3 }, x)
    helper.error_like(function() mg.zeros(2):add_(x) end, "gradient")
  end)
end)

describe("requires_grad", function()
  it("is a leaf's to set, and spreads through operations", function()
    local x = mg.ones(2)
    assert.is_false(x.requires_grad)
    x.requires_grad = true
    assert.is_true(x.requires_grad and x.is_leaf)
    local y = x * 2
    assert.is_true(y.requires_grad and not y.is_leaf)
    assert.is_false(y:detach().requires_grad)
    assert.is_false(x:gt(0).requires_grad)
    helper.error_like(function() y:requires_grad_(false) end, { "requires_grad", "leaf" })
    helper.error_like(function() x.requires_grad = 1 end, { "requires_grad", "true or false" })
    helper.error_like(function() x.grad = mg.ones(3) end, { "grad", "%(2,%)", "%(3,%)" })
    helper.error_like(function() x.grad = "x" end, "grad")
    helper.error_like(function() x.grad = x end, "grad")
    assert.is_true(mg.tensor({ 1 }, { requires_grad = true }).requires_grad)
  end)

  it("is not recorded under no_grad, whatever happens in there", function()
    local x = leaf{ 1 }
    local a, b = mg.no_grad(function(p, q) return p * 2, q end, x, "more")
    assert.is_false(a.requires_grad)
    assert.are.equal("more", b)
    helper.error_like(function() mg.no_grad(error, "oops") end, "oops")
    assert.is_true(mg.is_recording())
    mg.no_grad(function()
      assert.is_false(mg.is_recording())
      assert.is_true(mg.enable_grad(function() return x * 2 end).requires_grad)
      helper.error_like(function() mg.no_grad(error, "inner") end, "inner")
      assert.is_false(mg.is_recording())
    end)
    assert.is_true(mg.is_recording())
    helper.error_like(function() mg.no_grad(3) end, { "no_grad", "function" })
    helper.error_like(function() mg.no_grad() end, "no_grad")
  end)

  it("shares storage with what it was detached from", function()
    local x = leaf{ 1, 2 }
    x:detach():fill_(5)
    helper.near({ 5, 5 }, x)
  end)
end)

describe("grad", function()
  it("gives a list and leaves grad alone", function()
    local x, y, unused = leaf{ 1, 2 }, leaf{ 3, 4 }, leaf{ { 5, 6 } }
    local gradients = mg.grad((x * y):sum(), { y, unused, x, y })
    helper.near({ { 1, 2 }, { { 0, 0 } }, { 3, 4 }, { 1, 2 } },
      { gradients[1]:totable(), gradients[2]:totable(), gradients[3]:totable(), gradients[4]:totable() })
    assert.are.equal(4, #gradients)
    assert.is_nil(x.grad)
    assert.are.same({}, mg.grad((x * y):sum(), {}))
  end)

  it("takes tensors in the middle of the graph, and the output itself", function()
    local x = leaf{ 2 }
    local middle = x:square()
    local output = middle * 3
    local gradients = mg.grad(output, { middle, x, output })
    helper.near({ 3 }, gradients[1])
    helper.near({ 12 }, gradients[2])
    helper.near({ 1 }, gradients[3])
  end)

  it("takes the output's own gradient", function()
    local x = leaf{ 1, 2 }
    helper.near({ 6, 20 }, mg.grad(x:square(), { x }, { grad_output = mg.tensor{ 3, 5 } })[1])
    helper.error_like(function() mg.grad(x:square(), { x }) end, "one element")
    helper.error_like(function() mg.grad(x:square(), { x }, { grad_output = mg.ones(3) }) end, "%(3,%)")
  end)

  it("goes to any order where the graph of the gradient is recorded", function()
    local x = leaf{ 2, -3 }
    local y = (x ^ 4):sum()
    local expected = { { 32, -108 }, { 48, 108 }, { 48, -72 }, { 24, 24 } }
    for order = 1, 4 do
      local g = mg.grad(y, { x }, { create_graph = true })[1]
      helper.near(expected[order], g)
      y = g:sum()
    end
  end)

  it("does so through exp, products and the fused batch norm too", function()
    local x = leaf{ 0.5 }
    local y = (x * x:exp()):sum()
    for order = 1, 5 do
      local g = mg.grad(y, { x }, { create_graph = true })[1]
      helper.near({ (0.5 + order) * math.exp(0.5) }, g, 10 * helper.tolerance)
      y = g:sum()
    end
    local batch = helper.values({ 4, 2 }, 9)
    local function penalty(t)
      local out = mg.batch_norm(t, mg.ones(2), mg.zeros(2), mg.moments(t:detach()), 0.1):tanh():sum()
      return mg.grad(out, { t }, { create_graph = true })[1]:square():sum()
    end
    helper.gradcheck(penalty, { batch })
    helper.gradgradcheck(penalty, { batch }, { tolerance = 1e-5 })
  end)

  it("accumulates into grad with create_graph", function()
    local x = leaf{ 3 }
    local y = (x ^ 3):sum()
    y:backward{ create_graph = true }
    helper.near({ 27 }, x.grad)
    assert.is_true(x.grad.requires_grad)
    local first = x.grad
    x.grad = nil
    first:sum():backward()
    helper.near({ 18 }, x.grad)
  end)

  it("says what is wrong", function()
    local x = leaf{ 1 }
    helper.error_like(function() mg.grad(x:sum(), x) end, { "grad", "list of tensors" })
    helper.error_like(function() mg.grad(x:sum(), { mg.ones(1) }) end, { "grad", "input 1" })
    helper.error_like(function() mg.grad(x:sum(), { x }, { creategraph = true }) end, "create_graph")
    helper.error_like(function() mg.grad(mg.ones(1), { x }) end, { "grad", "gradient" })
    helper.error_like(function() mg.grad("x", { x }) end, { "grad", "string" })
    local freed = leaf{ 1 }
    local y = (x * freed):sum()
    freed:free()
    helper.error_like(function() mg.grad(y, { freed }) end, "freed")
    y:backward() -- the graph holds its own references
    helper.near({ 1 }, x.grad)
  end)

  it("passes errors on from inside a walk and stays usable", function()
    local x = leaf{ 1, 2 }
    local w = mg.tensor{ 3, 4 }
    local y = ((x * w):exp() * 2):sum()
    w:zero_()
    for _ = 1, 3 do helper.error_like(function() mg.grad(y, { x }, { create_graph = true }) end, "in place") end
    assert.is_true(mg.is_recording())
    helper.near({ 2, 4 }, mg.grad(x:square():sum(), { x })[1])
  end)
end)

describe("a long chain", function()
  local function chain(n)
    local x = leaf{ 1 }
    local y = x
    for _ = 1, n do y = y + 1 end
    return x, y
  end

  it("of 10 000 operations runs forward, backward and into the collector on a small C stack", function()
    local x, y = chain(10000)
    helper.near({ 10001 }, y)
    y:backward()
    helper.near({ 1 }, x.grad)
    local unwalked = select(2, chain(10000))
    unwalked:free()
  end)

  it("of 200 000 operations does too, in a thread of little stack", function()
    local output, status = helper.run("ulimit -s 256; " .. helper.lua_command([[
      local mg = require "moongan"
      local x = mg.tensor({ 1 }, { requires_grad = true })
      local y = x
      for _ = 1, 200000 do y = y * 1 end
      y:backward{ retain_graph = true }
      local g = mg.grad(y, { x }, { create_graph = true })[1]
      print(x.grad:item() + g:item())
    ]]))
    assert.are.equal("2.0\n", output)
    assert.are.equal(0, status)
  end)

  it("leaves nothing behind", function()
    helper.leak_check(function()
      local x, y = chain(3000)
      y:backward()
      x.grad = nil
      chain(3000)
    end)
  end)
end)

describe("memory of the graph", function()
  it("comes back after backward, grad with create_graph, and errors", function()
    helper.gc_modes(function()
      helper.leak_check(function()
        for _ = 1, 20 do
          local x, w = leaf{ { 1, 2 }, { 3, 4 } }, leaf{ { 1, 0 }, { 0, 1 } }
          local y = mg.matmul(x, w):tanh():sum()
          local g = mg.grad(y, { x }, { create_graph = true })[1]
          g:square():sum():backward{ inputs = { w } }
          pcall(function() y:backward{ gradient = mg.ones(3) } end)
          pcall(function() return mg.matmul(x, mg.ones(3, 3)) end)
          pcall(function() return mg.cat({ x, w, mg.ones(5) }, 1) end)
        end
      end)
    end)
  end)

  it("adds the second use of a weight to the gradient of the first as it multiplies", function()
    local layer = mg.nn.Linear(5, 4)
    local a, b = helper.values({ 3, 5 }, 1), helper.values({ 6, 5 }, 2)
    local function gradient(f)
      layer.weight.grad = nil
      f()
      local found = layer.weight.grad:detach():clone()
      layer.weight.grad, layer.bias.grad = nil, nil -- under create_graph they hold the graph that holds them
      return found
    end
    local function added(f)
      local sum, count = nil, 0
      local report = mg.profile(function() sum = gradient(f) end, { quiet = true })
      for _, row in ipairs(report.operations) do
        if row.name == "matmul, added" then count = row.calls end
      end
      return sum, count
    end
    local function loss() return layer(a):square():sum() + layer(b):tanh():sum() end
    local expected = gradient(function() layer(a):square():sum():backward() end)
      + gradient(function() layer(b):tanh():sum():backward() end)
    local sum, count = added(function() loss():backward() end)
    helper.near(expected, sum)
    assert.are.equal(1, count)
    sum, count = added(function() loss():backward{ create_graph = true } end)
    helper.near(expected, sum)
    assert.are.equal(0, count)
  end)

  it("holds only what derivatives read", function()
    local x = leaf{ 1 } * mg.ones(1000)
    helper.collect()
    local before = mg.memory().live_bytes
    local y = x
    for _ = 1, 100 do y = y + 1 end
    helper.collect()
    assert.is_true(mg.memory().live_bytes - before < 3 * 1000 * mg.precision / 8)
  end)

  it("is the same under a restless collector", function()
    local function run()
      local x = helper.values({ 3, 4 }, 31):requires_grad_(true)
      local w = helper.values({ 4, 4 }, 32):requires_grad_(true)
      local y = mg.matmul(x:tanh(), w):leaky_relu(0.2):sum()
      local slopes = mg.grad(y, { x }, { create_graph = true })[1]:norm(2, false, 1e-6)
      local penalty = ((slopes - 1) ^ 2):mean()
      penalty:backward()
      return { x.grad, w.grad }
    end
    local expected, stressed = run(), nil
    helper.gc_modes(function()
      helper.gc_stress(function() stressed = run() end)
      for i, gradient in ipairs(expected) do helper.same_bits(gradient, stressed[i]) end
    end)
  end)
end)
