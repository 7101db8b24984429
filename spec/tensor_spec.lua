-- Tensors: making them, reading and changing them, operators, and everything that can be wrong.

local helper = require "spec.helper"
local mg = require "moongan"
local naive = require "spec.naive"

describe("making tensors", function()
  it("takes numbers and nested tables", function()
    helper.near(3.5, mg.tensor(3.5))
    assert.are.same({}, mg.tensor(3.5):shape())
    local t = mg.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }
    assert.are.same({ 2, 3 }, t:shape())
    assert.are.same({ { 1, 2, 3 }, { 4, 5, 6 } }, t:totable())
    assert.are.same({ 0 }, mg.tensor{}:shape())
    assert.are.same({ 2, 0 }, mg.tensor{ {}, {} }:shape())
    assert.are.same({ { { { { { { { 7 } } } } } } } }, mg.tensor{ { { { { { { { 7 } } } } } } } }:totable())
  end)

  it("fills shapes given as numbers or as a table", function()
    assert.are.same({ { 0, 0 }, { 0, 0 }, { 0, 0 } }, mg.zeros(3, 2):totable())
    assert.are.same({ 1, 1 }, mg.ones{ 2 }:totable())
    assert.are.same({ { 2.5, 2.5 } }, mg.full({ 1, 2 }, 2.5):totable())
    assert.are.equal(0, mg.zeros():dim())
    assert.are.equal(0, mg.zeros(2, 0, 3):numel())
    local t = mg.tensor{ { 1, 2 } }
    assert.are.same({ { 0, 0 } }, mg.zeros_like(t):totable())
    assert.are.same({ { 1, 1 } }, mg.ones_like(t):totable())
    assert.are.same({ { 3, 3 } }, mg.full_like(t, 3):totable())
    assert.are.same({ { 1, 0, 0 }, { 0, 1, 0 } }, mg.eye(2, 3):totable())
    assert.are.same({ { 1, 0 }, { 0, 1 } }, mg.eye(2):totable())
  end)

  it("counts", function()
    assert.are.same({ 0, 1, 2 }, mg.arange(3):totable())
    assert.are.same({ 2, 3, 4 }, mg.arange(2, 5):totable())
    helper.near({ 1, 0.75, 0.5 }, mg.arange(1, 0.3, -0.25))
    assert.are.same({}, mg.arange(5, 2):totable())
    helper.near({ 0, 0.25, 0.5, 0.75, 1 }, mg.linspace(0, 1, 5))
    assert.are.same({ 3 }, mg.linspace(3, 9, 1):totable())
  end)

  it("makes one-hot rows of 1-based classes", function()
    assert.are.same({ { 0, 1, 0 }, { 1, 0, 0 } }, mg.one_hot(mg.tensor{ 2, 1 }, 3):totable())
  end)

  it("says what is wrong with its arguments", function()
    local like = helper.error_like
    like(function() mg.tensor() end, { "tensor", "argument 1", "nil" })
    like(function() mg.tensor("x") end, { "tensor", "string \"x\"" })
    like(function() mg.tensor{ 1, "2" } end, { "tensor", "expected numbers", "string" })
    like(function() mg.tensor{ 1, { 2 } } end, { "tensor", "table" })
    like(function() mg.tensor{ { 1, 2 }, { 3 } } end, { "tensor", "one size" })
    like(function() mg.tensor{ { 1 }, 2 } end, { "tensor", "number 2" })
    like(function() mg.tensor({ 1 }, { require_grad = true }) end, { "require_grad", "requires_grad" })
    local loop = {}
    loop[1] = loop
    like(function() mg.tensor(loop) end, { "tensor", "at most 8" })
    like(function() mg.zeros("2") end, { "zeros", "string" })
    like(function() mg.zeros(2.5) end, { "zeros", "whole numbers", "2.5" })
    like(function() mg.zeros(0 / 0) end, { "zeros", "whole numbers" })
    like(function() mg.zeros(-1) end, { "zeros", "%-1" })
    like(function() mg.zeros{ 2, {} } end, { "zeros", "table" })
    like(function() mg.zeros({ 2 }, 3) end, "zeros")
    like(function() mg.zeros(1, 1, 1, 1, 1, 1, 1, 1, 1) end, { "zeros", "at most 8", "9" })
    like(function() mg.full(2, 3) end, { "full", "table" })
    like(function() mg.full({ 2 }) end, { "full", "number" })
    like(function() mg.arange(0, math.huge) end, { "arange", "finite" })
    like(function() mg.arange(0, 1, 0) end, { "arange", "step" })
    like(function() mg.linspace(0, 1, 0) end, { "linspace", "from 1 to", "number 0" })
    like(function() mg.eye(-1) end, { "eye", "%-1" })
    like(function() mg.one_hot(mg.tensor{ 0 }, 3) end, { "one_hot", "0" })
    like(function() mg.one_hot(mg.tensor{ 4 }, 3) end, { "one_hot", "4" })
    like(function() mg.one_hot(mg.tensor{ 1.5 }, 3) end, { "one_hot", "1.5" })
    like(function() mg.one_hot(mg.tensor{ 0 / 0 }, 3) end, { "one_hot", "nan" })
  end)

  it("refuses sizes that no machine has", function()
    for _, shape in ipairs{ { 1e9, 1e9 }, { math.maxinteger }, { math.maxinteger, 2 }, { 2 ^ 62, 0.0 + 4 }, { 1 << 50 },
      { 1e6, 1e6, 1e6, 1e6 } } do
      for _, name in ipairs{ "zeros", "ones", "rand", "randn" } do
        helper.error_like(function() mg[name](shape) end, { name, "%d%d%d%d" })
      end
    end
    helper.error_like(function() mg.eye(1 << 40) end, "eye")
    helper.error_like(function() mg.arange(1e13) end, "arange")
    helper.error_like(function() mg.zeros(1):expand(1 << 50) end, "expand")
    helper.error_like(function() mg.zeros(1):pad(1, 0, 1 << 60) end, "pad")
    helper.error_like(function() mg.zeros(1):pad(1, math.maxinteger, math.maxinteger) end, "pad")
    helper.error_like(function() mg.one_hot(mg.tensor{ 1 }, 1 << 60) end, "one_hot")
    -- A size beside a zero is no memory at all.
    assert.are.equal(0, mg.zeros(0, 1 << 40):numel())
  end)
end)

describe("random tensors", function()
  it("repeat with the seed, whatever the number of threads", function()
    local function draw()
      mg.manual_seed(11)
      return { mg.rand(300, 301), mg.randn(300, 301), mg.randint(1, 6, { 1000 }), mg.randperm(1000) }
    end
    local one, two = helper.with_threads(1, draw), helper.with_threads(2, draw)
    for i, tensor in ipairs(one) do assert.are.equal(0, tensor:ne(two[i]):sum():item()) end
    mg.manual_seed(12)
    assert.are_not.equal(0, one[1]:ne(mg.rand(300, 301)):sum():item())
  end)

  it("continue from a state that was kept", function()
    mg.manual_seed(5)
    mg.rand(10)
    local state = mg.get_rng_state()
    local expected = mg.randn(7)
    mg.set_rng_state(state)
    helper.same_bits(expected, mg.randn(7))
    helper.error_like(function() mg.set_rng_state{ seed = 1, ofset = 2 } end, "ofset")
  end)

  it("have the moments and the range of their distribution", function()
    mg.manual_seed(3)
    local uniform, normal = mg.rand(200000), mg.randn(200000)
    assert.is_true(uniform:min():item() >= 0 and uniform:max():item() < 1)
    helper.near(0.5, uniform:mean(), 0.005)
    helper.near(1 / 12, uniform:var(), 0.005)
    helper.near(0, normal:mean(), 0.01)
    helper.near(1, normal:var(), 0.02)
    helper.near(3, normal:pow(4):mean(), 0.15)
    local dice = mg.randint(1, 6, { 60000 })
    for face = 1, 6 do helper.near(10000, dice:eq(face):sum():item(), 0.05) end
    local order = mg.randperm(100):totable()
    table.sort(order)
    for i = 1, 100 do assert.are.equal(i, order[i]) end
  end)
end)

describe("reading tensors", function()
  local t = mg.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }

  it("knows its shape", function()
    assert.are.equal(2, t:dim())
    assert.are.equal(6, t:numel())
    assert.are.equal(2, #t)
    assert.are.equal(3, t:size(2))
    assert.are.equal(3, t:size(-1))
    helper.error_like(function() t:size(3) end, { "size", "1 to 2", "3" })
    helper.error_like(function() t:size(0) end, { "size", "0" })
  end)

  it("gives items, tables and parts", function()
    assert.are.equal(6, t[2][3]:item())
    assert.are.equal(6, t[-1][-1]:item())
    assert.are.same({ 4, 5, 6 }, t[2]:totable())
    assert.are.same({ { 2, 3 }, { 5, 6 } }, t[{ {}, { 2, 3 } }]:totable())
    assert.are.same({ 2, 5 }, t[{ {}, 2 }]:totable())
    assert.are.same({ 2, 5 }, t:select(2, 2):totable())
    assert.are.same({ { 4, 5, 6 } }, t:narrow(1, 2, 1):totable())
    assert.are.equal(7, mg.tensor{ { 7 } }:item())
    helper.error_like(function() t:item() end, { "item", "one element", "%(2, 3%)" })
    helper.error_like(function() return t[3] end, { "1..2", "3" })
    helper.error_like(function() return t[0] end, "0")
    helper.error_like(function() return t[1.5] end, "1.5")
    helper.error_like(function() return t[{ 1, 1, 1 }] end, "at most")
    helper.error_like(function() return mg.tensor(1)[1] end, "0 dimensions")
    helper.error_like(function() return t.shapes end, "shapes")
    helper.error_like(function() t.colour = 1 end, "colour")
  end)

  it("shares storage between views, and copies clones", function()
    local x = mg.tensor{ { 1, 2 }, { 3, 4 }, { 5, 6 } }
    x[2]:fill_(0)
    x:narrow(1, 3, 1):add_(10)
    x:reshape(6)[1] = 9
    x:reshape(3, 2)[1][2] = 8
    assert.are.same({ { 9, 8 }, { 0, 0 }, { 15, 16 } }, x:totable())
    local copy = x:clone()
    copy:zero_()
    assert.are.same({ { 9, 8 }, { 0, 0 }, { 15, 16 } }, x:totable())
    local row = x[1]
    x:free() -- a view keeps what it shows
    assert.are.same({ 9, 8 }, row:totable())
  end)

  it("has a short text", function()
    assert.is_truthy(tostring(t):find("4"))
    assert.is_truthy(tostring(t):find("2, 3", 1, true) or tostring(t):find("2x3", 1, true))
    assert.is_true(#tostring(mg.zeros(1000, 1000)) < 4000)
    assert.is_string(tostring(mg.zeros(0)))
    assert.is_string(tostring(mg.tensor{ 0 / 0, 1 / 0, -1 / 0 }))
  end)
end)

describe("operators", function()
  local a, b = mg.tensor{ { 1, -2 }, { 3, 4 } }, mg.tensor{ 2, 4 }

  it("take tensors on both sides, with broadcasting", function()
    helper.near({ { 3, 2 }, { 5, 8 } }, a + b)
    helper.near({ { -1, -6 }, { 1, 0 } }, a - b)
    helper.near({ { 2, -8 }, { 6, 16 } }, a * b)
    helper.near({ { 0.5, -0.5 }, { 1.5, 1 } }, a / b)
    helper.near({ { 1, 16 }, { 9, 256 } }, a ^ b)
    helper.near({ { -1, 2 }, { -3, -4 } }, -a)
  end)

  it("take a number on either side", function()
    helper.near({ { 3, 0 }, { 5, 6 } }, a + 2)
    helper.near({ { 3, 0 }, { 5, 6 } }, 2 + a)
    helper.near({ { -1, -4 }, { 1, 2 } }, a - 2)
    helper.near({ { 1, 4 }, { -1, -2 } }, 2 - a)
    helper.near({ { 2, -4 }, { 6, 8 } }, a * 2)
    helper.near({ { 2, -4 }, { 6, 8 } }, 2 * a)
    helper.near({ { 0.5, -1 }, { 1.5, 2 } }, a / 2)
    helper.near({ 6, 3 }, 12 / b)
    helper.near({ { 1, 4 }, { 9, 16 } }, a ^ 2)
    helper.near({ 9, 81 }, 3 ^ b)
  end)

  it("refuse anything else", function()
    helper.error_like(function() return a + "x" end, { "+", "string" })
    helper.error_like(function() return {} * a end, { "*", "table" })
    helper.error_like(function() return a - nil end, { "-", "nil" })
    helper.error_like(function() return a + mg.zeros(3) end, { "%(2, 2%)", "%(3,%)" })
    helper.error_like(function() return mg.pow(2, 3) end, "pow")
    helper.error_like(function() return a < b end, "compare")
  end)

  it("compare identity, not elements", function()
    local same = a
    assert.is_true(a == same)
    assert.is_false(a == a:clone())
  end)
end)

-- Functions that are compositions of operations, against plain Lua.
describe("composed functions", function()
  local x = helper.values({ 2, 3, 4 }, 21)
  local array = naive.from(x)

  local function agrees(name, expected, actual, tolerance)
    helper.near(expected.shape, actual:shape(), 0, name .. ": shape")
    expected.shape = nil
    helper.near(expected, helper.flat(actual), tolerance, name)
  end

  local reductions = {
    max = function(list) return math.max(table.unpack(list)) end,
    min = function(list) return math.min(table.unpack(list)) end,
    var = function(list) return naive.variance(list) * #list / (#list - 1) end,
    std = function(list) return math.sqrt(naive.variance(list) * #list / (#list - 1)) end,
    norm = function(list)
      local total = 0
      for _, value in ipairs(list) do total = total + value * value end
      return math.sqrt(total)
    end,
    logsumexp = function(list)
      local total = 0
      for _, value in ipairs(list) do total = total + math.exp(value) end
      return math.log(total)
    end,
  }

  for name, f in pairs(reductions) do
    it(name .. " reduces all elements or one dimension", function()
      for _, keepdim in ipairs{ false, true } do
        agrees(name, naive.reduce(f, array, nil, keepdim), mg[name](x, nil, keepdim))
        for _, dim in ipairs{ 1, 2, 3, -1 } do
          agrees(name, naive.reduce(f, array, dim, keepdim), mg[name](x, dim, keepdim))
        end
      end
      helper.gradcheck(mg[name], { x })
      helper.gradgradcheck(mg[name], { x })
      helper.gradcheck(function(t) return (mg[name](t, 2)) end, { x })
      helper.gradgradcheck(function(t) return (mg[name](t, 2)) end, { x })
      helper.error_like(function() mg[name](x, 4) end, { name, "1 to 3", "4" })
      helper.error_like(function() mg[name]("x") end, { name, "string" })
    end)
  end

  it("max and min along a dimension give positions too, the first of equals", function()
    local values, positions = mg.tensor{ { 1, 5, 5 }, { 2, 2, 0 } }:max(2)
    assert.are.same({ 5, 2 }, values:totable())
    assert.are.same({ 2, 1 }, positions:totable())
    values, positions = mg.tensor{ { 1, 5, 5 }, { 2, 0, 0 } }:min(2)
    assert.are.same({ 1, 0 }, values:totable())
    assert.are.same({ 1, 2 }, positions:totable())
    helper.error_like(function() mg.zeros(0, 3):max(1) end, "max")
    helper.error_like(function() mg.zeros(0):max() end, "max")
  end)

  it("var knows the biased and the unbiased estimate", function()
    helper.near(2 / 3, mg.tensor{ 1, 2, 3 }:var(nil, nil, { unbiased = false }))
    helper.near(1, mg.tensor{ 1, 2, 3 }:var())
    helper.error_like(function() mg.tensor{ 1, 2 }:var(nil, nil, { unbiassed = false }) end, "unbiassed")
  end)

  it("norm with an epsilon inside the root is smooth at zero", function()
    local zero = mg.zeros(3):requires_grad_(true)
    zero:norm(nil, nil, 1e-12):backward()
    assert.are.same({ 0, 0, 0 }, zero.grad:totable())
  end)

  it("moves dimensions", function()
    local m = mg.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }
    assert.are.same({ { 1, 4 }, { 2, 5 }, { 3, 6 } }, m:t():totable())
    assert.are.same(m:t():totable(), m:transpose(1, 2):totable())
    assert.are.same({ 4, 2, 3 }, x:permute(3, 1, 2):shape())
    assert.are.same({ 2, 12 }, x:flatten(2):shape())
    assert.are.same({ 24 }, x:flatten():shape())
    assert.are.same({ 2, 1, 3, 4 }, x:unsqueeze(2):shape())
    assert.are.same({ 2, 3, 4 }, x:unsqueeze(2):squeeze(2):shape())
    assert.are.same({ { 1, 2 }, { 1, 2 } }, mg.stack{ mg.tensor{ 1, 2 }, mg.tensor{ 1, 2 } }:totable())
    assert.are.same({ { 1, 3 }, { 2, 4 } }, mg.stack({ mg.tensor{ 1, 2 }, mg.tensor{ 3, 4 } }, 2):totable())
    helper.error_like(function() mg.stack{} end, "stack")
    helper.error_like(function() mg.stack{ m, x } end, "stack")
    helper.error_like(function() m:reshape(4, 2) end, { "reshape", "%(2, 3%)" })
    helper.error_like(function() m:reshape(-1, -1) end, "reshape")
    helper.error_like(function() m:permute(1, 1) end, "permute")
    helper.error_like(function() m:narrow(2, 3, 2) end, "narrow")
    helper.error_like(function() mg.cat({ m, mg.zeros(2) }, 1) end, "cat")
    helper.error_like(function() mg.cat({ m, "x" }, 1) end, { "cat", "string" })
    helper.error_like(function() mg.matmul(m, m) end, { "matmul", "%(2, 3%)" })
    helper.error_like(function() m:gather(2, mg.tensor{ { 4 }, { 1 } }) end, { "gather", "4" })
    helper.error_like(function() m:index_select(1, mg.tensor{ 0 }) end, { "index_select", "0" })
  end)
end)

describe("changes in place", function()
  it("follow their operation and return the tensor", function()
    local x = mg.tensor{ { 1, 2 }, { 3, 4 } }
    assert.is_true(x:add_(1):sub_(mg.tensor{ 1, 2 }):mul_(2):div_(mg.tensor{ { 2 }, { 4 } }) == x)
    helper.near({ { 1, 1 }, { 1.5, 1.5 } }, x)
    helper.near({ { 1.2, 1.2 }, { 1.4, 1.4 } }, x:clamp_(1.2, 1.4))
    assert.are.same({ { 7, 7 }, { 7, 7 } }, x:fill_(7):totable())
    assert.are.same({ { 1, 2 }, { 1, 2 } }, x:copy_(mg.tensor{ 1, 2 }):totable())
    helper.near({ { 1.5, 2.5 }, { 1.5, 2.5 } }, x:clone():lerp_(mg.tensor{ 3, 4 }, 0.25))
    assert.are.same({ { 7, 7 }, { 7, 7 } }, x:clone():lerp_(7, 1):totable())
    assert.are.same({ { 0, 0 }, { 0, 0 } }, x:zero_():totable())
    x[1], x[{ 2, 2 }] = mg.tensor{ 5, 6 }, 7
    assert.are.same({ { 5, 6 }, { 0, 7 } }, x:totable())
    x[{ {}, 1 }] = 3
    assert.are.same({ { 3, 6 }, { 3, 7 } }, x:totable())
  end)

  it("survive operands that overlap", function()
    local x = mg.arange(6)
    x[{ { 2, 6 } }]:copy_(x[{ { 1, 5 } }])
    assert.are.same({ 0, 0, 1, 2, 3, 4 }, x:totable())
    x:add_(x)
    assert.are.same({ 0, 0, 2, 4, 6, 8 }, x:totable())
    x:mul_(x[2])
    assert.are.same({ 0, 0, 0, 0, 0, 0 }, x:totable())
    local m = mg.tensor{ { 1, 2 }, { 3, 4 } }
    m:sub_(m[1])
    assert.are.same({ { 0, 0 }, { 2, 2 } }, m:totable())
  end)

  it("refuse what does not fit", function()
    local x = mg.zeros(2, 2)
    helper.error_like(function() x:add_(mg.zeros(3)) end, { "add_", "%(3,%)" })
    helper.error_like(function() x:add_(mg.zeros(2, 2, 2)) end, { "add_", "broadcast" })
    helper.error_like(function() x:copy_("x") end, { "copy_", "string" })
    helper.error_like(function() x:lerp_(x) end, { "lerp_", "weight", "nothing" })
    helper.error_like(function() x:fill_() end, { "fill_", "number" })
    helper.error_like(function() x:clamp_(2, 1) end, "clamp_")
    helper.error_like(function() x[1] = "x" end, "string")
    helper.error_like(function() x[1] = mg.zeros(3) end, "broadcast")
    helper.error_like(function() x[3] = 1 end, "1..2")
    assert.are.same({ { 0, 0 }, { 0, 0 } }, x:totable())
  end)
end)

describe("freed tensors", function()
  it("are refused by every method, however often they are freed", function()
    local x = mg.zeros(2, 2)
    x:free()
    x:free()
    assert.is_true(mg.is_tensor(x))
    assert.is_string(tostring(x))
    for name, method in pairs(debug.getmetatable(x).methods) do
      if name ~= "free" then
        local ok, message = pcall(method, x, 1, 1, 1)
        assert.is_false(ok, name .. " accepted a freed tensor")
        assert.is_string(message)
      end
    end
    helper.error_like(function() return x + 1 end, "freed")
    helper.error_like(function() return x[1] end, "freed")
    helper.error_like(function() x[1] = 1 end, "freed")
    helper.error_like(function() return #x end, "freed")
    helper.error_like(function() return x.grad end, "freed")
    helper.error_like(function() x.requires_grad = true end, "freed")
  end)

  it("are closed at the end of their block", function()
    helper.collect()
    local before = mg.memory().live_tensors
    do
      local x <close> = mg.zeros(3)
      assert.are.equal(before + 1, mg.memory().live_tensors)
      assert.are.equal(3, #x)
    end
    assert.are.equal(before, mg.memory().live_tensors)
  end)
end)

describe("methods called on anything", function()
  local values = {
    false, 0, -1, 2 ^ 53, 0 / 0, "text", {}, { 1, 2 }, { { {} } }, print, io.stdout, coroutine.create(print),
  }

  it("raise errors or work, and nothing else", function()
    local tensors = { mg.zeros(2, 3), mg.zeros(0), mg.tensor(1), mg.tensor{ 0 / 0, 1 } }
    for _, value in ipairs(tensors) do values[#values + 1] = value end
    local methods = debug.getmetatable(tensors[1]).methods
    for name, method in pairs(methods) do
      for _, value in ipairs(values) do
        local ok, message = pcall(method, value)
        assert.is_true(ok or type(message) == "string", name)
        if name ~= "free" then
          for _, other in ipairs(values) do
            for _, tensor in ipairs(tensors) do
              ok, message = pcall(method, tensor, value, other)
              assert.is_true(ok or type(message) == "string" and #message > 0, name)
              assert.is_falsy(not ok and message:find("internal error"), name)
            end
          end
        end
      end
      assert.is_true(mg.is_recording(), name .. " left recording off")
    end
  end)
end)

describe("memory", function()
  it("comes back when tensors are collected, under both collectors", function()
    helper.gc_modes(function()
      helper.leak_check(function()
        local total = 0
        for i = 1, 200 do total = total + (mg.full({ 100 }, i) * 2):sum():item() end
        assert.are.equal(200 * 201 * 100, total)
      end)
    end)
  end)

  it("is charged to the collector: garbage does not pile up", function()
    helper.gc_modes(function()
      helper.collect()
      local start = mg.memory(true).live_bytes
      for _ = 1, 600 do mg.zeros(256, 512) end -- half a megabyte each in single precision
      assert.is_true(mg.memory().peak_bytes - start < 200e6, mg.memory().peak_bytes - start)
    end)
  end)

  it("is not collected where the script stopped the collector", function()
    collectgarbage("stop")
    local before = mg.memory().live_tensors
    for _ = 1, 20 do mg.zeros(256, 512) end
    local kept = mg.memory().live_tensors - before
    collectgarbage("restart")
    assert.are.equal(20, kept)
  end)

  it("stays whole when finalizers run in between", function()
    helper.gc_stress(function()
      local x = mg.ones(4)
      for _ = 1, 50 do
        setmetatable({}, { __gc = function() mg.zeros(3):free() end })
        x = x * 1 + 0
      end
      assert.are.same({ 1, 1, 1, 1 }, x:totable())
    end)
  end)
end)
