/* round.h: one rounding from double to a storage type, and back from stored bits.
 *
 * An operation of the numeric contract computes in double and rounds its result once:  double -> R -> float
 * (exact). R is f32, bf16 or f16; a value of R travels in a float, which holds every number of all three.
 * Going through float32 on the way to bf16 or f16 would round twice and differ in about one of 20,000
 * results.
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

#include "sav.h"

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

/* ---- stored bits --------------------------------------------------------------------------------------- */

static inline float sav_widen_bf16(uint16_t stored) {
    const uint32_t bits = (uint32_t)stored << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float sav_widen_f16(uint16_t stored) {
    const uint32_t sign = (uint32_t)(stored & 0x8000u) << 16;
    const uint32_t exponent = (stored >> 10) & 31u, fraction = stored & 0x3ffu;
    uint32_t bits;
    if (exponent == 0) { /* zero and subnormals: fraction * 2^-24, exact in float */
        const float magnitude = (float)fraction * 0x1p-24f;
        memcpy(&bits, &magnitude, sizeof bits);
    } else if (exponent == 31) {
        bits = UINT32_C(0x7f800000) | fraction << 13;
    } else {
        bits = (exponent + 112) << 23 | fraction << 13;
    }
    bits |= sign;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The stored bits of a value that is already on the grid (the result of sav_round_*). */
static inline uint16_t sav_narrow_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x) /* a NaN whose fraction lies in the lower half must not become infinity */
        bits |= UINT32_C(0x400000);
    return (uint16_t)(bits >> 16);
}

static inline uint16_t sav_narrow_f16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    const uint32_t exponent = bits >> 23 & 255u, fraction = bits >> 13 & 0x3ffu;
    if (x != x) return (uint16_t)(sign | 0x7e00u | fraction);
    if (exponent == 255) return (uint16_t)(sign | 0x7c00u);
    if (exponent < 113) /* below 2^-14 */
        return (uint16_t)(sign | (uint32_t)(fabsf(x) * 0x1p+24f));
    return (uint16_t)(sign | (exponent - 112) << 10 | fraction);
}

#endif
