--- What may stand at the top of a configuration beside its parts: a list of { name, rule, meaning }.
-- Rules are those of moongan.options; keys without a meaning follow from the rest of a
-- configuration and are not shown to people.

local options = require "moongan.options"

local keys = {
  { "name", options.optional("string"), "what the run is called" },
  { "n_critic", options.integer(1, 1), "updates of the discriminator in an iteration," },
  { "n_generator", options.integer(1, 1), "and of the generator after them" },
  { "clip", options.number(nil, 0), "bound of the discriminator's weights" },
  { "clip_grad_norm", options.number(nil, 0), "bound of the norm of an update's gradients" },
  { "accumulate", options.integer(1, 1), "batches that an update adds the gradients of" },
  { "unrolled", options.integer(nil, 1), "steps of the discriminator that the generator looks ahead" },
  { "auxiliary", options.number(nil, 0), "weight of the class loss (acgan_discriminator: 1)" },
  { "nz", options.integer(100, 1), "size of the noise" },
  { "noise", options.one_of("normal", "uniform"), "its distribution" },
  { "range", options.range(-1, 1), "what black and white are in images" },
  { "batch", options.integer(64, 1), "images in a batch" },
  { "average", options.number(0, 0, 0.99999), "decay of the running average of weights that samples use; 0: none" },
  { "epochs", options.number(0, 0), "passes over the data; 0: no limit" },
  { "iterations", options.integer(0, 0), "updates of the generator; 0: no limit" },
  { "seconds", options.number(0, 0), "time; 0: no limit" },
  { "seed", options.integer(1, 0), "of weights, noise and the order of the data" },
  { "threads", options.integer(0, 0, 256), "processor cores to use; 0: as they are" },
  { "out", options.optional("string"), "folder for what the run leaves behind" },
  { "grid", { 8, 8 }, "rows and columns of a picture of samples; conditional: rows are classes" },
  { "sample_every", options.integer(500, 0), "iterations between two pictures of samples; 0: only the last" },
  { "log_every", options.integer(100, 1), "iterations between two rows of stats.jsonl" },
  { "checkpoint_every", options.integer(nil, 1), "iterations between two checkpoints; default: about a minute" },
  { "keep_every", options.integer(nil, 1), "iterations between two checkpoints that stay" },
  { "overwrite", false, "a run that is in the folder already may go" },
  { "animation", true, "an animated picture of the samples, at the end" },
  { "tensorboard", false, "event files as well" },
  { "verbose", false, "print what log.txt gets" },
  { "quiet", false, "print nothing while training" },
  { "conditional", options.integer(nil, 2) },     -- number of classes that the networks are told
  { "labels", options.optional("string") },       -- how: "one_hot", "number"
  { "class_names", options.optional("table") },   -- and what people call them
}

--- What a configuration file says about itself, for people, and its choices between networks.
keys.about = {
  about = options.optional("string"),  -- a line for --help
  model = options.optional("string"),  -- one of the names in
  models = options.optional("table"),  -- name -> entries that take the place of the file's own
}

--- name -> rule
keys.rules = {}
for _, row in ipairs(keys) do keys.rules[row[1]] = row[2] end

return keys
