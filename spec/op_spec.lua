-- Every operation in the registry: its value against plain Lua, its first and second derivatives
-- against central differences, under a restless collector, with one thread and with two.

local helper = require "spec.helper"
local mg = require "moongan"
local naive = require "spec.naive"
local samples = require "spec.op_samples"

local LARGE_SEED = 3

-- A variable's elements: spread over [low, high] in a shuffled order, apart from each other and,
-- by `offset`, from those of other inputs, from 0 and from the ends.
local function spread(shape, low, high, offset)
  local n = naive.count(shape)
  if n == 0 then return mg.zeros(shape) end
  local stride = n % 7 ~= 0 and 7 or n % 5 ~= 0 and 5 or 1
  local flat = {}
  for i = 1, n do flat[i] = low + (high - low) * ((i * stride + 3) % n + offset) / n end
  return mg.tensor(flat):reshape(shape)
end

local OFFSETS = { 0.37, 0.71, 0.13, 0.89 }

local function constant(values)
  if type(values) == "table" and values.random then return mg.randint(1, values.bound, values.random) end
  return mg.tensor(values)
end

-- The inputs of a case, and which of them are variables.
local function inputs_of(case)
  local inputs, wants = {}, {}
  for i, input in ipairs(case) do
    wants[i] = not input.constant
    inputs[i] = input.constant and constant(input.constant) or spread(input.shape, input.low, input.high, OFFSETS[i])
  end
  return inputs, wants
end

local function large_inputs_of(case)
  local inputs = {}
  mg.manual_seed(LARGE_SEED)
  for i, input in ipairs(case) do
    inputs[i] = input.constant and constant(input.constant)
      or mg.rand(input.shape) * (input.high - input.low) + input.low
  end
  return inputs
end

-- f(inputs..., arguments...) of a case, as a function of the inputs alone.
local function applied(name, sample, case)
  local call, arguments = sample.call or mg[name], case.arguments or {}
  return function(...)
    local all, n = { ... }, select("#", ...)
    local count = arguments.n or #arguments
    for i = 1, count do all[n + i] = arguments[i] end
    return call(table.unpack(all, 1, n + count))
  end
end

local function describe_case(case)
  local words = {}
  for _, input in ipairs(case) do
    words[#words + 1] = input.constant and "constant" or "(" .. table.concat(input.shape, ", ") .. ")"
  end
  return table.concat(words, " ")
end

-- f(case, applied function, inputs, wants) for each case, naming the case in errors.
local function each_case(name, f)
  local sample = samples[name]
  for i, case in ipairs(sample.cases) do
    local inputs, wants = inputs_of(case)
    local ok, message = pcall(f, case, applied(name, sample, case), inputs, wants)
    if not ok then error(string.format("%s, case %d %s: %s", name, i, describe_case(case), message), 2) end
  end
end

-- Value and gradients, for comparison between ways of running.
local function value_and_gradients(f, inputs, wants, between)
  between = between or function() end
  local points = {}
  for i, input in ipairs(inputs) do
    points[i] = input:detach()
    if wants[i] then points[i]:requires_grad_(true) end
  end
  between()
  local output = f(table.unpack(points))
  between()
  local results = { output:detach() }
  if not output.requires_grad then return results end
  local total = (output * output):sum()
  between()
  total:backward()
  between()
  for i, point in ipairs(points) do
    if wants[i] then results[#results + 1] = point.grad end
  end
  return results
end

describe("the registry", function()
  it("has a sample for every operation, and no sample without one", function()
    local known = {}
    for _, op in ipairs(mg.ops()) do
      known[op.name] = true
      assert.is_truthy(samples[op.name], "no sample for operation " .. op.name)
      assert.is_true(#op.doc > 0 and #op.signature > 0)
    end
    for name in pairs(samples) do assert.is_true(known[name], "sample for an unknown operation " .. name) end
  end)
end)

for _, op in ipairs(mg.ops()) do
  local name, sample = op.name, samples[op.name]

  if sample then describe("operation " .. name, function()
    it("agrees with plain Lua", function()
      each_case(name, function(case, f, inputs)
        local arrays = {}
        for i, input in ipairs(inputs) do arrays[i] = naive.from(input) end
        local expected = applied(name, { call = sample.reference }, case)(table.unpack(arrays))
        local actual = f(table.unpack(inputs))
        helper.near(expected.shape, actual:shape(), 0, "shape")
        expected.shape = nil
        helper.near(expected, helper.flat(actual))
      end)
    end)

    if op.differentiable then
      it("has first derivatives", function()
        each_case(name, function(_, f, inputs, wants) helper.gradcheck(f, inputs, { wants = wants }) end)
      end)

      it("has second derivatives", function()
        each_case(name, function(_, f, inputs, wants) helper.gradgradcheck(f, inputs, { wants = wants }) end)
      end)
    else
      it("has a result without gradient", function()
        each_case(name, function(_, f, inputs)
          for i, input in ipairs(inputs) do inputs[i] = input:detach():requires_grad_(true) end
          assert.is_false(f(table.unpack(inputs)).requires_grad)
        end)
      end)
    end

    it("is the same under a restless collector, and leaves nothing behind", function()
      local case = sample.cases[1]
      local f, inputs, wants = applied(name, sample, case), inputs_of(case)
      local expected, stressed = value_and_gradients(f, inputs, wants), nil
      helper.gc_stress(function() stressed = value_and_gradients(f, inputs, wants, collectgarbage) end)
      for i, tensor in ipairs(expected) do helper.same_bits(tensor, stressed[i]) end
      helper.leak_check(function()
        each_case(name, function(_, g, points, variables) value_and_gradients(g, points, variables) end)
      end)
    end)

    it("has the same bits with one thread and with two", function()
      local function run(case)
        local wants = {}
        for i, input in ipairs(case) do wants[i] = not input.constant and op.differentiable end
        return value_and_gradients(applied(name, sample, case), large_inputs_of(case), wants)
      end
      for _, case in ipairs{ sample.large, table.unpack(sample.more_large or {}) } do
        local one = helper.with_threads(1, function() return run(case) end)
        local two = helper.with_threads(2, function() return run(case) end)
        for i, tensor in ipairs(one) do
          assert.are.equal(0, tensor:ne(two[i]):sum():item(), "result " .. i .. " differs")
        end
      end
    end)

    it("names itself where its arguments are wrong", function()
      local named = name:gsub("%p", "%%%0")
      helper.error_like(function() mg[name]() end, named)
      helper.error_like(function() mg[name]("text") end, { named, "expected", "got" })
      helper.error_like(function() mg[name]({}) end, named)
      local case = sample.cases[1]
      for i in ipairs(case) do
        local inputs = inputs_of(case)
        inputs[i]:free()
        helper.error_like(function() applied(name, sample, case)(table.unpack(inputs)) end, "freed")
      end
    end)
  end) end
end

describe("a fused operation", function()
  local function composed(name)
    return function(...) return mg.compose(name, ...) end
  end

  for _, op in ipairs(mg.ops()) do
    if op.fused then
      it("equals the composition that specifies it: " .. op.name, function()
        each_case(op.name, function(case, f, inputs, wants)
          local fused = value_and_gradients(f, inputs, wants)
          local original = mg[op.name]
          mg[op.name] = composed(op.name)
          local ok, plain = pcall(value_and_gradients, applied(op.name, samples[op.name], case), inputs, wants)
          mg[op.name] = original
          assert.is_true(ok, plain)
          for i, tensor in ipairs(fused) do helper.near(tensor, plain[i]) end
        end)
      end)
    end
  end
end)

describe("an operation on one element", function()
  it("keeps NaN visible", function()
    local nan, one = mg.tensor{ 0 / 0 }, mg.tensor{ 1 }
    for _, name in ipairs{ "exp", "log", "sqrt", "abs", "square", "reciprocal", "erf", "sin", "cos", "tanh", "sigmoid",
      "relu", "leaky_relu", "elu", "gelu", "silu", "softplus" } do
      local value = mg[name](nan):item()
      assert.is_true(value ~= value, name .. " hides NaN")
    end
    for _, name in ipairs{ "add", "sub", "mul", "div", "maximum", "minimum" } do
      for _, pair in ipairs{ { nan, one }, { one, nan } } do
        local value = mg[name](table.unpack(pair)):item()
        assert.is_true(value ~= value, name .. " hides NaN")
      end
    end
    local clamped = mg.clamp(nan, -1, 1):item()
    assert.is_true(clamped ~= clamped)
  end)

  it("neither overflows nor loses its limits far out", function()
    local far = mg.tensor{ -1e4, -200, 200, 1e4 }
    helper.near({ 0, 0, math.huge, math.huge }, mg.exp(mg.tensor{ -1e4, -2000, 2000, 1e4 }), 0)
    helper.near({ -1, -1, 1, 1 }, far:tanh())
    helper.near({ 0, 0, 1, 1 }, far:sigmoid())
    helper.near({ 0, 0, 200, 1e4 }, far:softplus())
    helper.near({ 0, 0, 200, 1e4 }, far:silu())
    helper.near({ 0, 0, 200, 1e4 }, far:gelu())
    helper.near({ -1, -1, 200, 1e4 }, far:elu())
    helper.near({ -1, -1, 1, 1 }, far:erf())
    helper.near({ -math.huge, 0 }, mg.tensor{ 0, 1 }:log())
    for _, name in ipairs{ "tanh", "sigmoid", "softplus", "silu", "gelu", "elu", "erf" } do
      local x = far:clone():requires_grad_(true)
      mg[name](x):sum():backward()
      for _, slope in ipairs(x.grad:totable()) do assert.is_true(slope == slope and math.abs(slope) < 2) end
    end
  end)
end)
