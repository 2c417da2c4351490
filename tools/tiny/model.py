"""The tiny model: its configuration, its first weights, the batched forward of the training, its tokenizer and its folder.

    tiles [B, n, 56, 56, 3] uint8, ids [B, T] -> tower, projector, packing -> decoder -> hidden states [B, T, D]

The modules are Hugging Face's own (transformers 4.51.3); only the packing of many pictures of one size at once is ours.
"""

import json
import math
import os

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration

from . import anyres

D, LAYERS, HEADS, GROUPS, FF = 144, 6, 8, 2, 384
VC, VLAYERS, VHEADS, VFF = 96, 4, 4, 256
ROWS = 640  # rows of the embedding; the tokenizer fills most of them
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"]
REGEX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + ' '}}{# Render all images first #}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{# Render all video then #}{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>' }}{% endfor %}"
    "{# Render all text next #}{% if message['role'] != 'assistant' %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ '\\n' + content['text'] }}{% endfor %}"
    "{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}{{ '\\n' + content['text'] }}{% endgeneration %}{% endfor %}{% endif %}"
    "{{'<|im_end|>'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


# ---- tokenizer ---------------------------------------------------------------------------------------------------

def train_tokenizer(lines):
    """A byte-level BPE with Qwen2's normaliser, pre-tokenizer and special tokens, learnt from `lines`."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(REGEX), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tok.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=ROWS - len(SPECIAL), min_frequency=3, initial_alphabet=alphabet, show_progress=False))
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    return tok


def config(tok):
    ids = {s: tok.token_to_id(s) for s in SPECIAL}
    return {
        "architectures": ["LlavaOnevisionForConditionalGeneration"],
        "model_type": "llava_onevision",
        "torch_dtype": "bfloat16",
        "transformers_version": "4.51.3",
        "image_token_index": ids["<image>"],
        "video_token_index": ids["<video>"],
        "image_grid_pinpoints": [list(p) for p in anyres.PINPOINTS],
        "vision_aspect_ratio": "anyres_max_9",
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
        "projector_hidden_act": "gelu",
        "multimodal_projector_bias": True,
        "tie_word_embeddings": True,
        "text_config": {
            "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "torch_dtype": "bfloat16",
            "hidden_size": D, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": GROUPS, "intermediate_size": FF,
            "vocab_size": ROWS, "max_position_embeddings": 1024, "rope_theta": 10000.0, "rope_scaling": None, "rms_norm_eps": 1e-06, "hidden_act": "silu",
            "sliding_window": None, "use_sliding_window": False, "max_window_layers": LAYERS, "attention_dropout": 0.0, "initializer_range": 0.02,
            "tie_word_embeddings": True, "use_cache": True, "bos_token_id": None, "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"],
        },
        "vision_config": {
            "model_type": "siglip_vision_model", "torch_dtype": "bfloat16",
            "hidden_size": VC, "intermediate_size": VFF, "num_hidden_layers": VLAYERS, "num_attention_heads": VHEADS, "num_channels": 3,
            "image_size": anyres.TILE, "patch_size": anyres.PATCH, "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-06, "attention_dropout": 0.0,
            "vision_use_head": False,
        },
    }


def build(tok, seed, attention="sdpa"):
    """A model with fresh weights: normal with std 1/sqrt(fan in), halved where a layer adds to the residual stream."""
    conf = LlavaOnevisionConfig.from_dict({**config(tok), "torch_dtype": "float32"})
    for c, kind in ((conf, attention), (conf.text_config, attention), (conf.vision_config, "eager")):
        c._attn_implementation_internal = kind  # eager is the faster one for sixteen tokens
    model = LlavaOnevisionForConditionalGeneration(conf).float()
    gen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("bias"):
                p.zero_()
            elif "norm" in name:
                p.fill_(1.0)
            elif name == "image_newline" or "embed" in name and "patch" not in name:
                p.copy_(torch.randn(p.shape, generator=gen) * (D ** -0.5 if "position" not in name else 0.3))
            else:
                std = 1 / math.sqrt(p[0].numel())
                if any(s in name for s in ("o_proj", "down_proj", "out_proj", "fc2")):
                    std /= 2
                p.copy_(torch.randn(p.shape, generator=gen) * std)
    model.tie_weights()
    return model


# ---- forward of a batch of equal-size pictures -------------------------------------------------------------------

def pixels(tiles):
    """[..., 56, 56, 3] uint8 -> [N, 3, 56, 56] float32, mean and std 0.5."""
    x = torch.from_numpy(np.ascontiguousarray(tiles)).reshape(-1, 56, 56, 3)
    return ((x.float() / 255 - 0.5) / 0.5).permute(0, 3, 1, 2).contiguous()


def tower(model, px):
    """[N, 3, 56, 56] -> [N, 16, VC], before the projector."""
    vision = model.vision_tower.vision_model
    return vision.encoder(vision.embeddings(px)).last_hidden_state


def image_tokens(model, tiles, order):
    """tiles [B, n, 56, 56, 3], order [tokens] -> [B, tokens, D]."""
    b = len(tiles)
    feat = model.multi_modal_projector(tower(model, pixels(tiles))).reshape(b, -1, D)
    feat = torch.cat([feat, model.image_newline.expand(b, 1, D)], 1)
    return feat[:, torch.as_tensor(order)]


def hidden(model, tiles, order, ids):
    """ids [B, T] with the placeholders at one place in every row -> last hidden states [B, T, D], normed."""
    embeds = model.get_input_embeddings()(ids)
    start = int((ids[0] == model.config.image_token_index).nonzero()[0])
    embeds = torch.cat([embeds[:, :start], image_tokens(model, tiles, order), embeds[:, start + len(order) :]], 1)
    return model.language_model.model(inputs_embeds=embeds, use_cache=False).last_hidden_state


# ---- folder ------------------------------------------------------------------------------------------------------

def _write(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def export(model, tok, folder):
    """An ordinary Hugging Face folder: bf16 weights under the names of transformers <= 4.51."""
    os.makedirs(folder, exist_ok=True)
    ids = {s: tok.token_to_id(s) for s in SPECIAL}
    _write(f"{folder}/config.json", config(tok))
    _write(f"{folder}/generation_config.json", {"eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"], "transformers_version": "4.51.3"})
    _write(f"{folder}/preprocessor_config.json", {
        "image_processor_type": "LlavaOnevisionImageProcessor", "processor_class": "LlavaOnevisionProcessor", "do_convert_rgb": True, "do_resize": True, "do_rescale": True,
        "do_normalize": True, "do_pad": True, "image_grid_pinpoints": [list(p) for p in anyres.PINPOINTS], "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"height": anyres.TILE, "width": anyres.TILE}})
    _write(f"{folder}/processor_config.json", {"processor_class": "LlavaOnevisionProcessor", "image_token": "<image>", "video_token": "<video>",
                                               "num_image_tokens": anyres.G ** 2, "vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_9"})
    _write(f"{folder}/chat_template.json", {"chat_template": CHAT_TEMPLATE})
    tok.save(f"{folder}/tokenizer.json")
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    _write(f"{folder}/tokenizer_config.json", {
        "add_prefix_space": False, "added_tokens_decoder": {str(ids[s]): {"content": s, **flags, "special": True} for s in SPECIAL},
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<image>", "<video>"], "bos_token": None, "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>", "errors": "replace", "model_max_length": 1024, "pad_token": "<|endoftext|>", "processor_class": "LlavaOnevisionProcessor",
        "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None})
    _write(f"{folder}/special_tokens_map.json", {
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<image>", "<video>"],
        "eos_token": {"content": "<|im_end|>", **flags}, "pad_token": {"content": "<|endoftext|>", **flags}})
    state = {k: v.detach().to(torch.bfloat16).contiguous() for k, v in model.state_dict().items() if k != "language_model.lm_head.weight"}
    save_file(state, f"{folder}/model.safetensors", metadata={"format": "pt"})
    os.chmod(f"{folder}/model.safetensors", 0o644)
