"""A deterministic random checkpoint with the structure and the full size of a released model, written by streaming.

    python tools/make_checkpoint.py --like qwen2.5-vl-7b --out DIR [--layers N] [--vision-layers N] [--seed S] [--sparse]
    python tools/make_checkpoint.py --check [--savs build/savs]      the maker's own test (make lint runs it)

DIR becomes a Hugging Face folder: configs, the real tokenizer, and BF16 weights under the names of transformers up to 4.51,
in shards of at most 5 GB. --layers N keeps the first N layers of decoder and tower (the tower's --vision-layers when given)
at true width; --sparse writes headers alone and leaves the weights a hole of zeros. Memory stays at some megabytes: a tensor
is made and written a block at a time, and a shard that stands there whole already is left alone.

Every value can be made alone, by its tensor's name and its place (flat index i, row-major), from integers:

    seed = first 8 bytes of SHA-256(name), little-endian; of SHA-256("S:" + name) where --seed S is not 0
    z = mix(seed + (i + 1) · 0x9E3779B97F4A7C15)           mod 2^64; mix is SplitMix64's finaliser
    n = sum of z's four 16-bit digits − 131070             mean 0, standard deviation 65536 / sqrt(3)
    value = bf16(centre + std · sqrt(3)/65536 · n)         in float32: one product, one sum, then nearest even
    value · 2^p in the rows that `boost` names             exact

so n is nearly normal (|n| at most 3.5 deviations), and no generator's state, library version or libm enters: the bytes are
the same everywhere. Only NumPy is needed.

Scales keep the signal alive to the last layer, and two things that hurt a lower precision in real weights are there:
k biases in the hundreds (±224 in the first and the last layer, ±56 between; q biases near 1), in the components that the
rotary turns slowest, so that they nearly cancel in the softmax as trained ones do; and every 512th row of up_proj is eight
times as large, which makes outlier channels before down_proj. llava-onevision-0.5b has neither: golden/parity holds its taps.
"""
import argparse
import hashlib
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import qwen2_tokenizer  # noqa: E402

BLOCK = 1 << 15  # values made at once: what lies between stays in the second-level cache
PIECE = 64 * BLOCK  # values written at once
SHARD = 5 * 10**9  # bytes

# ---- the released models: decoder (D width, F feed-forward, L layers, H/G heads, V vocabulary), vision tower -------------

SIGLIP = dict(C=1152, F=4304, heads=16, L=26, tile=384)


def text(D, F, L, H, G, V, tied=False, window=32768, positions=32768):
    return dict(D=D, F=F, L=L, H=H, G=G, V=V, tied=tied, window=window, positions=positions)


def llava(*sizes, **more):
    return dict(family="llava-onevision", text=text(*sizes, **more), vision=SIGLIP)


def qwen2_vl(*sizes, **more):
    return dict(family="qwen2-vl", text=text(*sizes, **more), vision=dict(C=1280, F=5120, heads=16, L=32))


def qwen2_5_vl(*sizes, vision_F=3420, **more):
    return dict(family="qwen2.5-vl", text=text(*sizes, positions=128000, **more), vision=dict(C=1280, F=vision_F, heads=16, L=32))


KINDS = {
    "llava-onevision-0.5b": llava(896, 4864, 24, 14, 2, 152000, tied=True),
    "llava-onevision-7b": llava(3584, 18944, 28, 28, 4, 152128, window=131072),
    "llava-onevision-72b": llava(8192, 29568, 80, 64, 8, 152128, window=131072),
    "qwen2-vl-2b": qwen2_vl(1536, 8960, 28, 12, 2, 151936, tied=True),
    "qwen2-vl-7b": qwen2_vl(3584, 18944, 28, 28, 4, 152064),
    "qwen2-vl-72b": qwen2_vl(8192, 29568, 80, 64, 8, 152064),
    "qwen2.5-vl-3b": qwen2_5_vl(2048, 11008, 36, 16, 2, 151936, tied=True),
    "qwen2.5-vl-7b": qwen2_5_vl(3584, 18944, 28, 28, 4, 152064),
    "qwen2.5-vl-32b": qwen2_5_vl(5120, 27648, 64, 40, 8, 152064, vision_F=3456),
    "qwen2.5-vl-72b": qwen2_5_vl(8192, 29568, 80, 64, 8, 152064, vision_F=3456),
}
KINDS["llava-onevision-0.5b"]["plain"] = True


def cut(kind, layers=None, vision_layers=None):
    """The kind with fewer layers. A cut Qwen2.5 tower keeps one block of full attention: its last, if no other is left."""
    t, v = dict(kind["text"]), dict(kind["vision"])
    t["L"] = min(layers or t["L"], t["L"])
    v["L"] = min(vision_layers or layers or v["L"], v["L"])
    v["full"] = [i for i in (7, 15, 23, 31) if i < v["L"]] or [v["L"] - 1]
    return dict(kind, text=t, vision=v)


# ---- tensors: (name, shape, std, centre, boost); boost is None or (p, rows) -----------------------------------------------


class Rows(list):
    def put(self, name, *shape, std, centre=0.0, boost=None):
        self.append((name, shape, std, centre, boost))

    def linear(self, name, n_out, n_in, bias=0.1, gain=1.0, boost=None):
        self.put(name + ".weight", n_out, n_in, std=gain / math.sqrt(n_in), boost=boost)
        if bias:
            self.put(name + ".bias", n_out, std=bias)

    def norm(self, name, n, bias=False):
        self.put(name + ".weight", n, std=0.2, centre=1.0)
        if bias:
            self.put(name + ".bias", n, std=0.1)


def slow_components(G, d):
    """Rows of k that belong to the slowest quarter of the rotary's d/2 pairs; a pair is components j and j + d/2."""
    half = np.concatenate([np.arange(3 * d // 8, d // 2), np.arange(3 * d // 8, d // 2) + d // 2])
    return (np.arange(G)[:, None] * d + half).reshape(-1)


def decoder(rows, t, prefix, plain):
    D, F, G, d = t["D"], t["F"], t["G"], t["D"] // t["H"]
    rows.put(prefix + "embed_tokens.weight", t["V"], D, std=0.5)
    for j in range(t["L"]):
        p = f"{prefix}layers.{j}."
        rows.norm(p + "input_layernorm", D)
        rows.linear(p + "self_attn.q_proj", D, D, gain=1.5, bias=0.1 if plain else 1.0)
        rows.linear(p + "self_attn.k_proj", G * d, D, gain=1.5, bias=0)
        power = 7 if j in (0, t["L"] - 1) else 5
        rows.put(p + "self_attn.k_proj.bias", G * d, std=0.1 if plain else 0.5, boost=None if plain else (power, slow_components(G, d)))
        rows.linear(p + "self_attn.v_proj", G * d, D)
        rows.linear(p + "self_attn.o_proj", D, D, bias=0, gain=0.7)
        rows.norm(p + "post_attention_layernorm", D)
        rows.linear(p + "mlp.gate_proj", F, D, bias=0)
        rows.linear(p + "mlp.up_proj", F, D, bias=0, boost=None if plain else (3, np.arange(0, F, 512)))
        rows.linear(p + "mlp.down_proj", D, F, bias=0, gain=0.7)
    rows.norm(prefix + "norm", D)


def siglip(rows, v):
    C, g, p = v["C"], v["tile"] // 14, "vision_tower.vision_model."
    rows.put(p + "embeddings.patch_embedding.weight", C, 3, 14, 14, std=1 / math.sqrt(588))
    rows.put(p + "embeddings.patch_embedding.bias", C, std=0.1)
    rows.put(p + "embeddings.position_embedding.weight", g * g, C, std=0.5)
    for i in range(v["L"]):
        q = f"{p}encoder.layers.{i}."
        rows.norm(q + "layer_norm1", C, bias=True)
        for name in ("k_proj", "v_proj", "q_proj"):
            rows.linear(q + "self_attn." + name, C, C)
        rows.linear(q + "self_attn.out_proj", C, C, gain=0.7)
        rows.norm(q + "layer_norm2", C, bias=True)
        rows.linear(q + "mlp.fc1", v["F"], C)
        rows.linear(q + "mlp.fc2", C, v["F"], gain=0.7)
    rows.norm(p + "post_layernorm", C, bias=True)


def qwen_vit(rows, v, D, windows):
    E, M = v["C"], v["F"]
    rows.put("visual.patch_embed.proj.weight", E, 3, 2, 14, 14, std=1 / math.sqrt(1176))
    for i in range(v["L"]):
        p = f"visual.blocks.{i}."
        rows.norm(p + "norm1", E, bias=not windows)
        rows.norm(p + "norm2", E, bias=not windows)
        rows.linear(p + "attn.qkv", 3 * E, E, gain=1.5, bias=0.5)
        rows.linear(p + "attn.proj", E, E, gain=0.7)
        if windows:
            rows.linear(p + "mlp.gate_proj", M, E)
            rows.linear(p + "mlp.up_proj", M, E)
            rows.linear(p + "mlp.down_proj", E, M, gain=0.7)
        else:
            rows.linear(p + "mlp.fc1", M, E)
            rows.linear(p + "mlp.fc2", E, M, gain=0.7)
    rows.norm("visual.merger.ln_q", E, bias=not windows)
    rows.linear("visual.merger.mlp.0", 4 * E, 4 * E)
    rows.linear("visual.merger.mlp.2", D, 4 * E)


def tensors(kind):
    """Rows in the order of the files."""
    t, v, rows = kind["text"], kind["vision"], Rows()
    if kind["family"] == "llava-onevision":
        rows.put("image_newline", t["D"], std=0.5)
        decoder(rows, t, "language_model.model.", kind.get("plain"))
        head = "language_model.lm_head"
        rows.linear("multi_modal_projector.linear_1", t["D"], v["C"])
        rows.linear("multi_modal_projector.linear_2", t["D"], t["D"])
        siglip(rows, v)
    else:
        qwen_vit(rows, v, t["D"], kind["family"] == "qwen2.5-vl")
        decoder(rows, t, "model.", False)
        head = "lm_head"
    if not t["tied"]:
        rows.linear(head, t["V"], t["D"], bias=0)
    return rows


# ---- values --------------------------------------------------------------------------------------------------------------


class Generator:
    """bf16 values of one tensor, a piece at a time, in buffers made once."""

    PHI = 0x9E3779B97F4A7C15
    STEPS = np.arange(1, BLOCK + 1, dtype=np.uint64) * np.uint64(PHI)

    def __init__(self, seed=0):
        self.prefix = f"{seed}:" if seed else ""
        self.z, self.t = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint64)
        self.n, self.x = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.float32)
        self.odd = np.empty(BLOCK, np.uint32)

    def mix(self, z, t):
        """SplitMix64's finaliser in place, then the sum of the four digits in the low half."""
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            np.right_shift(z, np.uint64(shift), out=t)
            np.bitwise_xor(z, t, out=z)
            np.multiply(z, np.uint64(factor), out=z)
        np.right_shift(z, np.uint64(31), out=t)
        np.bitwise_xor(z, t, out=z)
        two = np.uint64(0x0000FFFF0000FFFF)
        np.right_shift(z, np.uint64(16), out=t)
        np.bitwise_and(t, two, out=t)
        np.bitwise_and(z, two, out=z)
        np.add(z, t, out=z)
        np.right_shift(z, np.uint64(32), out=t)
        np.add(z, t, out=z)

    def block(self, out, start, seed, step, centre):
        """out[:] (uint16, at most BLOCK) = values from flat index start on."""
        count = len(out)
        z, t, n, x, odd = (a[:count] for a in (self.z, self.t, self.n, self.x, self.odd))
        np.add(self.STEPS[:count], np.uint64((seed + start * self.PHI) & (2**64 - 1)), out=z)
        self.mix(z, t)
        np.copyto(n, z, casting="unsafe")  # the low 32 bits
        np.subtract(n, np.int32(131070), out=n)
        np.copyto(x, n, casting="same_kind")  # exact: |n| < 2^18
        np.multiply(x, step, out=x)
        if centre:
            np.add(x, np.float32(centre), out=x)
        bits = x.view(np.uint32)
        np.right_shift(bits, np.uint32(16), out=odd)
        np.bitwise_and(odd, np.uint32(1), out=odd)
        np.add(odd, np.uint32(0x7FFF), out=odd)
        np.add(bits, odd, out=bits)
        np.right_shift(bits, np.uint32(16), out=bits)
        np.copyto(out, bits, casting="unsafe")

    def pieces(self, row):
        """Yields the tensor's values as arrays of uint16, at most PIECE long."""
        name, shape, std, centre, boost = row
        seed = int.from_bytes(hashlib.sha256((self.prefix + name).encode()).digest()[:8], "little")
        step = np.float32(std * math.sqrt(3) / 65536)
        count = math.prod(shape)
        for at in range(0, count, PIECE):
            out = np.empty(min(PIECE, count - at), np.uint16)
            for i in range(0, len(out), BLOCK):
                self.block(out[i : i + BLOCK], at + i, seed, step, centre)
            if boost:
                raise_exponents(out, at, count // shape[0], *boost)
            yield out


def raise_exponents(out, at, width, power, rows):
    """out holds flat values at, at + 1, …; those of the named rows (width values each) are multiplied by 2^power."""
    for r in rows[(rows + 1) * width > at]:
        lo, hi = max(r * width - at, 0), min((r + 1) * width - at, len(out))
        if lo >= hi:
            break
        part = out[lo:hi]
        part[(part & 0x7FFF) != 0] += np.uint16(power << 7)


# ---- files ---------------------------------------------------------------------------------------------------------------


def shards(rows):
    """[[row]]: tensors in order, a new file before one would pass SHARD bytes."""
    out, size = [[]], 0
    for row in rows:
        n = 2 * math.prod(row[1])
        if out[-1] and size + n > SHARD:
            out.append([])
            size = 0
        out[-1].append(row)
        size += n
    return out


def header(rows, **notes):
    """-> (the file's first bytes, bytes of weights behind them)."""
    table, at = {"__metadata__": {"format": "pt", **notes}}, 0
    for name, shape, *_ in rows:
        size = 2 * math.prod(shape)
        table[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    line = json.dumps(table, separators=(",", ":")).encode()
    line += b" " * (-len(line) % 8)
    return struct.pack("<Q", len(line)) + line, at


def stands(path, head, size):
    """Whether the file is there already, whole: written beside and renamed, so its head and its length tell."""
    if not os.path.exists(path) or os.path.getsize(path) != len(head) + size:
        return False
    with open(path, "rb") as f:
        return f.read(len(head)) == head


def write_shard(path, rows, seed, sparse):
    head, size = header(rows, **({"values": "none"} if sparse else {"seed": str(seed)} if seed else {}))
    if stands(path, head, size):
        return
    generator = Generator(seed)
    with open(path + ".part", "wb") as f:
        f.write(head)
        if sparse:
            f.truncate(len(head) + size)
        else:
            for row in rows:
                for piece in generator.pieces(row):
                    f.write(piece.astype("<u2", copy=False).data)
    os.replace(path + ".part", path)


def write_weights(out, kind, seed, sparse):
    """One model.safetensors, or shards and their index. -> bytes of weights."""
    parts = shards(tensors(kind))
    total = sum(2 * math.prod(row[1]) for part in parts for row in part)
    if len(parts) == 1:
        write_shard(f"{out}/model.safetensors", parts[0], seed, sparse)
        return total
    places = {}
    for k, part in enumerate(parts):
        file = f"model-{k + 1:05d}-of-{len(parts):05d}.safetensors"
        write_shard(f"{out}/{file}", part, seed, sparse)
        places.update({row[0]: file for row in part})
    write_json(f"{out}/model.safetensors.index.json", dict(metadata=dict(total_size=total), weight_map=places))
    return total


def write_json(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        json.dump(value, f, indent=1)
        f.write("\n")


# ---- configs -------------------------------------------------------------------------------------------------------------


def text_config(t):
    return dict(
        attention_dropout=0.0, hidden_act="silu", hidden_size=t["D"], intermediate_size=t["F"], max_position_embeddings=t["positions"],
        max_window_layers=t["L"], model_type="qwen2", num_attention_heads=t["H"], num_hidden_layers=t["L"],
        num_key_value_heads=t["G"], rms_norm_eps=1e-6, rope_theta=1000000.0, sliding_window=t["window"],
        tie_word_embeddings=t["tied"], torch_dtype="bfloat16", use_cache=True, use_sliding_window=False, vocab_size=t["V"],
    )


def llava_files(t, v):
    grid = [[v["tile"] * i, v["tile"] * j] for i in range(1, 7) for j in range(1, 7)]
    vision = dict(
        hidden_act="gelu_pytorch_tanh", hidden_size=v["C"], image_size=v["tile"], intermediate_size=v["F"], layer_norm_eps=1e-6,
        model_type="siglip_vision_model", num_attention_heads=v["heads"], num_channels=3, num_hidden_layers=v["L"], patch_size=14,
        vision_use_head=False,
    )
    return {
        "config.json": dict(
            architectures=["LlavaOnevisionForConditionalGeneration"], image_grid_pinpoints=grid, image_token_index=151646,
            model_type="llava_onevision", multimodal_projector_bias=True, projector_hidden_act="gelu", text_config=text_config(t),
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
        "generation_config.json": dict(bos_token_id=151643, eos_token_id=151645, pad_token_id=151643),
    }


def qwen_files(t, v, windows):
    vision = dict(depth=v["L"], in_channels=3, num_heads=v["heads"], patch_size=14, spatial_merge_size=2, temporal_patch_size=2)
    if windows:
        vision.update(
            model_type="qwen2_5_vl", hidden_size=v["C"], intermediate_size=v["F"], out_hidden_size=t["D"], hidden_act="silu",
            window_size=112, fullatt_block_indexes=v["full"], tokens_per_second=2,
        )
    else:
        vision.update(model_type="qwen2_vl", embed_dim=v["C"], hidden_size=t["D"], mlp_ratio=v["F"] // v["C"], hidden_act="quick_gelu")
    return {
        "config.json": dict(
            text_config(t), architectures=["Qwen2_5_VLForConditionalGeneration" if windows else "Qwen2VLForConditionalGeneration"],
            model_type="qwen2_5_vl" if windows else "qwen2_vl", bos_token_id=151643, eos_token_id=151645,
            vision_start_token_id=151652, vision_end_token_id=151653, vision_token_id=151654, image_token_id=151655,
            video_token_id=151656, rope_scaling=dict(type="mrope", mrope_section=[16, 24, 24]), vision_config=vision,
        ),
        "preprocessor_config.json": dict(
            do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True, image_mean=[0.48145466, 0.4578275, 0.40821073],
            image_std=[0.26862954, 0.26130258, 0.27577711], image_processor_type="Qwen2VLImageProcessor", max_pixels=12845056,
            merge_size=2, min_pixels=3136, patch_size=14, processor_class="Qwen2_5_VLProcessor" if windows else "Qwen2VLProcessor",
            resample=3, rescale_factor=0.00392156862745098, temporal_patch_size=2,
        ),
        "chat_template.json": dict(chat_template=qwen2_tokenizer.TEMPLATES["qwen"]),
        "generation_config.json": dict(
            bos_token_id=151643, eos_token_id=[151645, 151643], pad_token_id=151643, **({"repetition_penalty": 1.05} if windows else {})
        ),
    }


def make(out, like="llava-onevision-0.5b", layers=None, vision_layers=None, seed=0, sparse=False):
    """Writes the folder; leaves alone what stands there whole already. -> bytes of weights."""
    kind = cut(KINDS[like], layers, vision_layers)
    t, v, family = kind["text"], kind["vision"], kind["family"]
    os.makedirs(out, exist_ok=True)
    files = llava_files(t, v) if family == "llava-onevision" else qwen_files(t, v, family == "qwen2.5-vl")
    for file, value in files.items():
        write_json(f"{out}/{file}", value)
    if not os.path.exists(f"{out}/tokenizer_config.json"):
        qwen2_tokenizer.write(out, family, "vocab")
    return write_weights(out, kind, seed, sparse)


# ---- the maker's own test ------------------------------------------------------------------------------------------------

# SHA-256 of all values of these tensors of qwen2.5-vl-7b, one after the other, seed 0 and seed 1.
SAMPLE = ["visual.blocks.0.attn.qkv.weight", "model.layers.0.input_layernorm.weight", "model.layers.0.self_attn.k_proj.bias",
          "model.layers.1.self_attn.k_proj.bias", "model.layers.1.self_attn.k_proj.weight"]
DIGESTS = {
    0: "928f7284dbb539063822b5eeb9f8fadecee25d2408afb1a2e10635fa1455a990",
    1: "9869484b70a3ace36eb848369781c585c2cae179dd820b35b7fff294be3ce610",
}


def plainly(row, i, seed):
    """Value i of a tensor as the docstring says it, in Python's integers."""
    name, shape, std, centre, boost = row
    start = int.from_bytes(hashlib.sha256(((f"{seed}:" if seed else "") + name).encode()).digest()[:8], "little")
    z = (start + (i + 1) * Generator.PHI) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    z ^= z >> 31
    n = sum((z >> s) & 0xFFFF for s in (0, 16, 32, 48)) - 131070
    x = np.float32(centre) + np.float32(std * math.sqrt(3) / 65536) * np.float32(n)
    bits = int(np.float32(x).view(np.uint32))
    value = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    rows, width = (set(boost[1].tolist()), math.prod(shape[1:])) if boost else (set(), 1)
    return value + (boost[0] << 7) if i // width in rows and value & 0x7FFF else value


def check_values(seed):
    """The sample's digest, made twice; and single values against the plain rule. -> what went wrong."""
    table = {row[0]: row for row in tensors(cut(KINDS["qwen2.5-vl-7b"], 3))}
    bad, digests = [], []
    for _ in range(2):
        h, generator = hashlib.sha256(), Generator(seed)
        for name in SAMPLE:
            for piece in generator.pieces(table[name]):
                h.update(piece.astype("<u2").tobytes())
        digests.append(h.hexdigest())
    if len({*digests, DIGESTS[seed]}) != 1:
        bad.append(f"seed {seed}: sample digests {digests}, expected {DIGESTS[seed]}")
    for name in [*SAMPLE, "model.layers.2.mlp.up_proj.weight"]:
        count = math.prod(table[name][1])
        pieces = np.concatenate([p for p, _ in zip(Generator(seed).pieces(table[name]), range(3))])
        for i in [0, 1, 3583, 3584, BLOCK - 1, BLOCK, PIECE, PIECE + 1, 512 * 3584, 512 * 3584 + 3583, 513 * 3584, len(pieces) - 1, 63, 112]:
            if i < min(count, len(pieces)) and plainly(table[name], i, seed) != pieces[i]:
                bad.append(f"seed {seed}: {name}[{i}] is {pieces[i]:#06x}, expected {plainly(table[name], i, seed):#06x}")
    return bad


def check_info(savs):
    """`savs info` opens every model with one layer and the largest whole, holes for weights. -> what went wrong."""
    bad = []
    with tempfile.TemporaryDirectory() as root:
        for like, kind in KINDS.items():
            for layers in (1, None) if like.endswith("72b") else (1,):
                folder = f"{root}/{kind['family']}"  # the tokenizer stays, the weights go
                for file in os.listdir(folder) if os.path.isdir(folder) else []:
                    if "safetensors" in file:
                        os.remove(f"{folder}/{file}")
                size = make(folder, like, layers, sparse=True)
                run = subprocess.run([savs, "info", "--json", "--model", folder], capture_output=True, text=True)
                if run.returncode or json.loads(run.stdout)["weight_bytes"] != size:
                    bad.append(f"{like}, {layers or 'all'} layers: savs info: {run.stderr.strip() or run.stdout.strip()}")
    return bad


def check(savs):
    bad = check_values(0) + check_values(1) + (check_info(savs) if savs else [])
    for line in bad:
        print(line)
    print("make_checkpoint:", f"{len(bad)} wrong" if bad else "ok")
    return bad != []


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--like", choices=list(KINDS), default="llava-onevision-0.5b")
    p.add_argument("--layers", type=int, help="only the first N layers of decoder and tower")
    p.add_argument("--vision-layers", type=int, help="only the first N layers of the tower")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--sparse", action="store_true", help="holes instead of weights: for savs info")
    p.add_argument("--check", action="store_true")
    p.add_argument("--savs", help="with --check: the program whose info must open every model")
    p.add_argument("--out")
    a = p.parse_args()
    if a.check:
        return check(a.savs)
    if not a.out:
        p.error("--out DIR is needed")
    print(f"{a.out}: {make(a.out, a.like, a.layers, a.vision_layers, a.seed, a.sparse) / 1e9:.2f} GB of weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
