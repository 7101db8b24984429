--- Where the time of a piece of a program goes, by operation and by layer.
--
--     mg.profile(function() for _ = 1, 20 do trainer:step() end end)
--
-- An operation's time is its own loop and the memory of its result; what is left over
-- ("everything else") is Lua, bookkeeping of the tape and of the collector, and files.  Backward is
-- the work within backward and grad, and counts for the layer whose forward pass recorded it.  Neighbours
-- that run as one (a batch norm and the rectifier after it, a product and the batch norm folded into it)
-- count for the first of them.

local moongan = require "moongan"
local options = require "moongan.options"

local core = moongan.core.profile
local NAME = "mg.profile"

local Report = {}
Report.__index = Report

local function seconds_of(row) return row.forward_seconds + row.backward_seconds end

local HEADER = string.format("%9s %11s %11s %7s %9s %8s", "calls", "forward ms", "backward ms", "%", "GFLOP/s", "GB/s")

local function rate(amount, seconds, format)
  if amount == 0 or seconds == 0 then return "" end
  return string.format(format, amount / seconds / 1e9)
end

-- Rows under a heading, each name as wide as the longest.
local function table_text(lines, heading, rows, total)
  local width = #heading
  for _, row in ipairs(rows) do width = math.max(width, #row.name) end
  local name_format = "%-" .. width .. "s "
  lines[#lines + 1] = name_format:format(heading) .. HEADER
  for _, row in ipairs(rows) do
    local seconds = seconds_of(row)
    lines[#lines + 1] = (name_format:format(row.name) .. string.format("%9d %11.3f %11.3f %7.1f %9s %8s", row.calls,
      row.forward_seconds * 1e3, row.backward_seconds * 1e3, 100 * seconds / total,
      rate(row.flops, seconds, "%.1f"), rate(row.bytes, seconds, "%.2f"))):gsub("%s+$", "")
  end
end

--- The tables that mg.profile prints.
function Report:__tostring()
  local lines, inside = {}, 0
  table_text(lines, "operation", self.operations, self.seconds)
  for _, row in ipairs(self.operations) do inside = inside + seconds_of(row) end
  lines[#lines + 1] = string.format("everything else: %.3f ms, %.1f %%; total %.3f ms",
    (self.seconds - inside) * 1e3, 100 * (1 - inside / self.seconds), self.seconds * 1e3)
  if #self.layers > 0 then
    lines[#lines + 1] = ""
    table_text(lines, "layer", self.layers, self.seconds)
  end
  return table.concat(lines, "\n")
end

local running = false

--- Run f and print what it spent its time on; an error in f is raised as it is.
-- @param f      a function, called without arguments
-- @param given  quiet = true: print nothing
-- @return a table: seconds; operations, dearest first, and layers, in the order of their first call, each a list of
--   { name, calls, forward_seconds, backward_seconds, flops, bytes }.  flops counts products and convolutions only;
--   bytes are those of operands and results, each once.  tostring(table) is what was printed.
local function profile(f, given)
  if not options.is(f, "callable") then
    options.fail(NAME, "argument 1 (f): expected a function, got %s", options.describe(f))
  end
  local o = options.check(NAME, given, { quiet = false })
  if running then options.fail(NAME, "a profile is being taken already") end
  running = true
  core.start()
  local good, problem = pcall(f)
  local report = setmetatable(core.stop(), Report)
  running = false
  if not good then error(problem, 0) end
  table.sort(report.operations, function(a, b) return seconds_of(a) > seconds_of(b) end)
  if not o.quiet then print(report) end
  return report
end

return profile
