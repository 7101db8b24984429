--- Curves as pictures, drawn by gnuplot where it is installed.

local moongan = require "moongan"

local curves = {}

local function gnuplot_quote(text) return "'" .. text:gsub("'", "''") .. "'" end

--- Draw a picture with gnuplot.
-- @param picture   the PNG file to write
-- @param commands  gnuplot's, after its terminal and output are set
-- @param width, height  in pixels, 800 x 500 where they are not given
-- @return true, or false and why there is no picture
function curves.draw(picture, commands, width, height)
  if not os.execute("command -v gnuplot >/dev/null 2>&1") then
    return false, string.format("gnuplot is not installed (with it, %s shows the curves)", picture:match("[^/]*$"))
  end
  local temporary = picture .. ".part"
  local size = string.format("size %d,%d", width or 800, height or 500)
  local gnuplot = io.popen("gnuplot 2>/dev/null", "w")
  gnuplot:write('if (strstrt(GPVAL_TERMINALS, "pngcairo")) { set terminal pngcairo ', size,
    " } else { set terminal png ", size, " }\nset output ", gnuplot_quote(temporary), "\n", commands)
  -- It does not say where the disk is full.
  if gnuplot:close() and pcall(moongan.image.load, temporary) and os.rename(temporary, picture) then return true end
  os.remove(temporary)
  return false, "gnuplot could not draw it"
end

local function cell(value)
  if math.type(value) == "float" then return string.format("%.9g", value) end
  return tostring(value)
end

--- Numbers as gnuplot reads them within its commands: "$NAME << EOD ...", a list of numbers a row.
function curves.data_block(name, rows)
  local lines = { "$" .. name .. " << EOD" }
  for i, row in ipairs(rows) do
    local cells = {}
    for j, value in ipairs(row) do cells[j] = cell(value) end
    lines[i + 1] = table.concat(cells, " ")
  end
  lines[#lines + 1] = "EOD\n"
  return table.concat(lines, "\n")
end

local LOSSES = [[
set xlabel "iteration"
set ylabel "loss"
set grid
set key top right
plot $losses using 1:2 with lines linewidth 2 title "discriminator", \
     "" using 1:3 with lines linewidth 2 title "generator"
]]

--- Draw the losses of a run.
-- @param picture  the PNG file to write
-- @param rows     of its statistics (run.stats)
-- @return as draw does
function curves.losses(picture, rows)
  local points = {}
  for _, row in ipairs(rows) do
    if row.d_loss and row.g_loss then points[#points + 1] = { row.iteration, row.d_loss, row.g_loss } end
  end
  if #points == 0 then return false, "there are no losses to draw" end
  return curves.draw(picture, curves.data_block("losses", points) .. LOSSES)
end

return curves
