/* Scratch: what an engine writes stays inside the bytes that it asked for, at any number of threads, also
 * where many short segments (the pictures of a batch) make one attention; and each segment's result is the
 * one that it has alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine_run.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

enum {
    SEGMENTS = 400,
    ROWS = 9,
    P = SEGMENTS * ROWS,
    HEADS = 4,
    SIZE = 20,
    WIDTH = HEADS * SIZE,
    GUARD = 1 << 23
};

static uint32_t state = 1;

static void fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)((int32_t)(state >> 8) - 8388608) * 0x1p-23f;
    }
}

static sav_attention shape_of(size_t rows, const size_t *segments, size_t count) {
    return (sav_attention){.queries = rows,
                           .keys = rows,
                           .H = HEADS,
                           .G = HEADS,
                           .d = SIZE,
                           .q_stride = WIDTH,
                           .kv_stride = WIDTH,
                           .segments = segments,
                           .segment_count = count,
                           .scale = 0.25};
}

/* Attention in scratch of just its size, with a guard behind it. Segments of ROWS rows, so ROWS keys are all
 * that a query sees. */
static void attend(float *out, const float *q, const sav_kernels *kernels, const sav_attention *shape,
                   int threads) {
    size_t bytes, touched = 0;
    sav_error err;
    CHECK(kernels->scratch(&bytes, &(sav_extent){1, 1, ROWS, SIZE, threads}));
    sav_arena arena = {.used = bytes + GUARD};
    if (!CHECK_OK(sav_arena_make(&arena, &err), &err)) exit(1);
    memset(arena.base, 0xa5, bytes + GUARD);
    const sav_run run = engine_run(kernels, threads, arena.base);
    kernels->attention(out, q, q, q, shape, &run);
    for (size_t i = bytes; i < bytes + GUARD; i++) touched += arena.base[i] != 0xa5;
    if (!CHECK_SIZE(touched, 0)) printf("  %s %s, %d threads\n", kernels->engine, kernels->isa, threads);
    sav_arena_free(&arena);
}

static void test_segments(const sav_kernels *kernels, int threads) {
    static float q[P * WIDTH], whole[P * WIDTH], alone[ROWS * WIDTH];
    size_t segments[SEGMENTS + 1];
    for (size_t i = 0; i <= SEGMENTS; i++) segments[i] = i * ROWS;
    fill(q, P * WIDTH);
    const sav_attention all = shape_of(P, segments, SEGMENTS), one = shape_of(ROWS, NULL, 0);
    attend(whole, q, kernels, &all, threads);
    for (size_t i = 0; i < SEGMENTS; i++) {
        if (i % 10) continue; /* a few will do */
        attend(alone, q + i * ROWS * WIDTH, kernels, &one, 1);
        check_bits(alone, whole + i * ROWS * WIDTH, ROWS * WIDTH, kernels->engine);
    }
}

int main(void) {
    const sav_kernels *kernels;
    for (size_t i = 0; (kernels = sav_kernels_at(i)) != NULL; i++) {
        if (!engine_or_skip(kernels)) continue;
        test_segments(kernels, sav_threads(1));
        test_segments(kernels, sav_threads(3));
        test_segments(kernels, sav_threads(8));
    }
    return check_report("scratch");
}
