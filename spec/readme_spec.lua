-- What README.md tells people to type works as written (on a tiny data set, for a few steps).

local helper = require "spec.helper"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

local blocks = {}
for block in read("README.md"):gmatch("```lua\n(.-)```") do blocks[#blocks + 1] = block end

-- Search paths that still hold in another folder.
local here = io.popen("pwd"):read("l")
local function absolute(path) return (";" .. path):gsub(";%./", ";" .. here .. "/"):sub(2) end

-- A folder with a data set of `count` images of noise, labels 0 to 9.
local function write_data(folder, count)
  helper.run("mkdir -p " .. folder .. "/fashion-mnist")
  local images, labels = {}, {}
  for i = 1, count do
    labels[i] = string.char(i % 10)
    images[i] = string.char(i % 256):rep(28 * 28)
  end
  write(folder .. "/fashion-mnist/train-images-idx3-ubyte",
    string.pack(">I4I4I4I4", 0x803, count, 28, 28) .. table.concat(images))
  write(folder .. "/fashion-mnist/train-labels-idx1-ubyte", string.pack(">I4I4", 0x801, count) .. table.concat(labels))
end

-- Run code in a folder of its own; f(output, status) looks at what came of it.
local function run_there(code, interactive, f)
  helper.with_folder(function(folder)
    write_data(folder .. "/data", 130)
    write(folder .. "/code.lua", code)
    f(helper.run(string.format("cd %s && LUA_PATH='%s' LUA_CPATH='%s' MOONGAN_DATA=%s/data %s %s code.lua", folder,
      absolute(package.path), absolute(package.cpath), folder, helper.interpreter(), interactive and "-i <" or "")))
  end)
end

describe("README", function()
  it("has the three blocks that are run here", function() assert.equal(3, #blocks) end)

  it("shows a session that works line by line", function()
    run_there(blocks[1] .. '\nprint(io.open("noise.png") and "written")\n', true, function(text, status)
      assert.equal(0, status)
      assert.falsy(text:find("stdin:", 1, true), text)
      assert.falsy(text:find("rror"), text)
      assert.truthy(text:find("written"), text)
    end)
  end)

  it("shows a loop that trains", function()
    local code = blocks[2]:gsub("step == 20000", "step == 10"):gsub("step %% 1000", "step %% 10")
    run_there(code .. '\nprint(io.open("samples.png") and "written")\n', false, function(text, status)
      assert.equal(0, status, text)
      assert.truthy(text:find("^10\t%-?%d+%.%d+\nwritten"), text)
    end)
  end)

  it("shows a trainer that trains", function()
    run_there(blocks[3] .. [[
      for _, name in ipairs{ "nine.png", "runs/mine/samples.png", "runs/mine/losses.csv" } do
        assert(io.open(name), name)
      end
      print("all written")]], false, function(text, status)
      assert.equal(0, status, text)
      assert.truthy(text:find("100%%  4/4  D "), text)
      assert.truthy(text:find("all written"), text)
    end)
  end)

  it("names files that exist", function()
    for path in read("README.md"):gmatch("%]%(([%w_/%.]+)%)") do assert.truthy(exists(path), path) end
  end)
end)
