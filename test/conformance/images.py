"""Decodes and resizes image files with Pillow, as training loaders do; answers on standard output.

Input: one JSON object per line, {"file": path, "size": [width, height] or null}. Output per line: JSON with mode, size
and the pixels (L or RGB) in hex.
"""
import json
import sys

from PIL import Image

for line in sys.stdin:
    task = json.loads(line)
    image = Image.open(task["file"])
    image = image.convert("L" if image.mode in ("L", "1", "LA") else "RGB")
    if task["size"]:
        image = image.resize(task["size"], Image.BILINEAR)
    print(json.dumps({"mode": image.mode, "size": image.size, "pixels": image.tobytes().hex()}))
