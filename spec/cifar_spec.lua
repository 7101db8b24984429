local encode = require "spec.encode"
local helper = require "spec.helper"
local mg = require "moongan"

local RECORD = 3073

-- n records: label i % classes, then bytes by formula.
local function records(n, classes)
  local list = {}
  for i = 1, n do
    list[i] = string.char(i % classes) .. encode.bytes(RECORD - 1, function(at) return i * 31 + at * 7 + at // 256 end)
  end
  return table.concat(list)
end

-- A member of a tar archive.  o: type ("0"), magic, size (a field's text), checksum (added to it)
local function member(name, bytes, o)
  o = o or {}
  local function field(text, length) return text .. ("\0"):rep(length - #text) end
  local head = field(name, 100) .. "0000644\0" .. "0000000\0" .. "0000000\0"
    .. (o.size or string.format("%011o\0", #bytes)) .. "00000000000\0"
  local tail = field((o.type or "0"), 101) .. (o.magic or "ustar\00000") .. ("\0"):rep(80)
    .. field(o.prefix or "", 155) .. ("\0"):rep(12)
  local sum = 8 * 32 + (o.checksum or 0)
  for _, part in ipairs{ head, tail } do
    for i = 1, #part do sum = sum + part:byte(i) end
  end
  local header = head .. string.format("%06o\0 ", sum) .. tail
  assert(#header == 512)
  return header .. bytes .. ("\0"):rep(-#bytes % 512)
end

local FINISH = ("\0"):rep(1024)

-- A data set of n records a file, from files or, where the first is a string, an archive.
local function open(archive, files, n, classes)
  return require("moongan.data.dataset").new(mg.core.dataset.cifar(archive, files, n, classes or 10),
    { name = "x", range = { 0, 255 }, flat = false })
end

-- The picture that a record holds, as nested tables.
local function unpacked(record)
  local rows = {}
  for y = 0, 31 do
    rows[y + 1] = {}
    for x = 0, 31 do
      local at = 2 + y * 32 + x
      rows[y + 1][x + 1] = { record:byte(at), record:byte(at + 1024), record:byte(at + 2048) }
    end
  end
  return rows
end

describe("CIFAR batches", function()
  it("give pixels from planes, and labels, file by file", function()
    helper.with_folder(function(folder)
      local one, two = records(3, 10), records(6, 7):sub(3 * RECORD + 1)
      local ds = open(nil, {
        encode.write(folder .. "/one", one), encode.write(folder .. "/two", encode.gzip(two)),
      }, 3)
      assert.equal(6, #ds)
      assert.same({ 32, 32, 3 }, ds.shape)
      helper.near({ 2, 3, 4, 5, 6, 7 }, ds:labels())
      for i = 0, 5 do
        local bytes = i < 3 and one or two
        helper.near(unpacked(bytes:sub(i % 3 * RECORD + 1, (i % 3 + 1) * RECORD)), ds[i + 1])
      end
    end)
  end)

  it("of another size are an error that names the file, what was expected and what came", function()
    helper.with_folder(function(folder)
      local bytes, path = records(3, 10), folder .. "/batch.bin"
      local function refused(contents, pattern)
        encode.write(path, contents)
        helper.error_like(function() open(nil, { path }, 3) end,
          { "mg%.data%.cifar10: .*/batch%.bin: ", "expected 9219 bytes %(3 records of 3073%), got " .. pattern })
      end
      refused("", "0$")
      refused(bytes:sub(1, -2), "9218$")
      refused(bytes:sub(1, 2 * RECORD), "6146$")
      refused(bytes .. "x", "more than 9219$")
      refused(encode.gzip(bytes .. "x"), "more than 9219$")
      encode.write(path, encode.gzip(bytes):sub(1, -5))
      helper.error_like(function() open(nil, { path }, 3) end, "batch%.bin: truncated: the gzip data end early")
      helper.error_like(function() open(nil, { folder .. "/none" }, 3) end, "/none: cannot open: No such file")
      helper.error_like(function() open(nil, { folder }, 3) end, "expected a regular file")
    end)
  end)

  it("with labels out of range are an error that says where", function()
    helper.with_folder(function(folder)
      local path = encode.write(folder .. "/batch.bin", records(12, 11))
      helper.error_like(function() open(nil, { path }, 12) end,
        "batch%.bin: expected labels from 0 to 9, got 10 in record 10")
      assert.equal(12, #open(nil, { path }, 12, 11))
    end)
  end)

  it("are found by name, files before the archive, and must be whole", function()
    helper.with_folder(function(folder)
      -- Files of the right size full of zeros: a black aeroplane, over and over.
      local sub = folder .. "/cifar-10-batches-bin"
      assert(os.execute("mkdir '" .. sub .. "' && truncate -s 30730000 '" .. sub .. "/test_batch.bin'"))
      local ds = mg.data.cifar10{ folder = folder, split = "test", flip = true }
      assert.equal(10000, #ds)
      assert.equal("CIFAR-10 test", ds.name)
      assert.equal("airplane", ds.classes[1])
      assert.is_true(ds.flip)
      helper.near(mg.full({ 1, 32, 32, 3 }, -1), ds:images(10000))
      assert.same({ 2, 3072 }, mg.data.cifar10{ folder = sub, split = "test", flat = true }:images(1, 2):shape())
      helper.error_like(function() mg.data.cifar10{ folder = folder } end, {
        "mg%.data%.cifar10: CIFAR%-10 is not there: expected data_batch_1%.bin, .*data_batch_5%.bin, "
          .. "or cifar%-10%-binary%.tar%.gz, in one of", 'mg%.data%.fetch%("cifar10"%)',
      })
      encode.write(sub .. "/data_batch_1.bin", "x")
      helper.error_like(function() mg.data.cifar10{ folder = folder } end, "%(1 of 5 files there%)")
      for i = 2, 5 do encode.write(sub .. "/data_batch_" .. i .. ".bin", "x") end
      helper.error_like(function() mg.data.cifar10{ folder = folder } end,
        "/data_batch_1%.bin: expected 30730000 bytes %(10000 records of 3073%), got 1$")
      encode.write(folder .. "/cifar-10-binary.tar.gz", member("x/test_batch.bin", "abc") .. FINISH)
      assert.equal(10000, #mg.data.cifar10{ folder = folder, split = "test" })
      os.remove(sub .. "/test_batch.bin")
      for _, where in ipairs{ folder, folder .. "/cifar-10-binary.tar.gz" } do
        helper.error_like(function() mg.data.cifar10{ folder = where, split = "test" } end,
          "cifar%-10%-binary%.tar%.gz: x/test_batch%.bin: expected 30730000 bytes %(10000 records of 3073%), got 3$")
      end
    end)
  end)

  it("are looked for in MOONGAN_DATA, then in ./data", function()
    assert.equal("/x/cifar10 /x/cifar-10-batches-bin /x/cifar10/cifar-10-batches-bin /x data/cifar10 "
      .. "data/cifar-10-batches-bin data/cifar10/cifar-10-batches-bin data\n", (helper.run_lua(
      "print(table.concat(require('moongan.data.find').places(require('moongan.data.sets').cifar10), ' '))",
      "MOONGAN_DATA=/x")))
  end)
end)

describe("CIFAR archives", function()
  local a, b = records(2, 10), records(4, 10):sub(2 * RECORD + 1)
  local good = member("x/", "", { type = "5" }) .. member("x/two.bin", b) .. member("x/readme.html", "hello")
    .. member("x/one.bin", a) .. FINISH

  -- f(open_archive): opens the archive that has the bytes given, as they are or packed.
  local function with_archive(f)
    for _, pack in ipairs{ function(bytes) return bytes end, encode.gzip } do
      helper.with_folder(function(folder)
        f(function(bytes, files)
          return open(encode.write(folder .. "/a.tar.gz", pack(bytes)), files or { "one.bin", "two.bin" }, 2)
        end, folder)
      end)
    end
  end

  it("give the files in the order asked for, wherever they are in it", function()
    with_archive(function(open_archive, folder)
      local expected = open(nil, {
        encode.write(folder .. "/one", a), encode.write(folder .. "/two", b),
      }, 2)
      for _, bytes in ipairs{
        good,
        good .. ("\0"):rep(9216),                                                   -- whole records of 20 blocks
        member("one.bin", a, { magic = "ustar  \0" }) .. member("././@LongLink", "z", { type = "L" })
          .. member("two.bin", b, { type = "\0", prefix = "some/where" }) .. FINISH,
        member("pax", "30 comment=x\n", { type = "x" }) .. member("one.bin", "", { type = "2" }) .. good,
      } do
        local ds = open_archive(bytes)
        helper.same_bits(expected:images(), ds:images())
        helper.same_bits(expected:labels(), ds:labels())
      end
    end)
  end)

  it("that are damaged are an error that names the file", function()
    with_archive(function(open_archive)
      local function refused(bytes, pattern, files)
        helper.error_like(function() open_archive(bytes, files) end, { "mg%.data%.cifar10: .*/a%.tar%.gz: ", pattern })
      end
      refused("", "it ends early")
      refused(("x"):rep(512), "expected a tar archive: the check sum of a header does not fit")
      refused(member("one.bin", a, { checksum = 1 }) .. FINISH, "the check sum of a header")
      refused(member("one.bin", a, { magic = ("\0"):rep(8) }) .. FINISH, "a header is not of the ustar format")
      refused(member("one.bin", a, { size = "\128" .. ("\0"):rep(11) }) .. FINISH, "a size is not octal")
      refused(member("one.bin", a, { size = (" "):rep(12) }) .. FINISH, "a size is not octal")
      refused(member("big", "", { size = "777777777777" }) .. FINISH, "it ends early")
      refused(member("one.bin", a) .. FINISH, "expected a file two%.bin in the archive, got none")
      refused(member("one.bin", a) .. good, "expected one file one%.bin, got several")
      refused(member("one.bin", a .. "x") .. FINISH, "one%.bin: expected 6146 bytes %(2 records of 3073%), got 6147")
      refused(good .. "x", "there is something behind its end")
      refused(good:sub(1, -1025), "it ends early")
      refused(good:sub(1, -513), "it ends early")
      refused(good:sub(1, 2000), "it ends early")
    end)
  end)

  it("with any byte of a header changed are the same data or an error", function()
    helper.with_folder(function(folder)
      local files = { "one.bin", "two.bin" }
      local function bytes_of(ds) return mg.image.to_bytes(ds:images(), { range = { 0, 255 } }) end
      local expected = bytes_of(open(encode.write(folder .. "/a.tar", good), files, 2))
      for at = 513, 1024 do -- of a file that is wanted
        local changed = good:sub(1, at - 1) .. string.char(good:byte(at) ~ (1 << at % 8)) .. good:sub(at + 1)
        local path = encode.write(folder .. "/a.tar", changed)
        local ok, result = pcall(open, path, files, 2)
        if ok then assert.is_true(expected == bytes_of(result))
        else assert.is_truthy(result:find("/a.tar: ", 1, true), result) end
      end
    end)
  end)

  it("leave no memory behind, good or bad", function()
    with_archive(function(open_archive)
      helper.leak_check(function()
        open_archive(good)
        pcall(open_archive, good:sub(1, 5000))
      end)
    end)
  end)
end)
