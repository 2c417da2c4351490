#!/usr/bin/env python3
"""Writes what the Qwen-VL families do before any arithmetic: sizes of pictures, order of patches in windows.

    python tools/golden/patches_golden.py [--out golden/qwen_vl]

sizes.safetensors  `sizes` I32 [N, 8], a row a picture: height, width, min_pixels, max_pixels; then height and width by
                   qwen_vl_utils 0.0.11 (tools/oracle/qwen_vl.py) and by smart_resize of transformers 4.51.3. 0 0: it
                   raises, or a side shrinks to nothing, where Pillow raises
windows.json       Qwen2_5_VisionTransformer.get_window_index of lists of grids, and cu_window_seqlens after
                   unique_consecutive; `raw` keeps the empty windows; the segments of whole frames
"""
import argparse
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize as processor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.oracle.qwen_vl import smart_resize as utils  # noqa: E402

PUBLISHED, CLASS = (3136, 12845056), (3136, 1003520)
# Every row of the table in tests/image/test_patches.c, and sides around the places where a rule turns.
FIXED = [(42, 70), (10, 2000), (19, 19), (38, 38), (19, 76), (31, 31), (1500, 1500), (67, 11415), (28, 5600), (28, 5601), (30, 60),
         (1, 1), (1, 200), (1, 201), (27, 28), (28, 28), (14, 14), (13, 13), (42, 42), (4032, 3024), (12000, 12000), (1, 150)]


def guarded(f, *a):
    try:
        H, W = f(*a)
    except ValueError:
        return 0, 0
    return (H, W) if H > 0 and W > 0 else (0, 0)


def sizes():
    rng = random.Random(20240918)
    cases = [(h, w, *b) for h, w in FIXED for b in (PUBLISHED, CLASS, (3136, 100352))]
    for _ in range(700):
        cases.append((rng.randint(1, 200), rng.randint(1, 200), *PUBLISHED))
    for _ in range(500):
        cases.append((round(2 ** rng.uniform(0, 13.5)), round(2 ** rng.uniform(0, 13.5)), *PUBLISHED))
    for _ in range(300):  # ties of the rounding: odd multiples of 14
        cases.append((14 * rng.randint(1, 120), 14 * rng.randint(1, 120), *rng.choice((PUBLISHED, CLASS))))
    for _ in range(400):
        cases.append((rng.randint(300, 5000), rng.randint(300, 5000), *CLASS))
    for _ in range(400):  # the user's bounds
        low = rng.randint(784, 400000)
        cases.append((round(2 ** rng.uniform(3, 12)), round(2 ** rng.uniform(3, 12)), low, low + rng.randint(0, 2000000)))
    rows = [(*c, *guarded(utils, *c), *guarded(lambda h, w, a, b: processor(h, w, 28, a, b), *c)) for c in cases]
    return np.array(rows, np.int32)


LISTS = [
    (112, [(1, 10, 14)]), (112, [(1, 8, 8)]), (112, [(1, 16, 16)]), (112, [(1, 2, 2)]), (112, [(1, 2, 40)]), (112, [(1, 22, 18)]),
    (112, [(1, 10, 14), (1, 8, 8)]), (112, [(1, 8, 8), (1, 4, 10), (1, 16, 6)]), (112, [(3, 10, 6)]), (112, [(2, 8, 10), (1, 6, 6)]),
    (56, [(1, 10, 14)]), (28, [(1, 4, 6)]), (168, [(1, 14, 10), (1, 12, 24)]),
]


def windows():
    out = []
    for size, grids in LISTS:
        c = Qwen2_5_VLVisionConfig(depth=1, hidden_size=8, num_heads=1, intermediate_size=8, out_hidden_size=8, window_size=size)
        with torch.device("meta"):
            tower = Qwen2_5_VisionTransformerPretrainedModel(c)
        grid = torch.tensor(grids)
        index, raw = tower.get_window_index(grid)
        frames = torch.repeat_interleave(grid[:, 1] * grid[:, 2], grid[:, 0]).cumsum(0).tolist()
        out.append(dict(window_size=size, grids=grids, window_index=index.tolist(), raw=raw,
                        cu_window_seqlens=torch.unique_consecutive(torch.tensor(raw)).tolist(), cu_seqlens=[0] + frames))
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default="golden/qwen_vl")
    a = p.parse_args()
    rows = sizes()
    save_file({"sizes": rows}, f"{a.out}/sizes.safetensors")
    with open(f"{a.out}/windows.json", "w", encoding="utf-8", newline="\n") as f:
        f.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in windows()) + "\n]\n")
    print(f"{len(rows)} sizes, {int((rows[:, 4] == 0).sum())} and {int((rows[:, 6] == 0).sum())} refused")


if __name__ == "__main__":
    main()
