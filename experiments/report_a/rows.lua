--- The rows of report A (Ding, "Image generation based on generative adversarial nets"): every run that its
-- tables and figures show, as configurations.
--
-- What the report says: MNIST, 200 epochs; a generator of mixed activations (ReLU and sigmoid), a discriminator of
-- maxout units; noise, and the label, enter the bottom layer only; WGAN with n_critic = 5, c = 0.01,
-- alpha = 0.0005, and one of them changed at a time; a gradient penalty in place of clipping.
--
-- What it does not say, and what was chosen:
--   networks   the same for all rows, as the report compares methods.  G: 100 -> 256 -> 512 -> 784, ReLU, sigmoid at
--              the end.  D: two layers of 128 maxout units of 5 pieces (the pieces are Goodfellow 2014's), then a
--              linear score.  Both are smaller than those of 2014 (1200 and 240 units)
--   weights    of G: He et al. 2015.  With the usual ones of PyTorch all first images are nearly the same, and GAN
--              and CGAN end in one image, under Adam and under SGD
--   noise      100 numbers from N(0, 1), as most PyTorch code has it; images in [0, 1], which is sigmoid's range
--   batch      64 (Arjovsky 2017, Gulrajani 2017)
--   an epoch   60 000 images seen by the discriminator: WGAN's generator is updated in every fifth batch
--   GAN, CGAN  Goodfellow 2014 and Mirza 2014: SGD, learning rate 0.1, momentum 0.5, dropout 0.5 in D, the
--              non-saturating loss of G.  Under Adam (2e-4, beta1 0.5) this pair keeps a few digits (GAN), and one
--              image for all labels (CGAN)
--   WGAN       RMSprop (Arjovsky 2017), no dropout
--   improved   lambda 10, n_critic 5, alpha 1e-4, beta1 0, beta2 0.9: algorithm 1 of Gulrajani 2017
--   losses     of D: E f(fake) - E f(real) for WGAN, the mean over an iteration's updates of D; binary cross
--              entropy of real plus of fake for GAN.  Of the last batch, and as means over the last epoch

local G, D = { "maxout_generator", widths = { 256, 512 }, init = "he" }, { "maxout_discriminator", units = 128 }

local function sgd() return { "SGD", lr = 0.1, momentum = 0.5 } end

local function row(name, title, d_loss, g_loss, entries)
  local config = {
    name = name, generator = G, discriminator = D, range = { 0, 1 }, grid = { 10, 10 }, batch = 64, epochs = 200,
    log_every = 1, animation = false,
  }
  for key, value in pairs(entries) do config[key] = value end
  return { name = name, title = title, published = { d_loss = d_loss, g_loss = g_loss }, config = config }
end

local function wgan(name, d_loss, g_loss, n_critic, clip, alpha)
  return row(name, string.format("n_critic %d, c %g, alpha %g", n_critic, clip, alpha), d_loss, g_loss, {
    objective = "wasserstein", n_critic = n_critic, clip = clip, lr = alpha, dropout = 0,
    optimizer_g = "RMSprop", optimizer_d = "RMSprop", sample_every = 937 // n_critic, -- about an epoch
  })
end

local rows = {
  row("gan", "GAN", 0.148, 3.698, {
    dropout = 0.5, optimizer_g = sgd(), optimizer_d = sgd(), sample_every = 937,
  }),
  row("cgan", "CGAN", 0.096, 0.719, {
    generator = { "cmaxout_generator", widths = { 256, 512 }, init = "he" },
    discriminator = { "cmaxout_discriminator", units = 128 },
    dropout = 0.5, optimizer_g = sgd(), optimizer_d = sgd(), sample_every = 937,
  }),
  wgan("wgan", -0.076, -0.210, 5, 0.01, 5e-4),
  wgan("n_critic-3", -0.020, -0.149, 3, 0.01, 5e-4),
  wgan("n_critic-7", -0.078, -3.570, 7, 0.01, 5e-4),
  wgan("c-0.005", -0.006, -0.010, 5, 0.005, 5e-4),
  wgan("c-0.015", -0.258, -0.987, 5, 0.015, 5e-4),
  wgan("alpha-0.0003", -0.122, -0.260, 5, 0.01, 3e-4),
  wgan("alpha-0.001", -0.001, 0.012, 5, 0.01, 1e-3),
  row("wgan-gp", "Improved WGAN", -1.170, -2.664, {
    objective = "wasserstein", n_critic = 5, penalty = { "wgan_gp", weight = 10 }, dropout = 0,
    optimizer_g = { "Adam", lr = 1e-4, betas = { 0, 0.9 } }, optimizer_d = { "Adam", lr = 1e-4, betas = { 0, 0.9 } },
    sample_every = 187,
  }),
}
for _, entry in ipairs(rows) do rows[entry.name] = entry end

return rows
