--- Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, algorithm 1) on the networks of
-- DCGAN, the critic's without batch normalisation: the penalty is on each image by itself.

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "wgan_gp_dcgan",
  about = "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017), convolutional.",
  images = true,
  defaults = { epochs = 20, n_critic = 5 },
  options = {
    { "nf", 64, "maps of the layer next to the image", min = 1 },
    { "norm", "none", "normalisation in the critic", choices = { "none", "layer", "instance" } },
    { "lr", 1e-4, "learning rate of both networks", min = 0.0 },
    { "beta1", 0.0, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
    { "beta2", 0.9, "Adam's decay of the second moment", min = 0.0, max = 0.9999 },
    { "penalty", 10.0, "weight of the gradient penalty (the paper's lambda)", min = 0.0 },
  },
  trainer = function(o, data)
    local G = mg.models.dcgan_generator(experiment.for_images(data, { nz = o.nz, nf = o.nf }))
    local D = mg.models.dcgan_discriminator(experiment.for_images(data, { nf = o.nf, norm = o.norm, init = "default" }))
    local adam = { lr = o.lr, betas = { o.beta1, o.beta2 } }
    return {
      generator = G, discriminator = D, objective = "wasserstein", penalty = o.penalty,
      optimizer_g = mg.optim.Adam(G:parameters(), adam),
      optimizer_d = mg.optim.Adam(D:parameters(), adam),
    }
  end,
})
