-- The scripts of report A, on a few images and an epoch: tables and figures come out, what has ended is not run
-- again, the same seed gives the same numbers; and what judges samples can tell pictures apart.

local helper = require "spec.helper"
local mg = require "moongan"
local scripts = require "spec.scripts"

local SETTINGS = " epochs=1 threads=1 out=runs "

-- The scripts one after another in a folder with a tiny data set; f(text, status, folder).
local function run(words, f)
  local commands = {}
  for i, word in ipairs(words) do
    commands[i] = (i > 1 and helper.interpreter() .. " " or "")
      .. word:gsub("^[%w_]+", "{root}/experiments/report_a/%0.lua" .. SETTINGS)
  end
  scripts.run(table.concat(commands, " && "), {}, f)
end

local function lines_of(path)
  local lines = {}
  for line in scripts.read(path):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines
end

local function without_minutes(line) return (line:gsub(",[^,]*$", "")) end

describe("report A", function()
  it("writes its tables, runs nothing twice, and gives a seed's numbers again", function()
    run({ "table3", "table1 rows=gan", "table1", "table3 out=again" }, function(text, status, folder)
      assert.equal(0, status, text)
      assert.equal(2, select(2, text:gsub("wgan%-seed1 has ended", ""))
        + select(2, text:gsub("[^w]gan%-seed1 has ended", "")), text)
      local first = lines_of(folder .. "/runs/results/table3.csv")
      assert.equal(4, #first)
      assert.truthy(first[1]:find("^method,D published,G published,D last batch"))
      assert.truthy(first[2]:find("^WGAN,%-0.076,%-0.210,"))
      assert.truthy(first[3]:find("^Improved WGAN,%-1.170,%-2.664,"))
      assert.truthy(first[4]:find("^photographs"))
      local again = lines_of(folder .. "/again/results/table3.csv")
      for i = 1, 4 do assert.equal(without_minutes(first[i]), without_minutes(again[i])) end
      local second = lines_of(folder .. "/runs/results/table1.md")
      assert.equal(6, #second)
      assert.truthy(second[3]:find("| GAN | 0.148 | 3.698 |", 1, true))
      assert.truthy(second[5]:find("| CGAN | 0.096 | 0.719 |", 1, true))
      -- What was published beside what the run's rows say.
      local stats = mg.run.stats(folder .. "/runs/gan-seed1")
      assert.truthy(second[3]:find(string.format("%.3f", stats[2].d_loss), 1, true))
      assert.truthy(second[3]:find(string.format("%.3f", (stats[1].d_loss + stats[2].d_loss) / 2), 1, true))
      assert.equal(2, #lines_of(folder .. "/runs/results/gan-seed1.csv"))
      assert.truthy(mg.json.decode(scripts.read(folder .. "/runs/results/gan-seed1.json")).config)
    end)
  end)

  it("draws its figures, all models from the same noise", function()
    run({ "figure2", "figure4", "figure3 epochs=2", "spread seeds=1,2" }, function(text, status, folder)
      assert.equal(0, status, text)
      local results = folder .. "/runs/results/"
      local width, height = scripts.picture_size(results .. "figure2.png")
      assert.same({ 2 * 122 + 4, 3 * 302 + 16 }, { width, height })
      width, height = scripts.picture_size(results .. "figure4.png")
      assert.same({ 3 * 152 + 24, 152 }, { width, height })
      assert.truthy(scripts.read(results .. "figure2_animation.png"):find("acTL", 1, true))
      assert.truthy(scripts.exists(results .. "figure3.png") or text:find("gnuplot is not installed", 1, true), text)
      assert.equal(8, #lines_of(results .. "spread1.csv"))
      local noise = {}
      for i, name in ipairs{ "gan", "cgan" } do
        noise[i] = mg.run.load_state(folder .. "/runs/" .. name .. "-seed1", "last").fixed_noise
      end
      helper.same_bits(noise[1], noise[2])
    end)
  end)

  it("does not show the samples of a run that went further", function()
    run({ "figure4 epochs=2", "spread seeds=1 rows=wgan", "figure4" }, function(text, status)
      assert.equal(2, status, text)
      assert.truthy(text:find("wgan-seed1 has ended", 1, true), text)
      assert.truthy(text:find("gan-seed1 has gone on to 2 epochs", 1, true), text)
      assert.falsy(text:find("traceback", 1, true), text)
    end)
  end)

  it("refuses settings that it does not know", function()
    run({ "table1 rows=gant" }, function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find('rows: unknown', 1, true) and text:find("gan", 1, true), text)
    end)
    run({ "spread seeds=1,x" }, function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find("seeds: expected whole numbers", 1, true), text)
    end)
    run({ "figure4 epoch=3" }, function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find("did you mean epochs", 1, true), text)
    end)
  end)
end)

describe("the judge of report A", function()
  local judge = dofile("experiments/report_a/judge.lua")

  -- A picture (28 x 28) of bars: columns of ink from a row down, over a haze.
  local function bars(columns, haze)
    local rows = {}
    for y = 1, 28 do
      rows[y] = {}
      for x = 1, 28 do rows[y][x] = haze end
      if y > 10 and y < 20 then
        for _, x in ipairs(columns) do rows[y][x] = 1 end
      end
    end
    return mg.tensor(rows):reshape(1, 784)
  end

  it("counts strokes and haze", function()
    local strokes, haze = judge.count(mg.cat({ bars({ 5, 6, 15 }, 0.25), bars({ 1, 28 }, 0.25), bars({}, 0.25) }, 1))
    helper.near((2 + 2 + 0) / 3, strokes, 1e-12)
    helper.near(25, haze, 1e-5)
    helper.near(1, (judge.count(bars({ 5, 6, 7 }, 0))), 1e-12)
  end)
end)
