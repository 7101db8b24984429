--- Killing trainings and comparing what they leave: for the specs of resuming, and for spec/kills.lua.

local mg = require "moongan"
local checkpoint = require "moongan.checkpoint"
local helper = require "spec.helper"

local killing = {}

--- The shell command that runs spec/killed.lua with arguments, as this process would.
function killing.command(arguments)
  return string.format("LUA_PATH='%s' LUA_CPATH='%s' %s spec/killed.lua %s", package.path, package.cpath,
    helper.interpreter(), arguments)
end

--- Start it, and kill it after some seconds (nil: let it be); returns whether it ended of itself.  An error of
-- its is one here.
function killing.life(arguments, seconds)
  local killer = seconds and string.format("timeout -s KILL %.3f env ", seconds) or ""
  local text, status = helper.run(killer .. killing.command(arguments))
  if status ~= 0 and status ~= 137 then error(string.format("status %d: %s", status, text), 0) end
  return status == 0
end

-- What depends on the time of day, tells a run's history, or is another program's.
local UNLIKE = { ["config.json"] = true, ["log.txt"] = true, ["losses.png"] = true }

-- Names of the other files in a folder and in those within, sorted.
local function files_in(folder)
  local names = {}
  local files, folders = mg.file.list_folder(folder)
  for _, name in ipairs(files) do
    if not UNLIKE[name] then names[#names + 1] = name end
  end
  for _, inner in ipairs(folders) do
    for _, name in ipairs((mg.file.list_folder(folder .. "/" .. inner))) do names[#names + 1] = inner .. "/" .. name end
  end
  table.sort(names)
  return names
end

--- Read every checkpoint of a folder; an unreadable one is an error.  Returns how many there are.
function killing.read_checkpoints(folder)
  local count = 0
  if not mg.file.exists(folder .. "/checkpoints") then return 0 end
  for _, name in ipairs((mg.file.list_folder(folder .. "/checkpoints"))) do
    if name:find("%.safetensors$") then
      checkpoint.load(folder .. "/checkpoints/" .. name)
      count = count + 1
    end
  end
  return count
end

--- What of two run folders differs, as a text, or nil: bytes of all files, rows of numbers without their times.
function killing.difference(folder, other)
  local names, others = files_in(folder), files_in(other)
  if table.concat(names, " ") ~= table.concat(others, " ") then
    return string.format("files %s and %s", table.concat(names, " "), table.concat(others, " "))
  end
  for _, name in ipairs(names) do
    local a, b = mg.file.read(folder .. "/" .. name), mg.file.read(other .. "/" .. name)
    if name == "stats.jsonl" then
      a, b = a:gsub('"seconds":[%d.e-]+', ""), b:gsub('"seconds":[%d.e-]+', "")
    end
    if a ~= b then return name end
  end
end

--- Train, kill and resume in `folder` until the run ends of itself.
-- @param arguments  of spec/killed.lua, beside out
-- @param random     function that gives the seconds of the next life
-- @return how often it was killed
function killing.until_it_ends(folder, arguments, random)
  local kills = 0
  while not killing.life("out=" .. folder .. " " .. arguments, random()) do
    kills = kills + 1
    killing.read_checkpoints(folder)
  end
  return kills
end

return killing
