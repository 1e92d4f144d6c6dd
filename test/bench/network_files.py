#!/usr/bin/python3
"""Networks with made-up weights, as PyTorch's exporter writes them, for siamese.import_onnx() and ONNX Runtime.

    network_files.py osnet FILE [WIDTH]             Zhou, Yang, Cavallaro, Xiang 2019, Omni-scale feature learning, section 3; 256 x 128
    network_files.py osnet_ibn FILE [WIDTH]         the same with instance norms in the stem and at the end of blocks
    network_files.py mobilefacenet FILE [WIDTH]     Chen, Liu, Gao, Han 2018, MobileFaceNets, table 1; 112 x 112; ends in length 1
    network_files.py iresnet100 FILE [WIDTH]        Deng, Guo, Xue, Zafeiriou 2019, ArcFace, section 3.1: 49 blocks; 112 x 112

WIDTH is a factor of all channels, 1 if it is left out.
"""
import sys

import torch
from torch import nn


class Light(nn.Sequential):
    """1 x 1 without an activation, then 3 x 3 of each channel by itself."""

    def __init__(self, inputs, maps):
        super().__init__(nn.Conv2d(inputs, maps, 1, bias=False), nn.Conv2d(maps, maps, 3, padding=1, groups=maps, bias=False),
                         nn.BatchNorm2d(maps), nn.ReLU())


class Gate(nn.Module):
    """One weight for each channel, from the channels' means; all branches of a block share it."""

    def __init__(self, maps):
        super().__init__()
        inner = max(maps // 16, 1)
        self.weigh = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(maps, inner, 1), nn.ReLU(), nn.Conv2d(inner, maps, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.weigh(x)


class OmniScale(nn.Module):
    def __init__(self, inputs, maps, instance):
        super().__init__()
        inner = maps // 4
        self.enter = nn.Sequential(nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU())
        self.branch = nn.ModuleList(nn.Sequential(*(Light(inner, inner) for _ in range(depth))) for depth in (1, 2, 3, 4))
        self.gate = Gate(inner)
        self.leave = nn.Sequential(nn.Conv2d(inner, maps, 1, bias=False), nn.BatchNorm2d(maps))
        self.short = nn.Identity() if inputs == maps else nn.Sequential(nn.Conv2d(inputs, maps, 1, bias=False), nn.BatchNorm2d(maps))
        self.last = nn.InstanceNorm2d(maps, affine=True) if instance else nn.Identity()

    def forward(self, x):
        y = self.enter(x)
        return torch.relu(self.last(self.leave(sum(self.gate(branch(y)) for branch in self.branch)) + self.short(x)))


def osnet(width, instance=False):
    stem, *maps = [max(int(c * width) // 16 * 16, 16) for c in (64, 256, 384, 512)]
    layers = [nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.InstanceNorm2d(stem, affine=True) if instance else nn.BatchNorm2d(stem),
              nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = stem
    for i, c in enumerate(maps):
        layers += [OmniScale(inputs, c, instance and i < 2), OmniScale(c, c, instance and i < 2)]
        if i < 2:
            layers += [nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU(), nn.AvgPool2d(2, 2)]
        inputs = c
    return nn.Sequential(*layers, nn.Conv2d(inputs, inputs, 1, bias=False), nn.BatchNorm2d(inputs), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(inputs, inputs), nn.BatchNorm1d(inputs), nn.ReLU()), (256, 128)


def unit(inputs, maps, kernel=1, stride=1, groups=1, linear=False):
    parts = [nn.Conv2d(inputs, maps, kernel, stride, kernel // 2 if kernel < 7 else 0, groups=groups, bias=False), nn.BatchNorm2d(maps)]
    return nn.Sequential(*parts, *([] if linear else [nn.PReLU(maps)]))


class Inverted(nn.Module):
    def __init__(self, inputs, maps, stride, factor):
        super().__init__()
        self.short = stride == 1 and inputs == maps
        self.body = nn.Sequential(unit(inputs, inputs * factor), unit(inputs * factor, inputs * factor, 3, stride, inputs * factor),
                                  unit(inputs * factor, maps, linear=True))

    def forward(self, x):
        return x + self.body(x) if self.short else self.body(x)


class Length(nn.Module):
    def forward(self, x):
        return nn.functional.normalize(x)


def mobilefacenet(width):
    c64, c128, c512 = (max(int(c * width), 8) for c in (64, 128, 512))
    layers = [unit(3, c64, 3, 2), unit(c64, c64, 3, 1, c64)]
    inputs = c64
    for factor, c, count, stride in ((2, c64, 5, 2), (4, c128, 1, 2), (2, c128, 6, 1), (4, c128, 1, 2), (2, c128, 2, 1)):
        for i in range(count):
            layers.append(Inverted(inputs, c, stride if i == 0 else 1, factor))
            inputs = c
    return nn.Sequential(*layers, unit(inputs, c512), unit(c512, c512, 7, 1, c512, linear=True), unit(c512, c128, linear=True),
                         nn.Flatten(), Length()), (112, 112)


class Improved(nn.Module):
    def __init__(self, inputs, maps, stride):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(inputs), nn.Conv2d(inputs, maps, 3, 1, 1, bias=False), nn.BatchNorm2d(maps), nn.PReLU(maps),
                                  nn.Conv2d(maps, maps, 3, stride, 1, bias=False), nn.BatchNorm2d(maps))
        self.short = nn.Identity() if stride == 1 and inputs == maps else nn.Sequential(
            nn.Conv2d(inputs, maps, 1, stride, bias=False), nn.BatchNorm2d(maps))

    def forward(self, x):
        return self.body(x) + self.short(x)


def iresnet100(width):
    maps = [max(int(c * width), 1) for c in (64, 64, 128, 256, 512)]
    layers = [nn.Conv2d(3, maps[0], 3, 1, 1, bias=False), nn.BatchNorm2d(maps[0]), nn.PReLU(maps[0])]
    inputs = maps[0]
    for c, count in zip(maps[1:], (3, 13, 30, 3)):
        for i in range(count):
            layers.append(Improved(inputs, c, 2 if i == 0 else 1))
            inputs = c
    return nn.Sequential(*layers, nn.BatchNorm2d(inputs), nn.Dropout(0.4), nn.Flatten(), nn.Linear(inputs * 49, maps[4]),
                         nn.BatchNorm1d(maps[4])), (112, 112)


def main():
    name, path = sys.argv[1:3]
    width = float(sys.argv[3]) if len(sys.argv) > 3 else 1
    torch.manual_seed(1)
    made = {"osnet": osnet, "osnet_ibn": lambda width: osnet(width, True), "mobilefacenet": mobilefacenet, "iresnet100": iresnet100}[name]
    network, size = made(width)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d, nn.InstanceNorm2d)):
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.uniform_(module.bias, -0.3, 0.3)
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    network.eval()
    torch.onnx.export(network, torch.zeros(1, 3, *size), path, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, opset_version=13)


main()
