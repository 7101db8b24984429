--- Deep convolutional GAN (Radford et al. 2016) on images of 28, 32, 64 or 128 pixels a side:
--
--     lua5.4 experiments/dcgan.lua
--     lua5.4 experiments/dcgan.lua data=cifar10 flip=true epochs=50
--     lua5.4 experiments/dcgan.lua data=image_folder folder=flowers size=64 flip=true epochs=100
--
-- model=upsample is a generator that enlarges and convolves, against two convolutions and dropout.
-- lr_d and n_generator let the discriminator learn more slowly than the generator.

return require "moongan.experiment" {
  name = "dcgan",
  about = "Deep convolutional GAN (Radford et al. 2016).",
  model = "dcgan",
  models = {
    dcgan = { generator = "dcgan_generator", discriminator = "dcgan_discriminator" },
    upsample = { generator = { "upsample_generator", norm = "none" }, discriminator = "upsample_discriminator" },
  },
  epochs = 10,
}
