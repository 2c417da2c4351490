#!/usr/bin/env python3
"""Draws the demo's pictures and writes its lists.

    python tools/tiny/make_demo.py --out data/demo
    python tools/tiny/make_demo.py --out build/validation --seed 9001     other pictures of the same kinds, to choose wordings on

    data/demo/<task>/train.jsonl, test.jsonl     {"image", "question", "question_id", "label"}, one a line
    data/demo/<task>/images/*.png, *.jpg

Three tasks, none of which is in the model's training (tools/tiny/world.py, questions.py):
    count_shape   2, 3 or 4 circles or stars; six invented label words
    textures      eight textures the training never shows; invented label words
    digits        handwritten digits of UCI as scikit-learn ships them (CC BY 4.0), 8 x 8, enlarged to 112 x 112
"""

import argparse
import json
import os
import sys

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tiny import world

# (height, width) and how often: some are pinpoints, some are fitted and padded, some were never in the training
SIZES = {(112, 112): 10, (100, 100): 2, (96, 112): 2, (112, 90): 2, (91, 101): 1, (120, 120): 1, (84, 120): 1, (104, 80): 1}
COUNT_SHAPE = {("circle", 2): "dax", ("circle", 3): "wug", ("circle", 4): "blick", ("star", 2): "toma", ("star", 3): "fep", ("star", 4): "zorp"}
TEXTURE_WORDS = dict(zip(world.HELD_OUT_TEXTURES, ["lum", "kiv", "osk", "brel", "tain", "quop", "muv", "yash"]))
QUESTIONS = {"count_shape": "What shapes are there?", "textures": "What is the pattern?", "digits": "What is drawn?"}
POOL = {"count_shape": 60, "textures": 25, "digits": 25}
TEST = {"count_shape": 40, "textures": 15, "digits": 15}


def _size(rng):
    sizes = list(SIZES)
    weights = np.array([SIZES[s] for s in sizes], float)
    return sizes[rng.choice(len(sizes), p=weights / weights.sum())]


def _save(rng, img, stem):
    """PNG or JPEG, even odds; returns the file's name."""
    if rng.random() < 0.5:
        img.save(stem + ".png", optimize=True)
        return os.path.basename(stem) + ".png"
    img.save(stem + ".jpg", quality=int(rng.integers(80, 96)), subsampling=int(rng.integers(0, 3)), progressive=bool(rng.random() < 0.2))
    return os.path.basename(stem) + ".jpg"


def drawn(task, seed, part, k, index):
    """Picture `index` of class k of a generated task, and its label word."""
    rng = np.random.default_rng([seed, ["count_shape", "textures"].index(task), part, k, index])
    h, w = _size(rng)
    if task == "count_shape":
        (shape, count), word = list(COUNT_SHAPE.items())[k]
        scene = world.held_out_scene(rng, 2 * w, 2 * h, shape, count)
    else:
        kind, word = list(TEXTURE_WORDS.items())[k]
        scene = world.texture_scene(rng, kind)
    img, _ = world.draw(rng, scene, w, h)
    return rng, img, word


def digits(seed):
    """(class -> list of pictures in a seeded order)."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng([seed, 7]).permutation(len(data.target))
    out = [[] for _ in range(10)]
    for i in order:
        small = Image.fromarray(np.round(data.images[i] * 255 / 16).astype(np.uint8))
        out[data.target[i]].append(small.resize((112, 112), Image.BICUBIC))
    return out


def write_task(task, out, seed, question):
    folder = f"{out}/{task}"
    os.makedirs(f"{folder}/images", exist_ok=True)
    classes = {"count_shape": len(COUNT_SHAPE), "textures": len(TEXTURE_WORDS), "digits": 10}[task]
    pictures = digits(seed) if task == "digits" else None
    for part, (name, each) in enumerate((("train", POOL[task]), ("test", TEST[task]))):
        lines = []
        for index in range(each):  # the classes take turns
            for k in range(classes):
                if task == "digits":
                    rng = np.random.default_rng([seed, 8, part, k, index])
                    img, word = pictures[k][index + part * POOL[task]], str(k)
                else:
                    rng, img, word = drawn(task, seed, part, k, index)
                file = _save(rng, img, f"{folder}/images/{name}_{len(lines):03d}")
                lines.append({"image": f"images/{file}", "question": question, "question_id": len(lines), "label": word})
        with open(f"{folder}/{name}.jsonl", "w", encoding="utf-8", newline="\n") as f:
            f.writelines(json.dumps(line) + "\n" for line in lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default="data/demo")
    p.add_argument("--seed", type=int, default=2025)
    opts = p.parse_args()
    for task, question in QUESTIONS.items():
        write_task(task, opts.out, opts.seed, question)


if __name__ == "__main__":
    main()
