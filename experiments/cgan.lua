--- Conditional GAN (Mirza and Osindero 2014): the label is joined to the noise in the generator and
-- to the image in the discriminator, so the class of every sample is asked for.  In the sample
-- grid, each row is a class.
--
-- model=maxout is a pair of the paper's kind, trained its way: see gan.lua.  The paper's own networks,
-- whose label and noise (or image) go each through a layer of their own first, are
-- generator=cgan_generator discriminator=cgan_discriminator.

return require "moongan.experiment" {
  name = "cgan",
  about = "Conditional GAN (Mirza and Osindero 2014): each row of the samples is the class asked for.",
  model = "mlp",
  models = {
    mlp = { generator = "cmlp_generator", discriminator = { "cmlp_critic", widths = { 512, 512 } } },
    maxout = {
      generator = { "cmaxout_generator", widths = { 256, 512 }, init = "he" },
      discriminator = { "cmaxout_discriminator", units = 128 }, dropout = 0.5, range = { 0, 1 },
      optimizer_g = { "SGD", lr = 0.1, momentum = 0.5 }, optimizer_d = { "SGD", lr = 0.1, momentum = 0.5 },
    },
  },
  dropout = 0.3,
  epochs = 16,
}
