--- The trainer: alternating updates of a discriminator and a generator, with everything a person
-- wants to see of them.
--
--     local trainer = mg.gan.Trainer{
--       generator = G, discriminator = D, data = mg.data.mnist{}, nz = 100,
--       objective = "wasserstein", penalty = 10, n_critic = 5, out = "runs/first",
--     }
--     trainer:run{ epochs = 20 }
--
-- One iteration is n_critic updates of the discriminator, each on a fresh batch, and then one of
-- the generator.  A run with `out` that was interrupted, or killed, goes on where it was:
--
--     trainer:resume()            -- nothing, where there is nothing to go on from
--     trainer:run{ epochs = 20 }

local moongan = require "moongan"
local apart = require "moongan.apart"
local average = require "moongan.average"
local finite = require "moongan.finite"
local gan = require "moongan.gan"
local options = require "moongan.options"
local run = require "moongan.run"
local schedule = require "moongan.schedule"
local source = require "moongan.source"
local training = require "moongan.training"

local NAME = "mg.gan.Trainer"

local known = {
  generator = options.required("moongan.Layer"),     -- G(z), or G(z, y)
  discriminator = options.required("moongan.Layer"), -- D(x), or D(x, y): scores before a sigmoid
  data = options.required("any"),                    -- a data set, its batches, or function() -> images, labels
  batch = options.integer(64, 1),                    -- images in a batch (of a data set)
  nz = options.integer(100, 1),                      -- size of the noise
  noise = options.optional("string", "callable"),    -- "normal" (default), "uniform" in [-1, 1), or function(n)
  conditional = options.integer(nil, 2),             -- number of classes: G and D get labels,
  labels = options.one_of("one_hot", "number"),      -- (n, classes), or class numbers (n) from 1
  auxiliary = options.number(nil, 0),                -- weight of the class loss (AC-GAN): D gets no labels, and
                                                     -- returns scores of classes (n, classes) after its own
  objective = options.optional("string", "table"),   -- a name or a table from mg.gan; default "nonsaturating"
  penalty = options.optional("number", "callable", "table"), -- weight of WGAN-GP's penalty, or f(D, real, fake), or
                                                     -- a list { { mg.gan.penalty.r1, weight = 5 }, ... }
  clip = options.number(nil, 0),                     -- D's weights are kept within [-clip, clip]
  unrolled = options.optional("number", "moongan.Unrolled"), -- G looks that many steps of D's optimizer ahead; or as
                                                     -- mg.gan.unrolled(steps, { lr = }) says
  n_critic = options.integer(1, 1),                  -- updates of D in an iteration,
  n_generator = options.integer(1, 1),               -- and of G after them
  optimizer_g = options.optional("moongan.Optimizer"), -- default Adam, lr = 2e-4, betas = { 0.5, 0.999 }
  optimizer_d = options.optional("moongan.Optimizer"),
  lr_g = options.number(nil, 0),                     -- learning rates of the default optimizers
  lr_d = options.number(nil, 0),
  schedule = options.optional("string", "table", "callable"),   -- of both learning rates: see moongan.schedule;
  schedule_g = options.optional("string", "table", "callable"), -- or of one of them
  schedule_d = options.optional("string", "table", "callable"),
  accumulate = options.integer(1, 1),                -- batches that an update adds the gradients of
  clip_grad_norm = options.number(nil, 0),           -- the gradients of an update have at most this norm
  average = options.number(0, 0, 0.99999),           -- samples come from an average of G's weights over
                                                     -- about 1 / (1 - average) iterations; 0: they do not
  seed = options.integer(1, 0),                      -- of the order of batches
  out = options.optional("string"),                  -- run folder; nothing is written where it is not given
  overwrite = false,                                 -- a run that is in `out` already may go
  config = options.optional("table"),                -- plain data from which mg.experiment.build makes this trainer
  log_every = options.integer(100, 1),               -- iterations between two rows of stats.jsonl
  sample_every = options.integer(500, 0),            -- iterations between two sample grids; 0: only the last
  grid = { 8, 8 },                                   -- rows and columns of a grid; conditional: rows are classes
  range = { -1, 1 },                                 -- what black and white are in G's images
  checkpoint_every = options.integer(nil, 1),        -- iterations between two checkpoints; default: about a minute
  keep_every = options.integer(nil, 1),              -- iterations between two checkpoints that stay
  metrics = options.optional("table"),               -- name -> function(trainer) -> number, for the rows
  evaluate_every = options.integer(1000, 1),         -- iterations between two calls of them
  best = options.optional("string"),                 -- the metric by which the checkpoint "best" is chosen,
  best_is = options.one_of("lowest", "highest"),
  callbacks = options.optional("table"),             -- event -> function(trainer, ..): see moongan.training
  animation = true,                                  -- of the sample grids, at the end
  tensorboard = false,                               -- event files as well
  quiet = false,                                     -- print nothing
  verbose = false,                                   -- print what log.txt gets
}

local Trainer = {}
Trainer.__index = Trainer

local function fail(...) options.fail(NAME, ...) end

local function is_objective(value)
  return type(value) == "table" and type(value.discriminator) == "function" and type(value.generator) == "function"
end

local function find_objective(given)
  if given == nil then return gan.nonsaturating end
  if type(given) == "string" then
    local objective = gan[given]
    if not is_objective(objective) then
      local names = {}
      for name, value in pairs(gan) do
        if is_objective(value) then names[#names + 1] = name end
      end
      table.sort(names)
      fail("option objective: expected one of %s, got %q", table.concat(names, ", "), given)
    end
    return objective
  end
  for _, key in ipairs{ "discriminator", "generator" } do
    if type(given[key]) ~= "function" then
      fail("option objective: expected a function at key %s, got %s", key, options.describe(given[key]))
    end
  end
  return given
end

local function make_noise(given, nz)
  if given == nil or given == "normal" then return function(n) return moongan.randn(n, nz) end end
  if given == "uniform" then return function(n) return moongan.rand(n, nz) * 2 - 1 end end
  if type(given) == "string" then
    fail('option noise: expected "normal", "uniform" or a function, got %q', given)
  end
  return given
end

-- What is added to the discriminator's loss: f(D, real, fake, update), a scalar tensor or nil.
local function make_penalty(given)
  if given == nil then return nil end
  if type(given) == "number" then given = { gan.penalty.wgan_gp, weight = given } end
  return gan.penalty.sum(options.is(given, "callable") and { given } or given)
end

local function make_optimizer(given, lr, parameters, suffix)
  if not given then return moongan.optim.Adam(parameters, { lr = lr or 2e-4, betas = { 0.5, 0.999 } }) end
  if lr then fail("option lr_%s: optimizer_%s has a learning rate of its own", suffix, suffix) end
  return given
end

-- The function that sets an optimizer's learning rates, those it has now being the ones that the schedule
-- multiplies; nothing where there is no schedule.
local function make_pace(optimizer, given)
  if not given then return nil end
  local factor, rates = schedule.new(given), {}
  for g, group in ipairs(optimizer:param_groups()) do rates[g] = group.lr end
  return function(iteration, total)
    local times = factor(iteration, total)
    for g, rate in ipairs(rates) do optimizer:set_lr(rate * times, g) end
  end
end

local function check_grid(grid)
  for i = 1, 2 do
    if math.type(grid[i]) ~= "integer" or grid[i] < 1 then
      fail("option grid: expected { rows, columns }, whole numbers of at least 1, got %s at %d",
        options.describe(grid[i]), i)
    end
  end
end

--- A trainer of the networks and options given: see `known` above for what each means.
-- Puts both networks in training mode.  Draws the noise of its sample grids at once.
function Trainer.new(given)
  local o = options.check(NAME, given, known)
  local self = setmetatable(o, Trainer)
  self.given = given
  self.objective = find_objective(o.objective)
  self.noise = make_noise(o.noise, o.nz)
  self.penalty = make_penalty(o.penalty)
  self.source = source.new(NAME, o.data, o.batch, o.seed)
  self.parameters_g, self.parameters_d = self.generator:parameters(), self.discriminator:parameters()
  self.optimizer_g = make_optimizer(o.optimizer_g, o.lr_g, self.parameters_g, "g")
  self.optimizer_d = make_optimizer(o.optimizer_d, o.lr_d, self.parameters_d, "d")
  if type(o.unrolled) == "number" then
    self.unrolled = gan.unrolled(o.unrolled, { optimizer = self.optimizer_d })
  end
  self.pace_g = make_pace(self.optimizer_g, o.schedule_g or o.schedule)
  self.pace_d = make_pace(self.optimizer_d, o.schedule_d or o.schedule)
  self.averaged = o.average > 0 and average.new(self.generator, o.average) or nil
  check_grid(o.grid)
  if o.auxiliary and not o.conditional then fail("option auxiliary: needs conditional, the number of classes") end
  self.class_loss = o.auxiliary and moongan.loss.CrossEntropyLoss() or nil
  if o.conditional then self.grid = { o.conditional, o.grid[2] } end
  self.generator:train()
  self.discriminator:train()
  -- Real and fake images go through the discriminator as one batch, where it takes each of them apart.
  self.together = not o.auxiliary and apart.is(self.discriminator)
  self.fixed_noise, self.fixed_labels = self:grid_inputs()
  self.iteration, self.seconds = 0, 0
  training.prepare(self)
  return self
end

-- ---- one iteration ---------------------------------------------------------------------------

-- Class numbers (n) as the networks take them.
local function labels_for(self, numbers)
  return self.labels == "number" and numbers or moongan.one_hot(numbers, self.conditional)
end

local function draw_batch(self)
  local images, labels = self.source:next()
  if not self.conditional then return images end
  if not labels then fail("the data have no labels, which conditional = %d needs", self.conditional) end
  return images, labels_for(self, labels)
end

-- A network of an image or of noise, and of labels where there are any.
local function apply(network, x, y)
  if y then return network(x, y) end
  return network(x)
end

local function clamp(parameters, limit)
  for _, parameter in ipairs(parameters) do parameter:clamp_(-limit, limit) end
end

-- The discriminator's scores of images of the classes y; and, where it names classes itself, what
-- its mistakes cost.
local function judge(self, x, y)
  if not self.auxiliary then return apply(self.discriminator, x, y), nil end
  local score, classes = self.discriminator(x)
  return score, self.auxiliary * self.class_loss(classes, y)
end

-- The sum of a loss and what else there is; nil adds nothing.
local function sum(loss, ...)
  for i = 1, select("#", ...) do
    local extra = select(i, ...)
    if extra then loss = loss + extra end
  end
  return loss
end

-- The loss of the discriminator's update number `update` on images of the classes y.
local function discriminator_loss(self, real, fake, y, update)
  local real_score, real_cost, fake_score, fake_cost
  if self.together then
    real_score, fake_score = apart.both(self.discriminator, real, fake, y)
  else
    real_score, real_cost = judge(self, real, y)
    fake_score, fake_cost = judge(self, fake, y)
  end
  local loss = self.objective.discriminator(real_score, fake_score, { real = real, fake = fake })
  local penalty
  if self.penalty then
    local scores = y and function(x) return (judge(self, x, y)) end or self.discriminator
    penalty = self.penalty(scores, real, fake, update)
  end
  return sum(loss, real_cost, fake_cost, penalty)
end

local function generator_loss(self, fake, real, y)
  local objective = self.objective
  local real_score = objective.needs_real and judge(self, real, y) or nil
  local fake_score, cost = judge(self, fake, y)
  return sum(objective.generator(fake_score, real_score, { real = real, fake = fake }), cost)
end

-- Stop where a loss or the norm of a gradient is not finite, and say where that began.
local function check_finite(self, value, what, real, fake, y)
  if value - value == 0 then return end
  fail("%s is %s in iteration %d: %s", what, value, self.iteration + 1,
    finite.explain(self, real, fake, y))
end

-- A step of an optimizer along the gradients that are there.
local function descend(self, optimizer, parameters, whose, real, fake, y)
  if self.clip_grad_norm then
    local norm = moongan.optim.clip_grad_norm(parameters, self.clip_grad_norm)
    check_finite(self, norm, "the norm of the " .. whose .. "'s gradient", real, fake, y)
  end
  optimizer:step()
end

-- What is differentiated for one of the batches of an update, so that their gradients add up to a mean.
local function share(self, loss) return self.accumulate == 1 and loss or loss / self.accumulate end

-- One update of the discriminator; returns the loss (a number) and the batches used, { real, y }.
local function update_discriminator(self, update)
  local batches, total, real, fake, y = {}, 0, nil, nil, nil
  self.optimizer_d:zero_grad()
  for i = 1, self.accumulate do
    real, y = draw_batch(self)
    batches[i] = { real, y }
    fake = moongan.no_grad(apply, self.generator, self.noise(real:size(1)), y)
    local loss = discriminator_loss(self, real, fake, y, update)
    local value = loss:item()
    check_finite(self, value, "the discriminator's loss", real, fake, y)
    share(self, loss):backward()
    total = total + value
  end
  descend(self, self.optimizer_d, self.parameters_d, "discriminator", real, fake, y)
  if self.clip then moongan.no_grad(clamp, self.parameters_d, self.clip) end
  return total / self.accumulate, batches
end

-- The generator's loss of as many images, of the same classes, as a batch has, as a number; its gradients are
-- added to those that are there.
local function learn_from(self, real, y, update)
  local fake = apply(self.generator, self.noise(real:size(1)), y)
  local value, output, gradient
  if self.unrolled then
    value, gradient = self.unrolled(self.discriminator, fake,
      function(x) return discriminator_loss(self, real, x, y, update) end,
      function(x) return generator_loss(self, x, real, y) end)
    output = fake
  else
    output = generator_loss(self, fake, real, y)
    value = output:item()
  end
  check_finite(self, value, "the generator's loss", real, fake:detach(), y)
  share(self, output):backward{ inputs = self.parameters_g, gradient = gradient }
  return value, fake
end

-- One update of the generator.  Gradients stop at its parameters: the discriminator's get none.
local function update_generator(self, batches, update)
  local total, fake = 0, nil
  self.optimizer_g:zero_grad()
  for _, batch in ipairs(batches) do
    local value
    value, fake = learn_from(self, batch[1], batch[2], update)
    total = total + value
  end
  local last = batches[#batches]
  descend(self, self.optimizer_g, self.parameters_g, "generator", last[1], fake:detach(), last[2])
  return total / #batches
end

--- One iteration.  The generator is asked for as many images, of the same classes, as the last
-- batch had, so classes come as often as in the data.
-- @return the discriminator's loss and the generator's, each a mean over its updates, as numbers
-- @error where a loss is not finite, before a weight is changed by it
function Trainer:step()
  local d_sum, g_sum, batches = 0, 0, nil
  local first = self.iteration * self.n_critic
  if self.pace_g then self.pace_g(self.iteration, self.goal) end
  if self.pace_d then self.pace_d(self.iteration, self.goal) end
  for i = 0, self.n_critic - 1 do
    local value
    value, batches = update_discriminator(self, first + i)
    d_sum = d_sum + value
  end
  for _ = 1, self.n_generator do g_sum = g_sum + update_generator(self, batches, first + self.n_critic) end
  if self.averaged then self.averaged:update() end
  self.iteration = self.iteration + 1
  -- Now, when what an iteration made is no longer needed: a collector of generations that sees it in use keeps
  -- it for long, and the next iteration has to ask the system for memory.
  if collectgarbage("isrunning") then collectgarbage("step") end
  return d_sum / self.n_critic, g_sum / self.n_generator
end

-- ---- samples ---------------------------------------------------------------------------------

-- Noise and labels of the sample grid.  Conditional: a row for each class, the same noise in
-- every row.
function Trainer:grid_inputs()
  local rows, columns = self.grid[1], self.grid[2]
  if not self.conditional then return self.noise(rows * columns) end
  local noise, labels = self.noise(columns), {}
  local repeated = {}
  for row = 1, rows do
    repeated[row] = noise
    for _ = 1, columns do labels[#labels + 1] = row end
  end
  return moongan.cat(repeated, 1), moongan.tensor(labels)
end

local function generate(self, noise, y)
  self.generator:eval()
  local good, result = pcall(moongan.no_grad, apply, self.generator, noise, y)
  self.generator:train()
  if not good then error(result, 0) end
  return result
end

--- Images by the generator (of averaged weights where `average` was given), in evaluation mode and
-- without recording.
-- @param noise   a tensor (n, nz), or a number of images to draw noise for
-- @param labels  conditional trainers: a tensor (n) of class numbers, or one class number
-- @return a tensor of n images
function Trainer:sample(noise, labels)
  if type(noise) == "number" then noise = self.noise(noise) end
  local y
  if self.conditional then
    if type(labels) == "number" then labels = moongan.full({ noise:size(1) }, labels) end
    if labels == nil then fail("sample: expected labels (conditional = %d), got nil", self.conditional) end
    y = labels_for(self, labels)
  end
  if self.averaged then return self.averaged:with(generate, self, noise, y) end
  return generate(self, noise, y)
end

--- The sample grid, always of the same noise, as one picture (H, W, C).
function Trainer:grid_picture()
  local images = self:sample(self.fixed_noise, self.fixed_labels)
  return moongan.image.grid(images, { columns = self.grid[2], range = self.range })
end

--- Write it as a PNG file.
function Trainer:save_grid(path) moongan.image.save(path, self:grid_picture(), { range = self.range }) end

--- A generator to keep: a copy in evaluation mode, of averaged weights where `average` was given.
function Trainer:sampler()
  if self.averaged then
    return self.averaged:with(function() return self.generator:clone() end):eval()
  end
  return self.generator:clone():eval()
end

-- ---- checkpoints -----------------------------------------------------------------------------

-- f(name, value) for what was given to the trainer and has a state of its own: methods state and set_state.
local function each_stateful(self, f)
  local given = { objective = self.given.objective, penalty = self.given.penalty, noise = self.given.noise }
  for i, entry in ipairs(type(given.penalty) == "table" and given.penalty or {}) do
    given["penalty" .. i] = type(entry) == "table" and entry[1] or nil
  end
  for _, name in ipairs(options.names(given)) do
    local value = given[name]
    if source.has_method(value, "state") and source.has_method(value, "set_state") then f(name, value) end
  end
end

--- All that the rest of the training depends on, as nested tables of plain values and tensors (the networks'
-- own, not copies): what checkpoints hold.  Times are not among it.
function Trainer:state_dict()
  local state = {
    iteration = self.iteration, began = self.began, precision = moongan.precision,
    generator = self.generator:state_dict(), discriminator = self.discriminator:state_dict(),
    optimizer_g = self.optimizer_g:state_dict(), optimizer_d = self.optimizer_d:state_dict(),
    average = self.averaged and self.averaged:state(),
    random = moongan.get_rng_state(), data = self.source:state(),
    fixed_noise = self.fixed_noise, fixed_labels = self.fixed_labels,
    means = self.means, best = self.best_so_far, own = {},
  }
  each_stateful(self, function(name, value) state.own[name] = value:state() end)
  return state
end

--- Go on from a state.
-- @error where it is that of other networks, other data, or the other precision
function Trainer:load_state_dict(state)
  if state.precision ~= moongan.precision then
    fail("load_state_dict: expected a state of %d bits, got one of %s (MOONGAN_PRECISION chooses)", moongan.precision,
      state.precision)
  end
  if (state.average ~= nil) ~= (self.averaged ~= nil) then
    fail("load_state_dict: expected a state %s averaged weights", self.averaged and "with" or "without")
  end
  for _, part in ipairs{ "generator", "discriminator", "optimizer_g", "optimizer_d" } do
    local good, message = pcall(self[part].load_state_dict, self[part], state[part])
    if not good then fail("load_state_dict: %s: %s", part, message) end
  end
  if self.averaged then self.averaged:set_state(state.average) end
  each_stateful(self, function(name, value) value:set_state(state.own[name]) end)
  self.source:set_state(state.data)
  self.fixed_noise, self.fixed_labels = state.fixed_noise, state.fixed_labels
  self.iteration, self.began = state.iteration, state.began
  self.means, self.best_so_far = state.means, state.best
  moongan.set_rng_state(state.random)
end

--- Take up the run in `out` where one of its checkpoints left it: what comes after has the same bits as if
-- nothing had happened, and the limits of the next `run` count from where the interrupted one began.
-- @param which  "last" (the default), "best", or the iteration of a checkpoint that was kept
-- @return the iteration, or nil where there is no such checkpoint
function Trainer:resume(which)
  if not self.out then fail("resume: expected the option out, the run folder, got nil") end
  local state = run.load_state(self.out, which or "last")
  if not state then return nil end
  self:load_state_dict(state)
  self.resumed = true
  return self.iteration
end

--- Train until the first of the limits is reached: see moongan.training.
function Trainer:run(limits) return training.run(self, limits) end

return Trainer
