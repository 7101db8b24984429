--- Networks to train: pairs of a generator and a discriminator (or critic).
--
-- Every function takes one table of options, all of which have defaults, and returns a layer in
-- training mode.  Generators map noise (n, nz) to images; discriminators and critics map images to
-- scores (n, 1) before any sigmoid: the objectives in moongan.gan expect plain scores.  Dense
-- networks have flat images (n, n_out), convolutional ones (n, size, size, channels).
--
-- Conditional networks are called as G(z, y) and D(x, y).  Dense ones take one-hot labels
-- (n, classes), convolutional ones class numbers (n) from 1.
--
-- A family of networks is a module in moongan/models/.

local models = {}

for _, family in ipairs{ "dense", "dcgan", "upsample", "resnet", "heads", "r3gan" } do
  for name, build in pairs(require("moongan.models." .. family)) do models[name] = build end
end

return models
