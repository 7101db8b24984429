-- The training that specs kill, interrupt and take up again: small, but with all that a checkpoint must hold.
--
--     lua5.4 spec/killed.lua out=FOLDER [iterations=60] [threads=1] [every=5] ...
--
-- It goes on where the run in its folder stopped.

local mg = require "moongan"
local nn, optim = mg.nn, mg.optim
local config = require "moongan.config"

local o = config.parse(arg, {
  { "out", "", "run folder" },
  { "iterations", 60, "of the run" },
  { "threads", 1, "processor cores" },
  { "every", 5, "iterations between two checkpoints" },
  { "data", "set", "where batches come from", choices = { "set", "function" } },
  { "nan", 0, "iteration in which the data are not finite; 0: none" },
  { "signal", "", "sent to the process itself,", choices = { "", "INT", "TERM", "HUP" } },
  { "at", 13, "after this iteration" },
  { "times", 1, "so often" },
  { "quiet", true, "print nothing" },
  { "tensorboard", false, "event files" },
})
mg.set_threads(o.threads)
mg.manual_seed(3)

local SIDE = 6
local G = nn.Sequential{
  nn.Linear(4, 16), nn.BatchNorm(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, SIDE * SIDE), nn.Tanh(),
}
local D = nn.Sequential{
  nn.SpectralNorm(nn.Linear(SIDE * SIDE, 16)), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(16, 1),
}

-- Disks of two sizes, in noise.
local images, labels = {}, {}
for i = 1, 70 do
  labels[i] = i % 2 + 1
  for y = 1, SIDE do
    for x = 1, SIDE do
      images[#images + 1] = (x - 3.5) ^ 2 + (y - 3.5) ^ 2 < 3 * labels[i] and 1 - i / 200 or -1
    end
  end
end
local set = mg.data.from_tensor(mg.tensor(images):reshape(70, SIDE * SIDE), labels)

local data, drawn = set, 0
if o.data == "function" or o.nan > 0 then
  local advance, state, step = set:batches(16, { seed = 5 }):forever()
  data = function()
    local x
    step, x = advance(state, step)
    drawn = drawn + 1
    return drawn == 2 * o.nan and x * (0 / 0) or x
  end
end

local trainer = mg.gan.Trainer{
  generator = G, discriminator = D, data = data, batch = 16, nz = 4, n_critic = 2, grid = { 2, 3 }, seed = 5,
  penalty = { { mg.gan.penalty.r1, weight = 0.1, every = 3 } }, accumulate = 1, clip_grad_norm = 5,
  unrolled = 1, average = 0.9, schedule = { "cosine", warmup = 10 },
  optimizer_g = optim.Adam(G:parameters(), { lr = 2e-3, betas = { 0.5, 0.9 } }),
  optimizer_d = optim.SGD(D:parameters(), { lr = 1e-2, momentum = 0.5 }),
  out = o.out, quiet = o.quiet, tensorboard = o.tensorboard,
  log_every = 7, sample_every = 10, checkpoint_every = o.every, keep_every = 20,
  metrics = {
    spread = function(trainer) return trainer:sample(16):std():item() end,
  },
  evaluate_every = 6, best = "spread", best_is = "highest",
  callbacks = { iteration = function(self)
    if o.signal == "" or self.iteration ~= o.at then return end
    for _ = 1, o.times do io.popen("kill -" .. o.signal .. " $PPID"):close() end
  end },
}
trainer:resume()
trainer:run{ iterations = o.iterations }
