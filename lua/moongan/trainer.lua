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
-- the generator.

local moongan = require "moongan"
local average = require "moongan.average"
local gan = require "moongan.gan"
local options = require "moongan.options"
local progress = require "moongan.progress"
local run_folder = require "moongan.run"

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
  average = options.number(0, 0, 0.99999),           -- samples come from an average of G's weights over
                                                     -- about 1 / (1 - average) iterations; 0: they do not
  seed = options.integer(1, 0),                      -- of the order of batches
  out = options.optional("string"),                  -- run folder; nothing is written where it is not given
  log_every = options.integer(100, 1),               -- iterations between two rows of losses.csv
  sample_every = options.integer(500, 0),            -- iterations between two sample grids; 0: only the last
  grid = { 8, 8 },                                   -- rows and columns of a grid; conditional: rows are classes
  range = { -1, 1 },                                 -- what black and white are in G's images
  quiet = false,                                     -- print nothing
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

local function has_method(value, name)
  local found, method = pcall(function() return value[name] end)
  return found and method ~= nil
end

-- A function that gives the next batch, and how many of them make an epoch (nil: nobody knows).
local function make_next_batch(o)
  local data = o.data
  if type(data) == "function" then return data end
  local batches = data
  if has_method(data, "batches") then
    batches = data:batches(o.batch, { shuffle = true, drop_last = true, seed = o.seed })
  elseif not has_method(data, "forever") then
    fail("option data: expected a data set, its batches or a function, got %s", options.describe(data))
  end
  local advance, state, step = batches:forever()
  return function()
    local images, labels
    step, images, labels = advance(state, step)
    return images, labels
  end, #batches
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
  self.objective = find_objective(o.objective)
  self.noise = make_noise(o.noise, o.nz)
  self.penalty = make_penalty(o.penalty)
  self.next_batch, self.batches_per_epoch = make_next_batch(o)
  self.parameters_g, self.parameters_d = self.generator:parameters(), self.discriminator:parameters()
  self.optimizer_g = make_optimizer(o.optimizer_g, o.lr_g, self.parameters_g, "g")
  self.optimizer_d = make_optimizer(o.optimizer_d, o.lr_d, self.parameters_d, "d")
  if type(o.unrolled) == "number" then
    self.unrolled = gan.unrolled(o.unrolled, { optimizer = self.optimizer_d })
  end
  self.averaged = o.average > 0 and average.new(self.generator, o.average) or nil
  check_grid(o.grid)
  if o.auxiliary and not o.conditional then fail("option auxiliary: needs conditional, the number of classes") end
  self.class_loss = o.auxiliary and moongan.loss.CrossEntropyLoss() or nil
  if o.conditional then self.grid = { o.conditional, o.grid[2] } end
  self.generator:train()
  self.discriminator:train()
  self.fixed_noise, self.fixed_labels = self:grid_inputs()
  self.iteration, self.seconds = 0, 0
  return self
end

-- ---- one iteration ---------------------------------------------------------------------------

-- Class numbers (n) as the networks take them.
local function labels_for(self, numbers)
  return self.labels == "number" and numbers or moongan.one_hot(numbers, self.conditional)
end

local function draw_batch(self)
  local images, labels = self.next_batch()
  if not self.conditional then return images end
  if not labels then fail("the data have no labels, which conditional = %d needs", self.conditional) end
  return images, labels_for(self, labels)
end

-- A network of an image or of noise, and of labels where there are any.
local function apply(network, x, y)
  if y then return network(x, y) end
  return network(x)
end

local function check_finite(self, value, whose)
  if value ~= value or value == math.huge or value == -math.huge then
    fail("the %s's loss is %s in iteration %d; a lower learning rate may help", whose, value, self.iteration + 1)
  end
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
  local real_score, real_cost = judge(self, real, y)
  local fake_score, fake_cost = judge(self, fake, y)
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

-- One update of the discriminator on a batch; returns the loss (a number) and the batch used.
local function update_discriminator(self, update)
  local real, y = draw_batch(self)
  local fake = moongan.no_grad(apply, self.generator, self.noise(real:size(1)), y)
  local loss = discriminator_loss(self, real, fake, y, update)
  local value = loss:item()
  check_finite(self, value, "discriminator")
  self.optimizer_d:zero_grad()
  loss:backward()
  self.optimizer_d:step()
  if self.clip then moongan.no_grad(clamp, self.parameters_d, self.clip) end
  return value, real, y
end

-- One update of the generator, for as many images, of the same classes, as the batch has.
-- Gradients stop at the generator's parameters: the discriminator's get none.
local function update_generator(self, real, y, update)
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
  check_finite(self, value, "generator")
  self.optimizer_g:zero_grad()
  output:backward{ inputs = self.parameters_g, gradient = gradient }
  self.optimizer_g:step()
  return value
end

--- One iteration.  The generator is asked for as many images, of the same classes, as the last
-- batch had, so classes come as often as in the data.
-- @return the discriminator's loss and the generator's, each a mean over its updates, as numbers
-- @error where a loss is not finite, before anything is changed by it
function Trainer:step()
  local d_sum, g_sum, real, y = 0, 0, nil, nil
  local first = self.iteration * self.n_critic
  for i = 0, self.n_critic - 1 do
    local value
    value, real, y = update_discriminator(self, first + i)
    d_sum = d_sum + value
  end
  for _ = 1, self.n_generator do g_sum = g_sum + update_generator(self, real, y, first + self.n_critic) end
  if self.averaged then self.averaged:update() end
  self.iteration = self.iteration + 1
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

--- Write the sample grid, always of the same noise, as a PNG file.
function Trainer:save_grid(path)
  local images = self:sample(self.fixed_noise, self.fixed_labels)
  moongan.image.save_grid(path, images, { columns = self.grid[2], range = self.range })
end

-- ---- a run -----------------------------------------------------------------------------------

-- Sums of losses since the last row of the log.
local Means = {}
Means.__index = Means

local function new_means() return setmetatable({ n = 0, d = 0, g = 0 }, Means) end

function Means:add(d, g) self.n, self.d, self.g = self.n + 1, self.d + d, self.g + g end

function Means:take()
  local d, g = self.d / self.n, self.g / self.n
  self.n, self.d, self.g = 0, 0, 0
  return d, g
end

local function epoch_of(self)
  return self.batches_per_epoch and self.iteration * self.n_critic / self.batches_per_epoch or 0
end

local function open_log(self)
  if not self.out then return nil end
  moongan.file.make_folder(self.out)
  if self.sample_every > 0 then moongan.file.make_folder(self.out .. "/samples") end
  local columns = { "iteration", "epoch", "d_loss", "g_loss", "seconds" }
  return run_folder.open_table(self.out .. "/losses.csv", columns, self.iteration > 0)
end

local function save_sample(self)
  if self.out and self.sample_every > 0 and self.iteration % self.sample_every == 0 then
    self:save_grid(string.format("%s/samples/%07d.png", self.out, self.iteration))
  end
end

local function finish_folder(self)
  if not self.out then return end
  self:save_grid(self.out .. "/samples.png")
  local drawn, why = run_folder.plot_losses(self.out)
  if not (drawn or self.quiet) then print("No losses.png: " .. why) end
end

-- The number of the last iteration that the limits allow (nil: time alone decides).
local function last_iteration(self, limits)
  local last = limits.iterations and self.iteration + limits.iterations
  if limits.epochs then
    if not self.batches_per_epoch then fail("run: epochs need a data set; give iterations or seconds") end
    local by_epochs = self.iteration + math.ceil(limits.epochs * self.batches_per_epoch / self.n_critic)
    last = math.min(last or by_epochs, by_epochs)
  end
  return last
end

local function new_report(self, last, seconds)
  if self.quiet then return nil end
  return progress.new{
    total = last, from = self.iteration, seconds = seconds, clock = moongan.clock, terminal = progress.is_terminal(),
  }
end

--- Train until the first of the limits given is reached, then write the last sample grid and the
-- picture of the losses.  May be called again to go on.
-- With `out`, the folder gets losses.csv (iteration, epoch, the mean of both losses since the row
-- above, seconds of training), losses.png, samples.png and samples/ITERATION.png.
-- @param limits  iterations, epochs (passes over the data), seconds; at least one
-- @return a table: iteration, seconds, d_loss and g_loss (means over the last rows of the log)
function Trainer:run(limits)
  limits = options.check("mg.gan.Trainer.run", limits, {
    iterations = options.integer(nil, 0), epochs = options.number(nil, 0), seconds = options.number(nil, 0),
  })
  local last = last_iteration(self, limits)
  if not (last or limits.seconds) then fail("run: expected iterations, epochs or seconds, got none of them") end
  local log <close> = open_log(self)
  local report = new_report(self, last, limits.seconds)
  local clock, logged, shown = moongan.clock, new_means(), new_means()
  local began = clock()
  local before, d_mean, g_mean = self.seconds, nil, nil
  local function write_row()
    d_mean, g_mean = logged:take()
    if log then log:row{ self.iteration, epoch_of(self), d_mean, g_mean, self.seconds } end
  end
  local function note()
    if shown.n == 0 then return "" end
    return string.format("D %.4f  G %.4f", shown:take())
  end
  save_sample(self)
  while not (last and self.iteration >= last) and not (limits.seconds and clock() - began >= limits.seconds) do
    local d_loss, g_loss = self:step()
    self.seconds = before + clock() - began
    logged:add(d_loss, g_loss)
    shown:add(d_loss, g_loss)
    if self.iteration % self.log_every == 0 then write_row() end
    save_sample(self)
    if report and report:due() then report:show(self.iteration, note()) end
  end
  if logged.n > 0 then write_row() end
  if report then report:finish(self.iteration, note()) end
  finish_folder(self)
  return { iteration = self.iteration, seconds = self.seconds, d_loss = d_mean, g_loss = g_mean }
end

return Trainer
