--- Conditional GAN (Mirza and Osindero 2014): the label is joined to the noise in the generator and
-- to the image in the discriminator, so the class of every sample is asked for.  In the sample
-- grid, each row is a class.  Adam stands in for the paper's optimizer, as in gan.lua.

local mg = require "moongan"
local experiment = require "moongan.experiment"

experiment.run(arg, {
  name = "cgan",
  about = "Conditional GAN (Mirza and Osindero 2014): each row of the samples is the class asked for.",
  range = { 0, 1 },
  defaults = { epochs = 50, batch = 100 },
  options = {
    { "lr", 2e-4, "learning rate of both networks", min = 0.0 },
    { "beta1", 0.5, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
  },
  trainer = function(o)
    local G, D = mg.models.cgan_generator{ nz = o.nz }, mg.models.cgan_discriminator()
    local adam = { lr = o.lr, betas = { o.beta1, 0.999 } }
    return {
      generator = G, discriminator = D, conditional = 10, noise = "uniform",
      optimizer_g = mg.optim.Adam(G:parameters(), adam),
      optimizer_d = mg.optim.Adam(D:parameters(), adam),
    }
  end,
})
