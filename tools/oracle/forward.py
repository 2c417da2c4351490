"""One forward of a Hugging Face folder with every stage kept: kind exact, f64 or f32 (golden/STAGES.md has the names).

    folder, prompt, pictures -> processor (slow) -> unmodified modules, eager attention -> {stage: tensor}, in order
"""
import json
import os
import re

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2TokenizerFast,
)

from .exact_mode import Exact, Truth, inv_freq
from .fixtures import LAYOUTS
from .rounding import NAMES

# Module path (regular expression) -> which side of it is a stage.
OUTPUTS = re.compile(
    r"(vision_tower\.vision_model\.embeddings(\.patch_embedding)?"
    r"|vision_tower\.vision_model\.encoder\.layers\.\d+(\.layer_norm[12]|\.self_attn\.(q|k|v|out)_proj|\.mlp\.(fc1|fc2|activation_fn))?"
    r"|multi_modal_projector\.(linear_1|act|linear_2)"
    r"|(language_model\.)?model\.layers\.\d+(\.(input|post_attention)_layernorm|\.self_attn\.[qkvo]_proj|\.mlp\.((gate|up|down)_proj|act_fn))?"
    r"|(language_model\.)?model\.norm)$"
)
INPUTS = re.compile(r".*\.(self_attn\.(out_proj|o_proj)|mlp\.down_proj)$")


def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def read_tensors(folder):
    index = f"{folder}/model.safetensors.index.json"
    files = sorted(set(read_json(index)["weight_map"].values())) if os.path.exists(index) else ["model.safetensors"]
    out = {}
    for file in files:
        with safe_open(f"{folder}/{file}", "pt") as f:
            out.update({k: f.get_tensor(k) for k in f.keys()})
    return out


def to_hf451(name, architecture):
    """The name of a tensor in transformers 4.51.3."""
    if architecture == "LlavaQwenForCausalLM":
        table = sorted(((new, old) for old, new in LAYOUTS["lmms"]), key=lambda p: -len(p[0]))
    elif name.startswith("model.") or name == "lm_head.weight":
        table = [(new, old) for old, new in LAYOUTS["hf452"]]
    else:
        return name
    for new, old in table:
        if name.startswith(new):
            return old + name[len(new) :]
    raise KeyError(name)


def lmms_config(raw, tensors):
    """What an lmms-lab folder leaves unsaid: sizes from the tensors, 16 heads, eps 1e-6, tanh GELU, .5/.5 pixels."""
    tower = "vision_tower.vision_model."
    C = tensors[tower + "embeddings.patch_embedding.weight"].shape[0]
    layers = {k.split(".")[4] for k in tensors if k.startswith(tower + "encoder.layers.")}
    side = min(min(p) for p in raw["image_grid_pinpoints"])
    text = {k: v for k, v in raw.items() if not k.startswith(("mm_", "image_")) and k not in ("architectures", "model_type")}
    vision = dict(
        model_type="siglip_vision_model", hidden_size=C, num_hidden_layers=len(layers), num_attention_heads=16,
        intermediate_size=tensors[tower + "encoder.layers.0.mlp.fc1.bias"].shape[0], image_size=side, patch_size=14,
        hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6, vision_use_head=False,
    )
    return dict(
        vision_config=vision, text_config=dict(text, model_type="qwen2"), image_grid_pinpoints=raw["image_grid_pinpoints"],
        image_token_index=text["vocab_size"] - 1, video_token_index=text["vocab_size"] - 2,
    )


class Folder:
    """A model folder: its config, tokenizer, processor, and a model of any dtype made from its tensors."""

    def __init__(self, path):
        self.path = path
        raw = read_json(f"{path}/config.json")
        self.architecture = raw["architectures"][0]
        self.is_text = self.architecture == "Qwen2ForCausalLM"
        self.is_lmms = self.architecture == "LlavaQwenForCausalLM"
        self.tokenizer = Qwen2TokenizerFast.from_pretrained(path)
        self.tensors = read_tensors(path)
        if self.is_text:
            self.config = Qwen2Config(**raw)
            return
        self.tensors = {to_hf451(k, self.architecture): t for k, t in self.tensors.items()}
        self.marker = raw["image_token_index"]  # lmms-lab's may lie above V; the module needs one below
        self.config = LlavaOnevisionConfig(**(lmms_config(raw, self.tensors) if self.is_lmms else raw))
        side = self.config.vision_config.image_size
        if self.is_lmms:
            half = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)
            images = LlavaOnevisionImageProcessor(
                size=dict(height=side, width=side), image_grid_pinpoints=raw["image_grid_pinpoints"], **half
            )
            template = None
        else:
            images = LlavaOnevisionImageProcessor.from_pretrained(path)
            template = read_json(f"{path}/chat_template.json")["chat_template"]
        self.processor = LlavaOnevisionProcessor(
            image_processor=images, tokenizer=self.tokenizer, video_processor=LlavaOnevisionVideoProcessor(),
            num_image_tokens=(side // 14) ** 2, vision_feature_select_strategy="full", chat_template=template,
        )

    def model(self, dtype):
        cls = Qwen2ForCausalLM if self.is_text else LlavaOnevisionForConditionalGeneration
        # Shapes first, memory only when the stored tensors move in: a full-width model fits once, not twice.
        with torch.device("meta"):
            m = cls._from_config(self.config, attn_implementation="eager", torch_dtype=dtype)
        state = {k: t.to(dtype) for k, t in self.tensors.items()}
        missing, extra = m.load_state_dict(state, strict=False, assign=True)
        assert not extra, extra
        text = self.config if self.is_text else self.config.text_config
        head = "lm_head.weight" if self.is_text else "language_model.lm_head.weight"
        assert missing == ([head] if text.tie_word_embeddings else []), missing
        decoder = m if self.is_text else m.language_model
        if text.tie_word_embeddings:
            decoder.lm_head.weight = decoder.model.embed_tokens.weight
        d = getattr(text, "head_dim", text.hidden_size // text.num_attention_heads)
        f = inv_freq(d, text.rope_theta)
        decoder.model.rotary_emb.inv_freq = f.double() if dtype == torch.float64 else f
        if not self.is_text:
            table = m.vision_tower.vision_model.embeddings
            table.position_ids = torch.arange(table.num_positions).unsqueeze(0)
        assert not any(t.is_meta for t in list(m.parameters()) + list(m.buffers()) if t is not None), "left on meta"
        return m.eval()

    def layout(self, messages):
        """The prompt text of chat messages, generation prompt included."""
        if not (self.is_text or self.is_lmms):
            return self.processor.apply_chat_template(messages, add_generation_prompt=True)
        out = ""
        if messages[0]["role"] != "system":
            out = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        for m in messages:  # qwen_1_5: parts in their order, each picture as its placeholder and a newline
            parts = [m["content"]] if isinstance(m["content"], str) else m["content"]
            body = "".join(p if isinstance(p, str) else p.get("text", "<image>\n") for p in parts)
            out += f"<|im_start|>{m['role']}\n{body}<|im_end|>\n"
        return out + "<|im_start|>assistant\n"

    def inputs(self, prompt, pictures):
        """-> dict of input_ids [1,T] and, with pictures, pixel_values and image_sizes, as the library's processor makes them."""
        if not self.is_text and not self.is_lmms:
            return dict(self.processor(text=prompt, images=pictures or None, return_tensors="pt"))
        if not pictures:
            return dict(input_ids=torch.tensor([self.tokenizer(prompt).input_ids]))
        out = dict(self.processor.image_processor(pictures, return_tensors="pt"))
        side = self.config.vision_config.image_size
        ids = []
        for n, chunk in enumerate(prompt.split("<image>")):
            if n:
                h, w = (int(v) for v in out["image_sizes"][n - 1])
                ids += [self.config.image_token_index] * self.processor._get_number_of_features(h, w, side, side)
            ids += self.tokenizer(chunk).input_ids if chunk else []
        return dict(out, input_ids=torch.tensor([ids]))


def open_pictures(paths):
    return [Image.open(p).convert("RGB") for p in paths]


def hook_stages(model, folder, keep, mode):
    """Registers hooks that hand (name, tensor) to keep in execution order."""
    one = lambda t: t[0] if isinstance(t, tuple) else t
    for name, module in model.named_modules():
        if INPUTS.match(name):
            module.register_forward_pre_hook(lambda m, a, n=name: keep(n + ".input", a[0]))
        if OUTPUTS.match(name):
            module.register_forward_hook(lambda m, a, o, n=name: keep(n + ".output", one(o)))
        if name.endswith("lm_head"):
            module.register_forward_hook(lambda m, a, o, n=name: keep(n + ".output", o[:, -1:]))
    if folder.is_text:
        model.model.embed_tokens.register_forward_hook(lambda m, a, o: keep("inputs_embeds", o))
        return
    model.language_model.register_forward_pre_hook(
        lambda m, a, k: keep("inputs_embeds", k["inputs_embeds"]), with_kwargs=True
    )
    if isinstance(mode, Exact):
        # PARITY: the projector's first linear is the one mm + add of the whole model (its input is a transposed view).
        at = {}
        count = lambda: mode.ops.get("aten.mm.default", 0)
        model.multi_modal_projector.register_forward_pre_hook(lambda m, a: at.update(before=count()))

        def check(m, a, o):
            assert at["before"] == 0 and count() == 1, "the projector must show exactly one mm"

        model.multi_modal_projector.register_forward_hook(check)


def run(folder, inputs, kind, dtype="f32", want=None, widen_whole=True):
    """-> (stages {name: tensor} in execution order, mode). kind: exact, f64, f32.

    want: which stages to keep. widen_whole=False: the f64 kind keeps the weights in float32 and widens one op at a time.
    """
    R = {"exact": NAMES[dtype], "f64": torch.float64, "f32": torch.float32}[kind]
    model = folder.model(R if widen_whole else torch.float32)
    mode = {"exact": Exact, "f64": Truth, "f32": None}[kind]
    mode = mode() if mode else None
    stages = {}

    def keep(name, x):
        if want is not None and not want(name):
            return
        x = x.to(R) if name == "inputs_embeds" else x  # a lookup is not widened by itself
        assert x.dtype == R, (name, x.dtype)
        tiles = name.startswith(("vision_tower.", "multi_modal_projector."))
        stages[name] = (x.detach() if tiles else x.detach()[0]).contiguous().clone()

    ids = inputs["input_ids"]
    T = ids.shape[1]
    shown = ids[0].clone()
    if folder.is_lmms:
        shown[shown == folder.config.image_token_index] = folder.marker
    stages["input_ids"] = shown
    stages["position_ids"] = torch.arange(T)
    if "pixel_values" in inputs:
        stages["image_sizes"] = inputs["image_sizes"].clone()
        stages["pixel_values"] = inputs["pixel_values"].clone()
        assert inputs["pixel_values"].dtype == torch.float32
    hook_stages(model, folder, keep, mode)
    args = dict(inputs, use_cache=False, logits_to_keep=1)
    args["attention_mask"] = torch.ones_like(ids)
    with torch.no_grad():
        if mode is None:
            model(**args)
        else:
            with mode:
                model(**args)
    text = folder.config if folder.is_text else folder.config.text_config
    H = text.num_attention_heads
    prefix = "" if folder.is_text else "language_model."
    taps = [stages[f"{prefix}model.layers.{j}.self_attn.o_proj.input"][-1].view(H, -1) for j in range(text.num_hidden_layers)]
    stages["sav.tap"] = torch.stack(taps).contiguous()
    return stages, mode


def to_numpy_bytes(t):
    return np.ascontiguousarray(t.contiguous().view(torch.uint8).numpy()).tobytes() if t.dim() else bytes(t.view(1).view(torch.uint8).numpy())
