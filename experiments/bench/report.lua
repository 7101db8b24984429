--- Put measurements into the tables of experiments/results/benchmark.md.
--
-- Usage: lua5.4 experiments/bench/report.lua [compare2=FILE] [compare1=FILE] [micro=FILE] [scaling=FILE]
--
-- compare2, compare1: what a comparison on two threads and on one has written, a JSON object
--   { threads, sgemm_gflops, rows = list of { config, ms, torch_ms, ratio, gflops, of_sgemm, rss_mb, torch_rss_mb } };
-- micro, scaling: the JSON lines of `make bench BENCH=micro` and `make bench BENCH=scaling`.
-- A table stands between the comments <!-- NAME --> and <!-- end -->; those not given stay as they are.

local markdown = require("moongan.cli.table").markdown
local mg = require "moongan"

local PAGE = (arg[0]:match("^(.*/)") or "") .. "../results/benchmark.md"

local function json_lines(path)
  local list = {}
  for line in mg.file.read(path):gmatch("{[^\n]+") do list[#list + 1] = mg.json.decode(line) end
  return list
end

local function compare(path)
  local report, rows, product, lowest = mg.json.decode(mg.file.read(path)), {}, 1, math.huge
  for i, row in ipairs(report.rows) do
    product, lowest = product * row.ratio, math.min(lowest, row.ratio)
    rows[i] = {
      row.config, string.format("%.2f", row.ms), string.format("%.2f", row.torch_ms), string.format("%.2f", row.ratio),
      string.format("%.0f", row.gflops), string.format("%.0f %%", 100 * row.of_sgemm), row.rss_mb, row.torch_rss_mb,
    }
  end
  local heads = { "config", "moongan ms", "PyTorch ms", "times as fast", "GFLOP/s", "of sgemm", "MB", "PyTorch MB" }
  return string.format("%d thread%s, sgemm %.0f GFLOP/s: geometric mean %.2f, lowest %.2f.\n\n%s", report.threads,
    report.threads > 1 and "s" or "", report.sgemm_gflops, product ^ (1 / #rows), lowest, markdown(heads, rows))
end

local tables = { compare2 = compare, compare1 = compare }

function tables.micro(path)
  local rows, limits = {}, nil
  for _, line in ipairs(json_lines(path)) do
    if line.limits then
      limits = string.format("%d threads; limits %.0f GFLOP/s and %.0f GB/s.\n\n", line.threads, line.limits.gflops,
        line.limits.gb_s)
    else
      local rate = line.gflops and string.format("%.1f GFLOP/s", line.gflops)
        or line.gb_s and string.format("%.1f GB/s", line.gb_s) or ""
      rows[#rows + 1] = {
        line.micro, string.format("%.3f", line.ms), rate,
        line.of_limit and string.format("%.0f %%", 100 * line.of_limit) or "",
      }
    end
  end
  return limits .. markdown({ "kernel", "ms", "rate", "of the limit" }, rows)
end

function tables.scaling(path)
  local rows = {}
  for i, cell in ipairs(json_lines(path)) do
    rows[i] = {
      string.format("%s, %d x %d", cell.model, cell.size, cell.size), cell.batch, cell.threads,
      string.format("%.2f", cell.ms), string.format("%.1f", cell.ms / cell.batch * 1e3),
      string.format("%.0f", cell.gflop / cell.ms * 1e3), string.format("%.0f", cell.tensor_mb), cell.peak_rss_mb,
    }
  end
  local heads = { "pair", "batch", "threads", "ms", "us an image", "GFLOP/s", "tensors, MB", "process, MB" }
  return markdown(heads, rows)
end

local text = mg.file.read(PAGE)
for _, word in ipairs(arg) do
  local name, path = word:match("^(%w+)=(.+)$")
  if not (name and tables[name]) then
    io.stderr:write("report: expected compare2=, compare1=, micro= or scaling= and a file, got ", word, "\n")
    os.exit(2, true)
  end
  local content = tables[name](path)
  local filled, count = text:gsub("(<!%-%- " .. name .. " %-%->\n).-(<!%-%- end %-%->)", function(first, last)
    return first .. content .. "\n" .. last
  end)
  assert(count == 1, "benchmark.md has no place for " .. name)
  text = filled
end
local file = assert(io.open(PAGE, "w"))
file:write(text)
file:close()
