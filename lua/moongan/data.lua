--- Data sets: MNIST, Fashion-MNIST and CIFAR-10 by name, any other IDX files, folders of pictures, tensors.
--
--     local ds = mg.data.fashion_mnist{ split = "train" }
--     for step, images, labels in ds:batches(64):forever() do ... end
--
-- What a data set can do is in moongan.data.dataset, what batches can do in moongan.data.batches.

local moongan = require "moongan"
local Dataset = require "moongan.data.dataset"
local find = require "moongan.data.find"
local options = require "moongan.options"
local sets = require "moongan.data.sets"

local core = moongan.core.dataset
local data = {}

local RANGE = options.range(-1, 1)

local function check_classes(function_name, classes)
  if type(classes) == "table" then
    for i, name in ipairs(classes) do
      if type(name) ~= "string" then
        options.fail(function_name, "option classes: expected a list of names, got %s at place %d",
          options.describe(name), i)
      end
    end
    if #classes > 0 then return classes end
  end
  if classes ~= nil then
    options.fail(function_name, "option classes: expected a list of at least one name, got %s",
      options.describe(classes))
  end
end

local function read_idx(images, labels, fields)
  return Dataset.new(options.call(core.idx, images, labels, fields.classes and #fields.classes or 0), fields)
end

local IDX_OPTIONS = {
  images = options.required("string"), -- path of the images, (N, H, W) or (N, H, W, C) unsigned bytes
  labels = options.optional("string"), -- path of the labels, (N) unsigned bytes from 0
  classes = options.optional("table"), -- the list of their names, label 0 first; default "1", "2", ...
  name = options.optional("string"),   -- what printing calls it; default: the path of the images
  range = RANGE,                       -- what bytes 0 and 255 become
  flat = true,                         -- batches (n, H W C); false: (n, H, W, C)
}

--- A data set of IDX files, plain or gzip.
function data.idx(given)
  local o = options.check("mg.data.idx", given, IDX_OPTIONS)
  local classes = check_classes("mg.data.idx", o.classes)
  return read_idx(o.images, o.labels, { name = o.name or o.images, classes = classes, range = o.range, flat = o.flat })
end

local NAMED_OPTIONS = {
  folder = options.optional("string"),     -- where the files are; default: found by itself
  split = options.one_of("train", "test"),
  range = RANGE,
  flat = true,
}

-- Looked for in $MOONGAN_DATA (or its sub-folder of the set's name), where Debian's package puts it,
-- and in ./data.
local function named(set, given)
  local function_name = "mg.data." .. set.name
  local o = options.check(function_name, given, NAMED_OPTIONS)
  local images, labels = find.files(function_name, set, o.split, o.folder)
  return read_idx(images, labels, {
    name = set.title .. " " .. o.split, classes = set.classes, range = o.range, flat = o.flat,
  })
end

--- MNIST (LeCun, Cortes, Burges): 60000 and 10000 digits, 28 x 28 grey.  Options: NAMED_OPTIONS.
function data.mnist(given) return named(sets.mnist, given) end

--- Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): garments, of the same sizes.  Options: NAMED_OPTIONS.
function data.fashion_mnist(given) return named(sets.fashion_mnist, given) end

local CIFAR_OPTIONS = {
  folder = options.optional("string"),     -- where the batches or the archive are; default: found by itself
  split = options.one_of("train", "test"),
  range = RANGE,
  flat = false,                            -- batches (n, 3072) in place of (n, 32, 32, 3)
  flip = false,                            -- batches mirror each image with probability 1/2
}

--- CIFAR-10 (Krizhevsky 2009): 50000 and 10000 colour images, 32 x 32, from its binary batches or the
-- archive of them as it is distributed.  Options: CIFAR_OPTIONS.  Looked for in $MOONGAN_DATA (or
-- its sub-folder cifar10 or cifar-10-batches-bin) and in ./data.
function data.cifar10(given)
  local name, set = "mg.data.cifar10", sets.cifar10
  local o = options.check(name, given, CIFAR_OPTIONS)
  local archive, files = find.batches(name, set, o.split, o.folder)
  return Dataset.new(options.call(core.cifar, archive, files, set.records, #set.classes), {
    name = set.title .. " " .. o.split, classes = set.classes, range = o.range, flat = o.flat, flip = o.flip,
  })
end

--- A data set of picture files, one sub-folder for each class: see moongan.data.image_folder.
function data.image_folder(given) return require("moongan.data.image_folder")(given) end

local TENSOR_OPTIONS = {
  classes = options.optional("table"), -- the list of their names; default "1", "2", ...
  name = "tensor",                     -- what printing calls it
  flat = false,                        -- batches (n, all else) in place of (n, sizes of one..)
}

--- A data set of the rows of a tensor (N, ..), as they are; it shares the tensor's memory.
-- @param examples  tensor
-- @param labels    tensor (N) or list of class numbers from 1, or nil
function data.from_tensor(examples, labels, given)
  local name = "mg.data.from_tensor"
  local o = options.check(name, given, TENSOR_OPTIONS)
  if type(labels) == "table" then labels = moongan.tensor(labels) end
  local source = options.call(core.from_tensor, examples, labels)
  local classes = check_classes(name, o.classes)
  local needed = core.info(source).classes
  if classes and needed > #classes then
    options.fail(name, "expected labels from 1 to %d, the classes named, got %d", #classes, needed)
  end
  return Dataset.new(source, { name = o.name, classes = classes, range = { 0, 1 }, flat = o.flat })
end

--- Fetch the official files of a set with curl and check their SHA-256.
-- @param name    "mnist", "fashion_mnist" or "cifar10"
-- @param folder  default: the set's folder in $MOONGAN_DATA, or in ./data; made where missing
-- @return the folder
-- @error  where a command or the network is missing; no partial file is left
function data.fetch(name, folder)
  local set = sets[name]
  if not set then
    options.fail("mg.data.fetch", "expected a data set's name, one of %s, got %s",
      table.concat(options.names(sets), ", "), options.describe(name))
  end
  if folder ~= nil and (type(folder) ~= "string" or folder == "" or folder:find("\0", 1, true)) then
    options.fail("mg.data.fetch", "expected a folder's path, got %s", options.describe(folder))
  end
  local environment = os.getenv("MOONGAN_DATA")
  local parent = environment and environment ~= "" and environment or "data"
  folder = folder or find.join(parent, set.folders[1])
  require("moongan.data.fetch").files("mg.data.fetch", set, folder, function(line) io.stderr:write(line, "\n") end)
  return folder
end

return data
