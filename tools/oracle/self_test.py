"""Can the oracle fail? Checks of the oracle itself, on committed fixtures; seconds. `python -m tools.oracle.self_test`

1. rounding: double -> f16 against NumPy's direct cast, two numbers that a step through float32 rounds wrongly;
2. every matmul output summed in order gives the same bits as the shortcut that skips sums whose order cannot matter;
3. an op without a row is an error, in-place ops included; a strided linear input is an error;
4. a golden with one changed weight differs, first at the stage that reads the weight;
5. a second forward gives the same bits.
"""
import torch
from safetensors.torch import load_file

from . import exact_mode, forward, rounding
from .generate import cases, without_images


def refuses(f):
    try:
        with torch.no_grad(), exact_mode.Exact():
            f()
    except (NotImplementedError, AssertionError):
        return True
    return False


def run(name, in_order=False):
    c = next(c for c in cases() if c["name"] == name)
    folder = forward.Folder(f"golden/{c['model']}")
    prompt = c["prompt"] or folder.layout(without_images(c["messages"]))
    pictures = [f"golden/llava/{p['image']}" for m in c["messages"] for p in m["content"] if p["type"] == "image"]
    exact_mode.ALL_IN_ORDER = in_order
    stages, mode = forward.run(folder, folder.inputs(prompt, forward.open_pictures(pictures)), "exact", c["dtype"])
    exact_mode.ALL_IN_ORDER = False
    return stages, mode


def same(a, b):
    return [k for k in a if forward.to_numpy_bytes(a[k]) != forward.to_numpy_bytes(b[k])]


def main():
    torch.set_num_threads(1)
    rounding.self_test()
    for name in ("qwen2/window", "qwen2/headdim", "llava/t70-49x61", "llava/t70-49x61-bf16", "llava/t70-8x11"):
        a, mode = run(name)
        b, every = run(name, in_order=True)
        assert every.stats["matmul_in_order"] == every.stats["matmul_outputs"] == mode.stats["matmul_outputs"]
        assert same(a, b) == [], name
        golden = load_file(f"golden/{name}.exact.safetensors")
        assert same(golden, {k: a[k] for k in golden}) == [], name
        print(f"{name}: {mode.stats['matmul_outputs']} outputs, shortcut = in order, golden = second forward")
    x = torch.randn(2, 3, 4)
    for f in (lambda: torch.log(x), lambda: x.sin_(), lambda: torch.nn.functional.elu(x), lambda: x.cumsum(0), lambda: x**3):
        assert refuses(f)
    w = torch.randn(5, 4)
    assert refuses(lambda: torch.mm(torch.randn(4, 3).t(), w.t()))
    assert not refuses(lambda: torch.nn.functional.linear(x, w))
    golden, changed = (load_file(f"golden/{d}/t70-text.exact.safetensors") for d in ("llava", "changed"))
    order, _ = run("llava/t70-text")
    bad = set(same(golden, changed))
    assert next(k for k in order if k in bad) == "language_model.model.layers.1.mlp.gate_proj.output", bad
    print("the oracle refuses what has no row, and a changed weight shows at the stage that reads it: ok")


if __name__ == "__main__":
    main()
