--- What one run hides: WGAN's losses over n_critic, c and alpha with three seeds at 50 epochs.  Not in report A.
--
--     lua5.4 experiments/report_a/spread.lua
--     lua5.4 experiments/report_a/spread.lua epochs=3        # the same, at the third
--
-- A run of 200 epochs that another script has left is read at its fiftieth: it had the same bits there.

local here = arg[0]:match("^(.*/)") or ""
local rows = dofile(here .. "rows.lua")
local runs = dofile(here .. "runs.lua")
local tables = dofile(here .. "tables.lua")
local loss = tables.loss

local o = runs.settings(arg, "The sweep over n_critic, c and alpha with several seeds.", rows,
  { epochs = 50, seeds = "1,2,3" })
local list = runs.sweep(rows)
runs.train(list, o)

local columns = { "method" }
for _, seed in ipairs(o.seeds) do columns[#columns + 1] = "D seed " .. seed end
for _, seed in ipairs(o.seeds) do columns[#columns + 1] = "G seed " .. seed end
for _, name in ipairs{ "D mean", "D deviation", "G mean", "G deviation" } do columns[#columns + 1] = name end

local lines = {}
for i, row in ipairs(list) do
  local line = { row.title }
  for _, key in ipairs{ "d_mean", "g_mean" } do
    for _, seed in ipairs(o.seeds) do line[#line + 1] = loss(runs.result(row, seed, o)[key]) end
  end
  for _, key in ipairs{ "d_mean", "g_mean" } do
    local mean, deviation = runs.over_seeds(row, key, o)
    line[#line + 1], line[#line + 2] = loss(mean), deviation and loss(deviation) or ""
  end
  lines[i] = line
end
tables.write(o.results, "spread" .. o.epochs, columns, lines)
