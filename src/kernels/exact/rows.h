/* rows.h: rounding of sums, softmax and activation, once for every ISA. A file of one ISA defines
 *
 *   ROWS  name of the table     FULL  columns of its register tile
 *
 * and includes this. The loops are plain C that a compiler turns into its vectors: each runs one branch-free
 * step of elementary_parts.h over a block of numbers, with the look-up in the tables between. Numbers outside
 * the range of those steps are done again one by one, so every result has the bits of the functions in
 * elementary.c.
 */
#include <math.h>
#include <string.h>

#include "kernels/elementary.h"
#include "kernels/elementary_parts.h"
#include "kernels/exact/exact.h"

enum { BLOCK = 64, LANES = 8 };

static void exp_block(double *restrict out, const double *restrict x, size_t n) {
    double r[BLOCK], rest[BLOCK], hi[BLOCK], lo[BLOCK];
    uint64_t steps[BLOCK];
    uint64_t below = 0;
    for (size_t i = 0; i < n; i++) {
        const exp_argument a = exp_reduce(exp_clamp(x[i]));
        steps[i] = a.steps;
        r[i] = a.r;
        rest[i] = a.rest;
    }
    for (size_t i = 0; i < n; i++) {
        const double *entry = EXP_TABLE[exp_entry(steps[i])];
        hi[i] = entry[0];
        lo[i] = entry[1];
    }
    for (size_t i = 0; i < n; i++) below |= (uint64_t)(x[i] < EXP_SUBNORMAL);
    for (size_t i = 0; i < n; i++)
        out[i] = exp_join(hi[i], exp_low(hi[i], lo[i], r[i], rest[i]), exp_exponent(steps[i]));
    if (below)
        for (size_t i = 0; i < n; i++)
            if (x[i] < EXP_SUBNORMAL) out[i] = sav_exp(x[i]);
}

/* out = erf(x) or tanh(x) by rows of its table; what lies outside [least, end) by `one`. */
static inline void patch_block(double *restrict out, const double *restrict x, size_t n,
                               const double (*table)[14], double least, double end, double (*one)(double)) {
    double rows[14][BLOCK], h[BLOCK];
    int32_t row[BLOCK];
    uint64_t outside = 0;
    for (size_t i = 0; i < n; i++) {
        const double size = absolute(x[i]);
        const uint64_t inside = (uint64_t)0 - (uint64_t)(size < end);
        const double in = from_bits(bits_of(size) & inside); /* else 0, for a NaN too */
        row[i] = patch_row(in);
        h[i] = patch_distance(in, row[i]);
    }
    for (size_t i = 0; i < n; i++)
        outside |= (uint64_t) !(absolute(x[i]) >= least) | (uint64_t) !(absolute(x[i]) < end);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 14; c++) rows[c][i] = table[row[i]][c];
    for (size_t i = 0; i < n; i++) out[i] = with_sign(patch(&rows[0][i], BLOCK, h[i]), x[i]);
    if (outside)
        for (size_t i = 0; i < n; i++)
            if (!(absolute(x[i]) >= least && absolute(x[i]) < end)) out[i] = one(x[i]);
}

static void round_block(float *restrict out, const double *restrict x, size_t n, sav_dtype R) {
    if (R == SAV_BF16)
        for (size_t i = 0; i < n; i++) out[i] = sav_round_bf16(x[i]);
    else if (R == SAV_F16)
        for (size_t i = 0; i < n; i++) out[i] = sav_round_f16(x[i]);
    else
        for (size_t i = 0; i < n; i++) out[i] = (float)x[i];
}

static void add_round(float *restrict out, const double *restrict sums, const double *restrict offset,
                      size_t n, sav_dtype R) {
    if (R != SAV_F32)
        for (size_t c = 0; c < n; c++) out[c] = sav_round(offset ? sums[c] + offset[c] : sums[c], R);
    else if (offset)
        for (size_t c = 0; c < n; c++) out[c] = (float)(sums[c] + offset[c]);
    else
        for (size_t c = 0; c < n; c++) out[c] = (float)sums[c];
}

static void finish(float *out, size_t stride, const double *sums, const float *bias, size_t rows, size_t cols,
                   const exact_isa *isa, sav_dtype R) {
    const size_t down = sav_round_up(rows, isa->mr) / isa->mr;
    double offset[BLOCK];
    for (size_t c0 = 0; c0 < cols; c0 += isa->nr) {
        const size_t n = sav_min(cols - c0, isa->nr);
        if (bias)
            for (size_t c = 0; c < n; c++) offset[c] = (double)sav_round((double)bias[c0 + c], R);
        for (size_t r = 0; r < rows; r++) {
            const double *sum = sums +
                                ((c0 / isa->nr * down + r / isa->mr) * isa->mr + r % isa->mr) * isa->nr;
            float *to = out + r * stride + c0;
            if (n == FULL) /* a known length makes this three instructions instead of a loop */
                add_round(to, sum, bias ? offset : NULL, FULL, R);
            else
                add_round(to, sum, bias ? offset : NULL, n, R);
        }
    }
}

/* ---- softmax ------------------------------------------------------------------------------------------- */

/* The largest of s [n]; a NaN wins. */
static float largest(const float *s, size_t n) {
    float most[LANES];
    size_t i = 0;
    for (size_t j = 0; j < LANES; j++) most[j] = -INFINITY;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            most[j] = s[i + j] > most[j] || isnan(s[i + j]) ? s[i + j] : most[j];
    for (; i < n; i++) most[0] = s[i] > most[0] || isnan(s[i]) ? s[i] : most[0];
    for (size_t j = 1; j < LANES; j++) most[0] = most[j] > most[0] || isnan(most[j]) ? most[j] : most[0];
    return most[0];
}

static void scale_scores(float *s, size_t n, const sav_attention *at, sav_dtype R) {
    const double by = at->scale;
    if (R != SAV_F32)
        for (size_t i = 0; i < n; i++)
            s[i] = sav_round(at->divide ? (double)s[i] / by : (double)s[i] * by, R);
    else if (at->divide)
        for (size_t i = 0; i < n; i++) s[i] = (float)((double)s[i] / by);
    else
        for (size_t i = 0; i < n; i++) s[i] = (float)((double)s[i] * by);
}

/* PARITY: softmax runs in float32 whatever R is, then is cast to R (test_kernels.c). */
static void softmax(float *s, double *e, size_t n, const sav_attention *at, sav_dtype R) {
    if (at) scale_scores(s, n, at, R);
    const double most = (double)largest(s, n);
    double sum = 0, x[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t some = sav_min(n - i, BLOCK);
        for (size_t j = 0; j < some; j++) x[j] = (double)s[i + j] - most;
        exp_block(e + i, x, some);
        for (size_t j = 0; j < some; j++) sum += e[i + j];
    }
    for (size_t i = 0; i < n; i++) s[i] = (float)(e[i] / sum);
    if (R != SAV_F32)
        for (size_t i = 0; i < n; i++) s[i] = sav_round((double)s[i], R);
}

/* ---- activation ---------------------------------------------------------------------------------------- */

static void gelu_tanh(double *restrict y, const double *restrict x, size_t n) {
    double u[BLOCK], t[BLOCK];
    /* sqrt(2 / pi) */
    for (size_t i = 0; i < n; i++) u[i] = 0.79788456080286535588 * (x[i] + 0.044715 * (x[i] * x[i] * x[i]));
    patch_block(t, u, n, TANH_TABLE, 0, TANH_END, sav_tanh);
    for (size_t i = 0; i < n; i++) y[i] = 0.5 * x[i] * (1 + t[i]);
}

static void gelu_erf(double *restrict y, const double *restrict x, size_t n) {
    double u[BLOCK], t[BLOCK];
    for (size_t i = 0; i < n; i++) u[i] = x[i] * 0.70710678118654752440; /* M_SQRT1_2 */
    patch_block(t, u, n, ERF_TABLE, ERF_LEAST, ERF_END, sav_erf);
    for (size_t i = 0; i < n; i++) y[i] = x[i] * 0.5 * (1 + t[i]);
}

/* numerator[i] / (1 + exp(-x[i])) */
static void over_one_plus_exp(double *restrict y, const double *numerator, const double *restrict x,
                              size_t n) {
    double minus[BLOCK], e[BLOCK];
    for (size_t i = 0; i < n; i++) minus[i] = -x[i];
    exp_block(e, minus, n);
    for (size_t i = 0; i < n; i++) y[i] = numerator[i] / (1 + e[i]);
}

/* Three operations of the module, x * sigmoid(1.702 * x), each rounded. */
static void quick_gelu(double *restrict y, const double *restrict x, size_t n, sav_dtype R) {
    double one[BLOCK], scaled[BLOCK];
    float rounded[BLOCK];
    for (size_t i = 0; i < n; i++) scaled[i] = x[i] * 1.702;
    round_block(rounded, scaled, n, R);
    for (size_t i = 0; i < n; i++) one[i] = 1, scaled[i] = (double)rounded[i];
    over_one_plus_exp(y, one, scaled, n);
    round_block(rounded, y, n, R);
    for (size_t i = 0; i < n; i++) y[i] = x[i] * (double)rounded[i];
}

static void activation(float *out, const float *from, size_t n, sav_activation f, sav_dtype R) {
    double x[BLOCK], y[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t some = sav_min(n - i, BLOCK);
        for (size_t j = 0; j < some; j++) x[j] = (double)from[i + j];
        if (f == SAV_GELU_TANH)
            gelu_tanh(y, x, some);
        else if (f == SAV_GELU_ERF)
            gelu_erf(y, x, some);
        else if (f == SAV_SILU)
            over_one_plus_exp(y, x, x, some);
        else
            quick_gelu(y, x, some, R);
        round_block(out + i, y, some, R);
    }
}

const exact_rows ROWS = {finish, softmax, activation};
