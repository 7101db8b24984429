-- Lua's prompt with moongan's names, in a pseudo-terminal, as a person meets it.

local helper = require "spec.helper"
local scripts = require "spec.scripts"
local mg = require "moongan"

local here = io.popen("pwd"):read("l")

-- What a session shows after each line typed: f(line -> text, all of it).  The interpreter is given `arguments`;
-- `before` is a shell command that runs first, {lua} in it the interpreter.
local function session(arguments, lines, f, before)
  local lua = helper.interpreter()
  -- The shell stays between: where the interpreter itself is script's child and somebody stops it, script hangs.
  local in_terminal = "TERM=xterm-256color COLORTERM=truecolor LC_ALL=C.UTF-8 script -qec '" .. lua .. " " .. arguments
    .. "; exit $?' /dev/null <input >output 2>&1"
  local driver = string.format("%s\nos.execute(%q)", before
    and string.format("assert(os.execute(%q))", (before:gsub("{lua}", lua))) or "", in_terminal)
  local input = table.concat(lines, "\n") .. "\nos.exit()\n"
  scripts.run("driver.lua", { ["driver.lua"] = driver, input = input }, function(text, status, folder)
    assert.equal(0, status, text)
    local output = scripts.read(folder .. "/output"):gsub("\27%[%?2004[hl]", ""):gsub("\r", "")
    local shown, at = {}, 1
    for _, line in ipairs(lines) do
      local _, last = output:find("> " .. line .. "\n", at, true)
      assert(last, "not typed: " .. line .. "\n" .. output)
      at = last + 1
      shown[line] = output:sub(at, (output:find("\n> ", at - 1, true) or #output))
    end
    f(shown, output)
  end)
end

describe("the prompt", function()
  it("has names at hand, and says what it knows", function()
    session("-l moongan.repl", {
      "x = randn(2, 3)", "x:shape()", "{ a = 1, b = { 'c' } }", "mg.ones(2)", "smaple(3)", "sample(3)", "randn(-1)",
      "help()", "help(show)", "help 'nn.Linear'", "help 'show'", "help 'nn.Lineer'", "who()",
      "help(mg.image.save_grid)", "show(3)", "undefined_name",
      "help(42)", "print(1, nil)", "show(mg.ones(2, 2), { protocol = 'blocks' })" },
      function(shown, output)
        assert.matches("moongan %d+%.%d+%.%d+: help%(%) shows", output)
        assert.equal("{ 2, 3 }\n", shown["x:shape()"])
        assert.equal('{ a = 1, b = { "c" } }\n', shown["{ a = 1, b = { 'c' } }"])
        assert.matches("^tensor%(%[1, 1%]", shown["mg.ones(2)"])
        assert.equal("no name smaple is known; did you mean sample?\n", shown["smaple(3)"])
        assert.equal('sample: no run is open: open("runs/mine") loads one\n', shown["sample(3)"])
        assert.equal("randn: expected sizes of at least 0, got (-1,)\n", shown["randn(-1)"])
        assert.matches("Names at hand", shown["help()"])
        assert.matches("draw a tensor in the terminal", shown["help(show)"])
        assert.matches("draw a tensor in the terminal", shown["help 'show'"])
        assert.matches("x weight %+ bias", shown["help 'nn.Linear'"])
        assert.matches('string "nn.Lineer"; did you mean "nn.Linear"%?', shown["help 'nn.Lineer'"])
        assert.matches("image.save_grid%(path, tensor, given%)", shown["help(mg.image.save_grid)"])
        assert.matches("x%s+%(2, 3%)\n1 tensor by name", shown["who()"])
        assert.equal("mg.terminal.show: expected a tensor, got number 3\n", shown["show(3)"])
        assert.equal("no name undefined_name is known\n", shown["undefined_name"])
        assert.equal("help: nothing is known about number 42\n", shown["help(42)"])
        assert.equal("1\tnil\n", shown["print(1, nil)"])
        assert.equal("\27[38;2;255;255;255;48;2;255;255;255m▀▀\27[0m\n",
          shown["show(mg.ones(2, 2), { protocol = 'blocks' })"])
      end)
  end)

  it("makes pictures with the generator of a run", function()
    local train = "{lua} " .. here .. "/experiments/cgan.lua iterations=1 batch=8 out=runs/c >train.log 2>&1"
    session(here .. "/bin/moongan repl runs/c", { "open 'runs/none'", "digits(3, 3, 7):shape()", "digits(30)",
      "walk():shape()",
      "z = randn(1, 100)", "walk(z, -z, 3, 7):shape()", "walk(z, randn(2))", "sample(2)", "x = sample(2)", "x:shape()",
      "G.training", "run.iteration" },
      function(shown, output)
        assert.matches("mg.run.about: runs/none: expected a run folder", shown["open 'runs/none'"])
        assert.matches("runs/c: cgan after 1 iterations", output)
        assert.equal("{ 3, 784 }\n", shown["digits(3, 3, 7):shape()"])
        assert.matches("digits: expected a class number from 1 to 10.* got number 30", shown["digits(30)"])
        assert.equal("{ 8, 784 }\n", shown["walk():shape()"])
        assert.equal("{ 3, 784 }\n", shown["walk(z, -z, 3, 7):shape()"])
        assert.matches("walk: noises of 100 and 2 numbers", shown["walk(z, randn(2))"])
        assert.is_nil(shown["sample(2)"]:find("tensor"))
        assert.is_true(#shown["sample(2)"] > 500)
        assert.equal("{ 2, 784 }\n", shown["x:shape()"])
        assert.equal("false\n", shown["G.training"])
        assert.equal("1\n", shown["run.iteration"])
      end, train)
  end)

  it("is not opened with a run that is none", function()
    local code = 'os.exit(require("moongan.repl").start("/nowhere"))'
    scripts.run("command.lua", { ["command.lua"] = code }, function(text, status)
      assert.equal(1, status)
      assert.matches("mg.run.about: /nowhere: expected a run folder", text)
      assert.is_nil(text:find("traceback"))
      assert.equal(1, select(2, text:gsub("moongan %d", "")), text) -- one greeting
    end)
  end)
end)

describe("help", function()
  local help = require "moongan.repl.help"

  it("knows every public name", function()
    local function check(prefix, t)
      for name, value in pairs(t) do
        if type(value) == "function" then
          local text = help.text(value)
          assert(text and #text > 10, "no help for " .. prefix .. name)
        end
      end
    end
    check("mg.", mg.core)
    for _, name in ipairs{ "nn", "optim", "loss", "image", "data", "models", "gan", "json", "safetensors", "npy",
      "torch", "events", "terminal", "run", "file" } do
      local module = mg[name] or require("moongan." .. name)
      check(name .. ".", module)
      assert(help.text(module), name)
    end
    check("init.", mg.nn.init)
    check("penalty.", mg.gan.penalty)
    for _, value in ipairs{ mg.ones(1), mg.nn.Linear(1, 1), mg.optim.SGD({ mg.ones(1):requires_grad_(true) }) } do
      assert.matches("methods: ", help.text(value))
    end
    for _, name in ipairs{ "tensor:backward", "tensor:mean", "layer:parameters", "optim.Adam", "who", "mg.run.open" } do
      assert(help.text(name), name)
    end
    assert.is_nil(help.text("no_such_name"))
    assert.is_nil(help.text(7))
  end)
end)

describe("mg.who", function()
  it("lists tensors that names lead to, each once, the largest first", function()
    local big, small, freed = mg.ones(10, 10), mg.ones(2), mg.ones(3)
    freed:free()
    local list = mg.who{ a = small, b = { c = big, d = small }, net = mg.nn.Linear(2, 3), freed = freed, n = 1 }
    local names = {}
    for i, entry in ipairs(list) do names[i] = entry.name end
    assert.equal(4, #names)
    assert.equal("b.c", names[1])
    assert.equal("net.weight", names[2])
    assert.same({ 10, 10 }, list[1].shape)
    assert.equal(100 * mg.precision // 8, list[1].bytes)
    assert.is_true(list[2].requires_grad)
    assert.matches("b%.c%s+%(10, 10%)\n", tostring(list))
    assert.matches("4 tensors by name: ", tostring(list))
  end)

  it("lists a layer's weights once, whatever leads to them", function()
    local net = mg.nn.Linear(2, 3)
    local list = mg.who{ a_first = net, parameters = net:parameters(), same = { net.weight }, more = { mg.ones(3, 2) } }
    assert.equal(3, #list)
    assert.matches("a_first%.weight.*more%[1%].*a_first%.bias", tostring(list))
  end)
end)
