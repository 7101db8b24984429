-- Trainings that end before their time, in processes of their own: killed, interrupted, out of room.  What is
-- resumed ends in the bits of a training left alone.

local helper = require "spec.helper"
local killing = require "spec.killing"
local mg = require "moongan"

-- Run spec/killed.lua; returns its output and status.
local function run(arguments, before) return helper.run((before or "") .. killing.command(arguments)) end

local function check_same(alone, other)
  local found = killing.difference(alone, other)
  if found then error("not the same: " .. found, 2) end
end

-- f(the folder of a training left alone, a path for another).
local function beside_one_left_alone(arguments, f)
  helper.with_folder(function(root)
    local text, status = run("out=" .. root .. "/alone " .. arguments)
    assert.equal(0, status, text)
    f(root .. "/alone", root .. "/other")
  end)
end

describe("a training that is resumed has the bits of one left alone", function()
  it("after kills at any moment", function()
    beside_one_left_alone("iterations=60", function(alone, other)
      math.randomseed(7)
      for _ = 1, 6 do
        killing.life("iterations=60 out=" .. other, 0.03 + 0.15 * math.random())
        killing.read_checkpoints(other)
      end
      run("iterations=60 out=" .. other)
      check_same(alone, other)
    end)
  end)

  it("with other numbers of threads", function()
    beside_one_left_alone("iterations=30 threads=2", function(alone, other)
      run("iterations=30 threads=1 signal=TERM at=11 out=" .. other)
      run("iterations=30 threads=2 signal=INT at=22 out=" .. other)
      run("iterations=30 threads=1 out=" .. other)
      check_same(alone, other)
    end)
  end)

  it("with data from a function", function()
    beside_one_left_alone("iterations=30 data=function", function(alone, other)
      run("iterations=30 data=function signal=INT at=17 out=" .. other)
      run("iterations=30 data=function out=" .. other)
      check_same(alone, other)
    end)
  end)
end)

-- A signal ignored by whoever runs the specs (nohup does so) is ignored by its children too, and rightly.
local LISTENING = "env --default-signal=INT,TERM,HUP "

describe("a signal", function()
  it("ends the training after the iteration, saves, and says how to go on", function()
    for signal, expected in pairs{ INT = 130, TERM = 143, HUP = 129 } do
      helper.with_folder(function(folder)
        local text, status = run("quiet=false signal=" .. signal .. " out=" .. folder, LISTENING)
        assert.equal(expected, status, text)
        assert.truthy(text:find("Interrupted after iteration 13", 1, true), text)
        assert.truthy(text:find("resume", 1, true), text)
        assert.equal(13, mg.run.load_state(folder, "last").iteration)
        assert.truthy(mg.file.exists(folder .. "/samples.png"))
        assert.truthy(mg.file.exists(folder .. "/generator.safetensors"))
        assert.truthy(mg.file.read(folder .. "/log.txt"):find("iteration 13: SIG" .. signal, 1, true))
      end)
    end
  end)

  it("a second time ends the process at once", function()
    helper.with_folder(function(folder)
      local text, status = run("quiet=false signal=INT times=2 out=" .. folder)
      assert.equal(130, status, text)
      assert.falsy(text:find("Interrupted", 1, true), text)
      assert.equal(10, mg.run.load_state(folder, "last").iteration)
    end)
  end)

  it("is ignored where the process was started to ignore it", function()
    helper.with_folder(function(folder)
      local text, status = run("iterations=15 signal=HUP out=" .. folder, "trap '' HUP; ")
      assert.equal(0, status, text)
      assert.equal(15, mg.run.load_state(folder, "last").iteration)
    end)
  end)

  it("returns to Lua's prompt where there is one", function()
    local code = [[
      local mg = require "moongan"
      local Linear = mg.nn.Linear
      local t = mg.gan.Trainer{ generator = Linear(2, 2), discriminator = Linear(2, 1), nz = 2, quiet = true,
        data = function() return mg.randn(4, 2) end, callbacks = { iteration = function(self)
          if self.iteration == 3 then io.popen("kill -INT $PPID"):close() end
        end } }
      print(t:run{ iterations = 9 }.ended, t.iteration)]]
    helper.with_folder(function(folder)
      mg.file.write(folder .. "/code.lua", (code:gsub("\n", " ")) .. "\n")
      local command = string.format("LUA_PATH='%s' LUA_CPATH='%s' %s -i < %s/code.lua", package.path, package.cpath,
        helper.interpreter(), folder)
      local text, status = helper.run(command)
      assert.equal(0, status, text)
      assert.truthy(text:find("SIGINT\t3", 1, true), text)
    end)
  end)
end)

describe("without room", function()
  it("a training ends with a clear error and loses nothing that was saved", function()
    helper.with_folder(function(folder)
      local out = "iterations=30 every=5 out=" .. folder .. "/run"
      local text, status = run(out .. " signal=INT at=13")
      assert.equal(130, status, text)
      local last = mg.run.checkpoint_path(folder .. "/run", "last")
      local before = mg.file.read(last)
      -- Files may have 8 kB from here on (512 or 1024 bytes a block, by the shell); a checkpoint has more.
      text, status = run(out, "ulimit -f 8; ")
      assert.equal(1, status, text)
      assert.truthy(text:find("checkpoints/%w+%.safetensors: cannot write"), text)
      assert.truthy(text:find("checkpoint of iteration 13", 1, true), text)
      assert.equal(before, mg.file.read(last))
      text, status = run(out)
      assert.equal(0, status, text)
      text, status = run("iterations=30 every=5 out=" .. folder .. "/alone")
      assert.equal(0, status, text)
      check_same(folder .. "/alone", folder .. "/run")
    end)
  end)

  it("no training begins where nothing can be written", function()
    local text, status = run("out=/proc/run")
    assert.equal(1, status)
    assert.truthy(text:find("/proc/run", 1, true), text)
  end)
end)

describe("a checkpoint", function()
  it("is refused where it is broken, and by the other precision", function()
    helper.with_folder(function(folder)
      local out = "iterations=10 every=5 out=" .. folder
      assert.equal(0, select(2, run(out)))
      local text = run(out, "MOONGAN_PRECISION=" .. (helper.double and 32 or 64) .. " ")
      assert.truthy(text:find("MOONGAN_PRECISION", 1, true), text)
      local last = mg.run.checkpoint_path(folder, "last")
      local bytes = mg.file.read(last)
      for _, broken in ipairs{ "", bytes:sub(1, 100), bytes:sub(1, -2), "{" .. bytes:sub(2) } do
        mg.file.write(last, broken)
        local status
        text, status = run(out)
        assert.equal(1, status)
        assert.truthy(text:find("last.safetensors", 1, true), text)
      end
    end)
  end)
end)
