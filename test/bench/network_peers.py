#!/usr/bin/python3
"""PyTorch beside network_speed: the same networks, weights and inputs.

    network_peers.py check DEFINITION WEIGHTS ONNX      compares the embeddings, then writes the network for ONNX Runtime
    network_peers.py forward DEFINITION WEIGHTS N       images a second, batches of N, one thread
    network_peers.py train DEFINITION WEIGHTS N         images a second of steps with Adam, batches of N, two threads

WEIGHTS is a file of "network_speed write NETWORK 4".
"""
import json
import sys
import time

import numpy
import torch
from torch import nn

SAMPLES = 4


def sides(value):
    return value if isinstance(value, list) else [value, value]


class Dense(nn.Linear):
    """Takes the map in the order height, width, channels."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1).flatten(1))[:, :, None, None]


class Normalise(nn.Module):
    def forward(self, x):
        return x / x.norm(dim=1, keepdim=True)


class Weights(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return x * nn.functional.softplus(self.theta)[None, :, None, None]


def channels_of(definition):
    """Of the input: of a network that begins with "pair", both samples' colours and flow."""
    source = definition["input"]
    channels = 1 if source.get("colour", "grey") == "grey" else 3
    if definition["layers"][0]["type"] == "pair":
        channels = 2 * (channels + 2 * source.get("flow", False))
    return channels


def build(definition):
    source = definition["input"]
    channels, height, width = channels_of(definition), source["height"], source["width"]
    modules = []
    for layer in definition["layers"]:
        kind = layer["type"]
        if kind == "conv":
            stride, padding = sides(layer.get("stride", 1)), sides(layer.get("padding", 0))
            kernel = sides(layer["kernel"])
            modules.append(nn.Conv2d(channels, layer["maps"], kernel, stride, padding, bias=layer.get("bias", True)))
            channels = layer["maps"]
            height = (height + 2 * padding[0] - kernel[0]) // stride[0] + 1
            width = (width + 2 * padding[1] - kernel[1]) // stride[1] + 1
        elif kind == "dense":
            modules.append(Dense(channels * height * width, layer["units"], bias=layer.get("bias", True)))
            channels, height, width = layer["units"], 1, 1
        elif kind == "batch_norm":
            modules.append(nn.BatchNorm2d(channels))
        elif kind == "max_pool":
            size = sides(layer.get("size", 2))
            stride = sides(layer.get("stride", size))
            modules.append(nn.MaxPool2d(size, stride))
            height, width = (height - size[0]) // stride[0] + 1, (width - size[1]) // stride[1] + 1
        elif kind == "relu":
            modules.append(nn.ReLU())
        elif kind == "prelu":
            modules.append(nn.PReLU(channels))
        elif kind == "sigmoid":
            modules.append(nn.Sigmoid())
        elif kind == "l2_norm":
            modules.append(Normalise())
        elif kind == "dropout":
            modules.append(nn.Dropout(layer.get("rate", 0.5)))
        elif kind not in ("flatten", "pair"):
            raise SystemExit("PyTorch's side does not know the layer " + kind)
    if definition.get("join") == "weighted_l1":
        modules.append(Weights(channels))
    return nn.Sequential(*modules)


def load(definition, path):
    """The network with the file's weights, its inputs and our embeddings."""
    network = build(definition)
    source = definition["input"]
    numbers = torch.tensor(numpy.fromfile(path, dtype=numpy.float32))
    offset = 0

    def take(count):
        nonlocal offset
        offset += count
        return numbers[offset - count:offset].clone()

    with torch.no_grad():
        for module in network:
            if isinstance(module, nn.Conv2d):
                maps, depth, kh, kw = module.weight.shape
                module.weight.copy_(take(maps * depth * kh * kw).reshape(kh, kw, depth, maps).permute(3, 2, 0, 1))
            elif isinstance(module, nn.Linear):
                module.weight.copy_(take(module.weight.numel()).reshape(module.in_features, module.out_features).t())
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(take(module.num_features))
            elif isinstance(module, Weights):
                module.theta.copy_(take(module.theta.numel()))
            elif isinstance(module, nn.PReLU):
                module.weight.copy_(take(module.weight.numel()))
            if getattr(module, "bias", None) is not None:
                module.bias.copy_(take(module.bias.numel()))
        if definition["loss"]["type"] == "cross_entropy" and "join" in definition:
            take(1 if definition["join"] == "weighted_l1" else 2)
        for module in network:
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.copy_(take(module.num_features))
                module.running_var.copy_(take(module.num_features))
    shape = (SAMPLES, source["height"], source["width"], channels_of(definition))
    inputs = take(int(numpy.prod(shape))).reshape(shape).permute(0, 3, 1, 2).contiguous()
    return network, inputs, numbers[offset:].reshape(SAMPLES, -1)


def best_time(work, seconds):
    work()
    best, end = float("inf"), time.process_time() + seconds
    while time.process_time() < end:
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main():
    what, definition, weights, last = sys.argv[1:5]
    network, inputs, ours = load(json.load(open(definition)), weights)
    torch.set_num_threads(2 if what == "train" else 1)
    if what == "check":
        network.eval()
        with torch.no_grad():
            theirs = network(inputs).flatten(1)
        error = (theirs - ours).abs().max() / theirs.pow(2).mean().sqrt()
        if error > 1e-4:
            raise SystemExit("%s: the embeddings differ by %g of their typical value" % (definition, error))
        torch.onnx.export(network, inputs, last, input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
        return
    n = int(last)
    inputs = inputs.repeat((n + SAMPLES - 1) // SAMPLES, 1, 1, 1)[:n].contiguous()
    if what == "forward":
        network.eval()
        with torch.no_grad():
            print("%.1f" % (n / best_time(lambda: network(inputs), 1.5)))
        return
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)

    def step():
        optimizer.zero_grad()
        embedding = network(inputs)
        embedding.backward(embedding.detach())
        optimizer.step()

    print("%.1f" % (2 * n / best_time(step, 8)))


main()
