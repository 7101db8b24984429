--- Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, algorithm 1): instead of clipping
-- weights, the norm of the critic's gradient is drawn towards 1 between real and generated images.

return require "moongan.experiment" {
  name = "wgan_gp",
  about = "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017).",
  generator = "mlp_generator", discriminator = "mlp_critic",
  objective = "wasserstein", penalty = { "wgan_gp", weight = 10 }, n_critic = 5,
  lr = 1e-4, betas = { 0, 0.9 },
  epochs = 50,
}
