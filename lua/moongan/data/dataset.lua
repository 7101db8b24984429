--- A data set: examples in memory, with labels where there are any.
--
-- Images stay bytes; what comes out are tensors of numbers in the set's range.
--   #ds, ds[i]           how many; image i (nil past the end, so ipairs works)
--   ds.name, ds.classes  what it is called; the list of its classes' names, or nil without labels
--   ds.shape             sizes of one example, { H, W, C } for images
--   ds.range, ds.flat    { black, white }; whether examples come as rows (n, H W C)
--   ds.flip              whether batches mirror images at random unless told otherwise
--   ds.streamed          whether images are decoded from their files batch by batch
--   ds.skipped           messages about files that were left out, mostly none

local moongan = require "moongan"
local Batches = require "moongan.data.batches"
local options = require "moongan.options"

local core = moongan.core.dataset

local Dataset = { __name = "moongan.Dataset" }
local methods = {}

-- Names for classes that have none: "1", "2", ...
local function numbered(count)
  local names = {}
  for i = 1, count do names[i] = tostring(i) end
  return names
end

--- A data set over one of the core.
-- @param source  userdata of moongan.core.dataset
-- @param fields  name; classes (list of names, default numbers); range; flat; flip (default false)
function Dataset.new(source, fields)
  local info = core.info(source)
  return setmetatable({
    source = source,
    name = fields.name,
    classes = info.labels and (fields.classes or numbered(info.classes)) or nil,
    count = info.count,
    shape = info.shape,
    bytes = info.bytes,
    streamed = info.streamed,
    skipped = core.skipped(source),
    range = fields.range,
    flat = fields.flat,
    flip = fields.flip or false,
  }, Dataset)
end

function Dataset.__index(self, key)
  if type(key) ~= "number" then return methods[key] end
  if math.tointeger(key) == nil or key < 1 or key > self.count then return nil end
  return (self:example(key))
end

function Dataset.__len(self) return self.count end

-- First and last example of what the caller asked for: all, one, or from..to.
local function check_span(self, function_name, first, last)
  last = last or first or self.count
  first = first or 1
  local good = options.is(first, "integer") and options.is(last, "integer") and 1 <= first and first <= last
    and last <= self.count
  if not good then
    options.fail(function_name, "expected examples first..last within 1..%d, got %s..%s", self.count, tostring(first),
      tostring(last))
  end
  return math.tointeger(first), math.tointeger(last)
end

--- Tensors of examples picked: used by batches, which may have begun to decode them ahead.
function methods:gather(picks, first, count, ahead)
  local range = self.range
  return options.call(core.gather, self.source, picks, first, count, self.flat, range[1], range[2], ahead)
end

local function span(self, function_name, first, last)
  first, last = check_span(self, function_name, first, last)
  return self:gather(core.pick_range(self.source, first, last), 1, last - first + 1)
end

--- Images first..last (one number: that one; none: all) as a tensor (n, H, W, C), or (n, H W C)
-- where the set is flat.
function methods:images(first, last) return (span(self, "images", first, last)) end

--- Their labels, a tensor (n) of class numbers from 1.
function methods:labels(first, last)
  local _, labels = span(self, "labels", first, last)
  if not labels then options.fail("labels", "expected a data set with labels, %s has none", self.name) end
  return labels
end

--- Image i as a tensor without the dimension of batches, and its class number (nil without labels).
function methods:example(i)
  local images = span(self, "example", i)
  return images:select(1, 1), self.classes and core.label(self.source, math.tointeger(i)) or nil
end

--- The numbers of all examples of a class, given by its number or its name.
function methods:class_indices(class)
  local classes = self.classes
  if not classes then options.fail("class_indices", "expected a data set with labels, %s has none", self.name) end
  local number = math.tointeger(class)
  for i, name in ipairs(classes) do
    if name == class then number = i end
  end
  if not number or number < 1 or number > #classes then
    options.fail("class_indices", "expected a class number from 1 to %d or a class's name, got %s", #classes,
      options.describe(class))
  end
  return core.class_indices(self.source, number)
end

--- A data set of some of the examples, which shares their memory.
-- @param which  a list of example numbers, or the first of them
-- @param last   in the second case: the last of them
function methods:subset(which, last)
  local picks
  if type(which) == "table" then
    picks = options.call(core.pick_list, self.source, which)
  else
    picks = core.pick_range(self.source, check_span(self, "subset", which, last))
  end
  return Dataset.new(options.call(core.subset, self.source, picks), self)
end

--- What the examples are like, over all of them.
-- @return { mean =, std = (lists, one number for each channel, in the set's range),
--   counts = (list of examples of each class, nil without labels) }
function methods:statistics()
  local result = options.call(core.statistics, self.source)
  local low, factor = 0, 1
  if self.bytes then low, factor = self.range[1], (self.range[2] - self.range[1]) / 255 end
  for k, mean in ipairs(result.mean) do
    result.mean[k], result.std[k] = low + factor * mean, math.abs(factor) * result.std[k]
  end
  result.counts = self.classes and core.counts(self.source, #self.classes)
  return result
end

--- Batches of `size` examples: see moongan.data.batches.
-- @param given  shuffle (true), drop_last (true), seed (drawn), flip (as the data set says)
function methods:batches(size, given) return Batches.new(self, size, given) end

-- At most `limit` of a list, with commas.
local function some(list, limit)
  if #list <= limit then return table.concat(list, ", ") end
  return table.concat(list, ", ", 1, limit) .. ", ..."
end

function Dataset.__tostring(self)
  local elements = 1
  for _, size in ipairs(self.shape) do elements = elements * size end
  local batch = self.flat and { elements } or self.shape
  local lines = {
    string.format("%s: %d examples", self.name, self.count),
    string.format("  each     (%s), in batches (%s)", table.concat(self.shape, ", "),
      table.concat({ "n", table.unpack(batch) }, ", ")),
    self.bytes and string.format("  values   bytes%s, 0..255 become %g..%g",
      self.streamed and " decoded for each batch" or "", self.range[1], self.range[2])
      or "  values   numbers, as they are",
    self.classes and string.format("  classes  %d: %s", #self.classes, some(self.classes, 12)) or "  classes  none",
  }
  return table.concat(lines, "\n")
end

return Dataset
