--- Conditional deep convolutional GAN: an embedding of the label is joined to the noise in the
-- generator, and to the image as one more channel in the discriminator.  In the sample grid, each
-- row is a class.
--
-- The discriminator's weights are normalised spectrally (Miyato et al. 2018), not its maps over the batch: with
-- discriminator.norm=batch it is soon far ahead, and the garments of a class are all alike.
--
-- model=upsample has noise and label each through a layer of their own, upsampling, and pooling;
-- model=acgan a discriminator that names the class itself (Odena et al. 2017).

return require "moongan.experiment" {
  name = "cdcgan",
  about = "Conditional DCGAN: each row of the samples is the class asked for.",
  data = "fashion_mnist",
  model = "dcgan",
  models = {
    dcgan = { generator = "cdcgan_generator", discriminator = { "cdcgan_discriminator", norm = "spectral" } },
    upsample = { generator = "cupsample_generator", discriminator = "cupsample_discriminator" },
    acgan = { generator = "cdcgan_generator", discriminator = "acgan_discriminator", auxiliary = 1 },
  },
  epochs = 10,
}
