"""Loads a state dict that Coresift wrote into the PyTorch network it came from and prints the network's answer.

Usage: state-dict.py FILE  (safetensors; the network is ResNet('pool') of test/fixtures/encoders/make_encoders.py)
"""
import json
import os
import struct
import sys

import numpy
import torch

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "fixtures", "encoders"))
import make_encoders as source  # noqa: E402

data = open(sys.argv[1], "rb").read()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + length])
header.pop("__metadata__", None)
types = {"F32": "<f4", "I64": "<i8"}
state = {}
for name, entry in header.items():
    first, last = entry["data_offsets"]
    array = numpy.frombuffer(data[8 + length + first : 8 + length + last], dtype=types[entry["dtype"]])
    state[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())

network = source.ResNet("pool")
network.head = torch.nn.ModuleList([torch.nn.Linear(24, 4)])
network.load_state_dict(state, strict=True)
network.eval()
with torch.no_grad():
    features = network.blocks(torch.relu(network.bn(network.conv(source.image(2, 3, 16, 16))))).mean((2, 3))
    print(json.dumps(network.head[0](features).flatten().tolist()))
