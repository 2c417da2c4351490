"""Textured, non-square test pictures, from a seed: smooth waves, hard edges, a little noise, all 256 values."""
import numpy as np
from PIL import Image


def picture(h, w, seed):
    """uint8 RGB [h, w, 3]. Integer and table arithmetic only in what decides a pixel, so every machine draws the same."""
    rng = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:h, 0:w].astype(np.int64)
    out = np.zeros((h, w, 3), np.int64)
    for c in range(3):
        a, b, p, q = (int(v) for v in rng.integers(3, 23, 4))
        wave = np.abs((x * a + y * b * (c + 1)) % 510 - 255)  # triangle wave
        checks = 90 * (((x // p) + (y // q)) % 2)
        out[..., c] = (wave + checks) // 2 + rng.integers(0, 48, (h, w))
    cy, cx, r = int(h * 2 // 5), int(w * 3 // 5), max(2, min(h, w) // 4)
    disc = (y - cy) ** 2 + (x - cx) ** 2 < r * r
    out[disc] = (255 - out[disc]) * np.array([1, 3, 2]) // 3
    return np.clip(out, 0, 255).astype(np.uint8)


def write(path, h, w, seed):
    im = Image.fromarray(picture(h, w, seed))
    if path.endswith(".jpg"):
        im.save(path, quality=88, subsampling=2)
    else:
        im.save(path, optimize=True)
