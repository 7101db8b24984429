-- Threads: what they make has the same bits however it reaches memory.

local helper = require "spec.helper"
local mg = require "moongan"

describe("threads", function()
  -- A variable of the environment decides, so each answer needs a process of its own.
  it("leave the same weights whether results are written past the caches or not", function()
    local code = [[
      local mg = require "moongan"
      mg.set_threads(2)
      mg.manual_seed(1)
      local nn = mg.nn
      local model = nn.Sequential{
        nn.Linear(100, 301), nn.ReLU(), nn.Linear(301, 1024), nn.Reshape(4, 8, 32),
        nn.Conv2d(32, 32, 4, { stride = 2, padding = 1 }),
      }
      local optimizer = mg.optim.Adam(model:parameters(), { lr = 1e-3 })
      local x = mg.randn(64, 100)
      for _ = 1, 5 do
        optimizer:zero_grad()
        model(x):square():mean():backward()
        optimizer:step()
      end
      for _, p in ipairs(model:parameters()) do
        for _, v in ipairs(p:flatten():totable()) do io.write(string.format("%a ", v)) end
      end
    ]]
    local precision = " MOONGAN_PRECISION=" .. mg.precision
    local cached, status = helper.run_lua(code, "MOONGAN_APART=0" .. precision)
    assert.equal(0, status, cached)
    assert.truthy(#cached > 100000)
    assert.equal(cached, (helper.run_lua(code, "MOONGAN_APART=1" .. precision)))
    assert.equal(cached, (helper.run_lua(code, "MOONGAN_APART=anything" .. precision)))
  end)
end)
