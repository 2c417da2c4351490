/* tile.h: the register tile and the packing, once for every ISA. A file of one ISA defines
 *
 *   LANES  doubles in a vector     ROWS  rows of a tile, 4 or 8; a row is three vectors
 *   ISA  name of the table     ROWS_TABLE  name of the one in rows.h
 *
 * and includes this. Only this file's sums may be contracted to fused multiply-adds: the products are exact.
 */
#if defined(__AVX__)
#include <immintrin.h>
#endif
#include <string.h>

#include "kernels/ahead.h"
#include "kernels/exact/exact.h"

typedef double vec __attribute__((vector_size(LANES * 8)));

enum { COLS = LANES * 3 };

/* ---- packing: four rows at a time, turned so that their elements of one k lie together, and widened to
 * doubles */

typedef uint16_t halves __attribute__((vector_size(16)));
typedef uint32_t words __attribute__((vector_size(16)));
typedef float floats __attribute__((vector_size(16)));
#if !defined(__AVX__)
typedef double doubles __attribute__((vector_size(32)));
#endif

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(type, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(type, a, b, ...) __builtin_shuffle(a, b, (type){__VA_ARGS__})
#endif

static inline float widen(const exact_operand *from, size_t at) {
    float x;
    uint16_t half;
    if (from->dtype == SAV_F32) {
        memcpy(&x, (const char *)from->data + 4 * at, 4);
        return x;
    }
    memcpy(&half, (const char *)from->data + 2 * at, 2);
    return from->dtype == SAV_BF16 ? sav_widen_bf16(half) : sav_widen_f16(half);
}

/* Element by element: any type, any steps, with the rounding to R. */
static void pack_slowly(double *panel, const exact_operand *from, size_t width, size_t start, size_t have,
                        size_t k0, size_t depth) {
    for (size_t k = k0; k < depth; k++)
        for (size_t r = 0; r < have; r++)
            panel[k * width + r] = (double)sav_round(
                (double)widen(from, start + r * from->row_step + k * from->k_step), from->R);
}

static inline void put(double *to, floats x) {
#if defined(__AVX__) /* gcc 12 makes four instructions and a trip to memory of __builtin_convertvector */
    _mm256_storeu_pd(to, _mm256_cvtps_pd((__m128)x));
#else
    doubles wide = __builtin_convertvector(x, doubles);
    memcpy(to, &wide, sizeof wide);
#endif
}

/* Four of the stored halves as floats: sav_widen_bf16, sav_widen_f16 without branches. f16: 2^112 moves the
 * exponent to float's and makes subnormal numbers normal; both are exact. */
static inline floats widen_four(words w, bool bf16) {
    floats x;
    if (bf16) {
        memcpy(&x, &w, sizeof x);
        return x;
    }
    words low = (w & 0x7fff) << 13, sign = (w & 0x8000) << 16;
    words infinite = (words)(low >= 0x7c00u << 13) & 0x7f800000;
    memcpy(&x, &low, sizeof x);
    x *= 0x1p112f;
    memcpy(&w, &x, sizeof w);
    w |= infinite | sign;
    memcpy(&x, &w, sizeof x);
    return x;
}

/* Rows p, p + row, … of bf16 or f16; a bf16 is the upper half of its float, so it is joined to zeros from
 * below. */
static inline void pack_halves(double *panel, const char *p, size_t row, size_t width, size_t depth,
                               bool bf16) {
    const halves none = {0};
    for (size_t k = 0; k + 8 <= depth; k += 8, p += 16, panel += 8 * width) {
        halves a, b, c, d;
        memcpy(&a, p, 16), memcpy(&b, p + row, 16), memcpy(&c, p + 2 * row, 16), memcpy(&d, p + 3 * row, 16);
        words ab[2] = {(words)SHUFFLE(halves, a, b, 0, 8, 1, 9, 2, 10, 3, 11),
                       (words)SHUFFLE(halves, a, b, 4, 12, 5, 13, 6, 14, 7, 15)};
        words cd[2] = {(words)SHUFFLE(halves, c, d, 0, 8, 1, 9, 2, 10, 3, 11),
                       (words)SHUFFLE(halves, c, d, 4, 12, 5, 13, 6, 14, 7, 15)};
        for (size_t i = 0; i < 2; i++) {
            halves early = (halves)SHUFFLE(words, ab[i], cd[i], 0, 4, 1, 5),
                   late = (halves)SHUFFLE(words, ab[i], cd[i], 2, 6, 3, 7);
            halves e = bf16 ? none : early, l = bf16 ? none : late, ee = bf16 ? early : none,
                   ll = bf16 ? late : none;
            double *to = panel + 4 * i * width;
            put(to, widen_four((words)SHUFFLE(halves, e, ee, 0, 8, 1, 9, 2, 10, 3, 11), bf16));
            put(to + width, widen_four((words)SHUFFLE(halves, e, ee, 4, 12, 5, 13, 6, 14, 7, 15), bf16));
            put(to + 2 * width, widen_four((words)SHUFFLE(halves, l, ll, 0, 8, 1, 9, 2, 10, 3, 11), bf16));
            put(to + 3 * width, widen_four((words)SHUFFLE(halves, l, ll, 4, 12, 5, 13, 6, 14, 7, 15), bf16));
        }
    }
}

static inline void pack_floats(double *panel, const char *p, size_t row, size_t width, size_t depth) {
    for (size_t k = 0; k + 4 <= depth; k += 4, p += 16, panel += 4 * width) {
        floats a, b, c, d;
        memcpy(&a, p, 16), memcpy(&b, p + row, 16), memcpy(&c, p + 2 * row, 16), memcpy(&d, p + 3 * row, 16);
        floats ab = SHUFFLE(words, a, b, 0, 4, 1, 5), cd = SHUFFLE(words, c, d, 0, 4, 1, 5);
        put(panel, SHUFFLE(words, ab, cd, 0, 1, 4, 5));
        put(panel + width, SHUFFLE(words, ab, cd, 2, 3, 6, 7));
        ab = SHUFFLE(words, a, b, 2, 6, 3, 7), cd = SHUFFLE(words, c, d, 2, 6, 3, 7);
        put(panel + 2 * width, SHUFFLE(words, ab, cd, 0, 1, 4, 5));
        put(panel + 3 * width, SHUFFLE(words, ab, cd, 2, 3, 6, 7));
    }
}

/* Rows that lie together, as those of V read sideways do. */
static inline void pack_columns(double *panel, const char *p, size_t k_step, size_t width, size_t have,
                                size_t depth) {
    for (size_t k = 0; k < depth; k++, p += 4 * k_step, panel += width) {
        float x[COLS];
        memcpy(x, p, 4 * have);
        for (size_t r = 0; r < have; r++) panel[r] = (double)x[r];
    }
}

static void pack(double *panel, const exact_operand *from, size_t width, size_t row, size_t rows, size_t k0,
                 size_t depth) {
    const size_t have = row >= rows ? 0 : sav_min(rows - row, width), bytes = from->dtype == SAV_F32 ? 4 : 2;
    const size_t start = row * from->row_step + k0 * from->k_step, step = from->row_step * bytes;
    const char *data = (const char *)from->data + bytes * start;
    const bool as_stored = from->R == SAV_F32 || from->R == from->dtype;
    if (have < width) memset(panel, 0, depth * width * sizeof *panel);
    if (as_stored && from->row_step == 1 && from->dtype == SAV_F32) {
        if (have == COLS)
            pack_columns(panel, data, from->k_step, width, COLS, depth);
        else
            pack_columns(panel, data, from->k_step, width, have, depth);
        return;
    }
    if (!as_stored || from->k_step != 1 || have < 4) {
        pack_slowly(panel, from, width, start, have, 0, depth);
        return;
    }
    for (size_t r = 0; r < have; r += 4) { /* the last four may overlap those before them */
        const size_t first = sav_min(r, have - 4);
        if (from->dtype == SAV_F32)
            pack_floats(panel + first, data + first * step, step, width, depth);
        else if (from->dtype == SAV_BF16)
            pack_halves(panel + first, data + first * step, step, width, depth, true);
        else
            pack_halves(panel + first, data + first * step, step, width, depth, false);
    }
    const size_t done = from->dtype == SAV_F32 ? depth / 4 * 4 : depth / 8 * 8;
    pack_slowly(panel, from, width, start, have, done, depth);
}

/* ---- the register tile --------------------------------------------------------------------------------- */

static inline vec load(const double *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(double *p, vec v) {
    memcpy(p, &v, sizeof v);
}

/* Sums have a name each: a compiler keeps names in registers, and not every compiler keeps arrays there. */
#define LOAD_ROW(i)                                                         \
    vec s##i##0 = load(c + (i)*COLS), s##i##1 = load(c + (i)*COLS + LANES), \
        s##i##2 = load(c + (i)*COLS + 2 * LANES)
#define STORE_ROW(i)                                                    \
    store(c + (i)*COLS, s##i##0), store(c + (i)*COLS + LANES, s##i##1), \
        store(c + (i)*COLS + 2 * LANES, s##i##2)
#define ADD_ROW(i) s##i##0 += now[i] * w0, s##i##1 += now[i] * w1, s##i##2 += now[i] * w2
#define STEP(k)                                                             \
    do {                                                                    \
        const double *now = a + (k)*ROWS;                                   \
        const vec w0 = load(b + (k)*COLS), w1 = load(b + (k)*COLS + LANES), \
                  w2 = load(b + (k)*COLS + 2 * LANES);                      \
        EACH_ROW(ADD_ROW);                                                  \
    } while (0)
#if ROWS == 8
#define EACH_ROW(what) what(0), what(1), what(2), what(3), what(4), what(5), what(6), what(7)
#else
#define EACH_ROW(what) what(0), what(1), what(2), what(3)
#endif

/* The next tile reads the next rows of a and writes the next sums, which are asked for meanwhile. */
static void tile(double *restrict c, const double *restrict a, const double *restrict b, size_t depth) {
    enum { LINE = SAV_LINE / sizeof(double) };
    const double *ahead = a + ROWS * depth;
    LOAD_ROW(0);
    LOAD_ROW(1);
    LOAD_ROW(2);
    LOAD_ROW(3);
#if ROWS == 8
    LOAD_ROW(4);
    LOAD_ROW(5);
    LOAD_ROW(6);
    LOAD_ROW(7);
#endif
    for (size_t i = 0; i < ROWS * COLS; i += LINE) __builtin_prefetch(c + ROWS * COLS + i);
    for (; depth >= 4; depth -= 4) { /* four steps a turn: the loop's end is foreseen */
        for (size_t i = 0; i < 4 * ROWS; i += LINE) __builtin_prefetch(ahead + i);
        STEP(0);
        STEP(1);
        STEP(2);
        STEP(3);
        a += 4 * ROWS, b += 4 * COLS, ahead += 4 * ROWS;
    }
    for (; depth; depth--, a += ROWS, b += COLS) STEP(0);
    EACH_ROW(STORE_ROW);
}

const exact_isa ISA = {ROWS, COLS, pack, tile, &ROWS_TABLE};
