-- Two batches as one, where a network takes each image apart.

local helper = require "spec.helper"
local mg = require "moongan"
local apart = require "moongan.apart"

local nn, near = mg.nn, helper.near

describe("networks that take each image apart", function()
  it("are told from those that look at the batch, or keep something of it", function()
    assert.is_true(apart.is(nn.Linear(3, 2)))
    assert.is_true(apart.is(nn.Sequential{ nn.Maxout(3, 2, 2), nn.Dropout(0.5), nn.LayerNorm(2) }))
    assert.is_false(apart.is(nn.Sequential{ nn.Linear(3, 2), nn.Sequential{ nn.BatchNorm(2) } }))
    assert.is_false(apart.is(nn.Sequential{ nn.SpectralNorm(nn.Linear(3, 2)) }))
    assert.is_false(apart.is(nn.Sequential{ nn.MinibatchDiscrimination(3, 2, 2) }))
    assert.is_true(apart.is(mg.models.mlp_critic()))
    assert.is_true(apart.is(mg.models.cgan_discriminator()))
    assert.is_false(apart.is(mg.models.dcgan_discriminator()))
  end)

  it("may be Modules, if those say so", function()
    local function module(says) return nn.Module{ apart = says, forward = function(_, x) return x - x:mean(1) end } end
    assert.is_false(apart.is(module(nil)))
    assert.is_false(apart.is(module(false)))
    assert.is_true(apart.is(module(true)))
  end)

  it("give for two batches at once what they give for each", function()
    local D = mg.models.cgan_discriminator{ dropout = 0 }
    local real, fake = helper.values({ 4, 784 }, 1), helper.values({ 4, 784 }, 2)
    local y = mg.one_hot(mg.tensor{ 3, 1, 4, 1 }, 10)
    local a, b = apart.both(D, real, fake, y)
    near(D(real, y), a, helper.tolerance)
    near(D(fake, y), b, helper.tolerance)
  end)

  it("are trained as by two calls", function()
    local function trained(together)
      mg.manual_seed(3)
      local D = mg.models.mlp_critic()
      local trainer = mg.gan.Trainer{
        generator = mg.models.mlp_generator(), discriminator = D, quiet = true, penalty = 10, objective = "wasserstein",
        data = function() return helper.values({ 8, 784 }, 1) end,
      }
      assert.is_true(trainer.together)
      trainer.together = together
      for _ = 1, 3 do trainer:step() end
      return D[1].weight
    end
    near(trained(false), trained(true), helper.double and 1e-9 or 1e-4)
  end)
end)
