--- Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, algorithm 1): instead of clipping
-- weights, the norm of the critic's gradient is drawn towards 1 between real and generated images.

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "wgan_gp",
  about = "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017).",
  defaults = { epochs = 50, n_critic = 5 },
  options = {
    { "lr", 1e-4, "learning rate of both networks", min = 0.0 },
    { "beta1", 0.0, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
    { "beta2", 0.9, "Adam's decay of the second moment", min = 0.0, max = 0.9999 },
    { "penalty", 10.0, "weight of the gradient penalty (the paper's lambda)", min = 0.0 },
  },
  trainer = function(o)
    local G, D = mg.models.mlp_generator{ nz = o.nz }, mg.models.mlp_critic()
    local adam = { lr = o.lr, betas = { o.beta1, o.beta2 } }
    return {
      generator = G, discriminator = D, objective = "wasserstein", penalty = o.penalty,
      optimizer_g = mg.optim.Adam(G:parameters(), adam),
      optimizer_d = mg.optim.Adam(D:parameters(), adam),
    }
  end,
})
