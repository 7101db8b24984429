--- Wasserstein GAN (Arjovsky et al. 2017, algorithm 1): a critic without sigmoid, trained n_critic
-- times for each update of the generator, its weights kept within [-clip, clip].

return require "moongan.experiment" {
  name = "wgan",
  about = "Wasserstein GAN with clipped weights (Arjovsky et al. 2017).",
  generator = "mlp_generator", discriminator = "mlp_critic",
  objective = "wasserstein", clip = 0.01, n_critic = 5,
  optimizer_g = "RMSprop", optimizer_d = "RMSprop", lr = 5e-4,
  epochs = 50,
}
