"""Qwen2-VL and Qwen2.5-VL: tiny checkpoints and their goldens, by the unmodified modules of transformers 4.51.3.

    golden/models/qwen2-vl*, qwen2.5-vl*   ordinary Hugging Face folders, random weights, true structure
    golden/qwen_vl/                        cases.json, f32_errors.json, and for each case what golden/STAGES.md lists

    python -m tools.oracle.qwen_vl [--only NAME]

qwen_vl_utils 0.0.11 imports torchvision, so its two functions that matter (to_rgb, smart_resize) are written out here.
"""
import argparse
import math
import os
import re

import numpy as np
import torch
from PIL import Image
from tokenizers import AddedToken
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
)

from .. import qwen2_tokenizer
from . import fixtures, forward, generate, images, rounding
from .exact_mode import Exact, Truth, inv_freq
from .rounding import NAMES

ADDED = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]

OUTPUTS = re.compile(
    r"(visual\.patch_embed|visual\.blocks\.\d+(\.norm[12]|\.attn\.(qkv|proj)"
    r"|\.mlp\.(fc1|act|fc2|gate_proj|act_fn|up_proj|down_proj))?"
    r"|visual\.merger(\.ln_q|\.mlp\.[01])?|visual"
    r"|model\.layers\.\d+(\.(input|post_attention)_layernorm|\.self_attn\.[qkvo]_proj|\.mlp\.((gate|up|down)_proj|act_fn))?"
    r"|model\.norm)$"
)
INPUTS = re.compile(r"(visual\.blocks\.\d+\.(attn\.proj|mlp\.down_proj)|model\.layers\.\d+\.(self_attn\.o_proj|mlp\.down_proj))$")


# ---- checkpoints -----------------------------------------------------------------------------------------------------


def tower_tensors(v, c, windows):
    E = c["hidden_size"] if windows else c["embed_dim"]
    M = c["intermediate_size"] if windows else int(E * c["mlp_ratio"])
    D = c["out_hidden_size"] if windows else c["hidden_size"]
    v.put("visual.patch_embed.proj.weight", E, 3, 2, 14, 14, scale=1.5 * 1176**-0.5)
    for i in range(c["depth"]):
        p = f"visual.blocks.{i}."
        v.norm(p + "norm1", E, bias=not windows)
        v.norm(p + "norm2", E, bias=not windows)
        v.linear(p + "attn.qkv", 3 * E, E, scale=1.6)
        v.linear(p + "attn.proj", E, E)
        for name, n_out, n_in in (
            (("mlp.gate_proj", M, E), ("mlp.up_proj", M, E), ("mlp.down_proj", E, M)) if windows else (("mlp.fc1", M, E), ("mlp.fc2", E, M))
        ):
            v.linear(p + name, n_out, n_in)
    v.norm("visual.merger.ln_q", E, bias=not windows)
    v.linear("visual.merger.mlp.0", 4 * E, 4 * E)
    v.linear("visual.merger.mlp.2", D, 4 * E)


def tokenizer():
    tok = fixtures.tokenizer()
    bare = fixtures.Tokenizer.from_str(re.sub(r'"added_tokens":\s*\[.*?\]', '"added_tokens":[]', tok.to_str(), flags=re.S))
    bare.add_tokens([AddedToken(t, special=True, normalized=False) for t in ADDED])
    return bare


def make(root, name, seed, dtype, windows, text, vision, section, layout="hf451", big_k=False, bounds=(3136, 12845056), shards=1):
    folder = f"{root}/{name}"
    os.makedirs(folder, exist_ok=True)
    tok = tokenizer()
    text = fixtures.text_config(**text)
    for key in ("architectures", "model_type"):
        text.pop(key)
    config = dict(
        text, architectures=["Qwen2_5_VLForConditionalGeneration" if windows else "Qwen2VLForConditionalGeneration"],
        model_type="qwen2_5_vl" if windows else "qwen2_vl", torch_dtype=fixtures.TORCH_NAMES[dtype],
        image_token_id=tok.token_to_id("<|image_pad|>"), video_token_id=tok.token_to_id("<|video_pad|>"),
        vision_start_token_id=tok.token_to_id("<|vision_start|>"), vision_end_token_id=tok.token_to_id("<|vision_end|>"),
        rope_scaling=dict(type="mrope", mrope_section=section), vision_config=vision,
    )
    fixtures.write_json(f"{folder}/config.json", config)
    v = fixtures.Values(seed, dtype)
    tower_tensors(v, vision, windows)
    fixtures.decoder_tensors(v, text, "model.", "lm_head")
    if big_k:  # scores beyond -16, where the f16 mask overflows
        for k in v.tensors:
            if k.endswith("k_proj.bias"):
                v.tensors[k] *= 40
    tensors = v.tensors
    if layout == "hf452":
        tensors = {k.replace("visual.", "model.visual.", 1) if k.startswith("visual.") else
                   k.replace("model.", "model.language_model.", 1) if k.startswith("model.") else k: t for k, t in tensors.items()}
    fixtures.save(folder, tensors, shards)
    fixtures.write_tokenizer(folder, tok, "json", ADDED)
    fixtures.write_json(f"{folder}/chat_template.json", dict(chat_template=qwen2_tokenizer.TEMPLATES["qwen"]))
    processor = dict(
        do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True, image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711], image_processor_type="Qwen2VLImageProcessor", merge_size=2, patch_size=14,
        temporal_patch_size=2, resample=3, rescale_factor=0.00392156862745098,
    )
    if bounds:
        processor.update(min_pixels=bounds[0], max_pixels=bounds[1])
    fixtures.write_json(f"{folder}/preprocessor_config.json", processor)


def vision_2(**over):
    return dict(depth=2, embed_dim=24, hidden_size=48, mlp_ratio=4, num_heads=3, in_channels=3, patch_size=14, spatial_merge_size=2,
                temporal_patch_size=2, hidden_act="quick_gelu", model_type="qwen2_vl") | over


def vision_2_5(**over):
    return dict(depth=3, hidden_size=40, intermediate_size=36, out_hidden_size=48, num_heads=2, in_channels=3, patch_size=14,
                spatial_merge_size=2, temporal_patch_size=2, hidden_act="silu", window_size=112, fullatt_block_indexes=[1],
                tokens_per_second=2, model_type="qwen2_5_vl") | over


SMALL = dict(hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2)  # d 12
WIDE = dict(hidden_size=256, intermediate_size=72, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1)  # d 128


def all_models(root):
    make(root, "qwen2-vl", 31, "f32", False, dict(SMALL, tie_word_embeddings=True), vision_2(), [2, 2, 2])
    make(root, "qwen2.5-vl", 32, "f32", True, SMALL, vision_2_5(), [2, 2, 2])
    # Heads of 80 in the tower and 128 in the decoder, theta 1e6, the real sections; the newer key layout; shards.
    make(root, "qwen2-vl-d128", 33, "bf16", False, WIDE, vision_2(embed_dim=80, num_heads=1, hidden_size=256, mlp_ratio=2), [16, 24, 24], layout="hf452")
    make(root, "qwen2.5-vl-d128", 34, "bf16", True, dict(WIDE, tie_word_embeddings=True, sliding_window=40),
         vision_2_5(hidden_size=80, num_heads=1, intermediate_size=100, out_hidden_size=256, depth=2), [16, 24, 24], shards=2)
    # f16 with large k biases; a processor file without bounds, so that the class's own maximum makes a second resize.
    make(root, "qwen2-vl-bigk", 35, "f16", False, SMALL, vision_2(), [2, 2, 2], big_k=True, bounds=None)
    make(root, "qwen2.5-vl-bigk", 36, "f16", True, SMALL, vision_2_5(), [2, 2, 2], big_k=True)


# ---- qwen_vl_utils 0.0.11 --------------------------------------------------------------------------------------------


def to_rgb(picture):
    if picture.mode == "RGBA":
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(picture, mask=picture.split()[3])
        return white
    return picture.convert("RGB")


def smart_resize(h, w, low, high, factor=28):
    if max(h, w) / min(h, w) > 200:
        raise ValueError("aspect ratio")
    H, W = max(factor, round(h / factor) * factor), max(factor, round(w / factor) * factor)
    if H * W > high:
        beta = math.sqrt(h * w / high)
        return math.floor(h / beta / factor) * factor, math.floor(w / beta / factor) * factor
    if H * W < low:
        beta = math.sqrt(low / (h * w))
        return math.ceil(h * beta / factor) * factor, math.ceil(w * beta / factor) * factor
    return H, W


def fetch(path, bounds):
    picture = to_rgb(Image.open(path))
    H, W = smart_resize(picture.height, picture.width, bounds.get("min_pixels", 4 * 28 * 28), bounds.get("max_pixels", 16384 * 28 * 28))
    return picture.resize((W, H))


# ---- one forward -----------------------------------------------------------------------------------------------------


class Folder:
    def __init__(self, path):
        raw = forward.read_json(f"{path}/config.json")
        self.windows = raw["architectures"][0] == "Qwen2_5_VLForConditionalGeneration"
        self.config = (Qwen2_5_VLConfig if self.windows else Qwen2VLConfig)(**raw)
        self.tokenizer = Qwen2TokenizerFast.from_pretrained(path)
        self.path = path
        old = lambda k: k.replace("model.visual.", "visual.", 1).replace("model.language_model.", "model.", 1)
        self.tensors = {old(k): t for k, t in forward.read_tensors(path).items()}

    def processor(self, bounds):
        pictures = Qwen2VLImageProcessor.from_pretrained(self.path, **bounds)
        template = forward.read_json(f"{self.path}/chat_template.json")["chat_template"]
        cls = Qwen2_5_VLProcessor if self.windows else Qwen2VLProcessor
        return cls(image_processor=pictures, tokenizer=self.tokenizer, chat_template=template)

    def model(self, dtype):
        cls = Qwen2_5_VLForConditionalGeneration if self.windows else Qwen2VLForConditionalGeneration
        with torch.device("meta"):
            m = cls._from_config(self.config, attn_implementation="eager", torch_dtype=dtype)
        missing, extra = m.load_state_dict({k: t.to(dtype) for k, t in self.tensors.items()}, strict=False, assign=True)
        assert not extra and missing == (["lm_head.weight"] if self.config.tie_word_embeddings else []), (missing, extra)
        if self.config.tie_word_embeddings:
            m.lm_head.weight = m.model.embed_tokens.weight
        c, v = self.config, self.config.vision_config
        wide = (lambda f: f.double()) if dtype == torch.float64 else (lambda f: f)
        for name, module in m.model.named_modules():  # each attention holds a copy of the rotary module that nobody calls
            if name.endswith("rotary_emb"):
                module.inv_freq = wide(inv_freq(c.hidden_size // c.num_attention_heads, c.rope_theta))
        E = v.hidden_size if self.windows else v.embed_dim
        m.visual.rotary_pos_emb.inv_freq = wide(inv_freq(E // v.num_heads // 2, 10000.0))
        assert not any(t.is_meta for t in list(m.parameters()) + list(m.buffers()) if t is not None), "left on meta"
        return m.eval()


def run(folder, inputs, kind, dtype="f32", want=None, widen_whole=True):
    """-> (stages {name: tensor} in execution order, mode). want: which stages to keep. widen_whole=False, for large models: the
    f64 kind keeps the weights in float32 and widens one op at a time, and the head runs on the last token alone."""
    R = {"exact": NAMES[dtype], "f64": torch.float64, "f32": torch.float32}[kind]
    model = folder.model(R if widen_whole else torch.float32)
    mode = {"exact": Exact, "f64": Truth, "f32": None}[kind]
    mode = mode() if mode else None
    stages = {}
    one = lambda t: t[0] if isinstance(t, tuple) else t

    def keep(name, x):
        if want is not None and not want(name):
            return
        x = x.to(R) if name == "inputs_embeds" else x
        assert x.dtype == R, (name, x.dtype)
        x = x.detach()
        stages[name] = (x[0] if x.dim() == 3 and not name.startswith("visual") else x).contiguous().clone()

    for name, module in model.named_modules():
        if INPUTS.match(name):
            module.register_forward_pre_hook(lambda m, a, n=name: keep(n + ".input", a[0]))
        if OUTPUTS.match(name):
            module.register_forward_hook(lambda m, a, o, n=name: keep(n + ".output", one(o)))
    if not widen_whole:
        model.lm_head.register_forward_pre_hook(lambda m, a: (a[0][:, -1:],))
    model.lm_head.register_forward_hook(lambda m, a, o: keep("lm_head.output", o[:, -1:]))
    model.model.register_forward_pre_hook(lambda m, a, k: keep("inputs_embeds", k["inputs_embeds"]), with_kwargs=True)
    ids, mask = inputs["input_ids"], torch.ones_like(inputs["input_ids"])
    positions, _ = model.get_rope_index(ids, inputs.get("image_grid_thw"), attention_mask=mask)
    stages["input_ids"] = ids[0].clone()
    stages["position_ids"] = positions[:, 0].contiguous().clone()
    if "pixel_values" in inputs:
        stages["image_grid_thw"] = inputs["image_grid_thw"].clone()
        stages["pixel_values"] = inputs["pixel_values"].clone()
    args = dict(inputs, attention_mask=mask, position_ids=positions, use_cache=False)
    with torch.no_grad():
        if mode is None:
            model(**args)
        else:
            with mode:
                model(**args)
    H, L = folder.config.num_attention_heads, folder.config.num_hidden_layers
    stages["sav.tap"] = torch.stack([stages[f"model.layers.{j}.self_attn.o_proj.input"][-1].view(H, -1) for j in range(L)]).contiguous()
    return stages, mode


# ---- cases -----------------------------------------------------------------------------------------------------------

PICTURES = {
    "140x196.png": (140, 196, 201), "112x112.png": (112, 112, 202), "28x560.png": (28, 560, 203), "20x30.png": (20, 30, 204),
    "300x400.jpg": (300, 400, 205), "224x224.jpg": (224, 224, 206), "61x97.jpg": (61, 97, 207),
}
RGBA = "60x90-rgba.png"
FEW = {"input_ids", "position_ids", "image_grid_thw", "sav.tap"}
# What windows, their inverse and M-RoPE move: kept of the truth where a case has digests of all else (every stage: 20x30, text).
WINDOWED = r"visual\.blocks\.\d+\.attn\.proj\.input|visual\.output|model\.layers\.\d+\.(self_attn\.o_proj\.input|output)"


def said(text, *pictures, system=None):
    out = [dict(role="system", content=[dict(type="text", text=system)])] if system else []
    return out + [dict(role="user", content=[dict(type="image", image=f"images/{p}") for p in pictures] + [dict(type="text", text=text)])]


def cases():
    out = []

    def add(name, model, messages, dtype="f32", stored="sha256", **more):
        kinds = ["exact", "f64"] if dtype == "f32" else ["exact"]
        out.append(dict(generate.case(f"qwen_vl/{name}", model, messages, None, dtype, kinds, stored), **more))

    around = [dict(role="user", content=[dict(type="text", text="First "), dict(type="image", image="images/140x196.png"),
              dict(type="text", text=" and then "), dict(type="image", image="images/112x112.png"), dict(type="text", text=", 你好?")])]
    for v, small, wide, bigk in (("v2", "qwen2-vl", "qwen2-vl-d128", "qwen2-vl-bigk"), ("v25", "qwen2.5-vl", "qwen2.5-vl-d128", "qwen2.5-vl-bigk")):
        add(f"{v}-140x196", small, said(generate.QUESTION, "140x196.png"), truth=WINDOWED)
        add(f"{v}-text", small, said("How many shapes are there?"), stored="all")
        add(f"{v}-around", small, around)
        add(f"{v}-cjk", small, said(generate.CJK, "61x97.jpg"))
        add(f"{v}-28x560", small, said(generate.QUESTION, "28x560.png"))
        add(f"{v}-20x30", small, said(generate.QUESTION, "20x30.png"), stored="all")
        add(f"{v}-rgba", small, said(generate.QUESTION, RGBA, system="Answer briefly."))
        add(f"{v}-max", small, said(generate.QUESTION, "300x400.jpg"), max_pixels=50176)
        add(f"{v}-min", small, said(generate.QUESTION, "61x97.jpg"), min_pixels=40000)
        add(f"{v}-224x224", small, said(generate.QUESTION, "224x224.jpg"))
        add(f"{v}-d128", wide, said(generate.QUESTION, "140x196.png"))
        add(f"{v}-d128-bf16", wide, said(generate.QUESTION, "140x196.png"), "bf16")
        add(f"{v}-140x196-bf16", small, said(generate.QUESTION, "140x196.png"), "bf16")
        add(f"{v}-bigk-f16", bigk, said(generate.QUESTION, "140x196.png"), "f16")
        add(f"{v}-bigk", bigk, said(generate.QUESTION, "140x196.png", "112x112.png"))
    return out


def run_case(root, c, folder):
    bounds = {k: c[k] for k in ("min_pixels", "max_pixels") if k in c}
    processor = folder.processor(bounds)
    prompt = processor.apply_chat_template(c["messages"], add_generation_prompt=True)
    paths = [f"{root}/qwen_vl/{p['image']}" for m in c["messages"] for p in m["content"] if p["type"] == "image"]
    inputs = processor(text=[prompt], images=[fetch(p, bounds) for p in paths] or None, return_tensors="pt")
    inputs = {k: v for k, v in inputs.items() if k != "attention_mask"}
    base = f"{root}/{c['name']}"
    with open(f"{base}.prompt.txt", "w", encoding="utf-8", newline="") as f:
        f.write(prompt)
    fixtures.write_json(f"{base}.messages.json", c["messages"])
    exact, mode = run(folder, inputs, "exact", c["dtype"])
    keep = set(exact) if c["stored"] == "all" else FEW
    generate.write_stages(f"{base}.exact.safetensors", exact, "exact", c["dtype"], keep)
    generate.write_digests(f"{base}.exact.sha256", exact)
    print(f"{c['name']:28} T={len(exact['input_ids']):4} in order {mode.stats['matmul_in_order']} of {mode.stats['matmul_outputs']}", flush=True)
    if "f64" not in c["kinds"]:
        return None
    truth, _ = run(folder, inputs, "f64")
    native, _ = run(folder, inputs, "f32")
    assert list(truth) == list(exact) == list(native)
    keep = keep | {k for k in truth if re.fullmatch(c.get("truth", ""), k)}
    generate.write_stages(f"{base}.f64.safetensors", truth, "f64", "f64", keep)
    return {k: generate.rel_l2(native[k], truth[k]) for k in truth if truth[k].dtype == torch.float64}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", default="golden")
    p.add_argument("--only", help="cases whose name contains this")
    a = p.parse_args()
    torch.set_num_threads(1)
    rounding.self_test()
    root = a.golden
    os.makedirs(f"{root}/qwen_vl/images", exist_ok=True)
    table = f"{root}/qwen_vl/f32_errors.json"
    errors = forward.read_json(table) if a.only and os.path.exists(table) else {}
    if not a.only:
        all_models(f"{root}/models")
        for file, (h, w, seed) in PICTURES.items():
            images.write(f"{root}/qwen_vl/images/{file}", h, w, seed)
        colour, alpha = (np.random.Generator(np.random.PCG64(s)).integers(0, 256, (60, 90, n), dtype=np.uint8) for s, n in ((208, 3), (209, 1)))
        Image.fromarray(np.concatenate([colour, alpha], 2)).save(f"{root}/qwen_vl/images/{RGBA}")
    for c in cases():
        if a.only and a.only not in c["name"]:
            continue
        got = run_case(root, c, Folder(f"{root}/{c['model']}"))
        if got:
            errors[c["name"]] = {k: float(f"{v:.3e}") for k, v in got.items()}
    fixtures.write_json(table, errors)
    rows = [dict(c, messages=f"{c['name']}.messages.json") for c in cases()]
    fixtures.write_json(f"{root}/qwen_vl/cases.json", rows)


if __name__ == "__main__":
    main()
