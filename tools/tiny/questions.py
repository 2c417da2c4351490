"""What is asked about a scene and what is answered; the label each patch carries while the tower is trained.

    scene -> [(question, answer), ...]

"What do you see?" is answered by tags in random order: whoever must be ready to begin with any tag holds the whole scene
at the last token of the prompt, which is where Sparse Attention Vectors read. No answer names one of the held-out
combinations (2, 3 or 4 circles or stars), and none of the held-out textures has a name here.
"""

from .world import COLORS, HELD_OUT_COUNTS, HELD_OUT_SHAPES, NUMBERS, PATTERNS, PLACES, RELATIONS, SHAPES, SIZES, STROKES, TEXTURES

SEE = ["What do you see?", "Describe the picture."]
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def tags(rng, scene):
    kind, objects = scene["kind"], scene["objects"]
    if kind == "one":
        o = objects[0]
        out = ["one", o["shape"], o["color"], o["pattern"], scene["size"], scene["place"]]
    elif kind == "two":
        a, b = objects
        out = [f"{a['color']} {a['shape']}", f"{b['color']} {b['shape']}"]
        r = scene["relation"]
        out.append(f"{a['shape']} {r} {b['shape']}" if rng.random() < 0.5 else f"{b['shape']} {OPPOSITE[r]} {a['shape']}")
    elif kind == "group":
        out = [NUMBERS[len(objects)], scene["shape"], scene["color"], scene["pattern"]]
    elif kind == "texture":
        out = [scene["texture"], scene["color"], scene["other"]]
    else:
        n = len(scene['strokes'])
        out = [f"{NUMBERS[n]} stroke{'s' * (n > 1)}", *sorted(set(scene["strokes"])), scene["color"]]
    return ", ".join(out[k] for k in rng.permutation(len(out)))


def asked(rng, scene):
    """All the questions with one exact answer that this scene allows."""
    kind, objects = scene["kind"], scene["objects"]
    out = []
    if kind in ("one", "group"):
        n = len(objects)
        out.append(("How many shapes are there?", NUMBERS[n]))
        m = int(rng.integers(max(0, n - 2), min(6, n + 2)))
        out.append((f"Are there more than {NUMBERS[m] if m else 'zero'} shapes?", "yes" if n > m else "no"))
    if kind == "one":
        o = objects[0]
        out += [("What shape is it?", o["shape"]), ("What color is it?", o["color"]), ("What is the pattern?", o["pattern"]),
                ("How big is it?", scene["size"]), ("Where is it?", scene["place"])]
    elif kind == "group":
        out += [("What shape is it?", scene["shape"]), ("What color is it?", scene["color"]), ("What is the pattern?", scene["pattern"])]
        out.append(out[0])  # counting is the hardest here: asked twice as often
    elif kind == "two":
        k = int(rng.integers(2))
        a, b = objects[k], objects[1 - k]
        r = scene["relation"] if k == 0 else OPPOSITE[scene["relation"]]
        out += [(f"Where is the {a['shape']}?", r), (f"What color is the {a['shape']}?", a["color"]), (f"What is {r} the {b['shape']}?", a["shape"]),
                (f"What is the pattern of the {a['shape']}?", a["pattern"])]
    elif kind == "texture":
        out += [("What is the pattern?", scene["texture"]), ("What colors are there?", f"{scene['color']}, {scene['other']}" if rng.random() < 0.5 else f"{scene['other']}, {scene['color']}")]
    else:
        parts = sorted(set(scene["strokes"]))
        out += [("What is drawn?", ", ".join(parts[k] for k in rng.permutation(len(parts)))), ("How many strokes are there?", NUMBERS[len(scene["strokes"])]),
                ("What color is it?", scene["color"])]
    return out


def conversation(rng, scene):
    """Two or three turns about one picture, in random order."""
    pool = asked(rng, scene)
    pick = rng.permutation(len(pool))[: int(rng.integers(1, 3))]
    turns = [pool[k] for k in pick] + [(SEE[int(rng.random() < 0.3)], tags(rng, scene))]
    return [turns[k] for k in rng.permutation(len(turns))]


def names_held_out(answer):
    words = answer.split(", ")
    return any(s in words for s in HELD_OUT_SHAPES) and any(NUMBERS[n] in words for n in HELD_OUT_COUNTS)


def corpus(rng, scenes):
    """Lines for the tokenizer's training: every question and answer form, and the words one by one."""
    words = SHAPES + COLORS + PATTERNS + TEXTURES + STROKES + SIZES + PLACES + NUMBERS + list(RELATIONS) + ["yes", "no", "mixed", "zero", "stroke", "strokes"]
    lines = ["user \n", "assistant\n", "system\nYou are a helpful assistant."] * 50 + [f" {w}" for w in words] + words
    for scene in scenes:
        lines += [text for turn in conversation(rng, scene) for text in turn]
    return lines


# ---- labels for the tower ----------------------------------------------------------------------------------------

FILLS = PATTERNS + TEXTURES


def patch_labels(scene, masks, centres):
    """[tiles, 16, 3] of (shape, colour, fill), each 0 where nothing covers the patch's centre; 255 = do not ask."""
    import numpy as np

    out = np.zeros((*centres.shape[:2], 3), np.uint8)
    inside = centres[..., 0] >= 0
    if scene["kind"] == "texture":
        out[inside] = (0, 1 + COLORS.index(scene["color"]), 1 + FILLS.index(scene["texture"]))
        out[..., 1] = 255  # two colours alternate: the patch's centre says little
        out[~inside] = 0
        return out
    if scene["kind"] == "strokes":
        out[...] = 255
        return out
    for o, mask in zip(scene["objects"], masks):
        h, w = mask.shape
        y = np.clip((centres[..., 0] * h).astype(int), 0, h - 1)
        x = np.clip((centres[..., 1] * w).astype(int), 0, w - 1)
        out[mask[y, x] & inside] = (1 + SHAPES.index(o["shape"]), 1 + COLORS.index(o["color"]), 1 + FILLS.index(o["pattern"]))
    return out


def picture_labels(scene):
    """(count 0..6, texture 0..8, one bit a stroke kind); count and strokes 255 where they do not apply."""
    if scene["kind"] == "strokes":
        return [255, 0] + [int(s in scene["strokes"]) for s in STROKES]
    texture = 1 + TEXTURES.index(scene["texture"]) if scene["kind"] == "texture" else 0
    return [len(scene["objects"]), texture] + [0] * len(STROKES)
