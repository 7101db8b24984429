--- Networks that take each image apart: those may be given two batches as one, which is faster.

local moongan = require "moongan"

local apart = {}

-- Layers whose results depend on the rest of the batch, or that keep something from each call.
local TOGETHER = { BatchNorm = true, MinibatchDiscrimination = true, MinibatchStddev = true, SpectralNorm = true }

--- Whether each image's result, in training mode, depends on that image alone, and a call leaves nothing behind.
-- A Module is believed where its field `apart` is true, and else thought to look at the batch.
function apart.is(network)
  local found = true
  network:apply(function(layer)
    local is_module = type(layer.forward) == "function"
    if TOGETHER[layer.name] or (is_module and layer.apart ~= true) then found = false end
  end)
  return found
end

local function halves(x) return x:narrow(1, 1, x:size(1) // 2), x:narrow(1, x:size(1) // 2 + 1, x:size(1) // 2) end

--- The results of network(a, y) and network(b, y), both of as many images, in one call.
-- @param y  labels of both, or nil
function apart.both(network, a, b, y)
  local images = moongan.cat({ a, b }, 1)
  if y then return halves(network(images, moongan.cat({ y, y }, 1))) end
  return halves(network(images))
end

return apart
