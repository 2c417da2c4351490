/* rows.h: one row of x -> 8-bit numbers, once for every ISA: the file of an ISA includes this and the
 * compiler vectorises it.
 *
 *   a group of x: scale = max |x| / 127, numbers = x / scale to the nearest, ties to even,
 *       and -64 * their sum
 *
 * Every operation is one IEEE operation of a float (or of whole numbers), so all ISAs give the same bytes.
 */
#include <float.h>
#include <string.h>

#include "kernels/int8/int8.h"

/* Bits of the largest |x|; infinity and NaN have larger bits than any number. */
static inline uint32_t largest_bits(const float *x, size_t n) {
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    return most;
}

static void quantise(const sav_int8_rows *to, size_t row, const float *x, size_t K, size_t group) {
    int8_t *q = to->x + row * to->stride;
    for (size_t g = 0; g < to->groups; g++, x += group, q += group) {
        const size_t n = K - g * group < group ? K - g * group : group;
        const uint32_t bits = largest_bits(x, n);
        float most, scale = 0, inverse = 0;
        int32_t sum = 0;
        memcpy(&most, &bits, sizeof most);
        if (bits >= 0x7f800000u) { /* infinity or NaN: the row's results are NaN */
            memset(q, 0, n);
            to->scale[row * to->groups + g] = most - most;
        } else {
            if (most > FLT_MIN * 127) { /* smaller ones have no inverse; to the sum they are nothing */
                scale = most / 127.0f;
                inverse = 127.0f / most;
            }
            for (size_t i = 0; i < n; i++) {
                /* 1.5 * 2^23: the low bits are the nearest whole number */
                const float shifted = x[i] * inverse + 12582912.0f;
                int32_t whole;
                memcpy(&whole, &shifted, sizeof whole);
                whole -= 0x4b400000;
                q[i] = (int8_t)whole;
                sum += whole;
            }
            to->scale[row * to->groups + g] = scale;
        }
        to->start[row * to->groups + g] = -SAV_INT8_ZERO * sum;
    }
    memset(to->x + row * to->stride + K, 0, to->stride - K);
}
