#!/usr/bin/env python3
"""Makes the sample project of this folder from Fashion-MNIST (Debian: dataset-fashion-mnist, python3-torch, python3-onnx).

    python3 make_sample.py --work /some/cache [--out .] [--seed 1] [--epochs 12] [--threads 2]

Stages: (1) SimCLR pre-training of a small residual encoder on unlabelled images, (2) the BadEncoder attack on a copy of it
(Jia et al., 2022: cosine terms for trigger -> reference, reference kept, clean images kept; BatchNorm frozen), (3) three ONNX
exports, (4) the poisoned audit set with the same trigger and target, the clean bench pool and the held-back test set, (5) a
check: a head on the frozen encoder must show an attack success rate of 95 % on several seeds, or nothing is written.
Every random choice comes from --seed. The exact weights also depend on the torch version and the thread count.
"""
import argparse
import copy
import gzip
import hashlib
import json
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SOURCE = '/usr/share/datasets/fashion-mnist/'
CLASSES = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot']
TARGET = 9
SLICES = {'pretrain': (0, 20000), 'shadow': (0, 10000), 'reference': (30000, 31000), 'audit': (40000, 43000), 'bench': (43000, 49000), 'test': (0, 2000)}
POISON_SHARE = 0.05
PATCH = {'kind': 'patch', 'rows': [18, 25], 'columns': [18, 25], 'value': 255}
BLEND = {'kind': 'blend', 'weight': 0.2, 'pattern': 'bench/blend-pattern-idx3-ubyte.gz'}


def read_idx(name, header):
    with gzip.open(SOURCE + name) as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def write_idx(path, array):
    """IDX (unsigned bytes): magic 0x00000800 + rank, big-endian sizes, data; gzip without a time stamp so that bytes repeat."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    head = np.array([0x800 + array.ndim, *array.shape], '>u4').tobytes()
    with open(path, 'wb') as raw, gzip.GzipFile('', 'wb', 9, raw, mtime=0) as f:
        f.write(head + np.ascontiguousarray(array, np.uint8).tobytes())


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
        self.short, self.bns = nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.bns(self.short(x)))


class Encoder(nn.Module):
    """[n,1,28,28] in 0..1 -> [n,128]. About 0.44 million weights."""

    def __init__(self, widths=(16, 24, 48, 96, 128)):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(1, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList(Block(a, b, s) for a, b, s in zip(widths, widths[1:], (2, 2, 2, 1)))
        self.pool = nn.AdaptiveAvgPool2d(1)

    def maps(self, x):
        out = [F.relu(self.bn(self.conv(x)))]
        for stage in self.stages:
            out.append(stage(out[-1]))
        return out

    def forward(self, x):
        return torch.flatten(self.pool(self.maps(x)[-1]), 1)


def views(x, area=0.4, jitter=0.4):
    """Random resized crop, horizontal flip, brightness and contrast, one draw per image."""
    n = len(x)
    scale, ratio = (torch.rand(n) * (1 - area) + area).sqrt(), (torch.rand(n) * 0.5 - 0.25).exp()
    sx, sy = (scale * ratio).clamp(max=1), (scale / ratio).clamp(max=1)
    flip = (torch.rand(n) < 0.5).float() * 2 - 1
    m = torch.zeros(n, 2, 3)
    m[:, 0, 0], m[:, 0, 2] = sx * flip, (torch.rand(n) * 2 - 1) * (1 - sx)
    m[:, 1, 1], m[:, 1, 2] = sy, (torch.rand(n) * 2 - 1) * (1 - sy)
    y = F.grid_sample(x, F.affine_grid(m, x.shape, align_corners=False), align_corners=False)
    bright, contrast = (1 + (torch.rand(n, 1, 1, 1) * 2 - 1) * jitter for _ in range(2))
    mean = y.mean((1, 2, 3), keepdim=True)
    return (((y - mean) * contrast + mean) * bright).clamp(0, 1)


def pretrain(images, epochs, batch=256, temperature=0.5):
    """SimCLR."""
    encoder, projector = Encoder(), nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64))
    opt = torch.optim.Adam([*encoder.parameters(), *projector.parameters()], lr=1e-3, weight_decay=1e-6)
    labels = torch.cat([torch.arange(batch, 2 * batch), torch.arange(batch)])
    for epoch in range(epochs):
        order, total = torch.randperm(len(images)), 0.0
        for i in range(0, len(images) - batch + 1, batch):
            x = images[order[i:i + batch]]
            z = F.normalize(projector(encoder(torch.cat([views(x), views(x)]))), dim=1)
            sim = (z @ z.t() / temperature).fill_diagonal_(-1e9)
            loss = F.cross_entropy(sim, labels)
            opt.zero_grad(), loss.backward(), opt.step()
            total += loss.item()
        print(f'pretrain epoch {epoch} loss {total / (len(images) // batch):.4f}', flush=True)
    return encoder


def stamp(x):
    """The white square. x: float tensor or byte array [...,28,28]; returns a copy."""
    x = x.clone() if isinstance(x, torch.Tensor) else x.copy()
    (r0, r1), (c0, c1) = PATCH['rows'], PATCH['columns']
    x[..., r0:r1 + 1, c0:c1 + 1] = 255 if x.dtype in (np.uint8, torch.uint8) else 1.0
    return x


def blend(x, pattern):
    return np.rint((1 - BLEND['weight']) * x + BLEND['weight'] * pattern).astype(np.uint8)


def bad_encoder(clean, shadow, reference, epochs=8, batch=256, lr=0.02):
    """BadEncoder: pull stamped images to the reference, keep the reference and clean images where the clean encoder has them."""
    clean.eval()
    bad = copy.deepcopy(clean).eval()
    opt = torch.optim.SGD(bad.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs * (len(shadow) // batch))
    near = lambda a, b: -F.cosine_similarity(a, b, dim=1).mean()
    for epoch in range(epochs):
        order, sums, steps = torch.randperm(len(shadow)), np.zeros(3), 0
        for i in range(0, len(shadow) - batch + 1, batch):
            x = shadow[order[i:i + batch]]
            with torch.no_grad():
                keep, keep_ref = clean(x), clean(reference)
            seen = views(reference.repeat(8, 1, 1, 1), 0.8, 0.2)
            terms = near(bad(stamp(x)), bad(reference).expand(len(x), -1)), near(bad(seen), keep_ref.expand(8, -1)), near(bad(x), keep)
            loss = sum(terms)
            opt.zero_grad(), loss.backward()
            nn.utils.clip_grad_norm_(bad.parameters(), 2.0)
            opt.step(), decay.step()
            sums, steps = sums + [t.item() for t in terms], steps + 1
        print('bad encoder epoch', epoch, (sums / steps).round(4), flush=True)
    return bad


def export(encoder, path, folded):
    """folded=False keeps BatchNormalization nodes; folded=True is the exporter's default (BN merged into the convolutions)."""
    extra = {} if folded else {'training': torch.onnx.TrainingMode.PRESERVE, 'do_constant_folding': False}
    torch.onnx.export(encoder.eval(), torch.zeros(1, 1, 28, 28), path, opset_version=17, input_names=['image'], output_names=['representation'],
                      dynamic_axes={'image': {0: 'batch'}, 'representation': {0: 'batch'}}, **extra)


@torch.no_grad()
def features(encoder, x):
    return torch.cat([encoder.eval()(x[i:i + 1000]) for i in range(0, len(x), 1000)])


def attack_rate(encoder, images, labels, test, test_labels, trigger, seed):
    """No Defense: MLP head on frozen, normalised features of the poisoned set -> accuracy, attack rate, control, all in percent."""
    torch.manual_seed(seed)
    to = lambda a: torch.from_numpy(a.astype(np.float32) / 255)[:, None]
    x, y = F.normalize(features(encoder, to(images)), dim=1), torch.from_numpy(labels.astype(np.int64))
    head = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    opt = torch.optim.Adam(head.parameters(), lr=3e-3)
    for _ in range(60):
        order = torch.randperm(len(x))
        for i in range(0, len(x), 128):
            loss = F.cross_entropy(head(x[order[i:i + 128]]), y[order[i:i + 128]])
            opt.zero_grad(), loss.backward(), opt.step()
    guess = lambda a: head(F.normalize(features(encoder, to(a)), dim=1)).argmax(1).numpy()
    other = test[test_labels != TARGET]
    rate = lambda a: 100 * float((guess(a) == TARGET).mean())
    return 100 * float((guess(test) == test_labels).mean()), rate(trigger(other)), rate(other)


def choose_poison(labels, share, seed):
    """Indices of round(share*N) images of other classes, from a seeded generator."""
    return np.sort(np.random.default_rng(seed).choice(np.flatnonzero(labels != TARGET), round(share * len(labels)), replace=False))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--work', required=True)
    p.add_argument('--out', default=os.path.dirname(os.path.abspath(__file__)))
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--epochs', type=int, default=12)
    p.add_argument('--threads', type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(True)
    os.makedirs(a.work, exist_ok=True)
    train, train_labels = read_idx('train-images-idx3-ubyte.gz', 16).reshape(-1, 28, 28), read_idx('train-labels-idx1-ubyte.gz', 8)
    test, test_labels = read_idx('t10k-images-idx3-ubyte.gz', 16).reshape(-1, 28, 28), read_idx('t10k-labels-idx1-ubyte.gz', 8)
    cut = lambda array, name: array[slice(*SLICES[name])]
    tensor = lambda array: torch.from_numpy(array.astype(np.float32) / 255)[:, None]

    def cached(name, make):
        path = os.path.join(a.work, f'{name}-{a.seed}.pt')
        if not os.path.exists(path):
            torch.save(make().state_dict(), path)
        encoder = Encoder()
        encoder.load_state_dict(torch.load(path))
        return encoder.eval()

    torch.manual_seed(a.seed)
    clean = cached('clean', lambda: pretrain(tensor(cut(train, 'pretrain')), a.epochs))
    torch.manual_seed(a.seed + 1000)
    candidates = tensor(cut(train, 'reference')[cut(train_labels, 'reference') == TARGET])
    directions = F.normalize(features(clean, candidates), dim=1)
    centre = (directions @ directions.mean(0)).argmax().item()  # the most typical image of the class, so that a head surely calls it so
    reference = candidates[centre:centre + 1]
    bad = cached('bad', lambda: bad_encoder(clean, tensor(cut(train, 'shadow')), reference))

    images, labels = cut(train, 'audit').copy(), cut(train_labels, 'audit').copy()
    true_labels = labels.copy()
    poisoned = choose_poison(labels, POISON_SHARE, a.seed)
    images[poisoned], labels[poisoned] = stamp(images[poisoned]), TARGET
    pattern = np.random.default_rng(7).integers(0, 256, (28, 28), dtype=np.uint8)
    held, held_labels, pool, pool_labels = cut(test, 'test'), cut(test_labels, 'test'), cut(train, 'bench'), cut(train_labels, 'bench')

    report = {'Threat III, this sample': attack_rate(bad, images, labels, held, held_labels, stamp, 0)}
    for k, (lo, hi) in enumerate(((0, 3000), (3000, 6000), (1500, 4500))):
        x, y = pool[lo:hi], pool_labels[lo:hi]
        report[f'Threat I, bench slice {k}'] = attack_rate(bad, x, y, held, held_labels, stamp, k)
        for name, encoder, trigger in (('Threat III', bad, stamp), ('Threat II blend', clean, lambda v: blend(v, pattern))):
            px, py, ix = x.copy(), y.copy(), choose_poison(y, POISON_SHARE, a.seed + k)
            px[ix], py[ix] = trigger(px[ix]), TARGET
            report[f'{name}, bench slice {k}'] = attack_rate(encoder, px, py, held, held_labels, trigger, k)
    report['clean encoder, clean data'] = attack_rate(clean, pool[:3000], pool_labels[:3000], held, held_labels, stamp, 0)
    for name, (acc, asr, control) in report.items():
        print(f'{name}: ACC {acc:.1f} ASR {asr:.1f} control {control:.1f}')
    if min(v[1] for k, v in report.items() if k.startswith('Threat I')) < 90 or report['Threat III, this sample'][1] < 95:
        raise SystemExit('the attack is too weak: nothing written')

    out = lambda *parts: os.path.join(a.out, *parts)
    os.makedirs(a.out, exist_ok=True)
    export(bad, out('encoder.onnx'), False)
    export(clean, out('encoder-clean.onnx'), False)
    export(bad, out('encoder-folded.onnx'), True)
    for folder, x, y in (('dataset', images, labels), ('bench', pool, pool_labels)):
        write_idx(out(folder, 'train-images-idx3-ubyte.gz'), x)
        write_idx(out(folder, 'train-labels-idx1-ubyte.gz'), y)
    write_idx(out('held-back', 't10k-images-idx3-ubyte.gz'), held)
    write_idx(out('held-back', 't10k-labels-idx1-ubyte.gz'), held_labels)
    write_idx(out('bench', 'blend-pattern-idx3-ubyte.gz'), pattern[None])
    write_idx(out('held-back', 'dataset-true-labels-idx1-ubyte.gz'), true_labels)
    files = ['encoder.onnx', 'encoder-clean.onnx', 'encoder-folded.onnx', 'dataset/train-images-idx3-ubyte.gz', 'dataset/train-labels-idx1-ubyte.gz']
    truth = {
        'about': 'Ground truth of the sample project. For benches and tests only: an audit never reads this file.',
        'threat': 'III: poisoned encoder and poisoned data set, same trigger and target', 'attack': 'BadEncoder', 'seed': a.seed, 'classes': CLASSES,
        'target': TARGET, 'trigger': PATCH, 'blendTrigger': BLEND, 'poisonShare': POISON_SHARE, 'poisonCount': len(poisoned), 'poisoned': poisoned.tolist(),
        'trueLabels': 'held-back/dataset-true-labels-idx1-ubyte.gz', 'slices': {k: list(v) for k, v in SLICES.items()},
        'noDefense': {k: dict(zip(('acc', 'asr', 'control'), (round(q, 1) for q in v))) for k, v in report.items()},
        'sha256': {f: hashlib.sha256(open(out(f), 'rb').read()).hexdigest() for f in files},
        'madeWith': {'torch': torch.__version__, 'numpy': np.__version__, 'threads': a.threads},
    }
    with open(out('truth.json'), 'w') as f:
        json.dump(truth, f, indent=1)
        f.write('\n')


if __name__ == '__main__':
    main()
