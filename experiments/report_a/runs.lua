--- Trains rows of report A, and reads what their runs left: shared by the scripts beside this file.
--
-- Every run has a folder OUT/ROW-seedN.  One that was interrupted goes on, one that has ended is not run again,
-- and one that went further than asked is read up to there.

local mg = require "moongan"
local config = require "moongan.config"
local experiment = require "moongan.experiment"
local options = require "moongan.options"

local runs = {}

-- A setting that is a list: "1,2,3".
local function split(text)
  local list = {}
  for word in text:gmatch("[^,]+") do list[#list + 1] = word end
  return list
end

local function fail(...) config.give_up(2, string.format(...)) end

local function read_seeds(text)
  local seeds = {}
  for i, word in ipairs(split(text)) do
    seeds[i] = math.tointeger(tonumber(word))
    if not seeds[i] or seeds[i] < 0 then fail("seeds: expected whole numbers of at least 0, got %q", text) end
  end
  if #seeds == 0 then fail("seeds: expected at least one, got none") end
  return seeds
end

local function read_rows(text, list)
  if text == "all" then return nil end
  local chosen = {}
  for _, name in ipairs(split(text)) do
    if not list[name] then fail("rows: %s", options.unknown(name, options.names(list))) end
    chosen[name] = true
  end
  return chosen
end

--- The settings of a script's command line.  Ends the program after --help, or where one is wrong.
-- @param arguments  the script's `arg`
-- @param about      a line on what it makes
-- @param list       all rows
-- @param given      epochs, seeds: their defaults
function runs.settings(arguments, about, list, given)
  local o = config.parse(arguments, {
    about = about,
    { "epochs", given.epochs, "of training", min = 1 },
    { "seeds", given.seeds, "a run for each" },
    { "rows", "all", "names of rows to train, and nothing else: for several processes at once" },
    { "data", "mnist", "a data set of that kind, or the folder of its files" },
    { "threads", 0, "processor cores; 0: as they are.  The numbers are the same", min = 0 },
    { "out", "runs/report_a", "folder of the runs, which all scripts of the report share" },
    { "results", "", "folder of tables and pictures; empty: results, in that of the runs" },
  })
  o.seeds, o.rows = read_seeds(o.seeds), read_rows(o.rows, list)
  if o.results == "" then o.results = o.out .. "/results" end
  if o.data:find("/", 1, true) then o.data = { "mnist", folder = o.data } end
  mg.file.make_folder(o.results)
  return o
end

-- ---- training --------------------------------------------------------------------------------

function runs.folder(row, seed, o) return string.format("%s/%s-seed%d", o.out, row.name, seed) end

-- All rows see the same noise in their pictures, whatever their networks drew before.
local function share_noise(trainer)
  local random = mg.get_rng_state()
  mg.manual_seed(2014)
  trainer.fixed_noise = trainer.noise(trainer.fixed_noise:size(1))
  mg.set_rng_state(random)
end

-- How far a run has come that has ended, in epochs; 0 where there is none.
local function ended(folder)
  local path = folder .. "/ended.json"
  return mg.file.exists(path) == "file" and mg.json.decode(mg.file.read(path)).epochs or 0
end

local function train(row, seed, o)
  local folder = runs.folder(row, seed, o)
  local settings = { epochs = o.epochs, seed = seed, data = o.data, threads = o.threads, out = folder }
  for key, value in pairs(row.config) do settings[key] = settings[key] or value end
  if ended(folder) >= o.epochs then
    experiment.check_same(folder, experiment.configure(settings))
    return print(folder .. " has ended")
  end
  print(folder)
  experiment.continue(settings, share_noise)
  mg.file.write(folder .. "/ended.json", mg.json.encode{ epochs = o.epochs } .. "\n")
end

--- Train what has not been trained.  With the setting `rows`, only those, and the program ends then.
-- @param list  of rows
function runs.train(list, o)
  for _, row in ipairs(list) do
    for _, seed in ipairs(o.seeds) do
      if not o.rows or o.rows[row.name] then
        local good, message = pcall(train, row, seed, o)
        if not good then config.give_up(1, message) end
      end
    end
  end
  if o.rows then os.exit(0, true) end
end

-- ---- results ---------------------------------------------------------------------------------

local function mean(list, key)
  local sum = 0
  for _, entry in ipairs(list) do sum = sum + entry[key] end
  return sum / #list
end

-- One entry an epoch: { epoch =, d_loss =, g_loss = (means), last = (the row of its last iteration), seconds = }.
local function by_epoch(stats)
  local list, current = {}, {}
  for _, row in ipairs(stats) do
    if not row.partial and row.d_loss then
      current[#current + 1] = row
      if row.epoch >= #list + 1 - 1e-9 then
        list[#list + 1] = {
          epoch = #list + 1, d_loss = mean(current, "d_loss"), g_loss = mean(current, "g_loss"), last = row,
          seconds = row.seconds,
        }
        current = {}
      end
    end
  end
  return list
end

local kept = {} -- what was read, by folder

--- What a run came to.
-- @return { d_loss =, g_loss = (of the last batch), d_mean =, g_mean = (over the last epoch), seconds =,
--   iterations =, epochs = (a list, see above), folder = }
function runs.result(row, seed, o)
  local folder = runs.folder(row, seed, o)
  kept[folder] = kept[folder] or by_epoch(mg.run.stats(folder))
  local epochs = table.move(kept[folder], 1, o.epochs, 1, {})
  local last = epochs[#epochs]
  return {
    d_loss = last.last.d_loss, g_loss = last.last.g_loss, d_mean = last.d_loss, g_mean = last.g_loss,
    seconds = last.seconds, iterations = last.last.iteration, epochs = epochs, folder = folder,
  }
end

--- Where a picture of one seed goes: its name tells the seed where there are several.
function runs.picture(name, seed, o)
  return string.format("%s/%s%s.png", o.results, name, #o.seeds > 1 and "_seed" .. seed or "")
end

--- The rows of WGAN's sweep.
function runs.sweep(list)
  local chosen = {}
  for _, row in ipairs(list) do
    if row.config.clip then chosen[#chosen + 1] = row end
  end
  return chosen
end

--- Whether there are runs of a row that have ended for all seeds.
function runs.have(row, o)
  for _, seed in ipairs(o.seeds) do
    if ended(runs.folder(row, seed, o)) < o.epochs then return false end
  end
  return true
end

--- Mean and standard deviation of a value of results over the seeds; the latter is nil where there is one.
function runs.over_seeds(row, key, o)
  local values, squares = {}, 0
  for i, seed in ipairs(o.seeds) do values[i] = { value = runs.result(row, seed, o)[key] } end
  local average = mean(values, "value")
  for _, entry in ipairs(values) do squares = squares + (entry.value - average) ^ 2 end
  return average, #values > 1 and math.sqrt(squares / (#values - 1)) or nil
end

--- The folder of a run that ended after as many epochs as are asked for, for what only its last weights can tell.
-- Ends the program where it went further.
function runs.final(row, seed, o)
  local folder = runs.folder(row, seed, o)
  if ended(folder) ~= o.epochs then
    fail("%s has gone on to %g epochs, and its generator of %g is gone: another out= trains it anew", folder,
      ended(folder), o.epochs)
  end
  return folder
end

--- Keep what a reader may want to see of a run: its losses by epoch, its configuration and its last samples.
function runs.keep_log(row, seed, o)
  local result = runs.result(row, seed, o)
  local lines = { "epoch,d_loss,g_loss,seconds" }
  for _, epoch in ipairs(result.epochs) do
    lines[#lines + 1] = string.format("%d,%.6g,%.6g,%.1f", epoch.epoch, epoch.d_loss, epoch.g_loss, epoch.seconds)
  end
  local base = string.format("%s/%s-seed%d", o.results, row.name, seed)
  mg.file.write(base .. ".csv", table.concat(lines, "\n") .. "\n")
  mg.file.write(base .. ".png", mg.file.read(runs.final(row, seed, o) .. "/samples.png"))
  local about = mg.run.about(result.folder)
  about.config.out, about.config.data.folder, about.options, about.directory = nil, nil, nil, nil
  mg.file.write(base .. ".json", mg.json.encode(about, { indent = 2 }) .. "\n")
end

return runs
