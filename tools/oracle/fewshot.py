"""Few-shot jobs from picture files to predictions: golden/fewshot/ (exact engine, f32).

    train.jsonl, test.jsonl (format `general`) + pictures -> taps of every sample -> the SAV stage -> heads, votes, predictions

With golden/models/t70: t70.safetensors holds the tensors of sav_golden.py, features from the forward; predictions.jsonl is
what `savs predict` writes for the test list. The model is random, so the votes are of no use but to be equal.
With the demo's trained model of each family: tiny-FAMILY.jsonl is what `savs run` writes for the first rows of the lead task.
"""
import argparse
import json
import os

import numpy as np
import torch
from PIL import Image

from . import forward, images, qwen_vl
from .sav_golden import golden, write

K = 5
TINT = {"moss": (60, 150, 40), "brick": (190, 70, 30), "sea": (30, 90, 200)}


def draw(root, name, h, w, seed, label):
    a = images.picture(h, w, seed).astype(np.int64)
    a = (a + np.array(TINT[label])[None, None]) // 2
    im = Image.fromarray(a.astype(np.uint8))
    im.save(f"{root}/{name}", **(dict(quality=90) if name.endswith(".jpg") else dict(optimize=True)))


def lists(root):
    """Writes pictures and lists; sizes differ, so do tile counts."""
    os.makedirs(f"{root}/images", exist_ok=True)
    sizes = [(64, 90), (90, 64), (40, 52), (75, 141), (70, 70), (33, 120)]
    rows, n = {"train": [], "test": []}, 0
    for part, order in (("train", "sea moss sea brick moss brick sea moss"), ("test", "moss sea brick sea brick")):
        for label in order.split():
            h, w = sizes[n % len(sizes)]
            name = f"{part}{len(rows[part])}.{'jpg' if len(rows[part]) % 3 == 2 else 'png'}"
            draw(f"{root}/images", name, h, w, 500 + n, label)
            rows[part].append(dict(image=f"images/{name}", question="What is this?", question_id=n, label=label))
            n += 1
    # Two pictures; one placed by hand in the question; text alone; a label nobody has trained.
    rows["train"].append(dict(image=["images/train0.png", "images/train1.png"], question="Are they alike?", question_id="pair", label="moss"))
    rows["test"].append(dict(image=["images/test0.png", "images/test1.png"], question="Is <image> like <image>?", question_id="placed", label="sea"))
    rows["test"].append(dict(image=None, question="What is red?", question_id="text", label="brick"))
    rows["test"].append(dict(image="images/train3.png", question="What is this?", question_id="new", label="slate"))
    for part, items in rows.items():
        with open(f"{root}/{part}.jsonl", "w", encoding="utf-8", newline="\n") as f:
            f.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in items)
    return rows


def tap(folder, root, row):
    names = row["image"] if isinstance(row["image"], list) else [row["image"]] if row["image"] else []
    placed = row["question"].count("<image>")
    content = [dict(type="image")] * (len(names) - placed) + [dict(type="text", text=row["question"])]
    prompt = folder.layout([dict(role="user", content=content)])
    inputs = folder.inputs(prompt, forward.open_pictures(f"{root}/{n}" for n in names))
    stages, _ = forward.run(folder, inputs, "exact", "f32", want=lambda n: n.endswith("o_proj.input"))
    return stages["sav.tap"].numpy()


def write_predictions(path, items, tensors, names):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        for i, r in enumerate(items):
            voted = [names[c] for c in tensors["sav.head_votes"][i].tolist()]
            tally = {n: voted.count(n) for n in dict.fromkeys(voted)}
            tally = dict(sorted(tally.items(), key=lambda p: -p[1]))  # stable: equal votes in order of first vote
            best = names[int(tensors["sav.predictions"][i])]
            line = dict(
                index=i, image=r["image"], question_id=r["question_id"], group=None, split=None, label=r["label"], prediction=best,
                correct=best == r["label"], margin=int(tensors["sav.margins"][i]), votes=tally, head_votes=voted,
            )
            f.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


# ---- the demo's models -----------------------------------------------------------------------------------------------

FAMILIES = ["llava-onevision", "qwen2-vl", "qwen2.5-vl"]
TRAIN, TEST, HEADS = 12, 12, 20  # rows of the lead task (its six classes take turns), heads


def qwen_tap(folder, root, row):
    processor = folder.processor({})
    prompt = processor.apply_chat_template([dict(role="user", content=[dict(type="image"), dict(type="text", text=row["question"])])], add_generation_prompt=True)
    inputs = processor(text=[prompt], images=[qwen_vl.fetch(f"{root}/{row['image']}", {})], return_tensors="pt")
    stages, _ = qwen_vl.run(folder, {k: v for k, v in inputs.items() if k != "attention_mask"}, "exact")
    return stages["sav.tap"].numpy()


def demo(root, family):
    lists = "data/demo/count_shape"
    rows = {}
    for part, count in (("train", TRAIN), ("test", TEST)):
        with open(f"{lists}/{part}.jsonl", encoding="utf-8") as f:
            rows[part] = [json.loads(line) for line in f][:count]
    one, open_folder = (tap, forward.Folder) if family == "llava-onevision" else (qwen_tap, qwen_vl.Folder)
    folder = open_folder(f"data/tiny-{family}")
    x, t = (np.stack([one(folder, lists, r) for r in rows[part]]) for part in ("train", "test"))
    tensors, meta = golden(x, [r["label"] for r in rows["train"]], t, [r["label"] for r in rows["test"]], HEADS, "f32")
    write_predictions(f"{root}/tiny-{family}.jsonl", rows["test"], tensors, meta["labels"])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", default="golden")
    p.add_argument("--demo", choices=FAMILIES, help="only the demo's model of this family")
    a = p.parse_args()
    torch.set_num_threads(1)
    root = f"{a.golden}/fewshot"
    if a.demo:
        return demo(root, a.demo)
    rows = lists(root)
    folder = forward.Folder(f"{a.golden}/models/t70")
    x, t = (np.stack([tap(folder, root, r) for r in rows[part]]) for part in ("train", "test"))
    labels, tests = ([r["label"] for r in rows[part]] for part in ("train", "test"))
    tensors, meta = golden(x, labels, t, tests, K, "f32")
    write(f"{root}/t70.safetensors", tensors, meta)
    write_predictions(f"{root}/predictions.jsonl", rows["test"], tensors, meta["labels"])
    for family in FAMILIES:
        demo(root, family)


if __name__ == "__main__":
    main()
