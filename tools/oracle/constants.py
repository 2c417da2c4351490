"""golden/inv_freq/inv_freq.safetensors: the rotary frequencies of the contract, for head sizes and thetas in use.

Names `inv_freq.<d>.<theta>`, F32 [d/2]. Exponent, power and reciprocal are each rounded once to float32. PyTorch's own
vectorised float32 pow is not correctly rounded: for d = 128, theta 1e6 its entry 37 is one step off, which this file pins.
"""
import json
import os

from safetensors.torch import save_file

from .exact_mode import inv_freq


def main():
    os.makedirs("golden/inv_freq", exist_ok=True)
    pairs = [(d, t) for d in (6, 10, 12, 18, 64, 80, 128) for t in (10000, 500000, 1000000)]
    tensors = {f"inv_freq.{d}.{t}": inv_freq(d, float(t)) for d, t in pairs}
    assert tensors["inv_freq.128.1000000"][37].item() == float.fromhex("0x1.6453f4p-12")
    meta = dict(format=1, stages=list(tensors))
    save_file(tensors, "golden/inv_freq/inv_freq.safetensors", metadata={"savs": json.dumps(meta, separators=(",", ":"))})


if __name__ == "__main__":
    main()
