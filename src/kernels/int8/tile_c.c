/* tile_c.c: the int8 tile for any CPU, and what the others must equal to the bit. */
#include "kernels/int8/quantise.inc"

enum { ROWS = 4 };

/* 16 dot products of one row's group. */
static inline void dot(int32_t sums[SAV_INT8_COLS], const int8_t *x, const unsigned char *w, size_t steps) {
    for (size_t s = 0; s < steps; s++, x += SAV_INT8_DEPTH, w += SAV_INT8_COLS * SAV_INT8_DEPTH)
        for (size_t c = 0; c < SAV_INT8_COLS; c++)
            for (size_t k = 0; k < SAV_INT8_DEPTH; k++) sums[c] += w[c * SAV_INT8_DEPTH + k] * x[k];
}

static void tile(float *sums, const sav_int8_rows *x, size_t row, const sav_int8_span *span) {
    const unsigned char *panel = span->panel;
    const float *scales = span->scales;
    for (size_t g = span->from; g < span->to; g++) {
        const size_t steps = g + 1 == span->end ? span->last : span->steps;
        const unsigned char *w = panel + g * span->steps * SAV_INT8_COLS * SAV_INT8_DEPTH;
        const float *scale = scales + g * SAV_INT8_COLS;
        for (size_t r = 0; r < ROWS; r++) {
            const size_t at = (row + r) * x->groups + g;
            int32_t whole[SAV_INT8_COLS];
            for (size_t c = 0; c < SAV_INT8_COLS; c++) whole[c] = x->start[at];
            dot(whole, x->x + (row + r) * x->stride + g * span->steps * SAV_INT8_DEPTH, w, steps);
            for (size_t c = 0; c < SAV_INT8_COLS; c++)
                sums[r * SAV_INT8_COLS + c] += (float)whole[c] * scale[c] * x->scale[at];
        }
    }
}

#define ISA c
#define VECTOR 16
#include "kernels/int8/row.inc"
