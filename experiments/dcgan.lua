--- Deep convolutional GAN (Radford et al. 2016) on images of 28, 32, 64 or 128 pixels a side:
--
--     lua5.4 experiments/dcgan.lua
--     lua5.4 experiments/dcgan.lua data=cifar10 flip=true epochs=50
--     lua5.4 experiments/dcgan.lua data=folder folder=flowers size=64 flip=true epochs=100
--
-- model=upsample is a generator that enlarges and convolves, against two convolutions and dropout.
-- lr_d and n_generator let the discriminator learn more slowly than the generator.

local mg = require "moongan"
local experiment = require "moongan.experiment"
local models, for_images = mg.models, experiment.for_images

local pairs_of = {
  dcgan = function(o, data)
    return models.dcgan_generator(for_images(data, { nz = o.nz, nf = o.nf })),
      models.dcgan_discriminator(for_images(data, { nf = o.nf }))
  end,
  upsample = function(o, data)
    return models.upsample_generator(for_images(data, { nz = o.nz, nf = o.nf, norm = "none" })),
      models.upsample_discriminator(for_images(data, { nf = o.nf }))
  end,
}

experiment.run(arg, {
  name = "dcgan",
  about = "Deep convolutional GAN (Radford et al. 2016).",
  images = true,
  defaults = { epochs = 10 },
  options = {
    { "model", "dcgan", "networks", choices = { "dcgan", "upsample" } },
    { "nf", 64, "maps of the layer next to the image; up to 16 times as many at the other end", min = 1 },
    { "noise", "normal", "distribution of the noise", choices = { "normal", "uniform" } },
    { "lr", 2e-4, "learning rate of the generator", min = 0.0 },
    { "lr_d", 2e-4, "learning rate of the discriminator", min = 0.0 },
    { "beta1", 0.5, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
    { "n_generator", 1, "updates of the generator in an iteration", min = 1 },
  },
  trainer = function(o, data)
    local G, D = pairs_of[o.model](o, data)
    return {
      generator = G, discriminator = D, noise = o.noise, n_generator = o.n_generator,
      optimizer_g = mg.optim.Adam(G:parameters(), { lr = o.lr, betas = { o.beta1, 0.999 } }),
      optimizer_d = mg.optim.Adam(D:parameters(), { lr = o.lr_d, betas = { o.beta1, 0.999 } }),
    }
  end,
})
