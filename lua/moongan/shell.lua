--- Other programs: commands for the shell, with nothing unquoted in them.

local shell = {}

--- A text as one word of a command.
function shell.quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- The same for people to read and copy: quoted only where it must be.
function shell.word(text) return text:find("^[%w_./,:=@%%+-]+$") and text or shell.quote(text) end

--- A list of words as one command, for people to read and copy.
function shell.command(words)
  local list = {}
  for i, word in ipairs(words) do list[i] = shell.word(word) end
  return table.concat(list, " ")
end

--- The words that started this program: the interpreter with its own options, and the script.  The environment
-- variable MOONGAN_LUA names another interpreter.
function shell.program()
  local first, words = 0, {}
  while arg and arg[first - 1] do first = first - 1 end
  for i = first, arg and 0 or -1 do words[#words + 1] = arg[i] end
  if first < 0 then words[1] = os.getenv("MOONGAN_LUA") or words[1] end
  return words
end

--- Run a command: whether it succeeded, and what it said on either stream.
function shell.run(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1", "r"))
  local said = pipe:read("a"):gsub("%s+$", "")
  return pipe:close() == true, said
end

--- Whether there is a program of that name.
function shell.has(name) return (shell.run("command -v " .. shell.quote(name) .. " >/dev/null")) end

--- Run a list of words as a command, its streams being ours.
-- @return its exit status; 128 and the signal's number where one ended it
function shell.execute(words)
  local list = {}
  for i, word in ipairs(words) do list[i] = shell.quote(word) end
  local _, how, status = os.execute(table.concat(list, " "))
  return how == "signal" and 128 + status or status
end

return shell
