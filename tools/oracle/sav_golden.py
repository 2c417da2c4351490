"""Goldens of the SAV stage: golden/sav/*.safetensors (docs/CONTRACT.md).

    features [N,L,H,d] + class ids -> class sums, means, cosines, hit counts, selected heads -> votes, predictions

The reference's arithmetic (class sum in place, torch.div, F.cosine_similarity, argmax: src/utils.py of SAVs at 4eab6c7) is
run in PyTorch under the exact dispatch mode, and once more as the NumPy-style twin below, which writes the rule out in
doubles with its roundings; all bits of both must agree. Heads are chosen by our tie rule (count, then higher flat index).

Tensors of a file (w = the stage's dtype F32, BF16 or F16; integers I32)
  in:  sav.features w [N,L,H,d]   sav.label_ids [N]   sav.validation [N] (1 = scored only; all 0: no split, all are both)
       sav.test_features w [M,L,H,d]   sav.test_label_ids [M] (-1: no class of the training list)
  out: sav.class_counts [C]   sav.class_sums w [C,L,H,d]   sav.class_means w [C,L,H,d]   sav.cosines w [N,L,H,C]
       sav.head_counts [L,H]   sav.head_scores F32 [L,H]   sav.top_heads [K,2]
       sav.test_cosines w [M,K,C]   sav.head_votes [M,K]   sav.votes [M,C]   sav.predictions [M]   sav.margins [M]
  metadata: one key `savs`, JSON: labels (class names by id), test_labels (names), K, dtype, near-tie report:
       cut {count, next, tied, taken}, near_ties, nan_cosines over the M x K test pairs, fit_nan_cosines over the scored
       training pairs of all heads. `next` is null when K = L*H. A pair with a NaN is no near tie.
Every cosine of a training example is stored, also where a split leaves it unscored.
"""
import argparse
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from .exact_mode import Exact, sum_last
from .rounding import NAMES, round_to

TOLERANCE = {"f32": 2.0**-20, "bf16": 2.0**-8, "f16": 2.0**-11}


# ---- the rule, twice ------------------------------------------------------------------------------------------------


def reference_cosines(means, queries):
    """[C,…,d], [n,…,d] -> [n,…,C] by F.cosine_similarity under the mode, a call for each vector as the reference does."""
    C, d = means.shape[0], means.shape[-1]
    m, q = means.reshape(C, -1, d), queries.reshape(queries.shape[0], -1, d)
    out = torch.empty(q.shape[0], q.shape[1], C, dtype=means.dtype)
    with torch.no_grad(), Exact():
        for n in range(q.shape[0]):
            for f in range(q.shape[1]):
                out[n, f] = F.cosine_similarity(m[:, f], q[n, f], dim=-1)
    return out.reshape(*queries.shape[:-1], C)


def twin_cosines(means, queries):
    R = lambda x: round_to(x, means.dtype)
    eps = float(np.float32(1e-8)) if means.dtype == torch.float32 else float(torch.tensor(1e-8).to(means.dtype))

    def unit(x):
        x = x.double()
        norm = R(torch.sqrt(sum_last(x * x)))
        # clamp_min lets a NaN through; torch.maximum does too
        n = R(torch.maximum(norm.double(), torch.tensor(eps, dtype=torch.float64)))
        return R(x / n.double().unsqueeze(-1))

    C, d = means.shape[0], means.shape[-1]
    m, q = means.reshape(C, -1, d), queries.reshape(queries.shape[0], -1, d)
    a, b = unit(m).double(), unit(q).double()
    p = R(b[:, :, None, :] * a.transpose(0, 1)[None])  # [n, f, C, d]
    return R(sum_last(p.double())).reshape(*queries.shape[:-1], C)


def reference_means(features, ids, C):
    """-> sums, means, counts by in-place adds in list order and torch.div, under the mode."""
    sums, counts = [None] * C, [0] * C
    with torch.no_grad(), Exact():
        for x, c in zip(features, ids):
            if sums[c] is None:
                sums[c] = x.clone()
            else:
                sums[c] += x
            counts[c] += 1
        means = [torch.div(s, n) for s, n in zip(sums, counts)]
    return torch.stack(sums), torch.stack(means), counts


def twin_means(features, ids, C):
    R = lambda x: round_to(x, features.dtype)
    sums = [None] * C
    for x, c in zip(features, ids):
        sums[c] = x.clone() if sums[c] is None else R(sums[c].double() + x.double())
    return torch.stack(sums), torch.stack([R(s.double() / ids.count(c)) for c, s in enumerate(sums)])


def same_bits(a, b):
    """Equal bits, every NaN one class."""
    nan = torch.isnan(a) & torch.isnan(b)
    kind = torch.int32 if a.dtype == torch.float32 else torch.int16
    return bool((nan | (a.contiguous().view(kind) == b.contiguous().view(kind))).all())


def argmax(x):
    """First maximum; NaN is larger than everything, the first NaN wins (torch.argmax on CPU, checked in main)."""
    best = 0
    for i in range(1, len(x)):
        if x[best] != x[best]:
            break
        if x[i] != x[i] or x[i] > x[best]:
            best = i
    return best


def golden(features, labels, test_features, test_labels, K, dtype, validation=None):
    """-> tensors, metadata. features float32 [N,L,H,d], rounded to the stage's dtype first."""
    w = NAMES[dtype]
    x, t = (torch.from_numpy(np.asarray(v, np.float32)).to(w) for v in (features, test_features))
    N, L, H, d = x.shape
    names = list(dict.fromkeys(labels))  # first appearance in the whole list
    ids = [names.index(v) for v in labels]
    C = len(names)
    held = list(validation) if validation is not None else [0] * N
    fit = [n for n in range(N) if not held[n]]
    scored = [n for n in range(N) if held[n]] if any(held) else list(range(N))
    # The reference takes the mean over one copy of each activation (N_TRIALS = 1): a sum from +0, so that -0 becomes +0.
    given, given_tests = x, t
    x, t = x + 0.0, t + 0.0
    fit_x, fit_ids = x[fit], [ids[n] for n in fit]
    assert set(fit_ids) == set(range(C))
    sums, means, counts = reference_means(fit_x, fit_ids, C)
    sums2, means2 = twin_means(fit_x, fit_ids, C)
    assert same_bits(sums, sums2) and same_bits(means, means2)
    cos = reference_cosines(means, x)
    assert same_bits(cos, twin_cosines(means, x)), "cosines"
    flat = cos.reshape(N, L * H, C)
    hits = np.zeros(L * H, np.int64)
    for n in scored:
        for f in range(L * H):
            hits[f] += argmax(flat[n, f].tolist()) == ids[n]
    order = np.argsort(hits, kind="stable")[::-1]
    top, rest = order[:K], order[K:]
    tied = int((hits == hits[top[-1]]).sum())
    cut = dict(
        count=int(hits[top[-1]]), next=int(hits[rest].max()) if len(rest) else None, tied=tied,
        taken=int((hits[top] == hits[top[-1]]).sum()),
    )
    pick = torch.from_numpy(top.copy())
    chosen = means.reshape(C, L * H, d)[:, pick]
    q = t.reshape(t.shape[0], L * H, d)[:, pick]
    tcos = reference_cosines(chosen, q)
    assert same_bits(tcos, twin_cosines(chosen, q)), "test cosines"
    votes = np.array([[argmax(row) for row in m] for m in tcos.tolist()], np.int32).reshape(t.shape[0], K)
    tally = np.stack([np.bincount(v, minlength=C) for v in votes]).astype(np.int32)
    predictions = np.array([max(dict.fromkeys(v), key=lambda c, r=r: tally[r][c]) for r, v in enumerate(votes.tolist())], np.int32)
    ranked = np.sort(tally, axis=1)[:, ::-1]
    margins = (ranked[:, 0] - (ranked[:, 1] if C > 1 else 0)).astype(np.int32)
    near = nan = 0
    for row in tcos.reshape(-1, C).double().numpy():
        if np.isnan(row).any():
            nan += 1
        elif C > 1:
            two = np.sort(row)[::-1]
            near += two[0] - two[1] <= TOLERANCE[dtype]
    i32 = lambda v: torch.tensor(np.ascontiguousarray(v), dtype=torch.int32)
    tensors = {
        "sav.features": given, "sav.label_ids": i32(ids), "sav.validation": i32(held), "sav.test_features": given_tests,
        "sav.test_label_ids": i32([names.index(v) if v in names else -1 for v in test_labels]),
        "sav.class_counts": i32(counts), "sav.class_sums": sums, "sav.class_means": means, "sav.cosines": cos,
        "sav.head_counts": i32(hits.reshape(L, H)), "sav.top_heads": i32(np.stack([top // H, top % H], 1)),
        "sav.head_scores": torch.from_numpy((hits / len(scored)).astype(np.float32).reshape(L, H)),
        "sav.test_cosines": tcos, "sav.head_votes": i32(votes), "sav.votes": i32(tally),
        "sav.predictions": i32(predictions), "sav.margins": i32(margins),
    }
    meta = dict(
        format=1, dtype=dtype, labels=names, test_labels=list(test_labels), K=K, cut=cut, near_ties=int(near), nan_cosines=nan,
        fit_nan_cosines=int(torch.isnan(cos[scored]).any(-1).sum()), stages=list(tensors),
    )
    return tensors, meta


# ---- the cases ------------------------------------------------------------------------------------------------------


def noisy(rng, labels, L, H, d, noise):
    """Class centre + noise that grows from head to head, so that counts spread and tie."""
    names = sorted(set(labels))
    centre = {v: rng.standard_normal((L, H, d)) for v in names}
    grow = noise * (0.4 + np.arange(L * H).reshape(L, H, 1) / (L * H))
    return np.stack([centre[v] + grow * rng.standard_normal((L, H, d)) for v in labels]).astype(np.float32), centre, grow


def general(rng, L=3, H=4, d=18, noise=5.0):
    # First appearance is not alphabetical; "ant" comes late and once; "yak" only in the test list.
    labels = "zebra cat zebra dog cat zebra dog cat dog dog zebra cat ant zebra".split()
    x, centre, grow = noisy(rng, labels, L, H, d, noise)
    tests = "cat zebra dog ant yak dog cat zebra cat dog zebra ant".split()
    t = np.stack([centre.get(v, np.zeros((L, H, d))) + grow * rng.standard_normal((L, H, d)) for v in tests])
    return x, labels, t.astype(np.float32), tests


def edges(rng):
    """name -> features, labels, test features, test labels, K, validation."""
    out = {}
    x, labels, t, tests = general(rng)
    out["k1"] = (x, labels, t, tests, 1, None)
    out["all-heads"] = (x, labels, t, tests, 12, None)
    held = [0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1]
    out["validation"] = (x, labels, t, tests, 5, held)
    one = ["only"] * 4
    out["one-class"] = (x[:4], one, t[:3], ["only", "other", "only"], 3, None)
    # All heads right on everything: all counts equal, so the best are the last heads, and the cut is a tie.
    eye = np.zeros((6, 2, 3, 6), np.float32)
    for n in range(6):
        eye[n, :, :, n % 3] = 1 + n
    out["all-equal"] = (eye, list("bacbac"), eye[::-1].copy(), list("cabcab"), 4, None)
    # Two heads, two classes, the heads disagree: the class first voted wins although its id is the higher one.
    a = np.zeros((2, 1, 2, 6), np.float32)
    a[0, 0, :, 0] = 1
    a[1, 0, :, 1] = 1
    q = np.zeros((2, 1, 2, 6), np.float32)
    q[0, 0, 1, 1] = q[0, 0, 0, 0] = 1  # rank 0 is head 1: votes class 1 first, then head 0 votes class 0
    q[1, 0, 1, 0] = q[1, 0, 0, 1] = 1
    out["vote-tie"] = (a, ["low", "high"], q, ["low", "high"], 2, None)
    # Two equal class means: the first wins every argmax.
    b = np.repeat(rng.standard_normal((1, 2, 2, 5)).astype(np.float32), 4, 0)
    out["equal-means"] = (b, list("yxyx"), b[:2], list("xy"), 3, None)
    # Zero, -0, tiny, huge vectors. f32: cosine 0; f16: eps rounds to 0, 0/0 = NaN; f16 norms above 65504: inf, cosine 0.
    z = rng.standard_normal((6, 2, 3, 7)).astype(np.float32)
    z[0, 0, 0] = 0
    z[1, 0, 0] = 0
    z[2, 0, 1] = -0.0
    z[3, 0, 1, ::2] = -0.0
    z[:, 0, 2] *= 1e-5
    z[:, 1, 0] *= 2e4
    z[4, 1, 1] = 1e-7
    z[:, 1, 2] *= 1e-9
    q = rng.standard_normal((3, 2, 3, 7)).astype(np.float32)
    q[0] = 0
    q[1, :, :, 1:] = 0
    q[1, :, :, 0] = -0.0
    out["zeros"] = (z, list("abcabc"), q, list("abc"), 6, None)
    # Order of the sum in bf16: 256+1+1+1 = 256, 1+1+1+256 = 260; the second component keeps the vectors apart.
    o = np.zeros((8, 1, 2, 3), np.float32)
    o[:4, 0, :, 0] = np.array([256, 1, 1, 1])[:, None]
    o[4:, 0, :, 0] = np.array([1, 1, 1, 256])[:, None]
    o[:4, 0, :, 1] = 3
    o[4:, 0, :, 2] = 3
    o[:, 0, 1, 2] += 0.5
    out["order"] = (o, list("aaaabbbb"), o[::3].copy(), list("aab"), 2, None)
    # A vector with known cosines, and NaN and inf in a query.
    m = np.array([[1, 2, 3, 4], [0.5, -1, 2, 0.25]], np.float32).reshape(2, 1, 1, 4)
    q = np.array([[1, 1, 2, 3.5], [np.nan, 1, 1, 1], [np.inf, 1, 1, 1], [-1, -2, -3, -4]], np.float32).reshape(4, 1, 1, 4)
    out["known"] = (m, ["p", "q"], q, ["p", "p", "q", "q"], 1, None)
    return out


KNOWN = {"f32": ([0x3F7BA341, 0x3EE37E16], np.uint32), "bf16": ([0.98046875, 0.43945312], None), "f16": ([0.9824219, 0.4440918], None)}


def write(path, tensors, meta):
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata={"savs": json.dumps(meta, separators=(",", ":"))})
    print(f"{os.path.basename(path):32} counts {sorted(tensors['sav.head_counts'].flatten().tolist())[::-1][:8]} cut {meta['cut']} "
          f"near {meta['near_ties']} nan {meta['nan_cosines']}/{meta['fit_nan_cosines']} predictions {tensors['sav.predictions'].tolist()}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default="golden/sav")
    a = p.parse_args()
    torch.set_num_threads(1)
    os.makedirs(a.out, exist_ok=True)
    for row in ([1.0, 1.0], [0.0, float("nan"), 1.0, float("nan")], [2.0, 3.0, 3.0], [float("nan")] * 2):
        assert argmax(row) == int(torch.argmax(torch.tensor(row)))
    for dtype in ("f32", "bf16", "f16"):
        rng = np.random.Generator(np.random.PCG64(77))
        write(f"{a.out}/general-{dtype}.safetensors", *golden(*general(rng), 5, dtype))
        write(f"{a.out}/wide-{dtype}.safetensors", *golden(*general(rng, L=2, H=3, d=128, noise=16.0), 4, dtype))
        for name, (x, labels, t, tests, K, held) in edges(rng).items():
            tensors, meta = golden(x, labels, t, tests, K, dtype, held)
            if name == "known":
                got = tensors["sav.test_cosines"][0, 0]
                want, kind = KNOWN[dtype]
                assert (got.numpy().view(kind).tolist() if kind else np.allclose(got.float().numpy(), want, rtol=0, atol=1e-7)) in (want, True)
            if name == "order" and dtype == "bf16":
                assert tensors["sav.class_sums"][:, 0, 0, 0].tolist() == [256, 260]
            if name == "vote-tie":
                assert tensors["sav.predictions"].tolist() == [1, 0] and tensors["sav.votes"].tolist() == [[1, 1], [1, 1]]
            write(f"{a.out}/{name}-{dtype}.safetensors", tensors, meta)


if __name__ == "__main__":
    main()
