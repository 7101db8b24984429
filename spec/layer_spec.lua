-- Layers that the core builds: agreement with PyTorch, derivatives, modes, and what they refuse.

local mg = require "moongan"
local helper = require "spec.helper"
local nn = mg.nn
local values = helper.values
local layer_samples = require "spec.layer_samples"
local samples, build, set_values = layer_samples.samples, layer_samples.build, layer_samples.set_values

local golden = require "spec.fixtures.layer_golden"
local penalties = require "spec.fixtures.layer_penalty_golden"

-- The golden files hold flat lists; float results differ from them by rounding.
local near_golden = helper.double and 1e-8 or 2e-5

describe("samples of layers", function()
  it("cover every constructor", function()
    for name, value in pairs(nn) do
      if type(value) == "function" then assert(samples[name], "no sample of nn." .. name) end
    end
    for name in pairs(samples) do assert(nn[name], "no constructor nn." .. name) end
  end)

  it("are as many as mg.layers() tells about", function()
    local told = {}
    for _, row in ipairs(mg.layers()) do
      assert(row.doc:find(row.name, 1, true) == 1, row.name)
      told[row.name] = true
    end
    for name in pairs(samples) do assert(told[name], "not told: " .. name) end
    for name in pairs(told) do assert(samples[name], "no sample: " .. name) end
  end)
end)

-- ---- values and derivatives ---------------------------------------------------------------------

describe("PyTorch's values of", function()
  for i, row in ipairs(golden) do
    it(string.format("%s (row %d)", row.name, i), function()
      local layer = nn[row.name](table.unpack(row.arguments)):train(row.training)
      set_values(layer:parameters(), 11)
      set_values(layer:buffers(), 21, 0.5, 1.5)
      local input = row.index and mg.tensor(row.index)
        or values(row.shape, 1, row.low, row.high):requires_grad_(true)
      local output = layer(input)
      assert.same(row.output_shape, output:shape())
      helper.near(row.output, helper.flat(output), near_golden, "output")
      local projected = output * values(row.output_shape, 2)
      projected:sum():backward()
      if row.input_gradient then
        helper.near(row.input_gradient, helper.flat(input.grad), near_golden, "gradient of the input")
      end
      assert.equal(#row.gradients, #layer:parameters())
      for k, parameter in ipairs(layer:parameters()) do
        helper.near(row.gradients[k], helper.flat(parameter.grad), near_golden, "gradient of parameter " .. k)
      end
      assert.equal(#row.buffers, #layer:buffers())
      for k, buffer in ipairs(layer:buffers()) do
        helper.near(row.buffers[k], helper.flat(buffer), near_golden, "buffer " .. k)
      end
    end)
  end

  for _, row in ipairs(penalties) do
    it("second derivatives: a gradient penalty through " .. row.norm, function()
      local critic = nn.Sequential{ nn.Linear(6, 8), nn.LeakyReLU(0.2), nn[row.norm](8), nn.Linear(8, 5), nn.Tanh(),
        nn.Linear(5, 1) }
      set_values(critic:parameters(), 11)
      local x = values({ 4, 6 }, 1):requires_grad_(true)
      local gradient = mg.grad(critic(x):sum(), { x }, { create_graph = true })[1]
      local value = ((gradient:square():sum(2):sqrt() - 1):square()):mean()
      helper.near(row.value, value:item(), near_golden)
      value:backward()
      for k, expected in ipairs(row.gradients) do
        helper.near(expected, helper.flat(critic:parameters()[k].grad), near_golden, "parameter " .. k)
      end
    end)
  end
end)

describe("derivatives of the first and second order of", function()
  if not helper.double then return end
  for name, list in pairs(samples) do
    for i, sample in ipairs(list) do
      it(string.format("%s (sample %d)", name, i), function()
        local layer = build(name, sample)
        local slots, inputs, wants = {}, { sample[2] }, { not sample.constant }
        for k, pair in ipairs(layer:named_parameters()) do
          slots[k], inputs[k + 1], wants[k + 1] = pair[1], pair[2]:detach():clone(), true
        end
        local function assign(slot, tensor)
          local holder, field = layer, slot
          for step in slot:gmatch("([^.]+)%.") do holder = holder[tonumber(step) or step] end
          field = field:match("[^.]+$")
          holder[field] = tensor
        end
        local function f(x, ...)
          for k, slot in ipairs(slots) do assign(slot, (select(k, ...))) end
          mg.manual_seed(5) -- the same mask for Dropout each time
          return layer(x)
        end
        helper.gradcheck(f, inputs, { wants = wants })
        helper.gradgradcheck(f, inputs, { wants = wants })
      end)
    end
  end
end)

describe("empty batches", function()
  for name, list in pairs(samples) do
    it("pass through " .. name .. " in evaluation", function()
      for _, sample in ipairs(list) do
        local shape = sample[2]:shape()
        local batch_moments = name == "BatchNorm" and sample[1][2] and sample[1][2].track_running_stats == false
        if #shape > 1 and not batch_moments then
          local expected = build(name, sample):eval()(sample[2]):shape()
          shape[1], expected[1] = 0, 0
          assert.same(expected, build(name, sample):eval()(mg.zeros(shape)):shape())
        end
      end
    end)
  end
end)

-- ---- single layers ------------------------------------------------------------------------------

describe("Linear", function()
  it("starts within 1/sqrt(in), weights and bias", function()
    local linear = nn.Linear(100, 50)
    assert.same({ 100, 50 }, linear.weight:shape())
    assert.same({ 50 }, linear.bias:shape())
    for _, tensor in ipairs(linear:parameters()) do
      local largest = tensor:abs():max():item()
      assert(largest <= 0.1 and largest > 0.08, "largest is " .. largest)
    end
    assert.is_true(linear.weight.requires_grad)
  end)

  it("repeats its first values with the seed", function()
    mg.manual_seed(4)
    local first = nn.Linear(7, 5)
    mg.manual_seed(4)
    local second = nn.Linear(7, 5)
    helper.same_bits(first.weight, second.weight)
    helper.same_bits(first.bias, second.bias)
  end)

  it("has no bias where told", function()
    local linear = nn.Linear(4, 3, { bias = false })
    assert.is_nil(linear.bias)
    assert.equal(12, linear:num_parameters())
    helper.error_like(function() linear.bias = mg.zeros(3) end, "Linear: bias: switched off when the layer was made")
  end)

  it("takes a tensor of the same shape as its weight, and trains it", function()
    local linear, weight = nn.Linear(4, 3), mg.ones(4, 3)
    linear.weight = weight
    assert.equal(weight, linear.weight)
    assert.is_true(weight.requires_grad)
    helper.error_like(function() linear.weight = mg.ones(3, 4) end,
      "Linear: weight: expected a tensor of shape %(4, 3%), got %(3, 4%)")
    helper.error_like(function() linear.weight = 1 end, "Linear.*weight.*expected a tensor, got number 1")
    helper.error_like(function() linear.weight = weight * 2 end, "Linear: weight: .*result of an operation")
    helper.error_like(function() linear.wieght = weight end, 'Linear: no parameter or buffer .*"wieght"')
    assert.equal(weight, linear.weight)
    linear:requires_grad_(false)
    local frozen = mg.ones(4, 3)
    linear.weight = frozen
    assert.is_false(frozen.requires_grad)
  end)

  it("shows its sizes and options as fields", function()
    local linear = nn.Linear(4, 3)
    assert.equal("integer", math.type(linear["in"]))
    assert.equal(4, linear["in"])
    assert.equal(3, linear.out)
    assert.equal("Linear", linear.name)
    assert.equal(0.8, nn.BatchNorm(3, { eps = 0.8 }).eps)
    assert.same({ 2, 4 }, nn.LayerNorm(2, 4).features)
    assert.is_nil(linear.nothing)
  end)
end)

describe("Maxout", function()
  it("is the largest of its pieces, piece by piece", function()
    local maxout = nn.Maxout(2, 3, 4)
    local x = values({ 5, 2 }, 1)
    local all = x:matmul(maxout.weight) + maxout.bias
    local largest = all:narrow(2, 1, 3)
    for piece = 1, 3 do largest = mg.maximum(largest, all:narrow(2, piece * 3 + 1, 3)) end
    helper.near(largest, maxout(x))
  end)
end)

describe("Embedding", function()
  it("is standard normal at first", function()
    local weight = nn.Embedding(100, 40).weight
    helper.near(0, weight:mean():item(), 0.06)
    helper.near(1, weight:square():mean():item(), 0.1)
  end)

  it("refuses what is no index", function()
    local embedding = nn.Embedding(6, 3)
    for _, bad in ipairs{ 0, 7, 1.5, -1, 0 / 0, math.huge } do
      helper.error_like(function() embedding(mg.tensor{ 1, bad }) end, "Embedding: expected indices in 1 %.%. 6, got ")
    end
    assert.same({ 3 }, embedding(mg.tensor(2)):shape())
  end)
end)

describe("BatchNorm", function()
  it("normalises the batch in training and by running averages in evaluation", function()
    local norm = nn.BatchNorm(3)
    helper.near(mg.zeros(3), norm.running_mean)
    helper.near(mg.ones(3), norm.running_var)
    local x = values({ 8, 3 }, 1) * 3 + 2
    for _ = 1, 200 do norm(x) end
    helper.near(x:mean(1), norm.running_mean, 1e-4)
    local in_training = norm(x)
    norm:eval()
    local before = norm.running_mean:clone()
    -- Running variances are unbiased: 8 / 7 times the batch's.
    helper.near(in_training, norm(x) * math.sqrt(8 / 7), 1e-4)
    helper.same_bits(before, norm.running_mean)
  end)

  it("counts all dimensions but the last as the batch", function()
    local a, b = nn.BatchNorm(3), nn.BatchNorm(3)
    local x = values({ 2, 2, 2, 3 }, 1)
    helper.near(a(x):reshape(8, 3), b(x:reshape(8, 3)))
    helper.near(a.running_var, b.running_var)
  end)

  it("keeps no buffers where told, and needs none in evaluation", function()
    local norm = nn.BatchNorm(3, { track_running_stats = false, affine = false })
    assert.same({}, norm:buffers())
    assert.same({}, norm:parameters())
    local x = values({ 8, 3 }, 1)
    helper.near(norm(x), norm:eval()(x))
  end)

  it("changes nothing where it fails", function()
    local norm = nn.BatchNorm(3)
    helper.error_like(function() norm(mg.ones(1, 3)) end,
      "BatchNorm: expected more than 1 value for each feature of a batch, got %(1, 3%)")
    helper.error_like(function() norm(mg.ones(0, 3)) end, "expected more than 1 value")
    helper.error_like(function() norm(mg.ones(2, 4)) end, "BatchNorm: expected 3 features, got %(2, 4%)")
    helper.error_like(function() norm(mg.ones(3)) end,
      "BatchNorm: expected at least 2 dimensions, the last of 3 features, got %(3,%)")
    helper.near(mg.zeros(3), norm.running_mean)
    assert.same({ 1, 3 }, norm:eval()(mg.ones(1, 3)):shape())
  end)
end)

describe("Dropout", function()
  it("zeroes with probability p and scales the rest", function()
    mg.manual_seed(3)
    local dropout = nn.Dropout(0.25)
    local y = dropout(mg.ones(100, 100))
    local kept = y:ne(0):mean():item()
    helper.near(0.75, kept, 0.02)
    helper.near(1 / 0.75, y:max():item())
    helper.near(1, y:mean():item(), 0.03)
  end)

  it("draws a new mask each time and repeats with the seed", function()
    local dropout, x = nn.Dropout(), mg.ones(64)
    mg.manual_seed(3)
    local first, second = dropout(x), dropout(x)
    assert.is_false(first:eq(second):min():item() == 1)
    mg.manual_seed(3)
    helper.same_bits(first, dropout(x))
  end)

  it("is the identity in evaluation and where p is 0, and nothing where p is 1", function()
    local x = values({ 4, 5 }, 1)
    assert.equal(x, nn.Dropout(0.5):eval()(x))
    assert.equal(x, nn.Dropout(0)(x))
    helper.near(mg.zeros(4, 5), nn.Dropout(1)(x))
  end)
end)

describe("Reshape and Flatten", function()
  it("keep the first dimension", function()
    assert.same({ 2, 3, 4 }, nn.Reshape(3, 4)(mg.ones(2, 12)):shape())
    assert.same({ 2, 3, 4 }, nn.Reshape{ 3, -1 }(mg.ones(2, 2, 6)):shape())
    assert.same({ 2, 12 }, nn.Flatten()(mg.ones(2, 3, 2, 2)):shape())
    assert.same({ 5, 1 }, nn.Flatten()(mg.ones(5)):shape())
  end)

  it("refuse what does not fit", function()
    helper.error_like(function() nn.Reshape(7, 7)(mg.ones(2, 48)) end,
      "Reshape: expected 49 values a sample for %(7, 7%), got %(2, 48%)")
    helper.error_like(function() nn.Reshape(7, -1)(mg.ones(2, 48)) end, "expected a multiple of 7 values a sample")
    helper.error_like(function() nn.Reshape(-1, -1) end, "Reshape: .*one of which may be %-1, got %(%-1, %-1%)")
    helper.error_like(function() nn.Reshape(0, 2) end, "Reshape: ")
    helper.error_like(function() nn.Reshape(1.5) end, "Reshape: ")
    helper.error_like(function() nn.Reshape() end, "Reshape: ")
    helper.error_like(function() nn.Flatten()(mg.tensor(1)) end, "Flatten: expected at least 1 dimension, got %(%)")
    helper.error_like(function() nn.Reshape(1, 2 ^ 31 - 1, 2 ^ 31 - 1, 2 ^ 31 - 1)(mg.ones(2, 3)) end, "Reshape: ")
  end)
end)

describe("constructors", function()
  local function refuses(pattern, name, ...)
    local arguments = table.pack(...)
    helper.error_like(function() nn[name](table.unpack(arguments, 1, arguments.n)) end, pattern)
  end

  it("name what they refuse", function()
    refuses("Linear: argument 2 %(out%)", "Linear", 4)
    refuses("Linear: argument 1 %(in%): expected a whole number .*, got string \"4\"", "Linear", "4", 3)
    refuses("Linear: argument 1 %(in%)", "Linear", 0, 3)
    refuses("Linear: argument 1 %(in%)", "Linear", -4, 3)
    refuses("Linear: argument 1 %(in%)", "Linear", 1.5, 3)
    refuses("Linear: argument 1 %(in%)", "Linear", 0 / 0, 3)
    refuses("Linear: argument 1 %(in%)", "Linear", 1e300, 3)
    refuses('Linear: unknown option "biass" .did you mean "bias"', "Linear", 4, 3, { biass = false })
    refuses("Linear: option bias: expected true or false, got number 1", "Linear", 4, 3, { bias = 1 })
    refuses("Linear: argument 3", "Linear", 4, 3, 2)
    refuses("BatchNorm: argument 2", "BatchNorm", 4, 0.8)
    refuses("BatchNorm: option eps", "BatchNorm", 4, { eps = -1 })
    refuses("BatchNorm: option momentum", "BatchNorm", 4, { momentum = 1.5 })
    refuses("Dropout: argument 1 %(p%)", "Dropout", 1.5)
    refuses("LeakyReLU: argument 1 %(slope%)", "LeakyReLU", -0.1)
    refuses("ELU: .*alpha", "ELU", 0)
    refuses("Softmax: option dim", "Softmax", { dim = 0 })
    refuses("Softmax: option dim", "Softmax", { dim = 1.5 })
    refuses("LayerNorm: ", "LayerNorm")
    refuses("ReLU: argument 1", "ReLU", 3)
  end)

  it("fail on sizes that no memory holds, and leave nothing behind", function()
    helper.leak_check(function()
      refuses("Linear: ", "Linear", 2 ^ 31 - 1, 2 ^ 31 - 1)
      refuses("Maxout: ", "Maxout", 2 ^ 31 - 1, 2 ^ 31 - 1, 2 ^ 31 - 1)
      refuses("Embedding: ", "Embedding", 2 ^ 31 - 1, 2 ^ 31 - 1)
    end)
  end)
end)

describe("a call", function()
  it("names the layer and what came", function()
    helper.error_like(function() nn.Linear(64, 2)(mg.ones(3, 5)) end, "Linear: expected 64 features, got %(3, 5%)")
    helper.error_like(function() nn.Linear(64, 2)(mg.tensor(5)) end,
      "Linear: expected at least 1 dimension, the last of 64 features, got %(%)")
    helper.error_like(function() nn.Linear(4, 2)() end, "Linear: expected 1 to 16 tensors, got 0 arguments")
    helper.error_like(function() nn.Linear(4, 2)(mg.ones(4), mg.ones(4)) end, "Linear: expected 1 tensor, got 2")
    helper.error_like(function() nn.ReLU()("x") end, 'ReLU: argument 1 %(input%): expected a tensor, got string "x"')
    helper.error_like(function() nn.ReLU()(nil) end, "ReLU: argument 1 %(input%): expected a tensor, got nil")
    helper.error_like(function() nn.LayerNorm(3, 4)(mg.ones(4, 3)) end,
      "LayerNorm: expected a shape that ends in %(3, 4%), got %(4, 3%)")
    helper.error_like(function() nn.Softmax{ dim = 3 }(mg.ones(2, 2)) end,
      "Softmax: expected at least 3 dimensions %(dim = 3%), got %(2, 2%)")
    local freed = mg.ones(2, 4)
    freed:free()
    helper.error_like(function() nn.Linear(4, 2)(freed) end, "Linear: argument 1 %(input%).*freed")
  end)

  it("leaves no temporaries behind, also where it fails", function()
    helper.leak_check(function()
      for name, list in pairs(samples) do
        for _, sample in ipairs(list) do
          if name ~= "Module" and name ~= "Sequential" then
            local layer = build(name, sample)
            layer(sample[2])
            pcall(layer, mg.ones(3, 17))
          end
        end
      end
    end)
  end)
end)

describe("a layer", function()
  it("is freed once, and says so when used", function()
    local linear = nn.Linear(4, 3)
    linear:free()
    linear:free()
    helper.error_like(function() linear(mg.ones(2, 4)) end, "the layer has been freed")
    helper.error_like(function() return linear.weight end, "weight: the layer has been freed")
    helper.error_like(function() linear:parameters() end, "parameters: the layer has been freed")
    helper.error_like(function() linear.weight = mg.ones(4, 3) end, "the layer has been freed")
    assert.equal("freed layer", tostring(linear))
    do local closed <close> = nn.Linear(2, 2) end -- luacheck: ignore closed
  end)

  it("leaves its parameters to whoever holds them", function()
    local linear = nn.Linear(4, 3)
    local weight = linear.weight
    linear:free()
    assert.same({ 4, 3 }, weight:shape())
    assert.is_number(weight:sum():item())
  end)

  it("gives its memory back", function()
    helper.gc_modes(function()
      helper.leak_check(function()
        for _ = 1, 20 do
          local linear = nn.Linear(64, 64)
          linear(mg.ones(2, 64)):sum():backward()
        end
      end)
    end)
  end)

  it("weighs as much to the collector as its tensors do", function()
    helper.gc_modes(function()
      helper.collect()
      local before = mg.memory(true).live_bytes
      for _ = 1, 200 do nn.Linear(512, 512) end -- 200 MB and more
      local peak = mg.memory().peak_bytes - before
      assert(peak < 120 * 2 ^ 20, string.format("%d MB at once", peak // 2 ^ 20))
    end)
  end)

  it("withstands foreign receivers", function()
    local methods = debug.getmetatable(nn.ReLU())
    for _, name in ipairs{ "__call", "__index", "__newindex", "__len", "__tostring", "__gc", "__close" } do
      for _, receiver in ipairs{ 1, "x", {}, io.stdout, mg.ones(2) } do pcall(methods[name], receiver, "weight", 1) end
      pcall(methods[name])
    end
    helper.error_like(function() nn.ReLU().parameters(mg.ones(2)) end,
      "parameters: argument 1 %(layer%): expected a layer")
  end)
end)
