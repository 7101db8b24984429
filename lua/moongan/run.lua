--- What a training run leaves behind beside its samples: losses as a table and as a curve.

local run = {}

local Table = {}
Table.__index = Table

local function cell(value)
  if math.type(value) == "float" then return string.format("%.9g", value) end
  return tostring(value)
end

--- A table of numbers (CSV) that grows by a row now and then, each of them flushed at once: one
-- interrupted run loses at most the row being written.
-- @param append  true: go on below the rows that are there
function run.open_table(path, columns, append)
  local file, message = io.open(path, append and "a" or "w")
  if not file then error(message, 0) end
  local self = setmetatable({ path = path, file = file }, Table)
  if not append then self:row(columns) end
  return self
end

--- Add a row: a list of values.
function Table:row(values)
  local cells = {}
  for i, value in ipairs(values) do cells[i] = cell(value) end
  local written, why = self.file:write(table.concat(cells, ","), "\n")
  if written then written, why = self.file:flush() end
  if not written then error(string.format("%s: %s", self.path, why), 0) end
end

function Table:close() self.file:close() end
Table.__close = Table.close

-- ---- pictures --------------------------------------------------------------------------------

local function gnuplot_quote(text) return "'" .. text:gsub("'", "''") .. "'" end

--- Draw a picture with gnuplot.
-- @param picture   the PNG file to write
-- @param commands  gnuplot's, after its terminal and output are set
-- @param width, height  in pixels, 800 x 500 where they are not given
-- @return true, or false and why there is no picture
function run.draw(picture, commands, width, height)
  if not os.execute("command -v gnuplot >/dev/null 2>&1") then
    return false, string.format("gnuplot is not installed (with it, %s shows the curves)", picture:match("[^/]*$"))
  end
  local temporary = picture .. ".tmp"
  local size = string.format("size %d,%d", width or 800, height or 500)
  local gnuplot = io.popen("gnuplot 2>/dev/null", "w")
  gnuplot:write('if (strstrt(GPVAL_TERMINALS, "pngcairo")) { set terminal pngcairo ', size,
    " } else { set terminal png ", size, " }\nset output ", gnuplot_quote(temporary), "\n", commands)
  if gnuplot:close() and os.rename(temporary, picture) then return true end
  os.remove(temporary)
  return false, "gnuplot could not draw it"
end

--- Numbers as gnuplot reads them within its commands: "$NAME << EOD ...", a list of numbers a row.
function run.data_block(name, rows)
  local lines = { "$" .. name .. " << EOD" }
  for i, row in ipairs(rows) do
    local cells = {}
    for j, value in ipairs(row) do cells[j] = cell(value) end
    lines[i + 1] = table.concat(cells, " ")
  end
  lines[#lines + 1] = "EOD\n"
  return table.concat(lines, "\n")
end

local LOSSES_PLOT = [[
set datafile separator ","
set xlabel "iteration"
set ylabel "loss"
set grid
set key top right
plot %s every ::1 using 1:3 with lines linewidth 2 title "discriminator", \
     "" every ::1 using 1:4 with lines linewidth 2 title "generator"
]]

--- Draw losses.csv of a run folder as losses.png, with gnuplot.
-- @return true, or false and why there is no picture
function run.plot_losses(folder)
  return run.draw(folder .. "/losses.png", LOSSES_PLOT:format(gnuplot_quote(folder .. "/losses.csv")))
end

return run
