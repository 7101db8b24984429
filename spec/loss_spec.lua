local mg = require "moongan"
local helper = require "spec.helper"
local golden = require "spec.fixtures.loss_golden"
local penalties = require "spec.fixtures.penalty_golden"

local loss = mg.loss
local tolerance = helper.double and 1e-9 or 1e-5

local function target_of(row)
  local target = row.target
  if target.kind == "number" then return target.number end
  if target.kind == "values" then return helper.values({ 4, 5 }, 2, target.low, target.high) end
  if target.kind == "classes" then return mg.tensor(target.classes) end
  local weights = helper.values({ 4, 5 }, 3, 0.1, 1)
  return weights / weights:sum(2, true)
end

-- Where differences can be taken: away from the distances' kinks (0 and beta) and the logarithm's pole.
local function smooth_input(row)
  if row.name == "BCELoss" then return helper.values({ 4, 5 }, 1, 0.3, 0.7) end
  if row.name == "BCEWithLogitsLoss" or row.name == "CrossEntropyLoss" then
    return helper.values({ 4, 5 }, 1, row.input.low, row.input.high)
  end
  local offsets, distances = { -1.5, -0.6, -0.15, 0.15, 0.6, 1.5 }, {}
  for i = 1, 20 do distances[i] = offsets[i % #offsets + 1] end
  return mg.tensor(distances):reshape(4, 5) + target_of(row)
end

-- What the constructor takes: the row's options and a reduction.
local function built(row, reduction)
  local options = { reduction = reduction }
  for key, value in pairs(row.options) do options[key] = value end
  return loss[row.name](options)
end

describe("loss", function()
  for _, row in ipairs(golden) do
    local words = {}
    for key, value in pairs(row.options) do words[#words + 1] = key .. "=" .. value end
    local name = string.format("%s %s against %s %s", row.name, table.concat(words, " "), row.target.kind,
      row.target.number or "")

    it("follows PyTorch: " .. name, function()
      local x, target = helper.values({ 4, 5 }, 1, row.input.low, row.input.high):requires_grad_(true), target_of(row)
      helper.near(row.none, helper.flat(built(row, "none")(x, target)), tolerance)
      helper.near(row.sum, built(row, "sum")(x, target), tolerance)
      local mean = built(row)(x, target)
      helper.near(row.mean, mean, tolerance)
      mean:backward()
      helper.near(row.mean_gradient, helper.flat(x.grad), tolerance)
    end)

    it("has first and second derivatives: " .. name, function()
      local f = function(x) return built(row)(x, target_of(row)) end
      local x = smooth_input(row)
      helper.gradcheck(f, { x })
      helper.gradgradcheck(f, { x })
    end)
  end

  it("is differentiable in its target", function()
    local x, t = helper.values({ 3, 2 }, 1, 0.1, 0.9), helper.values({ 3, 2 }, 2, 0.1, 0.9)
    for _, name in ipairs{ "BCELoss", "BCEWithLogitsLoss", "MSELoss", "CrossEntropyLoss" } do
      helper.gradcheck(loss[name](), { x, t })
    end
  end)

  describe("BCELoss", function()
    it("limits logarithms to -100 and slopes to 1e12", function()
      local x = mg.tensor{ 0, 1, 0, 1, 0.5 }:requires_grad_(true)
      local elements = loss.BCELoss{ reduction = "none" }(x, mg.tensor{ 1, 0, 0, 1, 1 })
      helper.near({ 100, 100, 0, 0, math.log(2) }, elements, 1e-5)
      elements:sum():backward()
      helper.near({ -1e12, 1e12, 1, -1, -2 }, x.grad, 1e-5)
    end)

    it("has a finite gradient through a saturated sigmoid", function()
      for target = 0, 1 do
        local x = mg.tensor{ -200, 200, 0 }:requires_grad_(true)
        loss.BCELoss{ reduction = "sum" }(x:sigmoid(), target):backward()
        for _, g in ipairs(helper.flat(x.grad)) do assert.is_true(math.abs(g) <= 1) end
      end
    end)

    it("rejects what is no probability, but lets NaN through", function()
      local bce = loss.BCELoss()
      helper.error_like(function() bce(mg.tensor{ 0.5, 1.5 }, 1) end,
        { "loss.BCELoss: expected an input of probabilities in %[0, 1%], got 1.5 at element 2", "BCEWithLogitsLoss" })
      helper.error_like(function() bce(mg.tensor{ -0.1 }, 1) end, "got %-0.1")
      local result = bce(mg.tensor{ 0.5, 0 / 0 }, 1):item()
      assert.is_true(result ~= result)
    end)
  end)

  it("BCEWithLogitsLoss stays finite and exact far from 0", function()
    local bce = loss.BCEWithLogitsLoss{ reduction = "none" }
    local x = mg.tensor{ -1000, 1000 }:requires_grad_(true)
    helper.near({ 1000, 0 }, bce(x, 1))
    helper.near({ 0, 1000 }, bce(x, 0))
    helper.near({ 1000, 0 }, bce(x, mg.ones(2)))
    bce(x, 1):sum():backward()
    helper.near({ -1, 0 }, x.grad)
  end)

  it("a number is a target of the input's shape", function()
    local x = helper.values({ 3, 2 }, 1, 0.1, 0.9)
    for _, name in ipairs{ "BCELoss", "BCEWithLogitsLoss", "MSELoss", "L1Loss", "SmoothL1Loss" } do
      for _, number in ipairs{ 0, 1, 0.9 } do
        helper.near(loss[name]()(x, mg.full({ 3, 2 }, number)), loss[name]()(x, number))
      end
    end
  end)

  describe("CrossEntropyLoss", function()
    it("takes scores of any shape, classes last", function()
      local x = helper.values({ 2, 3, 4 }, 1)
      local classes = mg.tensor{ { 1, 2, 3 }, { 4, 4, 1 } }
      local ce = loss.CrossEntropyLoss()
      helper.near(ce(x:reshape(6, 4), classes:reshape(6)), ce(x, classes))
      helper.near(ce(x[1], classes[1]), ce(x[1], mg.one_hot(classes[1], 4)))
      helper.near(ce(x[1][1], 1), ce(x[1]:narrow(1, 1, 1), mg.tensor{ 1 }))
    end)

    it("stays finite for large scores", function()
      local x = mg.tensor{ { 1000, 0 }, { 0, -1000 } }
      helper.near(500, loss.CrossEntropyLoss()(x, mg.tensor{ 2, 1 }))
    end)

    it("rejects class numbers out of range", function()
      local ce, x = loss.CrossEntropyLoss(), mg.zeros(2, 3)
      for _, class in ipairs{ 0, 4, 1.5, 0 / 0, -1, math.huge } do
        helper.error_like(function() ce(x, mg.tensor{ 1, class }) end,
          { "loss.CrossEntropyLoss: expected class numbers 1 to 3 as target", "at element 2" })
        helper.error_like(function() ce(x, class) end, "at element 1")
      end
      helper.error_like(function() ce(x, mg.ones(3)) end,
        "class numbers %(2,%) or of probabilities %(2, 3%) for the input %(2, 3%), got %(3,%)")
      helper.error_like(function() ce(mg.ones{}, 1) end, "expected an input of scores")
      helper.error_like(function() ce(mg.zeros(2, 0), mg.ones(2)) end, "expected an input of scores")
    end)
  end)

  it("never broadcasts input against target", function()
    local x = mg.full({ 4, 1 }, 0.5)
    for _, name in ipairs{ "BCELoss", "BCEWithLogitsLoss", "MSELoss", "L1Loss", "SmoothL1Loss" } do
      for _, target in ipairs{ mg.ones(4), mg.ones(1, 4), mg.ones{}, mg.ones(4, 2) } do
        helper.error_like(function() loss[name]()(x, target) end,
          { "loss." .. name .. ": expected a target of the input's shape %(4, 1%), got " })
      end
    end
  end)

  describe("rejects", function()
    local mse = loss.MSELoss()
    local cases = {
      ["loss.MSELoss: unknown option \"reductions\" %(did you mean \"reduction\"%?%)"] = function()
        loss.MSELoss{ reductions = "mean" }
      end,
      ["loss.MSELoss: option reduction: expected one of .*got string \"max\""] = function()
        loss.MSELoss{ reduction = "max" }
      end,
      ["loss.BCELoss: unknown option \"pos_weight\""] = function() loss.BCELoss{ pos_weight = 2 } end,
      ["loss.CrossEntropyLoss: option label_smoothing: expected a number in %[0, 1%]"] = function()
        loss.CrossEntropyLoss{ label_smoothing = 2 }
      end,
      ["loss.MSELoss: argument 1: expected a table of options, got string"] = function() loss.MSELoss("mean") end,
      ["loss.MSELoss: argument 1 %(input%)"] = function() mse(3, 1) end,
      ["loss.MSELoss: argument 2 %(target%): expected a tensor or a number, got nil"] = function() mse(mg.ones(2)) end,
      ["loss.MSELoss: argument 2 %(target%): expected a tensor or a number, got string"] = function()
        mse(mg.ones(2), "1")
      end,
      ["loss.MSELoss: argument 2 %(target%)"] = function() mse(mg.ones(2), mse) end,
      ["freed"] = function()
        local x = mg.ones(2)
        x:free()
        mse(x, 1)
      end,
    }
    for pattern, f in pairs(cases) do
      it((pattern:gsub("%%", "")), function() helper.error_like(f, pattern) end)
    end
  end)

  it("prints and shows its options", function()
    local bce = loss.BCEWithLogitsLoss{ pos_weight = 2 }
    assert.equal('loss.BCEWithLogitsLoss{ reduction = "mean", pos_weight = 2 }', tostring(bce))
    assert.same({ "mean", 2 }, { bce.reduction, bce.pos_weight })
    assert.is_nil(bce.beta)
  end)

  it("leaks nothing under either collector, errors included", function()
    helper.gc_modes(function()
      helper.leak_check(function()
        local x = mg.full({ 40, 25 }, 0.5):requires_grad_(true)
        for i = 1, 300 do
          local l = loss.BCELoss()(x, i % 2)
          if i % 3 == 0 then l:backward() end
          pcall(loss.MSELoss(), x, mg.ones(3))
          pcall(loss.CrossEntropyLoss(), x, 26)
        end
      end)
    end)
  end)
end)

describe("loss.gradient_penalty", function()
  local shapes = { { 6, 8 }, { 8 }, { 8, 1 }, { 1 } }
  local function weights(labels)
    local result = {}
    for i, shape in ipairs(shapes) do
      local size = (i == 1 and labels) and { 7, 8 } or shape
      result[i] = helper.values(size, 9 + i):requires_grad_(true)
    end
    return result
  end
  local function critic(w)
    return function(x, labels)
      if labels then x = mg.cat({ x, labels }, 2) end
      return mg.linear(mg.linear(x, w[1], w[2]):leaky_relu(0.2):tanh(), w[3], w[4])
    end
  end
  local real, fake = helper.values({ 4, 6 }, 1), helper.values({ 4, 6 }, 2, -2, 2)
  local epsilon, labels = helper.values({ 4, 1 }, 3, 0, 1), helper.values({ 4, 1 }, 4)

  for _, row in ipairs(penalties) do
    it(string.format("follows PyTorch: target %g, one_sided %s, labels %s", row.target, row.one_sided, row.labels),
      function()
        local w = weights(row.labels)
        local options = { target = row.target, one_sided = row.one_sided, epsilon = epsilon }
        local penalty = loss.gradient_penalty(critic(w), real, fake, options, row.labels and labels or nil)
        helper.near(row.value, penalty, tolerance)
        penalty:backward()
        for i = 1, 3 do helper.near(row.gradients[i], helper.flat(w[i].grad), tolerance, "gradient " .. i) end
        assert.is_true(not w[4].grad or w[4].grad:item() == 0)
      end)
  end

  it("takes further arguments of D as a list, too", function()
    local w = weights(true)
    helper.same_bits(loss.gradient_penalty(critic(w), real, fake, { epsilon = epsilon }, labels),
      loss.gradient_penalty(critic(w), real, fake, { epsilon = epsilon, extra = { labels } }))
  end)

  it("has derivatives with respect to the critic's weights", function()
    local w = weights(false)
    helper.gradcheck(function(w1, b1, w2)
      return loss.gradient_penalty(critic{ w1, b1, w2, w[4] }, real, fake, { epsilon = epsilon })
    end, { w[1], w[2], w[3] })
  end)

  it("is 0 for a critic of slope 1, and its norm counts every dimension but the first", function()
    local x, y = helper.values({ 3, 2, 2, 1 }, 1), helper.values({ 3, 2, 2, 1 }, 2)
    local function sum_of(factor)
      return function(samples) return (samples * factor):sum() end
    end
    helper.near(0, loss.gradient_penalty(sum_of(0.5), x, y))
    helper.near(1, loss.gradient_penalty(sum_of(1), x, y))
    helper.near(0, loss.gradient_penalty(sum_of(0.25), x, y, { one_sided = true }))
    helper.near(0.25, loss.gradient_penalty(sum_of(0.25), x, y))
  end)

  it("has a finite derivative where the critic is flat", function()
    local w = mg.zeros(6, 1):requires_grad_(true)
    local penalty = loss.gradient_penalty(function(x) return mg.matmul(x, w) end, real, fake)
    helper.near(1, penalty, 1e-5)
    penalty:backward()
    helper.near(mg.zeros(6, 1), w.grad)
  end)

  it("draws one weight for each sample, the same for the same seed", function()
    local seen
    local function watch(x)
      seen = x:detach()
      return x:square():sum(2)
    end
    local low, high = mg.zeros(50, 3), mg.ones(50, 3)
    mg.manual_seed(3)
    local first = loss.gradient_penalty(watch, high, low)
    local points = seen
    helper.same_bits(points:narrow(2, 1, 1):expand(50, 3), points)
    local smallest, largest = points:min():item(), points:max():item()
    assert.is_true(smallest >= 0 and smallest < 0.2 and largest > 0.8 and largest <= 1)
    mg.manual_seed(3)
    helper.same_bits(first, loss.gradient_penalty(watch, high, low))
  end)

  it("sends no gradient into the samples", function()
    local source = helper.values({ 4, 6 }, 5):requires_grad_(true)
    local w = weights(false)
    loss.gradient_penalty(critic(w), real, source * 2, { epsilon = epsilon }):backward()
    assert.is_nil(source.grad)
    assert.truthy(w[1].grad)
  end)

  it("rejects what it cannot use", function()
    local D = critic(weights(false))
    local cases = {
      ["expected real and fake samples of one shape, got %(4, 6%) and %(4, 5%)"] = { D, real, mg.zeros(4, 5) },
      ["D: expected a function or a layer, got number 1"] = { 1, real, fake },
      ["real: expected a tensor, got nil"] = { D, nil, fake },
      ["fake: expected a tensor, got number 2"] = { D, real, 2 },
      ["expected samples along the first dimension"] = { D, mg.zeros(0, 6), mg.zeros(0, 6) },
      ["option target: expected a number"] = { D, real, fake, { target = "1" } },
      ["unknown option \"onesided\""] = { D, real, fake, { onesided = true } },
      ["option epsilon: expected one number for each of 4 samples"] = { D, real, fake, { epsilon = mg.ones(3) } },
      ["what D returned: expected a tensor, got nil"] = { function() end, real, fake },
    }
    for pattern, arguments in pairs(cases) do
      helper.error_like(function() loss.gradient_penalty(table.unpack(arguments, 1, 4)) end,
        { "loss.gradient_penalty", pattern })
    end
  end)
end)
