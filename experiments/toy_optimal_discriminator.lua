--- The best discriminator of densities p (real) and q (fake) is p / (p + q) (Goodfellow et al. 2014,
-- proposition 1).  Here both densities are known, so a small network that is trained until it gets
-- no better can be held against that formula.

local mg = require "moongan"
local toy = require "moongan.toy"

local o = toy.start(arg, {
  about = "A discriminator trained to its optimum between two known densities is p / (p + q).",
  { "steps", 1500, "updates of the discriminator", min = 1 },
  { "batch", 2048, "numbers of each kind in an update", min = 1 },
  { "lr", 0.01, "Adam's learning rate at the beginning; it falls to 0", min = 0.0 },
})

local function normal(x, mean, deviation)
  return math.exp(-0.5 * ((x - mean) / deviation) ^ 2) / (deviation * math.sqrt(2 * math.pi))
end

-- Real: two bumps, of equal weight.  Fake: one broad bump between them.
local function p(x) return 0.5 * normal(x, -1.5, 0.6) + 0.5 * normal(x, 1, 0.8) end
local function q(x) return normal(x, 0, 1.4) end

local function sample_p(n)
  local left = mg.rand(n, 1):lt(0.5)
  return left:where(mg.randn(n, 1) * 0.6 - 1.5, mg.randn(n, 1) * 0.8 + 1)
end
local function sample_q(n) return mg.randn(n, 1) * 1.4 end

local D = toy.network(1, 32, 1, mg.nn.Tanh)
local optimizer = mg.optim.Adam(D:parameters(), { lr = o.lr })
for step = 1, o.steps do
  optimizer:set_lr(o.lr * (1 - (step - 1) / o.steps) ^ 2)
  local loss = mg.gan.minimax.discriminator(D(sample_p(o.batch)), D(sample_q(o.batch)))
  optimizer:zero_grad()
  loss:backward()
  optimizer:step()
end

-- Between -2.5 and 2.5 lie 94 % of the samples; beyond, there is little to learn from.
local grid = mg.linspace(-3.5, 3.5, 141)
local found = D(grid:reshape(141, 1)):sigmoid():reshape(141):totable()
local rows, worst, where, weighted, mass = {}, 0, nil, 0, 0
for i, x in ipairs(grid:totable()) do
  local best = p(x) / (p(x) + q(x))
  local difference = math.abs(found[i] - best)
  rows[i] = { x, p(x), q(x), best, found[i] }
  weighted, mass = weighted + difference * (p(x) + q(x)), mass + p(x) + q(x)
  if math.abs(x) <= 2.5 and difference > worst then worst, where = difference, x end
end
print(string.format("largest |D - p / (p + q)| on [-2.5, 2.5]: %.4f, at %.2f", worst, where))
print(string.format("mean |D - p / (p + q)| under p + q: %.4f", weighted / mass))

toy.picture(o.out .. "/optimal_discriminator.png", { rows = rows }, [[
set title "A discriminator trained to its optimum"
set grid
set key outside bottom center horizontal
set xlabel "x"
set yrange [0:1]
plot $rows using 1:2 with filledcurves y1=0 linecolor "#8833aa33" title "p, real", \
     $rows using 1:3 with filledcurves y1=0 linecolor "#88dd7722" title "q, fake", \
     $rows using 1:4 with lines linewidth 5 linecolor "#aaaaaa" title "p / (p + q)", \
     $rows using 1:5 with lines linewidth 2 linecolor "#1f77b4" title "D"
]], 700, 460)
