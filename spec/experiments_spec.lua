-- The scripts in experiments/: each runs from its command line and leaves what it promises; the
-- benchmark prints its JSON and nothing else.

local helper = require "spec.helper"
local mg = require "moongan"
local scripts = require "spec.scripts"

local trained = { { "quickstart" }, { "gan" }, { "cgan" }, { "wgan" }, { "wgan_gp" } }
for _, name in ipairs{ "dcgan", "lsgan", "wgan_dcgan", "wgan_gp_dcgan", "cdcgan" } do
  trained[#trained + 1] = { name, "nf=2 threads=1" }
end

for _, case in ipairs(trained) do
  local name, extra = case[1], case[2] or ""
  describe("experiments/" .. name .. ".lua", function()
    local script = "{root}/experiments/" .. name .. ".lua " .. extra .. " "

    it("trains and leaves a run folder", function()
      local arguments = "iterations=2 batch=10 n_critic=2 sample_every=1 out=here"
      scripts.run(script .. arguments, {}, function(text, status, folder)
        assert.equal(0, status, text)
        assert.truthy(text:find("here/samples.png", 1, true), text)
        for _, file in ipairs{ "config.json", "stats.jsonl", "samples.png", "samples/0000001.png" } do
          assert.truthy(scripts.exists(folder .. "/here/" .. file), file)
        end
        local config = mg.run.about(folder .. "/here").config
        assert.equal(10, config.batch)
        assert.truthy(config.generator.type:find("%w+_generator$"))
        assert.truthy(scripts.read(folder .. "/here/stats.jsonl"):find('"iteration":2,', 1, true))
      end)
    end)

    it("explains itself", function()
      scripts.run(script .. "--help", {}, function(text, status)
        assert.equal(0, status)
        assert.truthy(text:find("Usage:", 1, true), text)
        assert.truthy(text:find("n_critic=", 1, true), text)
      end)
    end)
  end)
end

describe("experiments with images", function()
  -- Two classes of pictures in a folder, as data=image_folder takes them.
  local function with_pictures(arguments, f)
    helper.with_folder(function(pictures)
      for class, name in ipairs{ "dark", "light" } do
        mg.file.make_folder(pictures .. "/" .. name)
        for i = 1, 4 do
          local picture = helper.values({ 40, 36, 3 }, 10 * class + i, class - 2, class - 1)
          mg.image.save(string.format("%s/%s/%d.png", pictures, name, i), picture)
        end
      end
      scripts.run(arguments .. " batch=4 iterations=1 nf=2 threads=1 out=here folder=" .. pictures, {}, f)
    end)
  end

  it("train on pictures of a folder, of the size asked for", function()
    with_pictures("{root}/experiments/dcgan.lua data=image_folder size=32 flip=true", function(text, status, folder)
      assert.equal(0, status, text)
      assert.truthy(text:find("dcgan on .*: 8 images"), text)
      local width, height = scripts.picture_size(folder .. "/here/samples.png")
      assert.same({ 8 * (32 + 2) + 2, 8 * (32 + 2) + 2 }, { width, height }) -- with lines of 2 pixels around each
    end)
  end)

  it("have a row for each class of the data", function()
    with_pictures("{root}/experiments/cdcgan.lua data=image_folder size=28", function(text, status, folder)
      assert.equal(0, status, text)
      local width, height = scripts.picture_size(folder .. "/here/samples.png")
      assert.same({ 8 * (28 + 2) + 2, 2 * (28 + 2) + 2 }, { width, height })
    end)
  end)

  it("offer other networks", function()
    for _, model in ipairs{ "dcgan.lua model=upsample", "cdcgan.lua model=upsample", "cdcgan.lua model=acgan" } do
      scripts.run("{root}/experiments/" .. model .. " batch=4 iterations=1 nf=2 threads=1", {}, function(text, status)
        assert.equal(0, status, text)
      end)
    end
  end)

  it("refuse what their data cannot give", function()
    for arguments, fragment in pairs{
      ["size=32"] = "size: an option of data image_folder, not of mnist",
      ["flip=true"] = "flip: an option of data cifar10, image_folder, not of mnist",
      ["data=image_folder"] = "data: mg.data.image_folder: option folder: expected string, got nil",
      ["generator=resnet_generator"] = "makes images (1, 32, 32, 1), and MNIST train has (1, 28, 28, 1)",
    } do
      scripts.run("{root}/experiments/dcgan.lua iterations=1 " .. arguments, {}, function(text, status)
        assert.is_true(status > 0, text)
        assert.truthy(text:find(fragment, 1, true), text)
        assert.falsy(text:find("traceback", 1, true), text)
      end)
    end
  end)
end)

describe("an experiment", function()
  local script = "{root}/experiments/wgan.lua "

  it("says what is wrong in a line, without a traceback", function()
    local cases = {
      { "epoch=3", 2, "did you mean epochs?" },
      { "epochs=0", 2, "expected epochs, iterations or seconds above 0" },
      { "folder=none iterations=1", 1, "in one of" },
      { "out=/dev/null/x iterations=1", 1, "/dev/null" },
    }
    for _, case in ipairs(cases) do
      scripts.run(script .. case[1], {}, function(text, status)
        assert.equal(case[2], status, text)
        assert.truthy(text:find(case[3], 1, true), text)
        assert.falsy(text:find("traceback", 1, true), text)
      end)
    end
  end)

  it("prints nothing while it is quiet", function()
    scripts.run(script .. "iterations=1 quiet=yes", {}, function(text, status)
      assert.equal(0, status, text)
      assert.equal("", text)
    end)
  end)

  it("repeats itself with the same seed, whatever the number of threads", function()
    local losses = {}
    for i, settings in ipairs{ "seed=3 threads=1", "seed=3 threads=2", "seed=4" } do
      scripts.run(script .. "iterations=3 log_every=1 out=here " .. settings, {}, function(_, _, folder)
        losses[i] = scripts.read(folder .. "/here/stats.jsonl"):gsub('"seconds":[^,}]*', "")
      end)
    end
    assert.equal(losses[1], losses[2])
    assert.not_equal(losses[1], losses[3])
  end)
end)

describe("experiments/bench.lua", function()
  local script = "{root}/experiments/bench.lua "

  it("prints a JSON object for each config", function()
    local arguments = "--threads 1 --seconds 0.001 gan_mlp cgan_maxout dcgan_28 cdcgan_28 sgemm"
    scripts.run(script .. arguments, {}, function(text, status)
      assert.equal(0, status, text)
      local lines = {}
      for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
      assert.equal(5, #lines, text)
      -- The work is what counting the products by hand gives.
      local work = {
        { "gan_mlp", "1.211" }, { "cgan_maxout", "3.500" }, { "dcgan_28", "10.369" }, { "cdcgan_28", "10.902" },
      }
      for i, expected in ipairs(work) do
        assert.truthy(lines[i]:match('^{"config": "' .. expected[1] .. '", "engine": "moongan [%d%.]+", "threads": 1, '
          .. '"ms_per_iteration": [%d%.]+, "ms_min": [%d%.]+, "iterations": %d+, "gflop": ' .. expected[2]
          .. ', "peak_rss_mb": %w+}$'), lines[i])
      end
      assert.truthy(lines[5]:match('^{"config": "sgemm", "threads": 1, "gflops": [%d%.]+}$'), lines[5])
    end)
  end)

  it("prints a JSON object for each kernel, and a table beside it", function()
    local arguments = "--threads 1 --seconds 0.001 micro data sample 2>table.txt"
    scripts.run(script .. arguments, {}, function(text, status, folder)
      assert.equal(0, status, text)
      local limits, rest = text:match('^{"limits": {"gflops": [%d%.]+, "gb_s": [%d%.]+}, "threads": 1}\n()(.*)$')
      assert.truthy(limits, text)
      local count = 0
      for line in rest:gmatch("[^\n]+") do
        assert.truthy(line:match('^{"micro": "[^"]+", "group": "%l+", "threads": 1, "ms": [%d%.]+'), line)
        count = count + 1
      end
      assert.equal(12, count)
      assert.truthy(text:find('"MLP, 64 images", "group": "sample", "threads": 1, "ms": [%d%.]+, "gflops": [%d%.]+, '
        .. '"of_limit": [%d%.]+}'), text)
      local _, rows = scripts.read(folder .. "/table.txt"):gsub("\n", "\n")
      assert.equal(count + 1, rows)
    end)
  end)

  it("times other batches, sizes and threads, each in a process of its own", function()
    scripts.run(script .. "--seconds 0.001 scaling cell mlp 28 16 1", {}, function(text, status)
      assert.equal(0, status, text)
      local cell = mg.json.decode(text)
      assert.near(1.211 * 16 / 64, cell.gflop, 1e-3)
      assert.truthy(cell.ms > 0 and cell.tensor_mb > 0)
    end)
  end)

  it("restarts what it times after every 50 calls, before two to warm up", function()
    local measure = dofile("experiments/bench/measure.lua")
    local clock, now, runs = mg.clock, 0, {}
    mg.clock = function()
      now = now + 1e-3
      return now
    end
    local good, _, _, timed = pcall(measure.time, function() runs[#runs] = runs[#runs] + 1 end, 0.1501,
      function() runs[#runs + 1] = 0 end)
    mg.clock = clock
    assert.is_true(good)
    assert.equal(150, timed)
    assert.same({ 52, 52, 52, 3 }, runs)
  end)

  it("refuses what it does not know, printing nothing on standard output", function()
    for arguments, fragment in pairs{
      ["gan_mpl"] = "unknown config gan_mpl; one of gan_mlp",
      ["micro gem"] = "unknown group gem; one of gemm, conv",
      ["--thread 2"] = "unknown option --thread",
      ["--threads"] = "--threads: expected a number above 0, got nil",
      ["--seconds 0"] = "--seconds: expected a number above 0, got 0",
      ["--threads 1.5"] = "--threads: expected a whole number",
    } do
      scripts.run(script .. arguments .. " 2>&1 >out.txt", {}, function(text, status, folder)
        assert.equal(2, status, text)
        assert.truthy(text:find(fragment, 1, true), text)
        assert.equal("", scripts.read(folder .. "/out.txt"))
      end)
    end
  end)
end)
