/* round.h: one rounding from double to a storage type.
 *
 *   double  -- rounded once -->  R, one of f32 | bf16 | f16  -- exact -->  float
 *
 * An operation of the numeric contract computes in double and rounds its result once (docs/CONTRACT.md). A
 * value of R travels in a float, which holds every number of all three. Going through float32 on the way to
 * bf16 or f16 would round twice and differ in about one of 20,000 results.
 *
 * Round to nearest, ties to even; subnormals kept; overflow to infinity; NaN stays NaN; -0 stays -0. Needs
 * the default rounding mode, no flush-to-zero, and FLT_EVAL_METHOD == 0.
 */
#ifndef SAV_BASE_ROUND_H
#define SAV_BASE_ROUND_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/dtype.h"

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "savs needs float and double arithmetic without excess precision (FLT_EVAL_METHOD 0): SSE2, not x87"
#endif

/* x to the grid with `kept` fraction bits, lowest normal exponent 2^low, first power out of range `over`.
 *
 * The addition rounds for us: in x + c with c = 1.5 * 2^(52 - kept) * 2^e, e the exponent of x, the last bit
 * of the double sum has the weight of the last bit of R, so hardware rounds x to R's grid, ties to even;
 * taking c off again is exact. Below the normal range e stops at `low`, which gives the subnormal grid. */
static inline double sav_round_grid(double x, double scale, double low, double over) {
    if (fabs(x) >= over) return copysign(HUGE_VAL, x);
    uint64_t bits;
    double power; /* 2^e: x with its sign and fraction removed */
    memcpy(&bits, &x, sizeof bits);
    bits &= UINT64_C(0x7ff0000000000000);
    memcpy(&power, &bits, sizeof power);
    if (power < low) power = low;
    const double c = scale * power;
    /* copysign: -0 and negatives that round to zero keep their sign */
    const double r = copysign((x + c) - c, x);
    return fabs(r) >= over ? copysign(HUGE_VAL, x) : r;
}

static inline float sav_round_f32(double x) {
    return (float)x;
}

/* bfloat16: 7 fraction bits, exponents of float32. */
static inline float sav_round_bf16(double x) {
    return (float)sav_round_grid(x, 0x1.8p+45, 0x1p-126, 0x1p+128);
}

/* IEEE binary16: 10 fraction bits, normal from 2^-14, largest 65504. */
static inline float sav_round_f16(double x) {
    return (float)sav_round_grid(x, 0x1.8p+42, 0x1p-14, 0x1p+16);
}

/* The same with the type as a value; types that are no R round as f32. */
static inline float sav_round(double x, sav_dtype type) {
    return type == SAV_BF16 ? sav_round_bf16(x) : type == SAV_F16 ? sav_round_f16(x) : sav_round_f32(x);
}

#endif
