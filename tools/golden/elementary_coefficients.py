#!/usr/bin/env python3
"""Writes the tables of the elementary functions, once for C and once for NumPy.

    python tools/golden/elementary_coefficients.py            writes src/kernels/elementary_tables.h
                                                       and tools/oracle/elementary_tables.py
    python tools/golden/elementary_coefficients.py --check    writes nothing; exit 1 if a file differs

Needs mpmath. Every number is computed with 400 bits and rounded once to double; both files hold the same hexadecimal
text, so that C and NumPy cannot start from different bits. Method: P. T. P. Tang's table-driven functions (1989), and
CORE-MATH's way of carrying a short low part so that float32 comes out correctly rounded.

    EXP_TABLE[j]   2^(j/128) = hi + lo                                  j = 0..127
    TRIG_TABLE[j]  sin(j pi/64) = hi + lo                               j = 0..127, one whole turn; cos is 32 further on
    ERF_TABLE[i]   erf(i/16 + h)  = hi + lo + h (slope + slope_lo) + h^2 q(h)   i = 0..96,  |h| <= 1/32
    TANH_TABLE[i]  tanh(i/16 + h), the same                                     i = 0..64
A slope keeps 27 bits, so that its product with 26 bits of h is exact.
"""
import argparse
import pathlib
import sys

import mpmath
from mpmath import mp, mpf

mp.prec = 400
ROOT = pathlib.Path(__file__).resolve().parents[2]
C_FILE = ROOT / "src" / "kernels" / "elementary_tables.h"
PY_FILE = ROOT / "tools" / "oracle" / "elementary_tables.py"
TERMS = 10  # coefficients of q


def to_bits(x, bits):
    """x rounded to nearest with `bits` bits, as a Python float (exact for bits <= 53)."""
    with mp.workprec(bits):
        y = +x
    return float(y)


def double(x):
    return to_bits(x, 53)


def pieces(x, *widths):
    """x as a sum of doubles of the given widths; the last one takes what is left."""
    out = []
    for bits in widths:
        out.append(to_bits(x, bits))
        x = x - mpf(out[-1])
    return out


def erf_series(c, n):
    """Taylor coefficients 0..n of erf at c. f' = g = 2/sqrt(pi) exp(-x^2), g' = -2 x g: a recurrence for g's terms."""
    g = [2 / mpmath.sqrt(mp.pi) * mpmath.exp(-c * c)]
    for k in range(n):
        g.append(-2 * (c * g[k] + (g[k - 1] if k else 0)) / (k + 1))
    return [mpmath.erf(c)] + [g[k] / (k + 1) for k in range(n)]


def tanh_series(c, n):
    """Taylor coefficients 0..n of tanh at c, from f' = 1 - f^2."""
    f = [mpmath.tanh(c)]
    for k in range(n):
        square = sum(f[i] * f[k - i] for i in range(k + 1))
        f.append(((1 if k == 0 else 0) - square) / (k + 1))
    return f


def patch_rows(series, last):
    """One row of 4 + TERMS doubles for each centre i/16."""
    rows = []
    for i in range(last + 1):
        a = series(mpf(i) / 16, 60)
        q = mpmath.chebyfit(lambda h: mpmath.polyval(a[:1:-1], h), [-mpf(1) / 32, mpf(1) / 32], TERMS)[::-1]
        if i == 0:  # odd function: the fit's even part is noise
            q = [mpf(0) if k % 2 == 0 else q[k] for k in range(TERMS)]
        rows.append(pieces(a[0], 53, 53) + pieces(a[1], 27, 53) + [double(c) for c in q])
    return rows


def tables():
    ln2 = mpmath.log(2)
    step = mp.pi / 64
    constants = {
        "EXP_INV_STEP": double(128 / ln2),  # x in steps of ln 2 / 128
    }
    # k has at most 18 bits (E) or 29 (sin, cos): k times a leading piece is exact.
    constants["EXP_STEP_1"], constants["EXP_STEP_2"], constants["EXP_STEP_3"] = pieces(ln2 / 128, 34, 34, 53)
    constants["TRIG_INV_STEP"] = double(1 / step)
    names = ["TRIG_STEP_1", "TRIG_STEP_2", "TRIG_STEP_3", "TRIG_STEP_4", "TRIG_STEP_5"]
    constants.update(zip(names, pieces(step, 24, 24, 24, 24, 53)))
    constants["TWO_OVER_SQRT_PI"] = double(2 / mpmath.sqrt(mp.pi))
    constants["LN2_HI"], constants["LN2_LO"] = pieces(ln2, 53, 53)
    for n in (2, 3, 4, 5, 6):
        constants["EXP_C%d" % n] = double(1 / mpmath.factorial(n))
    for n in (3, 5, 7, 9):
        constants["SIN_C%d" % n] = double((-1) ** (n // 2) / mpmath.factorial(n))
    for n in (2, 4, 6, 8, 10):
        constants["COS_C%d" % n] = double((-1) ** (n // 2) / mpmath.factorial(n))
    return constants, {
        "EXP_TABLE": [pieces(mpf(2) ** (mpf(j) / 128), 53, 53) for j in range(128)],
        "TRIG_TABLE": [pieces(mpmath.sinpi(mpf(j) / 64), 53, 53) for j in range(128)],
        "ERF_TABLE": patch_rows(erf_series, 96),
        "TANH_TABLE": patch_rows(tanh_series, 64),
    }


def hexes(x):
    text = float(x).hex()
    return text.replace("0x0.0p+0", "0.0").replace(".0000000000000p", "p")


def wrap(items, indent, width):
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 2 > width:
            lines.append(line.rstrip())
            line = indent
        line += item + ", "
    return lines + [line.rstrip().rstrip(",")]


def c_text(constants, arrays):
    out = ["/* elementary_tables.h: numbers of elementary.c. Written by tools/golden/elementary_coefficients.py, which says what each is;",
           " * change that file, not this one. */", "#ifndef SAV_ELEMENTARY_TABLES_H", "#define SAV_ELEMENTARY_TABLES_H", ""]
    for name, value in constants.items():
        out.append("#define %-17s %s" % (name, hexes(value)))
    for name, rows in arrays.items():
        out += ["", "static const double %s[%d][%d] = {" % (name, len(rows), len(rows[0]))]
        if len(rows[0]) == 2:
            out += wrap(["{%s, %s}" % tuple(map(hexes, row)) for row in rows], "    ", 120)
        else:
            for row in rows:
                lines = wrap(list(map(hexes, row)), "     ", 120)
                lines[0] = "    {" + lines[0][5:]
                lines[-1] += "},"
                out += lines
        out.append("};")
    return "\n".join(out + ["", "#endif", ""])


def py_text(constants, arrays):
    out = ['"""Numbers of elementary.py. Written by tools/golden/elementary_coefficients.py, which says what each is; change that file,',
           'not this one. The same hexadecimal text stands in src/kernels/elementary_tables.h."""', "import numpy as np", "",
           "_h = float.fromhex", ""]
    for name, value in constants.items():
        out.append("%s = _h(\"%s\")" % (name, hexes(value)))
    for name, rows in arrays.items():
        out += ["", "%s = np.array([_h(t) for t in \"\"\"" % name]
        line = ""
        for text in (hexes(v) for row in rows for v in row):
            if len(line) + len(text) + 1 > 120:
                out.append(line.rstrip())
                line = ""
            line += text + " "
        out += [line.rstrip(), '""".split()], dtype=np.float64).reshape(%d, %d)' % (len(rows), len(rows[0]))]
    return "\n".join(out + [""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    args = parser.parse_args()
    numbers = tables()
    bad = 0
    for path, text in ((C_FILE, c_text(*numbers)), (PY_FILE, py_text(*numbers))):
        if args.check:
            same = path.exists() and path.read_text() == text
            print("%s: %s" % (path.relative_to(ROOT), "same" if same else "differs"))
            bad += not same
        else:
            path.write_text(text)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
