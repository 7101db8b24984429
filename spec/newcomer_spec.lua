-- A newcomer's way, at a terminal: the quickstart, Ctrl-C in its midst, going on, samples.

local helper = require "spec.helper"
local mg = require "moongan"
local scripts = require "spec.scripts"

-- Runs the shell's lines that are its arguments: prints what they print, and their status.
local LINES = [[
for i = 1, #arg do
  local pipe = io.popen(arg[i] .. " 2>&1")
  io.write(pipe:read("a"))
  print("status " .. select(3, pipe:close()))
end]]

-- Ctrl-C, typed when the run has begun.
local CTRL_C = [[for i in $(seq 200); do grep -q begun here/log.txt 2>/dev/null && break; sleep 0.05; done;
  sleep 0.2; printf "\\003"; sleep 0.1]]

-- A line that runs the interpreter in a terminal of its own (util-linux's script), where keys are typed.
local function at_terminal(command, keys)
  local line = string.format("{ %s; } | script -qec \"%s %s\" /dev/null", keys or "true", helper.interpreter(), command)
  return " '" .. line .. "'"
end

describe("a newcomer", function()
  it("starts the quickstart, interrupts it, goes on and samples", function()
    if not os.execute("command -v script >/dev/null 2>&1") then return pending("needs script, of util-linux") end
    local settings = "batch=10 n_critic=1 log_every=10 threads=1 out=here"
    local lines = at_terminal("{root}/experiments/quickstart.lua iterations=100000 " .. settings, CTRL_C)
      .. at_terminal("{root}/bin/moongan resume here iterations=20")
      .. at_terminal("{root}/bin/moongan resume here seconds=0.2")
      .. at_terminal("{root}/bin/moongan sample here -n 4 -o four.png")
    scripts.run("lines.lua" .. lines, { ["lines.lua"] = LINES }, function(text, status, folder)
      assert.equal(0, status, text)
      local statuses = {}
      for number in text:gmatch("status (%d+)") do statuses[#statuses + 1] = number end
      assert.same({ "130", "0", "0", "0" }, statuses, text)
      assert.truthy(text:find("\r[", 1, true), text) -- a bar
      assert.truthy(text:find("moongan resume here", 1, true), text)
      local iteration = math.tointeger(text:match("Interrupted after iteration (%d+)"))
      assert.is_true(mg.run.load_state(folder .. "/here", "last").iteration > math.max(iteration, 20))
      local width, height = scripts.picture_size(folder .. "/four.png")
      assert.same({ 62, 62 }, { width, height })
    end)
  end)
end)
