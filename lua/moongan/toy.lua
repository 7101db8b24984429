--- What the toy experiments share: a start, a picture and a table at the end.

local moongan = require "moongan"
local config = require "moongan.config"
local curves = require "moongan.curves"

local toy = {}

--- Read a script's command line (see config.parse), make its folder and seed what is random.
-- @param rows  the script's own options; seed and out are added
-- @return the values
function toy.start(arguments, rows)
  rows[#rows + 1] = { "seed", 1, "of whatever is random", min = 0 }
  rows[#rows + 1] = { "out", "runs/toys", "folder for pictures and tables" }
  local o = config.parse(arguments, rows)
  moongan.manual_seed(o.seed)
  local made, why = pcall(moongan.file.make_folder, o.out)
  if not made then config.give_up(1, why) end
  return o
end

--- A fully connected network with three hidden layers.
-- @param activation  a constructor: nn.ReLU
function toy.network(n_in, width, n_out, activation)
  local nn = moongan.nn
  return nn.Sequential{
    nn.Linear(n_in, width), activation(), nn.Linear(width, width), activation(), nn.Linear(width, width), activation(),
    nn.Linear(width, n_out),
  }
end

--- Draw blocks of data (name -> rows) by gnuplot's commands, and say where the picture is, or why
-- there is none.
function toy.picture(path, blocks, commands, width, height)
  local parts = {}
  for name, rows in pairs(blocks) do parts[#parts + 1] = curves.data_block(name, rows) end
  local drawn, why = curves.draw(path, table.concat(parts) .. commands, width, height)
  print(drawn and "Picture: " .. path or "No picture: " .. why)
end

return toy
