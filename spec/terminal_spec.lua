local helper = require "spec.helper"
local mg = require "moongan"

local terminal = mg.terminal

local function environment(values) return function(name) return values[name] end end

-- Two pixels above two others, in colour.
local FOUR = mg.tensor{ { { 1, -1, -1 }, { -1, 1, -1 } }, { { -1, -1, 1 }, { 1, 1, 1 } } }

describe("a terminal", function()
  it("is drawn on as its environment allows", function()
    local utf8 = "en_US.UTF-8"
    for _, case in ipairs{
      { "kitty", { TERM = "xterm-kitty", LANG = utf8 } }, { "kitty", { TERM = "xterm", KITTY_WINDOW_ID = "1" } },
      { "kitty", { TERM = "xterm-ghostty" } }, { "iterm2", { TERM = "xterm-256color", TERM_PROGRAM = "iTerm.app" } },
      { "iterm2", { TERM = "xterm", LC_TERMINAL = "iTerm2" } },
      { "iterm2", { TERM = "xterm", TERM_PROGRAM = "WezTerm" } },
      { "blocks", { TERM = "xterm-256color", COLORTERM = "truecolor", LANG = utf8 } },
      { "blocks", { TERM = "tmux-256color", TMUX = "/x", COLORTERM = "24bit", LANG = utf8, KITTY_WINDOW_ID = "1" } },
      { "256", { TERM = "xterm-256color", LC_CTYPE = "C.utf8" } },
      { "256", { TERM = "screen-256color", LANG = utf8, TERM_PROGRAM = "iTerm.app" } },
      { "ascii", { TERM = "xterm-256color", COLORTERM = "truecolor", LANG = utf8, LC_ALL = "C" } },
      { "ascii", { TERM = "xterm", LANG = utf8 } },
      { "ascii", { TERM = "dumb", COLORTERM = "truecolor", LANG = utf8 } },
      { "ascii", {} },
    } do assert.equal(case[1], terminal.protocol(environment(case[2]))) end
    assert.is_true(terminal.width() > 0)
  end)

  it("shows two pixels a character, in 24 bits of colour", function()
    assert.equal("\27[38;2;255;0;0;48;2;0;0;255m▀\27[38;2;0;255;0;48;2;255;255;255m▀\27[0m\n",
      terminal.render(FOUR, { protocol = "blocks", width = 80 }))
    local three = mg.ones(3, 2, 1) -- an odd row has nothing below; a colour that goes on is not said again
    assert.equal("\27[38;2;255;255;255;48;2;255;255;255m▀▀\27[0m\n\27[38;2;255;255;255;49m▀▀\27[0m\n",
      terminal.render(three, { protocol = "blocks", width = 80 }))
  end)

  it("shows the nearest of 256 colours", function()
    assert.equal("\27[38;5;196;48;5;21m▀\27[38;5;46;48;5;231m▀\27[0m\n",
      terminal.render(FOUR, { protocol = "256", width = 80 }))
    local greys = mg.tensor{ { -1, 0, 1 } }:reshape(1, 3, 1)
    assert.equal("\27[38;5;16;49m▀\27[38;5;244;49m▀\27[38;5;231;49m▀\27[0m\n",
      terminal.render(greys, { protocol = "256", width = 80 }))
  end)

  it("shows letters where it has no colours", function()
    assert.equal(" .:-=+*#%@\n", terminal.render(mg.linspace(0, 1, 10):reshape(1, 10, 1),
      { protocol = "ascii", range = { 0, 1 }, width = 80 }))
  end)

  it("shows as many pictures in a row as fit, and shrinks one that does not", function()
    local function lines(tensor, given)
      given.protocol = "ascii"
      local list = {}
      for line in terminal.render(tensor, given):gmatch("([^\n]*)\n") do list[#list + 1] = line end
      return list
    end
    local ten = mg.ones(10, 8, 8, 1)
    assert.equal(9 + 1, #lines(ten, { width = 46 }))              -- 5 of 9 and 1 beside: two rows of 8 + 1, 1 above
    assert.equal(46, #lines(ten, { width = 46 })[2] + 1)          -- the last column is background
    assert.equal(14, #lines(ten, { width = 45 }))                 -- 4 fit: three rows
    assert.equal(5, #lines(ten, { width = 45, columns = 9 }))     -- 82 pixels wide, 19 high, by 2
    assert.equal(5, #lines(mg.ones(40, 100, 1), { width = 25 }))  -- every 4 x 4 pixels become one
    assert.equal(25, #lines(mg.ones(40, 100, 1), { width = 25 })[1])
    assert.same(lines(mg.ones(1, 2, 8, 1), { width = 80 }), lines(mg.ones(2, 8), { width = 80 }))
  end)

  it("is given whole pictures where it takes them", function()
    local text = terminal.render(FOUR, { protocol = "iterm2" })
    local size, data = text:match("^\27%]1337;File=inline=1;size=(%d+):([%w+/=]+)\a\n$")
    assert.equal((tonumber(size) + 2) // 3 * 4, #data)
    local big = terminal.render(mg.rand(4, 60, 60, 3) * 2 - 1, { protocol = "kitty" })
    local parts = {}
    for control, part in big:gmatch("\27_G([^;]*);([^\27]*)\27\\") do parts[#parts + 1] = { control, part } end
    assert.is_true(#parts > 2)
    assert.equal("a=T,f=100,m=1", parts[1][1])
    assert.equal("m=1", parts[2][1])
    assert.equal("m=0", parts[#parts][1])
    for i, part in ipairs(parts) do assert.is_true(#part[2] == 4096 or i == #parts and #part[2] <= 4096) end
    -- Letters of the signature of PNG.
    assert.equal("iVBORw0KGgo", parts[1][2]:sub(1, 11))
    for plain, coded in pairs{ [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==" } do
      assert.equal(coded, terminal.base64(plain))
    end
  end)

  it("refuses what is no picture", function()
    local function refuses(pattern, ...)
      local arguments = table.pack(...)
      helper.error_like(function() terminal.render(table.unpack(arguments, 1, arguments.n)) end,
        { "mg%.terminal%.show: ", pattern })
    end
    refuses("expected a tensor, got number 3", 3)
    refuses("expected at least one picture", mg.zeros(0, 2, 2, 1))
    refuses("expected pictures, a tensor of 1 to 4 dimensions, got 5", mg.zeros(1, 1, 1, 1, 1))
    refuses('option protocol: expected "auto"', mg.ones(2, 2), { protocol = "sixel" })
    refuses("expected 1 or 3 channels, got 2", mg.ones(2, 2, 2, 2))
  end)
end)
