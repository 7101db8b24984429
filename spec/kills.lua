-- Hundreds of kills (SIGKILL) at random moments of short trainings, each resumed, must end in the same bits as a
-- training left alone, and never leave a checkpoint that can't be read.  Minutes long, so not among the specs;
-- `make kills` runs it.
--
--     lua5.4 spec/kills.lua [kills] [seed]

local helper = require "spec.helper"
local killing = require "spec.killing"

local wanted, seed = tonumber(arg[1] or 200), tonumber(arg[2] or 1)
math.randomseed(seed)

local SETTINGS = {
  "iterations=400 every=5 threads=1",
  "iterations=400 every=1 threads=2",
  "iterations=400 every=5 threads=1 data=function",
}

helper.with_folder(function(root)
  local kills, runs = 0, 0
  while kills < wanted do
    runs = runs + 1
    local settings = SETTINGS[(runs - 1) % #SETTINGS + 1]
    local alone, killed = root .. "/alone" .. runs, root .. "/killed" .. runs
    killing.life("out=" .. alone .. " " .. settings)
    local here = killing.until_it_ends(killed, settings, function() return 0.02 + 0.25 * math.random() end)
    kills = kills + here
    local found = killing.difference(alone, killed)
    print(string.format("run %d (%s): %d kills, %d in all, %s", runs, settings, here, kills,
      found and "DIFFERENT: " .. found or "the same bits"))
    if found then os.exit(1, true) end
  end
end)
