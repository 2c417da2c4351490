/* The operations of a forward against plain loops that say what each is: double sums in increasing index, one
 * rounding an operation (docs/CONTRACT.md §2). All bits, every exact kernel of this CPU,
 * three storage types.
 *
 *   build/tests/kernels/test_kernels
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine_run.h"
#include "io/safetensors.h"
#include "kernels/elementary.h"
#include "kernels/elementwise.h"
#include "kernels/kernels.h"

static const sav_dtype TYPES[] = {SAV_F32, SAV_BF16, SAV_F16};

enum { TYPE_COUNT = 3 };

/* ---- values -------------------------------------------------------------------------------------------- */

static uint32_t state = 1;

static uint32_t draw(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Between -1 and 1 times a power of two, so that sums meet terms of unlike size; 24 bits, then rounded to
 * R. */
static float value(sav_dtype R) {
    float x = (float)((int32_t)draw() - 8388608) * 0x1p-23f;
    return sav_round(ldexp((double)x, (int)(draw() % 9) - 4), R);
}

static float *floats(size_t count) {
    float *x = sav_alloc(count, sizeof *x);
    if (!x) exit(1);
    return x;
}

static float *values(size_t count, sav_dtype R) {
    float *x = floats(count);
    for (size_t i = 0; i < count; i++) x[i] = value(R);
    return x;
}

/* A weight matrix of a type, `shift` bytes off its allocation; wide [rows, cols] gets its values. */
static sav_matrix matrix(void **block, float *wide, size_t rows, size_t cols, sav_dtype dtype, size_t shift) {
    size_t size = sav_dtype_size(dtype);
    char *bytes = sav_alloc(rows * cols * size + shift, 1);
    if (!bytes) exit(1);
    *block = bytes;
    for (size_t i = 0; i < rows * cols; i++) {
        wide[i] = value(dtype);
        uint16_t half = dtype == SAV_BF16 ? sav_narrow_bf16(wide[i]) : sav_narrow_f16(wide[i]);
        memcpy(bytes + shift + i * size, dtype == SAV_F32 ? (const void *)&wide[i] : &half, size);
    }
    return (sav_matrix){.data = bytes + shift, .dtype = dtype, .rows = rows, .cols = cols};
}

/* Scratch of just the size that the kernels ask for, so that a sanitizer sees a step beyond it. */
static sav_arena scratch_of(const sav_kernels *kernels, size_t T, size_t K, size_t keys, size_t d,
                            int threads) {
    sav_arena arena = {0};
    sav_error err;
    CHECK(kernels->scratch(&arena.used, &(sav_extent){T, K, keys, d, threads}));
    CHECK_OK(sav_arena_make(&arena, &err), &err);
    return arena;
}

/* ---- linear -------------------------------------------------------------------------------------------- */

static void plain_linear(float *out, const float *x, const float *W, const float *bias, size_t T, size_t N,
                         size_t K, sav_dtype R) {
    for (size_t t = 0; t < T; t++)
        for (size_t n = 0; n < N; n++) {
            double sum = 0;
            for (size_t k = 0; k < K; k++)
                sum += (double)x[t * K + k] * (double)sav_round((double)W[n * K + k], R);
            if (bias) sum += (double)sav_round((double)bias[n], R);
            out[t * N + n] = sav_round(sum, R);
        }
}

static void check_linear(const sav_kernels *kernels, size_t T, size_t N, size_t K, sav_dtype dtype,
                         sav_dtype R) {
    void *block;
    char name[120];
    float *x = values(T * K, R), *wide = floats(N * K), *bias = values(N, SAV_F32), *got = floats(T * N),
          *want = floats(T * N);
    sav_matrix W = matrix(&block, wide, N, K, dtype, N % 2 ? 1 : 0);
    const int threads = T % 2 ? 3 : 1;
    sav_arena arena = scratch_of(kernels, T, K, 1, 1, threads);
    const sav_run run = {.R = R, .threads = threads, .scratch = arena.base};
    snprintf(name, sizeof name, "linear %s, T %zu, N %zu, K %zu, weights %s, R %s", kernels->isa, T, N, K,
             sav_dtype_name(dtype), sav_dtype_name(R));
    plain_linear(want, x, wide, bias, T, N, K, R);
    sav_multiply(got, x, &W, bias, T, kernels, &run);
    check_bits(got, want, T * N, name);
    plain_linear(want, x, wide, NULL, T, N, K, R);
    sav_multiply(got, x, &W, NULL, T, kernels, &run);
    check_bits(got, want, T * N, name);
    sav_arena_free(&arena);
    sav_free(x), sav_free(wide), sav_free(bias), sav_free(got), sav_free(want), sav_free(block);
}

static void test_linear(const sav_kernels *kernels) {
    static const size_t shapes[][3] = {{1, 1, 1},     {1, 7, 5},     {1, 97, 257},   {3, 24, 256},
                                       {8, 96, 513},  {17, 13, 300}, {33, 101, 259}, {257, 9, 31},
                                       {300, 193, 3}, {70, 780, 131}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int dtype = 0; dtype < TYPE_COUNT; dtype++)
            for (int R = 0; R < TYPE_COUNT; R++)
                check_linear(kernels, shapes[s][0], shapes[s][1], shapes[s][2], TYPES[dtype], TYPES[R]);
}

/* ---- attention ----------------------------------------------------------------------------------------- */

static double lowest(sav_dtype R) {
    return R == SAV_F32 ? -(double)FLT_MAX : R == SAV_BF16 ? -0x1.fep127 : -65504.0;
}

/* One query row of one head as the module has it: every key is scored, masked ones get finfo.min added, and
 * all of them stand in both sums. s, p [keys] are scratch. */
static void plain_row(float *out, float *s, float *p, const float *q, const float *k, const float *v,
                      const sav_attention *at, size_t here, sav_dtype R) {
    double most = -INFINITY, sum = 0;
    for (size_t j = 0; j < at->keys; j++) {
        double dot = 0;
        for (size_t i = 0; i < at->d; i++) dot += (double)q[i] * (double)k[j * at->kv_stride + i];
        bool masked = at->causal && (j > here || (at->window && j + at->window <= here));
        const double rounded = (double)sav_round(dot, R);
        s[j] = sav_round(at->divide ? rounded / at->scale : rounded * at->scale, R);
        if (masked) s[j] = sav_round((double)s[j] + lowest(R), R);
        if (at->inf_to_zero && isinf(s[j])) s[j] = 0;
        if ((double)s[j] > most) most = (double)s[j];
    }
    for (size_t j = 0; j < at->keys; j++) sum += sav_exp((double)s[j] - most);
    for (size_t j = 0; j < at->keys; j++)
        p[j] = sav_round((double)(float)(sav_exp((double)s[j] - most) / sum), R);
    for (size_t i = 0; i < at->d; i++) {
        double mixed = 0;
        for (size_t j = 0; j < at->keys; j++) mixed += (double)p[j] * (double)v[j * at->kv_stride + i];
        out[i] = sav_round(mixed, R);
    }
}

static void plain_attention(float *out, const float *q, const float *k, const float *v,
                            const sav_attention *at, sav_dtype R) {
    float *s = floats(at->keys), *p = floats(at->keys);
    for (size_t t = 0; t < at->queries; t++)
        for (size_t h = 0; h < at->H; h++) {
            size_t kv = h * at->G / at->H;
            plain_row(out + (t * at->H + h) * at->d, s, p, q + t * at->q_stride + h * at->d, k + kv * at->d,
                      v + kv * at->d, at, at->keys - at->queries + t, R);
        }
    sav_free(s);
    sav_free(p);
}

static void check_attention(const sav_kernels *kernels, const sav_attention *row, sav_dtype R, int threads) {
    char name[160];
    sav_attention at = *row;
    at.q_stride = at.H * at.d + 5; /* rows need not lie close */
    at.kv_stride = at.G * at.d + 3;
    at.scale = at.divide ? sqrt((double)at.d) : sav_head_scale(at.d);
    size_t count = at.queries * at.H * at.d;
    float *q = values(at.queries * at.q_stride, R), *k = values(at.keys * at.kv_stride, R),
          *v = values(at.keys * at.kv_stride, R);
    float *got = floats(count), *want = floats(count);
    sav_arena arena = scratch_of(kernels, 1, 1, at.keys, at.d, threads);
    const sav_run run = {.R = R, .threads = threads, .scratch = arena.base};
    snprintf(name, sizeof name,
             "attention %s, %zu of %zu keys, %zu/%zu heads of %zu, causal %d, window %zu, R %s", kernels->isa,
             at.queries, at.keys, at.H, at.G, at.d, at.causal, at.window, sav_dtype_name(R));
    plain_attention(want, q, k, v, &at, R);
    kernels->attention(got, q, k, v, &at, &run);
    check_bits(got, want, count, name);
    sav_arena_free(&arena);
    sav_free(q), sav_free(k), sav_free(v), sav_free(got), sav_free(want);
}

static void test_attention(const sav_kernels *kernels) {
    static const sav_attention rows[] = {
        {.queries = 1, .keys = 1, .H = 1, .G = 1, .d = 2, .causal = true},
        {.queries = 11, .keys = 11, .H = 3, .G = 3, .d = 6},
        {.queries = 37, .keys = 37, .H = 2, .G = 2, .d = 72},
        {.queries = 40, .keys = 40, .H = 6, .G = 3, .d = 10, .causal = true},
        {.queries = 40, .keys = 40, .H = 6, .G = 2, .d = 12, .causal = true, .window = 5},
        {.queries = 33, .keys = 33, .H = 4, .G = 1, .d = 8, .causal = true, .window = 33},
        {.queries = 1, .keys = 301, .H = 4, .G = 2, .d = 18, .causal = true},
        {.queries = 1, .keys = 67, .H = 4, .G = 2, .d = 128, .causal = true, .window = 1},
        /* the Qwen-VL families */
        {.queries = 30, .keys = 30, .H = 2, .G = 1, .d = 18, .causal = true, .divide = true},
        {.queries = 30,
         .keys = 30,
         .H = 2,
         .G = 1,
         .d = 128,
         .causal = true,
         .window = 9,
         .divide = true,
         .inf_to_zero = true},
        {.queries = 67, .keys = 300, .H = 2, .G = 1, .d = 6, .causal = true, .window = 64},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int R = 0; R < TYPE_COUNT; R++) check_attention(kernels, &rows[i], TYPES[R], i % 2 ? 3 : 1);
}

static double distance(const float *got, const float *want, size_t count) {
    double error = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        error += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        size += (double)want[i] * (double)want[i];
    }
    return sqrt(error / size);
}

/* Segments in one call are the segments called one by one, in every engine; and more keys than a block of k
 * are summed. */
static void test_segments(const sav_kernels *kernels) {
    enum { T = 700, HEADS = 3, D = 12, WIDTH = HEADS * D };
    static const size_t bounds[] = {0, 1, 17, 81, 145, 145 + 540, T};
    const sav_attention whole = {.queries = T,
                                 .keys = T,
                                 .H = HEADS,
                                 .G = HEADS,
                                 .d = D,
                                 .q_stride = WIDTH,
                                 .kv_stride = WIDTH,
                                 .segments = bounds,
                                 .segment_count = sizeof bounds / sizeof *bounds - 1,
                                 .scale = sqrt(12.0),
                                 .divide = true};
    float *q = values(T * WIDTH, SAV_F32), *k = values(T * WIDTH, SAV_F32), *v = values(T * WIDTH, SAV_F32);
    float *got = floats(T * WIDTH), *want = floats(T * WIDTH), *plain = floats(T * WIDTH);
    for (int threads = 1; threads <= 3; threads++) {
        sav_arena arena = scratch_of(kernels, 1, 1, T, D, threads);
        const sav_run run = engine_run(kernels, threads, arena.base);
        for (size_t i = 0; i < whole.segment_count; i++) {
            sav_attention one = whole;
            size_t at = bounds[i] * WIDTH;
            one.segments = NULL;
            one.queries = one.keys = bounds[i + 1] - bounds[i];
            kernels->attention(want + at, q + at, k + at, v + at, &one, &run);
            plain_attention(plain + at, q + at, k + at, v + at, &one, SAV_F32);
        }
        kernels->attention(got, q, k, v, &whole, &run);
        check_bits(got, want, T * WIDTH, "attention over segments");
        if (!CHECK(distance(got, plain, T * WIDTH) < sqrt(540.0) * 0x1p-24))
            printf("%s %s: %g\n", kernels->engine, kernels->isa, distance(got, plain, T * WIDTH));
        sav_arena_free(&arena);
    }
    sav_free(q), sav_free(k), sav_free(v), sav_free(got), sav_free(want), sav_free(plain);
}

/* ---- activations --------------------------------------------------------------------------------------- */

static void test_activation(const sav_kernels *kernels) {
    enum { COUNT = 4001 };
    float *x = floats(COUNT), *got = floats(COUNT), *want = floats(COUNT);
    for (int type = 0; type < TYPE_COUNT; type++) {
        const sav_run run = {.R = TYPES[type], .threads = 2};
        for (size_t i = 0; i < COUNT; i++) x[i] = sav_round((double)value(SAV_F32) * 2, run.R);
        x[0] = -0.0f;
        for (size_t i = 0; i < COUNT; i++) {
            const double y = (double)x[i], cube = y * y * y, c = sqrt(2 / acos(-1));
            want[i] = sav_round(0.5 * y * (1 + sav_tanh(c * (y + 0.044715 * cube))), run.R);
        }
        kernels->activation(got, x, COUNT, SAV_GELU_TANH, &run);
        check_bits(got, want, COUNT, "gelu_tanh");
        for (size_t i = 0; i < COUNT; i++) {
            const double y = (double)x[i];
            want[i] = sav_round(y * 0.5 * (1 + sav_erf(y * sqrt(0.5))), run.R);
        }
        kernels->activation(got, x, COUNT, SAV_GELU_ERF, &run);
        check_bits(got, want, COUNT, "gelu_erf");
        for (size_t i = 0; i < COUNT; i++)
            want[i] = sav_round((double)x[i] / (1 + sav_exp(-(double)x[i])), run.R);
        memcpy(got, x, COUNT * sizeof *x);
        kernels->activation(got, got, COUNT, SAV_SILU, &run); /* in place */
        check_bits(got, want, COUNT, "silu");
    }
    sav_free(x), sav_free(got), sav_free(want);
}

/* ---- norms --------------------------------------------------------------------------------------------- */

enum { ROWS = 5, WIDTH = 61 };

/* Qwen2RMSNorm op by op: to float32, pow, mean, add, rsqrt, mul, back to R, mul by the weight. */
static void plain_rms_norm(float *out, const float *x, const float *weight, double eps, sav_dtype R) {
    float squares[WIDTH], product[WIDTH];
    double sum = 0;
    for (size_t i = 0; i < WIDTH; i++) squares[i] = (float)((double)x[i] * (double)x[i]);
    for (size_t i = 0; i < WIDTH; i++) sum += (double)squares[i];
    const float mean = (float)(sum / WIDTH), variance = (float)((double)mean + eps);
    const float r = (float)(1 / sqrt((double)variance));
    for (size_t i = 0; i < WIDTH; i++) product[i] = (float)((double)x[i] * (double)r);
    for (size_t i = 0; i < WIDTH; i++) {
        float cast = sav_round((double)product[i], R);
        out[i] = sav_round((double)sav_round((double)weight[i], R) * (double)cast, R);
    }
}

static void plain_layer_norm(float *out, const float *x, const float *weight, const float *bias, double eps,
                             sav_dtype R) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < WIDTH; i++) sum += (double)x[i];
    const double mean = sum / WIDTH;
    for (size_t i = 0; i < WIDTH; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double r = 1 / sqrt(squares / WIDTH + eps);
    for (size_t i = 0; i < WIDTH; i++)
        out[i] = sav_round(((double)x[i] - mean) * r * (double)sav_round((double)weight[i], R) +
                               (double)sav_round((double)bias[i], R),
                           R);
}

static void test_norms(sav_dtype R) {
    float *x = values(ROWS * WIDTH, R), *weight = values(WIDTH, SAV_F32), *bias = values(WIDTH, SAV_F32);
    float got[ROWS * WIDTH], want[ROWS * WIDTH];
    const sav_run run = {.R = R, .threads = 2};
    for (size_t i = 0; i < WIDTH; i++) x[WIDTH + i] *= 0x1p-10f; /* a row so small that eps counts */
    memset(x + 2 * WIDTH, 0, WIDTH * sizeof *x);
    for (size_t t = 0; t < ROWS; t++) plain_rms_norm(want + t * WIDTH, x + t * WIDTH, weight, 1e-6, R);
    sav_rms_norm(got, x, ROWS, &(sav_norm_weights){weight, NULL, WIDTH, 1e-6}, &run);
    check_bits(got, want, ROWS * WIDTH, "rms_norm");
    for (size_t t = 0; t < ROWS; t++)
        plain_layer_norm(want + t * WIDTH, x + t * WIDTH, weight, bias, 1e-6, R);
    sav_layer_norm(got, x, ROWS, &(sav_norm_weights){weight, bias, WIDTH, 1e-6}, &run);
    check_bits(got, want, ROWS * WIDTH, "layer_norm");
    sav_free(x), sav_free(weight), sav_free(bias);
}

/* 1e-6 is no float: rounded to one first, it moves a sum by a fiftieth of an ulp, which one row in fifty
 * shows. */
static void test_eps(void) {
    enum { MANY = 600 };
    float *x = values(MANY * WIDTH, SAV_F32), *weight = values(WIDTH, SAV_F32),
          *bias = values(WIDTH, SAV_F32);
    float *got = floats(MANY * WIDTH), *want = floats(MANY * WIDTH), *rounded = floats(MANY * WIDTH);
    const sav_run run = {.R = SAV_F32, .threads = 2};
    size_t first;
    for (size_t i = 0; i < MANY * WIDTH; i++) x[i] *= 0x1p-12f; /* mean squares around eps */
    for (size_t t = 0; t < MANY; t++) plain_rms_norm(want + t * WIDTH, x + t * WIDTH, weight, 1e-6, SAV_F32);
    for (size_t t = 0; t < MANY; t++)
        plain_rms_norm(rounded + t * WIDTH, x + t * WIDTH, weight, (double)1e-6f, SAV_F32);
    CHECK(check_differ(rounded, want, MANY * WIDTH, &first) > 0); /* so this test can fail */
    sav_rms_norm(got, x, MANY, &(sav_norm_weights){weight, NULL, WIDTH, 1e-6}, &run);
    check_bits(got, want, MANY * WIDTH, "rms_norm near eps");
    for (size_t t = 0; t < MANY; t++)
        plain_layer_norm(want + t * WIDTH, x + t * WIDTH, weight, bias, 1e-6, SAV_F32);
    sav_layer_norm(got, x, MANY, &(sav_norm_weights){weight, bias, WIDTH, 1e-6}, &run);
    check_bits(got, want, MANY * WIDTH, "layer_norm near eps");
    sav_free(x), sav_free(weight), sav_free(bias), sav_free(got), sav_free(want), sav_free(rounded);
}

/* ---- rotary embedding ---------------------------------------------------------------------------------- */

/* All 64 frequencies of d = 128, theta = 1e6, and those of other heads: golden/inv_freq, names
 * inv_freq.<d>.<theta>. */
static void test_frequencies(void) {
    sav_safetensors *golden;
    sav_error err;
    float got[64], want[64];
    bool pinned = false;
    if (!CHECK_OK(sav_safetensors_open(&golden, "golden/inv_freq/inv_freq.safetensors", &err), &err)) return;
    for (size_t i = 0; i < sav_safetensors_count(golden); i++) {
        const sav_tensor *t = sav_safetensors_at(golden, i);
        char *end;
        size_t d = strtoul(t->name + strlen("inv_freq."), &end, 10);
        if (!CHECK(*end == '.' && d <= 128) || !CHECK_SIZE(t->count, d / 2)) continue;
        for (size_t j = 0; j < t->count; j++) want[j] = sav_tensor_float(t, j);
        sav_rope_frequencies(got, strtod(end + 1, NULL), d);
        check_bits(got, want, t->count, t->name);
        if (d == 128 && strcmp(end, ".1000000") == 0) pinned = got[37] == 0x1.6453f4p-12f;
    }
    CHECK(pinned);
    sav_safetensors_close(golden);
}

static void test_rope(sav_dtype R) {
    enum { T = 4, HEADS = 3, D = 10, HALF = D / 2 };
    static const int64_t positions[T] = {0, 1, 777, 30001};
    float inv_freq[HALF], cosine[T * HALF], sine[T * HALF], want_cos[T * HALF], want_sin[T * HALF],
        want[T * HEADS * D];
    float *x = values(T * HEADS * D, R);
    const sav_run run = {.R = R, .threads = 2};
    sav_rope_frequencies(inv_freq, 1e4, D);
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < HALF; i++) {
            float angle = (float)((double)inv_freq[i] * (double)positions[t]);
            want_cos[t * HALF + i] = sav_round((double)(float)sav_cos((double)angle), R);
            want_sin[t * HALF + i] = sav_round((double)(float)sav_sin((double)angle), R);
        }
    const sav_angles angles = {cosine, sine, T, D};
    sav_rope_table(&angles, positions, inv_freq, NULL, &run);
    check_bits(cosine, want_cos, T * HALF, "cos");
    check_bits(sine, want_sin, T * HALF, "sin");
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < HEADS; h++)
            for (size_t i = 0; i < D; i++) { /* q * cos + cat(-q[half:], q[:half]) * sin */
                const float *q = x + (t * HEADS + h) * D;
                double rotated = i < HALF ? -(double)q[i + HALF] : (double)q[i - HALF];
                float a = sav_round((double)q[i] * (double)want_cos[t * HALF + i % HALF], R);
                float b = sav_round(rotated * (double)want_sin[t * HALF + i % HALF], R);
                want[(t * HEADS + h) * D + i] = sav_round((double)a + (double)b, R);
            }
    sav_rope(x, HEADS * D, HEADS, &angles, &run);
    check_bits(x, want, T * HEADS * D, "rope");
    sav_free(x);
}

/* Python: (d ** -0.5).hex(). */
static void test_head_scale(void) {
    static const struct {
        size_t d;
        double scale;
    } rows[] = {{18, 0x1.e2b7dddfefa66p-3}, {24, 0x1.a20bd700c2c3ep-3}, {64, 0x1p-3},
                {72, 0x1.e2b7dddfefa66p-4}, {80, 0x1.c9f25c5bfedd9p-4}, {128, 0x1.6a09e667f3bcdp-4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) CHECK(sav_head_scale(rows[i].d) == rows[i].scale);
    CHECK(1 / sqrt(72.0) != sav_head_scale(72)); /* the reason for the function */
}

/* ---- maps and rows ------------------------------------------------------------------------------------- */

static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* One output of upsample_bilinear2d, align_corners false: rows first. */
static float plain_bilinear(const float *in, size_t y, size_t x, size_t i, const size_t size[2],
                            const size_t to[2], size_t D, sav_dtype R) {
    size_t at[2] = {y, x}, low[2], high[2];
    double weight[2];
    for (int axis = 0; axis < 2; axis++) {
        double scale = (double)size[axis] / (double)to[axis],
               place = clamp(scale * ((double)at[axis] + 0.5) - 0.5, 0, 1e9);
        low[axis] = (size_t)clamp(floor(place), 0, (double)(size[axis] - 1));
        high[axis] = low[axis] + 1 < size[axis] ? low[axis] + 1 : low[axis];
        weight[axis] = clamp(place - (double)low[axis], 0, 1);
    }
    const float *above = in + low[0] * size[1] * D + i, *below = in + high[0] * size[1] * D + i;
    double top = (double)above[low[1] * D] * (1 - weight[1]) + (double)above[high[1] * D] * weight[1];
    double bottom = (double)below[low[1] * D] * (1 - weight[1]) + (double)below[high[1] * D] * weight[1];
    return sav_round(top * (1 - weight[0]) + bottom * weight[0], R);
}

static void test_bilinear(sav_dtype R) {
    static const size_t sizes[][2][2] = {
        {{20, 20}, {14, 14}}, {{15, 20}, {13, 17}}, {{1, 7}, {1, 3}}, {{2, 2}, {1, 1}}, {{3, 2}, {5, 4}}};
    enum { D = 7 };
    const sav_run run = {.R = R, .threads = 2};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        /* room for the newline column */
        const size_t *from = sizes[s][0], *to = sizes[s][1], stride = (to[1] + 1) * D;
        float *in = values(from[0] * from[1] * D, R), *got = floats(to[0] * stride),
              *want = floats(to[0] * stride);
        for (size_t y = 0; y < to[0]; y++)
            for (size_t x = 0; x < to[1]; x++)
                for (size_t i = 0; i < D; i++)
                    want[y * stride + x * D + i] = plain_bilinear(in, y, x, i, from, to, D, R);
        sav_bilinear(got, in, &(sav_resize){from[0], from[1], to[0], to[1], stride, D}, &run);
        check_bits(got, want, to[0] * stride, "bilinear");
        sav_free(in), sav_free(got), sav_free(want);
    }
}

static void test_rows(sav_dtype R) {
    enum { N = 37 };
    const sav_run run = {.R = R, .threads = 2};
    float *a = values(2 * N, R), *b = values(2 * N, R), got[2 * N], want[2 * N], wide[3 * N];
    for (size_t i = 0; i < 2 * N; i++) want[i] = sav_round((double)a[i] + (double)b[i], R);
    sav_plus(got, a, b, 2 * N, &run);
    check_bits(got, want, 2 * N, "plus");
    for (size_t i = 0; i < 2 * N; i++) want[i] = sav_round((double)a[i] * (double)b[i], R);
    sav_times(got, a, b, 2 * N, &run);
    check_bits(got, want, 2 * N, "times");
    for (size_t i = 0; i < N; i++) b[i] = value(SAV_F32); /* a checkpoint's own type */
    for (size_t i = 0; i < 2 * N; i++)
        want[i] = sav_round((double)a[i] + (double)sav_round((double)b[i % N], R), R);
    sav_plus_row(got, a, b, 2, N, &run);
    check_bits(got, want, 2 * N, "plus_row");
    for (int type = 0; type < TYPE_COUNT; type++) {
        void *block;
        sav_matrix table = matrix(&block, wide, 3, N, TYPES[type], 1);
        for (size_t i = 0; i < N; i++) want[i] = sav_round((double)wide[2 * N + i], R);
        sav_embed_row(got, &table, 2, &run);
        check_bits(got, want, N, "embed_row");
        sav_free(block);
    }
    sav_free(a);
    sav_free(b);
}

/* ---- the compare function itself ----------------------------------------------------------------------- */

/* Any one flipped bit of a golden is seen, the sign of a zero too; a NaN's payload is not a difference. */
static void test_compare(void) {
    sav_safetensors *golden;
    sav_error err;
    size_t first, seen = 0, flips = 0;
    float copy[2] = {0.0f, (float)NAN}, other[2] = {-0.0f, -(float)NAN};
    CHECK(check_differ(copy, other, 2, &first) == 1 && first == 0);
    if (!CHECK_OK(sav_safetensors_open(&golden, "golden/qwen2/window.exact.safetensors", &err), &err)) return;
    const sav_tensor *t = sav_safetensors_find(golden, "sav.tap");
    if (CHECK(t != NULL && t->dtype == SAV_F32)) {
        float *want = floats(t->count), *got = floats(t->count);
        memcpy(want, t->data, t->count * sizeof *want);
        memcpy(got, want, t->count * sizeof *want);
        CHECK_SIZE(check_differ(got, want, t->count, &first), 0);
        for (size_t i = 0; i < t->count; i += 7)
            for (int bit = 0; bit < 32; bit++, flips++) {
                uint32_t bits;
                memcpy(&bits, &want[i], sizeof bits);
                bits ^= UINT32_C(1) << bit;
                memcpy(&got[i], &bits, sizeof bits);
                seen += check_differ(got, want, t->count, &first) == 1 && first == i;
                got[i] = want[i];
            }
        CHECK_SIZE(seen, flips);
        sav_free(want);
        sav_free(got);
    }
    sav_safetensors_close(golden);
}

int main(void) {
    const sav_kernels *kernels;
    size_t tested = 0;
    test_compare();
    for (size_t i = 0; (kernels = sav_kernels_at(i)) != NULL; i++) {
        if (engine_or_skip(kernels)) test_segments(kernels);
        if (!kernels->in_double) continue;
        test_linear(kernels);
        test_attention(kernels);
        test_activation(kernels);
        tested++;
    }
    CHECK(tested > 0);
    test_eps();
    test_frequencies();
    test_head_scale();
    for (int R = 0; R < TYPE_COUNT; R++) {
        test_norms(TYPES[R]);
        test_rope(TYPES[R]);
        test_bilinear(TYPES[R]);
        test_rows(TYPES[R]);
    }
    return check_report("kernels");
}
