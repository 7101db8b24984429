-- The convolutional networks of moongan.models: shapes at every size, parameter counts, what labels
-- do, initial weights, heads with known answers, options that are refused.

local mg = require "moongan"
local helper = require "spec.helper"
local models, nn = mg.models, mg.nn

local SIZES = { 28, 32, 64, 128 }

local function channels_of(size) return size == 28 and 1 or 3 end

local function images(n, size) return helper.values({ n, size, size, channels_of(size) }, 5) end

-- The layers within a network that have the kind of printed line given.
local function count(network, pattern)
  local _, found = tostring(network):gsub(pattern, "")
  return found
end

describe("convolutional models", function()
  -- PyTorch's counts for the same networks; those of the residual generator without the biases that
  -- its batch normalisation cancels.
  local counts = {
    { "dcgan_generator", {}, 765953 }, { "dcgan_discriminator", {}, 138689 },
    { "cdcgan_generator", {}, 1080053 }, { "cdcgan_discriminator", {}, 180197 },
    { "dcgan_generator", { size = 32 }, 1068928 }, { "dcgan_discriminator", { size = 32 }, 663296 },
    { "dcgan_discriminator", { size = 32, norm = "none" }, 662528 },
    { "dcgan_discriminator", { size = 32, norm = "spectral" }, 662528 },
    { "dcgan_generator", { size = 64 }, 3576704 }, { "dcgan_discriminator", { size = 64 }, 2765568 },
    { "dcgan_generator", { size = 64, channels = 1, nf = 128 }, 12654336 },
    { "dcgan_discriminator", { size = 64, channels = 1, nf = 128 }, 11032064 },
    { "dcgan_generator", { size = 128 }, 12786560 }, { "dcgan_discriminator", { size = 128 }, 11164416 },
    { "acgan_discriminator", { size = 32 }, 704267 },
    { "upsample_generator", {}, 855873 }, { "upsample_generator", { norm = "none" }, 855425 },
    { "upsample_generator", { size = 64 }, 4739651 }, { "upsample_discriminator", {}, 212865 },
    { "cupsample_generator", {}, 860024 }, { "cupsample_discriminator", {}, 87925 },
    { "resnet_generator", {}, 1204483 - 9 * 128 }, { "resnet_generator", { nf = 256 }, 4276739 - 9 * 256 },
    { "resnet_discriminator", {}, 1053825 }, { "projection_discriminator", {}, 1055105 },
    { "r3gan_generator", {}, 112513 }, { "r3gan_discriminator", {}, 108545 },
  }
  for _, row in ipairs(counts) do
    local words = {}
    for key, value in pairs(row[2]) do words[#words + 1] = key .. " = " .. tostring(value) end
    table.sort(words)
    it(row[1] .. "{" .. table.concat(words, ", ") .. "} has the known number of parameters", function()
      assert.equal(row[3], models[row[1]](row[2]):num_parameters())
    end)
  end

  for _, size in ipairs(SIZES) do
    it("turn noise into images of " .. size .. " and those into scores", function()
      local shape = { 2, size, size, channels_of(size) }
      for _, stem in ipairs{ "dcgan", "upsample", "r3gan" } do
        local G = models[stem .. "_generator"]{ size = size, nf = 4, nz = 6 }
        local D = models[stem .. "_discriminator"]{ size = size, nf = 4 }
        local x = G(mg.randn(2, 6))
        assert.same(shape, x:shape())
        assert.same({ 2, 1 }, D(x):shape())
        if stem ~= "r3gan" then assert.is_true(x:abs():max():item() <= 1) end
      end
      local y = mg.tensor{ 3, 1 }
      for _, stem in ipairs{ "cdcgan", "cupsample" } do
        local G = models[stem .. "_generator"]{ size = size, nf = 4, nz = 6, classes = 3, embedding = 5 }
        local D = models[stem .. "_discriminator"]{ size = size, nf = 4, classes = 3, embedding = 5 }
        local x = G(mg.randn(2, 6), y)
        assert.same(shape, x:shape())
        assert.same({ 2, 1 }, D(x, y):shape())
      end
      local score, classes = models.acgan_discriminator{ size = size, nf = 4, classes = 3 }(images(2, size))
      assert.same({ 2, 1 }, score:shape())
      assert.same({ 2, 3 }, classes:shape())
    end)
  end

  it("take other channels", function()
    for _, stem in ipairs{ "dcgan", "upsample", "r3gan" } do
      local G = models[stem .. "_generator"]{ size = 32, nf = 4, nz = 6, channels = 1 }
      local D = models[stem .. "_discriminator"]{ size = 32, nf = 4, channels = 1 }
      assert.same({ 2, 1 }, D(G(mg.randn(2, 6))):shape())
    end
    local G, D = models.resnet_generator{ nf = 4, channels = 2 }, models.resnet_discriminator{ nf = 4, channels = 2 }
    assert.same({ 2, 32, 32, 2 }, G(mg.randn(2, 128)):shape())
    assert.same({ 2, 1 }, D(G(mg.randn(2, 128))):shape())
  end)

  it("begin with up to 1024 maps", function()
    assert.same({ 4, 4, 1024, 100 }, models.dcgan_generator{ size = 128 }[2].weight:shape())
    assert.same({ 4, 4, 1024, 100 }, models.dcgan_generator{ size = 64, nf = 128 }[2].weight:shape())
    assert.same({ 100, 7 * 7 * 1024 }, models.dcgan_generator{ nf = 512 }[1].weight:shape())
  end)

  it("judge each image by itself unless they normalise batches", function()
    local x = images(4, 28)
    for _, norm in ipairs{ "batch", "instance", "layer", "spectral", "none" } do
      local D = models.dcgan_discriminator{ nf = 4, norm = norm, init = "default" }:train()
      if norm == "spectral" then D:eval() end -- each call in training moves the estimate of the norms
      local alone = D(x:narrow(1, 1, 2)):detach()
      local difference = (D(x):detach():narrow(1, 1, 2) - alone):abs():max():item()
      if norm == "batch" then assert.is_true(difference > 1e-3) else assert.is_true(difference < 1e-5, norm) end
    end
    assert.equal(3, count(models.dcgan_discriminator{ nf = 4, norm = "spectral" }, "SpectralNorm"))
    assert.equal(0, count(models.dcgan_discriminator{ nf = 4, norm = "spectral" }, "BatchNorm"))
  end)

  it("print their layers", function()
    local text = tostring(models.dcgan_generator{ size = 64 })
    assert.truthy(text:find("ConvTranspose2d(512 -> 256, 4 x 4, stride = 2, padding = 1, bias = false)", 1, true), text)
    assert.truthy(tostring(models.cdcgan_discriminator()):find("^ConditionalDiscriminator  %(180 k parameters%)"))
  end)
end)

describe("gradients reach every parameter of", function()
  -- What begins as 0 holds back gradients only at the start.
  local function without_zeros(network)
    mg.manual_seed(4)
    for _, parameter in ipairs(network:parameters()) do
      if parameter:detach():abs():max():item() == 0 then nn.init.normal_(parameter, 0, 0.1) end
    end
    return network
  end

  local function check(network, ...)
    local score, classes = without_zeros(network)(...)
    local total = score:square():sum()
    if classes then total = total + classes:square():sum() end
    total:backward()
    for _, pair in ipairs(network:named_parameters()) do
      assert.is_true(pair[2].grad ~= nil and pair[2].grad:abs():max():item() > 1e-12, pair[1])
    end
  end

  local y = mg.tensor{ 1, 3, 2, 3 }
  local z = helper.values({ 4, 6 }, 3)
  for _, size in ipairs{ 28, 32 } do
    for _, stem in ipairs{ "dcgan", "upsample", "r3gan" } do
      it(stem .. " at " .. size, function()
        check(models[stem .. "_generator"]{ size = size, nf = 8, nz = 6 }, z)
        check(models[stem .. "_discriminator"]{ size = size, nf = 8 }, images(4, size))
      end)
    end
    for _, stem in ipairs{ "cdcgan", "cupsample" } do
      it(stem .. " at " .. size, function()
        check(models[stem .. "_generator"]{ size = size, nf = 8, nz = 6, classes = 3 }, z, y)
        check(models[stem .. "_discriminator"]{ size = size, nf = 8, classes = 3 }, images(4, size), y)
      end)
    end
    it("acgan at " .. size, function()
      check(models.acgan_discriminator{ size = size, nf = 8, classes = 3 }, images(4, size))
    end)
  end

  it("the residual pair and the projection discriminator", function()
    check(models.resnet_generator{ nf = 8, nz = 6 }, z)
    for _, norm in ipairs{ "none", "spectral" } do
      check(models.resnet_discriminator{ nf = 8, norm = norm }, images(4, 32))
      check(models.projection_discriminator{ nf = 8, norm = norm, classes = 3 }, images(4, 32), y)
    end
  end)
end)

describe("convolutional conditional models", function()
  local z, y, others = helper.values({ 3, 6 }, 3), mg.tensor{ 1, 3, 2 }, mg.tensor{ 2, 1, 3 }

  it("use their label", function()
    for _, stem in ipairs{ "cdcgan", "cupsample" } do
      local given = { nf = 4, classes = 3 }
      local D = models[stem .. "_discriminator"](given):eval()
      given.nz = 6
      local G = models[stem .. "_generator"](given):eval()
      local x = G(z, y)
      assert.is_true((G(z, others) - x):abs():max():item() > 1e-6, stem)
      assert.is_true((D(x, others) - D(x, y)):abs():max():item() > 1e-6, stem)
    end
    local D = models.projection_discriminator{ nf = 4, classes = 3 }:eval()
    assert.is_true((D(images(3, 32), others) - D(images(3, 32), y)):abs():max():item() > 1e-6)
  end)

  it("join an embedding to the noise, and one as a channel to the image", function()
    local G = models.cdcgan_generator{ nf = 4, nz = 6, classes = 3, embedding = 2 }:eval()
    helper.same_bits(G.body(mg.cat({ z, G.embedding(y) }, 2)):detach(), G(z, y):detach())
    local D = models.cdcgan_discriminator{ nf = 4, classes = 3, embedding = 2 }:eval()
    local x, label = images(3, 28), D.label
    local channel = label[2](label[1](y)):reshape(3, 28, 28, 1)
    helper.same_bits(D.body(mg.cat({ x, channel }, 4)):detach(), D(x, y):detach())
  end)

  it("name a label that is no class", function()
    local G = models.cdcgan_generator{ nf = 4, nz = 6, classes = 3 }
    helper.error_like(function() G(z, mg.tensor{ 1, 4, 1 }) end, { "Embedding", "1 %.%. 3", "4" })
    helper.error_like(function() G(z, mg.tensor{ 1, 2 }) end, "cat")
  end)
end)

describe("heads", function()
  local function set(tensor, values) mg.no_grad(function() tensor:copy_(mg.tensor(values)) end) end

  local x = mg.tensor{ { 1, 2 }, { 3, 4 } }

  it("of projection discriminators add the product of features and label to the score", function()
    local D = models.projection_head{ features = nn.Flatten(), count = 2, classes = 3 }
    set(D.score.weight, { { 1 }, { 2 } })
    set(D.score.bias, { 0.5 })
    set(D.label.weight, { { 1, 0 }, { 0, 3 }, { -1, -1 } })
    -- 1 + 4 + 0.5 + (0, 3)(1, 2) and 3 + 8 + 0.5 + (1, 0)(3, 4)
    helper.near({ { 11.5 }, { 14.5 } }, D(x, mg.tensor{ 2, 1 }):detach())
  end)

  it("of AC-GAN score and name the class", function()
    local D = models.acgan_head{ features = nn.Flatten(), count = 2, classes = 3 }
    set(D.score.weight, { { 1 }, { 2 } })
    set(D.score.bias, { 0.5 })
    set(D.class.weight, { { 1, 0, 2 }, { 0, 1, -1 } })
    set(D.class.bias, { 0, 10, 0 })
    local score, classes = D(x)
    helper.near({ { 5.5 }, { 11.5 } }, score:detach())
    helper.near({ { 1, 12, 0 }, { 3, 14, 2 } }, classes:detach())
  end)

  it("need features and their number", function()
    for _, name in ipairs{ "projection_head", "acgan_head" } do
      helper.error_like(function() models[name]{ count = 2 } end, { "mg.models." .. name, "features", "moongan.Layer" })
      helper.error_like(function() models[name]{ features = nn.Flatten() } end, { name, "count", "nil" })
    end
  end)

  it("fit the features of the discriminators here", function()
    local features, number = models.dcgan_features{ size = 64, nf = 4 }
    assert.same({ 2, number }, features(images(2, 64)):shape())
    features, number = models.resnet_features{ nf = 4 }
    assert.same({ 2, number }, features(images(2, 32)):shape())
    local D = models.projection_head{ features = features, count = number, norm = "spectral" }
    assert.same({ 2, 1 }, D(images(2, 32), mg.tensor{ 1, 10 }):shape())
  end)
end)

describe("initial weights", function()
  local function std(tensor) return tensor:detach():square():mean():sqrt():item() end

  it("of DCGAN are drawn with deviation 0.02, of normalisation around 1", function()
    mg.manual_seed(3)
    local D = models.dcgan_discriminator{ size = 64, nf = 16 }
    for i, layer in ipairs{ D[1], D[3], D[6] } do assert.is_true(math.abs(std(layer.weight) - 0.02) < 2e-3, i) end
    local gamma = D[7].weight:detach()
    helper.near(1, gamma:mean():item(), 0.01)
    assert.is_true(std(gamma - 1) > 0.01 and std(gamma - 1) < 0.03)
    assert.equal(0, D[7].bias:detach():abs():max():item())
  end)

  it("are the layers' own where asked", function()
    mg.manual_seed(3)
    local G = models.dcgan_generator{ size = 64, nf = 16, init = "default" }
    -- Uniform in +-1 / sqrt(fan-in), as PyTorch has it: fan-in 4 * 4 * 64 of the second.
    assert.is_true(math.abs(std(G[5].weight) * math.sqrt(3 * 16 * 64) - 1) < 0.05)
    assert.equal(1, G[3].weight:min():item())
  end)

  it("of an embedding are not those of a layer", function()
    mg.manual_seed(3)
    assert.is_true(std(models.cdcgan_generator{ nf = 4 }.embedding.weight) > 0.8)
  end)

  it("of residual pairs keep the scale of images", function()
    mg.manual_seed(3)
    local D = models.resnet_discriminator{ nf = 32 }
    local inner = D[2][2].weight
    assert.is_true(math.abs(std(inner) * math.sqrt(9 * 32 / 2) - 1) < 0.05) -- gain sqrt 2
    local plain = models.resnet_discriminator{ nf = 32, init = "default" }
    assert.is_true(std(plain[2][2].weight) < 0.6 * std(inner))
  end)

  it("of R3GAN's blocks let the input pass", function()
    local D = models.r3gan_discriminator{ nf = 8, groups = 4 }
    local x = helper.values({ 2, 28, 28, 8 }, 6)
    helper.same_bits(x, D[2](x):detach())
  end)
end)

describe("convolutional models refuse", function()
  local cases = {
    { "dcgan_generator", { size = 30 }, { "option size", "28, 32, 64 or 128", "30" } },
    { "dcgan_generator", { size = "28" }, { "option size", "whole number", '"28"' } },
    { "dcgan_discriminator", { channels = 0 }, { "option channels", "at least 1", "0" } },
    { "dcgan_discriminator", { nf = 1.5 }, { "option nf", "1.5" } },
    { "dcgan_discriminator", { norm = "bach" }, { "option norm", '"batch"', '"bach"' } },
    { "dcgan_generator", { init = "xavier" }, { "option init", '"dcgan"', '"xavier"' } },
    { "dcgan_generator", { nfs = 3 }, { '"nfs"', '"nf"' } },
    { "dcgan_generator", { norm = "batch" }, { '"norm"' } },
    { "cdcgan_generator", { classes = 0 }, { "option classes", "0" } },
    { "cdcgan_discriminator", { embeddings = 3 }, { '"embeddings"', '"embedding"' } },
    { "upsample_generator", { norm = "layer" }, { "option norm", '"none"', '"layer"' } },
    { "upsample_discriminator", { dropout = 1 }, { "option dropout", "1" } },
    { "cupsample_discriminator", { label_units = 0 }, { "option label_units" } },
    { "resnet_generator", { size = 32 }, { '"size"' } },
    { "resnet_discriminator", { norm = "batch" }, { "option norm", '"spectral"', '"batch"' } },
    { "projection_discriminator", { features = nn.Flatten() }, { '"features"' } },
    { "acgan_discriminator", { size = 16 }, { "option size", "16" } },
    { "r3gan_generator", { groups = 7 }, { "option groups", "divisor", "128", "7" } },
    { "r3gan_discriminator", { blocks = 0 }, { "option blocks" } },
  }
  for _, case in ipairs(cases) do
    local key = next(case[2])
    it(key .. " = " .. tostring(case[2][key]):gsub("\n.*", "") .. " for " .. case[1], function()
      table.insert(case[3], "mg.models." .. case[1])
      helper.error_like(function() models[case[1]](case[2]) end, case[3])
    end)
  end

  it("images of another size, naming the layer", function()
    helper.error_like(function() models.dcgan_discriminator{ nf = 4 }(images(2, 32)) end, { "in layer", "Conv2d" })
    local G = models.dcgan_generator{ nf = 4 }
    helper.error_like(function() G(mg.randn(2, 99)) end, { "in layer 1 %(Linear%)", "99" })
  end)
end)
