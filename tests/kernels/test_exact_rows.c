/* test_exact_rows.c: the exact engine's loops over many numbers against elementary.c, one number at a time:
 * floats from all of their range, those outside the range of the short steps among them (subnormal
 * exponentials, tails of erf and tanh, NaN). */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "kernels/elementary.h"
#include "kernels/exact/exact.h"

static const sav_dtype TYPES[] = {SAV_F32, SAV_BF16, SAV_F16};

static float one_activation(float x, sav_activation f, sav_dtype R) {
    const double y = (double)x;
    if (f == SAV_GELU_TANH)
        return sav_round(0.5 * y * (1 + sav_tanh(0.79788456080286535588 * (y + 0.044715 * (y * y * y)))), R);
    if (f == SAV_GELU_ERF) return sav_round(y * 0.5 * (1 + sav_erf(y * 0.70710678118654752440)), R);
    if (f == SAV_SILU) return sav_round(y / (1 + sav_exp(-y)), R);
    const double scaled = (double)sav_round(y * 1.702, R);
    return sav_round(y * (double)sav_round(1 / (1 + sav_exp(-scaled)), R), R);
}

/* Every float whose bits are a multiple of 65520: all exponents, both signs, NaN and, at the end, both
 * infinities and 0. */
static void test_activation(const exact_rows *rows, sav_dtype R) {
    enum { STEP = 65520, COUNT = (int)(UINT32_MAX / STEP) + 4 };
    static float x[COUNT], got[COUNT], want[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t bits = i * STEP;
        memcpy(x + i, &bits, sizeof bits);
        x[i] = sav_round((double)x[i], R);
    }
    x[COUNT - 3] = INFINITY, x[COUNT - 2] = -INFINITY, x[COUNT - 1] = -0.0f;
    for (sav_activation f = SAV_GELU_TANH; f <= SAV_QUICK_GELU; f++) {
        for (size_t i = 0; i < COUNT; i++) want[i] = one_activation(x[i], f, R);
        rows->activation(got, x, COUNT, f, R);
        check_bits(got, want, COUNT, "activation");
    }
}

static void one_softmax(float *s, size_t n, double scale, bool divide, sav_dtype R) {
    double e[300], sum = 0;
    float most = -INFINITY;
    for (size_t i = 0; i < n; i++) s[i] = sav_round(divide ? (double)s[i] / scale : (double)s[i] * scale, R);
    for (size_t i = 0; i < n; i++)
        if (s[i] > most || isnan(s[i])) most = s[i];
    for (size_t i = 0; i < n; i++) {
        e[i] = sav_exp((double)s[i] - (double)most);
        sum += e[i];
    }
    for (size_t i = 0; i < n; i++) s[i] = sav_round((double)(float)(e[i] / sum), R);
}

/* Rows of 1 .. 299 scores; `spread` 3000 makes exponentials subnormal and zero. kind 1: -inf among them; 2:
 * NaN. */
static void test_softmax(const exact_rows *rows, sav_dtype R, float spread, int kind) {
    float got[300], want[300];
    double e[300];
    uint32_t state = 7;
    for (size_t n = 1; n < 300; n += 13) {
        const sav_attention at = {.scale = n % 2 ? 0.125 : 8.5, .divide = n % 2 == 0};
        for (size_t i = 0; i < n; i++) {
            state = state * 1664525u + 1013904223u;
            got[i] = sav_round((double)((float)(state >> 8) * 0x1p-24f * spread), R);
        }
        if (kind) got[n / 2] = kind == 1 ? -INFINITY : NAN;
        if (kind == 1 && n == 1) continue;
        memcpy(want, got, sizeof got);
        one_softmax(want, n, at.scale, at.divide, R);
        rows->softmax(got, e, n, &at, R);
        check_bits(got, want, n, "softmax");
    }
}

int main(void) {
    const sav_kernels *kernels;
    for (size_t i = 0; (kernels = sav_kernels_at(i)) != NULL; i++) {
        const exact_rows *rows = &sav_exact_rows_c;
        if (!kernels->in_double) continue;
#if defined(__x86_64__)
        if (kernels == &sav_exact_avx2) rows = &sav_exact_rows_avx2;
        if (kernels == &sav_exact_avx512) rows = &sav_exact_rows_avx512;
#endif
        for (size_t t = 0; t < sizeof TYPES / sizeof *TYPES; t++) {
            test_activation(rows, TYPES[t]);
            for (int kind = 0; kind < 3; kind++) {
                test_softmax(rows, TYPES[t], 20, kind);
                test_softmax(rows, TYPES[t], 12000, kind);
            }
        }
    }
    return check_report("exact rows");
}
