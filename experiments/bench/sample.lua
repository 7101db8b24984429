--- Draw 64 digits by a saved MLP generator: what the benchmark of a cold start runs.
--
-- Usage: lua5.4 experiments/bench/sample.lua WEIGHTS.safetensors PICTURE.png

local mg = require "moongan"

local G = mg.models.mlp_generator()
G:load_state_dict((mg.safetensors.load(arg[1])))
G:eval()
mg.image.save_grid(arg[2], mg.no_grad(G, mg.randn(64, 100)))
