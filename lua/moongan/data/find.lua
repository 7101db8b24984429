--- Where the files of a known data set are.

local options = require "moongan.options"
local sets = require "moongan.data.sets"

local find = {}

--- A folder and a name in it as one path.
function find.join(folder, name) return (folder:gsub("(.)/+$", "%1")) .. "/" .. name end

-- The folder's own name is that of another data set: its files may be called the same.
local function is_another(set, folder)
  local own = folder:match("([^/]*)/*$")
  for _, other in pairs(sets) do
    for _, name in ipairs(other ~= set and other.folders or {}) do
      if name == own then return true end
    end
  end
  return false
end

-- The sub-folders of `folder` that may hold the set, then `folder` itself.
local function add_places(places, set, folder)
  for _, name in ipairs(set.folders) do places[#places + 1] = find.join(folder, name) end
  if not is_another(set, folder) then places[#places + 1] = folder end
end

--- The folders that may hold a set, in the order of search.  A folder that the caller names is
-- taken at its word: nothing else is looked at.
function find.places(set, folder)
  local places = {}
  if folder then
    add_places(places, set, folder)
    return places
  end
  local environment = os.getenv("MOONGAN_DATA")
  if environment and environment ~= "" then add_places(places, set, environment) end
  for _, system in ipairs(set.system_folders) do places[#places + 1] = system end
  for _, name in ipairs(set.folders) do places[#places + 1] = find.join("data", name) end
  if set.unmistakable then places[#places + 1] = "data" end
  return places
end

local function is_there(path)
  local file = io.open(path, "rb")
  return file ~= nil and file:close()
end

-- The file of that name in a folder, as it is distributed or unpacked, if it is there.
local function existing(folder, name)
  for _, variant in ipairs{ name .. ".gz", name, (name:gsub("%-idx", ".idx")) } do
    local path = find.join(folder, variant)
    if is_there(path) then return path end
  end
end

local function how_to_get(set)
  local ways = { string.format("mg.data.fetch(%q) downloads it", set.name) }
  if set.package then ways[2] = "on Debian and Ubuntu: apt-get install " .. set.package end
  ways[#ways + 1] = "or say where it is: folder = \"...\", or the environment variable MOONGAN_DATA"
  return table.concat(ways, "\n  ")
end

--- Paths of the images and the labels of one split ("train", "test").
-- @error where no folder has both: every place looked in, and how to get the set
function find.files(function_name, set, split, folder)
  local wanted = set.splits[split]
  local places, looked = find.places(set, folder), {}
  for i, place in ipairs(places) do
    local images, labels = existing(place, wanted.images), existing(place, wanted.labels)
    if images and labels then return images, labels end
    looked[i] = "\n    " .. place
    if images then looked[i] = looked[i] .. " (images there, labels missing)" end
    if labels then looked[i] = looked[i] .. " (labels there, images missing)" end
  end
  options.fail(function_name, "%s is not there: expected %s and %s, plain or .gz, in one of%s\n  %s", set.title,
    wanted.images, wanted.labels, table.concat(looked), how_to_get(set))
end

--- Where the batches of one split of CIFAR-10 are; the folder given may be the archive itself.
-- @return the archive's path, or nil; the list of paths, or of names in the archive
-- @error where no folder has all of them: every place looked in, and how to get the set
function find.batches(function_name, set, split, folder)
  local names = set.splits[split]
  local looked = {}
  if folder and folder:find("%.tar") and is_there(folder) then return folder, names end
  for i, place in ipairs(find.places(set, folder)) do
    local paths = {}
    for _, name in ipairs(names) do
      local path = find.join(place, name)
      if is_there(path) then paths[#paths + 1] = path end
    end
    if #paths == #names then return nil, paths end
    local archive = find.join(place, set.archive)
    if is_there(archive) then return archive, names end
    looked[i] = "\n    " .. place
    if #paths > 0 then looked[i] = looked[i] .. string.format(" (%d of %d files there)", #paths, #names) end
  end
  options.fail(function_name, "%s is not there: expected %s, or %s, in one of%s\n  %s", set.title,
    table.concat(names, ", "), set.archive, table.concat(looked), how_to_get(set))
end

--- Where the images of a set are: a file's path, or nil.
-- @param split   default: "train"
-- @param folder  where to look alone, or nil
function find.where(set, split, folder)
  local search = set.archive and find.batches or find.files
  local found, first, files = pcall(search, "mg.data", set, split or "train", folder)
  if not found then return nil end
  return first or files[1]
end

return find
