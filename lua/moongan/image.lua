--- Pictures: PNG files (JPEG can be read as well), and grids of samples.
--
-- A picture is a tensor (H, W, C), C being 1 (grey) or 3 (colour), or (H, W), which is grey.  Its
-- numbers lie in a range, { -1, 1 } unless said otherwise: the first is black, the second white,
-- what lies outside is clamped, NaN is black.

local moongan = require "moongan"
local options = require "moongan.options"

local core = moongan.core.image
local image = {}

local function check_tensor(function_name, value)
  if options.is(value, "moongan.Tensor") then return value:detach() end
  options.fail(function_name, "expected a tensor, got %s", options.describe(value))
end

local function check_path(function_name, path)
  if type(path) == "string" and path ~= "" and not path:find("\0", 1, true) then return path end
  options.fail(function_name, "expected a file's path, got %s", options.describe(path))
end

-- Side and channels of the square picture that is `n` numbers long in a flat row: grey where n is
-- a square number, colour where it is three times one (it cannot be both).
local function square(n)
  for _, channels in ipairs{ 1, 3 } do
    local side = math.floor(math.sqrt(n / channels) + 0.5)
    if side * side * channels == n and n > 0 then return side, channels end
  end
end

local function shape_text(tensor) return "(" .. table.concat(tensor:shape(), ", ") .. ")" end

-- A tensor (H, W, C) of what counts as one picture.
local function as_picture(function_name, tensor)
  local t = check_tensor(function_name, tensor)
  local shape = t:shape()
  local n = #shape
  if n == 4 and shape[1] == 1 then return t:reshape(shape[2], shape[3], shape[4]) end
  if n == 3 then return t end
  if n == 2 then return t:reshape(shape[1], shape[2], 1) end
  local side, channels = square(t:numel())
  if n == 1 and side then return t:reshape(side, side, channels) end
  options.fail(function_name, "expected one picture (H, W, C), (H, W) or a flat square, got %s%s", shape_text(t),
    n == 4 and "; save_grid shows many" or "")
end

-- A tensor (N, H, W, C) of what counts as several.
local function as_pictures(function_name, tensor)
  local t = check_tensor(function_name, tensor)
  local shape = t:shape()
  if #shape == 4 then return t end
  if #shape == 3 then return t:reshape(shape[1], shape[2], shape[3], 1) end
  if #shape == 2 then
    local side, channels = square(shape[2])
    if side then return t:reshape(shape[1], side, side, channels) end
  end
  options.fail(function_name,
    "expected pictures (N, H, W, C), (N, H, W) or (N, D) with D a square number or three times one, got %s",
    shape_text(t))
end

local RANGE = options.range(-1, 1)
local SAVE_OPTIONS = { range = RANGE }
local LOAD_OPTIONS = { range = RANGE, channels = options.integer(0, 0, 3) }
local GRID_OPTIONS = {
  range = RANGE,                             -- of the pictures' numbers
  columns = options.integer(nil, 1, 65535),  -- pictures in a row; default: the grid is square or a little wide
  padding = options.integer(2, 0, 65535),    -- pixels between pictures and around them
  background = options.number(0, 0, 1),      -- of the padding: 0 black to 1 white
  scale = options.integer(1, 1, 256),        -- each pixel becomes a square of this side
}

local ANIMATION_OPTIONS = {
  delay = options.number(0.1, 0, 65.5), -- seconds that each frame is shown
  plays = options.integer(0, 0),        -- how often the frames are shown, 0: for ever
}
for key, rule in pairs(GRID_OPTIONS) do ANIMATION_OPTIONS[key] = rule end

local function load_options(function_name, given)
  local o = options.check(function_name, given, LOAD_OPTIONS)
  if o.channels == 2 then options.fail(function_name, "option channels: expected 1, 3 or 0 (as stored), got 2") end
  return o.channels, o.range[1], o.range[2]
end

--- Read a PNG file of any colour type and depth, or, where mg.build().jpeg says so, a JPEG file.
-- @param path
-- @param given  channels = 1 (grey) or 3 (colour), default as stored; range = { black, white }
-- @return a tensor (H, W, C).  Transparent pixels are laid over white.
function image.load(path, given)
  check_path("mg.image.load", path)
  return options.call(core.load, path, load_options("mg.image.load", given))
end

--- The same for the contents of such a file as a string.
function image.decode(bytes, given)
  return options.call(core.decode, bytes, load_options("mg.image.decode", given))
end

--- Write one picture as an 8-bit PNG file, whole or not at all.
-- @param path
-- @param tensor  (H, W, C), (H, W), (1, H, W, C), or flat where it is square
-- @param given   range = { black, white }
function image.save(path, tensor, given)
  local range = options.check("mg.image.save", given, SAVE_OPTIONS).range
  check_path("mg.image.save", path)
  options.call(core.save, path, as_picture("mg.image.save", tensor), range[1], range[2])
end

--- The PNG file that save would write, as a string.
function image.encode(tensor, given)
  local range = options.check("mg.image.encode", given, SAVE_OPTIONS).range
  return options.call(core.encode, as_picture("mg.image.encode", tensor), range[1], range[2])
end

--- The bare pixels of any tensor, one byte for each number, in the tensor's order.
-- @return a string of as many bytes as the tensor has numbers
function image.to_bytes(tensor, given)
  local range = options.check("mg.image.to_bytes", given, SAVE_OPTIONS).range
  return options.call(core.to_bytes, check_tensor("mg.image.to_bytes", tensor), range[1], range[2])
end

local function make_grid(function_name, tensor, o)
  local pictures, low, high = as_pictures(function_name, tensor), o.range[1], o.range[2]
  local columns = o.columns or math.max(1, math.ceil(math.sqrt(pictures:size(1))))
  return options.call(core.grid, pictures, columns, o.padding, o.scale, low + o.background * (high - low))
end

--- Lay pictures out in rows, the first at the top left.
-- @param tensor  (N, H, W, C), (N, H, W), or (N, D) with D a square number or three times one
-- @param given   columns, padding, background, scale and range, see GRID_OPTIONS
-- @return one picture, a tensor (H, W, C) whose numbers are still in the range
function image.grid(tensor, given)
  local name = "mg.image.grid"
  return make_grid(name, tensor, options.check(name, given, GRID_OPTIONS))
end

--- Write such a grid as a PNG file.
function image.save_grid(path, tensor, given)
  local name = "mg.image.save_grid"
  local o = options.check(name, given, GRID_OPTIONS)
  check_path(name, path)
  options.call(core.save, path, make_grid(name, tensor, o), o.range[1], o.range[2])
end

local IEND = "\0\0\0\0IEND\xaeB`\x82"

--- Write an animation as a PNG file (APNG), which shows its first frame where animations are not known.
-- @param path
-- @param frames  a list of tensors, or a function that returns the next one at each call and nil at the end, so that
--   they need not be in memory together; each is one picture (H, W, C), or pictures (N, H, W, C) or (N, D) that
--   become a grid; all of the same size
-- @param given   delay = 0.1 (seconds), plays = 0 (for ever), and the options of grid and range
function image.save_animation(path, frames, given)
  local name = "mg.image.save_animation"
  local o = options.check(name, given, ANIMATION_OPTIONS)
  check_path(name, path)
  if type(frames) ~= "table" and not options.is(frames, "callable") then
    options.fail(name, "expected a list of tensors or a function, got %s", options.describe(frames))
  end
  local pieces, sequence, shape = { "" }, 0, nil
  for i = 1, math.huge do
    local frame
    if type(frames) == "table" then frame = frames[i] else frame = frames() end
    if frame == nil then break end
    frame = check_tensor(name, frame)
    if frame:dim() ~= 3 then frame = make_grid(name, frame, o) end
    shape = shape or frame:shape()
    if shape_text(frame) ~= "(" .. table.concat(shape, ", ") .. ")" then
      options.fail(name, "frame %d is %s, the first is (%s)", i, shape_text(frame), table.concat(shape, ", "))
    end
    pieces[i + 1], sequence = options.call(core.animation_frame, frame, o.range[1], o.range[2],
      math.floor(o.delay * 1000 + 0.5), sequence)
  end
  if not shape then options.fail(name, "expected at least one frame") end
  pieces[1] = options.call(core.animation_head, shape[1], shape[2], shape[3], #pieces - 1, o.plays)
  pieces[#pieces + 1] = IEND
  options.call(moongan.file.write, path, pieces)
end

return image
