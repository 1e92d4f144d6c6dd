#!/usr/bin/python3
"""Computes the built-in networks, and one of layers that they lack, in PyTorch, for test_network_forward.c.

    /usr/bin/python3 test/unit/network/make_forward.py sql/network/*.json test/unit/network/*.json > test/unit/network/forward.h

Needs Debian's python3-torch and python3-numpy.  Weights, statistics and inputs are numbers by a formula that both sides
write down: hash numbers in [-1, 1) of a value's place in the weights, times a factor for its kind.
"""
import json
import os
import sys

import numpy
import torch
from torch.nn import functional

SAMPLES = 2
FIRST = 12


def hash_numbers(start, count, seed):
    index = numpy.arange(start + 1, start + count + 1, dtype=numpy.uint64)
    mask = numpy.uint64(0xFFFFFFFF)
    value = (index * numpy.uint64(2654435761) + numpy.uint64(seed * 40503)) & mask
    value ^= value >> numpy.uint64(15)
    value = (value * numpy.uint64(2246822519)) & mask
    value ^= value >> numpy.uint64(13)
    return (value >> numpy.uint64(8)).astype(numpy.float64) / 8388608.0 - 1


class Weights:
    """Hands out parameters in the order of the layers; the statistics come behind all of them."""

    def __init__(self):
        self.offset = 0
        self.norms = []

    def take(self, count, factor, shift=0.0):
        numbers = hash_numbers(self.offset, count, 1) * factor + shift
        self.offset += count
        return torch.tensor(numbers.astype(numpy.float32))


def sides(value):
    return value if isinstance(value, list) else [value, value]


def margins(value):
    """top, left, bottom, right"""
    value = sides(value)
    return value * 2 if len(value) == 2 else value


def window(side, stride, margin, covered, ceil=False):
    room = side + margin - covered
    return -(-room // stride) + 1 if ceil else room // stride + 1


def prepare(layers, shape, weights):
    """Shapes and parameters first, since the statistics lie behind the last parameter."""
    channels, height, width = shape
    steps, names = [], {}
    for layer in layers:
        kind = layer["type"]
        if kind == "conv":
            maps, (kh, kw) = layer["maps"], sides(layer["kernel"])
            stride, padding = sides(layer.get("stride", 1)), margins(layer.get("padding", 0))
            dilation, groups = sides(layer.get("dilation", 1)), layer.get("groups", 1)
            patch = kh * kw * channels // groups
            matrix = weights.take(patch * maps, (6.0 / patch) ** 0.5)
            matrix = matrix.reshape(groups, kh, kw, channels // groups, maps // groups).permute(0, 4, 3, 1, 2)
            matrix = matrix.reshape(maps, channels // groups, kh, kw).contiguous()
            bias = weights.take(maps, 0.1) if layer.get("bias", True) else None
            steps.append(("conv", matrix, bias, stride, padding, dilation, groups))
            channels = maps
            height = window(height, stride[0], padding[0] + padding[2], (kh - 1) * dilation[0] + 1)
            width = window(width, stride[1], padding[1] + padding[3], (kw - 1) * dilation[1] + 1)
        elif kind == "dense":
            values, units = channels * height * width, layer["units"]
            matrix = weights.take(values * units, (6.0 / values) ** 0.5).reshape(values, units)
            bias = weights.take(units, 0.1) if layer.get("bias", True) else None
            steps.append(("dense", matrix, bias))
            channels, height, width = units, 1, 1
        elif kind == "batch_norm":
            step = ["batch_norm", weights.take(channels, 0.3, 1.0), weights.take(channels, 0.3), channels]
            weights.norms.append(step)
            steps.append(step)
        elif kind == "instance_norm":
            steps.append((kind, weights.take(channels, 1.0), weights.take(channels, 1.0)))
        elif kind == "prelu":
            steps.append(("prelu", weights.take(channels, 1.0)))
        elif kind == "pair":
            steps.append(("pair",))
            channels *= 2
        elif kind == "add":
            steps.append(("add", names[layer["from"]]))
        elif kind == "attention_pool":
            heads = layer.get("heads", 8)
            steps.append((kind, weights.take(channels * heads, 0.1).reshape(channels, heads),
                          weights.take(height * width * heads, 0.1).reshape(height * width, heads)))
            channels, height, width = channels * heads, 1, 1
        elif kind in ("max_pool", "mean_pool"):
            size = sides(layer.get("size", 2))
            stride = sides(layer.get("stride", size))
            padding, ceil = sides(layer.get("padding", 0)), layer.get("ceil", False)
            steps.append((kind, size, stride, padding, ceil, layer.get("count_padding", False)))
            height = window(height, stride[0], 2 * padding[0], size[0], ceil)
            width = window(width, stride[1], 2 * padding[1], size[1], ceil)
        elif kind == "adaptive_mean_pool":
            steps.append((kind, sides(layer["size"])))
            height, width = sides(layer["size"])
        elif kind == "global_max":
            steps.append((kind,))
            height = width = 1
        elif kind == "leaky_relu":
            steps.append((kind, layer.get("slope", 0.01)))
        elif kind == "hard_sigmoid":
            steps.append((kind, layer.get("slope", 1 / 6), layer.get("offset", 0.5)))
        elif kind == "local_response_norm":
            steps.append((kind, layer["size"], layer["alpha"], layer["beta"], layer["constant"]))
        else:
            steps.append((kind,))
        if "name" in layer:
            names[layer["name"]] = len(steps) - 1
    return steps, channels * height * width


def flat(x):
    return x.permute(0, 2, 3, 1).flatten(1)


def run(steps, x):
    outputs = []
    for step in steps:
        kind = step[0]
        if kind == "conv":
            top, left, bottom, right = step[4]
            x = functional.pad(x, (left, right, top, bottom))
            x = functional.conv2d(x, step[1], step[2], stride=step[3], dilation=step[5], groups=step[6])
        elif kind == "dense":
            x = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1) @ step[1]
            x = (x if step[2] is None else x + step[2])[:, :, None, None]
        elif kind == "batch_norm":
            x = functional.batch_norm(x, step[4], step[5], step[1], step[2], False, 0.1, 1e-5)
        elif kind == "max_pool":
            x = functional.max_pool2d(x, step[1], step[2], step[3], ceil_mode=step[4])
        elif kind == "mean_pool":
            x = functional.avg_pool2d(x, step[1], step[2], step[3], step[4], step[5])
        elif kind == "adaptive_mean_pool":
            x = functional.adaptive_avg_pool2d(x, step[1])
        elif kind == "global_max":
            x = functional.adaptive_max_pool2d(x, 1)
        elif kind == "instance_norm":
            x = functional.instance_norm(x, weight=step[1], bias=step[2])
        elif kind == "hard_swish":
            x = functional.hardswish(x)
        elif kind == "clip":
            x = functional.relu6(x)
        elif kind == "leaky_relu":
            x = functional.leaky_relu(x, step[1])
        elif kind == "hard_sigmoid":
            x = torch.clamp(x * step[1] + step[2], 0, 1)
        elif kind == "elu":
            x = functional.elu(x)
        elif kind == "selu":
            x = functional.selu(x)
        elif kind == "tanh":
            x = torch.tanh(x)
        elif kind == "relu":
            x = functional.relu(x)
        elif kind == "prelu":
            x = functional.prelu(x, step[1])
        elif kind == "sigmoid":
            x = torch.sigmoid(x)
        elif kind == "local_response_norm":
            x = functional.local_response_norm(x, *step[1:])
        elif kind == "l2_norm":
            x = functional.normalize(x.flatten(1))[:, :, None, None]
        elif kind == "add":
            x = x + outputs[step[1]]
        elif kind == "attention_pool":
            rows = x.permute(0, 2, 3, 1).flatten(1, 2)
            attention = torch.softmax(rows @ step[1] + step[2], dim=1)
            x = torch.einsum("nph,npc->nhc", attention, rows).flatten(1)[:, :, None, None]
        elif kind == "weights":
            x = x * functional.softplus(step[1])[None, :, None, None]
        elif kind != "dropout":
            raise SystemExit("unknown layer " + kind)
        outputs.append(x)
    return x


def forward(steps, x):
    return forward_pairs(steps, x) if ("pair",) in steps else flat(run(steps, x))


def forward_pairs(steps, x):
    """Of the pairs (0, 1) and (1, 0): what goes into the last layer, then its output."""
    pair = steps.index(("pair",))
    y = run(steps[:pair], x)
    stacked = torch.cat([y, y.flip(0)], dim=1)
    hidden = run(steps[pair + 1:-1], stacked)
    return torch.cat([flat(hidden), flat(run(steps[-1:], hidden))], dim=1)


def compute(path):
    definition = json.load(open(path))
    source = definition["input"]
    if source["kind"] == "pen":
        shape = (len(source["features"]), 1, source["length"])
    else:
        shape = ((3 if source.get("colour", "grey") != "grey" else 1) + (2 if source.get("flow") else 0), source["height"], source["width"])
    weights = Weights()
    steps, values = prepare(definition["layers"], shape, weights)
    join = definition.get("join")
    if join == "weighted_l1":
        steps.append(("weights", weights.take(values, 1.0)))
    loss = definition["loss"]["type"] == "cross_entropy" and join is not None
    weights.offset += (1 if join == "weighted_l1" else 2) if loss else 0
    parameters = weights.offset
    for step in weights.norms:
        step += [weights.take(step[3], 0.3), weights.take(step[3], 0.5, 1.0)]

    count = shape[0] * shape[1] * shape[2]
    x = hash_numbers(0, SAMPLES * count, 2).astype(numpy.float32) * 0.5 + 0.5
    x = torch.tensor(x).reshape(SAMPLES, shape[1], shape[2], shape[0]).permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        return forward(steps, x).double().numpy(), parameters


def main():
    torch.set_num_threads(1)
    print("/*\n * forward.h: made by make_forward.py with PyTorch %s.\n */" % torch.__version__)
    print("typedef struct ForwardNumbers\n{\n\tconst char *name;\n\tsize_t\t\tparameters;\n"
          "\tdouble\t\tfirst[%d];\t\t/* of the first sample's embedding; of a head, hidden values and output of a pair */\n"
          "\tdouble\t\tlength[%d];\t\t/* of each sample's embedding */\n"
          "\tdouble\t\tchecksum[%d];\t/* product with hash numbers of seed 3 */\n} ForwardNumbers;\n"
          % (FIRST, SAMPLES, SAMPLES))
    print("static const ForwardNumbers forward_numbers[] = {")
    for path in sorted(sys.argv[1:], key=os.path.basename):
        y, parameters = compute(path)
        factors = hash_numbers(0, y.shape[1], 3)
        row = lambda numbers: "{" + ", ".join("%.8g" % number for number in numbers) + "}"
        print('\t{"%s", %d,\n\t\t%s,\n\t\t%s,\n\t\t%s},' % (
            os.path.basename(path)[:-5], parameters, row(y[0, :FIRST]),
            row((y * y).sum(1) ** 0.5), row(y @ factors)))
    print("};")


main()
