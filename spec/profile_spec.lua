-- mg.profile: what it counts, and for which operation and layer.

local helper = require "spec.helper"
local mg = require "moongan"
local nn = mg.nn

local QUIET = { quiet = true }

local function row(rows, name)
  for _, found in ipairs(rows) do
    if found.name == name then return found end
  end
end

describe("mg.profile", function()
  it("counts calls, floating-point operations and bytes of each operation", function()
    local x, w = mg.randn(6, 10), mg.randn(10, 4)
    local report = mg.profile(function()
      for _ = 1, 3 do mg.matmul(x, w):tanh() end
    end, QUIET)
    local matmul, tanh = row(report.operations, "matmul"), row(report.operations, "tanh")
    assert.are.equal(3, matmul.calls)
    assert.are.equal(3 * 2 * 6 * 10 * 4, matmul.flops)
    assert.are.equal(3 * (60 + 40 + 24) * mg.precision / 8, matmul.bytes)
    assert.are.equal(3, tanh.calls)
    assert.are.equal(0, tanh.flops)
    assert.is_true(matmul.forward_seconds > 0 and matmul.backward_seconds == 0)
    assert.are.equal(0, #report.layers)
  end)

  it("tells forward from backward, and gives both to the layer", function()
    local net = nn.Sequential{ nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2) }
    local x = mg.randn(4, 5):requires_grad_(true)
    local report = mg.profile(function() net(x):sum():backward() end, QUIET)
    local names = {}
    for i, layer in ipairs(report.layers) do
      names[i] = layer.name
      assert.are.equal(1, layer.calls)
      assert.is_true(layer.forward_seconds > 0 and layer.backward_seconds > 0, layer.name)
    end
    assert.are.same({ "Linear(5 -> 7)", "Tanh", "Linear(7 -> 2)" }, names)
    -- Forward, gradient of x and of the weight: three products of the same sizes.
    assert.are.equal(3 * 2 * 4 * 5 * 7, report.layers[1].flops)
    assert.is_true(row(report.operations, "tanh_grad").backward_seconds > 0)
  end)

  it("knows the work of a convolution's three partials to be the same", function()
    local x, g = mg.randn(2, 9, 8, 6):requires_grad_(true), { 2, 1, 1, 1, 1, 1, 2 }
    local layer = nn.Conv2d(6, 4, 3, { stride = { g[1], g[2] }, padding = { g[3], g[4] }, groups = g[7] })
    local report = mg.profile(function() layer(x):sum():backward() end, QUIET)
    local work = 2 * (2 * 5 * 8 * 4) * 3 * 3 * 3
    for _, name in ipairs{ "conv2d", "conv2d_input", "conv2d_weight" } do
      assert.are.equal(work, row(report.operations, name).flops, name)
    end
  end)

  it("counts what runs beside operations: steps, random numbers, batches", function()
    local net = nn.Linear(3, 3)
    local step = mg.optim.Adam(net:parameters())
    local batches = mg.data.from_tensor(mg.randn(4, 3)):batches(2)
    local report = mg.profile(function()
      net(mg.randn(2, 3)):sum():backward()
      step:step()
      net.weight:detach():add_(1)
      batches:forever()()
    end, QUIET)
    for _, name in ipairs{ "optim.Adam", "random numbers", "add_", "batch of data" } do
      assert.are.equal(1, row(report.operations, name).calls, name)
    end
    assert.are.equal((9 + 3) * 7 * mg.precision / 8, row(report.operations, "optim.Adam").bytes)
  end)

  it("counts no time twice", function()
    local net = nn.Sequential{ nn.Linear(20, 30), nn.BatchNorm(30), nn.ReLU(), nn.Dropout(0.5) }
    local report = mg.profile(function()
      for _ = 1, 10 do net(mg.randn(8, 20)):sum():backward() end
    end, QUIET)
    local operations, layers = 0, 0
    for _, found in ipairs(report.operations) do
      operations = operations + found.forward_seconds + found.backward_seconds
    end
    for _, found in ipairs(report.layers) do layers = layers + found.forward_seconds + found.backward_seconds end
    assert.is_true(operations < report.seconds)
    assert.is_true(layers < operations)
  end)

  it("begins anew each time, and gives no layer the work of a graph of before", function()
    local first = nn.Linear(3, 3)
    local y
    mg.profile(function() y = first(mg.randn(2, 3)):sum() end, QUIET)
    local second = nn.Linear(4, 4)
    local report = mg.profile(function()
      second(mg.randn(2, 4))
      y:backward()
    end, QUIET)
    assert.are.equal(1, #report.layers)
    assert.are.equal("Linear(4 -> 4)", report.layers[1].name)
    assert.are.equal(0, report.layers[1].backward_seconds)
    assert.is_true(row(report.operations, "matmul").backward_seconds > 0)
  end)

  it("takes a layer at the address of one that was freed for another", function()
    local report = mg.profile(function()
      for size = 2, 5 do
        local layer = nn.Linear(size, 2)
        layer(mg.randn(1, size))
        layer:free()
      end
    end, QUIET)
    assert.are.equal(4, #report.layers)
  end)

  it("raises f's error as it is, and can be used again", function()
    local problem = {}
    local good, got = pcall(mg.profile, function() error(problem) end, QUIET)
    assert.is_false(good)
    assert.are.equal(problem, got)
    assert.are.equal(0, #mg.profile(function() end, QUIET).operations)
  end)

  it("prints its tables, unless quiet", function()
    local text, status = helper.run_lua([[
      local mg = require "moongan"
      local report = mg.profile(function() mg.nn.Linear(2, 3)(mg.ones(1, 2)) end)
      mg.profile(function() mg.ones(2):exp() end, { quiet = true })
      io.stderr:write(tostring(report))
    ]])
    assert.are.equal(0, status, text)
    for _, word in ipairs{ "operation", "linear", "GFLOP/s", "everything else", "layer", "Linear%(2 %-> 3%)" } do
      assert.is_truthy(text:find(word), word)
    end
    assert.is_nil(text:find("exp"))
  end)

  it("says what is wrong with its arguments", function()
    helper.error_like(function() mg.profile() end, "mg.profile: argument 1 %(f%): expected a function, got nil")
    helper.error_like(function() mg.profile(print, { quite = true }) end, { "mg.profile", "quite", "quiet" })
    helper.error_like(function() mg.profile(function() mg.profile(print, QUIET) end, QUIET) end,
      "mg.profile: a profile is being taken already")
  end)
end)
