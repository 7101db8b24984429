-- Convolutions of 32 channels and more are computed by minimal filtering, those of 16 by plain
-- products: both must agree, in all three partials.

local helper = require "spec.helper"
local mg = require "moongan"

local near, same_bits = helper.near, helper.same_bits
local TOLERANCE = helper.double and 1e-13 or 1e-5

-- Equal, measured by the largest of all values: they are sums in which terms cancel.
local function close(expected, actual)
  local scale = 1 / expected:abs():max():item()
  near(expected * scale, actual * scale, TOLERANCE)
end

local function columns(tensor, first, last) return tensor[{ {}, {}, {}, { first, last } }] end
local function inputs_of(weight, first, last) return weight[{ {}, {}, { first, last }, {} }] end

-- Sixteen channels of x at a time, so that minimal filtering is out of the question.
local function plain_forward(x, w, bias, geometry)
  local sum
  for c = 1, x:size(4), 16 do
    local part = mg.conv2d(columns(x, c, c + 15), inputs_of(w, c, c + 15), nil, geometry)
    sum = sum and sum + part or part
  end
  return bias and sum + bias or sum
end

local function plain_input(y, w, bias, h, width, geometry)
  local parts = {}
  for c = 1, w:size(3), 16 do
    parts[#parts + 1] = mg.conv2d_input(y, inputs_of(w, c, c + 15), nil, h, width, geometry)
  end
  local all = mg.cat(parts, 4)
  return bias and all + bias or all
end

local function plain_weight(x, y, kernel, geometry)
  local parts = {}
  for c = 1, x:size(4), 16 do
    parts[#parts + 1] = mg.conv2d_weight(columns(x, c, c + 15), y, kernel, kernel, geometry)
  end
  return mg.cat(parts, 3)
end

-- n, h, w, channels, channels out, kernel, stride, padding
local CASES = {
  { 2, 32, 32, 32, 48, 4, 2, 1 }, -- whole tiles of four
  { 32, 8, 8, 64, 32, 4, 2, 1 },
  { 9, 14, 14, 32, 64, 4, 2, 1 }, -- seven outputs: a tile of four and one of three
  { 9, 15, 13, 48, 32, 4, 2, 1 },
  { 9, 14, 16, 32, 32, 4, 2, 1 }, -- shorter tiles along one side only
  { 9, 16, 14, 32, 32, 4, 2, 1 },
  { 33, 6, 6, 32, 32, 4, 2, 1 }, -- no other tiles than shorter ones
  { 9, 10, 12, 32, 32, 4, 2, 1 }, -- five outputs: shorter tiles that reach over the border
  { 9, 18, 26, 32, 32, 4, 2, 1 },
  { 9, 9, 11, 32, 32, 4, 2, 0 }, -- a row and column no tap sees
  { 33, 4, 4, 32, 32, 4, 2, 1 }, -- tiles of two
  { 8, 16, 16, 32, 32, 4, 2, 3 },
  { 9, 12, 12, 32, 80, 3, 1, 1 }, -- three taps
  { 9, 12, 7, 32, 32, 3, 1, 0 },
  { 9, 7, 7, 32, 32, 3, 1, 1 },
  { 9, 15, 4, 32, 48, 3, 1, 1 },
  { 20, 6, 6, 32, 48, 2, 1, 0 },
  { 12, 17, 17, 32, 32, 6, 3, 2 }, -- stride three
  { 12, 18, 18, 32, 32, 6, 2, 2 }, -- three taps of stride two
  { 11, 40, 40, 32, 32, 4, 2, 1 }, -- more tiles than a chunk holds
  { 41, 28, 28, 32, 32, 4, 2, 1 }, -- and a chunk's end among the tiles of an image
}

describe("convolution by minimal filtering", function()
  for _, case in ipairs(CASES) do
    local n, h, w, channels, out, kernel, stride, padding = table.unpack(case)
    local geometry = { stride = stride, padding = padding }

    it("agrees with plain products: " .. table.concat(case, ", "), function()
      local x = helper.values({ n, h, w, channels }, 1)
      local weight = helper.values({ kernel, kernel, channels, out }, 2)
      local bias, back = helper.values({ out }, 3), helper.values({ channels }, 4)
      local y = mg.conv2d(x, weight, bias, geometry)
      close(plain_forward(x, weight, bias, geometry), y)
      close(plain_input(y, weight, back, h, w, geometry), mg.conv2d_input(y, weight, back, h, w, geometry))
      close(plain_weight(x, y, kernel, geometry), mg.conv2d_weight(x, y, kernel, kernel, geometry))
    end)
  end

  for _, side in ipairs{ 40, 44 } do -- with whole tiles only, and with shorter ones
    it("has the same bits for any number of threads: side " .. side, function()
      local geometry = { stride = 2, padding = 1 }
      local x, weight = helper.values({ 11, side, side, 32 }, 1), helper.values({ 4, 4, 32, 96 }, 2)
      local function all()
        local y = mg.conv2d(x, weight, nil, geometry)
        return { y, mg.conv2d_input(y, weight, nil, side, side, geometry), mg.conv2d_weight(x, y, 4, 4, geometry) }
      end
      local one, three = helper.with_threads(1, all), helper.with_threads(3, all)
      for i = 1, 3 do same_bits(one[i], three[i]) end
    end)
  end

  it("keeps a NaN in sight, and from other images", function()
    local x, weight = helper.values({ 40, 8, 8, 32 }, 1), helper.values({ 4, 4, 32, 32 }, 2)
    x[{ 3, 5, 5, 7 }] = 0 / 0
    local y = mg.conv2d(x, weight, nil, { stride = 2, padding = 1 })
    local wrong = y:ne(y):reshape(40, -1):sum(2)
    assert.is_true(wrong[3]:item() > 0)
    wrong[3] = 0
    near(0, wrong:sum(), 0)
  end)
end)
