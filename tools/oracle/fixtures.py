"""Tiny random checkpoints with the true structure, as ordinary Hugging Face folders in golden/models/.

Every bias and norm weight is non-trivial, KV heads are grouped (H/G >= 2), head sizes are mostly no powers of four, so that
a scale rounded too early, a tiled KV head, a norm weight applied on the wrong side of a cast show in the bits.
Values come from a seeded NumPy generator (PCG64), rounded to the storage type; nothing depends on PyTorch's generators.
"""
import json
import os

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from .rounding import NAMES

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ADDED = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"]
CORPUS = [
    "system user assistant You are a helpful assistant. What is this? What animal is shown in the picture? How many "
    "shapes are there? Describe the image in one word. Answer with the name of the colour: red, green, blue, yellow. "
    "the cat and the dog sit on the mat; the second picture shows another thing than the first one. It's what we'll see.",
    "这张图片里有什么？请回答。 你好，世界。 图片 图片 图片",
    "\n\n  \n user\n assistant\n",
]
# LLaVA-OneVision's hub template, as far as text and pictures go: role, space, pictures, then each text on a new line.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + ' '}}{# Render all images first #}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{# Render all video then #}{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}"
    "{{ '<video>' }}{% endfor %}{# Render all text next #}{% if message['role'] != 'assistant' %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ '\\n' + content['text'] }}"
    "{% endfor %}{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{% generation %}{{ '\\n' + content['text'] }}{% endgeneration %}{% endfor %}{% endif %}{{'<|im_end|>'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def tokenizer(merges=96):
    """Byte-level BPE with the Qwen2 pre-tokenizer: 256 bytes, some merges, five added tokens."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tok.train_from_iterator(CORPUS * 4, trainer)
    tok.add_tokens([AddedToken(t, special=True, normalized=False) for t in ADDED])
    return tok


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, indent=1, ensure_ascii=False)
        f.write("\n")


def write_tokenizer(folder, tok, form, added=ADDED):
    """form "json": tokenizer.json. form "vocab": vocab.json + merges.txt + added_tokens_decoder."""
    decoder = {
        str(tok.token_to_id(t)): dict(content=t, lstrip=False, normalized=False, rstrip=False, single_word=False, special=True)
        for t in added
    }
    config = dict(
        add_prefix_space=False, added_tokens_decoder=decoder, bos_token=None, clean_up_tokenization_spaces=False,
        eos_token="<|im_end|>", errors="replace", model_max_length=32768, pad_token="<|endoftext|>", split_special_tokens=False,
        tokenizer_class="Qwen2Tokenizer", unk_token=None,
    )
    write_json(f"{folder}/tokenizer_config.json", config)
    if form == "json":
        tok.save(f"{folder}/tokenizer.json")
    else:
        tok.model.save(folder)


class Values:
    """Random tensors by name, in the order they are asked for."""

    def __init__(self, seed, dtype):
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.dtype = NAMES[dtype]
        self.tensors = {}

    def put(self, name, *shape, scale=None, centre=0.0):
        scale = scale if scale is not None else shape[-1] ** -0.5
        x = centre + scale * self.rng.standard_normal(shape, dtype=np.float32)
        self.tensors[name] = torch.from_numpy(x.astype(np.float32)).to(self.dtype)

    def linear(self, name, n_out, n_in, bias=True, scale=1.2):
        self.put(f"{name}.weight", n_out, n_in, scale=scale * n_in**-0.5)
        if bias:
            self.put(f"{name}.bias", n_out, scale=0.3)

    def norm(self, name, n, bias=False):
        self.put(f"{name}.weight", n, scale=0.25, centre=1.0)
        if bias:
            self.put(f"{name}.bias", n, scale=0.2)


def decoder_tensors(v, c, prefix, head):
    D, F, H, G = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"], c["num_key_value_heads"]
    d = c.get("head_dim", D // H)
    v.put(f"{prefix}embed_tokens.weight", c["vocab_size"], D, scale=0.7)
    for j in range(c["num_hidden_layers"]):
        p = f"{prefix}layers.{j}."
        v.norm(p + "input_layernorm", D)
        v.linear(p + "self_attn.q_proj", H * d, D, scale=1.6)
        v.linear(p + "self_attn.k_proj", G * d, D, scale=1.6)
        v.linear(p + "self_attn.v_proj", G * d, D)
        v.linear(p + "self_attn.o_proj", D, H * d, bias=False)
        v.norm(p + "post_attention_layernorm", D)
        v.linear(p + "mlp.gate_proj", F, D, bias=False)
        v.linear(p + "mlp.up_proj", F, D, bias=False)
        v.linear(p + "mlp.down_proj", D, F, bias=False)
    v.norm(f"{prefix}norm", D)
    if not c["tie_word_embeddings"]:
        v.linear(head, c["vocab_size"], D, bias=False)


def vision_tensors(v, c, width):
    C, F, g = c["hidden_size"], c["intermediate_size"], c["image_size"] // c["patch_size"]
    p = "vision_tower.vision_model."
    v.put("image_newline", width, scale=0.7)
    v.put(p + "embeddings.patch_embedding.weight", C, 3, 14, 14, scale=1.5 * 588**-0.5)
    v.put(p + "embeddings.patch_embedding.bias", C, scale=0.3)
    v.put(p + "embeddings.position_embedding.weight", g * g, C, scale=0.5)
    for i in range(c["num_hidden_layers"]):
        q = f"{p}encoder.layers.{i}."
        v.norm(q + "layer_norm1", C, bias=True)
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            v.linear(q + "self_attn." + name, C, C)
        v.norm(q + "layer_norm2", C, bias=True)
        v.linear(q + "mlp.fc1", F, C)
        v.linear(q + "mlp.fc2", C, F)
    v.norm(p + "post_layernorm", C, bias=True)
    v.linear("multi_modal_projector.linear_1", width, C)
    v.linear("multi_modal_projector.linear_2", width, width)


def text_config(**over):
    c = dict(
        architectures=["Qwen2ForCausalLM"], attention_dropout=0.0, hidden_act="silu", max_position_embeddings=32768,
        max_window_layers=28, model_type="qwen2", rms_norm_eps=1e-6, rope_theta=1000000.0, sliding_window=None,
        tie_word_embeddings=False, use_cache=True, use_sliding_window=False, vocab_size=384,
    )
    c.update(over)
    return c


def llava_config(tok, dtype, text, vision, tied_text):
    side = vision["image_size"]
    text = dict(text, tie_word_embeddings=tied_text, torch_dtype=dtype)
    return dict(
        architectures=["LlavaOnevisionForConditionalGeneration"],
        # Only text_config's flag counts; this one says the opposite on purpose.
        tie_word_embeddings=not tied_text,
        image_grid_pinpoints=[[side * i, side * j] for i in range(1, 7) for j in range(1, 7)],
        image_token_index=tok.token_to_id("<image>"), video_token_index=tok.token_to_id("<video>"),
        model_type="llava_onevision", multimodal_projector_bias=True, projector_hidden_act="gelu", text_config=text,
        torch_dtype=dtype, vision_aspect_ratio="anyres_max_9", vision_config=vision, vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )


def vision_config(**over):
    c = dict(
        hidden_act="gelu_pytorch_tanh", image_size=70, layer_norm_eps=1e-6, model_type="siglip_vision_model", num_channels=3,
        patch_size=14, vision_use_head=False,
    )
    c.update(over)
    return c


def processor_files(folder, config, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)):
    side = config["vision_config"]["image_size"]
    g = side // config["vision_config"]["patch_size"]
    write_json(
        f"{folder}/preprocessor_config.json",
        dict(
            do_convert_rgb=True, do_normalize=True, do_pad=True, do_rescale=True, do_resize=True,
            image_grid_pinpoints=config["image_grid_pinpoints"], image_mean=list(mean), image_std=list(std),
            image_processor_type="LlavaOnevisionImageProcessor", processor_class="LlavaOnevisionProcessor", resample=3,
            rescale_factor=0.00392156862745098, size=dict(height=side, width=side),
        ),
    )
    write_json(
        f"{folder}/processor_config.json",
        dict(
            image_token="<image>", num_image_tokens=g * g, processor_class="LlavaOnevisionProcessor",
            video_token="<video>", vision_feature_select_strategy="full",
        ),
    )
    write_json(f"{folder}/chat_template.json", dict(chat_template=CHAT_TEMPLATE))


# Names of Hugging Face up to 4.51 -> the other two layouts. First match wins.
LAYOUTS = {
    "hf452": [
        ("image_newline", "model.image_newline"), ("vision_tower.", "model.vision_tower."),
        ("multi_modal_projector.", "model.multi_modal_projector."), ("language_model.model.", "model.language_model."),
        ("language_model.lm_head.", "lm_head."),
    ],
    "lmms": [
        ("image_newline", "model.image_newline"), ("vision_tower.", "model.vision_tower.vision_tower."),
        ("multi_modal_projector.linear_1.", "model.mm_projector.0."), ("multi_modal_projector.linear_2.", "model.mm_projector.2."),
        ("language_model.model.", "model."), ("language_model.lm_head.", "lm_head."),
    ],
}


def rename(name, table):
    for old, new in table:
        if name.startswith(old):
            return new + name[len(old) :]
    return name


def save(folder, tensors, shards=1):
    tensors = {k: t.contiguous() for k, t in sorted(tensors.items())}
    if shards == 1:
        save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
        return
    names = list(tensors)
    index = {}
    for s in range(shards):
        part = names[s * len(names) // shards : (s + 1) * len(names) // shards]
        file = f"model-{s + 1:05d}-of-{shards:05d}.safetensors"
        save_file({k: tensors[k] for k in part}, f"{folder}/{file}", metadata={"format": "pt"})
        index.update({k: file for k in part})
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    write_json(f"{folder}/model.safetensors.index.json", dict(metadata=dict(total_size=size), weight_map=index))


TORCH_NAMES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


def text_model(root, name, seed, dtype, form="json", shards=1, **over):
    folder = f"{root}/{name}"
    os.makedirs(folder, exist_ok=True)
    tok = tokenizer()
    write_tokenizer(folder, tok, form)
    c = text_config(torch_dtype=TORCH_NAMES[dtype], **over)
    write_json(f"{folder}/config.json", c)
    v = Values(seed, dtype)
    decoder_tensors(v, c, "model.", "lm_head")
    save(folder, v.tensors, shards)


def llava_model(root, name, seed, dtype, text, vision, layout="hf451", tied=False, form="json", shards=1, **processor):
    folder = f"{root}/{name}"
    os.makedirs(folder, exist_ok=True)
    tok = tokenizer()
    config = llava_config(tok, TORCH_NAMES[dtype], text_config(**text), vision_config(**vision), tied)
    v = Values(seed, dtype)
    vision_tensors(v, config["vision_config"], config["text_config"]["hidden_size"])
    decoder_tensors(v, config["text_config"], "language_model.model.", "language_model.lm_head")
    tensors = v.tensors
    if layout != "hf451":
        tensors = {rename(k, LAYOUTS[layout]): t for k, t in tensors.items()}
    save(folder, tensors, shards)
    if layout == "lmms":
        lmms_files(folder, tok, config)
        return
    write_tokenizer(folder, tok, form)
    write_json(f"{folder}/config.json", config)
    processor_files(folder, config, **processor)


def lmms_files(folder, tok, config):
    """config.json as lmms-lab writes it: Qwen2's fields plus mm_*, no processor files, no <image> token."""
    side = config["vision_config"]["image_size"]
    text = dict(config["text_config"])
    text.pop("model_type"), text.pop("architectures")
    write_json(
        f"{folder}/config.json",
        dict(
            architectures=["LlavaQwenForCausalLM"], **text, image_aspect_ratio="anyres_max_9", image_crop_resolution=None,
            image_grid_pinpoints=[[side * i, side * j] for i in range(1, 7) for j in range(1, 7)],
            image_split_resolution=None, image_token_index=151646, mm_hidden_size=config["vision_config"]["hidden_size"],
            mm_newline_position="one_token", mm_patch_merge_type="spatial_unpad", mm_projector_lr=None,
            mm_projector_type="mlp2x_gelu", mm_resampler_type=None, mm_spatial_pool_mode="bilinear",
            mm_tunable_parts="mm_vision_tower,mm_mlp_adapter,mm_language_model", mm_use_im_patch_token=False,
            mm_use_im_start_end=False, mm_vision_select_feature="patch", mm_vision_select_layer=-2,
            mm_vision_tower="google/siglip-so400m-patch14-384", model_type="llava", use_mm_proj=True,
        ),
    )
    write_tokenizer(folder, without_media(), "json", ADDED[:3])


def without_media():
    """The same tokenizer with the three text tokens alone, as in lmms-lab folders."""
    full = json.loads(tokenizer().to_str())
    full["added_tokens"] = [t for t in full["added_tokens"] if t["content"] in ADDED[:3]]
    return Tokenizer.from_str(json.dumps(full))


SMALL = dict(hidden_size=60, intermediate_size=88, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=3)  # d 10
TOWER = dict(hidden_size=30, intermediate_size=44, num_hidden_layers=3, num_attention_heads=5)  # d 6, 12 is no multiple of 5


def all_models(root):
    # Text: d = 128 and theta 1e6 (inv_freq[37]); a window; shards; head_dim that is not D / H.
    text_model(root, "qwen2-d128", 11, "bf16", hidden_size=256, intermediate_size=64, num_hidden_layers=2,
               num_attention_heads=2, num_key_value_heads=1)
    text_model(root, "qwen2-window", 12, "f16", form="vocab", hidden_size=48, intermediate_size=56, num_hidden_layers=3,
               num_attention_heads=4, num_key_value_heads=2, sliding_window=5, tie_word_embeddings=True, rope_theta=10000.0)
    text_model(root, "qwen2-sharded", 13, "f32", shards=3, hidden_size=72, intermediate_size=100, num_hidden_layers=3,
               num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5)
    text_model(root, "qwen2-headdim", 14, "bf16", hidden_size=40, intermediate_size=48, num_hidden_layers=2,
               num_attention_heads=4, num_key_value_heads=2, head_dim=128)
    # LLaVA-OneVision: tile 70 (g = 5); tile 76 (6 pixels left over, as in 384) with d = 72 in the tower, another layer-norm
    # eps and a window shorter than the prompt; the three layouts.
    llava_model(root, "t70", 21, "f32", SMALL, TOWER, tied=True)
    llava_model(root, "t76", 22, "bf16", dict(SMALL, num_attention_heads=10, num_key_value_heads=5, num_hidden_layers=2, sliding_window=64),
                dict(TOWER, image_size=76, hidden_size=144, intermediate_size=96, num_attention_heads=2, num_hidden_layers=2, layer_norm_eps=1e-5),
                layout="hf452", form="vocab", mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711))
    # lmms-lab configs do not name the tower's heads: 16, eps 1e-6; widths and layers come from the tensors.
    llava_model(root, "t70-lmms", 23, "f16", dict(SMALL, num_hidden_layers=2), dict(TOWER, hidden_size=48, num_attention_heads=16,
                num_hidden_layers=2), layout="lmms", tied=False)
