--- Fetching the files of a known data set with curl, each checked before it gets its name.

local moongan = require "moongan"
local find = require "moongan.data.find"
local options = require "moongan.options"
local shell = require "moongan.shell"

local fetch = {}

-- Far above any file of a data set known, far below what would fill a disk.
local MAX_BYTES = 200 * 1000 * 1000

local quote, run, has_command = shell.quote, shell.run, shell.has

-- The command that computes SHA-256, after making sure that all commands needed are there.
local function check_tools(function_name)
  local hasher = has_command("sha256sum") and "sha256sum" or has_command("shasum") and "shasum -a 256"
  local missing = not has_command("curl") and "curl" or not has_command("gzip") and "gzip" or not hasher and "sha256sum"
  if missing then options.fail(function_name, "expected the command %s, it is not installed", missing) end
  return hasher
end

-- SHA-256 of what a gzip file contains, or of the file itself where the set says so.
local function sum_of(set, hasher, path)
  local reader = set.packed and "cat" or "gzip -dc"
  local _, said = run(reader .. " < " .. quote(path) .. " 2>/dev/null | " .. hasher)
  return said:match("^%x+")
end

-- What the file of a set is called where it is served.
local function served(set, name) return set.packed and name or name .. ".gz" end

-- Download one file to `path` from the first mirror that has it right; false and what went wrong.
local function download(set, hasher, name, path)
  local troubles, part = {}, path .. ".part"
  for _, mirror in ipairs(set.mirrors) do
    local url = mirror .. served(set, name)
    local done, said = run(string.format(
      "curl --fail --location --silent --show-error --connect-timeout 20 --retry 2 --max-filesize %d --output %s %s",
      MAX_BYTES, quote(part), quote(url)))
    local sum = done and sum_of(set, hasher, part)
    if sum == set.sha256[name] then
      local renamed, why = os.rename(part, path)
      if renamed then return true end
      said = why
    elseif done then
      said = string.format("expected %s of SHA-256 %s, got %s", set.packed and "a file" or "contents", set.sha256[name],
        sum)
    end
    os.remove(part)
    troubles[#troubles + 1] = "\n    " .. url .. ": " .. said
  end
  return false, table.concat(troubles)
end

--- Have all files of a set in a folder, which is made where it is missing.  Files that are there and
-- right are kept.
-- @param set     an entry of moongan.data.sets
-- @param report  called with a line of text for each file
-- @error  where a command is missing, or a file cannot be had: nothing partial is left
function fetch.files(function_name, set, folder, report)
  local hasher = check_tools(function_name)
  options.call(moongan.file.make_folder, folder)
  for _, name in ipairs(options.names(set.sha256)) do
    local path = find.join(folder, served(set, name))
    if sum_of(set, hasher, path) == set.sha256[name] then
      report(path .. ": there already")
    else
      local done, troubles = download(set, hasher, name, path)
      if not done then options.fail(function_name, "%s cannot be fetched:%s", path, troubles) end
      report(path .. ": fetched, checksum right")
    end
  end
end

return fetch
