--- Wasserstein GAN (Arjovsky et al. 2017, algorithm 1): a critic without sigmoid, trained n_critic
-- times for each update of the generator, its weights kept within [-clip, clip].

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "wgan",
  about = "Wasserstein GAN with clipped weights (Arjovsky et al. 2017).",
  defaults = { epochs = 50, n_critic = 5 },
  options = {
    { "lr", 5e-4, "learning rate of both networks", min = 0.0 },
    { "clip", 0.01, "bound of the critic's weights", min = 0.0 },
  },
  trainer = function(o)
    local G, D = mg.models.mlp_generator{ nz = o.nz }, mg.models.mlp_critic()
    return {
      generator = G, discriminator = D, objective = "wasserstein",
      optimizer_g = mg.optim.RMSprop(G:parameters(), { lr = o.lr }),
      optimizer_d = mg.optim.RMSprop(D:parameters(), { lr = o.lr, clip = o.clip }),
    }
  end,
})
