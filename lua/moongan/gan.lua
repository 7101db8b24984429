--- Objectives of adversarial training, as pure functions of scores, and the trainer.
--
-- An objective is a table of two functions:
--
--     discriminator(real, fake)   the loss that the discriminator's update makes smaller
--     generator(fake)             the loss that the generator's update makes smaller
--
-- `real` and `fake` are the discriminator's scores of a batch of real and of generated images:
-- tensors of any shape, before any sigmoid.  Each function returns a scalar tensor.  With D the
-- sigmoid of a score s, -log D is softplus(-s) and -log(1 - D) is softplus(s), which is how the
-- logarithms are written here: they neither overflow nor lose their gradient.

local gan = {}

-- -E log D(real) - E log(1 - D(fake))
local function cross_entropy(real, fake) return (-real):softplus():mean() + fake:softplus():mean() end

--- The two-player minimax game (Goodfellow et al. 2014, equation 1): the generator makes
-- E log(1 - D(fake)) smaller.  Saturates while the discriminator is sure of itself.
gan.minimax = {
  discriminator = cross_entropy,
  generator = function(fake) return -(fake:softplus():mean()) end,
}

--- The same discriminator, but the generator makes -E log D(fake) smaller (Goodfellow et al.
-- 2014, section 3), whose gradient does not vanish early on.
gan.nonsaturating = {
  discriminator = cross_entropy,
  generator = function(fake) return (-fake):softplus():mean() end,
}

--- Wasserstein distance by a critic (Arjovsky et al. 2017, algorithm 1), to be used with clipped
-- weights or a gradient penalty, which keep the critic Lipschitz.
gan.wasserstein = {
  discriminator = function(real, fake) return fake:mean() - real:mean() end,
  generator = function(fake) return -(fake:mean()) end,
}

--- Least squares (Mao et al. 2017, equation 9: a = 0, b = c = 1).
gan.least_squares = {
  discriminator = function(real, fake) return 0.5 * (real - 1):square():mean() + 0.5 * fake:square():mean() end,
  generator = function(fake) return 0.5 * (fake - 1):square():mean() end,
}

--- Hinge (Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17).
gan.hinge = {
  discriminator = function(real, fake) return (1 - real):relu():mean() + (1 + fake):relu():mean() end,
  generator = function(fake) return -(fake:mean()) end,
}

--- A trainer: see moongan.trainer for its options and methods.
function gan.Trainer(given) return require("moongan.trainer").new(given) end

return gan
