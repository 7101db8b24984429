-- What README.md tells people to type works as written (on a tiny data set, for a few steps).

local scripts = require "spec.scripts"

local readme = scripts.read("README.md")
local blocks = {}
for block in readme:gmatch("```lua\n(.-)```") do blocks[#blocks + 1] = block end

-- The end of a block's code: says "written" where it left all these files.
local function check_files(...)
  return string.format("\nfor name in (%q):gmatch('%%S+') do assert(io.open(name), name) end print('written')\n",
    table.concat({ ... }, " "))
end

describe("README", function()
  it("has the four blocks that are run here", function() assert.equal(4, #blocks) end)

  it("shows a session that works line by line", function()
    scripts.run("-i < code.lua", { ["code.lua"] = blocks[1] .. check_files("noise.png") }, function(text, status)
      assert.equal(0, status)
      assert.falsy(text:find("stdin:", 1, true), text)
      assert.falsy(text:find("rror"), text)
      assert.truthy(text:find("written"), text)
    end)
  end)

  it("shows a loop that trains", function()
    local code = blocks[2]:gsub("step == 20000", "step == 10"):gsub("step %% 1000", "step %% 10")
    scripts.run("code.lua", { ["code.lua"] = code .. check_files("samples.png") }, function(text, status)
      assert.equal(0, status, text)
      assert.truthy(text:find("^10\t%-?%d+%.%d+\nwritten"), text)
    end)
  end)

  it("shows a trainer that trains", function()
    local ending = check_files("nine.png", "runs/mine/samples.png", "runs/mine/stats.jsonl")
    scripts.run("code.lua", { ["code.lua"] = blocks[3] .. ending }, function(text, status)
      assert.equal(0, status, text)
      assert.truthy(text:find("100%%  4/4  D "), text)
      assert.truthy(text:find("written"), text)
    end)
  end)

  it("shows an experiment that runs itself", function()
    local arguments = "code.lua iterations=2 batch=8 penalty.weight=5 optimizer_d.betas.1=0.5 lr=1e-4"
    scripts.run(arguments, { ["code.lua"] = blocks[4] }, function(text, status, folder)
      assert.equal(0, status, text)
      assert.truthy(scripts.exists(folder .. "/runs/wgan_gp/samples.png"))
    end)
  end)

  it("shows commands that work", function()
    local commands = assert(readme:match("```sh\n(.-)```"))
    local lines = { "-e '' " } -- what comes before the first command of ours
    for line in commands:gmatch("[^\n]+") do
      local command = line:gsub("%s+#.*", ""):gsub("^moongan", "lua5.4 {root}/bin/moongan")
      command = command:gsub("experiments/", "{root}/%0"):gsub("epochs=%d+", "iterations=1 batch=8 quiet=yes")
      lines[#lines + 1] = command:gsub("lua5.4", (require("spec.helper").interpreter()))
    end
    scripts.run(table.concat(lines, " && "), {}, function(text, status, folder)
      assert.equal(0, status, text)
      for _, name in ipairs{ "grid", "strips", "walk", "runs/wgan-sweep/clip=0.01,n_critic=5/samples" } do
        assert.truthy(scripts.exists(folder .. "/" .. name .. ".png"), name)
      end
    end)
  end)

  it("names files that exist", function()
    for path in readme:gmatch("%]%(([%w_/%.]+)%)") do assert.truthy(scripts.exists(path), path) end
  end)
end)
