--- From a configuration as it is written to one that says everything: names checked, values
-- checked, defaults filled in.
--
-- What stands at the top of a configuration is a key of moongan.experiment.keys, a part, or an
-- option of parts: lr = 1e-4 is for both optimizers, nf = 64 for both networks, unless a part says
-- otherwise.

local arguments = require "moongan.experiment.arguments"
local keys = require "moongan.experiment.keys"
local options = require "moongan.options"
local parts = require "moongan.experiment.parts"
local sandbox = require "moongan.sandbox"

local configure = {}

local function fail(...) error(string.format(...), 0) end

-- Options at the top that are for one part.
local ALIASES = { lr_g = { "optimizer_g", "lr" }, lr_d = { "optimizer_d", "lr" } }

local DEFAULT_PARTS = { data = "mnist", objective = "nonsaturating", optimizer_g = "Adam", optimizer_d = "Adam" }

local function merged(...)
  local result = {}
  for i = 1, select("#", ...) do
    for key, value in pairs((select(i, ...))) do result[key] = value end
  end
  return result
end

-- What else has an option: "option of data cifar10, image_folder, not of mnist"; nil where nothing has.
local function elsewhere(config, key)
  for _, part in ipairs(parts.order) do
    local having = parts.names_with(part, key)
    if #having > 0 then
      local entry = parts.entries(config, part)[1]
      return string.format("an option of %s %s, not of %s", part, table.concat(having, ", "),
        entry and entry.type or "none")
    end
  end
end

local function unknown(config, key)
  if type(key) ~= "string" then fail("expected names as keys, got the number %s", key) end
  local where = elsewhere(config, key)
  if where then fail("key %s: %s", key, where) end
  local list = parts.loose_names(config)
  for _, row in ipairs(keys) do
    if row[3] then list[#list + 1] = row[1] end
  end
  for part in pairs(parts.kind_of) do list[#list + 1] = part end
  for alias in pairs(ALIASES) do list[#list + 1] = alias end
  fail("unknown key %q: did you mean %s?", key, (options.nearest(key, list)))
end

-- Keys at the top as options.check gives them; what is wrong names the key alone.
local function checked(given, rules)
  local good, result = pcall(options.check, "", given, rules)
  if good then return result end
  error((options.unplaced(result):gsub("^: option ", "")), 0)
end

-- ---- texts from a command line ---------------------------------------------------------------

-- The first of the values that a text may stand for that `accepts`; else the likeliest, which
-- fails where everything is checked.
local function choose(text, accepts)
  local candidates = arguments.candidates(text)
  for _, value in ipairs(candidates) do
    if accepts(value) then return value end
  end
  return candidates[1]
end

local function top_value(key, text)
  local rule = keys.rules[key]
  return choose(text, function(value) return (pcall(options.check, "", { [key] = value }, { [key] = rule })) end)
end

-- Put a text at a place of a table, the first of `path` being a key of it.
local function put(holder, path, text, accepts)
  for i = 1, #path - 1 do
    local inner = holder[path[i]]
    if type(inner) ~= "table" then
      fail("%s: expected a list or a table at %s, got %s", table.concat(path, "."), path[i], options.describe(inner))
    end
    holder = inner
  end
  local last = path[#path]
  choose(text, function(value)
    holder[last] = value
    return accepts()
  end)
  if not accepts() then holder[last] = arguments.value(text) end
end

-- Put a text into a part: path[1] is one of its options.
local function put_into_part(part, entry, path, text)
  local key = path[1]
  if not parts.known(part, entry.type, true)[key] then
    fail("%s: %s", part, options.unknown(key, options.names(parts.known(part, entry.type))))
  end
  if entry[key] == nil and #path > 1 then
    local good, filled = pcall(parts.check_one, part, entry)
    if good then entry[key] = sandbox.plain(filled)[key] end
  end
  put(entry, path, text, function()
    local good, message = pcall(parts.check_one, part, entry)
    return good or not tostring(message):find("option " .. key .. ":", 1, true)
  end)
end

-- The table of a part that a path leads to, and what is left of the path.
local function descend(config, path)
  local entry, rest = config[path[1]], { table.unpack(path, 2) }
  if entry == nil then fail("%s: there is no %s", table.concat(path, "."), path[1]) end
  if path[1] ~= "penalty" then return entry, rest end
  if math.type(rest[1]) == "integer" then
    local chosen = entry[rest[1]]
    if not chosen or #rest < 2 then fail("%s: expected penalty.1 to penalty.%d", table.concat(path, "."), #entry) end
    return chosen, { table.unpack(rest, 2) }
  end
  if #entry > 1 then fail("%s: there are %d penalties: say penalty.1.%s", table.concat(path, "."), #entry, rest[1]) end
  return entry[1], rest
end

-- A copy of what a key at the top is where it is not given.
local function default_of(key) return sandbox.plain(options.check("", {}, { [key] = keys.rules[key] }))[key] end

-- One setting that is an option of parts, or lies deeper than the top.
local function apply(config, setting)
  local path = ALIASES[setting.key] or setting.path
  if parts.kind_of[path[1]] then
    local entry, rest = descend(config, path)
    return put_into_part(path[1], entry, rest, setting.text)
  end
  if keys.rules[path[1]] ~= nil then
    local key = path[1]
    if config[key] == nil then config[key] = default_of(key) end
    return put(config, path, setting.text,
      function() return (pcall(options.check, "", { [key] = config[key] }, { [key] = keys.rules[key] })) end)
  end
  local holders = parts.holders(config, path[1])
  if #holders == 0 then unknown(config, path[1]) end
  for _, holder in ipairs(holders) do put_into_part(holder.part, holder.entry, path, setting.text) end
end

-- ---- layers ----------------------------------------------------------------------------------

-- The file's entries, with those of the model chosen in their place.
local function with_model(given, settings)
  local name = given.model
  for _, setting in ipairs(settings) do
    if setting.key == "model" then name = setting.text end
  end
  local about = {}
  for key in pairs(keys.about) do about[key] = given[key] end
  about.model = name
  about = checked(about, keys.about)
  local result = merged(given)
  for key in pairs(keys.about) do result[key] = nil end
  if not about.models and not name then return result end
  local names = options.names(about.models or {})
  local model = about.models and name and about.models[name]
  if type(model) ~= "table" then
    fail("model: expected one of %s, got %s", table.concat(names, ", "), options.describe(name))
  end
  return merged(result, model)
end

-- A part or key at the top: what its text stands for; nil for "none".
local function replacement(key, text)
  local may_lack = parts.may_lack[key] or (keys.rules[key] ~= nil and default_of(key) == nil)
  if text == "none" and may_lack then return nil end
  if parts.kind_of[key] == nil then return top_value(key, text) end
  if key ~= "penalty" then return text end
  if tonumber(text) then return tonumber(text) end
  local list = {}
  for i, name in ipairs(arguments.split(text)) do list[i] = { name } end
  return list
end

-- The settings at the top that take the place of whole entries; and the others, parts of parts
-- last.
local function split_settings(settings)
  local whole, by_depth, deepest = {}, {}, 0
  for _, setting in ipairs(settings) do
    local key = setting.key
    if parts.kind_of[key] or keys.rules[key] ~= nil then
      whole[#whole + 1] = setting
    elseif key ~= "model" then
      local depth = #(ALIASES[key] or setting.path)
      by_depth[depth], deepest = by_depth[depth] or {}, math.max(deepest, depth)
      table.insert(by_depth[depth], setting)
    end
  end
  local others = {}
  for depth = 1, deepest do table.move(by_depth[depth] or {}, 1, #(by_depth[depth] or {}), #others + 1, others) end
  return whole, others
end

-- Parts in normal form, keys, and the options at the top handed to their parts.
-- @param lenient  leave out options at the top that no part has
local function assemble(given, lenient)
  local config, loose = {}, {}
  for key, value in pairs(merged(DEFAULT_PARTS, given)) do
    if parts.kind_of[key] then
      config[key] = parts.normal(key, value)
    elseif keys.rules[key] ~= nil then
      config[key] = value
    else
      loose[key] = value
    end
  end
  for _, part in ipairs{ "generator", "discriminator" } do
    if not config[part] then fail("%s: expected a network, one of %s", part, table.concat(parts.names(part), ", ")) end
  end
  for alias, path in pairs(ALIASES) do
    local entry = config[path[1]]
    if loose[alias] ~= nil and entry[path[2]] == nil then entry[path[2]] = loose[alias] end
    loose[alias] = nil
  end
  for key, value in pairs(loose) do
    local holders = parts.holders(config, key)
    if #holders == 0 and not lenient then unknown(config, key) end
    for _, holder in ipairs(holders) do
      if holder.entry[key] == nil then holder.entry[key] = value end
    end
  end
  return config
end

-- ---- checks ----------------------------------------------------------------------------------

local function is_count(value) return options.is(value, "integer") and value >= 1 end

local function check_grid(grid)
  if #grid == 2 and #options.names(grid) == 0 and is_count(grid[1]) and is_count(grid[2]) then return end
  local got = {}
  for i, value in ipairs(grid) do got[i] = options.describe(value) end
  fail("grid: expected two whole numbers of at least 1, { rows, columns }, got { %s }", table.concat(got, ", "))
end

local function knows(config, part, key) return parts.known(part, config[part].type, true)[key] == true end

-- What holds between the parts.
local function check_together(config)
  local G, D = config.generator.type, config.discriminator.type
  if knows(config, "generator", "n_out") ~= knows(config, "discriminator", "n_in") then
    local row = knows(config, "generator", "n_out")
    fail("generator %s makes %s and discriminator %s takes %s", G, row and "rows of pixels" or "images", D,
      row and "images" or "rows of pixels")
  end
  if knows(config, "generator", "classes") ~= knows(config, "discriminator", "classes") then
    local which = knows(config, "generator", "classes")
    local told, not_told = "generator " .. G, "discriminator " .. D
    if not which then told, not_told = not_told, told end
    fail("%s is told a class and %s is not: expected both or neither", told, not_told)
  end
  local names_classes = D == "acgan_discriminator"
  if config.auxiliary and not names_classes then
    fail("auxiliary: expected the discriminator acgan_discriminator, which names classes, got %s", D)
  end
  if names_classes then config.auxiliary = config.auxiliary or 1 end
  if config.unrolled and config.clip then fail("clip: cannot look ahead (unrolled) with clipped weights") end
  if config.clip and config.optimizer_d.clip then fail("clip: expected clip or optimizer_d.clip, got both") end
  if config.epochs + config.iterations + config.seconds == 0 then
    fail("expected epochs, iterations or seconds above 0, got none of them")
  end
end

local function check_all(config)
  local top = {}
  for key in pairs(keys.rules) do top[key] = config[key] end
  local result = checked(top, keys.rules)
  check_grid(result.grid)
  for _, part in ipairs(parts.order) do
    if config[part] then result[part] = parts.check(part, config[part]) end
  end
  result.name = result.name or "run"
  result.out = result.out or "runs/" .. result.name
  check_together(result)
  return sandbox.plain(result)
end

-- ---- what others call ------------------------------------------------------------------------

--- A configuration that says everything but what follows from the data (sizes, classes).
-- @param given     the table as it is written, plain data; not changed
-- @param settings  what a command line says instead, as arguments.read gives it
-- @error  a text that names the key, what was expected and what came
function configure.run(given, settings)
  settings = settings or {}
  local base = with_model(sandbox.plain(given), settings)
  local config = assemble(base)
  local whole, others = split_settings(settings)
  if #whole > 0 then
    for _, setting in ipairs(whole) do base[setting.key] = replacement(setting.key, setting.text) end
    config = assemble(base, true) -- a part that was replaced may have been the one that knew an option
  end
  for _, setting in ipairs(others) do apply(config, setting) end
  return check_all(config)
end

--- The names that a configuration gives its models, sorted; empty where it has none.
function configure.models(given) return options.names(type(given.models) == "table" and given.models or {}) end

return configure
