--- moongan sample: pictures by a run's generator.

local generator = require "moongan.cli.generator"
local moongan = require "moongan"

local sample = {
  summary = "make pictures with a run's generator",
  usage = "RUN",
  positional = { 1, 1 },
  details = [[
Writes a grid of pictures.  The same seed gives the same pictures.  Those of a conditional run are of each class in
turn, or of those that --class names, in equal parts as far as that goes.]],
  options = generator.with{
    { long = "--count", short = "-n", key = "count", kind = "integer", default = 64, min = 1, meaning = "pictures" },
    { long = "--output", short = "-o", key = "output", kind = "string", default = "samples.png", value = "FILE",
      meaning = "PNG file to write" },
    { long = "--columns", key = "columns", kind = "integer", min = 1, meaning = "pictures in a row" },
  },
}

-- So many class numbers, each as often as any other, or once more.
local function spread(classes, count)
  local labels = {}
  for i = 1, count do labels[i] = classes[(i - 1) * #classes // count + 1] end
  return moongan.tensor(labels)
end

function sample.run(o)
  local opened = generator.open(o)
  local classes = generator.classes(opened, o)
  local images = opened.trainer:sample(o.count, classes and spread(classes, o.count))
  local columns = o.columns or classes and #classes > 1 and math.max(1, o.count // #classes) or nil
  moongan.image.save_grid(o.output, images, { columns = columns, scale = o.scale, range = opened.config.range })
  print(string.format("%s: %d pictures by %s after %d iterations", o.output, o.count, opened.folder, opened.iteration))
end

return sample
