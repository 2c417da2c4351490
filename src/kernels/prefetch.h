/* prefetch.h: weights are asked for before they are read. Rows that packing takes a block from lie far apart,
 * and so do panels of int8; a CPU does not look there by itself, and each would begin with a wait for memory.
 * So a few cache lines of what comes next are fetched with each register tile.
 */
#ifndef SAV_PREFETCH_H
#define SAV_PREFETCH_H

#include "kernels/kernels.h"

enum { SAV_LINE = 64 }; /* bytes */

/* Terms k0 .. k0 + depth - 1 of rows row .. row + rows - 1 of data [N, stride], `size` bytes a term; rows
 * from N on are none. depth 0: nothing. */
typedef struct sav_stretch {
    const void *data;
    size_t size, stride, N;
    size_t row, rows, k0, depth;
} sav_stretch;

typedef struct sav_prefetch {
    const char *from;        /* the first row's first term that is wanted */
    size_t step, wide, rows; /* bytes from row to row; bytes of a row, and rows, that are wanted */
    size_t row, at;          /* what comes next */
    size_t lines;            /* with each tile */
} sav_prefetch;

/* All of it in the course of `tiles` register tiles. */
static inline sav_prefetch sav_prefetch_plan(const sav_stretch *s, size_t tiles) {
    const size_t there = s->depth && s->row < s->N ? sav_min(s->rows, s->N - s->row) : 0;
    const size_t step = s->stride * s->size, wide = s->depth * s->size, lines = there * (wide / SAV_LINE + 1);
    const char *from = there ? (const char *)s->data + s->row * step + s->k0 * s->size : NULL;
    return (sav_prefetch){from, step, wide, there, 0, 0, (lines + tiles - 1) / tiles};
}

static inline void sav_prefetch_some(sav_prefetch *p) {
#if defined(__GNUC__)
    for (size_t i = 0; i < p->lines && p->row < p->rows; i++) {
        __builtin_prefetch(p->from + p->row * p->step + p->at, 0, 2);
        /* one line more: a row may begin inside one */
        p->at += SAV_LINE;
        if (p->at > p->wide) p->at = 0, p->row++;
    }
#else
    (void)p;
#endif
}

#endif
