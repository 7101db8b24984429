--- moongan data: which data sets there are, where they are, what is in them.

local arguments = require "moongan.cli.arguments"
local experiment = require "moongan.experiment"
local moongan = require "moongan"
local options = require "moongan.options"
local parts = require "moongan.experiment.parts"
local sets = require "moongan.data.sets"
local text_table = require "moongan.cli.table"

local data = {
  summary = "list, fetch and look at data sets",
  usage = "list | fetch NAME [FOLDER] | info NAME [key=value ...] | show NAME [key=value ...]",
  positional = { 1, 3 },
  settings = true,
  details = [[
  list   the sets known by name, and where they are
  fetch  download one, checked; into FOLDER, or where it will be found
  info   what is in one: sizes, classes, means
  show   a picture of some of its images

  moongan data info image_folder folder=flowers size=64
  moongan data show cifar10 --class horse -n 25 -o horses.png]],
  options = {
    { long = "--count", short = "-n", key = "count", kind = "integer", default = 64, min = 1,
      meaning = "show: images" },
    { long = "--output", short = "-o", key = "output", kind = "string", default = "data.png", value = "FILE",
      meaning = "show: PNG file to write" },
    { long = "--class", key = "class", kind = "string", value = "K", meaning = "show: only this class" },
    { long = "--seed", key = "seed", kind = "integer", default = 1, min = 0, value = "S",
      meaning = "show: of the choice of images" },
    { long = "--scale", key = "scale", kind = "integer", default = 1, min = 1, max = 256,
      meaning = "show: each pixel becomes a square of this side" },
  },
}

--- Where the known sets are: a list of { name, title, what was found or how to get it, whether found }.
function data.found()
  local list = {}
  for _, name in ipairs(options.names(sets)) do
    local where = require("moongan.data.find").where(sets[name])
    list[#list + 1] = { name, sets[name].title, where or "moongan data fetch " .. name, where ~= nil }
  end
  return list
end

local function show_list()
  for _, line in ipairs(text_table.lines({ "name", "set", "where" }, data.found())) do print(line) end
end

local function fetch(name, folder) print(moongan.data.fetch(name, folder)) end

-- The data set that a name and settings describe, of images.
local function open(name, settings)
  local prefixed = {}
  for i, setting in ipairs(settings) do prefixed[i] = "data." .. setting end
  local good, config = pcall(experiment.configure,
    { data = name, generator = "dcgan_generator", discriminator = "dcgan_discriminator", epochs = 1 }, prefixed)
  if not good then arguments.wrong("%s", options.message(config)) end
  config.data.flat = false
  return parts.data(config.data)
end

local function list_text(numbers)
  local texts = {}
  for i, number in ipairs(numbers) do texts[i] = string.format("%.4g", number) end
  return table.concat(texts, ", ")
end

local function show_info(dataset)
  print(dataset)
  local statistics = dataset:statistics()
  print(string.format("  mean     %s\n  std      %s", list_text(statistics.mean), list_text(statistics.std)))
  if not statistics.counts then return end
  local rows = {}
  for k, count in ipairs(statistics.counts) do rows[k] = { "  " .. k, dataset.classes[k], tostring(count) } end
  for _, line in ipairs(text_table.lines({ "  class", "name", "images" }, rows)) do print(line) end
end

local function choose(dataset, class)
  local good, picks = pcall(dataset.class_indices, dataset, class)
  if not good then good, picks = pcall(dataset.class_indices, dataset, math.tointeger(tonumber(class))) end
  if not good then arguments.wrong("--class: %s", options.message(picks)) end
  return dataset:subset(picks)
end

local function show_pictures(dataset, o)
  if o.class then dataset = choose(dataset, o.class) end
  local count = math.min(o.count, #dataset)
  local _, images = dataset:batches(count, { seed = o.seed }):epoch()()
  moongan.image.save_grid(o.output, images, { scale = o.scale, range = dataset.range })
  print(string.format("%s: %d images of %s", o.output, count, dataset.name))
end

function data.run(o)
  local action, name, folder = table.unpack(o.words)
  if action == "list" and not name then return show_list() end
  if action == "fetch" and name then return fetch(name, folder) end
  if (action == "info" or action == "show") and name and not folder then
    local dataset = open(name, o.settings)
    if action == "info" then return show_info(dataset) end
    return show_pictures(dataset, o)
  end
  arguments.wrong("expected %s", data.usage)
end

return data
