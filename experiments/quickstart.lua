--- Two minutes from nothing to clothes: a Wasserstein GAN with gradient penalty on Fashion-MNIST.
-- The method is that of wgan_gp.lua; the settings trade the paper's patience for speed, and samples
-- come from a running average of the generator's weights.

local mg = require "moongan"
local experiment = require "moongan.experiment"

local trainer = experiment.run(arg, {
  name = "quickstart",
  about = "WGAN-GP on Fashion-MNIST, about two minutes on two cores.",
  defaults = { data = "fashion_mnist", iterations = 6000, n_critic = 2, average = 0.999, sample_every = 1000 },
  options = {
    { "lr", 2e-4, "learning rate of both networks", min = 0.0 },
    { "penalty", 10.0, "weight of the gradient penalty", min = 0.0 },
  },
  trainer = function(o)
    local G, D = mg.models.mlp_generator{ nz = o.nz }, mg.models.mlp_critic()
    local adam = { lr = o.lr, betas = { 0.5, 0.9 } }
    return {
      generator = G, discriminator = D, objective = "wasserstein", penalty = o.penalty,
      optimizer_g = mg.optim.Adam(G:parameters(), adam),
      optimizer_d = mg.optim.Adam(D:parameters(), adam),
    }
  end,
})

print("Open " .. trainer.out .. "/samples.png to see the garments; " .. trainer.out .. "/samples/ shows how they came.")
