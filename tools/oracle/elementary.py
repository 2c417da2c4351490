"""exp, erf, tanh, sin, cos and one pow of the numeric contract (docs/CONTRACT.md §4), in NumPy float64.

    E, Erf, Tanh, Sin, Cos   array or number of float64 (others are widened) -> float64 of the same shape
    pow_f32(theta, x)        theta a Python float, x float32 -> float32, correctly rounded

The twin of src/kernels/elementary.c, operation by operation: the same IEEE + - x /, the same tables, so the same bits. No
np.exp, no other library function of mathematics. np.float32(E(x)) is the correctly rounded float32 for float32 x, likewise
the others. Sin and Cos raise ValueError for |x| > 2^24, infinities and NaN. What each step is for is told in elementary.c.
"""
import numpy as np

try:
    from . import elementary_tables as T
except ImportError:  # run from its own folder
    import elementary_tables as T

TRIG_LIMIT = 16777216.0
_ROUNDER = float.fromhex("0x1.8p52")
_ROUNDER_BITS = np.int64(0x4338000000000000)
_BLOCK = 16384  # values at a time, so that the many temporaries stay in cache


def _blocks(function):
    """Makes a function of flat float64 arrays one of anything, a block at a time."""

    def whole(x):
        given = np.asarray(x)
        flat = np.ascontiguousarray(given, dtype=np.float64).reshape(-1)
        out = np.empty_like(flat)
        with np.errstate(all="ignore"):
            for at in range(0, flat.size, _BLOCK):
                out[at:at + _BLOCK] = function(flat[at:at + _BLOCK])
        out = out.reshape(given.shape)
        return out if given.ndim else out[()]

    whole.__name__ = function.__name__.lstrip("_")
    whole.__doc__ = function.__doc__
    return whole


def _bits(x):
    return x.view(np.int64)


def _with_sign(x, of):
    return (x.view(np.uint64) ^ (of.view(np.uint64) & np.uint64(0x8000000000000000))).view(np.float64)


def _absolute(x):
    return (x.view(np.uint64) & np.uint64(0x7FFFFFFFFFFFFFFF)).view(np.float64)


def _top_bits(x):
    return (x.view(np.uint64) & ~np.uint64(0x7FFFFFF)).view(np.float64)


def _power_of_two(e):
    return ((e + 1023) << 52).view(np.float64)


def _settle(hi, lo):
    """hi + lo; where that is the middle of two float32 and not exact, one unit to the truth's side."""
    total = hi + lo
    left = lo - (total - hi)
    bits = _bits(total)
    middle = ((bits & 0x1FFFFFFF) == 0x10000000) & (left != 0)
    step = np.where((left > 0) == (total > 0), np.int64(1), np.int64(-1))
    return (bits + np.where(middle, step, np.int64(0))).view(np.float64)


# ---- exp -------------------------------------------------------------------------------------------------------------


def _exp_reduce(x):
    shifted = x * T.EXP_INV_STEP + _ROUNDER
    k = shifted - _ROUNDER
    steps = _bits(shifted) - _ROUNDER_BITS + np.int64(2048 * 128)
    entry = T.EXP_TABLE[steps & 127]
    first, second = entry[:, 0], entry[:, 1]
    r_hi = x - k * T.EXP_STEP_1
    r_lo = k * T.EXP_STEP_2
    r = r_hi - r_lo
    rest = (r_hi - r) - r_lo
    square = r * r
    series = square * ((T.EXP_C2 + r * T.EXP_C3) + square * ((T.EXP_C4 + r * T.EXP_C5) + square * T.EXP_C6))
    lo = first * r + (second + first * (rest + series))
    return first, lo, ((steps >> 7) & 4095) - 2048


def _clamp_exp(x):
    low = np.where(x < -746.0, -746.0, x)
    return np.where(low > 710.0, 710.0, low)


def _scale(x, exponent):
    half = ((exponent + 4096) >> 1) - 2048
    return x * _power_of_two(half) * _power_of_two(exponent - half)


def _exp_normal(x):
    hi, lo, exponent = _exp_reduce(_clamp_exp(x))
    return _scale(_settle(hi, lo), exponent)


def _exp_small(x):
    hi, lo, exponent = _exp_reduce(_clamp_exp(x))
    total = hi + lo
    left = lo - (total - hi)
    normal = (exponent > -1022) | ((exponent == -1022) & (total >= 1))
    big = _power_of_two(np.where(normal, np.int64(0), -1022 - exponent))
    head = big + total
    tail = ((big - head) + total) + left
    return np.where(normal, _scale(_settle(hi, lo), exponent), _scale((head + tail) - big, exponent))


def _E(x):
    """exp(x)."""
    out = _exp_normal(x)
    small = x < -708.0
    if small.any():
        out[small] = _exp_small(x[small])
    return out


# ---- erf, tanh -------------------------------------------------------------------------------------------------------


def _patch(table, size):
    """table: [rows, 14]; size >= 0, within the table."""
    i = (size * 16.0 + 0.5).astype(np.int64)
    h = size - i.astype(np.float64) * 0.0625
    row = table.T[:, i]  # [14, values]
    h_top = _top_bits(h)
    h_low = h - h_top
    linear = row[2] * h_top
    square = h * h
    even = row[4] + square * (row[6] + square * (row[8] + square * (row[10] + square * row[12])))
    odd = row[5] + square * (row[7] + square * (row[9] + square * (row[11] + square * row[13])))
    rest = (row[1] + (row[2] * h_low + row[3] * h)) + square * (even + h * odd)
    total = row[0] + linear
    left = linear - (total - row[0])
    return _settle(total, left + rest)


def _Erf(x):
    """erf(x)."""
    size = _absolute(x)
    inside = size < 6.0
    out = _with_sign(np.where(inside, _patch(T.ERF_TABLE, np.where(inside, size, 0.0)), 1.0), x)
    out = np.where(size < float.fromhex("0x1p-900"), x * T.TWO_OVER_SQRT_PI, out)
    return np.where(x != x, x, out)


def _Tanh(x):
    """tanh(x)."""
    size = _absolute(x)
    inside = size < 4.0
    near = _patch(T.TANH_TABLE, np.where(inside, size, 0.0))
    away = 2.0 / (1.0 + _exp_normal(2.0 * size))
    far = _settle(np.ones_like(x), -away)
    return np.where(x != x, x, _with_sign(np.where(inside, near, far), x))


# ---- sin, cos --------------------------------------------------------------------------------------------------------


def _two_sum(a, b):
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def _sin_from(x, turn):
    if not (x <= TRIG_LIMIT).all():
        raise ValueError("sin and cos are defined for |x| <= 2^24 only")
    k = (x * T.TRIG_INV_STEP + _ROUNDER) - _ROUNDER
    hi = x - k * T.TRIG_STEP_1
    hi, e1 = _two_sum(hi, -(k * T.TRIG_STEP_2))
    hi, e2 = _two_sum(hi, -(k * T.TRIG_STEP_3))
    hi, e3 = _two_sum(hi, -(k * T.TRIG_STEP_4))
    hi, lo = _two_sum(hi, ((e1 + e2) + e3) - k * T.TRIG_STEP_5)

    point = k.astype(np.int64) + turn
    sine = T.TRIG_TABLE.T[:, point & 127]
    cosine = T.TRIG_TABLE.T[:, (point + 32) & 127]
    hi_top = _top_bits(hi)
    cosine_top = _top_bits(np.ascontiguousarray(cosine[0]))
    linear = cosine_top * hi_top
    linear_rest = cosine_top * ((hi - hi_top) + lo) + ((cosine[0] - cosine_top) + cosine[1]) * hi
    square = hi * hi
    cos_part = square * (T.COS_C2 + square * (T.COS_C4 + square * (T.COS_C6 + square * T.COS_C8)))
    sin_part = hi * (square * (T.SIN_C3 + square * (T.SIN_C5 + square * (T.SIN_C7 + square * T.SIN_C9))))
    rest = (sine[1] + linear_rest) + (sine[0] * cos_part + cosine[0] * sin_part)
    total = sine[0] + linear
    left = linear - (total - sine[0])
    return _settle(total, left + rest)


def _Sin(x):
    """sin(x), |x| <= 2^24."""
    return _with_sign(_sin_from(_absolute(x), 0), x)


def _Cos(x):
    """cos(x), |x| <= 2^24."""
    return _sin_from(_absolute(x), 32)


E = _blocks(_E)
Erf = _blocks(_Erf)
Tanh = _blocks(_Tanh)
Sin = _blocks(_Sin)
Cos = _blocks(_Cos)


# ---- pow: pairs hi, lo -----------------------------------------------------------------------------------------------


def _product(a, b):
    a_far, b_far = 134217729.0 * a, 134217729.0 * b
    a_hi, b_hi = a_far - (a_far - a), b_far - (b_far - b)
    a_lo, b_lo = a - a_hi, b - b_hi
    hi = a * b
    return hi, ((a_hi * b_hi - hi) + (a_hi * b_lo + a_lo * b_hi)) + a_lo * b_lo


def _pair_add(a, b):
    total, error = _two_sum(a[0], b[0])
    return _two_sum(total, error + (a[1] + b[1]))


def _pair_multiply(a, b):
    hi, lo = _product(a[0], b[0])
    return _two_sum(hi, lo + (a[0] * b[1] + a[1] * b[0]))


def _pair_divide(a, b):
    guess = a[0] / b[0]
    hi, lo = _product(guess, b[0])
    left = ((a[0] - hi) - lo) + (a[1] - guess * b[1])
    return _two_sum(guess, left / b[0])


def _pair_log(theta):
    bits = int(np.float64(theta).view(np.int64))
    e = float((bits >> 52) - 1023)
    m = float(np.int64((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64))
    if m > 1.4142135:
        m, e = m * 0.5, e + 1.0
    s = _pair_divide(_two_sum(m, -1.0), _two_sum(m, 1.0))
    square = _pair_multiply(s, s)
    series = (0.0, 0.0)
    for n in range(45, 0, -2):
        series = _pair_add(_pair_divide((1.0, 0.0), (float(n), 0.0)), _pair_multiply(square, series))
    hi, lo = _product(e, T.LN2_HI)
    whole = _two_sum(hi, lo + e * T.LN2_LO)
    return _pair_add(whole, _pair_multiply((2.0 * s[0], 2.0 * s[1]), series))


def _pair_exp(y):
    k = (y[0] * T.EXP_INV_STEP + _ROUNDER) - _ROUNDER
    hi = y[0] - k * T.EXP_STEP_1
    hi, error = _two_sum(hi, -(k * T.EXP_STEP_2))
    r = _two_sum(hi, (error + y[1]) - k * T.EXP_STEP_3)
    series = (np.ones_like(k), np.zeros_like(k))
    for n in range(13, 0, -1):
        series = _pair_add((1.0, 0.0), _pair_divide(_pair_multiply(r, series), (float(n), 0.0)))
    steps = k.astype(np.int64) + 2048 * 128
    entry = T.EXP_TABLE[steps % 128]
    return _pair_multiply((entry[:, 0], entry[:, 1]), series), (steps >> 7) - 2048


def pow_f32(theta, x):
    """theta^x rounded once to float32; theta one number, positive and normal; x finite float32, of any shape."""
    x = np.asarray(x)
    if x.dtype != np.float32:
        raise TypeError("pow_f32 takes float32 exponents, found %s" % x.dtype)
    flat = x.reshape(-1).astype(np.float64)
    theta = float(theta)
    if not (2.0 ** -1022 <= theta < float("inf")):
        return np.full(x.shape, np.nan, np.float32)
    finite = np.isfinite(flat)
    with np.errstate(all="ignore"):
        hi, lo = _pair_multiply(_pair_log(theta), (np.where(finite, flat, 0.0), np.zeros_like(flat)))
        fits = (hi <= 89.0) & (hi >= -105.0)
        p, exponent = _pair_exp((np.where(fits, hi, 0.0), np.where(fits, lo, 0.0)))
        bits = _bits(p[0])
        odd = (_absolute(p[1]) > p[0] * 2.0 ** -85) & (bits % 2 == 0)
        bits = bits + np.where(odd, np.where(p[1] > 0, np.int64(1), np.int64(-1)), np.int64(0))
        out = _scale(bits.view(np.float64), exponent)
        out = np.where(hi > 89.0, np.inf, np.where(hi < -105.0, 0.0, out))
        out = np.where(finite, out, np.nan)
        return out.astype(np.float32).reshape(x.shape)
