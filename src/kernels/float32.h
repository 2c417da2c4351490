/* float32.h: what the float32 engines share besides products: the exponential and the activations on vectors
 * of floats.
 *
 * The file that includes this sets the width of a vector in floats, FLOAT_LANES (4: what x86-64 and ARM64
 * always have), and is compiled for the instruction set that has it. An element's result does not depend on
 * its place in a vector.
 */
#ifndef SAV_FLOAT32_H
#define SAV_FLOAT32_H

#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#ifndef FLOAT_LANES
#define FLOAT_LANES 4
#endif

typedef float sav_floats __attribute__((vector_size(FLOAT_LANES * 4)));
typedef uint32_t sav_words __attribute__((vector_size(FLOAT_LANES * 4)));

/* Through memcpy, since addresses need not be aligned; one instruction each. */
static inline sav_floats sav_floats_load(const float *p) {
    sav_floats v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void sav_floats_store(float *p, sav_floats v) {
    memcpy(p, &v, sizeof v);
}

/* Where mask is all ones a, else b. */
static inline sav_floats sav_floats_pick(sav_words mask, sav_floats a, sav_floats b) {
    return (sav_floats)(((sav_words)a & mask) | ((sav_words)b & ~mask));
}

/* A NaN in b stays out of the result. */
static inline sav_floats sav_floats_larger(sav_floats a, sav_floats b) {
    return sav_floats_pick((sav_words)(b > a), b, a);
}

/* e^x for x <= 88, under 1e-38 as 0, NaN for NaN: x = n ln 2 + r, a polynomial of degree 6 for e^r, 2^n by
 * the exponent's bits. Below -87 all that is garbage, which the last step wipes out. */
static inline sav_floats sav_floats_exp(sav_floats x) {
    const sav_floats none = {0};
    const sav_words low = (sav_words)(x < none - 87.0f);
    /* 1.5 * 2^23: the sum's low bits are n */
    const sav_floats shifted = x * 1.44269504088896341f + 12582912.0f;
    const sav_floats n = shifted - 12582912.0f;
    const sav_floats r = (x - n * 0.693359375f) - n * -2.12194440e-4f; /* ln 2 in two parts */
    sav_floats p = r * 1.9875691500e-4f + 1.3981999507e-3f; /* Cephes' coefficients for (e^r - 1 - r) / r^2 */
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    /* the constant's own bits leave to the left */
    const sav_floats power = (sav_floats)(((sav_words)shifted + 127u) << 23);
    return (sav_floats)((sav_words)(p * power) & ~low);
}

/* 0.5 (1 + tanh y) = 1 / (1 + e^-2y), so all three are x times a logistic function. */
static inline sav_floats sav_floats_activation(sav_floats x, sav_activation f) {
    sav_floats y = x;
    if (f == SAV_QUICK_GELU) y = x * 1.702f;
    if (f == SAV_GELU_TANH) y = (x * x * x * 0.044715f + x) * 1.5957691216057308f;
    const sav_floats none = {0};
    return x / (sav_floats_exp(sav_floats_pick((sav_words)(y < none - 88.0f), none + 88.0f, -y)) + 1.0f);
}

/* out[n] = f(x[n]) for all but gelu_erf; out may be x. */
static inline void sav_float_activation(float *out, const float *x, size_t n, sav_activation f) {
    size_t i = 0;
    for (; i + FLOAT_LANES <= n; i += FLOAT_LANES)
        sav_floats_store(out + i, sav_floats_activation(sav_floats_load(x + i), f));
    if (i < n) {
        float last[FLOAT_LANES] = {0};
        memcpy(last, x + i, (n - i) * sizeof *x);
        sav_floats_store(last, sav_floats_activation(sav_floats_load(last), f));
        memcpy(out + i, last, (n - i) * sizeof *x);
    }
}

#endif
