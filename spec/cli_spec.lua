-- The command moongan: every sub-command from its command line, on tiny data; what it says to wrong
-- ones; names that a shell would take apart.

local helper = require "spec.helper"
local mg = require "moongan"
local scripts = require "spec.scripts"
local shell = require "moongan.shell"
local text_table = require "moongan.cli.table"

local CONFIG = [[
return {
  generator = { "mlp_generator", widths = { 8 } }, discriminator = { "mlp_critic", widths = { 8 } },
  batch = 8, iterations = 2, threads = 1, log_every = 1, quiet = true,
}]]
local CONDITIONAL = [[
return {
  data = "fashion_mnist", generator = { "cmlp_generator", widths = { 8 } },
  discriminator = { "cmlp_critic", widths = { 8 } }, average = 0.5,
  batch = 8, iterations = 2, threads = 1, quiet = true,
}]]

-- Run `moongan` with arguments in a folder that has the configurations; f(text, status, folder).
local function moongan(arguments, f, files)
  local given = { ["config.lua"] = CONFIG, ["conditional.lua"] = CONDITIONAL }
  for name, text in pairs(files or {}) do given[name] = text end
  scripts.run("{root}/bin/moongan " .. arguments, given, f)
end

-- The same for several command lines in one folder; f for the last. {moongan} stands for the program.
local function session(lines, f, files)
  local list = {}
  for i, line in ipairs(lines) do
    list[i] = i == 1 and line or line:gsub("{moongan}", helper.interpreter() .. " {root}/bin/moongan")
  end
  moongan(table.concat(list, " && "), f, files)
end

local function succeeds(text, status, ...)
  assert.equal(0, status, text)
  for _, fragment in ipairs{ ... } do assert.truthy(text:find(fragment, 1, true), text) end
end

local function refuses(arguments, expected, ...)
  local fragments = { ... }
  moongan(arguments, function(text, status)
    assert.equal(expected, status, text)
    for _, fragment in ipairs(fragments) do assert.truthy(text:find(fragment, 1, true), text) end
    assert.falsy(text:find("traceback", 1, true), text)
    assert.falsy(text:find("%.lua:%d+:.*mg%."), text) -- the place in a program is of no use here
    assert.equal("moongan:", text:sub(1, 8))
  end)
end

local COMMANDS = { "train", "resume", "sample", "interpolate", "sweep", "compare", "data", "doctor", "repl" }

local function is_picture(path, width, height)
  local w, h = scripts.picture_size(path)
  assert.same({ width, height }, { w, h })
end

describe("moongan", function()
  it("lists its commands", function()
    moongan("--help", function(text, status)
      succeeds(text, status)
      for _, name in ipairs(COMMANDS) do assert.truthy(text:find("\n  " .. name .. " ", 1, true), name) end
    end)
    moongan("", function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find("Usage:", 1, true))
    end)
    moongan("--version", function(text, status) succeeds(text, status, "moongan " .. mg.version) end)
  end)

  it("explains each of them", function()
    for _, name in ipairs(COMMANDS) do
      moongan(name .. " --help", function(text, status) succeeds(text, status, "Usage: moongan " .. name) end)
    end
    moongan("help sample", function(text, status) succeeds(text, status, "--seed S", "of the noise (1)") end)
  end)

  it("refuses wrong command lines with status 2", function()
    refuses("trian", 2, 'unknown command "trian": did you mean train?')
    refuses("--hlep", 2, 'unknown command "--hlep": did you mean --help?')
    refuses("sample", 2, "sample: expected RUN")
    refuses("sample a b", 2, 'got "b" as well')
    refuses("sample a --sed 3", 2, "unknown option --sed: did you mean --seed?")
    refuses("sample a -x", 2, "unknown option -x")
    refuses("sample a -n", 2, "-n: expected a value")
    refuses("sample a -n 0", 2, "--count: expected a whole number of at least 1, got number 0")
    refuses("sample a -nx", 2, '--count: expected a whole number of at least 1, got string "x"')
    refuses("sample a -o ''", 2, "--output: expected a value, got an empty one")
    refuses("interpolate a --linear=yes", 2, '--linear: expected no value, got "yes"')
    refuses("compare", 2, "compare: expected RUN...")
    refuses("data", 2, "data: expected list")
    refuses("data look mnist", 2, "data: expected list")
    refuses("sweep config.lua --print make", 2, '--print: expected "parallel" or "slurm", got string "make"')
    refuses("train config.lua epocs=3", 2, 'config.lua: unknown key "epocs": did you mean epochs?')
    refuses("train config.lua batch=0", 2, "config.lua: batch: expected a whole number of at least 1")
    refuses("sweep config.lua n_critic=1,x", 2, "n_critic: expected a whole number")
    refuses("sweep config.lua out=here", 2, "out: expected --out")
  end)

  it("fails with status 1 where things are not as they should be", function()
    refuses("train none.lua", 1, "none.lua: cannot open: No such file")
    refuses("sample none", 1, "none: expected a run folder")
    refuses("resume config.lua", 1, "config.lua: expected a run folder")
    refuses("compare none", 1, "none: expected a run folder")
    refuses("train config.lua out=/dev/null/x", 1, "/dev/null")
    refuses("data info cifar10", 1, "CIFAR-10 is not there")
    refuses("data fetch cifar11", 1, "expected a data set's name")
    refuses("data show mnist -o /dev/null/x", 1, "/dev/null/x")
  end)
end)

describe("moongan train", function()
  it("trains, and explains a configuration", function()
    moongan("train config.lua n_critic=2 generator.slope=0.1", function(text, status, folder)
      assert.equal("", text)
      assert.equal(0, status)
      local config = mg.json.decode(scripts.read(folder .. "/runs/config/config.json")).config
      assert.equal(2, config.n_critic)
      assert.equal(0.1, config.generator.slope)
    end)
    moongan("train config.lua --help", function(text, status)
      succeeds(text, status, "Usage: moongan train config.lua [key=value ...]", "batch=8", "generator.widths=8")
    end)
  end)

  it("takes a run's config.json for a configuration", function()
    local lines = { "train conditional.lua out=a", "{moongan} train a/config.json out=b data=mnist batch=4" }
    session(lines, function(text, status, folder)
      succeeds(text, status)
      local config = mg.run.about(folder .. "/b").config
      assert.equal("mnist", config.data.type)
      assert.equal("9", config.class_names[10])
    end)
    moongan("train x.json", function(text, status)
      assert.equal(1, status)
      assert.truthy(text:find("x.json: line 1, column 2: ", 1, true), text)
    end, { ["x.json"] = "{" })
    moongan("train x.json", function(text, status)
      assert.equal(1, status)
      assert.truthy(text:find("x.json: expected a run's config.json", 1, true), text)
    end, { ["x.json"] = "[]" })
  end)

  it("keeps a run that is there", function()
    session({ "train config.lua", "{moongan} train config.lua" }, function(text, status)
      assert.equal(1, status)
      assert.truthy(text:find("runs/config holds a run already: `moongan resume runs/config` goes on", 1, true), text)
    end)
    session({ "train config.lua", "{moongan} train config.lua overwrite=yes" }, function(text, status)
      succeeds(text, status)
    end)
  end)

  it("runs a file without access to anything", function()
    local files = {
      ["bad.lua"] = "os.execute('touch broken') return {}", ["loop.lua"] = "while true do end",
      ["binary.lua"] = string.dump(function() return {} end), ["text.lua"] = "return 'text'",
    }
    for name, fragment in pairs{
      ["bad.lua"] = "bad.lua:1: attempt to index a nil value (global 'os')", ["loop.lua"] = "goes on for too long",
      ["binary.lua"] = "binary chunk", ["text.lua"] = "expected the file to return a table, got string",
    } do
      moongan("train " .. name, function(text, status, folder)
        assert.equal(1, status)
        assert.truthy(text:find("moongan: " .. name .. ":", 1, true), text)
        assert.truthy(text:find(fragment, 1, true), text)
        assert.is_false(scripts.exists(folder .. "/broken") or false)
      end, files)
    end
  end)

  it("takes names with spaces and quotes", function()
    local name = [[it's a "run" $HOME `id`; touch broken]]
    local lines = {
      "train " .. shell.quote(name .. ".lua") .. " quiet=no",
      "{moongan} sample " .. shell.quote("runs/" .. name) .. " -o " .. shell.quote(name .. ".png"),
      "{moongan} compare " .. shell.quote("runs/" .. name) .. " -o " .. shell.quote(name .. " curves.png"),
      "{moongan} sweep " .. shell.quote(name .. ".lua") .. " n_critic=1,2 --out " .. shell.quote(name),
    }
    session(lines, function(text, status, folder)
      succeeds(text, status)
      assert.truthy(scripts.exists(folder .. "/runs/" .. name .. "/samples.png"))
      assert.truthy(scripts.exists(folder .. "/" .. name .. ".png"))
      assert.truthy(scripts.exists(folder .. "/" .. name .. "/n_critic=2/samples.png"))
      assert.falsy(scripts.exists(folder .. "/broken"))
    end, { [name .. ".lua"] = CONFIG })
  end)
end)

describe("moongan resume", function()
  it("goes on to another end in the same bits", function()
    local state = "/checkpoints/last.safetensors"
    session({
      "train config.lua iterations=5 out=whole", "{moongan} train config.lua iterations=2 out=parts",
      "{moongan} resume parts iterations=4", "{moongan} train config.lua --continue iterations=5 out=parts",
    }, function(text, status, folder)
      succeeds(text, status)
      assert.is_true(scripts.read(folder .. "/whole" .. state) == scripts.read(folder .. "/parts" .. state))
    end)
  end)

  it("goes on with the run that is asked for alone", function()
    session({ "train config.lua out=a", "{moongan} train --continue config.lua out=a lr=1" }, function(text, status)
      assert.equal(1, status)
      assert.truthy(text:find("a: the run that is there has optimizer_%w.lr=0.0002, not 1"), text)
    end)
    session({ "train conditional.lua out=a", "{moongan} train --continue conditional.lua out=a iterations=3" },
      function(text, status, folder)
        succeeds(text, status)
        assert.equal(3, mg.run.load_state(folder .. "/a", "last").iteration)
      end)
  end)

  it("finds its data from another folder, or says where it looked", function()
    local train = "train config.lua out=a data.folder=data/mnist iterations=1"
    local elsewhere = "mkdir other && cd other && {moongan} resume ../a iterations=3"
    session({ train, elsewhere }, function(text, status, folder)
      succeeds(text, status)
      assert.equal(3, mg.run.load_state(folder .. "/a", "last").iteration)
    end)
    local moved = "mkdir -p other/data && mv data/mnist other/data"
    session({ train, moved, "cd other", "{moongan} resume ../a iterations=3" },
      function(text, status) succeeds(text, status) end)
    session({ train, "mv data/mnist data/gone", elsewhere }, function(text, status, folder)
      assert.equal(1, status)
      assert.truthy(text:find("mg.run.open: ../a: its data (data.folder=data/mnist) are neither in the current folder "
        .. "nor in " .. folder .. ", where the run began", 1, true), text)
    end)
    session({ "train config.lua out=a iterations=1", "unset MOONGAN_DATA", elsewhere },
      function(text, status) succeeds(text, status) end)
  end)

  it("says where nothing was left to do", function()
    local train, hint = "train config.lua quiet=no", "The run was at its end already: a larger"
    session({ train, "{moongan} resume runs/config" }, function(text, status) succeeds(text, status, hint) end)
    session({ train, "{moongan} resume runs/config iterations=3" }, function(text, status)
      succeeds(text, status)
      assert.is_nil(text:find(hint, 1, true))
    end)
  end)

  it("changes nothing but the end", function()
    session({ "train config.lua out=a", "{moongan} resume a lr=1" }, function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find("lr: expected epochs, iterations or seconds", 1, true), text)
    end)
  end)
end)

describe("moongan sample", function()
  it("writes the same pictures for the same seed, without the data", function()
    session({
      "train config.lua out=a", "rm -r data", "{moongan} sample a -n 6 -o 1.png",
      "{moongan} sample a -n6 --output=2.png",
      "{moongan} sample a -n 6 --seed 2 -o 3.png --columns 6 --scale 2",
    }, function(text, status, folder)
      succeeds(text, status, "1.png: 6 pictures by a after 2 iterations")
      assert.is_true(scripts.read(folder .. "/1.png") == scripts.read(folder .. "/2.png"))
      is_picture(folder .. "/1.png", 3 * 30 + 2, 2 * 30 + 2)
      is_picture(folder .. "/3.png", 6 * 58 + 2, 58 + 2)
    end)
  end)

  it("asks for classes by number and name", function()
    session({
      "train conditional.lua out=a", "{moongan} sample a -n 20 -o all.png",
      "{moongan} sample a -n 4 -o bags.png --class bag",
      "{moongan} sample a -n 4 -o nine.png --class 9", "{moongan} sample a -n 4 -o two.png --class coat,trouser",
    }, function(text, status, folder)
      succeeds(text, status)
      is_picture(folder .. "/all.png", 2 * 30 + 2, 10 * 30 + 2)
      is_picture(folder .. "/two.png", 2 * 30 + 2, 2 * 30 + 2)
      assert.is_true(scripts.read(folder .. "/bags.png") == scripts.read(folder .. "/nine.png"))
    end)
    session({ "train conditional.lua out=a", "{moongan} sample a --class 11" }, function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find("--class: expected numbers from 1 to 10 or names (T-shirt/top, ", 1, true), text)
    end)
    session({ "train config.lua out=a", "{moongan} sample a --class 1" }, function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find("a is not conditional", 1, true), text)
    end)
  end)

  it("opens the checkpoint asked for", function()
    session({ "train config.lua out=a keep_every=1", "{moongan} sample a --checkpoint 1" }, function(text, status)
      succeeds(text, status, "after 1 iterations")
    end)
    session({ "train config.lua out=a keep_every=1", "{moongan} sample a --checkpoint best" }, function(text, status)
      assert.equal(1, status)
      assert.truthy(text:find("a has no checkpoint best: expected one of 1, 2, last\n", 1, true), text)
    end)
  end)
end)

describe("moongan interpolate", function()
  it("writes strips and animations", function()
    session({
      "train config.lua out=a", "{moongan} interpolate a -n 5 --rows 2 -o strip.png",
      "{moongan} interpolate a --linear -n 5 --rows 2 -o line.png",
      "{moongan} interpolate a --animation --steps 3 --points 2 --rows 4 -o walk.png",
    }, function(text, status, folder)
      succeeds(text, status, "strip.png: 2 strips of 5 pictures", "walk.png: 6 frames")
      is_picture(folder .. "/strip.png", 5 * 30 + 2, 2 * 30 + 2)
      is_picture(folder .. "/walk.png", 2 * 30 + 2, 2 * 30 + 2)
      assert.truthy(scripts.read(folder .. "/walk.png"):find("acTL", 1, true))
      assert.is_false(scripts.read(folder .. "/strip.png") == scripts.read(folder .. "/line.png"))
    end)
    local lines = { "train conditional.lua out=a", "{moongan} interpolate a -n 3 --class 1,2,3" }
    session(lines, function(text, status, folder)
      succeeds(text, status, "3 strips")
      is_picture(folder .. "/interpolation.png", 3 * 30 + 2, 3 * 30 + 2)
    end)
  end)
end)

describe("moongan sweep", function()
  it("trains every combination once, and compares", function()
    local command = "sweep config.lua n_critic=1,2 lr=0.1,0.2 betas={0,0.9}"
    session({ command, "echo AGAIN", "{moongan} " .. command }, function(text, status, folder)
      succeeds(text, status, "1 of 4: runs/config-sweep/n_critic=1,lr=0.1\n", "optimizer_d.lr")
      local again = text:match("AGAIN(.*)")
      assert.truthy(again:find("4 of 4: runs/config-sweep/n_critic=2,lr=0.2 has ended", 1, true), again)
      local config = mg.run.about(folder .. "/runs/config-sweep/n_critic=2,lr=0.1").config
      assert.equal(2, config.n_critic)
      assert.equal(0.1, config.optimizer_g.lr)
      assert.same({ 0, 0.9 }, config.optimizer_d.betas)
    end)
  end)

  it("goes on after a run that fails, and says which did", function()
    moongan("sweep config.lua data.folder=none,data/mnist", function(text, status, folder)
      assert.equal(1, status)
      assert.truthy(text:find("1 of 2 runs failed: runs/config-sweep/data.folder=none", 1, true), text)
      assert.truthy(scripts.exists(folder .. "/runs/config-sweep/data.folder=data-mnist/samples.png"))
    end)
  end)

  it("prints commands for others to run", function()
    moongan("sweep config.lua n_critic=1,2 name=\"it's\" --print parallel", function(text, status, folder)
      succeeds(text, status)
      assert.equal("moongan train --continue config.lua n_critic=1 'name=it'\\''s' out=runs/config-sweep/n_critic=1\n"
        .. "moongan train --continue config.lua n_critic=2 'name=it'\\''s' out=runs/config-sweep/n_critic=2\n", text)
      assert.falsy(scripts.exists(folder .. "/runs"))
    end)
    moongan("sweep config.lua n_critic=1,2,3 --out s --print slurm", function(text, status)
      succeeds(text, status, "#!/bin/sh\n", "--array=1-3",
        "3) exec moongan train --continue config.lua n_critic=3 out=s/n_critic=3 ;;")
    end)
  end)
end)

describe("moongan compare", function()
  it("shows where runs stand and how they differ", function()
    session({
      "train config.lua out=a", "{moongan} train config.lua out=b/ iterations=3 lr=0.1",
      "{moongan} compare a b/ -o c.png",
    }, function(text, status, folder)
      succeeds(text, status)
      local lines = {}
      for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
      local columns = "^run  iteration +d_loss +g_loss +seconds  iterations  optimizer_d.lr  optimizer_g.lr$"
      assert.truthy(lines[1]:find(columns), text)
      assert.truthy(lines[2]:find("^a +2 .* 2 +0.0002 +0.0002$"), text)
      assert.truthy(lines[3]:find("^b +3 .* 3 +0.1 +0.1$"), text)
      assert.truthy(text:find("urves: "), text)
      if text:find("\nCurves: c.png", 1, true) then assert.truthy(scripts.exists(folder .. "/c.png")) end
    end)
    session({
      "train config.lua out=a", "{moongan} train conditional.lua out=b lr=0.1 n_critic=2 betas={0,0.9}",
      "{moongan} compare a b",
    }, function(text, status)
      succeeds(text, status)
      assert.matches("^run  iteration +d_loss +g_loss +seconds\na  ", text)
      assert.matches("\n\nsetting +a +b\n", text)
      assert.matches("\noptimizer_d.lr +0.0002 +0.1\n", text)
      assert.is_nil(text:find("class", 1, true)) -- what follows from the data is no setting
    end)
    session({ "train config.lua out=a", "{moongan} compare a --value fid" }, function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find('--value: no run has a column "fid"', 1, true), text)
    end)
  end)
end)

describe("moongan data", function()
  it("lists sets and shows what is in them", function()
    moongan("data list", function(text, status, folder)
      succeeds(text, status, "mnist          MNIST          " .. folder .. "/data/mnist/train-images",
        "moongan data fetch cifar10")
    end)
    moongan("data info fashion_mnist", function(text, status) succeeds(text, status, "130 examples", "ankle boot") end)
    moongan("data show mnist -n 4 --class 3 -o x.png", function(text, status, folder)
      succeeds(text, status, "x.png: 4 images of MNIST train")
      is_picture(folder .. "/x.png", 2 * 30 + 2, 2 * 30 + 2)
    end)
    moongan("data show mnist split=trian", function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find('option split: expected "train" or "test"', 1, true), text)
    end)
    moongan("data show mnist --class x", function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find("--class: ", 1, true), text)
    end)
  end)
end)

describe("moongan doctor", function()
  it("says what there is, and that it works", function()
    moongan("doctor", function(text, status)
      succeeds(text, status, "moongan      " .. mg.version, "BLAS ", "threads ", "SIMD ", "mnist", "gnuplot", "files")
      assert.falsy(text:find("FAILED", 1, true), text)
    end)
  end)
end)

describe("bin/moongan", function()
  it("finds an interpreter by itself", function()
    local text, status = helper.run(string.format("LUA_PATH=%s LUA_CPATH=%s bin/moongan --version",
      shell.quote(package.path), shell.quote(package.cpath)))
    succeeds(text, status, "moongan " .. mg.version)
  end)

  it("says so where there is none", function()
    local text, status = helper.run("MOONGAN_LUA= PATH=/nonexistent /bin/sh bin/moongan --version")
    assert.equal(127, status)
    assert.truthy(text:find("moongan: Lua 5.4 is not installed", 1, true), text)
  end)
end)

describe("tables as text", function()
  it("align numbers to the right", function()
    assert.same({ "name    n", "a      10", "béé   1.5", "" }, text_table.lines({ "name", "n" },
      { { "a", "10" }, { "béé", "1.5" }, {} }))
  end)
end)

describe("shell.word", function()
  it("quotes what a shell would take apart", function()
    assert.equal("a=1,2.5", shell.word("a=1,2.5"))
    assert.equal("'a b'", shell.word("a b"))
    assert.equal("'it'\\''s'", shell.word("it's"))
    assert.equal("''", shell.word(""))
    assert.equal("'~'", shell.word("~"))
    assert.equal("'$(x)'", shell.word("$(x)"))
  end)

  it("is one word to a shell, whatever it is", function()
    for _, text in ipairs{ "a'b", 'a"b', "a\\b", "$x", "`x`", "a\nb", "-n", "*", "a;b", "é", "!" } do
      assert.equal(text .. "|", helper.run("printf '%s|' " .. shell.word(text)))
      assert.equal(text .. "|", helper.run("printf '%s|' " .. shell.quote(text)))
    end
  end)

  it("gives the status of a command", function()
    assert.equal(0, shell.execute{ "true" })
    assert.equal(3, shell.execute{ "sh", "-c", "exit 3" })
    local code = [[io.write("status ", require("moongan.shell").execute{ "sh", "-c", "kill $$" })]]
    assert.truthy(helper.run_lua(code):find("status 143", 1, true))
  end)
end)
