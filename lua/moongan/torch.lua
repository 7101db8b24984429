--- Weights to and from PyTorch: a state_dict of a model there loads into the same model here, and back.
--
--     mg.torch.load_state_dict(G, (mg.safetensors.load("generator.safetensors")))
--     mg.safetensors.save("generator.safetensors", mg.torch.state_dict(G))
--
-- In Python: safetensors.torch.save_file(G.state_dict(), path), G.load_state_dict(safetensors.torch.load_file(path)).
--
-- Layouts differ.  A linear layer's weight is (out, in) there and (in, out) here; a convolution's is (out, in, height,
-- width) there and (height, width, in, out) here, that of its transpose (in, out, height, width) and (height, width,
-- out, in).  Images are channels first there, channels last here: so where maps become a row of features or a row
-- becomes maps (Flatten, Reshape), features of the linear layer on the other side come in another order, and of
-- the normalisations between.  A Maxout is, there, a linear layer whose row u * pieces + p is piece p of unit u.
--
-- Layers are matched by name, positions counted from 0 there, and a prefix that all names have ("main.") left aside;
-- or, where names differ, one after the other, the names there in natural order ("main.9" before "main.10").

local moongan = require "moongan"
local options = require "moongan.options"

local torch = {}

-- ---- layouts ---------------------------------------------------------------------------------

-- Dimension `dim` of a tensor is a pair of indices, the first of `first` values: exchange the two.
local function exchange(tensor, dim, first)
  local shape = tensor:shape()
  if first == 1 or first == shape[dim] then return tensor end
  local split, order = {}, {}
  for i, size in ipairs(shape) do
    if i == dim then
      order[#order + 1], order[#order + 2] = #split + 2, #split + 1
      split[#split + 1], split[#split + 2] = first, size // first
    else
      split[#split + 1], order[#order + 1] = size, #split + 1
    end
  end
  return tensor:reshape(split):permute(order):reshape(shape)
end

-- Features in the order of channels, then pixels, to the order of pixels, then channels; and back.
local function pixels_first(tensor, dim, channels) return channels and exchange(tensor, dim, channels) or tensor end

local function channels_first(tensor, dim, channels)
  return channels and exchange(tensor, dim, tensor:size(dim) // channels) or tensor
end

-- What is done to a layer's tensors on the way from PyTorch (`from`) and to it (`to`).  `item` is the layer and its
-- place in a model: see read_chain.
local VECTOR = {
  from = function(item, b) return pixels_first(b, 1, item.outputs) end,
  to = function(item, b) return channels_first(b, 1, item.outputs) end,
}

local LINEAR = {
  weight = {
    from = function(item, w) return pixels_first(pixels_first(w, 1, item.outputs), 2, item.inputs):t() end,
    to = function(item, w) return channels_first(channels_first(w:t(), 1, item.outputs), 2, item.inputs) end,
  },
  bias = VECTOR,
}

local MAXOUT = {
  weight = {
    from = function(item, w) return LINEAR.weight.from(item, exchange(w, 1, item.layer.units)) end,
    to = function(item, w) return exchange(LINEAR.weight.to(item, w), 1, item.layer.pieces) end,
  },
  bias = {
    from = function(item, b) return exchange(b, 1, item.layer.units) end,
    to = function(item, b) return exchange(b, 1, item.layer.pieces) end,
  },
}

local CONVOLUTION = {
  weight = {
    from = function(_, w) return w:permute{ 3, 4, 2, 1 } end,
    to = function(_, w) return w:permute{ 4, 3, 1, 2 } end,
  },
}

-- For each kind of layer that has tensors: how they change, the others staying as they are.
local LAYOUTS = {
  Linear = LINEAR, Maxout = MAXOUT, Conv2d = CONVOLUTION, ConvTranspose2d = CONVOLUTION, Embedding = {},
  InstanceNorm = {}, GroupNorm = {}, LayerNorm = { weight = VECTOR, bias = VECTOR },
  BatchNorm = { weight = VECTOR, bias = VECTOR, running_mean = VECTOR, running_var = VECTOR },
}

-- ---- the model -------------------------------------------------------------------------------

-- Layers that treat each feature by itself, with a number for each; those that end a search for features.
local BY_FEATURE = { BatchNorm = true, LayerNorm = true }
local ENDS = { Linear = true, Maxout = true, Conv2d = true, ConvTranspose2d = true, Flatten = true, Reshape = true,
  container = true }

-- From place `at` of a chain, in steps of 1 (behind) or -1 (before), features are maps of `channels` channels in a row:
-- those of normalisations and of the linear layer that comes, which is returned.
local function mark(chain, at, step, channels)
  local side = step > 0 and "inputs" or "outputs"
  repeat
    at = at + step
    local item = chain[at]
    if not item then return nil end
    if BY_FEATURE[item.kind] then item.outputs = channels end
    if item.kind == "Linear" or item.kind == "Maxout" then
      item[side] = channels
      return item
    end
  until ENDS[item.kind]
end

-- Find out about layers that follow one another which of them see features that are maps in a row: item.inputs
-- and item.outputs are then the number of channels of those maps.  `channels` are those of what the first is given.
local function read_chain(name, chain, channels)
  for i, item in ipairs(chain) do
    local layer, kind = item.layer, item.kind
    local shape = kind == "Reshape" and layer.shape
    if kind == "Conv2d" or kind == "ConvTranspose2d" then
      channels = layer.out
    elseif kind == "container" or kind == "PixelShuffle" then
      channels = nil
    elseif kind == "Flatten" or shape and #shape == 1 then
      local linear = mark(chain, i, 1, channels)
      if linear and not channels then
        options.fail(name, "layer %s: of how many channels the features are that layer %s joins is not known; "
          .. "for a model of pictures, give input_channels", linear.path, item.path)
      end
    elseif shape and #shape == 3 then
      channels = shape[3]
      if channels > 0 then mark(chain, i, -1, channels) end
    end
  end
end

local function is_container(layer) return (pcall(function() return #layer end)) end

-- The layers of a model in lists of those that follow one another: within containers other than Sequential nothing is
-- known, and each of their layers begins a list; such a container is an item of the list that it stands in.
local function chains_of(model)
  local chains, by_path = { {} }, {}
  for _, pair in ipairs(model:named_layers()) do
    local path, layer = pair[1], pair[2]
    local parent = by_path[path:match("^(.*)%.[^.]*$") or path ~= "" and ""]
    local chain = not parent and chains[1] or parent and parent.within
    if not chain then
      chain = {}
      chains[#chains + 1] = chain
    end
    local container = is_container(layer)
    local follows = container and layer.name == "Sequential"
    by_path[path] = { within = follows and chain or nil }
    if not follows then
      chain[#chain + 1] = { layer = layer, path = path, kind = container and "container" or layer.name }
    end
  end
  return chains
end

-- "1.bias" -> "1", "bias"
local function split_name(name)
  local path, slot = name:match("^(.*)%.([^.]*)$")
  return path or "", slot or name
end

-- The layers of a model that have tensors, in order: { layer =, kind =, path =, slots = { weight = tensor, .. } },
-- and where they stand beside maps in a row, inputs and outputs.
local function items_of(name, model, o)
  if not options.is(model, "moongan.Layer") then
    options.fail(name, "expected a layer, got %s", options.describe(model))
  end
  local slots, items = {}, {}
  for key, tensor in pairs(model:state_dict()) do
    local path, slot = split_name(key)
    slots[path] = slots[path] or {}
    slots[path][slot] = tensor
  end
  for i, chain in ipairs(chains_of(model)) do
    read_chain(name, chain, i == 1 and o.input_channels or nil)
    for _, item in ipairs(chain) do
      item.slots = LAYOUTS[item.kind] and slots[item.path]
      slots[item.path] = not item.slots and slots[item.path] or nil
      if item.slots then items[#items + 1] = item end
    end
  end
  local unknown = options.names(slots)[1]
  if unknown then
    options.fail(name, "%s: no layer of PyTorch is known to have these tensors: %s", unknown == "" and "the model"
      or "layer " .. unknown, table.concat(options.names(slots[unknown]), ", "))
  end
  return items
end

-- ---- names -----------------------------------------------------------------------------------

-- A path with positions counted from 0.
local function torch_path(path)
  return (path:gsub("[^.]+", function(part)
    local position = math.tointeger(tonumber(part))
    return position and tostring(position - 1)
  end))
end

-- Natural order: runs of digits compare as numbers.
local function natural_key(text) return (text:gsub("%d+", function(d) return string.format("%020d", d) end)) end

--- The names of the layers in a state_dict, in natural order.
function torch.names(tensors)
  local seen, list = {}, {}
  for key in pairs(tensors) do
    local path = split_name(key)
    if not seen[path] then seen[path], list[#list + 1] = true, path end
  end
  table.sort(list, function(a, b) return natural_key(a) < natural_key(b) end)
  return list
end

-- The part that all names begin with, up to a dot.
local function common_prefix(names)
  local prefix = names[1] or ""
  for _, name in ipairs(names) do
    while name:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
  end
  return prefix:match("^.*%.") or ""
end

-- The name in a state for each item: matched by name, else by order.
local function match_names(name, items, tensors)
  local names = torch.names(tensors)
  local prefix, known, matched, count = common_prefix(names), {}, {}, 0
  for _, path in ipairs(names) do known[path] = true end
  for i, item in ipairs(items) do
    local path = torch_path(item.path)
    matched[i] = known[prefix .. path] and prefix .. path or known[path] and path or nil
    count = count + (matched[i] and 1 or 0)
  end
  if #names == #items and count == #items then return matched end
  if #names == #items then return names end
  local paths = {}
  for i, item in ipairs(items) do paths[i] = item.path end
  options.fail(name, "the model has %d layers with tensors (%s), the state %d (%s)", #items, table.concat(paths, ", "),
    #names, table.concat(names, ", "))
end

local function check_names(name, items, names)
  for i = 1, math.max(#items, #names) do
    if type(names[i]) ~= "string" or not items[i] then
      options.fail(name, "option names: expected a list of %d names of layers", #items)
    end
  end
  return names
end

-- ---- both ways -------------------------------------------------------------------------------

-- Mark the first linear layer and the last as those that see pictures as flat rows.
local function mark_edges(items, o)
  local first, last
  for _, item in ipairs(items) do
    if item.kind == "Linear" or item.kind == "Maxout" then
      first, last = first or item, item
    end
  end
  if first then first.inputs = o.input_channels or first.inputs end
  if last then last.outputs = o.output_channels or last.outputs end
  return items
end

local OPTIONS = {
  names = options.optional("table"),            -- the layers' names in the state, in the model's order
  input_channels = options.integer(nil, 1),     -- of pictures that the model takes as flat rows
  output_channels = options.integer(nil, 1),    -- of pictures that it gives as flat rows
}

local function convert(item, slot, tensor, direction)
  local layout = LAYOUTS[item.kind][slot]
  return layout and layout[direction](item, tensor) or tensor
end

local IGNORED = { num_batches_tracked = true } -- by the BatchNorm of PyTorch; the average here has one momentum

local function check_state(name, tensors)
  if type(tensors) ~= "table" then
    options.fail(name, "expected a table of tensors by name, got %s", options.describe(tensors))
  end
  for key in pairs(tensors) do
    if type(key) ~= "string" then
      options.fail(name, "expected tensors by name, got one under %s", options.describe(key))
    end
  end
end

--- Load a state_dict of PyTorch into a model of the same layers.  Everything is checked before anything is changed.
-- @param model
-- @param tensors  name -> tensor, as mg.safetensors.load returns them
-- @param given    names, input_channels, output_channels: see OPTIONS
-- @return the model
function torch.load_state_dict(model, tensors, given)
  local name = "mg.torch.load_state_dict"
  local o = options.check(name, given, OPTIONS)
  local items = mark_edges(items_of(name, model, o), o)
  check_state(name, tensors)
  local names = o.names and check_names(name, items, o.names) or match_names(name, items, tensors)
  local state, used = {}, {}
  for i, item in ipairs(items) do
    for slot, mine in pairs(item.slots) do
      local key = names[i] == "" and slot or names[i] .. "." .. slot
      local tensor, expected = tensors[key], convert(item, slot, mine, "to"):shape()
      if not moongan.is_tensor(tensor) or table.concat(tensor:shape(), ", ") ~= table.concat(expected, ", ") then
        options.fail(name, "%s for layer %s (%s): expected a tensor (%s), got %s", key, item.path, item.kind,
          table.concat(expected, ", "), moongan.is_tensor(tensor)
          and "(" .. table.concat(tensor:shape(), ", ") .. ")" or options.describe(tensor))
      end
      state[item.path == "" and slot or item.path .. "." .. slot] = convert(item, slot, tensor:detach(), "from")
      used[key] = true
    end
  end
  for _, key in ipairs(options.names(tensors)) do
    local _, slot = split_name(key)
    if not used[key] and not IGNORED[slot] then options.fail(name, "%s: the model has no such tensor", key) end
  end
  return options.call(model.load_state_dict, model, state)
end

--- A model's tensors as PyTorch has them: copies, by its names.
-- @param given  names: a list of the layers' names there (such as mg.torch.names of a state_dict), in the model's
--   order; without it they are named as here, positions counted from 0.  input_channels, output_channels: see OPTIONS
-- @return name -> tensor, for mg.safetensors.save
function torch.state_dict(model, given)
  local name = "mg.torch.state_dict"
  local o = options.check(name, given, OPTIONS)
  local items, state = mark_edges(items_of(name, model, o), o), {}
  local names = o.names and check_names(name, items, o.names)
  for i, item in ipairs(items) do
    local path = names and names[i] or torch_path(item.path)
    for slot, tensor in pairs(item.slots) do
      state[path == "" and slot or path .. "." .. slot] = convert(item, slot, tensor, "to"):clone()
    end
  end
  return state
end

return torch
