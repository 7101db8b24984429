--- Two lines side by side, at a distance theta (Arjovsky et al. 2017, example 1): real points are
-- (0, u), fake ones (theta, u), u uniform in [0, 1].  Wherever they do not coincide their
-- Jensen-Shannon divergence is log 2, so it tells a generator nothing about where to go; their
-- Wasserstein distance is |theta|.  Both are estimated here as a GAN does it: the first by a
-- discriminator, whose best loss is 2 log 2 - 2 JS, the second by a critic with gradient penalty.

local mg = require "moongan"
local toy = require "moongan.toy"

local o = toy.start(arg, {
  about = "Between two parallel lines: the JS divergence is flat, the Wasserstein distance is not.",
  { "distances", 4, "distances to try on either side of 0; the farthest is 1", min = 1 },
  { "steps", 400, "updates of each network", min = 1 },
  { "batch", 256, "points of each kind in an update", min = 1 },
  { "lr", 0.005, "Adam's learning rate at the beginning; it falls to 0", min = 0.0 },
  { "penalty", 50.0, "weight of the critic's gradient penalty; its slope is 1 + |theta| / (2 penalty)", min = 0.0 },
})

local function line(at, n) return mg.cat({ mg.full({ n, 1 }, at), mg.rand(n, 1) }, 2) end

-- Train a network to make loss(network, real, fake) small; returns that network.
local function train(theta, loss)
  local network = toy.network(2, 32, 1, mg.nn.Tanh)
  local optimizer = mg.optim.Adam(network:parameters(), { lr = o.lr, betas = { 0.5, 0.9 } })
  for step = 1, o.steps do
    optimizer:set_lr(o.lr * (1 - (step - 1) / o.steps))
    local value = loss(network, line(0, o.batch), line(theta, o.batch))
    optimizer:zero_grad()
    value:backward()
    optimizer:step()
  end
  return network
end

local function estimate_js(theta)
  local discriminator = mg.gan.minimax.discriminator
  local D = train(theta, function(D, real, fake) return discriminator(D(real), D(fake)) end)
  return math.log(2) - 0.5 * discriminator(D(line(0, 4096)), D(line(theta, 4096))):item()
end

local function estimate_wasserstein(theta)
  local discriminator = mg.gan.wasserstein.discriminator
  local critic = train(theta, function(D, real, fake)
    return discriminator(D(real), D(fake)) + o.penalty * mg.gan.penalty.wgan_gp(D, real, fake)
  end)
  return -discriminator(critic(line(0, 4096)), critic(line(theta, 4096))):item()
end

print("  theta    JS    by D    Wasserstein  by critic")
local rows = {}
for i = -o.distances, o.distances do
  local theta = i / o.distances
  local js = theta == 0 and 0 or math.log(2)
  rows[#rows + 1] = { theta, js, estimate_js(theta), math.abs(theta), estimate_wasserstein(theta) }
  print(string.format("%7.3f %7.4f %7.4f %9.4f %10.4f", table.unpack(rows[#rows])))
end

toy.picture(o.out .. "/js_wasserstein.png", { rows = rows }, [[
set title "Two parallel lines at distance |{/Symbol q}|"
set grid
set key outside bottom center horizontal
set bmargin 8
set xlabel "{/Symbol q}"
set yrange [-0.05:1.1]
set samples 400
plot log(2) with lines linewidth 2 linecolor "#d62728" title "JS divergence: log 2, and 0 at 0", \
     $rows using 1:3 with points pointtype 6 pointsize 2 linewidth 2 linecolor "#d62728" title "by a discriminator", \
     [-1:1] abs(x) with lines linewidth 2 linecolor "#1f77b4" title "Wasserstein distance", \
     $rows using 1:5 with points pointtype 5 pointsize 1.3 linecolor "#1f77b4" title "by a critic"
]], 640, 480)
