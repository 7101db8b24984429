--- moongan train: train what a configuration describes.

local help = require "moongan.experiment.help"
local arguments = require "moongan.cli.arguments"
local experiment = require "moongan.experiment"
local options = require "moongan.options"

local train = {
  summary = "train what a configuration file describes",
  usage = "CONFIG.lua [key=value ...]",
  positional = { 1, 1 },
  settings = true,
  details = [[
A configuration is a Lua file that returns a table, and is run without access to anything else:

  return {
    data = "mnist",                            -- or fashion_mnist, cifar10, image_folder, idx
    generator = "dcgan_generator", discriminator = "dcgan_discriminator", nf = 32,
    objective = "hinge", penalty = { "r1", weight = 5 }, lr = 1e-4, epochs = 10,
  }

`moongan train CONFIG.lua --help` lists its keys, their values and meanings; key=value says something else
than the file, generator.nf=64 for an option of a part.  A run's config.json is a configuration, too.
Ctrl-C ends a run that `moongan resume` takes up again.]],
  options = {
    { long = "--continue", key = "continue", kind = "flag",
      meaning = "take up the run that is in the folder, where there is one" },
  },
}

--- Help on a configuration, where one is named.
function train.explain(list)
  for _, word in ipairs(list) do
    if word:sub(1, 1) ~= "-" and not word:find("^[%w_.]+=") then
      return help.text("moongan train " .. word, experiment.load(word))
    end
  end
  return false
end

--- A configuration file with settings: complete but for what follows from the data.  What is wrong
-- with it is wrong with the command line.
function train.configure(path, settings)
  local given = experiment.load(path)
  local good, config = pcall(experiment.configure, given, settings)
  if not good then arguments.wrong("%s: %s", path, options.message(config)) end
  return config
end

function train.run(o)
  local config = train.configure(o.words[1], o.settings)
  if o.continue then
    experiment.continue(config)
  else
    experiment.train(config)
  end
end

return train
