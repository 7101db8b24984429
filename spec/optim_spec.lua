local mg = require "moongan"
local helper = require "spec.helper"
local golden = require "spec.fixtures.optim_golden"

local optim = mg.optim

local function parameter(shape, seed)
  return helper.values(shape, seed):requires_grad_(true)
end

-- Ten steps over parameters of the sizes given, with gradients by formula.
local function trained(name, options, sizes)
  local parameters = {}
  for i, size in ipairs(sizes) do parameters[i] = parameter({ size }, i) end
  local optimizer = optim[name](parameters, options)
  for step = 1, 10 do
    for i, p in ipairs(parameters) do p.grad = helper.values({ sizes[i] }, 99 + step + 1000 * (i - 1)) end
    optimizer:step()
  end
  return parameters, optimizer
end

-- Every optimizer with all the state that it can keep.
local stateful = {
  SGD = { lr = 0.1, momentum = 0.9 },
  Adam = { lr = 0.05, amsgrad = true },
  AdamW = { lr = 0.05, weight_decay = 0.1 },
  RMSprop = { lr = 0.05, momentum = 0.5, centered = true },
  Adagrad = { lr = 0.1, initial_accumulator_value = 0.1 },
  Adadelta = { lr = 2 },
}

describe("optim", function()
  describe("follows PyTorch:", function()
    for _, row in ipairs(golden) do
      local words = {}
      for key, value in pairs(row.options) do
        words[#words + 1] = key .. "=" .. (type(value) == "table" and table.concat(value, ",") or tostring(value))
      end
      table.sort(words)
      it(row.name .. " " .. table.concat(words, " "), function()
        helper.near(row.result, trained(row.name, row.options, { #row.result })[1], helper.double and 1e-10 or 2e-5)
      end)
    end
  end)

  it("has PyTorch's defaults", function()
    local defaults = {
      SGD = { lr = 1e-3, momentum = 0, dampening = 0, nesterov = false, weight_decay = 0 },
      Adam = { lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0, amsgrad = false },
      AdamW = { lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 1e-2, amsgrad = false },
      RMSprop = { lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0, centered = false },
      Adagrad = { lr = 1e-2, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0, eps = 1e-10 },
      Adadelta = { lr = 1, rho = 0.9, eps = 1e-6, weight_decay = 0 },
    }
    for name, expected in pairs(defaults) do
      local group = optim[name]{ parameter({ 2 }, 1) }:param_groups()[1]
      group.params = nil
      assert.same(expected, group, name)
    end
  end)

  describe("clip", function()
    for name, options in pairs(stateful) do
      it("in the pass of " .. name .. " is a step, then clamp_", function()
        local with_clip = { clip = 0.3 }
        for key, value in pairs(options) do with_clip[key] = value end
        local p, q = parameter({ 40 }, 1), parameter({ 40 }, 1)
        local clipped, plain = optim[name]({ p }, with_clip), optim[name]({ q }, options)
        for step = 1, 5 do
          p.grad, q.grad = helper.values({ 40 }, step), helper.values({ 40 }, step)
          clipped:step()
          plain:step()
          mg.no_grad(function() q:clamp_(-0.3, 0.3) end)
          helper.same_bits(q, p)
        end
        assert.is_true(p:max():item() <= 0.3 + 1e-7)
        assert.is_true(p:detach():abs():max():item() > 0.29, "something was clipped")
      end)
    end

    it("leaves NaN visible", function()
      local p = parameter({ 3 }, 1)
      local optimizer = optim.SGD({ p }, { lr = 1, clip = 0.01 })
      p.grad = mg.tensor{ 0 / 0, math.huge, -math.huge }
      optimizer:step()
      local result = helper.flat(p)
      assert.is_true(result[1] ~= result[1])
      helper.near({ -0.01, 0.01 }, { result[2], result[3] })
    end)
  end)

  it("survives NaN and infinite gradients", function()
    for name, options in pairs(stateful) do
      local p = parameter({ 5 }, 1)
      local optimizer = optim[name]({ p }, options)
      for _ = 1, 3 do
        p.grad = mg.tensor{ 0 / 0, math.huge, -math.huge, 0, 1e30 }
        optimizer:step()
      end
      assert.is_true(helper.flat(p)[1] ~= helper.flat(p)[1], name)
    end
  end)

  it("gives RMSprop a number where equal gradients round the variance below 0", function()
    local p = parameter({ 200 }, 1)
    local optimizer = optim.RMSprop({ p }, { centered = true, alpha = 0.5, eps = 1e-3 })
    for _ = 1, 60 do
      p.grad = helper.values({ 200 }, 3)
      optimizer:step()
    end
    for _, x in ipairs(helper.flat(p)) do assert.is_true(x == x) end
  end)

  it("gives the same bits with any number of threads and in any company", function()
    local sizes = { 3, 40000, 1, 70, 16384, 17000, 5, 64 }
    for name, options in pairs(stateful) do
      local one = helper.with_threads(1, function() return (trained(name, options, sizes)) end)
      for _, threads in ipairs{ 2, 5 } do
        local several = helper.with_threads(threads, function() return (trained(name, options, sizes)) end)
        for i in ipairs(sizes) do helper.same_bits(one[i], several[i], name .. " parameter " .. i) end
      end
      helper.same_bits(trained(name, options, { 3 })[1], one[1], name .. " alone")
    end
  end)

  it("skips parameters without a gradient, which keep their count of steps", function()
    local p, q = parameter({ 4 }, 1), parameter({ 4 }, 2)
    local lone = parameter({ 4 }, 2)
    local both, single = optim.Adam({ p, q }, { lr = 0.1 }), optim.Adam({ lone }, { lr = 0.1 })
    p.grad = helper.values({ 4 }, 7)
    both:step()
    helper.same_bits(helper.values({ 4 }, 2), q)
    q.grad, lone.grad = helper.values({ 4 }, 8), helper.values({ 4 }, 8)
    both:step()
    single:step()
    helper.same_bits(lone, q)
    assert.same({ 2, 1 }, { both:state_dict().state[1].step, both:state_dict().state[2].step })
  end)

  it("takes parameters of one and of no element", function()
    local p, empty = parameter({}, 1), mg.zeros(0, 3):requires_grad_(true)
    local optimizer = optim.Adam{ p, empty }
    local before = p:item()
    p.grad, empty.grad = mg.ones{}, mg.zeros(0, 3)
    optimizer:step()
    helper.near(before - 1e-3, p:item(), 1e-6)
  end)

  it("trains: a line through points", function()
    local w, b = parameter({ 1, 1 }, 1), parameter({ 1 }, 2)
    local x = mg.linspace(-1, 1, 20):reshape(20, 1)
    local y = x * 3 - 0.5
    local optimizer = optim.Adam({ w, b }, { lr = 0.1 })
    for _ = 1, 300 do
      optimizer:zero_grad()
      mg.linear(x, w, b):sub(y):square():mean():backward()
      optimizer:step()
    end
    helper.near({ 3, -0.5 }, { w:item(), b:item() }, 1e-3)
  end)

  it("is noticed by a tape that saved the parameter", function()
    local p = parameter({ 3 }, 1)
    local optimizer = optim.SGD({ p }, { lr = 0.1 })
    local y = (p * p):sum()
    y:backward{ retain_graph = true }
    optimizer:step()
    helper.error_like(function() y:backward() end, "in place")
    assert.is_true(p.requires_grad)
  end)

  describe("zero_grad", function()
    it("drops the gradients, or fills them with zeros", function()
      local p = parameter({ 3 }, 1)
      local optimizer = optim.SGD{ p }
      p.grad = mg.ones(3)
      optimizer:zero_grad{ set_to_zero = true }
      helper.near({ 0, 0, 0 }, p.grad)
      optimizer:zero_grad()
      assert.is_nil(p.grad)
      optimizer:zero_grad{ set_to_zero = true }
      assert.is_nil(p.grad)
    end)
  end)

  describe("parameter groups", function()
    it("have options of their own over those they share", function()
      local p, q = parameter({ 4 }, 1), parameter({ 2 }, 2)
      local optimizer = optim.Adam({ { params = { p }, lr = 0.5, clip = 9 }, { params = { q } } },
        { lr = 0.1, betas = { 0.5, 0.9 } })
      local groups = optimizer:param_groups()
      assert.same({ 0.5, 0.1 }, { groups[1].lr, groups[2].lr })
      assert.same({ 9, nil }, { groups[1].clip, groups[2].clip })
      assert.same({ 0.5, 0.9 }, groups[1].betas)
      helper.same_bits(q, groups[2].params[1])
      p.grad, q.grad = mg.ones(4), mg.ones(2)
      local before_p, before_q = p:detach():clone(), q:detach():clone()
      optimizer:step()
      helper.near(before_p - 0.5, p:detach(), 1e-5)
      helper.near(before_q - 0.1, q:detach(), 1e-5)
    end)

    it("have learning rates that can be read and set", function()
      local p, q = parameter({ 1 }, 1), parameter({ 1 }, 2)
      local optimizer = optim.SGD({ { params = { p } }, { params = { q }, lr = 2 } })
      local function rates()
        local groups = optimizer:param_groups()
        return { groups[1].lr, groups[2].lr }
      end
      assert.equal(1e-3, optimizer.lr)
      optimizer:set_lr(3, 2)
      assert.same({ 1e-3, 3 }, rates())
      optimizer.lr = 0.5
      assert.same({ 0.5, 0.5 }, rates())
      optimizer:set_lr(0)
      assert.same({ 0, 0 }, rates())
    end)
  end)

  describe("state_dict", function()
    for name, options in pairs(stateful) do
      it("of " .. name .. " takes up where it was left", function()
        local parameters, optimizer = trained(name, options, { 37, 5 })
        local state = optimizer:state_dict()
        local copies = {}
        for i, p in ipairs(parameters) do copies[i] = p:detach():clone():requires_grad_(true) end
        local resumed = optim[name](copies)
        resumed:load_state_dict(state)
        optimizer.lr, resumed.lr = 0.03, 0.03
        for i, p in ipairs(parameters) do
          p.grad, copies[i].grad = helper.values(p:shape(), 500 + i), helper.values(p:shape(), 500 + i)
        end
        optimizer:step()
        resumed:step()
        for i, p in ipairs(parameters) do helper.same_bits(p, copies[i]) end
      end)
    end

    it("is plain tables with PyTorch's names", function()
      local optimizer = select(2, trained("Adam", { lr = 0.05, clip = 2 }, { 3 }))
      local state = optimizer:state_dict()
      assert.equal("Adam", state.name)
      assert.same({
        { lr = 0.05, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0, amsgrad = false, clip = 2, params = { 1 } },
      }, state.groups)
      assert.equal(10, state.state[1].step)
      assert.same({ 3 }, state.state[1].exp_avg:shape())
      assert.same({ 3 }, state.state[1].exp_avg_sq:shape())
      assert.same({ {} }, optim.Adam{ parameter({ 3 }, 1) }:state_dict().state)
    end)

    it("copies what it loads", function()
      local first = select(2, trained("SGD", { momentum = 0.9 }, { 3 }))
      local second = optim.SGD{ parameter({ 3 }, 1) }
      second:load_state_dict(first:state_dict())
      first:state_dict().state[1].momentum_buffer:zero_()
      assert.is_true(second:state_dict().state[1].momentum_buffer:abs():max():item() > 0)
    end)

    it("rejects what does not fit, and changes nothing", function()
      local function fresh() return select(2, trained("Adam", { lr = 0.05 }, { 3, 2 })) end
      local optimizer = fresh()
      local reference = optimizer:state_dict().state[1].exp_avg:clone()
      local bad = {
        ["name: expected \"Adam\", got string \"SGD\""] = function(s) s.name = "SGD" end,
        ["name: expected \"Adam\", got nil"] = function(s) s.name = nil end,
        ["groups: expected a list of 1, got a list of 2"] = function(s) s.groups[2] = s.groups[1] end,
        ["groups: expected a list of 1, got nil"] = function(s) s.groups = nil end,
        ["groups%[1%]: expected a table, got number 5"] = function(s) s.groups[1] = 5 end,
        ["params: expected a list of 2, got a list of 1"] = function(s) s.groups[1].params[2] = nil end,
        ["groups%[1%]: expected the option betas, got nil"] = function(s) s.groups[1].betas = nil end,
        ["groups%[1%]: option lr: expected a number >= 0, got number %-1"] = function(s) s.groups[1].lr = -1 end,
        ["groups%[1%]: unknown option \"rate\""] = function(s) s.groups[1].rate = 1 end,
        ["state: expected a list of 2, got a list of 3"] = function(s) s.state[3] = {} end,
        ["state%[2%]: expected a table, got false"] = function(s) s.state[2] = false end,
        ["state%[2%].step: expected a whole number >= 0, got number 1.5"] = function(s) s.state[2].step = 1.5 end,
        ["state%[2%].step: expected a whole number >= 0, got string"] = function(s) s.state[2].step = "1" end,
        ["state%[2%].exp_avg: expected a tensor %(2,%), got tensor %(3,%)"] = function(s)
          s.state[2].exp_avg = s.state[1].exp_avg
        end,
        ["state%[1%].exp_avg_sq: expected a tensor %(3,%), got nil"] = function(s) s.state[1].exp_avg_sq = nil end,
        ["state%[1%].max_exp_avg_sq: expected nil"] = function(s) s.state[1].max_exp_avg_sq = mg.zeros(3) end,
        ["state%[1%].exp_avg: expected nil"] = function(s) s.state[1].step = nil end,
        ["state%[1%]: unknown option \"exp_average\" %(did you mean \"exp_avg\""] = function(s)
          s.state[1].exp_average = 1
        end,
        ["unknown option \"extra\""] = function(s) s.extra = 1 end,
      }
      for pattern, spoil in pairs(bad) do
        local state = fresh():state_dict()
        state.groups[1].lr = state.groups[1].lr * 2
        state.state[1].exp_avg = state.state[1].exp_avg:clone():fill_(1)
        spoil(state)
        helper.error_like(function() optimizer:load_state_dict(state) end, { "optimizer:load_state_dict", pattern })
        assert.equal(0.05, optimizer.lr)
        helper.same_bits(reference, optimizer:state_dict().state[1].exp_avg, pattern)
      end
      helper.error_like(function() optimizer:load_state_dict(5) end, "expected a table")
    end)
  end)

  describe("clip_grad_norm", function()
    local function with_gradients(...)
      local parameters = {}
      for i, gradient in ipairs{ ... } do
        parameters[i] = mg.zeros(gradient:shape()):requires_grad_(true)
        parameters[i].grad = gradient
      end
      return parameters
    end

    it("scales all gradients by one factor and returns the norm before", function()
      local parameters = with_gradients(mg.tensor{ 3, 0 }, mg.tensor{ { 0, -4 } })
      parameters[3] = parameter({ 2 }, 1) -- has no gradient
      helper.near(5, optim.clip_grad_norm(parameters, 2.5), 1e-6)
      helper.near({ 1.5, 0 }, parameters[1].grad, 1e-6)
      helper.near({ { 0, -2 } }, parameters[2].grad, 1e-6)
      helper.near(2.5, optim.clip_grad_norm(parameters, 100), 1e-6)
      helper.near({ 1.5, 0 }, parameters[1].grad, 1e-6)
      helper.near(3.5, optim.clip_grad_norm(parameters, 100, { norm_type = 1 }), 1e-6)
      helper.near((1.5 ^ 3 + 8) ^ (1 / 3), optim.clip_grad_norm(parameters, 100, { norm_type = 3 }), 1e-6)
      helper.near(2, optim.clip_grad_norm(parameters, 1, { norm_type = math.huge }), 1e-6)
      helper.near({ 0.75, 0 }, parameters[1].grad, 1e-6)
      assert.equal(0, optim.clip_grad_norm({}, 1))
    end)

    it("measures large gradients, over many blocks, in the same bits with any number of threads", function()
      local function norm(threads)
        return helper.with_threads(threads, function()
          local parameters = with_gradients(helper.values({ 40001 }, 1), helper.values({ 33 }, 2))
          local value = optim.clip_grad_norm(parameters, 1)
          return value, parameters[1].grad
        end)
      end
      local one, one_grad = norm(1)
      local two, two_grad = norm(2)
      assert.equal(one, two)
      helper.same_bits(one_grad, two_grad)
      local total = 0
      for _, x in ipairs(helper.flat(helper.values({ 40001 }, 1))) do total = total + x * x end
      for _, x in ipairs(helper.flat(helper.values({ 33 }, 2))) do total = total + x * x end
      helper.near(math.sqrt(total), one, 1e-6)
      helper.near(1, optim.clip_grad_norm(with_gradients(one_grad), 9), 1e-3)
      helper.near(8e20, optim.clip_grad_norm(with_gradients(mg.full({ 64 }, 1e20)), 1), 1e-6)
    end)

    it("reports NaN and infinity", function()
      for _, p in ipairs{ 1, 2, 3, math.huge } do
        local bad = optim.clip_grad_norm(with_gradients(mg.tensor{ 1, 0 / 0, 2 }), 1, { norm_type = p })
        assert.is_true(bad ~= bad)
        assert.equal(math.huge, optim.clip_grad_norm(with_gradients(mg.tensor{ 1, -math.huge }), 1, { norm_type = p }))
      end
    end)

    it("clamps by value", function()
      local parameters = with_gradients(mg.tensor{ 3, -0.5, 0 / 0 }, mg.tensor{ -9 })
      optim.clip_grad_value(parameters, 1)
      helper.near({ 1, -0.5, 0 / 0 }, parameters[1].grad)
      helper.near({ -1 }, parameters[2].grad)
    end)

    it("rejects what it cannot clip", function()
      local parameters = with_gradients(mg.ones(2))
      helper.error_like(function() optim.clip_grad_norm({ parameters[1], parameters[1] }, 1) end, "tensor 2 .*once")
      helper.error_like(function() optim.clip_grad_norm(parameters) end, "max_norm.*a number >= 0")
      helper.error_like(function() optim.clip_grad_norm(parameters, -1) end, "max_norm.*a number >= 0.*%-1")
      helper.error_like(function() optim.clip_grad_norm(parameters, 1, { norm_type = 0 }) end, "norm_type")
      helper.error_like(function() optim.clip_grad_norm(parameters, 1, { type = 0 }) end, "did you mean \"norm_type\"")
      helper.error_like(function() optim.clip_grad_norm(3, 1) end, "params.*a list of tensors.*number 3")
      helper.error_like(function() optim.clip_grad_value({ 3 }, 1) end, "expected tensors, got number 3")
      helper.error_like(function() optim.clip_grad_value(parameters, "1") end, "limit")
    end)
  end)

  describe("rejects", function()
    local p, q = parameter({ 2 }, 1), parameter({ 2 }, 2)
    local cases = {
      ["optim.Adam: argument 1 %(params%): expected a list of tensors.*got nothing"] = function() optim.Adam() end,
      ["optim.SGD: argument 1 %(params%): expected a list of tensors.*got tensor %(2,%)"] = function() optim.SGD(p) end,
      ["optim.SGD: expected at least one parameter"] = function() optim.SGD({}) end,
      ["optim.SGD: argument 1 %(params%): .*number 3 at place 2"] = function() optim.SGD{ p, 3 } end,
      ["parameter 2 of group 1 is parameter 1 already"] = function() optim.SGD{ p, p } end,
      ["parameter 1 of group 2 is parameter 1 already"] = function()
        optim.SGD{ { params = { p } }, { params = { p } } }
      end,
      ["expected a leaf tensor that requires a gradient, got a tensor %(2,%) that requires no gradient"] = function()
        optim.SGD{ p, mg.ones(2) }
      end,
      ["expected a leaf tensor that requires a gradient, got a tensor %(2,%) that was computed"] = function()
        optim.SGD{ q * 2 }
      end,
      ["optim.SGD: group 1: expected params, a list of tensors, got nil"] = function() optim.SGD{ {} } end,
      ["optim.SGD: group 2: expected a table"] = function() optim.SGD{ { params = { p } }, q } end,
      ["optim.SGD: group 1: unknown option \"lrate\""] = function() optim.SGD{ { params = { p }, lrate = 1 } } end,
      ["optim.Adam: unknown option \"beta\" %(did you mean \"betas\"%?%)"] = function()
        optim.Adam({ p }, { beta = { 0, 0.9 } })
      end,
      ["optim.Adam: argument 2: expected a table of options, got number 0.001"] = function()
        optim.Adam({ p }, 1e-3)
      end,
      ["optim.Adam: option betas: expected two numbers in %[0, 1%)"] = function()
        optim.Adam({ p }, { betas = { 0.5, 1 } })
      end,
      ["optim.Adam: option lr: expected a number >= 0, got string \"0.1\""] = function()
        optim.Adam({ p }, { lr = "0.1" })
      end,
      ["optim.Adam: option amsgrad: expected true or false, got number 1"] = function()
        optim.Adam({ p }, { amsgrad = 1 })
      end,
      ["optim.RMSprop: option alpha: expected a number in %[0, 1%]"] = function()
        optim.RMSprop({ p }, { alpha = 2 })
      end,
      ["optim.SGD: option clip: expected a number >= 0"] = function() optim.SGD({ p }, { clip = -0.01 }) end,
      ["optim.SGD: option nesterov: expected momentum > 0"] = function() optim.SGD({ p }, { nesterov = true }) end,
      ["optim.SGD: option nesterov: .* dampening 0"] = function()
        optim.SGD({ { params = { p }, nesterov = true } }, { momentum = 0.5, dampening = 0.1 })
      end,
      ["only lr can be assigned"] = function() optim.SGD{ p }.rate = 5 end,
      ["optimizer.lr.*a number >= 0"] = function() optim.SGD{ p }.lr = 0 / 0 end,
      ["optimizer:set_lr.*group.*from 1 to 1"] = function() optim.SGD{ p }:set_lr(1, 2) end,
      ["optimizer:step.*expected an optimizer"] = function() optim.SGD{ p }.step(p) end,
      ["optimizer:zero_grad: unknown option \"to_zero\""] = function() optim.SGD{ p }:zero_grad{ to_zero = true } end,
    }
    for pattern, f in pairs(cases) do
      it((pattern:gsub("%%", "")), function() helper.error_like(f, pattern) end)
    end

    it("use after free", function()
      local optimizer = optim.SGD{ p }
      optimizer:free()
      optimizer:free()
      assert.equal("optimizer (freed)", tostring(optimizer))
      for _, method in ipairs{ "step", "zero_grad", "state_dict", "load_state_dict", "param_groups", "set_lr" } do
        helper.error_like(function() optimizer[method](optimizer) end, "the optimizer was freed")
      end
      helper.error_like(function() return optimizer.lr end, "freed")
    end)

    it("freed parameters, but keeps those it holds", function()
      local r = parameter({ 2 }, 1)
      local optimizer = optim.SGD{ r }
      r.grad = mg.ones(2)
      r:free()
      optimizer:step()
      helper.error_like(function() optim.SGD{ r } end, "freed")
    end)
  end)

  it("prints its options and what it trains", function()
    local p, q = parameter({ 4, 2 }, 1), parameter({ 1 }, 2)
    local text = tostring(optim.Adam({ p, q }, { lr = 1e-4, betas = { 0, 0.9 } }))
    assert.equal("optim.Adam{ lr = 0.0001, weight_decay = 0, betas = { 0, 0.9 }, eps = 1e-08, amsgrad = false }"
      .. " over 2 parameters, 9 numbers", text)
    text = tostring(optim.SGD{ { params = { q } }, { params = { p }, clip = 1 } })
    assert.truthy(text:find("over 1 parameter, 1 number\noptim.SGD{ .*clip = 1"), text)
  end)

  it("works while the collector runs at every step", function()
    helper.gc_stress(function()
      local parameters, optimizer = trained("Adam", { lr = 0.05 }, { 5, 3 })
      optimizer:load_state_dict(optimizer:state_dict())
      helper.near(trained("Adam", { lr = 0.05 }, { 5, 3 })[2], parameters[2])
      assert.equal(2, #optimizer:param_groups()[1].params)
      assert.truthy(tostring(optimizer))
      helper.near(mg.loss.BCELoss()(mg.full({ 3 }, 0.5), 1), mg.loss.BCELoss()(mg.full({ 3 }, 0.5), mg.ones(3)))
      mg.loss.gradient_penalty(function(x) return x:square():sum(2) end, mg.ones(3, 2), mg.zeros(3, 2))
    end)
  end)

  it("leaks nothing under either collector", function()
    helper.gc_modes(function()
      helper.leak_check(function()
        for i = 1, 200 do
          local p = parameter({ 1000 }, 1)
          local optimizer <close> = optim.Adam({ p }, { amsgrad = true })
          p.grad = mg.ones(1000)
          optimizer:step()
          if i % 2 == 0 then optimizer:load_state_dict(optimizer:state_dict()) end
          if i % 3 == 0 then pcall(optimizer.load_state_dict, optimizer, { name = "SGD" }) end
          pcall(optim.Adam, { p, p })
          if i % 5 == 0 then optimizer:free() end
        end
      end)
    end)
  end)
end)
