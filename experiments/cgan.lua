--- Conditional GAN (Mirza and Osindero 2014): the label is joined to the noise in the generator and
-- to the image in the discriminator, so the class of every sample is asked for.  In the sample
-- grid, each row is a class.

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "cgan",
  about = "Conditional GAN (Mirza and Osindero 2014): each row of the samples is the class asked for.",
  range = { 0, 1 },
  defaults = { epochs = 50, batch = 100 },
  options = {
    { "lr", 0.1, "learning rate of both networks", min = 0.0 },
    { "momentum", 0.5, "momentum of both networks", min = 0.0, max = 1.0 },
  },
  trainer = function(o)
    local G, D = mg.models.cgan_generator{ nz = o.nz }, mg.models.cgan_discriminator()
    return {
      generator = G, discriminator = D, conditional = 10, noise = "uniform",
      optimizer_g = mg.optim.SGD(G:parameters(), { lr = o.lr, momentum = o.momentum }),
      optimizer_d = mg.optim.SGD(D:parameters(), { lr = o.lr, momentum = o.momentum }),
    }
  end,
})
