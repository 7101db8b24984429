--- Pictures in the terminal: as pictures where it can show them, else as blocks of colour or as letters.
--
--     mg.terminal.show(G(mg.randn(16, 100)))
--
-- What the terminal can do is read from the environment: TERM, TERM_PROGRAM, COLORTERM, KITTY_WINDOW_ID and the locale.
-- Protocols: https://sw.kovidgoyal.net/kitty/graphics-protocol and https://iterm2.com/documentation-images.html

local moongan = require "moongan"
local options = require "moongan.options"

local terminal = {}

-- ---- the terminal ----------------------------------------------------------------------------

local function find_any(text, ...)
  for _, word in ipairs{ ... } do
    if text:find(word, 1, true) then return true end
  end
  return false
end

--- How a terminal is best drawn on: "kitty", "iterm2", "blocks" (24 bits of colour), "256" (that many colours) or
-- "ascii".
-- @param getenv  function(name) -> value or nil, os.getenv unless given
function terminal.protocol(getenv)
  getenv = getenv or os.getenv
  local function get(name) return getenv(name) or "" end
  local term, program = get("TERM"), get("TERM_PROGRAM")
  -- A multiplexer between does not pass pictures on.
  if get("TMUX") == "" and not find_any(term, "screen", "tmux") then
    if get("KITTY_WINDOW_ID") ~= "" or find_any(term, "kitty", "ghostty") then return "kitty" end
    if program == "iTerm.app" or program == "WezTerm" or get("LC_TERMINAL") == "iTerm2" then return "iterm2" end
  end
  local locale = get("LC_ALL") ~= "" and get("LC_ALL") or get("LC_CTYPE") ~= "" and get("LC_CTYPE") or get("LANG")
  if not find_any(locale:lower(), "utf8", "utf-8") or term == "dumb" or term == "" then return "ascii" end
  if find_any(get("COLORTERM"), "truecolor", "24bit") or find_any(term, "direct") then return "blocks" end
  return find_any(term, "256color") and "256" or "ascii"
end

--- Columns of the terminal, 80 where they cannot be found out.
function terminal.width()
  local known = math.tointeger(tonumber(os.getenv("COLUMNS") or ""))
  if not known then
    local pipe = io.popen("{ stty size </dev/tty; } 2>/dev/null")
    known = pipe and math.tointeger(tonumber(pipe:read("a"):match("^%d+ (%d+)")))
    if pipe then pipe:close() end
  end
  return known and known > 0 and known or 80
end

-- ---- pixels ----------------------------------------------------------------------------------

-- A picture as rows of bytes: { height =, width =, at = function(y, x) -> red, green, blue }, 0-based, each pixel the
-- mean of `shrink` x `shrink` of the tensor's (H, W, C).
local function pixels_of(picture, range, shrink)
  local bytes = moongan.image.to_bytes(picture, { range = range })
  local height, width, channels = table.unpack(picture:shape())
  local function mean(y, x, channel)
    local sum, count = 0, 0
    for v = y * shrink, math.min((y + 1) * shrink, height) - 1 do
      for u = x * shrink, math.min((x + 1) * shrink, width) - 1 do
        sum, count = sum + bytes:byte((v * width + u) * channels + channel), count + 1
      end
    end
    return sum // count
  end
  return {
    height = (height + shrink - 1) // shrink,
    width = (width + shrink - 1) // shrink,
    at = function(y, x)
      local red = mean(y, x, 1)
      if channels == 1 then return red, red, red end
      return red, mean(y, x, 2), mean(y, x, 3)
    end,
  }
end

-- ---- drawing by characters -------------------------------------------------------------------

local function colour_24(red, green, blue) return string.format("2;%d;%d;%d", red, green, blue) end

-- The nearest level of a cube of 6 x 6 x 6 colours, whose levels are 0, 95, 135, 175, 215, 255.
local function cube_level(value) return value < 48 and 0 or value < 115 and 1 or (value - 35) // 40 end

local function colour_256(red, green, blue)
  if red == green and green == blue then -- 24 greys between the cube's black and white
    if red < 4 then return "5;16" end
    if red > 246 then return "5;231" end
    return string.format("5;%d", 232 + math.min(23, math.max(0, (red - 3) // 10)))
  end
  return string.format("5;%d", 16 + 36 * cube_level(red) + 6 * cube_level(green) + cube_level(blue))
end

-- Two pixels a character, one above the other: the upper half in the colour of writing, the lower in that behind it.
local function draw_blocks(pixels, colour)
  local lines = {}
  for y = 0, pixels.height - 1, 2 do
    local line, last = {}, nil
    for x = 0, pixels.width - 1 do
      local below = y + 1 < pixels.height and "48;" .. colour(pixels.at(y + 1, x)) or "49"
      local style = "38;" .. colour(pixels.at(y, x)) .. ";" .. below
      line[#line + 1] = style ~= last and "\27[" .. style .. "m▀" or "▀"
      last = style
    end
    lines[#lines + 1] = table.concat(line) .. "\27[0m\n"
  end
  return table.concat(lines)
end

local LETTERS = " .:-=+*#%@"

local function draw_letters(pixels)
  local function luma(y, x)
    local red, green, blue = pixels.at(y, x)
    return 0.299 * red + 0.587 * green + 0.114 * blue -- ITU-R BT.601
  end
  local lines = {}
  for y = 0, pixels.height - 1, 2 do
    local line = {}
    for x = 0, pixels.width - 1 do
      local light = (luma(y, x) + luma(math.min(y + 1, pixels.height - 1), x)) / 2
      local place = math.min(#LETTERS, math.floor(light / 256 * #LETTERS) + 1)
      line[x + 1] = LETTERS:sub(place, place)
    end
    lines[#lines + 1] = table.concat(line):gsub(" +$", "") .. "\n"
  end
  return table.concat(lines)
end

-- ---- drawing by pictures ---------------------------------------------------------------------

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- Base64 (RFC 4648, section 4).
function terminal.base64(bytes)
  local text = bytes:gsub("..?.?", function(three)
    local a, b, c = three:byte(1, 3)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    local four = {}
    for i = 0, #three do
      local digit = bits >> (18 - 6 * i) & 63
      four[i + 1] = DIGITS:sub(digit + 1, digit + 1)
    end
    return table.concat(four) .. ("="):rep(3 - #three)
  end)
  return text
end

local function draw_kitty(png)
  local text, parts, at = terminal.base64(png), {}, 1
  repeat
    local chunk, last = text:sub(at, at + 4095), at + 4096 > #text
    parts[#parts + 1] = string.format("\27_G%sm=%d;%s\27\\", at == 1 and "a=T,f=100," or "", last and 0 or 1, chunk)
    at = at + 4096
  until last
  return table.concat(parts) .. "\n"
end

local function draw_iterm2(png)
  return string.format("\27]1337;File=inline=1;size=%d:%s\a\n", #png, terminal.base64(png))
end

-- ---- show ------------------------------------------------------------------------------------

local PROTOCOLS = options.one_of("auto", "kitty", "iterm2", "blocks", "256", "ascii")
local SHOW_OPTIONS = {
  protocol = PROTOCOLS,                    -- what terminal.protocol says, unless given
  width = options.integer(nil, 1),         -- of the terminal, in characters
  columns = options.integer(nil, 1),       -- pictures in a row, shrunk to fit; default: as many as fit
  range = options.range(-1, 1),            -- of the pictures' numbers: black and white
}
local PICTURE_SIDE = 560 -- pixels that small pictures are enlarged to where the terminal shows pictures

-- Pictures (N, H, W, C) of what counts as several, else one picture (H, W, C).
local function pictures_of(name, tensor)
  if not moongan.is_tensor(tensor) then
    options.fail(name, "expected a tensor, got %s", options.describe(tensor))
  end
  local shape = options.call(tensor.shape, tensor)
  local n = #shape
  if n == 3 and (shape[3] == 1 or shape[3] == 3) then return tensor:reshape(1, table.unpack(shape)) end
  if n == 3 then return tensor:reshape(shape[1], shape[2], shape[3], 1) end
  if n == 4 then return tensor end
  if n == 1 then tensor, shape = tensor:reshape(1, shape[1]), { 1, shape[1] } end
  if #shape == 2 then
    for _, channels in ipairs{ 1, 3 } do
      local side = math.floor(math.sqrt(shape[2] / channels) + 0.5)
      if shape[1] ~= shape[2] and side * side * channels == shape[2] then
        return tensor:reshape(shape[1], side, side, channels)
      end
    end
    return tensor:reshape(1, shape[1], shape[2], 1)
  end
  options.fail(name, "expected pictures, a tensor of 1 to 4 dimensions, got %d", n)
end

local function as_characters(pictures, o, protocol)
  local width = o.width or terminal.width()
  local each = pictures:size(3) + 1
  local columns = math.min(o.columns or math.max(1, (width - 1) // each), pictures:size(1))
  local grid = pictures:size(1) == 1 and pictures[1]
    or moongan.image.grid(pictures, { columns = columns, padding = 1, range = o.range })
  local pixels = pixels_of(grid, o.range, math.max(1, math.ceil(grid:size(2) / width)))
  if protocol == "ascii" then return draw_letters(pixels) end
  return draw_blocks(pixels, protocol == "256" and colour_256 or colour_24)
end

local function as_picture(pictures, o, protocol)
  local n, width = pictures:size(1), pictures:size(3)
  local columns = math.min(o.columns or math.ceil(math.sqrt(n)), n)
  local scale = math.max(1, math.min(16, PICTURE_SIDE // (columns * width)))
  local grid = moongan.image.grid(pictures, { columns = columns, scale = scale, range = o.range })
  local png = moongan.image.encode(grid, { range = o.range })
  return (protocol == "kitty" and draw_kitty or draw_iterm2)(png)
end

--- What show writes, as a string.
function terminal.render(tensor, given)
  local name = "mg.terminal.show"
  local o = options.check(name, given, SHOW_OPTIONS)
  local pictures = pictures_of(name, tensor):detach()
  if pictures:numel() == 0 then options.fail(name, "expected at least one picture") end
  local channels = pictures:size(4)
  if channels ~= 1 and channels ~= 3 then options.fail(name, "expected 1 or 3 channels, got %d", channels) end
  local protocol = o.protocol == "auto" and terminal.protocol() or o.protocol
  local draw = (protocol == "kitty" or protocol == "iterm2") and as_picture or as_characters
  return draw(pictures, o, protocol)
end

--- Draw pictures in the terminal: as many in a row as fit, shrunk where even one does not.
-- @param tensor  (N, H, W, C), (N, H, W), (H, W, C), (H, W); rows (N, D) and a row (D) where D is a square number or
--   three times one
-- @param given   protocol, width, columns, range: see SHOW_OPTIONS
function terminal.show(tensor, given) io.stdout:write(terminal.render(tensor, given)):flush() end

return terminal
