"""The training pictures, made once and kept as tiles in memory-mapped files, one set a picture size.

    (seed, size, index) -> scene, tiles [n, 56, 56, 3], patch labels [n, 16, 3], picture labels [8]

Those are LLaVA-OneVision's shapes; a Qwen-VL picture is one tile of its own size, with as many patches as the tower makes of it.

Every picture has its own random generator, seeded by (seed, size, index): the set does not depend on how many processes
make it. A third of the pictures pass through JPEG, as the demo's pictures partly do.
"""

import multiprocessing
import os
import pickle

import numpy as np
from PIL import Image

from . import family, questions, world

# (height, width): how many at --scale 1. The first four are the pinpoints; the others are fitted, padded and unpadded.
SIZES = {
    (56, 56): 24000, (56, 112): 6500, (112, 56): 6500, (112, 112): 8000,
    (40, 61): 500, (64, 48): 500, (91, 101): 700, (101, 75): 500, (75, 112): 500, (100, 100): 900, (96, 112): 700, (130, 70): 500, (84, 120): 500, (140, 140): 500,
}
CHUNK = 250


def make_one(seed, size, index):
    h, w = size
    rng = np.random.default_rng([seed, h, w, index])
    scene = world.training_scene(rng, 2 * w, 2 * h)
    img, masks = world.draw(rng, scene, w, h)
    if rng.random() < 0.33:
        img = world.jpeg_noise(rng, img)
    return scene, img, masks


def _make_chunk(job):
    name, folder, seed, size, start, stop = job
    model = family(name)
    centres = model.patch_centres(*size)
    mem = {k: np.load(f"{folder}/{size[0]}x{size[1]}.{k}.npy", mmap_mode="r+") for k in ("tiles", "patch", "picture")}
    scenes = []
    for i in range(start, stop):
        scene, img, masks = make_one(seed, size, i)
        scenes.append(scene)
        mem["tiles"][i] = model.tiles(img)[: mem["tiles"].shape[1]]
        mem["patch"][i] = questions.patch_labels(scene, masks, centres)[: mem["tiles"].shape[1]]
        mem["picture"][i] = questions.picture_labels(scene)
    return size, start, scenes


def make(model, folder, seed, scale=1.0, processes=2, sizes=SIZES):
    """Writes the sets to `folder`, as this family needs them."""
    os.makedirs(folder, exist_ok=True)
    jobs, scenes = [], {}
    for size, count in sizes.items():
        count = max(32, int(count * scale))
        n, patches = model.kept(*size)[0], model.patch_centres(*size).shape[1]
        tile = model.tiles(Image.new("RGB", (size[1], size[0]))).shape[1:]
        for name, shape in (("tiles", (n, *tile)), ("patch", (n, patches, 3)), ("picture", (2 + len(world.STROKES),))):
            np.lib.format.open_memmap(f"{folder}/{size[0]}x{size[1]}.{name}.npy", "w+", np.uint8, (count, *shape)).flush()
        jobs += [(model.NAME, folder, seed, size, a, min(a + CHUNK, count)) for a in range(0, count, CHUNK)]
        scenes[size] = [None] * count
    with multiprocessing.Pool(processes) as pool:
        for size, start, part in pool.imap_unordered(_make_chunk, jobs):
            scenes[size][start : start + len(part)] = part
    with open(f"{folder}/scenes.pickle", "wb") as f:
        pickle.dump(scenes, f)


class Set:
    """The pictures of one size, mapped."""

    def __init__(self, model, folder, size, scenes):
        self.size, self.scenes = size, scenes
        self.tiles, self.patch, self.picture = (np.load(f"{folder}/{size[0]}x{size[1]}.{k}.npy", mmap_mode="r") for k in ("tiles", "patch", "picture"))
        self.order = model.kept(*size)[1]


def load(model, folder):
    with open(f"{folder}/scenes.pickle", "rb") as f:
        scenes = pickle.load(f)
    return {size: Set(model, folder, size, s) for size, s in scenes.items()}
