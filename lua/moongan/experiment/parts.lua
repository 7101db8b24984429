--- The parts of a configuration: the data set, both networks, the objective, penalties, both
-- optimizers.  Each is written as a name or as { name, option = value, ... }, and kept as
-- { type = name, option = value, ... }; penalties as a list of such tables.

local moongan = require "moongan"
local options = require "moongan.options"

local parts = {}

-- ---- the kinds of parts ----------------------------------------------------------------------

-- A kind has
--   names()                what there is of it, sorted
--   known(name)            option -> rule (or true) of one of them
--   check(name, given)     the options given, checked and with all defaults
--   derived                names of options that follow from the rest of the configuration
local kinds = {}

local function set_of(names)
  local result = {}
  for name in names:gmatch("%S+") do result[name] = true end
  return result
end

local function names_where(list, accept)
  local names = {}
  for name, value in pairs(list) do
    if type(name) == "string" and accept(name, value) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- A kind whose makers are functions of one table that they hand to options.check; `ask` finds what
-- they know.
local function checked_kind(names, ask, derived)
  local kind = { names = names, derived = derived }
  function kind.known(name) return (select(2, ask(name))) end
  function kind.check(name, given)
    local function_name, known = ask(name)
    return options.check(function_name, given, known)
  end
  return kind
end

local DATA = { "cifar10", "fashion_mnist", "idx", "image_folder", "mnist" }

kinds.data = checked_kind(function() return DATA end,
  function(name) return options.known(moongan.data[name], {}) end, set_of "range flat")

local function network_kind(...)
  local endings = { ... }
  local function is_one(name)
    for _, ending in ipairs(endings) do
      if name:sub(-#ending) == ending then return true end
    end
    return false
  end
  return checked_kind(function() return names_where(moongan.models, is_one) end,
    function(name) return options.known(moongan.models[name], {}) end, set_of "size channels classes nz n_in n_out")
end

kinds.generator = network_kind("_generator")
kinds.discriminator = network_kind("_discriminator", "_critic")

-- What is customary for adversarial networks, where it is not said.
local CUSTOMARY = { Adam = { lr = 2e-4, betas = { 0.5, 0.999 } } }

-- Optimizers know their options in the core: one is made, of a parameter of its own, and asked.
local function optimizer_group(name, given)
  local group = moongan.optim[name]({ moongan.zeros(1):requires_grad_(true) }, given):param_groups()[1]
  group.params = nil
  return group
end

kinds.optimizer = {
  names = function()
    return names_where(moongan.optim, function(name) return name:find("^%u") ~= nil end)
  end,
  known = function(name)
    local known = { clip = true }
    for key in pairs(optimizer_group(name, { lr = 0.1 })) do known[key] = true end
    return known
  end,
  check = function(name, given)
    for key, value in pairs(CUSTOMARY[name] or {}) do
      if given[key] == nil then given[key] = value end
    end
    return optimizer_group(name, given)
  end,
  derived = {},
}

-- What an objective is made from where it is not a plain table of functions.
local objective_options = {
  least_squares = { a = options.number(0), b = options.number(1), c = options.number(1) },
  smoothed = { target = options.number(0.9, 0, 1) },
}

local function is_objective(name, value)
  return name == "smoothed" or (type(value) == "table" and type(value.discriminator) == "function")
end

kinds.objective = checked_kind(function() return names_where(moongan.gan, is_objective) end, function(name)
  if name == "loss_sensitive" then return options.known(moongan.gan.loss_sensitive, {}) end
  return "mg.gan." .. name, objective_options[name] or {}
end, {})

local PENALTY = { weight = options.number(1), every = options.integer(1, 1) }

kinds.penalty = checked_kind(function()
  return names_where(moongan.gan.penalty, function(name) return name ~= "sum" end)
end, function(name)
  local sample = moongan.zeros(1, 1)
  local function_name, known = options.known(moongan.gan.penalty[name], math.abs, sample, sample, {})
  local all = { weight = PENALTY.weight, every = PENALTY.every }
  for key, rule in pairs(known) do
    if not set_of("epsilon noise extra")[key] then all[key] = rule end -- tensors are no plain data
  end
  return function_name, all
end, {})

local SCHEDULES = { "constant", "cosine", "linear", "step" }

kinds.schedule = checked_kind(function() return SCHEDULES end,
  function(name) return options.known(require("moongan.schedule").new, { name }) end, {})

-- ---- parts -----------------------------------------------------------------------------------

--- The parts' names, and the kind of each.
parts.kind_of = {
  data = "data", generator = "generator", discriminator = "discriminator", objective = "objective",
  penalty = "penalty", optimizer_g = "optimizer", optimizer_d = "optimizer", schedule = "schedule",
  schedule_g = "schedule", schedule_d = "schedule",
}
parts.order = {
  "data", "generator", "discriminator", "objective", "penalty", "optimizer_g", "optimizer_d", "schedule", "schedule_g",
  "schedule_d",
}

--- Parts that a configuration may do without.
parts.may_lack = { penalty = true, schedule = true, schedule_g = true, schedule_d = true }

-- Parts of one group share an option that stands at the top of a configuration.
local GROUPS = {
  { "data" }, { "generator", "discriminator" }, { "objective" }, { "penalty" }, { "optimizer_g", "optimizer_d" },
  { "schedule", "schedule_g", "schedule_d" },
}

local function kind(part) return kinds[parts.kind_of[part]] end

--- The names that a part may have, sorted.
function parts.names(part) return kind(part).names() end

--- The options of a part of that name: a set of names; those that follow from the rest of the
-- configuration are not among them unless `all`.
function parts.known(part, name, all)
  local result = {}
  for key in pairs(kind(part).known(name)) do
    if all or not kind(part).derived[key] then result[key] = true end
  end
  return result
end

--- The names that a part may have whose parts have the option.
function parts.names_with(part, key)
  local list = {}
  for _, name in ipairs(parts.names(part)) do
    if parts.known(part, name)[key] then list[#list + 1] = name end
  end
  return list
end

--- Whether a part's option follows from the rest of the configuration.
function parts.is_derived(part, key) return kind(part).derived[key] == true end

local function fail(...) error(string.format(...), 0) end

local function check_name(part, name)
  local names = parts.names(part)
  for _, known in ipairs(names) do
    if name == known then return end
  end
  local nearest, edits = options.nearest(name, names)
  fail("%s: unknown name %q%s; expected one of %s", part, name,
    edits <= math.max(2, #name // 2) and string.format(" (did you mean %q?)", nearest) or "", table.concat(names, ", "))
end

-- A part as it may be written, as a table with its type.
local function normal_one(part, given)
  local result = {}
  if type(given) == "table" then
    for key, value in pairs(given) do result[key] = value end
  elseif type(given) == "string" then
    result.type = given
  end
  if result[1] ~= nil then result.type, result[1] = result[1], nil end
  if type(result.type) ~= "string" then
    fail("%s: expected a name or { name, option = value }, got %s", part, options.describe(given))
  end
  for key in pairs(result) do
    if type(key) ~= "string" then fail("%s: expected one name, then options, got an entry at place %s", part, key) end
  end
  check_name(part, result.type)
  return result
end

--- A part as it is written: a new table with its type, or (penalties) a list of them.
function parts.normal(part, given)
  if part ~= "penalty" then return normal_one(part, given) end
  if type(given) == "number" then given = { "wgan_gp", weight = given } end
  if type(given) ~= "table" or type(given[1]) ~= "table" then return { normal_one(part, given) } end
  local list = {}
  for i, entry in ipairs(given) do list[i] = normal_one(part, entry) end
  for key in pairs(given) do
    if not list[key] then fail("penalty: expected a list of penalties, got an entry %s beside them", key) end
  end
  return list
end

local function options_of(entry)
  local result = {}
  for key, value in pairs(entry) do
    if key ~= "type" then result[key] = value end
  end
  return result
end

--- A table with its type, of a part: checked, with all defaults but for what follows from the rest of
-- the configuration.
function parts.check_one(part, entry)
  local given = options_of(entry)
  local good, checked = pcall(kind(part).check, entry.type, given)
  if not good then fail("%s: %s", part, options.unplaced(checked)) end
  for key in pairs(kind(part).derived) do checked[key] = given[key] end
  checked.type = entry.type
  return checked
end

--- The same for a part in its normal form.
function parts.check(part, normal)
  if part ~= "penalty" then return parts.check_one(part, normal) end
  local list = {}
  for i, entry in ipairs(normal) do list[i] = parts.check_one(part, entry) end
  return list
end

--- The tables of a part in a configuration: one, several (penalties), or none.
function parts.entries(config, part)
  return part == "penalty" and config.penalty or { config[part] }
end

-- ---- options at the top ----------------------------------------------------------------------

-- The tables in a configuration that know the option, for each group of parts that has any.
local function holders_of(config, key)
  local found = {}
  for _, group in ipairs(GROUPS) do
    local holders = { group = group }
    for _, part in ipairs(group) do
      for _, entry in ipairs(parts.entries(config, part)) do
        if parts.known(part, entry.type)[key] then holders[#holders + 1] = { part = part, entry = entry } end
      end
    end
    if #holders > 0 then found[#found + 1] = holders end
  end
  return found
end

--- The tables of the parts that an option at the top of a configuration is meant for: all parts of
-- one kind that know it.
-- @return a list of { part =, entry = (the table) }, empty where no part knows it
function parts.holders(config, key)
  local found = holders_of(config, key)
  if #found > 1 then
    fail("option %s: %s and %s have one; say %s.%s or %s.%s", key, found[1].group[1], found[2].group[1],
      found[1].group[1], key, found[2].group[1], key)
  end
  return found[1] or {}
end

--- The options that may stand at the top of a configuration because its parts know them, sorted.
function parts.loose_names(config)
  local set = {}
  for _, part in ipairs(parts.order) do
    for _, entry in ipairs(parts.entries(config, part)) do
      for key in pairs(parts.known(part, entry.type)) do set[key] = true end
    end
  end
  return names_where(set, function() return true end)
end

-- ---- what parts stand for --------------------------------------------------------------------

--- The network that a part describes; its options are complete.
function parts.network(entry) return moongan.models[entry.type](options_of(entry)) end

--- The optimizer of those parameters.
function parts.optimizer(entry, parameters) return moongan.optim[entry.type](parameters, options_of(entry)) end

--- Whether a data set of that name is one that mg.data.fetch knows.
function parts.is_fetched(name) return require("moongan.data.sets")[name] ~= nil end

--- The data set.
function parts.data(entry) return moongan.data[entry.type](options_of(entry)) end

--- A schedule, or nil, as mg.gan.Trainer takes it.
function parts.schedule(entry)
  if not entry then return nil end
  local result = options_of(entry)
  result[1] = entry.type
  return result
end

--- The objective, as mg.gan.Trainer takes it.
function parts.objective(entry)
  local make = moongan.gan[entry.type]
  if entry.type == "least_squares" then return make(entry.a, entry.b, entry.c) end
  if entry.type == "smoothed" then return make(entry.target) end
  if entry.type == "loss_sensitive" then return make(options_of(entry)) end
  return make
end

--- The penalties, as mg.gan.Trainer takes them.
function parts.penalty(list)
  local result = {}
  for i, entry in ipairs(list) do
    local given = options_of(entry)
    given.weight, given.every = nil, nil
    result[i] = { moongan.gan.penalty[entry.type], weight = entry.weight, every = entry.every, options = given }
  end
  return result
end

return parts
