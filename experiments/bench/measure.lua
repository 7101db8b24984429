--- What the benchmarks share: timing, this machine's limits, memory of the process.

local mg = require "moongan"
local shell = require "moongan.shell"

local measure = {}

local RUN = 50 -- calls between two restarts

--- Time a function over 5 blocks of about seconds / 5 each, after two calls to warm up.
-- @param restart  a function, or nil: called off the clock before the first and every 50th call; calls to warm up
--                 follow it
-- @return milliseconds a call: the median of the blocks, the least; and how many calls were timed
function measure.time(f, seconds, restart)
  local left = 0 -- calls until the next restart
  local function spend(calls)
    local sum = 0
    while calls > 0 do
      if left == 0 then
        if restart then restart() end
        for _ = 1, 2 do f() end
        left = restart and RUN or math.huge
      end
      local some = math.min(calls, left)
      local began = mg.clock()
      for _ = 1, some do f() end
      sum = sum + mg.clock() - began
      calls, left = calls - some, left - some
    end
    return sum
  end
  local per_block = math.max(1, math.floor(seconds / 5 / math.max(spend(1), 1e-7)))
  local blocks = {}
  for i = 1, 5 do blocks[i] = spend(per_block) / per_block * 1e3 end
  table.sort(blocks)
  return blocks[3], blocks[1], 5 * per_block
end

--- GFLOP/s of a product of two square matrices of side 1024: the limit of what multiplies.
function measure.sgemm(seconds)
  local a, b = mg.randn(1024, 1024), mg.randn(1024, 1024)
  return 2 * 1.024 ^ 3 / measure.time(function() mg.matmul(a, b):free() end, seconds) * 1e3
end

--- GB/s, read and written, of an update in place of 256 MB, which no cache holds: the limit of what
-- only passes over memory.
function measure.bandwidth(seconds)
  local x = mg.zeros(2 ^ 26)
  local milliseconds = measure.time(function() x:add_(1) end, seconds)
  x:free()
  collectgarbage()
  return 2 ^ 29 / milliseconds / 1e6
end

--- The most memory this process has held at once, in MB; nil where the system does not tell.
function measure.peak_rss_mb()
  local file = io.open("/proc/self/status")
  if not file then return nil end
  local kilobytes = file:read("a"):match("VmHWM:%s*(%d+)")
  file:close()
  return kilobytes and kilobytes // 1024
end

--- The interpreter that runs this, as a shell's word; and the command that starts this script in it.
function measure.interpreter() return shell.quote(shell.program()[1]) end
function measure.script() return measure.interpreter() .. " " .. shell.quote(arg[0]) end

return measure
