-- Picture files: JPEG, and any picture brought to a size, against what Pillow makes of them
-- (fixtures/picture_golden.py).

local encode = require "spec.encode"
local helper = require "spec.helper"
local mg = require "moongan"
local golden = dofile("spec/fixtures/picture_golden.lua")

local image = mg.image
local BYTES = { range = { 0, 255 } }

local function unhex(text) return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)) end

-- The largest difference between two strings' bytes.
local function distance(a, b)
  assert.equal(#a, #b)
  local largest = 0
  for i = 1, #a do largest = math.max(largest, math.abs(a:byte(i) - b:byte(i))) end
  return largest
end

local function pixels(tensor) return image.to_bytes(tensor, BYTES) end

local jpegs = {}
for _, entry in ipairs(golden.jpeg) do
  jpegs[entry.name] = { bytes = unhex(entry.file), shape = entry.shape, pixels = unhex(entry.pixels) }
end

local when_jpeg = mg.build().jpeg and it or pending

describe("JPEG", function()
  when_jpeg("is decoded as Pillow does, of any kind that holds grey or colour", function()
    for name, file in pairs(jpegs) do
      if name ~= "CMYK" then
        local t = image.decode(file.bytes, BYTES)
        assert.same(file.shape, t:shape(), name)
        assert.is_true(distance(file.pixels, pixels(t)) <= 1, name)
      end
    end
  end)

  when_jpeg("is read from files, whatever they are called", function()
    helper.with_folder(function(folder)
      for _, name in ipairs{ "x.jpg", "x.png" } do
        local path = encode.write(folder .. "/" .. name, jpegs.colour.bytes)
        helper.same_bits(image.decode(jpegs.colour.bytes), image.load(path))
      end
    end)
  end)

  when_jpeg("becomes grey or colour on request", function()
    local colour, grey = jpegs.colour.bytes, jpegs.grey.bytes
    local as_grey = image.decode(colour, { channels = 1, range = { 0, 255 } })
    assert.same({ 13, 18, 1 }, as_grey:shape())
    local rgb = image.decode(colour, BYTES):totable()
    for y, row in ipairs(as_grey:totable()) do
      for x, pixel in ipairs(row) do
        local c = rgb[y][x]
        assert.is_true(math.abs(pixel[1] - (0.299 * c[1] + 0.587 * c[2] + 0.114 * c[3])) <= 0.51)
      end
    end
    local as_colour = image.decode(grey, { channels = 3 })
    assert.same({ 11, 9, 3 }, as_colour:shape())
    for k = 1, 3 do helper.same_bits(image.decode(grey):select(3, 1), as_colour:select(3, k)) end
  end)

  when_jpeg("of other colours is refused by name", function()
    helper.error_like(function() image.decode(jpegs.CMYK.bytes) end,
      { "mg%.image%.decode: bytes: expected a complete JPEG file: ", "the picture is CMYK" })
  end)

  when_jpeg("cut short anywhere is an error that names the file", function()
    for _, name in ipairs{ "grey", "progressive grey", "progressive" } do
      local bytes = jpegs[name].bytes
      for length = 0, #bytes - 1 do
        helper.error_like(function() image.decode(bytes:sub(1, length)) end,
          length < 3 and "not a PNG or JPEG file" or "expected a complete JPEG file")
      end
    end
    helper.with_folder(function(folder)
      local path = encode.write(folder .. "/cut.jpg", jpegs.grey.bytes:sub(1, -3))
      helper.error_like(function() image.load(path) end,
        "mg%.image%.load: .*/cut%.jpg: expected a complete JPEG file: the file ends early")
    end)
  end)

  when_jpeg("whose data end before the picture does is an error, though its end is marked", function()
    for _, name in ipairs{ "colour", "grey" } do
      local cut = jpegs[name].bytes:sub(1, -20) .. "\255\217"
      helper.error_like(function() image.decode(cut) end, "premature end of data segment")
    end
  end)

  when_jpeg("with bytes behind its end is read all the same", function()
    helper.same_bits(image.decode(jpegs.grey.bytes), image.decode(jpegs.grey.bytes .. "trailing"))
  end)

  when_jpeg("with any byte changed is a picture or an error, and leaves nothing behind", function()
    helper.leak_check(function()
      for _, name in ipairs{ "grey", "progressive", "one pixel" } do
        local bytes = jpegs[name].bytes
        for at = 1, #bytes do
          local change = 1 << (at * 5 % 8)
          local changed = bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ change) .. bytes:sub(at + 1)
          local ok, result = pcall(image.decode, changed)
          if not ok then assert.is_truthy(result:find("mg.image.decode: bytes: ", 1, true), result) end
        end
      end
    end)
  end)

  when_jpeg("whose header claims a giant is refused before it takes memory", function()
    local start = jpegs.colour.bytes:find("\255\192", 1, true)
    local giant = jpegs.colour.bytes:sub(1, start + 4) .. "\255\220\255\220" .. jpegs.colour.bytes:sub(start + 9)
    helper.error_like(function() image.decode(giant) end, "more than 2%^26 pixels")
  end)

  when_jpeg("of more scans than any picture needs is refused", function()
    -- The first scan of a progressive file, which ends where a table for the next one is, over and over.
    local bytes = jpegs["progressive grey"].bytes
    local first = bytes:find("\255\218", 1, true)
    local behind = bytes:find("\255\196", first, true)
    local scan = bytes:sub(first, behind - 1)
    local function repeated(n) return bytes:sub(1, behind - 1) .. scan:rep(n) .. bytes:sub(behind) end
    helper.same_bits(image.decode(bytes), image.decode(repeated(400)))
    helper.error_like(function() image.decode(repeated(600)) end, "more than 500 scans")
  end)

  it("is said to be readable or not, and where not is an error that says why", function()
    assert.is_boolean(mg.build().jpeg)
    if not mg.build().jpeg then
      helper.error_like(function() image.decode(jpegs.grey.bytes) end, "a JPEG file, which .*libjpeg")
    end
  end)
end)

-- The picture of noise that the fixture's script makes.
local function noise(shape)
  local h, w, c = table.unpack(shape)
  local bytes = {}
  for i = 1, h * w * c do bytes[i] = math.floor((helper.hash(9, i - 1) + 1) * 128) end
  return mg.tensor(bytes):reshape(h, w, c)
end

describe("pictures brought to a size", function()
  it("are within a level of Pillow's, cropped or stretched, smaller or larger", function()
    for _, entry in ipairs(golden.resize) do
      helper.with_folder(function(folder)
        image.save(folder .. "/x.png", noise(entry.from), BYTES)
        local ds = mg.data.image_folder{
          folder = folder, unlabelled = true, size = entry.to, crop = entry.crop, channels = entry.from[3],
          range = { 0, 255 },
        }
        assert.same({ entry.to[1], entry.to[2], entry.from[3] }, ds.shape)
        local where = table.concat(entry.from, "x") .. " to " .. table.concat(entry.to, "x") .. " " .. entry.crop
        assert.is_true(distance(unhex(entry.pixels), pixels(ds:images())) <= 1, where)
      end)
    end
  end)

  it("stay as they are where they have it", function()
    helper.with_folder(function(folder)
      local picture = noise{ 7, 5, 3 }
      image.save(folder .. "/x.png", picture, BYTES)
      for _, crop in ipairs{ "centre", "none" } do
        local ds = mg.data.image_folder{
          folder = folder, unlabelled = true, size = { 7, 5 }, crop = crop, range = { 0, 255 },
        }
        helper.same_bits(picture, ds:images()[1])
      end
    end)
  end)

  it("keep an even colour even, and their mean when they shrink", function()
    helper.with_folder(function(folder)
      image.save(folder .. "/x.png", mg.full({ 37, 53, 3 }, 201), BYTES)
      local o = { folder = folder, unlabelled = true, size = { 9, 14 }, range = { 0, 255 } }
      helper.near(mg.full({ 1, 9, 14, 3 }, 201), mg.data.image_folder(o):images())
      local picture = noise{ 64, 64, 1 }
      image.save(folder .. "/x.png", picture, BYTES)
      o.size, o.channels = 4, 1
      helper.near(picture:mean():item(), mg.data.image_folder(o):images():mean():item(), 0.03)
    end)
  end)
end)
