/* The float32 engines check each other and plain double sums on odd shapes: linear, attention, activations,
 * every ISA of this CPU. Then what the panel engine promises beside: a row's bits depend neither on the
 * number of rows, nor on the row's place among them, nor on threads.
 *
 *   build/tests/kernels/test_float_engines
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine_run.h"
#include "io/safetensors.h"
#include "kernels/elementwise.h"
#include "kernels/kernels.h"

static uint32_t state = 1;

static float value(void) {
    state = state * 1664525u + 1013904223u;
    return (float)((int32_t)(state >> 8) - 8388608) * 0x1p-23f;
}

static float *floats(size_t count) {
    float *x = sav_alloc(count, sizeof *x);
    if (!x) exit(1);
    return x;
}

static float *values(size_t count) {
    float *x = floats(count);
    for (size_t i = 0; i < count; i++) x[i] = value();
    return x;
}

/* [rows, cols] of a type, `shift` bytes off its allocation; wide gets the values. Some are subnormal in
 * f16. */
static sav_matrix matrix(void **block, float *wide, size_t rows, size_t cols, sav_dtype dtype, size_t shift) {
    const size_t size = sav_dtype_size(dtype);
    char *bytes = sav_alloc(rows * cols * size + shift, 1);
    if (!bytes) exit(1);
    *block = bytes;
    for (size_t i = 0; i < rows * cols; i++) {
        wide[i] = sav_round((double)value() * (i % 11 ? 1 : 0x1p-15), dtype);
        uint16_t half = dtype == SAV_BF16 ? sav_narrow_bf16(wide[i]) : sav_narrow_f16(wide[i]);
        memcpy(bytes + shift + i * size, dtype == SAV_F32 ? (const void *)&wide[i] : &half, size);
    }
    return (sav_matrix){.data = bytes + shift, .dtype = dtype, .rows = rows, .cols = cols};
}

static bool is_float(const sav_kernels *kernels) {
    return !kernels->in_double && !kernels->needs && engine_starts(kernels);
}

/* Scratch of just the size asked for, so that a sanitizer sees a step beyond it. */
static sav_arena scratch_of(const sav_kernels *kernels, size_t T, size_t K, size_t keys, size_t d,
                            int threads) {
    sav_arena arena = {0};
    sav_error err;
    CHECK(kernels->scratch(&arena.used, &(sav_extent){T, K, keys, d, threads}));
    CHECK_OK(sav_arena_make(&arena, &err), &err);
    return arena;
}

static double distance(const float *got, const float *want, size_t count) {
    double error = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        error += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        size += (double)want[i] * (double)want[i];
    }
    return sqrt(error / (size > 0 ? size : 1));
}

/* ---- linear -------------------------------------------------------------------------------------------- */

static void plain_linear(float *out, const float *x, const float *W, const float *bias, size_t T, size_t N,
                         size_t K) {
    for (size_t t = 0; t < T; t++)
        for (size_t n = 0; n < N; n++) {
            double sum = bias ? (double)bias[n] : 0;
            for (size_t k = 0; k < K; k++) sum += (double)x[t * K + k] * (double)W[n * K + k];
            out[t * N + n] = (float)sum;
        }
}

/* Two products of N and N + 5 columns in one call; the errors of all float engines against double sums. */
static void check_linear(size_t T, size_t N, size_t K, sav_dtype dtype) {
    void *blocks[2];
    const size_t wide = N + 5;
    float *x = values(T * K), *w0 = floats(N * K), *w1 = floats(wide * K), *bias = values(wide);
    float *want[2] = {floats(T * N), floats(T * wide)}, *got[2] = {floats(T * N), floats(T * wide)};
    const sav_matrix W[2] = {matrix(&blocks[0], w0, N, K, dtype, N % 2 ? 1 : 0),
                             matrix(&blocks[1], w1, wide, K, dtype, 3)};
    const sav_kernels *kernels;
    plain_linear(want[0], x, w0, NULL, T, N, K);
    plain_linear(want[1], x, w1, bias, T, wide, K);
    for (size_t i = 0; (kernels = sav_kernels_at(i)) != NULL; i++) {
        if (!is_float(kernels)) continue;
        const int threads = T % 2 ? 3 : 1;
        sav_arena arena = scratch_of(kernels, T, K, 1, 1, threads);
        const sav_run run = engine_run(kernels, threads, arena.base);
        const sav_product to[2] = {{got[0], &W[0], NULL}, {got[1], &W[1], bias}};
        kernels->linear(to, 2, x, T, &run);
        const double bound = (1 + sqrt((double)K)) * 0x1p-24, off = distance(got[0], want[0], T * N);
        if (!CHECK(off <= bound && distance(got[1], want[1], T * wide) <= bound))
            printf("%s %s, T %zu, N %zu, K %zu, %s: %g\n", kernels->engine, kernels->isa, T, N, K,
                   sav_dtype_name(dtype), off);
        sav_arena_free(&arena);
    }
    sav_free(x), sav_free(w0), sav_free(w1), sav_free(bias), sav_free(blocks[0]), sav_free(blocks[1]);
    for (int i = 0; i < 2; i++) sav_free(want[i]), sav_free(got[i]);
}

static void test_linear(void) {
    static const sav_dtype types[] = {SAV_F32, SAV_BF16, SAV_F16};
    static const size_t shapes[][3] = {{1, 1, 1},      {1, 7, 5},   {2, 97, 257},  {3, 24, 256},
                                       {5, 16, 8},     {6, 48, 17}, {8, 96, 513},  {17, 13, 300},
                                       {33, 101, 259}, {65, 9, 31}, {270, 50, 33}, {541, 3, 20}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            check_linear(shapes[s][0], shapes[s][1], shapes[s][2], types[i]);
}

/* Every f16 and bf16 number, through a product with 1: widening is exact, infinities and NaN stay. */
static void test_widening(const sav_kernels *kernels) {
    enum { N = 4096, K = 16 };
    static const sav_dtype types[] = {SAV_BF16, SAV_F16};
    uint16_t *stored = sav_alloc(N * K, sizeof *stored);
    float x[K] = {0}, *got = floats(N), *want = floats(N);
    if (!stored) exit(1);
    sav_arena arena = scratch_of(kernels, 1, K, 1, 1, 1);
    const sav_run run = engine_run(kernels, 1, arena.base);
    for (size_t type = 0; type < 2; type++)
        for (size_t k = 0; k < K; k++) {
            const sav_matrix W = {.data = stored, .dtype = types[type], .rows = N, .cols = K};
            memset(stored, 0, N * K * sizeof *stored); /* so that no other column is infinite */
            memset(x, 0, sizeof x);
            x[k] = 1;
            for (size_t n = 0; n < N; n++) {
                stored[n * K + k] = (uint16_t)(k * N + n);
                want[n] = type ? sav_widen_f16(stored[n * K + k]) : sav_widen_bf16(stored[n * K + k]);
                if (want[n] == 0) want[n] = 0; /* sums start at +0 */
            }
            sav_multiply(got, x, &W, NULL, 1, kernels, &run);
            check_bits(got, want, N, types[type] == SAV_F16 ? "every f16" : "every bf16");
        }
    sav_arena_free(&arena);
    sav_free(stored), sav_free(got), sav_free(want);
}

/* Rows alone, in pairs, and all together on three threads. */
static void test_row_bits(const sav_kernels *kernels) {
    enum { T = 300, N = 75, K = 600 };
    static const size_t parts[] = {1, 2, 5, 64, 131};
    void *block;
    float *x = values(T * K), *wide = floats(N * K), *bias = values(N), *all = floats(T * N),
          *got = floats(T * N);
    const sav_matrix W = matrix(&block, wide, N, K, SAV_BF16, 0);
    sav_arena arena = scratch_of(kernels, T, K, 1, 1, 3);
    const sav_run three = engine_run(kernels, 3, arena.base), one = engine_run(kernels, 1, arena.base);
    sav_multiply(all, x, &W, bias, T, kernels, &three);
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        for (size_t t = 0; t < T; t += parts[p])
            sav_multiply(got + t * N, x + t * K, &W, bias, sav_min(parts[p], T - t), kernels,
                         p % 2 ? &three : &one);
        check_bits(got, all, T * N, "rows by parts");
    }
    sav_arena_free(&arena);
    sav_free(x), sav_free(wide), sav_free(bias), sav_free(all), sav_free(got), sav_free(block);
}

/* ---- attention ----------------------------------------------------------------------------------------- */

/* One query row of one head in double. p [keys] is scratch. */
static void plain_row(float *out, double *p, const float *q, const float *k, const float *v,
                      const sav_attention *at, size_t here) {
    double most = -INFINITY, sum = 0;
    for (size_t j = 0; j < at->keys; j++) {
        const bool masked = at->causal && (j > here || (at->window && j + at->window <= here));
        double dot = 0;
        for (size_t i = 0; i < at->d; i++) dot += (double)q[i] * (double)k[j * at->kv_stride + i];
        p[j] = masked ? -INFINITY : at->divide ? dot / at->scale : dot * at->scale;
        if (p[j] > most) most = p[j];
    }
    for (size_t j = 0; j < at->keys; j++) sum += p[j] = exp(p[j] - most);
    for (size_t i = 0; i < at->d; i++) {
        double mixed = 0;
        for (size_t j = 0; j < at->keys; j++) mixed += p[j] / sum * (double)v[j * at->kv_stride + i];
        out[i] = (float)mixed;
    }
}

static void plain_attention(float *out, const float *q, const float *k, const float *v,
                            const sav_attention *at) {
    double *p = sav_alloc(at->keys, sizeof *p);
    if (!p) exit(1);
    for (size_t t = 0; t < at->queries; t++)
        for (size_t h = 0; h < at->H; h++) {
            const size_t kv = h * at->G / at->H;
            plain_row(out + (t * at->H + h) * at->d, p, q + t * at->q_stride + h * at->d, k + kv * at->d,
                      v + kv * at->d, at, at->keys - at->queries + t);
        }
    sav_free(p);
}

static void check_attention(const sav_attention *row, int threads) {
    sav_attention at = *row;
    at.q_stride = at.H * at.d + 5; /* rows need not lie close */
    at.kv_stride = at.G * at.d + 3;
    at.scale = at.divide ? sqrt((double)at.d) : sav_head_scale(at.d);
    const size_t count = at.queries * at.H * at.d;
    float *q = values(at.queries * at.q_stride), *k = values(at.keys * at.kv_stride),
          *v = values(at.keys * at.kv_stride);
    float *got = floats(count), *want = floats(count);
    const sav_kernels *kernels;
    for (size_t i = 0; i < at.keys * at.kv_stride; i++) k[i] *= 8; /* so that softmax is far from even */
    plain_attention(want, q, k, v, &at);
    for (size_t i = 0; (kernels = sav_kernels_at(i)) != NULL; i++) {
        if (!is_float(kernels)) continue;
        sav_arena arena = scratch_of(kernels, 1, 1, at.keys, at.d, threads);
        const sav_run run = engine_run(kernels, threads, arena.base);
        kernels->attention(got, q, k, v, &at, &run);
        const double off = distance(got, want, count);
        if (!CHECK(off <= 16 * (1 + sqrt((double)(at.d + at.keys))) * 0x1p-24))
            printf("%s %s: %zu of %zu keys, %zu/%zu heads of %zu, causal %d, window %zu: %g\n",
                   kernels->engine, kernels->isa, at.queries, at.keys, at.H, at.G, at.d, at.causal, at.window,
                   off);
        sav_arena_free(&arena);
    }
    sav_free(q), sav_free(k), sav_free(v), sav_free(got), sav_free(want);
}

static void test_attention(void) {
    static const sav_attention rows[] = {
        {.queries = 1, .keys = 1, .H = 1, .G = 1, .d = 2, .causal = true},
        {.queries = 11, .keys = 11, .H = 3, .G = 3, .d = 6},
        {.queries = 37, .keys = 37, .H = 2, .G = 2, .d = 72},
        {.queries = 49, .keys = 49, .H = 2, .G = 2, .d = 80, .divide = true},
        {.queries = 40, .keys = 40, .H = 6, .G = 2, .d = 12, .causal = true, .window = 5},
        {.queries = 1, .keys = 301, .H = 4, .G = 2, .d = 18, .causal = true},
        {.queries = 1, .keys = 67, .H = 4, .G = 2, .d = 128, .causal = true, .window = 1},
        {.queries = 67, .keys = 600, .H = 2, .G = 1, .d = 6, .causal = true, .window = 64},
        {.queries = 530, .keys = 530, .H = 2, .G = 1, .d = 20, .causal = true},
        {.queries = 300, .keys = 300, .H = 1, .G = 1, .d = 31},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check_attention(&rows[i], i % 2 ? 3 : 1);
}

/* A causal sequence whole, and its rows by parts with all the keys before them: what a cached prefix does.
 * Likewise windows. */
static void test_query_bits(const sav_kernels *kernels, size_t window) {
    enum { T = 540, D = 20, HEADS = 2, WIDTH = HEADS * D };
    static const size_t cuts[] = {0, 1, 18, 257, 300, 301, T};
    float *q = values(T * WIDTH), *k = values(T * D), *v = values(T * D), *all = floats(T * WIDTH),
          *got = floats(T * WIDTH);
    sav_attention at = {.queries = T,
                        .keys = T,
                        .H = HEADS,
                        .G = 1,
                        .d = D,
                        .q_stride = WIDTH,
                        .kv_stride = D,
                        .causal = true,
                        .window = window,
                        .scale = sav_head_scale(D)};
    sav_arena arena = scratch_of(kernels, 1, 1, T, D, 3);
    const sav_run three = engine_run(kernels, 3, arena.base), one = engine_run(kernels, 1, arena.base);
    kernels->attention(all, q, k, v, &at, &three);
    for (size_t c = 0; c + 1 < sizeof cuts / sizeof *cuts; c++) {
        at.keys = cuts[c + 1];
        at.queries = cuts[c + 1] - cuts[c];
        kernels->attention(got + cuts[c] * WIDTH, q + cuts[c] * WIDTH, k, v, &at, c % 2 ? &three : &one);
    }
    check_bits(got, all, T * WIDTH, "query rows by parts");
    sav_arena_free(&arena);
    sav_free(q), sav_free(k), sav_free(v), sav_free(all), sav_free(got);
}

/* A NaN or infinite score spoils its own row's outputs and no other's. */
static void test_bad_scores(const sav_kernels *kernels) {
    enum { T = 20, D = 8 };
    float *q = values(T * D), *k = values(T * D), *v = values(T * D), *good = floats(T * D),
          *got = floats(T * D);
    const sav_attention at = {
        .queries = T, .keys = T, .H = 1, .G = 1, .d = D, .q_stride = D, .kv_stride = D, .scale = 1};
    sav_arena arena = scratch_of(kernels, 1, 1, T, D, 1);
    const sav_run run = engine_run(kernels, 1, arena.base);
    kernels->attention(good, q, k, v, &at, &run);
    q[3 * D] = (float)NAN;
    q[7 * D + 1] = INFINITY;
    kernels->attention(got, q, k, v, &at, &run);
    for (size_t i = 0; i < D; i++) {
        CHECK(isnan(got[3 * D + i]) && isnan(got[7 * D + i]));
        good[3 * D + i] = good[7 * D + i] = (float)NAN;
    }
    check_bits(got, good, T * D, "rows beside a NaN");
    sav_arena_free(&arena);
    sav_free(q), sav_free(k), sav_free(v), sav_free(good), sav_free(got);
}

/* ---- activations --------------------------------------------------------------------------------------- */

static void test_activation(const sav_kernels *kernels) {
    enum { COUNT = 9001 };
    static const sav_activation each[] = {SAV_SILU, SAV_QUICK_GELU, SAV_GELU_TANH};
    float *x = floats(COUNT), *got = floats(COUNT), tail[3];
    const sav_run run = engine_run(kernels, 2, NULL);
    for (size_t f = 0; f < sizeof each / sizeof *each; f++) {
        double worst = 0;
        for (size_t i = 0; i < COUNT; i++) x[i] = (float)((double)i - COUNT / 2) * 0.004f;
        memcpy(tail, x + 17, sizeof tail);
        memcpy(got, x, COUNT * sizeof *x);
        kernels->activation(got, got, COUNT, each[f], &run); /* in place */
        for (size_t i = 0; i < COUNT; i++) {
            const double a = (double)x[i], y = each[f] == SAV_SILU ? a
                                               : each[f] == SAV_QUICK_GELU
                                                   ? 1.702 * a
                                                   : 2 * 0.79788456080286535588 * (a + 0.044715 * a * a * a);
            const double want = a / (1 + exp(-y)), off = fabs((double)got[i] - want) / (fabs(want) + 1e-6);
            if (off > worst) worst = off;
        }
        if (!CHECK(worst < 6e-6))
            printf("%s %s: activation %d is off by %g\n", kernels->engine, kernels->isa, (int)each[f], worst);
        kernels->activation(tail, tail, 3, each[f], &run);
        check_bits(tail, got + 17, 3, "activation of a few");
    }
    const float far[] = {INFINITY, -200, 200, (float)NAN, 0};
    kernels->activation(got, far, 5, SAV_SILU, &run);
    CHECK(got[0] == INFINITY && fabsf(got[1]) < 1e-30f && got[2] == 200 && isnan(got[3]) && got[4] == 0);
    sav_free(x), sav_free(got);
}

int main(void) {
    const sav_kernels *kernels;
    size_t tested = 0;
    test_linear();
    test_attention();
    for (size_t i = 0; (kernels = sav_kernels_at(i)) != NULL; i++) {
        if (!engine_or_skip(kernels) || !is_float(kernels)) continue;
        test_activation(kernels);
        if (kernels->batch_alters) continue;
        test_widening(kernels);
        test_row_bits(kernels);
        test_query_bits(kernels, 0);
        test_query_bits(kernels, 30);
        test_bad_scores(kernels);
        tested++;
    }
    CHECK(tested > 0);
    return check_report("float engines");
}
