"""One rounding from double to the storage type R (f32, bf16, f16), nearest even, never through a second type.

PyTorch converts double -> float -> half, which rounds twice in about one of 20,000 values. Here the double is first
rounded *to odd* in float32 (cut, and the last bit set if anything was lost): float32 has more than two bits more than
either half type, so the second rounding then gives what one rounding of the double gives.
"""
import numpy as np
import torch

NAMES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16, "f64": torch.float64}
CODES = {v: k for k, v in NAMES.items()}
STORED = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.float64: "F64", torch.int64: "I64"}


def to_odd(x):
    """float64 tensor -> float32 tensor, rounded to odd."""
    t = x.to(torch.float32)
    wide = t.to(torch.float64)
    inexact = (wide != x) & ~torch.isnan(x)
    bits = t.view(torch.int32).clone()
    bits = torch.where(inexact & (wide.abs() > x.abs()), bits - 1, bits)  # sign-magnitude: one step toward zero
    bits = torch.where(inexact, bits | 1, bits)
    return bits.view(torch.float32)


def round_to(x, dtype):
    """float64 tensor -> tensor of dtype, one rounding."""
    assert x.dtype == torch.float64, x.dtype
    if dtype == torch.float64:
        return x
    if dtype == torch.float32:
        return x.to(torch.float32)
    return to_odd(x).to(dtype)


def self_test():
    one = torch.tensor([1 + 2.0**-8 + 2.0**-40, 1 + 2.0**-11 + 2.0**-40], dtype=torch.float64)
    assert round_to(one[:1], torch.bfloat16).item() == 1.0078125
    assert round_to(one[1:], torch.float16).item() == 1.0009765625
    rng = np.random.default_rng(1)
    x = rng.standard_normal(400000) * 2.0 ** rng.integers(-30, 17, 400000)
    tie = np.clip(x, -6e4, 6e4).astype(np.float16).astype(np.float64) * (1 + 2.0**-11) * (1 + rng.integers(-1, 2, 400000) * 2.0**-45)
    for v in (x, tie):
        got = round_to(torch.from_numpy(v), torch.float16).numpy()
        with np.errstate(over="ignore"):
            want = v.astype(np.float16)  # NumPy converts double -> half directly
        assert (got.view(np.uint16) == want.view(np.uint16)).all()


if __name__ == "__main__":
    self_test()
    print("rounding: ok")
