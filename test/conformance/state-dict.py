"""What PyTorch makes of a state dict that Coresift wrote (safetensors, read by the rules of the format).

state-dict.py FILE          loads it into ResNet('pool') of test/fixtures/encoders/make_encoders.py (strict) and prints the
                            network's answer
state-dict.py FILE SOURCE …  compares each with the checkpoint it came from: names, shapes and values
"""
import json
import os
import struct
import sys

import torch

here = os.path.dirname(os.path.abspath(__file__))


def read(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16}
    state = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        raw = bytearray(data[8 + length + first : 8 + length + last])
        state[name] = torch.frombuffer(raw, dtype=types[entry["dtype"]]).reshape(entry["shape"])
    return state


def source_of(path):
    """The encoder's weights in a checkpoint of make_checkpoints.py, under torchvision's names, without its head."""
    if path.endswith(".json"):
        shards = sorted(set(json.load(open(path))["weight_map"].values()))
        state = {k: v for shard in shards for k, v in read(os.path.join(os.path.dirname(path), shard)).items()}
    else:
        state = torch.load(path, map_location="cpu")
        for key in ("state_dict", "model", "net"):
            state = state[key] if isinstance(state.get(key), dict) else state
    for prefix in ("module.encoder_q.", "module.f."):
        if any(name.startswith(prefix) for name in state):
            state = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
    if "0.weight" in state:  # nn.Sequential of conv, norm, ReLU and the stages
        names = {"0": "conv1", "1": "bn1", **{str(3 + i): f"layer{1 + i}" for i in range(4)}}
        state = {".".join([names[k.split(".")[0]], *k.split(".")[1:]]): v for k, v in state.items()}
    return {k: v for k, v in state.items() if k.split(".")[0] not in ("fc", "classifier", "heads", "head")}


def compared(ours, theirs):
    # How many batches a normalisation has seen is not in the graph and changes nothing at inference.
    both = [k for k in theirs if k in ours and not k.endswith("num_batches_tracked")]
    same = lambda a, b: a.shape == b.shape and torch.equal(a.float(), b.float())
    return {
        "missing": sorted(theirs.keys() - ours.keys()),
        "extra": sorted(ours.keys() - theirs.keys()),
        "differing": sorted(k for k in both if not same(ours[k], theirs[k])),
    }


if len(sys.argv) > 2:
    pairs = zip(sys.argv[1::2], sys.argv[2::2])
    print(json.dumps([compared(read(ours), source_of(theirs)) for ours, theirs in pairs]))
    sys.exit()

ours = read(sys.argv[1])
sys.path.insert(0, os.path.join(here, "..", "fixtures", "encoders"))
import make_encoders as source  # noqa: E402

network = source.ResNet("pool")
network.head = torch.nn.ModuleList([torch.nn.Linear(24, 4)])
network.load_state_dict(ours, strict=True)
network.eval()
with torch.no_grad():
    features = network.blocks(torch.relu(network.bn(network.conv(source.image(2, 3, 16, 16))))).mean((2, 3))
    print(json.dumps(network.head[0](features).flatten().tolist()))
