--- moongan: tensors, layers, losses, optimizers and adversarial training.
--
--     local mg = require "moongan"
--     local nn, optim, loss = mg.nn, mg.optim, mg.loss
--
-- The core's tensor functions stand in this table itself; everything else is a table of its own
-- (mg.nn, mg.data, mg.gan, ...) that is loaded at its first use, so that requiring moongan is
-- quick.  The environment variable MOONGAN_PRECISION chooses 32 bits (the default) or 64.

local cores = { ["32"] = "moongan.core", ["64"] = "moongan.core64" }
local precision = os.getenv("MOONGAN_PRECISION") or "32"
if not cores[precision] then
  error(string.format("moongan: environment variable MOONGAN_PRECISION: expected 32 or 64, got %q", precision), 0)
end
local core = require(cores[precision])

local moongan = { version = "0.1.0", core = core }
for name, value in pairs(core) do moongan[name] = value end

-- Lua modules, some of which extend the core's table of the same name and stand in its place.
local lazy = {
  data = true,
  events = true,
  experiment = true,
  gan = true,
  image = true,
  json = true,
  loss = true,
  models = true,
  npy = true,
  profile = true,
  run = true,
  safetensors = true,
  terminal = true,
  torch = true,
  who = true,
}
for name in pairs(lazy) do moongan[name] = nil end

return setmetatable(moongan, {
  __index = function(self, name)
    if not lazy[name] then return nil end
    local module = require("moongan." .. name)
    rawset(self, name, module)
    return module
  end,
})
