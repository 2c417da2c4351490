/* panel.h: what an ISA gives to the float32 engine of packed panels, and who uses it.
 *
 * A register tile multiplies mr rows of one operand with nr columns of the other. Both are packed first, so
 * that the tile reads memory in one straight line: rows as a[k][mr], columns as b[k][nr]. Packing reads a
 * matrix row by row and transposes it in registers; bf16 and f16 are widened on the way.
 */
#ifndef SAV_PANEL_H
#define SAV_PANEL_H

#include "kernels/float32.h"
#include "kernels/kernels.h"

/* A matrix whose element (row, k) is the (row * step + k)-th of data. */
typedef struct panel_operand {
    const void *data;
    sav_dtype dtype;
    size_t rows, step;
} panel_operand;

/* Rows row .. row + width - 1 of it, k0 .. k0 + depth - 1 of their terms. */
typedef struct panel_part {
    size_t row, width, k0, depth;
} panel_part;

typedef struct panel_isa {
    size_t mr, nr;
    /* panel[depth][width] = the part; width is mr or nr. Rows that the matrix does not have repeat its last
     * one: their results are not used. */
    void (*pack)(float *panel, const panel_operand *from, const panel_part *part);
    /* panels[rows / mr][depth][mr], rows 0 .. rows - 1 of a matrix that lies sideways: element (row, k) at
     * from[k * step + row]; rows that are missing are 0. */
    void (*pack_sideways)(float *panels, const float *from, size_t step, size_t rows, size_t depth);
    /* c[mr][nr] = (add ? c : 0) + a[depth][mr] . b[depth][nr]; only the first `rows` rows need be
     * computed. */
    void (*tile)(float *c, const float *a, const float *b, size_t depth, size_t rows, bool add);
    /* Columns of s [last][nr] from row `first` on: s = e^((s - largest) * scale), sums [nr] of them. */
    void (*softmax)(float *sums, float *s, size_t first, size_t last, float scale);
    void (*activation)(float *out, const float *x, size_t n, sav_activation f);
} panel_isa;

/* How to run, and with which ISA's loops. */
typedef struct panel_run {
    const sav_run *run;
    const panel_isa *isa;
} panel_run;

/* A thread takes PANEL_COLS columns at a time, a multiple of every nr; at most PANEL_ROWS rows are packed
 * together. Products sum over k in blocks, and the blocks' sums are added in order: see block_depth in
 * panel.c. PANEL_DEPTH: nr columns of a block stay in the first-level cache, all its rows in the second.
 * PANEL_KEYS: the same for sums over keys. */
enum { PANEL_DEPTH = 256, PANEL_ROWS = 264, PANEL_COLS = 192, PANEL_KEYS = 256 };

/* Each from the file of one ISA; which of them there are, the Makefile decides. */
extern const sav_kernels sav_panel_c, sav_panel_avx2, sav_panel_avx512;

void sav_panel_linear(const sav_product *to, size_t count, const float *x, size_t T, panel_run how);
void sav_panel_attention(float *out, const float *q, const float *k, const float *v,
                         const sav_attention *shape, panel_run how);
void sav_panel_activation(float *out, const float *x, size_t n, sav_activation f, panel_run how);
bool sav_panel_scratch(size_t *bytes, const sav_extent *most, const panel_isa *isa);

#endif
