--- moongan compare: runs side by side.

local arguments = require "moongan.cli.arguments"
local curves = require "moongan.curves"
local experiment = require "moongan.experiment"
local run = require "moongan.run"
local text_table = require "moongan.cli.table"

local compare = {
  summary = "compare runs: a table, and curves in one picture",
  usage = "RUN...",
  positional = { 1, 1000 },
  details = [[
The table has a row for each run: where it stands, its last losses, metrics where it has any, and what its
configuration says differently from the others.]],
  options = {
    { long = "--output", short = "-o", key = "output", kind = "string", default = "compare.png", value = "FILE",
      meaning = "PNG file of the curves, drawn by gnuplot" },
    { long = "--value", key = "value", kind = "string", value = "NAME",
      meaning = "draw this column of stats.jsonl in place of both losses" },
  },
}

-- What every training has; columns of statistics beside these are metrics.
local COMMON = {
  iteration = true, epoch = true, d_loss = true, g_loss = true, lr_d = true, lr_g = true, seconds = true,
  partial = true,
}

-- The last value of each column of a run's statistics.
local function last_values(rows)
  local last = {}
  for _, row in ipairs(rows) do
    for key, value in pairs(row) do last[key] = value end
  end
  return last
end

local function read_run(folder)
  local about, values = run.about(folder), {}
  local config = about.config and experiment.without_derived(about.config) or {}
  for _, line in ipairs(experiment.flat(config)) do values[line[1]] = line[2] end
  local rows = run.stats(folder)
  return { folder = folder, rows = rows, config = values, last = last_values(rows) }
end

local function sorted_keys(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

-- Keys of configurations that are not the same in all runs; names of folders always differ.
local function differing(runs)
  local keys, found = {}, {}
  for _, one in ipairs(runs) do
    for key in pairs(one.config) do keys[key] = true end
  end
  for key in pairs(keys) do
    for _, one in ipairs(runs) do
      if one.config[key] ~= runs[1].config[key] and key ~= "out" then found[key] = true end
    end
  end
  return sorted_keys(found)
end

local function metrics_of(runs)
  local found = {}
  for _, one in ipairs(runs) do
    for key, value in pairs(one.last) do
      if not COMMON[key] and type(value) == "number" then found[key] = true end
    end
  end
  return sorted_keys(found)
end

local function number_text(value)
  if type(value) ~= "number" then return "" end
  return math.type(value) == "integer" and tostring(value) or string.format("%.4g", value)
end

local MAX_COLUMNS = 8 -- of settings, beside the numbers; more have a table of their own, a row each

local function settings_below(runs, settings)
  local columns, rows = { "setting" }, {}
  for i, one in ipairs(runs) do columns[i + 1] = one.folder end
  for i, key in ipairs(settings) do
    local row = { key }
    for j, one in ipairs(runs) do row[j + 1] = one.config[key] or "none" end
    rows[i] = row
  end
  return text_table.lines(columns, rows)
end

local function table_of(runs)
  local columns, rows = { "run", "iteration", "d_loss", "g_loss" }, {}
  local metrics, settings = metrics_of(runs), differing(runs)
  table.move(metrics, 1, #metrics, #columns + 1, columns)
  columns[#columns + 1] = "seconds"
  local beside = #settings <= MAX_COLUMNS and settings or {}
  for i, one in ipairs(runs) do
    local row = { one.folder }
    for j = 2, #columns do row[j] = number_text(one.last[columns[j]]) end
    for _, key in ipairs(beside) do row[#row + 1] = one.config[key] or "none" end
    rows[i] = row
  end
  table.move(beside, 1, #beside, #columns + 1, columns)
  local lines = text_table.lines(columns, rows)
  if beside == settings then return lines end
  lines[#lines + 1] = ""
  table.move(settings_below(runs, settings), 1, #settings + 1, #lines + 1, lines)
  return lines
end

-- A text in gnuplot's double quotes.
local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0"):gsub("%c", " ") .. '"' end

-- One diagram of a column, a line for each run that has it.
local function diagram(runs, column, blocks)
  local lines = {}
  for i, one in ipairs(runs) do
    local points = {}
    for _, row in ipairs(one.rows) do
      if type(row[column]) == "number" then points[#points + 1] = { row.iteration, row[column] } end
    end
    if #points > 0 then
      local name = string.format("%s_%d", column:gsub("[^%w]", "_"), i)
      blocks[#blocks + 1] = curves.data_block(name, points)
      lines[#lines + 1] = string.format("$%s using 1:2 with lines linewidth 2 title %s noenhanced", name,
        quoted(one.folder))
    end
  end
  if #lines == 0 then return nil end
  return string.format('set xlabel "iteration"\nset ylabel %s noenhanced\nplot %s\n', quoted(column),
    table.concat(lines, ", \\\n     "))
end

local function draw(runs, o)
  local blocks, diagrams = {}, {}
  for _, column in ipairs(o.value and { o.value } or { "d_loss", "g_loss" }) do
    diagrams[#diagrams + 1] = diagram(runs, column, blocks)
  end
  if #diagrams == 0 then
    if o.value then arguments.wrong("--value: no run has a column %q", o.value) end
    return false, "the runs have no losses yet"
  end
  local commands = string.format("%sset grid\nset key outside bottom center horizontal\nset multiplot layout %d,1\n%s"
    .. "unset multiplot\n", table.concat(blocks), #diagrams, table.concat(diagrams))
  return curves.draw(o.output, commands, 900, 450 * #diagrams)
end

--- Print the table and draw the curves of run folders.
-- @param output  the picture; nil: the table alone
function compare.show(folders, o)
  local runs = {}
  for i, folder in ipairs(folders) do runs[i] = read_run((folder:gsub("(.)/+$", "%1"))) end
  for _, line in ipairs(table_of(runs)) do print(line) end
  if not o.output then return end
  local drawn, why = draw(runs, o)
  print(drawn and "Curves: " .. o.output or "No curves: " .. why)
end

function compare.run(o) compare.show(o.words, o) end

return compare
