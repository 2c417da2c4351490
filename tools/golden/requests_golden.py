#!/usr/bin/env python3
"""Writes what transformers 4.51.3 and qwen_vl_utils 0.0.11 make of requests that are odd but well formed.

    python tools/golden/requests_golden.py [--out golden/requests]

bounds.json    min_pixels … beside a picture, bounds of the processor, the folder: image_grid_thw and SHA-256 of
               pixel_values, or what is raised
prompts.json   prompts whose placeholders stand where get_rope_index does not count them: ids and positions [3, T], or
               what is raised by the processor, by get_rope_index or by the forward
"""
import argparse
import hashlib
import json
import sys
from pathlib import Path

import torch
from PIL import Image
from transformers import (
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tools.oracle.qwen_vl import smart_resize, to_rgb  # noqa: E402

MODELS = "golden/models/"
WIDE, ALPHA, SMALL = "golden/llava/images/100x200.png", "golden/qwen_vl/images/60x90-rgba.png", "golden/qwen_vl/images/20x30.png"
LARGEST = 2000  # patches whose pixels a test looks at
MIN, MAX = 4 * 28 * 28, 16384 * 28 * 28


def fetch_image(part):
    """fetch_image of qwen_vl_utils 0.0.11 (which imports torchvision), for paths."""
    picture = to_rgb(Image.open(ROOT / part["image"]))
    if "resized_height" in part and "resized_width" in part:
        h, w = smart_resize(part["resized_height"], part["resized_width"], MIN, MAX)
    else:
        w, h = picture.size
        h, w = smart_resize(h, w, part.get("min_pixels", MIN), part.get("max_pixels", MAX))
    return picture.resize((w, h))


# ---- bounds ----------------------------------------------------------------------------------------------------------

# Beside the picture; bounds of the session (--min-pixels, --max-pixels: the processor's, and utils' without the first)
BOUNDS = [
    ({}, {}),
    ({"max_pixels": 6272}, {}),
    ({"min_pixels": 60000}, {}),
    ({"resized_height": 56, "resized_width": 112}, {}),
    ({"min_pixels": 30000, "max_pixels": 40000}, {}),
    ({"min_pixels": 20000, "max_pixels": 20000}, {}),
    ({"max_pixels": 2000}, {}),  # under the processor's least: resized twice
    ({"max_pixels": 700}, {}),  # a side shrinks to nothing
    ({"min_pixels": 13000000}, {}),  # over the processor's most
    ({"resized_height": 50, "resized_width": 100}, {}),
    ({"resized_height": 71, "resized_width": 210}, {}),
    ({"resized_height": 14, "resized_width": 14}, {}),  # half to even, then the least
    ({"resized_height": 42, "resized_width": 70}, {}),
    ({"resized_height": 1, "resized_width": 300}, {}),  # sides differ 300 times
    ({"resized_height": 5000, "resized_width": 9000}, {}),
    ({"resized_height": 56, "resized_width": 112, "max_pixels": 3136, "min_pixels": 784}, {}),
    ({"resized_height": 56}, {}),
    ({"resized_width": 112, "max_pixels": 6272}, {}),
    ({"max_pixels": 6272.0}, {}),
    ({"resized_height": 56.0, "resized_width": 112.0}, {}),
    ({"max_pixels": 1 << 50}, {}),
    ({}, {"max_pixels": 12544}),
    ({"max_pixels": 6272}, {"max_pixels": 12544}),
    ({"max_pixels": 50000}, {"max_pixels": 12544}),
    ({"min_pixels": 60000}, {"min_pixels": 30000}),
    ({"resized_height": 280, "resized_width": 280}, {"max_pixels": 12544}),
    ({"resized_height": 56, "resized_width": 56}, {"min_pixels": 12544, "max_pixels": 20000}),
]


def bounds_row(part, session, picture, folder):
    row = {"model": folder, "picture": picture, "part": part, "session": session}
    processor = Qwen2VLImageProcessor.from_pretrained(ROOT / MODELS / folder)
    processor.min_pixels = session.get("min_pixels", processor.min_pixels)
    processor.max_pixels = session.get("max_pixels", processor.max_pixels)
    try:
        # the command line's bounds are those of the part that has none
        seen = processor(fetch_image({**session, **part, "image": picture}), return_tensors="np")
        row["grid"] = [int(n) for n in seen["image_grid_thw"][0]]
        if row["grid"][1] * row["grid"][2] <= LARGEST:
            row["sha256"] = hashlib.sha256(seen["pixel_values"].astype("<f4").tobytes()).hexdigest()
    except (ValueError, ZeroDivisionError) as raised:
        row["raises"] = type(raised).__name__
    return row


# ---- prompts ---------------------------------------------------------------------------------------------------------

V, P, E, F = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>"
A, B = ALPHA, "golden/llava/images/49x61.png"
QWEN = [
    (f"{V}{P}{E}a", [A]),
    (f"{P}a", [A]),
    (f"b{P}{E}a", [B]),
    (f"{V}{P}{P}{E}a", [A, B]),
    (f"{P}x{V}{P}{E}a", [A, B]),
    (f"{V}{P}{E}x{P}y{V}{P}{E}a", [B, A, B]),
    (f"{P}{P}{V}{P}", [A, B, A]),
    (f"{V}x{P}{E}a", [A]),
    (f"{V}{V}{P}{E}a", [A]),
    (f"{V}a{E}{V}{P}{E}a", [A]),
    (f"{E}{P}{V}b", [A]),
    (f"{V}{P}{E}a{F}{E}", [A]),
    (f"{V}{P}{E}a{V}", [A]),
    (f"{V}{P}{E}{V}{F}{E}a", [A]),
    (f"{V}{F}{E}{V}{P}{E}a", [A]),
    (f"{V}{P}{E}a<|placeholder|>b", [A]),
    (f"{V}{P}{E}a{V}{P}", [A]),
    (f"{V}{P}{E}a", [A, B]),
    (f"a{V}", []),
    (f"a<|placeholder|>{V}{F}", []),
]
LLAVA = [
    ("<image>a", [WIDE]),
    ("a<image>b<image>", [WIDE, SMALL]),
    ("<image><image>a", [WIDE]),
    ("<image>a", [WIDE, SMALL]),
    ("a", [WIDE]),
    ("<image>a<placeholder>b", [WIDE]),
    ("<image>a<video>b", [WIDE]),
    ("a<placeholder><video>", []),
]


def prompts_row(folder, model, processor, prompt, pictures):
    row = {"model": folder, "prompt": prompt, "pictures": pictures}
    llava = isinstance(model, LlavaOnevisionForConditionalGeneration)
    images = [Image.open(ROOT / p).convert("RGB") if llava else fetch_image({"image": p}) for p in pictures]
    try:
        batch = processor(text=[prompt], images=images or None, return_tensors="pt")
        row["ids"] = batch["input_ids"][0].tolist()
        if not llava:
            grids = batch.get("image_grid_thw")
            positions, _ = model.get_rope_index(batch["input_ids"], grids, attention_mask=batch["attention_mask"])
            row["positions"] = positions[:, 0].tolist()
        with torch.no_grad():
            model(**batch)
    except Exception as raised:
        row = {**{k: row[k] for k in ("model", "prompt", "pictures")}, "raises": type(raised).__name__}
    return row


def prompts():
    for folder, kind, processor, cases in [
        ("report-qwen2-vl", Qwen2VLForConditionalGeneration, Qwen2VLProcessor, QWEN),
        ("qwen2.5-vl", Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor, QWEN),
        ("report-llava", LlavaOnevisionForConditionalGeneration, LlavaOnevisionProcessor, LLAVA),
    ]:
        path = ROOT / MODELS / folder
        model = kind.from_pretrained(path, attn_implementation="eager", torch_dtype=torch.float32)
        tokenizer = Qwen2TokenizerFast.from_pretrained(path)
        if kind is LlavaOnevisionForConditionalGeneration:
            facts = json.loads((path / "processor_config.json").read_text())
            known = {k: facts[k] for k in ("num_image_tokens", "vision_feature_select_strategy") if k in facts}
            made = processor(LlavaOnevisionImageProcessor.from_pretrained(path), tokenizer, LlavaOnevisionVideoProcessor(), **known)
        else:
            made = processor(Qwen2VLImageProcessor.from_pretrained(path), tokenizer)
        for case in cases:
            yield prompts_row(folder, model, made, *case)


def write(path, rows):
    path.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "golden/requests")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    write(out / "bounds.json", [bounds_row(*c, WIDE, "report-qwen2-vl") for c in BOUNDS]
          + [bounds_row(*c, ALPHA, "qwen2.5-vl") for c in BOUNDS])
    write(out / "prompts.json", prompts())


if __name__ == "__main__":
    main()
