"""golden/hooks/: what tools/dump_hooks.py writes of a small model, as it is and with one mistake put into it.

    python tools/golden/hooks_golden.py [CASE...]

    a golden's ids and pixels -> the modules of transformers, one of them changed -> golden/hooks/CASE.safetensors

tests/cli/hooks.sh says what `savs diff` must make of each. The cases whose names begin with v5 need transformers 5 (they are
from 5.24.0) and stay as they are under 4.51.3; the others the other way round.
"""
import hashlib
import os
import runpy
import subprocess
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

LLAVA, QWEN = ("models/t70", "llava/t70-49x61"), ("models/qwen2.5-vl", "qwen_vl/v25-20x30")
TOWER = "visual.blocks.?.output visual.merger.mlp.1.output visual.output inputs_embeds"
FIRST = "model.layers.0.self_attn.v_proj.output model.layers.0.self_attn.o_proj.input"
NORM = "model.layers.0.self_attn.o_proj.output model.layers.0.post_attention_layernorm.output model.layers.0.mlp.up_proj.output"
# name: folder and golden, dtype, attention, stages
CASES = {
    "eager": (QWEN, "float32", "eager", "visual.patch_embed.output position_ids model.layers.[02].self_attn.o_proj.input "
              f"model.layers.?.output model.norm.output lm_head.output {TOWER}"),
    "sdpa": (QWEN, "float32", "sdpa", "visual.blocks.?.attn.proj.input model.layers.?.self_attn.o_proj.input"),
    "bf16": (QWEN, "bfloat16", "eager", "visual.patch_embed.output visual.blocks.?.output model.layers.?.output"),
    "bf16-sdpa": (QWEN, "bfloat16", "sdpa", "visual.patch_embed.output visual.blocks.?.output model.layers.?.output"),
    "gelu-tanh": (QWEN, "float32", "eager", "visual.blocks.2.output visual.merger.*"),
    "window-order": ((QWEN[0], "qwen_vl/v25-140x196"), "float32", "eager", "visual.merger.output visual.output"),
    "kv-order": (QWEN, "float32", "eager", f"inputs_embeds {FIRST} model.layers.0.output"),
    "mrope-swapped": (QWEN, "float32", "eager", FIRST),
    "mrope-swapped-positions": (QWEN, "float32", "eager", f"position_ids {FIRST}"),
    "eps": (QWEN, "float32", "eager", NORM),
    "theta": (QWEN, "float32", "eager", FIRST),
    "rope-pairs": (QWEN, "float32", "eager", "visual.blocks.0.attn.qkv.output visual.blocks.0.attn.proj.input"),
    "llava-gelu-tanh": (LLAVA, "float32", "eager", "multi_modal_projector.linear_1.output multi_modal_projector.act.output"),
    "llava-newline": (LLAVA, "float32", "eager", "multi_modal_projector.linear_2.output inputs_embeds"),
    "v5-qwen": (QWEN, "float32", "eager", "*visual.blocks.?.output *visual.output *layers.?.output *norm.output"),
    "v5-llava": (LLAVA, "float32", "eager", "*vision_tower*layers.?.output *projector.* *language_model.layers.?.output"),
}


def swap_axes(model):
    of_model = model.get_rope_index

    def swapped(*args, **kwargs):
        positions, deltas = of_model(*args, **kwargs)
        return positions[[0, 2, 1]], deltas  # time, width, height

    model.get_rope_index = swapped


def mistake(name, model):
    from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

    if name == "gelu-tanh":  # PyTorch's nn.GELU is erf
        model.visual.merger.mlp[1] = torch.nn.GELU(approximate="tanh")
    elif name == "llava-gelu-tanh":
        model.multi_modal_projector.act = torch.nn.GELU(approximate="tanh")
    elif name == "llava-newline":  # the rows' ends left as they are initialised
        model.image_newline.data.zero_()
    elif name == "window-order":  # the inverse of the window order forgotten
        torch.argsort = lambda index, **_: torch.arange(len(index))
    elif name == "kv-order":  # 0 1 0 1 for 0 0 1 1
        qwen.repeat_kv = lambda states, times: states.repeat(1, times, 1, 1)
    elif name.startswith("mrope-swapped"):
        swap_axes(model)
    elif name == "eps":
        for layer in model.model.layers:
            layer.post_attention_layernorm.variance_epsilon = 1e-3
    elif name == "theta":  # 10,000 for 1,000,000
        d = 2 * len(model.model.rotary_emb.inv_freq)
        model.model.rotary_emb.inv_freq = 10000.0 ** -(torch.arange(0, d, 2) / d)
    elif name == "rope-pairs":  # neighbours for halves
        qwen.rotate_half = lambda x: torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)
    return model


def inputs_of(case, path):
    """The case's ids and pixels, from its golden; where that holds digests only, pixels of the processor, checked with them."""
    (folder, golden), *_ = CASES[case]
    tensors = load_file(f"golden/{golden}.exact.safetensors")
    if "pixel_values" not in tensors:
        from PIL import Image

        picture = Image.open(f"golden/qwen_vl/images/{golden.rsplit('-', 1)[1]}.png")
        processor = transformers.AutoImageProcessor.from_pretrained(f"golden/{folder}", use_fast=False)
        pixels = processor(images=[picture], return_tensors="pt")["pixel_values"]
        line = hashlib.sha256(pixels.numpy().tobytes()).hexdigest() + "  pixel_values\n"
        with open(f"golden/{golden}.exact.sha256", encoding="ascii") as f:
            assert line in f.readlines(), case
        tensors["pixel_values"] = pixels
    save_file(tensors, path)


def run(case):
    (folder, _), dtype, attention, stages = CASES[case]
    load = transformers.AutoModelForImageTextToText.from_pretrained

    def changed(*args, **kwargs):
        return mistake(case, load(*args, **dict(kwargs, attn_implementation=attention)))

    transformers.AutoModelForImageTextToText.from_pretrained = changed
    with tempfile.TemporaryDirectory() as scratch:
        inputs_of(case, f"{scratch}/inputs.safetensors")
        out = f"golden/hooks/{case}.safetensors"
        sys.argv = ["tools/dump_hooks.py", f"golden/{folder}", f"{scratch}/inputs.safetensors", out, dtype, *stages.split()]
        runpy.run_path(sys.argv[0], run_name="__main__")
        os.chmod(out, 0o644)


def main():
    os.makedirs("golden/hooks", exist_ok=True)
    if sys.argv[1:2] == ["--one"]:
        return run(sys.argv[2])
    for case in sys.argv[1:] or CASES:  # a process each: the mistakes change modules for good
        if case.startswith("v5") == transformers.__version__.startswith("5."):
            subprocess.run([sys.executable, *sys.orig_argv[1:-len(sys.argv[1:]) or None], "--one", case], check=True)


if __name__ == "__main__":
    main()
