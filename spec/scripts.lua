--- Running scripts and interpreters in a folder of their own, with a tiny data set at hand.

local helper = require "spec.helper"

local scripts = {}

function scripts.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

function scripts.write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

function scripts.exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

--- Width and height of a PNG file.
function scripts.picture_size(path) return string.unpack(">I4I4", scripts.read(path), 17) end

-- Search paths that still hold in another folder.
local here = io.popen("pwd"):read("l")
local function absolute(path) return (";" .. path):gsub(";%./", ";" .. here .. "/"):sub(2) end

-- Images of one shade each, as many as `count`, labels 0 to 9, as MNIST's files in a folder.
local function write_data(folder, count)
  assert(os.execute("mkdir -p " .. folder))
  local images, labels = {}, {}
  for i = 1, count do
    labels[i] = string.char(i % 10)
    images[i] = string.char(i % 256):rep(28 * 28)
  end
  for _, split in ipairs{ "train", "t10k" } do
    scripts.write(folder .. "/" .. split .. "-images-idx3-ubyte",
      string.pack(">I4I4I4I4", 0x803, count, 28, 28) .. table.concat(images))
    scripts.write(folder .. "/" .. split .. "-labels-idx1-ubyte",
      string.pack(">I4I4", 0x801, count) .. table.concat(labels))
  end
end

--- Run the interpreter with `arguments` (a string; {root} stands for the repository's folder) in a
-- folder that holds 130 images as MNIST and as Fashion-MNIST and the files given (name -> text),
-- and call f(output of both streams, status, folder) before the folder goes.
function scripts.run(arguments, files, f)
  helper.with_folder(function(folder)
    write_data(folder .. "/data/mnist", 130)
    write_data(folder .. "/data/fashion-mnist", 130)
    for name, text in pairs(files) do scripts.write(folder .. "/" .. name, text) end
    local command = string.format("cd %s && export LUA_PATH='%s' LUA_CPATH='%s' MOONGAN_DATA=%s/data && %s %s",
      folder, absolute(package.path), absolute(package.cpath), folder, helper.interpreter(),
      (arguments:gsub("{root}", here)))
    local text, status = helper.run(command)
    f(text, status, folder)
  end)
end

return scripts
