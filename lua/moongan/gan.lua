--- Objectives of adversarial training, as pure functions of scores; penalties, unrolling and the
-- trainer beside them.
--
-- An objective is a table of two functions and a flag:
--
--     discriminator(real, fake, images)   the loss that the discriminator's update makes smaller
--     generator(fake, real, images)       the loss that the generator's update makes smaller
--     needs_real                          whether the generator's loss reads the real scores, which
--                                         are nil where it does not say so
--
-- `real` and `fake` are the discriminator's scores of a batch of real and of generated images:
-- tensors of any shape, before any sigmoid, higher for what looks real.  `images` is a table
-- { real =, fake = } of those batches, for the few that look at them.  Each function returns a
-- scalar tensor.  With D the sigmoid of a score s, -log D is softplus(-s) and -log(1 - D) is
-- softplus(s), which is how the logarithms are written here: they neither overflow nor lose their
-- gradient.

local options = require "moongan.options"

local gan = {}

local function shape_text(tensor) return "(" .. table.concat(tensor:shape(), ", ") .. ")" end

-- Refuse to broadcast: 64 scores against 64 others are 64 pairs, not 4096.
local function check_same_shape(name, what, real, fake)
  if shape_text(real) == shape_text(fake) then return end
  options.fail(name, "expected as many real as fake %s, for they are compared in pairs, got %s and %s", what,
    shape_text(real), shape_text(fake))
end

-- ---- logarithms ------------------------------------------------------------------------------

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

--- The non-saturating objective with one-sided label smoothing (Salimans et al. 2016, section
-- 3.4): the discriminator is taught `target` rather than 1 for real images, and still 0 for fake
-- ones, so that it is never rewarded for being sure beyond that.
-- @param target  probability, 0.9 where it is not given
function gan.smoothed(target)
  if target == nil then target = 0.9 end
  if type(target) ~= "number" or not (target > 0 and target <= 1) then
    options.fail("mg.gan.smoothed", "expected a probability above 0 and at most 1, got %s", options.describe(target))
  end
  return {
    discriminator = function(real, fake)
      return target * (-real):softplus():mean() + (1 - target) * real:softplus():mean() + fake:softplus():mean()
    end,
    generator = gan.nonsaturating.generator,
  }
end

--- Relativistic, in pairs (Jolicoeur-Martineau 2018, the RSGAN; Huang et al. 2024, the R3GAN,
-- where R1 and R2 go with it): either side is asked to score above the other, image by image.
gan.relativistic = {
  discriminator = function(real, fake)
    check_same_shape("mg.gan.relativistic", "scores", real, fake)
    return (fake - real):softplus():mean()
  end,
  generator = function(fake, real)
    check_same_shape("mg.gan.relativistic", "scores", real, fake)
    return (real - fake):softplus():mean()
  end,
  needs_real = true,
}

-- ---- distances and margins -------------------------------------------------------------------

--- Wasserstein distance by a critic (Arjovsky et al. 2017, algorithm 1), to be used with clipped
-- weights or a gradient penalty, which keep the critic Lipschitz.
gan.wasserstein = {
  discriminator = function(real, fake) return fake:mean() - real:mean() end,
  generator = function(fake) return -(fake:mean()) end,
}

--- Hinge (Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17).
gan.hinge = {
  discriminator = function(real, fake) return (1 - real):relu():mean() + (1 + fake):relu():mean() end,
  generator = function(fake) return -(fake:mean()) end,
}

local function check_number(name, what, value)
  if type(value) ~= "number" then
    options.fail(name, "%s: expected a number, got %s", what, options.describe(value))
  end
end

local function new_least_squares(a, b, c)
  local name = "mg.gan.least_squares"
  check_number(name, "a", a)
  check_number(name, "b", b)
  check_number(name, "c", c)
  return {
    discriminator = function(real, fake)
      return 0.5 * (real - b):square():mean() + 0.5 * (fake - a):square():mean()
    end,
    generator = function(fake) return 0.5 * (fake - c):square():mean() end,
  }
end

--- Least squares (Mao et al. 2017, equation 9: a = 0, b = c = 1).  Called with other numbers, it
-- gives the objective of equation 2 for them: the discriminator is taught a for fake and b for
-- real images, the generator wants c.  least_squares(-1, 1, 0) is equation 8, which minimises a
-- Pearson chi-squared divergence.
gan.least_squares = setmetatable(new_least_squares(0, 1, 1), {
  __call = function(_, a, b, c) return new_least_squares(a, b, c) end,
})

-- The L1 distance of each real image from its fake partner: (n).
local function distances(images)
  local name = "mg.gan.loss_sensitive"
  if type(images) ~= "table" then
    options.fail(name, "expected images, { real =, fake = }, as third argument, got %s", options.describe(images))
  end
  check_same_shape(name, "images", images.real, images.fake)
  return (images.real - images.fake):abs():reshape(images.real:size(1), -1):sum(2)
end

local function new_loss_sensitive(given)
  local o = options.check("mg.gan.loss_sensitive", given,
    { margin = options.number(1, 0), weight = options.number(1, 0) })
  return {
    discriminator = function(real, fake, images)
      check_same_shape("mg.gan.loss_sensitive", "scores", real, fake)
      local distance = distances(images)
      if distance:numel() ~= real:numel() then
        options.fail("mg.gan.loss_sensitive", "expected one score for each of %d images, got %s", distance:numel(),
          shape_text(real))
      end
      local lack = o.margin * distance - (real - fake):reshape(-1)
      return o.weight * lack:relu():mean() - real:mean()
    end,
    generator = function(fake) return -(fake:mean()) end,
  }
end

--- Loss-sensitive (Qi 2017, objectives S and T, with -score as the loss of an image): a real image
-- must score above its fake partner by a margin, their L1 distance; once it does, that pair asks
-- for nothing.  Wants a Lipschitz discriminator: combine it with a penalty or weight decay, for
-- nothing else bounds the scores of real images, or give the margins a weight far above 1.
-- Called with a table it gives another objective: margin = 1 multiplies the distance (which is a
-- sum over all pixels), weight = 1 (the paper's lambda) the demand for margins.
gan.loss_sensitive = setmetatable(new_loss_sensitive(), {
  __call = function(_, given) return new_loss_sensitive(given) end,
})

-- ---- what stands beside them -----------------------------------------------------------------

--- Looking ahead of the discriminator: see moongan.unrolled.
function gan.unrolled(steps, given) return require("moongan.unrolled").new(steps, given) end

--- A trainer: see moongan.trainer for its options and methods.
function gan.Trainer(given) return require("moongan.trainer").new(given) end

--- Penalties on the discriminator's gradient: see moongan.penalty.
gan.penalty = require "moongan.penalty"

return gan
