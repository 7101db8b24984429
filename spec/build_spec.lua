-- What is built and installed: the rockspec's lists, the layers of the sources, loading.

local helper = require "spec.helper"

local function lines_of(command)
  local text, status = helper.run(command)
  assert.are.equal(0, status, text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  table.sort(lines)
  return lines
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

describe("the rockspec", function()
  local rockspec = {}
  assert(loadfile("rockspec/moongan-scm-1.rockspec", "t", rockspec))()
  local modules = rockspec.build.modules

  it("lists every source of the core, twice", function()
    for _, name in ipairs{ "moongan.core", "moongan.core64" } do
      local listed = { table.unpack(modules[name].sources) }
      table.sort(listed)
      assert.are.same(lines_of("ls csrc/*.c"), listed)
    end
    assert.are.same({ "MG_DOUBLE" }, modules["moongan.core64"].defines)
    assert.is_nil(modules["moongan.core"].defines)
  end)

  it("lists every Lua module under its name", function()
    local listed = {}
    for name, path in pairs(modules) do
      if type(path) == "string" then
        listed[#listed + 1] = path
        local expected = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
        assert.are.equal(expected, name)
      end
    end
    table.sort(listed)
    assert.are.same(lines_of("find lua -name '*.lua'"), listed)
  end)

  it("depends on nothing but Lua", function()
    assert.are.equal(1, #rockspec.dependencies)
    assert.is_truthy(rockspec.dependencies[1]:find("^lua "))
  end)
end)

describe("the sources of the core", function()
  it("know Lua in the binding only", function()
    for _, path in ipairs(lines_of("ls csrc/*")) do
      if not path:find("csrc/bind") then
        local text = read(path)
        assert.is_nil(text:find('#include [<"]lua') or text:find('#include [<"]lauxlib'), path .. " includes Lua")
        assert.is_nil(text:find('#include "bind'), path .. " includes the binding")
      end
    end
  end)

  it("never leave: no exit, abort, longjmp or assert outside the binding", function()
    for _, path in ipairs(lines_of("ls csrc/*.c csrc/*.inc")) do
      for _, word in ipairs{ "exit", "abort", "longjmp", "assert" } do
        -- libjpeg has no other way to report an error: out of its own functions, and no further.
        if not (path == "csrc/jpeg_file.c" and word == "longjmp") then
          assert.is_nil(read(path):find("%f[%w_]" .. word .. "%s*%("), path .. " calls " .. word)
        end
      end
    end
  end)
end)

describe("make env", function()
  it("prints exports with which Lua finds the build from anywhere", function()
    local environment = "make -s env BUILD=" .. package.cpath:match("^(.-)/%?%.so")
    local text, status = helper.run(environment)
    assert.are.equal(0, status)
    assert.are.equal(2, select(2, text:gsub("export LUA_C?PATH=[^\n]*;;\"\n", "")))
    local version, good = helper.run('eval "$(' .. environment .. ')" && cd / && moongan --version')
    assert.are.equal(0, good, version)
    text, status = helper.run('eval "$(' .. environment .. ')" && cd / && ' .. helper.interpreter() ..
      " -e 'io.write(require(\"moongan\").version)'")
    assert.are.equal(0, status)
    assert.is_truthy(text:find("^%d+%.%d+%.%d+$"), text)
  end)
end)

describe("require", function()
  it("loads the core and nothing that was not asked for", function()
    local text, status = helper.run_lua([[
      require "moongan"
      local names = {}
      for name in pairs(package.loaded) do
        if name:find("^moongan") then names[#names + 1] = name end
      end
      table.sort(names)
      io.write(table.concat(names, " "))
    ]], "MOONGAN_PRECISION=32")
    assert.are.equal("moongan moongan.core", text)
    assert.are.equal(0, status)
  end)

  it("loads either precision, or both at once", function()
    local text = helper.run_lua([[
      local single, double = require "moongan.core", require "moongan.core64"
      local x = { single.tensor{ 0.1 }, double.tensor{ 0.1 } }
      for i, core in ipairs{ single, double } do
        local ok, message = pcall(core.exp, x[3 - i]) -- the other's tensor
        io.write(core.precision, " ", core.exp(x[i]):item(), " ", tostring(ok), " ", message, "\n")
      end
    ]])
    assert.is_truthy(text:find("32 1.1051709651947 false exp: argument 1 (x): expected a tensor", 1, true), text)
    assert.is_truthy(text:find("64 1.1051709180756 false exp: argument 1 (x): expected a tensor", 1, true), text)
  end)

  it("refuses another precision", function()
    local text, status = helper.run_lua('require "moongan"', "MOONGAN_PRECISION=16")
    assert.are.equal(1, status)
    assert.is_truthy(text:find("MOONGAN_PRECISION: expected 32 or 64, got \"16\"", 1, true), text)
  end)

  it("takes the number of threads from the environment", function()
    assert.are.equal("3", helper.run_lua('io.write(require("moongan").threads())', "MOONGAN_THREADS=3"))
    for _, wrong in ipairs{ "0", "-1", "many", "99999999999" } do
      local text = helper.run_lua('io.write(require("moongan").threads())', "MOONGAN_THREADS=" .. wrong)
      assert.is_truthy(tonumber(text) and tonumber(text) >= 1 and tonumber(text) <= 256, text)
    end
  end)

  it("ends quietly while its threads wait, however the program ends", function()
    local work = [[
      local mg = require "moongan"
      mg.set_threads(4)
      local x = mg.randn(400, 400):requires_grad_(true)
      kept = mg.matmul(x, x):sum()
      kept:backward()
    ]]
    local endings = {
      "", "os.exit(0, true)", "os.exit(0, false)", "coroutine.wrap(function() os.exit(true, true) end)()",
    }
    for _, ending in ipairs(endings) do
      local text, status = helper.run_lua(work .. ending)
      assert.are.equal("", text)
      assert.are.equal(0, status)
    end
  end)
end)
