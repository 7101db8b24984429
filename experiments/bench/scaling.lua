--- How time and memory grow with the batch, the threads and the size of the images: neither may
-- grow faster than the work does.
--
-- Usage: lua5.4 experiments/bench.lua [--seconds 0.5] scaling [FILE]
--
-- Times a training iteration of each cell of the grid below in a process of its own, and appends a
-- JSON object for it to FILE (runs/bench/scaling.jsonl); cells that the file has already are not
-- timed again, so an interrupted run goes on where it was.  Then prints a table of the file.

local mg = require "moongan"

local here = arg[0]:match("^(.*/)") or ""
local measure = dofile(here .. "bench/measure.lua")

-- ---- the grid -----------------------------------------------------------------------------------

local function grid()
  local cells = {}
  for threads = 1, 2 do
    for _, model in ipairs{ "mlp", "dcgan" } do
      for _, batch in ipairs{ 16, 32, 64, 128, 256, 512, 1024 } do
        cells[#cells + 1] = { model = model, size = 28, batch = batch, threads = threads }
      end
    end
    for _, size in ipairs{ 32, 64, 128 } do
      cells[#cells + 1] = { model = "dcgan", size = size, batch = 64, threads = threads }
    end
  end
  return cells
end

local function name_of(cell)
  return string.format("%s-%d-%d-%d", cell.model, cell.size, cell.batch, cell.threads)
end

-- ---- one cell -----------------------------------------------------------------------------------

local function new_trainer(cell)
  local models, n, size = mg.models, cell.batch, cell.size
  local settings = { average = 0 }
  local images
  if cell.model == "mlp" then
    settings.generator, settings.discriminator = models.mlp_generator(), models.mlp_critic()
    images = mg.rand(n, size * size) * 2 - 1
  else
    settings.generator = models.dcgan_generator{ size = size }
    settings.discriminator = models.dcgan_discriminator{ size = size }
    images = mg.rand(n, size, size, size == 28 and 1 or 3) * 2 - 1
  end
  settings.data = function() return images end
  return mg.gan.Trainer(settings)
end

-- Time an iteration and count its work; prints the cell's JSON object.
local function run_cell(cell, seconds)
  mg.manual_seed(0)
  mg.set_threads(cell.threads)
  local trainer = new_trainer(cell)
  local function step() trainer:step() end
  cell.ms = measure.time(step, seconds)
  cell.gflop = 0
  for _, row in ipairs(mg.profile(step, { quiet = true }).operations) do cell.gflop = cell.gflop + row.flops / 1e9 end
  cell.peak_rss_mb = measure.peak_rss_mb()
  cell.tensor_mb = mg.memory().peak_bytes / 2 ^ 20
  print(mg.json.encode(cell))
end

-- ---- all of them --------------------------------------------------------------------------------

local function read_cells(path)
  local file, cells = io.open(path), {}
  for line in file and file:lines() or function() end do
    local cell = mg.json.decode(line)
    cells[name_of(cell)] = cell
  end
  if file then file:close() end
  return cells
end

local function run_missing(path, seconds)
  mg.file.make_folder(path:match("^(.*)/") or ".")
  local known = read_cells(path)
  for _, cell in ipairs(grid()) do
    if not known[name_of(cell)] then
      local command = string.format("%s --seconds %g scaling cell %s %d %d %d", measure.script(), seconds, cell.model,
        cell.size, cell.batch, cell.threads)
      local pipe = assert(io.popen(command))
      local line = pipe:read("a")
      if not pipe:close() then error("a cell failed: " .. command, 0) end
      local file = assert(io.open(path, "a"))
      file:write(line)
      file:close()
      io.stderr:write(line)
    end
  end
end

local function print_table(path)
  local known = read_cells(path)
  print(string.format("%-6s %5s %6s %8s %10s %12s %9s %11s %9s", "model", "size", "batch", "threads", "ms", "us/image",
    "GFLOP/s", "tensors MB", "peak MB"))
  for _, cell in ipairs(grid()) do
    cell = known[name_of(cell)]
    if cell then
      print(string.format("%-6s %5d %6d %8d %10.2f %12.1f %9.1f %11.1f %9d", cell.model, cell.size, cell.batch,
        cell.threads, cell.ms, cell.ms / cell.batch * 1e3, cell.gflop / cell.ms * 1e3, cell.tensor_mb,
        cell.peak_rss_mb or 0))
    end
  end
end

--- @param words  {} or { FILE }; or { "cell", model, size, batch, threads }, for a process of its own
return function(seconds, words)
  if words[1] == "cell" then
    local cell = { model = words[2] }
    for i, key in ipairs{ "size", "batch", "threads" } do cell[key] = math.tointeger(tonumber(words[i + 2])) end
    run_cell(cell, seconds)
    return
  end
  local path = words[1] or "runs/bench/scaling.jsonl"
  run_missing(path, seconds)
  print_table(path)
end
