-- Weights in PyTorch's layouts: what its models compute of them, the same ones here compute.

local encode = require "spec.encode"
local helper = require "spec.helper"
local golden = require "spec.fixtures.torch_golden"
local mg = require "moongan"

local nn, torch = mg.nn, mg.torch

-- The models of fixtures/torch_golden.py.
local MODELS = {
  mlp_generator = function() return mg.models.mlp_generator{ nz = 5, widths = { 4, 6 }, n_out = 12 } end,
  mlp_critic = function() return mg.models.mlp_critic{ n_in = 12, widths = { 5 } } end,
  dcgan_generator_28 = function() return mg.models.dcgan_generator{ nz = 3, nf = 2, channels = 3 } end,
  dcgan_discriminator_28 = function() return mg.models.dcgan_discriminator{ nf = 2, channels = 3 } end,
  dcgan_generator_32 = function() return mg.models.dcgan_generator{ nz = 3, nf = 2, size = 32 } end,
  dcgan_discriminator_32 = function() return mg.models.dcgan_discriminator{ nf = 2, size = 32 } end,
  odd = function()
    return nn.Sequential{
      nn.Linear(4, 24), nn.BatchNorm(24), nn.ReLU(), nn.Reshape(2, 3, 4),
      nn.Conv2d(4, 6, { 2, 3 }, { padding = { 1, 0 }, groups = 2 }),
      nn.ConvTranspose2d(6, 4, { 3, 1 }, { groups = 2 }), nn.Flatten(), nn.BatchNorm(20), nn.Maxout(20, 3, 2) }
  end,
  embedded = function() return nn.Sequential{ nn.Embedding(3, 2), nn.LayerNorm(2), nn.Linear(2, 2) } end,
}

-- The state_dict of a row: tensors by the formula of the script.
local function state_of(row)
  local state = {}
  for i, entry in ipairs(row.state) do
    local tensor = helper.values(entry[2], 10 * (i - 1))
    state[entry[1]] = entry[1]:find("running_var$") and tensor:abs() + 0.5 or tensor
  end
  return state
end

local function input_of(row)
  if row.name == "embedded" then return mg.tensor{ { 1, 3 } } end
  local shape = row.input
  local x = helper.values(shape, 5)
  if #shape < 4 then return x end
  return shape[3] == 1 and x:reshape(shape[1], shape[2]) or x:permute{ 1, 3, 4, 2 }
end

describe("weights of PyTorch", function()
  for _, row in ipairs(golden) do
    it("make " .. row.name .. " compute the same, and go back unchanged", function()
      local model, state = MODELS[row.name](), state_of(row)
      assert.equal(model, torch.load_state_dict(model, state))
      local output, step = model:eval()(input_of(row)), 1
      assert.same(row.shape, output:shape())
      local flat, kept = helper.flat(output), {}
      if #flat > 100 then step = 7 end
      for i = 1, #flat, step do kept[#kept + 1] = flat[i] end
      helper.near(row.output, kept, helper.double and 1e-9 or 1e-4)

      local back = torch.state_dict(model, { names = torch.names(state) })
      for name, tensor in pairs(state) do helper.same_bits(tensor, back[name], name) end
      for name in pairs(back) do assert.is_truthy(state[name], name) end
    end)
  end

  it("pass through a file", function()
    helper.with_folder(function(folder)
      local path, row = folder .. "/x.safetensors", golden[3]
      local a, b = MODELS[row.name](), MODELS[row.name]()
      mg.safetensors.save(path, torch.state_dict(a))
      torch.load_state_dict(b, (mg.safetensors.load(path)))
      for name, tensor in pairs(a:state_dict()) do helper.same_bits(tensor, b:state_dict()[name], name) end
    end)
  end)

  it("of pictures as flat rows are reordered where their channels are told", function()
    local model = mg.models.mlp_critic{ n_in = 12, widths = { 4 } }
    local rows = helper.values({ 2, 2, 2, 3 }, 1) -- 2 x 2 pixels of 3 channels
    local state = torch.state_dict(model, { input_channels = 3 })
    -- A model that is given channels first needs no reordering.
    local other = torch.load_state_dict(mg.models.mlp_critic{ n_in = 12, widths = { 4 } }, state)
    helper.near(model(rows:reshape(2, 12)), other(rows:permute{ 1, 4, 2, 3 }:reshape(2, 12)))
    torch.load_state_dict(other, state, { input_channels = 3 })
    helper.same_bits(model[1].weight, other[1].weight)

    local generator = mg.models.mlp_generator{ nz = 2, widths = { 4 }, n_out = 12 }
    local planar = torch.load_state_dict(mg.models.mlp_generator{ nz = 2, widths = { 4 }, n_out = 12 },
      torch.state_dict(generator, { output_channels = 3 }))
    local z = helper.values({ 2, 2 }, 3)
    helper.near(generator(z):reshape(2, 2, 2, 3):permute{ 1, 4, 2, 3 }, planar(z):reshape(2, 3, 2, 2))
  end)

  it("behind layers of which nothing is known are refused where the order of features matters", function()
    local residual = nn.Sequential{ nn.Conv2d(3, 4, 3), nn.Residual{ nn.Conv2d(4, 4, 1) }, nn.Flatten(), nn.ReLU(),
      nn.Linear(16, 2) }
    helper.error_like(function() torch.state_dict(residual) end,
      "mg%.torch%.state_dict: layer 5: of how many channels the features are that layer 3 joins is not known")
    local pooled = nn.Sequential{ residual[1], residual[2], nn.GlobalAvgPool2d(), nn.Linear(4, 2) }
    assert.same({ "0", "1.0", "3" }, torch.names(torch.state_dict(pooled)))
    local nested = nn.Module{ body = nn.Sequential{ nn.Sequential{ nn.Linear(2, 4), nn.Reshape(1, 2, 2) },
      nn.Conv2d(2, 1, 1) }, forward = function(self, z) return self.body(z) end }
    local back = nested:clone()
    torch.load_state_dict(back, torch.state_dict(nested))
    helper.same_bits(nested.body[1][1].weight, back.body[1][1].weight)
    assert.same({ "body.0.0", "body.1" }, torch.names(torch.state_dict(nested)))
    -- Pictures of 2 x 2 pixels and 3 channels.
    local flat = nn.Sequential{ nn.Flatten(), nn.Linear(12, 2) }
    helper.error_like(function() torch.state_dict(flat) end, "for a model of pictures, give input_channels")
    local x, state = helper.values({ 2, 2, 2, 3 }, 1), torch.state_dict(flat, { input_channels = 3 })
    local weight = state["1.weight"] -- (2, 12), features channels first
    helper.near(flat(x) - flat[2].bias, x:permute{ 1, 4, 2, 3 }:reshape(2, 12):matmul(weight:t()))
  end)

  it("are matched by name, by order, or as told", function()
    local function pair() return nn.Sequential{ nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2) } end
    local a = pair()
    local plain = torch.state_dict(a)
    assert.same({ "0", "2" }, torch.names(plain))
    local function renamed(...)
      local result, names = {}, { ... }
      for i, from in ipairs{ "0", "2" } do
        for _, slot in ipairs{ "weight", "bias" } do result[names[i] .. "." .. slot] = plain[from .. "." .. slot] end
      end
      return result
    end
    local function check(state, given)
      local b = torch.load_state_dict(pair(), state, given)
      for name, tensor in pairs(a:state_dict()) do helper.same_bits(tensor, b:state_dict()[name], name) end
    end
    check(plain)
    check(renamed("module.main.0", "module.main.2"))
    check(renamed("net.9", "net.10"))
    check(renamed("fc1", "fc2"))
    check(renamed("z", "a"), { names = { "z", "a" } })
    local module = nn.Module{ second = nn.Linear(2, 2), first = nn.Linear(2, 3), forward = function() end }
    assert.same({ "first", "second" }, torch.names(torch.state_dict(module)))
    torch.load_state_dict(module, torch.state_dict(module))
    assert.same({ "bias", "weight" }, require("moongan.options").names(torch.state_dict(nn.Linear(2, 3))))
    torch.load_state_dict(nn.Linear(2, 3), torch.state_dict(nn.Linear(2, 3)))
  end)

  it("leave the count of batches aside", function()
    local state = torch.state_dict(nn.BatchNorm(2))
    state.num_batches_tracked = mg.tensor(7)
    torch.load_state_dict(nn.BatchNorm(2), state)
  end)

  it("that do not fit are refused before anything changes", function()
    local model = nn.Sequential{ nn.Linear(2, 3), nn.BatchNorm(3) }
    local before = model[1].weight:detach():clone()
    local function refuses(pattern, change, given)
      local state = torch.state_dict(model)
      change(state)
      helper.error_like(function() torch.load_state_dict(model, state, given) end,
        { "mg%.torch%.load_state_dict: ", pattern })
      helper.same_bits(before, model[1].weight:detach())
    end
    refuses("0%.weight for layer 1 %(Linear%): expected a tensor %(3, 2%), got %(2, 3%)",
      function(s) s["0.weight"] = s["0.weight"]:t() end)
    refuses("1%.running_mean for layer 2 %(BatchNorm%): expected a tensor %(3%), got nil",
      function(s) s["1.running_mean"] = nil end)
    refuses("0%.extra: the model has no such tensor", function(s) s["0.extra"] = mg.ones(1) end)
    refuses("the model has 2 layers with tensors %(1, 2%), the state 3 %(0, 1, 2%)",
      function(s) s["2.weight"] = mg.ones(1) end)
    refuses("option names: expected a list of 2 names", function() end, { names = { "0" } })
    refuses("option names: expected a list of 2 names", function() end, { names = { "0", "1", "2" } })
    helper.error_like(function() torch.load_state_dict(model, 7) end, "expected a table of tensors by name")
    helper.error_like(function() torch.load_state_dict(model, { mg.ones(1) }) end,
      "expected tensors by name, got one under number 1")
    helper.error_like(function() torch.state_dict{} end, "mg%.torch%.state_dict: expected a layer, got table")
    helper.error_like(function() torch.state_dict(nn.Sequential{ nn.SpectralNorm(nn.Linear(2, 2)) }) end,
      "layer 1: no layer of PyTorch is known to have these tensors: u, v")
  end)

  it("go through the example script and back", function()
    helper.with_folder(function(folder)
      local model, file = mg.models.mlp_critic():eval(), {}
      for i, name in ipairs{ "weights", "input", "output", "back" } do file[i] = folder .. "/" .. name end
      local state, x = torch.state_dict(model), helper.values({ 2, 784 }, 1)
      mg.safetensors.save(file[1], state, { made = "here" })
      mg.npy.save(file[2], x)
      local text, status = helper.run_file("experiments/pytorch_weights.lua",
        "mlp_critic " .. table.concat(file, " "))
      assert.equal("", text)
      assert.equal(0, status)
      helper.near(model(x):detach(), mg.npy.load(file[3]))
      assert.equal(encode.read(file[1]), encode.read(file[4]))
      assert.equal(2, select(2, helper.run_file("experiments/pytorch_weights.lua", "nothing a b c d")))
    end)
  end)
end)
