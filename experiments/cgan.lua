--- Conditional GAN (Mirza and Osindero 2014): the label is joined to the noise in the generator and
-- to the image in the discriminator, so the class of every sample is asked for.  In the sample
-- grid, each row is a class.
--
-- model=maxout is the paper's pair, label and noise (or image) each through a layer of their own;
-- it needs many more epochs to show a digit.

local mg = require "moongan"
local experiment = require "moongan.experiment"

local CLASSES = 10

local pairs_of = {
  mlp = function(o)
    local G = mg.models.mlp_generator{ nz = o.nz + CLASSES }
    local D = mg.models.mlp_critic{ n_in = 784 + CLASSES, widths = { 512, 512 }, dropout = o.dropout }
    return mg.models.joined(G), mg.models.joined(D), "normal"
  end,
  maxout = function(o)
    return mg.models.cgan_generator{ nz = o.nz }, mg.models.cgan_discriminator{ dropout = o.dropout }, "uniform"
  end,
}

experiment.run(arg, {
  name = "cgan",
  about = "Conditional GAN (Mirza and Osindero 2014): each row of the samples is the class asked for.",
  range = function(o) return o.model == "maxout" and { 0, 1 } or { -1, 1 } end,
  defaults = { epochs = 16 },
  options = {
    { "model", "mlp", "networks", choices = { "mlp", "maxout" } },
    { "dropout", 0.3, "of the discriminator's hidden layers", min = 0.0, max = 0.999 },
    { "lr", 2e-4, "learning rate of both networks", min = 0.0 },
    { "beta1", 0.5, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
  },
  trainer = function(o)
    local G, D, noise = pairs_of[o.model](o)
    local adam = { lr = o.lr, betas = { o.beta1, 0.999 } }
    return {
      generator = G, discriminator = D, conditional = CLASSES, noise = noise,
      optimizer_g = mg.optim.Adam(G:parameters(), adam),
      optimizer_d = mg.optim.Adam(D:parameters(), adam),
    }
  end,
})
