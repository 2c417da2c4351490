#!/usr/bin/env python3
"""Writes golden/elementary/{exp,erf,tanh,sin,cos,pow}.safetensors: the bits that src/kernels/elementary.c must give.

    python tools/golden/elementary_golden.py

The first five files hold
    x, y             F64 [n]  inputs of every size and kind, and the NumPy twin's bits (tools/oracle/elementary.py)
    hard.x, hard.y   F32 [m]  the float32 inputs nearest to a rounding tie, as `make exhaustive` found them
                              (golden/elementary/exhaustive.json), and the right float32 by mpmath
pow.safetensors holds theta F64 [n], x F32 [n], y F32 [n]: the twin's results, each checked against mpmath first.
Each y is compared with mpmath too on a sample: the double must lie within 0.6 units of the truth.
"""
import json
import os
import pathlib
import sys
import warnings

# The inputs were drawn where NumPy had AVX2: with AVX-512 its power rounds otherwise, and some inputs are others.
os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL AVX512_SPR")

import mpmath  # noqa: E402
import numpy as np  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "oracle"))
import elementary  # noqa: E402

FOLDER = ROOT / "golden" / "elementary"
FUNCTIONS = {
    "exp": (elementary.E, mpmath.exp, 100.0),
    "erf": (elementary.Erf, mpmath.erf, 6.5),
    "tanh": (elementary.Tanh, mpmath.tanh, 20.0),
    "sin": (elementary.Sin, mpmath.sin, elementary.TRIG_LIMIT),
    "cos": (elementary.Cos, mpmath.cos, elementary.TRIG_LIMIT),
}
mpmath.mp.prec = 300
warnings.filterwarnings("ignore", message="invalid value encountered in cast")  # signalling NaNs are meant


def special():
    tops = [2.0 ** -1074, 2.0 ** -1073, 2.0 ** -1022 - 2.0 ** -1074, 2.0 ** -1022, 2.0 ** -900, 2.0 ** -149, 2.0 ** -126, 2.0 ** -27,
            2.0 ** -13, 0.03125, 0.5, 1.0, 4.0, 6.0, 9.125, 19.0625, 88.72284, 103.97208, 708.0, 708.3964185322641, 709.782712893384,
            745.1332191019412, 746.0, 2.0 ** 24, 3.4028234663852886e38, 2.0 ** 1023, float("inf")]
    out = [0.0]
    for top in tops:
        out += [top, float(np.nextafter(top, 0.0)), float(np.nextafter(top, np.inf))]
    return np.array(out + [-v for v in out] + [float("nan")])


def hard_inputs(name):
    record = FOLDER / "exhaustive.json"
    if not record.exists():
        return np.zeros(0, np.float32)
    bits = json.loads(record.read_text())["functions"].get(name, {}).get("hard", [])
    return np.array([int(b, 16) for b in bits], np.uint32).view(np.float32)


def inputs(name, limit, rng):
    sizes = 10.0 ** rng.uniform(-12.0, np.log10(limit), 3000) * rng.choice([-1.0, 1.0], 3000)
    parts = [
        special(),
        rng.integers(0, 2 ** 64, 3000, dtype=np.uint64).view(np.float64),  # any bits
        rng.integers(0, 2 ** 32, 3000, dtype=np.uint32).view(np.float32).astype(np.float64),
        rng.uniform(-limit, limit, 3000),
        sizes,
        rng.standard_normal(3000),
        rng.standard_normal(1500).astype(np.float32).astype(np.float64),
        np.float64(hard_inputs(name)),
    ]
    if name == "exp":
        parts.append(rng.uniform(-746.0, -707.0, 1500))  # subnormal results
    if name in ("sin", "cos"):
        points = rng.integers(1, 2 ** 28, 1500) * (np.pi / 64)
        parts += [points, points.astype(np.float32).astype(np.float64)]  # near the table's points
    x = np.concatenate(parts)
    if name in ("sin", "cos"):
        x = x[np.abs(x) <= elementary.TRIG_LIMIT]
    return x


def right_f32(value):
    """value (mpf) rounded once to float32: a double made odd rounds like the value itself."""
    cut = mpmath.mp.make_mpf(mpmath.libmp.mpf_pos(value._mpf_, 53, "d"))  # towards zero
    double = np.float64(float(cut))
    if cut != value:
        double = (double.view(np.int64) | np.int64(1)).view(np.float64)
    return np.float32(double)


def units_off(y, truth):
    unit = max(2.0 ** -1074, float(np.spacing(abs(float(truth)))))
    return float(abs(mpmath.mpf(float(y)) - truth) / unit)


def write(name):
    ours, truth, limit = FUNCTIONS[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    x = inputs(name, limit, rng)
    y = ours(x)
    sample = [i for i in rng.permutation(len(x))[:2500] if np.isfinite(x[i]) and np.isfinite(y[i]) and abs(x[i]) < 1e9]
    worst = max(units_off(y[i], truth(mpmath.mpf(float(x[i])))) for i in sample)
    assert worst < 0.6, (name, worst)
    hard = hard_inputs(name)
    right = np.array([right_f32(truth(mpmath.mpf(float(v)))) for v in hard], np.float32)
    assert np.array_equal(ours(np.float64(hard)).astype(np.float32), right)
    save_file({"x": x, "y": y, "hard.x": hard, "hard.y": right}, FOLDER / (name + ".safetensors"))
    print("%s: %d inputs, worst of the sample %.5f units; %d hard" % (name, len(x), worst, len(hard)))


def write_pow():
    rng = np.random.default_rng(5)
    thetas, xs = [], []
    for theta in (1e4, 5e5, 1e6, 1e5, 2.5e5, 1e7, 10.0, 2.0, 1.0, 0.3, 1.5e-5):
        lanes = [np.arange(0, d, 2, dtype=np.float32) / np.float32(d) for d in (36, 64, 80, 96, 128)]
        x = np.concatenate(lanes + [rng.random(64, np.float32), rng.uniform(-9.0, 9.0, 64).astype(np.float32),
                                    np.array([1.0, 0.5, 0.25, 2.0, -1.0, -0.0, 1e-30, 1e30, -1e30, np.inf, np.nan], np.float32)])
        thetas.append(np.full(len(x), theta))
        xs.append(x)
    y = [elementary.pow_f32(t[0], x) for t, x in zip(thetas, xs)]
    theta, x, y = np.concatenate(thetas), np.concatenate(xs), np.concatenate(y)
    for i in range(len(x)):
        if np.isfinite(x[i]) and abs(x[i]) < 100:
            value = mpmath.mpf(float(theta[i])) ** mpmath.mpf(float(x[i]))
            with np.errstate(all="ignore"):
                assert right_f32(value).view(np.int32) == y[i].view(np.int32), (theta[i], x[i])
    save_file({"theta": theta, "x": x, "y": y}, FOLDER / "pow.safetensors")
    print("pow: %d inputs, all right" % len(x))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in FUNCTIONS:
        write(name)
    write_pow()


if __name__ == "__main__":
    main()
