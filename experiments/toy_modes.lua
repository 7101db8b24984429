--- Mode collapse on a ring of 8 and on a grid of 25 Gaussians, for every objective: how many of the
-- modes the generator covers, and what share of its samples is good, over training.
--
-- A sample is good where it lies within three standard deviations of its nearest mode (98.9 % of
-- the data do); a mode is covered where it gets at least a quarter of its fair share of good ones.
-- pace=equal gives both networks the same learning rate.  pace=slow makes the discriminator ten
-- times slower, as in the experiment of Metz et al. 2017 (section 3.1): the generator then runs
-- after whatever the discriminator likes at the moment, unless it looks ahead.

local mg = require "moongan"
local toy = require "moongan.toy"
local gan, nn = mg.gan, mg.nn

local PICTURES = 4 -- times at which samples are looked at

local o = toy.start(arg, {
  about = "Modes covered and share of good samples on a ring or a grid of Gaussians, by objective.",
  { "set", "ring", "where the data are", choices = { "ring", "grid" } },
  { "pace", "equal", "the discriminator's learning rate: the generator's, or a tenth", choices = { "equal", "slow" } },
  { "only", "", "one row of the table, by its name; empty: all" },
  { "iterations", 4000, "updates of the generator", min = PICTURES },
  { "batch", 128, "points in a batch", min = 1 },
  { "lr", 0.001, "the generator's learning rate (Adam)", min = 0.0 },
})

-- ---- the data --------------------------------------------------------------------------------

local deviation, list = 0.05, {}
if o.set == "ring" then
  for i = 1, 8 do list[i] = { 2 * math.cos(i * math.pi / 4), 2 * math.sin(i * math.pi / 4) } end
else
  deviation = 0.1
  for i = 0, 24 do list[i + 1] = { i // 5 * 2 - 4, i % 5 * 2 - 4 } end
end
local centres = mg.tensor(list)

local function sample_data(n)
  return centres:index_select(1, mg.randint(1, #list, { n })) + mg.randn(n, 2) * deviation
end

-- The number of modes covered, and the share of good samples.
local function judge(points)
  local n, modes = #points, #list
  local squared = (points:reshape(n, 1, 2) - centres:reshape(1, modes, 2)):square():sum(3)
  local nearest, distances = squared:argmin(2):totable(), squared:min(2):totable()
  local good, total, covered = {}, 0, 0
  for i = 1, n do
    if distances[i] <= (3 * deviation) ^ 2 then
      good[nearest[i]], total = (good[nearest[i]] or 0) + 1, total + 1
    end
  end
  for _, count in pairs(good) do
    if count >= n / modes / 4 then covered = covered + 1 end
  end
  return covered, total / n
end

-- ---- what is compared ------------------------------------------------------------------------

local r1, r2 = gan.penalty.r1, gan.penalty.r2
local variants = {
  { "minimax", { objective = "minimax" } },
  { "non-saturating", { objective = "nonsaturating" } },
  { "smoothed 0.9", { objective = gan.smoothed(0.9) } },
  { "least squares 0 1 1", { objective = "least_squares" } },
  { "least squares -1 1 0", { objective = gan.least_squares(-1, 1, 0) } },
  { "hinge", { objective = "hinge" } },
  { "relativistic", { objective = "relativistic" } },
  { "loss-sensitive, R1",
    { objective = gan.loss_sensitive{ margin = 0.02, weight = 1e4 }, penalty = { { r1, weight = 100 } } } },
  { "Wasserstein, GP", { objective = "wasserstein", penalty = 1, n_critic = 3 } },
  { "non-sat., DRAGAN", { objective = "nonsaturating", penalty = { { gan.penalty.dragan, weight = 0.1 } } } },
  { "non-sat., R1", { objective = "nonsaturating", penalty = { { r1, weight = 0.02 } } } },
  { "relativ., R1, R2", { objective = "relativistic", penalty = { { r1, weight = 0.02 }, { r2, weight = 0.02 } } } },
  { "non-sat., unrolled 5", { objective = "nonsaturating", unrolled = 5 } },
}

local function new_trainer(settings)
  mg.manual_seed(o.seed)
  local given = {
    generator = toy.network(2, 128, 2, nn.ReLU),
    discriminator = toy.network(2, 128, 1, function() return nn.LeakyReLU(0.2) end),
    data = function() return sample_data(o.batch) end, nz = 2, grid = { 1, 1 }, quiet = true,
    lr_g = o.lr, lr_d = o.pace == "slow" and o.lr / 10 or o.lr,
  }
  for key, value in pairs(settings) do given[key] = value end
  return gan.Trainer(given)
end

-- ---- pictures --------------------------------------------------------------------------------

local PANEL, LABEL, TOP = 90, 160, 24 -- pixels

-- One small plot of a block of points over the centres of the modes, at (column, row) of the table.
local function panel(block, column, row, rows)
  local width, height = LABEL + PICTURES * PANEL, TOP + rows * PANEL
  return string.format([[
set origin %.5f,%.5f
set size %.5f,%.5f
plot $centres with points pointtype 6 pointsize 0.9 linecolor "#bbbbbb" notitle, \
     $%s with points pointtype 7 pointsize 0.12 linecolor "#1f77b4" notitle
]], (LABEL + (column - 1) * PANEL) / width, (rows - row) * PANEL / height, PANEL / width, PANEL / height, block)
end

-- A row of panels for each name, a column for each time.
local function draw(path, names, times, blocks)
  local width, height = LABEL + PICTURES * PANEL, TOP + #names * PANEL
  local half = o.set == "ring" and 2.7 or 5.2
  local commands = { string.format([[
unset tics
unset key
set lmargin 0; set rmargin 0; set tmargin 0; set bmargin 0
set border linecolor "#cccccc"
set xrange [-%g:%g]
set yrange [-%g:%g]
set multiplot
]], half, half, half, half) }
  local label = "set label '%s' at screen %.5f, %.5f %s font ',9'\n"
  for i, time in ipairs(times) do
    commands[#commands + 1] = label:format(time, (LABEL + (i - 0.5) * PANEL) / width, 1 - TOP / 2 / height, "center")
  end
  for row, name in ipairs(names) do
    commands[#commands + 1] = label:format(name, (LABEL - 8) / width, (#names - row + 0.5) * PANEL / height, "right")
  end
  for row = 1, #names do
    for column = 1, PICTURES do
      commands[#commands + 1] = panel(string.format("points_%d_%d", row, column), column, row, #names)
      -- The labels stand at places of the whole picture: the first panel has drawn them all.
      if row == 1 and column == 1 then commands[#commands + 1] = "unset label\n" end
    end
  end
  toy.picture(path, blocks, table.concat(commands) .. "unset multiplot\n", width, height)
end

-- ---- the comparison --------------------------------------------------------------------------

local function cell(covered, good) return string.format("%2d of %d, %3.0f %%", covered, #list, 100 * good) end

local function row_text(name, cells) return string.format("| %-20s | %s |", name, table.concat(cells, " | ")) end

local times, titles = {}, {}
for i = 1, PICTURES do
  times[i] = o.iterations * i // PICTURES
  titles[i] = string.format("%-14s", "after " .. times[i])
end
local lines = { row_text(o.set .. ", " .. o.pace .. " pace", titles), "| --- " .. ("| --- "):rep(PICTURES) .. "|" }
print(lines[1])
print(row_text("the data", { cell(judge(sample_data(2000))) }))

local names, blocks = {}, { centres = list }
for _, variant in ipairs(variants) do
  local name, settings = variant[1], variant[2]
  if o.only == "" or o.only == name then
    names[#names + 1] = name
    local trainer, cells, began = new_trainer(settings), {}, mg.clock()
    for i = 1, PICTURES do
      trainer:run{ iterations = times[i] - trainer.iteration }
      cells[i] = cell(judge(trainer:sample(2000)))
      blocks[string.format("points_%d_%d", #names, i)] = trainer:sample(300):totable()
    end
    lines[#lines + 1] = row_text(name, cells)
    print(lines[#lines] .. string.format("  %.0f s", mg.clock() - began))
  end
end
if #names == 0 then
  io.stderr:write(string.format("toy_modes.lua: only: no row has the name %q\n", o.only))
  os.exit(2, true)
end

local path = string.format("%s/modes_%s_%s", o.out, o.set, o.pace)
mg.file.write(path .. ".md", table.concat(lines, "\n") .. "\n")
draw(path .. ".png", names, times, blocks)
