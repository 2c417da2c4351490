/* The int8 engine against plain loops: what a matrix becomes, what rows become, and every bit of linear on
 * every ISA of this CPU. The reference forms each group's whole number in 64 bits, so that a sum that
 * saturated or overflowed would differ.
 *
 *   build/tests/kernels/test_int8
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "io/safetensors.h"
#include "kernels/int8/int8.h"

static uint32_t state = 1;

static uint32_t draw(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Sum of four uniform values: near a Gaussian of deviation 0.58. */
static float value(void) {
    float sum = 0;
    for (int i = 0; i < 4; i++) sum += (float)((int32_t)draw() - 8388608) * 0x1p-24f;
    return sum;
}

static float *floats(size_t count) {
    float *x = sav_alloc(count ? count : 1, sizeof *x);
    if (!x) exit(1);
    return x;
}

/* ---- a matrix in panels -------------------------------------------------------------------------------- */

typedef struct panels {
    sav_matrix W;
    void *bytes;
    float *scales;
    double error[2];
} panels;

static panels pack(const sav_matrix *from, size_t group) {
    panels p = {{0}, NULL, NULL, {0, 0}};
    size_t bytes, scales, one_bytes, one_scales;
    if (!sav_packed_sizes(&bytes, &scales, from->rows, from->cols, group) ||
        !sav_packed_sizes(&one_bytes, &one_scales, SAV_INT8_COLS, from->cols, group) ||
        !(p.bytes = sav_alloc(bytes, 1)))
        exit(1);
    p.scales = floats(scales);
    for (size_t n = 0; n < from->rows; n += SAV_INT8_COLS) {
        double error[2];
        const size_t i = n / SAV_INT8_COLS;
        CHECK(sav_int8_pack((unsigned char *)p.bytes + i * one_bytes, p.scales + i * one_scales, error, from,
                            n, group));
        p.error[0] += error[0], p.error[1] += error[1];
    }
    p.W = (sav_matrix){.data = p.bytes,
                       .dtype = SAV_U8,
                       .rows = from->rows,
                       .cols = from->cols,
                       .scales = p.scales,
                       .group = group};
    return p;
}

static void free_panels(panels *p) {
    sav_free(p->bytes);
    sav_free(p->scales);
}

/* Floats as a stored matrix of a type, one byte off its alignment; w becomes what is stored. */
static sav_matrix stored(void **block, float *w, size_t rows, size_t cols, sav_dtype dtype) {
    const size_t size = sav_dtype_size(dtype);
    char *bytes = sav_alloc(rows * cols * size + 1, 1);
    if (!bytes) exit(1);
    for (size_t i = 0; i < rows * cols; i++) {
        w[i] = sav_round((double)w[i], dtype);
        const uint16_t half = dtype == SAV_BF16 ? sav_narrow_bf16(w[i]) : sav_narrow_f16(w[i]);
        memcpy(bytes + 1 + i * size, dtype == SAV_F32 ? (const void *)&w[i] : &half, size);
    }
    *block = bytes;
    return (sav_matrix){.data = bytes + 1, .dtype = dtype, .rows = rows, .cols = cols};
}

static void test_pack(sav_dtype dtype, size_t rows, size_t cols, size_t group) {
    void *block;
    float *w = floats(rows * cols);
    for (size_t i = 0; i < rows * cols; i++) w[i] = value() * (i % 97 ? 1 : 30);
    memset(w, 0, sav_min(cols, group) * sizeof *w); /* a group of zeros */
    const sav_matrix from = stored(&block, w, rows, cols, dtype);
    panels p = pack(&from, group);
    double off = 0, all = 0;
    size_t far = 0, not_reached = 0;
    for (size_t n = 0; n < rows; n++)
        for (size_t k = 0; k < cols; k++) {
            float most = 0;
            for (size_t i = k / group * group; i < cols && i < k / group * group + group; i++)
                if (fabsf(w[n * cols + i]) > most) most = fabsf(w[n * cols + i]);
            const double d = (double)w[n * cols + k] - (double)sav_int8_weight(&p.W, n, k);
            far += fabs(d) > (double)most / 126 * 1.0001; /* half a step */
            /* the largest is met */
            not_reached += fabsf(w[n * cols + k]) == most && fabs(d) > (double)most * 1e-6;
            off += d * d, all += (double)w[n * cols + k] * (double)w[n * cols + k];
        }
    CHECK_SIZE(far, 0);
    CHECK_SIZE(not_reached, 0);
    CHECK(fabs(p.error[0] - off) <= 1e-5 * off + 1e-12 && fabs(p.error[1] - all) <= 1e-9 * all);
    /* what stands beyond the matrix is weight 0 */
    size_t bytes, scales, stray = 0, least = 255, most = 0;
    CHECK(sav_packed_sizes(&bytes, &scales, rows, cols, group));
    const unsigned char *at = p.bytes;
    const size_t quads = sav_round_up(cols, 4) / 4;
    for (size_t i = 0; i < bytes; i++) {
        const size_t n = i / (quads * 64) * 16 + i / 4 % 16, k = i / 64 % quads * 4 + i % 4;
        if (n >= rows || k >= cols) stray += at[i] != SAV_INT8_ZERO;
        least = sav_min(least, at[i]), most = at[i] > most ? at[i] : most;
    }
    CHECK_SIZE(stray, 0);
    CHECK(least >= 1 && most <= 127);
    free_panels(&p);
    sav_free(w), sav_free(block);
}

static void test_pack_bad(void) {
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < 3; i++) {
        float w[40] = {1, 2, 3}, scales[32];
        unsigned char panel[16 * 40];
        double error[2];
        w[37] = bad[i];
        const sav_matrix from = {.data = w, .dtype = SAV_F32, .rows = 1, .cols = 40};
        CHECK(!sav_int8_pack(panel, scales, error, &from, 0, 32));
    }
    size_t bytes, scales;
    CHECK(!sav_packed_sizes(&bytes, &scales, SIZE_MAX / 2, 64, 32));
}

/* ---- linear -------------------------------------------------------------------------------------------- */

/* One row's group as the engine has to see it. */
static float plain_group(int64_t *q, const float *x, size_t n) {
    float most = 0;
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(x[i]);
        if (fabsf(x[i]) > most) most = fabsf(x[i]);
    }
    const bool none = !finite || most <= FLT_MIN * 127;
    const float inverse = none ? 0 : 127.0f / most;
    for (size_t i = 0; i < n; i++) q[i] = none ? 0 : (int64_t)nearbyintf(x[i] * inverse);
    return !finite ? (float)NAN : none ? 0 : most / 127.0f;
}

static void plain_linear(float *out, const float *x, const sav_matrix *W, const float *bias, size_t T) {
    const size_t N = W->rows, K = W->cols, group = W->group, groups = (K + group - 1) / group,
                 quads = (K + 3) / 4;
    int64_t q[SAV_INT8_GROUP_MAX];
    const unsigned char *bytes = W->data;
    memset(out, 0, T * N * sizeof *out);
    for (size_t t = 0; t < T; t++)
        for (size_t g = 0; g < groups; g++) {
            const size_t k0 = g * group, n_k = sav_min(K - k0, group);
            const float scale = plain_group(q, x + t * K + k0, n_k);
            for (size_t n = 0; n < N; n++) {
                int64_t sum = 0;
                for (size_t i = 0; i < n_k; i++) {
                    const size_t k = k0 + i;
                    sum += q[i] *
                           (bytes[((n / 16 * quads + k / 4) * 16 + n % 16) * 4 + k % 4] - SAV_INT8_ZERO);
                }
                const float by = W->scales[(n / 16 * groups + g) * 16 + n % 16], part = (float)sum * by;
                out[t * N + n] += part * scale;
            }
        }
    for (size_t i = 0; i < T * N && bias; i++) out[i] += bias[i % N];
}

static void run_linear(const sav_product *to, size_t count, const float *x, size_t T,
                       const sav_kernels *kernels, int threads) {
    sav_arena arena = {0};
    sav_error err;
    CHECK(kernels->scratch(&arena.used, &(sav_extent){T, to->W->cols, 1, 1, threads}));
    if (!CHECK_OK(sav_arena_make(&arena, &err), &err)) exit(1);
    const sav_run run = {.R = SAV_F32, .threads = threads, .team_work = 0, .scratch = arena.base};
    kernels->linear(to, count, x, T, &run);
    sav_arena_free(&arena);
}

static void check_linear(const sav_kernels *kernels, size_t T, size_t N, size_t K, size_t group,
                         float spread) {
    void *block;
    char name[120];
    float *w = floats(N * K), *x = floats(T * K), *bias = floats(N), *got = floats(T * N),
          *want = floats(T * N), *row = floats(N);
    for (size_t i = 0; i < N * K; i++) w[i] = value();
    for (size_t i = 0; i < T * K; i++) x[i] = value() * (draw() % 50 ? 1 : spread);
    for (size_t i = 0; i < N; i++) bias[i] = value() * 100;
    const sav_matrix from = stored(&block, w, N, K, SAV_BF16);
    panels p = pack(&from, group);
    snprintf(name, sizeof name, "int8 %s, T %zu, N %zu, K %zu, groups of %zu", kernels->isa, T, N, K, group);
    plain_linear(want, x, &p.W, bias, T);
    for (int threads = 1; threads <= 3; threads += 2) {
        const sav_product to = {got, &p.W, bias};
        run_linear(&to, 1, x, T, kernels, threads);
        check_bits(got, want, T * N, name);
    }
    /* a row alone, and the same without bias */
    plain_linear(want, x, &p.W, NULL, T);
    const sav_product last = {row, &p.W, NULL};
    run_linear(&last, 1, x + (T - 1) * K, 1, kernels, 1);
    check_bits(row, want + (T - 1) * N, N, name);
    free_panels(&p);
    sav_free(w), sav_free(x), sav_free(bias), sav_free(got), sav_free(want), sav_free(row), sav_free(block);
}

static void test_linear(const sav_kernels *kernels) {
    static const size_t shapes[][3] = {{1, 1, 1},     {1, 16, 4},   {2, 15, 31},   {4, 16, 128},
                                       {5, 17, 33},   {7, 70, 100}, {9, 64, 257},  {3, 130, 1030},
                                       {8, 33, 1200}, {257, 5, 70}, {300, 65, 130}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t group = 32; group <= 128; group *= 2)
            check_linear(kernels, shapes[s][0], shapes[s][1], shapes[s][2], group, s % 2 ? 1.0f : 100.0f);
}

/* The largest sums there are: every weight 63 or -63, every x its group's largest, signs alike, opposite and
 * mixed. */
static void test_extremes(const sav_kernels *kernels) {
    enum { T = 4, N = 18, K = 256 };
    float *w = floats(N * K), *x = floats(T * K), got[T * N], want[T * N];
    void *block;
    for (size_t i = 0; i < N * K; i++) w[i] = i / K % 3 == 0 ? 1 : i / K % 3 == 1 ? -1 : i % 2 ? -1 : 1;
    for (size_t i = 0; i < T * K; i++)
        x[i] = i / K == 0 ? 3 : i / K == 1 ? -3 : i / K == 2 ? (i % 2 ? -3 : 3) : (i % 4 < 2 ? 3 : -3);
    const sav_matrix from = stored(&block, w, N, K, SAV_F32);
    for (size_t group = 32; group <= 128; group *= 2) {
        panels p = pack(&from, group);
        const sav_product to = {got, &p.W, NULL};
        plain_linear(want, x, &p.W, NULL, T);
        run_linear(&to, 1, x, T, kernels, 1);
        check_bits(got, want, T * N, "extremes");
        CHECK(fabs((double)got[0] - 3.0 * K) < 1e-3 && fabs((double)got[N] + 3.0 * K) < 1e-3);
        free_panels(&p);
    }
    sav_free(w), sav_free(x), sav_free(block);
}

/* Rows of nothing, of almost nothing, and of no numbers: only those rows are touched. */
static void test_odd_rows(const sav_kernels *kernels) {
    enum { T = 6, N = 20, K = 96 };
    float *w = floats(N * K), *x = floats(T * K), bias[N], got[T * N], want[T * N];
    void *block;
    for (size_t i = 0; i < N * K; i++) w[i] = value();
    for (size_t i = 0; i < T * K; i++) x[i] = i / K == 1 ? 0 : i / K == 2 ? 1e-44f : value();
    for (size_t i = 0; i < N; i++) bias[i] = value();
    x[3 * K + 70] = INFINITY;
    x[4 * K + 1] = NAN;
    const sav_matrix from = stored(&block, w, N, K, SAV_F16);
    panels p = pack(&from, 32);
    const sav_product to = {got, &p.W, bias};
    plain_linear(want, x, &p.W, bias, T);
    run_linear(&to, 1, x, T, kernels, 1);
    check_bits(got, want, T * N, "odd rows");
    check_bits(got + N, bias, N, "a row of zeros");
    check_bits(got + 2 * N, bias, N, "a row of subnormals");
    CHECK(isnan(got[3 * N]) && isnan(got[4 * N + N - 1]) && isfinite(got[0]) && isfinite(got[5 * N]));
    free_panels(&p);
    sav_free(w), sav_free(x), sav_free(block);
}

/* Several products in one call are the products one by one; a matrix that stayed as it was is the float
 * engine's. */
static void test_several(const sav_kernels *kernels) {
    enum { T = 5, K = 200 };
    static const size_t N[3] = {130, 16, 7};
    float *x = floats(T * K), *w[3], *got[3], *want[3];
    void *block[3];
    panels p[3];
    sav_matrix from[3];
    for (size_t i = 0; i < T * K; i++) x[i] = value();
    for (size_t j = 0; j < 3; j++) {
        w[j] = floats(N[j] * K), got[j] = floats(T * N[j]), want[j] = floats(T * N[j]);
        for (size_t i = 0; i < N[j] * K; i++) w[j][i] = value();
        from[j] = stored(&block[j], w[j], N[j], K, SAV_BF16);
        p[j] = pack(&from[j], 64);
    }
    const sav_kernels *plain = sav_kernels_at(0);
    for (int mixed = 0; mixed < 3; mixed++) { /* none, the middle one, all of them as stored */
        sav_product to[3];
        for (size_t j = 0; j < 3; j++) {
            const bool as_stored = mixed == 2 || (mixed == 1 && j == 1);
            to[j] = (sav_product){got[j], as_stored ? &from[j] : &p[j].W, NULL};
            const sav_product one = {want[j], to[j].W, NULL};
            if (as_stored)
                run_linear(&one, 1, x, T, plain, 1);
            else
                plain_linear(want[j], x, &p[j].W, NULL, T);
        }
        run_linear(to, 3, x, T, kernels, 2);
        for (size_t j = 0; j < 3; j++) check_bits(got[j], want[j], T * N[j], "several products");
    }
    for (size_t j = 0; j < 3; j++) {
        free_panels(&p[j]);
        sav_free(w[j]), sav_free(got[j]), sav_free(want[j]), sav_free(block[j]);
    }
    sav_free(x);
}

/* What int8 costs: relative error of a product of Gaussian matrices, with groups of 128 and of 32. */
static void test_error(const sav_kernels *kernels) {
    enum { T = 16, N = 64, K = 1024 };
    float *w = floats(N * K), *x = floats(T * K), got[T * N];
    void *block;
    double errors[2];
    for (size_t i = 0; i < N * K; i++) w[i] = value();
    for (size_t i = 0; i < T * K; i++) x[i] = value();
    const sav_matrix from = stored(&block, w, N, K, SAV_BF16);
    for (size_t g = 0; g < 2; g++) {
        panels p = pack(&from, g ? 32 : 128);
        const sav_product to = {got, &p.W, NULL};
        double off = 0, all = 0;
        run_linear(&to, 1, x, T, kernels, 1);
        for (size_t t = 0; t < T; t++)
            for (size_t n = 0; n < N; n++) {
                double sum = 0;
                for (size_t k = 0; k < K; k++) sum += (double)x[t * K + k] * (double)w[n * K + k];
                off += (sum - (double)got[t * N + n]) * (sum - (double)got[t * N + n]), all += sum * sum;
            }
        errors[g] = sqrt(off / all);
        free_panels(&p);
    }
    if (!CHECK(errors[0] > 0.004 && errors[0] < 0.018 && errors[1] < errors[0]))
        printf("errors %g %g\n", errors[0], errors[1]);
    sav_free(w), sav_free(x), sav_free(block);
}

int main(void) {
    static const char *const isas[] = {"c", "avx2", "vnni", "avxvnni", "neon", "dotprod"};
    static const size_t sizes[][2] = {{1, 1}, {16, 128}, {17, 130}, {40, 101}, {3, 300}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int dtype = SAV_F32; dtype <= SAV_F16; dtype++)
            for (size_t group = 32; group <= 128; group *= 2)
                test_pack((sav_dtype)dtype, sizes[s][0], sizes[s][1], group);
    test_pack_bad();
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        const sav_kernels *kernels = sav_kernels_find("int8", isas[i], NULL);
        if (!kernels) {
            char why[60];
            snprintf(why, sizeof why, "int8 %s: not on this CPU", isas[i]);
            check_skip(why);
            continue;
        }
        test_linear(kernels);
        test_extremes(kernels);
        test_odd_rows(kernels);
        test_several(kernels);
        test_error(kernels);
    }
    CHECK(sav_kernels_find("int8", "c", NULL) != NULL);
    return check_report("int8");
}
