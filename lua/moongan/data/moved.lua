--- Where the data of a run are that goes on in another folder than it began in: what its configuration says from
-- there is not what it says from here.

local moongan = require "moongan"
local find = require "moongan.data.find"
local options = require "moongan.options"
local sets = require "moongan.data.sets"

local PATHS = { "folder", "images", "labels" } -- options of data sets that are paths

-- A known set that is nowhere from here may be in the other folder's data.
local function known_set(entry, directory)
  local set = sets[entry.type]
  local data = find.join(directory, "data")
  if set and not entry.folder and not find.where(set, entry.split) and find.where(set, entry.split, data) then
    entry.folder = data
  end
end

--- A copy of a configuration's entry `data` that holds in the current folder.
-- @param entry      type and options
-- @param directory  absolute, where the configuration's relative paths hold; they may hold here instead
-- @param name       what an error names in front
-- @error  where a path leads to nothing from either
return function(entry, directory, name)
  local moved = {}
  for key, value in pairs(entry) do moved[key] = value end
  for _, key in ipairs(PATHS) do
    local path = moved[key]
    if type(path) == "string" and path:sub(1, 1) ~= "/" then
      local there = find.join(directory, path)
      if moongan.file.exists(there) then
        moved[key] = there
      elseif not moongan.file.exists(path) then
        options.fail(name, "its data (data.%s=%s) are neither in the current folder nor in %s, where the run began",
          key, path, directory)
      end
    end
  end
  known_set(moved, directory)
  return moved
end
