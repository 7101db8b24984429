--- Discriminators that know classes, as heads on any network from images to features (n, count):
-- the projection discriminator (Miyato and Koyama 2018) is told the class and judges whether the
-- image fits; that of AC-GAN (Odena et al. 2017) names the class itself, besides its score.

local moongan = require "moongan"
local common = require "moongan.models.common"
local dcgan = require "moongan.models.dcgan"
local options = require "moongan.options"
local resnet = require "moongan.models.resnet"
local nn = moongan.nn
local size = common.size

local heads = {}

local head_options = {
  features = options.required("moongan.Layer"), -- from images to features (n, count)
  count = options.integer(nil, 1),
  classes = size(10),
  norm = options.one_of("none", "spectral"),
}

local function check_head(function_name, given)
  local o = options.check(function_name, given, head_options)
  if not o.count then options.fail(function_name, "option count: expected the number of features, got nil") end
  return o
end

local function with_glorot(o, layer)
  common.glorot(layer)
  return common.spectral(o.norm, layer)
end

local function projection(o)
  return nn.Module{
    name = "ProjectionDiscriminator",
    features = o.features,
    score = with_glorot(o, nn.Linear(o.count, 1)),
    label = with_glorot(o, nn.Embedding(o.classes, o.count)),
    forward = function(self, x, y)
      local h = self.features(x)
      return self.score(h) + (self.label(y) * h):sum(2, true)
    end,
  }
end

--- Projection head: a linear score of the features plus their inner product with an embedding of the
-- label (equation 3).  Called as D(x, y) with class numbers y (n); returns scores (n, 1).
-- @param given  features and count (required), classes = 10, norm = "none" (or "spectral")
function heads.projection_head(given) return projection(check_head("mg.models.projection_head", given)) end

--- Projection discriminator for images of 32 x 32: the head on the features of resnet_discriminator.
-- @param given  channels = 3, nf = 128, norm = "spectral" (or "none"), init = "glorot" (or
--   "default"), classes = 10
function heads.projection_discriminator(given)
  local o = options.check("mg.models.projection_discriminator", given, {
    channels = size(3), nf = size(128), norm = options.one_of("spectral", "none"),
    init = options.one_of("glorot", "default"), classes = size(10),
  })
  local features, count = resnet.resnet_features{ channels = o.channels, nf = o.nf, norm = o.norm, init = o.init }
  return projection{ features = features, count = count, classes = o.classes, norm = o.norm }
end

local function auxiliary(o)
  return nn.Module{
    name = "AuxiliaryDiscriminator",
    features = o.features,
    score = common.spectral(o.norm, nn.Linear(o.count, 1)),
    class = common.spectral(o.norm, nn.Linear(o.count, o.classes)),
    forward = function(self, x)
      local h = self.features(x)
      return self.score(h), self.class(h)
    end,
  }
end

--- AC-GAN head.  Called as D(x); returns scores (n, 1) and, for each class, the logarithm of its
-- probability up to a constant (n, classes), as loss.CrossEntropyLoss takes it.
-- @param given  features and count (required), classes = 10, norm = "none" (or "spectral")
function heads.acgan_head(given) return auxiliary(check_head("mg.models.acgan_head", given)) end

--- Discriminator of AC-GAN: the head on the features of dcgan_discriminator.
-- @param given  as dcgan_discriminator's; classes = 10
function heads.acgan_discriminator(given)
  local o = common.image_options("mg.models.acgan_discriminator", given, {
    nf = size(64), norm = common.norm_rule, slope = common.slope, init = common.init_rule, classes = size(10),
  })
  local features, count = dcgan.dcgan_features{
    size = o.size, channels = o.channels, nf = o.nf, norm = o.norm, slope = o.slope, init = o.init,
  }
  local network = auxiliary{ features = features, count = count, classes = o.classes, norm = o.norm }
  return common.initialised(o.init, network)
end

return heads
