--- Wasserstein GAN (Arjovsky et al. 2017, algorithm 1) on the networks of DCGAN: a critic without
-- sigmoid, trained n_critic times for each update of the generator, its weights kept within
-- [-clip, clip].

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "wgan_dcgan",
  about = "Wasserstein GAN with clipped weights (Arjovsky et al. 2017), convolutional.",
  images = true,
  defaults = { epochs = 20, n_critic = 5 },
  options = {
    { "nf", 64, "maps of the layer next to the image", min = 1 },
    { "lr", 5e-5, "learning rate of both networks", min = 0.0 },
    { "clip", 0.01, "bound of the critic's weights", min = 0.0 },
  },
  trainer = function(o, data)
    local G = mg.models.dcgan_generator(experiment.for_images(data, { nz = o.nz, nf = o.nf }))
    local D = mg.models.dcgan_discriminator(experiment.for_images(data, { nf = o.nf }))
    return {
      generator = G, discriminator = D, objective = "wasserstein",
      optimizer_g = mg.optim.RMSprop(G:parameters(), { lr = o.lr }),
      optimizer_d = mg.optim.RMSprop(D:parameters(), { lr = o.lr, clip = o.clip }),
    }
  end,
})
