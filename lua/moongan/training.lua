--- A run of a trainer: iterations until a limit, and all that a person wants to see and keep of them.
--
-- With `out`, the run folder gets what moongan.run lists.  Whatever ends the process, the run can be taken up
-- again (trainer:resume) and ends in the same bits: checkpoints hold all that the training depends on.
--
-- SIGINT (Ctrl-C), SIGTERM and SIGHUP let the iteration finish and the run be saved, then end the process with
-- the status 130, 143 or 129; a second one ends it at once.  At Lua's prompt, or where mg.interactive is true, run
-- returns instead.
--
-- Callbacks, each called as f(trainer, info) where the trainer's option has one of that name:
--   iteration    after each; info is { d_loss =, g_loss = }.  Returning "stop" ends the run
--   row          after each row of numbers, which is info
--   checkpoint   after each; info is the list of their names
--   finish       at the end; info is what run returns

local moongan = require "moongan"
local options = require "moongan.options"
local progress = require "moongan.progress"
local run_folder = require "moongan.run_folder"

local training = {}

local NAME = "mg.gan.Trainer"
local CHECKPOINT_SECONDS = 60 -- between two checkpoints, where the trainer is not told in iterations

local function fail(...) options.fail(NAME, ...) end

-- ---- options ---------------------------------------------------------------------------------

local EVENTS = { iteration = true, row = true, checkpoint = true, finish = true }
local COLUMNS = { "iteration", "epoch", "d_loss", "g_loss", "lr_d", "lr_g", "seconds", "partial" }

local function check_functions(option, functions, check_name)
  for name, f in pairs(functions or {}) do
    if not options.is(f, "callable") then
      fail("option %s: expected a function at %s, got %s", option, tostring(name), options.describe(f))
    end
    check_name(name)
  end
end

local function check_metric(name)
  if type(name) ~= "string" then fail("option metrics: expected names, got %s", options.describe(name)) end
  for _, column in ipairs(COLUMNS) do
    if name == column then fail("option metrics: %q is a column that rows have anyway", name) end
  end
end

local function check_event(name)
  if not EVENTS[name] then fail("option callbacks: %s", options.unknown(name, options.names(EVENTS))) end
end

-- Means of losses begin anew after each row.
local function new_means() return { n = 0, d = 0, g = 0 } end

--- Check a new trainer's options that concern runs, and give it what runs count.
function training.prepare(trainer)
  check_functions("metrics", trainer.metrics, check_metric)
  check_functions("callbacks", trainer.callbacks, check_event)
  if trainer.best and not (trainer.metrics or {})[trainer.best] then
    fail("option best: expected the name of a metric, %s", options.unknown(trainer.best,
      options.names(trainer.metrics or {})))
  end
  trainer.means = new_means()
end

-- ---- rows ------------------------------------------------------------------------------------

local function epoch_of(trainer)
  local per_epoch = trainer.source.per_epoch
  return per_epoch and trainer.iteration * trainer.n_critic * trainer.accumulate / per_epoch or 0
end

-- The value of each metric.  They draw from random numbers of their own, the same each time, so that values can
-- be compared and the training is the same with them and without.
local function evaluate(trainer)
  local values, random = {}, moongan.get_rng_state()
  for _, name in ipairs(options.names(trainer.metrics)) do
    moongan.manual_seed(trainer.seed)
    local value = trainer.metrics[name](trainer)
    if type(value) ~= "number" then
      fail("metric %s: expected a number, got %s", name, options.describe(value))
    end
    if value - value == 0 then values[name] = value end -- else it has no place in a row
  end
  moongan.set_rng_state(random)
  return values
end

local function note_best(trainer, values)
  local name = trainer.best
  local value, best = values[name], trainer.best_so_far
  if not value then return false end
  if best and (trainer.best_is == "lowest" and value >= best.value) then return false end
  if best and (trainer.best_is == "highest" and value <= best.value) then return false end
  trainer.best_so_far = { metric = name, value = value, iteration = trainer.iteration }
  return true
end

local function rate_of(optimizer) return optimizer:param_groups()[1].lr end

local function milliseconds(seconds) return math.floor(seconds * 1000 + 0.5) / 1000 end

-- A row of numbers; of the means so far, where they go on after it.
local function make_row(trainer, partial)
  local row = {
    iteration = trainer.iteration, epoch = epoch_of(trainer), seconds = milliseconds(trainer.seconds),
    partial = partial,
    lr_d = rate_of(trainer.optimizer_d), lr_g = rate_of(trainer.optimizer_g),
  }
  local means = trainer.means
  if means.n > 0 then row.d_loss, row.g_loss = means.d / means.n, means.g / means.n end
  return row
end

-- ---- a session: one call of run ---------------------------------------------------------------

local Session = {}
Session.__index = Session

function Session:call(event, info)
  local f = (self.trainer.callbacks or {})[event]
  if f then return f(self.trainer, info) end
end

-- Print a line, where the trainer is to be verbose.
function Session:say(text)
  if self.trainer.quiet or not self.trainer.verbose then return end
  if self.report then self.report:say(text) else print(text) end
end

function Session:log(...)
  if self.folder then self.folder:log(...) end
end

-- Write what numbers are due after an iteration; returns whether they are the best so far.
function Session:numbers()
  local trainer, best = self.trainer, false
  local due = trainer.iteration % trainer.log_every == 0
  local values = trainer.metrics and trainer.iteration % trainer.evaluate_every == 0 and evaluate(trainer)
  if not (due or values) then return false end
  local row = make_row(trainer)
  if not due then row.d_loss, row.g_loss = nil, nil end
  if due then trainer.means, self.last = new_means(), row end
  if values then
    for name, value in pairs(values) do row[name] = value end
    best = note_best(trainer, values)
  end
  if self.folder then self.folder:row(row) end
  self:call("row", row)
  return best
end

function Session:sample()
  local trainer = self.trainer
  if not self.folder or trainer.sample_every == 0 or trainer.iteration % trainer.sample_every ~= 0 then return end
  self.folder:sample(trainer.iteration, trainer:grid_picture(), trainer.range)
end

function Session:save(names)
  if #names == 0 or not self.folder then return end
  self.folder:save(self.trainer:state_dict(), names)
  self.saved_at = moongan.clock()
  if names[#names] == "last" then self.last_saved = self.trainer.iteration end
  self:call("checkpoint", names)
end

-- Write the checkpoints that are due; `last` comes last, so that those it speaks of are there.
function Session:checkpoints(best)
  local trainer, names = self.trainer, {}
  local i, every = trainer.iteration, trainer.checkpoint_every
  if best then names[1] = "best" end
  if trainer.keep_every and i % trainer.keep_every == 0 then names[#names + 1] = i end
  if every and i % every == 0 or not every and moongan.clock() - self.saved_at >= CHECKPOINT_SECONDS then
    names[#names + 1] = "last"
  end
  self:save(names)
end

function Session:note()
  local shown = self.shown
  if shown.n > 0 then self.last_note = string.format("D %.4f  G %.4f", shown.d / shown.n, shown.g / shown.n) end
  self.shown = new_means()
  return self.last_note or ""
end

local function add(means, d, g) means.n, means.d, means.g = means.n + 1, means.d + d, means.g + g end

-- One iteration and all that is due after it; returns "stop" where a callback says so.
function Session:iterate()
  local trainer = self.trainer
  local d_loss, g_loss = trainer:step()
  trainer.seconds = self.seconds_before + moongan.clock() - self.started
  add(trainer.means, d_loss, g_loss)
  add(self.shown, d_loss, g_loss)
  local best = self:numbers()
  self:sample()
  -- What a callback changes is part of the iteration, and of its checkpoint.
  local answer = self:call("iteration", { d_loss = d_loss, g_loss = g_loss })
  self:checkpoints(best)
  if self.report and self.report:due() then self.report:show(trainer.iteration, self:note()) end
  return answer
end

-- Iterate until something ends it; returns what.
function Session:loop(signals, seconds)
  local trainer = self.trainer
  if trainer.iteration == 0 then self:sample() end
  while true do
    local signal = signals:caught()
    if signal then return signal end
    if trainer.goal and trainer.iteration >= trainer.goal then return "done" end
    if seconds and moongan.clock() - self.started >= seconds then return "time" end
    if self:iterate() == "stop" then return "stopped" end
  end
end

-- Pictures and weights to look at, after the checkpoint.  They are not needed to go on.
function Session:leave()
  local trainer, folder = self.trainer, self.folder
  trainer:save_grid(folder.path .. "/samples.png")
  moongan.safetensors.save(folder.path .. "/generator.safetensors", trainer:sampler():state_dict(),
    { format = "moongan generator", iteration = tostring(trainer.iteration) })
  local drawn, why = folder:draw(trainer.animation)
  if not (drawn or trainer.quiet) then print("No losses.png: " .. why) end
end

-- ---- the end ---------------------------------------------------------------------------------

-- Whether a person is at Lua's prompt, and wants to be there again.
local function is_interactive()
  if rawget(moongan, "interactive") then return true end
  local level, outermost = 1, nil
  repeat
    local info = debug.getinfo(level, "S")
    if info and info.what == "main" then outermost = info.source end
    level = level + 1
  until not info
  return outermost == "=stdin"
end

local function interrupted_text(trainer)
  local text = string.format("Interrupted after iteration %d.", trainer.iteration)
  if not trainer.out then return text .. "  Nothing is saved: the trainer has no option out." end
  local how = trainer.config and string.format("To go on:  moongan resume %s", trainer.out)
    or "To go on, run the script again with trainer:resume() before trainer:run."
  return string.format("%s  Saved: %s\n%s", text, trainer.out, how)
end

function Session:finish(why)
  local trainer = self.trainer
  if trainer.means.n > 0 then
    self.last = make_row(trainer, true)
    if self.folder then self.folder:row(self.last) end
  end
  if self.folder then
    if self.last_saved ~= trainer.iteration then self:save{ "last" } end
    self:log("iteration %d: %s", trainer.iteration, why)
  end
  if self.report then self.report:finish(trainer.iteration, self:note()) end
  if why ~= "done" and why ~= "time" and why ~= "stopped" and not trainer.quiet then
    print(interrupted_text(trainer))
  end
  if self.folder then self:leave() end
  local last = self.last or {}
  local result = {
    iteration = trainer.iteration, seconds = trainer.seconds, d_loss = last.d_loss, g_loss = last.g_loss, ended = why,
  }
  self:call("finish", result)
  return result
end

-- ---- the beginning ---------------------------------------------------------------------------

-- The number of the last iteration that the limits allow (nil: time alone decides).
local function last_iteration(trainer, limits)
  local last = limits.iterations and trainer.began + limits.iterations
  if limits.epochs then
    local per_epoch = trainer.source.per_epoch
    if not per_epoch then fail("run: epochs need a data set; give iterations or seconds") end
    local batches = trainer.n_critic * trainer.accumulate
    local by_epochs = trainer.began + math.ceil(limits.epochs * per_epoch / batches)
    last = math.min(last or by_epochs, by_epochs)
  end
  return last
end

local function machine()
  local build, processor = moongan.build(), nil
  local cpus = io.open("/proc/cpuinfo")
  if cpus then
    processor = cpus:read("a"):match("model name%s*:%s*([^\n]*)")
    cpus:close()
  end
  local uname <close> = io.popen("uname -srm 2>/dev/null")
  return { system = uname:read("l"), processor = processor, blas = build.blas, simd = build.simd }
end

-- The current folder, where it has a name that JSON can hold.
local function current_folder()
  local pwd <close> = io.popen("pwd 2>/dev/null")
  local path = pwd:read("l")
  return path and utf8.len(path) and path or nil
end

-- What config.json says: the configuration, where there is one, the trainer's plain options, and what it ran on.
local function about(trainer)
  local plain = {}
  for key, value in pairs(trainer.given) do
    if type(value) == "string" or type(value) == "number" or type(value) == "boolean" then plain[key] = value end
  end
  return {
    config = trainer.config, options = plain, seed = trainer.seed, version = moongan.version,
    precision = moongan.precision, threads = moongan.threads(), machine = machine(), directory = current_folder(),
    began = os.date("%Y-%m-%d %H:%M:%S"),
  }
end

local function open_folder(session)
  local trainer = session.trainer
  if not trainer.out then return nil end
  session.folder = run_folder.open(trainer.out, {
    iteration = (trainer.resumed or trainer.owns_out) and trainer.iteration or nil, overwrite = trainer.overwrite,
    about = function() return about(trainer) end, tensorboard = trainer.tensorboard,
    say = function(text) session:say(text) end,
  })
  trainer.owns_out = true
  if trainer.resumed then trainer.seconds = session.folder.seconds end
  return session.folder
end

local function log_beginning(session)
  local trainer = session.trainer
  session:log("iteration %d: %s, threads: %d, %d bits", trainer.iteration, trainer.resumed and "resumed" or "begun",
    moongan.threads(), moongan.precision)
end

local function new_report(trainer, seconds)
  if trainer.quiet then return nil end
  return progress.new{
    total = trainer.goal, from = trainer.iteration, seconds = seconds, clock = moongan.clock,
    terminal = progress.is_terminal(),
  }
end

-- The loop and what comes after it; an error is noted in the folder, and says what is there to resume from.
local function work(session, signals, seconds)
  local good, result = pcall(function() return session:finish(session:loop(signals, seconds)) end)
  if good then return result end
  if session.folder and type(result) == "string" then
    result = string.format("%s (%s)", result, session.folder:where_saved())
    pcall(session.log, session, "iteration %d: %s", session.trainer.iteration, result)
  end
  error(result, 0)
end

--- Train until the first of the limits given is reached.  May be called again to go on.
-- @param trainer
-- @param limits  iterations, epochs (passes over the data), seconds; at least one.  The first two count from
--   where the run began, which after trainer:resume() is where the one that goes on began; seconds count from now
-- @return a table: iteration, seconds, d_loss and g_loss (means over the last row), ended ("done", "time",
--   "stopped" by a callback, or the name of a signal)
function training.run(trainer, limits)
  limits = options.check("mg.gan.Trainer.run", limits, {
    iterations = options.integer(nil, 0), epochs = options.number(nil, 0), seconds = options.number(nil, 0),
  })
  if not trainer.resumed then trainer.began = trainer.iteration end
  trainer.goal = last_iteration(trainer, limits)
  if not (trainer.goal or limits.seconds) then fail("run: expected iterations, epochs or seconds, got none of them") end
  local status, result
  do
    local signals <close> = moongan.signal.catch()
    local session = setmetatable({ trainer = trainer, shown = new_means() }, Session)
    local folder <close> = open_folder(session) -- luacheck: ignore
    log_beginning(session)
    trainer.resumed = false
    session.started, session.saved_at, session.seconds_before = moongan.clock(), moongan.clock(), trainer.seconds
    session.report = new_report(trainer, limits.seconds)
    result = work(session, signals, limits.seconds)
    status = select(2, signals:caught())
  end
  if status and not is_interactive() then os.exit(status, true) end
  return result
end

return training
