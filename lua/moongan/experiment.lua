--- Experiments as data: a configuration is a table that says what to train on what, and how.
--
--     local experiment = require "moongan.experiment"
--     local config = experiment.load("experiments/dcgan.lua")
--     local trainer = experiment.build(experiment.configure(config, { "data=cifar10", "epochs=3" }))
--     trainer:run{ epochs = trainer.config.epochs }
--
-- A configuration's keys are those of moongan.experiment.keys and its parts:
--
--     return {
--       name = "mine", epochs = 10,
--       data = { "image_folder", folder = "flowers", size = 64, flip = true },  -- or "mnist", "cifar10", ...
--       generator = "dcgan_generator", discriminator = "dcgan_discriminator", nf = 64,   -- of mg.models
--       objective = "hinge", penalty = { "r1", weight = 5 },                             -- of mg.gan
--       optimizer_g = { "Adam", lr = 2e-4, betas = { 0, 0.9 } }, optimizer_d = "RMSprop", lr_d = 1e-4,
--     }
--
-- Options of parts may stand at the top, for all parts of a kind that have them.  Sizes and classes
-- come from the data.  `models` may hold variants, one of which `model` names: tables whose entries
-- take the place of the file's own.
--
-- A script in experiments/ is such a file, and runs itself: it hands its table to this module.

local moongan = require "moongan"
local arguments = require "moongan.experiment.arguments"
local configure = require "moongan.experiment.configure"
local give_up = require("moongan.config").give_up
local json = require "moongan.json"
local options = require "moongan.options"
local parts = require "moongan.experiment.parts"
local progress = require "moongan.progress"
local run = require "moongan.run"
local sandbox = require "moongan.sandbox"
local shell = require "moongan.shell"

local experiment = {}

local NETWORKS = { "generator", "discriminator" }

local function fail(...) error(string.format(...), 0) end

-- ---- configurations --------------------------------------------------------------------------

--- A copy of a complete configuration without what follows from its data, so that other data may take
-- their place.
function experiment.without_derived(config)
  config = sandbox.plain(config)
  for _, part in ipairs(NETWORKS) do
    for key in pairs(config[part] or {}) do
      if parts.is_derived(part, key) then config[part][key] = nil end
    end
  end
  config.conditional, config.labels, config.class_names = nil, nil, nil
  return config
end

-- The configuration in a run's config.json.
local function from_json(text, path)
  local about, why = json.try_decode(text)
  if not about then fail("%s: %s", path, why) end
  if type(about) ~= "table" or type(about.config) ~= "table" then
    fail("%s: expected a run's config.json, which has an object \"config\"", path)
  end
  return experiment.without_derived(about.config)
end

--- Read a configuration file: Lua that is run without access to anything (see moongan.sandbox), or a
-- run's config.json.  Where it has no name, it gets that of the file.
-- @return the table as it is written
-- @error  a text that begins with the path
function experiment.load(path)
  local found, text = pcall(moongan.file.read, path)
  if not found then fail("%s", (options.unplaced(text):gsub("^mg%.file%.read: ", ""))) end
  if path:find("%.json$") then return from_json(text, path) end
  local given, message = sandbox.load(text, path)
  if not given then fail("%s", message) end
  given.name = given.name or path:match("([^/]*)%.lua$") or path:match("[^/]*$")
  return given
end

--- Check a configuration and fill in all defaults but what follows from the data.
-- @param given     the table as it is written; not changed
-- @param settings  what counts more, or nil: texts "key=value", and entries key = value
-- @return a new table of plain data; what is done to it once more changes nothing
-- @error  a text that names the key, what was expected and what came
function experiment.configure(given, settings)
  local read, why = arguments.read(settings or {})
  if not read then fail("%s", why) end
  local entries = {}
  for key, value in pairs(given) do entries[key] = value end
  for key, value in pairs(settings or {}) do
    if type(key) == "string" then entries[key] = value end
  end
  return configure.run(entries, read)
end

local function pixels_of(data)
  local product = 1
  for _, size in ipairs(data.shape) do product = product * size end
  return product
end

-- What a network's options follow from.
local function derived_options(config, data)
  local h, w, channels = table.unpack(data.shape)
  return {
    nz = config.nz, n_in = pixels_of(data), n_out = pixels_of(data), size = h == w and h or nil, channels = channels,
    classes = data.classes and #data.classes,
  }
end

local function complete_network(config, part, derived, data)
  local entry = config[part]
  for key in pairs(parts.known(part, entry.type, true)) do
    if parts.is_derived(part, key) then
      local value = derived[key]
      if value == nil and key == "classes" then
        fail("%s %s needs classes; %s has no labels", part, entry.type, data.name)
      elseif value == nil then
        fail("%s %s needs square images; those of %s are %d x %d", part, entry.type, data.name, data.shape[1],
          data.shape[2])
      elseif entry[key] ~= nil and entry[key] ~= value then
        fail("%s.%s: expected %s, as %s has it, got %s", part, key, value, key == "nz" and "the noise" or data.name,
          entry[key])
      end
      entry[key] = value
    end
  end
end

-- Fill in what follows from the data set: the configuration is complete then, and its networks can
-- be built without the data.
local function complete(config, data)
  local derived = derived_options(config, data)
  for _, part in ipairs(NETWORKS) do complete_network(config, part, derived, data) end
  config.conditional, config.labels, config.class_names = nil, nil, nil
  if config.generator.classes then
    config.conditional, config.class_names = derived.classes, { table.unpack(data.classes) }
    config.labels = config.generator.n_out and "one_hot" or "number"
  end
end

--- The networks of a complete configuration (a trainer's `config`), with their first weights: those
-- follow from its seed, bit for bit.
-- @return generator, discriminator
function experiment.networks(config)
  for _, part in ipairs(NETWORKS) do
    local entry = config[part]
    if type(entry) ~= "table" or not entry.type then
      fail("%s: expected a network of a complete configuration, got %s", part, options.describe(entry))
    end
  end
  moongan.manual_seed(config.seed)
  local G = parts.network(config.generator)
  return G, parts.network(config.discriminator)
end

-- ---- building --------------------------------------------------------------------------------

-- The data set; where its files are nowhere and no folder was named, they are fetched.
local function open_data(config)
  local entry = {}
  for key, value in pairs(config.data) do entry[key] = value end
  entry.range, entry.flat = config.range, parts.known("generator", config.generator.type, true).n_out == true
  if entry.folder or not parts.is_fetched(entry.type) then return parts.data(entry) end
  local found, data = pcall(parts.data, entry)
  if found then return data end
  if not tostring(data):find("mg.data.fetch", 1, true) then error(data, 0) end -- there, but not right
  io.stderr:write(tostring(data), "\nTrying to fetch it.\n")
  entry.folder = moongan.data.fetch(entry.type)
  return parts.data(entry)
end

-- The generator's images must be as large as the data's, and the discriminator must take them.
local function check_networks(config, G, D, data)
  local y = config.conditional and moongan.ones(1)
  if y and config.labels == "one_hot" then y = moongan.one_hot(y, config.conditional) end
  local function apply(network, x, given) return given and network(x, given) or network(x) end
  local function shape_text(shape) return "(" .. table.concat(shape, ", ") .. ")" end
  local expected = config.generator.n_out and { 1, config.generator.n_out } or { 1, table.unpack(data.shape) }
  G:eval()
  D:eval()
  moongan.no_grad(function()
    local image = apply(G, moongan.zeros(1, config.nz), y)
    if shape_text(image:shape()) ~= shape_text(expected) then
      fail("generator %s makes images %s, and %s has %s", config.generator.type, shape_text(image:shape()), data.name,
        shape_text(expected))
    end
    if not config.auxiliary then apply(D, image, y) end
  end)
  G:train()
  D:train()
end

--- Build what a configuration describes.
-- @param given     a configuration, complete or not
-- @param settings  what counts more, or nil, as configure takes it
-- @param data      what the trainer's batches come from in place of the configuration's data set, where
--   the configuration is complete already
-- @return a trainer; its `config` is the complete configuration
-- @error  where the configuration is wrong, or its data cannot be had
function experiment.build(given, settings, data)
  local config = experiment.configure(given, settings)
  if config.threads > 0 then moongan.set_threads(config.threads) end
  local G, D
  if data then
    G, D = experiment.networks(config)
  else
    data = open_data(config)
    complete(config, data)
    G, D = experiment.networks(config)
    check_networks(config, G, D, data)
  end
  if config.clip then config.optimizer_d.clip = config.clip end -- the optimizer clips as it steps
  local trainer = moongan.gan.Trainer{
    generator = G, discriminator = D, data = data, objective = parts.objective(config.objective),
    penalty = config.penalty and parts.penalty(config.penalty), unrolled = config.unrolled,
    optimizer_g = parts.optimizer(config.optimizer_g, G:parameters()),
    optimizer_d = parts.optimizer(config.optimizer_d, D:parameters()),
    conditional = config.conditional, labels = config.labels, auxiliary = config.auxiliary, range = config.range,
    noise = config.noise, nz = config.nz, batch = config.batch, seed = config.seed, n_critic = config.n_critic,
    n_generator = config.n_generator, average = config.average, out = config.out, grid = config.grid,
    sample_every = config.sample_every, log_every = config.log_every, quiet = config.quiet,
    schedule = parts.schedule(config.schedule), schedule_g = parts.schedule(config.schedule_g),
    schedule_d = parts.schedule(config.schedule_d),
    accumulate = config.accumulate, clip_grad_norm = config.clip_grad_norm, config = config,
    checkpoint_every = config.checkpoint_every, keep_every = config.keep_every, overwrite = config.overwrite,
    animation = config.animation, tensorboard = config.tensorboard, verbose = config.verbose,
  }
  if config.clip then config.optimizer_d.clip = nil end
  return trainer
end

--- A configuration as lines: { "optimizer_d.betas.1", "0.5" }, sorted by key.
function experiment.flat(config)
  local lines = {}
  local function add(prefix, value)
    if type(value) ~= "table" then
      lines[#lines + 1] = { prefix, tostring(value) }
      return
    end
    for key, entry in pairs(value) do add(prefix == "" and tostring(key) or prefix .. "." .. tostring(key), entry) end
  end
  add("", config)
  table.sort(lines, function(a, b) return a[1] < b[1] end)
  return lines
end

--- The limits that a configuration sets to a run, as Trainer:run takes them.
function experiment.limits(config)
  local limits = {}
  for _, key in ipairs{ "epochs", "iterations", "seconds" } do
    if config[key] > 0 then limits[key] = config[key] end
  end
  return limits
end

-- ---- a script --------------------------------------------------------------------------------

--- Run a trainer that `build` made, or one of a run folder, saying at the beginning and the end what
-- it is about.
-- @param limits  as Trainer:run takes them; default: those of its configuration
-- @return what Trainer:run returns
function experiment.go(trainer, limits)
  local config = trainer.config
  if not config.quiet then
    print(string.format("%s on %s: %d images, threads: %d, seed: %d%s", config.name, trainer.data.name, #trainer.data,
      moongan.threads(), config.seed, trainer.iteration > 0 and ", from iteration " .. trainer.iteration or ""))
  end
  local result = trainer:run(limits or experiment.limits(config))
  if not config.quiet then
    print(string.format("%d iterations in %s.  Samples: %s/samples.png, losses: %s/stats.jsonl", result.iteration,
      progress.duration(result.seconds), trainer.out, trainer.out))
  end
  return result
end

--- Train what a configuration describes.
-- @error  where its folder holds a run that may not be overwritten, and as `build` does
function experiment.train(given, settings)
  local config = experiment.configure(given, settings)
  if not config.overwrite and moongan.file.exists(run.checkpoint_path(config.out, "last")) then
    fail("%s holds a run already: `%s` goes on with it, overwrite=true begins anew in its place, out=FOLDER keeps both",
      config.out, shell.command{ "moongan", "resume", config.out })
  end
  return experiment.go(experiment.build(config))
end

-- What may be another when a run goes on: when it ends, where it is, what it says.
local FREE = {
  epochs = true, iterations = true, seconds = true, out = true, overwrite = true, quiet = true, verbose = true,
  threads = true,
}

-- A configuration's entries that make a run what it is, but for what follows from the data.
local function particulars(config)
  local values = {}
  for _, line in ipairs(experiment.flat(experiment.without_derived(config))) do
    if not FREE[line[1]] then values[line[1]] = line[2] end
  end
  return values
end

--- Check that the run in a folder is the one that is asked for.
-- @param asked  what `configure` gives
-- @error  where it has other settings, but for when it ends, where it is and what it says
function experiment.check_same(folder, asked)
  local before, now = particulars(run.about(folder).config or {}), particulars(asked)
  for _, values in ipairs{ before, now } do
    for key in pairs(values) do
      if before[key] ~= now[key] then
        fail("%s: the run that is there has %s=%s, not %s", folder, key, before[key] or "none", now[key] or "none")
      end
    end
  end
end

--- Go on with the run of a configuration that is in its folder; train, where there is none.
-- @param prepare  function(trainer) for a run that begins, or nil
-- @return what Trainer:run returns
-- @error  where the folder holds another run (see check_same), and as `build` does
function experiment.continue(given, prepare)
  local config = experiment.configure(given)
  if moongan.file.exists(run.checkpoint_path(config.out, "last")) == "file" then
    experiment.check_same(config.out, config)
    return experiment.go(run.open(config.out).trainer, experiment.limits(config))
  end
  local trainer = experiment.build(config)
  if prepare then prepare(trainer) end
  return experiment.go(trainer)
end

--- Run a script that is a configuration, with the settings of its command line.  Ends the program
-- after --help (status 0), for a wrong setting (2), or where training fails (1).
-- @param list  the script's `arg`
function experiment.run(list, given)
  local help = require "moongan.experiment.help"
  local script = list[0] or "experiment.lua"
  for _, argument in ipairs(list) do
    if argument == "--help" or argument == "-h" then
      io.stdout:write(help.text("lua5.4 " .. script, given))
      os.exit(0, true)
    end
  end
  local settings = { table.unpack(list) }
  local good, message = pcall(experiment.configure, given, settings)
  if not good then give_up(2, script:match("[^/]*$") .. ": " .. options.message(message)) end
  good, message = pcall(experiment.train, given, settings)
  if not good then give_up(1, message) end
  return message
end

return setmetatable(experiment, { __call = function(self, given) return self.run(arg, given) end })
