#!/usr/bin/env python3
"""Writes golden/image/odd.safetensors, odd.json, files/ and files.json: pictures as they come, and what Pillow 11.3.0
makes of them.

    python tools/golden/odd_pictures_golden.py [--out golden/image]

The same shape as decode.json (tools/golden/image_golden.py), with three differences:
orientation     found by turning: 1 to 8 is the turn whose pixels ImageOps.exif_transpose returns, 0: it raises
damaged         the file was read, but its end marker, a checksum or a part of its pixel data was not right
unrefined       1: a progressive JPEG whose last refinements are missing; 2: one that libjpeg-turbo before 3.0.1
                smooths otherwise than after: rows of chroma subsampled, or exactly two blocks wide
words           what our message names, where the picture is refused
files/ holds some as files, for tests of the command line; files.json the SHA-256 (16 digits) of what Qwen2VLImageProcessor
makes of each, as stored and turned: [name, turned, rows of patches, columns, digest], or "raises" where Pillow does.
Files are built here byte by byte around Pillow's own: each is a kind of file that cameras and tools do write, or the
smallest file that shows one rule of Pillow's.
"""
import argparse
import hashlib
import io
import random
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from safetensors.numpy import save_file

from image_golden import chunk, crc, generated, jpeg, png, rows, smooth, tiff_orientation, with_marker

warnings.simplefilter("ignore")
TURNS = [None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
         Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90]


def tiff(entries, little=True, count=None, head=None, offset=8, tail=b""):
    """A TIFF block of one directory: (tag, type, count, four bytes or a number)."""
    e = "<" if little else ">"
    out = (head or (b"II*\0" if little else b"MM\0*")) + struct.pack(e + "I", offset) + bytes(offset - 8)
    out += struct.pack(e + "H", len(entries) if count is None else count)
    for tag, kind, n, value in entries:
        data = value if isinstance(value, bytes) else struct.pack(e + ("HH" if kind == 3 else "I"), *([value, 0] if kind == 3 else [value]))
        out += struct.pack(e + "HHI", tag, kind, n) + data
    return out + struct.pack(e + "I", 0) + tail


TURN = 0x0112
OTHER = (0x0103, 3, 1, 6)


def blocks():
    """Odd TIFF blocks: name, bytes."""
    yield "long", tiff([OTHER, (TURN, 4, 1, 6)])
    yield "long_big", tiff([(TURN, 4, 1, 8)], little=False)
    yield "long_as_short_big", tiff([(TURN, 3, 1, b"\0\0\0\6")], little=False)
    yield "short_junk_behind", tiff([(TURN, 3, 1, b"\6\0\xff\xff")])
    yield "zero", tiff([(TURN, 3, 1, 0)])
    yield "nine", tiff([(TURN, 3, 1, 9)])
    yield "long_65542", tiff([(TURN, 4, 1, 65542)])
    yield "byte", tiff([(TURN, 1, 1, b"\6\0\0\0")])
    yield "ascii", tiff([(TURN, 2, 2, b"6\0\0\0")])
    yield "undefined", tiff([(TURN, 7, 1, b"\6\0\0\0")])
    yield "signed_byte", tiff([(TURN, 6, 1, b"\6\0\0\0")])
    yield "signed_byte_minus", tiff([(TURN, 6, 1, b"\xfa\0\0\0")])
    yield "signed_short", tiff([(TURN, 8, 1, b"\5\0\0\0")])
    yield "signed_long", tiff([(TURN, 9, 1, b"\0\0\0\7")], little=False)
    yield "ifd_type", tiff([(TURN, 13, 1, 6)])
    yield "float", tiff([(TURN, 11, 1, struct.pack("<f", 6.0))])
    yield "float_6_5", tiff([(TURN, 11, 1, struct.pack("<f", 6.5))])
    yield "float_nan", tiff([(TURN, 11, 1, struct.pack("<f", float("nan")))])
    yield "double", tiff([(TURN, 12, 1, 26)], tail=struct.pack("<d", 3.0))
    yield "long8", tiff([(TURN, 16, 1, 26)], little=False, tail=struct.pack(">Q", 5))
    yield "rational", tiff([(TURN, 5, 1, 26)], tail=struct.pack("<II", 12, 2))
    yield "rational_13_2", tiff([(TURN, 5, 1, 26)], tail=struct.pack("<II", 13, 2))
    yield "rational_0_0", tiff([(TURN, 5, 1, 26)], tail=struct.pack("<II", 0, 0))
    yield "signed_rational", tiff([(TURN, 10, 1, 26)], tail=struct.pack("<ii", -8, -1))
    yield "type_99", tiff([(TURN, 99, 1, 6)])
    yield "type_0", tiff([(TURN, 0, 1, 6)])
    yield "count_0", tiff([(TURN, 3, 0, 6)])
    yield "count_2", tiff([(TURN, 3, 2, b"\6\0\3\0")])
    yield "count_3", tiff([(TURN, 3, 3, 26)], tail=struct.pack("<HHH", 7, 3, 2))
    yield "count_3_outside", tiff([(TURN, 3, 3, 260)])
    yield "repeated", tiff([(TURN, 3, 1, 6), OTHER, (TURN, 3, 1, 3)])
    yield "repeated_bad_last", tiff([(TURN, 3, 1, 6), (TURN, 3, 1, 99)])
    yield "repeated_unknown_last", tiff([(TURN, 3, 1, 6), (TURN, 99, 1, 3)])
    yield "repeated_empty_last", tiff([(TURN, 3, 1, 6), (TURN, 3, 0, 3)])
    yield "not_sorted", tiff([(0x8769, 4, 1, 200), (TURN, 3, 1, 8), OTHER])
    yield "behind_data_outside", tiff([(0x010F, 2, 50, 4000), (TURN, 3, 1, 6)])
    yield "before_data_outside", tiff([(TURN, 3, 1, 6), (0x010F, 2, 50, 4000)])
    yield "count_too_high", tiff([(TURN, 3, 1, 6)], count=40)
    yield "directory_later", tiff([(TURN, 3, 1, 5)], offset=31)
    yield "directory_outside", tiff([(TURN, 3, 1, 5)])[:4] + b"\0\1\0\0" + tiff([(TURN, 3, 1, 5)])[8:]
    yield "directory_at_0", b"II*\0\0\0\0\0" + bytes(40)
    yield "cut_in_entry", tiff([OTHER, (TURN, 3, 1, 6)])[:33]
    yield "cut_behind_entry", tiff([OTHER, (TURN, 3, 1, 6)])[:34]
    yield "head_swapped_ii", tiff([(TURN, 3, 1, 6)], head=b"II\0*")
    yield "head_swapped_mm", tiff([(TURN, 3, 1, 6)], little=False, head=b"MM*\0")
    yield "head_unknown", tiff([(TURN, 3, 1, 6)], head=b"XX*\0")
    yield "head_big_ii", tiff([(TURN, 3, 1, 6)], head=b"II+\0")
    yield "head_big_mm", tiff([(TURN, 3, 1, 6)], little=False, head=b"MM\0+")
    yield "head_of_5_bytes", b"II*\0\x08"
    yield "empty", b""
    yield "header_twice", b"Exif\0\0" * 2 + tiff([(TURN, 3, 1, 6)])
    yield "second_directory", tiff([OTHER])[:22] + struct.pack("<I", 26) + tiff([(TURN, 3, 1, 6)])[8:]


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%s"/></x:xmpmeta>'
XMP_ELEMENT = b"<x:xmpmeta><rdf:Description><tiff:Orientation>%s</tiff:Orientation></rdf:Description></x:xmpmeta>"


def profile(data, name="exif", length=None, step=72):
    """ImageMagick's text of a profile."""
    digits = data.hex()
    return f"\n{name}\n{len(data) if length is None else length:8}\n".encode() + "".join(
        digits[i:i + step] + "\n" for i in range(0, len(digits), step)).encode()


text = lambda key, value: chunk(b"tEXt", key + b"\0" + value)
packed = lambda key, value, method=0: chunk(b"zTXt", key + b"\0" + bytes([method]) + zlib.compress(value))


def international(key, value, packed=0, method=0, lang=b"", translated=b""):
    body = zlib.compress(value) if packed else value
    return chunk(b"iTXt", key + b"\0" + bytes([packed, method]) + lang + b"\0" + translated + b"\0" + body)


KEY, XML = b"Raw profile type exif", b"XML:com.adobe.xmp"


def png_orientations():
    rng = random.Random(11)
    six, three = tiff([(TURN, 3, 1, 6)]), tiff([(TURN, 3, 1, 3)], little=False)
    plain = lambda before=b"", behind=b"": png(5, 3, 2, 8, rng, before=before).replace(chunk(b"IEND", b""), behind + chunk(b"IEND", b""))
    for name, block in blocks():
        yield f"png_exif/{name}", plain(chunk(b"eXIf", block))
    yield "png/exif_with_header", plain(chunk(b"eXIf", b"Exif\0\0" + six))
    yield "png/exif_behind", plain(behind=chunk(b"eXIf", six))
    yield "png/exif_two", plain(chunk(b"eXIf", six) + chunk(b"eXIf", three))
    yield "png/exif_before_and_behind", plain(chunk(b"eXIf", six), chunk(b"eXIf", three))
    yield "png/exif_bad_crc", plain(chunk(b"eXIf", six)[:-1] + b"\0")
    yield "png/exif_behind_bad_crc", plain(behind=chunk(b"eXIf", six)[:-1] + b"\0")
    yield "png/exif_key_text", plain(text(b"exif", six))
    yield "png/exif_key_text_over_chunk", plain(chunk(b"eXIf", six) + text(b"exif", three))
    yield "png/exif_key_packed", plain(packed(b"exif", six))
    yield "png/exif_key_packed_empty", plain(packed(b"exif", b"") + text(XML, XMP % b"8"))
    for value in (2, 5, 7, 8):
        yield f"png/profile_{value}", plain(text(KEY, profile(b"Exif\0\0" + tiff([OTHER, (TURN, 3, 1, value)]))))
    yield "png/profile_packed", plain(packed(KEY, profile(b"Exif\0\0" + six)))
    yield "png/profile_international", plain(international(KEY, profile(b"Exif\0\0" + six)))
    yield "png/profile_international_packed", plain(international(KEY, profile(b"Exif\0\0" + three), 1))
    yield "png/profile_behind", plain(behind=text(KEY, profile(b"Exif\0\0" + six)))
    yield "png/profile_behind_bad_crc", plain(behind=text(KEY, profile(b"Exif\0\0" + six))[:-1] + b"\0")
    yield "png/profile_twice", plain(text(KEY, profile(six)) + text(KEY, profile(three)))
    yield "png/profile_without_header", plain(text(KEY, profile(three)))
    yield "png/profile_and_exif", plain(text(KEY, profile(six)) + chunk(b"eXIf", three))
    yield "png/profile_of_app1", plain(text(b"Raw profile type APP1", profile(b"Exif\0\0" + six, "app1")))
    yield "png/profile_of_xmp", plain(text(b"Raw profile type xmp", profile(XMP % b"6", "xmp")))
    yield "png/profile_wrong_length", plain(text(KEY, profile(six, length=3)))
    yield "png/profile_upper_case", plain(text(KEY, profile(six).upper()))
    yield "png/profile_spaces", plain(text(KEY, b"\nexif\n 34\n" + b" \t".join(b"%02x" % b for b in six)))
    yield "png/profile_split_pair", plain(text(KEY, b"\nexif\n 34\n" + six.hex().encode()[:7] + b"\n" + six.hex().encode()[7:]))
    yield "png/profile_space_in_pair", plain(text(KEY, b"\nexif\n 34\n" + six.hex().encode()[:7] + b" " + six.hex().encode()[7:]))
    yield "png/profile_odd", plain(text(KEY, profile(six)[:-2]))
    yield "png/profile_no_hex", plain(text(KEY, b"\nexif\n 34\nzz" + six.hex().encode()))
    yield "png/profile_crlf", plain(text(KEY, profile(six).replace(b"\n", b"\r\n")))
    yield "png/profile_short_lines", plain(text(KEY, profile(six, step=10)))
    yield "png/profile_too_few_lines", plain(text(KEY, b"\nexif\n" + six.hex().encode()) + text(XML, XMP % b"3"))
    yield "png/profile_key_case", plain(text(KEY.upper(), profile(six)))
    yield "png/profile_packed_broken", plain(chunk(b"zTXt", KEY + b"\0\0" + b"broken"))
    yield "png/profile_packed_method_1", plain(packed(KEY, profile(six), 1))
    yield "png/text_without_value", plain(chunk(b"tEXt", KEY) + text(XML, XMP % b"8"))
    yield "png/text_without_key", plain(chunk(b"tEXt", b"\0" + profile(six)))
    for value in (b"2", b"4", b"8", b"9", b"0", b"12"):
        yield f"png/xmp_{value.decode()}", plain(international(XML, XMP % value))
    yield "png/xmp_element", plain(international(XML, XMP_ELEMENT % b"6"))
    yield "png/xmp_packed", plain(international(XML, XMP % b"6", 1))
    yield "png/xmp_packed_method_1", plain(international(XML, XMP % b"6", 1, 1))
    yield "png/xmp_packed_broken", plain(chunk(b"iTXt", XML + b"\0\1\0\0\0broken"))
    yield "png/xmp_text", plain(text(XML, XMP % b"7"))
    yield "png/xmp_packed_text", plain(packed(XML, XMP_ELEMENT % b"3"))
    yield "png/xmp_single_quotes", plain(international(XML, (XMP % b"6").replace(b'"', b"'")))
    yield "png/xmp_spaces", plain(international(XML, (XMP % b"6").replace(b'="6', b' = "6')))
    yield "png/xmp_two", plain(international(XML, XMP % b"6" + XMP % b"3"))
    yield "png/xmp_not_utf8", plain(international(XML, b"\xff" + XMP % b"6"))
    yield "png/xmp_lang_not_utf8", plain(international(XML, XMP % b"6", lang=b"\xff"))
    yield "png/xmp_not_utf8_behind_good", plain(international(XML, XMP % b"6") + international(XML, b"\xff" + XMP % b"3"))
    yield "png/xmp_empty_text_then_bytes", plain(international(XML, b"\xff" + XMP % b"5") + text(XML, b""))
    yield "png/xmp_good_then_empty_text", plain(international(XML, XMP % b"5") + text(XML, b""))
    yield "png/xmp_packed_good_then_empty_text", plain(international(XML, XMP % b"7", 1) + text(XML, b""))
    yield "png/xmp_key_text", plain(text(b"xmp", XMP % b"6"))
    yield "png/xmp_key_text_plain", plain(text(b"xmp", b"words"))
    yield "png/xmp_behind", plain(behind=international(XML, XMP % b"6"))
    yield "png/xmp_and_exif", plain(international(XML, XMP % b"6") + chunk(b"eXIf", three))
    yield "png/xmp_and_exif_of_1", plain(international(XML, XMP % b"6") + chunk(b"eXIf", tiff([(TURN, 3, 1, 1)])))
    yield "png/xmp_and_exif_of_99", plain(international(XML, XMP % b"6") + chunk(b"eXIf", tiff([(TURN, 3, 1, 99)])))
    yield "png/xmp_and_exif_without", plain(international(XML, XMP % b"6") + chunk(b"eXIf", tiff([OTHER])))
    yield "png/xmp_and_exif_broken", plain(international(XML, XMP % b"6") + chunk(b"eXIf", b"broken block"))
    yield "png/xmp_and_exif_cut", plain(international(XML, XMP % b"6") + chunk(b"eXIf", six[:15]))
    yield "png/xmp_and_profile", plain(international(XML, XMP % b"6") + text(KEY, profile(three)))
    yield "png/international_cut", plain(chunk(b"iTXt", XML + b"\0\0\0no more"))
    frame = lambda n: chunk(b"fcTL", struct.pack(">IIIIIHHBB", n, 5, 3, 0, 0, 1, 10, 0, 0))
    more = chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(bytes(48)))
    late = chunk(b"eXIf", six)
    yield "png/animated_exif", plain(chunk(b"acTL", struct.pack(">II", 2, 0)) + frame(0) + late, frame(1) + more)
    yield "png/animated_exif_behind", plain(chunk(b"acTL", struct.pack(">II", 2, 0)) + frame(0), frame(1) + more + late)
    yield "png/animated_exif_before_frame_2", plain(chunk(b"acTL", struct.pack(">II", 2, 0)) + frame(0), late + frame(1) + more)
    yield "png/animated_one_frame", plain(chunk(b"acTL", struct.pack(">II", 1, 0)) + frame(0), late)
    yield "png/animated_zero_frames", plain(chunk(b"acTL", struct.pack(">II", 0, 0)), late)
    yield "png/animated_default_image", plain(chunk(b"acTL", struct.pack(">II", 1, 0)), frame(0) + chunk(b"fdAT", struct.pack(">I", 1) + zlib.compress(bytes(48))) + late)


def png_ends():
    """Windows, checksums, ends: name, bytes, whether the file is damaged."""
    rng = random.Random(12)
    wide = [[(x * 7 + y * 31 + c) % 251 for x in range(64) for c in range(3)] for y in range(48)]
    wide[24:] = wide[:24]  # the second half is the first again: matches reach back 24 rows of 193 bytes
    stream = zlib.compress(b"".join(b"\0" + bytes(r) for r in wide), 9)
    for bits in range(0, 8):
        small = bits << 4 | 8
        small = bytes([small, (31 - small * 256 % 31) % 31])
        assert int.from_bytes(small, "big") % 31 == 0
        yield f"png/window_{256 << bits}", chunks(64, 48, [small + stream[2:]]), False
    yield "png/window_8", chunks(64, 48, [bytes([0x88, 0x1c]) + stream[2:]]), False
    yield "png/window_in_ihdr_of_1k_adam7", png(9, 9, 2, 8, rng, interlace=True), False
    data = png(21, 9, 2, 8, rng)
    idat, iend = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    for n in range(1, 10):
        yield f"png/cut_before_iend_{n}", data[:iend - n], True
    body = data[idat + 8:iend - 4]
    for n in (0, 1, 2, 4, 5, 6):
        yield f"png/adler_{n}_bytes", chunks(21, 9, [body[:len(body) - 4 + n] if n < 5 else body + bytes(n - 4)]), n < 4
    yield "png/adler_wrong", chunks(21, 9, [body[:-1] + bytes([body[-1] ^ 1])]), True
    yield "png/adler_in_own_chunk", chunks(21, 9, [body[:-4], body[-4:]]), False
    yield "png/adler_in_own_chunk_wrong", chunks(21, 9, [body[:-4], b"none"]), False  # nobody looks at it
    yield "png/adler_in_own_chunk_cut", chunks(21, 9, [body[:-4], body[-4:]])[:-12 - 5], True
    yield "png/adler_in_own_chunk_cut_crc", chunks(21, 9, [body[:-4], body[-4:]])[:-12 - 3], True
    yield "png/more_idat_behind", chunks(21, 9, [body, b"more"]), False
    yield "png/more_idat_behind_cut", chunks(21, 9, [body, b"more"])[:-12 - 6], True
    yield "png/empty_idats", chunks(21, 9, [b"", body[:50], b"", body[50:], b""]), False
    yield "png/idat_crc_first", flip(chunks(21, 9, [body[:50], body[50:]]), idat + 8 + 50), True
    yield "png/idat_crc_zero", data[:iend - 4] + bytes(4) + data[iend:], True
    yield "png/idat_crc_all_wrong_adam7", png(9, 9, 6, 8, rng, interlace=True)[:-16] + bytes(4) + chunk(b"IEND", b""), True
    adam = png(10, 7, 0, 4, rng, interlace=True)
    for n in (3, 5, 8, 9):
        yield f"png/adam7_cut_before_iend_{n}", adam[:-12 - n], True
    tall = png(1, 2, 3, 1, rng, interlace=True)
    yield "png/adam7_1x2_cut", tall[:-12 - 6], True
    yield "png/text_between_idats", data[:8] + data[8:33] + chunk(b"IDAT", body[:50]) + text(b"a", b"b") + chunk(b"IDAT", body[50:]) + data[iend:], True
    behind = lambda extra: data[:iend] + extra
    yield "png/behind_chunk_cut", behind(text(b"Comment", b"words")[:-6]), True
    yield "png/behind_chunk_cut_crc", behind(text(b"Comment", b"words")[:-3]), False
    yield "png/behind_chunk_unknown_cut", behind(chunk(b"prVt", b"anything")[:-7]), True
    yield "png/behind_name_cut", behind(b"\0\0\0\5tE"), False
    yield "png/behind_name_no_letters", behind(b"\0\0\0\5t-Xt"), False
    yield "png/before_name_no_letters", data[:33] + b"\0\0\0\0t-Xt" + struct.pack(">I", zlib.crc32(b"t-Xt")) + data[33:], True
    yield "png/before_unknown_bad_crc", data[:33] + flip(chunk(b"prVt", b"anything"), -1) + data[33:], True
    yield "png/before_text_bad_crc", data[:33] + flip(text(b"a", b"b"), -1) + data[33:], True
    bomb = zlib.compress(bytes((1 << 20) + 1), 9)
    for name, extra in (("text", chunk(b"zTXt", b"a\0\0" + bomb)), ("international", chunk(b"iTXt", b"a\0\1\0\0\0" + bomb)),
                        ("colour", chunk(b"iCCP", b"a\0\0" + bomb))):
        yield f"png/packed_{name}_1_mib_and_1", data[:33] + extra + data[33:], True
        yield f"png/packed_{name}_behind", behind(extra), True
    full = zlib.compress(bytes(1 << 20), 9)
    yield "png/packed_text_1_mib", data[:33] + chunk(b"zTXt", b"a\0\0" + full) + data[33:], False
    yield "png/colour_method_1", data[:33] + chunk(b"iCCP", b"a\0\1" + full) + data[33:], True
    yield "png/gamma_of_3_bytes", data[:33] + chunk(b"gAMA", b"abc") + data[33:], True
    yield "png/physical_of_8_bytes", data[:33] + chunk(b"pHYs", b"abcdefgh") + data[33:], True


def flip(data, at):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def chunks(w, h, idats):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) +
            b"".join(chunk(b"IDAT", d) for d in idats) + chunk(b"IEND", b""))


def app1(data, *bodies):
    """The bodies as APP1 markers in their order, behind SOI."""
    for body in reversed(bodies):
        data = with_marker(data, 0xe1, body)
    return data


NS = b"http://ns.adobe.com/xap/1.0/\0"


def jpeg_orientations():
    plain = jpeg(generated(5, 3), subsampling=0)          # JFIF without a density: no "dpi" in Pillow
    inch = jpeg(generated(5, 3), subsampling=0, dpi=(72, 72))
    six, three = tiff([(TURN, 3, 1, 6)]), tiff([(TURN, 3, 1, 3)], little=False)
    exif = lambda block: b"Exif\0\0" + block
    for name, block in blocks():
        yield f"jpeg_exif/{name}", app1(plain, exif(block))
    for name in ("head_unknown", "head_big_ii", "head_of_5_bytes", "cut_in_entry", "empty"):
        yield f"jpeg_exif/{name}_dpi", app1(inch, exif(dict(blocks())[name]))
        yield f"jpeg_exif/{name}_xmp", app1(plain, exif(dict(blocks())[name]), NS + XMP % b"6")
        yield f"jpeg_exif/{name}_dpi_xmp", app1(inch, exif(dict(blocks())[name]), NS + XMP % b"6")
    behind = lambda data, body: data[:20] + with_marker(data[:2], 0xe1, body)[2:] + data[20:]
    yield "jpeg/exif_behind_jfif", behind(plain, exif(six))
    yield "jpeg/xmp_then_exif", app1(plain, NS + XMP % b"3", exif(six))
    yield "jpeg/exif_then_xmp", app1(plain, exif(six), NS + XMP % b"3")
    yield "jpeg/exif_without_then_xmp", app1(plain, exif(tiff([OTHER])), NS + XMP % b"3")
    yield "jpeg/exif_of_1_then_xmp", app1(plain, exif(tiff([(TURN, 3, 1, 1)])), NS + XMP % b"3")
    yield "jpeg/xmp", app1(plain, NS + XMP % b"8")
    yield "jpeg/xmp_element", app1(plain, NS + XMP_ELEMENT % b"5")
    yield "jpeg/xmp_behind_jfif", behind(plain, NS + XMP % b"4")
    yield "jpeg/xmp_twice", app1(plain, NS + XMP % b"8", NS + XMP % b"3")
    yield "jpeg/xmp_twice_second_without", app1(plain, NS + XMP % b"8", NS + b"<x/>")
    yield "jpeg/xmp_extension", app1(plain, b"http://ns.adobe.com/xmp/extension/\0" + XMP % b"8")
    yield "jpeg/xmp_zero_inside", app1(plain, NS + b"\0" + XMP % b"8")
    yield "jpeg/xmp_app2", with_marker(plain, 0xe2, NS + XMP % b"8")
    yield "jpeg/exif_twice", app1(plain, exif(six), exif(three))
    yield "jpeg/exif_without_twice", app1(plain, exif(tiff([OTHER])), exif(three))
    yield "jpeg/exif_in_two_pieces", app1(plain, exif(six[:13]), exif(six[13:]))
    yield "jpeg/exif_in_three_pieces", app1(plain, exif(six[:9]), NS + XMP % b"3", exif(six[9:10]), exif(six[10:]))
    yield "jpeg/exif_empty_then_block", app1(plain, exif(b""), exif(six))
    yield "jpeg/exif_one_zero", app1(plain, b"Exif\0" + six)
    yield "jpeg/exif_zero_and_ff", app1(plain, b"Exif\0\xff" + six)
    yield "jpeg/exif_lower_case", app1(plain, b"exif\0\0" + six)
    yield "jpeg/exif_app2", with_marker(plain, 0xe2, exif(six))
    yield "jpeg/exif_app0", with_marker(plain, 0xe0, exif(six))
    yield "jpeg/exif_behind_tables", plain[:plain.index(b"\xff\xc0")] + with_marker(b"\xff\xd8", 0xe1, exif(six))[2:] + plain[plain.index(b"\xff\xc0"):]
    yield "jpeg/exif_behind_frame", plain[:plain.index(b"\xff\xda")] + with_marker(b"\xff\xd8", 0xe1, exif(six))[2:] + plain[plain.index(b"\xff\xda"):]
    yield "jpeg/exif_behind_picture", plain + with_marker(b"\xff\xd8", 0xe1, exif(six))[2:]
    yield "jpeg/exif_fill_bytes", plain[:2] + b"\xff\xff\xff" + app1(plain, exif(six))[2:]
    prog = jpeg(generated(21, 13), progressive=True)
    scan = prog.index(b"\xff\xda", prog.index(b"\xff\xda") + 2)
    yield "jpeg/exif_between_scans", prog[:scan] + with_marker(b"\xff\xd8", 0xe1, exif(six))[2:] + prog[scan:]
    yield "jpeg/exif_progressive", app1(prog, exif(six))
    yield "jpeg/exif_cmyk", app1(jpeg(generated(5, 3), "CMYK", subsampling=0), exif(six))
    yield "jpeg/exif_gray", app1(jpeg(generated(5, 3), "L"), exif(tiff([(TURN, 3, 1, 7)])))
    first, second = Image.fromarray(generated(9, 5)), Image.fromarray(generated(7, 9))
    for name, options in (("plain", {}), ("exif", {"exif": exif(six)})):
        out = io.BytesIO()
        first.save(out, "MPO", save_all=True, append_images=[second], subsampling=0, **options)
        yield f"jpeg/mpo_{name}", out.getvalue()
    mpo = out.getvalue()
    at = mpo.index(b"\xff\xd8", 2)
    yield "jpeg/mpo_exif_in_second", mpo[:at].replace(exif(six), exif(tiff([(TURN, 3, 1, 1)]))) + mpo[at:]


def scans(data):
    """Where the scans of a JPEG start, and its end marker."""
    out, at = [], 2
    while data[at + 1] != 0xd9:
        length = struct.unpack(">H", data[at + 2:at + 4])[0]
        if data[at + 1] == 0xda:
            out.append(at)
            at += 2 + length
            while data[at] != 0xff or data[at + 1] in (0, *range(0xd0, 0xd8)):
                at += 1
        else:
            at += 2 + length
    return out, at


def jpeg_ends():
    """End markers: name, bytes, whether the file is damaged."""
    boundary = b"\r\n--frame-boundary\r\nContent-Type: text/plain\r\n\r\n"
    for name, data in (("420", jpeg(generated(61, 47), subsampling=2)), ("444", jpeg(generated(33, 17), subsampling=0)),
                       ("gray", jpeg(generated(19, 19), "L")), ("cmyk", jpeg(generated(17, 9), "CMYK")),
                       ("restarts", jpeg(generated(61, 47), subsampling=2, restart_marker_blocks=3)),
                       ("progressive", jpeg(generated(21, 13), progressive=True))):
        body = data[:-2]
        ends = [("nothing", b""), ("zeros_1", bytes(1)), ("zeros_2", bytes(2)), ("zeros_64", bytes(64)), ("boundary", boundary),
                ("ff", b"\xff"), ("ff_ff", b"\xff\xff"), ("ff_0", b"\xff\0"), ("ff_soi", b"\xff\xd8"), ("ff_rst", b"\xff\xd0"),
                ("ff_dht", b"\xff\xc4"), ("ff_unknown", b"\xff\x02\0\0"), ("ff_com", b"\xff\xfe\0\6word"), ("eoi_cut", b"\0\0\xff"),
                ("spaces_then_eoi", b"    \xff\xd9"), ("boundary_then_eoi", boundary + b"\xff\xd9")]
        for end, tail in ends if name in ("420", "progressive") else ends[:6]:
            yield f"jpeg_end/{name}_{end}", body + tail, b"\xff\xd9" not in tail
    yield "jpeg_end/marker_behind", jpeg(generated(9, 9))[:-2] + b"\xff\xc4\0\3\0", True


def jpeg_unrefined():
    """Progressive files that end behind each of their scans: name, bytes, whether refinements are missing."""
    for name, data in (("colour", jpeg(smooth(45, 37), progressive=True, quality=80)),
                       ("gray", jpeg(smooth(37, 45), "L", progressive=True, quality=80)),
                       ("gray16", jpeg(generated(16, 24), "L", progressive=True, quality=80)),
                       ("422", jpeg(generated(33, 24), progressive=True, quality=40, subsampling=1)),
                       ("444", jpeg(generated(40, 40), progressive=True, quality=60, subsampling=0))):
        starts, end = scans(data)
        for keep in range(1, len(starts) + 1):
            cut = starts[keep] if keep < len(starts) else end
            yield f"jpeg_scans/{name}_{keep}_of_{len(starts)}", data[:cut] + b"\xff\xd9", (keep < len(starts)) * (2 if name in ("colour", "gray16") else 1)


def jpeg_processes():
    good = jpeg(generated(21, 13), subsampling=0)
    at = good.index(b"\xff\xc0") + 1
    for code, words in ((0xc3, "lossless"), (0xc5, "hierarchical"), (0xc6, "hierarchical"), (0xc7, "hierarchical"),
                        (0xcb, "lossless"), (0xcd, "hierarchical"), (0xce, "hierarchical"), (0xcf, "hierarchical")):
        yield f"jpeg_process/sof_{code - 0xc0}", good[:at] + bytes([code]) + good[at + 1:], words
    yield "jpeg_process/12_bits", good[:at + 3] + b"\x0c" + good[at + 4:], "12 bits"
    yield "jpeg_process/jpeg_ls", good[:at] + b"\xf7" + good[at + 1:], "JPEG-LS"


def whole_files():
    picture = smooth(112, 56)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    good, photo = out.getvalue(), jpeg(picture, quality=80, subsampling=0)
    end = good.index(b"IEND") - 4
    rough = jpeg(picture, quality=80, subsampling=0, progressive=True)
    yield "xmp.png", good[:33] + international(XML, XMP % b"6") + good[33:]
    yield "xmp-behind.png", good[:end] + international(XML, XMP_ELEMENT % b"8", 1) + good[end:]
    yield "xmp.jpg", app1(photo, NS + XMP % b"5")
    yield "broken-exif.png", good[:33] + chunk(b"eXIf", b"no TIFF block") + good[33:]
    yield "unrefined.jpg", rough[:scans(rough)[0][5]] + b"\xff\xd9"
    yield "cut-checksum.png", good[:end - 6]


def processed(folder):
    """[name, turned, rows, columns, digest] of each file, by the processor of golden/models/report-qwen2-vl."""
    from transformers import Qwen2VLImageProcessor
    processor = Qwen2VLImageProcessor.from_pretrained(folder.parents[1] / "models" / "report-qwen2-vl")
    for path in sorted(folder.glob("*.*g")):
        for turned in (0, 1):
            try:
                image = Image.open(path)
                image = ImageOps.exif_transpose(image) if turned else image
            except SyntaxError:
                yield [path.name, turned, 0, 0, "raises"]
                continue
            out = processor(image.convert("RGB"), return_tensors="np")
            values = np.ascontiguousarray(out["pixel_values"], "<f4").tobytes()
            yield [path.name, turned, *map(int, out["image_grid_thw"][0][1:]), hashlib.sha256(values).hexdigest()[:16]]


def turn_of(image):
    """1 to 8: what exif_transpose does; 0: it raises."""
    try:
        turned = ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001  whatever it raises, the picture cannot be turned
        return 0, None
    for i, method in enumerate(TURNS):
        other = image if method is None else image.transpose(method)
        if other.size == turned.size and other.tobytes() == turned.tobytes():
            return i + 1, turned
    raise AssertionError("not one of the eight")


def record(name, data, damaged=False, unrefined=False, words=None):
    out = {"name": name}
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        rgb = image.convert("RGB")
    except Exception as error:  # noqa: BLE001  whatever Pillow raises is its verdict
        return out | {"verdict": "error", "pillow": type(error).__name__} | ({"words": words} if words else {})
    assert not words, name
    out |= {"verdict": "ok", "mode": image.mode, "w": rgb.width, "h": rgb.height, "rgb": crc(rgb.tobytes())}
    if image.mode == "RGBA":
        out["alpha"] = crc(image.getchannel("A").tobytes())
    out["orientation"], turned = turn_of(image)
    if out["orientation"] > 1:
        out |= {"turned": crc(turned.convert("RGB").tobytes()), "turned_w": turned.width}
    return out | ({"damaged": 1} if damaged else {}) | ({"unrefined": unrefined} if unrefined else {})


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[2] / "golden" / "image")
    out = args.parse_args().out
    files, records = {}, []

    def add(name, data, **more):
        assert name not in files, name
        files[name] = np.frombuffer(data, np.uint8)
        records.append(record(name, data, **more))

    for name, data in (*png_orientations(), *jpeg_orientations()):
        add(name, data)
    for name, data, damaged in (*png_ends(), *jpeg_ends()):
        add(name, data, damaged=damaged)
    for name, data, unrefined in jpeg_unrefined():
        add(name, data, unrefined=unrefined)
    for name, data, words in jpeg_processes():
        add(name, data, words=words)
    save_file(files, out / "odd.safetensors")
    (out / "odd.json").write_text(rows(records) + "\n")
    (out / "files").mkdir(exist_ok=True)
    for name, data in whole_files():
        (out / "files" / name).write_bytes(data)
    (out / "files.json").write_text(rows(list(processed(out / "files"))) + "\n")


if __name__ == "__main__":
    main()
