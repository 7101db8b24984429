--- Tables written as Lua files by somebody else: a file is run without access to anything outside,
-- for a bounded time and in bounded memory, and what comes out is plain data.
--
--     local config = sandbox.load(text, "dcgan.lua")
--
-- A file may compute (math, string, table, loops, functions of its own).  It finds no os, io, debug,
-- coroutine or load, nothing of the program around it, and no function that works for long on
-- little input: patterns of strings, table.move.

local sandbox = {}

local MAX_BYTES = 1 << 20          -- of the text, of any string made by rep and concat
local MAX_INSTRUCTIONS = 1000000
local MAX_SECONDS = 2              -- of processor time
local MAX_KILOBYTES = 4096         -- of memory that running it takes
local MAX_ENTRIES, MAX_DEPTH = 10000, 16

-- ---- what a file finds -----------------------------------------------------------------------

local function pick(from, names)
  local result = {}
  for name in names:gmatch("%S+") do result[name] = from[name] end
  return result
end

-- Where a string is built from others, its length is known first.
local function check_length(length)
  if length > MAX_BYTES then error(string.format("a string of more than %d bytes", MAX_BYTES), 0) end
end

local function rep(s, n, separator)
  s, separator, n = tostring(s), separator or "", math.tointeger(n) or 0
  if n > 0 then check_length((#s + #separator) * (n + 0.0)) end
  return string.rep(s, n, separator)
end

local function concat(list, separator, first, last)
  separator, first, last = separator or "", first or 1, last or #list
  local length = 0
  for i = first, last do
    if type(list[i]) ~= "string" and type(list[i]) ~= "number" then break end -- table.concat says so
    length = length + #tostring(list[i]) + #separator
    check_length(length)
  end
  return table.concat(list, separator, first, last)
end

local function new_strings()
  local strings = pick(string, "byte char format len lower reverse sub upper")
  strings.rep = rep
  return strings
end

-- The same file is a script, too: it requires this module, and what that makes of a table is the
-- program's business.  Here it stays a table.
local function require_one(name)
  if name == "moongan.experiment" then return function(given) return given end end
  error(string.format("a configuration cannot require %q", tostring(name)), 0)
end

local function new_environment()
  local env = pick(_G, "assert error ipairs pairs select tonumber tostring type")
  env.math = pick(math, "abs ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad sin sqrt "
    .. "tan tointeger type ult")
  env.table = pick(table, "insert pack remove sort unpack")
  env.table.concat = concat
  env.string = new_strings()
  env.require = require_one
  return env
end

-- ---- limits ----------------------------------------------------------------------------------

-- A hook for every instruction that ends what goes on for too long or takes too much memory, and
-- itself.  Nothing that the file can call catches its error.
local function new_guard()
  collectgarbage()
  local ceiling = collectgarbage("count") + MAX_KILOBYTES
  local began, count = os.clock(), 0
  local function stop(message)
    debug.sethook()
    error(message, 0)
  end
  return function()
    count = count + 1
    if count > MAX_INSTRUCTIONS or (count % 256 == 0 and os.clock() - began > MAX_SECONDS) then
      stop("it goes on for too long")
    end
    if collectgarbage("count") > ceiling then
      collectgarbage()
      if collectgarbage("count") > ceiling then stop("it takes too much memory") end
    end
  end
end

-- Run f under the guard, its strings having no methods but those it may call.
local function run_guarded(f)
  local methods = getmetatable("")
  local index, hook = methods.__index, table.pack(debug.gethook())
  methods.__index = new_strings()
  local good, result = pcall(function()
    debug.sethook(new_guard(), "", 1)
    local returned = f()
    debug.sethook()
    return returned
  end)
  debug.sethook(table.unpack(hook, 1, hook.n))
  methods.__index = index
  return good, result
end

-- ---- plain data ------------------------------------------------------------------------------

local PLAIN = { string = true, boolean = true, number = true }

local function check_key(key, where)
  if type(key) == "string" or math.type(key) == "integer" then return end
  error(string.format("%s: expected names and places as keys, got a %s", where, type(key)), 0)
end

local function copy_plain(value, where, depth, state)
  if type(value) == "number" and (value ~= value or math.abs(value) == math.huge) then
    error(string.format("%s: expected a finite number, got %s", where, value), 0)
  end
  if PLAIN[type(value)] then return value end
  if type(value) ~= "table" then
    error(string.format("%s: expected a string, a number, a boolean or a table, got a %s", where, type(value)), 0)
  end
  if depth > MAX_DEPTH then error(string.format("%s: tables within tables, %d deep", where, depth), 0) end
  local result = {}
  for key, entry in next, value do
    state.entries = state.entries + 1
    if state.entries > MAX_ENTRIES then error(string.format("more than %d entries", MAX_ENTRIES), 0) end
    check_key(key, where)
    result[key] = copy_plain(entry, depth == 1 and tostring(key) or where .. "." .. tostring(key), depth + 1, state)
  end
  return result
end

--- A copy of a table that is plain data: strings, finite numbers, booleans, and tables of them.
-- @error  a text that names the entry that is anything else
function sandbox.plain(value) return copy_plain(value, "the table", 1, { entries = 0 }) end

-- ---- what others call ------------------------------------------------------------------------

--- Run a Lua text and return the table it returns, as plain data.
-- @param text  source code; compiled chunks are refused
-- @param name  what messages call it, a file's name
-- @return the table; or nil and what is wrong, beginning with the name
function sandbox.load(text, name)
  if #text > MAX_BYTES then return nil, string.format("%s: a file of more than %d bytes", name, MAX_BYTES) end
  if text:sub(1, 1) == "#" then text = "--" .. text end -- as the interpreter skips such a line
  local f, message = load(text, "@" .. name, "t", new_environment())
  local good, result = f ~= nil, message
  if good then good, result = run_guarded(f) end
  if good and type(result) ~= "table" then
    good, result = false, string.format("expected the file to return a table, got %s", type(result))
  elseif good then
    good, result = pcall(sandbox.plain, result)
  end
  if good then return result end
  result = type(result) == "string" and result:match("^[^\n]*") or "an error that is a " .. type(result)
  if result:sub(1, #name + 1) ~= name .. ":" then result = name .. ": " .. result end
  return nil, result
end

return sandbox
