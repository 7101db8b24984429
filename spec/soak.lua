-- Thousands of iterations of WGAN-GP must not make the process grow: the last half of them by less
-- than 1 MB of resident memory.  Minutes long, so not among the specs; `make soak` runs it under
-- both collectors.
--
--     lua5.4 spec/soak.lua [generational|incremental] [iterations]

local mg = require "moongan"

local mode, iterations = arg[1] or "generational", tonumber(arg[2] or 10000)
local BATCH, CRITIC_STEPS, LIMIT_KB = 64, 5, 1024

local function resident_kb()
  local status = io.open("/proc/self/status")
  if status then
    local text = status:read("a")
    status:close()
    return tonumber(text:match("VmRSS:%s*(%d+)"))
  end
  local pipe <close> = assert(io.popen("ps -o rss= -p $PPID"))
  return tonumber(pipe:read("a"))
end

local G, D = mg.models.mlp_generator(), mg.models.mlp_critic()
local opt_g = mg.optim.Adam(G:parameters(), { lr = 1e-4, betas = { 0, 0.9 } })
local opt_d = mg.optim.Adam(D:parameters(), { lr = 1e-4, betas = { 0, 0.9 } })
local real = mg.rand(BATCH, 784) * 2 - 1

local function iterate()
  for _ = 1, CRITIC_STEPS do
    local fake = mg.no_grad(function() return G(mg.randn(BATCH, 100)) end)
    local d_loss = D(fake):mean() - D(real):mean() + 10 * mg.loss.gradient_penalty(D, real, fake)
    opt_d:zero_grad()
    d_loss:backward()
    opt_d:step()
  end
  local g_loss = -D(G(mg.randn(BATCH, 100))):mean()
  opt_g:zero_grad()
  g_loss:backward{ inputs = G:parameters() }
  opt_g:step()
end

collectgarbage(mode)
local largest_first_half = 0
local largest = 0
for i = 1, iterations do
  iterate()
  if i % (iterations // 20) == 0 then
    local now, memory = resident_kb(), mg.memory()
    largest = math.max(largest, now)
    if i <= iterations // 2 then largest_first_half = largest end
    print(string.format("%s, iteration %6d: %8d KB resident, %7d KB live, %5d blocks asked from the system",
      mode, i, now, memory.live_bytes // 1024, memory.system_requests))
  end
end
local growth = largest - largest_first_half
print(string.format("%s: grew by %d KB in the second half", mode, growth))
os.exit(growth < LIMIT_KB, true)
