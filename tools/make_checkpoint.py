"""A deterministic random checkpoint with the true structure and full width, written by streaming.

    python tools/make_checkpoint.py --like llava-onevision-0.5b --out DIR [--layers N]

DIR becomes a Hugging Face folder (names of transformers up to 4.51, one BF16 model.safetensors; 1.8 GB whole): a decoder of
24 layers, D 896, H 14, G 2, F 4864, V 152000, tied head; a SigLIP tower of 26 layers, width 1152, 16 heads, tile 384.
--layers N keeps the first N of both. Memory stays small: a tensor is made and written a block at a time.

Every value can be made alone, by its tensor's name and its place (flat index i, row-major), from integers:

    seed = first 8 bytes of SHA-256(name), little-endian
    z = mix(seed + (i + 1) · 0x9E3779B97F4A7C15)           mod 2^64; mix is SplitMix64's finaliser
    n = sum of z's four 16-bit digits − 131070             mean 0, standard deviation 65536 / sqrt(3)
    value = bf16(centre + std · sqrt(3)/65536 · n)         in float32: one product, one sum, then nearest even

so n is nearly normal (|n| at most 3.5 deviations), and no generator's state or library version enters. Only NumPy is needed.
"""
import argparse
import hashlib
import json
import math
import os
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import qwen2_tokenizer  # noqa: E402

BLOCK = 1 << 20
KINDS = {
    "llava-onevision-0.5b": dict(
        text=dict(D=896, F=4864, H=14, G=2, L=24, V=152000), vision=dict(C=1152, F=4304, heads=16, L=26, tile=384)
    ),
}


def digits(name, start, count):
    """n of the docstring for flat indices start … start + count − 1, as int64."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    with np.errstate(over="ignore"):
        z = np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return z.view(np.uint16).reshape(-1, 4).sum(axis=1, dtype=np.int64) - 131070


def bf16(x):
    """float32 -> the upper 16 bits, nearest even; finite values only."""
    bits = x.view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype("<u2")


def values(name, start, count, std, centre):
    step = np.float32(std * math.sqrt(3) / 65536)
    return bf16(np.float32(centre) + step * digits(name, start, count).astype(np.float32))


def tensors(kind, layers=None):
    """[(name, shape, std, centre)] in the order of the file."""
    t, v = kind["text"], kind["vision"]
    D, F, d = t["D"], t["F"], t["D"] // t["H"]
    C, g = v["C"], v["tile"] // 14
    rows = []

    def put(name, *shape, std, centre=0.0):
        rows.append((name, shape, std, centre))

    def linear(name, n_out, n_in, bias=True, gain=1.0):
        put(name + ".weight", n_out, n_in, std=gain / math.sqrt(n_in))
        if bias:
            put(name + ".bias", n_out, std=0.1)

    def norm(name, n, bias=False):
        put(name + ".weight", n, std=0.2, centre=1.0)
        if bias:
            put(name + ".bias", n, std=0.1)

    put("image_newline", D, std=0.5)
    p = "language_model.model."
    put(p + "embed_tokens.weight", t["V"], D, std=0.5)
    for j in range(min(layers or t["L"], t["L"])):
        q = f"{p}layers.{j}."
        norm(q + "input_layernorm", D)
        linear(q + "self_attn.q_proj", t["H"] * d, D, gain=1.5)
        linear(q + "self_attn.k_proj", t["G"] * d, D, gain=1.5)
        linear(q + "self_attn.v_proj", t["G"] * d, D)
        linear(q + "self_attn.o_proj", D, t["H"] * d, bias=False, gain=0.7)
        norm(q + "post_attention_layernorm", D)
        linear(q + "mlp.gate_proj", F, D, bias=False)
        linear(q + "mlp.up_proj", F, D, bias=False)
        linear(q + "mlp.down_proj", D, F, bias=False, gain=0.7)
    norm(p + "norm", D)
    linear("multi_modal_projector.linear_1", D, C)
    linear("multi_modal_projector.linear_2", D, D)
    p = "vision_tower.vision_model."
    put(p + "embeddings.patch_embedding.weight", C, 3, 14, 14, std=1 / math.sqrt(588))
    put(p + "embeddings.patch_embedding.bias", C, std=0.1)
    put(p + "embeddings.position_embedding.weight", g * g, C, std=0.5)
    for i in range(min(layers or v["L"], v["L"])):
        q = f"{p}encoder.layers.{i}."
        norm(q + "layer_norm1", C, bias=True)
        for name in ("k_proj", "v_proj", "q_proj"):
            linear(q + "self_attn." + name, C, C)
        linear(q + "self_attn.out_proj", C, C, gain=0.7)
        norm(q + "layer_norm2", C, bias=True)
        linear(q + "mlp.fc1", v["F"], C)
        linear(q + "mlp.fc2", C, v["F"], gain=0.7)
    norm(p + "post_layernorm", C, bias=True)
    return rows


def write_weights(path, rows):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _, _ in rows:
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape, std, centre in rows:
            count = math.prod(shape)
            for i in range(0, count, BLOCK):
                f.write(values(name, i, min(BLOCK, count - i), std, centre).tobytes())
    os.replace(path + ".part", path)
    return at


def configs(kind, layers):
    t, v = kind["text"], kind["vision"]
    n, m = (min(layers or x["L"], x["L"]) for x in (t, v))
    grid = [[v["tile"] * i, v["tile"] * j] for i in range(1, 7) for j in range(1, 7)]
    text = dict(
        attention_dropout=0.0, hidden_act="silu", hidden_size=t["D"], intermediate_size=t["F"], max_position_embeddings=32768,
        max_window_layers=24, model_type="qwen2", num_attention_heads=t["H"], num_hidden_layers=n, num_key_value_heads=t["G"],
        rms_norm_eps=1e-6, rope_theta=1000000.0, sliding_window=32768, tie_word_embeddings=True, torch_dtype="bfloat16",
        use_cache=True, use_sliding_window=False, vocab_size=t["V"],
    )
    vision = dict(
        hidden_act="gelu_pytorch_tanh", hidden_size=v["C"], image_size=v["tile"], intermediate_size=v["F"], layer_norm_eps=1e-6,
        model_type="siglip_vision_model", num_attention_heads=v["heads"], num_channels=3, num_hidden_layers=m, patch_size=14,
        vision_use_head=False,
    )
    return {
        "config.json": dict(
            architectures=["LlavaOnevisionForConditionalGeneration"], image_grid_pinpoints=grid, image_token_index=151646,
            model_type="llava_onevision", multimodal_projector_bias=True, projector_hidden_act="gelu", text_config=text,
            tie_word_embeddings=False, torch_dtype="bfloat16", video_token_index=151647, vision_aspect_ratio="anyres_max_9",
            vision_config=vision, vision_feature_layer=-1, vision_feature_select_strategy="full",
        ),
        "preprocessor_config.json": dict(
            do_convert_rgb=True, do_normalize=True, do_pad=True, do_rescale=True, do_resize=True, image_grid_pinpoints=grid,
            image_mean=[0.5] * 3, image_processor_type="LlavaOnevisionImageProcessor", image_std=[0.5] * 3,
            processor_class="LlavaOnevisionProcessor", resample=3, rescale_factor=0.00392156862745098,
            size=dict(height=v["tile"], width=v["tile"]),
        ),
        "processor_config.json": dict(
            image_token="<image>", num_image_tokens=(v["tile"] // 14) ** 2, processor_class="LlavaOnevisionProcessor",
            video_token="<video>", vision_feature_select_strategy="full",
        ),
        "chat_template.json": dict(chat_template=qwen2_tokenizer.TEMPLATES["hf"]),
    }


def make(out, like="llava-onevision-0.5b", layers=None):
    """Writes the folder; leaves the weights alone when they stand there whole already. -> bytes of weights."""
    kind = KINDS[like]
    os.makedirs(out, exist_ok=True)
    for file, value in configs(kind, layers).items():
        with open(f"{out}/{file}", "w", encoding="utf-8") as f:
            json.dump(value, f, indent=1)
            f.write("\n")
    qwen2_tokenizer.write(out, "llava-onevision", "vocab")
    rows = tensors(kind, layers)
    size = sum(2 * math.prod(shape) for _, shape, _, _ in rows)
    path = f"{out}/model.safetensors"
    whole = os.path.exists(path) and 0 <= os.path.getsize(path) - size < 1 << 20
    return size if whole else write_weights(path, rows)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--like", choices=sorted(KINDS), default="llava-onevision-0.5b")
    p.add_argument("--layers", type=int, help="only the first N layers of decoder and tower")
    p.add_argument("--out", required=True)
    a = p.parse_args()
    print(f"{a.out}: {make(a.out, a.like, a.layers) / 1e9:.2f} GB of weights")


if __name__ == "__main__":
    main()
