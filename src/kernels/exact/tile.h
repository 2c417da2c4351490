/* tile.h: the register tile and the packing, once for every ISA. A file of one ISA defines
 *
 *   LANES  doubles in a vector     ROWS  rows of a tile, 4 or 8; a row is three vectors     ISA  name of the table
 *
 * and includes this. Only this file's sums may be contracted to fused multiply-adds: the products are exact.
 */
#include <string.h>

#include "kernels/exact/exact.h"

typedef double vec __attribute__((vector_size(LANES * 8)));

enum { COLS = LANES * 3 };

static inline double widen(const exact_operand *from, size_t at) {
    float x;
    uint16_t half;
    if (from->dtype == SAV_F32) {
        memcpy(&x, (const char *)from->data + 4 * at, 4);
        return (double)x;
    }
    memcpy(&half, (const char *)from->data + 2 * at, 2);
    return (double)(from->dtype == SAV_BF16 ? sav_widen_bf16(half) : sav_widen_f16(half));
}

static inline void pack_f32(double *panel, const char *data, size_t row_step, size_t width, size_t have, size_t depth) {
    for (size_t r = 0; r < have; r++) {
        const char *p = data + 4 * r * row_step;
        for (size_t k = 0; k < depth; k++) {
            float x;
            memcpy(&x, p + 4 * k, 4);
            panel[k * width + r] = (double)x;
        }
    }
}

static inline void pack_bf16(double *panel, const char *data, size_t row_step, size_t width, size_t have, size_t depth) {
    for (size_t r = 0; r < have; r++) {
        const char *p = data + 2 * r * row_step;
        for (size_t k = 0; k < depth; k++) {
            uint16_t x;
            memcpy(&x, p + 2 * k, 2);
            panel[k * width + r] = (double)sav_widen_bf16(x);
        }
    }
}

static void pack(double *panel, const exact_operand *from, size_t width, size_t row, size_t rows, size_t k0, size_t depth) {
    size_t have = row >= rows ? 0 : rows - row < width ? rows - row : width;
    size_t start = row * from->row_step + k0 * from->k_step;
    if (have < width) memset(panel, 0, depth * width * sizeof *panel);
    bool as_stored = from->R == SAV_F32 || from->R == from->dtype;
    if (as_stored && from->k_step == 1 && from->dtype == SAV_F32) {
        pack_f32(panel, (const char *)from->data + 4 * start, from->row_step, width, have, depth);
    } else if (as_stored && from->k_step == 1 && from->dtype == SAV_BF16) {
        pack_bf16(panel, (const char *)from->data + 2 * start, from->row_step, width, have, depth);
    } else {
        for (size_t k = 0; k < depth; k++)
            for (size_t r = 0; r < have; r++)
                panel[k * width + r] = (double)sav_round(widen(from, start + r * from->row_step + k * from->k_step), from->R);
    }
}

static inline vec load(const double *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(double *p, vec v) {
    memcpy(p, &v, sizeof v);
}

/* Sums have a name each: a compiler keeps names in registers, and not every compiler keeps arrays there. */
#define LOAD_ROW(i) \
    vec s##i##0 = load(c + (i) * COLS), s##i##1 = load(c + (i) * COLS + LANES), s##i##2 = load(c + (i) * COLS + 2 * LANES)
#define STORE_ROW(i) \
    store(c + (i) * COLS, s##i##0), store(c + (i) * COLS + LANES, s##i##1), store(c + (i) * COLS + 2 * LANES, s##i##2)
#define ADD_ROW(i) s##i##0 += a[i] * w0, s##i##1 += a[i] * w1, s##i##2 += a[i] * w2

static void tile(double *restrict c, const double *restrict a, const double *restrict b, size_t depth) {
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
    for (size_t k = 0; k < depth; k++, a += ROWS, b += COLS) {
        const vec w0 = load(b), w1 = load(b + LANES), w2 = load(b + 2 * LANES);
        ADD_ROW(0), ADD_ROW(1), ADD_ROW(2), ADD_ROW(3);
#if ROWS == 8
        ADD_ROW(4), ADD_ROW(5), ADD_ROW(6), ADD_ROW(7);
#endif
    }
    STORE_ROW(0), STORE_ROW(1), STORE_ROW(2), STORE_ROW(3);
#if ROWS == 8
    STORE_ROW(4), STORE_ROW(5), STORE_ROW(6), STORE_ROW(7);
#endif
}

const exact_isa ISA = {ROWS, COLS, pack, tile};
