"""A second reader of safetensors files, written from the format's description, on numpy alone.

Usage: safetensors.py read FILE   checks every rule and prints name, dtype, shape and SHA-256 of each tensor as JSON
       safetensors.py write FILE  writes a file of its own making for the other reader
"""
import hashlib
import json
import struct
import sys

import numpy

TYPES = {"F64": "<f8", "I64": "<i8", "F32": "<f4", "I32": "<i4", "F16": "<f2", "U8": "u1", "I8": "i1", "BOOL": "?"}


def read(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    assert length <= 100_000_000 and 8 + length <= len(data), "header length"
    assert length % 8 == 0, "the data is not aligned"
    text = data[8 : 8 + length]
    assert text[:1] == b"{" and text.rstrip(b" ")[-1:] == b"}", "header delimiters"

    def unique(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), "duplicate keys"
        return dict(pairs)

    header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(value, str) for value in metadata.values()), "metadata"
    body = data[8 + length :]
    end = 0
    tensors = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        assert first == end, "holes or overlaps"
        end = last
        array = numpy.frombuffer(body[first:last], dtype=TYPES[entry["dtype"]])
        assert array.size == int(numpy.prod(entry["shape"], dtype=numpy.int64)), "shape"
        assert first % array.dtype.itemsize == 0, "alignment of a tensor"
        array = array.reshape(entry["shape"])
        tensors[name] = {
            "dtype": entry["dtype"],
            "shape": list(array.shape),
            "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
            "first": None if array.size == 0 else repr(array.reshape(-1)[0].item()),
        }
    assert end == len(body), "bytes that belong to no tensor"
    print(json.dumps({"metadata": metadata, "tensors": tensors}))


def write(path):
    arrays = {
        "b.weight": numpy.arange(6, dtype="<f4").reshape(2, 3) / 3,
        "a": numpy.array([-(2**60)], dtype="<i8"),
        "h": numpy.array([0.5, -2], dtype="<f2"),
        "empty": numpy.zeros((0, 4), dtype="<f4"),
    }
    names = {numpy.dtype(value): key for key, value in TYPES.items()}
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": names[array.dtype], "shape": array.shape, "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in arrays.values()))


{"read": read, "write": write}[sys.argv[1]](sys.argv[2])
