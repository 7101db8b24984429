--- moongan resume: go on with a run that was interrupted, or that has had enough too soon.

local arguments = require "moongan.cli.arguments"
local experiment = require "moongan.experiment"
local options = require "moongan.options"
local run = require "moongan.run"

local resume = {
  summary = "go on with a run that was interrupted",
  usage = "RUN [epochs=N] [iterations=N] [seconds=N]",
  positional = { 1, 1 },
  settings = true,
  details = [[
RUN is the folder that a training wrote.  It goes on from its last checkpoint to the end that its configuration
gives, in the same bits as if it had never been interrupted.  epochs=, iterations= and seconds= set another end,
counted from the beginning of the run (seconds: from now).]],
}

local LIMITS = { epochs = true, iterations = true, seconds = true }

-- The limits of a run as the command line changes them.
local function limits_of(config, settings)
  for _, setting in ipairs(settings) do
    local key = setting:match("^[^=]*")
    if not LIMITS[key] then arguments.wrong("%s: expected epochs, iterations or seconds, all else stays", key) end
  end
  local good, changed = pcall(experiment.configure, config, settings)
  if not good then arguments.wrong("%s", options.message(changed)) end
  return experiment.limits(changed)
end

function resume.run(o)
  local opened = run.open(o.words[1])
  local limits = limits_of(opened.config, o.settings)
  local result = experiment.go(opened.trainer, limits)
  if result.iteration == opened.iteration and result.ended == "done" and not opened.config.quiet then
    print("The run was at its end already: a larger epochs=N or iterations=N goes on.")
  end
end

return resume
