--- Wasserstein GAN (Arjovsky et al. 2017, algorithm 1) on the networks of DCGAN: a critic without
-- sigmoid, trained n_critic times for each update of the generator, its weights kept within
-- [-clip, clip].

return require "moongan.experiment" {
  name = "wgan_dcgan",
  about = "Wasserstein GAN with clipped weights (Arjovsky et al. 2017), convolutional.",
  generator = "dcgan_generator", discriminator = "dcgan_discriminator",
  objective = "wasserstein", clip = 0.01, n_critic = 5,
  optimizer_g = "RMSprop", optimizer_d = "RMSprop", lr = 5e-5,
  epochs = 20,
}
