--- The command `moongan`: what can be done with configurations, runs and data sets without writing
-- Lua.
--
-- A command is a module moongan.cli.NAME: a table of
--   summary     a line
--   usage       the words it expects: "RUN"
--   details     more lines, for --help
--   options, positional, settings   see moongan.cli.arguments
--   explain     a function of the words given with --help: another text than that, or nil
--   run         a function of what moongan.cli.arguments read; returns the exit status, nil for 0
--
-- Exit statuses: 0; 1 where it fails; 2 where the command line is wrong; 130 where it is interrupted.

local arguments = require "moongan.cli.arguments"
local options = require "moongan.options"

local cli = {}

local COMMANDS = { "train", "resume", "sample", "interpolate", "sweep", "compare", "data", "doctor", "repl" }

local FAILED, WRONG, INTERRUPTED = 1, 2, 130

local function load_command(name) return require("moongan.cli." .. name) end

local function overview()
  local lines = { "Usage: moongan COMMAND ...", "", "Adversarial image generation.", "" }
  for _, name in ipairs(COMMANDS) do
    lines[#lines + 1] = string.format("  %-12s %s", name, load_command(name).summary)
  end
  lines[#lines + 1] = "\n`moongan COMMAND --help` says more about one; `moongan --version` which version this is."
  return table.concat(lines, "\n") .. "\n"
end

local function option_text(row)
  local names = (row.short and row.short .. ", " or "") .. row.long
  return row.kind == "flag" and names or names .. " " .. (row.value or "N")
end

local function command_help(name, command)
  local lines = {
    (string.format("Usage: moongan %s %s%s", name, command.options and "[options] " or "", command.usage)
      :gsub("%s+$", "")), "",
    command.summary:sub(1, 1):upper() .. command.summary:sub(2) .. ".",
  }
  if command.details then lines[#lines + 1] = "\n" .. command.details:gsub("%s+$", "") end
  if command.options then
    lines[#lines + 1] = ""
    local width = 0
    for _, row in ipairs(command.options) do width = math.max(width, #option_text(row)) end
    for _, row in ipairs(command.options) do
      local default = row.default ~= nil and string.format(" (%s)", row.default) or ""
      lines[#lines + 1] = string.format("  %-" .. width .. "s  %s%s", option_text(row), row.meaning, default)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function say(...) io.stderr:write("moongan: ", string.format(...), "\n") end

local function wants_help(list)
  for _, word in ipairs(list) do
    if word == "--" then return false end
    if word == "--help" or word == "-h" then return true end
  end
end

-- The status for an error, after saying what it is about.
local function report(name, problem)
  if arguments.is_wrong(problem) then
    say("%s: %s (moongan %s --help says more)", name, problem.message, name)
    return WRONG
  end
  local message = options.message(problem)
  if message:find("interrupted!", 1, true) then
    say("interrupted")
    return INTERRUPTED
  end
  say("%s", message)
  if os.getenv("MOONGAN_TRACEBACK") then io.stderr:write(cli.trace or "", "\n") end
  return FAILED
end

local function run_command(name, list)
  local command = load_command(name)
  if wants_help(list) then
    io.stdout:write(command.explain and command.explain(list) or command_help(name, command))
    return 0
  end
  return command.run(arguments.read(command, list)) or 0
end

--- Run a command line.
-- @param list  its words
-- @return the exit status
function cli.main(list)
  local name = list[1]
  if name == nil then
    io.stderr:write(overview())
    return WRONG
  end
  if name == "--version" or name == "version" then
    print("moongan " .. require("moongan").version)
    return 0
  end
  if name == "--help" or name == "-h" or name == "help" and not list[2] then
    io.stdout:write(overview())
    return 0
  end
  local rest = { table.unpack(list, 2) }
  if name == "help" then name, rest = list[2], { "--help" } end
  local known, words = {}, { "--help", "--version" }
  for _, command in ipairs(COMMANDS) do
    known[command] = true
    words[#words + 1] = command
  end
  if not known[name] then
    say("unknown command %q: did you mean %s? (moongan --help lists all)", name, (options.nearest(name, words)))
    return WRONG
  end
  local good, status = xpcall(run_command, function(problem)
    cli.trace = debug.traceback()
    return problem
  end, name, rest)
  if good then return status end
  return report(name, status)
end

--- Run a command line and end the program.  A script that calls this last is no place that errors
-- come from.
function cli.run(list) os.exit(cli.main(list), true) end

return cli
