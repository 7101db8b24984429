--- The GAN (Goodfellow et al. 2014).  objective=minimax is the game of the paper's equation 1, which
-- learns slowly; nonsaturating is what the paper trained with.
--
-- model=maxout is the paper's pair: a generator of ReLU and sigmoid, a discriminator of maxout units
-- with dropout.  Its optimizer was stochastic gradient descent with momentum and a bound on the norm
-- of the maxout units' weights, without which that diverges; Adam needs no bound.

return require "moongan.experiment" {
  name = "gan",
  about = "GAN (Goodfellow et al. 2014), with fully connected networks.",
  model = "mlp",
  models = {
    mlp = { generator = "mlp_generator", discriminator = "mlp_critic" },
    maxout = {
      generator = "maxout_generator", discriminator = "maxout_discriminator", noise = "uniform", range = { 0, 1 },
    },
  },
  dropout = 0.3,
  epochs = 20,
}
