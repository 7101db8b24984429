--- Arrays in plain Lua, element by element: what the core's operations are compared with.
--
-- An array is a list of numbers in row-major order with a field `shape`.  Nothing here is fast.

local naive = {}

function naive.count(shape)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  return n
end

--- The array whose element at each index (a list of 1-based positions) is f(index).
function naive.build(shape, f)
  local result, n, rank = { shape = shape }, naive.count(shape), #shape
  local index = {}
  for i = 1, rank do index[i] = 1 end
  for k = 1, n do
    result[k] = f(index)
    for i = rank, 1, -1 do
      index[i] = index[i] + 1
      if index[i] <= shape[i] then break end
      index[i] = 1
    end
  end
  return result
end

--- The element at an index; dimensions of size one repeat, and missing leading ones are ignored,
-- as broadcasting has it.
function naive.get(array, index)
  local shape, position = array.shape, 0
  local skip = #index - #shape
  for i, size in ipairs(shape) do
    position = position * size + (size == 1 and 0 or index[skip + i] - 1)
  end
  return array[position + 1]
end

function naive.from(tensor)
  local n = tensor:numel()
  local result = n == 0 and {} or tensor:detach():reshape(n):totable()
  result.shape = tensor:shape()
  return result
end

--- The shape that broadcasting gives.
function naive.broadcast(...)
  local result = {}
  for _, array in ipairs{ ... } do
    local shape = array.shape
    local skip = math.max(#result - #shape, 0)
    for _ = 1, #shape - #result do table.insert(result, 1, 1) end
    for i, size in ipairs(shape) do
      if size ~= 1 then result[skip + i] = size end
    end
  end
  return result
end

--- f of the elements of one or more arrays, broadcast.
function naive.map(f, ...)
  local arrays = { ... }
  return naive.build(naive.broadcast(...), function(index)
    local values = {}
    for i, array in ipairs(arrays) do values[i] = naive.get(array, index) end
    return f(table.unpack(values))
  end)
end

local function with(index, dim, position)
  local result = { table.unpack(index) }
  result[dim] = position
  return result
end

--- The elements along one dimension through an index, as a list.
function naive.line(array, dim, index)
  local result = {}
  for i = 1, array.shape[dim] do result[i] = naive.get(array, with(index, dim, i)) end
  return result
end

--- f(list of the elements along dim), or of all elements where dim is nil.
function naive.reduce(f, array, dim, keepdim)
  if not dim then
    local shape = {}
    for i = 1, keepdim and #array.shape or 0 do shape[i] = 1 end
    return naive.build(shape, function() return f(array) end)
  end
  if dim < 0 then dim = dim + #array.shape + 1 end
  local kept = naive.build(with(array.shape, dim, 1), function(index) return f(naive.line(array, dim, index)) end)
  if not keepdim then table.remove(kept.shape, dim) end
  return kept
end

function naive.sum(list)
  local total = 0.0
  for _, value in ipairs(list) do total = total + value end
  return total
end

function naive.mean(list) return naive.sum(list) / #list end

--- Biased variance.
function naive.variance(list)
  local mean, total = naive.mean(list), 0.0
  for _, value in ipairs(list) do total = total + (value - mean) ^ 2 end
  return total / #list
end

--- Position of the first element that no other is `better` than.
function naive.best(better)
  return function(list)
    local found = 1
    for i = 2, #list do
      if better(list[i], list[found]) then found = i end
    end
    return found
  end
end

--- Error function by its Taylor series: good to 1e-14 for |x| <= 2.
function naive.erf(x)
  local term, total = x, x
  for n = 1, 60 do
    term = -term * x * x / n
    total = total + term / (2 * n + 1)
  end
  return 2 / math.sqrt(math.pi) * total
end

function naive.tanh(x)
  local e = math.exp(2 * x)
  return (e - 1) / (e + 1)
end

function naive.sigmoid(x) return 1 / (1 + math.exp(-x)) end

return naive
