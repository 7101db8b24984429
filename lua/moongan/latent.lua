--- Ways through a generator's noise.

local moongan = require "moongan"
local options = require "moongan.options"

local latent = {}

local function check_pair(name, a, b)
  for i, value in ipairs{ a or false, b or false } do
    if not options.is(value, "moongan.Tensor") or value:dim() ~= 2 then
      options.fail(name, "argument %d: expected noise (n, nz), got %s", i, options.describe(value))
    end
  end
  if a:size(1) ~= b:size(1) or a:size(2) ~= b:size(2) then
    options.fail(name, "expected noise of one shape, got (%d, %d) and (%d, %d)", a:size(1), a:size(2), b:size(1),
      b:size(2))
  end
end

--- On the straight line from a to b (n, nz): t = 0 gives a, t = 1 gives b.
function latent.linear(a, b, t)
  check_pair("latent.linear", a, b)
  return a * (1 - t) + b * t
end

--- On the great circle from a to b (White 2016, section 2.1.1), row by row: samples of a normal
-- distribution lie near a sphere, whose inside a straight line would cross, where the generator was never trained.
-- The length goes from that of a to that of b.  Rows in one direction (or opposite) are joined by a line.
-- @param a, b  noise (n, nz)
-- @param t     0 gives a, 1 gives b
function latent.spherical(a, b, t)
  check_pair("latent.spherical", a, b)
  local length_a, length_b = a:square():sum(2, true):sqrt(), b:square():sum(2, true):sqrt()
  local cosines = ((a * b):sum(2, true) / (length_a * length_b)):reshape(-1):totable()
  local of_a, of_b = {}, {}
  for i, cosine in ipairs(cosines) do
    local angle = math.acos(math.max(-1, math.min(1, cosine)))
    if angle ~= angle or math.sin(angle) < 1e-3 then
      of_a[i], of_b[i] = 1 - t, t
    else
      of_a[i], of_b[i] = math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)
    end
  end
  local n = #cosines
  return a * moongan.tensor(of_a):reshape(n, 1) + b * moongan.tensor(of_b):reshape(n, 1)
end

--- A way through several points.
-- @param points  noise (n, nz), n at least 2
-- @param steps   how many places it has from one point to the next, the next not counted
-- @param given   between = latent.spherical (or latent.linear); closed = false: back to the first
-- @return noise, n - 1 times `steps` and the last point; closed: n times `steps`
function latent.path(points, steps, given)
  local o = options.check("latent.path", given, { between = options.optional("callable"), closed = false })
  local between, n = o.between or latent.spherical, points:size(1)
  local places = {}
  for i = 1, o.closed and n or n - 1 do
    local a, b = points:narrow(1, i, 1), points:narrow(1, i % n + 1, 1)
    for step = 0, steps - 1 do places[#places + 1] = between(a, b, step / steps) end
  end
  if not o.closed then places[#places + 1] = points:narrow(1, n, 1) end
  return moongan.cat(places, 1)
end

return latent
