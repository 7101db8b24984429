--- Data sets of picture files: a folder with a sub-folder for each class.
--
-- Pictures are the files whose names end in .png, .jpg or .jpeg, in a class's folder and those in
-- it; names that begin with a dot and all other files are passed over.  Each picture becomes bytes
-- of one shape.  They are decoded once, in parallel, and kept where they fit the budget; otherwise
-- they are decoded for every batch, in the background while the batch before is at work.  Order,
-- resuming and the bits of a batch are the same either way.

local moongan = require "moongan"
local Dataset = require "moongan.data.dataset"
local find = require "moongan.data.find"
local options = require "moongan.options"

local core = moongan.core.dataset
local NAME = "mg.data.image_folder"

local DEEPEST = 32 -- folders within folders: a symbolic link may lead back up

local OPTIONS = {
  folder = options.required("string"),
  size = options.optional("integer", "table"),      -- 64: h and w of each picture, or { h, w }
  channels = options.integer(3, 1, 3),              -- 3: colour, 1: grey
  crop = options.one_of("centre", "none"),          -- what does not fit the ratio of sides is cut off, or stretched
  flip = false,                                     -- batches mirror each picture with probability 1/2
  range = options.range(-1, 1),                     -- what black and white become
  flat = false,                                     -- batches (n, h w c) in place of (n, h, w, c)
  budget = options.number(2 * 1024 ^ 3, 0),         -- bytes that decoded pictures may take in memory
  corrupt = options.one_of("refuse", "skip"),       -- a file that cannot be decoded: an error, or left out
  classes = options.optional("table"),              -- sub-folders to take, label 1 first; default: all, sorted
  unlabelled = false,                               -- no classes: pictures in the folder itself count, too
  name = options.optional("string"),                -- what printing calls it; default: the folder's name
}

local function check_size(size)
  if size == nil then return 64, 64 end
  local h, w = size, size
  if type(size) == "table" then h, w = size[1], size[2] end
  for _, side in ipairs{ h or false, w or false } do
    if not options.is(side, "integer") or side < 1 or side > 65535 then
      options.fail(NAME, "option size: expected a whole number from 1 to 65535 or two, { h, w }, got %s",
        type(size) == "table" and "{ " .. tostring(h) .. ", " .. tostring(w) .. " }" or options.describe(size))
    end
  end
  return math.tointeger(h), math.tointeger(w)
end

local function is_picture(name)
  local ending = name:match("%.(%w+)$")
  ending = ending and ending:lower()
  return ending == "png" or ending == "jpg" or ending == "jpeg"
end

-- Append the paths of all pictures in a folder and those in it.
local function add_pictures(paths, folder, depth)
  if depth > DEEPEST then options.fail(NAME, "%s: expected at most %d folders within each other", folder, DEEPEST) end
  local files, folders = options.call(moongan.file.list_folder, folder, NAME)
  for _, name in ipairs(files) do
    if is_picture(name) then paths[#paths + 1] = find.join(folder, name) end
  end
  for _, name in ipairs(folders) do add_pictures(paths, find.join(folder, name), depth + 1) end
end

local function quoted(list)
  local words = {}
  for i, word in ipairs(list) do words[i] = string.format("%q", word) end
  return table.concat(words, ", ")
end

-- The sub-folders chosen, each of them there once.
local function check_classes(chosen, there, folder)
  local known, seen = {}, {}
  for _, name in ipairs(there) do known[name] = true end
  for i, name in ipairs(chosen) do
    if not known[name] then
      options.fail(NAME, "option classes: expected names of sub-folders of %s (%s), got %s at place %d", folder,
        quoted(there), options.describe(name), i)
    end
    if seen[name] then options.fail(NAME, "option classes: %q is there twice", name) end
    seen[name] = true
  end
  if #chosen == 0 then options.fail(NAME, "option classes: expected at least one name, got none") end
  return chosen
end

-- Lists of paths, of their labels and of the classes' names.
local function labelled(folder, chosen)
  local files, folders = options.call(moongan.file.list_folder, folder, NAME)
  local classes = chosen and check_classes(chosen, folders, folder) or folders
  if #classes < 2 and not chosen then
    local loose = 0
    for _, name in ipairs(files) do loose = loose + (is_picture(name) and 1 or 0) end
    local got = #classes == 0 and "none" or quoted(classes)
    if loose > 0 then got = string.format("%s, and %d pictures in the folder itself", got, loose) end
    options.fail(NAME, "%s: expected at least two sub-folders, one for each class, got %s "
      .. "(unlabelled = true takes pictures without classes)", folder, got)
  end
  local paths, labels = {}, {}
  for label, class in ipairs(classes) do
    local before = #paths
    add_pictures(paths, find.join(folder, class), 1)
    if #paths == before then
      options.fail(NAME, "%s: expected PNG or JPEG files in it, got none", find.join(folder, class))
    end
    for i = before + 1, #paths do labels[i] = label end
  end
  return paths, labels, classes
end

local function unlabelled(folder, chosen)
  local paths = {}
  if chosen then
    local _, folders = options.call(moongan.file.list_folder, folder, NAME)
    for _, name in ipairs(check_classes(chosen, folders, folder)) do add_pictures(paths, find.join(folder, name), 1) end
  else
    add_pictures(paths, folder, 1)
  end
  if #paths == 0 then options.fail(NAME, "%s: expected PNG or JPEG files in it, got none", folder) end
  return paths
end

local function check_jpeg(paths)
  if moongan.build().jpeg then return end
  for _, path in ipairs(paths) do
    if not path:lower():find("%.png$") then
      options.fail(NAME, "%s: a JPEG file, which needs libjpeg-turbo: mg.build().jpeg is false", path)
    end
  end
end

-- Say which files were left out, and refuse a class that has lost all of its own.
local function report_skipped(dataset, total)
  local skipped = dataset.skipped
  if #skipped == 0 then return end
  io.stderr:write(string.format("%s: %d of %d pictures cannot be decoded and are left out:\n", NAME, #skipped, total))
  for i = 1, math.min(#skipped, 10) do io.stderr:write("  ", skipped[i], "\n") end
  if #skipped > 10 then io.stderr:write("  ...\n") end
  for label, count in ipairs(dataset.classes and core.counts(dataset.source, #dataset.classes) or {}) do
    if count == 0 then
      options.fail(NAME, "none of the pictures of class %q can be decoded; the first: %s", dataset.classes[label],
        skipped[1])
    end
  end
end

--- A data set of a folder of pictures.  Options: see OPTIONS.
-- @error  where there are no classes or only one, or no picture in one of them; for a picture that
--   cannot be decoded where corrupt = "refuse": at once, or where the budget is exceeded when its
--   batch is asked for
-- The data set's field `skipped` lists what is wrong with the files left out (corrupt = "skip").
return function(given)
  local o = options.check(NAME, given, OPTIONS)
  if o.folder == "" or o.folder:find("\0", 1, true) then
    options.fail(NAME, "option folder: expected a folder's path, got %s", options.describe(o.folder))
  end
  local h, w = check_size(o.size)
  if o.channels == 2 then options.fail(NAME, "option channels: expected 1 (grey) or 3 (colour), got 2") end
  local paths, labels, classes
  if o.unlabelled then
    paths = unlabelled(o.folder, o.classes)
  else
    paths, labels, classes = labelled(o.folder, o.classes)
  end
  check_jpeg(paths)
  local keep = #paths * h * w * o.channels <= o.budget
  local source = options.call(core.images, paths, labels, h, w, o.channels, o.crop == "centre", keep,
    o.corrupt == "skip")
  local dataset = Dataset.new(source, {
    name = o.name or o.folder:match("([^/]+)/*$") or o.folder, classes = classes, range = o.range, flat = o.flat,
    flip = o.flip,
  })
  report_skipped(dataset, #paths)
  return dataset
end
