/* dtype.h: the types that tensors are stored in: size, names, stored bytes -> float, float -> stored bytes.
 *
 *   stored [n], f32 | bf16 | f16  -- widen, exact -->  float [n]  -- narrow, rounds -->  stored [n]
 *
 * Every bf16 and every f16 is a float, so widening loses nothing. The way back rounds once (round.h); a value
 * that lies on the type's grid already keeps its bits. Stored bytes may be unaligned.
 */
#ifndef SAV_BASE_DTYPE_H
#define SAV_BASE_DTYPE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sav.h"

size_t sav_dtype_size(sav_dtype dtype);      /* bytes of one element */
const char *sav_dtype_name(sav_dtype dtype); /* as safetensors spells it: "F32", "BF16", … */

/* The types that a run may compute in: F32, BF16, F16. */
static inline bool sav_is_storage(sav_dtype dtype) {
    return dtype == SAV_F32 || dtype == SAV_BF16 || dtype == SAV_F16;
}
/* The same by the names of options and of our own files: "f32", "bf16", "f16". */
const char *sav_storage_name(sav_dtype dtype);
bool sav_storage_find(sav_dtype *out, const char *name); /* false, *out unchanged: no such name, or NULL */

/* ---- one value ----------------------------------------------------------------------------------------- */

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

/* Element i of stored[n]; NaN for types that hold no floats. */
static inline float sav_widen_one(const void *stored, size_t i, sav_dtype dtype) {
    uint16_t half;
    float x;
    if (dtype == SAV_F32) {
        memcpy(&x, (const char *)stored + i * sizeof x, sizeof x);
        return x;
    }
    if (!sav_is_storage(dtype)) return (float)NAN;
    memcpy(&half, (const char *)stored + i * sizeof half, sizeof half);
    return dtype == SAV_BF16 ? sav_widen_bf16(half) : sav_widen_f16(half);
}

/* Whether two values are the same in the numeric contract: NaN is NaN, -0 is not +0. */
static inline bool sav_same(double x, double y) {
    return (x == y && !signbit(x) == !signbit(y)) || (x != x && y != y);
}

/* ---- a row --------------------------------------------------------------------------------------------- */

/* stored [n] of F32, BF16 or F16 -> out [n]. */
void sav_widen(float *out, const void *stored, size_t n, sav_dtype dtype);
/* values [n] -> out [n] of F32, BF16 or F16, one rounding each. */
void sav_narrow(void *out, const float *values, size_t n, sav_dtype dtype);

#endif
