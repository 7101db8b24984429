--- The smallest game: one player moves x to make x y smaller, the other moves y to make it larger.
-- Both gradients are right, and yet players who step at the same time spiral outwards, by a factor
-- of sqrt(1 + lr^2) a step; players who take turns stay on an ellipse around the equilibrium (0, 0)
-- and never reach it.  This is why plain gradient descent is not enough to train a GAN.

local mg = require "moongan"
local toy = require "moongan.toy"

local o = toy.start(arg, {
  about = "min over x, max over y of x y: simultaneous steps diverge, alternating ones go in circles.",
  { "lr", 0.1, "learning rate of both players", min = 0.0 },
  { "steps", 150, "steps to take", min = 1 },
})

-- The points visited from (1, 0) on.
local function play(simultaneous)
  local x, y = mg.ones(1):requires_grad_(true), mg.zeros(1):requires_grad_(true)
  local x_player, y_player = mg.optim.SGD({ x }, { lr = o.lr }), mg.optim.SGD({ y }, { lr = o.lr })
  local function differentiate(player, variable, loss)
    player:zero_grad()
    loss:backward{ inputs = { variable } }
  end
  local points = { { x:item(), y:item() } }
  for step = 1, o.steps do
    differentiate(x_player, x, x * y)
    if simultaneous then differentiate(y_player, y, -(x * y)) end
    x_player:step()
    if not simultaneous then differentiate(y_player, y, -(x * y)) end
    y_player:step()
    points[step + 1] = { x:item(), y:item() }
  end
  return points
end

local function radius(point) return math.sqrt(point[1] ^ 2 + point[2] ^ 2) end

local spiral, ellipse = play(true), play(false)
local growth = (radius(spiral[#spiral]) / radius(spiral[1])) ^ (1 / o.steps)
print(string.format("simultaneous: radius %.6g after %d steps, growth %.9g a step (theory: %.9g)",
  radius(spiral[#spiral]), o.steps, growth, math.sqrt(1 + o.lr ^ 2)))

local nearest, farthest, drift = math.huge, 0, 0
for _, point in ipairs(ellipse) do
  nearest, farthest = math.min(nearest, radius(point)), math.max(farthest, radius(point))
  -- x^2 - lr x y + y^2 does not change.
  drift = math.max(drift, math.abs(point[1] ^ 2 - o.lr * point[1] * point[2] + point[2] ^ 2 - 1))
end
print(string.format("alternating: radius between %.6g and %.6g; x^2 - lr x y + y^2 stays 1 within %.1g", nearest,
  farthest, drift))

toy.picture(o.out .. "/xy.png", { spiral = spiral, ellipse = ellipse }, [[
set title "min_x max_y xy, by gradient steps from (1, 0)"
set size ratio -1
set grid
set xlabel "x"
set ylabel "y"
set key outside bottom center horizontal
plot $spiral with linespoints pointtype 7 pointsize 0.4 linecolor "#d62728" title "simultaneous steps", \
     $ellipse with linespoints pointtype 7 pointsize 0.4 linecolor "#1f77b4" title "alternating steps", \
     "+" using (0):(0) every ::0::0 with points pointtype 2 pointsize 2 linecolor "black" title "equilibrium"
]], 560, 600)
