--- moongan sweep: a run for each combination of values.

local arguments = require "moongan.cli.arguments"
local experiment = require "moongan.experiment"
local json = require "moongan.json"
local moongan = require "moongan"
local shell = require "moongan.shell"
local split = require("moongan.experiment.arguments").split
local train = require "moongan.cli.train"

local INTERRUPTED = 130

local sweep = {
  summary = "train a configuration with every combination of values",
  usage = "CONFIG.lua key=value,value,... [key=value,...]",
  positional = { 1, 1 },
  settings = true,
  details = [[
  moongan sweep experiments/wgan.lua clip=0.005,0.01,0.015 n_critic=3,5,7 epochs=10

trains nine times, each into a folder of its own, then compares.  A list as a value is written in braces:
betas={0,0.9},{0.5,0.999}.  A sweep that was interrupted goes on where it stopped when the command is given again;
so does each run.  Runs that have ended are not repeated.

--print writes the commands in place of running them:

  moongan sweep CONFIG.lua ... --print parallel | parallel -j 2
  moongan sweep CONFIG.lua ... --print slurm > sweep.sh; sbatch sweep.sh]],
  options = {
    { long = "--out", key = "out", kind = "string", value = "FOLDER", meaning = "of the runs (runs/NAME-sweep)" },
    { long = "--print", key = "print", kind = "string", choices = { "parallel", "slurm" }, value = "FORM",
      meaning = "parallel: a command a line; slurm: an array job" },
  },
}

-- ---- the grid --------------------------------------------------------------------------------

-- Each setting as { key =, values = (texts) }.
local function read_axes(settings)
  local axes = {}
  for i, setting in ipairs(settings) do
    local key, text = setting:match("^([^=]*)=(.*)$")
    axes[i] = { key = key, values = split(text) }
    if key == "out" then arguments.wrong("out: expected --out, as every run has a folder of its own") end
    if #axes[i].values == 0 then arguments.wrong("%s: expected at least one value, got none", key) end
  end
  return axes
end

local MAX_RUNS = 10000

-- Every combination: a list of { settings = (texts), varied = (those with more than one value) }.
local function combinations(axes)
  local cells = { { settings = {}, varied = {} } }
  for _, axis in ipairs(axes) do
    if #cells * #axis.values > MAX_RUNS then arguments.wrong("expected at most %d runs", MAX_RUNS) end
    local longer = {}
    for _, cell in ipairs(cells) do
      for _, value in ipairs(axis.values) do
        local settings, varied = { table.unpack(cell.settings) }, { table.unpack(cell.varied) }
        settings[#settings + 1] = axis.key .. "=" .. value
        if #axis.values > 1 then varied[#varied + 1] = settings[#settings] end
        longer[#longer + 1] = { settings = settings, varied = varied }
      end
    end
    cells = longer
  end
  return cells
end

-- A name for a folder that says what is particular about a run.
local function folder_name(cell, taken)
  local name = table.concat(cell.varied, ","):gsub("[^%w%.,=_+-]", "-"):sub(1, 200)
  if name == "" then name = "run" end
  local result, number = name, 2
  while taken[result] do result, number = name .. "-" .. number, number + 1 end
  taken[result] = true
  return result
end

-- The cells of a sweep, each with its folder, its command's words and its configuration as text.
local function plan(o)
  local path = o.words[1]
  local root = o.out or "runs/" .. experiment.load(path).name .. "-sweep"
  local cells, taken = combinations(read_axes(o.settings)), {}
  for _, cell in ipairs(cells) do
    cell.name = folder_name(cell, taken)
    cell.folder = root .. "/" .. cell.name
    cell.settings[#cell.settings + 1] = "out=" .. cell.folder
    cell.words = { "train", "--continue", path:sub(1, 1) == "-" and "./" .. path or path, table.unpack(cell.settings) }
    cell.text = json.encode(train.configure(path, cell.settings))
  end
  return cells, root
end

-- ---- commands for others to run --------------------------------------------------------------

local function print_parallel(cells)
  for _, cell in ipairs(cells) do print("moongan " .. shell.command(cell.words)) end
end

local function print_slurm(cells)
  print(string.format("#!/bin/sh\n#SBATCH --job-name=moongan-sweep\n#SBATCH --array=1-%d\n"
    .. "case $SLURM_ARRAY_TASK_ID in", #cells))
  for i, cell in ipairs(cells) do print(string.format("%d) exec moongan %s ;;", i, shell.command(cell.words))) end
  print("esac")
end

-- ---- running them ----------------------------------------------------------------------------

-- Which cells have ended, with the configuration they had: name -> text, in a file beside the runs.
local function read_ended(path)
  if moongan.file.exists(path) ~= "file" then return {} end
  local ended = json.try_decode(moongan.file.read(path))
  return type(ended) == "table" and ended or {}
end

local function run_all(cells, root)
  moongan.file.make_folder(root)
  local path = root .. "/sweep.json"
  local ended, failed = read_ended(path), {}
  for i, cell in ipairs(cells) do
    if ended[cell.name] == cell.text then
      print(string.format("%d of %d: %s has ended", i, #cells, cell.folder))
    else
      print(string.format("%d of %d: %s", i, #cells, cell.folder))
      io.stdout:flush()
      local words = shell.program()
      table.move(cell.words, 1, #cell.words, #words + 1, words)
      local status = shell.execute(words)
      if status >= 128 then
        io.stderr:write("The same command goes on with the sweep.\n")
        return INTERRUPTED
      elseif status ~= 0 then
        failed[#failed + 1] = cell.folder
      else
        ended[cell.name] = cell.text
        moongan.file.write(path, json.encode(ended) .. "\n")
      end
    end
  end
  return 0, failed
end

function sweep.run(o)
  local cells, root = plan(o)
  if o.print == "parallel" then return print_parallel(cells) end
  if o.print == "slurm" then return print_slurm(cells) end
  local status, failed = run_all(cells, root)
  if status ~= 0 then return status end
  local folders = {}
  for _, cell in ipairs(cells) do
    if moongan.file.exists(cell.folder .. "/config.json") then folders[#folders + 1] = cell.folder end
  end
  if #folders > 0 then require("moongan.cli.compare").show(folders, { output = root .. "/compare.png" }) end
  if #failed == 0 then return 0 end
  error(string.format("%d of %d runs failed: %s", #failed, #cells, table.concat(failed, ", ")), 0)
end

return sweep
