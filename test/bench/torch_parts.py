"""Parts of the PyTorch audit (torch_audit.py): reading files, the sample's net, training, neighbours, majority groups."""
import gzip
import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

EVALUATION_BATCH = 500


def read_idx(path):
    """Images [n, 1, h, w] or labels [n] of an IDX file, packed or not, as bytes."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    axes = data[3]
    dims = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
    values = torch.frombuffer(bytearray(data[4 + 4 * axes :]), dtype=torch.uint8).reshape(dims)
    return values.unsqueeze(1) if axes == 3 else values


def read_safetensors(path):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = (8 + length + at for at in entry["data_offsets"])
        values = torch.frombuffer(data[start:end], dtype=torch.float32) if end > start else torch.zeros(0)
        found[name] = values.reshape(entry["shape"])
    return found


class Stage(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.short = nn.Conv2d(before, after, 1, stride, bias=False)
        self.bns = nn.BatchNorm2d(after)


class Encoder(nn.Module):
    """The architecture of the bundled sample; `masks` (one per convolution) act behind the normalisations."""

    def __init__(self, widths, strides):
        super().__init__()
        self.conv = nn.Conv2d(1, widths[0], 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList(Stage(a, b, s) for a, b, s in zip(widths, widths[1:], strides))
        self.masks = None

    def layers(self):
        """(convolution, normalisation) pairs in the order of `masks`."""
        pairs = [(self.conv, self.bn)]
        for stage in self.stages:
            pairs += [(stage.conv1, stage.bn1), (stage.conv2, stage.bn2), (stage.short, stage.bns)]
        return pairs

    def maps(self, x):
        masks = None if self.masks is None else iter([mask.reshape(1, -1, 1, 1) for mask in self.masks])
        seen = (lambda value: value) if masks is None else (lambda value: value * next(masks))
        x = F.relu(seen(self.bn(self.conv(x))))
        found = [x]
        for stage in self.stages:
            deep = F.relu(seen(stage.bn1(stage.conv1(x))))
            deep = seen(stage.bn2(stage.conv2(deep)))
            x = F.relu(deep + seen(stage.bns(stage.short(x))))
            found.append(x)
        return found

    def forward(self, x):
        return self.maps(x)[-1].mean((2, 3))


def encoder_of(weights):
    widths = [weights["conv.weight"].shape[0]]
    strides = []
    at = 0
    while f"stages.{at}.conv1.weight" in weights:
        widths.append(weights[f"stages.{at}.conv1.weight"].shape[0])
        strides.append(1 if at == 3 else 2)
        at += 1
    net = Encoder(widths, strides)
    state = net.state_dict()
    # Its exporter wrote the shift of the shortcut's normalisation once, for both.
    for name in list(state):
        source = name if name in weights else name.replace(".bns.bias", ".bn2.bias")
        if source in weights:
            state[name] = weights[source]
        elif not name.endswith("num_batches_tracked"):
            raise KeyError(name)
    net.load_state_dict(state)
    return net


def fresh(net):
    """Draws everything anew, in place."""
    for conv, norm in net.layers():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        norm.reset_parameters()
    return net


def head_of(dim, hidden, classes):
    if hidden == 0:
        return nn.Linear(dim, classes)
    return nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, classes))


class Classifier(nn.Module):
    def __init__(self, encoder, head, normalised=False):
        super().__init__()
        self.encoder, self.head, self.normalised = encoder, head, normalised

    def forward(self, x):
        z = self.encoder(x)
        return self.head(F.normalize(z, dim=1) if self.normalised else z)


def as_pixels(images, layout):
    x = images.float().div_(255)
    return x.contiguous(memory_format=torch.channels_last) if layout == "channels_last" else x


def augmented(x, shift, flip):
    """Random shift with zeros from outside, and horizontal flip, image by image."""
    n, _, height, width = x.shape
    wide = F.pad(x, [shift] * 4)
    rows = torch.arange(height) + torch.randint(2 * shift + 1, (n, 1))
    columns = torch.arange(width) + torch.randint(2 * shift + 1, (n, 1))
    if flip:
        columns = torch.where(torch.rand(n, 1) < 0.5, columns, columns.flip(1))
    at = torch.arange(n)
    return wide.permute(0, 2, 3, 1)[at[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


class Trainer:
    """Epochs of one net over an index set. A last batch that is short is filled up from the start of the order."""

    def __init__(self, net, data, batch, optimiser, layout, only=None):
        self.net, self.batch, self.optimiser, self.layout, self.only = net, batch, optimiser, layout, only
        self.images, self.labels = data
        self.trained = 0

    def epoch(self, indices, rate, augment=None, ascend=False, weight=1.0, clip=None, clamp=None, enough=None):
        self.net.train()
        order = indices[torch.randperm(len(indices))]
        steps = max(1, math.ceil(len(order) / self.batch))
        total = 0.0
        for step in range(steps):
            chosen = order[torch.arange(step * self.batch, (step + 1) * self.batch) % len(order)]
            x = self.images[chosen]
            x = as_pixels(x, self.layout) if x.dtype == torch.uint8 else x
            if augment is not None:
                x = augmented(x, *augment)
            for group in self.optimiser.param_groups:
                group["lr"] = rate(step, steps)
            self.optimiser.zero_grad(set_to_none=True)
            logits = self.net(x)
            loss = weight * F.cross_entropy(logits, self.labels[chosen])
            (-loss if ascend else loss).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_([p for p in self.net.parameters() if p.grad is not None], clip)
            for parameter, mask in self.only or []:
                parameter.grad.mul_(mask)
            self.optimiser.step()
            if clamp is not None:
                with torch.no_grad():
                    for group in self.optimiser.param_groups:
                        for parameter in group["params"]:
                            parameter.clamp_(*clamp)
            total += loss.item()
            self.trained += self.batch
            if enough is not None and enough((logits.argmax(1) == self.labels[chosen]).float().mean().item()):
                break
        return total / steps


@torch.no_grad()
def forward(net, images, layout, read=lambda found: found):
    net.eval()
    parts = [
        read(net(as_pixels(images[at : at + EVALUATION_BATCH], layout)))
        for at in range(0, len(images), EVALUATION_BATCH)
    ]
    return torch.cat(parts)


def losses(net, images, labels, layout):
    logits = forward(net, images, layout)
    return F.cross_entropy(logits, labels, reduction="none"), logits


@torch.no_grad()
def tap_vectors(encoder, images, layout):
    """Mean over positions at every tap, [n, channels] each."""
    encoder.eval()
    parts = []
    for at in range(0, len(images), EVALUATION_BATCH):
        maps = encoder.maps(as_pixels(images[at : at + EVALUATION_BATCH], layout))
        parts.append([found.mean((2, 3)) for found in maps])
    return [torch.cat(rows) for rows in zip(*parts)]


def nearest(rows, k, block=1000):
    """The k nearest other rows of each."""
    rows = rows - rows.mean(0)
    norms = (rows * rows).sum(1)
    found = []
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        scores = torch.addmm(norms, part, rows.T, alpha=-2)
        scores[torch.arange(len(part)), torch.arange(start, start + len(part))] = float("inf")
        found.append(scores.topk(k, 1, largest=False).indices)
    return torch.cat(found)


def projected(rows, components):
    """Leading principal components."""
    centred = rows - rows.mean(0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, -components:].flip(1)


def larger_group(rows):
    """Which rows lie in the larger of two groups (Lloyd from six starts), its share, the distance of the groups."""
    best = None
    starts = [rows[:, axis] > 0 for axis in range(min(5, rows.shape[1]))]
    far = torch.zeros(len(rows), dtype=torch.bool)
    far[(rows * rows).sum(1).argmax()] = True
    for ones in starts + [far]:
        inertia = math.inf
        for _ in range(100):
            if ones.all() or not ones.any():
                break
            centres = torch.stack([rows[~ones].mean(0), rows[ones].mean(0)])
            distances = torch.cdist(rows, centres) ** 2
            ones = distances[:, 1] < distances[:, 0]
            now = distances.min(1).values.sum().item()
            if now >= inertia:
                break
            inertia = now
        if best is None or inertia < best[0]:
            best = (inertia, ones)
    ones = best[1]
    return ones if 2 * ones.sum() >= len(ones) else ~ones
