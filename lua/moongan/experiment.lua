--- What the scripts in experiments/ share, so that each of them is a short table of differences:
-- options on the command line, the data set, the run folder, a trainer, and a word at the end.

local moongan = require "moongan"
local config = require "moongan.config"
local progress = require "moongan.progress"

local experiment = {}

-- Options that every experiment has; its own may change their defaults.
local function common_rows(name)
  return {
    { "data", "mnist", "data set", choices = { "mnist", "fashion_mnist" } },
    { "folder", "", "where its files are; empty: found by itself, or fetched" },
    { "epochs", 0, "passes over the data; 0: no limit", min = 0 },
    { "iterations", 0, "updates of the generator; 0: no limit", min = 0 },
    { "batch", 64, "images in a batch", min = 1 },
    { "nz", 100, "size of the noise", min = 1 },
    { "n_critic", 1, "updates of the discriminator for one of the generator", min = 1 },
    { "average", 0.0, "decay of the running average of weights that samples use; 0: none", min = 0, max = 0.99999 },
    { "seed", 1, "of weights, noise and the order of the data", min = 0 },
    { "threads", 0, "processor cores to use; 0: as they are", min = 0, max = 256 },
    { "out", "runs/" .. name, "folder for what the run leaves behind" },
    { "sample_every", 500, "iterations between two pictures of samples; 0: only the last", min = 0 },
    { "log_every", 100, "iterations between two rows of losses.csv", min = 1 },
    { "quiet", false, "print nothing while training" },
  }
end

-- What is different for convolutional networks, which take images instead of rows of pixels.
local function image_rows(name)
  local rows = common_rows(name)
  rows[1] = { "data", "mnist", "data set", choices = { "mnist", "fashion_mnist", "cifar10", "folder" } }
  rows[2] = { "folder", "", "where its files are (data=folder: pictures, a sub-folder for each class)" }
  table.insert(rows, 3, {
    "size", 0, "pixels a side; 0: 28 or 32, as the set has them, and 64 for a folder", choices = { 0, 28, 32, 64, 128 },
  })
  table.insert(rows, 4, { "flip", false, "mirror every other image (cifar10, folder)" })
  return rows
end

--- The rows that config.parse reads for an experiment: the common ones with its `defaults`, then
-- its own `options`.
function experiment.rows(definition)
  local rows = (definition.images and image_rows or common_rows)(definition.name)
  rows.about = definition.about
  for _, row in ipairs(rows) do
    local default = definition.defaults[row[1]]
    if default ~= nil then row[2] = default end
  end
  for _, row in ipairs(definition.options) do rows[#rows + 1] = row end
  return rows
end

-- Call f; where it fails, end the program with its message alone: these are a person's mistakes
-- (no data found, a folder that cannot be written), and a traceback would hide the message.
local function attempt(f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  io.stderr:write(tostring(results[2]), "\n")
  os.exit(1, true)
end

local function write_config(o, rows)
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = row[1] .. "=" .. tostring(o[row[1]]) end
  moongan.file.make_folder(o.out)
  moongan.file.write(o.out .. "/config.txt", table.concat(lines, "\n") .. "\n")
end

-- The options of the data set asked for.
local function data_options(definition, o, range)
  if not definition.images then return { range = range } end
  if o.data == "folder" then return { size = o.size > 0 and o.size or 64, flip = o.flip, range = range } end
  if o.data == "cifar10" then return { flip = o.flip, range = range } end
  if o.flip then error("flip: digits and garments are not mirrored; expected flip=false for data=" .. o.data, 0) end
  return { flat = false, range = range }
end

-- The data set asked for; where its files are nowhere and no folder was named, they are fetched.
local function open_data(definition, o, range)
  local settings = data_options(definition, o, range)
  local function open(folder)
    settings.folder = folder
    return moongan.data[o.data == "folder" and "image_folder" or o.data](settings)
  end
  if o.data == "folder" and o.folder == "" then error("data=folder: expected folder=PATH as well", 0) end
  if o.folder ~= "" then return open(o.folder) end
  local found, data = pcall(open)
  if found then return data end
  if not tostring(data):find("mg.data.fetch", 1, true) then error(data, 0) end -- there, but not right
  io.stderr:write(tostring(data), "\nTrying to fetch it.\n")
  return open(moongan.data.fetch(o.data))
end

-- The images must have the size asked for, as data sets of one size are not resized.
local function check_size(o, data)
  if o.size > 0 and o.size ~= data.shape[1] then
    error(string.format("size: expected %d, as %s has it, or 0, got %d", data.shape[1], data.name, o.size), 0)
  end
end

--- The options given to a network, with the size and channels of a data set's images.
function experiment.for_images(data, given)
  given.size, given.channels = data.shape[1], data.shape[3]
  return given
end

--- Build what a definition describes, with the values o of its rows.
-- @return the trainer
function experiment.build(definition, o)
  if o.threads > 0 then moongan.set_threads(o.threads) end
  moongan.manual_seed(o.seed)
  local range = definition.range or { -1, 1 }
  if type(range) == "function" then range = range(o) end
  local data = open_data(definition, o, range)
  if definition.images then check_size(o, data) end
  local settings = definition.trainer(o, data)
  local shared = {
    data = data, range = range, batch = o.batch, nz = o.nz, n_critic = o.n_critic, seed = o.seed, out = o.out,
    average = o.average, sample_every = o.sample_every, log_every = o.log_every, quiet = o.quiet,
  }
  for key, value in pairs(shared) do settings[key] = value end
  return moongan.gan.Trainer(settings)
end

--- Run an experiment from its command line.
-- @param arguments   the script's `arg`
-- @param definition  name; about (for --help); defaults (of common options); options (rows of its
--   own, as config.parse takes them); range (of pixels, default { -1, 1 }, or a function from
--   the options' values to it); images, whether the data are images (n, h, w, c) of any set in
--   place of rows of 784 pixels; trainer, a function from the options' values and the data set to
--   the networks, optimizers and objective that mg.gan.Trainer takes
-- @return the trainer, after its run
function experiment.run(arguments, definition)
  local rows = experiment.rows(definition)
  local o = config.parse(arguments, rows)
  if o.epochs == 0 and o.iterations == 0 then
    io.stderr:write(definition.name, ": expected epochs or iterations above 0, got neither\n")
    os.exit(2, true)
  end
  local trainer = attempt(experiment.build, definition, o)
  attempt(write_config, o, rows)
  if not o.quiet then
    print(string.format("%s on %s: %d images, threads: %d, seed: %d", definition.name, o.data, #trainer.data,
      moongan.threads(), o.seed))
  end
  local result = trainer:run{
    epochs = o.epochs > 0 and o.epochs or nil,
    iterations = o.iterations > 0 and o.iterations or nil,
  }
  if not o.quiet then
    print(string.format("%d iterations in %s.  Samples: %s/samples.png, losses: %s/losses.csv", result.iteration,
      progress.duration(result.seconds), o.out, o.out))
  end
  return trainer
end

return experiment
