#!/usr/bin/env python3
"""Weights between PyTorch and moongan, both ways, checked: the MLP and DCGAN pairs of images of 28 x 28.

    eval "$(make env)"; python3 experiments/pytorch_weights.py        (needs torch, numpy and safetensors)

Each model is made by PyTorch with random weights, which go to moongan in a safetensors file together with an input in a
.npy file.  There pytorch_weights.lua loads them; its output must be PyTorch's, and the weights must come back as they were.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn


def mlp_generator():
    layers, width = [], 100
    for i, units in enumerate((128, 256, 512, 1024)):
        layers += [nn.Linear(width, units)] + ([nn.BatchNorm1d(units, 0.8)] if i else []) + [nn.LeakyReLU(0.2)]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 784), nn.Tanh())


def mlp_critic():
    return nn.Sequential(nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1))


def dcgan_generator():
    return nn.Sequential(nn.Linear(100, 128 * 7 * 7), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
                         nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
                         nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh())


def dcgan_discriminator():
    return nn.Sequential(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1, bias=False),
                         nn.BatchNorm2d(128), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(128 * 7 * 7, 1))


def channels_last(array): return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def check(make, shape, folder):
    model, x = make(), torch.randn(shape)
    with torch.no_grad():
        model(torch.randn((32,) + shape[1:]))  # gives batch normalisation something to remember
        expected = channels_last(model.eval()(x).numpy())
    path = {name: os.path.join(folder, name) for name in ("weights", "input", "output", "back")}
    save_file(model.state_dict(), path["weights"])
    with open(path["input"], "wb") as file: np.save(file, channels_last(x.numpy()))
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorch_weights.lua")
    subprocess.run([os.environ.get("LUA", "lua5.4"), script, make.__name__] + list(path.values()), check=True)

    with open(path["output"], "rb") as file: error = np.abs(np.load(file) - expected).max()
    back = load_file(path["back"])
    same = all(torch.equal(back[name], value) for name, value in model.state_dict().items()
               if not name.endswith("num_batches_tracked"))
    make().load_state_dict(back)
    good = error < 1e-5 and same
    print("%-20s outputs differ by %.1e, weights come back %s: %s"
          % (make.__name__, error, "as they were" if same else "CHANGED", "good" if good else "BAD"))
    return good


def main():
    torch.manual_seed(7)
    with tempfile.TemporaryDirectory() as folder:
        results = [check(mlp_generator, (4, 100), folder), check(mlp_critic, (4, 784), folder),
                   check(dcgan_generator, (4, 100), folder), check(dcgan_discriminator, (4, 1, 28, 28), folder)]
    sys.exit(0 if all(results) else 1)


main()
