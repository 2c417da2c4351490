#!/usr/bin/env python3
"""Writes golden/image/: what Pillow 11.3.0 and the slow LLaVA-OneVision processor make of pictures.

    python tools/golden/image_golden.py [--out golden/image]

decode.safetensors  the bytes of small PNG, JPEG and PPM files, sound and damaged, one U8 tensor a file
decode.json         a record a file: size, CRC32 of convert("RGB"), of the alpha where Pillow opens it as RGBA, EXIF
                    orientation, CRC32 after ImageOps.exif_transpose; or "error"
resize.json         [w, h, w2, h2, filter, crc32]: Image.resize of G(w, h)
tiles.json          LlavaOnevisionImageProcessor on G(w, h): shape and CRC32 of pixel_values (little-endian float32);
                    token counts of its processor for many sizes

Pictures are the generated noise G, so that only checksums of results need to be kept. Everything is seeded: the same
versions write the same bytes.
"""
import argparse
import io
import json
import math
import random
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps
from safetensors.numpy import save_file

assert PIL.__version__ == "11.3.0", PIL.__version__
warnings.simplefilter("ignore")


def generated(w, h):
    """G(w, h): uint8 [h, w, 3]."""
    with np.errstate(over="ignore"):
        y, x, c = np.meshgrid(*(np.arange(n, dtype=np.uint32) for n in (h, w, 3)), indexing="ij")
        v = x * np.uint32(2654435761) + y * np.uint32(2246822519) + c * np.uint32(3266489917)
        v ^= v >> np.uint32(15)
        v *= np.uint32(2246822519)
        v ^= v >> np.uint32(13)
    return (v & np.uint32(255)).astype(np.uint8)


def crc(data):
    return f"{zlib.crc32(bytes(data)):08x}"


# ---- resize ---------------------------------------------------------------------------------------------------------

def resize_cases():
    rng = random.Random(1)
    sizes = [(1, 1, 56, 56), (1, 50, 28, 28), (50, 1, 28, 28), (2, 2, 1, 1), (3000, 2, 28, 28), (2, 3000, 28, 28),
             (30000, 1, 56, 56), (1, 30000, 56, 56), (30000, 1, 1, 1), (9, 700, 700, 9), (700, 9, 9, 700), (64, 64, 1, 7),
             (64, 64, 400, 2), (101, 101, 100, 102), (384, 383, 384, 384), (383, 384, 384, 384), (70, 69, 70, 70),
             (69, 69, 70, 70), (640, 480, 768, 576), (640, 427, 768, 513), (500, 375, 512, 384), (257, 129, 256, 128)]
    for _ in range(100):
        sizes.append(tuple(rng.randint(1, 179) for _ in range(4)))
    for _ in range(20):  # as Qwen rounds: multiples of 28 near the size
        w, h = rng.randint(40, 400), rng.randint(40, 400)
        sizes.append((w, h, max(28, round(w / 28) * 28), max(28, round(h / 28) * 28)))
    out = []
    for i, (w, h, w2, h2) in enumerate(sizes):
        for f in ([1, 2, 3] if i < 22 else [3, 3, 2, 1][i % 4:][:1]):
            image = Image.fromarray(generated(w, h)).resize((w2, h2), resample=f)
            out.append([w, h, w2, h2, f, crc(image.tobytes())])
    return out


# ---- PNG files ------------------------------------------------------------------------------------------------------

def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def samples(w, h, channels, depth, rng):
    return [[rng.randrange(1 << depth) for _ in range(w * channels)] for _ in range(h)]


def filtered(rows, bits_a_pixel, depth, rng):
    """Rows of samples -> scanlines with filter types mixed."""
    step, previous, out = max(1, bits_a_pixel // 8), None, b""
    for row in rows:
        if depth == 16:
            line = b"".join(struct.pack(">H", v) for v in row)
        else:
            bits = "".join(f"{v:0{depth}b}" for v in row)
            bits += "0" * (-len(bits) % 8)
            line = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        up = previous if previous is not None else bytes(len(line))
        kind, coded = rng.randrange(5), bytearray()
        for i, v in enumerate(line):
            a, b, c = line[i - step] if i >= step else 0, up[i], up[i - step] if i >= step else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            coded.append((v - [0, a, b, (a + b) // 2, paeth][kind]) & 255)
        out += bytes([kind]) + bytes(coded)
        previous = line
    return out


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(w, h, color, depth, rng, interlace=False, before=b"", palette=None, split=0, level=9):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    rows = samples(w, h, channels, depth, rng)
    if not interlace:
        data = filtered(rows, channels * depth, depth, rng)
    else:
        data = b""
        for x0, y0, dx, dy in ADAM7:
            part = [[v for x in range(x0, w, dx) for v in row[x * channels:(x + 1) * channels]] for row in rows[y0::dy]]
            if part and part[0]:
                data += filtered(part, channels * depth, depth, rng)
    packed = zlib.compress(data, level)
    size = split or len(packed)
    idat = b"".join(chunk(b"IDAT", packed[i:i + size]) for i in range(0, len(packed), size))
    plte = b""
    if color == 3:
        plte = chunk(b"PLTE", bytes(rng.randrange(256) for _ in range(3 * (palette or 1 << depth))))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlace)))
    return b"\x89PNG\r\n\x1a\n" + head + plte + before + idat + chunk(b"IEND", b"")


def tiff_orientation(value, little=True, kind=3):
    e = "<" if little else ">"
    entry = struct.pack(e + "HHI", 0x0112, kind, 1) + struct.pack(e + ("HH" if kind == 3 else "I"), *([value, 0] if kind == 3 else [value]))
    other = struct.pack(e + "HHIHH", 0x0103, 3, 1, 6, 0)
    return (b"II*\0" if little else b"MM\0*") + struct.pack(e + "IH", 8, 2) + other + entry + struct.pack(e + "I", 0)


def png_files():
    rng = random.Random(2)
    for color, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlace in (False, True):
                for w, h in ((33, 17), (7, 5), (1, 1)):
                    name = f"png/color{color}_{depth}bit{'_adam7' if interlace else ''}_{w}x{h}"
                    yield name, png(w, h, color, depth, rng, interlace)
    trns = lambda data: chunk(b"tRNS", data)
    yield "png/gray1_trns", png(17, 9, 0, 1, rng, before=trns(b"\0\1"))
    yield "png/gray4_trns", png(17, 9, 0, 4, rng, before=trns(b"\0\7"))
    yield "png/gray8_trns", png(17, 9, 0, 8, rng, before=trns(b"\0\x63"))
    yield "png/gray16_trns", png(17, 9, 0, 16, rng, before=trns(b"\1\x63"))
    yield "png/rgb8_trns", png(17, 9, 2, 8, rng, before=trns(b"\0\1\0\2\0\3"))
    yield "png/rgb16_trns", png(17, 9, 2, 16, rng, before=trns(b"\1\1\2\2\3\3"))
    yield "png/palette_trns_bytes", png(17, 9, 3, 4, rng, before=trns(bytes(range(0, 160, 10))))
    yield "png/palette_trns_index", png(17, 9, 3, 2, rng, before=trns(b"\xff\0\xff"))
    yield "png/palette_trns_adam7", png(17, 9, 3, 8, rng, interlace=True, before=trns(bytes(range(200))))
    yield "png/palette_short", png(17, 9, 3, 8, rng, palette=100)
    yield "png/palette_short_trns", png(17, 9, 3, 4, rng, palette=9, before=trns(b"\x10\x20"))
    gamma = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"cHRM", struct.pack(">8I", *[31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000]))
    yield "png/rgb8_gamma_bkgd", png(17, 9, 2, 8, rng, before=gamma + chunk(b"bKGD", b"\0\1\0\2\0\3"))
    yield "png/rgba8_gamma_bkgd", png(17, 9, 6, 8, rng, before=gamma + chunk(b"bKGD", b"\0\1\0\2\0\3"))
    yield "png/gray8_gamma", png(17, 9, 0, 8, rng, before=chunk(b"gAMA", struct.pack(">I", 30000)))
    yield "png/rgb8_srgb_phys_text", png(17, 9, 2, 8, rng, before=chunk(b"sRGB", b"\0") + chunk(b"pHYs", struct.pack(">IIB", 9, 7, 1)) + chunk(b"tEXt", b"Title\0x"))
    yield "png/rgb8_bad_icc", png(17, 9, 2, 8, rng, before=chunk(b"iCCP", b"p\0\0" + zlib.compress(b"no profile")))
    yield "png/rgb8_private", png(17, 9, 2, 8, rng, before=chunk(b"prVt", b"anything"))
    yield "png/rgb8_idat_of_3", png(17, 9, 2, 8, rng, split=3)
    yield "png/rgb8_stored", png(17, 9, 2, 8, rng, level=0)
    yield "png/rgb8_wide", png(3000, 1, 2, 8, rng)
    yield "png/gray8_tall_adam7", png(1, 1500, 0, 8, rng, interlace=True)
    for value in (1, 3, 6, 8, 9):
        yield f"png/exif_{value}", png(5, 3, 2, 8, rng, before=chunk(b"eXIf", tiff_orientation(value, little=value != 6)))
    yield "png/exif_rgba_5", png(5, 3, 6, 8, rng, before=chunk(b"eXIf", tiff_orientation(5)))
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1"):  # Pillow's own writer
        out = io.BytesIO()
        Image.fromarray(generated(19, 13)).convert(mode).save(out, "PNG")
        yield f"png/pillow_{mode}", out.getvalue()


def png_damage():
    rng = random.Random(3)
    good = png(33, 17, 2, 8, rng)
    adam = png(33, 17, 2, 8, rng, interlace=True)
    parts = png(33, 17, 2, 8, rng, split=500, before=chunk(b"gAMA", struct.pack(">I", 100000)))
    idat, iend = good.index(b"IDAT") - 4, good.index(b"IEND") - 4
    flip = lambda data, at, bit=1: data[:at] + bytes([data[at] ^ bit]) + data[at + 1:]
    yield "damaged/png_no_iend", good[:iend]
    yield "damaged/png_half_iend", good[:iend + 6]
    yield "damaged/png_iend_crc", flip(good, len(good) - 1)
    yield "damaged/png_junk_behind", good + b"junk" * 10
    yield "damaged/png_cut_crc", good[:iend - 4]
    yield "damaged/png_cut_data_1", good[:iend - 5]
    yield "damaged/png_cut_data_half", good[:(idat + iend) // 2]
    yield "damaged/png_cut_adam7", adam[:len(adam) * 2 // 3]
    yield "damaged/png_cut_at_idat", good[:idat]
    yield "damaged/png_cut_ihdr", good[:20]
    yield "damaged/png_signature_only", good[:8]
    yield "damaged/png_idat_crc", flip(good, iend - 1)
    yield "damaged/png_first_idat_crc", flip(parts, parts.index(b"IDAT") + 4 + 500)
    yield "damaged/png_ihdr_crc", flip(good, 30)
    yield "damaged/png_gama_crc", flip(parts, parts.index(b"gAMA") + 8)
    yield "damaged/png_deflate", flip(good, idat + 8 + 300, 0xff)
    fixed = bytearray(good)  # the same damage under a right checksum
    fixed[idat + 8 + 300] ^= 0xff
    fixed[iend - 4:iend] = struct.pack(">I", zlib.crc32(bytes(fixed[idat + 4:iend - 4])))
    yield "damaged/png_deflate_good_crc", bytes(fixed)
    fixed = bytearray(good)
    fixed[iend - 5] ^= 1  # adler32, the last byte of the zlib stream
    fixed[iend - 4:iend] = struct.pack(">I", zlib.crc32(bytes(fixed[idat + 4:iend - 4])))
    yield "damaged/png_adler", bytes(fixed)
    head = lambda w, h, depth, color, *rest: chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, *(rest or (0, 0, 0))))
    rest = good[33:]
    yield "damaged/png_zero_width", good[:8] + head(0, 17, 8, 2) + rest
    yield "damaged/png_taller_than_data", good[:8] + head(33, 18, 8, 2) + rest
    yield "damaged/png_color_1", good[:8] + head(33, 17, 8, 1) + rest
    yield "damaged/png_3_bits", good[:8] + head(33, 17, 3, 0) + rest
    yield "damaged/png_huge", good[:8] + head(20000, 20000, 8, 2) + rest
    yield "damaged/png_negative_width", good[:8] + head(0x80000001, 1, 8, 2) + rest
    yield "damaged/png_bad_filter", png_with_filter_7()


def png_with_filter_7():
    data = zlib.compress(b"\7" + bytes(9) + b"\0" + bytes(9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# ---- JPEG files -----------------------------------------------------------------------------------------------------

def smooth(w, h):
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([x * 255 // max(1, w - 1), y * 255 // max(1, h - 1), (x * 7 + y * 13) % 256], axis=2).astype(np.uint8)


def jpeg(array, mode="RGB", **options):
    out = io.BytesIO()
    Image.fromarray(array).convert(mode).save(out, "JPEG", **options)
    return out.getvalue()


def without_marker(data, marker):
    at = data.index(bytes([0xff, marker]))
    return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]:]


def with_marker(data, marker, body):
    return data[:2] + bytes([0xff, marker]) + struct.pack(">H", len(body) + 2) + body + data[2:]


def jpeg_files():
    for w, h in ((1, 1), (7, 5), (8, 8), (16, 16), (17, 33), (33, 17), (61, 47)):
        for kind, make in (("noise", generated), ("smooth", smooth)):
            for sub in (0, 1, 2):
                for progressive in (False, True):
                    quality = {0: 95, 1: 75, 2: 30}[(sub + w) % 3]
                    name = f"jpeg/{kind}_{w}x{h}_{('444', '422', '420')[sub]}{'_progressive' if progressive else ''}"
                    yield name, jpeg(make(w, h), quality=quality, subsampling=sub, progressive=progressive)
            yield f"jpeg/{kind}_{w}x{h}_gray", jpeg(make(w, h), "L", quality=75)
            yield f"jpeg/{kind}_{w}x{h}_cmyk", jpeg(make(w, h), "CMYK", quality=75)
    base = generated(61, 47)
    yield "jpeg/gray_progressive", jpeg(base, "L", progressive=True)
    yield "jpeg/rgb_coded", jpeg(base, keep_rgb=True)
    yield "jpeg/restart_blocks", jpeg(base, subsampling=2, restart_marker_blocks=3)
    yield "jpeg/restart_rows", jpeg(base, subsampling=2, restart_marker_rows=1)
    yield "jpeg/restart_progressive", jpeg(base, subsampling=2, progressive=True, restart_marker_blocks=2)
    yield "jpeg/optimized", jpeg(base, optimize=True, quality=90)
    yield "jpeg/quality_1", jpeg(base, quality=1)
    yield "jpeg/quality_100", jpeg(base, quality=100, subsampling=0)
    cmyk = jpeg(base, "CMYK", quality=85)
    at = cmyk.index(b"Adobe") + 11
    yield "jpeg/cmyk_no_adobe", without_marker(cmyk, 0xee)
    yield "jpeg/ycck", cmyk[:at] + b"\2" + cmyk[at + 1:]
    for sub in (1, 2):
        sampled = jpeg(smooth(61, 47), "CMYK", quality=85, subsampling=sub, progressive=sub == 1)
        at = sampled.index(b"Adobe") + 11
        yield f"jpeg/ycck_sampled_{sub}", sampled[:at] + b"\2" + sampled[at + 1:]
    yield "jpeg/no_jfif", without_marker(jpeg(base), 0xe0)
    yield "jpeg/comment", with_marker(jpeg(base), 0xfe, b"words")
    yield "jpeg/fill_bytes", jpeg(base).replace(b"\xff\xda", b"\xff\xff\xff\xda", 1)
    small = jpeg(generated(5, 3), subsampling=0)
    for value in range(0, 10):
        yield f"jpeg/exif_{value}", with_marker(small, 0xe1, b"Exif\0\0" + tiff_orientation(value, little=value % 2 == 0))
    yield "jpeg/exif_long", with_marker(small, 0xe1, b"Exif\0\0" + tiff_orientation(6, kind=4))
    yield "jpeg/exif_behind_xmp", with_marker(with_marker(small, 0xe1, b"Exif\0\0" + tiff_orientation(8)), 0xe1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    yield "jpeg/exif_cut", with_marker(small, 0xe1, b"Exif\0\0" + tiff_orientation(6)[:19])


def jpeg_damage():
    good, prog = jpeg(generated(61, 47), subsampling=2), jpeg(generated(61, 47), subsampling=2, progressive=True)
    sos = good.index(b"\xff\xda")
    yield "damaged/jpeg_no_eoi", good[:-2]
    yield "damaged/jpeg_half_eoi", good[:-1]
    yield "damaged/jpeg_cut_data", good[:(sos + len(good)) // 2]
    yield "damaged/jpeg_cut_last_row", good[:-12]
    yield "damaged/jpeg_cut_header", good[:sos - 20]
    yield "damaged/jpeg_cut_sos", good[:sos + 4]
    yield "damaged/jpeg_soi_only", good[:3]
    yield "damaged/jpeg_progressive_no_eoi", prog[:-2]
    yield "damaged/jpeg_progressive_cut", prog[:len(prog) * 3 // 4]
    yield "damaged/jpeg_progressive_cut_scan", prog[:prog.rindex(b"\xff\xda") - 3]
    yield "damaged/jpeg_junk_behind", good + b"junk" * 9
    yield "damaged/jpeg_junk_before_eoi", good[:-2] + b"\1\2\3\4" + good[-2:]
    yield "damaged/jpeg_bits_in_scan", good[:sos + 300] + bytes(b ^ 0x15 for b in good[sos + 300:sos + 310]) + good[sos + 310:]
    yield "damaged/jpeg_marker_in_scan", good[:sos + 300] + b"\xff\xd3" + good[sos + 302:]
    yield "damaged/jpeg_eoi_early", good[:(sos + len(good)) // 2] + b"\xff\xd9"
    sof = good.index(b"\xff\xc0")
    yield "damaged/jpeg_zero_height", good[:sof + 5] + b"\0\0" + good[sof + 7:]
    yield "damaged/jpeg_zero_width", good[:sof + 7] + b"\0\0" + good[sof + 9:]
    yield "damaged/jpeg_12_bits", good[:sof + 4] + b"\x0c" + good[sof + 5:]
    yield "damaged/jpeg_huge", good[:sof + 5] + b"\xff\xf0\xff\xf0" + good[sof + 9:]
    yield "damaged/jpeg_no_tables", good[:2] + good[sof:]
    yield "damaged/jpeg_sof3", good[:sof + 1] + b"\xc3" + good[sof + 2:]
    yield "damaged/jpeg_sampling_0", good[:sof + 11] + b"\0" + good[sof + 12:]


# ---- PPM files ------------------------------------------------------------------------------------------------------

def ppm_files():
    rng = random.Random(4)
    data = bytes(rng.randrange(256) for _ in range(4000))
    for kind, channels in (("5", 1), ("6", 3)):
        for maxval in (1, 2, 15, 100, 102, 127, 200, 254, 255, 256, 1000, 1023, 4095, 65534, 65535):
            width = 2 if maxval > 255 else 1
            yield f"ppm/P{kind}_{maxval}", f"P{kind}\n13 7\n{maxval}\n".encode() + data[:13 * 7 * channels * width]
            text = " ".join(str(rng.randint(0, maxval)) for _ in range(13 * 7 * channels))
            yield f"ppm/P{int(kind) - 3}_{maxval}", f"P{int(kind) - 3} 13 7 {maxval}\n{text}\n".encode()
    for w in (1, 7, 8, 9, 17):
        yield f"ppm/P4_{w}", f"P4 {w} 5\n".encode() + data[:(w + 7) // 8 * 5]
        yield f"ppm/P1_{w}", f"P1 {w} 5\n".encode() + "".join(rng.choice(["0", "1", "0 ", "1\n"]) for _ in range(w * 5)).encode()
    yield "ppm/P6_comments", b"P6#a\n#b\r2 #c\n2\t255\n"[:2] + b"\n#b\r2 #c\n2\t25#d\n5\n" + data[:12]
    yield "ppm/P6_hash_is_data", b"P6 1 1 255\n##\n"
    yield "ppm/P2_comments", b"P2 3 1 255 1#x\n2 #y\n 3#z\r4 5#end"
    yield "ppm/P1_comments", b"P1 3 1 1#x\n0 #y\n 1#z\n"
    yield "ppm/P3_no_newline", b"P3 1 1 255 1 2 3"
    yield "ppm/P6_more_behind", b"P6 1 1 255\n123P6 1 1 255\n456"
    yield "ppm/P5_cr", b"P5\r2\r1\r255\rab"
    yield "ppm/P5_vt_ff", b"P5\x0b2\x0c1 255\x0bab"


def ppm_damage():
    yield "damaged/ppm_short_P6", b"P6 2 2 255\n12345678901"
    yield "damaged/ppm_short_P6_100", b"P6 2 2 100\n12345678901"
    yield "damaged/ppm_short_P4", b"P4 9 2\n123"
    yield "damaged/ppm_short_P1", b"P1 3 2 10101"
    yield "damaged/ppm_short_P2", b"P2 3 1 255 1 2"
    yield "damaged/ppm_above_maxval", b"P2 2 1 100 100 101"
    yield "damaged/ppm_negative", b"P2 2 1 100 100 -1"
    yield "damaged/ppm_letters", b"P3 1 1 255 1 x 3"
    yield "damaged/ppm_P1_digit", b"P1 2 1 1 2"
    yield "damaged/ppm_long_token", b"P3 1 1 255 00000000001 2 3"
    yield "damaged/ppm_long_header", b"P6 00000000001 1 255\n123"
    yield "damaged/ppm_zero", b"P6 0 1 255\n"
    yield "damaged/ppm_maxval_0", b"P6 1 1 0\n123"
    yield "damaged/ppm_maxval_65536", b"P6 1 1 65536\n123456"
    yield "damaged/ppm_header_only", b"P6 1 1"
    yield "damaged/ppm_magic_only", b"P6"
    yield "damaged/ppm_no_space", b"P6#c\n1 1 255\n123"
    yield "damaged/ppm_huge", b"P6 20000 20000 255\n123"


# Files that Pillow accepts and we refuse on purpose, and why.
STRICTER = {
    "damaged/png_taller_than_data": "fewer rows than the header says",
}

# Files that are read, with a note that they are damaged (odd_pictures_golden.py has more).
NOTED = {"damaged/png_idat_crc", "damaged/png_first_idat_crc", "damaged/png_cut_crc", "damaged/png_cut_data_1",
         "damaged/jpeg_marker_in_scan", "damaged/jpeg_eoi_early"}


def record(name, data):
    out = {"name": name}
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        rgb = image.convert("RGB")
    except Exception as error:  # noqa: BLE001  whatever Pillow raises is its verdict
        return out | {"verdict": "error", "pillow": type(error).__name__}
    if name in STRICTER:
        return out | {"verdict": "error", "pillow": "accepts", "why": STRICTER[name]}
    out |= {"verdict": "ok", "mode": image.mode, "w": rgb.width, "h": rgb.height, "rgb": crc(rgb.tobytes())}
    if image.mode == "RGBA":
        out["alpha"] = crc(image.getchannel("A").tobytes())
    turn = image.getexif().get(0x0112, 1)
    out["orientation"] = turn if turn in range(1, 9) else 1
    if out["orientation"] != 1:
        turned = ImageOps.exif_transpose(image).convert("RGB")
        out |= {"turned": crc(turned.tobytes()), "turned_w": turned.width}
    return out | ({"damaged": 1} if name in NOTED else {})


# ---- tiles ----------------------------------------------------------------------------------------------------------

CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
TRAPS = {70: [(90, 101), (61, 97), (25, 125), (19, 190), (49, 245), (147, 245), (8, 11), (100, 200), (300, 280), (200, 420),
              (281, 281), (64, 90), (130, 60), (130, 61), (200, 210)], 28: [(8, 17)], 42: []}


def processor(tile):
    from transformers import LlavaOnevisionImageProcessor
    points = [[tile * i, tile * j] for i in range(1, 7) for j in range(1, 7)]
    mean, std = CLIP if tile == 42 else ([.5] * 3, [.5] * 3)
    return LlavaOnevisionImageProcessor(size={"height": tile, "width": tile}, image_grid_pinpoints=points, image_mean=mean,
                                        image_std=std)


def tile_cases():
    """[tile, h, w, tiles, crc32]"""
    from transformers.image_processing_utils import select_best_resolution
    from transformers.models.llava_onevision.image_processing_llava_onevision import _get_patch_output_size
    from transformers.image_utils import ChannelDimension
    rng, out = random.Random(5), []
    for tile in (28, 42, 70):
        p = processor(tile)
        sizes = list(TRAPS[tile]) + [(2, 700), (700, 2), (tile, tile), (6 * tile, 6 * tile), (tile - 1, tile)]
        sizes += [(rng.randint(1, 300), rng.randint(1, 300)) for _ in range(40)]
        for h, w in sizes:
            image = generated(w, h)
            best = select_best_resolution((h, w), p.image_grid_pinpoints)
            rows, _ = _get_patch_output_size(image, best, ChannelDimension.LAST)
            if h in (1, 3) or rows in (1, 3):
                continue  # there the reference takes the height for the channels
            got = p(Image.fromarray(image), return_tensors="np")["pixel_values"][0]
            out.append([tile, h, w, int(got.shape[0]), crc(np.ascontiguousarray(got, "<f4").tobytes())])
    return out


def token_cases():
    """[tile, patches a side, h, w, tokens] by the processor's own count."""
    from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor
    rng, out = random.Random(6), []
    for tile, patch in ((384, 14), (70, 14), (28, 14)):
        p = LlavaOnevisionProcessor.__new__(LlavaOnevisionProcessor)
        p.image_processor, p.num_image_tokens = processor(tile), (tile // patch) ** 2
        big = tile * 10
        sizes = [(480, 640), (427, 640), (1466, 2447), (1024, 1270), (1476, 1722), (827, 1654), (1, 1), (1, 30000), (30000, 1)]
        sizes += TRAPS[70] + TRAPS[28]
        sizes += [(rng.randint(1, big), rng.randint(1, big)) for _ in range(300)]
        for _ in range(100):  # round ratios, where the float divisions are close calls
            a, b, k = rng.randint(1, 12), rng.randint(1, 12), rng.randint(1, big // 12)
            sizes.append((a * k, b * k))
        for h, w in sizes:
            out.append([tile, patch, h, w, int(p._get_number_of_features(h, w, tile, tile))])
    return out


# ---------------------------------------------------------------------------------------------------------------------

def rows(cases):
    return "[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]"


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[2] / "golden" / "image")
    out = args.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    files, records = {}, []
    for make in (png_files, jpeg_files, ppm_files, png_damage, jpeg_damage, ppm_damage):
        for name, data in make():
            assert name not in files, name
            files[name] = np.frombuffer(data, np.uint8)
            records.append(record(name, data))
    save_file(files, out / "decode.safetensors")
    (out / "decode.json").write_text(rows(records) + "\n")
    (out / "resize.json").write_text(rows(resize_cases()) + "\n")
    (out / "tiles.json").write_text('{"pixel_values":' + rows(tile_cases()) + ',\n"tokens":' + rows(token_cases()) + "}\n")
    unused = set(STRICTER) - {r["name"] for r in records if r.get("pillow") == "accepts"}
    assert not unused, unused


if __name__ == "__main__":
    main()
