local encode = require "spec.encode"
local helper = require "spec.helper"
local mg = require "moongan"

local data = mg.data

-- n images of h x w whose bytes are (i * 7 + position) % 256, and labels i % classes, from 0.
local function example_files(folder, n, h, w, classes)
  local size = h * w
  local images = encode.bytes(n * size, function(i) return (i - 1) // size * 7 + (i - 1) % size end)
  local labels = encode.bytes(n, function(i) return i % classes end)
  return encode.write(folder .. "/images", encode.idx({ n, h, w }, images)),
    encode.write(folder .. "/labels", encode.idx({ n }, labels)), images, labels
end

-- A data set of n examples, number i being the single byte i - 1.
local function counting(n, options)
  local ds
  helper.with_folder(function(folder)
    local o = {
      images = encode.write(folder .. "/i", encode.idx({ n, 1, 1 }, encode.bytes(n, function(i) return i - 1 end))),
      range = { 1, 256 },
    }
    for key, value in pairs(options or {}) do o[key] = value end
    ds = data.idx(o)
  end)
  return ds
end

-- The example numbers of a counting data set that a batch holds.
local function numbers(images)
  local list = helper.flat(images)
  for i, value in ipairs(list) do list[i] = math.floor(value + 0.5) end
  return list
end

local function collect(iterator, limit)
  local list = {}
  for _, images in iterator do
    for _, number in ipairs(numbers(images)) do list[#list + 1] = number end
    if limit and #list >= limit then break end
  end
  return list
end

describe("IDX files", function()
  local function each_form(f)
    for _, form in ipairs{ "plain", "gzip" } do
      helper.with_folder(function(folder)
        f(function(name, bytes)
          return encode.write(folder .. "/" .. name, form == "gzip" and encode.gzip(bytes) or bytes)
        end, folder)
      end)
    end
  end

  it("give bytes in their range, and labels from 1", function()
    each_form(function(write)
      local images = encode.bytes(4 * 6, function(i) return i * 10 end)
      local ds = data.idx{
        images = write("images", encode.idx({ 4, 2, 3 }, images)),
        labels = write("labels", encode.idx({ 4 }, "\0\2\1\2")),
        range = { 0, 255 }, flat = false,
      }
      assert.equal(4, #ds)
      assert.same({ 2, 3, 1 }, ds.shape)
      assert.same({ 4, 2, 3, 1 }, ds:images():shape())
      helper.near({ images:byte(1, -1) }, helper.flat(ds:images()))
      helper.near({ 1, 3, 2, 3 }, ds:labels())
      assert.same({ "1", "2", "3" }, ds.classes)
    end)
  end)

  it("may have channels", function()
    each_form(function(write)
      local images = encode.bytes(2 * 2 * 2 * 3, function(i) return i end)
      local path = write("images", encode.idx({ 2, 2, 2, 3 }, images))
      assert.same({ 2, 2, 3 }, data.idx{ images = path }.shape)
      helper.near({ images:byte(1, -1) }, helper.flat(data.idx{ images = path, range = { 0, 255 } }:images()))
    end)
  end)

  it("map byte 0 and byte 255 to the range's ends exactly, and all between in equal steps", function()
    helper.with_folder(function(folder)
      local every = encode.bytes(256, function(i) return i - 1 end)
      local path = encode.write(folder .. "/i", encode.idx({ 1, 16, 16 }, every))
      for _, range in ipairs{ { -1, 1 }, { 0, 1 }, { 0, 255 }, { 1, -1 }, { -0.5, 0.5 } } do
        local values = helper.flat(data.idx{ images = path, range = range }:images())
        assert.equal(range[1], values[1])
        assert.equal(range[2], values[256])
        for i = 0, 255 do helper.near(range[1] + (range[2] - range[1]) * i / 255, values[i + 1], 1e-6) end
      end
    end)
  end)

  it("of several gzip members are read through", function()
    helper.with_folder(function(folder)
      local bytes = encode.idx({ 2, 2, 2 }, "abcdefgh")
      local path = encode.write(folder .. "/i", encode.gzip(bytes:sub(1, 18)) .. encode.gzip(bytes:sub(19)))
      helper.near({ ("abcdefgh"):byte(1, -1) }, helper.flat(data.idx{ images = path, range = { 0, 255 } }:images()))
    end)
  end)

  it("larger than one block of memory arrive whole", function()
    helper.with_folder(function(folder)
      local n, block = 45, encode.bytes(256, function(i) return i * 3 end)
      local images = block:rep(n * 256 * 256 // 256)
      local labels = encode.write(folder .. "/l", encode.idx({ n }, ("\0"):rep(n)))
      for name, bytes in pairs{ plain = encode.idx({ n, 256, 256 }, images) } do
        local ds = data.idx{ images = encode.write(folder .. "/" .. name, bytes), labels = labels, range = { 0, 255 } }
        assert.is_true(mg.image.to_bytes(ds:images(), { range = { 0, 255 } }) == images)
      end
      assert(os.execute("gzip -c '" .. folder .. "/plain' > '" .. folder .. "/packed'"))
      local ds = data.idx{ images = folder .. "/packed", labels = labels, range = { 0, 255 } }
      assert.is_true(mg.image.to_bytes(ds:images(), { range = { 0, 255 } }) == images)
    end)
  end)

  it("cut short at any byte are an error that names the file", function()
    each_form(function(write)
      local bytes = encode.idx({ 2, 2, 2 }, "abcdefgh")
      local path = write("images", bytes)
      local whole = encode.read(path)
      for length = 0, #whole - 1 do
        encode.write(path, whole:sub(1, length))
        helper.error_like(function() data.idx{ images = path } end, { "mg%.data%.idx: ", "/images: " })
      end
      encode.write(path, whole)
      assert.equal(2, #data.idx{ images = path })
    end)
  end)

  it("say what was expected and what came", function()
    local function refused(bytes, ...)
      local patterns = { ... }
      each_form(function(write)
        local path = write("images", bytes)
        helper.error_like(function() data.idx{ images = path } end, "mg%.data%.idx: .*/images: ")
        helper.error_like(function() data.idx{ images = path } end, patterns)
      end)
    end
    local good = encode.idx({ 2, 2, 2 }, "abcdefgh")
    refused("", "truncated: expected 4 bytes of header, got 0")
    refused("\0\0\8", "truncated: expected 4 bytes of header, got 3")
    refused(good:sub(1, 9), "truncated: expected 12 bytes of dimensions, got 5")
    refused(good:sub(1, -2), "truncated: expected 8 bytes after the header, as its dimensions say, got 7")
    refused(good .. "x", "too long: expected 8 bytes after the header, as its dimensions say, got ")
    refused("GIF89a" .. good, "not an IDX file: expected it to begin with bytes 00 00, got 47 49")
    refused("\1" .. good:sub(2), "bytes 00 00, got 01 00")
    refused(encode.idx({ 2, 2, 2 }, "abcdefgh", 0x0D),
      "expected elements of type 08 %(unsigned byte%), got 0d %(float%)")
    refused(encode.idx({ 2, 2, 2 }, "abcdefgh", 0x55), "got 55 %(no IDX type%)")
    refused(encode.idx({ 8 }, "abcdefgh"), "expected 3 to 4 dimensions, got 1")
    refused(encode.idx({ 2, 1, 2, 1, 2 }, "abcdefgh"), "expected 3 to 4 dimensions, got 5")
    refused("\0\0\8\255", "expected 3 to 4 dimensions, got 255")
    refused(encode.idx({ 0, 2, 2 }, ""), "expected dimensions of at least 1, got 0 as dimension 1")
    refused(encode.idx({ 2, 0, 2 }, ""), "got 0 as dimension 2")
  end)

  it("whose headers lie about their size are an error, not an allocation", function()
    local most = 0xFFFFFFFF
    each_form(function(write)
      local function refused(sizes, pattern)
        local path = write("images", encode.idx(sizes, "abcdefgh"))
        helper.error_like(function() data.idx{ images = path } end, pattern)
      end
      refused({ most, most, most }, "multiply to more than 2%^63")
      refused({ most, most, most, most }, "multiply to more than 2%^63")
      refused({ 0x80000000, 0x80000000, 2 }, "multiply to more than 2%^63")
      refused({ 0x7FFFFFFF, 0x7FFFFFFF, 1 }, "truncated: expected 4611686014132420609 bytes after the header")
      refused({ 1 << 20, 1 << 10, 1 << 10 }, "truncated: expected 1099511627776 bytes")
    end)
  end)

  it("of gzip with any byte changed are the same data or an error", function()
    helper.with_folder(function(folder)
      local bytes = encode.idx({ 2, 4, 4 }, encode.bytes(32, function(i) return i * 8 end))
      local good = encode.gzip(bytes)
      local reference = mg.image.to_bytes(data.idx{ images = encode.write(folder .. "/i", good) }:images())
      for at = 1, #good do
        for _, change in ipairs{ 1, 0x80, 0xFF } do
          local changed = good:sub(1, at - 1) .. string.char(good:byte(at) ~ change) .. good:sub(at + 1)
          local path = encode.write(folder .. "/i", changed)
          local ok, result = pcall(data.idx, { images = path })
          if ok then assert.equal(reference, mg.image.to_bytes(result:images()))
          else assert.is_truthy(result:find("/i: ", 1, true)) end
        end
      end
      for tail, pattern in pairs{
        ["x"] = "expected the end of the file after the gzip data", ["\0"] = "expected the end of the file",
        ["\31\139"] = "truncated: the gzip data end early", ["\31\139\9\0\0\0\0\0\0\0\0"] = "corrupt gzip data",
      } do
        encode.write(folder .. "/i", good .. tail)
        helper.error_like(function() data.idx{ images = folder .. "/i" } end, pattern)
      end
      encode.write(folder .. "/i", encode.gzip(bytes .. "more"))
      helper.error_like(function() data.idx{ images = folder .. "/i" } end, "too long: expected 32 bytes")
    end)
  end)

  it("with labels that do not fit are an error", function()
    each_form(function(write)
      local images = write("images", encode.idx({ 3, 1, 1 }, "abc"))
      local function refused(labels, pattern, classes)
        local path = write("labels", labels)
        helper.error_like(function() data.idx{ images = images, labels = path, classes = classes } end, pattern)
      end
      refused(encode.idx({ 2 }, "\0\1"), "/labels: expected 3 labels, one for each image in .*/images, got 2")
      refused(encode.idx({ 3, 1 }, "\0\1\2"), "/labels: expected 1 dimension, got 2")
      refused(encode.idx({ 3 }, "\0\1\2"), "/labels: expected labels from 0 to 1, got 2 at place 3", { "no", "yes" })
      refused("\0\0\8\1", "/labels: truncated")
    end)
  end)

  it("that are not there, or are no files, are an error", function()
    helper.with_folder(function(folder)
      helper.error_like(function() data.idx{ images = folder .. "/none" } end, "/none: cannot open: No such file")
      helper.error_like(function() data.idx{ images = folder } end, "expected a regular file")
      helper.error_like(function() data.idx{ images = "/dev/zero" } end, "/dev/zero: expected a regular file")
    end)
    helper.error_like(function() data.idx() end, "mg%.data%.idx: option images: expected string, got nil")
    helper.error_like(function() data.idx{ image = "x" } end, 'did you mean "images"')
    helper.error_like(function() data.idx{ images = "x", classes = {} } end, "expected a list of at least one name")
    helper.error_like(function() data.idx{ images = "x", classes = { 1 } } end,
      "expected a list of names, got number 1")
    helper.error_like(function() data.idx{ images = "x", range = { 1 } } end, "option range")
  end)
end)

describe("a data set", function()
  it("gives examples, labels and classes one by one or in spans", function()
    helper.with_folder(function(folder)
      local images, labels, bytes = example_files(folder, 10, 3, 3, 4)
      local ds = data.idx{ images = images, labels = labels, classes = { "a", "b", "c", "d" }, range = { 0, 255 } }
      helper.near({ bytes:byte(10, 18) }, ds[2])
      assert.is_nil(ds[0])
      assert.is_nil(ds[11])
      assert.is_nil(ds[1.5])
      local image, label = ds:example(3)
      assert.same({ 9 }, image:shape())
      assert.equal(4, label)
      assert.same({ 2, 9 }, ds:images(4, 5):shape())
      helper.near({ bytes:byte(28, 45) }, helper.flat(ds:images(4, 5)))
      helper.near({ 2, 3, 4, 1, 2, 3, 4, 1, 2, 3 }, ds:labels())
      helper.near({ 2 }, ds:labels(5))
      assert.same({ 2, 6, 10 }, ds:class_indices(3))
      assert.same({ 2, 6, 10 }, ds:class_indices("c"))
      local count = 0
      for i, one in ipairs(ds) do
        count = i
        assert.equal(9, one:numel())
      end
      assert.equal(10, count)
    end)
  end)

  it("has subsets that share its bytes, and subsets of those", function()
    helper.with_folder(function(folder)
      local images, labels = example_files(folder, 10, 1, 1, 4)
      local ds = data.idx{ images = images, labels = labels, range = { 0, 255 } }
      local some = ds:subset{ 9, 2, 2, 5 }
      ds = nil -- luacheck: ignore
      helper.collect()
      assert.equal(4, #some)
      helper.near({ { 56 }, { 7 }, { 7 }, { 28 } }, some:images())
      helper.near({ 2, 3, 3, 2 }, some:labels())
      local fewer = some:subset(2, 4):subset{ 3, 1 }
      helper.near({ { 28 }, { 7 } }, fewer:images())
      helper.near({ 2, 3 }, fewer:labels())
      assert.same({ "1", "2", "3", "4" }, fewer.classes)
      assert.same({ 2 }, fewer:class_indices(3))
    end)
  end)

  it("prints what it is", function()
    helper.with_folder(function(folder)
      local images, labels = example_files(folder, 10, 3, 4, 2)
      local text = tostring(data.idx{ images = images, labels = labels, classes = { "cat", "dog" }, name = "pets" })
      for _, part in ipairs{ "pets: 10 examples", "%(3, 4, 1%)", "%(n, 12%)", "%-1%.%.1", "2: cat, dog" } do
        assert.matches(part, text)
      end
      assert.matches("in batches %(n, 3, 4, 1%)", tostring(data.idx{ images = images, flat = false }))
      assert.matches("classes  none", tostring(data.idx{ images = images }))
      assert.matches("5 batches of 2 from pets, shuffled, seed 4", tostring(
        data.idx{ images = images, name = "pets" }:batches(2, { seed = 4 })))
    end)
  end)

  it("refuses what it does not have", function()
    local ds = counting(5)
    for _, span in ipairs{ { 0 }, { 6 }, { 3, 2 }, { 1, 6 }, { 1.5 }, { "a" } } do
      helper.error_like(function() ds:images(table.unpack(span)) end,
        "images: expected examples first%.%.last within 1%.%.5")
    end
    helper.error_like(function() ds:labels() end, "labels: expected a data set with labels")
    helper.error_like(function() ds:class_indices(1) end, "class_indices: expected a data set with labels")
    helper.error_like(function() ds:subset{} end, "subset: expected at least one example")
    helper.error_like(function() ds:subset{ 1, 6 } end, "subset: expected example numbers from 1 to 5, got number 6")
    helper.error_like(function() ds:subset{ 1, "x" } end, 'got string "x" at place 2')
    helper.error_like(function() ds:subset(3, 9) end, "subset: expected examples")
    local labelled = data.from_tensor(mg.zeros(2, 1), { 1, 2 }, { classes = { "a", "b" } })
    helper.error_like(function() labelled:class_indices("z") end,
      "expected a class number from 1 to 2 or a class's name, got string")
    helper.error_like(function() labelled:class_indices(3) end, "got number 3")
  end)

  it("of a tensor gives its rows as they are", function()
    local t = helper.values({ 6, 2 }, 1, -30, 30)
    local ds = data.from_tensor(t, { 1, 2, 3, 1, 2, 3 }, { name = "points" })
    helper.same_bits(t, ds:images())
    helper.same_bits(t[4], ds[4])
    assert.same({ "1", "2", "3" }, ds.classes)
    local _, images, labels = ds:batches(6, { shuffle = false }):epoch()()
    helper.same_bits(t, images)
    helper.near({ 1, 2, 3, 1, 2, 3 }, labels)
    assert.same({ 2, 2, 3, 4 }, data.from_tensor(mg.zeros(2, 2, 3, 4)):images():shape())
    assert.same({ 2, 24 }, data.from_tensor(mg.zeros(2, 2, 3, 4), nil, { flat = true }):images():shape())
    assert.same({ 3 }, data.from_tensor(mg.arange(3)):images():shape())
    assert.matches("numbers, as they are", tostring(ds))
    helper.error_like(function() data.from_tensor(mg.zeros(0, 2)) end, "expected examples %(N, %.%.%), at least one")
    helper.error_like(function() data.from_tensor(mg.zeros{}) end, "expected examples")
    helper.error_like(function() data.from_tensor(3) end, "mg%.data%.from_tensor: argument 1 %(examples%)")
    local function refused(classes_of, pattern, options)
      helper.error_like(function() data.from_tensor(t, classes_of, options) end, pattern)
    end
    refused({ 1, 2 }, "expected labels of shape %(6%), one for each")
    refused({ 1, 2, 3, 0, 1, 1 }, "whole numbers from 1, got 0 at place 4")
    refused({ 1, 2, 3, 1.5, 1, 1 }, "whole numbers from 1, got 1%.5 at place 4")
    refused({ 1, 2, 3, 1, 1, 0 / 0 }, "whole numbers from 1, got %-?nan at place 6")
    refused({ 1, 2, 3, 1, 1, 9 }, "from 1 to 1, the classes named, got 9", { classes = { "a" } })
  end)

  it("of a tensor keeps neither tensors nor memory when it is gone", function()
    helper.leak_check(function()
      local ds = data.from_tensor(mg.randn(100, 50))
      for _ = 1, 3 do ds:batches(10):epoch()() end
      pcall(data.from_tensor, mg.randn(3), { 1, 2, 0 })
    end)
  end)
end)

describe("batches", function()
  it("hold the bytes of the examples in order where they are not shuffled", function()
    helper.with_folder(function(folder)
      local n, size = 10, 12
      local images, labels, bytes = example_files(folder, n, 3, 4, 5)
      for _, flat in ipairs{ true, false } do
        local it = data.idx{ images = images, labels = labels, range = { 0, 255 }, flat = flat }
          :batches(4, { shuffle = false, drop_last = false })
        assert.equal(3, #it)
        local steps = 0
        for step, x, y in it:epoch() do
          steps = steps + 1
          assert.equal(steps, step)
          local first = (step - 1) * 4 + 1
          local count = math.min(4, n - first + 1)
          assert.same(flat and { count, size } or { count, 3, 4, 1 }, x:shape())
          helper.near({ bytes:byte((first - 1) * size + 1, (first - 1 + count) * size) }, helper.flat(x))
          for i, label in ipairs(y:totable()) do assert.equal((first + i - 1) % 5 + 1, label) end
        end
        assert.equal(3, steps)
      end
    end)
  end)

  it("of an epoch hold every example once, with its label, in another order each time", function()
    helper.with_folder(function(folder)
      local n = 200
      local bytes = encode.bytes(n, function(i) return i - 1 end)
      local images = encode.write(folder .. "/i", encode.idx({ n, 1, 1 }, bytes))
      local classes_of = encode.bytes(n, function(i) return (i - 1) % 7 end)
      local labels = encode.write(folder .. "/l", encode.idx({ n }, classes_of))
      local ds = data.idx{ images = images, labels = labels, range = { 1, 256 } }
      local it = ds:batches(32, { drop_last = false, seed = 5 })
      local orders = {}
      for epoch = 1, 3 do
        local seen, order = {}, {}
        for _, x, y in it:epoch() do
          local classes = y:totable()
          for i, number in ipairs(numbers(x)) do
            assert.is_nil(seen[number])
            seen[number] = true
            order[#order + 1] = number
            assert.equal((number - 1) % 7 + 1, classes[i])
          end
        end
        assert.equal(n, #order)
        orders[epoch] = table.concat(order, " ")
      end
      assert.not_equal(orders[1], orders[2])
      assert.not_equal(orders[2], orders[3])
    end)
  end)

  it("come in an order that the seed decides, whatever the number of threads", function()
    local ds = counting(100)
    local function order(seed, threads)
      return helper.with_threads(threads, function()
        return table.concat(collect(ds:batches(10, { seed = seed }):forever(), 250), " ")
      end)
    end
    assert.equal(order(1, 1), order(1, 2))
    assert.not_equal(order(1, 1), order(2, 1))
    -- Neighbouring seeds and epochs share nothing: no order appears twice.
    local seen = {}
    for seed = 0, 20 do
      local it = ds:batches(100, { seed = seed })
      for _ = 1, 20 do
        local key = table.concat(collect(it:epoch()), " ")
        assert.is_nil(seen[key])
        seen[key] = true
      end
    end
  end)

  it("take their seed from the default generator where none is given", function()
    local ds = counting(50)
    local function order()
      return table.concat(collect(ds:batches(50):epoch()), " ")
    end
    mg.manual_seed(3)
    local first, second = order(), order()
    mg.manual_seed(3)
    assert.equal(first, order())
    assert.equal(second, order())
    assert.not_equal(first, second)
  end)

  it("are shuffled evenly", function()
    -- 24 orders of 4 examples, each expected 100 times: chi-square of 23 degrees, far beyond its
    -- 99.99 % point of 58 only where the shuffle is skewed.
    local it, counts = counting(4):batches(4, { seed = 11 }), {}
    for _ = 1, 2400 do
      local key = table.concat(collect(it:epoch()), "")
      counts[key] = (counts[key] or 0) + 1
    end
    local kinds, chi = 0, 0
    for _, count in pairs(counts) do
      kinds = kinds + 1
      chi = chi + (count - 100) ^ 2 / 100
    end
    assert.equal(24, kinds)
    assert.is_true(chi < 58, "chi-square " .. chi)
  end)

  it("go on from a state just as they would have", function()
    local ds = counting(23)
    for _, drop_last in ipairs{ true, false } do
      local o = { seed = 9, drop_last = drop_last }
      local it = ds:batches(5, o)
      local batches, states = {}, { it:state() }
      for step, x in it:forever() do
        batches[step] = numbers(x)
        states[step + 1] = it:state()
        if step == 14 then break end
      end
      for from = 1, 14 do
        local again = ds:batches(5, { drop_last = drop_last }) -- another seed: the state brings its own
        again:set_state(states[from])
        local want = from
        for step, x in again:forever() do
          assert.equal(want, step)
          assert.same(batches[want], numbers(x))
          if want == 14 then break end
          want = want + 1
        end
      end
      -- And the state after the last batch of an epoch is the start of the next.
      local per_epoch = drop_last and 4 or 5
      assert.same({ seed = 9, epoch = 2, position = 0 }, states[per_epoch + 1])
      assert.same({ seed = 9, epoch = 1, position = 5 }, states[2])
    end
  end)

  it("of a broken-off epoch are given by the next loop", function()
    local it = counting(12):batches(4, { seed = 1 })
    local step_one, images = it:epoch()()
    assert.equal(1, step_one)
    local first, rest, steps = numbers(images), {}, {}
    for step, x in it:epoch() do
      steps[#steps + 1] = step
      for _, number in ipairs(numbers(x)) do rest[#rest + 1] = number end
    end
    assert.same({ 2, 3 }, steps)
    for _, number in ipairs(rest) do first[#first + 1] = number end
    table.sort(first)
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, first)
  end)

  it("drop what fills no batch, or give it short", function()
    local ds = counting(10)
    assert.equal(3, #ds:batches(3))
    assert.equal(4, #ds:batches(3, { drop_last = false }))
    assert.equal(9, #collect(ds:batches(3):epoch()))
    assert.equal(10, #collect(ds:batches(3, { drop_last = false }):epoch()))
    assert.equal(10, #collect(ds:batches(99, { drop_last = false }):epoch()))
    assert.equal(5, #collect(ds:batches(5):epoch()) // 2)
  end)

  it("are mirrored at random, half of them, as the seed decides", function()
    helper.with_folder(function(folder)
      -- Two rows of three pixels of two channels, all different.
      local image = "abcdefghijkl"
      local mirrored = "efcdabklijgh"
      local n = 400
      local path = encode.write(folder .. "/i", encode.idx({ n, 2, 3, 2 }, image:rep(n)))
      local ds = data.idx{ images = path, range = { 0, 255 } }
      local function flips(seed)
        local list = {}
        for _, x in ds:batches(50, { flip = true, seed = seed }):epoch() do
          for i = 1, 50 do
            local bytes = mg.image.to_bytes(x[i], { range = { 0, 255 } })
            assert.is_true(bytes == image or bytes == mirrored)
            list[#list + 1] = bytes == mirrored and "1" or "0"
          end
        end
        return table.concat(list)
      end
      local one = flips(1)
      local _, count = one:gsub("1", "")
      assert.is_true(count > 150 and count < 250) -- 5 standard deviations
      assert.equal(one, flips(1))
      assert.not_equal(one, flips(2))
      for _, x in ds:batches(50, { seed = 1 }):epoch() do
        assert.equal(image:rep(50), mg.image.to_bytes(x, { range = { 0, 255 } }))
      end
    end)
    local t = helper.values({ 8, 1, 2, 1 }, 3)
    local values = t:totable()
    for _, x in data.from_tensor(t):batches(8, { flip = true, shuffle = false, seed = 2 }):epoch() do
      for i, picture in ipairs(x:totable()) do
        local left, right = values[i][1][1][1], values[i][1][2][1]
        local pair = { picture[1][1][1], picture[1][2][1] }
        assert.is_true(pair[1] == left and pair[2] == right or pair[1] == right and pair[2] == left)
      end
    end
  end)

  it("refuse what makes no sense", function()
    local ds = counting(10)
    for _, size in ipairs{ 0, -1, 2.5, "x", 0 / 0, 1e300, math.huge } do
      helper.error_like(function() ds:batches(size) end, "batches: expected a batch of at least 1 example, got ")
    end
    helper.error_like(function() ds:batches() end, "got nil")
    helper.error_like(function() ds:batches(11) end, "at most 10, all examples there are %(drop_last = false")
    helper.error_like(function() ds:batches(2, { shufle = true }) end, 'did you mean "shuffle"')
    helper.error_like(function() ds:batches(2, { seed = 1.5 }) end, "option seed: expected integer")
    helper.error_like(function() data.from_tensor(mg.zeros(3, 2)):batches(1, { flip = true }) end,
      "option flip: expected a data set of images %(H, W, C%), got examples of shape %(2%)")
    local it = ds:batches(2)
    local function refused(state, pattern)
      helper.error_like(function() it:set_state(state) end, "set_state: " .. pattern)
    end
    refused({ seed = 1, epoch = 1 }, "option position: expected integer, got nil")
    refused({ seed = 1, epoch = 1, position = 0, size = 2 }, 'unknown option "size"')
    refused({ seed = 1, epoch = 0, position = 0 }, "expected an epoch from 1")
    refused({ seed = 1, epoch = 1, position = 11 }, "expected a position from 0 to 10")
    refused({ seed = 1, epoch = 1, position = -1 }, "expected a position from 0 to 10")
  end)

  it("survive a busy collector, and a data set that nobody else holds", function()
    helper.gc_stress(function()
      local forever = counting(20):batches(6, { flip = true }):forever()
      for _ = 1, 30 do
        local _, images = forever()
        assert(images:size(1) == 6)
      end
    end)
  end)

  it("hold no memory: ten epochs leave what one leaves", function()
    helper.leak_check(function()
      local it = counting(64):batches(8)
      for _ = 1, 10 do collect(it:epoch()) end
    end)
  end)
end)

describe("the core's data functions", function()
  it("stand wrong arguments", function()
    local core, ds = mg.core.dataset, counting(5).source
    local other = core.pick_range(counting(6).source, 1, 6)
    local picks = core.pick_range(ds, 1, 5)
    local function refused(name, ...)
      local arguments = table.pack(...)
      helper.error_like(function() core[name](table.unpack(arguments, 1, arguments.n)) end, "expected")
    end
    refused("idx", nil, nil, 0)
    refused("idx", "x", {}, 0)
    refused("idx", "x", nil, -1)
    refused("info", {})
    refused("info", io.stdout)
    refused("info")
    refused("gather", ds, other, 1, 1, true, 0, 1)
    refused("gather", ds, picks, 0, 1, true, 0, 1)
    refused("gather", ds, picks, 1, 6, true, 0, 1)
    refused("gather", ds, picks, 5, 2, true, 0, 1)
    refused("gather", ds, picks, 6, 1, true, 0, 1)
    refused("gather", ds, picks, 1, 0, true, 0, 1)
    refused("gather", ds, picks, 1, math.maxinteger, true, 0, 1)
    refused("gather", ds, {}, 1, 1, true, 0, 1)
    refused("gather", picks, ds, 1, 1, true, 0, 1)
    refused("gather", ds, picks, 1, 1, 3, 0, 1)
    refused("gather", ds, picks, 1, 1, true)
    refused("pick_range", ds, 1, 6)
    refused("pick_range", ds, 3, 2)
    refused("pick_list", ds, 3)
    refused("pick_epoch", ds, 1, 0, true, true)
    refused("subset", ds, other)
    refused("label", ds, 1)
    refused("class_indices", ds, 1)
    refused("from_tensor", 1)
    local gc = debug.getmetatable(ds).__gc
    gc(ds)
    gc(ds)
    refused("info", ds)
    refused("gather", ds, picks, 1, 1, true, 0, 1)
  end)
end)
