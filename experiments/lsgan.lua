--- Least squares GAN (Mao et al. 2017): the discriminator is taught the number a for generated and b
-- for real images, the generator wants c.  Its generator enlarges and convolves, so that pictures
-- have no chequered patterns.

return require "moongan.experiment" {
  name = "lsgan",
  about = "Least squares GAN (Mao et al. 2017).  a=-1 b=1 c=0 is the paper's other choice of targets.",
  generator = "upsample_generator", discriminator = "dcgan_discriminator",
  objective = { "least_squares", a = 0, b = 1, c = 1 },
  epochs = 10,
}
