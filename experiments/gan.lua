--- The GAN of 2014 (Goodfellow et al.): sigmoid generator, maxout discriminator with dropout, both
-- trained by stochastic gradient descent with momentum.  objective=minimax is the game of the
-- paper's equation 1, which learns slowly; nonsaturating is what the paper trained with.

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "gan",
  about = "GAN (Goodfellow et al. 2014): maxout discriminator against a generator of ReLU and sigmoid.",
  range = { 0, 1 },
  defaults = { epochs = 50, batch = 100 },
  options = {
    { "lr", 0.1, "learning rate of both networks", min = 0.0 },
    { "momentum", 0.5, "momentum of both networks", min = 0.0, max = 1.0 },
    { "objective", "nonsaturating", "what the generator makes smaller", choices = { "nonsaturating", "minimax" } },
  },
  trainer = function(o)
    local G, D = mg.models.maxout_generator{ nz = o.nz }, mg.models.maxout_discriminator()
    return {
      generator = G, discriminator = D, objective = o.objective, noise = "uniform",
      optimizer_g = mg.optim.SGD(G:parameters(), { lr = o.lr, momentum = o.momentum }),
      optimizer_d = mg.optim.SGD(D:parameters(), { lr = o.lr, momentum = o.momentum }),
    }
  end,
})
