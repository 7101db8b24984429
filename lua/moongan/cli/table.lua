--- Tables as aligned text, and in Markdown.

local text_table = {}

local function is_number(text) return tonumber(text) ~= nil end

--- Lines of a table: numbers to the right, all else to the left.
-- @param columns  a list of headings
-- @param rows     a list of lists of texts; nil and "" are empty
function text_table.lines(columns, rows)
  local widths, right = {}, {}
  for j, heading in ipairs(columns) do
    widths[j], right[j] = utf8.len(heading) or #heading, true
    for _, row in ipairs(rows) do
      local cell = row[j] or ""
      widths[j] = math.max(widths[j], utf8.len(cell) or #cell)
      if cell ~= "" and not is_number(cell) then right[j] = false end
    end
  end
  local function line(cells)
    local padded = {}
    for j = 1, #columns do
      local cell = cells[j] or ""
      local space = (" "):rep(widths[j] - (utf8.len(cell) or #cell))
      padded[j] = right[j] and space .. cell or cell .. space
    end
    return (table.concat(padded, "  "):gsub("%s+$", ""))
  end
  local lines = { line(columns) }
  for i, row in ipairs(rows) do lines[i + 1] = line(row) end
  return lines
end

--- The same table in Markdown: the first column to the left, the others to the right.
-- @param columns  a list of headings
-- @param rows     a list of lists of texts or numbers
function text_table.markdown(columns, rows)
  local lines = { "| " .. table.concat(columns, " | ") .. " |", "| --- |" .. (" ---: |"):rep(#columns - 1) }
  for _, row in ipairs(rows) do lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |" end
  return table.concat(lines, "\n")
end

return text_table
