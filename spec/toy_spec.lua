-- What the toy experiments claim, by their own words: each script runs with few steps, and the
-- numbers that it prints are held against theory.

local helper = require "spec.helper"

-- Run experiments/toy_NAME.lua with arguments; f(what it printed, its status, its folder).
local function run_toy(name, arguments, f)
  helper.with_folder(function(folder)
    local command = string.format("LUA_PATH='%s' LUA_CPATH='%s' %s experiments/toy_%s.lua out=%s/toys %s", package.path,
      package.cpath, helper.interpreter(), name, folder, arguments)
    local text, status = helper.run(command)
    f(text, status, folder .. "/toys")
  end)
end

local function numbers(text, pattern)
  local found = { text:match(pattern) }
  assert(found[1], text)
  for i, word in ipairs(found) do found[i] = tonumber(word) end
  return table.unpack(found)
end

local has_gnuplot = os.execute("command -v gnuplot >/dev/null 2>&1")

-- The picture that a script says it made is a PNG; without gnuplot the script says what is missing.
local function assert_picture(text, path)
  if not has_gnuplot then
    assert.truthy(text:find("No picture: gnuplot is not installed", 1, true), text)
    return
  end
  assert.truthy(text:find("Picture: " .. path, 1, true), text)
  local file = assert(io.open(path, "rb"))
  assert.equal("\137PNG", file:read(4))
  file:close()
end

describe("toy_xy", function()
  it("diverges by sqrt(1 + lr^2) a step where players step at once, and circles where they take turns", function()
    for _, lr in ipairs{ 0.05, 0.5 } do
      run_toy("xy", "steps=80 lr=" .. lr, function(text, status, folder)
        assert.equal(0, status, text)
        local radius, growth = numbers(text, "simultaneous: radius (%S+) after 80 steps, growth (%S+)")
        local theory = math.sqrt(1 + lr ^ 2)
        helper.near(theory, growth, 1e-6)
        helper.near(theory ^ 80 / radius, 1, 1e-4)
        -- The ellipse x^2 - lr x y + y^2 = 1 has these half axes.
        local nearest, farthest, drift = numbers(text, "radius between (%S+) and (%S+); .* within (%S+)")
        assert.is_true(nearest >= math.sqrt(1 / (1 + lr / 2)) - 1e-4 and nearest < 1, text)
        assert.is_true(farthest <= math.sqrt(1 / (1 - lr / 2)) + 1e-4 and farthest > 1, text)
        assert.is_true(drift < 1e-4, text)
        assert_picture(text, folder .. "/xy.png")
      end)
    end
  end)
end)

describe("toy_optimal_discriminator", function()
  it("comes within 2 % of p / (p + q)", function()
    run_toy("optimal_discriminator", "", function(text, status, folder)
      assert.equal(0, status, text)
      local worst = numbers(text, "largest [^:]*: (%S+), at")
      assert.is_true(worst < 0.02, text)
      assert.is_true(numbers(text, "mean [^:]*: (%S+)") < 0.01, text)
      assert_picture(text, folder .. "/optimal_discriminator.png")
    end)
  end)

  it("is far from it without training", function()
    run_toy("optimal_discriminator", "steps=1 batch=2", function(text)
      assert.is_true(numbers(text, "largest [^:]*: (%S+), at") > 0.2, text)
    end)
  end)
end)

describe("toy_js_wasserstein", function()
  it("finds log 2 wherever the lines are apart, and their distance", function()
    run_toy("js_wasserstein", "distances=2 batch=128", function(text, status, folder)
      assert.equal(0, status, text)
      local count = 0
      for line in text:gmatch("[^\n]+") do
        local theta, js, by_discriminator, distance, by_critic = line:match("^ *(%S+) +(%S+) +(%S+) +(%S+) +(%S+)$")
        if tonumber(theta) then
          count = count + 1
          helper.near(tonumber(theta) == 0 and 0 or math.log(2), tonumber(js), 1e-4)
          helper.near(math.abs(tonumber(theta)), tonumber(distance), 1e-4)
          helper.near(tonumber(js), tonumber(by_discriminator), 0.01)
          helper.near(tonumber(distance), tonumber(by_critic), 0.03)
        end
      end
      assert.equal(5, count)
      assert_picture(text, folder .. "/js_wasserstein.png")
    end)
  end)
end)

describe("toy_modes", function()
  it("counts every mode of the data, and few of an untrained generator", function()
    for set, modes in pairs{ ring = 8, grid = 25 } do
      run_toy("modes", "iterations=4 batch=16 only=minimax set=" .. set, function(text, status, folder)
        assert.equal(0, status, text)
        local covered, share = numbers(text, "the data *| *(%d+) of " .. modes .. ", *(%d+) %%")
        assert.equal(modes, covered)
        assert.is_true(share >= 98, text) -- 98.9 % lie within three standard deviations
        -- It begins near (0, 0), which is a mode of the grid.
        assert.is_true(numbers(text, "minimax *| *(%d+) of " .. modes) <= 1, text)
        assert_picture(text, folder .. "/modes_" .. set .. "_equal.png")
        local file = assert(io.open(folder .. "/modes_" .. set .. "_equal.md"))
        local _, lines = file:read("a"):gsub("\n", "")
        file:close()
        assert.equal(3, lines)
      end)
    end
  end)

  it("has a row for every objective, each of which trains", function()
    run_toy("modes", "iterations=4 batch=8", function(text, status)
      assert.equal(0, status, text)
      local _, rows = text:gsub(" of 8, *%d+ %% |  %d+ s\n", "")
      assert.equal(13, rows, text)
    end)
  end)

  it("refuses a row that is not there", function()
    run_toy("modes", "only=maximin", function(text, status)
      assert.equal(2, status)
      assert.truthy(text:find('no row has the name "maximin"', 1, true), text)
    end)
  end)
end)

describe("toys", function()
  it("have help, and refuse what they do not know", function()
    for _, name in ipairs{ "xy", "optimal_discriminator", "js_wasserstein", "modes" } do
      run_toy(name, "--help", function(text, status)
        assert.equal(0, status)
        assert.truthy(text:find("Usage:", 1, true) and text:find("seed=1", 1, true), text)
      end)
      run_toy(name, "sead=3", function(text, status)
        assert.equal(2, status)
        assert.truthy(text:find("did you mean seed", 1, true), text)
      end)
    end
  end)

  it("say what is missing where gnuplot is not installed, and what could not be drawn", function()
    local curves = require "moongan.curves"
    local execute = os.execute
    os.execute = function() return nil end -- luacheck: ignore
    local drawn, why = curves.draw("folder/picture.png", "plot x\n")
    os.execute = execute -- luacheck: ignore
    assert.is_false(drawn)
    assert.equal("gnuplot is not installed (with it, picture.png shows the curves)", why)
    if not has_gnuplot then return end
    helper.with_folder(function(folder)
      assert.is_false((curves.draw(folder .. "/a.png", "this is no command\n")))
      assert.is_nil(io.open(folder .. "/a.png"))
      assert.is_nil(io.open(folder .. "/a.png.part"))
    end)
  end)
end)
