"""Whatever savs writes, Python reads, whatever the files are called: run by hand, with the program built.

    python3 -m tools.golden.read_back [build/savs]

tests/cli/names.sh asks savs itself; tests/base/test_shown.c has the bytes, whose right values come from here.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from safetensors import safe_open

SAVS = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/savs")
MODEL = "golden/models/t70"
PICTURES = ["golden/llava/images/8x11.png", "golden/llava/images/49x61.png"]
LABELS = ["\x1b[2J\x1b]0;owned\x07", "a\nb\tc\r", 'q"b\\', "\x7f\u009b31m", "\u202egnp.x\u2066", "caf\u00e9 \U0001f469\u200d\U0001f469"]
NAMES = [b"p\xff.png", b"\xed\xa0\x80\x1b[31m\n.png"]


def savs(*words):
    done = subprocess.run([SAVS, *words], capture_output=True)
    assert done.returncode == 0, (words, done.stderr)
    for stream in (done.stdout, done.stderr):
        text = stream.decode("utf-8")  # strict
        bad = [c for c in text if c != "\n" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066")]
        assert not bad, (words, bad)
    return done.stdout


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().rstrip("\n").split("\n")]


def main():
    scratch = tempfile.mkdtemp()
    folder, store, out = (os.path.join(scratch, name) for name in ("classes", "store", "out"))
    for label in LABELS:
        os.makedirs(os.path.join(folder, label))
        for name, picture in zip(NAMES, PICTURES):
            shutil.copy(picture, os.path.join(os.fsencode(folder), os.fsencode(label), name))
    common = ["--model", MODEL, "--question", "What?", "--quiet"]
    savs("encode", *common, "--input", folder, "--store", store)
    rows = lines(os.path.join(store, "index.jsonl"))
    assert sorted({row["label"] for row in rows}) == sorted(LABELS), rows
    shown = {name.decode("utf-8", "replace") for name in NAMES}
    assert {row["image"].split("/")[-1] for row in rows} == shown, rows
    json.load(open(os.path.join(store, "store.json"), encoding="utf-8"))
    sav = os.path.join(scratch, "sav.safetensors")
    fitted = json.loads(savs("fit", "--store", store, "--out", sav, "--heads", "3", "--json", "--quiet"))
    assert sorted(fitted["classes"]) == sorted(LABELS)
    with safe_open(sav, "numpy") as file:
        names = json.loads(file.metadata()["int_to_str"])
        assert sorted(names.values()) == sorted(LABELS)
        assert file.get_tensor("activations").shape[0] == len(LABELS)
    voted = json.loads(savs("predict", "--sav", sav, "--store", store, "--json", "--quiet"))
    assert [v["label"] for v in voted] == [row["label"] for row in rows]
    metrics = json.loads(savs("run", *common, "--train", folder, "--test", folder, "--out", out, "--heads", "3", "--json"))
    assert sorted(metrics["recall"]) == sorted(LABELS)
    predictions = lines(os.path.join(out, "predictions.jsonl"))
    assert [p["label"] for p in predictions] == [row["label"] for row in rows]
    assert json.load(open(os.path.join(out, "metrics.json"), encoding="utf-8")) == metrics
    pictures = [os.path.join(os.fsencode(folder), os.fsencode(LABELS[0]), name) for name in NAMES]
    seen = json.loads(savs("show", "pixels", "--model", MODEL, "--json", "--image", *pictures))
    assert [s["image"] for s in seen] == [p.decode("utf-8", "replace") for p in pictures]
    shutil.rmtree(scratch)
    print("savs, json and safetensors agree")


if __name__ == "__main__":
    main()
