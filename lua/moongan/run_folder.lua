--- What a trainer writes into its run folder (moongan.run says what is there).
--
-- A run that is killed at any moment leaves a folder that can be taken up again: checkpoints are written whole
-- or not at all, and what grows by rows is cut back to the checkpoint from which the run goes on.

local moongan = require "moongan"
local checkpoint = require "moongan.checkpoint"
local curves = require "moongan.curves"
local json = require "moongan.json"
local options = require "moongan.options"
local run = require "moongan.run"

local run_folder = {}

local Folder = {}
Folder.__index = Folder

-- ---- opening ---------------------------------------------------------------------------------

local function remove_files(folder, pattern)
  if moongan.file.exists(folder) ~= "folder" then return end
  for _, name in ipairs((moongan.file.list_folder(folder))) do
    if name:find(pattern) then moongan.file.remove(folder .. "/" .. name) end
  end
end

-- A process that was killed leaves what it was about to rename.
local function remove_partial(path)
  for _, folder in ipairs{ path, path .. "/samples", path .. "/checkpoints" } do remove_files(folder, "%.part$") end
end

local function remove_run(path)
  remove_files(path .. "/samples", "^%d+%.png$")
  remove_files(path .. "/checkpoints", "%.safetensors$")
  remove_files(path, "^events%.out%.tfevents%.")
  for _, name in ipairs{ "stats.jsonl", "log.txt", "samples.png", "animation.png", "losses.png",
    "generator.safetensors" } do
    moongan.file.remove(path .. "/" .. name)
  end
end

-- Rows of what came after the iteration, and those of means that go on, are written anew.  Returns the seconds of
-- training up to the iteration, as far as rows tell: the last ones before a kill are in none.
local function cut_stats(path, iteration)
  local file, lines, seconds = path .. "/stats.jsonl", {}, 0
  for _, row in ipairs(run.stats(path)) do
    if row.iteration <= iteration then
      if not row.partial then lines[#lines + 1] = json.encode(row) .. "\n" end
      seconds = math.max(row.seconds or 0, seconds)
    end
  end
  local text = table.concat(lines)
  if moongan.file.exists(file) ~= "file" or moongan.file.read(file) ~= text then moongan.file.write(file, text) end
  return seconds
end

-- The lock of a folder, which one process at a time trains in.
local function take_lock(path)
  moongan.file.make_folder(path)
  local lock, holder = moongan.file.lock(path .. "/lock")
  if lock then return lock end
  options.fail("mg.gan.Trainer", "option out: %s is in use: %s trains there, and two would spoil each other's run",
    path, holder and "process " .. holder or "another process")
end

-- Fill an opened folder whose lock is held.
local function begin(self, o)
  local path = self.path
  if not o.iteration and not o.overwrite and moongan.file.exists(run.checkpoint_path(path, "last")) then
    options.fail("mg.gan.Trainer", "option out: %s holds a run already: trainer:resume() goes on with it, "
      .. "overwrite = true begins anew in its place, another folder keeps both", path)
  end
  moongan.file.make_folder(path .. "/checkpoints")
  moongan.file.make_folder(path .. "/samples")
  remove_partial(path)
  if not o.iteration then
    remove_run(path)
    moongan.file.write(path .. "/config.json", json.encode(o.about(), { indent = 2 }) .. "\n")
  end
  self.seconds = cut_stats(path, o.iteration or 0)
  if o.tensorboard then
    self.events = moongan.events.open(path, { from = o.iteration and o.iteration + 1 })
    if not o.iteration then
      self.events:text("config", 0, "```\n" .. json.encode(o.about(), { indent = 2 }) .. "\n```")
    end
  end
end

--- Open a trainer's run folder, for this process alone.
-- @param path
-- @param o  iteration: of the checkpoint with which the run goes on, nil where it begins; overwrite: whether a
--   run that is there may go; about: function that gives what config.json is to say; tensorboard: whether to
--   write event files; say: function(text) for what is worth printing in verbose mode
-- @return a folder; closing it (as a <close> variable) writes what is left
-- @error  where a process trains in the folder, where it holds another run and overwrite is off, or where it cannot
--   be written
function run_folder.open(path, o)
  local self = setmetatable({ path = path, say = o.say, saved = o.iteration, lock = take_lock(path) }, Folder)
  local good, message = pcall(begin, self, o)
  if good then return self end
  self:close()
  error(message, 0)
end

-- ---- what grows ------------------------------------------------------------------------------

--- Add a line to log.txt, with the time of day.
function Folder:log(...)
  local text = string.format(...)
  moongan.file.append(self.path .. "/log.txt", os.date("%Y-%m-%d %H:%M:%S  ") .. text .. "\n")
  self.say(text)
end

--- Add a row to stats.jsonl.
function Folder:row(row)
  moongan.file.append(self.path .. "/stats.jsonl", json.encode(row) .. "\n")
  if not self.events or row.partial then return end
  for _, name in ipairs(options.names(row)) do
    if name ~= "iteration" then self.events:scalar(name, row.iteration, row[name]) end
  end
  self.events:flush()
end

--- Keep a sample grid, a picture (H, W, C).
function Folder:sample(iteration, picture, range)
  moongan.image.save(string.format("%s/samples/%07d.png", self.path, iteration), picture, { range = range })
  if self.events then self.events:image("samples", iteration, picture, { range = range }) end
end

--- Write what is left, and let others in.
function Folder:close()
  local lock <close> = self.lock -- luacheck: ignore
  local events = self.events
  self.events = nil
  if events then events:close() end
end

Folder.__close = Folder.close

-- ---- checkpoints -----------------------------------------------------------------------------

--- Write a state as the checkpoints named ("last", "best", an iteration), in that order.
-- @error  where it is not finite, or cannot be written; earlier checkpoints are untouched
function Folder:save(state, names)
  local bad = checkpoint.find_nonfinite(state)
  if bad then
    error(string.format("%s has NaN or infinity after iteration %d, which is not saved", bad, state.iteration), 0)
  end
  -- What the checkpoint relies on is on the disk before it is.
  moongan.file.append(self.path .. "/stats.jsonl", "", true)
  if self.events then self.events:flush() end
  for _, name in ipairs(names) do
    checkpoint.save(run.checkpoint_path(self.path, name), state)
    if name == "last" then self.saved = state.iteration end
    self:log("iteration %d: saved checkpoint %s", state.iteration, name)
  end
end

--- Where the run could be taken up, as a text for messages.
function Folder:where_saved()
  if self.saved then return string.format("the checkpoint of iteration %d is there to resume from", self.saved) end
  return "there is no checkpoint yet"
end

-- ---- pictures --------------------------------------------------------------------------------

local MAX_FRAMES = 200 -- of an animation

-- Evenly spaced entries of a list, the last one included.
local function spaced(list, count)
  if #list <= count then return list end
  local some = {}
  for i = 1, count do some[i] = list[math.max(1, math.floor(#list * i / count + 0.5))] end
  return some
end

local function animate(path)
  local names = {}
  for _, name in ipairs((moongan.file.list_folder(path .. "/samples"))) do
    if name:find("^%d+%.png$") then names[#names + 1] = path .. "/samples/" .. name end
  end
  if #names < 2 then return end
  local i = 0
  names = spaced(names, MAX_FRAMES)
  moongan.image.save_animation(path .. "/animation.png", function()
    i = i + 1
    return names[i] and moongan.image.load(names[i])
  end)
end

--- Draw the pictures that look back on the run: losses.png, animation.png.
-- @param animation  whether the latter
function Folder:draw(animation)
  local drawn, why = curves.losses(self.path .. "/losses.png", run.stats(self.path))
  if not drawn then self:log("no losses.png: %s", why) end
  if animation then animate(self.path) end
  return drawn, why
end

return run_folder
