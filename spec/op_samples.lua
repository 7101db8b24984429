--- One sample for every operation in the registry; see op_spec.lua for what is done with them.
--
-- A sample has
--   cases      a list of cases.  Each is a list of inputs (made by T or C below), and in its field
--              `arguments` (absent: none) the other arguments
--   reference  function(arrays..., arguments...): what the operation gives, as a naive array
--   call       function(tensors..., arguments...): applies it (absent: mg[name] itself, which suits
--              operations whose tensors come first)
--   large      a case with enough elements for several threads

local mg = require "moongan"
local naive = require "spec.naive"

local samples = {}

-- A variable of this shape, its elements spread over [low, high] without coming near each other,
-- near 0 or near the ends, so that kinks (at 0, between equal elements) are far away.
local function T(shape, low, high) return { shape = shape, low = low or -1.7, high = high or 1.7 } end

-- A constant: gradients with respect to it are not asked for.
local function C(values) return { constant = values } end

local LARGE = { 301, 403 }

local function cases_of(shapes, low, high, arguments)
  local cases = {}
  for i, shape in ipairs(shapes) do cases[i] = { T(shape, low, high), arguments = arguments } end
  return cases
end

-- ---- one input, element by element -------------------------------------------------------------

local SHAPES = { { 2, 3 }, {}, { 1 }, { 5 }, { 0 }, { 2, 0, 3 }, { 1, 1 } }

local function unary(f, low, high, arguments)
  return {
    cases = cases_of(SHAPES, low, high, arguments),
    reference = function(x, ...)
      local rest = table.pack(...)
      return naive.map(function(value) return f(value, table.unpack(rest, 1, rest.n)) end, x)
    end,
    large = { T(LARGE, low, high), arguments = arguments },
  }
end

-- The same operation with other arguments: more cases.
local function also(sample, low, high, arguments)
  sample.cases[#sample.cases + 1] = { T({ 2, 3 }, low, high), arguments = arguments }
  return sample
end

samples.affine = also(unary(function(x, scale, shift) return scale * x + shift end, nil, nil, { 2.5, -0.75 }),
  nil, nil, { 0, 1 })
samples.exp = unary(math.exp)
samples.log = unary(math.log, 0.2, 3)
samples.sqrt = unary(math.sqrt, 0.2, 3)
samples.abs = unary(math.abs)
samples.sign = unary(function(x) return x > 0 and 1 or x < 0 and -1 or 0 end)
samples.square = unary(function(x) return x * x end)
samples.reciprocal = unary(function(x) return 1 / x end, 0.3, 2)
samples.pow_scalar = unary(function(x, p) return x ^ p end, 0.3, 2, { 2.5 })
for _, exponent in ipairs{ -1, 0, 0.5, 1, 2, 3 } do also(samples.pow_scalar, 0.3, 2, { exponent }) end
also(samples.pow_scalar, -1.7, 1.7, { 3 })
samples.clamp = unary(function(x, low, high) return math.max(low, math.min(high, x)) end, nil, nil, { -0.8, 0.61 })
samples.erf = unary(naive.erf)
samples.sin = unary(math.sin)
samples.cos = unary(math.cos)
samples.tanh = unary(naive.tanh)
samples.sigmoid = unary(naive.sigmoid)
samples.relu = unary(function(x) return math.max(x, 0) end)
samples.leaky_relu = also(unary(function(x, slope) return x >= 0 and x or (slope or 0.01) * x end, nil, nil, { 0.2 }),
  nil, nil, {})
samples.elu = also(unary(function(x, alpha, scale)
  return (scale or 1) * (x >= 0 and x or (alpha or 1) * (math.exp(x) - 1))
end, nil, nil, { 0.7, 1.3 }), nil, nil, {})
samples.gelu = unary(function(x) return 0.5 * x * (1 + naive.erf(x / math.sqrt(2))) end)
samples.silu = unary(function(x) return x * naive.sigmoid(x) end)
samples.softplus = unary(function(x) return math.log(1 + math.exp(x)) end)

-- ---- gradients of those: (g, what was saved) ---------------------------------------------------

local function pair(f, low, high, arguments)
  local cases = {}
  for i, shape in ipairs(SHAPES) do cases[i] = { T(shape), T(shape, low, high), arguments = arguments } end
  return {
    cases = cases,
    reference = function(g, saved, ...)
      local rest = table.pack(...)
      return naive.map(function(a, b) return f(a, b, table.unpack(rest, 1, rest.n)) end, g, saved)
    end,
    large = { T(LARGE), T(LARGE, low, high), arguments = arguments },
  }
end

samples.clamp_grad = pair(function(g, x, low, high) return x >= low and x <= high and g or 0 end,
  nil, nil, { -0.8, 0.61 })
samples.tanh_grad = pair(function(g, y) return g * (1 - y * y) end, -0.9, 0.9)
samples.sigmoid_grad = pair(function(g, y) return g * y * (1 - y) end, 0.1, 0.9)
samples.relu_grad = pair(function(g, y) return y > 0 and g or 0 end)
samples.leaky_relu_grad = pair(function(g, y, slope) return y > 0 and g or slope * g end, nil, nil, { 0.2 })

-- ---- two inputs, broadcast ---------------------------------------------------------------------

local PAIRS = {
  { { 2, 3 }, { 2, 3 } }, { { 2, 3 }, { 3 } }, { { 3 }, { 2, 3 } }, { { 2, 1 }, { 1, 3 } }, { { 2, 1, 3 }, { 4, 1 } },
  { {}, { 2, 3 } }, { { 2, 3 }, {} }, { {}, {} }, { { 1 }, { 1 } }, { { 0 }, { 1 } }, { { 2, 0 }, { 2, 1 } },
  { { 0, 3 }, { 3 } }, { { 4, 3 }, { 4, 1 } }, { { 1, 1, 2 }, { 2, 1, 1 } },
}

local function binary(f, low, high)
  local cases = {}
  for i, shapes in ipairs(PAIRS) do cases[i] = { T(shapes[1], low, high), T(shapes[2], low, high) } end
  return {
    cases = cases,
    reference = function(a, b) return naive.map(f, a, b) end,
    large = { T(LARGE, low, high), T({ LARGE[2] }, low, high) },
  }
end

local function comparison(f)
  local sample = binary(function(a, b) return f(a, b) and 1 or 0 end)
  table.insert(sample.cases, { C{ 1, 2, 3 }, C{ 3, 2, 1 } })
  return sample
end

samples.add = binary(function(a, b) return a + b end)
samples.sub = binary(function(a, b) return a - b end)
samples.mul = binary(function(a, b) return a * b end)
samples.div = binary(function(a, b) return a / b end, 0.4, 2)
samples.pow = binary(function(a, b) return a ^ b end, 0.4, 2)
samples.maximum = binary(math.max)
samples.minimum = binary(math.min)
samples.eq = comparison(function(a, b) return a == b end)
samples.ne = comparison(function(a, b) return a ~= b end)
samples.lt = comparison(function(a, b) return a < b end)
samples.le = comparison(function(a, b) return a <= b end)
samples.gt = comparison(function(a, b) return a > b end)
samples.ge = comparison(function(a, b) return a >= b end)

samples.where = {
  cases = {
    { C{ { 1, 0, 1 }, { 0, 0, 2 } }, T{ 2, 3 }, T{ 2, 3 } }, { C{ 1, 0, -1 }, T{ 2, 3 }, T{} },
    { C(1), T{}, T{} }, { C{ 0 }, T{ 1 }, T{ 1 } }, { C{ 1 }, T{ 0 }, T{ 0 } },
    { C{ { 1 }, { 0 } }, T{ 3 }, T{ 2, 1 } },
  },
  reference = function(condition, a, b)
    return naive.map(function(c, x, y) return c ~= 0 and x or y end, condition, a, b)
  end,
  call = function(condition, a, b) return mg.where(condition:gt(0):add(condition:lt(0)), a, b) end,
  large = { T(LARGE), T(LARGE), T{ LARGE[2] } },
}

-- ---- products ----------------------------------------------------------------------------------

-- Element (.., i, j) of an array whose last two dimensions may be transposed.
local function matrix_get(array, index, i, j, transposed)
  local at = { table.unpack(index) }
  at[#at - 1], at[#at] = transposed and j or i, transposed and i or j
  return naive.get(array, at)
end

samples.matmul = {
  cases = {
    { T{ 2, 3 }, T{ 3, 4 } }, { T{ 3, 2 }, T{ 3, 4 }, arguments = { true, false } },
    { T{ 2, 3 }, T{ 4, 3 }, arguments = { false, true } }, { T{ 3, 2 }, T{ 4, 3 }, arguments = { true, true } },
    { T{ 2, 2, 3 }, T{ 2, 3, 2 } }, { T{ 2, 3, 2 }, T{ 2, 2, 3 }, arguments = { true, true } },
    { T{ 1, 1 }, T{ 1, 1 } },
    { T{ 0, 3 }, T{ 3, 2 } }, { T{ 2, 0 }, T{ 0, 3 } }, { T{ 2, 3 }, T{ 3, 0 } }, { T{ 0, 2, 3 }, T{ 0, 3, 2 } },
  },
  reference = function(a, b, transpose_a, transpose_b)
    local rank = #a.shape
    local shape = { table.unpack(a.shape) }
    local inner = a.shape[transpose_a and rank - 1 or rank]
    shape[rank - 1], shape[rank] = a.shape[transpose_a and rank or rank - 1],
    b.shape[transpose_b and rank - 1 or rank]
    return naive.build(shape, function(index)
      local total = 0.0
      for k = 1, inner do
        total = total + matrix_get(a, index, index[rank - 1], k, transpose_a) *
          matrix_get(b, index, k, index[rank], transpose_b)
      end
      return total
    end)
  end,
  large = { T{ 150, 400 }, T{ 400, 333 } },
}

samples.linear = {
  cases = {
    { T{ 2, 3 }, T{ 3, 4 }, T{ 4 } }, { T{ 2, 3 }, T{ 3, 4 } }, { T{ 2, 2, 3 }, T{ 3, 2 }, T{ 2 } },
    { T{ 3 }, T{ 3, 2 }, T{ 2 } },
    { T{ 1, 1 }, T{ 1, 1 }, T{ 1 } }, { T{ 0, 3 }, T{ 3, 2 }, T{ 2 } }, { T{ 2, 0 }, T{ 0, 2 }, T{ 2 } },
  },
  reference = function(x, weight, bias)
    local shape = { table.unpack(x.shape) }
    local rank = #shape
    shape[rank] = weight.shape[2]
    return naive.build(shape, function(index)
      local total = bias and bias[index[rank]] or 0.0
      for k = 1, weight.shape[1] do
        total = total + matrix_get(x, { 1, table.unpack(index) }, index[rank - 1] or 1, k)
          * naive.get(weight, { k, index[rank] })
      end
      return total
    end)
  end,
  large = { T{ 150, 400 }, T{ 400, 333 }, T{ 333 } },
}

samples.linear_rectified = {
  cases = {
    { T{ 2, 3 }, T{ 3, 4 }, T{ 4 } }, { T{ 2, 3 }, T{ 3, 4 }, T{ 4 }, arguments = { 0.2 } },
    { T{ 2, 3 }, T{ 3, 4 }, T{ 4 }, arguments = { 0 } }, { T{ 2, 2, 3 }, T{ 3, 2 }, T{ 2 }, arguments = { 1.5 } },
    { T{ 3 }, T{ 3, 2 }, T{ 2 }, arguments = { 1 } }, { T{ 0, 3 }, T{ 3, 2 }, T{ 2 }, arguments = { 0.2 } },
  },
  reference = function(x, weight, bias, slope)
    local y = samples.linear.reference(x, weight, bias)
    return naive.build(y.shape, function(index)
      local value = naive.get(y, index)
      return value < 0 and (slope or 0.01) * value or value
    end)
  end,
  large = { T{ 150, 400 }, T{ 400, 333 }, T{ 333 }, arguments = { 0.2 } },
}

-- Which piece of each of two units counts, of three.
local PIECES = { { 3, 1 }, { 2, 2 }, { 3, 2 }, { 1, 3 } }
local function chosen(piece, n, u, units) return (math.tointeger(naive.get(piece, { n, u })) - 1) * units + u end

samples.maxout = {
  cases = {
    { T{ 4, 3 }, T{ 3, 6 }, C(PIECES), T{ 6 } }, { T{ 4, 3 }, T{ 3, 6 }, C(PIECES) },
    { T{ 1, 1 }, T{ 1, 1 }, C{ { 1 } } },
  },
  reference = function(x, weight, piece, bias)
    return naive.build(piece.shape, function(index)
      local column = chosen(piece, index[1], index[2], piece.shape[2])
      local total = bias and bias[column] or 0.0
      for i = 1, x.shape[2] do total = total + naive.get(x, { index[1], i }) * naive.get(weight, { i, column }) end
      return total
    end)
  end,
  large = { T{ 150, 200 }, T{ 200, 600 }, C{ random = { 150, 120 }, bound = 5 }, T{ 600 } },
}

samples.maxout_input = {
  cases = { { T{ 4, 2 }, T{ 3, 6 }, C(PIECES) }, { T{ 1, 1 }, T{ 1, 1 }, C{ { 1 } } } },
  reference = function(g, weight, piece)
    return naive.build({ g.shape[1], weight.shape[1] }, function(index)
      local total = 0.0
      for u = 1, g.shape[2] do
        total = total + naive.get(g, { index[1], u })
          * naive.get(weight, { index[2], chosen(piece, index[1], u, g.shape[2]) })
      end
      return total
    end)
  end,
  large = { T{ 150, 120 }, T{ 200, 600 }, C{ random = { 150, 120 }, bound = 5 } },
}

samples.maxout_weight = {
  cases = {
    { T{ 4, 3 }, T{ 4, 2 }, C(PIECES), arguments = { 3 } }, { T{ 1, 1 }, T{ 1, 1 }, C{ { 1 } }, arguments = { 1 } },
  },
  reference = function(x, g, piece, pieces)
    local units = g.shape[2]
    return naive.build({ x.shape[2], pieces * units }, function(index)
      local total, unit = 0.0, (index[2] - 1) % units + 1
      for n = 1, x.shape[1] do
        if chosen(piece, n, unit, units) == index[2] then
          total = total + naive.get(x, { n, index[1] }) * naive.get(g, { n, unit })
        end
      end
      return total
    end)
  end,
  large = { T{ 150, 200 }, T{ 150, 120 }, C{ random = { 150, 120 }, bound = 5 }, arguments = { 5 } },
}

-- ---- reductions --------------------------------------------------------------------------------

local function reduction(f, no_empty)
  local cases = {
    { T{ 2, 3 } }, { T{ 2, 3 }, arguments = { 1 } }, { T{ 2, 3 }, arguments = { 2 } },
    { T{ 2, 3 }, arguments = { -1, true } },
    { T{ 2, 3, 2 }, arguments = { 2 } }, { T{ 2, 3, 2 }, arguments = { 2, true } },
    { T{ 2, 3 }, arguments = { nil, true, n = 2 } },
    { T{} }, { T{ 1 }, arguments = { 1 } }, { T{ 1, 1 } }, { T{ 0, 3 }, arguments = { 2 } },
    { T{ 3, 0, 2 }, arguments = { 3, true } },
  }
  if not no_empty then
    for _, case in ipairs{ { T{ 0 } }, { T{ 0, 3 }, arguments = { 1 } }, { T{ 2, 0 }, arguments = { 2, true } } } do
      cases[#cases + 1] = case
    end
  end
  return {
    cases = cases,
    reference = function(x, dim, keepdim) return naive.reduce(f, x, dim, keepdim) end,
    large = { T(LARGE) },
    more_large = {
      { T(LARGE), arguments = { 1 } }, { T(LARGE), arguments = { 2 } }, { T{ 31, 67, 59 }, arguments = { 2 } },
    },
  }
end

samples.sum = reduction(naive.sum)
samples.mean = reduction(naive.mean, true)
samples.argmax = reduction(naive.best(function(a, b) return a > b end), true)
samples.argmin = reduction(naive.best(function(a, b) return a < b end), true)
for _, name in ipairs{ "argmax", "argmin" } do -- the first of equals
  table.insert(samples[name].cases, { C{ { 2, 1, 2, 1 }, { 3, 3, 3, 3 } }, arguments = { 2 } })
end

samples.sum_to = {
  cases = {
    { T{ 2, 3 }, arguments = { { 3 } } }, { T{ 2, 3 }, arguments = { { 2, 1 } } }, { T{ 2, 3 }, arguments = { {} } },
    { T{ 2, 3 }, arguments = { { 2, 3 } } }, { T{ 4, 2, 3 }, arguments = { { 1, 3 } } }, { T{}, arguments = { {} } },
    { T{ 4, 2, 3 }, arguments = { { 4, 1, 3 } } }, { T{ 2, 3, 2 }, arguments = { { 1, 3, 1 } } },
    { T{ 0, 3 }, arguments = { { 3 } } }, { T{ 2, 0 }, arguments = { { 2, 1 } } }, { T{ 1 }, arguments = { { 1 } } },
  },
  reference = function(x, shape)
    local result = naive.build(shape, function() return 0.0 end)
    local skip = #x.shape - #shape
    naive.build(x.shape, function(index)
      local position = 0
      for i, size in ipairs(shape) do position = position * size + (size == 1 and 0 or index[skip + i] - 1) end
      result[position + 1] = result[position + 1] + naive.get(x, index)
    end)
    return result
  end,
  large = { T(LARGE), arguments = { { LARGE[2] } } },
  more_large = { { T(LARGE), arguments = { { LARGE[1], 1 } } }, { T(LARGE), arguments = { {} } } },
}

-- ---- normalisation -----------------------------------------------------------------------------

-- All elements of feature c (the last dimension), as a list.
local function feature(x, c)
  local features, list = x.shape[#x.shape], {}
  for i = c, #x, features do list[#list + 1] = x[i] end
  return list
end

local function last(index) return index[#index] end

samples.moments = {
  cases = { { T{ 4, 3 } }, { T{ 2, 2, 3 } }, { T{ 1, 1 } }, { T{ 5, 1 } } },
  reference = function(x)
    return naive.build({ 2, x.shape[#x.shape] }, function(index)
      local list = feature(x, index[2])
      return index[1] == 1 and naive.mean(list) or naive.variance(list)
    end)
  end,
  large = { T(LARGE) },
}

samples.batch_norm = {
  cases = {
    { T{ 4, 3 }, T{ 3 }, T{ 3 }, arguments = { 1e-5 } }, { T{ 4, 3 }, T{ 3 }, T{ 3 }, arguments = { 0.8 } },
    { T{ 2, 3, 2 }, T{ 2 }, T{ 2 }, arguments = { 0.1 } }, { T{ 1, 2 }, T{ 2 }, T{ 2 }, arguments = { 0.1 } },
    { T{ 4, 1 }, T{ 1 }, T{ 1 }, arguments = { 1e-3 } }, { T{ 5, 3 }, T{ 3 }, T{ 3 }, arguments = { 1e-3, 0.2 } },
    { T{ 3, 2, 2 }, T{ 2 }, T{ 2 }, arguments = { 1e-3, 0 } },
  },
  reference = function(x, gamma, beta, eps, slope)
    return naive.build(x.shape, function(index)
      local list, c = feature(x, last(index)), last(index)
      local normal = (naive.get(x, index) - naive.mean(list)) / math.sqrt(naive.variance(list) + eps)
      local y = normal * gamma[c] + beta[c]
      return y < 0 and (slope or 1) * y or y
    end)
  end,
  call = function(x, gamma, beta, ...) return mg.batch_norm(x, gamma, beta, mg.moments(x:detach()), ...) end,
  large = { T(LARGE), T{ LARGE[2] }, T{ LARGE[2] }, arguments = { 0.8 } },
}

-- The gradients of batch_norm by the formulas of Ioffe and Szegedy 2015, section 3.
samples.batch_norm_grad = {
  cases = {
    { T{ 4, 3 }, T{ 4, 3 }, T{ 3 }, T{ 3 }, arguments = { 1e-3 } },
    { T{ 4, 2 }, T{ 4, 2 }, T{ 2 }, T{ 2 }, arguments = { 0.8 } },
    { T{ 1, 2 }, T{ 1, 2 }, T{ 2 }, T{ 2 }, arguments = { 0.1 } },
    { T{ 3, 1 }, T{ 3, 1 }, T{ 1 }, T{ 1 }, arguments = { 0.1 } },
    { T{ 5, 3 }, T{ 5, 3 }, T{ 3 }, T{ 3 }, arguments = { 1e-3, 0.2 } },
    { T{ 4, 2 }, T{ 4, 2 }, T{ 2 }, T{ 2 }, arguments = { 1e-3, 0 } },
  },
  reference = function(g, x, gamma, beta, eps, slope)
    local rows = x.shape[1]
    return naive.build({ rows + 2, x.shape[2] }, function(index)
      local c = index[2]
      local gs, xs = feature(g, c), feature(x, c)
      local mean, inverse = naive.mean(xs), 1 / math.sqrt(naive.variance(xs) + eps)
      for i = 1, rows do
        if (xs[i] - mean) * inverse * gamma[c] + beta[c] < 0 then gs[i] = (slope or 1) * gs[i] end
      end
      local sum, sum_normal = naive.sum(gs), 0.0
      for i = 1, rows do sum_normal = sum_normal + gs[i] * (xs[i] - mean) * inverse end
      if index[1] == rows + 1 then return sum_normal end
      if index[1] == rows + 2 then return sum end
      local normal = (xs[index[1]] - mean) * inverse
      return gamma[c] * inverse * (gs[index[1]] - sum / rows - normal * sum_normal / rows)
    end)
  end,
  call = function(g, x, gamma, beta, ...)
    return mg.batch_norm_grad(g, x, gamma, beta, mg.moments(x:detach()), ...)
  end,
  large = { T(LARGE), T(LARGE), T{ LARGE[2] }, T{ LARGE[2] }, arguments = { 0.8, 0.2 } },
}

-- f at the positions of x (n, .., features) in the same sample and group as index, as a list.
local function over_group(x, index, groups, f)
  local size, list = x.shape[#x.shape] // groups, {}
  naive.build(x.shape, function(other)
    local same = other[1] == index[1] and (last(other) - 1) // size == (last(index) - 1) // size
    if same then list[#list + 1] = f(other) end
    return 0
  end)
  return list
end

-- (x - mean) / s and 1 / s at index.
local function standardized(x, index, groups, eps)
  local list = over_group(x, index, groups, function(other) return naive.get(x, other) end)
  local inverse = 1 / math.sqrt(naive.variance(list) + eps)
  return (naive.get(x, index) - naive.mean(list)) * inverse, inverse
end

samples.group_norm = {
  cases = {
    { T{ 3, 4 }, T{ 4 }, T{ 4 }, arguments = { 2, 0.1 } }, { T{ 2, 3, 6 }, T{ 6 }, T{ 6 }, arguments = { 3, 1e-3 } },
    { T{ 2, 2, 2, 3 }, T{ 3 }, T{ 3 }, arguments = { 3, 0.1 } }, { T{ 2, 5 }, T{ 5 }, T{ 5 }, arguments = { 1, 0.1 } },
  },
  reference = function(x, gamma, beta, groups, eps)
    return naive.build(x.shape, function(index)
      return standardized(x, index, groups, eps) * gamma[last(index)] + beta[last(index)]
    end)
  end,
  large = { T{ 40, 9, 65 }, T{ 65 }, T{ 65 }, arguments = { 5, 0.1 } },
}

-- With u = (x - mean) / s: x' = (g gamma - mean(g gamma) - u mean(g gamma u)) / s by group.
samples.group_norm_grad = {
  cases = {
    { T{ 3, 2, 4 }, T{ 3, 2, 4 }, T{ 4 }, arguments = { 2, 0.1 } },
    { T{ 2, 3, 3 }, T{ 2, 3, 3 }, T{ 3 }, arguments = { 3, 0.1 } },
    { T{ 2, 1, 4 }, T{ 2, 1, 4 }, T{ 4 }, arguments = { 1, 0.1 } },
  },
  reference = function(g, x, gamma, groups, eps)
    local samples_count, positions, features = table.unpack(x.shape)
    local rows = samples_count * positions
    return naive.build({ rows + 2, features }, function(at)
      local row, c = table.unpack(at)
      if row > rows then
        local sum = 0.0
        for n = 1, samples_count do
          for p = 1, positions do
            local u = row == rows + 1 and standardized(x, { n, p, c }, groups, eps) or 1
            sum = sum + naive.get(g, { n, p, c }) * u
          end
        end
        return sum
      end
      local index = { (row - 1) // positions + 1, (row - 1) % positions + 1, c }
      local function weighted(other) return naive.get(g, other) * gamma[last(other)] end
      local u, inverse = standardized(x, index, groups, eps)
      local mean = naive.mean(over_group(x, index, groups, weighted))
      local product = naive.mean(over_group(x, index, groups, function(other)
        return weighted(other) * (standardized(x, other, groups, eps))
      end))
      return (weighted(index) - mean - u * product) * inverse
    end)
  end,
  large = { T{ 40, 9, 65 }, T{ 40, 9, 65 }, T{ 65 }, arguments = { 5, 0.1 } },
}

-- ---- shapes ------------------------------------------------------------------------------------

samples.reshape = {
  cases = {
    { T{ 2, 3 }, arguments = { { 6 } } }, { T{ 2, 3 }, arguments = { { 3, -1 } } }, { T{}, arguments = { { 1, 1 } } },
    { T{ 1 }, arguments = { {} } }, { T{ 2, 0 }, arguments = { { 0, 5 } } },
    { T{ 2, 3 }, arguments = { { 1, 2, 3, 1 } } },
  },
  reference = function(x, shape)
    local result, known = { shape = { table.unpack(shape) }, table.unpack(x) }, 1
    for _, size in ipairs(shape) do known = size == -1 and known or known * size end
    for i, size in ipairs(shape) do
      if size == -1 then result.shape[i] = #x // known end
    end
    return result
  end,
  large = { T(LARGE), arguments = { { -1 } } },
}

samples.expand = {
  cases = {
    { T{ 3 }, arguments = { { 2, 3 } } }, { T{ 2, 1 }, arguments = { { 2, 3 } } },
    { T{ 2, 1 }, arguments = { { 4, -1, 3 } } },
    { T{}, arguments = { { 2, 2 } } }, { T{ 1 }, arguments = { { 1 } } }, { T{ 1, 3 }, arguments = { { 0, 3 } } },
    { T{ 0 }, arguments = { { 2, 0 } } }, { T{ 1, 2, 1 }, arguments = { { 3, 2, 2 } } },
  },
  reference = function(x, shape)
    local full = {}
    for i, size in ipairs(shape) do full[i] = size == -1 and x.shape[#x.shape - #shape + i] or size end
    return naive.build(full, function(index) return naive.get(x, index) end)
  end,
  large = { T{ LARGE[2] }, arguments = { LARGE } },
}

-- The index with `offset` added at one dimension.
local function moved(index, dim, offset)
  local result = { table.unpack(index) }
  result[dim] = result[dim] + offset
  return result
end

local function resized(shape, dim, size)
  local result = { table.unpack(shape) }
  result[dim] = size
  return result
end

local function positive(dim, x) return dim < 0 and dim + #x.shape + 1 or dim end

samples.narrow = {
  cases = {
    { T{ 4, 3 }, arguments = { 1, 2, 2 } }, { T{ 2, 5 }, arguments = { 2, 2, 3 } },
    { T{ 2, 3, 2 }, arguments = { -2, 3, 1 } },
    { T{ 1 }, arguments = { 1, 1, 1 } }, { T{ 2, 3 }, arguments = { 2, 2, 0 } },
    { T{ 0, 3 }, arguments = { 2, 1, 2 } },
  },
  reference = function(x, dim, start, length)
    dim = positive(dim, x)
    return naive.build(resized(x.shape, dim, length), function(index)
      return naive.get(x, moved(index, dim, start - 1))
    end)
  end,
  large = { T(LARGE), arguments = { 2, 3, 350 } },
}

samples.pad = {
  cases = {
    { T{ 2, 3 }, arguments = { 1, 1, 2 } }, { T{ 2, 3 }, arguments = { 2, 0, 1 } },
    { T{ 2, 3, 2 }, arguments = { -2, 2, 0 } },
    { T{ 1 }, arguments = { 1, 0, 0 } }, { T{ 0 }, arguments = { 1, 2, 1 } }, { T{ 0, 2 }, arguments = { 2, 1, 1 } },
  },
  reference = function(x, dim, before, after)
    dim = positive(dim, x)
    local size = x.shape[dim]
    return naive.build(resized(x.shape, dim, before + size + after), function(index)
      local inside = index[dim] > before and index[dim] <= before + size
      return inside and naive.get(x, moved(index, dim, -before)) or 0
    end)
  end,
  large = { T(LARGE), arguments = { 2, 5, 7 } },
}

samples.cat = {
  cases = {
    { T{ 2, 3 }, T{ 1, 3 }, arguments = { 1 } }, { T{ 2, 3 }, T{ 2, 2 }, T{ 2, 1 }, arguments = { 2 } },
    { T{ 2, 3, 2 }, T{ 2, 1, 2 }, arguments = { -2 } }, { T{ 1 }, arguments = { 1 } },
    { T{ 0, 3 }, T{ 2, 3 }, arguments = { 1 } },
    { T{ 0 }, T{ 0 }, arguments = { 1 } },
  },
  reference = function(...)
    local arrays = { ... }
    local dim = positive(table.remove(arrays), arrays[1])
    local size = 0
    for _, x in ipairs(arrays) do size = size + x.shape[dim] end
    return naive.build(resized(arrays[1].shape, dim, size), function(index)
      local before = 0
      for _, x in ipairs(arrays) do
        if index[dim] <= before + x.shape[dim] then return naive.get(x, moved(index, dim, -before)) end
        before = before + x.shape[dim]
      end
    end)
  end,
  call = function(...)
    local tensors = { ... }
    local dim = table.remove(tensors)
    return mg.cat(tensors, dim)
  end,
  large = { T(LARGE), T{ LARGE[1], 200 }, arguments = { 2 } },
}

samples.flip = {
  cases = {
    { T{ 2, 3 }, arguments = { 1 } }, { T{ 2, 3 }, arguments = { 2 } }, { T{ 2, 3, 2 }, arguments = { -2 } },
    { T{ 1 }, arguments = { 1 } }, { T{ 0 }, arguments = { 1 } }, { T{ 0, 3 }, arguments = { 2 } },
  },
  reference = function(x, dim)
    dim = positive(dim, x)
    return naive.build(x.shape, function(index)
      return naive.get(x, moved(index, dim, x.shape[dim] + 1 - 2 * index[dim]))
    end)
  end,
  large = { T(LARGE), arguments = { 2 } },
}

samples.permute = {
  cases = {
    { T{ 2, 3 }, arguments = { { 2, 1 } } }, { T{ 2, 3, 4 }, arguments = { { 3, 1, 2 } } },
    { T{}, arguments = { {} } },
    { T{ 2, 1, 3, 2 }, arguments = { { 4, 2, 1, 3 } } }, { T{ 1 }, arguments = { { 1 } } },
    { T{ 2, 0 }, arguments = { { 2, 1 } } },
  },
  reference = function(x, dims)
    local shape = {}
    for i, dim in ipairs(dims) do shape[i] = x.shape[dim] end
    return naive.build(shape, function(index)
      local at = {}
      for i, dim in ipairs(dims) do at[dim] = index[i] end
      return naive.get(x, at)
    end)
  end,
  large = { T{ 67, 31, 59 }, arguments = { { 3, 1, 2 } } },
}

-- ---- indices -----------------------------------------------------------------------------------

samples.gather = {
  cases = {
    { T{ 3, 4 }, C{ { 1, 4 }, { 2, 2 }, { 3, 1 } }, arguments = { 2 } },
    { T{ 3, 2 }, C{ { 3, 1 }, { 3, 2 } }, arguments = { 1 } },
    { T{ 2, 3, 2 }, C{ { { 3, 1 } }, { { 2, 2 } } }, arguments = { -2 } }, { T{ 1 }, C{ 1 }, arguments = { 1 } },
    { T{ 3 }, C{ 2, 2, 2, 1 }, arguments = { 1 } },
  },
  reference = function(x, index, dim)
    dim = positive(dim, x)
    return naive.build(index.shape, function(at)
      return naive.get(x, resized(at, dim, math.tointeger(naive.get(index, at))))
    end)
  end,
  call = function(x, index, dim) return mg.gather(x, dim, index) end,
  large = { T(LARGE), C{ random = LARGE, bound = LARGE[2] }, arguments = { 2 } },
}

samples.scatter_add = {
  cases = {
    { T{ 3, 2 }, C{ { 1, 4 }, { 2, 2 }, { 3, 1 } }, arguments = { 2, 4 } },
    { T{ 2, 2 }, C{ { 3, 1 }, { 3, 2 } }, arguments = { 1, 3 } },
    { T{ 1 }, C{ 1 }, arguments = { 1, 1 } }, { T{ 4 }, C{ 2, 2, 2, 1 }, arguments = { -1, 3 } },
  },
  reference = function(source, index, dim, size)
    dim = positive(dim, source)
    local result = naive.build(resized(source.shape, dim, size), function() return 0.0 end)
    naive.build(source.shape, function(at)
      local target, position = resized(at, dim, math.tointeger(naive.get(index, at))), 0
      for i, length in ipairs(result.shape) do position = position * length + target[i] - 1 end
      result[position + 1] = result[position + 1] + naive.get(source, at)
    end)
    return result
  end,
  call = function(source, index, dim, size) return mg.scatter_add(source, dim, index, size) end,
  large = { T(LARGE), C{ random = LARGE, bound = 100 }, arguments = { 2, 100 } },
}

samples.index_select = {
  cases = {
    { T{ 3, 2 }, C{ 3, 1, 1, 2 }, arguments = { 1 } }, { T{ 2, 3 }, C{ 2 }, arguments = { 2 } },
    { T{ 2, 3, 2 }, C{ 3, 3 }, arguments = { -2 } }, { T{ 1 }, C{ 1 }, arguments = { 1 } },
    { T{ 0, 3 }, C{ 2 }, arguments = { 2 } },
  },
  reference = function(x, index, dim)
    dim = positive(dim, x)
    return naive.build(resized(x.shape, dim, #index), function(at)
      return naive.get(x, resized(at, dim, math.tointeger(index[at[dim]])))
    end)
  end,
  call = function(x, index, dim) return mg.index_select(x, dim, index) end,
  large = { T(LARGE), C{ random = { 500 }, bound = LARGE[1] }, arguments = { 1 } },
}

samples.index_add = {
  cases = {
    { T{ 4, 2 }, C{ 3, 1, 1, 2 }, arguments = { 1, 3 } }, { T{ 2, 1 }, C{ 2 }, arguments = { 2, 3 } },
    { T{ 2, 2, 2 }, C{ 3, 3 }, arguments = { -2, 4 } }, { T{ 1 }, C{ 1 }, arguments = { 1, 1 } },
  },
  reference = function(source, index, dim, size)
    dim = positive(dim, source)
    return naive.build(resized(source.shape, dim, size), function(at)
      local total = 0.0
      for i, target in ipairs(index) do
        if target == at[dim] then total = total + naive.get(source, resized(at, dim, i)) end
      end
      return total
    end)
  end,
  call = function(source, index, dim, size) return mg.index_add(source, dim, index, size) end,
  large = { T(LARGE), C{ random = { LARGE[1] }, bound = 50 }, arguments = { 1, 50 } },
}

samples.one_hot = {
  cases = {
    { C{ 2, 1, 3 }, arguments = { 3 } }, { C{ { 1 }, { 2 } }, arguments = { 4 } }, { C(1), arguments = { 1 } },
    { C{ 1 }, arguments = { 1 } },
  },
  reference = function(index, classes)
    local shape = { table.unpack(index.shape) }
    shape[#shape + 1] = classes
    return naive.build(shape, function(at)
      return naive.get(index, { table.unpack(at, 1, #at - 1) }) == last(at) and 1 or 0
    end)
  end,
  large = { C{ random = { 5000 }, bound = 40 }, arguments = { 40 } },
}

-- ---- softmax -----------------------------------------------------------------------------------

local function softmax(of)
  return {
    cases = {
      { T{ 2, 3 }, arguments = { 2 } }, { T{ 2, 3 }, arguments = { 1 } }, { T{ 2, 3, 2 }, arguments = { -2 } },
      { T{ 4 }, arguments = { 1 } },
      { T{ 1 }, arguments = { 1 } }, { T{ 0, 3 }, arguments = { 2 } }, { T{ 2, 0 }, arguments = { 2 } },
      { T({ 2, 3 }, -80, 80), arguments = { 2 } },
    },
    reference = function(x, dim)
      dim = positive(dim, x)
      return naive.build(x.shape, function(index)
        local line, value = naive.line(x, dim, index), naive.get(x, index)
        local largest, total = math.max(table.unpack(line)), 0.0
        for _, other in ipairs(line) do total = total + math.exp(other - largest) end
        return of(value - largest, total)
      end)
    end,
    large = { T(LARGE), arguments = { 2 } },
    more_large = { { T(LARGE), arguments = { 1 } } },
  }
end

samples.softmax = softmax(function(shifted, total) return math.exp(shifted) / total end)
samples.log_softmax = softmax(function(shifted, total) return shifted - math.log(total) end)

require "spec.op_image_samples"(samples, T)

return samples
