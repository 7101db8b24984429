--- Samples of the operations on images (n, h, w, c); op_samples.lua says what a sample is.

local mg = require "moongan"
local naive = require "spec.naive"

-- Geometry with every side spelt out.
local function both(value, fallback)
  value = value or fallback
  return type(value) == "table" and value or { value, value }
end

local function sides(geometry)
  geometry = geometry or {}
  return both(geometry.stride, 1), both(geometry.padding, 0), both(geometry.dilation, 1), geometry.groups or 1
end

local function out_size(size, kernel, stride, padding, dilation)
  return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
end

-- Call visit(output position, image position, tap) for every tap of every window of an image h x w that
-- falls inside it.
local function windows(h, w, kh, kw, geometry, visit)
  local stride, padding, dilation = sides(geometry)
  local oh = out_size(h, kh, stride[1], padding[1], dilation[1])
  local ow = out_size(w, kw, stride[2], padding[2], dilation[2])
  for oy = 1, oh do
    for ox = 1, ow do
      for i = 1, kh do
        for j = 1, kw do
          local y = (oy - 1) * stride[1] - padding[1] + (i - 1) * dilation[1] + 1
          local x = (ox - 1) * stride[2] - padding[2] + (j - 1) * dilation[2] + 1
          if y >= 1 and y <= h and x >= 1 and x <= w then visit({ oy, ox }, { y, x }, { i, j }) end
        end
      end
    end
  end
  return oh, ow
end

local function zeros(shape) return naive.build(shape, function() return 0.0 end) end

local function place(array, index)
  local position = 0
  for i, size in ipairs(array.shape) do position = position * size + index[i] - 1 end
  return position + 1
end

local function add(array, index, value)
  local at = place(array, index)
  array[at] = array[at] + value
end

-- Visit every product x[..] weight[..] y[..] of the trilinear form.
local function products(n, h, w, kh, kw, channels, out, geometry, visit)
  local _, _, _, groups = sides(geometry)
  local per_group, out_per_group = channels // groups, out // groups
  return windows(h, w, kh, kw, geometry, function(o, p, t)
    for image = 1, n do
      for k = 1, out do
        local group = (k - 1) // out_per_group
        for c = 1, per_group do
          visit({ image, p[1], p[2], group * per_group + c }, { t[1], t[2], c, k }, { image, o[1], o[2], k })
        end
      end
    end
  end)
end

local function output_shape(x, kh, kw, out, geometry)
  local stride, padding, dilation = sides(geometry)
  return { x[1], out_size(x[2], kh, stride[1], padding[1], dilation[1]),
    out_size(x[3], kw, stride[2], padding[2], dilation[2]), out }
end

local function with_bias(array, bias)
  if not bias then return array end
  return naive.map(function(value, shift) return value + shift end, array, bias)
end

-- Kernel (h, w), geometry; odd sizes, strides, paddings, dilations and groups, and both of the special
-- ways: a kernel as large as the image, and many channels.
local GEOMETRIES = {
  { { 2, 5, 4, 2 }, { 3, 2, 2, 3 }, { stride = 2, padding = 1 } },
  { { 1, 4, 6, 4 }, { 2, 3, 2, 6 }, { stride = { 1, 2 }, padding = { 0, 2 }, groups = 2 } },
  { { 1, 6, 5, 3 }, { 2, 2, 3, 2 }, { dilation = { 2, 3 }, padding = { 1, 0 } } },
  { { 2, 3, 2, 2 }, { 3, 2, 2, 4 }, nil },
  { { 1, 4, 4, 17 }, { 4, 4, 17, 2 }, { stride = 2, padding = 1 } },
  { { 1, 1, 1, 1 }, { 1, 1, 1, 1 }, nil },
  { { 0, 3, 3, 2 }, { 2, 2, 2, 3 }, nil },
}

return function(samples, T)
  local conv, input, weight = {}, {}, {}
  for i, case in ipairs(GEOMETRIES) do
    local x, w, geometry = case[1], case[2], case[3]
    local y = output_shape(x, w[1], w[2], w[4], geometry)
    conv[i] = { T(x), T(w), arguments = { geometry } }
    input[i] = { T(y), T(w), arguments = { x[2], x[3], geometry } }
    weight[i] = { T(x), T(y), arguments = { w[1], w[2], geometry } }
  end
  conv[#conv + 1] = { T{ 2, 3, 3, 2 }, T{ 2, 2, 2, 3 }, T{ 3 }, arguments = { { padding = 1 } } }
  input[#input + 1] = { T{ 2, 2, 2, 3 }, T{ 2, 2, 2, 3 }, T{ 2 }, arguments = { 3, 3 } }

  -- The bias, where a case has one, is the third tensor; Lua's signature has it third as well.
  local function split(first, ...)
    if type(first) == "userdata" or (type(first) == "table" and first.shape) then return first, { ... } end
    return nil, { first, ... }
  end

  samples.conv2d = {
    cases = conv,
    reference = function(x, w, ...)
      local bias, rest = split(...)
      local geometry = rest[1]
      local result = zeros(output_shape(x.shape, w.shape[1], w.shape[2], w.shape[4], geometry))
      products(x.shape[1], x.shape[2], x.shape[3], w.shape[1], w.shape[2], x.shape[4], w.shape[4], geometry,
        function(ix, iw, iy) add(result, iy, naive.get(x, ix) * naive.get(w, iw)) end)
      return with_bias(result, bias)
    end,
    call = function(x, w, ...)
      local bias, rest = split(...)
      return mg.conv2d(x, w, bias, rest[1])
    end,
    large = { T{ 9, 17, 15, 5 }, T{ 4, 4, 5, 20 }, arguments = { { stride = 2, padding = 1 } } },
    more_large = { { T{ 40, 6, 6, 33 }, T{ 3, 3, 33, 40 }, arguments = { { padding = 1 } } } },
  }

  samples.conv2d_input = {
    cases = input,
    reference = function(y, w, ...)
      local bias, rest = split(...)
      local h, width, geometry = rest[1], rest[2], rest[3]
      local channels = w.shape[3] * (geometry and geometry.groups or 1)
      local result = zeros{ y.shape[1], h, width, channels }
      products(y.shape[1], h, width, w.shape[1], w.shape[2], channels, w.shape[4], geometry,
        function(ix, iw, iy) add(result, ix, naive.get(y, iy) * naive.get(w, iw)) end)
      return with_bias(result, bias)
    end,
    call = function(y, w, ...)
      local bias, rest = split(...)
      return mg.conv2d_input(y, w, bias, rest[1], rest[2], rest[3])
    end,
    large = { T{ 40, 8, 7, 20 }, T{ 4, 4, 5, 20 }, arguments = { 17, 15, { stride = 2, padding = 1 } } },
    more_large = { { T{ 60, 6, 6, 40 }, T{ 3, 3, 33, 40 }, arguments = { 6, 6, { padding = 1 } } } },
  }

  samples.conv2d_weight = {
    cases = weight,
    reference = function(x, y, kh, kw, geometry)
      local groups = geometry and geometry.groups or 1
      local result = zeros{ kh, kw, x.shape[4] // groups, y.shape[4] }
      products(x.shape[1], x.shape[2], x.shape[3], kh, kw, x.shape[4], y.shape[4], geometry,
        function(ix, iw, iy) add(result, iw, naive.get(x, ix) * naive.get(y, iy)) end)
      return result
    end,
    large = { T{ 40, 17, 15, 5 }, T{ 40, 8, 7, 20 }, arguments = { 4, 4, { stride = 2, padding = 1 } } },
    more_large = { { T{ 60, 6, 6, 33 }, T{ 60, 6, 6, 40 }, arguments = { 3, 3, { padding = 1 } } } },
  }

  -- ---- pooling -----------------------------------------------------------------------------------

  local POOLS = {
    { { 2, 5, 4, 2 }, 2, 2, { stride = 2 } }, { { 1, 5, 6, 3 }, 3, 2, { stride = { 2, 1 }, padding = { 1, 1 } } },
    { { 1, 6, 6, 1 }, 2, 2, { dilation = 2 } }, { { 1, 1, 1, 1 }, 1, 1 }, { { 0, 3, 3, 2 }, 2, 2 },
  }
  local pools, spreads = {}, {}
  for i, case in ipairs(POOLS) do
    local x, kh, kw, geometry = table.unpack(case, 1, 4)
    pools[i] = { T(x), arguments = { kh, kw, geometry } }
    spreads[i] = { T(output_shape(x, kh, kw, x[4], geometry)), arguments = { kh, kw, x[2], x[3], geometry } }
  end

  samples.max_pool2d_index = {
    cases = pools,
    reference = function(x, kh, kw, geometry)
      local h, w, channels = x.shape[2], x.shape[3], x.shape[4]
      local result = zeros(output_shape(x.shape, kh, kw, channels, geometry))
      local best = {}
      windows(h, w, kh, kw, geometry, function(o, p)
        for n = 1, x.shape[1] do
          for c = 1, channels do
            local at, value = place(result, { n, o[1], o[2], c }), naive.get(x, { n, p[1], p[2], c })
            if not best[at] or value > best[at] then
              best[at], result[at] = value, (p[1] - 1) * w + p[2]
            end
          end
        end
      end)
      return result
    end,
    large = { T{ 6, 30, 30, 7 }, arguments = { 3, 3, { stride = 2, padding = 1 } } },
  }

  samples.avg_pool2d = {
    cases = pools,
    reference = function(x, kh, kw, geometry)
      local result = zeros(output_shape(x.shape, kh, kw, x.shape[4], geometry))
      windows(x.shape[2], x.shape[3], kh, kw, geometry, function(o, p)
        for n = 1, x.shape[1] do
          for c = 1, x.shape[4] do
            add(result, { n, o[1], o[2], c }, naive.get(x, { n, p[1], p[2], c }) / (kh * kw))
          end
        end
      end)
      return result
    end,
    large = { T{ 6, 30, 30, 7 }, arguments = { 3, 3, { stride = 2, padding = 1 } } },
  }

  samples.avg_pool2d_input = {
    cases = spreads,
    reference = function(y, kh, kw, h, w, geometry)
      local result = zeros{ y.shape[1], h, w, y.shape[4] }
      windows(h, w, kh, kw, geometry, function(o, p)
        for n = 1, y.shape[1] do
          for c = 1, y.shape[4] do
            add(result, { n, p[1], p[2], c }, naive.get(y, { n, o[1], o[2], c }) / (kh * kw))
          end
        end
      end)
      return result
    end,
    large = { T{ 6, 15, 15, 7 }, arguments = { 3, 3, 30, 30, { stride = 2, padding = 1 } } },
  }

  -- ---- resampling: the weights of position j among `from` positions -------------------------------

  local function neighbours(j, from, to)
    local at = math.max((j - 0.5) * from / to - 0.5, 0)
    local a = math.min(math.floor(at), from - 1)
    return a + 1, math.min(a + 1, from - 1) + 1, at - a
  end

  local function along(shape, dim, size)
    local result = { table.unpack(shape) }
    result[dim] = size
    return result
  end

  samples.resample = {
    cases = {
      { T{ 2, 3, 2 }, arguments = { 2, 6 } }, { T{ 5, 2 }, arguments = { 1, 3 } }, { T{ 1 }, arguments = { 1, 4 } },
      { T{ 4 }, arguments = { 1, 4 } }, { T{ 0, 3 }, arguments = { 2, 5 } },
    },
    reference = function(x, dim, size)
      return naive.build(along(x.shape, dim, size), function(index)
        local a, b, share = neighbours(index[dim], x.shape[dim], size)
        return (1 - share) * naive.get(x, along(index, dim, a)) + share * naive.get(x, along(index, dim, b))
      end)
    end,
    large = { T{ 40, 31, 30 }, arguments = { 2, 67 } },
  }

  samples.resample_input = {
    cases = {
      { T{ 2, 6, 2 }, arguments = { 2, 3 } }, { T{ 3, 2 }, arguments = { 1, 5 } }, { T{ 4 }, arguments = { 1, 1 } },
      { T{ 1 }, arguments = { 1, 1 } }, { T{ 0, 5 }, arguments = { 2, 3 } },
    },
    reference = function(y, dim, size)
      local result = zeros(along(y.shape, dim, size))
      naive.build(y.shape, function(index)
        local a, b, share = neighbours(index[dim], size, y.shape[dim])
        add(result, along(index, dim, a), (1 - share) * naive.get(y, index))
        add(result, along(index, dim, b), share * naive.get(y, index))
        return 0
      end)
      return result
    end,
    large = { T{ 40, 67, 30 }, arguments = { 2, 31 } },
  }
end
