--- Figure 3 of report A: both losses over n_critic, c and alpha, with the digits below them: is c the key factor?
--
--     lua5.4 experiments/report_a/figure3.lua
--
-- Lines are means over the last epoch; where spread.lua's runs are there too, points with bars are its seeds' means
-- and standard deviations at 3 epochs and at 50.

local here = arg[0]:match("^(.*/)") or ""
local curves = require "moongan.curves"
local mg = require "moongan"
local pictures = dofile(here .. "pictures.lua")
local rows = dofile(here .. "rows.lua")
local runs = dofile(here .. "runs.lua")

local SPREAD = { seeds = { 1, 2, 3 }, epochs = { 3, 50 } }

local PANELS = {
  { key = "n_critic", title = "n_{critic}", names = { "n_critic-3", "wgan", "n_critic-7" } },
  { key = "clip", title = "c", names = { "c-0.005", "wgan", "c-0.015" } },
  { key = "lr", title = "{/Symbol a}", names = { "alpha-0.0003", "wgan", "alpha-0.001" } },
}
local LOSSES = { { key = "d", title = "D loss" }, { key = "g", title = "G loss" } }

local o = runs.settings(arg, "Figure 3: losses and digits over n_critic, c and alpha.", rows,
  { epochs = 200, seeds = "1" })
runs.train(runs.sweep(rows), o)

-- Where a panel stands in the picture, as gnuplot's commands: rows of losses, then one of pictures.
local function place(row, column)
  local heights, below = { 0.36, 0.36, 0.28 }, { 0.64, 0.28, 0 }
  return string.format("set origin %g,%g\nset size 0.333,%g\n", (column - 1) / 3, below[row], heights[row])
end

-- The losses of a panel: value, here, report.
local function points_of(panel, loss)
  local points = {}
  for i, name in ipairs(panel.names) do
    local row = rows[name]
    points[i] = {
      row.config[panel.key], runs.result(row, o.seeds[1], o)[loss.key .. "_mean"], row.published[loss.key .. "_loss"],
    }
  end
  return points
end

-- Value, mean and deviation over the seeds after so many epochs; nil where there are no such runs.
local function spread_of(panel, loss, epochs)
  local points, spread = {}, { out = o.out, epochs = epochs, seeds = SPREAD.seeds }
  for i, name in ipairs(panel.names) do
    if not runs.have(rows[name], spread) then return nil end
    points[i] = { rows[name].config[panel.key], runs.over_seeds(rows[name], loss.key .. "_mean", spread) }
  end
  return points
end

-- A panel of losses as gnuplot's data and commands.
local function loss_panel(panel, loss)
  local name, ticks, points = loss.key .. panel.key, {}, points_of(panel, loss)
  for i, point in ipairs(points) do ticks[i] = point[1] end
  local data = { curves.data_block(name, points) }
  local plots = {
    string.format('$%s using 1:2 with linespoints lc 1 lw 2 pt 7 title "epoch %g"', name, o.epochs),
    string.format('$%s using 1:3 with linespoints lc 2 lw 2 dt 2 pt 6 title "report"', name),
  }
  for i, epochs in ipairs(SPREAD.epochs) do
    local spread, block = spread_of(panel, loss, epochs), name .. epochs
    if spread then
      data[#data + 1] = curves.data_block(block, spread)
      plots[#plots + 1] = string.format(
        '$%s using 1:2:3 with yerrorlines lc %d lw 2 pt %d title "3 seeds, epoch %d"', block, 2 + i, 7 + 2 * i,
        epochs)
    end
  end
  return table.concat(data), string.format('set title "%s over %s"\nset xtics (%s)\nplot %s\n', loss.title,
    panel.title, table.concat(ticks, ", "), table.concat(plots, ", "))
end

local function picture_panel(panel, path)
  local grids, values = {}, {}
  for i, name in ipairs(panel.names) do
    grids[i] = pictures.grid5(runs.final(rows[name], o.seeds[1], o))
    values[i] = string.format("%g", rows[name].config[panel.key])
  end
  mg.image.save(path, pictures.beside(grids, 8), { range = { 0, 1 } })
  return string.format('set title "digits at %s = %s"\nplot "%s" binary filetype=png with rgbimage\n', panel.title,
    table.concat(values, ", "), path)
end

local data, temporary = {}, {}
local commands = {
  "set multiplot\nset grid\nset key below horizontal samplen 2\n"
    .. "set offsets graph 0.1, graph 0.1, graph 0.1, graph 0.1\n",
}
local function add(row, column, command) commands[#commands + 1] = place(row, column) .. command end

for i, loss in ipairs(LOSSES) do
  for j, panel in ipairs(PANELS) do
    local block, command = loss_panel(panel, loss)
    data[#data + 1] = block
    add(i, j, command)
  end
end
commands[#commands + 1] = "unset xtics\nunset ytics\nunset border\nunset key\nunset offsets\nset autoscale fix\n"
  .. "set lmargin 1\nset rmargin 1\nset size ratio -1\n"
for j, panel in ipairs(PANELS) do
  temporary[j] = string.format("%s/figure3-%d.png", o.results, j)
  add(3, j, picture_panel(panel, temporary[j]))
end
local path = o.results .. "/figure3.png"
local drawn, why = curves.draw(path, table.concat(data) .. table.concat(commands) .. "unset multiplot\n", 1350, 820)
for _, name in ipairs(temporary) do mg.file.remove(name) end
print(drawn and "Picture: " .. path or "No picture: " .. why)
