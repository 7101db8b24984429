local encode = require "spec.encode"
local helper = require "spec.helper"
local mg = require "moongan"

local image = mg.image
local BYTES = { range = { 0, 255 } } -- numbers that are the bytes themselves

-- The samples of a PNG file, decoded, as one flat list of bytes; and its shape.
local function decoded(png, options)
  local o = { range = { 0, 255 }, channels = options and options.channels }
  local t = image.decode(png, o)
  return helper.flat(t), t:shape()
end

-- The same list by a formula: sample(x, y) -> list of bytes.
local function expected(width, height, sample)
  local list = {}
  for y = 0, height - 1 do
    for x = 0, width - 1 do
      for _, value in ipairs(sample(x, y)) do list[#list + 1] = value end
    end
  end
  return list
end

local function check_png(o, sample, options)
  local list, shape = decoded(encode.png(o), options)
  local want = expected(o.width, o.height, sample)
  assert.same({ o.height, o.width, #want // (o.width * o.height) }, shape)
  helper.near(want, list, 1e-4) -- half a level would be 0.5
end

local function over_white(value, alpha) return (value * alpha + 255 * (255 - alpha) + 127) // 255 end

describe("reading PNG", function()
  -- 9 x 11 leaves every pass of the interlaced form pixels and odd ends.
  local function picture(fields)
    local o = { width = 9, height = 11 }
    for key, value in pairs(fields) do o[key] = value end
    return o
  end

  for _, interlaced in ipairs{ false, true } do
    local how = interlaced and ", interlaced" or ""

    for _, depth in ipairs{ 1, 2, 4, 8, 16 } do
      it("grey of " .. depth .. " bits" .. how, function()
        local top = (1 << depth) - 1
        local function value(x, y) return (x * 37 + y * 91) * 257 % (top + 1) end
        check_png(picture{ type = 0, depth = depth, interlaced = interlaced,
          pixel = function(x, y) return { value(x, y) } end },
          function(x, y) return { (value(x, y) * 255 + top // 2) // top } end)
      end)
    end

    for _, depth in ipairs{ 8, 16 } do
      local unit = depth == 16 and 257 or 1
      local function level(x, y, k) return (x * 29 + y * 17 + k * 71) % 256 end

      it("colour of " .. depth .. " bits" .. how, function()
        local function rgb(x, y, m) return { level(x, y, 1) * m, level(x, y, 2) * m, level(x, y, 3) * m } end
        check_png(picture{ type = 2, depth = depth, interlaced = interlaced,
          pixel = function(x, y) return rgb(x, y, unit) end }, function(x, y) return rgb(x, y, 1) end)
      end)

      it("grey and alpha of " .. depth .. " bits, over white" .. how, function()
        check_png(picture{ type = 4, depth = depth, interlaced = interlaced,
          pixel = function(x, y) return { level(x, y, 1) * unit, level(x, y, 2) * unit } end },
          function(x, y) return { over_white(level(x, y, 1), level(x, y, 2)) } end)
      end)

      it("colour and alpha of " .. depth .. " bits, over white" .. how, function()
        local function samples(x, y)
          return { level(x, y, 1) * unit, level(x, y, 2) * unit, level(x, y, 3) * unit, level(x, y, 4) * unit }
        end
        check_png(picture{ type = 6, depth = depth, interlaced = interlaced, pixel = samples }, function(x, y)
          local alpha = level(x, y, 4)
          local function over(k) return over_white(level(x, y, k), alpha) end
          return { over(1), over(2), over(3) }
        end)
      end)
    end

    for _, depth in ipairs{ 1, 2, 4, 8 } do
      it("a palette of " .. depth .. " bits" .. how, function()
        local colours = 1 << depth
        local function colour(i) return { i * 7 % 256, 255 - i, i * i % 256 } end
        local palette = encode.bytes(3 * colours, function(i) return colour((i - 1) // 3)[(i - 1) % 3 + 1] end)
        local function index(x, y) return (x * 3 + y * 5) % colours end
        check_png(picture{ type = 3, depth = depth, interlaced = interlaced, chunks = encode.chunk("PLTE", palette),
          pixel = function(x, y) return { index(x, y) } end },
          function(x, y) return colour(index(x, y)) end)
      end)
    end
  end

  it("transparent colours, over white", function()
    check_png({ width = 3, height = 1, type = 0, depth = 8, chunks = encode.chunk("tRNS", "\0\10"),
      pixel = function(x) return { x * 10 } end }, function(x) return { x == 1 and 255 or x * 10 } end)
    check_png({ width = 3, height = 1, type = 2, depth = 8, chunks = encode.chunk("tRNS", "\0\10\0\10\0\10"),
      pixel = function(x) return { x * 10, x * 10, 10 } end },
      function(x) return x == 1 and { 255, 255, 255 } or { x * 10, x * 10, 10 } end)
    check_png({ width = 3, height = 1, type = 3, depth = 2,
      chunks = encode.chunk("PLTE", "\0\0\0\100\100\100\200\200\200") .. encode.chunk("tRNS", "\255\128"),
      pixel = function(x) return { x } end },
      function(x) local v = x == 1 and over_white(100, 128) or x * 100; return { v, v, v } end)
  end)

  it("leaves gamma aside", function()
    check_png({ width = 4, height = 1, type = 0, depth = 8, chunks = encode.chunk("gAMA", string.pack(">I4", 100000)),
      pixel = function(x) return { x * 60 } end }, function(x) return { x * 60 } end)
  end)

  it("converts to grey and to colour on request", function()
    local function rgb(x, y) return { x * 50, y * 60, (x + y) * 20 } end
    local colour = { width = 5, height = 4, type = 2, depth = 8, pixel = rgb }
    check_png(colour, function(x, y)
      local c = rgb(x, y)
      return { (c[1] * 19595 + c[2] * 38470 + c[3] * 7471 + 32768) >> 16 }
    end, { channels = 1 })
    check_png(colour, rgb, { channels = 3 })
    local grey = { width = 256, height = 1, type = 0, depth = 8, pixel = function(x) return { x } end }
    check_png(grey, function(x) return { x, x, x } end, { channels = 3 })
    check_png(grey, function(x) return { x } end, { channels = 1 })
    -- Grey colours stay as they are.
    check_png({ width = 256, height = 1, type = 2, depth = 8, pixel = function(x) return { x, x, x } end },
      function(x) return { x } end, { channels = 1 })
  end)

  it("brings bytes to the range", function()
    local png = encode.png{ width = 256, height = 1, type = 0, depth = 8, pixel = function(x) return { x } end }
    local unit, default = helper.flat(image.decode(png, { range = { 0, 1 } })), helper.flat(image.decode(png))
    for i = 0, 255 do
      helper.near(i / 255, unit[i + 1], 1e-6)
      helper.near(2 * i / 255 - 1, default[i + 1], 1e-6)
    end
    assert.equal(1, default[256])
    assert.equal(-1, default[1])
    assert.equal(1, unit[256])
    helper.near({ 1, -1 }, { helper.flat(image.decode(png, { range = { 1, -1 } }))[1],
      helper.flat(image.decode(png, { range = { 1, -1 } }))[256] })
  end)
end)

describe("hostile PNG", function()
  local good = encode.png{ width = 6, height = 5, type = 6, depth = 8, interlaced = true,
    chunks = encode.chunk("tEXt", "Comment\0hello"),
    pixel = function(x, y) return { x * 40, y * 50, 128, 255 - x } end }

  it("cut short at any byte is an error", function()
    for length = 0, #good - 1 do
      helper.error_like(function() image.decode(good:sub(1, length)) end, "mg%.image%.decode: ")
    end
    assert.same({ 5, 6, 3 }, image.decode(good):shape())
  end)

  it("with bytes changed is a picture or an error", function()
    for seed = 1, 1500 do
      local bytes = good
      for change = 1, 1 + seed % 3 do
        local at = math.floor((helper.hash(seed, 2 * change) + 1) / 2 * #good) + 1
        local byte = math.floor((helper.hash(seed, 2 * change + 1) + 1) * 128)
        bytes = bytes:sub(1, at - 1) .. string.char(byte) .. bytes:sub(at + 1)
      end
      local ok, result = pcall(image.decode, bytes)
      local expected_kind = ok and result:dim() == 3 or not ok and result:find("mg.image.decode: ", 1, true)
      if not expected_kind then error(string.format("change %d: %s", seed, tostring(result))) end
    end
  end)

  it("with chunks changed behind right checksums is a picture or an error", function()
    -- Header fields, palettes and data that libpng has to refuse itself.
    local function with_header(fields)
      return encode.SIGNATURE .. encode.chunk("IHDR", string.pack(">I4I4BBBBB", table.unpack(fields)))
        .. encode.chunk("IDAT", "\x78\x01\3\0\0\0\0\1") .. encode.chunk("IEND", "")
    end
    for _, fields in ipairs{
      { 0, 5, 8, 0, 0, 0, 0 }, { 5, 0, 8, 0, 0, 0, 0 }, { 5, 5, 3, 0, 0, 0, 0 }, { 5, 5, 8, 1, 0, 0, 0 },
      { 5, 5, 16, 3, 0, 0, 0 }, { 5, 5, 8, 0, 1, 0, 0 }, { 5, 5, 8, 0, 0, 1, 0 }, { 5, 5, 8, 0, 0, 0, 2 },
      { 5, 5, 8, 3, 0, 0, 0 }, { 5, 5, 8, 0, 0, 0, 0 },
    } do
      helper.error_like(function() image.decode(with_header(fields)) end, "expected a complete PNG file: ")
    end
    for _, fields in ipairs{ { 65536, 1, 8, 0, 0, 0, 0 }, { 0x7FFFFFFF, 0x7FFFFFFF, 16, 6, 0, 0, 1 } } do
      helper.error_like(function() image.decode(with_header(fields)) end, "expected a complete PNG file: ")
    end
    helper.error_like(function() image.decode(with_header{ 60000, 60000, 8, 6, 0, 0, 0 }) end, "more than 2%^26 pixels")
    helper.error_like(function() image.decode(with_header{ 8000, 8000, 8, 6, 0, 0, 0 }) end, "too short for its width")
  end)

  it("takes no more memory than it fills, whatever lengths it claims", function()
    if not encode.read("/proc/self/status") then return end -- not Linux
    helper.with_folder(function(folder)
      encode.write(folder .. "/x.png",
        encode.SIGNATURE .. good:sub(9, 33) .. string.pack(">I4", 0x60000000) .. "tEXt" .. good:sub(42))
      local text = helper.run_lua(string.format([[
        print(pcall(require("moongan").image.load, %q))
        print(io.open("/proc/self/status"):read("a"):match("VmHWM:%%s*(%%d+)"))]], folder .. "/x.png"))
      assert.matches("the file ends early", text)
      assert.is_true(tonumber(text:match("(%d+)%s*$")) < 200000, text) -- kilobytes
    end)
  end)

  it("that is no PNG at all is an error that names the file", function()
    helper.with_folder(function(folder)
      local path = encode.write(folder .. "/x.png", "GIF89a, not a PNG file")
      helper.error_like(function() image.load(path) end, { "mg%.image%.load: ", "x%.png: not a PNG or JPEG file" })
      encode.write(path, "")
      helper.error_like(function() image.load(path) end, "x%.png: not a PNG or JPEG file")
      encode.write(path, good:sub(1, 60))
      helper.error_like(function() image.load(path) end, "x%.png: expected a complete PNG file: ")
      helper.error_like(function() image.load(folder) end, "expected a regular file")
      helper.error_like(function() image.load(folder .. "/y.png") end, "y%.png: cannot open: No such file")
    end)
  end)

  it("leaves no tensor behind", function()
    helper.leak_check(function()
      for length = 0, #good do pcall(image.decode, good:sub(1, length)) end
    end)
  end)
end)

describe("writing PNG", function()
  it("keeps bytes, grey and colour", function()
    helper.with_folder(function(folder)
      local path = folder .. "/x.png"
      for _, channels in ipairs{ 1, 3 } do
        local t = mg.tensor((function()
          local values = {}
          for i = 1, 7 * 13 * channels do values[i] = i * 5 % 256 end
          return values
        end)()):reshape(7, 13, channels)
        image.save(path, t, BYTES)
        helper.same_bits(t, image.load(path, BYTES))
        assert.equal(image.encode(t, BYTES), encode.read(path))
        helper.same_bits(t, image.decode(encode.read(path), BYTES))
        assert.same({ "x.png" }, encode.list(folder))
      end
    end)
  end)

  it("comes back from the default range within half a level", function()
    local t = helper.values({ 12, 9, 3 }, 1)
    helper.near(t, image.decode(image.encode(t)), 1 / 255 + 1e-6)
  end)

  it("rounds, clamps, and writes NaN as black", function()
    local nan, huge = 0 / 0, math.huge
    local function level(x) return 2 * x / 255 - 1 end
    local t = mg.tensor{ -1, 1, 0, 2, -2, nan, huge, -huge, level(0.49), level(0.51), level(254.6) }
    assert.equal("\0\255\128\255\0\0\255\0\0\1\255", image.to_bytes(t))
    assert.equal("\255\0", image.to_bytes(mg.tensor{ 0, 1 }, { range = { 1, 0 } }))
    assert.equal("", image.to_bytes(mg.zeros(0)))
  end)

  it("is the same with any number of threads", function()
    local t = helper.values({ 200, 300, 3 }, 5)
    local one = helper.with_threads(1, function() return image.encode(t) end)
    assert.equal(one, helper.with_threads(4, function() return image.encode(t) end))
  end)

  it("accepts the shapes that mean one picture", function()
    local t = helper.values({ 6, 6 }, 2)
    local bytes = image.encode(t)
    for _, shape in ipairs{ { 6, 6, 1 }, { 1, 6, 6, 1 }, { 36 } } do
      assert.equal(bytes, image.encode(t:reshape(shape)))
    end
    assert.same({ 2, 2, 3 }, image.decode(image.encode(mg.zeros(12))):shape())
    local leaf = helper.values({ 4, 4 }, 3):requires_grad_(true)
    assert.equal(image.encode(leaf:detach()), image.encode(leaf * 1))
  end)

  it("refuses other shapes, and says what came", function()
    for _, t in ipairs{ mg.zeros(2, 6, 6, 1), mg.zeros(6, 6, 2), mg.zeros(6, 6, 4), mg.zeros(7), mg.zeros(0, 4, 1),
      mg.zeros{}, mg.zeros(0), mg.zeros(1, 1, 1, 1, 1) } do
      helper.error_like(function() image.encode(t) end, { "mg%.image%.encode: expected ",
        "got %(" .. table.concat(t:shape(), ", ") .. "%)" })
    end
    helper.error_like(function() image.encode(mg.zeros(2, 6, 6, 1)) end, "save_grid shows many")
    helper.error_like(function() image.encode("x") end, 'expected a tensor, got string "x"')
    helper.error_like(function() image.save(3, mg.zeros(2, 2)) end,
      "mg%.image%.save: expected a file's path, got number 3")
    helper.error_like(function() image.save("a\0b", mg.zeros(2, 2)) end, "expected a file's path")
    helper.error_like(function() image.encode(mg.zeros(2, 2), { range = { 1, 1 } }) end, "two different finite numbers")
    helper.error_like(function() image.load("x.png", { channels = 2 }) end, "option channels: expected 1, 3 or 0")
    helper.error_like(function() image.encode(mg.zeros(65536, 1)) end, "at most 65535 x 65535 pixels")
  end)
end)

describe("files written", function()
  local picture = mg.zeros(3, 3)

  it("replace what was there, follow links, and leave no other file", function()
    helper.with_folder(function(folder)
      encode.write(folder .. "/real.png", "old")
      assert(os.execute("ln -s real.png '" .. folder .. "/link.png'"))
      image.save(folder .. "/link.png", picture)
      assert.equal(image.encode(picture), encode.read(folder .. "/real.png"))
      assert.same({ "link.png", "real.png" }, encode.list(folder))
      assert.is_true(os.execute("test -L '" .. folder .. "/link.png'"))
    end)
  end)

  it("are refused where they cannot be, and leave nothing behind", function()
    helper.with_folder(function(folder)
      encode.write(folder .. "/file", "x")
      helper.error_like(function() image.save(folder .. "/none/x.png", picture) end, "none/x%.png: cannot create")
      helper.error_like(function() image.save(folder .. "/file/x.png", picture) end, "file/x%.png: cannot")
      helper.error_like(function() image.save(folder, picture) end, "it is a folder")
      helper.error_like(function() image.save("/dev/null", picture) end, "it is a device")
      helper.error_like(function() image.save("/" .. ("x"):rep(5000), picture) end, "the path is longer than")
      assert.same({ "file" }, encode.list(folder))
    end)
  end)

  it("are all or nothing when the disk is full", function()
    helper.with_folder(function(folder)
      encode.write(folder .. "/x.png", "old")
      -- A limit on the size of files stands for the full disk; the ignored signal makes it an error.
      local code = string.format([[
        local mg = require "moongan"
        print(pcall(mg.image.save, %q, mg.rand(200, 200)))]], folder .. "/x.png")
      local text = helper.run("trap '' XFSZ; ulimit -f 8; " .. helper.lua_command(code))
      assert.matches("false.*x%.png: cannot write: File too large", text)
      assert.same({ "x.png" }, encode.list(folder))
      assert.equal("old", encode.read(folder .. "/x.png"))
    end)
  end)

  it("make folders on the way", function()
    helper.with_folder(function(folder)
      mg.file.make_folder(folder .. "/a/b//c/")
      mg.file.make_folder(folder .. "/a/b/c")
      mg.file.write(folder .. "/a/b/c/x", "some\0bytes")
      assert.equal("some\0bytes", encode.read(folder .. "/a/b/c/x"))
      helper.error_like(function() mg.file.make_folder(folder .. "/a/b/c/x/d") end,
        "cannot make the folder: Not a directory")
      helper.error_like(function() mg.file.make_folder("") end, "a folder's path has 1 to")
      helper.error_like(function() mg.file.write(folder .. "/y", 3) end, "mg%.file%.write: argument 2 %(bytes%)")
    end)
  end)
end)

describe("grids", function()
  -- Picture i of n is filled with level i / n.
  local function pictures(n, h, w, c)
    local t = mg.zeros(n, h, w, c)
    for i = 1, n do t[i] = i / n end
    return t
  end

  -- A grid by definition: pixel (y, x) of the result.
  local function naive(t, columns, padding, scale, background)
    local n, h, w, c = table.unpack(t:shape())
    columns = math.min(columns, n)
    local rows = (n + columns - 1) // columns
    local height, width = rows * (h * scale + padding) + padding, columns * (w * scale + padding) + padding
    local values, list = t:totable(), {}
    for y = 0, height - 1 do
      for x = 0, width - 1 do
        local row, column = (y - padding) // (h * scale + padding), (x - padding) // (w * scale + padding)
        local inner_y, inner_x = (y - padding) % (h * scale + padding), (x - padding) % (w * scale + padding)
        local inside = y >= padding and x >= padding and inner_y < h * scale and inner_x < w * scale
        local picture = inside and values[row * columns + column + 1]
        for k = 1, c do
          list[#list + 1] = picture and picture[inner_y // scale + 1][inner_x // scale + 1][k] or background
        end
      end
    end
    return mg.tensor(list):reshape(height, width, c)
  end

  it("are laid out in rows with padding", function()
    for _, case in ipairs{
      { 5, 3, 4, 1, 3, 2, 1 }, { 4, 2, 2, 3, 2, 0, 3 }, { 1, 3, 3, 1, 8, 1, 2 }, { 7, 2, 5, 3, 7, 3, 1 },
    } do
      local n, h, w, c, columns, padding, scale = table.unpack(case)
      local t = helper.values({ n, h, w, c }, n)
      helper.same_bits(naive(t, columns, padding, scale, -0.5),
        image.grid(t, { columns = columns, padding = padding, scale = scale, background = 0.25 }))
    end
  end)

  it("are square or a little wide, black between, unless told otherwise", function()
    helper.same_bits(naive(pictures(10, 2, 2, 1), 4, 2, 1, -1), image.grid(pictures(10, 2, 2, 1)))
    helper.same_bits(naive(pictures(9, 2, 2, 1), 3, 2, 1, 0), image.grid(pictures(9, 2, 2, 1), { range = { 0, 1 } }))
  end)

  it("take flat rows as square pictures, grey or colour", function()
    local grey, colour = helper.values({ 3, 49 }, 1), helper.values({ 2, 75 }, 2)
    helper.same_bits(image.grid(grey:reshape(3, 7, 7, 1)), image.grid(grey))
    helper.same_bits(image.grid(grey:reshape(3, 7, 7, 1)), image.grid(grey:reshape(3, 7, 7)))
    helper.same_bits(image.grid(colour:reshape(2, 5, 5, 3)), image.grid(colour))
  end)

  it("are written as they are laid out", function()
    helper.with_folder(function(folder)
      local t, o = helper.values({ 6, 5, 5, 3 }, 4), { columns = 3, scale = 2, background = 1 }
      image.save_grid(folder .. "/grid.png", t, o)
      assert.equal(image.encode(image.grid(t, o)), encode.read(folder .. "/grid.png"))
    end)
  end)

  it("refuse what they cannot lay out", function()
    local t = mg.zeros(4, 3, 3, 1)
    for _, wrong in ipairs{ mg.zeros(4, 50), mg.zeros(4), mg.zeros(0, 3, 3, 1), mg.zeros(2, 0, 3, 1), mg.zeros{} } do
      helper.error_like(function() image.grid(wrong) end, "mg%.image%.grid: expected pictures %(N, H, W, C%)")
    end
    helper.error_like(function() image.save_grid("x.png", mg.zeros(2, 3, 3, 2)) end,
      "expected a picture %(H, W, 1%) or %(H, W, 3%), got ")
    helper.error_like(function() image.grid(t, { columns = 0 }) end, "option columns: expected a whole number from 1")
    helper.error_like(function() image.grid(t, { padding = -1 }) end, "option padding")
    helper.error_like(function() image.grid(t, { scale = 0.5 }) end, "option scale")
    helper.error_like(function() image.grid(t, { background = 2 }) end, "option background")
    helper.error_like(function() image.grid(t, { colums = 2 }) end, 'did you mean "columns"')
    helper.error_like(function() image.grid{} end, "expected a tensor, got table")
    -- The core itself stands whatever it is given.
    local core = mg.core.image
    local function refused(...)
      local arguments = table.pack(...)
      helper.error_like(function() core.grid(table.unpack(arguments, 1, arguments.n)) end, "mg%.image%.grid: ")
    end
    refused(t, 1, 2147483647, 2147483647, 0)
    refused(mg.zeros(4), 1, 1, 1, 0)
    refused(t, 1, -1, 1, 0)
    refused(nil, 1, 1, 1, 0)
    refused(t)
  end)

  it("survive a busy collector", function()
    helper.gc_stress(function()
      local t = helper.values({ 2, 3, 3, 1 }, 1)
      for _ = 1, 20 do image.decode(image.encode(image.grid(t))) end
    end)
  end)
end)
