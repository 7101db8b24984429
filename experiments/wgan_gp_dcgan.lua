--- Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, algorithm 1) on the networks of
-- DCGAN, the critic's without batch normalisation: the penalty is on each image by itself.  norm=layer
-- and norm=instance normalise each image by itself, too.

return require "moongan.experiment" {
  name = "wgan_gp_dcgan",
  about = "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017), convolutional.",
  generator = "dcgan_generator", discriminator = { "dcgan_discriminator", norm = "none", init = "default" },
  objective = "wasserstein", penalty = { "wgan_gp", weight = 10 }, n_critic = 5,
  lr = 1e-4, betas = { 0, 0.9 },
  epochs = 20,
}
