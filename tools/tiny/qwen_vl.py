"""The tiny Qwen2-VL and Qwen2.5-VL: what model.py is for LLaVA-OneVision.

    picture -> qwen_vl_utils' resize [1, h, w, 3] uint8 (kept) -> the processor's resize -> patches [B, P, 588]
            -> tower [B, P, VC] -> merger [B, P / 4, D] -> decoder with positions [3, T] -> hidden states [B, T, D]

The weights lie in Hugging Face's own modules (transformers 4.51.3). The tower's forward is written out here, because theirs
joins all pictures into one sequence with one mask, which costs a training the square of the batch; no permutation is needed
where a mask says which patches share a window. `python tools/tiny/train_tiny.py --family ... --self-test` compares both.
"""

import os

import numpy as np
import qwen2_tokenizer
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
from transformers.models.qwen2_vl.modeling_qwen2_vl import apply_rotary_pos_emb_vision

from .model import D, DECODER, ends, first_weights, write_json, write_tokenizer, write_weights

VC, VLAYERS, VHEADS = 96, 4, 4
PATCH, MERGE, WINDOW = 14, 2, 56
CELL, SIDE = PATCH * MERGE, WINDOW // PATCH // MERGE  # pixels of a token, tokens of a window
FULL = [2]  # the one block of Qwen2.5-VL that sees over its window
SECTIONS = [3, 3, 3]  # of the 9 angles of a head of 18
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
# Every picture becomes about 112 x 112, the detail that LLaVA-OneVision's crops have: 64 patches, 16 tokens, four windows; where a
# side is an odd number of tokens, windows are partial.
BOUNDS = {"min_pixels": 112 * 112, "max_pixels": 2 * 112 * 112}


class Family:
    IMAGE = "<|image_pad|>"
    FIRST = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>{}<|im_end|>\n"
             "<|im_start|>assistant\n")
    LATER = "\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    MIXED = False  # a batch for the tower holds pictures of one size
    TOWER_BATCH = 24  # pictures of four times the patches of a tile
    VC = VC

    def __init__(self, name):
        self.NAME, self.ADDED, self.windows = name, qwen2_tokenizer.FAMILIES[name], name == "qwen2.5-vl"
        self.model_class = Qwen2_5_VLForConditionalGeneration if self.windows else Qwen2VLForConditionalGeneration
        self.config_class = Qwen2_5_VLConfig if self.windows else Qwen2VLConfig

    # ---- model ----

    def config(self, tok):
        tower = {"depth": VLAYERS, "num_heads": VHEADS, "in_channels": 3, "patch_size": PATCH, "spatial_merge_size": MERGE, "temporal_patch_size": 2}
        if self.windows:
            tower |= {"model_type": "qwen2_5_vl", "hidden_size": VC, "out_hidden_size": D, "intermediate_size": 2 * VC, "hidden_act": "silu",
                      "window_size": WINDOW, "fullatt_block_indexes": FULL, "tokens_per_second": 2}
        else:
            tower |= {"model_type": "qwen2_vl", "embed_dim": VC, "hidden_size": D, "mlp_ratio": 3, "hidden_act": "quick_gelu"}
        ids = {f"{k}_token_id": tok.token_to_id(f"<|{v}|>") for k, v in
               (("vision_start", "vision_start"), ("vision_end", "vision_end"), ("vision", "vision_pad"), ("image", "image_pad"), ("video", "video_pad"))}
        return {
            "architectures": [self.model_class.__name__], "model_type": tower["model_type"], "torch_dtype": "bfloat16", "transformers_version": "4.51.3",
            **DECODER, **ends(tok), **ids, "rope_scaling": {"type": "mrope", "mrope_section": SECTIONS}, "vision_config": tower,
        }

    def build(self, tok, seed, attention="sdpa"):
        conf = self.config_class.from_dict({**self.config(tok), "torch_dtype": "float32"})
        return first_weights(self.model_class._from_config(conf, attn_implementation=attention, torch_dtype=torch.float32), seed)

    @staticmethod
    def in_tower(name):
        return name.startswith("visual.") and not name.startswith("visual.merger.")

    @staticmethod
    def layers(model):
        return model.model.layers

    # ---- pictures ----

    @staticmethod
    def tiles(img):
        """[1, h, w, 3] uint8: what qwen_vl_utils hands to the processor."""
        h, w = smart_resize(img.height, img.width, max_pixels=16384 * CELL * CELL)
        return np.asarray(img.resize((w, h)))[None]

    @staticmethod
    def grid(h, w):
        """Patches of a kept picture of h x w pixels."""
        h, w = smart_resize(h, w, **BOUNDS)
        return h // PATCH, w // PATCH

    @classmethod
    def patch_centres(cls, h, w):
        """Where each patch's centre lies, as parts of the picture's height and width, in the order of the tower: [1, P, 2]."""
        rows, cols = cls.grid(*cls.tiles(Image.new("RGB", (w, h))).shape[1:3])
        yx = np.stack(np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(cols) + 0.5) / cols, indexing="ij"), -1)
        return yx.reshape(rows // MERGE, MERGE, cols // MERGE, MERGE, 2).transpose(0, 2, 1, 3, 4).reshape(1, -1, 2)

    @classmethod
    def token_order(cls, h, w):
        return np.arange(cls.patch_centres(h, w).shape[1] // MERGE**2)

    @classmethod
    def kept(cls, h, w):
        return 1, cls.token_order(h, w)

    @classmethod
    def pixels(cls, tiles):
        """[..., h, w, 3] uint8 -> [B, 3, H, W] float32."""
        tiles = np.asarray(tiles).reshape(-1, *np.shape(tiles)[-3:])
        rows, cols = cls.grid(*tiles.shape[1:3])
        size = cols * PATCH, rows * PATCH
        x = torch.from_numpy(np.stack([np.asarray(Image.fromarray(t).resize(size, Image.BICUBIC)) for t in tiles]))
        return ((x.float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)).permute(0, 3, 1, 2)

    # ---- forward of a batch of equal-size pictures ----

    @staticmethod
    def patches(px):
        """[B, 3, H, W] -> [B, P, 588]: (channel, row, column) of each patch, the four patches of a token one after another."""
        b, _, h, w = px.shape
        x = px.reshape(b, 3, h // CELL, MERGE, PATCH, w // CELL, MERGE, PATCH).permute(0, 2, 5, 3, 6, 1, 4, 7)
        return x.reshape(b, -1, 3 * PATCH * PATCH)

    def tower(self, model, px):
        """[B, 3, H, W] -> [B, P, VC], before the merger."""
        b, rows, cols = len(px), px.shape[2] // CELL, px.shape[3] // CELL
        v = model.visual
        x = self.patches(px) @ v.patch_embed.proj.weight.sum(2).reshape(VC, -1).T  # a still picture is its own second frame
        angle = v.rot_pos_emb(torch.tensor([[1, rows * MERGE, cols * MERGE]])).repeat(1, 2)
        turn = angle.cos(), angle.sin()
        token = torch.arange(x.shape[1]) // MERGE**2
        window = token // cols // SIDE * cols + token % cols // SIDE
        same = window[:, None] == window[None]
        for k, block in enumerate(v.blocks):
            q, key, value = block.attn.qkv(block.norm1(x)).reshape(b, -1, 3, VHEADS, VC // VHEADS).unbind(2)
            q, key = apply_rotary_pos_emb_vision(q, key, *turn)
            near = same if self.windows and k not in FULL else None
            out = F.scaled_dot_product_attention(*(t.transpose(1, 2) for t in (q, key, value)), attn_mask=near)
            x = x + block.attn.proj(out.transpose(1, 2).reshape(b, -1, VC))
            x = x + block.mlp(block.norm2(x))
        return x

    @staticmethod
    def positions(length, start, rows, cols):
        """[3, 1, length]: text counts up, the picture's tokens at `start` take their row and column, text goes on behind the larger."""
        count = rows * cols
        at = torch.arange(length).repeat(3, 1)
        at[:, start : start + count] = start + torch.stack([torch.zeros(count, dtype=torch.long), torch.arange(count) // cols, torch.arange(count) % cols])
        at[:, start + count :] += max(rows, cols) - count
        return at[:, None]

    def hidden(self, model, tiles, order, ids):
        """ids [B, T] with the placeholders at one place in every row -> last hidden states [B, T, D], normed."""
        px = self.pixels(tiles)
        image = model.visual.merger(self.tower(model, px)).reshape(len(ids), -1, D)
        embeds = model.model.embed_tokens(ids)
        start = int((ids[0] == model.config.image_token_id).nonzero()[0])
        embeds = torch.cat([embeds[:, :start], image, embeds[:, start + len(order) :]], 1)
        at = self.positions(ids.shape[1], start, px.shape[2] // CELL, px.shape[3] // CELL)
        return model.model(inputs_embeds=embeds, position_ids=at.expand(-1, len(ids), -1), use_cache=False).last_hidden_state

    # ---- folder ----

    def export(self, model, tok, folder):
        """An ordinary Hugging Face folder: bf16 weights under the names of transformers <= 4.51."""
        os.makedirs(folder, exist_ok=True)
        processor = "Qwen2_5_VLProcessor" if self.windows else "Qwen2VLProcessor"
        write_json(f"{folder}/config.json", self.config(tok))
        write_json(f"{folder}/generation_config.json", {**ends(tok), "transformers_version": "4.51.3"})
        write_json(f"{folder}/preprocessor_config.json", {
            "image_processor_type": "Qwen2VLImageProcessor", "processor_class": processor, "do_convert_rgb": True, "do_resize": True, "do_rescale": True,
            "do_normalize": True, "image_mean": MEAN, "image_std": STD, "resample": 3, "rescale_factor": 0.00392156862745098,
            "patch_size": PATCH, "temporal_patch_size": 2, "merge_size": MERGE, **BOUNDS})
        write_json(f"{folder}/chat_template.json", {"chat_template": qwen2_tokenizer.TEMPLATES["qwen"]})
        write_tokenizer(tok, self.ADDED, folder, processor)
        write_weights(model, folder)
