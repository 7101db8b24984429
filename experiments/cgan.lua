--- Conditional GAN (Mirza and Osindero 2014): the label is joined to the noise in the generator and
-- to the image in the discriminator, so the class of every sample is asked for.  In the sample
-- grid, each row is a class.
--
-- model=maxout is the paper's pair, label and noise (or image) each through a layer of their own;
-- it needs many more epochs to show a digit.

return require "moongan.experiment" {
  name = "cgan",
  about = "Conditional GAN (Mirza and Osindero 2014): each row of the samples is the class asked for.",
  model = "mlp",
  models = {
    mlp = { generator = "cmlp_generator", discriminator = { "cmlp_critic", widths = { 512, 512 } } },
    maxout = {
      generator = "cgan_generator", discriminator = "cgan_discriminator", noise = "uniform", range = { 0, 1 },
    },
  },
  dropout = 0.3,
  epochs = 16,
}
