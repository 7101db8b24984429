--- Event files: scalars, pictures and text over the steps of a run, for TensorBoard to show.
--
--     local writer <close> = mg.events.open("runs/mine/events")
--     writer:scalar("loss/generator", step, loss:item())
--     writer:image("samples", step, G(z), { columns = 8 })
--     writer:text("config", 0, "nf = 64")
--     writer:flush()
--
-- A file is a list of records, each its length, the bytes of an event and check sums of both; an event is a message
-- in the encoding of protocol buffers (event.proto, summary.proto and tensor.proto of TensorFlow name the fields).

local moongan = require "moongan"
local options = require "moongan.options"

local crc32c = moongan.core.bytes.crc32c
local events = {}

local BUFFER = 1 << 18 -- bytes kept before they are written without being asked to

-- ---- protocol buffers ------------------------------------------------------------------------

local function varint(value)
  local bytes = {}
  repeat
    local rest = value >> 7
    bytes[#bytes + 1] = string.char(value & 0x7F | (rest > 0 and 0x80 or 0))
    value = rest
  until value == 0
  return table.concat(bytes)
end

local function integer_field(number, value) return varint(number << 3) .. varint(value) end
local function double_field(number, value) return varint(number << 3 | 1) .. string.pack("<d", value) end
local function float_field(number, value) return varint(number << 3 | 5) .. string.pack("<f", value) end
-- Text, bytes and messages.
local function bytes_field(number, value) return varint(number << 3 | 2) .. varint(#value) .. value end

-- ---- records ---------------------------------------------------------------------------------

-- A check sum as records have it: of bytes that may hold check sums themselves, hence turned and moved.
local function masked(bytes)
  local sum = crc32c(bytes)
  return string.pack("<I4", ((sum >> 15 | sum << 17) + 0xA282EAD8) & 0xFFFFFFFF)
end

local function record(data)
  local length = string.pack("<I8", #data)
  return length .. masked(length) .. data .. masked(data)
end

local Writer = { __name = "moongan.EventWriter" }
Writer.__index = Writer

local function write(self, step, content)
  local now = self.opened + (moongan.clock() - self.clock)
  local data = double_field(1, now) .. integer_field(2, step) .. content
  self.waiting[#self.waiting + 1] = record(data)
  self.size = self.size + #data
  if self.size > BUFFER then self:flush() end
end

-- A file's name that nobody has: readers look for "tfevents", and take files in the order of their names.
local function new_path(folder, time)
  local n = 0
  while true do
    local path = string.format("%s/events.out.tfevents.%010d.moongan.%d", folder, time, n)
    if not moongan.file.exists(path) then return path end
    n = n + 1
  end
end

local OPEN_OPTIONS = { from = options.integer(nil, 0) }

--- Start a new event file in a folder, which is made where there is none.  A reader shows all files of a folder as one.
-- @param given  from = step: the run goes on from this step, and what earlier files say of it and later ones is void
-- @return a writer; closing it (also as a <close> variable) writes what is left
function events.open(folder, given)
  local name = "mg.events.open"
  local from = options.check(name, given, OPEN_OPTIONS).from
  options.call(moongan.file.make_folder, folder)
  local time = os.time()
  local self = setmetatable({ path = new_path(folder, time), opened = time, clock = moongan.clock(), waiting = {},
    size = 0 }, Writer)
  write(self, 0, bytes_field(3, "brain.Event:2"))
  if from then write(self, from, bytes_field(7, integer_field(1, 1))) end -- a log of the session: it starts
  self:flush()
  return self
end

local function check(self, name, tag, step)
  if not self.waiting then options.fail(name, "the writer is closed") end
  if type(tag) ~= "string" or tag == "" or not utf8.len(tag) then
    options.fail(name, "tag: expected a name, got %s", options.describe(tag))
  end
  if type(step) ~= "number" or not math.tointeger(step) or step < 0 then
    options.fail(name, "step: expected a whole number of at least 0, got %s", options.describe(step))
  end
  return math.tointeger(step)
end

local function write_value(self, step, tag, content)
  write(self, step, bytes_field(5, bytes_field(1, bytes_field(1, tag) .. content)))
end

--- A number at a step, kept in 32 bits; NaN and infinity too.  Tags with slashes are grouped by what is before.
function Writer:scalar(tag, step, value)
  local name = "EventWriter:scalar"
  step = check(self, name, tag, step)
  if type(value) ~= "number" then options.fail(name, "value: expected a number, got %s", options.describe(value)) end
  write_value(self, step, tag, float_field(2, value))
end

--- A picture at a step.
-- @param tensor  (H, W, C), or pictures (N, H, W, C) or (N, D), which become a grid
-- @param given   the options of mg.image.grid
function Writer:image(tag, step, tensor, given)
  step = check(self, "EventWriter:image", tag, step)
  local range = given and given.range
  local picture = moongan.is_tensor(tensor) and tensor:dim() == 3 and tensor or moongan.image.grid(tensor, given)
  local png = moongan.image.encode(picture, { range = range })
  local width, height = string.unpack(">I4I4", png, 17)
  local fields = { integer_field(1, height), integer_field(2, width), integer_field(3, picture:size(3)),
    bytes_field(4, png) }
  write_value(self, step, tag, bytes_field(4, table.concat(fields)))
end

-- Of a tensor of one text: type DT_STRING, shape (1).
local TEXT_TENSOR = integer_field(1, 7) .. bytes_field(2, bytes_field(2, integer_field(1, 1)))
local TEXT_PLUGIN = bytes_field(9, bytes_field(1, bytes_field(1, "text")))

--- Text (Markdown) at a step.
function Writer:text(tag, step, text)
  local name = "EventWriter:text"
  step = check(self, name, tag, step)
  if type(text) ~= "string" then options.fail(name, "text: expected a string, got %s", options.describe(text)) end
  write_value(self, step, tag, bytes_field(8, TEXT_TENSOR .. bytes_field(8, text)) .. TEXT_PLUGIN)
end

--- Write what waits to the file.  Where that fails it keeps waiting.
function Writer:flush()
  if not self.waiting or #self.waiting == 0 then return end
  options.call(moongan.file.append, self.path, table.concat(self.waiting))
  self.waiting, self.size = {}, 0
end

--- Write what waits, and take no more.
function Writer:close()
  self:flush()
  self.waiting = nil
end

Writer.__close = Writer.close

return events
