#!/usr/bin/env python3
"""Measures the demo's tasks in Python: the numbers of data/README.md.

    python tools/tiny/evaluate.py [--family llava-onevision] --data data [--demo data/demo] [--question TEXT | --questions]
    python tools/tiny/evaluate.py --family qwen2-vl --data build/demo/models         after `make demo`, which makes the untrained folders

    picture, question -> decoder -> o_proj's input at the last token [L, H, d] -> class means, heads, votes

For each task: chance, raw pixels, random weights, trained tower under an untrained decoder, best single head (K = 1), all
heads, last layer, and SAVs (K = 20); accuracy averaged over five draws of 20 examples a class (Python's random.seed(S), S =
0 ... 4: the draw of `savs run --shots 20 --seed S`). The stage is float32 with one rounding an operation, heads by (count,
index) descending, votes by rank: the rule of the C code. `--questions` tries other wordings, for validation pictures only.
"""

import argparse
import collections
import json
import os
import random
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer

import tiny
from tiny import train
from tiny.model import D, HEADS, LAYERS

FOLDERS = {"trained": "tiny-{}", "random": "tiny-{}-random", "untrained decoder": "tiny-{}-untrained-decoder"}
WORDINGS = ["What do you see?", "Describe the picture.", "How many shapes are there?", "What shape is it?", "What is the pattern?", "What is drawn?", "What color is it?"]


# ---- features ----------------------------------------------------------------------------------------------------

def load(family, folder):
    model = family.model_class.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager").eval()
    return family, model, Tokenizer.from_file(f"{folder}/tokenizer.json")


def read_list(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def taps(family, model, tok, folder, items, question=None, batch=16):
    """[N, L, H, d]: what enters each layer's o_proj at the last token of the prompt."""
    chat, groups = train.Chat(family, tok), collections.defaultdict(list)
    images = [Image.open(f"{folder}/{it['image']}").convert("RGB") for it in items]
    for i, img in enumerate(images):
        groups[(img.height, img.width, question or items[i]["question"])].append(i)
    kept, hooks = {}, []
    for k, layer in enumerate(family.layers(model)):
        hooks.append(layer.self_attn.o_proj.register_forward_pre_hook(lambda _, x, k=k: kept.__setitem__(k, x[0][:, -1].clone())))
    out = np.zeros((len(items), LAYERS, HEADS, D // HEADS), np.float32)
    for (h, w, text), index in groups.items():
        order = family.token_order(h, w)
        ids = chat.encode([(text, "")], len(order))[0][:-1]  # without the answer's <|im_end|>
        for at in range(0, len(index), batch):
            part = index[at : at + batch]
            with torch.no_grad():
                family.hidden(model, np.stack([family.tiles(images[i]) for i in part]), order, torch.tensor([ids] * len(part)))
            out[part] = torch.stack([kept[k] for k in range(LAYERS)], 1).numpy().reshape(len(part), *out.shape[1:])
    for hook in hooks:
        hook.remove()
    return out


# ---- the stage ---------------------------------------------------------------------------------------------------

def _sum(x):
    """Sum over the last axis in double, index increasing, rounded once to float32."""
    acc = np.zeros(x.shape[:-1])
    for k in range(x.shape[-1]):
        acc += x[..., k]
    return acc.astype(np.float32)


def _unit(x):
    norm = np.zeros(x.shape[:-1])
    for k in range(x.shape[-1]):
        norm += x[..., k].astype(np.float64) ** 2
    norm = np.maximum(np.sqrt(norm).astype(np.float32), np.float32(1e-8))
    return x / norm[..., None]


def votes(means, x):
    """means [C, F, d], x [N, F, d] -> class index of every sample and head [N, F]."""
    a, b = _unit(means), _unit(x)
    cos = np.stack([_sum(a[c] * b) for c in range(len(a))], -1)
    return cos.argmax(-1)


def class_means(x, y, classes):
    """Float32 sums in list order, one division."""
    out = []
    for c in range(classes):
        rows = x[y == c]
        total = rows[0].copy()
        for r in rows[1:]:
            total += r
        out.append(total / np.float32(len(rows)))
    return np.stack(out)


def rank_heads(means, x, y):
    count = (votes(means, x) == y[:, None]).sum(0)
    return np.argsort(count, kind="stable")[::-1], count


def elect(v, classes):
    """v [N, K] in rank order -> winners: most votes, and of equals the one voted for first."""
    out = []
    for row in v:
        tally = np.bincount(row, minlength=classes)
        out.append(next(c for c in row if tally[c] == tally.max()))
    return np.array(out)


def stage(train_x, train_y, test_x, test_y, classes, heads=20):
    """Accuracies of one draw."""
    flat = lambda x: x.reshape(len(x), -1, x.shape[-1])
    a, b = flat(train_x), flat(test_x)
    means = class_means(a, train_y, classes)
    order, count = rank_heads(means, a, train_y)
    v = votes(means, b)[:, order]
    last_a, last_b = (x[:, -1].reshape(len(x), 1, -1) for x in (train_x, test_x))
    last = votes(class_means(last_a, train_y, classes), last_b)[:, 0]
    score = lambda winners: float((winners == test_y).mean())
    return {"single": score(v[:, 0]), "savs": score(elect(v[:, :heads], classes)), "all": score(elect(v, classes)), "last layer": score(last),
            "heads": [(int(f) // HEADS, int(f) % HEADS) for f in order[:heads]]}


def raw_pixels(folder, items):
    return np.stack([np.asarray(Image.open(f"{folder}/{it['image']}").convert("RGB").resize((56, 56), Image.BICUBIC), np.float64).ravel() for it in items])


# ---- the table ---------------------------------------------------------------------------------------------------

def draws(labels, shots, seeds):
    """For each seed the chosen rows in list order: per class, in order of first appearance, random.sample."""
    rows = collections.OrderedDict()
    for i, label in enumerate(labels):
        rows.setdefault(label, []).append(i)
    for seed in seeds:
        rng = random.Random(seed)
        pick = [r[j] for r in rows.values() for j in (rng.sample(range(len(r)), shots) if len(r) > shots else range(len(r)))]
        yield sorted(pick)


def task_table(name, folder, models, shots, seeds, question=None):
    items = {part: read_list(f"{folder}/{part}.jsonl") for part in ("train", "test")}
    x = {m: {part: taps(*pair, folder, items[part], question) for part in items} for m, pair in models.items()}
    px = {part: raw_pixels(folder, items[part]) for part in items} if "random" in models else None
    rows = collections.defaultdict(list)
    for pick in draws([it["label"] for it in items["train"]], shots, seeds):
        ids = {}
        for i in pick:
            ids.setdefault(items["train"][i]["label"], len(ids))
        y = np.array([ids[items["train"][i]["label"]] for i in pick])
        yt = np.array([ids[it["label"]] for it in items["test"]])
        for m in models:
            got = stage(x[m]["train"][pick], y, x[m]["test"], yt, len(ids))
            if m == "trained":
                for k in ("single", "all", "last layer", "savs"):
                    rows[k].append(got[k])
            else:
                rows[m].append(got["savs"])
        if px:
            mean = np.stack([px["train"][pick][y == c].mean(0) for c in range(len(ids))])
            far = ((px["test"][:, None] - mean[None]) ** 2).sum(-1)
            rows["raw pixels"].append(float((far.argmin(1) == yt).mean()))
    return {"task": name, "question": question or items["test"][0]["question"], "test": len(items["test"]), "classes": len(ids), "chance": 1 / len(ids), "rows": dict(rows)}


def show(t):
    print(f"{t['task']}: {t['classes']} classes, {t['test']} test pictures, \"{t['question']}\"")
    print(f"  {'chance':18s} {t['chance']:.3f}")
    for k in ("raw pixels", "random", "untrained decoder", "single", "all", "last layer", "savs"):
        if k in t["rows"]:
            v = t["rows"][k]
            print(f"  {k:18s} {np.mean(v):.3f}   draws {' '.join(f'{a:.3f}' for a in v)}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--family", choices=tiny.FAMILIES, default="llava-onevision")
    p.add_argument("--data", default="data", help="holds the three model folders")
    p.add_argument("--demo", default="data/demo")
    p.add_argument("--tasks", default="count_shape,textures,digits")
    p.add_argument("--shots", type=int, default=20)
    p.add_argument("--draws", type=int, default=5)
    p.add_argument("--question", help="asked in place of the lists' own")
    p.add_argument("--questions", action="store_true")
    opts = p.parse_args()
    torch.set_num_threads(1)
    family = tiny.family(opts.family)
    folders = {m: f"{opts.data}/{f.format(family.NAME)}" for m, f in FOLDERS.items()}
    models = {m: load(family, f) for m, f in folders.items() if os.path.isdir(f)}
    for task in opts.tasks.split(","):
        for question in WORDINGS if opts.questions else [opts.question]:
            show(task_table(task, f"{opts.demo}/{task}", models, opts.shots, range(opts.draws), question))


if __name__ == "__main__":
    main()
