--- help: what a value of moongan is, from the places where it is described: the comments above Lua functions, the
-- core's own lists of operations and layers, and moongan.repl.core_help for its other functions.

local core_help = require "moongan.repl.core_help"
local moongan = require "moongan"
local options = require "moongan.options"

local help = {}

-- ---- descriptions ----------------------------------------------------------------------------

local function plain(comment) return (comment:gsub("^%-%-+ ?", "")) end

-- The comment that ends just above a line of a file, as it stands there, without its dashes; and the line itself.
local function comment_above(path, line)
  local file <close> = io.open(path)
  if not file then return nil end
  local comment, number = {}, 0
  for text in file:lines() do
    number = number + 1
    if number == line then return comment[1] and table.concat(comment, "\n"), text end
    if text:find("^%s*%-%-") then comment[#comment + 1] = plain(text:gsub("^%s+", "")) else comment = {} end
  end
end

-- The comment that a file begins with.
local function header_of(path)
  local file <close> = io.open(path)
  local lines = {}
  for text in file and file:lines() or function() end do
    if not text:find("^%-%-") then break end
    lines[#lines + 1] = plain(text)
  end
  return lines[1] and table.concat(lines, "\n")
end

local function lua_function(f)
  local about = debug.getinfo(f, "S")
  local comment, line = comment_above(about.source:sub(2), about.linedefined)
  local head = line and (line:match("function%s+([%w_.:]+%b())") or line:match("([%w_.]+)%s*=%s*function"))
  return comment and (head and head .. "\n" .. comment or comment)
end

local descriptions -- name -> text, of all that the core knows

local function core_descriptions()
  if descriptions then return descriptions end
  descriptions = {}
  for name, text in pairs(core_help) do descriptions[name] = text end
  for _, op in ipairs(moongan.ops()) do
    descriptions["mg." .. op.name] = string.format("mg.%s(%s): %s", op.name, op.signature, op.doc)
  end
  for _, layer in ipairs(moongan.layers()) do descriptions["nn." .. layer.name] = "nn." .. layer.doc end
  return descriptions
end

-- Methods of the core's userdata by its name: they are looked for in a value of that kind.
local function methods_of(kind)
  return debug.getregistry()[kind .. (moongan.precision == 64 and "/64" or "")].methods
end

-- Where functions of the core are: a list of { prefix, table }.
local function places()
  local list = { { "nn.", moongan.nn }, { "optim.", moongan.optim }, { "loss.", moongan.core.loss },
    { "init.", moongan.nn.init }, { "file.", moongan.file }, { "mg.", moongan.core },
    { "tensor:", methods_of("moongan.Tensor") }, { "layer:", methods_of("moongan.Layer") } }
  return list
end

local function core_function(f)
  for _, place in ipairs(places()) do
    for name, value in pairs(place[2]) do
      local text = value == f and core_descriptions()[place[1] .. name]
      if text then return text end
    end
  end
end

local function names_of(t)
  local names = options.names(t)
  return #names > 0 and table.concat(names, "  ") or nil
end

-- A module of moongan's, or a table in it.
local function describe_table(t)
  for name, module in pairs(package.loaded) do
    if module == t and name:find("^moongan") then
      local path = package.searchpath(name, package.path)
      local header = path and header_of(path)
      if header then return header .. "\n\n" .. names_of(t) end
    end
  end
  for name, module in pairs{ ["mg.nn: layers"] = moongan.nn, ["mg.optim: optimizers"] = moongan.optim,
    ["mg.nn.init: first values of weights"] = moongan.nn.init, ["mg.file: files and folders"] = moongan.file } do
    if module == t then return name .. "\n\n" .. names_of(t) end
  end
  return names_of(t)
end

local KINDS = {
  ["moongan.Tensor"] = function(t)
    return "a tensor (" .. table.concat(t:shape(), ", ") .. ") of " .. moongan.build().real .. "\n\nmethods: "
      .. names_of(methods_of("moongan.Tensor"))
  end,
  ["moongan.Layer"] = function(layer)
    return (core_descriptions()["nn." .. tostring(layer.name)] or tostring(layer)) .. "\n\nmethods: "
      .. names_of(methods_of("moongan.Layer"))
  end,
  ["moongan.Optimizer"] = function(optimizer)
    return tostring(optimizer) .. "\n\nmethods: step()  zero_grad()  set_lr(lr)  param_groups()  state_dict()  "
      .. "load_state_dict(state)"
  end,
}

-- "mg.image.save", "nn.Linear", "tensor:mean", "randn": the value of that name.
local function by_name(name)
  local value = { mg = moongan, tensor = methods_of("moongan.Tensor"), layer = methods_of("moongan.Layer"),
    init = moongan.nn.init }
  for part in name:gmatch("[^.:]+") do
    local known = type(value) == "table" and (value[part] or value.mg and (_G[part] or moongan[part]))
    if not known then return nil end
    value = known
  end
  return value
end

--- Names that help knows: those of operations, layers and the core's other functions, sorted.
function help.names() return options.names(core_descriptions()) end

--- The text that help prints, or nil where nothing is known.
-- @param value  a function, module, tensor, layer, ... or a name ("mg.image.save", "nn.Linear", "tensor:mean")
function help.text(value)
  if type(value) == "string" then
    local direct = core_descriptions()[value] or core_descriptions()["mg." .. value]
    local found = not direct and by_name(value)
    return direct or found and help.text(found) or nil
  end
  local meta = (type(value) == "userdata" or type(value) == "table") and getmetatable(value)
  local kind = type(meta) == "table" and KINDS[meta.__name]
  if kind then return kind(value) end
  if type(value) == "table" and next(value) then return describe_table(value) end
  if type(value) ~= "function" then return nil end
  return debug.getinfo(value, "S").what == "C" and core_function(value) or lua_function(value)
end

return help
