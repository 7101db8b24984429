-- The networks of moongan.models: sizes, parameter counts of the published pairs, options.

local mg = require "moongan"
local helper = require "spec.helper"
local models = mg.models

local function one_hot_labels(n, classes)
  local labels = {}
  for i = 1, n do labels[i] = (i - 1) % classes + 1 end
  return mg.one_hot(mg.tensor(labels), classes)
end

describe("models", function()
  -- Counts by hand: sum of n_in * n_out + n_out, and 2 per feature of batch normalisation.
  local counts = {
    mlp_generator = 1510032, mlp_critic = 533505,
    maxout_generator = 2503984, maxout_discriminator = 1231441,
    cmaxout_generator = 2515984, cmaxout_discriminator = 1243441,
    cgan_generator = 2413984, cgan_discriminator = 1224351,
  }
  for name, count in pairs(counts) do
    it(name .. " has as many parameters as published", function()
      assert.equal(count, models[name]():num_parameters())
    end)

    it(name .. " names the option that it does not know", function()
      helper.error_like(function() models[name]{ nzz = 3 } end, { "mg.models." .. name, '"nzz"' })
    end)
  end

  it("map noise to images and images to scores", function()
    for _, name in ipairs{ "mlp", "maxout" } do
      local G = models[name .. "_generator"]{ nz = 7, n_out = 16 }
      local D = models[name == "mlp" and "mlp_critic" or "maxout_discriminator"]{ n_in = 16 }
      local images = G(mg.randn(3, 7))
      assert.same({ 3, 16 }, images:shape())
      assert.same({ 3, 1 }, D(images):shape())
    end
  end)

  it("give images within the range of their last activation", function()
    local tanh = models.mlp_generator{ nz = 7, n_out = 16 }(mg.randn(50, 7) * 100)
    assert.is_true(tanh:min():item() < 0 and tanh:min():item() >= -1 and tanh:max():item() <= 1)
    local sigmoid = models.maxout_generator{ nz = 7, n_out = 16 }(mg.randn(50, 7) * 100)
    assert.is_true(sigmoid:min():item() >= 0 and sigmoid:max():item() <= 1)
  end)

  it("take other widths", function()
    local G = models.mlp_generator{ nz = 3, n_out = 4, widths = { 5 } }
    assert.equal(3 * 5 + 5 + 5 * 4 + 4, G:num_parameters()) -- no batch normalisation on the first
    local D = models.mlp_critic{ n_in = 4, widths = { 6, 5 } }
    assert.equal(4 * 6 + 6 + 6 * 5 + 5 + 5 + 1, D:num_parameters())
    local sigmoid = models.maxout_generator{ nz = 3, n_out = 4, widths = { 5, 6 } }
    assert.equal(3 * 5 + 5 + 5 * 6 + 6 + 6 * 4 + 4, sigmoid:num_parameters())
    helper.error_like(function() models.maxout_generator{ widths = { 5, 0 } } end, { "maxout_generator", "at 2" })
    helper.error_like(function() models.mlp_critic{ widths = {} } end, { "mlp_critic", "widths" })
    helper.error_like(function() models.mlp_generator{ widths = { 5, 0 } } end, { "mlp_generator", "widths", "at 2" })
  end)

  it("normalise batches with the epsilon given", function()
    mg.manual_seed(3)
    local G = models.mlp_generator{ nz = 3, n_out = 2, widths = { 4, 4 }, eps = 0.5 }
    -- Layers: Linear, LeakyReLU, Linear, BatchNorm, ...
    local hidden = G[3](G[2](G[1](mg.randn(20, 3))))
    local centred = hidden - hidden:mean(1, true)
    local expected = centred / (centred:square():mean(1, true) + 0.5):sqrt()
    helper.near(expected:detach(), G[4](hidden):detach())
  end)

  it("join two inputs for a network of one", function()
    local body = mg.nn.Linear(5, 2)
    local joined = models.joined(body)
    local x, y = mg.randn(3, 4), mg.randn(3, 1)
    assert.are.same(body(mg.cat({ x, y }, 2)):totable(), joined(x, y):totable())
    assert.are.equal(2, #joined:parameters())
    helper.error_like(function() joined(x) end, { "expected 5 features" })
  end)

  it("drop out in the critic where asked", function()
    local D = models.mlp_critic{ n_in = 4, widths = { 6, 5 }, dropout = 0.5 }
    local x = mg.ones(1, 4)
    local changes = false
    local first = D(x):item()
    for _ = 1, 20 do changes = changes or D(x):item() ~= first end
    assert.is_true(changes)
    D:eval()
    assert.are.equal(D(x):item(), D(x):item())
    assert.are.equal(#models.mlp_critic{ n_in = 4, widths = { 6, 5 } } + 2, #D)
  end)

  it("begin with weights whose variance is 2 over the inputs where he is asked for", function()
    mg.manual_seed(5)
    for _, name in ipairs{ "maxout_generator", "cmaxout_generator" } do
      local G = models[name]{ init = "he", nz = 200, widths = { 300, 300 } }
      local layers = G.body or G
      for i, inputs in pairs{ name == "maxout_generator" and 200 or 210, [3] = 300, [5] = 300 } do
        helper.near(2 / inputs, (layers[i].weight ^ 2):mean():item(), 0.1 / inputs)
        assert.equal(0, layers[i].bias:abs():max():item())
      end
    end
    assert.is_true(models.maxout_generator()[1].bias:abs():max():item() > 0)
  end)

  it("differ from call to call in the discriminator's dropout only while training", function()
    local D = models.maxout_discriminator{ n_in = 16, units = 32 }
    local x = mg.randn(8, 16)
    assert.is_true((D(x) - D(x)):abs():max():item() > 0)
    D:eval()
    helper.same_bits(D(x):detach(), D(x):detach())
  end)
end)

describe("conditional models", function()
  it("join noise and label in the generator", function()
    local G = models.cgan_generator{ nz = 6, n_out = 9, noise_units = 5, label_units = 4, joint_units = 8, classes = 3 }
    local z, y = mg.randn(4, 6), one_hot_labels(4, 3)
    local images = G(z, y)
    assert.same({ 4, 9 }, images:shape())
    local hidden = mg.cat({ G.z(z):relu(), G.y(y):relu() }, 2)
    helper.same_bits(G.out(G.joint(hidden):relu()):sigmoid():detach(), images:detach())
    -- Another label, another image from the same noise.
    local others = G(z, mg.cat({ y:narrow(1, 2, 3), y:narrow(1, 1, 1) }, 1))
    assert.is_true((others - images):abs():max():item() > 1e-4)
  end)

  it("join image and label in the discriminator", function()
    local D = models.cgan_discriminator{ n_in = 9, classes = 3, dropout = 0 }
    local x, y = mg.randn(4, 9), one_hot_labels(4, 3)
    local score = D(x, y)
    assert.same({ 4, 1 }, score:shape())
    helper.same_bits(D.out(D.joint(mg.cat({ D.x(x), D.y(y) }, 2))):detach(), score:detach())
  end)

  it("of joined inputs take each image apart, as far as their bodies do", function()
    local apart = require "moongan.apart"
    assert.is_true(apart.is(models.cmaxout_discriminator{ units = 2 }))
    assert.is_true(apart.is(models.cmlp_critic{ widths = { 2 } }))
    assert.is_false(apart.is(models.cmlp_generator{ widths = { 2, 2 } }))
  end)

  it("reach every parameter with a gradient", function()
    local G, D = models.cgan_generator{ n_out = 9 }, models.cgan_discriminator{ n_in = 9 }
    local y = one_hot_labels(10, 10)
    D(G(mg.randn(10, 100), y), y):mean():backward()
    for _, network in ipairs{ G, D } do
      for _, pair in ipairs(network:named_parameters()) do
        assert.is_true(pair[2].grad:abs():max():item() > 0, pair[1])
      end
    end
  end)
end)
