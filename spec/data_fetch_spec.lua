local encode = require "spec.encode"
local helper = require "spec.helper"
local mg = require "moongan"

-- Writes the four files of a set of the names that MNIST and Fashion-MNIST share, n images each
-- in training and one in testing, all their pixels `byte`.
local function write_set(folder, byte, n, suffix)
  assert(os.execute("mkdir -p '" .. folder .. "'"))
  for base, count in pairs{ train = n, t10k = 1 } do
    local images, labels = encode.idx({ count, 2, 2 }, byte:rep(4 * count)), encode.idx({ count }, ("\3"):rep(count))
    if suffix == ".gz" then images, labels = encode.gzip(images), encode.gzip(labels) end
    encode.write(folder .. "/" .. base .. "-images-idx3-ubyte" .. suffix, images)
    encode.write(folder .. "/" .. base .. "-labels-idx1-ubyte" .. suffix, labels)
  end
end

-- Runs code with a global `data` in an interpreter of its own, MOONGAN_DATA set to `folder`.
local function run_in(folder, code)
  return (helper.run_lua('mg = require "moongan" data = mg.data ' .. code, "MOONGAN_DATA='" .. folder .. "'"))
end

describe("known data sets", function()
  it("are found in the folder given, plain or gzip, and in its sub-folder of their name", function()
    for _, suffix in ipairs{ "", ".gz" } do
      for _, sub in ipairs{ "", "/mnist", "/MNIST" } do
        helper.with_folder(function(folder)
          write_set(folder .. sub, "a", 3, suffix)
          local train = mg.data.mnist{ folder = folder }
          assert.equal(3, #train)
          assert.equal("MNIST train", train.name)
          assert.equal("3", train.classes[4])
          helper.near({ 4, 4, 4 }, train:labels())
          local test = mg.data.mnist{ folder = folder .. "/", split = "test", range = { 0, 255 }, flat = false }
          assert.equal(1, #test)
          helper.near({ { { { 97 }, { 97 } }, { { 97 }, { 97 } } } }, test:images())
        end)
      end
    end
  end)

  it("are found in MOONGAN_DATA, each in its own sub-folder", function()
    helper.with_folder(function(folder)
      write_set(folder .. "/mnist", "a", 2, ".gz")
      write_set(folder .. "/fashion_mnist", "b", 4, "")
      assert.equal("2 4 coat\n", run_in(folder,
        "print(#data.mnist() .. ' ' .. #data.fashion_mnist{} .. ' ' .. data.fashion_mnist().classes[5])"))
      assert.equal("4\n", run_in(folder .. "/fashion_mnist", "print(#data.fashion_mnist())"))
    end)
  end)

  it("are not taken for each other, though their files are called the same", function()
    helper.with_folder(function(folder)
      write_set(folder .. "/mnist", "a", 2, ".gz")
      helper.error_like(function() mg.data.fashion_mnist{ folder = folder .. "/mnist" } end,
        "Fashion%-MNIST is not there")
      assert.equal(2, #mg.data.mnist{ folder = folder .. "/mnist" })
    end)
  end)

  it("are looked for in MOONGAN_DATA, then where Debian puts them, then in ./data", function()
    local function places(name)
      return run_in("/x", string.format(
        "print(table.concat(require('moongan.data.find').places(require('moongan.data.sets').%s), ' '))", name))
    end
    assert.equal("/x/mnist /x/MNIST /x data/mnist data/MNIST\n", places("mnist"))
    assert.equal("/x/fashion-mnist /x/fashion_mnist /x/FashionMNIST /x /usr/share/datasets/fashion-mnist "
      .. "data/fashion-mnist data/fashion_mnist data/FashionMNIST\n", places("fashion_mnist"))
  end)

  it("that are missing are an error that lists every place and how to get them", function()
    helper.with_folder(function(folder)
      local message = helper.error_like(function() mg.data.mnist{ folder = folder } end, {
        "mg%.data%.mnist: MNIST is not there: expected train%-images%-idx3%-ubyte and train%-labels%-idx1%-ubyte",
        'mg%.data%.fetch%("mnist"%)', "MOONGAN_DATA",
      })
      assert.is_truthy(message:find(folder .. "/mnist\n", 1, true))
      assert.is_truthy(message:find(folder .. "\n", 1, true))
      assert.is_falsy(message:find("apt-get", 1, true))
      local text = run_in(folder, "print(select(2, pcall(data.fashion_mnist, { folder = '" .. folder .. "/x' })))")
      assert.matches("apt%-get install dataset%-fashion%-mnist", text)
      encode.write(folder .. "/train-images-idx3-ubyte", "x")
      helper.error_like(function() mg.data.mnist{ folder = folder } end, "images there, labels missing")
      helper.error_like(function() mg.data.mnist{ folder = folder, spilt = "test" } end, 'did you mean "split"')
      helper.error_like(function() mg.data.mnist{ split = "x" } end, 'expected "train" or "test", got string "x"')
    end)
  end)

  it("whose files are broken are an error that names the file", function()
    helper.with_folder(function(folder)
      write_set(folder, "a", 2, "")
      encode.write(folder .. "/train-labels-idx1-ubyte", encode.idx({ 2 }, "\3\10"))
      helper.error_like(function() mg.data.mnist{ folder = folder } end,
        "train%-labels%-idx1%-ubyte: expected labels from 0 to 9, got 10 at place 2")
    end)
  end)
end)

describe("fetching", function()
  local fetch = require "moongan.data.fetch"
  local have_curl = os.execute("command -v curl >/dev/null 2>&1")
  local when_curl = have_curl and it or pending

  -- curl wants the space in a URL encoded; names of real files have none.
  local CONTENTS, NAME = "some bytes\n", "a%20file"
  local SUM = "0c169d5251a72b0c10c2a2957d0eacf02c1c5f43d80bc589abcb724df71b3a76"

  -- f(try, folder): try fetches one file from the mirrors named ("good", "bad", "none").
  local function with_mirrors(f)
    helper.with_folder(function(folder)
      assert(os.execute("mkdir -p '" .. folder .. "/good' '" .. folder .. "/bad' '" .. folder .. "/none'"))
      encode.write(folder .. "/good/a file.gz", encode.gzip(CONTENTS))
      encode.write(folder .. "/bad/a file.gz", encode.gzip("other bytes\n"))
      local function try(...)
        local mirrors, lines = {}, {}
        for i, name in ipairs{ ... } do mirrors[i] = "file://" .. folder .. "/" .. name .. "/" end
        local toy = { name = "toy", mirrors = mirrors, sha256 = { [NAME] = SUM } }
        local ok, message = pcall(fetch.files, "fetch", toy, folder .. "/it's here", function(line)
          lines[#lines + 1] = line
        end)
        return ok, message, lines
      end
      f(try, folder)
    end)
  end

  when_curl("keeps a file whose checksum is right, and does not fetch it again", function()
    with_mirrors(function(try, folder)
      local ok, message, lines = try("none", "bad", "good")
      assert.is_true(ok, message)
      assert.same({ NAME .. ".gz" }, encode.list(folder .. "/it'\\''s here"))
      assert.equal(encode.gzip(CONTENTS), encode.read(folder .. "/it's here/" .. NAME .. ".gz"))
      assert.matches("fetched, checksum right", lines[1])
      ok, message, lines = try("none")
      assert.is_true(ok, message)
      assert.matches("there already", lines[1])
    end)
  end)

  when_curl("keeps an archive as it is served, checked whole", function()
    helper.with_folder(function(folder)
      encode.write(folder .. "/toy.tar.gz", CONTENTS)
      local toy = { name = "toy", mirrors = { "file://" .. folder .. "/" }, packed = true }
      local function try(sum)
        toy.sha256 = { ["toy.tar.gz"] = sum }
        return pcall(fetch.files, "fetch", toy, folder .. "/here", function() end)
      end
      local ok, message = try(SUM:reverse())
      assert.is_false(ok)
      assert.matches("toy%.tar%.gz: expected a file of SHA%-256 " .. SUM:reverse() .. ", got " .. SUM, message)
      assert.same({}, encode.list(folder .. "/here"))
      assert.is_true(try(SUM))
      assert.equal(CONTENTS, encode.read(folder .. "/here/toy.tar.gz"))
    end)
  end)

  when_curl("leaves nothing of a file that is wrong or cannot be had, and what was there", function()
    with_mirrors(function(try, folder)
      local ok, message = try("bad", "none")
      assert.is_false(ok)
      assert.matches("fetch: .*a%%20file%.gz cannot be fetched:", message)
      assert.matches("/bad/a%%20file%.gz: expected contents of SHA%-256 " .. SUM .. ", got %x+", message)
      assert.matches("/none/a%%20file%.gz: curl:", message)
      assert.same({}, encode.list(folder .. "/it'\\''s here"))
      encode.write(folder .. "/it's here/" .. NAME .. ".gz", "mine")
      assert.is_false((try("bad")))
      assert.equal("mine", encode.read(folder .. "/it's here/" .. NAME .. ".gz"))
    end)
  end)

  it("says which command is missing", function()
    local lua = helper.run("command -v " .. helper.interpreter()):gsub("%s+$", "")
    helper.with_folder(function(folder)
      local text = helper.run(string.format(
        [[PATH=%s LUA_PATH='%s' LUA_CPATH='%s' %s -e 'print(pcall(require("moongan").data.fetch, "mnist", "%s/x"))']],
        folder, package.path, package.cpath, lua, folder))
      assert.matches("false.*mg%.data%.fetch: expected the command curl, it is not installed", text)
      assert.same({}, encode.list(folder))
    end)
  end)

  it("refuses names that it does not know", function()
    helper.error_like(function() mg.data.fetch("cifar") end,
      'mg%.data%.fetch: expected a data set\'s name, one of cifar10, fashion_mnist, mnist, got string "cifar"')
    helper.error_like(function() mg.data.fetch() end, "got nil")
    helper.error_like(function() mg.data.fetch("mnist", 3) end, "expected a folder's path, got number 3")
    helper.error_like(function() mg.data.fetch("mnist", "") end, "expected a folder's path")
  end)
end)
