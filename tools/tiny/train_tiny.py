#!/usr/bin/env python3
"""Trains one of the demo's tiny models on pictures it draws itself, and writes it as a Hugging Face folder.

    python tools/tiny/train_tiny.py --out data/tiny-llava-onevision
    python tools/tiny/train_tiny.py --untrained data       the two folders the demo compares with
    python tools/tiny/train_tiny.py --self-test            our batched forward against the library's
    python tools/tiny/train_tiny.py --family qwen2-vl --out data/tiny-qwen2-vl            and qwen2.5-vl; same options

The stages (pictures, tokenizer, tower, decoder in two rounds, export) leave their results in --work and are skipped when they are there.
Two processes of one thread each, about 40 minutes of processor time a process (data/README.md); for a Qwen-VL family about 30.
The pictures hold none of the demo's lead task: tools/tiny/world.py says what is held out and checks every scene.
"""

import argparse
import json
import os
import pickle
import sys
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
import torch
import torch.multiprocessing as mp
from PIL import Image
from tokenizers import Tokenizer

import tiny
from tiny import pictures, questions, train, world
from tiny.model import train_tokenizer


def make_tokenizer(model, opts):
    with open(f"{opts.work}/pictures/scenes.pickle", "rb") as f:
        scenes = [s for part in pickle.load(f).values() for s in part]
    for scene in scenes:
        world.check_hold_out(scene)
    rng = np.random.default_rng([opts.seed, 4])
    lines = questions.corpus(rng, scenes[::8])
    assert not any(questions.names_held_out(line) for line in lines)
    tok = train_tokenizer(lines, model.ADDED)
    tok.save(f"{opts.work}/tokenizer.json")
    print(f"tokenizer: {tok.get_vocab_size()} entries; {len(scenes)} scenes checked for the hold-out", flush=True)


def untrained(family, opts):
    """Random everything; and the trained tower under a random projector (merger) and decoder."""
    tok = Tokenizer.from_file(f"{opts.work}/tokenizer.json")
    model = family.build(tok, opts.seed + 1000)
    family.export(model, tok, f"{opts.untrained}/tiny-{family.NAME}-random")
    trained = torch.load(f"{opts.work}/model.pt")
    model.load_state_dict({k: v for k, v in trained.items() if family.in_tower(k)}, strict=False)
    family.export(model, tok, f"{opts.untrained}/tiny-{family.NAME}-untrained-decoder")


def library(family, folder):
    """The library's own model and processor on an exported folder."""
    import transformers as hf

    tok = hf.AutoTokenizer.from_pretrained(folder)
    if family.MIXED:
        proc = hf.LlavaOnevisionProcessor(hf.LlavaOnevisionImageProcessor.from_pretrained(folder), tok, hf.LlavaOnevisionVideoProcessor(),
                                          num_image_tokens=16, vision_feature_select_strategy="full", chat_template=family.CHAT_TEMPLATE)
    else:
        with open(f"{folder}/chat_template.json", encoding="utf-8") as f:
            template = json.load(f)["chat_template"]
        proc = (hf.Qwen2_5_VLProcessor if family.windows else hf.Qwen2VLProcessor)(hf.Qwen2VLImageProcessor.from_pretrained(folder), tok, chat_template=template)
    return family.model_class.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager").eval(), proc


def self_test(family, folder=None):
    """Pixels and ids against the library's slow processor; the batched forward, tap by tap, against its forward."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as scratch:
        if not folder:
            folder = scratch
            tok = train_tokenizer(["What do you see?", "user \n", "assistant\n", "system\nYou are a helpful assistant.", " circle"] * 4, family.ADDED)
            family.export(family.build(tok, 1), tok, folder)
        tok = Tokenizer.from_file(f"{folder}/tokenizer.json")
        model, proc = library(family, folder)
    seen, worst = [], 0.0
    for layer in family.layers(model):
        layer.self_attn.o_proj.register_forward_pre_hook(lambda _, x: seen.append(x[0][0, -1].clone()))
    for size in pictures.SIZES:
        img = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        text = proc.apply_chat_template([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What do you see?"}]}], add_generation_prompt=True)
        tiles, order = family.tiles(img), family.token_order(*size)
        # Qwen's processor gets its pictures from qwen_vl_utils, which resizes first
        inputs = proc(images=img if family.MIXED else Image.fromarray(tiles[0]), text=text, return_tensors="pt")
        if family.MIXED:
            assert torch.equal(inputs["pixel_values"][0], family.pixels(tiles)), size
        else:
            assert torch.equal(inputs["pixel_values"].unflatten(1, (3, 2, -1))[:, :, 0].flatten(1), family.patches(family.pixels(tiles))[0]), size
        ids, _ = train.Chat(family, tok).encode([("What do you see?", "")], len(order))
        assert ids[:-1] == inputs["input_ids"][0].tolist(), size
        seen.clear()
        with torch.no_grad():
            seen.append(model(**inputs, output_hidden_states=True).hidden_states[-1][0])
            seen.append(family.hidden(model, tiles[None], order, inputs["input_ids"])[0])
        want, got = seen[: len(seen) // 2], seen[len(seen) // 2 :]
        worst = max(worst, *(float((a - b).abs().max()) for a, b in zip(want, got, strict=True)))
    assert worst <= 1e-5, worst
    print(f"self-test: {family.NAME}: pixels and ids equal on {len(pictures.SIZES)} sizes; taps and last hidden states differ by at most {worst:g}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--family", choices=tiny.FAMILIES, default="llava-onevision")
    p.add_argument("--work", help="pictures, logs and checkpoints (1.5 GB); default build/tiny-FAMILY")
    p.add_argument("--out", help="folder of the trained model")
    p.add_argument("--untrained", metavar="DIR", help="write the two untrained folders under DIR")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--scale", type=float, default=1.0, help="how many pictures: 1 = 50,800")
    p.add_argument("--tower-steps", type=int, default=3000)
    p.add_argument("--steps", type=int, default=4000, help="decoder steps of 16 pictures")
    p.add_argument("--more-steps", type=int, default=1700, help="steps of the second round, from a warm start")
    p.add_argument("--tower-only", action="store_true")
    p.add_argument("--port", type=int, default=29611)
    p.add_argument("--self-test", nargs="?", const="", metavar="FOLDER", help="of a fresh model, or of this folder")
    opts = p.parse_args()
    family = tiny.family(opts.family)
    if opts.self_test is not None:
        return self_test(family, opts.self_test)
    opts.work = opts.work or f"build/tiny-{family.NAME}"
    start = time.time()
    os.makedirs(opts.work, exist_ok=True)
    if opts.out and not os.path.exists(f"{opts.work}/model.pt"):
        if not os.path.exists(f"{opts.work}/pictures/scenes.pickle"):
            pictures.make(family, f"{opts.work}/pictures", opts.seed, opts.scale)
            print(f"pictures: {time.time() - start:.0f} s", flush=True)
        if not os.path.exists(f"{opts.work}/tokenizer.json"):
            make_tokenizer(family, opts)
        mp.spawn(train.process, (2, opts), nprocs=2)
        print(f"trained: {time.time() - start:.0f} s in all", flush=True)
    if opts.out and os.path.exists(f"{opts.work}/model.pt"):
        tok = Tokenizer.from_file(f"{opts.work}/tokenizer.json")
        model = family.build(tok, opts.seed)
        model.load_state_dict(torch.load(f"{opts.work}/model.pt"))
        family.export(model, tok, opts.out)
    if opts.untrained:
        untrained(family, opts)


if __name__ == "__main__":
    main()
