--- The GAN (Goodfellow et al. 2014).  objective=minimax is the game of the paper's equation 1, which
-- learns slowly; nonsaturating is what the paper trained with.
--
-- model=maxout is a pair of the paper's kind, trained its way: a generator of ReLU and sigmoid, a
-- discriminator of maxout units with dropout, stochastic gradient descent with momentum.  Its layers
-- are smaller than the paper's (generator.widths={1200,1200} discriminator.units=240): those, without
-- the paper's bound on the norm of weights, let the discriminator win within a few epochs.

return require "moongan.experiment" {
  name = "gan",
  about = "GAN (Goodfellow et al. 2014), with fully connected networks.",
  model = "mlp",
  models = {
    mlp = { generator = "mlp_generator", discriminator = "mlp_critic" },
    maxout = {
      generator = { "maxout_generator", widths = { 256, 512 }, init = "he" },
      discriminator = { "maxout_discriminator", units = 128 }, dropout = 0.5, range = { 0, 1 },
      optimizer_g = { "SGD", lr = 0.1, momentum = 0.5 }, optimizer_d = { "SGD", lr = 0.1, momentum = 0.5 },
    },
  },
  dropout = 0.3,
  epochs = 20,
}
