--- Losses: the core's (BCEWithLogitsLoss, CrossEntropyLoss, ...) and the gradient penalty.

local moongan = require "moongan"

local loss = {}
for name, constructor in pairs(moongan.core.loss) do loss[name] = constructor end

--- The gradient penalty of WGAN-GP, gradient_penalty(D, real, fake, given, ...): see
-- moongan.penalty, where others stand beside it.
loss.gradient_penalty = require("moongan.penalty").wgan_gp

return loss
