/* tile.h: packing, the register tile and softmax over columns, once for every ISA. A file of one ISA defines
 *
 *   LANES  floats in a vector           ROWS   rows of a tile (mr): 4, 6 or 8
 *   VECS   vectors in a row, 2 or 3     ISA    name of the table
 *
 * and includes this. Multiply-adds may be fused here.
 */
#define FLOAT_LANES LANES
#include <math.h>

#include "kernels/ahead.h"
#include "kernels/panel/panel.h"

enum { COLS = LANES * VECS, GROUP = LANES < 8 ? 4 : 8 }; /* nr; rows that are transposed together */

/* ---- packing ------------------------------------------------------------------------------------------- */

typedef uint32_t words __attribute__((vector_size(GROUP * 4)));
typedef float singles __attribute__((vector_size(GROUP * 4)));

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (words){__VA_ARGS__})
#endif

/* row[r][k] -> row[k][r] for GROUP rows of GROUP words, by shuffles that stay within 128 bits, then one
 * across. */
static inline void transpose(words row[GROUP]) {
#if LANES < 8
    const words a = SHUFFLE(row[0], row[1], 0, 4, 1, 5), b = SHUFFLE(row[0], row[1], 2, 6, 3, 7);
    const words c = SHUFFLE(row[2], row[3], 0, 4, 1, 5), d = SHUFFLE(row[2], row[3], 2, 6, 3, 7);
    row[0] = SHUFFLE(a, c, 0, 1, 4, 5), row[1] = SHUFFLE(a, c, 2, 3, 6, 7);
    row[2] = SHUFFLE(b, d, 0, 1, 4, 5), row[3] = SHUFFLE(b, d, 2, 3, 6, 7);
#else
#define LOW(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(a, b) SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_PAIR(a, b) SHUFFLE(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_PAIR(a, b) SHUFFLE(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LOW_HALF(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH_HALF(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
    const words a0 = LOW(row[0], row[1]), a1 = HIGH(row[0], row[1]), a2 = LOW(row[2], row[3]),
                a3 = HIGH(row[2], row[3]);
    const words a4 = LOW(row[4], row[5]), a5 = HIGH(row[4], row[5]), a6 = LOW(row[6], row[7]),
                a7 = HIGH(row[6], row[7]);
    const words b0 = LOW_PAIR(a0, a2), b1 = HIGH_PAIR(a0, a2), b2 = LOW_PAIR(a1, a3), b3 = HIGH_PAIR(a1, a3);
    const words b4 = LOW_PAIR(a4, a6), b5 = HIGH_PAIR(a4, a6), b6 = LOW_PAIR(a5, a7), b7 = HIGH_PAIR(a5, a7);
    row[0] = LOW_HALF(b0, b4), row[1] = LOW_HALF(b1, b5), row[2] = LOW_HALF(b2, b6),
    row[3] = LOW_HALF(b3, b7);
    row[4] = HIGH_HALF(b0, b4), row[5] = HIGH_HALF(b1, b5), row[6] = HIGH_HALF(b2, b6),
    row[7] = HIGH_HALF(b3, b7);
#endif
}

/* f16 in the low halves of words, to float: the exponent is moved by a multiplication with 2^112, exact for
 * subnormals too. */
static inline singles widen_f16(words half) {
    const words sign = (half & 0x8000u) << 16, size = (half & 0x7fffu) << 13;
    const words infinite = (words)((half & 0x7c00u) == 0x7c00u) & 0x7f800000u; /* and NaN */
    return (singles)((words)((singles)size * 0x1p+112f) | infinite | sign);
}

/* A word of two halves: the one at the lower address, and the other (little-endian, as the files are). */
static inline singles first_half(words pair, sav_dtype dtype) {
    return dtype == SAV_BF16 ? (singles)(pair << 16) : widen_f16(pair & 0xffffu);
}

static inline singles second_half(words pair, sav_dtype dtype) {
    return dtype == SAV_BF16 ? (singles)(pair & 0xffff0000u) : widen_f16(pair >> 16);
}

static inline float element(const char *row, size_t k, sav_dtype dtype) {
    float x;
    uint16_t half;
    if (dtype == SAV_F32) {
        memcpy(&x, row + 4 * k, 4);
        return x;
    }
    memcpy(&half, row + 2 * k, 2);
    return dtype == SAV_BF16 ? sav_widen_bf16(half) : sav_widen_f16(half);
}

static inline words load_words(const char *p) {
    words w;
    memcpy(&w, p, sizeof w);
    return w;
}

static inline void store_words(float *p, words w) {
    memcpy(p, &w, sizeof w);
}

/* One word of each row, at panel: a float, or the floats of two successive k. */
static inline void put_words(float *panel, size_t width, words row, sav_dtype dtype) {
    if (dtype == SAV_F32) {
        store_words(panel, row);
    } else {
        store_words(panel, (words)first_half(row, dtype));
        store_words(panel + width, (words)second_half(row, dtype));
    }
}

/* GROUP rows into panel[k * width ..]. A width that is no multiple of GROUP makes each store spill into the
 * next k, which is written after it; the last k's are therefore written one by one. dtype is a constant where
 * this is called. The loops over GROUP are written out, else gcc would keep the rows in memory. */
static inline __attribute__((always_inline)) void pack_group(float *panel, const char *const rows[GROUP],
                                                             size_t width, size_t depth, sav_dtype dtype) {
    const size_t per_word = dtype == SAV_F32 ? 1 : 2, size = dtype == SAV_F32 ? 4 : 2,
                 step = GROUP * per_word;
    const size_t valid = width < GROUP ? width : GROUP;
    size_t k = 0;
    for (; k + step <= depth - (width % GROUP != 0); k += step) {
        words row[GROUP];
        float *to = panel + k * width;
#define LOAD_WORDS(r) row[r] = load_words(rows[r] + k * size)
#define PUT_WORDS(r) put_words(to + (r)*per_word * width, width, row[r], dtype)
        LOAD_WORDS(0), LOAD_WORDS(1), LOAD_WORDS(2), LOAD_WORDS(3);
#if LANES >= 8
        LOAD_WORDS(4), LOAD_WORDS(5), LOAD_WORDS(6), LOAD_WORDS(7);
#endif
        transpose(row);
        PUT_WORDS(0), PUT_WORDS(1), PUT_WORDS(2), PUT_WORDS(3);
#if LANES >= 8
        PUT_WORDS(4), PUT_WORDS(5), PUT_WORDS(6), PUT_WORDS(7);
#endif
    }
    for (; k < depth; k++)
        for (size_t r = 0; r < valid; r++) panel[k * width + r] = element(rows[r], k, dtype);
}

static void pack(float *panel, const panel_operand *from, size_t width, size_t row, size_t rows, size_t k0,
                 size_t depth) {
    const size_t size = from->dtype == SAV_F32 ? 4 : 2;
    for (size_t g = 0; g < width; g += GROUP) {
        const char *group[GROUP];
        for (size_t r = 0; r < GROUP; r++)
            group[r] = (const char *)from->data + (sav_min(row + g + r, rows - 1) * from->step + k0) * size;
        if (from->dtype == SAV_F32)
            pack_group(panel + g, group, width, depth, SAV_F32);
        else if (from->dtype == SAV_BF16)
            pack_group(panel + g, group, width, depth, SAV_BF16);
        else
            pack_group(panel + g, group, width, depth, SAV_F16);
    }
}

static void lay(float *panels, const float *from, size_t step, size_t rows, size_t depth) {
    for (size_t k = 0; k < depth; k++, from += step) {
        size_t r = 0;
        for (; r + ROWS <= rows; r += ROWS)
            memcpy(panels + r * depth + k * ROWS, from + r, ROWS * sizeof *panels);
        for (size_t i = 0; r < rows && i < ROWS; i++)
            panels[r * depth + k * ROWS + i] = r + i < rows ? from[r + i] : 0;
    }
}

/* ---- the tile ------------------------------------------------------------------------------------------ */

/* Sums have a name each: a compiler keeps names in registers, and not every compiler keeps arrays there. Rows
 * that a tile does not have, and a third vector where there are two, fold away. */
#define SUMS(i) sav_floats s##i##0 = {0}, s##i##1 = {0}, s##i##2 = {0}
#define ADD(i, k)   \
    if ((i) < rows) \
    s##i##0 += a[(k)*ROWS + (i)] * w0, s##i##1 += a[(k)*ROWS + (i)] * w1, s##i##2 += a[(k)*ROWS + (i)] * w2
#define STEP(k)                                                                                          \
    do {                                                                                                 \
        const sav_floats w0 = sav_floats_load(b + (k)*COLS), w1 = sav_floats_load(b + (k)*COLS + LANES); \
        const sav_floats w2 = VECS == 3 ? sav_floats_load(b + (k)*COLS + (VECS - 1) * LANES) : w1;       \
        ADD(0, k);                                                                                       \
        ADD(1, k);                                                                                       \
        ADD(2, k);                                                                                       \
        ADD(3, k);                                                                                       \
        ADD(4, k);                                                                                       \
        ADD(5, k);                                                                                       \
        ADD(6, k);                                                                                       \
        ADD(7, k);                                                                                       \
    } while (0)
#define PUT(i) \
    if ((i) < rows) put(c + (i)*COLS, s##i##0, s##i##1, s##i##2, add)

static inline void put(float *c, sav_floats s0, sav_floats s1, sav_floats s2, bool add) {
    if (add) s0 += sav_floats_load(c), s1 += sav_floats_load(c + LANES);
    sav_floats_store(c, s0), sav_floats_store(c + LANES, s1);
#if VECS == 3
    if (add) s2 += sav_floats_load(c + 2 * LANES);
    sav_floats_store(c + 2 * LANES, s2);
#else
    (void)s2;
#endif
}

/* The next tile reads the next rows of a and writes the next sums, which are asked for meanwhile. */
static inline __attribute__((always_inline)) void sum_rows(float *restrict c, const float *restrict a,
                                                           const float *restrict b, size_t depth, int rows,
                                                           bool add) {
    SUMS(0);
    SUMS(1);
    SUMS(2);
    SUMS(3);
    SUMS(4);
    SUMS(5);
    SUMS(6);
    SUMS(7);
    enum { LINE = SAV_LINE / sizeof(float) };
    const float *ahead = a + depth * ROWS;
    for (size_t i = 0; i < ROWS * COLS; i += LINE) __builtin_prefetch(c + ROWS * COLS + i);
    /* four a turn: the loop's end is foreseen */
    for (; depth >= 4; depth -= 4, a += 4 * ROWS, b += 4 * COLS, ahead += 4 * ROWS) {
        for (size_t i = 0; i < 4 * ROWS; i += LINE) __builtin_prefetch(ahead + i);
        STEP(0);
        STEP(1);
        STEP(2);
        STEP(3);
    }
    for (; depth; depth--, a += ROWS, b += COLS) STEP(0);
    PUT(0);
    PUT(1);
    PUT(2);
    PUT(3);
    PUT(4);
    PUT(5);
    PUT(6);
    PUT(7);
}

/* Each row's sums are the same whatever the number of rows. */
static void tile(float *c, const float *a, const float *b, size_t depth, size_t rows, bool add) {
    if (rows > 6 && ROWS > 6)
        sum_rows(c, a, b, depth, 8, add);
    else if (rows > 4 && ROWS > 4)
        sum_rows(c, a, b, depth, 6, add);
    else if (rows > 2)
        sum_rows(c, a, b, depth, 4, add);
    else
        sum_rows(c, a, b, depth, 2, add);
}

/* ---- softmax ------------------------------------------------------------------------------------------- */

/* Vector c of the columns' largest; two rows at a time, since a maximum waits for the one before. */
static inline void largest(sav_floats most[VECS], const float *s, size_t first, size_t last) {
    sav_floats other[VECS];
    size_t k = first;
    for (int c = 0; c < VECS; c++) most[c] = other[c] = sav_floats_load(s + k * COLS + c * LANES);
    for (; k + 2 <= last; k += 2)
        for (int c = 0; c < VECS; c++) {
            most[c] = sav_floats_larger(most[c], sav_floats_load(s + k * COLS + c * LANES));
            other[c] = sav_floats_larger(other[c], sav_floats_load(s + (k + 1) * COLS + c * LANES));
        }
    for (int c = 0; c < VECS; c++) {
        if (k < last) most[c] = sav_floats_larger(most[c], sav_floats_load(s + k * COLS + c * LANES));
        most[c] = sav_floats_larger(most[c], other[c]);
    }
}

/* The largest score is taken off before the scale is applied: large scores would lose in the product what
 * their difference has. Sums over k run in blocks of PANEL_KEYS from k = 0, so that zeros in front (masked
 * keys) change nothing. */
static void softmax(float *sums, float *s, size_t first, size_t last, float scale) {
    sav_floats most[VECS], sum[VECS] = {{0}};
    largest(most, s, first, last);
    for (size_t k = first; k < last;) {
        const size_t end = sav_min(last, (k / PANEL_KEYS + 1) * PANEL_KEYS);
        sav_floats part[VECS] = {{0}};
        for (; k < end; k++)
            for (int c = 0; c < VECS; c++) {
                float *at = s + k * COLS + c * LANES;
                const sav_floats e = sav_floats_exp((sav_floats_load(at) - most[c]) * scale);
                sav_floats_store(at, e);
                part[c] += e;
            }
        for (int c = 0; c < VECS; c++) sum[c] += part[c];
    }
    for (int c = 0; c < VECS; c++) sav_floats_store(sums + c * LANES, sum[c]);
}

const panel_isa ISA = {ROWS, COLS, pack, lay, tile, softmax, sav_float_activation};
