--- What strict readers of files share: a rejection travels from wherever something is wrong up to the function that
-- was called, which knows what to name in its message.

local moongan = require "moongan"
local options = require "moongan.options"

local reading = {}

-- Rejections are tables of this kind, so that they are told apart from errors of moongan itself.
local Rejection = {}

--- Reject what is being read or written; the text is formatted.
function reading.reject(...) error(setmetatable({ message = string.format(...) }, Rejection), 0) end

local function results(good, first, ...)
  if good then return true, first, ... end
  if getmetatable(first) ~= Rejection then error(first, 0) end
  return false, first.message
end

--- f(...) within which things are rejected: true and its results, or false and the text.
function reading.try(f, ...) return results(pcall(f, ...)) end

--- f(file, size in bytes) with a regular file that is open for reading and stands at its start.  Returns f's results;
-- raises rejections as errors of the function `name`, with the path in front.
function reading.file(name, path, f)
  if type(path) ~= "string" then options.fail(name, "expected a file's path, got %s", options.describe(path)) end
  local kind = options.call(moongan.file.exists, path)
  if kind and kind ~= "file" then options.fail(name, "%s: expected a regular file", path) end
  local file <close>, why = io.open(path, "rb")
  if not file then options.fail(name, "%s", why) end
  local size = file:seek("end")
  file:seek("set", 0)
  local outcome = table.pack(reading.try(f, file, size))
  if not outcome[1] then options.fail(name, "%s: %s", path, outcome[2]) end
  return table.unpack(outcome, 2, outcome.n)
end

--- Exactly so many bytes from where a file stands; `what` they are, for the text of a rejection.
function reading.bytes(file, count, what)
  local bytes = count == 0 and "" or file:read(count)
  if not bytes or #bytes < count then reading.reject("truncated: %s ends early", what) end
  return bytes
end

return reading
