-- Layers on images and batches, and containers: agreement with PyTorch to the second derivative,
-- first values, geometry, and what they refuse.

local mg = require "moongan"
local helper = require "spec.helper"
local nn = mg.nn
local values = helper.values
local set_values = require("spec.layer_samples").set_values

local golden = require "spec.fixtures.layer_image_golden"

-- ---- golden values ------------------------------------------------------------------------------

-- Second derivatives in float have lost more digits on their way.
local near_output, near_second = helper.double and 1e-8 or 2e-5, helper.double and 1e-8 or 2e-4

-- The containers of the script's last section.
local builders = {
  shortcut = function()
    return nn.Residual{ nn.Conv2d(2, 2, 3, { padding = 1 }), nn.Tanh(), nn.Conv2d(2, 3, 3, { padding = 1 }),
      shortcut = nn.Conv2d(2, 3, 1) }
  end,
  identity = function() return nn.Residual{ nn.Tanh(), nn.Linear(3, 3) } end,
  concat = function() return nn.Concat{ nn.Linear(3, 2), nn.Identity(), nn.Tanh() } end,
  parallel = function() return nn.Parallel{ nn.Tanh(), nn.Linear(4, 3) } end,
}

local function build(row)
  if row.builder then return builders[row.builder]() end
  if row.inner then return nn.SpectralNorm(nn[row.inner](table.unpack(row.arguments)), row.wrapper) end
  return nn[row.name](table.unpack(row.arguments))
end

local function near_all(expected, actual, tolerance, label)
  assert.equal(#expected, #actual, label)
  for k, tensor in ipairs(actual) do
    helper.near(expected[k], helper.flat(tensor), tolerance, label .. " " .. k)
  end
end

describe("PyTorch's values of", function()
  for i, row in ipairs(golden) do
    it(string.format("%s (row %d)", row.name, i), function()
      local layer, inputs, points = build(row):train(row.training), {}, {}
      set_values(layer:parameters(), 11)
      set_values(layer:buffers(), 21, 0.5, 1.5)
      for k, shape in ipairs(row.shapes) do
        inputs[k] = values(shape, 2 * k - 1, -2, 2):requires_grad_(true)
        points[k] = inputs[k]
      end
      for _, parameter in ipairs(layer:parameters()) do points[#points + 1] = parameter end
      if row.inner then layer(table.unpack(inputs)) end -- a first step of the power iteration

      local output = layer(table.unpack(inputs))
      assert.same(row.output_shape, output:shape())
      helper.near(row.output, helper.flat(output), near_output, "output")
      near_all(row.buffers, layer:buffers(), near_output, "buffer")

      local incoming = values(row.output_shape, 2):requires_grad_(true)
      local first = mg.grad(output, points, { create_graph = true, grad_output = incoming })
      near_all(row.first, first, near_output, "first derivative")
      local total = mg.zeros{}
      for k, gradient in ipairs(first) do total = total + (gradient * values(gradient:shape(), 40 + k)):sum() end
      points[#points + 1] = incoming
      near_all(row.second, mg.grad(total, points), near_second, "second derivative")
    end)
  end

  it("cover every layer on images and batches, and every container", function()
    local covered = {}
    for _, row in ipairs(golden) do covered[row.name] = true end
    for _, name in ipairs{ "Conv2d", "ConvTranspose2d", "BatchNorm", "InstanceNorm", "GroupNorm", "PixelNorm",
      "SpectralNorm", "Dropout2d", "Upsample", "PixelShuffle", "MaxPool2d", "AvgPool2d", "GlobalAvgPool2d", "Residual",
      "Concat", "Parallel", "MinibatchDiscrimination", "MinibatchStddev" } do
      assert(covered[name], name)
    end
  end)
end)

-- ---- convolution --------------------------------------------------------------------------------

-- The largest of a parameter's first values is just within the bound.
local function starts_within(bound, layer)
  for _, pair in ipairs(layer:named_parameters()) do
    local largest = pair[2]:abs():max():item() / bound
    assert(largest <= 1 and largest > 0.85, string.format("%s: %g of the bound", pair[1], largest))
  end
end

describe("Conv2d", function()
  it("starts within 1/sqrt(fan-in), the pixels of a window times the channels of a group", function()
    local conv = nn.Conv2d(8, 32, { 5, 2 }, { groups = 4 })
    assert.same({ 5, 2, 2, 32 }, conv.weight:shape())
    assert.same({ 32 }, conv.bias:shape())
    starts_within(1 / math.sqrt(5 * 2 * 2), conv)
  end)

  it("shows its geometry as fields and in print", function()
    local conv = nn.Conv2d(3, 64, 4, { stride = { 2, 1 }, padding = 1, bias = false })
    assert.same({ 4, 4 }, conv.kernel)
    assert.same({ 2, 1 }, conv.stride)
    assert.same({ 1, 1 }, conv.padding)
    assert.equal(1, conv.groups)
    assert.equal("integer", math.type(conv.stride[1]))
    assert.equal("Conv2d(3 -> 64, 4 x 4, stride = { 2, 1 }, padding = 1, bias = false)  (3 072 parameters)",
      tostring(conv))
    assert.is_nil(conv.bias)
  end)

  it("names what it refuses", function()
    local function refuses(pattern, ...)
      local arguments = table.pack(...)
      helper.error_like(function() nn.Conv2d(table.unpack(arguments, 1, arguments.n)) end, "Conv2d: " .. pattern)
    end
    refuses("argument 3 %(kernel%): expected a whole number in %[1, 64%], or two, { height, width }, got nothing", 3, 8)
    refuses("argument 3 %(kernel%): .*got table", 3, 8, { 3 })
    refuses("argument 3 %(kernel%): .*got table", 3, 8, { 3, 3, 3 })
    refuses("argument 3 %(kernel%): .*got table", 3, 8, { 3, "3" })
    refuses("argument 3 %(kernel%): .*got table", 3, 8, { stride = 2 })
    refuses("argument 3 %(kernel%): .*got number 65", 3, 8, 65)
    refuses("argument 3 %(kernel%): .*got number 2.5", 3, 8, 2.5)
    refuses("argument 4: expected a table of options, got number 2", 3, 8, 3, 2)
    refuses("kernel is positional", 3, 8, 3, { kernel = 3 })
    refuses("option stride: .*got number 0", 3, 8, 3, { stride = 0 })
    refuses("option stride: .*got table", 3, 8, 3, { stride = { 2, 0 } })
    refuses("option padding: .*got number %-1", 3, 8, 3, { padding = -1 })
    refuses("option padding: .*got number 1.5", 3, 8, 3, { padding = 1.5 })
    refuses("option dilation: .*got number nan", 3, 8, 3, { dilation = math.abs(0 / 0) })
    refuses("option groups: expected a divisor of 3 and 8 channels, got 2", 3, 8, 3, { groups = 2 })
    refuses("option groups: expected a divisor of 4 and 6 channels, got 4", 4, 6, 3, { groups = 4 })
    refuses("option groups: .*got table", 4, 4, 3, { groups = { 2, 2 } })
    refuses('unknown option "strides" .did you mean "stride"', 3, 8, 3, { strides = 2 })
    local conv = nn.Conv2d(3, 8, 5, { dilation = { 1, 2 } })
    helper.error_like(function() conv(mg.ones(2, 9, 8, 3)) end,
      "Conv2d: .*a 9 x 8 image leaves no output for a 5 x 5 kernel with padding 0 x 0 and dilation 1 x 2")
    helper.error_like(function() conv(mg.ones(2, 9, 9, 4)) end,
      "Conv2d: expected images %(n, height, width, 3 channels%), got %(2, 9, 9, 4%)")
    helper.error_like(function() conv(mg.ones(9, 9, 3)) end, "expected images")
    helper.error_like(function() conv(mg.ones(2, 0, 9, 3)) end,
      "Conv2d: expected images of at least one pixel, got %(2, 0, 9, 3%)")
    assert.same({ 2, 5, 1, 8 }, conv(mg.ones(2, 9, 9, 3)):shape())
  end)
end)

describe("ConvTranspose2d", function()
  it("starts within 1/sqrt of what PyTorch takes for its fan-in", function()
    local conv = nn.ConvTranspose2d(32, 8, { 5, 2 }, { groups = 4 })
    assert.same({ 5, 2, 2, 32 }, conv.weight:shape())
    assert.same({ 8 }, conv.bias:shape())
    mg.manual_seed(3)
    starts_within(1 / math.sqrt(5 * 2 * 2), nn.ConvTranspose2d(32, 64, { 5, 2 }, { groups = 32 }))
  end)

  it("undoes the size of a convolution", function()
    for _, case in ipairs{ { 7, 4, 2, 1, 0 }, { 8, 3, 2, 1, 1 }, { 9, 3, 3, 0, 0 }, { 5, 5, 1, 2, 0 } } do
      local size, kernel, stride, padding, extra = table.unpack(case)
      local image = mg.ones(1, 2 * size, 2 * size, 2)
      local small = nn.Conv2d(2, 3, kernel, { stride = stride, padding = padding })(image)
      local options = { stride = stride, padding = padding, output_padding = extra }
      assert.same(image:shape(), nn.ConvTranspose2d(3, 2, kernel, options)(small):shape())
    end
  end)

  it("names what it refuses", function()
    helper.error_like(function() nn.ConvTranspose2d(3, 2, 3, { output_padding = 1 }) end,
      "ConvTranspose2d: option output_padding: expected less than the stride of 1, got 1")
    helper.error_like(function() nn.ConvTranspose2d(3, 2, 3, { stride = { 2, 3 }, output_padding = 2 }) end,
      "expected less than the stride of 2, got 2")
    helper.error_like(function() nn.ConvTranspose2d(3, 2, 3, { groups = 3 }) end,
      "ConvTranspose2d: option groups: expected a divisor of 3 and 2 channels, got 3")
    helper.error_like(function() nn.ConvTranspose2d(3, 2, 3, { padding = 2 })(mg.ones(1, 2, 9, 3)) end,
      "ConvTranspose2d: padding 2 x 2 leaves no pixel of the result for %(1, 2, 9, 3%)")
    helper.error_like(function() nn.ConvTranspose2d(3, 2, 3)(mg.ones(1, 2, 2, 2)) end,
      "ConvTranspose2d: expected images %(n, height, width, 3 channels%), got %(1, 2, 2, 2%)")
    helper.error_like(function() nn.ConvTranspose2d(3, 2, 3)(mg.ones(1, 0, 2, 3)) end, "at least one pixel")
  end)

  it("takes a stride far beyond its kernel", function()
    local conv = nn.ConvTranspose2d(17, 17, 2, { stride = 2 ^ 20, output_padding = 1 })
    assert.same({ 1, 3, 3, 17 }, conv(mg.ones(1, 1, 1, 17)):shape())
  end)
end)

-- ---- normalisation ------------------------------------------------------------------------------

-- Mean and variance of the slice of each sample that `slice` gives.
local function standard(x, slice)
  for i = 1, x:size(1) do
    local flat = slice(x[i]):reshape(-1)
    helper.near(0, flat:mean():item(), 1e-5)
    helper.near(1, (flat - flat:mean()):square():mean():item(), 1e-3)
  end
end

describe("InstanceNorm", function()
  it("makes each channel of each image standard, the same in evaluation", function()
    local x = values({ 3, 4, 4, 2 }, 1) * 5 + 2
    local norm = nn.InstanceNorm(2)
    for channel = 1, 2 do standard(norm(x), function(image) return image:narrow(3, channel, 1) end) end
    helper.same_bits(norm(x), norm:eval()(x))
    assert.same({}, norm:parameters())
    assert.equal(4, nn.InstanceNorm(2, { affine = true }):num_parameters())
  end)

  it("wants more than one position", function()
    helper.error_like(function() nn.InstanceNorm(3)(mg.ones(2, 1, 1, 3)) end,
      "InstanceNorm: expected more than 1 value for each feature of a sample, got %(2, 1, 1, 3%)")
    helper.error_like(function() nn.InstanceNorm(3)(mg.ones(2, 3)) end,
      "InstanceNorm: expected at least 3 dimensions, the last of 3 features, got %(2, 3%)")
  end)
end)

describe("GroupNorm", function()
  it("makes each group of channels standard", function()
    local x = values({ 3, 4, 4, 6 }, 1) * 5 + 2
    local y = nn.GroupNorm(2, 6)(x)
    for group = 0, 1 do standard(y, function(image) return image:narrow(3, 3 * group + 1, 3) end) end
    helper.near(nn.InstanceNorm(6)(x), nn.GroupNorm(6, 6)(x), 1e-4)
    helper.near(nn.LayerNorm(4, 4, 6, { elementwise_affine = false })(x), nn.GroupNorm(1, 6)(x), 1e-4)
  end)

  it("names what it refuses", function()
    helper.error_like(function() nn.GroupNorm(4, 6) end,
      "GroupNorm: argument 1 %(groups%): expected a divisor of 6 channels, got 4")
    helper.error_like(function() nn.GroupNorm(2, 6)(mg.ones(2, 4)) end, "GroupNorm: expected 6 features, got %(2, 4%)")
  end)
end)

describe("PixelNorm", function()
  it("gives every pixel's channels a mean square of 1", function()
    local y = nn.PixelNorm()(values({ 2, 3, 3, 5 }, 1))
    helper.near(mg.ones(2, 3, 3), y:square():mean(4), 1e-5)
    helper.near(mg.zeros(1, 4), nn.PixelNorm()(mg.zeros(1, 4)))
    helper.error_like(function() nn.PixelNorm()(mg.tensor(1)) end, "PixelNorm: expected at least 1 dimension")
  end)
end)

describe("BatchNorm of images", function()
  it("makes each channel standard over batch and positions", function()
    local y = nn.BatchNorm(3)(values({ 4, 5, 5, 3 }, 1) * 3 + 7)
    for channel = 1, 3 do
      standard(y:narrow(4, channel, 1):reshape(1, -1), function(all) return all end)
    end
  end)
end)

-- ---- sizes --------------------------------------------------------------------------------------

describe("Dropout2d", function()
  it("zeroes whole channels and scales the rest", function()
    mg.manual_seed(3)
    local dropout, x = nn.Dropout2d(0.25), mg.ones(40, 3, 3, 50)
    local y = dropout(x)
    local sums = y:reshape(40, 9, 50):sum(2)
    helper.near(0.75, sums:ne(0):mean():item(), 0.03)
    helper.near(mg.full({ 40, 50 }, 9 / 0.75) * sums:ne(0), sums, 1e-5)
    assert.equal(x, dropout:eval()(x))
    helper.error_like(function() dropout(mg.ones(3, 3)) end,
      "Dropout2d: expected images %(n, height, width, channels%), got %(3, 3%)")
    helper.near(mg.zeros(2, 2, 2, 2), nn.Dropout2d(1)(mg.ones(2, 2, 2, 2)))
  end)
end)

describe("pooling", function()
  it("steps by its kernel unless told", function()
    assert.same({ 1, 2, 3, 2 }, nn.MaxPool2d{ 3, 2 }(mg.ones(1, 7, 6, 2)):shape())
    assert.same({ 3, 2 }, nn.AvgPool2d{ 3, 2 }.stride)
    assert.same({ 1, 5, 5, 2 }, nn.AvgPool2d(3, { stride = 1 })(mg.ones(1, 7, 7, 2)):shape())
  end)

  it("names what it refuses", function()
    helper.error_like(function() nn.MaxPool2d() end, "MaxPool2d: argument 1 %(kernel%)")
    helper.error_like(function() nn.MaxPool2d(2, { padding = 2 }) end,
      "MaxPool2d: option padding: expected at most half the kernel of 2, got 2")
    helper.error_like(function() nn.AvgPool2d(2, { dilation = 2 }) end, 'AvgPool2d: unknown option "dilation"')
    helper.error_like(function() nn.MaxPool2d(5)(mg.ones(1, 4, 9, 2)) end,
      "MaxPool2d: .*a 4 x 9 image leaves no output for a 5 x 5 window")
    helper.error_like(function() nn.AvgPool2d(2)(mg.ones(4, 4)) end, "AvgPool2d: expected images")
    helper.error_like(function() nn.GlobalAvgPool2d()(mg.ones(4, 4)) end, "GlobalAvgPool2d: expected images")
    helper.error_like(function() nn.GlobalAvgPool2d()(mg.ones(4, 0, 4, 4)) end, "at least one pixel")
  end)

  it("refuses windows that miss the image", function()
    helper.error_like(function() nn.MaxPool2d(2, { padding = 1, dilation = 10 })(mg.ones(1, 9, 9, 1)) end,
      "MaxPool2d: .*expected a dilation of at most the image's 9 pixels, got 10")
    assert.same({ 1, 1, 1, 1 }, nn.MaxPool2d(2, { padding = 1, dilation = 9 })(mg.ones(1, 9, 9, 1)):shape())
  end)
end)

describe("Upsample", function()
  it("wants a scale or a size", function()
    helper.error_like(function() nn.Upsample() end,
      "Upsample: expected either option scale or option size, got neither")
    helper.error_like(function() nn.Upsample{ scale = 2, size = 4 } end, "Upsample: .*got both")
    helper.error_like(function() nn.Upsample{ scale = 1.5 } end, "Upsample: option scale")
    helper.error_like(function() nn.Upsample{ scale = 2, mode = "cubic" } end,
      "Upsample: option mode: expected one of nearest|bilinear")
    helper.error_like(function() nn.Upsample{ scale = 2 }(mg.ones(2, 2)) end, "Upsample: expected images")
    helper.error_like(function() nn.Upsample{ size = 2 }(mg.ones(2, 0, 2, 1)) end, "at least one pixel")
  end)

  it("repeats pixels", function()
    local x = mg.tensor{ { { { 1 }, { 2 } }, { { 3 }, { 4 } } } }
    helper.near({ { 1, 1, 2, 2 }, { 1, 1, 2, 2 }, { 3, 3, 4, 4 }, { 3, 3, 4, 4 } },
      nn.Upsample{ scale = 2 }(x):reshape(4, 4))
    helper.near({ { 1, 1, 2 }, { 3, 3, 4 } }, nn.Upsample{ size = { 2, 3 } }(x):reshape(2, 3))
    helper.near(x, nn.Upsample{ scale = 1 }(x))
    helper.near(x, nn.Upsample{ scale = 1, mode = "bilinear" }(x))
  end)
end)

describe("PixelShuffle", function()
  it("refuses channels that are no multiple of the factor's square", function()
    helper.error_like(function() nn.PixelShuffle(3)(mg.ones(1, 2, 2, 12)) end,
      "PixelShuffle: expected a multiple of 9 channels, the square of the factor, got %(1, 2, 2, 12%)")
    helper.error_like(function() nn.PixelShuffle() end, "PixelShuffle: argument 1 %(factor%)")
  end)
end)

describe("functions of tensors", function()
  it("are the layers of the same name", function()
    local x = values({ 2, 4, 6, 4 }, 1)
    helper.same_bits(nn.MaxPool2d(2)(x), mg.max_pool2d(x, 2))
    helper.same_bits(nn.MaxPool2d({ 3, 2 }, { stride = 1, padding = 1 })(x),
      x:max_pool2d({ 3, 2 }, { stride = 1, padding = 1 }))
    helper.same_bits(nn.PixelShuffle(2)(x), mg.pixel_shuffle(x, 2))
    helper.same_bits(nn.Upsample{ scale = { 1, 2 }, mode = "bilinear" }(x),
      x:upsample{ scale = { 1, 2 }, mode = "bilinear" })
    local leaf = values({ 1, 2, 2, 1 }, 1):requires_grad_(true)
    leaf:upsample{ scale = 3 }:sum():backward()
    helper.near(mg.full({ 1, 2, 2, 1 }, 9), leaf.grad)
  end)

  it("name what they refuse", function()
    local x = mg.ones(2, 4, 6, 4)
    helper.error_like(function() mg.max_pool2d(x) end, "max_pool2d: argument 2 %(kernel%)")
    helper.error_like(function() x:max_pool2d(2, { padding = 2 }) end,
      "max_pool2d: option padding: expected at most half")
    helper.error_like(function() mg.max_pool2d(3, 2) end,
      "max_pool2d: argument 1 %(x%): expected a tensor, got number 3")
    helper.error_like(function() mg.max_pool2d() end, "max_pool2d: argument 1 %(x%)")
    helper.error_like(function() x:pixel_shuffle(3) end, "pixel_shuffle: expected a multiple of 9 channels")
    helper.error_like(function() x:upsample{} end, "upsample: expected either option scale or option size, got neither")
    helper.leak_check(function() pcall(mg.upsample, mg.ones(2, 4, 6, 4), { scale = 2 ^ 20 }) end)
  end)
end)

-- ---- batches ------------------------------------------------------------------------------------

describe("MinibatchDiscrimination", function()
  it("starts where distances are near 1", function()
    mg.manual_seed(5)
    for _, sizes in ipairs{ { 20, 8, 4 }, { 500, 8, 32 } } do
      local layer = nn.MinibatchDiscrimination(table.unpack(sizes))
      local closeness = layer(mg.randn(64, sizes[1])):narrow(2, sizes[1] + 1, 8)
      local mean = ((closeness - 1) / 63):mean():item()
      assert(mean > 0.2 and mean < 0.5, mean)
    end
  end)

  it("passes its input on and tells equal samples apart from others", function()
    local layer, x = nn.MinibatchDiscrimination(3, 2, 4), values({ 4, 3 }, 1, -9, 9)
    set_values(layer:parameters(), 5, -4, 4)
    x[4] = x[1]
    local y = layer(x)
    helper.same_bits(x, y:narrow(2, 1, 3):clone())
    helper.near({ 2, 1, 1, 2 }, y:narrow(2, 4, 1):reshape(4), 1e-3)
    helper.error_like(function() layer(mg.ones(4, 2)) end,
      "MinibatchDiscrimination: expected a batch %(n, 3%), got %(4, 2%)")
    helper.error_like(function() layer(mg.ones(4, 2, 3)) end, "expected a batch")
  end)
end)

describe("MinibatchStddev", function()
  it("measures groups of samples, at most the batch", function()
    local norm = nn.MinibatchStddev{ group = 2 }
    local x = mg.tensor{ { 1, 1 }, { 5, 5 }, { 3, 3 }, { 5, 5 } } -- 1 with 3, 5 with 5
    helper.near({ { 1, 1, 1 }, { 5, 5, 0 }, { 3, 3, 1 }, { 5, 5, 0 } }, norm(x), 2e-4)
    helper.near({ { 2, 3, 0 } }, nn.MinibatchStddev()(mg.tensor{ { 2, 3 } }), 2e-4)
    helper.error_like(function() norm(mg.ones(3, 2)) end,
      "MinibatchStddev: expected a batch that divides into groups of 2, got %(3, 2%)")
    helper.error_like(function() norm(mg.ones(4)) end, "MinibatchStddev: expected at least 2 dimensions, got %(4,%)")
    helper.error_like(function() nn.MinibatchStddev{ group = 0 } end, "MinibatchStddev: option group")
    helper.error_like(function() nn.MinibatchStddev{ group = 2.5 } end, "option group: expected a whole number")
  end)
end)

-- ---- whole networks -----------------------------------------------------------------------------

describe("a pair on images", function()
  local function pair()
    local generator = nn.Sequential{
      nn.Linear(8, 2 * 2 * 16), nn.Reshape(2, 2, 16), nn.BatchNorm(16), nn.ReLU(),
      nn.ConvTranspose2d(16, 8, 4, { stride = 2, padding = 1, bias = false }), nn.BatchNorm(8), nn.ReLU(),
      nn.Upsample{ scale = 2 }, nn.Conv2d(8, 3, 3, { padding = 1 }), nn.Tanh(),
    }
    local critic = nn.Sequential{
      nn.SpectralNorm(nn.Conv2d(3, 8, 4, { stride = 2, padding = 1 })), nn.LeakyReLU(0.2),
      nn.Residual{ nn.Conv2d(8, 8, 3, { padding = 1 }), nn.GroupNorm(2, 8), shortcut = nn.Conv2d(8, 8, 1) },
      nn.MinibatchStddev(), nn.GlobalAvgPool2d(), nn.Linear(9, 1),
    }
    return generator, critic
  end

  it("trains through a gradient penalty, of the same bits for any number of threads", function()
    local function run()
      mg.manual_seed(9)
      local generator, critic = pair()
      local real = values({ 4, 8, 8, 3 }, 1)
      local penalty = mg.loss.gradient_penalty(critic, real, generator(mg.randn(4, 8)):detach())
      local score = critic(generator(mg.randn(4, 8))):mean() + penalty
      score:backward()
      local gradients = {}
      for _, network in ipairs{ generator, critic } do
        for _, pair_of in ipairs(network:named_parameters()) do
          -- The penalty does not depend on the last bias, but the score does.
          gradients[#gradients + 1] = helper.flat(assert(pair_of[2].grad, pair_of[1]))
        end
      end
      return gradients
    end
    helper.near(helper.with_threads(1, run), helper.with_threads(2, run), 0)
  end)

  it("gives its memory back, also where it fails", function()
    helper.gc_modes(function()
      helper.leak_check(function()
        for _ = 1, 5 do
          local generator, critic = pair()
          critic(generator(mg.randn(4, 8))):sum():backward()
          pcall(critic, mg.ones(3, 1, 1, 3))
          pcall(critic, mg.ones(4, 8, 8, 2))
        end
      end)
    end)
  end)

  it("fails on sizes that no memory holds, and leaves nothing behind", function()
    helper.leak_check(function()
      for _, f in ipairs{ function() nn.Conv2d(2 ^ 31 - 1, 2 ^ 31 - 1, 64) end,
        function() nn.ConvTranspose2d(2 ^ 31 - 1, 2 ^ 31 - 1, 64) end,
        function() nn.MinibatchDiscrimination(2 ^ 31 - 1, 2 ^ 31 - 1, 2 ^ 31 - 1) end,
        function() nn.Conv2d(1, 1, 1, { padding = 2 ^ 20 })(mg.ones(4, 1, 1, 1)) end,
        function() nn.Upsample{ size = 2 ^ 31 - 1 }(mg.ones(1, 1, 1, 1)) end } do
        helper.error_like(f, "memory")
      end
    end)
  end)
end)
