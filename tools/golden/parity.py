"""Parity at true width: one forward of each family with a picture, our build against committed goldens.

    python -m tools.golden.parity [--only NAME] [--exact]     makes the checkpoint in build/parity/, runs build/savs, compares
    python -m tools.golden.parity --write [--only NAME]       writes golden/parity/ (the oracle; a long run)

The checkpoints are tools/make_checkpoint.py's: the released structure and widths, with the first layers of decoder and tower
(CASES). Every float32 engine's tap must lie within 1.5 × PyTorch-f32's own distance from f64 + 2^-24. --exact also runs the
exact engine: the tap must have the golden's bits and, where NAME.exact.sha256 is there, every stage of the forward its digest.

    golden/parity/640x480.jpg, 420x280.jpg         the pictures (width × height), textured
    golden/parity/NAME.messages.json               the prompt
    golden/parity/NAME.{exact,f64,f32}.safetensors ids, positions, grids, tap
    golden/parity/NAME.exact.sha256                a digest a stage, in execution order
    golden/parity/errors.json                      layers; rel-L2 of the taps from f64
"""
import argparse
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import make_checkpoint  # noqa: E402

HOME = "golden/parity"
PICTURES = {"640x480.jpg": (480, 640, 640), "420x280.jpg": (280, 420, 641)}  # height, width, seed
KEEP = ["input_ids", "position_ids", "image_sizes", "image_grid_thw", "sav.tap"]
# name -> layers of the decoder, of the tower, picture. Eight tower blocks of Qwen2.5-VL: seven with windows, the last with full
# attention, as released; 280 × 420 pixels are 10 × 15 tokens, so windows of 4 × 4 are partial on both far edges.
CASES = {
    "llava-onevision-0.5b": (4, 4, "640x480.jpg"),
    "qwen2-vl-2b": (4, 4, "420x280.jpg"),
    "qwen2.5-vl-3b": (4, 8, "420x280.jpg"),
}


# ---- goldens, by the oracle ----------------------------------------------------------------------------------------------


def is_tap(name):
    return name.endswith("o_proj.input")


def messages(name):
    parts = [dict(type="image", image=CASES[name][2]), dict(type="text", text="What is shown in this picture?")]
    return [dict(role="user", content=parts)]


def llava(folder, said, picture):
    """-> a function: kind -> (stages, mode)."""
    from tools.oracle import forward, generate

    model = forward.Folder(folder)
    inputs = model.inputs(model.layout(generate.without_images(said)), forward.open_pictures([picture]))
    return lambda kind: forward.run(model, inputs, kind, want=is_tap, widen_whole=False)  # all stages of five tiles would not fit


def qwen(folder, said, picture):
    from tools.oracle import qwen_vl

    model = qwen_vl.Folder(folder)
    processor = model.processor({})
    prompt = processor.apply_chat_template(said, add_generation_prompt=True)
    inputs = processor(text=[prompt], images=[qwen_vl.fetch(picture, {})], return_tensors="pt")
    inputs = {k: v for k, v in inputs.items() if k != "attention_mask"}
    return lambda kind: qwen_vl.run(model, inputs, kind, want=None if kind == "exact" else is_tap, widen_whole=False)


def write(name, folder):
    """The taps of the three kinds, the digests of `exact`. -> row of errors.json."""
    import torch

    from tools.oracle import fixtures, generate, images

    torch.set_num_threads(1)
    os.makedirs(HOME, exist_ok=True)
    picture = CASES[name][2]
    images.write(f"{HOME}/{picture}", *PICTURES[picture])
    fixtures.write_json(f"{HOME}/{name}.messages.json", messages(name))
    run = (llava if name.startswith("llava") else qwen)(folder, messages(name), f"{HOME}/{picture}")
    taps = {}
    for kind in ("f32", "exact", "f64"):
        start = time.process_time()
        stages, mode = run(kind)
        keep = set(KEEP) & set(stages)
        dtype = "f64" if kind == "f64" else "f32"
        generate.write_stages(f"{HOME}/{name}.{kind}.safetensors", {k: v for k, v in stages.items() if k in keep}, kind, dtype, keep)
        if kind == "exact" and not name.startswith("llava"):
            generate.write_digests(f"{HOME}/{name}.exact.sha256", stages)
        taps[kind] = stages["sav.tap"]
        seconds = time.process_time() - start
        print(f"{name}, {kind}: T={len(stages['input_ids'])}, {seconds:.0f} s of CPU, {getattr(mode, 'stats', '')}", flush=True)
        del stages, mode
    error = {k: generate.rel_l2(taps[k], taps["f64"]) for k in ("f32", "exact")}
    print(f"{name}: tap rel-L2 from f64: PyTorch f32 {error['f32']:.3e}, exact {error['exact']:.3e}", flush=True)
    return dict(layers=CASES[name][0], vision_layers=CASES[name][1], **{k: float(f"{v:.3e}") for k, v in error.items()})


def read_errors():
    with open(f"{HOME}/errors.json", encoding="utf-8") as f:
        return json.load(f)


def write_errors(name, row):
    rows = read_errors() if os.path.exists(f"{HOME}/errors.json") else {}
    make_checkpoint.write_json(f"{HOME}/errors.json", {k: {**rows, name: row}[k] for k in CASES if k in {**rows, name: row}})


# ---- our build against them ----------------------------------------------------------------------------------------------


def savs(*args):
    print("build/savs", *args, flush=True)
    return subprocess.call(["build/savs", *args])


def float_engines():
    """The float32 engines of this build, the default first, as its help lists them."""
    text = subprocess.run(["build/savs", "dump", "--help"], capture_output=True, text=True, check=True).stdout
    return [e for e in re.search(r"--engine (\S+)", text)[1].split("|") if e not in ("exact", "int8")]


def digests(path):
    """(stage, SHA-256) of each tensor of a dump, in the order of its metadata."""
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        table = json.loads(f.read(size))
        for stage in json.loads(table["__metadata__"]["savs"])["stages"]:
            start, end = table[stage]["data_offsets"]
            f.seek(8 + size + start)
            yield stage, hashlib.sha256(f.read(end - start)).hexdigest()


def compare_digests(dump, golden):
    with open(golden, encoding="utf-8") as f:
        want = [tuple(reversed(line.split())) for line in f]
    ours = dict(digests(dump))
    for stage, digest in want:
        if ours.pop(stage, None) != digest:
            print(f"{stage}: the first stage with other bits than {golden}")
            return 1
    if ours:
        print(f"{dump}: stages that the golden lacks: {', '.join(ours)}")
        return 1
    print(f"equal: {len(want)} stages, every bit")
    return 0


def dump(name, folder, engine, out, *more):
    return savs("dump", "--model", folder, "--messages", f"{HOME}/{name}.messages.json", "--engine", engine, "--out", out, *more)


def compare(name, folder, exact):
    """-> number of comparisons that failed."""
    bad, taps = 0, ["--stages", ",".join(KEEP)]
    limit = 1.5 * read_errors()[name]["f32"] + 2.0**-24
    for engine in float_engines():
        out = f"build/parity/{name}.{engine}.safetensors"
        bad += dump(name, folder, engine, out, *taps) != 0 or savs("diff", out, f"{HOME}/{name}.f64.safetensors", "--max-rel-l2", f"{limit:.6e}") != 0
    if exact:
        out, golden = f"build/parity/{name}.exact.safetensors", f"{HOME}/{name}.exact.sha256"
        staged = os.path.exists(golden)
        bad += dump(name, folder, "exact", out, *([] if staged else taps)) != 0
        bad += compare_digests(out, golden) if staged else savs("diff", out, f"{HOME}/{name}.exact.safetensors") != 0
        os.remove(out)
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--write", action="store_true")
    p.add_argument("--exact", action="store_true")
    p.add_argument("--only", choices=list(CASES))
    a = p.parse_args()
    bad = 0
    for name in [a.only] if a.only else CASES:
        layers, vision_layers, _ = CASES[name]
        folder = f"build/parity/{name}-{layers}-{vision_layers}"
        size = make_checkpoint.make(folder, name, layers, vision_layers)
        print(f"{folder}: {size / 1e9:.2f} GB of weights", flush=True)
        if a.write:
            write_errors(name, write(name, folder))
        else:
            bad += compare(name, folder, a.exact)
    if not a.write:
        print("parity:", f"{bad} FAILED" if bad else "ok")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
