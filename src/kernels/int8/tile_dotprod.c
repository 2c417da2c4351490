/* tile_dotprod.c: the int8 tile with ARM's dot product: 4 rows x 16 outputs; an instruction adds four
 * products to each sum. */
#include <arm_neon.h>

#include "kernels/int8/quantise.inc"

enum { ROWS = 4 };

static inline int8x16_t quad(const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

#define START_ROW(i)                                                                      \
    const int8_t *x##i = x->x + (row + i) * x->stride + g * span->steps * SAV_INT8_DEPTH; \
    int32x4_t a##i = vdupq_n_s32(x->start[(row + i) * x->groups + g]), b##i = a##i, c##i = a##i, d##i = a##i
#define ADD_ROW(i)                                              \
    do {                                                        \
        const int8x16_t four = quad(x##i + SAV_INT8_DEPTH * s); \
        a##i = vdotq_s32(a##i, w0, four);                       \
        b##i = vdotq_s32(b##i, w1, four);                       \
        c##i = vdotq_s32(c##i, w2, four);                       \
        d##i = vdotq_s32(d##i, w3, four);                       \
    } while (0)
#define SCALE_ROW(i)                                                     \
    do {                                                                 \
        const float by = x->scale[(row + i) * x->groups + g];            \
        scale_four(sums + i * SAV_INT8_COLS, a##i, scale, by);           \
        scale_four(sums + i * SAV_INT8_COLS + 4, b##i, scale + 4, by);   \
        scale_four(sums + i * SAV_INT8_COLS + 8, c##i, scale + 8, by);   \
        scale_four(sums + i * SAV_INT8_COLS + 12, d##i, scale + 12, by); \
    } while (0)
#define EACH_ROW(do_row) \
    do_row(0);           \
    do_row(1);           \
    do_row(2);           \
    do_row(3)

static inline void scale_four(float *to, int32x4_t whole, const float *scale, float by) {
    const float32x4_t part = vmulq_n_f32(vmulq_f32(vcvtq_f32_s32(whole), vld1q_f32(scale)), by);
    vst1q_f32(to, vaddq_f32(vld1q_f32(to), part));
}

/* A stored byte is at most 127, so it is the same number signed. */
static inline int8x16_t load(const unsigned char *w) {
    return vreinterpretq_s8_u8(vld1q_u8(w));
}

static void tile(float *sums, const sav_int8_rows *x, size_t row, const sav_int8_span *span) {
    const unsigned char *panel = span->panel;
    const float *scales = span->scales;
    for (size_t g = span->from; g < span->to; g++) {
        const size_t steps = g + 1 == span->end ? span->last : span->steps;
        const unsigned char *w = panel + g * span->steps * SAV_INT8_COLS * SAV_INT8_DEPTH;
        const float *scale = scales + g * SAV_INT8_COLS;
        EACH_ROW(START_ROW);
        for (size_t s = 0; s < steps; s++, w += SAV_INT8_COLS * SAV_INT8_DEPTH) {
            const int8x16_t w0 = load(w), w1 = load(w + 16), w2 = load(w + 32), w3 = load(w + 48);
            EACH_ROW(ADD_ROW);
        }
        EACH_ROW(SCALE_ROW);
    }
}

#define ISA dotprod
#define VECTOR 16
#include "kernels/int8/row.inc"
