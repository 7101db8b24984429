--- Least squares GAN (Mao et al. 2017): the discriminator is taught the number a for generated and b
-- for real images, the generator wants c.  Its generator enlarges and convolves, so that pictures
-- have no chequered patterns.

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "lsgan",
  about = "Least squares GAN (Mao et al. 2017).  a=-1 b=1 c=0 is the paper's other choice of targets.",
  images = true,
  defaults = { epochs = 10 },
  options = {
    { "a", 0.0, "target of the discriminator for generated images" },
    { "b", 1.0, "and for real ones" },
    { "c", 1.0, "target of the generator" },
    { "nf", 64, "maps of the layer next to the image", min = 1 },
    { "lr", 2e-4, "learning rate of both networks", min = 0.0 },
    { "beta1", 0.5, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
  },
  trainer = function(o, data)
    local G = mg.models.upsample_generator(experiment.for_images(data, { nz = o.nz, nf = o.nf }))
    local D = mg.models.dcgan_discriminator(experiment.for_images(data, { nf = o.nf }))
    local adam = { lr = o.lr, betas = { o.beta1, 0.999 } }
    return {
      generator = G, discriminator = D, objective = mg.gan.least_squares(o.a, o.b, o.c),
      optimizer_g = mg.optim.Adam(G:parameters(), adam),
      optimizer_d = mg.optim.Adam(D:parameters(), adam),
    }
  end,
})
