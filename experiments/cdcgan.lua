--- Conditional deep convolutional GAN: an embedding of the label is joined to the noise in the
-- generator, and to the image as one more channel in the discriminator.  In the sample grid, each
-- row is a class.
--
-- model=upsample has noise and label each through a layer of their own, upsampling, and pooling;
-- model=acgan a discriminator that names the class itself (Odena et al. 2017).

local mg = require "moongan"
local experiment = require "moongan.experiment"
local models, for_images = mg.models, experiment.for_images

local pairs_of = {
  dcgan = { models.cdcgan_generator, models.cdcgan_discriminator },
  upsample = { models.cupsample_generator, models.cupsample_discriminator },
  acgan = { models.cdcgan_generator, models.acgan_discriminator },
}

experiment.run(arg, {
  name = "cdcgan",
  about = "Conditional DCGAN: each row of the samples is the class asked for.",
  images = true,
  defaults = { data = "fashion_mnist", epochs = 10 },
  options = {
    { "model", "dcgan", "networks", choices = { "dcgan", "upsample", "acgan" } },
    { "nf", 64, "maps of the layer next to the image", min = 1 },
    { "lr", 2e-4, "learning rate of the generator", min = 0.0 },
    { "lr_d", 2e-4, "learning rate of the discriminator", min = 0.0 },
    { "beta1", 0.5, "Adam's decay of the first moment", min = 0.0, max = 0.999 },
    { "n_generator", 1, "updates of the generator in an iteration", min = 1 },
  },
  trainer = function(o, data)
    local new_generator, new_discriminator = table.unpack(pairs_of[o.model])
    local classes = #data.classes
    local G = new_generator(for_images(data, { nz = o.nz, nf = o.nf, classes = classes }))
    local D = new_discriminator(for_images(data, { nf = o.nf, classes = classes }))
    return {
      generator = G, discriminator = D, conditional = classes, labels = "number", n_generator = o.n_generator,
      auxiliary = o.model == "acgan" and 1 or nil,
      optimizer_g = mg.optim.Adam(G:parameters(), { lr = o.lr, betas = { o.beta1, 0.999 } }),
      optimizer_d = mg.optim.Adam(D:parameters(), { lr = o.lr_d, betas = { o.beta1, 0.999 } }),
    }
  end,
})
