--- What --help says of a configuration: keys, defaults, meanings.

local configure = require "moongan.experiment.configure"
local keys = require "moongan.experiment.keys"
local options = require "moongan.options"
local parts = require "moongan.experiment.parts"

local help = {}

local function value_text(value)
  if type(value) ~= "table" then return value == nil and "none" or tostring(value) end
  local pieces = {}
  for i, entry in ipairs(value) do pieces[i] = value_text(entry) end
  return table.concat(pieces, ",")
end

local MEANINGS = {
  data = "data set", generator = "network from noise to images", discriminator = "network from images to scores",
  objective = "what both make smaller", penalty = "on the discriminator's gradient; none; a number: wgan_gp's weight",
  optimizer_g = "of the generator", optimizer_d = "of the discriminator",
  schedule = "of both learning rates", schedule_g = "of the generator's", schedule_d = "of the discriminator's",
}

local WIDTH = 96 -- of a line of names

-- Words in lines, indented.
local function wrapped(lines, words, indent)
  local line = indent
  for _, word in ipairs(words) do
    if #line + #word > WIDTH and line ~= indent then
      lines[#lines + 1] = line
      line = indent
    end
    line = line .. word .. "  "
  end
  if line ~= indent then lines[#lines + 1] = line end
end

local function option_words(part, entry)
  local words = {}
  for _, key in ipairs(options.names(parts.known(part, entry.type))) do
    words[#words + 1] = part .. "." .. key .. "=" .. value_text(entry[key])
  end
  return words
end

local function add_part(lines, part, config)
  local entries, names = parts.entries(config, part), {}
  for i, entry in ipairs(entries) do names[i] = entry.type end
  lines[#lines + 1] = string.format("  %s=%s", part, #names > 0 and table.concat(names, ",") or "none")
  lines[#lines + 1] = string.format("      %s; one of:", MEANINGS[part])
  wrapped(lines, parts.names(part), "      ")
  for i, entry in ipairs(entries) do
    wrapped(lines, option_words(#entries > 1 and part .. "." .. i or part, entry), "      ")
  end
end

--- The help of a configuration.
-- @param command  what starts it: "lua5.4 experiments/dcgan.lua"
-- @param given    the configuration as it is written
function help.text(command, given)
  local lines = { "Usage: " .. command .. " [key=value ...]" }
  if given.about then lines[2] = "\n" .. given.about end
  lines[#lines + 1] = ""
  local config = configure.run(given)
  local rows = {}
  local models = configure.models(given)
  if #models > 0 then
    rows[1] = { "model=" .. value_text(given.model), "networks, and what goes with them (" .. table.concat(models, ", ")
      .. ")" }
  end
  for _, row in ipairs(keys) do
    if row[3] then rows[#rows + 1] = { row[1] .. "=" .. value_text(config[row[1]]), row[3] } end
  end
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, #row[1]) end
  for _, row in ipairs(rows) do lines[#lines + 1] = string.format("  %-" .. width .. "s  %s", row[1], row[2]) end
  lines[#lines + 1] = "\nParts, and their options.  An option without its part's name is for all parts of that kind:"
  lines[#lines + 1] = "lr=1e-4 for both optimizers, nf=32 for both networks, size=64 for the data.\n"
  for _, part in ipairs(parts.order) do add_part(lines, part, config) end
  return table.concat(lines, "\n") .. "\n"
end

return help
