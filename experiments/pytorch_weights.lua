--- Run a model with weights of PyTorch, and give them back: what pytorch_weights.py calls, and a template for your own.
--
--     lua5.4 experiments/pytorch_weights.lua MODEL WEIGHTS.safetensors INPUT.npy OUTPUT.npy BACK.safetensors
--
-- MODEL is a name of mg.models (mlp_generator, mlp_critic, dcgan_generator, dcgan_discriminator) in its usual size,
-- WEIGHTS the state_dict of the same model in PyTorch.  OUTPUT becomes what the model makes of INPUT, BACK the weights
-- again, in PyTorch's layouts and by its names.

local mg = require "moongan"

local name, weights, input, output, back = table.unpack(arg)
if not back or not mg.models[name] then
  io.stderr:write("usage: pytorch_weights.lua MODEL WEIGHTS.safetensors INPUT.npy OUTPUT.npy BACK.safetensors\n")
  os.exit(2)
end

local tensors, metadata = mg.safetensors.load(weights)
local model = mg.torch.load_state_dict(mg.models[name](), tensors):eval()
mg.no_grad(function() mg.npy.save(output, model(mg.npy.load(input))) end)
mg.safetensors.save(back, mg.torch.state_dict(model, { names = mg.torch.names(tensors) }), metadata)
