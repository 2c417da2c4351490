"""Writes golden/models, golden/qwen2, golden/llava, golden/changed, golden/cases.json (names and shapes: golden/STAGES.md).

    python -m tools.oracle.generate                         everything
    python -m tools.oracle.generate --only t70-90x101       one case, again
    python -m tools.oracle.generate --only t70-90x101 --all-stages --out DIR      every stage of a case kept as a digest
"""
import argparse
import hashlib
import json
import os

import torch
from safetensors.torch import save_file

from . import fixtures, forward, images, rounding

USER = "user"
QUESTION = "What is this?"
CJK = "这张图片里有什么？ 👩‍👩‍👧 naïve cafe\u0301 It's 2024, we'LL see…\n\n  three  spaces\t<b>"
LONG = (
    "Describe the image in one word. How many shapes are there? The cat and the dog sit on the mat; it's what we'll see. 你好，世界。 12345 "
)


def said(text, *pictures):
    content = [dict(type="image", image=f"images/{p}") for p in pictures] + [dict(type="text", text=text)]
    return [dict(role=USER, content=content)]


def chat(user, system="You are a helpful assistant."):
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


# picture file -> height, width, seed
PICTURES = {
    "90x101.png": (90, 101, 101), "25x125.png": (25, 125, 102), "147x245.jpg": (147, 245, 103), "281x281.jpg": (281, 281, 104),
    "300x280.jpg": (300, 280, 105), "100x200.png": (100, 200, 106), "64x90.png": (64, 90, 107), "130x60.jpg": (130, 60, 108),
    "200x210.jpg": (200, 210, 109), "49x61.png": (49, 61, 110), "8x11.png": (8, 11, 111),
}

ALL = ["exact", "f64", "f32"]  # the f32 kind's distances from f64, stage by stage, go to golden/f32_errors.json


def case(name, model, messages, prompt=None, dtype="f32", kinds=ALL, stored="sha256"):
    return dict(name=name, model=f"models/{model}", dtype=dtype, kinds=kinds, stored=stored, messages=messages, prompt=prompt)


def cases():
    text = lambda name, model, prompt, **kw: case(f"qwen2/{name}", model, said(QUESTION), prompt, **kw)
    out = [
        text("window", "qwen2-window", chat("What is this? 你好 😀"), stored="all"),
        text("sharded", "qwen2-sharded", chat(QUESTION), stored="all"),
        text("one-token", "qwen2-sharded", "<|im_start|>", kinds=["exact"], stored="all"),
        text("d128", "qwen2-d128", chat(LONG * 4)),
        text("headdim", "qwen2-headdim", chat(LONG)),
    ]
    for dtype in ("bf16", "f16"):
        out += [
            text(f"window-{dtype}", "qwen2-window", chat("What is this? 你好 😀"), dtype=dtype, kinds=["exact"], stored="all"),
            text(f"d128-{dtype}", "qwen2-d128", chat(LONG * 4), dtype=dtype, kinds=["exact"]),
        ]
    see = lambda name, *pictures, model="t70", q=QUESTION, prompt=None, **kw: case(
        f"llava/{name}", model, said(q, *pictures), prompt, **kw
    )
    out += [
        see("t70-49x61", "49x61.png", stored="all"),
        see("t70-text", q="How many shapes are there?", stored="all"),
        see("t70-cjk", "64x90.png", q=CJK),
        see("t70-text-cjk", q=CJK),
        see("t70-90x101", "90x101.png"),
        see("t70-25x125", "25x125.png"),
        see("t70-147x245", "147x245.jpg"),
        see("t70-281x281", "281x281.jpg"),
        see("t70-300x280", "300x280.jpg"),
        see("t70-100x200", "100x200.png"),
        see("t70-8x11", "8x11.png"),
        see("t70-two", "64x90.png", "130x60.jpg", q="What? Now?"),
        see("t70-two-tiles", "64x90.png", "200x210.jpg"),
        see("t70-interleaved", "90x101.png", "8x11.png", "64x90.png",
            prompt=chat("First <image> and then<image>\nafter it, 你好 <image>, which is red?")),
        see("t76-90x101", "90x101.png", model="t76"),
        see("t76-300x280", "300x280.jpg", model="t76"),
        see("lmms-64x90", "64x90.png", model="t70-lmms"),
        see("lmms-two", "64x90.png", "130x60.jpg", model="t70-lmms", prompt=chat("<image>\n<image>\nWhat is this?")),
    ]
    for dtype in ("bf16", "f16"):
        out += [
            see(f"t70-49x61-{dtype}", "49x61.png", dtype=dtype, kinds=["exact"], stored="all"),
            see(f"t70-300x280-{dtype}", "300x280.jpg", dtype=dtype, kinds=["exact"]),
            see(f"t76-90x101-{dtype}", "90x101.png", model="t76", dtype=dtype, kinds=["exact"]),
        ]
    return out


def write_stages(path, stages, engine, dtype, keep):
    meta = dict(format=1, engine=engine, dtype=dtype, pillow="11", stages=[k for k in stages if k in keep])
    save_file({k: stages[k] for k in meta["stages"]}, path, metadata={"savs": json.dumps(meta, separators=(",", ":"))})


def write_digests(path, stages):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        for name, t in stages.items():
            f.write(f"{hashlib.sha256(forward.to_numpy_bytes(t)).hexdigest()}  {name}\n")


def rel_l2(a, truth):
    n = float(truth.double().norm())
    return float((a.double() - truth.double()).norm()) / n if n else 0.0


def without_images(messages):
    """The template wants only the parts' types."""
    return [dict(m, content=[{k: v for k, v in p.items() if k != "image"} for p in m["content"]]) for m in messages]


def run_case(root, c, folder, out, all_stages=False):
    """-> {stage: rel-L2 of PyTorch's own float32 against f64} or None."""
    prompt = c["prompt"] or folder.layout(without_images(c["messages"]))
    paths = [f"{root}/llava/{p['image']}" for m in c["messages"] for p in m["content"] if p["type"] == "image"]
    inputs = folder.inputs(prompt, forward.open_pictures(paths))
    base = f"{out}/{c['name']}"
    os.makedirs(os.path.dirname(base), exist_ok=True)
    with open(f"{base}.prompt.txt", "w", encoding="utf-8", newline="") as f:
        f.write(prompt)
    fixtures.write_json(f"{base}.messages.json", c["messages"])
    exact, mode = forward.run(folder, inputs, "exact", c["dtype"])
    few = {"input_ids", "position_ids", "image_sizes", "sav.tap"}
    keep = set(exact) if c["stored"] == "all" or all_stages else few
    write_stages(f"{base}.exact.safetensors", exact, "exact", c["dtype"], keep)
    write_digests(f"{base}.exact.sha256", exact)
    line = f"{c['name']:28} T={len(exact['input_ids']):4} in order {mode.stats['matmul_in_order']} of {mode.stats['matmul_outputs']}"
    errors = None
    if "f64" in c["kinds"]:
        truth, _ = forward.run(folder, inputs, "f64")
        native, _ = forward.run(folder, inputs, "f32")
        assert list(truth) == list(exact) == list(native)
        write_stages(f"{base}.f64.safetensors", truth, "f64", "f64", keep)
        write_stages(f"{base}.f32.safetensors", native, "f32", "f32", keep if all_stages else few)
        errors = {k: rel_l2(native[k], truth[k]) for k in truth if truth[k].dtype == torch.float64}
        line += f"  tap rel-L2: f32 {errors['sav.tap']:.2e}, exact {rel_l2(exact['sav.tap'], truth['sav.tap']):.2e}"
    print(line, flush=True)
    return errors


def changed_weight(root, c, folder):
    """The same case with one weight of layer 1's gate doubled: what `savs diff` must turn red on, and name."""
    name = "language_model.model.layers.1.mlp.gate_proj.weight"
    folder.tensors[name] = folder.tensors[name].clone()
    folder.tensors[name][3, 5] *= 2
    inputs = folder.inputs(folder.layout(without_images(c["messages"])), [])
    stages, _ = forward.run(folder, inputs, "exact", c["dtype"])
    os.makedirs(f"{root}/changed", exist_ok=True)
    write_stages(f"{root}/changed/t70-text.exact.safetensors", stages, "exact", c["dtype"], set(stages))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", default="golden")
    p.add_argument("--out", help="where the cases go; default: --golden")
    p.add_argument("--only", help="cases whose name contains this")
    p.add_argument("--all-stages", action="store_true", help="keep every stage of every case, and the f32 kind")
    a = p.parse_args()
    torch.set_num_threads(1)
    rounding.self_test()
    root, out = a.golden, a.out or a.golden
    if not a.only:
        fixtures.all_models(f"{root}/models")
        os.makedirs(f"{root}/llava/images", exist_ok=True)
        for file, (h, w, seed) in PICTURES.items():
            images.write(f"{root}/llava/images/{file}", h, w, seed)
        changed_weight(root, next(c for c in cases() if c["name"] == "llava/t70-text"), forward.Folder(f"{root}/models/t70"))
    table = f"{out}/f32_errors.json"
    errors = forward.read_json(table) if a.only and os.path.exists(table) else {}
    folders = {}
    for c in cases():
        if a.only and a.only not in c["name"]:
            continue
        if c["model"] not in folders:
            folders = {c["model"]: forward.Folder(f"{root}/{c['model']}")}
        got = run_case(root, c, folders[c["model"]], out, a.all_stages)
        if got:
            errors[c["name"]] = {k: float(f"{v:.3e}") for k, v in got.items()}
    fixtures.write_json(table, errors)
    rows = []
    for c in cases():
        rows.append(dict(c, messages=f"{c['name']}.messages.json", prompt=c["prompt"] and f"{c['name']}.prompt.txt"))
    fixtures.write_json(f"{out}/cases.json", rows)


if __name__ == "__main__":
    main()
