--- moongan at Lua's prompt.
--
--     lua5.4 -l moongan.repl           -- or: moongan repl [RUN]
--
-- Names at hand: mg, nn, optim, loss, models, tensor, zeros, ones, randn, rand; show, help, who; and with a run opened,
-- by open(folder): run, G, D, sample, digits, walk.

local moongan = require "moongan"
local generator = require "moongan.cli.generator"
local help = require "moongan.repl.help"
local latent = require "moongan.latent"
local options = require "moongan.options"
local shell = require "moongan.shell"
local terminal = require "moongan.terminal"

local repl = {}

-- Tensors of pictures: at the prompt they are drawn, not printed.
local pictures = setmetatable({}, { __mode = "k" })

local function as_pictures(tensor)
  pictures[tensor] = true
  return tensor
end

-- ---- errors ----------------------------------------------------------------------------------

-- The prompt prints an error's text and a traceback; of an error that is a table it prints __tostring alone.
local Message = { __name = "moongan.Message", __tostring = function(self) return self.text end }

local function finish(good, ...)
  if good then return ... end
  local text = ...
  if type(text) ~= "string" then error(text, 0) end
  error(setmetatable({ text = (text:gsub("^stdin:%d+: ", "")) }, Message), 0)
end

-- The functions behind those at hand, for help.
local originals = {}

-- f, its errors without a traceback.
local function friendly(f)
  local function call(...) return finish(pcall(f, ...)) end
  originals[call] = f
  return call
end

local function complain(...) error(string.format(...), 0) end

-- ---- a run's generator -----------------------------------------------------------------------

local opened -- what mg.run.open returned

local function run_or_complain(name)
  return opened or complain("%s: no run is open: open(\"runs/mine\") loads one", name)
end

local function classes_of(run) return run.trainer.conditional end

local function check_count(name, n)
  local count = n == nil and 16 or math.tointeger(n)
  if not count or count < 1 then complain("%s: expected how many pictures, got %s", name, options.describe(n)) end
  return count
end

--- sample(n): n pictures (16 unless given) by the run's generator, of a conditional run of each class in turn.
function repl.sample(n)
  local run, count, labels = run_or_complain("sample"), check_count("sample", n), nil
  if classes_of(run) then
    labels = {}
    for i = 1, count do labels[i] = (i - 1) % classes_of(run) + 1 end
  end
  return as_pictures(run.trainer:sample(count, labels and moongan.tensor(labels)))
end

local function class_number(name, run, class)
  local number, names = generator.class_number(run, tostring(class)), run.config.class_names or {}
  return number or complain("%s: expected a class number from 1 to %d%s, got %s", name, classes_of(run),
    names[1] and " or a name (" .. table.concat(names, ", ") .. ")" or "", options.describe(class))
end

--- digits(3, 3, 7): a picture of each class, by name or number, of a conditional run.
function repl.digits(...)
  local run, labels = run_or_complain("digits"), { ... }
  if not classes_of(run) then complain("digits: %s is not conditional; sample(n) makes its pictures", run.folder) end
  if #labels == 0 then complain("digits: expected classes, such as digits(3, 3, 7)") end
  for i, class in ipairs(labels) do labels[i] = class_number("digits", run, class) end
  return as_pictures(run.trainer:sample(#labels, moongan.tensor(labels)))
end

local function one_row(z)
  if not moongan.is_tensor(z) then complain("walk: expected two rows of noise, got %s", options.describe(z)) end
  return z:reshape(1, z:numel())
end

--- walk(z1, z2, steps, class): pictures on the way from one noise to another, on a great circle; ends of its own where
-- none are given.  8 steps unless given; of a conditional run, all of one class, the first unless given.
function repl.walk(z1, z2, steps, class)
  local run = run_or_complain("walk")
  local a, b = one_row(z1 or run.trainer.noise(1)), one_row(z2 or run.trainer.noise(1))
  if a:numel() ~= b:numel() then complain("walk: noises of %d and %d numbers", a:numel(), b:numel()) end
  local way = latent.path(moongan.cat({ a, b }, 1), math.max(2, check_count("walk", steps or 8)) - 1)
  local labels = classes_of(run) and class_number("walk", run, class or 1)
  return as_pictures(run.trainer:sample(way, labels or nil))
end

--- open(folder): load the networks of a run: then G, D, run, sample, digits and walk are its.
function repl.open(folder)
  opened = moongan.run.open(folder, { data = false })
  _G.run, _G.G, _G.D = opened, opened.generator, opened.discriminator
  local classes = classes_of(opened)
  io.write(string.format("%s: %s after %d iterations.  sample(16)%s  walk()  G  D  run\n", opened.folder,
    opened.config and opened.config.name or "a run", opened.iteration, classes and "  digits(3, 3, 7)" or ""))
end

-- ---- showing and helping ---------------------------------------------------------------------

local function range_of_run(given)
  local range = opened and opened.config and opened.config.range
  if given ~= nil and type(given) ~= "table" or not range or given and given.range then return given end
  local result = { range = range }
  for key, value in pairs(given or {}) do result[key] = value end
  return result
end

--- show(pictures): draw a tensor in the terminal; see mg.terminal.show.
function repl.show(tensor, given) terminal.show(tensor, range_of_run(given)) end

local WELCOME = [[
Names at hand: mg, nn, optim, loss, models; tensor, zeros, ones, randn, rand.
  show(mg.rand(4, 28, 28, 1))    draw pictures                  who()        tensors and memory
  open "runs/mine"               load a run; then sample(16)     help(x)      about any value, help "nn.Linear"]]

-- A name for which another may have been meant.
local function similar(name)
  if type(name) ~= "string" then return "" end
  local nearest, edits = options.nearest(name, help.names())
  return edits <= math.max(1, #name // 3) and string.format("; did you mean %q?", nearest) or ""
end

--- help(x): what is known about a function, module, tensor, layer or a name, such as help "mg.image.save".
function repl.help(value)
  local at_hand = type(value) == "string" and rawget(_G, value) or value
  local text = value == nil and WELCOME or help.text(originals[at_hand] or value)
  if not text then complain("help: nothing is known about %s%s", options.describe(value), similar(value)) end
  io.write(text, "\n")
end

--- who(): list live tensors and memory.
function repl.who() io.write(tostring(moongan.who()), "\n") end

-- ---- the prompt ------------------------------------------------------------------------------

-- A plain table as the prompt shows it: a few entries, two levels.
local function table_text(value, depth)
  local parts, shown = {}, 0
  for i, entry in ipairs(value) do
    if i > 16 then break end
    parts[i], shown = depth < 2 and repl.text(entry, depth + 1) or tostring(entry), i
  end
  for _, key in ipairs(options.names(value)) do
    if #parts >= 24 then break end
    parts[#parts + 1] = key .. " = " .. (depth < 2 and repl.text(value[key], depth + 1) or tostring(value[key]))
    shown = shown + 1
  end
  local total = 0
  for _ in next, value do total = total + 1 end
  if shown < total then parts[#parts + 1] = ".." end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

--- What the prompt shows of a value.
function repl.text(value, depth)
  if type(value) == "string" and (depth or 0) > 0 then return string.format("%q", value) end
  if type(value) ~= "table" or getmetatable(value) then return tostring(value) end
  return table_text(value, depth or 0)
end

-- The prompt prints results by the global print.
local function print_values(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if type(value) == "userdata" and pictures[value] then
      repl.show(value)
    else
      parts[#parts + 1] = repl.text(value)
    end
  end
  if #parts > 0 or select("#", ...) == 0 then io.write(table.concat(parts, "\t"), "\n") end
end

-- A global name that is not there, in a line that was typed, is a slip; elsewhere it may be asked for.
local function unknown_name(_, name)
  local caller = debug.getinfo(2, "S")
  if not caller or caller.source ~= "=stdin" or type(name) ~= "string" then return nil end
  local nearest, edits = options.nearest(name, options.names(_G))
  local hint = edits and edits <= math.max(1, #name // 3) and string.format("; did you mean %s?", nearest) or ""
  error(setmetatable({ text = string.format("no name %s is known%s", name, hint) }, Message), 0)
end

local NAMES = { "tensor", "zeros", "ones", "randn", "rand" }

--- Put the names at hand into the global table and set up the prompt.
function repl.install()
  _G.mg, _G.nn, _G.optim, _G.loss, _G.models = moongan, moongan.nn, moongan.optim, moongan.loss, moongan.models
  for _, name in ipairs(NAMES) do _G[name] = friendly(moongan[name]) end
  for _, name in ipairs{ "sample", "digits", "walk", "open", "show", "help", "who" } do
    _G[name] = friendly(repl[name])
  end
  _G.print = print_values
  _G._PROMPT = "> "
  setmetatable(_G, { __index = unknown_name })
end

-- The program that runs this one, unless the environment names another.
local function interpreter()
  local place = 0
  while arg and arg[place - 1] do place = place - 1 end
  return os.getenv("MOONGAN_LUA") or arg and arg[place] or "lua5.4"
end

--- Open Lua's own prompt, in a process of its own so that it has the interpreter's line editing.
-- @param folder  of a run to load, or nil
-- @return the exit status
function repl.start(folder)
  local code = "require 'moongan.repl'" .. (folder and string.format(".begin(%q)", folder) or "")
  return shell.execute{ "env", "LUA_PATH=" .. package.path, "LUA_CPATH=" .. package.cpath, interpreter(), "-i", "-e",
    code }
end

--- Load a run before the first prompt; where that fails, say why and leave.
function repl.begin(folder)
  local good, why = pcall(repl.open, folder)
  if good then return end
  io.stderr:write((tostring(why):gsub("^%(command line%):%d+: ", "")), "\n")
  os.exit(1)
end

-- Without a script, that is, at the prompt: there is nothing before the interpreter's own name.
if arg and not arg[-1] then
  repl.install()
  io.write("moongan ", moongan.version, ": help() shows what is at hand\n")
end

return repl
