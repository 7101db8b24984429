--- Two minutes from nothing to clothes: a Wasserstein GAN with gradient penalty on Fashion-MNIST.
-- The method is that of wgan_gp.lua; the settings trade the paper's patience for speed, and samples
-- come from a running average of the generator's weights.

return require "moongan.experiment" {
  name = "quickstart",
  about = "WGAN-GP on Fashion-MNIST, about two minutes on two cores.",
  data = "fashion_mnist",
  generator = "mlp_generator", discriminator = "mlp_critic",
  objective = "wasserstein", penalty = { "wgan_gp", weight = 10 }, n_critic = 2,
  lr = 2e-4, betas = { 0.5, 0.9 },
  average = 0.999,
  iterations = 6000, sample_every = 1000, overwrite = true,
}
