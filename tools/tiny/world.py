"""The little world the tiny model learns: shapes, colours, patterns, textures and strokes, drawn with Pillow.

    rng -> scene (a dict that says what is there) -> picture [h, w, 3] uint8 + one mask an object

Pictures are drawn at twice their size and box-reduced. `scene` never holds 2, 3 or 4 circles, nor 2, 3 or 4 stars:
these six combinations are the demo's lead task, so they are drawn by `held_out_scene` only, which training never calls.
The same goes for `HELD_OUT_TEXTURES`. `check_hold_out` states the rule on a scene; training runs it on every one.
"""

import io
import math

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ["circle", "star", "square", "triangle", "cross", "ring", "moon"]
HELD_OUT_SHAPES = ["circle", "star"]
HELD_OUT_COUNTS = [2, 3, 4]
NUMBERS = ["none", "one", "two", "three", "four", "five", "six"]
PALETTE = {
    "red": (215, 40, 40), "green": (40, 155, 60), "blue": (40, 80, 210), "yellow": (240, 215, 45), "orange": (245, 140, 30),
    "purple": (140, 60, 185), "pink": (245, 145, 195), "brown": (125, 78, 40), "white": (245, 245, 245), "black": (22, 22, 22),
}
COLORS = list(PALETTE)
PATTERNS = ["plain", "striped", "dotted", "checkered"]
TEXTURES = ["horizontal", "vertical", "diagonal", "checkers", "dots", "grid", "waves", "speckles"]
HELD_OUT_TEXTURES = ["zigzag", "rings", "rays", "bricks", "triangles", "pluses", "scales", "spiral"]
STROKES = ["line", "arc", "loop", "angle", "wave", "hook"]
SIZES = ["small", "large"]
PLACES = [f"{v} {h}" for v in ("top", "middle", "bottom") for h in ("left", "center", "right")]
RELATIONS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}


# ---- colours and fills -------------------------------------------------------------------------------------------

def _jitter(rng, rgb, amount=16):
    return tuple(int(min(255, max(0, c + rng.integers(-amount, amount + 1)))) for c in rgb)


def _shade(rgb):
    """The second colour of a pattern: the same hue pulled towards black or white, whichever is farther."""
    end = (0, 0, 0) if sum(rgb) > 330 else (255, 255, 255)
    return tuple(int(0.38 * a + 0.62 * b) for a, b in zip(rgb, end))


def _far_color(rng, others, least=130.0):
    """A palette colour (or gray) at least `least` away from every colour in `others`, in RGB."""
    for _ in range(40):
        name = COLORS[rng.integers(len(COLORS))] if rng.random() < 0.9 else "gray"
        rgb = _jitter(rng, PALETTE.get(name, (128, 128, 128)))
        if all(math.dist(rgb, o) >= least for o in others):
            return name, rgb
    light = min(sum(o) for o in others) > 380
    return ("black", (20, 20, 20)) if light else ("white", (245, 245, 245))


def _background(rng, size, avoid):
    w, h = size
    _, rgb = _far_color(rng, avoid)
    if rng.random() < 0.55:
        return Image.new("RGB", size, rgb)
    other = tuple(int(c * 0.72) for c in rgb) if sum(rgb) > 200 else tuple(int(c + 45) for c in rgb)
    axis = np.linspace(0, 1, w if rng.random() < 0.5 else h, dtype=np.float32)
    ramp = axis[None, :, None] if len(axis) == w and rng.random() < 0.5 or w != h and len(axis) == w else axis[:, None, None]
    a, b = np.float32(rgb), np.float32(other)
    return Image.fromarray(np.broadcast_to(a + (b - a) * ramp, (h, w, 3)).astype(np.uint8))


def pattern_field(kind, x, y, period, angle, rng):
    """Boolean field of a pattern or texture at coordinates x, y (pixels of the doubled picture)."""
    c, s = math.cos(angle), math.sin(angle)
    u, v = (x * c + y * s) / period, (y * c - x * s) / period
    fu, fv = u - np.floor(u), v - np.floor(v)
    if kind in ("striped", "horizontal", "vertical", "diagonal"):
        return fv < 0.5
    if kind in ("checkered", "checkers"):
        return (np.floor(u) + np.floor(v)) % 2 == 0
    if kind in ("dotted", "dots"):
        return (fu - 0.5) ** 2 + (fv - 0.5) ** 2 < 0.1
    if kind == "grid":
        return (fu < 0.28) | (fv < 0.28)
    if kind == "waves":
        w = v + 0.35 * np.sin(2 * np.pi * u / 1.6)
        return w - np.floor(w) < 0.5
    if kind == "speckles":
        cells = rng.random((64, 64)) < 0.42
        return cells[np.floor(u * 2).astype(int) % 64, np.floor(v * 2).astype(int) % 64]
    return _held_out_field(kind, u, v, fu, fv)


def _held_out_field(kind, u, v, fu, fv):
    if kind == "zigzag":
        w = v + np.abs(fu - 0.5)
        return w - np.floor(w) < 0.5
    if kind == "bricks":
        row = np.floor(v * 1.4)
        shifted = u * 0.8 + 0.5 * (row % 2)
        return (v * 1.4 - row < 0.2) | (shifted - np.floor(shifted) < 0.14)
    if kind == "triangles":
        return fu < fv
    if kind == "pluses":
        a, b = np.abs(fu - 0.5), np.abs(fv - 0.5)
        return ((a < 0.12) & (b < 0.36)) | ((b < 0.12) & (a < 0.36))
    if kind == "scales":
        row = np.floor(v)
        su = u + 0.5 * (row % 2)
        r = np.hypot(su - np.floor(su) - 0.5, fv)
        return (r < 0.5) & (r > 0.3)
    radius, turn = np.hypot(u, v), np.arctan2(v, u) / (2 * np.pi)
    if kind == "rings":
        return radius - np.floor(radius) < 0.5
    if kind == "rays":
        return turn * 9 - np.floor(turn * 9) < 0.5
    if kind == "spiral":
        return radius + turn - np.floor(radius + turn) < 0.5
    raise ValueError(f"unknown texture {kind}")


# ---- shapes and strokes ------------------------------------------------------------------------------------------

def _polygon(shape, cx, cy, r, turn):
    if shape == "square":
        pts = [(math.cos(turn + math.pi / 4 + k * math.pi / 2), math.sin(turn + math.pi / 4 + k * math.pi / 2)) for k in range(4)]
    elif shape == "triangle":
        pts = [(1.1 * math.cos(turn - math.pi / 2 + k * 2 * math.pi / 3), 1.1 * math.sin(turn - math.pi / 2 + k * 2 * math.pi / 3)) for k in range(3)]
    elif shape == "star":
        pts = []
        for k in range(10):
            rad = 1.12 if k % 2 == 0 else 0.47
            a = turn - math.pi / 2 + k * math.pi / 5
            pts.append((rad * math.cos(a), rad * math.sin(a)))
    else:  # cross
        arm = 0.34
        base = [(-arm, -1), (arm, -1), (arm, -arm), (1, -arm), (1, arm), (arm, arm), (arm, 1), (-arm, 1), (-arm, arm), (-1, arm), (-1, -arm), (-arm, -arm)]
        c, s = math.cos(turn), math.sin(turn)
        pts = [(c * x - s * y, s * x + c * y) for x, y in base]
    return [(cx + r * x, cy + r * y) for x, y in pts]


def _shape_mask(size, obj):
    """The object's mask on the doubled picture, mode L."""
    mask = Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    cx, cy, r, shape = obj["x"], obj["y"], obj["r"], obj["shape"]

    def disc(x, y, rad, value):
        draw.ellipse((x - rad, y - rad, x + rad, y + rad), fill=value)

    if shape in ("circle", "ring", "moon"):
        disc(cx, cy, r, 255)
        if shape == "ring":
            disc(cx, cy, 0.52 * r, 0)
        if shape == "moon":
            disc(cx + 0.55 * r * math.cos(obj["turn"]), cy + 0.55 * r * math.sin(obj["turn"]), 0.8 * r, 0)
    else:
        draw.polygon(_polygon(shape, cx, cy, r, obj["turn"]), fill=255)
    return mask


def _paint(img, mask, obj, rng):
    if obj["pattern"] == "plain":
        img.paste(obj["rgb"], mask=mask)
        return
    box = mask.getbbox()
    if box is None:
        return
    y, x = np.mgrid[box[1]:box[3], box[0]:box[2]].astype(np.float32)
    field = pattern_field(obj["pattern"], x, y, obj["period"], obj["grain"], rng)
    fill = np.where(field[..., None], np.uint8(obj["shade"]), np.uint8(obj["rgb"]))
    img.paste(Image.fromarray(fill), box[:2], mask.crop(box))


def _stroke_points(kind, rng):
    """A polyline in the unit square around the origin."""
    t = np.linspace(0, 1, 24)
    if kind == "line":
        x, y = 2 * t - 1, 0 * t
    elif kind == "arc":
        x, y = np.cos(np.pi * t), 0.8 * np.sin(np.pi * t) - 0.4
    elif kind == "loop":
        x, y = 0.8 * np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)
    elif kind == "angle":
        x = np.where(t < 0.5, -0.8, -0.8 + 3.2 * (t - 0.5))
        y = np.where(t < 0.5, -0.9 + 3.6 * t, 0.9)
    elif kind == "wave":
        x, y = 2 * t - 1, 0.45 * np.sin(2 * np.pi * t)
    else:  # hook: a straight stem that ends in a half turn
        x = np.where(t < 0.55, 0.4, 0.4 - 0.45 * (1 - np.cos(np.pi * (t - 0.55) / 0.45)))
        y = np.where(t < 0.55, -1 + 2.6 * t, 0.43 + 0.5 * np.sin(np.pi * (t - 0.55) / 0.45))
    a = rng.uniform(0, 2 * math.pi)
    c, s = math.cos(a), math.sin(a)
    k = rng.uniform(0.75, 1.0)
    return c * x - s * y * k, s * x + c * y * k


# ---- scenes ------------------------------------------------------------------------------------------------------

def _object(rng, shape, unit, lo, hi, color=None, pattern=None, turned=0.25):
    """unit: the picture's short side in doubled pixels; lo, hi: radius as parts of it."""
    color = color or COLORS[rng.integers(len(COLORS))]
    rgb = _jitter(rng, PALETTE[color])
    size = rng.uniform(lo, hi)
    return {
        "shape": shape, "color": color, "rgb": rgb, "shade": _shade(rgb), "r": size * unit, "part": size,
        "pattern": pattern or PATTERNS[rng.integers(len(PATTERNS))], "turn": rng.uniform(-turned, turned) if shape != "moon" else rng.uniform(0, 2 * math.pi),
        "period": max(10.0, unit * rng.uniform(0.09, 0.14)), "grain": rng.uniform(0, math.pi),
    }


def _scatter(rng, objects, w, h):
    """Places the objects without overlap; shrinks them a little whenever it does not succeed."""
    while True:
        for _ in range(30):
            put = []
            for o in objects:
                for _ in range(25):
                    x, y = rng.uniform(o["r"] * 1.05, w - o["r"] * 1.05), rng.uniform(o["r"] * 1.05, h - o["r"] * 1.05)
                    if all(math.hypot(x - p["x"], y - p["y"]) > 1.12 * (o["r"] + p["r"]) for p in put):
                        o["x"], o["y"] = x, y
                        put.append(o)
                        break
                else:
                    break
            if len(put) == len(objects):
                return
        for o in objects:
            o["r"] *= 0.93


def _one(rng, w, h):
    unit = min(w, h)
    o = _object(rng, SHAPES[rng.integers(len(SHAPES))], unit, 0.15, 0.36)
    o["x"], o["y"] = rng.uniform(o["r"], w - o["r"]), rng.uniform(o["r"], h - o["r"])
    place = PLACES[3 * min(2, int(3 * o["y"] / h)) + min(2, int(3 * o["x"] / w))]
    return {"kind": "one", "objects": [o], "size": SIZES[int(o["part"] > 0.25)], "place": place}


def _two(rng, w, h):
    unit = min(w, h)
    first, second = rng.choice(len(SHAPES), 2, replace=False)
    a, b = (_object(rng, SHAPES[k], unit, 0.15, 0.22) for k in (first, second))
    while b["color"] == a["color"]:
        b = _object(rng, b["shape"], unit, 0.15, 0.22)
    names = list(RELATIONS)
    relation = names[rng.integers(4)]
    dx, dy = RELATIONS[relation]
    reach = a["r"] + b["r"]
    span = w if dx else h
    gap = rng.uniform(1.1 * reach, max(1.15 * reach, 0.75 * span))
    gap = min(gap, span - reach)
    side = rng.uniform(-0.25, 0.25) * unit
    cx = rng.uniform(0.42, 0.58) * w
    cy = rng.uniform(0.42, 0.58) * h
    a["x"], a["y"] = cx + dx * gap / 2 + (side / 2 if dy else 0), cy + dy * gap / 2 + (side / 2 if dx else 0)
    b["x"], b["y"] = cx - dx * gap / 2 - (side / 2 if dy else 0), cy - dy * gap / 2 - (side / 2 if dx else 0)
    for o in (a, b):
        o["x"] = min(max(o["x"], o["r"]), w - o["r"])
        o["y"] = min(max(o["y"], o["r"]), h - o["r"])
    return {"kind": "two", "objects": [a, b], "relation": relation}


def _group_of(rng, w, h, shapes, same_color=None):
    unit = min(w, h)
    n = len(shapes)
    hi = 0.22 if n <= 2 else 0.19 if n <= 4 else 0.165
    pattern = PATTERNS[rng.integers(len(PATTERNS))] if rng.random() < 0.8 else None
    same_color = rng.random() < 0.6 if same_color is None else same_color
    color = COLORS[rng.integers(len(COLORS))] if same_color else None
    base = rng.uniform(0.14, hi)
    objects = [_object(rng, s, unit, max(0.14, base - 0.02), min(hi, base + 0.02), color, pattern) for s in shapes]
    _scatter(rng, objects, w, h)
    return {"kind": "group", "objects": objects, "color": color or "mixed", "pattern": pattern or "mixed"}


def _group(rng, w, h):
    n = int(rng.integers(1, 7))
    if rng.random() < 0.7:  # all of one shape
        free = [s for s in SHAPES if not (s in HELD_OUT_SHAPES and n in HELD_OUT_COUNTS)]
        scene = _group_of(rng, w, h, [free[rng.integers(len(free))]] * n)
    else:  # any shapes, but at most one circle and one star
        shapes = []
        while len(shapes) < n:
            s = SHAPES[rng.integers(len(SHAPES))]
            if not (s in HELD_OUT_SHAPES and s in shapes):
                shapes.append(s)
        scene = _group_of(rng, w, h, shapes)
    scene["shape"] = scene["objects"][0]["shape"] if len({o["shape"] for o in scene["objects"]}) == 1 else "mixed"
    return scene


def held_out_scene(rng, w, h, shape, count):
    """The lead task's pictures: never called by the training."""
    scene = _group_of(rng, w, h, [shape] * count)
    scene["shape"] = shape
    return scene


def texture_scene(rng, kind):
    color = COLORS[rng.integers(len(COLORS))]
    rgb = _jitter(rng, PALETTE[color])
    other, other_rgb = _far_color(rng, [rgb])
    return {"kind": "texture", "objects": [], "texture": kind, "color": color, "other": other, "rgb": rgb, "other_rgb": other_rgb,
            "angle": {"horizontal": 0.0, "vertical": math.pi / 2, "diagonal": math.pi / 4 if rng.random() < 0.5 else -math.pi / 4}.get(kind, 0.0) + rng.uniform(-0.12, 0.12)}


def _strokes(rng):
    n = int(rng.integers(1, 4))
    color = COLORS[rng.integers(len(COLORS))] if rng.random() < 0.5 else "white"
    return {"kind": "strokes", "objects": [], "strokes": [STROKES[k] for k in rng.integers(0, len(STROKES), n)], "color": color}


def training_scene(rng, w, h):
    """A scene for a picture of w x h doubled pixels."""
    p = rng.random()
    if p < 0.24:
        scene = _one(rng, w, h)
    elif p < 0.48:
        scene = _two(rng, w, h)
    elif p < 0.72:
        scene = _group(rng, w, h)
    elif p < 0.85:
        scene = texture_scene(rng, TEXTURES[rng.integers(len(TEXTURES))])
    else:
        scene = _strokes(rng)
    check_hold_out(scene)
    return scene


def check_hold_out(scene):
    """Raises if the scene holds one of the demo's held-out combinations or textures."""
    for shape in HELD_OUT_SHAPES:
        if sum(o["shape"] == shape for o in scene["objects"]) in HELD_OUT_COUNTS:
            raise AssertionError(f"held-out count of {shape}")
    if scene.get("texture") in HELD_OUT_TEXTURES:
        raise AssertionError(f"held-out texture {scene['texture']}")


# ---- drawing -----------------------------------------------------------------------------------------------------

def _draw_texture(rng, scene, w, h):
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    kind = scene["texture"]
    if kind in ("rings", "rays", "spiral"):  # these have a centre; near the middle, not in it
        x, y = x - w * rng.uniform(0.35, 0.65), y - h * rng.uniform(0.35, 0.65)
    else:
        x, y = x + rng.uniform(0, 60), y + rng.uniform(0, 60)
    period = max(12.0, min(w, h) * rng.uniform(0.12, 0.24))
    field = pattern_field(kind, x, y, period, scene["angle"], rng)
    return Image.fromarray(np.where(field[..., None], np.uint8(scene["rgb"]), np.uint8(scene["other_rgb"])))


def _draw_strokes(rng, scene, w, h):
    rgb = _jitter(rng, PALETTE[scene["color"]])
    img = Image.new("RGB", (w, h), (0, 0, 0)) if scene["color"] == "white" and rng.random() < 0.6 else _background(rng, (w, h), [rgb])
    draw = ImageDraw.Draw(img)
    n, unit = len(scene["strokes"]), min(w, h)
    for k, kind in enumerate(scene["strokes"]):
        x, y = _stroke_points(kind, rng)
        reach = unit * (rng.uniform(0.26, 0.42) if n == 1 else rng.uniform(0.17, 0.27))
        cx = w * (0.5 + (rng.uniform(-0.1, 0.1) if n == 1 else rng.uniform(-0.25, 0.25)))
        cy = h * (0.5 + (rng.uniform(-0.1, 0.1) if n == 1 else rng.uniform(-0.25, 0.25)))
        wide = max(3, int(unit * rng.uniform(0.05, 0.11)))
        pts = [(cx + reach * a, cy + reach * b) for a, b in zip(x, y)]
        draw.line(pts, fill=rgb, width=wide, joint="curve")
    if rng.random() < 0.4:  # as if scanned through a coarse grid
        img = img.resize((10, 10), Image.BOX).resize((w, h), Image.BICUBIC)
    return img


def draw(rng, scene, w, h):
    """(RGB picture of w x h, masks of its objects on the doubled picture)."""
    W, H, masks = 2 * w, 2 * h, []
    if scene["kind"] == "texture":
        img = _draw_texture(rng, scene, W, H)
    elif scene["kind"] == "strokes":
        img = _draw_strokes(rng, scene, W, H)
    else:
        avoid = [o["rgb"] for o in scene["objects"]]
        img = _background(rng, (W, H), avoid)
        for o in scene["objects"]:
            mask = _shape_mask((W, H), o)
            _paint(img, mask, o, rng)
            masks.append(np.asarray(mask) > 127)
    return img.reduce(2), masks


def jpeg_noise(rng, img, lowest=60):
    """The picture after a JPEG round trip."""
    buf = io.BytesIO()
    img.save(buf, "JPEG", quality=int(rng.integers(lowest, 96)), subsampling=int(rng.integers(0, 3)))
    buf.seek(0)
    return Image.open(buf).convert("RGB")
