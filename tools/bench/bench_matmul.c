/* bench_matmul.c: the matmul of each engine against this core's own multiply-add peak, measured in the same
 * run.
 *
 *   build/tools/bench/bench_matmul [T N K [rounds]]  default 256 3584 3584,
 *       a 7B model's square projection; one thread
 *
 * A share is the median over the rounds of (matmul's rate / peak measured right before it), so that a busy
 * machine slows both. exact is measured against the double peak, the others against the float32 peak; int8
 * with its own panels, groups of 128.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "kernels/int8/int8.h"
#include "kernels/kernels.h"
#include "kernels/peak.h"

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* W in the panels of the int8 engine. */
static sav_matrix quantised(const sav_matrix *W) {
    size_t bytes, floats, one_bytes, one_floats;
    double error[2];
    if (!sav_packed_sizes(&bytes, &floats, W->rows, W->cols, SAV_INT8_GROUP_MAX) ||
        !sav_packed_sizes(&one_bytes, &one_floats, SAV_INT8_COLS, W->cols, SAV_INT8_GROUP_MAX))
        exit(1);
    unsigned char *panels = malloc(bytes);
    float *scales = malloc(floats * sizeof *scales);
    if (!panels || !scales) exit(1);
    for (size_t n = 0, i = 0; n < W->rows; n += SAV_INT8_COLS, i++)
        sav_int8_pack(panels + i * one_bytes, scales + i * one_floats, error, W, n, SAV_INT8_GROUP_MAX);
    return (sav_matrix){.data = panels,
                        .dtype = SAV_U8,
                        .rows = W->rows,
                        .cols = W->cols,
                        .scales = scales,
                        .group = SAV_INT8_GROUP_MAX};
}

static float random_value(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-24f - 0.5f;
}

static void bench(const sav_kernels *kernels, size_t T, size_t N, size_t K, int rounds) {
    const bool exact = kernels->in_double;
    size_t bytes;
    double shares[64], best = 0;
    uint32_t state = 1;
    if (!kernels->scratch(&bytes, &(sav_extent){T, K, T, 64, 1})) exit(1);
    float *x = malloc(T * K * sizeof *x), *out = malloc(T * N * sizeof *out);
    uint16_t *w = malloc(N * K * sizeof *w);
    void *room = malloc(bytes + 64);
    if (!x || !out || !w || !room) exit(1);
    for (size_t i = 0; i < T * K; i++) x[i] = random_value(&state);
    for (size_t i = 0; i < N * K; i++) {
        float v = random_value(&state);
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        w[i] = (uint16_t)(bits >> 16); /* bf16, as checkpoints store */
    }
    sav_matrix W = {.data = w, .dtype = SAV_BF16, .rows = N, .cols = K};
    const bool int8 = kernels->needs != 0;
    if (int8) W = quantised(&W);
    sav_run run = {.R = SAV_F32,
                   .threads = 1,
                   .team_work = SAV_TEAM_WORK,
                   .scratch = (char *)room + (64 - (uintptr_t)room % 64)};
    sav_error err;
    if (kernels->start && kernels->start(&run, &err)) {
        printf("%s\n", err.message);
        free(x), free(w), free(out), free(room);
        return;
    }
    sav_multiply(out, x, &W, NULL, T, kernels, &run);
    for (int r = 0; r < rounds; r++) {
        double top = sav_peak(kernels->vector_bytes, exact), start = sav_os_cpu_seconds();
        sav_multiply(out, x, &W, NULL, T, kernels, &run);
        double rate = 2e-9 * (double)T * (double)N * (double)K / (sav_os_cpu_seconds() - start);
        shares[r] = rate / top;
        if (rate > best) best = rate;
    }
    qsort(shares, (size_t)rounds, sizeof *shares, by_value);
    printf("%-6s %-8s %zu x %zu x %zu: %.2f of the %s multiply-add peak (%.2f to %.2f), best %.1f Gflop/s\n",
           kernels->engine, kernels->isa, T, N, K, shares[rounds / 2], exact ? "double" : "float32",
           shares[0], shares[rounds - 1], best);
    if (int8) free((void *)(uintptr_t)W.data), free((void *)(uintptr_t)W.scales);
    free(x), free(out), free(w), free(room);
}

int main(int argc, char **argv) {
    size_t T = argc > 3 ? strtoul(argv[1], NULL, 10) : 256, N = argc > 3 ? strtoul(argv[2], NULL, 10) : 3584;
    size_t K = argc > 3 ? strtoul(argv[3], NULL, 10) : 3584;
    int rounds = argc > 4 ? atoi(argv[4]) : 7;
    if (!T || !N || !K || rounds < 1 || rounds > 64) return 2;
    const sav_kernels *kernels;
    for (size_t i = 0; (kernels = sav_kernels_at(i)) != NULL; i++) bench(kernels, T, N, K, rounds);
    return 0;
}
