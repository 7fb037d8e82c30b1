"""The audit's pipeline in PyTorch: the same stages on the same files with the parameters of a Coresift run.

usage: python3 torch_audit.py PLAN.json      (written by audit.ts; prints one JSON line)

What it does of the method: probe; features at taps; sifting and the first pool; the two nets that check each other's
half; unlearning; recovering; filtering; warm-up, loss-guided and meta-guided growth, final fit; what the final model
says of every sample, and the scan for patches. Left out: second opinions, the estimate of the trigger, the journal,
reports, export and its check.
"""
import json
import math
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from torch_parts import (
    Classifier,
    Encoder,
    Trainer,
    encoder_of,
    forward,
    fresh,
    head_of,
    larger_group,
    losses,
    nearest,
    projected,
    read_idx,
    read_safetensors,
    tap_vectors,
)

started = time.perf_counter()
with open(sys.argv[1]) as file:
    plan = json.load(file)
p, layout = plan["parameters"], plan["layout"]
torch.set_num_threads(plan["threads"])
torch.set_flush_denormal(True)
torch.manual_seed(plan["seed"])
stages, trained = {}, {}
lap_from = started


def lap(stage, images=0):
    global lap_from
    now = time.perf_counter()
    stages[stage] = stages.get(stage, 0) + now - lap_from
    trained[stage] = trained.get(stage, 0) + images
    lap_from = now


def cosine(peak, epoch, epochs):
    return lambda step, steps: 0.5 * peak * (1 + math.cos(math.pi * (epoch + step / steps) / epochs))


def copy_of(encoder):
    widths = [encoder.conv.out_channels] + [stage.conv1.out_channels for stage in encoder.stages]
    twin = Encoder(widths, [stage.conv1.stride[0] for stage in encoder.stages])
    twin.load_state_dict(encoder.state_dict())
    return twin.to(memory_format=torch.channels_last) if layout == "channels_last" else twin


def fit_head(rows, labels, hidden, epochs, batch, rate):
    head = head_of(rows.shape[1], hidden, classes)
    trainer = Trainer(head, (rows, labels), batch, torch.optim.Adam(head.parameters(), rate), "plain")
    everything = torch.arange(len(rows))
    for epoch in range(epochs):
        trainer.epoch(everything, cosine(rate, epoch, epochs))
    return head, trainer.trained


def spread_out(rows, least):
    """Rows that hardly differ moved to mean 0 and spread out, and how."""
    centre = rows.mean(0)
    spread = (rows - centre).pow(2).sum(1).mean().sqrt().item()
    scale = least / spread if spread < least else 1.0
    return ((rows - centre) * scale, centre, scale) if scale != 1 else (rows, torch.zeros_like(centre), 1.0)


def undo_spread(head, centre, scale):
    with torch.no_grad():
        head[0].weight.mul_(scale)
        head[0].bias.sub_(head[0].weight @ centre)


images, labels = read_idx(plan["images"]), read_idx(plan["labels"]).long()
n, classes = len(images), plan["classes"]
data = (images, labels)
untrusted = encoder_of(read_safetensors(plan["encoder"]))
if layout == "channels_last":
    untrusted = untrusted.to(memory_format=torch.channels_last)
dim = untrusted.stages[-1].conv1.out_channels
everyone = torch.arange(n)
by_class = [(labels == c).nonzero().flatten() for c in range(classes)]
typical = torch.tensor([float(len(own)) for own in by_class if len(own) > 0]).quantile(0.5).item()
augment = (p["augment.shift"], p["augment.flip"])
lap("read")

# Probe: the encoder frozen, a head on its answers to every sample.
rows = F.normalize(forward(untrusted, images, layout), dim=1)
rows, centre, scale = spread_out(rows, 0.5)
epochs = math.ceil(p["probe.epochs"] * min(4, max(1, 6000 / n)))
probe_head, seen = fit_head(rows, labels, p["probe.hidden"], epochs, p["probe.batch"], p["probe.learningRate"])
undo_spread(probe_head, centre, scale)
undefended = Classifier(untrusted, probe_head, normalised=True)
probe_loss, probe_logits = losses(undefended, images, labels, layout)
lap("probe", seen)

# Sifting: own-class shares among neighbours, and the majority of each class, tap by tap.
taps = tap_vectors(untrusted, images, layout)
k = max(1, min(p["sift.k"], math.ceil(0.05 * min(len(own) for own in by_class)), n - 1))
sizes = torch.tensor([len(own) for own in by_class]).float()
consistency, majority, central, company = [], [], [], []
for rows in taps:
    around = labels[nearest(rows, k)]
    weights = 1 / sizes[around]
    consistency.append((weights * (around == labels[:, None])).sum(1) / weights.sum(1))
    larger, middle = torch.zeros(n), torch.zeros(n)
    peers = torch.zeros(n, p["grow.company"], dtype=torch.long)
    for own in by_class:
        mine = rows[own]
        larger[own] = larger_group(projected(mine, 10)).float()
        distance = (mine - mine.quantile(0.5, 0)).pow(2).sum(1)
        middle[own] = (distance <= distance.quantile(0.5)).float()
        peers[own] = own[nearest(mine, p["grow.company"])]
    majority.append(larger)
    central.append(middle)
    company.append(peers)
    projected(rows, 2)
used = [t for t in range(len(taps)) if consistency[t].mean() > 1 / classes + p["sift.chanceMargin"]]
late = used[-p["sift.lastTaps"] :] if p["sift.lastTaps"] > 0 else used
likeness = torch.zeros(n)
for t in used:
    middle = torch.zeros(n)
    for own in by_class:
        middle[own] = consistency[t][own].quantile(0.5)
    likeness += (1 - (consistency[t] - middle).abs()) / len(used)
score = torch.stack([majority[t] for t in used]).mean(0) * torch.stack([central[t] for t in used]).mean(0) * likeness
gate = torch.stack([consistency[t] for t in late]).min(0).values > 0
pool, guard = [], []
for own in by_class:
    best = own[gate[own]]
    best = best[score[best].argsort(descending=True)]
    take = min(len(own) // 2, max(p["sift.minimum"], math.ceil(p["expand.share"] * min(len(own), typical))))
    pool.append(best[:take])
    guard.append(best[take : take + math.ceil(p["guard.share"] * take)])
pool, guard = torch.cat(pool), torch.cat(guard)
company = [company[t] for t in late]
lap("sift")

# Two nets made anew, each trained on one half of the pool and asked about the other.
halves = [torch.cat([pool[labels[pool] == c][side::2] for c in range(classes)]) for side in (0, 1)]
seen = 0
for half, other in (halves, halves[::-1]):
    net = Classifier(fresh(copy_of(untrusted)), head_of(dim, 0, classes))
    rate = p["distil.learningRate"]
    trainer = Trainer(net, data, 16, torch.optim.Adam(net.parameters(), rate), layout)
    for epoch in range(p["crossfit.epochs"]):
        trainer.epoch(half, cosine(rate, epoch, p["crossfit.epochs"]), augment)
    losses(net, images[other], labels[other], layout)
    seen += trainer.trained
lap("expand/cross-fit", seen)

# Unlearning: the loss on the pool is climbed.
rows = forward(untrusted, images[pool], layout)
rows, centre, scale = spread_out(rows, 0.5 * math.sqrt(dim))
pool_head, seen = fit_head(rows, labels[pool], p["probe.hidden"], 100, 64, 1e-3)
undo_spread(pool_head, centre, scale)
forgotten = Classifier(copy_of(untrusted), pool_head)
pool_head.requires_grad_(False)
batch = max(16, min(128, len(pool) // 4))
unlearned = list(forgotten.encoder.parameters())
if p["unlearn.layers"] == "last":
    late = forgotten.encoder.layers()
    late = late[2 * len(late) // 3 :]
    unlearned = [value for conv, norm in late for value in (conv.weight, norm.weight, norm.bias)]
optimiser = torch.optim.SGD(
    unlearned, p["unlearn.learningRate"], p["unlearn.momentum"], weight_decay=p["unlearn.decay"]
)
trainer = Trainer(forgotten, data, batch, optimiser, layout)
goal, reached = max(p["unlearn.stopAccuracy"], 1.5 / classes), [1.0]


def enough(accuracy):
    reached[0] = accuracy
    return accuracy <= goal


for epoch in range(p["unlearn.epochs"]):
    rate = lambda step, steps: p["unlearn.learningRate"]  # noqa: E731
    trainer.epoch(pool, rate, ascend=True, clip=p["unlearn.clipNorm"], enough=enough)
    if reached[0] <= goal:
        break
lap("unlearn", seen + trainer.trained)

# Recovering: a mask per channel brings the clean function back.
masked = forgotten
masked.requires_grad_(False)
layers = masked.encoder.layers()
least = 2**-10
masked.encoder.masks = [nn.Parameter(torch.full((conv.out_channels,), 1 - least)) for conv, _ in layers]
optimiser = torch.optim.SGD(masked.encoder.masks, p["recover.learningRate"], p["recover.momentum"])
trainer = Trainer(masked, data, max(32, batch), optimiser, layout)
for epoch in range(p["recover.epochs"]):
    rate = lambda step, steps: p["recover.learningRate"]  # noqa: E731
    trainer.epoch(pool, rate, weight=p["recover.lossWeight"], clamp=(least, 1))
masks = [mask.detach() for mask in masked.encoder.masks]
lap("recover", trainer.trained)

# Filtering: of each layer the channels with the largest masks are kept, ties to the smaller Lipschitz constant.
trusted = []
for (conv, norm), mask in zip(untrusted.layers(), masks):
    gain = norm.weight.detach().abs() / (norm.running_var + 1e-5).sqrt()
    lipschitz = torch.linalg.svdvals(conv.weight.detach().flatten(2))[:, 0] * gain
    order = sorted(range(len(mask)), key=lambda c: (-mask[c].item(), lipschitz[c].item(), c))
    keep = torch.zeros(len(mask), dtype=torch.bool)
    keep[order[: math.ceil(p["filter.keep"] * len(mask))]] = True
    trusted.append(keep)
lap("filter")

# Bootstrapping: the other channels and a head are trained on a growing pool.
encoder = copy_of(untrusted)
renewed = fresh(copy_of(untrusted))
only = []
with torch.no_grad():
    for (conv, norm), (new_conv, new_norm), keep in zip(encoder.layers(), renewed.layers(), trusted):
        conv.weight[~keep] = new_conv.weight[~keep]
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name)[~keep] = getattr(new_norm, name)[~keep]
        open_ = (~keep).float()
        only += [(conv.weight, open_.reshape(-1, 1, 1, 1)), (norm.weight, open_), (norm.bias, open_)]
model = Classifier(encoder, head_of(dim, p["head.hidden"], classes))
peak = p["train.learningRate"]
optimiser = torch.optim.Adam(model.parameters(), peak, weight_decay=p["train.decay"])
trainer = Trainer(model, data, p["warmup.batch"], optimiser, layout, only)


def refusal(loss):
    refused = 1 - torch.exp(-loss)
    return torch.stack([refused[peers].mean(1) for peers in company]).mean(0)


def ranks(values):
    found = torch.zeros(n)
    for own in by_class:
        found[own[values[own].argsort()]] = torch.arange(len(own)).float()
    return found


def grown(guide, loss, share):
    key = torch.maximum(ranks(guide), ranks(refusal(loss)))
    closed = torch.zeros(n, dtype=torch.bool)
    closed[pool] = closed[guard] = True
    members = [pool]
    for own in by_class:
        room = math.floor(share * min(len(own), p["grow.quotaCap"] * typical)) - int((labels[pool] == labels[own[0]]).sum())
        free = own[~closed[own]]
        members.append(free[key[free].argsort()][: max(0, room)])
    return torch.cat(members)


def shares(name):
    return [float(part) for part in p[name].split(",") if part and float(part) <= p["grow.cap"] + 1e-9]


epochs = p["warmup.epochs"]
for epoch in range(epochs):
    trainer.epoch(pool, lambda step, steps: peak * (1 - 0.7 * (epoch + step / steps) / epochs), augment)
losses(model, images[guard], labels[guard], layout)
lap("warm-up", trainer.trained)
trainer.batch = p["train.batch"]
current = pool
for kind in ("loss", "meta"):
    for share in shares(f"grow.{kind}"):
        trainer.trained = 0
        loss, _ = losses(model, images, labels, layout)
        guide = loss
        if kind == "meta":
            kept = [{k: v.clone() for k, v in model.state_dict().items()}, optimiser.state_dict()]
            kept[1]["state"] = {k: {a: b.clone() for a, b in v.items()} for k, v in kept[1]["state"].items()}
            trainer.epoch(everyone, lambda step, steps: peak, augment)
            guide = loss - losses(model, images, labels, layout)[0]
            model.load_state_dict(kept[0])
            optimiser.load_state_dict(kept[1])
        current = grown(guide, loss, share)
        for epoch in range(p["grow.epochs"]):
            trainer.epoch(current, lambda step, steps: peak * p["train.growRate"], augment)
        losses(model, images[guard], labels[guard], layout)
        lap(f"grow/{kind}/{share:g}", trainer.trained)
trainer.trained = 0
for epoch in range(p["final.epochs"]):
    trainer.epoch(current, cosine(peak, epoch, p["final.epochs"]), augment)
losses(model, images[guard], labels[guard], layout)
lap("final", trainer.trained)

# Evidence: the final model's word on every sample, and the encoder's answers to stamped images.
losses(model, images, labels, layout)


def flips(net, chosen, patch):
    stamped = images[chosen].clone()
    row, column, size, value = patch
    stamped[:, :, row : row + size, column : column + size] = value
    before, after = (forward(net, x, layout).argmax(1) for x in (images[chosen], stamped))
    return (before != after).float().mean().item()


def even(list_, most):
    wanted = min(len(list_), most)
    return list_[torch.arange(wanted) * len(list_) // wanted]


chosen = even(pool.sort().values, p["scan.images"])
height, width = images.shape[2:]
size, stride = max(2, round(8 / 28 * min(height, width))), max(1, round(2 / 28 * min(height, width)))
starts = lambda length: [*range(0, length - size, stride), length - size]  # noqa: E731
best = (-math.inf, None)
for row in starts(height):
    for column in starts(width):
        for value in (0, 255):
            stamped = images[chosen].clone()
            stamped[:, :, row : row + size, column : column + size] = value
            z = F.normalize(forward(untrusted, stamped, layout), dim=1)
            m = len(z)
            collapse = ((z.sum(0).pow(2).sum() - m) / (m * (m - 1))).item()
            best = max(best, (collapse, (row, column, size, value)), key=lambda found: found[0])
flips(undefended, even(pool, 640), best[1])
flips(model, even(pool, 640), best[1])
lap("evidence")
seconds = time.perf_counter() - started
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

# What came of it, on images that had no part in it; outside the time.
test, truth = read_idx(plan["test"]["images"]), read_idx(plan["test"]["labels"]).long()
triggered = read_idx(plan["test"]["triggered"])
others = truth != plan["test"]["target"]
poisoned = set(plan["poisoned"])


def rates(net):
    clean, attacked = (forward(net, x, layout).argmax(1) for x in (test, triggered))
    share = lambda hits: 100 * hits.float().mean().item()  # noqa: E731
    target = plan["test"]["target"]
    return [share(clean == truth), share(attacked[others] == target), share(clean[others] == target)]


print(
    json.dumps(
        {
            "torch": torch.__version__,
            "seconds": seconds,
            "stages": stages,
            "trained": trained,
            "peakMB": peak_mb,
            "undefended": rates(undefended),
            "sanitized": rates(model),
            "pool": [len(pool), sum(int(i) in poisoned for i in pool)],
            "final": [len(current), sum(int(i) in poisoned for i in current)],
        }
    )
)
