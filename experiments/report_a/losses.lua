--- Trains rows of report A and writes the table of their losses, published and measured, and of what a
-- classifier says of their samples: what the scripts of its three tables share.

local here = arg[0]:match("^(.*/)") or ""
local rows = dofile(here .. "rows.lua")
local runs = dofile(here .. "runs.lua")
local judge = dofile(here .. "judge.lua")
local tables = dofile(here .. "tables.lua")
local loss, number = tables.loss, tables.number

local COLUMNS = {
  "method", "D published", "G published", "D last batch", "G last batch", "D last epoch", "G last epoch", "sure",
  "classes", "score", "strokes", "haze %", "class asked", "minutes",
}

local function verdict_cells(verdict)
  return number(verdict.sure), string.format("%.1f", verdict.classes), string.format("%.2f", verdict.score),
    string.format("%.2f", verdict.strokes), string.format("%.2f", verdict.haze), number(verdict.asked)
end

local function line(row, title, seed, o)
  local result = runs.result(row, seed, o)
  local cells = {
    title .. (#o.seeds > 1 and ", seed " .. seed or ""), number(row.published.d_loss), number(row.published.g_loss),
    loss(result.d_loss), loss(result.g_loss), loss(result.d_mean), loss(result.g_mean),
  }
  table.move({ verdict_cells(judge.run(runs.final(row, seed, o), o)) }, 1, 6, 8, cells)
  cells[14] = tables.minutes(result.seconds)
  return cells
end

--- @param name   of the table's files
-- @param about  a line for --help
-- @param names  of its rows
-- @param titles  what the table calls some of them: name -> title
return function(name, about, names, titles)
  local o = runs.settings(arg, about, rows, { epochs = 200, seeds = "1" })
  local list, lines = {}, {}
  for i, row_name in ipairs(names) do list[i] = rows[row_name] end
  runs.train(list, o)
  for _, row in ipairs(list) do
    for _, seed in ipairs(o.seeds) do
      lines[#lines + 1] = line(row, titles and titles[row.name] or row.title, seed, o)
      runs.keep_log(row, seed, o)
    end
  end
  local real = { "photographs of the test set", "", "", "", "", "", "" }
  table.move({ verdict_cells(judge.real(o)) }, 1, 6, 8, real)
  real[14] = ""
  lines[#lines + 1] = real
  tables.write(o.results, name, COLUMNS, lines)
end
