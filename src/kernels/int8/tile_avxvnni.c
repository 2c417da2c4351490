/* tile_avxvnni.c: the int8 tile with 256-bit AVX-VNNI: 4 rows x 16 outputs; an instruction adds four products
 * to each sum. */
#include <immintrin.h>

#include "kernels/int8/quantise.inc"

enum { ROWS = 4 };

static inline __m256i quad(const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

#define START_ROW(i)                                                                      \
    const int8_t *x##i = x->x + (row + i) * x->stride + g * span->steps * SAV_INT8_DEPTH; \
    __m256i a##i = _mm256_set1_epi32(x->start[(row + i) * x->groups + g]), b##i = a##i
#define ADD_ROW(i)                                            \
    do {                                                      \
        const __m256i four = quad(x##i + SAV_INT8_DEPTH * s); \
        a##i = _mm256_dpbusd_avx_epi32(a##i, w0, four);       \
        b##i = _mm256_dpbusd_avx_epi32(b##i, w1, four);       \
    } while (0)
#define SCALE_ROW(i)                                                                            \
    do {                                                                                        \
        const __m256 by = _mm256_set1_ps(x->scale[(row + i) * x->groups + g]);                  \
        const __m256 low = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(a##i), scale0), by);  \
        const __m256 high = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(b##i), scale1), by); \
        float *to = sums + i * SAV_INT8_COLS;                                                   \
        _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), low));                          \
        _mm256_storeu_ps(to + 8, _mm256_add_ps(_mm256_loadu_ps(to + 8), high));                 \
    } while (0)
#define EACH_ROW(do_row) \
    do_row(0);           \
    do_row(1);           \
    do_row(2);           \
    do_row(3)

static void tile(float *sums, const sav_int8_rows *x, size_t row, const sav_int8_span *span) {
    const unsigned char *panel = span->panel;
    const float *scales = span->scales;
    for (size_t g = span->from; g < span->to; g++) {
        const size_t steps = g + 1 == span->end ? span->last : span->steps;
        const unsigned char *w = panel + g * span->steps * SAV_INT8_COLS * SAV_INT8_DEPTH;
        EACH_ROW(START_ROW);
        for (size_t s = 0; s < steps; s++, w += SAV_INT8_COLS * SAV_INT8_DEPTH) {
            const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)w);
            const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(w + 32));
            EACH_ROW(ADD_ROW);
        }
        const __m256 scale0 = _mm256_loadu_ps(scales + g * SAV_INT8_COLS),
                     scale1 = _mm256_loadu_ps(scales + g * SAV_INT8_COLS + 8);
        EACH_ROW(SCALE_ROW);
    }
}

#define ISA avxvnni
#define VECTOR 32
#include "kernels/int8/row.inc"
