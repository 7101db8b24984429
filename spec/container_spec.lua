-- Containers besides Sequential and Module: Residual, Concat, Parallel, SpectralNorm.

local mg = require "moongan"
local helper = require "spec.helper"
local nn = mg.nn
local values = helper.values

local function names(pairs_list)
  local result = {}
  for i, pair in ipairs(pairs_list) do result[i] = pair[1] end
  return result
end

-- A layer in Lua of one input and as many results as f has.
local function lua_layer(name, f) return nn.Module{ name = name, forward = function(_, ...) return f(...) end } end

describe("Residual", function()
  it("adds its input, or what the shortcut makes of it", function()
    local a, b, side, x = nn.Linear(3, 4), nn.Linear(4, 3), nn.Linear(3, 3), values({ 5, 3 }, 1)
    helper.near(b(a(x):tanh()) + x, nn.Residual{ a, nn.Tanh(), b }(x))
    helper.near(b(a(x):tanh()) + x, nn.Residual(a, nn.Tanh(), b)(x))
    helper.near(b(a(x)) + side(x), nn.Residual{ a, b, shortcut = side }(x))
    helper.near(x + x, nn.Residual{ nn.Identity() }(x))
  end)

  it("gives body and shortcut the same several inputs", function()
    local join = lua_layer("Join", function(x, y) return x + y end)
    local first = lua_layer("First", function(x) return x * 10 end)
    local residual = nn.Residual{ join, nn.Tanh(), shortcut = first }
    local x, y = values({ 2, 3 }, 1), values({ 2, 3 }, 2)
    helper.near((x + y):tanh() + x * 10, residual(x, y))
    helper.error_like(function() nn.Residual{ join }(x, y) end,
      "at the inputs of Residual: expected one tensor where there is no shortcut, got 2")
  end)

  it("keeps its input, whatever its layers do to it", function()
    local x = values({ 2, 3 }, 1)
    local expected = x + 1
    local free = lua_layer("Free", function() x:free(); return mg.ones(2, 3) end)
    local reuse = lua_layer("Reuse", function(y)
      helper.collect()
      return mg.stack({ y + 8, y }, 1)[2] -- in the memory that became free
    end)
    helper.near(expected, nn.Residual{ free, reuse }(x))
  end)

  it("has a shortcut as a field", function()
    local residual, side = nn.Residual{ nn.Linear(3, 3), nn.Tanh() }, nn.Linear(3, 3, { bias = false })
    assert.is_nil(residual.shortcut)
    assert.same({ "1.weight", "1.bias" }, names(residual:named_parameters()))
    residual.shortcut = side
    assert.equal(side, residual.shortcut)
    assert.equal(2, #residual)
    assert.same({ residual[1], residual[2], side }, residual:children())
    assert.same({ "1.weight", "1.bias", "shortcut.weight" }, names(residual:named_parameters()))
    residual.shortcut = nil
    assert.equal(12, residual:num_parameters())
    helper.error_like(function() residual.shortcut = 3 end, "Residual: shortcut: expected a layer or nil, got number 3")
    helper.error_like(function() residual.side = side end, 'Residual: expected a position in 1 .. 3.*got string "side"')
    residual[2] = nil
    helper.error_like(function() residual[1] = nil end, "Residual: layer 1: expected a layer, got nil")
  end)

  it("names what it refuses", function()
    helper.error_like(function() nn.Residual{} end, "Residual: expected at least one layer, got none")
    helper.error_like(function() nn.Residual{ shortcut = nn.ReLU() } end, "Residual: expected at least one layer")
    helper.error_like(function() nn.Residual{ nn.ReLU(), shortcut = 3 } end,
      "Residual: shortcut: expected a layer, got number 3")
    helper.error_like(function() nn.Residual{ nn.ReLU(), short = nn.ReLU() } end,
      "Residual: expected a list of layers, without names but shortcut or holes")
    helper.error_like(function() nn.Residual{ nn.ReLU(), 3 } end, "Residual: layer 2: expected a layer, got number 3")
    helper.error_like(function() nn.Residual{ nn.Linear(3, 1) }(mg.ones(2, 3)) end,
      "at the sum of Residual: expected the same shape from its layers and the shortcut, got %(2, 1%) and %(2, 3%)")
    local two = lua_layer("Two", function(x) return x, x end)
    helper.error_like(function() nn.Residual{ two }(mg.ones(2, 3)) end,
      "at the sum of Residual: expected one result of its layers, got 2")
    helper.error_like(function() nn.Residual{ nn.ReLU(), shortcut = two }(mg.ones(2, 3)) end,
      "in shortcut %(Two%) of Residual: expected one result, got 2")
  end)

  it("says where its layers failed", function()
    local block = nn.Residual{ nn.Linear(3, 4), nn.Linear(5, 3), shortcut = nn.Identity() }
    helper.error_like(function() nn.Sequential{ block }(mg.ones(2, 3)) end,
      "in layer 1 %(Residual%) of Sequential: in layer 2 %(Linear%) of Residual: expected 5 features, got %(2, 4%)")
    block.shortcut = nn.Linear(4, 3)
    helper.error_like(function() block(mg.ones(2, 3)) end,
      "in shortcut %(Linear%) of Residual: expected 4 features, got %(2, 3%)")
    block.shortcut = lua_layer("Boom", function() error("the text") end)
    helper.error_like(function() block(mg.ones(2, 3)) end,
      "in shortcut %(Boom%) of Residual: .*container_spec.lua:%d+: the text$")
    local value = { code = 7 }
    block.shortcut = lua_layer("Boom", function() error(value) end)
    local ok, caught = pcall(block, mg.ones(2, 3))
    assert.is_false(ok)
    assert.equal(value, caught)
  end)
end)

describe("Concat", function()
  it("joins what its layers make of one input", function()
    local a, b, x = nn.Conv2d(2, 3, 3, { padding = 1 }), nn.Conv2d(2, 1, 1), values({ 2, 4, 4, 2 }, 1)
    helper.near(mg.cat({ a(x), x, b(x) }, 4), nn.Concat{ a, nn.Identity(), b }(x))
    helper.near(a(x), nn.Concat{ a }(x))
    local join = lua_layer("Join", function(p, q) return p + q end)
    helper.near(mg.cat({ x + x, x + x }, 4), nn.Concat{ join, join }(x, x))
  end)

  it("names what it refuses", function()
    local x = mg.ones(2, 3, 3)
    helper.error_like(function() nn.Concat{} end, "Concat: expected at least one layer, got none")
    helper.error_like(function() nn.Concat{ nn.ReLU(), shortcut = nn.ReLU() } end, "Concat: .*without names or holes")
    helper.error_like(function() nn.Concat{ nn.Identity(), nn.Flatten() }(x) end,
      "at the joint of Concat: cat: expected tensors that differ in dimension 3 at most")
    helper.error_like(function() nn.Concat{ nn.Identity(), lua_layer("Sum", mg.sum) }(x) end,
      "at the joint of Concat: expected at least 1 dimension, got %(%) from layer 2")
    helper.error_like(function() nn.Concat{ nn.Identity(), nn.Linear(2, 2) }(x) end,
      "in layer 2 %(Linear%) of Concat: expected 2 features, got %(2, 3, 3%)")
    helper.error_like(function() nn.Concat{ nn.Identity(), lua_layer("Two", function(y) return y, y end) }(x) end,
      "in layer 2 %(Two%) of Concat: expected one result, got 2")
    local many = {}
    for i = 1, 65 do many[i] = nn.Identity() end
    helper.error_like(function() nn.Concat(many) end, "Concat: expected at most 64 layers, got 65")
    many[65] = nil
    local full = nn.Concat(many)
    helper.error_like(function() full[65] = nn.Identity() end, "Concat: expected a position in 1 .. 64")
    assert.same({ 2, 64 }, full(mg.ones(2, 1)):shape())
  end)

  it("is not shaken by a layer that changes it", function()
    local concat
    concat = nn.Concat{ lua_layer("Change", function(x) concat[2] = nil; return x end), nn.Identity() }
    helper.error_like(function() concat(mg.ones(2, 1)) end, "in layer 2 %(freed layer%) of Concat")
    assert.equal(1, #concat)
    concat[1] = lua_layer("Free", function(x) concat:free(); return x end)
    helper.near(mg.ones(2, 1), concat(mg.ones(2, 1)))
    helper.error_like(function() concat(mg.ones(2, 1)) end, "freed")
  end)
end)

describe("Parallel", function()
  it("gives each layer its own input and joins the results", function()
    local embedding, z = nn.Embedding(10, 4), values({ 3, 5 }, 1)
    local labels = mg.tensor{ 2, 10, 2 }
    local parallel = nn.Parallel{ nn.Identity(), embedding }
    helper.near(mg.cat({ z, embedding(labels) }, 2), parallel(z, labels))
    assert.same({ 3, 2 }, nn.Sequential{ parallel, nn.Linear(9, 2) }(z, labels):shape())
    helper.near(z, nn.Parallel{ nn.Identity() }(z))
  end)

  it("has derivatives by every input", function()
    local parallel = nn.Parallel{ nn.Tanh(), nn.Linear(2, 3) }
    local inputs = { values({ 2, 2 }, 1), values({ 2, 2 }, 2) }
    helper.gradcheck(parallel, inputs)
    helper.gradgradcheck(parallel, inputs)
  end)

  it("names what it refuses", function()
    local parallel = nn.Parallel{ nn.Identity(), nn.Linear(3, 2) }
    helper.error_like(function() parallel(mg.ones(2, 3)) end,
      "at the inputs of Parallel: expected one tensor for each of its 2 layers, got 1")
    helper.error_like(function() parallel(mg.ones(2, 3), mg.ones(2, 3), mg.ones(2, 3)) end, "of its 2 layers, got 3")
    helper.error_like(function() parallel(mg.ones(2, 3), mg.ones(2, 4)) end,
      "in layer 2 %(Linear%) of Parallel: expected 3 features, got %(2, 4%)")
    helper.error_like(function() parallel(mg.ones(3, 3), mg.ones(2, 3)) end, "at the joint of Parallel: cat: ")
    local many = {}
    for i = 1, 17 do many[i] = nn.Identity() end
    helper.error_like(function() nn.Parallel(many) end, "Parallel: expected at most 16 layers, got 17")
  end)
end)

-- ---- spectral normalisation ---------------------------------------------------------------------

-- The largest singular value of the matrix m, by many steps.
local function largest_singular_value(m)
  local v = mg.ones(m:size(2), 1)
  for _ = 1, 300 do
    v = m:t():matmul(m:matmul(v))
    v = v / v:norm()
  end
  return m:matmul(v):norm():item()
end

describe("SpectralNorm", function()
  before_each(function() mg.manual_seed(11) end)

  it("divides the weight by its largest singular value", function()
    for _, inner in ipairs{ nn.Linear(6, 4), nn.Maxout(5, 3, 2), nn.Embedding(7, 3), nn.Conv2d(3, 4, 3),
      nn.MinibatchDiscrimination(4, 3, 2) } do
      local norm = nn.SpectralNorm(inner)
      nn.init.normal_(inner.weight, 0, 3)
      local x = inner.name == "Embedding" and mg.tensor{ 1, 7 }
        or inner.name == "Conv2d" and values({ 1, 3, 3, 3 }, 1) or values({ 2, inner["in"] }, 1)
      for _ = 1, 300 do norm(x) end
      local sigma = largest_singular_value(inner.weight:detach():reshape(-1, inner.weight:size(-1)))
      local plain = inner:clone()
      mg.no_grad(function() plain.weight:div_(sigma) end)
      helper.near(plain(x), norm(x), 1e-4, inner.name)
    end
  end)

  it("starts near the singular vectors", function()
    local inner = nn.Linear(30, 20)
    local norm = nn.SpectralNorm(inner)
    assert.same({ 20 }, norm.u:shape())
    assert.same({ 30 }, norm.v:shape())
    helper.near(1, norm.u:norm():item(), 1e-5)
    helper.near(1, norm.v:norm():item(), 1e-5)
    local estimate = norm.v:reshape(1, 30):matmul(inner.weight):reshape(20):mul(norm.u):sum():item()
    local sigma = largest_singular_value(inner.weight:detach())
    assert(estimate > 0.9 * sigma and estimate <= sigma * 1.0001, estimate / sigma)
  end)

  it("moves its vectors in training only, and only where all went well", function()
    local norm = nn.SpectralNorm(nn.Linear(6, 4))
    nn.init.normal_(norm.layer.weight)
    local u, v = norm.u:clone(), norm.v:clone()
    norm:eval()(mg.ones(2, 6))
    helper.same_bits(u, norm.u)
    helper.error_like(function() norm:train()(mg.ones(2, 5)) end, "in Linear of SpectralNorm: expected 6 features")
    helper.same_bits(u, norm.u)
    norm(mg.ones(2, 6))
    assert.is_false(norm.u:eq(u):min():item() == 1)
    assert.is_false(norm.v:eq(v):min():item() == 1)
    local two, twice = nn.SpectralNorm(norm.layer, { iterations = 2 }), nn.SpectralNorm(norm.layer)
    two:load_state_dict(twice:state_dict())
    two(mg.ones(2, 6))
    twice(mg.ones(2, 6))
    twice(mg.ones(2, 6))
    helper.near(twice.u, two.u)
  end)

  it("is called any number of times before the way back", function()
    local norm = nn.SpectralNorm(nn.Linear(6, 4))
    local first = norm(values({ 2, 6 }, 1)):sum()
    local total = first + norm(values({ 3, 6 }, 2)):sum()
    norm:eval()
    total = total + norm(values({ 3, 6 }, 3)):sum()
    norm:train()(mg.ones(1, 6))
    total:backward()
    assert(norm.layer.weight.grad:abs():sum():item() > 0)
  end)

  it("works with a frozen weight, and on one that others use", function()
    local inner = nn.Linear(6, 4)
    local norm = nn.SpectralNorm(inner):requires_grad_(false)
    assert.is_false(norm(mg.ones(1, 6)).requires_grad)
    local before = inner.weight:clone()
    norm(mg.ones(1, 6))
    helper.same_bits(before, inner.weight)
  end)

  it("holds its layer, and buffers of its own", function()
    local inner = nn.Conv2d(3, 4, 3, { bias = false })
    local norm = nn.SpectralNorm(inner, { iterations = 3 })
    assert.equal(inner, norm.layer)
    assert.equal(3, norm.iterations)
    assert.equal("SpectralNorm", norm.name)
    assert.equal(0, #norm)
    assert.same({ inner }, norm:children())
    assert.same({ "layer.weight" }, names(norm:named_parameters()))
    assert.equal(2, #norm:buffers())
    local state = nn.Sequential{ norm }:state_dict()
    for _, name in ipairs{ "1.layer.weight", "1.u", "1.v" } do assert(state[name], name) end
    norm.u = mg.ones(4)
    helper.near(mg.ones(4), norm.u)
    helper.error_like(function() norm.u = mg.ones(5) end, "SpectralNorm: u: expected a tensor of shape %(4,%)")
    helper.error_like(function() norm.layer = nn.Linear(2, 2) end, "SpectralNorm: no parameter or buffer to assign")
    assert.is_nil(norm[1])
    assert.is_nil(norm.weight)
  end)

  it("is cloned and loaded whole", function()
    local net = nn.Sequential{ nn.SpectralNorm(nn.Linear(3, 4)), nn.Residual{ nn.Linear(4, 4), shortcut = nn.Tanh() } }
    net[1].u = mg.ones(4) -- far from where a step takes it
    local copy, x = net:clone(), values({ 2, 3 }, 1)
    local other = nn.Sequential{ nn.SpectralNorm(nn.Linear(3, 4)),
      nn.Residual{ nn.Linear(4, 4), shortcut = nn.Tanh() } }
    other:load_state_dict(net:state_dict())
    net(x) -- moves the vectors of the original alone
    for _, like in ipairs{ copy, other } do
      assert.is_false(like[1].u:eq(net[1].u):min():item() == 1)
      helper.same_bits(other:eval()(x), like:eval()(x))
    end
    assert.is_false(copy[1].layer == net[1].layer)
    assert.is_false(copy[2].shortcut == net[2].shortcut)
  end)

  it("names what it refuses", function()
    helper.error_like(function() nn.SpectralNorm() end, "SpectralNorm: argument 1 %(layer%): expected a layer")
    helper.error_like(function() nn.SpectralNorm(mg.ones(2)) end, "argument 1 %(layer%): expected a layer, got tensor")
    for _, layer in ipairs{ nn.ReLU(), nn.BatchNorm(3), nn.Sequential{ nn.Linear(2, 2) }, nn.PixelNorm(),
      nn.SpectralNorm(nn.Linear(2, 2)) } do
      helper.error_like(function() nn.SpectralNorm(layer) end,
        "SpectralNorm: argument 1 %(layer%): .* a weight of at least 2 dimensions, got " .. layer.name)
    end
    local linear = nn.Linear(2, 3)
    helper.error_like(function() nn.SpectralNorm(linear, 2) end, "SpectralNorm: argument 2: expected a table")
    helper.error_like(function() nn.SpectralNorm(linear, { iterations = 0 }) end, "SpectralNorm: option iterations")
    helper.error_like(function() nn.SpectralNorm(linear, { iteration = 1 }) end, 'did you mean "iterations"')
    local norm = nn.SpectralNorm(linear)
    helper.error_like(function() norm(mg.ones(1, 2), mg.ones(1, 2)) end,
      "in Linear of SpectralNorm: expected 1 tensor, got 2")
    linear:free()
    helper.error_like(function() norm(mg.ones(1, 2)) end, "in freed layer of SpectralNorm: the layer has been freed")
    helper.error_like(function() nn.SpectralNorm(linear) end, "SpectralNorm: the layer has been freed")
    assert.equal("SpectralNorm(freed layer)", tostring(norm))
    norm:free()
    assert.equal("freed layer", tostring(norm))
  end)
end)

-- ---- all of them --------------------------------------------------------------------------------

describe("containers", function()
  it("print as a diagram", function()
    local shared = nn.Linear(8, 8)
    local net = nn.Sequential{
      nn.SpectralNorm(nn.Linear(6, 8), { iterations = 2 }),
      nn.Residual{ nn.SpectralNorm(shared), nn.ReLU(), shortcut = nn.Linear(8, 8, { bias = false }) },
      nn.Concat{ nn.Identity(), shared },
      nn.SpectralNorm(shared),
    }
    assert.equal([[
Sequential  (192 parameters)
  1  SpectralNorm(Linear(6 -> 8), iterations = 2)  56
  2  Residual
     1         SpectralNorm(Linear(8 -> 8))        72
     2         ReLU
     shortcut  Linear(8 -> 8, bias = false)        64
  3  Concat
     1  Identity
     2  Linear(8 -> 8)  (as above)
  4  SpectralNorm(Linear(8 -> 8))]], tostring(net))
  end)

  it("limit their depth", function()
    local deep = nn.ReLU()
    for i = 1, 100 do deep = i % 2 == 0 and nn.Residual{ deep } or nn.Concat{ deep } end
    helper.error_like(function() deep(mg.ones(1)) end, "nested more than %d+ deep")
    local loop = nn.Residual{ nn.ReLU() }
    loop.shortcut = loop
    helper.error_like(function() loop(mg.ones(1)) end, "nested more than")
    assert.equal(0, loop:num_parameters())
    assert.is_string(tostring(loop))
  end)

  it("set modes and apply functions to all within", function()
    local net = nn.Parallel{ nn.Residual{ nn.Dropout(0.5), shortcut = nn.SpectralNorm(nn.Linear(2, 2)) } }
    local seen = {}
    net:eval():apply(function(layer) seen[#seen + 1] = layer.name; assert.is_false(layer.training) end)
    assert.same({ "Parallel", "Residual", "Dropout", "SpectralNorm", "Linear" }, seen)
  end)

  it("give their memory back, also where they fail", function()
    local function boom(x) if x:size(1) == 3 then error("boom") end return x end
    helper.gc_modes(function()
      helper.leak_check(function()
        for _ = 1, 10 do
          local net = nn.Sequential{
            nn.Residual{ nn.Linear(4, 4), lua_layer("Boom", boom), shortcut = nn.Linear(4, 4) },
            nn.Concat{ nn.SpectralNorm(nn.Linear(4, 4)), lua_layer("Boom", boom), nn.Identity() },
            nn.Parallel{ nn.Tanh() },
          }
          net(mg.ones(2, 4)):sum():backward()
          pcall(net, mg.ones(3, 4))
          pcall(net, mg.ones(2, 5))
          local loop = nn.Concat{ nn.Identity() }
          loop[2] = loop
          pcall(loop, mg.ones(2, 4))
        end
      end)
    end)
  end)

  it("may be collected around at any time", function()
    helper.gc_stress(function()
      local net = nn.Sequential{ nn.Residual{ nn.SpectralNorm(nn.Linear(4, 4)), shortcut = nn.Tanh() },
        nn.Concat{ nn.Identity(), lua_layer("Twice", function(x) return x * 2 end) } }
      net(mg.ones(3, 4)):sum():backward()
      local copy = net:clone():load_state_dict(net:state_dict())
      assert.equal(tostring(net), tostring(copy))
    end)
  end)

  it("withstand foreign receivers", function()
    local methods = debug.getmetatable(nn.ReLU())
    for _, container in ipairs{ nn.Residual{ nn.ReLU() }, nn.Concat{ nn.ReLU() }, nn.Parallel{ nn.ReLU() },
      nn.SpectralNorm(nn.Linear(2, 2)) } do
      for _, key in ipairs{ 0, -1, 1.5, "x", true, {}, 2 ^ 60 } do
        assert.is_nil(container[key])
        assert.is_false((pcall(methods.__newindex, container, key, nn.ReLU())))
        assert.is_false((pcall(methods.__newindex, container, key, 3)))
      end
      container:free()
      assert.is_false((pcall(container, mg.ones(2))))
      assert.is_false((pcall(methods.__newindex, container, 1, nn.ReLU())))
    end
  end)
end)
