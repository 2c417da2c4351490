#!/usr/bin/env python3
"""Where our pixels equal Pillow 11.3.0's, with the libjpeg and libpng that this machine links.

    python tools/golden/picture_equality.py [--ppm build/tools/to_ppm]

Makes files of many sizes, kinds and qualities, reads each with Pillow and with our reader, and prints a row a kind: files,
files that differ, the largest difference, the share of bytes that differ. LD_PRELOAD in front of it chooses another
libjpeg for our reader (Pillow has its own). docs/SYSTEMS.md has the rows that were run.
"""
import argparse
import io
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from image_golden import generated, jpeg, jpeg_files, png_files, ppm_files, smooth
from odd_pictures_golden import scans

ImageFile.MAXBLOCK = 1 << 22  # room for noise in one piece: the encoder cannot wait
SIZES = [(1, 1), (7, 5), (8, 8), (16, 16), (16, 40), (17, 33), (33, 17), (61, 47), (131, 97), (300, 200)]


def kinds():
    """(kind, bytes)"""
    for name, data in png_files():
        if Image.open(io.BytesIO(data)).mode != "RGBA":  # which a PPM cannot show
            yield "PNG", data
    for name, data in ppm_files():
        yield "PPM, PGM, PBM", data
    for name, data in jpeg_files():
        yield "JPEG, files of golden/image", data
    for w, h in SIZES:
        for make in (generated, smooth):
            for quality in (30, 75, 95):
                for i, sub in enumerate(("4:4:4", "4:2:2", "4:2:0")):
                    for progressive in (False, True):
                        data = jpeg(make(w, h), quality=quality, subsampling=i, progressive=progressive)
                        yield f"JPEG {sub}{', progressive' if progressive else ''}", data
                        if progressive:
                            starts, _ = scans(data)
                            for keep in (1, 3, 5, 7, 9):
                                two = ", 2 blocks wide" if (w + 7) // 8 == 2 else ""
                                yield f"JPEG {sub}, rough{two}", data[:starts[keep]] + b"\xff\xd9"
                yield "JPEG gray", jpeg(make(w, h), "L", quality=quality)
                yield "JPEG CMYK", jpeg(make(w, h), "CMYK", quality=quality)
                rough = jpeg(make(w, h), "L", quality=quality, progressive=True)
                two = ", 2 blocks wide" if (w + 7) // 8 == 2 else ""
                for keep in (1, 3, 5):
                    yield f"JPEG gray, rough{two}", rough[:scans(rough)[0][keep]] + b"\xff\xd9"


def compare(data, program, folder):
    """The difference of each byte."""
    (folder / "in").write_bytes(data)
    want = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    run = subprocess.run([program, folder / "in", folder / "out"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    got = np.asarray(Image.open(folder / "out"))
    return np.abs(got.astype(int) - want.astype(int))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--ppm", default="build/tools/to_ppm")
    program, table = args.parse_args().ppm, defaultdict(lambda: [0, 0, 0, 0, 0])
    with tempfile.TemporaryDirectory() as folder:
        for kind, data in kinds():
            off = compare(data, program, Path(folder))
            row = table[kind]
            row[0] += 1
            row[1] += bool(off.any())
            row[2] = max(row[2], int(off.max()))
            row[3] += int((off > 0).sum())
            row[4] += off.size
    for kind, (files, differ, most, wrong, total) in sorted(table.items()):
        print(f"{kind:36} {files:5} files, {differ:4} differ, at most {most:3}, {100 * wrong / total:.2f} % of bytes")


if __name__ == "__main__":
    main()
