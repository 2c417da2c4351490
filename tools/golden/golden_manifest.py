"""golden/manifest.json: what every committed golden is, and where it came from.

    python tools/golden/golden_manifest.py             writes it
    python tools/golden/golden_manifest.py --check     compares every file's SHA-256 with it (needs no package beside Python)

Libraries, CPU and the decisions that touch bits stand on top; then a row a file: path, bytes, SHA-256, the command that
wrote it, and for dumps the engine and dtype. golden/f32_errors.json holds, stage by stage, PyTorch-f32's own distance from
the f64 truth on the CPU named here: the yardstick of the float32 engines.
"""
import argparse
import hashlib
import json
import os
import struct
import sys

PACKAGES = ["torch", "transformers", "tokenizers", "safetensors", "pillow", "numpy", "scipy", "scikit-learn", "mpmath"]
# First matching prefix wins. Pictures and lists belong to the command that made their case.
COMMANDS = [
    ("keys/forms.json", "python tools/golden/folder_forms_golden.py"),
    ("keys/lmms-lab.txt", "kept: written by hand from published folders"),
    ("keys/", "python tools/golden/keys_golden.py"),
    ("models/qwen2-vl", "python -m tools.oracle.qwen_vl"),
    ("models/qwen2.5-vl", "python -m tools.oracle.qwen_vl"),
    ("qwen_vl/sizes.safetensors", "python tools/golden/patches_golden.py"),
    ("qwen_vl/windows.json", "python tools/golden/patches_golden.py"),
    ("qwen_vl/", "python -m tools.oracle.qwen_vl"),
    ("models/report-", "kept: written once with transformers 4.51.3"),
    ("models/", "python -m tools.oracle.generate"),
    ("qwen2/", "python -m tools.oracle.generate"),
    ("llava/", "python -m tools.oracle.generate"),
    ("hooks/", "python tools/golden/hooks_golden.py"),
    ("changed/", "python -m tools.oracle.generate"),
    ("cases.json", "python -m tools.oracle.generate"),
    ("f32_errors.json", "python -m tools.oracle.generate"),
    ("sav/", "python -m tools.oracle.sav_golden"),
    ("fewshot/", "python -m tools.oracle.fewshot"),
    ("parity/", "python -m tools.golden.parity --write"),
    ("inv_freq/", "python -m tools.oracle.constants"),
    ("elementary/exhaustive.json", "make exhaustive"),
    ("elementary/", "python tools/golden/elementary_golden.py"),
    ("image/odd.", "python tools/golden/odd_pictures_golden.py"),
    ("image/files/arithmetic", "kept: written once by libjpeg-turbo 3.1.1"),
    ("image/files/lossless", "kept: written once by libjpeg-turbo 3.1.1"),
    ("image/files/xmp", "python tools/golden/odd_pictures_golden.py"),
    ("image/files/broken", "python tools/golden/odd_pictures_golden.py"),
    ("image/files/unrefined", "python tools/golden/odd_pictures_golden.py"),
    ("image/files/cut", "python tools/golden/odd_pictures_golden.py"),
    ("image/files/", "kept: made after public reports"),
    ("image/files.json", "python tools/golden/odd_pictures_golden.py"),
    ("image/", "python tools/golden/image_golden.py"),
    ("text/tokenizer_keys.json", "python tools/golden/tokenizer_keys_golden.py"),
    ("requests/", "python tools/golden/requests_golden.py"),
    ("text/", "python tools/golden/text_golden.py"),
    ("portability.txt", "make portability"),
]
HAND = {"STAGES.md", "README.md", "manifest.json"}


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            h.update(block)
    return h.hexdigest()


def dump_facts(path):
    """engine and dtype of a dump, from its one metadata key."""
    if not path.endswith(".safetensors"):
        return {}
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        meta = json.loads(f.read(size)).get("__metadata__", {})
    facts = json.loads(meta["savs"]) if "savs" in meta else {}
    return {k: facts[k] for k in ("engine", "dtype") if k in facts}


def cpu():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            text = [line.split(":", 1) for line in f if ":" in line]
        rows = {k.strip(): v.strip() for k, v in text}
        return f"{rows.get('model name')}, family {rows.get('cpu family')} model {rows.get('model')}"
    except OSError:
        import platform

        return platform.processor() or platform.machine()


def files(root):
    for folder, names, found in os.walk(root):
        names.sort()
        for name in sorted(found):
            path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            if path not in HAND:
                yield path


def command(path):
    for prefix, text in COMMANDS:
        if path.startswith(prefix):
            return text
    return None


def write(root):
    from importlib.metadata import version

    import torch

    rows, unknown = [], set()
    for path in files(root):
        full = os.path.join(root, path)
        made_by = command(path)
        if made_by is None:
            unknown.add(path.split("/")[0])
        rows.append(dict(path=path, bytes=os.path.getsize(full), sha256=digest(full), command=made_by, **dump_facts(full)))
    head = dict(
        format=1, packages={p: version(p) for p in PACKAGES}, python=sys.version.split()[0], cpu=cpu(),
        torch=dict(threads=1, cpu_capability=torch.backends.cpu.get_cpu_capability(), attention="eager"),
        seeds="in the generators, a constant a fixture (NumPy PCG64)",
        decisions=[
            "inv_freq is recomputed by the contract and overwrites the module's buffer in all three kinds; for d = 128, theta 1e6 entry 37 differs from PyTorch's own with AVX2",
            "double to bf16 and f16 rounds once",
            "pictures are opened and converted by Pillow, EXIF orientation not applied",
        ],
        f32_errors="f32_errors.json",
    )
    path = os.path.join(root, "manifest.json")
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        text = json.dumps(head, indent=1, ensure_ascii=False)
        lines = ",\n".join("  " + json.dumps(r, ensure_ascii=False) for r in rows)
        f.write(text[:-2] + ',\n "files": [\n' + lines + "\n ]\n}\n")
    for topic in sorted(unknown):
        print(f"{topic}: no command in COMMANDS", file=sys.stderr)
    print(f"{len(rows)} files, {sum(r['bytes'] for r in rows) / 1e6:.1f} MB")


def check(root):
    with open(os.path.join(root, "manifest.json"), encoding="utf-8") as f:
        rows = {r["path"]: r for r in json.load(f)["files"]}
    bad = 0
    for path in files(root):
        row = rows.pop(path, None)
        said = row and row["sha256"]
        if said != digest(os.path.join(root, path)):
            print(f"{path}: {'not in the manifest' if row is None else 'other bytes than the manifest says'}")
            bad += 1
    for path in rows:
        print(f"{path}: missing")
        bad += 1
    print(f"golden/manifest.json: {bad} wrong")
    return bad != 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", default="golden")
    p.add_argument("--check", action="store_true")
    a = p.parse_args()
    return check(a.golden) if a.check else write(a.golden)


if __name__ == "__main__":
    sys.exit(main())
