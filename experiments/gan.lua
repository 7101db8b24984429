--- The GAN (Goodfellow et al. 2014).  objective=minimax is the game of the paper's equation 1, which
-- learns slowly; nonsaturating is what the paper trained with.
--
-- model=maxout is the paper's pair: a generator of ReLU and sigmoid, a discriminator of maxout units
-- with dropout.  Its optimizer was stochastic gradient descent with momentum and a bound on the norm
-- of the maxout units' weights, without which that diverges; Adam needs no bound.

local mg = require "moongan"
local experiment = require "moongan.experiment"

local pairs_of = {
  mlp = function(o)
    return mg.models.mlp_generator{ nz = o.nz }, mg.models.mlp_critic{ dropout = o.dropout }, "normal"
  end,
  maxout = function(o)
    return mg.models.maxout_generator{ nz = o.nz }, mg.models.maxout_discriminator{ dropout = o.dropout }, "uniform"
  end,
}

experiment.run(arg, {
  name = "gan",
  about = "GAN (Goodfellow et al. 2014), with fully connected networks.",
  range = function(o) return o.model == "maxout" and { 0, 1 } or { -1, 1 } end,
  defaults = { epochs = 20 },
  options = {
    { "model", "mlp", "networks", choices = { "mlp", "maxout" } },
    { "dropout", 0.3, "of the discriminator's hidden layers", min = 0.0, max = 0.999 },
    { "lr", 2e-4, "learning rate of both networks", min = 0.0 },
    { "beta1", 0.5, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
    { "objective", "nonsaturating", "what the generator makes smaller", choices = { "nonsaturating", "minimax" } },
  },
  trainer = function(o)
    local G, D, noise = pairs_of[o.model](o)
    local adam = { lr = o.lr, betas = { o.beta1, 0.999 } }
    return {
      generator = G, discriminator = D, objective = o.objective, noise = noise,
      optimizer_g = mg.optim.Adam(G:parameters(), adam),
      optimizer_d = mg.optim.Adam(D:parameters(), adam),
    }
  end,
})
