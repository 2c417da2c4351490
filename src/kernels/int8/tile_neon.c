/* tile_neon.c: the int8 tile for every ARM64: 4 rows x 16 outputs. Products of bytes to 16 bits, two of them
 * added, which cannot overflow (int8.h); pairs of those to 32. */
#include <arm_neon.h>

#include "kernels/int8/quantise.inc"

enum { ROWS = 4 };

/* Four outputs' sums += their four weights, 16 bytes of w, times the four bytes of x, which are there
 * twice. */
static inline int32x4_t add(int32x4_t sums, const unsigned char *w, int8x8_t x) {
    const int8x16_t weights = vreinterpretq_s8_u8(vld1q_u8(w)); /* at most 127: the same number either way */
    const int16x8_t two = vmull_s8(vget_low_s8(weights), x), other = vmull_s8(vget_high_s8(weights), x);
    return vpadalq_s16(sums, vpaddq_s16(two, other));
}

static inline int8x8_t quad(const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return vreinterpret_s8_s32(vdup_n_s32(four));
}

static void tile(float *sums, const sav_int8_rows *x, size_t row, const sav_int8_span *span) {
    const unsigned char *panel = span->panel;
    const float *scales = span->scales;
    for (size_t g = span->from; g < span->to; g++) {
        const size_t steps = g + 1 == span->end ? span->last : span->steps;
        for (size_t r = row; r < row + ROWS; r++) {
            const unsigned char *w = panel + g * span->steps * SAV_INT8_COLS * SAV_INT8_DEPTH;
            const int8_t *from = x->x + r * x->stride + g * span->steps * SAV_INT8_DEPTH;
            const int32x4_t start = vdupq_n_s32(x->start[r * x->groups + g]);
            int32x4_t a = start, b = start, c = start, d = start;
            for (size_t s = 0; s < steps; s++, w += SAV_INT8_COLS * SAV_INT8_DEPTH) {
                const int8x8_t four = quad(from + SAV_INT8_DEPTH * s);
                a = add(a, w, four);
                b = add(b, w + 16, four);
                c = add(c, w + 32, four);
                d = add(d, w + 48, four);
            }
            const int32x4_t whole[4] = {a, b, c, d};
            for (size_t i = 0; i < 4; i++) {
                float *to = sums + (r - row) * SAV_INT8_COLS + 4 * i;
                const float32x4_t scale = vld1q_f32(scales + g * SAV_INT8_COLS + 4 * i);
                const float32x4_t part =
                    vmulq_n_f32(vmulq_f32(vcvtq_f32_s32(whole[i]), scale), x->scale[r * x->groups + g]);
                vst1q_f32(to, vaddq_f32(vld1q_f32(to), part));
            }
        }
    }
}

#define ISA neon
#define VECTOR 16
#include "kernels/int8/row.inc"
