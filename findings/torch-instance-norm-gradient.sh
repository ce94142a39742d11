#!/usr/bin/env bash
# With a batch of one, instance norm hands back a wrong gradient on the CPU.
#
# A good guess: the memory format is a matter of speed; channels_last gives the gradients of the
# usual order, as it does for batch norm and for group norm with a group a channel, which is the
# same function.
# What happens: where the gradient that comes in is channels_last and the batch holds one image, the
# gradient that goes out is wrong altogether, in single and double precision; the output is right.
# Two images, or a gradient in the usual order, are right. A convolution in channels_last after the
# norm is enough to meet it: the weights before it get a gradient more than half off.
# Why it matters here: one large tile a step and channels_last are common on CPUs. Training runs on,
# only worse, and no check of outputs finds it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq torch==2.13.0 numpy==2.4.6
venv/bin/python - <<'PY'
import torch
from torch import nn

print("torch", torch.__version__)
torch.set_num_threads(1)
USUAL, LAST = torch.contiguous_format, torch.channels_last


def through(layer, images, order, dtype):
    """The gradient at the input where the one at the output lies in the given order."""
    generator = torch.Generator().manual_seed(1)
    data, incoming = torch.randn(2, images, 4, 8, 8, dtype=dtype, generator=generator)
    data.requires_grad_()
    layer.to(dtype)(data).backward(incoming.contiguous(memory_format=order))
    return data.grad


layers = {"instance norm": nn.InstanceNorm2d(4), "group norm": nn.GroupNorm(4, 4), "batch norm": nn.BatchNorm2d(4)}
for name, layer in layers.items():
    for images in (1, 2):
        for dtype in (torch.float32, torch.float64):
            right = through(layer, images, USUAL, dtype)
            off = float((through(layer, images, LAST, dtype) - right).abs().max() / right.abs().max())
            print(f"{name}, {images} images, {dtype}: {off:.2g} of the largest gradient off")
            if name == "instance norm" and images == 1:
                assert off > 0.1, "the gradient is right now"
            else:
                assert off < 1e-4


def first_weights(images, order):
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3)
    network = nn.Sequential(first, nn.InstanceNorm2d(8), second).double().to(memory_format=order)
    network(torch.randn(images, 1, 16, 16).double()).square().sum().backward()
    return first.weight.grad


for images in (1, 2):
    right = first_weights(images, USUAL)
    off = float((first_weights(images, LAST) - right).abs().max() / right.abs().max())
    print(f"a network of two convolutions, {images} images: first weights {off:.2g} off")
    assert (off > 0.5) == (images == 1)
PY
