--- The GAN of 2014 (Goodfellow et al.): sigmoid generator, maxout discriminator with dropout.
-- objective=minimax is the game of the paper's equation 1, which learns slowly; nonsaturating is
-- what the paper trained with.  Its optimizer was stochastic gradient descent with momentum and a
-- bound on the norm of the maxout units' weights, without which that diverges; Adam needs no bound.

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "gan",
  about = "GAN (Goodfellow et al. 2014): maxout discriminator against a generator of ReLU and sigmoid.",
  range = { 0, 1 },
  defaults = { epochs = 50, batch = 100 },
  options = {
    { "lr", 2e-4, "learning rate of both networks", min = 0.0 },
    { "beta1", 0.5, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
    { "objective", "nonsaturating", "what the generator makes smaller", choices = { "nonsaturating", "minimax" } },
  },
  trainer = function(o)
    local G, D = mg.models.maxout_generator{ nz = o.nz }, mg.models.maxout_discriminator()
    local adam = { lr = o.lr, betas = { o.beta1, 0.999 } }
    return {
      generator = G, discriminator = D, objective = o.objective, noise = "uniform",
      optimizer_g = mg.optim.Adam(G:parameters(), adam),
      optimizer_d = mg.optim.Adam(D:parameters(), adam),
    }
  end,
})
