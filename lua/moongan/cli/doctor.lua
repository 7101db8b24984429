--- moongan doctor: what moongan runs on, and whether it works here.

local moongan = require "moongan"
local options = require "moongan.options"
local shell = require "moongan.shell"

local doctor = {
  summary = "say what moongan runs on and whether it works",
  usage = "",
  details = "Ends with status 1 where something that moongan needs does not work.",
}

local function line(name, ...) print(string.format("%-12s %s", name, string.format(...))) end

local function show_build()
  local build = moongan.build()
  local home = debug.getinfo(1, "S").source:match("^@(.*)/cli/doctor%.lua$") or "?"
  line("moongan", "%s, %s numbers, in %s", moongan.version, build.real, home)
  line("Lua", "%s", _VERSION)
  line("BLAS", "%s (%s)", build.blas:match("^%S+ %S+") or build.blas, build.blas_core)
  local asked = os.getenv("MOONGAN_THREADS")
  line("threads", "%d%s", moongan.threads(), asked and " (MOONGAN_THREADS=" .. asked .. ")" or "")
  line("SIMD", "%s", build.simd)
  line("JPEG", "%s", build.jpeg and "can be read" or "cannot be read: libjpeg-turbo is missing, or was at the build")
end

local function show_data()
  local environment = os.getenv("MOONGAN_DATA")
  line("data", "%s", environment and "MOONGAN_DATA=" .. environment or "looked for in ./data (MOONGAN_DATA is not set)")
  for _, row in ipairs(require("moongan.cli.data").found()) do
    line("", "%-14s %s", row[1], row[4] and row[3] or "not found; " .. row[3] .. " downloads it")
  end
end

local TOOLS = {
  { "gnuplot", "draws curves" },
  { "curl", "fetches data sets" },
  { "tensorboard", "shows event files" },
  { "parallel", "runs the commands of a sweep" },
  { "sbatch", "runs a sweep as an array job" },
}

local function show_tools()
  for i, tool in ipairs(TOOLS) do
    line(i == 1 and "tools" or "", "%-14s %s", tool[1], shell.has(tool[1]) and "there" or "not there; " .. tool[2])
  end
end

-- What must work: each fails with an error.
local CHECKS = {
  { "products", function()
    local a = moongan.arange(0, 64):reshape(8, 8)
    local trace = moongan.matmul(a, moongan.eye(8)):mul(moongan.eye(8)):sum():item()
    assert(trace == 252, "a product with the identity is wrong: " .. trace)
  end },
  { "gradients", function()
    local x = moongan.tensor{ 3 }:requires_grad_(true)
    x:square():sum():backward()
    assert(x.grad:item() == 6, "the derivative of a square is wrong")
  end },
  { "precisions", function()
    for _, name in ipairs{ "moongan.core", "moongan.core64" } do require(name) end
  end },
  { "files", function()
    local path = os.tmpname()
    moongan.image.save(path, moongan.zeros(4, 4, 1))
    local shape = moongan.image.load(path):shape()
    os.remove(path)
    assert(shape[1] == 4, "a picture is not read as it was written")
  end },
}

local function check_all()
  local failed = false
  for i, check in ipairs(CHECKS) do
    local good, why = pcall(check[2])
    failed = failed or not good
    line(i == 1 and "checks" or "", "%-14s %s", check[1], good and "good" or "FAILED: " .. options.message(why))
  end
  return failed
end

function doctor.run()
  show_build()
  show_data()
  show_tools()
  return check_all() and 1 or 0
end

return doctor
