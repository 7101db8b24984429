--- moongan interpolate: what lies between a generator's pictures.

local generator = require "moongan.cli.generator"
local latent = require "moongan.latent"
local moongan = require "moongan"

local interpolate = {
  summary = "show how a run's generator goes from one picture to another",
  usage = "RUN",
  positional = { 1, 1 },
  details = [[
Writes strips, one a row, each from one random picture to another in steps; or, with --animation, an animated PNG
that goes round through several pictures.  The way is along great circles of the noise.  Of a conditional run, each
row is a class.]],
  options = generator.with{
    { long = "--output", short = "-o", key = "output", kind = "string", default = "interpolation.png", value = "FILE",
      meaning = "PNG file to write" },
    { long = "--steps", short = "-n", key = "steps", kind = "integer", default = 10, min = 2,
      meaning = "pictures from one to the other" },
    { long = "--rows", key = "rows", kind = "integer", default = 8, min = 1,
      meaning = "strips (not conditional runs); with --animation: pictures side by side" },
    { long = "--linear", key = "linear", kind = "flag", meaning = "straight lines in place of great circles" },
    { long = "--animation", key = "animation", kind = "flag", meaning = "an animation" },
    { long = "--points", key = "points", kind = "integer", default = 5, min = 2,
      meaning = "random pictures that an animation goes through" },
    { long = "--delay", key = "delay", kind = "number", default = 0.08, min = 0.001, value = "SECONDS",
      meaning = "between two pictures of an animation" },
  },
}

local function repeated(class, count) return class and moongan.full({ count }, class) end

-- Images along a way for each row: a list of tensors (places, ...).
local function rows_of(opened, o, points, closed)
  local classes = generator.classes(opened, o)
  local between = o.linear and latent.linear or latent.spherical
  local rows, same = {}, classes and opened.trainer.noise(points)
  for row = 1, classes and #classes or o.rows do
    local way = latent.path(same or opened.trainer.noise(points), closed and o.steps or o.steps - 1,
      { between = between, closed = closed })
    rows[row] = opened.trainer:sample(way, classes and repeated(classes[row], way:size(1)))
  end
  return rows
end

local function write_strips(opened, o)
  local rows = rows_of(opened, o, 2, false)
  moongan.image.save_grid(o.output, moongan.cat(rows, 1),
    { columns = o.steps, scale = o.scale, range = opened.config.range })
  return string.format("%d strips of %d pictures", #rows, o.steps)
end

local function write_animation(opened, o)
  local rows = rows_of(opened, o, o.points, true)
  local frames = {}
  for i = 1, rows[1]:size(1) do
    local pictures = {}
    for row, images in ipairs(rows) do pictures[row] = images:narrow(1, i, 1) end
    frames[i] = moongan.cat(pictures, 1)
  end
  moongan.image.save_animation(o.output, frames,
    { delay = o.delay, scale = o.scale, range = opened.config.range })
  return string.format("%d frames", #frames)
end

function interpolate.run(o)
  local opened = generator.open(o)
  local what = (o.animation and write_animation or write_strips)(opened, o)
  print(string.format("%s: %s by %s after %d iterations", o.output, what, opened.folder, opened.iteration))
end

return interpolate
