-- Ways through noise: ends, lengths, directions.

local helper = require "spec.helper"
local latent = require "moongan.latent"
local mg = require "moongan"

describe("latent.spherical", function()
  it("goes from one end to the other on a great circle", function()
    local a, b = mg.tensor{ { 1, 0, 0 }, { 0, 2, 0 } }, mg.tensor{ { 0, 1, 0 }, { 0, 0, 2 } }
    helper.near(a, latent.spherical(a, b, 0))
    helper.near(b, latent.spherical(a, b, 1))
    local s, c = math.sin(math.pi / 6), math.cos(math.pi / 6)
    helper.near({ { c, s, 0 }, { 0, 2 * c, 2 * s } }, latent.spherical(a, b, 1 / 3))
  end)

  it("joins rows of one direction, opposite ones and zeros by a line", function()
    local a, b = mg.tensor{ { 1, 1 }, { 1, 0 }, { 0, 0 } }, mg.tensor{ { 3, 3 }, { -1, 0 }, { 2, 2 } }
    helper.near({ { 2, 2 }, { 0, 0 }, { 1, 1 } }, latent.spherical(a, b, 0.5))
  end)

  it("refuses what is no pair", function()
    local a = mg.zeros(2, 3)
    helper.error_like(function() latent.spherical(a, mg.zeros(2, 4), 0.5) end, "expected noise of one shape")
    helper.error_like(function() latent.spherical(a, nil, 0.5) end, "argument 2: expected noise")
    helper.error_like(function() latent.linear(mg.zeros(3), mg.zeros(3), 0.5) end, "argument 1: expected noise")
  end)
end)

describe("latent.path", function()
  local points = mg.tensor{ { 1, 0 }, { 0, 1 }, { -1, 0 } }

  it("visits every point", function()
    local way = latent.path(points, 4)
    assert.same({ 9, 2 }, way:shape())
    for i = 1, 3 do helper.near(points:narrow(1, i, 1), way:narrow(1, 4 * i - 3, 1)) end
    helper.near(mg.ones(9), way:square():sum(2))
  end)

  it("comes back to the first where it is closed", function()
    local way = latent.path(points, 2, { closed = true, between = latent.linear })
    helper.near({ { 1, 0 }, { 0.5, 0.5 }, { 0, 1 }, { -0.5, 0.5 }, { -1, 0 }, { 0, 0 } }, way)
  end)
end)
