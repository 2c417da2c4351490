"""One picture to tiles of 56 x 56, and tiles' features to a token order: LLaVA-OneVision's "anyres", on integers.

    RGB picture -> base tile + grid tiles [n, 56, 56, 3] uint8 -> (tower, projector) -> [n, 16, D] -> tokens in order

A short restatement of the Hugging Face image processor (transformers 4.51.3, slow) and of `pack_image_features`, so that
training can batch pictures of one size. `python tools/tiny/train_tiny.py --self-test` compares both with the library.
"""

import math

import numpy as np
from PIL import Image

TILE, PATCH = 56, 14
G = TILE // PATCH
PINPOINTS = [(56, 56), (56, 112), (112, 56), (112, 112)]  # (height, width)


def best_resolution(h, w):
    best, best_eff, best_waste = None, 0, math.inf
    for ph, pw in PINPOINTS:
        scale = min(pw / w, ph / h)
        eff = min(int(w * scale) * int(h * scale), w * h)
        waste = ph * pw - eff
        if eff > best_eff or (eff == best_eff and waste < best_waste):
            best, best_eff, best_waste = (ph, pw), eff, waste
    return best


def fit(h, w):
    """(pinpoint height, width, fitted height, width, rows of padding above, columns left)."""
    ph, pw = best_resolution(h, w)
    sw, sh = pw / w, ph / h
    nw, nh = (pw, min(math.ceil(h * sw), ph)) if sw < sh else (min(math.ceil(w * sh), pw), ph)
    return ph, pw, nh, nw, (ph - nh) // 2, (pw - nw) // 2


def tiles(img):
    """[1 + grid tiles, 56, 56, 3] uint8, base tile first."""
    w, h = img.size
    ph, pw, nh, nw, py, px = fit(h, w)
    fitted = img.resize((nw, nh), Image.BICUBIC)
    padded = Image.new("RGB", (nw + 2 * px, nh + 2 * py))
    padded.paste(fitted, (px, py))
    out = [img.resize((TILE, TILE), Image.BICUBIC)]
    for top in range(0, ph, TILE):
        for left in range(0, pw, TILE):
            part = padded.crop((left, top, min(left + TILE, padded.width), min(top + TILE, padded.height)))
            out.append(part.resize((TILE, TILE), Image.BICUBIC))
    return np.stack([np.asarray(t) for t in out])


def patch_centres(h, w):
    """Where the centre of each patch lies in the picture, as parts of its height and width: [tiles, 16, 2], outside = -1."""
    ph, pw, nh, nw, py, px = fit(h, w)
    unit = (np.arange(G) + 0.5) / G
    base = np.stack(np.meshgrid(unit, unit, indexing="ij"), -1).reshape(-1, 2)
    out = [base]
    for top in range(0, ph, TILE):
        for left in range(0, pw, TILE):
            yx = (base * TILE + (top - py, left - px)) / (nh, nw)
            yx[((yx < 0) | (yx >= 1)).any(-1)] = -1
            out.append(yx)
    return np.stack(out)


def token_order(h, w):
    """Indices into [tiles * 16 features, then the newline vector], in the order in which the decoder sees them."""
    ph, pw, *_ = fit(h, w)
    rows, cols = G * (ph // TILE), G * (pw // TILE)
    y0 = x0 = 0
    y1, x1 = rows, cols
    if w * rows > cols * h:
        y0 = (rows - h * cols // w) // 2
        y1 = rows - y0
    else:
        x0 = (cols - w * rows // h) // 2
        x1 = cols - x0
    newline = (1 + (ph // TILE) * (pw // TILE)) * G * G
    order = list(range(G * G))
    for y in range(y0, y1):
        for x in range(x0, x1):
            tile = 1 + (y // G) * (pw // TILE) + x // G
            order.append(tile * G * G + (y % G) * G + x % G)
        order.append(newline)
    return order
