local encode = require "spec.encode"
local helper = require "spec.helper"
local mg = require "moongan"

local image = mg.image
local BYTES = { range = { 0, 255 } }

-- Write a picture of side 4, all of a byte but for the left column, which is 1 more.
local function write_picture(path, byte)
  local picture = mg.full({ 4, 4, 3 }, byte)
  for y = 1, 4 do picture[{ y, 1 }] = byte + 1 end
  encode.write(path, image.encode(picture, BYTES))
end

-- f(folder) with sub-folders of n pictures each, numbered through: { { "cat", 3 }, .. }.
local function with_pictures(classes, f)
  helper.with_folder(function(folder)
    local byte = 0
    for _, class in ipairs(classes) do
      assert(os.execute("mkdir -p '" .. folder .. "/" .. class[1] .. "'"))
      for i = 1, class[2] do
        byte = byte + 2
        write_picture(string.format("%s/%s/%03d.png", folder, class[1], i), byte)
      end
    end
    f(folder)
  end)
end

local PETS = { { "cat", 3 }, { "dog", 5 }, { "ant", 2 } }

-- A data set of a folder, small and in bytes unless the options say otherwise.
local function open(folder, given)
  local o = { folder = folder, size = 4, range = { 0, 255 } }
  for key, value in pairs(given or {}) do o[key] = value end
  return mg.data.image_folder(o)
end

-- f() with what it writes to standard error, its result first.
local function with_stderr(code, environment)
  return (helper.run_lua("local mg = require 'moongan' " .. code, environment))
end

-- The bytes of a data set's pictures, without their left columns: what write_picture was given.
local function bytes_of(images)
  local list = {}
  for i, picture in ipairs(images:totable()) do list[i] = math.floor(picture[1][2][1] + 0.5) end
  return list
end

describe("a folder of pictures", function()
  it("has its sub-folders, sorted, as classes", function()
    with_pictures(PETS, function(folder)
      local ds = open(folder)
      assert.equal(10, #ds)
      assert.same({ "ant", "cat", "dog" }, ds.classes)
      assert.same({ 4, 4, 3 }, ds.shape)
      assert.same({ 18, 20, 2, 4, 6, 8, 10, 12, 14, 16 }, bytes_of(ds:images()))
      helper.near({ 1, 1, 2, 2, 2, 3, 3, 3, 3, 3 }, ds:labels())
      assert.same({ 3, 4, 5 }, ds:class_indices("cat"))
      assert.equal(folder:match("[^/]*$"), ds.name)
      assert.is_false(ds.streamed)
      assert.same({}, ds.skipped)
      assert.same({ 10, 48 }, open(folder .. "/", { flat = true }):images():shape())
    end)
  end)

  it("gives the classes asked for, in the order given, one alone as well", function()
    with_pictures(PETS, function(folder)
      local ds = open(folder, { classes = { "dog", "ant" } })
      assert.same({ "dog", "ant" }, ds.classes)
      helper.near({ 1, 1, 1, 1, 1, 2, 2 }, ds:labels())
      assert.same({ 8, 10, 12, 14, 16, 18, 20 }, bytes_of(ds:images()))
      assert.same({ 2, 4, 6 }, bytes_of(open(folder, { classes = { "cat" } }):images()))
      helper.error_like(function() open(folder, { classes = { "cat", "cow" } }) end,
        'option classes: expected names of sub%-folders of .* %("ant", "cat", "dog"%), got string "cow" at place 2')
      helper.error_like(function() open(folder, { classes = { "cat", "cat" } }) end, '"cat" is there twice')
      helper.error_like(function() open(folder, { classes = {} }) end, "at least one name, got none")
    end)
  end)

  it("may go without classes: then pictures in the folder itself count", function()
    with_pictures(PETS, function(folder)
      write_picture(folder .. "/loose.png", 100)
      local ds = open(folder, { unlabelled = true })
      assert.is_nil(ds.classes)
      assert.same({ 100, 18, 20, 2, 4, 6, 8, 10, 12, 14, 16 }, bytes_of(ds:images()))
      assert.same({ 18, 20 }, bytes_of(open(folder, { unlabelled = true, classes = { "ant" } }):images()))
      assert.same({ 2, 4, 6 }, bytes_of(open(folder .. "/cat", { unlabelled = true }):images()))
      local _, images, labels = ds:batches(2):epoch()()
      assert.same({ 2, 4, 4, 3 }, images:shape())
      assert.is_nil(labels)
      assert.equal(10, #open(folder)) -- with classes, loose pictures belong to none
    end)
  end)

  it("looks into folders within a class, and passes over what is no picture", function()
    with_pictures(PETS, function(folder)
      assert(os.execute("mkdir -p '" .. folder .. "/cat/more/deeper' '" .. folder .. "/.hidden'"))
      write_picture(folder .. "/cat/more/deeper/x.PNG", 50)
      write_picture(folder .. "/cat/.x.png", 60)
      write_picture(folder .. "/.hidden/x.png", 70)
      encode.write(folder .. "/cat/notes.txt", "not a picture")
      assert.same({ 18, 20, 2, 4, 6, 50, 8, 10, 12, 14, 16 }, bytes_of(open(folder):images()))
      assert(os.execute("ln -s .. '" .. folder .. "/cat/up'"))
      helper.error_like(function() open(folder) end, "expected at most 32 folders within each other")
    end)
  end)

  it("without pictures, or with one class, is an error that says what is there", function()
    helper.with_folder(function(folder)
      local function refused(pattern, given)
        helper.error_like(function() open(folder, given) end, { "^.-mg%.data%.image_folder: ", pattern })
      end
      refused("expected at least two sub%-folders, one for each class, got none")
      refused("expected PNG or JPEG files in it, got none", { unlabelled = true })
      write_picture(folder .. "/a.png", 1)
      refused("got none, and 1 pictures in the folder itself %(unlabelled = true takes")
      assert(os.execute("mkdir '" .. folder .. "/cat'"))
      refused('got "cat", and 1 pictures')
      assert(os.execute("mkdir '" .. folder .. "/dog'"))
      refused("/cat: expected PNG or JPEG files in it, got none")
      refused("/none: cannot open the folder: No such file", { folder = folder .. "/none" })
      refused("a%.png: cannot open the folder: Not a directory", { folder = folder .. "/a.png" })
    end)
  end)

  it("refuses options that make no sense", function()
    with_pictures(PETS, function(folder)
      local function refused(given, pattern) helper.error_like(function() open(folder, given) end, pattern) end
      refused({ folder = "" }, 'option folder: expected a folder\'s path, got string ""')
      refused({ folder = folder .. "\0x" }, "option folder: expected a folder's path")
      refused({ size = 0 }, "option size: expected a whole number from 1 to 65535 or two, { h, w }, got number 0")
      refused({ size = { 4 } }, "got { 4, nil }")
      refused({ size = { 4, 1.5 } }, "got { 4, 1%.5 }")
      refused({ size = "x" }, "option size")
      refused({ channels = 2 }, "option channels: expected 1 %(grey%) or 3 %(colour%), got 2")
      refused({ channels = 4 }, "option channels")
      refused({ crop = "center" }, 'option crop: expected "centre" or "none", got string "center"')
      refused({ corrupt = true }, 'option corrupt: expected "refuse" or "skip"')
      refused({ budget = -1 }, "option budget")
      refused({ colour = true }, 'unknown option "colour"')
      helper.error_like(function() mg.data.image_folder{} end, "option folder: expected string, got nil")
    end)
  end)

  it("takes every colour type and depth of PNG, grey or colour on request", function()
    helper.with_folder(function(folder)
      local count = 0
      for kind, depths in pairs{ [0] = { 1, 2, 4, 8, 16 }, [2] = { 8, 16 }, [4] = { 8, 16 }, [6] = { 8, 16 } } do
        for _, depth in ipairs(depths) do
          local most = (1 << depth) - 1
          count = count + 1
          encode.write(string.format("%s/%d-%02d.png", folder, kind, depth), encode.png{
            width = 4, height = 4, type = kind, depth = depth,
            pixel = function() return { most, most, most, most } end,
          })
        end
      end
      for _, channels in ipairs{ 1, 3 } do
        local images = open(folder, { unlabelled = true, channels = channels }):images()
        helper.near(mg.full({ count, 4, 4, channels }, 255), images)
      end
    end)
  end)

  it("prints what it is, and tells its statistics", function()
    with_pictures(PETS, function(folder)
      for _, budget in ipairs{ 1e9, 0 } do
        local ds = open(folder, { name = "pets", budget = budget, range = { -1, 1 } })
        assert.matches("pets: 10 examples", tostring(ds))
        assert.equal(budget == 0, tostring(ds):find("decoded for each batch", 1, true) ~= nil)
        local s = ds:statistics()
        assert.same({ 2, 3, 5 }, s.counts)
        -- Of each picture 12 pixels are b and 4 are b + 1, b being 2, 4, .., 20.
        local mean = 11.25
        local variance = (20 ^ 2 - 4) / 12 + 0.25 * 0.75
        helper.near({ 2 * mean / 255 - 1, 2 * mean / 255 - 1, 2 * mean / 255 - 1 }, s.mean, 1e-9)
        local std = 2 / 255 * variance ^ 0.5
        helper.near({ std, std, std }, s.std, 1e-9)
      end
    end)
  end)

  it("mirrors where it was opened so, unless batches say otherwise", function()
    with_pictures(PETS, function(folder)
      -- How many of 100 epochs' pictures have their brighter column on the right.
      local function mirrored(ds, given)
        local it, count = ds:batches(10, given), 0
        for _ = 1, 10 do
          for _, images in it:epoch() do
            for _, picture in ipairs(images:totable()) do
              if picture[1][4][1] > picture[1][1][1] then count = count + 1 end
            end
          end
        end
        return count
      end
      for _, budget in ipairs{ 1e9, 0 } do
        local ds = open(folder, { flip = true, budget = budget })
        local count = mirrored(ds, { seed = 1 })
        assert.is_true(count > 25 and count < 75, count) -- 5 standard deviations
        assert.equal(0, mirrored(ds, { seed = 1, flip = false }))
        assert.equal(0, mirrored(open(folder, { budget = budget }), { seed = 1 }))
        assert.equal(count, mirrored(open(folder, { budget = budget }), { seed = 1, flip = true }))
      end
    end)
  end)
end)

describe("pictures that cannot be decoded", function()
  local function break_files(folder)
    encode.write(folder .. "/cat/002.png", encode.read(folder .. "/cat/002.png"):sub(1, -5))
    encode.write(folder .. "/dog/001.png", "no picture")
  end

  it("are an error that names the first of them", function()
    with_pictures(PETS, function(folder)
      break_files(folder)
      helper.error_like(function() open(folder) end,
        "mg%.data%.image_folder: .*/cat/002%.png: expected a complete PNG file: ")
      -- Where they are not decoded beforehand, when they are asked for.
      local ds = open(folder, { budget = 0 })
      assert.equal(10, #ds)
      assert.same({ 18, 20, 2 }, bytes_of(ds:images(1, 3)))
      helper.error_like(function() ds:images() end, "mg%.data%.image_folder: .*/cat/002%.png: expected a complete PNG")
      helper.error_like(function() ds:statistics() end, "/cat/002%.png: expected a complete PNG file: ")
      helper.error_like(function()
        for _ in ds:batches(3, { shuffle = false }):epoch() do end -- luacheck: ignore
      end, "/cat/002%.png: expected a complete PNG file: ")
    end)
  end)

  it("are left out and named, where asked for", function()
    with_pictures(PETS, function(folder)
      break_files(folder)
      for _, budget in ipairs{ 1e9, 0 } do
        local text = with_stderr(string.format([[
          local ds = mg.data.image_folder{ folder = %q, size = 4, corrupt = "skip", budget = %d, range = { 0, 255 } }
          print(#ds, ds.streamed, #ds.skipped)
          local bytes = {}
          for i, picture in ipairs(ds:images():totable()) do bytes[i] = math.floor(picture[1][2][1] + 0.5) end
          print(table.concat(bytes, " "))
          print(table.concat(ds:labels():totable(), " "))
          print(table.concat(ds:statistics().counts, " "))]], folder, budget))
        assert.matches("mg%.data%.image_folder: 2 of 10 pictures cannot be decoded and are left out:", text)
        assert.matches("/cat/002%.png: expected a complete PNG file", text)
        assert.matches("/dog/001%.png: not a PNG or JPEG file", text)
        assert.matches("8\t" .. tostring(budget == 0) .. "\t2", text)
        assert.matches("18 20 2 6 10 12 14 16\n", text, 1, true)
        assert.matches("1%.0 1%.0 2%.0 2%.0 3%.0 3%.0 3%.0 3%.0\n", text)
        assert.matches("2 2 4\n", text)
      end
    end)
  end)

  it("are an error where nothing else is there", function()
    with_pictures({ { "a", 2 }, { "b", 1 } }, function(folder)
      encode.write(folder .. "/b/001.png", "no picture")
      local code = "print(pcall(mg.data.image_folder, { folder = %q, size = 4, corrupt = 'skip', budget = %d }))"
      for _, budget in ipairs{ 1e9, 0 } do
        assert.matches('none of the pictures of class "b" can be decoded; the first: .*/b/001%.png: not a PNG',
          with_stderr(code:format(folder, budget)))
      end
      encode.write(folder .. "/a/001.png", "")
      encode.write(folder .. "/a/002.png", "")
      for _, budget in ipairs{ 1e9, 0 } do
        helper.error_like(function() open(folder, { corrupt = "skip", budget = budget }) end,
          "none of 3 pictures can be read; the first: .*/a/001%.png: not a PNG")
      end
    end)
  end)

  it("or are gone when their batch comes are an error", function()
    with_pictures(PETS, function(folder)
      local ds = open(folder, { budget = 0 })
      os.remove(folder .. "/dog/005.png")
      helper.error_like(function() ds:images() end, "/dog/005%.png: cannot open: No such file")
      assert.equal(9, #bytes_of(ds:images(1, 9)))
    end)
  end)
end)

describe("streamed pictures", function()
  local CLASSES = { { "a", 20 }, { "b", 31 }, { "c", 12 } }

  -- Everything that `count` batches hold, as one string for each.
  local function batches_of(it, count)
    local list = {}
    for step, images, labels in it:forever() do
      list[#list + 1] = step .. " " .. image.to_bytes(images, BYTES) .. image.to_bytes(labels, BYTES)
      if #list == count then return list end
    end
  end

  it("give the same batches as pictures in memory, whatever the number of threads", function()
    with_pictures(CLASSES, function(folder)
      local kept, streamed = open(folder), open(folder, { budget = 63 * 48 - 1 })
      assert.is_false(kept.streamed)
      assert.is_true(streamed.streamed)
      for _, o in ipairs{
        { seed = 3 }, { seed = 4, flip = true }, { seed = 5, drop_last = false }, { seed = 6, shuffle = false },
      } do
        local expected = batches_of(kept:batches(8, o), 20)
        for _, threads in ipairs{ 1, 2, 5 } do
          helper.with_threads(threads, function() assert.same(expected, batches_of(streamed:batches(8, o), 20)) end)
        end
      end
      assert.equal(image.to_bytes(kept:images(), BYTES), image.to_bytes(streamed:images(), BYTES))
    end)
  end)

  it("are decoded into memory the same with any number of threads", function()
    with_pictures(CLASSES, function(folder)
      local one = helper.with_threads(1, function() return open(folder):images() end)
      for _, threads in ipairs{ 2, 7 } do
        helper.same_bits(one, helper.with_threads(threads, function() return open(folder):images() end))
      end
    end)
  end)

  it("go on from a state as if nothing had happened", function()
    with_pictures(CLASSES, function(folder)
      local streamed = open(folder, { budget = 0 })
      local all = batches_of(streamed:batches(8, { seed = 3 }), 20)
      for _, from in ipairs{ 1, 6, 7, 8, 13 } do
        local it = streamed:batches(8, { seed = 3 })
        batches_of(it, from)
        local again = streamed:batches(8)
        batches_of(again, 2) -- what it decodes ahead is not what is wanted next
        again:set_state(it:state())
        assert.same({ table.unpack(all, from + 1) }, batches_of(again, 20 - from))
      end
    end)
  end)

  it("of two iterators at once do not get in each other's way", function()
    with_pictures(CLASSES, function(folder)
      local streamed = open(folder, { budget = 0 })
      local function both() return { streamed:batches(8, { seed = 1 }), streamed:batches(5, { seed = 2 }) } end
      local expected, its = both(), both()
      for i = 1, 2 do expected[i] = batches_of(expected[i], 9) end
      for step = 1, 9 do
        for i, it in ipairs(its) do assert.equal(expected[i][step], batches_of(it, 1)[1]) end
      end
    end)
  end)

  it("have subsets like any others", function()
    with_pictures(CLASSES, function(folder)
      local kept, streamed = open(folder), open(folder, { budget = 0 })
      local which = { 63, 1, 30, 30, 2 }
      helper.same_bits(kept:subset(which):images(), streamed:subset(which):images())
      local expected = batches_of(kept:subset(11, 40):batches(8, { seed = 3 }), 8)
      local subset = streamed:subset(11, 40)
      streamed = nil -- luacheck: ignore
      helper.collect()
      assert.same(expected, batches_of(subset:batches(8, { seed = 3 }), 8))
      helper.near(kept:subset(which):statistics().mean, open(folder, { budget = 0 }):subset(which):statistics().mean)
    end)
  end)

  it("survive a busy collector, and being dropped while they are decoded", function()
    with_pictures(CLASSES, function(folder)
      helper.gc_stress(function()
        for seed = 1, 3 do
          local forever = open(folder, { budget = 0 }):batches(16, { seed = seed }):forever()
          for _ = 1, 6 do
            local _, images = forever()
            assert(images:size(1) == 16)
          end
        end
      end)
      local text, status = helper.run_lua(string.format([[
        local mg = require "moongan"
        local ds = mg.data.image_folder{ folder = %q, size = 64, budget = 0 }
        batches = ds:batches(60)
        batches:forever()()]], folder))
      assert.equal("", text)
      assert.equal(0, status)
    end)
  end)

  it("hold no memory", function()
    with_pictures(CLASSES, function(folder)
      helper.leak_check(function()
        for _, budget in ipairs{ 1e9, 0 } do batches_of(open(folder, { budget = budget }):batches(8), 10) end
      end)
    end)
  end)
end)

describe("the core's functions for pictures", function()
  it("stand wrong arguments", function()
    with_pictures(PETS, function(folder)
      local core = mg.core.dataset
      local streamed, kept = open(folder, { budget = 0 }).source, open(folder).source
      local function refused(name, ...)
        local arguments = table.pack(...)
        helper.error_like(function() core[name](table.unpack(arguments, 1, arguments.n)) end, "expected")
      end
      local path = folder .. "/cat/001.png"
      refused("images", nil, nil, 4, 4, 3, true, true, true)
      refused("images", {}, nil, 4, 4, 3, true, true, true)
      refused("images", { 1 }, nil, 4, 4, 3, true, true, true)
      refused("images", { path, {} }, nil, 4, 4, 3, true, true, true)
      refused("images", { path }, { 1, 2 }, 4, 4, 3, true, true, true)
      refused("images", { path }, { 0 }, 4, 4, 3, true, true, true)
      refused("images", { path }, { "x" }, 4, 4, 3, true, true, true)
      refused("images", { path }, 3, 4, 4, 3, true, true, true)
      refused("images", { path }, nil, 0, 4, 3, true, true, true)
      refused("images", { path }, nil, 4, 4, 3, 1, true, true)
      refused("images", { path }, nil, 4, 4, 3, true)
      local picks = core.pick_range(streamed, 1, 10)
      refused("ahead", streamed, picks, 0, 1)
      refused("ahead", streamed, picks, 1, 11)
      refused("ahead", streamed, {}, 1, 1)
      assert.is_nil(core.ahead(kept, picks, 1, 10))
      -- What is decoded ahead for other examples, or was used before, changes nothing.
      local ahead = core.ahead(streamed, picks, 1, 5)
      for _ = 1, 2 do
        helper.same_bits(core.gather(kept, picks, 3, 5, false, 0, 255),
          (core.gather(streamed, picks, 3, 5, false, 0, 255, ahead)))
      end
      helper.same_bits(core.gather(kept, picks, 1, 2, false, 0, 255),
        (core.gather(kept, picks, 1, 2, false, 0, 255, core.ahead(streamed, picks, 1, 2))))
      ahead = core.ahead(streamed, picks, 1, 10)
      for _, value in ipairs{ ahead, streamed } do
        local gc = debug.getmetatable(value).__gc
        gc(value)
        gc(value)
      end
      refused("statistics", streamed)
      refused("skipped", streamed)
      refused("counts", kept, -1)
      refused("cifar", nil, {}, 1, 10)
      refused("cifar", nil, { {} }, 1, 10)
      refused("cifar", nil, { path }, 0, 10)
      refused("cifar", {}, { path }, 1, 10)
    end)
  end)
end)
