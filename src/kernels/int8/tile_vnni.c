/* tile_vnni.c: the int8 tile with AVX-512 VNNI: 8 rows x 16 outputs; an instruction adds four products to
 * each sum. */
#include <immintrin.h>

#include "kernels/int8/quantise.inc"

enum { ROWS = 8 };

static inline __m512i quad(const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

#define START_ROW(i)                                                                      \
    const int8_t *x##i = x->x + (row + i) * x->stride + g * span->steps * SAV_INT8_DEPTH; \
    __m512i a##i = _mm512_set1_epi32(x->start[(row + i) * x->groups + g])
#define ADD_ROW(i) a##i = _mm512_dpbusd_epi32(a##i, weights, quad(x##i + SAV_INT8_DEPTH * s))
#define SCALE_ROW(i)                                                                           \
    do {                                                                                       \
        const __m512 by = _mm512_set1_ps(x->scale[(row + i) * x->groups + g]);                 \
        const __m512 part = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(a##i), scale), by); \
        float *to = sums + i * SAV_INT8_COLS;                                                  \
        _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), part));                        \
    } while (0)
#define EACH_ROW(do_row) \
    do_row(0);           \
    do_row(1);           \
    do_row(2);           \
    do_row(3);           \
    do_row(4);           \
    do_row(5);           \
    do_row(6);           \
    do_row(7)

static void tile(float *sums, const sav_int8_rows *x, size_t row, const sav_int8_span *span) {
    const unsigned char *panel = span->panel;
    const float *scales = span->scales;
    for (size_t g = span->from; g < span->to; g++) {
        const size_t steps = g + 1 == span->end ? span->last : span->steps;
        const unsigned char *w = panel + g * span->steps * SAV_INT8_COLS * SAV_INT8_DEPTH;
        EACH_ROW(START_ROW);
        for (size_t s = 0; s < steps; s++, w += SAV_INT8_COLS * SAV_INT8_DEPTH) {
            const __m512i weights = _mm512_loadu_si512(w);
            EACH_ROW(ADD_ROW);
        }
        const __m512 scale = _mm512_loadu_ps(scales + g * SAV_INT8_COLS);
        EACH_ROW(SCALE_ROW);
    }
}

#define ISA vnni
#define VECTOR 64
#include "kernels/int8/row.inc"
