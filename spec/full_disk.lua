-- Trainings on file systems too small for them (tmpfs) must end with a clear error and lose nothing that was saved;
-- with more room they go on to the same bits.  Mounting needs rights that not every machine gives, so this is not
-- among the specs; `make full_disk` runs it, in a name space of its own where it can.
--
--     lua5.4 spec/full_disk.lua

local checkpoint = require "moongan.checkpoint"
local helper = require "spec.helper"
local killing = require "spec.killing"
local mg = require "moongan"

local SETTINGS = "iterations=60 every=5"

local function run(folder) return helper.run(killing.command(SETTINGS .. " out=" .. folder)) end

-- The iterations of a folder's checkpoints, by name; every one must be readable.
local function saved(folder)
  local list = {}
  if not mg.file.exists(folder .. "/checkpoints") then return list end
  for _, name in ipairs((mg.file.list_folder(folder .. "/checkpoints"))) do
    if name:find("%.safetensors$") then
      list[name] = checkpoint.load(folder .. "/checkpoints/" .. name).iteration
    end
  end
  return list
end

local function must(command)
  local text, status = helper.run(command)
  if status ~= 0 then error(command .. ": " .. text, 0) end
end

helper.with_folder(function(root)
  local alone = root .. "/alone"
  assert(select(2, run(alone)) == 0)
  local small = root .. "/small"
  mg.file.make_folder(small)
  for kilobytes = 40, 280, 12 do
    must(string.format("mount -t tmpfs -o size=%dk moongan %s", kilobytes, small))
    local good, message = pcall(function()
      local folder, room, full, before = small .. "/run", kilobytes, 0, {}
      local text, status = run(folder)
      while status ~= 0 do
        full = full + 1
        assert(text:find("No space left on device", 1, true), text)
        local now = saved(folder)
        for name, iteration in pairs(before) do
          assert((now[name] or -1) >= iteration, name .. " was lost")
        end
        before, room = now, room + 24
        must(string.format("mount -o remount,size=%dk %s", room, small))
        text, status = run(folder)
      end
      local found = killing.difference(alone, folder)
      print(string.format("%3d kB: full %2d times, ended with %3d kB, %s", kilobytes, full, room,
        found and "DIFFERENT: " .. found or "the same bits"))
      assert(not found, found)
    end)
    must("umount " .. small)
    if not good then error(message, 0) end
  end
end)
