"""The numeric contract as a TorchDispatchMode: every ATen op in double, one rounding to the op's own dtype.

    with torch.no_grad(), Exact() as mode:
        model(...)                      # the unmodified modules of transformers, eager attention

Each floating-point op takes its stored inputs, runs the double program of its row below (sums start at +0 and run with
increasing index), and rounds the result once to the dtype PyTorch itself would return. Ops that only move data pass
through. AN OP WITHOUT A ROW IS AN ERROR, in-place ops included: so nothing unnoticed runs in another arithmetic.

Python scalars (eps, scale, 1.0) are doubles. The mode runs under no_grad, not inference_mode, which hides the pieces of
composite ops. A result keeps the strides the real op would give it, because PyTorch chooses addmm (one rounding) or mm + add
(two) by them: convolution returns contiguous NCHW, element-wise ops keep their input's order.
"""
import math

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from .elementary import E, Cos, Erf, Sin, Tanh
from .rounding import round_to

aten = torch.ops.aten
U = 2.0**-53
ALL_IN_ORDER = False  # self_test.py alone sets it: sum every matmul output in order
C_GELU = math.sqrt(2.0 / math.pi)
SQRT1_2 = math.sqrt(0.5)  # the double M_SQRT1_2

# Ops that move, compare or make values and do no arithmetic on stored floats.
MOVES = {
    getattr(aten, name)
    for name in (
        "view _unsafe_view reshape transpose t permute expand slice select unsqueeze squeeze alias detach clone cat stack "
        "fill_ embedding index index_select gather masked_fill masked_scatter split split_with_sizes chunk unbind copy_ arange full "
        "empty zeros ones full_like zeros_like ones_like gt lt le ge eq ne bitwise_and bitwise_or bitwise_or_ bitwise_and_ "
        "bitwise_not logical_not argmax where triu tril lift_fresh _local_scalar_dense nonzero any all isinf isnan neg "
        "expand_as as_strided repeat new_zeros scalar_tensor max constant_pad_nd"
    ).split()
}


# Ops that have no row for floats and are exact on integers: grids, window lists, segment bounds.
INTEGERS = {
    getattr(aten, name)
    for name in "floor_divide cumsum repeat_interleave unique_consecutive remainder rsub diff max min prod index_put_ argsort sort".split()
    if hasattr(aten, name)
}


def only_integers(args, kwargs):
    return not any(isinstance(t, torch.Tensor) and t.is_floating_point() for t in tree_leaves((args, kwargs)))


def wide(x):
    """Stored value -> double; Python scalars are doubles already."""
    return x.to(torch.float64) if isinstance(x, torch.Tensor) else x


def by_numpy(f, x):
    """A function on NumPy doubles applied to a double tensor; keeps the shape, gives a contiguous result."""
    return torch.from_numpy(np.ascontiguousarray(f(np.ascontiguousarray(x.numpy()))))


def sum_last(x):
    """Sum over the last axis, from +0, increasing index. np.add.accumulate adds one after the other by definition."""
    a = np.ascontiguousarray(x.numpy())
    flat = a.reshape(-1, a.shape[-1])
    out = np.empty(flat.shape[0])
    step = max(1, (1 << 22) // max(1, flat.shape[1]))
    for i in range(0, flat.shape[0], step):
        out[i : i + step] = np.add.accumulate(flat[i : i + step], axis=1)[:, -1]
    return torch.from_numpy(out.reshape(a.shape[:-1]) + 0.0)  # + 0.0: a sum of −0 alone starts at +0


class Counter(dict):
    def add(self, key, n=1):
        self[key] = self.get(key, 0) + n


def products(a, b, bias, dtype, stats):
    """a [B,M,K] . b [B,K,N] + bias [N] in double, sums in increasing k, rounded once. Inputs double.

    PyTorch's double product y is some order's sum; every order lies within K·2^-53·Σ|a||b| of the true sum, so two orders
    lie within twice that of each other. Where y − B and y + B round alike, no order can matter; the rest is summed in order.
    """
    K = a.shape[-1]
    y = torch.bmm(a, b)
    bound = torch.bmm(a.abs(), b.abs()).mul_(4.0 * K * U)
    lo, hi = y - bound, y + bound
    if bias is not None:
        lo, hi, y = lo + bias, hi + bias, y + bias
    out = round_to(y + 0.0, dtype)
    open_ = round_to(lo, dtype) != round_to(hi, dtype)
    # Signed zeros and non-finite values are decided in order too.
    open_ |= ~torch.isfinite(y) | (y == 0) | ALL_IN_ORDER
    at = open_.nonzero()
    stats.add("matmul_outputs", out.numel())
    stats.add("matmul_in_order", at.shape[0])
    A, B = a.numpy(), b.numpy()
    step = max(1, (1 << 22) // K)
    for i in range(0, at.shape[0], step):
        n, r, c = at[i : i + step].T.numpy()
        s = np.add.accumulate(A[n, r, :] * B[n, :, c], axis=1)[:, -1] + 0.0
        if bias is not None:
            s = s + bias.numpy()[c]
        out[n, r, c] = round_to(torch.from_numpy(s), dtype)
    return out


# ---- rows of the table: (mode, op's arguments) -> stored result -------------------------------------------------------


def binary(f):
    def row(mode, a, b, **kw):
        alpha = kw.pop("alpha", 1)
        assert not kw and alpha == 1, "no module here scales while adding"
        if not any(isinstance(t, torch.Tensor) and t.is_floating_point() for t in (a, b)):
            return None  # integers: PyTorch's own
        return round_to(f(wide(a), wide(b)).to(torch.float64), torch.result_type(a, b))

    return row


def unary(f):
    return lambda mode, x: round_to(f(wide(x)), x.dtype)


def in_place(row):
    def inner(mode, x, *args, **kw):
        y = row(mode, x, *args, **kw)
        if y is None:
            return None
        assert y.dtype == x.dtype
        return x.copy_(y)

    return inner


def pow_scalar(mode, x, p):
    assert p == 2, "only x*x has a row"
    return round_to(wide(x) * wide(x), x.dtype)


def mean_last(mode, x, dim, keepdim=False, dtype=None):
    assert dtype is None and list(dim) in ([-1], [x.dim() - 1])
    y = round_to(sum_last(wide(x)) / x.shape[-1], x.dtype)
    return y.unsqueeze(-1) if keepdim else y


def sum_dims(mode, x, dim=None, keepdim=False, dtype=None):
    if not x.is_floating_point():
        return None
    assert dtype in (None, x.dtype) and dim is not None and list(dim) in ([-1], [x.dim() - 1])
    y = round_to(sum_last(wide(x)), x.dtype)
    return y.unsqueeze(-1) if keepdim else y


def vector_norm(mode, x, ord=2, dim=None, keepdim=False, dtype=None):
    assert ord == 2 and dtype is None and list(dim) in ([-1], [x.dim() - 1])
    y = round_to(torch.sqrt(sum_last(wide(x) * wide(x))), x.dtype)
    return y.unsqueeze(-1) if keepdim else y


def clamp_min(mode, x, low):
    return round_to(torch.clamp_min(wide(x), float(low)), x.dtype)


def softmax(mode, x, dim, half_to_float):
    assert not half_to_float and dim in (-1, x.dim() - 1)
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    flat, o = x.reshape(-1, x.shape[-1]), out.view(-1, x.shape[-1])
    step = max(1, (1 << 22) // x.shape[-1])
    for i in range(0, flat.shape[0], step):
        v = wide(flat[i : i + step])
        e = by_numpy(E, v - v.max(dim=-1, keepdim=True).values)
        o[i : i + step] = round_to(e / sum_last(e).unsqueeze(-1), x.dtype)
    return out


def layer_norm(mode, x, shape, weight, bias, eps):
    assert len(shape) == 1 and shape[0] == x.shape[-1]
    v = wide(x).contiguous()
    n = x.shape[-1]
    mu = (sum_last(v) / n).unsqueeze(-1)
    d = v - mu
    var = sum_last(d * d) / n
    r = (1.0 / torch.sqrt(var + eps)).unsqueeze(-1)
    y = (d * r) * wide(weight) + wide(bias)
    return round_to(y, x.dtype), mu.to(x.dtype), r.to(x.dtype)  # mean and rstd: read by nobody here


def gelu(mode, x, approximate="none"):
    v = wide(x)
    if approximate == "tanh":
        u = (v * v) * v
        t = by_numpy(Tanh, C_GELU * (v + 0.044715 * u))
        y = (0.5 * v) * (1.0 + t)
    else:
        y = (v * 0.5) * (1.0 + by_numpy(Erf, v * SQRT1_2))
    return round_to(y, x.dtype)


def matmul2(mode, a, b, bias=None):
    y = products(wide(a).unsqueeze(0), wide(b).unsqueeze(0), None if bias is None else wide(bias), a.dtype, mode.stats)
    return y[0]


def mm(mode, a, b):
    assert a.is_contiguous(), "mm: input not contiguous"
    return matmul2(mode, a, b)


def addmm(mode, bias, a, b, beta=1, alpha=1):
    assert beta == 1 and alpha == 1 and bias.dim() == 1
    assert a.is_contiguous(), "addmm: input not contiguous"
    return matmul2(mode, a, b, bias)


def bmm(mode, a, b):
    y = torch.empty(a.shape[0], a.shape[1], b.shape[2], dtype=a.dtype)
    step = max(1, (1 << 24) // (a.shape[1] * b.shape[2]))
    for i in range(0, a.shape[0], step):
        y[i : i + step] = products(wide(a[i : i + step]), wide(b[i : i + step]), None, a.dtype, mode.stats)
    return y


def convolution(mode, x, w, bias, stride, padding, dilation, transposed, output_padding, groups):
    """k runs over (channel, y, x) in 2-D and (channel, t, y, x) in 3-D; the kernel steps by its own size."""
    size = list(w.shape[2:])
    assert list(stride) == size and set(padding) == {0} and set(dilation) == {1} and not transposed and groups == 1
    n, ch = x.shape[:2]
    grid = [e // s for e, s in zip(x.shape[2:], size)]
    for axis, (g, s) in enumerate(zip(grid, size)):
        x = x.narrow(2 + axis, 0, g * s)  # what is left over at the far edge is never read
    dims = len(size)
    split = x.reshape(n, ch, *[v for g, s in zip(grid, size) for v in (g, s)])
    order = [0] + [2 + 2 * i for i in range(dims)] + [1] + [3 + 2 * i for i in range(dims)]
    patches = split.permute(order).reshape(-1, ch * math.prod(size))
    y = matmul2(mode, patches.contiguous(), w.reshape(w.shape[0], -1).t(), bias)
    y = y.reshape(n, math.prod(grid), w.shape[0]).transpose(1, 2).contiguous()
    return y.reshape(n, w.shape[0], *grid)


def bilinear(mode, x, output_size, align_corners, scales_h=None, scales_w=None):
    """Index and weights in double; rows first: (p00·lx0 + p01·lx1)·ly0 + (p10·lx0 + p11·lx1)·ly1."""
    assert not align_corners and scales_h is None and scales_w is None

    def axis(n_in, n_out):
        scale = n_in / n_out
        i0, i1, l0, l1 = [], [], [], []
        for i in range(n_out):
            s = max(scale * (i + 0.5) - 0.5, 0.0)
            a = min(int(math.floor(s)), n_in - 1)
            w = min(max(s - a, 0.0), 1.0)
            i0.append(a), i1.append(min(a + 1, n_in - 1)), l1.append(w), l0.append(1.0 - w)
        return torch.tensor(i0), torch.tensor(i1), torch.tensor(l0, dtype=torch.float64), torch.tensor(l1, dtype=torch.float64)

    y0, y1, ly0, ly1 = axis(x.shape[2], output_size[0])
    x0, x1, lx0, lx1 = axis(x.shape[3], output_size[1])
    v = wide(x)
    ly0, ly1 = ly0[:, None], ly1[:, None]
    top = v[:, :, y0][..., x0] * lx0 + v[:, :, y0][..., x1] * lx1
    low = v[:, :, y1][..., x0] * lx0 + v[:, :, y1][..., x1] * lx1
    return round_to((top * ly0 + low * ly1).contiguous(), x.dtype)


def to_copy(mode, x, **kw):
    assert x.dtype != torch.float64, "a double inside the graph: its cast would be PyTorch's two roundings"
    return None


def rsqrt(v):
    return 1.0 / torch.sqrt(v)


ROWS = {
    aten.mm: mm,
    aten.bmm: bmm,
    aten.addmm: addmm,
    aten.convolution: convolution,
    aten.add: binary(torch.add),
    aten.add_: in_place(binary(torch.add)),
    aten.sub: binary(torch.sub),
    aten.mul: binary(torch.mul),
    aten.mul_: in_place(binary(torch.mul)),
    aten.div: binary(torch.div),
    aten.div_: in_place(binary(torch.div)),
    aten.maximum: binary(torch.maximum),
    aten.sqrt: unary(torch.sqrt),
    aten.rsqrt: unary(rsqrt),
    aten.reciprocal: unary(lambda v: 1.0 / v),
    aten.pow: pow_scalar,
    aten.mean: mean_last,
    aten.sum: sum_dims,
    aten.linalg_vector_norm: vector_norm,
    aten.clamp_min: clamp_min,
    aten.clamp_min_: in_place(clamp_min),
    aten._softmax: softmax,
    aten.native_layer_norm: layer_norm,
    aten.exp: unary(lambda v: by_numpy(E, v)),
    aten.tanh: unary(lambda v: by_numpy(Tanh, v)),
    aten.erf: unary(lambda v: by_numpy(Erf, v)),
    aten.cos: unary(lambda v: by_numpy(Cos, v)),
    aten.sin: unary(lambda v: by_numpy(Sin, v)),
    aten.sigmoid: unary(lambda v: 1.0 / (1.0 + by_numpy(E, -v))),
    aten.silu: unary(lambda v: v / (1.0 + by_numpy(E, -v))),
    aten.gelu: gelu,
    aten.upsample_bilinear2d: bilinear,
    aten._to_copy: to_copy,
}


class Exact(TorchDispatchMode):
    """Runs every ATen op by its row. `ops` counts them, `stats` tells how many products had to be summed in order."""

    def __init__(self):
        super().__init__()
        self.ops = Counter()
        self.stats = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        packet = func.overloadpacket
        self.ops.add(str(func))
        row = ROWS.get(packet)
        if row is not None:
            out = row(self, *args, **kwargs)
            return func(*args, **kwargs) if out is None else out
        if packet in MOVES or (packet in INTEGERS and only_integers(args, kwargs)):
            return func(*args, **kwargs)
        raise NotImplementedError(f"{func}: no row in the exact table")


class Truth(TorchDispatchMode):
    """The f64 kind: every float op and every cast to float32 inside the modules in double, PyTorch's own double kernels.

    The model is either widened by .double(), or (full width) kept in float32 and widened here one op at a time: weights are
    stored values either way.
    """

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if kwargs.get("dtype") in (torch.float32, torch.bfloat16, torch.float16):
            kwargs["dtype"] = torch.float64
        aliases = any(r.alias_info is not None for r in func._schema.returns)
        if not aliases:  # a view must stay one, and in-place ops already act on doubles
            args = tree_map(lambda x: wide(x) if isinstance(x, torch.Tensor) and x.is_floating_point() else x, args)
        out = func(*args, **kwargs)
        for o in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(o, torch.Tensor) and o.is_floating_point() and not aliases:
                assert o.dtype == torch.float64, f"{func} gave {o.dtype} in the f64 run"
        return out


def inv_freq(dim, base):
    """The contract's rotary frequencies (docs/CONTRACT.md): exponent, power and reciprocal each rounded once to float32."""
    from .elementary import pow_f32

    e = (np.arange(0, dim, 2).astype(np.float64) / dim).astype(np.float32)
    p = np.asarray(pow_f32(float(base), e), dtype=np.float32)
    return torch.from_numpy((1.0 / p.astype(np.float64)).astype(np.float32))
