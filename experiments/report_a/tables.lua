--- Tables of report A: what was published beside what was measured, as Markdown and as CSV.

local markdown = require("moongan.cli.table").markdown
local mg = require "moongan"

local tables = {}

local function write(path, text)
  mg.file.write(path, text)
  print("Table: " .. path)
end

local function csv(columns, lines)
  local function row(cells)
    local quoted = {}
    for i, cell in ipairs(cells) do quoted[i] = cell:find('[",]') and '"' .. cell:gsub('"', '""') .. '"' or cell end
    return table.concat(quoted, ",")
  end
  local text = { row(columns) }
  for _, line in ipairs(lines) do text[#text + 1] = row(line) end
  return table.concat(text, "\n") .. "\n"
end

--- Write a table as FOLDER/NAME.md and .csv, and print it.
-- @param columns  headings
-- @param lines    lists of texts
function tables.write(folder, name, columns, lines)
  local text = markdown(columns, lines) .. "\n"
  io.stdout:write(text)
  write(folder .. "/" .. name .. ".md", text)
  write(folder .. "/" .. name .. ".csv", csv(columns, lines))
end

function tables.number(value) return value and string.format("%.3f", value) or "" end

--- A measured loss: WGAN's come near 0.
function tables.loss(value) return string.format(math.abs(value) < 0.1 and "%.4f" or "%.3f", value) end

function tables.minutes(seconds) return string.format("%.1f", seconds / 60) end

return tables
