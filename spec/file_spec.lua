-- mg.file: files written whole or not at all, appended to, locked, looked for.

local encode = require "spec.encode"
local helper = require "spec.helper"
local mg = require "moongan"

local file = mg.file

describe("file.write", function()
  it("writes strings and tensors one after the other", function()
    helper.with_folder(function(folder)
      local path, format = folder .. "/x", helper.double and "=ddd" or "=fff"
      file.write(path, { "a\0b", mg.tensor{ 1, 2.5, -3 }, "", "end" })
      assert.equal("a\0b" .. string.pack(format, 1, 2.5, -3) .. "end", encode.read(path))
      file.write(path, {})
      assert.equal("", encode.read(path))
    end)
  end)

  it("refuses what it cannot write before it touches the file", function()
    helper.with_folder(function(folder)
      local path, freed = encode.write(folder .. "/x", "old"), mg.ones(2)
      freed:free()
      for place, wrong in pairs{ 7, freed, {} } do
        helper.error_like(function() file.write(path, { wrong }) end,
          "mg%.file%.write: argument 2 %(bytes%): expected strings and tensors, got .* at place 1")
        assert.is_truthy(place)
      end
      helper.error_like(function() file.write("", "x") end, "expected a path, got an empty string")
      helper.error_like(function() file.write("a\0b", "x") end, "expected a path, got a string with a zero byte")
      assert.equal("old", encode.read(path))
      assert.same({ "x" }, encode.list(folder))
    end)
  end)
end)

describe("file.append", function()
  it("adds to the end of a file, new or not", function()
    helper.with_folder(function(folder)
      local path = folder .. "/log"
      file.append(path, "one\n")
      file.append(path, "two\0\n", true)
      assert.equal("one\ntwo\0\n", encode.read(path))
      helper.error_like(function() file.append(folder, "x") end, "mg%.file%.append: .*: cannot append: Is a directory")
      helper.error_like(function() file.append(folder .. "/no/log", "x") end, "No such file or directory")
      helper.error_like(function() file.append("/dev/null", "x") end, "cannot append: Invalid argument")
    end)
  end)

  it("takes back what a full disk left of it", function()
    helper.with_folder(function(folder)
      local path = encode.write(folder .. "/log", ("x"):rep(4000))
      local code = string.format([[
        local mg = require "moongan"
        print(pcall(mg.file.append, %q, ("y"):rep(9000)))]], path)
      local text = helper.run("trap '' XFSZ; ulimit -f 8; " .. helper.lua_command(code)) -- stands for the full disk
      assert.matches("false.*log: cannot append: File too large", text)
      assert.equal(("x"):rep(4000), encode.read(path))
    end)
  end)
end)

describe("file.lock", function()
  it("is held by one at a time, in this process and others", function()
    helper.with_folder(function(folder)
      local path = folder .. "/lock"
      local code = string.format([[print(require("moongan").file.lock(%q))]], path)
      do
        local lock <close> = file.lock(path)
        local other, holder = file.lock(path)
        assert.is_nil(other)
        assert.equal(math.tointeger(tonumber(encode.read(path))), holder)
        assert.equal("nil\t" .. holder .. "\n", helper.run_lua(code))
        encode.write(path, "")
        assert.same({ n = 1 }, table.pack(file.lock(path)))
        assert.truthy(lock)
      end
      assert.is_nil(file.exists(path))
      local lock = file.lock(path)
      lock:close()
      lock:close()
      assert.is_nil(file.exists(path))
      assert.matches("moongan.Lock", helper.run_lua(code))
      assert.is_nil(file.exists(path)) -- the end of a program lets go of it
    end)
  end)

  it("is let go of by a process that is killed", function()
    helper.with_folder(function(folder)
      local path = folder .. "/lock"
      local code = string.format([[
        local lock = require("moongan").file.lock(%q)
        io.popen("kill -KILL $PPID"):close()
        print(lock)]], path)
      assert.equal(137, select(2, helper.run_lua(code)))
      assert.equal("file", file.exists(path))
      local lock <close> = file.lock(path)
      assert.truthy(lock)
    end)
  end)

  it("says what it cannot open", function()
    helper.with_folder(function(folder)
      helper.error_like(function() file.lock(folder) end, "mg%.file%.lock: .*: cannot open: Is a directory")
      helper.error_like(function() file.lock(folder .. "/no/lock") end, "cannot open: No such file")
      helper.error_like(function() file.lock("") end, "expected a path, got an empty string")
    end)
  end)
end)

describe("files", function()
  it("are read, measured, found and removed", function()
    helper.with_folder(function(folder)
      local path = encode.write(folder .. "/x", "12\0" .. "45")
      assert.equal("12\0" .. "45", file.read(path))
      assert.equal(5, file.size(path))
      assert.equal("file", file.exists(path))
      assert.equal("folder", file.exists(folder))
      assert.equal("other", file.exists("/dev/null"))
      assert.same({ { "x" }, {} }, { file.list_folder(folder) })
      assert.is_nil(file.size(folder))
      assert.is_true(file.remove(path))
      assert.is_false(file.remove(path))
      assert.is_nil(file.exists(path))
      assert.is_nil(file.size(path))
      helper.error_like(function() file.read(path) end, "mg%.file%.read: .*x: cannot open: No such file")
      helper.error_like(function() file.read(folder) end, "expected a regular file")
      helper.error_like(function() file.list_folder(path) end, "mg%.file%.list_folder: .*: cannot open the folder")
      file.make_folder(folder .. "/a")
      file.write(folder .. "/a/b", "")
      helper.error_like(function() file.remove(folder .. "/a") end, "mg%.file%.remove: .*/a: cannot remove: ")
      file.remove(folder .. "/a/b")
      assert.is_true(file.remove(folder .. "/a"))
    end)
  end)
end)
