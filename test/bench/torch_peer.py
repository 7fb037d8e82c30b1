"""The tasks of the engine benchmark in PyTorch; protocol in engine.ts."""
import json
import os
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Residual(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.beside = None
        if stride != 1 or before != after:
            self.beside = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        deep = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(deep + (x if self.beside is None else self.beside(x)))


class SmallImageNet(nn.Module):
    def __init__(self, widths, repeats):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
        blocks, before = [], widths[0]
        for stage, (width, count) in enumerate(zip(widths, repeats)):
            for block in range(count):
                blocks.append(Residual(before, width, 2 if stage > 0 and block == 0 else 1))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class VitBlock(nn.Module):
    def __init__(self, width=192, heads=3):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        seen = (q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5).softmax(-1) @ v
        x = x + self.out(seen.transpose(1, 2).reshape(n, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def net_of(name):
    if name == "resnet8":
        return SmallImageNet([16, 32, 64], [1, 1, 1]), 32
    if name == "resnet18":
        return SmallImageNet([64, 128, 256, 512], [2, 2, 2, 2]), 32
    import torchvision

    made = {"resnet50": torchvision.models.resnet50, "mobilenetv2": torchvision.models.mobilenet_v2}[name]
    return made(num_classes=10), 224


def forward(name, batch):
    return in_faster_layout(lambda layout: forward_in(name, batch, layout))


def train(name, batch, half):
    return in_faster_layout(lambda layout: train_in(name, batch, half, layout))


def in_faster_layout(make):
    """The step in the memory layout that is faster here, found in a process of its own: what it took does not count."""
    layouts = (torch.contiguous_format, torch.channels_last)
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        times = []
        for layout in layouts:
            step = make(layout)
            step()
            begun = time.perf_counter()
            step()
            step()
            times.append(time.perf_counter() - begun)
        os.write(tell, bytes([times.index(min(times))]))
        os._exit(0)
    chosen = os.read(told, 1)[0]
    os.waitpid(child, 0)
    return make(layouts[chosen])


def forward_in(name, batch, layout):
    net, size = net_of(name)
    net = net.eval().to(memory_format=layout)
    x = torch.randn(batch, 3, size, size).to(memory_format=layout)

    def step():
        with torch.no_grad():
            net(x)

    return step


def train_in(name, batch, half, layout):
    net, size = net_of(name)
    net = net.train().to(memory_format=layout)
    optimiser = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    x, y = torch.randn(batch, 3, size, size).to(memory_format=layout), torch.arange(batch) % 10
    masks = []
    if half:
        for label, parameter in net.named_parameters():
            if not label.startswith("head"):
                mask = (torch.arange(len(parameter)) % 2).float().reshape(-1, *[1] * (parameter.dim() - 1))
                masks.append((parameter, mask))

    def step():
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        for parameter, mask in masks:
            parameter.grad.mul_(mask)
        optimiser.step()
        return loss.item()

    return step


def vit(batch, width):
    net = VitBlock(width, width // 64)
    x = torch.randn(batch, 197, width, requires_grad=True)

    def step():
        net.zero_grad()
        x.grad = None
        (net(x) ** 2).mean().backward()

    return step


def knn(count, widths):
    taps = [torch.randn(count, width) for width in widths]

    def step():
        for x in taps:
            norms = (x * x).sum(1)
            for start in range(0, count, 1000):
                part = x[start : start + 1000]
                scores = torch.addmm(norms, part, x.T, alpha=-2)
                scores[torch.arange(len(part)), torch.arange(start, start + len(part))] = float("inf")
                scores.topk(50, 1, largest=False)

    return step


task, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
torch.manual_seed(0)
what, subject, size = (task + "::").split(":")[:3]
step = {
    "forward": lambda: forward(subject, int(size)),
    "train": lambda: train(subject, int(size), False),
    "train-half": lambda: train(subject, int(size), True),
    "vit": lambda: vit(int(size), int(subject)),
    "knn": lambda: knn(int(size), [int(width) for width in subject.split("+")]),
}[what]()
print(json.dumps({"ready": True, "what": "PyTorch " + torch.__version__}), flush=True)
for line in sys.stdin:
    if line.strip() == "end":
        break
    least, seconds = map(float, line.split())
    wall, cpu, start = [], [], time.perf_counter()
    while len(wall) < least or time.perf_counter() - start < seconds:
        begun, used = time.perf_counter(), time.process_time()
        step()
        wall.append((time.perf_counter() - begun) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak}), flush=True)
