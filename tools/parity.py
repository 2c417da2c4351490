"""Parity at full width: the tap of a 640×480 picture, our build against committed goldens.

    python -m tools.parity [--exact]        regenerates the checkpoint in build/parity/, runs build/savs, compares
    python -m tools.parity --write          writes golden/parity/ (the oracle; a long run)

The checkpoint is tools/make_checkpoint.py's, LLaVA-OneVision-Qwen2-0.5B's structure at full width with the first LAYERS
layers of decoder and tower. The float32 engine must lie within 1.5 × PyTorch-f32's own distance from f64 + 2^-24;
--exact also runs the exact engine, whose tap must have the golden's bits.
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_checkpoint  # noqa: E402

LAYERS = 4
HOME = "golden/parity"
MESSAGES = [
    dict(role="user", content=[dict(type="image", image="640x480.jpg"), dict(type="text", text="What is shown in this picture?")])
]


def write(folder):
    """golden/parity: picture, messages, ids and taps of the three kinds, the f32 kind's distance."""
    import torch

    from tools.oracle import fixtures, forward, generate, images

    torch.set_num_threads(1)
    os.makedirs(HOME, exist_ok=True)
    images.write(f"{HOME}/640x480.jpg", 480, 640, 640)
    fixtures.write_json(f"{HOME}/parity.messages.json", MESSAGES)
    model = forward.Folder(folder)
    prompt = model.layout(generate.without_images(MESSAGES))
    inputs = model.inputs(prompt, forward.open_pictures([f"{HOME}/640x480.jpg"]))
    taps = {}
    for kind in ("f32", "exact", "f64"):
        start = time.time()
        stages, mode = forward.run(model, inputs, kind, want=lambda n: n.endswith("o_proj.input"), widen_whole=False)
        keep = {"input_ids", "position_ids", "image_sizes", "sav.tap"}
        dtype = "f64" if kind == "f64" else "f32"
        generate.write_stages(f"{HOME}/parity.{kind}.safetensors", {k: v for k, v in stages.items() if k in keep}, kind, dtype, keep)
        taps[kind] = stages["sav.tap"]
        print(f"{kind}: T={len(stages['input_ids'])}, {time.time() - start:.0f} s, {getattr(mode, 'stats', '')}", flush=True)
    error = {k: generate.rel_l2(taps[k], taps["f64"]) for k in ("f32", "exact")}
    fixtures.write_json(f"{HOME}/errors.json", dict(layers=LAYERS, **{k: float(f"{v:.3e}") for k, v in error.items()}))
    print(f"tap rel-L2 from f64: PyTorch f32 {error['f32']:.3e}, exact {error['exact']:.3e}")


def savs(*args):
    print("build/savs", *args, flush=True)
    return subprocess.call(["build/savs", *args])


def compare(folder, exact):
    import json

    with open(f"{HOME}/errors.json", encoding="utf-8") as f:
        limit = 1.5 * json.load(f)["f32"] + 2.0**-24
    bad = 0
    for engine, golden, extra in (("blas", "f64", ["--max-rel-l2", f"{limit:.6e}"]), ("exact", "exact", [])):
        if engine == "exact" and not exact:
            continue
        out = f"build/parity/{engine}.safetensors"
        dump = savs("dump", "--model", folder, "--messages", f"{HOME}/parity.messages.json", "--engine", engine,
                    "--stages", "input_ids,position_ids,image_sizes,sav.tap", "--out", out)
        bad += dump != 0 or savs("diff", out, f"{HOME}/parity.{golden}.safetensors", *extra) != 0
    print("parity:", "FAILED" if bad else "ok")
    return bad != 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--write", action="store_true")
    p.add_argument("--exact", action="store_true")
    a = p.parse_args()
    folder = f"build/parity/layers-{LAYERS}"
    print(f"{folder}: {make_checkpoint.make(folder, layers=LAYERS) / 1e9:.2f} GB of weights", flush=True)
    return write(folder) if a.write else compare(folder, a.exact)


if __name__ == "__main__":
    sys.exit(main())
