--- What the specs share: comparison with messages, derivative checks, collector and leak checks.
--
--     local helper = require "spec.helper"
--
-- Specs run in both precisions (MOONGAN_PRECISION); derivative checks want 64 bits and do nothing
-- with 32.

local mg = require "moongan"

local helper = {}

helper.precision = mg.precision
helper.double = mg.precision == 64
--- Relative error that rounding alone explains for a short formula.
helper.tolerance = helper.double and 1e-10 or 1e-5

local function is_tensor(value)
  return type(value) == "userdata" and (debug.getmetatable(value) or {}).__name == "moongan.Tensor"
end

-- ---- numbers by formula ------------------------------------------------------------------------

--- Number i of stream `seed`, in [-1, 1): an integer hash, so that any language can repeat it.
function helper.hash(seed, i)
  local h = (i * 0x9E3779B1 + seed * 0x85EBCA77 + 0x165667B1) & 0xFFFFFFFF
  h = ((h ~ (h >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
  h = ((h ~ (h >> 15)) * 0x735A2D97) & 0xFFFFFFFF
  return (h ~ (h >> 15)) * 2.0 ^ -31 - 1
end

--- A tensor of the shape given with elements hash(seed, 0), hash(seed, 1), ... scaled to [low, high).
function helper.values(shape, seed, low, high)
  low, high = low or -1, high or 1
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  if n == 0 then return mg.zeros(shape) end
  local middle, half, hash = (low + high) / 2, (high - low) / 2, helper.hash
  local flat = {}
  for i = 1, n do flat[i] = middle + half * hash(seed, i - 1) end
  return mg.tensor(flat):reshape(shape)
end

--- The elements of a tensor in one flat table, in row-major order.
function helper.flat(tensor)
  if tensor:numel() == 0 then return {} end
  return tensor:detach():reshape(tensor:numel()):totable()
end

-- ---- comparison --------------------------------------------------------------------------------

local function describe(value)
  if is_tensor(value) then return "tensor (" .. table.concat(value:shape(), ", ") .. ")" end
  if type(value) == "number" then return string.format("%.17g", value) end
  return type(value) == "table" and "table" or string.format("%s %s", type(value), tostring(value))
end

local function numbers_near(expected, actual, tolerance)
  if expected == actual or (expected ~= expected and actual ~= actual) then return true end
  return math.abs(expected - actual) <= tolerance * math.max(1, math.abs(expected))
end

-- Nil where the two agree, else what differs and where.
local function difference(expected, actual, tolerance, where)
  if is_tensor(expected) and is_tensor(actual) then
    if describe(expected) ~= describe(actual) then
      return string.format("%s: expected %s, got %s", where, describe(expected), describe(actual))
    end
    expected, actual = helper.flat(expected), helper.flat(actual)
  elseif is_tensor(actual) then
    actual = actual:dim() == 0 and actual:item() or actual:totable()
  elseif is_tensor(expected) then
    expected = expected:dim() == 0 and expected:item() or expected:totable()
  end
  if type(expected) == "number" and type(actual) == "number" then
    if numbers_near(expected, actual, tolerance) then return nil end
  elseif type(expected) == "table" and type(actual) == "table" then
    for key, value in pairs(expected) do
      local found = difference(value, actual[key], tolerance, string.format("%s[%s]", where, key))
      if found then return found end
    end
    for key, value in pairs(actual) do
      if expected[key] == nil then
        return string.format("%s[%s]: expected nothing, got %s", where, key, describe(value))
      end
    end
    return nil
  elseif expected == actual then
    return nil
  end
  return string.format("%s: expected %s, got %s", where, describe(expected), describe(actual))
end

--- Assert that two numbers, tensors or nested tables of them agree: |expected - actual| within
-- tolerance * max(1, |expected|), the same shapes, NaN where NaN.  A tensor may stand on one side
-- and its nested table on the other.
function helper.near(expected, actual, tolerance, label)
  local found = difference(expected, actual, tolerance or helper.tolerance, label or "value")
  if found then error(found, 2) end
end

--- Assert that two tensors have the same shape and the same bits.
function helper.same_bits(expected, actual, label)
  local found = difference(expected, actual, 0, label or "value")
  if found then error(found, 2) end
end

--- Assert that f(...) raises an error whose message matches every Lua pattern given (one or a
-- list); returns the message.
function helper.error_like(f, patterns)
  local ok, message = pcall(f)
  if ok then error("expected an error, got none", 2) end
  if type(message) ~= "string" then error("expected a text as error, got " .. describe(message), 2) end
  for _, pattern in ipairs(type(patterns) == "table" and patterns or { patterns }) do
    if not message:find(pattern) then
      error(string.format("expected an error like %q, got %q", pattern, message), 2)
    end
  end
  return message
end

-- ---- derivatives -------------------------------------------------------------------------------

-- Element i of flat table `values`, moved by each of four steps: the derivative of `evaluate` by
-- the fourth-order central difference, whose error is of the order of step^4.
local function numeric_derivative(evaluate, values, i)
  local x = values[i]
  local step = 1e-3 * math.max(1, math.abs(x))
  local at = function(offset)
    values[i] = x + offset
    return evaluate()
  end
  local near_part, far_part = at(step) - at(-step), at(2 * step) - at(-2 * step)
  values[i] = x
  return (8 * near_part - far_part) / (12 * step)
end

local function leaf(flat, shape, wants)
  local tensor = #flat == 0 and mg.zeros(shape) or mg.tensor(flat):reshape(shape):detach()
  return wants and tensor:requires_grad_(true) or tensor
end

--- Assert that the gradients of f(inputs...), a tensor of any shape, agree with central
-- differences to 1e-6 relative, for every input listed in options.wants (default: all of them).
-- f must be smooth within 0.2 % of each element; it is projected on fixed pseudo-random numbers.
function helper.gradcheck(f, inputs, options)
  if not helper.double then return end
  options = options or {}
  local tolerance, wants = options.tolerance or 1e-6, options.wants
  local flats, shapes = {}, {}
  for i, input in ipairs(inputs) do flats[i], shapes[i] = helper.flat(input), input:shape() end
  local function leaves()
    local result = {}
    for i = 1, #inputs do result[i] = leaf(flats[i], shapes[i], not wants or wants[i]) end
    return result
  end
  local direction
  local function project(result)
    direction = direction or helper.values(result:shape(), 77, 0.5, 1.5)
    return (result * direction):sum()
  end
  local function evaluate() return project(f(table.unpack(leaves()))):item() end

  local points = leaves()
  local output = project(f(table.unpack(points)))
  if not output.requires_grad and not options.may_be_constant then error("the result has no gradient", 2) end
  for i = 1, #inputs do
    if not wants or wants[i] then
      -- A result that depends on no input has no graph to ask.
      local gradient = output.requires_grad and mg.grad(output, { points[i] }, { retain_graph = true })[1]
        or mg.zeros(shapes[i])
      helper.near(shapes[i], gradient:shape(), 0, "shape of the gradient of input " .. i)
      local analytic, numeric, largest = helper.flat(gradient), {}, 0
      for j = 1, #analytic do
        numeric[j] = numeric_derivative(evaluate, flats[i], j)
        largest = math.max(largest, math.abs(numeric[j]))
      end
      for j = 1, #analytic do
        local scale = math.max(math.abs(numeric[j]), 1e-2 * largest, 1e-6)
        local close = math.abs(analytic[j] - numeric[j]) <= tolerance * scale -- false for NaN
        if not close then
          error(string.format("gradient of input %d at element %d: differences give %.12g, got %.12g",
            i, j, numeric[j], analytic[j]), 2)
        end
      end
    end
  end
end

--- The same for second derivatives: the gradients of f, themselves recorded, are checked with
-- respect to the inputs and to the incoming gradient.
function helper.gradgradcheck(f, inputs, options)
  if not helper.double then return end
  options = options or {}
  local wants, n = options.wants, #inputs
  local leaves = {}
  for i, input in ipairs(inputs) do leaves[i] = leaf(helper.flat(input), input:shape(), not wants or wants[i]) end
  local shape = f(table.unpack(leaves)):shape()
  local function first_derivatives(...)
    local points = { ... }
    local incoming = table.remove(points)
    local checked = {}
    for i = 1, n do
      if not wants or wants[i] then checked[#checked + 1] = points[i] end
    end
    local output = f(table.unpack(points))
    local total = mg.zeros{}
    local gradients = mg.grad(output, checked, { create_graph = true, grad_output = incoming })
    for i, gradient in ipairs(gradients) do
      total = total + (gradient * helper.values(gradient:shape(), 40 + i, 0.5, 1.5)):sum()
    end
    return total
  end
  local points, points_want = { table.unpack(inputs) }, {}
  for i = 1, n do points_want[i] = not wants or wants[i] end
  points[n + 1], points_want[n + 1] = helper.values(shape, 55, 0.5, 1.5), true
  local ok, message = pcall(helper.gradcheck, first_derivatives, points,
    { tolerance = options.tolerance, wants = points_want, may_be_constant = true })
  if not ok then error("second derivatives: " .. tostring(message), 2) end
end

-- ---- collector and memory ----------------------------------------------------------------------

--- Run body(mode) under the generational and under the incremental collector.
function helper.gc_modes(body)
  for _, mode in ipairs{ "generational", "incremental" } do
    local before = collectgarbage(mode)
    local ok, message = pcall(body, mode)
    collectgarbage(before)
    if not ok then error(mode .. " collector: " .. tostring(message), 2) end
  end
end

--- Run body while the collector takes a step every few instructions.
function helper.gc_stress(body)
  local ok, message
  -- The hook belongs to a coroutine and ends with it.
  local thread = coroutine.create(function() ok, message = pcall(body) end)
  debug.sethook(thread, function() collectgarbage("step") end, "", 10)
  assert(coroutine.resume(thread))
  if not ok then error(message, 2) end
end

function helper.collect()
  collectgarbage()
  collectgarbage()
end

--- Assert that once f has returned and garbage is collected no tensor and no byte more lives.
function helper.leak_check(f)
  helper.collect()
  local before = mg.memory()
  f()
  helper.collect()
  local after = mg.memory()
  for _, field in ipairs{ "live_tensors", "live_bytes" } do
    if before[field] ~= after[field] then
      error(string.format("leak: %s was %d, is %d", field, before[field], after[field]), 2)
    end
  end
end

--- f() with n threads; the former number is restored.
function helper.with_threads(n, f)
  local before = mg.threads()
  mg.set_threads(n)
  local results = table.pack(pcall(f))
  mg.set_threads(before)
  if not results[1] then error(results[2], 2) end
  return table.unpack(results, 2, results.n)
end

-- ---- files and processes -----------------------------------------------------------------------

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- f(folder) with an empty folder that is removed afterwards.
function helper.with_folder(f)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir -p " .. quote(folder)))
  local ok, message = pcall(f, folder)
  os.execute("rm -rf " .. quote(folder))
  if not ok then error(message, 2) end
end

--- Run a shell command; returns what it printed on both streams, and its exit status.
function helper.run(command)
  local pipe = assert(io.popen("{ " .. command .. " ; } 2>&1"))
  local text = pipe:read("a")
  local _, _, status = pipe:close()
  return text, status
end

--- The shell command that runs Lua code in an interpreter of its own, which finds moongan as this
-- one does.
function helper.lua_command(code)
  return string.format("LUA_PATH=%s LUA_CPATH=%s %s -e %s", quote(package.path), quote(package.cpath),
    helper.interpreter(), quote(code))
end

--- Run a Lua file with arguments (as the shell reads them) in an interpreter of its own; returns its output and status.
function helper.run_file(path, arguments)
  return helper.run(string.format("LUA_PATH=%s LUA_CPATH=%s %s %s %s", quote(package.path), quote(package.cpath),
    helper.interpreter(), path, arguments))
end

--- Run Lua code in an interpreter of its own, with further environment variables ("NAME=value
-- NAME=value") where given; returns its output and status.
function helper.run_lua(code, environment)
  return helper.run((environment or "") .. " " .. helper.lua_command(code))
end

--- The command that starts an interpreter like the one that runs this process.
function helper.interpreter()
  local command, i = os.getenv("MOONGAN_LUA"), 0
  while arg and arg[i - 1] do i = i - 1 end
  return command or arg and arg[i] or "lua5.4"
end

return helper
