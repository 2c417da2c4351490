/* elementary_parts.h: the steps of exp, erf and tanh, for one number (elementary.c) and for many
 * (activation.inc).
 *
 *     exp     x -> reduce: table entry, rest r -> look up hi, lo -> low, join
 *     others  |x| -> row of the table, distance h -> look up 14 numbers -> patch
 *
 * Each step is straight-line IEEE arithmetic without branches, so a compiler may run it on as many lanes as
 * the CPU has: the operations of one number and their order stay the same, and with them its bits. What the
 * methods are: elementary.c.
 */
#ifndef SAV_KERNELS_ELEMENTARY_PARTS_H
#define SAV_KERNELS_ELEMENTARY_PARTS_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/elementary_tables.h"

#if !defined(FLT_EVAL_METHOD) || FLT_EVAL_METHOD != 0
#error \
    "double operations must round to double: FLT_EVAL_METHOD must be 0 (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif
#ifdef __FAST_MATH__
#error "-ffast-math breaks the numeric contract"
#endif

/* Adding this to |v| < 2^51 rounds v to an integer, which then stands in the low bits. */
#define ROUNDER 0x1.8p52

static inline uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x with the sign of `of` turned onto it: -0 stays -0. */
static inline double with_sign(double x, double of) {
    return from_bits(bits_of(x) ^ (bits_of(of) & 0x8000000000000000u));
}

static inline double absolute(double x) {
    return from_bits(bits_of(x) & 0x7fffffffffffffffu);
}

/* The top 26 bits of x; the product with another number of 27 bits is exact. */
static inline double top_bits(double x) {
    return from_bits(bits_of(x) & ~(uint64_t)0x7ffffff);
}

/* 2^e for -1022 <= e <= 1023. */
static inline double power_of_two(int64_t e) {
    return from_bits((uint64_t)(e + 1023) << 52);
}

/* hi + lo, |lo| much below |hi|, as one double whose float32 is that of the sum: see the head of
 * elementary.c. A sum in the middle between two float32 is moved by one unit, away from zero or towards
 * it. */
static inline double settle(double hi, double lo) {
    double sum = hi + lo;
    double left = lo - (sum - hi);
    uint64_t bits = bits_of(sum);
    uint64_t step = (left > 0) == (sum > 0) ? 1 : UINT64_MAX;
    uint64_t middle = (uint64_t)0 - ((uint64_t)((bits & 0x1fffffff) == 0x10000000) & (uint64_t)(left != 0));
    return from_bits(bits + (step & middle));
}

/* ---- exp ----------------------------------------------------------------------------------------------- */

#define EXP_SUBNORMAL \
    (-708.0) /* below, the result may be subnormal, and the steps here would round it twice */

/* exp(x) = (hi + lo) * 2^exponent, hi in [0.99, 2). -746 <= x <= 710, or NaN, which gives a NaN and any
 * exponent in range. */
typedef struct exp_argument {
    uint64_t steps; /* of ln2/128 in x, counted from -2048 * 128 */
    double r, rest; /* what is left: r + rest */
} exp_argument;

static inline double exp_clamp(double x) {
    double low = x < -746.0 ? -746.0 : x;
    return low > 710.0 ? 710.0 : low; /* NaN passes both */
}

static inline exp_argument exp_reduce(double x) {
    double shifted = x * EXP_INV_STEP + ROUNDER;
    double k = shifted - ROUNDER;     /* x = k ln2/128 + r, |r| <= ln2/256 */
    double r_hi = x - k * EXP_STEP_1; /* exact, as is k * EXP_STEP_1 */
    double r_lo = k * EXP_STEP_2;
    exp_argument a;
    a.steps = bits_of(shifted) - bits_of(ROUNDER) + ((uint64_t)2048 << 7);
    a.r = r_hi - r_lo;
    a.rest = (r_hi - a.r) - r_lo; /* what r lost, since |r_hi| > |r_lo| wherever it matters */
    return a;
}

static inline size_t exp_entry(uint64_t steps) {
    return (size_t)(steps & 127);
}

static inline int64_t exp_exponent(uint64_t steps) {
    return (int64_t)((steps >> 7) & 4095) - 2048;
}

/* hi, lo: the table's entry. */
static inline double exp_low(double hi, double lo, double r, double rest) {
    double square = r * r;
    double series = square * ((EXP_C2 + r * EXP_C3) + square * ((EXP_C4 + r * EXP_C5) + square * EXP_C6));
    return hi * r + (lo + hi * (rest + series));
}

/* In two steps, since 2^exponent alone may be out of range. */
static inline double scale(double x, int64_t exponent) {
    int64_t half = (int64_t)((uint64_t)(exponent + 4096) >> 1) - 2048; /* rounded down */
    return x * power_of_two(half) * power_of_two(exponent - half);
}

static inline double exp_join(double hi, double lo, int64_t exponent) {
    return scale(settle(hi, lo), exponent);
}

/* ---- erf, tanh ----------------------------------------------------------------------------------------- */

#define ERF_LEAST 0x1p-900
#define ERF_END 6.0
#define TANH_END 4.0

static inline int patch_row(double size) {
    return (int)(size * 16.0 + 0.5);
}

static inline double patch_distance(double size, int row) {
    return size - (double)row * 0.0625;
}

/* One row of ERF_TABLE or TANH_TABLE at distance h from its centre, its numbers `step` apart:
 * (row[0] + row[1]) + h (row[2] + row[3]) + h^2 (row[4] + row[5] h + ... + row[13] h^9). */
static inline double patch(const double *row, size_t step, double h) {
    double h_top = top_bits(h);
    double h_low = h - h_top;
    double linear = row[2 * step] * h_top; /* exact */
    double square = h * h;
    double even = row[4 * step] +
                  square * (row[6 * step] +
                            square * (row[8 * step] + square * (row[10 * step] + square * row[12 * step])));
    double odd = row[5 * step] +
                 square * (row[7 * step] +
                           square * (row[9 * step] + square * (row[11 * step] + square * row[13 * step])));
    double rest = (row[step] + (row[2 * step] * h_low + row[3 * step] * h)) + square * (even + h * odd);
    double sum = row[0] + linear;
    double left = linear - (sum - row[0]);
    return settle(sum, left + rest);
}

#endif
