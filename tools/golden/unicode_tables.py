#!/usr/bin/env python3
"""Writes src/text/unicode_tables.h: the Unicode tables that the tokenizer needs, in two versions.

    python tools/golden/unicode_tables.py > src/text/unicode_tables.h

The engine under the reference tokenizer (Hugging Face `tokenizers` 0.21.4) carries two Unicode versions at once:

- its regular expressions know Unicode 16.0: \\p{L}, \\p{N}, \\s and \\w are read off the installed library by probing every
  code point, so that nothing depends on the tables of the Python that runs this;
- its NFC knows Unicode 9.0: marks encoded later have combining class 0 there. Python's own table (14.0 in Python 3.11) is
  cut back to 9.0 by the list NFC_LATER below.

Every table is compared with a CRC32 that was taken from the library before anything is written; one that differs is an
error, since a table that is nearly right gives nearly right token ids.
"""

import struct
import sys
import unicodedata
import zlib

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

SURROGATES = range(0xD800, 0xE000)

# Combining classes that Python's Unicode 14.0 has and Unicode 9.0 has not.
NFC_LATER = """07FD 0898-089F 08CA-08D3 09FE 0C3C 0D3B-0D3C 0EBA 1715 1ABF-1ACE 1DF6-1DFA A82C 10D24-10D27 10EAB-10EAC
10F46-10F50 10F82-10F85 11070 1133B 1145E 11839-1183A 1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97
16FF0-16FF1 1E130-1E136 1E2AE 1E2EC-1E2EF"""
# U+0344 has class 230 in the standard and none in the library's table; it always decomposes, so no text can tell.
UNSEEN = {0x0344}
# The one decomposition of 14.0 that 9.0 has not.
DECOMPOSITION_LATER = {0x11938}


def crc(values):
    return zlib.crc32(struct.pack("<%dI" % len(values), *values))


def check(name, got, want):
    if got != want:
        sys.exit(f"{name}: CRC32 {got:08x}, expected {want:08x}: these are not the tables of the reference tokenizer")


def scalars():
    return (c for c in range(0x110000) if c not in SURROGATES)


def ranges(points):
    out = []
    for point in points:
        if out and out[-1][1] == point - 1:
            out[-1][1] = point
        else:
            out.append([point, point])
    return [tuple(pair) for pair in out]


def probe(pattern):
    """The code points that match `pattern`: those which a splitter that removes its matches takes away."""
    splitter = pre_tokenizers.Split(Regex(pattern), "removed")
    points = list(scalars())
    found = []
    for at in range(0, len(points), 4096):
        part = points[at : at + 4096]
        kept = {i for _, (a, b) in splitter.pre_tokenize_str("".join(map(chr, part))) for i in range(a, b)}
        found += [c for i, c in enumerate(part) if i not in kept]
    return found


def probe_word():
    """The code points beside which an added token with single_word=True is not found. Neither of the characters used is
    in the vocabulary, so a hit gives one id and a miss none."""
    tokenizer = Tokenizer(models.BPE({}, []))
    tokenizer.add_tokens([AddedToken("\x01", single_word=True, normalized=False)])
    points = list(scalars())
    found = []
    for at in range(0, len(points), 65536):
        part = points[at : at + 65536]
        hits = tokenizer.encode_batch(["\x01" + chr(c) for c in part])
        found += [c for c, hit in zip(part, hits) if c != 1 and not hit.ids]
    return found


def later():
    out = set()
    for item in NFC_LATER.split():
        first, _, last = item.partition("-")
        out.update(range(int(first, 16), int(last or first, 16) + 1))
    return out


def normalisation():
    drop = later()
    ccc = {c: unicodedata.combining(chr(c)) for c in scalars()}
    ccc = {c: k for c, k in ccc.items() if k and c not in drop | UNSEEN}
    check("combining classes", crc([v for pair in sorted(ccc.items()) for v in pair]), 0x38FDF99D)

    one = {}
    for c in scalars():
        text = unicodedata.decomposition(chr(c))
        if text and text[0] != "<" and c not in DECOMPOSITION_LATER:
            one[c] = [int(part, 16) for part in text.split()]

    def full(c):
        return [d for part in one[c] for d in full(part)] if c in one else [c]

    whole = {c: full(c) for c in one}
    flat = [v for c in sorted(whole) for v in (c, len(whole[c]), *whole[c])]
    return ccc, one, flat


def composites(one):
    pairs = {c: tuple(parts) for c, parts in one.items() if len(parts) == 2}
    good = {c: p for c, p in pairs.items() if unicodedata.normalize("NFC", chr(p[0]) + chr(p[1])) == chr(c)}
    bad = {c: p for c, p in pairs.items() if c not in good}
    return good, bad


def emit(name, shape, note, rows, width):
    print(f"/* {note} */")
    print(f"static const {shape} {name}[{len(rows)}] = {{")
    line = "   "
    for row in rows:
        cell = " " + row + ","
        if len(line) + len(cell) > width:
            print(line)
            line = "   "
        line += cell
    print(line)
    print("};\n")


def hexes(*values):
    return "{" + ", ".join("0x%X" % v for v in values) + "}"


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"Unicode {unicodedata.unidata_version} in this Python: the list NFC_LATER is for 14.0.0 (Python 3.11)")
    letters, numbers, spaces, words = (ranges(p) for p in (probe(r"\p{L}"), probe(r"\p{N}"), probe(r"\s"), probe_word()))
    for name, table, want in (
        ("\\p{L}", letters, 0xFEA40E3F),
        ("\\p{N}", numbers, 0x56824FAA),
        ("\\s", spaces, 0x36121A20),
    ):
        check(name, crc([v for pair in table for v in pair]), want)
    ccc, one, flat = normalisation()
    check("canonical decompositions", crc(flat), 0x72DFB063)
    good, bad = composites(one)
    check("composites", crc([v for row in sorted((a, b, c) for c, (a, b) in good.items()) for v in row]), 0x0E49E76A)

    ccc_ranges = []
    for c in sorted(ccc):
        if ccc_ranges and ccc_ranges[-1][1] == c - 1 and ccc_ranges[-1][2] == ccc[c]:
            ccc_ranges[-1][1] = c
        else:
            ccc_ranges.append([c, c, ccc[c]])
    singles = sorted((c, parts[0]) for c, parts in one.items() if len(parts) == 1)
    pairs = sorted((a, b, c) for c, (a, b) in good.items()) + sorted((a, b, c) for c, (a, b) in bad.items())
    order = sorted(range(len(pairs)), key=lambda i: pairs[i][2])

    print("/* unicode_tables.h: generated by tools/golden/unicode_tables.py; do not edit.")
    print(" *")
    print(" * Classes: Unicode 16.0, as the reference tokenizer's regular expressions know them. Normalisation: Unicode 9.0,")
    print(" * as its NFC does. Every table is sorted and meant for bisection. Hangul syllables are arithmetic and not here.")
    print(" */")
    print("#ifndef SAV_UNICODE_TABLES_H\n#define SAV_UNICODE_TABLES_H\n\n#include <stdint.h>\n")
    print("typedef struct unicode_range {\n    uint32_t first, last;\n} unicode_range;\n")
    print("typedef struct unicode_single {\n    uint32_t from, to;\n} unicode_single;\n")
    print("typedef struct unicode_pair {\n    uint32_t first, second, whole;\n} unicode_pair;\n")
    print("typedef struct unicode_ccc {\n    uint32_t first;\n    uint16_t count; /* code points in the range */")
    print("    uint16_t ccc;\n} unicode_ccc;\n")
    print(f"#define UNICODE_COMPOSING {len(good)} /* pairs [0, this) compose; the rest of them only decompose */\n")
    w = 120
    emit("unicode_letters", "unicode_range", "\\p{L}", [hexes(*r) for r in letters], w)
    emit("unicode_numbers", "unicode_range", "\\p{N}", [hexes(*r) for r in numbers], w)
    emit("unicode_spaces", "unicode_range", "\\s", [hexes(*r) for r in spaces], w)
    emit("unicode_words", "unicode_range", "\\w, for added tokens with single_word", [hexes(*r) for r in words], w)
    emit(
        "unicode_cccs",
        "unicode_ccc",
        "Canonical combining classes other than 0",
        ["{0x%X, %d, %d}" % (a, b - a + 1, k) for a, b, k in ccc_ranges],
        w,
    )
    emit("unicode_singles", "unicode_single", "One-step decompositions into one", [hexes(*s) for s in singles], w)
    emit("unicode_pairs", "unicode_pair", "One-step decompositions into two, in two runs by (first, second)",
         [hexes(*p) for p in pairs], w)
    emit("unicode_pair_order", "uint16_t", "Places in unicode_pairs by increasing `whole`", [str(i) for i in order], w)
    print("#endif")


if __name__ == "__main__":
    main()
