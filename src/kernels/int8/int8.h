/* int8.h: the int8 engine: how weights are stored, how rows are quantised, what an ISA gives.
 *
 *   savs quantize:  W [N, K]  -> panels of 16 outputs, 7-bit numbers,
 *       a scale for each output and group of k  pack.c
 *   linear:         x [T, K]  -> 8-bit numbers, a scale for each row and group      quantise.inc
 *                   sum over groups of (whole-number dot product) * w_scale * x_scale, + bias  int8.c,
 *                       tile_*.c
 *
 * A weight is stored as an unsigned byte w + 64, w in -63 … 63; x is signed, -127 … 127. The byte fits the
 * unsigned side of x86's instructions and the signed side of ARM's, and two products, at most 2 * 127 * 127 =
 * 32258, fit 16 bits, so that the plain AVX2 pair multiply cannot saturate: every ISA forms the same whole
 * number. What the 64 adds to a dot product is 64 * sum(x), known once x is quantised; sums start at minus
 * that. |sum| < 128 * 127 * 127 < 2^24 is exact as a float.
 *
 * Groups are added in order of k by separate multiplications and additions, so a result does not depend on
 * the ISA, the threads, or which rows are beside it.
 */
#ifndef SAV_INT8_H
#define SAV_INT8_H

#include "kernels/kernels.h"
#include "kernels/packed.h"

enum {
    SAV_INT8_COLS = 16,      /* outputs of a panel */
    SAV_INT8_DEPTH = 4,      /* consecutive k of one output that lie together */
    SAV_INT8_ZERO = 64,      /* the byte of weight 0 */
    SAV_INT8_MOST = 63,      /* largest weight */
    SAV_INT8_GROUP_MIN = 32, /* columns that share a scale: 32, 64 or 128 */
    SAV_INT8_GROUP_MAX = 128
};

/* A matrix in panels (packed.h); outputs from N and columns from K on hold 64, weight 0. */

/* Quantises 16 outputs of W (stored as F32, BF16, F16) from row `first`: one panel and its scales. error[2]:
 * the sums of (w - stored)^2 and w^2. False: a weight is infinite or NaN. */
bool sav_int8_pack(unsigned char *panel, float *scales, double error[2], const sav_matrix *W, size_t first,
                   size_t group);

/* Weight (n, k) as the engine sees it. */
float sav_int8_weight(const sav_matrix *W, size_t n, size_t k);

/* ---- one ISA ------------------------------------------------------------------------------------------- */

/* Quantised rows: x [rows, stride] bytes, scale and start [rows, groups]: a group's scale, and -64 * sum of
 * its x. */
typedef struct sav_int8_rows {
    int8_t *x;
    float *scale;
    int32_t *start;
    size_t stride, groups; /* stride: K rounded up to a multiple of 4 */
} sav_int8_rows;

/* Groups `from` … `to` - 1 of a panel of weights; steps: quads of k a group, last: of group `end` - 1. */
typedef struct sav_int8_span {
    const unsigned char *panel;
    const float *scales;
    size_t from, to, end; /* groups; end = groups of the whole matrix */
    size_t steps, last;
} sav_int8_span;

typedef struct sav_int8_isa {
    size_t mr; /* rows of a tile, 4 or 8 */
    /* x [K] -> row `row` */
    void (*quantise)(const sav_int8_rows *to, size_t row, const float *x, size_t K, size_t group);
    /* sums[mr][16] += rows row … of x against the span */
    void (*tile)(float *sums, const sav_int8_rows *x, size_t row, const sav_int8_span *span);
} sav_int8_isa;

/* How to run, and with which ISA's loops. */
typedef struct sav_int8_run {
    const sav_run *run;
    const sav_int8_isa *isa;
} sav_int8_run;

/* Each from the file of one ISA; which of them there are, the Makefile decides. */
extern const sav_kernels sav_int8_c, sav_int8_avx2, sav_int8_vnni, sav_int8_avxvnni, sav_int8_neon,
    sav_int8_dotprod;

/* ---- the engine ---------------------------------------------------------------------------------------- */

void sav_int8_linear(const sav_product *to, size_t count, const float *x, size_t T, sav_int8_run how);
/* The rest is a float engine's, and so are products of matrices that stayed as they were. */
#define SAV_INT8_REST "panel"
void sav_int8_attention(float *out, const float *q, const float *k, const float *v,
                        const sav_attention *shape, const sav_run *run);
void sav_int8_activation(float *out, const float *x, size_t n, sav_activation f, const sav_run *run);
bool sav_int8_scratch(size_t *bytes, const sav_extent *most);

#endif
