--- moongan repl: Lua's prompt with moongan's names at hand.

local repl = {
  summary = "open Lua's prompt, with a run's generator where one is named",
  usage = "[RUN]",
  positional = { 0, 1 },
}

function repl.run(o) return require("moongan.repl").start(o.words[1]) end

return repl
