/* ahead.h: weights are asked for before they are read. Rows that packing takes a block from lie far apart,
 * and so do panels of int8; a CPU does not look there by itself, and each would begin with a wait for memory.
 * So a few cache lines of what comes next are fetched with each register tile.
 */
#ifndef SAV_AHEAD_H
#define SAV_AHEAD_H

#include "kernels/kernels.h"

enum { SAV_LINE = 64 }; /* bytes */

typedef struct sav_ahead {
    const char *from;        /* the first row's first term that is wanted */
    size_t step, wide, rows; /* bytes from row to row; bytes of a row, and rows, that are wanted */
    size_t row, at;          /* what comes next */
    size_t lines;            /* with each tile */
} sav_ahead;

/* Terms k0 .. k0 + depth - 1 of at most `rows` rows from `row` on of data [N, stride], of `size` bytes a
 * term; over `tiles` register tiles. depth 0: nothing. */
static inline sav_ahead sav_look_ahead(const void *data, size_t size, size_t stride, size_t row, size_t rows,
                                       size_t N, size_t k0, size_t depth, size_t tiles) {
    const size_t there = depth && row < N ? sav_min(rows, N - row) : 0;
    const size_t lines = there * (depth * size / SAV_LINE + 1);
    const char *from = there ? (const char *)data + (row * stride + k0) * size : NULL;
    return (sav_ahead){from, stride * size, depth * size, there, 0, 0, (lines + tiles - 1) / tiles};
}

static inline void sav_fetch(sav_ahead *p) {
#if defined(__GNUC__)
    for (size_t i = 0; i < p->lines && p->row < p->rows; i++) {
        __builtin_prefetch(p->from + p->row * p->step + p->at, 0, 2);
        /* one line more: a row may begin inside one */
        if ((p->at += SAV_LINE) > p->wide) p->at = 0, p->row++;
    }
#else
    (void)p;
#endif
}

#endif
