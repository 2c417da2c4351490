/* tile_avx2.c: the int8 tile with 256-bit vectors: 4 rows x 16 outputs, 8 of 16 registers hold sums. */
#include <immintrin.h>

#include "kernels/int8/quantise.inc"

enum { ROWS = 4 };

/* Four consecutive x, in every lane. */
static inline __m256i quad(const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

/* sum += part, in the register where sum is: GCC 12 would else move sums about and start all rows at once,
 * for which there are not enough registers. */
#define ADD(sum, part) __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(part))

/* Pairs of bytes to 16 bits, which cannot saturate (int8.h), then pairs of those to 32. */
#define ADD_ROW(i, k)                                                       \
    do {                                                                    \
        const __m256i four = quad(x##i + SAV_INT8_DEPTH * (s + (k)));       \
        ADD(a##i, _mm256_madd_epi16(_mm256_maddubs_epi16(w0, four), ones)); \
        ADD(b##i, _mm256_madd_epi16(_mm256_maddubs_epi16(w1, four), ones)); \
    } while (0)
#define STEP(k)                                                                           \
    do {                                                                                  \
        const unsigned char *now = w + (s + (k)) * SAV_INT8_COLS * SAV_INT8_DEPTH;        \
        const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)now);        \
        const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(now + 32)); \
        ADD_ROW(0, k);                                                                    \
        ADD_ROW(1, k);                                                                    \
        ADD_ROW(2, k);                                                                    \
        ADD_ROW(3, k);                                                                    \
    } while (0)
#define START_ROW(i)                                                                      \
    const int8_t *x##i = x->x + (row + i) * x->stride + g * span->steps * SAV_INT8_DEPTH; \
    __m256i a##i = _mm256_set1_epi32(x->start[(row + i) * x->groups + g]), b##i = a##i
#define SCALE_ROW(i)                                                                            \
    do {                                                                                        \
        const __m256 by = _mm256_set1_ps(x->scale[(row + i) * x->groups + g]);                  \
        float *to = sums + i * SAV_INT8_COLS;                                                   \
        const __m256 low = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(a##i), scale0), by);  \
        const __m256 high = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(b##i), scale1), by); \
        _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), low));                          \
        _mm256_storeu_ps(to + 8, _mm256_add_ps(_mm256_loadu_ps(to + 8), high));                 \
    } while (0)

static void tile(float *sums, const sav_int8_rows *x, size_t row, const sav_int8_span *span) {
    const unsigned char *panel = span->panel;
    const float *scales = span->scales;
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t g = span->from; g < span->to; g++) {
        const size_t steps = g + 1 == span->end ? span->last : span->steps;
        const unsigned char *w = panel + g * span->steps * SAV_INT8_COLS * SAV_INT8_DEPTH;
        START_ROW(0);
        START_ROW(1);
        START_ROW(2);
        START_ROW(3);
        size_t s = 0;
        for (; s + 4 <= steps; s += 4) { /* four a turn: the loop's end is foreseen */
            STEP(0);
            STEP(1);
            STEP(2);
            STEP(3);
        }
        for (; s < steps; s++) STEP(0);
        const __m256 scale0 = _mm256_loadu_ps(scales + g * SAV_INT8_COLS),
                     scale1 = _mm256_loadu_ps(scales + g * SAV_INT8_COLS + 8);
        SCALE_ROW(0);
        SCALE_ROW(1);
        SCALE_ROW(2);
        SCALE_ROW(3);
    }
}

#define ISA avx2
#define VECTOR 32
#include "kernels/int8/row.inc"
