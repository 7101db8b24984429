--- Run folders: what a training leaves behind, and how to take it up again.
--
--     config.json                the configuration as run, with seed, version, machine and threads
--     stats.jsonl                a row of numbers every now and then, one JSON object a line
--     log.txt                    what happened, with the time of day
--     checkpoints/last.safetensors, best.safetensors, 0005000.safetensors
--     samples/0000500.png, samples.png, animation.png      the same noise over training
--     losses.png                 curves, where gnuplot is installed
--     generator.safetensors      the generator's weights (averaged where the run averages)
--     lock                       while a process trains there: its number
--
-- moongan.run_folder writes them; this module reads them.

local moongan = require "moongan"
local checkpoint = require "moongan.checkpoint"
local json = require "moongan.json"
local options = require "moongan.options"

local run = {}

local function check_folder(name, folder)
  if type(folder) ~= "string" or folder == "" then
    options.fail(name, "expected a run folder's path, got %s", options.describe(folder))
  end
end

--- The path of a checkpoint: "last", "best", or the iteration of one that was kept.
function run.checkpoint_path(folder, which)
  if math.type(which) == "integer" then which = string.format("%07d", which) end
  return string.format("%s/checkpoints/%s.safetensors", folder, which)
end

--- What config.json says: { config = (nil where networks were built by hand), directory = (the current folder when the
-- run began, where relative paths hold), seed =, version =, machine =, .. }.
function run.about(folder)
  local name = "mg.run.about"
  check_folder(name, folder)
  local path = folder .. "/config.json"
  if moongan.file.exists(path) ~= "file" then
    options.fail(name, "%s: expected a run folder, it has no config.json", folder)
  end
  local about, problem = json.try_decode(moongan.file.read(path))
  if type(about) ~= "table" then options.fail(name, "%s: %s", path, problem or "expected an object") end
  return about
end

--- The rows of stats.jsonl, a list of tables: iteration, epoch, d_loss, g_loss, seconds, metrics, ..  A last
-- row that was being written when the process was killed is left out.
function run.stats(folder)
  check_folder("mg.run.stats", folder)
  local path, rows = folder .. "/stats.jsonl", {}
  if moongan.file.exists(path) ~= "file" then return rows end
  for line in moongan.file.read(path):gmatch("([^\n]*)\n") do
    local row = json.try_decode(line)
    if type(row) == "table" and math.type(row.iteration) == "integer" then rows[#rows + 1] = row end
  end
  return rows
end

--- The state in a checkpoint of the folder (see moongan.checkpoint), or nil where there is none of that name.
function run.load_state(folder, which)
  local path = run.checkpoint_path(folder, which)
  if not moongan.file.exists(path) then return nil end
  return checkpoint.load(path)
end

-- The names of a folder's checkpoints, for people.
local function names_of_checkpoints(folder)
  local names = {}
  if moongan.file.exists(folder .. "/checkpoints") then
    for _, file in ipairs((moongan.file.list_folder(folder .. "/checkpoints"))) do
      local name = file:match("^(.*)%.safetensors$")
      if name then names[#names + 1] = tostring(math.tointeger(tonumber(name)) or name) end
    end
  end
  if #names == 0 then return "a run that has one, it was stopped before its first" end
  return (#names > 1 and "one of " or "") .. table.concat(names, ", ")
end

local OPEN_OPTIONS = {
  checkpoint = options.optional("string", "integer"), -- "last" (default), "best", or the iteration of one kept
  data = true,                                        -- false: without the data set, to sample but not to train
}

-- What stands in for a run's data set, which nobody wants to wait for, or which is not there.
local function no_data(state, folder)
  local function stop() options.fail("mg.run.open", "%s was opened without its data set (data = false)", folder) end
  return setmetatable({
    forever = function() return stop end,
    state = function() return state.data.batches end,
    set_state = function() end,
  }, { __len = function() return state.data.per_epoch or 0 end })
end

-- The configuration that a run goes on with, wherever that is.
local function configuration(about, name, folder)
  local config = {}
  for key, value in pairs(about.config) do config[key] = value end
  if type(config.data) == "table" and type(about.directory) == "string" then
    config.data = require("moongan.data.moved")(config.data, about.directory, name .. ": " .. folder)
  end
  return config
end

--- Rebuild the networks of a run from its folder alone, as its checkpoint has them.
-- @return { folder =, config =, about = (config.json), iteration =, trainer = (resumed: run goes on with it),
--   generator = (in evaluation mode, of averaged weights where the run averages), discriminator =,
--   sample = function(self, ...): trainer:sample }
-- @error  where the folder is no run's, has no such checkpoint, its networks were built by hand, or its data are gone
function run.open(folder, given)
  local name = "mg.run.open"
  check_folder(name, folder)
  local o = options.check(name, given, OPEN_OPTIONS)
  local about, which = run.about(folder), o.checkpoint or "last"
  if not about.config then
    options.fail(name, "%s: its networks were built by a script, which must resume it itself", folder)
  end
  local state = run.load_state(folder, which)
  if not state then
    options.fail(name, "%s has no checkpoint %s: expected %s", folder, which, names_of_checkpoints(folder))
  end
  local data = not o.data and no_data(state, folder) or nil
  local config = data and about.config or configuration(about, name, folder)
  local trainer = require("moongan.experiment").build(config, { out = folder }, data)
  trainer:load_state_dict(state)
  trainer.resumed = true
  return {
    folder = folder, config = about.config, about = about, iteration = trainer.iteration, trainer = trainer,
    generator = trainer:sampler(), discriminator = trainer.discriminator,
    sample = function(_, ...) return trainer:sample(...) end,
  }
end

return run
