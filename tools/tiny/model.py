"""The tiny LLaVA-OneVision: its configuration, its first weights, the batched forward of the training, its tokenizer and its folder.

    tiles [B, n, 56, 56, 3] uint8, ids [B, T] -> tower, projector, packing -> decoder -> hidden states [B, T, D]

The modules are Hugging Face's own (transformers 4.51.3); only the packing of many pictures of one size at once is ours.
Tokenizer, first weights and the writing of folders serve the Qwen-VL models too (qwen_vl.py).
"""

import json
import math
import os

import numpy as np
import qwen2_tokenizer
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration

from . import anyres

D, LAYERS, HEADS, GROUPS, FF = 144, 6, 8, 2, 384
VC, VLAYERS, VHEADS, VFF = 96, 4, 4, 256
ROWS = 640  # rows of the embedding; the tokenizer fills most of them
NAME, model_class = "llava-onevision", LlavaOnevisionForConditionalGeneration
ADDED = qwen2_tokenizer.FAMILIES[NAME]  # (token, special)
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
# The same layout as the training writes it: the first turn, a later one, and the picture's place in the first.
FIRST = "<|im_start|>user <image>\n{}<|im_end|><|im_start|>assistant\n"
LATER = "<|im_start|>user \n{}<|im_end|><|im_start|>assistant\n"
IMAGE = "<image>"


# ---- what all families share -------------------------------------------------------------------------------------

def train_tokenizer(lines, added=ADDED):
    """A byte-level BPE with Qwen2's normaliser, pre-tokenizer and special tokens, learnt from `lines`."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(REGEX), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tok.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=ROWS - len(added), min_frequency=3, initial_alphabet=alphabet, show_progress=False))
    for s, special in added:
        (tok.add_special_tokens if special else tok.add_tokens)([AddedToken(s, special=special, normalized=False)])
    return tok


DECODER = {
    "hidden_size": D, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": GROUPS, "intermediate_size": FF,
    "vocab_size": ROWS, "max_position_embeddings": 1024, "rope_theta": 10000.0, "rope_scaling": None, "rms_norm_eps": 1e-06, "hidden_act": "silu",
    "sliding_window": None, "use_sliding_window": False, "max_window_layers": LAYERS, "attention_dropout": 0.0, "initializer_range": 0.02,
    "tie_word_embeddings": True, "use_cache": True, "bos_token_id": None,
}


def ends(tok):
    return {"eos_token_id": tok.token_to_id("<|im_end|>"), "pad_token_id": tok.token_to_id("<|endoftext|>")}


def first_weights(model, seed):
    """Normal with std 1/sqrt(fan in), halved where a layer adds to the residual stream."""
    gen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("bias"):
                p.zero_()
            elif "norm" in name or name.endswith("ln_q.weight"):
                p.fill_(1.0)
            elif name == "image_newline" or "embed" in name and "patch" not in name:
                p.copy_(torch.randn(p.shape, generator=gen) * (D ** -0.5 if "position" not in name else 0.3))
            else:
                std = 1 / math.sqrt(p[0].numel())
                if any(s in name for s in ("o_proj", "down_proj", "out_proj", "attn.proj", "fc2")):
                    std /= 2
                p.copy_(torch.randn(p.shape, generator=gen) * std)
    model.tie_weights()
    return model


def write_json(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_tokenizer(tok, added, folder, processor):
    tok.save(f"{folder}/tokenizer.json")
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    others = [s for s, special in added[1:] if special]
    write_json(f"{folder}/tokenizer_config.json", {
        "add_prefix_space": False, "added_tokens_decoder": {str(tok.token_to_id(s)): {"content": s, **flags, "special": special} for s, special in added},
        "additional_special_tokens": others, "bos_token": None, "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>", "errors": "replace", "model_max_length": 1024, "pad_token": "<|endoftext|>", "processor_class": processor,
        "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None})
    write_json(f"{folder}/special_tokens_map.json", {
        "additional_special_tokens": others,
        "eos_token": {"content": "<|im_end|>", **flags}, "pad_token": {"content": "<|endoftext|>", **flags}})


def write_weights(model, folder):
    """In bf16, without the head, which is tied."""
    state = {k: v.detach().to(torch.bfloat16).contiguous() for k, v in model.state_dict().items() if not k.endswith("lm_head.weight")}
    save_file(state, f"{folder}/model.safetensors", metadata={"format": "pt"})
    os.chmod(f"{folder}/model.safetensors", 0o644)


# ---- this family: its model --------------------------------------------------------------------------------------

def config(tok):
    return {
        "architectures": ["LlavaOnevisionForConditionalGeneration"],
        "model_type": "llava_onevision",
        "torch_dtype": "bfloat16",
        "transformers_version": "4.51.3",
        "image_token_index": tok.token_to_id("<image>"),
        "video_token_index": tok.token_to_id("<video>"),
        "image_grid_pinpoints": [list(p) for p in anyres.PINPOINTS],
        "vision_aspect_ratio": "anyres_max_9",
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
        "projector_hidden_act": "gelu",
        "multimodal_projector_bias": True,
        "tie_word_embeddings": True,
        "text_config": {
            "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "torch_dtype": "bfloat16", **DECODER, **ends(tok),
        },
        "vision_config": {
            "model_type": "siglip_vision_model", "torch_dtype": "bfloat16",
            "hidden_size": VC, "intermediate_size": VFF, "num_hidden_layers": VLAYERS, "num_attention_heads": VHEADS, "num_channels": 3,
            "image_size": anyres.TILE, "patch_size": anyres.PATCH, "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-06, "attention_dropout": 0.0,
            "vision_use_head": False,
        },
    }


def build(tok, seed, attention="sdpa"):
    """A model with its first weights."""
    conf = LlavaOnevisionConfig.from_dict({**config(tok), "torch_dtype": "float32"})
    for c, kind in ((conf, attention), (conf.text_config, attention), (conf.vision_config, "eager")):
        c._attn_implementation_internal = kind  # eager is the faster one for sixteen tokens
    model = LlavaOnevisionForConditionalGeneration(conf).float()
    for p in model.vision_tower.vision_model.post_layernorm.parameters():
        p.requires_grad_(False)  # computed by the module, read by nobody
    return first_weights(model, seed)


def in_tower(name):
    """What the tower's training learns, and the decoder's at a lower rate."""
    return name.startswith("vision_tower.")


def layers(model):
    return model.language_model.model.layers


# ---- pictures ----------------------------------------------------------------------------------------------------

MIXED = True  # all tiles are of one size, so a batch for the tower may mix pictures of all sizes
TOWER_BATCH = 64  # tiles, for each of the two processes
tiles, patch_centres, token_order = anyres.tiles, anyres.patch_centres, anyres.token_order


def kept(h, w):
    """How many tiles of a picture the training keeps, and the token order on them."""
    order = np.array(token_order(h, w))
    if (h, w) == (anyres.TILE, anyres.TILE):  # tile 1 is tile 0, and the newline follows the one tile
        return 1, np.where(order >= 32, 16, order % 16)
    return len(patch_centres(h, w)), order


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

def export(model, tok, folder):
    """An ordinary Hugging Face folder: bf16 weights under the names of transformers <= 4.51."""
    os.makedirs(folder, exist_ok=True)
    write_json(f"{folder}/config.json", config(tok))
    write_json(f"{folder}/generation_config.json", {**ends(tok), "transformers_version": "4.51.3"})
    write_json(f"{folder}/preprocessor_config.json", {
        "image_processor_type": "LlavaOnevisionImageProcessor", "processor_class": "LlavaOnevisionProcessor", "do_convert_rgb": True, "do_resize": True, "do_rescale": True,
        "do_normalize": True, "do_pad": True, "image_grid_pinpoints": [list(p) for p in anyres.PINPOINTS], "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"height": anyres.TILE, "width": anyres.TILE}})
    write_json(f"{folder}/processor_config.json", {"processor_class": "LlavaOnevisionProcessor", "image_token": "<image>", "video_token": "<video>",
                                               "num_image_tokens": anyres.G ** 2, "vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_9"})
    write_json(f"{folder}/chat_template.json", {"chat_template": CHAT_TEMPLATE})
    write_tokenizer(tok, ADDED, folder, "LlavaOnevisionProcessor")
    write_weights(model, folder)
