--- How far a long piece of work has come: a bar on a terminal, now and then a plain line elsewhere.

local progress = {}

local BAR_WIDTH = 20
local TERMINAL_INTERVAL, PLAIN_INTERVAL = 0.1, 5 -- seconds between two updates

local Progress = {}
Progress.__index = Progress

--- Is standard output a terminal?
function progress.is_terminal() return os.execute("test -t 1") == true end

--- Seconds as a person writes them: 42s, 3:07, 1:02:33.
function progress.duration(seconds)
  local whole = math.floor(seconds + 0.5)
  if whole < 60 then return whole .. "s" end
  if whole < 3600 then return string.format("%d:%02d", whole // 60, whole % 60) end
  return string.format("%d:%02d:%02d", whole // 3600, whole // 60 % 60, whole % 60)
end

--- Start reporting.
-- @param o  total (the last iteration's number, or nil), from (how many were done before), seconds
--   (time allowed, or nil), clock (a function that gives seconds), terminal (true: draw a bar),
--   write (a function of a string; default standard output)
function progress.new(o)
  return setmetatable({
    total = o.total, from = o.from or 0, seconds = o.seconds, clock = o.clock, terminal = o.terminal,
    write = o.write or function(text) io.stdout:write(text):flush() end,
    started = o.clock(), shown = -math.huge,
  }, Progress)
end

--- The line that stands for iteration `done` after `elapsed` seconds, with `note` in its midst.
function Progress:line(done, elapsed, note)
  -- What is shown is how much of all is done; how long the rest takes follows from what was done since the start.
  local shown, fraction = 0, 0
  if self.total then
    shown = self.total > 0 and done / self.total or 1
    fraction = self.total > self.from and (done - self.from) / (self.total - self.from) or 1
  end
  if self.seconds then
    shown, fraction = math.max(shown, elapsed / self.seconds), math.max(fraction, elapsed / self.seconds)
  end
  shown, fraction = math.min(shown, 1), math.min(fraction, 1)
  local parts = {}
  if self.terminal then
    local filled = math.floor(shown * BAR_WIDTH)
    parts[1] = "[" .. ("#"):rep(filled) .. ("."):rep(BAR_WIDTH - filled) .. "]"
  end
  parts[#parts + 1] = string.format("%3d%%", math.floor(shown * 100))
  parts[#parts + 1] = tostring(done) .. (self.total and "/" .. self.total or "")
  parts[#parts + 1] = note
  if elapsed > 0 then parts[#parts + 1] = string.format("%.4g it/s", (done - self.from) / elapsed) end
  if fraction == 1 then
    parts[#parts + 1] = progress.duration(elapsed)
  elseif fraction > 0 then
    parts[#parts + 1] = progress.duration(elapsed * (1 - fraction) / fraction) .. " left"
  end
  return table.concat(parts, "  ")
end

--- True where a line is due; so that the caller makes its note only then.
function Progress:due()
  return self.clock() - self.shown >= (self.terminal and TERMINAL_INTERVAL or PLAIN_INTERVAL)
end

--- Show where things are, whether it is due or not.
function Progress:show(done, note)
  self.shown = self.clock()
  local line = self:line(done, self.shown - self.started, note)
  self.write(self.terminal and "\r" .. line .. "\27[K" or line .. "\n")
end

--- A line between the others, whose bar stands below it again soon.
function Progress:say(text) self.write((self.terminal and "\r\27[K" or "") .. text .. "\n") end

--- The last line.
function Progress:finish(done, note)
  self:show(done, note)
  if self.terminal then self.write("\n") end
end

return progress
