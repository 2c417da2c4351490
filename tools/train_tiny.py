#!/usr/bin/env python3
"""Trains the demo's tiny LLaVA-OneVision on pictures it draws itself, and writes it as a Hugging Face folder.

    python tools/train_tiny.py --work build/tiny --out data/tiny-llava-onevision
    python tools/train_tiny.py --work build/tiny --untrained data       the two folders the demo compares with
    python tools/train_tiny.py --self-test                              our batched packing against the library's

The stages (pictures, tokenizer, tower, decoder in two rounds, export) leave their results in --work and are skipped when they are there.
Two processes of one thread each, about 40 minutes of processor time a process (data/README.md).
The pictures hold none of the demo's lead task: tools/tiny/world.py says what is held out and checks every scene.
"""

import argparse
import os
import pickle
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy as np
import torch
import torch.multiprocessing as mp
from tokenizers import Tokenizer

from tiny import anyres, pictures, questions, train, world
from tiny import model as tiny


def make_tokenizer(opts):
    with open(f"{opts.work}/pictures/scenes.pickle", "rb") as f:
        scenes = [s for part in pickle.load(f).values() for s in part]
    for scene in scenes:
        world.check_hold_out(scene)
    rng = np.random.default_rng([opts.seed, 4])
    lines = questions.corpus(rng, scenes[::8])
    assert not any(questions.names_held_out(line) for line in lines)
    tok = tiny.train_tokenizer(lines)
    tok.save(f"{opts.work}/tokenizer.json")
    print(f"tokenizer: {tok.get_vocab_size()} entries; {len(scenes)} scenes checked for the hold-out", flush=True)


def untrained(opts):
    """Random everything; and the trained tower under a random projector and decoder."""
    tok = Tokenizer.from_file(f"{opts.work}/tokenizer.json")
    model = tiny.build(tok, opts.seed + 1000)
    tiny.export(model, tok, f"{opts.untrained}/tiny-llava-onevision-random")
    trained = torch.load(f"{opts.work}/model.pt")
    state = {k.removeprefix("vision_tower."): v for k, v in trained.items() if k.startswith("vision_tower.")}
    model.vision_tower.load_state_dict(state)
    tiny.export(model, tok, f"{opts.untrained}/tiny-llava-onevision-untrained-decoder")


def self_test():
    """Tiles and token counts against the library's slow processor; the batched forward against its forward."""
    import tempfile

    from PIL import Image
    from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration, LlavaOnevisionImageProcessor, LlavaOnevisionProcessor, LlavaOnevisionVideoProcessor

    torch.set_num_threads(1)
    rng = np.random.default_rng(5)
    tok = tiny.train_tokenizer(["What do you see?", "user \n", "assistant\n", " circle"] * 4)
    with tempfile.TemporaryDirectory() as folder:
        tiny.export(tiny.build(tok, 1), tok, folder)
        model = LlavaOnevisionForConditionalGeneration.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager").eval()
        proc = LlavaOnevisionProcessor(LlavaOnevisionImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder), LlavaOnevisionVideoProcessor(),
                                       num_image_tokens=16, vision_feature_select_strategy="full", chat_template=tiny.CHAT_TEMPLATE)
    worst = 0.0
    for size in pictures.SIZES:
        img = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        text = proc.apply_chat_template([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What do you see?"}]}], add_generation_prompt=True)
        inputs = proc(images=img, text=text, return_tensors="pt")
        tiles = anyres.tiles(img)
        assert torch.equal(inputs["pixel_values"][0], tiny.pixels(tiles)), size
        order = anyres.token_order(*size)
        ids, _ = train.Chat(tok).encode([("What do you see?", "")], len(order))
        assert ids[:-1] == inputs["input_ids"][0].tolist(), size
        with torch.no_grad():
            want = model(**inputs, output_hidden_states=True).hidden_states[-1]
            got = tiny.hidden(model, tiles[None], order, inputs["input_ids"])
        worst = max(worst, float((want - got).abs().max()))
    print(f"self-test: tiles and ids equal on {len(pictures.SIZES)} sizes; last hidden states differ by at most {worst:g}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", default="build/tiny", help="pictures, logs and checkpoints (1.5 GB)")
    p.add_argument("--out", help="folder of the trained model")
    p.add_argument("--untrained", metavar="DIR", help="write the two untrained folders under DIR")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--scale", type=float, default=1.0, help="how many pictures: 1 = 50,800")
    p.add_argument("--tower-steps", type=int, default=3000)
    p.add_argument("--steps", type=int, default=4000, help="decoder steps of 16 pictures")
    p.add_argument("--more-steps", type=int, default=1700, help="steps of the second round, from a warm start")
    p.add_argument("--tower-only", action="store_true")
    p.add_argument("--port", type=int, default=29611)
    p.add_argument("--self-test", action="store_true")
    opts = p.parse_args()
    if opts.self_test:
        return self_test()
    start = time.time()
    os.makedirs(opts.work, exist_ok=True)
    if opts.out and not os.path.exists(f"{opts.work}/model.pt"):
        if not os.path.exists(f"{opts.work}/pictures/scenes.pickle"):
            pictures.make(f"{opts.work}/pictures", opts.seed, opts.scale)
            print(f"pictures: {time.time() - start:.0f} s", flush=True)
        if not os.path.exists(f"{opts.work}/tokenizer.json"):
            make_tokenizer(opts)
        mp.spawn(train.process, (2, opts), nprocs=2)
        print(f"trained: {time.time() - start:.0f} s in all", flush=True)
    if opts.out and os.path.exists(f"{opts.work}/model.pt"):
        tok = Tokenizer.from_file(f"{opts.work}/tokenizer.json")
        model = tiny.build(tok, opts.seed)
        model.load_state_dict(torch.load(f"{opts.work}/model.pt"))
        tiny.export(model, tok, opts.out)
    if opts.untrained:
        untrained(opts)


if __name__ == "__main__":
    main()
