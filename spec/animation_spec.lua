local encode = require "spec.encode"
local helper = require "spec.helper"
local mg = require "moongan"

-- The chunks of a file, their check sums right: a list of { name, data }.
local function chunks(bytes)
  local list, at = {}, 9
  assert(bytes:sub(1, 8) == encode.SIGNATURE)
  while at <= #bytes do
    local length, name = string.unpack(">I4c4", bytes, at)
    local data = bytes:sub(at + 8, at + 7 + length)
    assert(encode.chunk(name, data) == bytes:sub(at, at + 11 + length), "check sum of " .. name)
    list[#list + 1], at = { name, data }, at + 12 + length
  end
  return list
end

-- An animation taken apart: its head, frames and plays; of each frame its control and a PNG file.  Sequence numbers
-- count from 0 without a gap.
local function take_apart(bytes)
  local list = chunks(bytes)
  assert.equal("IHDR", list[1][1])
  assert.equal("acTL", list[2][1])
  assert.same({ "IEND", "" }, list[#list])
  local frames, sequence = {}, 0
  for i = 3, #list - 1 do
    local name, data = list[i][1], list[i][2]
    if name ~= "IDAT" then
      assert.equal(sequence, (string.unpack(">I4", data)))
      sequence, data = sequence + 1, data:sub(5)
    end
    if name == "fcTL" then
      frames[#frames + 1] = { control = data, data = {} }
    else
      assert.equal(#frames == 1 and "IDAT" or "fdAT", name)
      table.insert(frames[#frames].data, encode.chunk("IDAT", data))
    end
  end
  for _, frame in ipairs(frames) do
    frame.png = encode.SIGNATURE .. encode.chunk("IHDR", list[1][2]) .. table.concat(frame.data)
      .. encode.chunk("IEND", "")
  end
  local count, plays = string.unpack(">I4I4", list[2][2])
  assert.equal(#frames, count)
  return frames, plays
end

describe("animations", function()
  it("hold frames as PNG files hold them, and show the first where animations are not known", function()
    helper.with_folder(function(folder)
      local path, list = folder .. "/a.png", {}
      for i = 1, 5 do list[i] = helper.values({ 6, 5, 3 }, i) end
      mg.image.save_animation(path, list, { delay = 0.25, plays = 2 })
      local bytes = encode.read(path)
      local frames, plays = take_apart(bytes)
      assert.equal(2, plays)
      assert.equal(5, #frames)
      for i, frame in ipairs(frames) do
        assert.equal(string.pack(">I4I4I4I4I2I2BB", 5, 6, 0, 0, 250, 1000, 0, 0), frame.control)
        assert.equal(mg.image.encode(list[i]), frame.png)
      end
      helper.same_bits(mg.image.decode(mg.image.encode(list[1])), mg.image.load(path))
    end)
  end)

  it("make grids of pictures, and take frames one by one", function()
    helper.with_folder(function(folder)
      local path, i = folder .. "/a.png", 0
      local batches = { helper.values({ 4, 9 }, 1, 0, 1), helper.values({ 4, 9 }, 2, 0, 1) }
      mg.image.save_animation(path, function() i = i + 1; return batches[i] end,
        { columns = 4, padding = 1, range = { 0, 1 } })
      local frames, plays = take_apart(encode.read(path))
      assert.equal(0, plays)
      assert.equal(2, #frames)
      for k, frame in ipairs(frames) do
        local grid = mg.image.grid(batches[k], { columns = 4, padding = 1, range = { 0, 1 } })
        assert.equal(mg.image.encode(grid, { range = { 0, 1 } }), frame.png)
      end
    end)
  end)

  it("take frames whose data are several chunks", function()
    helper.with_folder(function(folder)
      local path, noise = folder .. "/a.png", mg.rand(2, 200, 200, 3) * 2 - 1
      mg.image.save_animation(path, { noise[1], noise[2] })
      local frames = take_apart(encode.read(path))
      assert.is_true(#frames[2].data > 1)
      for i = 1, 2 do assert.equal(mg.image.encode(noise[i]), frames[i].png) end
    end)
  end)

  it("refuse frames of several sizes, and none at all", function()
    helper.with_folder(function(folder)
      local path = folder .. "/a.png"
      local function refuses(pattern, ...)
        local frames, given = ...
        helper.error_like(function() mg.image.save_animation(path, frames, given) end,
          { "mg%.image%.save_animation: ", pattern })
      end
      refuses("expected at least one frame", {})
      refuses("frame 2 is %(3, 2, 1%), the first is %(2, 2, 1%)", { mg.ones(2, 2, 1), mg.ones(3, 2, 1) })
      refuses("expected a tensor, got string", { mg.ones(2, 2, 1), "x" })
      refuses("expected a list of tensors or a function, got nil")
      refuses("expected a picture", { mg.ones(2, 2, 2) })
      refuses("option delay: expected a number from 0 to 65.5", { mg.ones(2, 2, 1) }, { delay = 66 })
      refuses('did you mean "plays"', { mg.ones(2, 2, 1) }, { play = 1 })
      assert.same({}, encode.list(folder))
    end)
  end)
end)
