/* exact.h: what an ISA gives to the exact matmul, and who uses it.
 *
 * The product of two floats is exact in double, so a multiply-add rounds the same fused or apart, and a sum
 * over k in increasing order has one value on every machine. Vector lanes therefore run over outputs, and k
 * stays in order. That costs a factor of two against float32 arithmetic and nothing else.
 */
#ifndef SAV_EXACT_H
#define SAV_EXACT_H

#include "kernels/kernels.h"

/* One operand of a matmul, element (row, k) at data[row * row_step + k * k_step]: x, W, and V read
 * sideways. */
typedef struct exact_operand {
    const void *data;
    /* as stored; what it is rounded to before use, as a checkpoint loaded in another type is */
    sav_dtype dtype, R;
    size_t rows, row_step, k_step;
} exact_operand;

/* Rows row .. row + width - 1 of an operand, k0 .. k0 + depth - 1 of their terms. */
typedef struct exact_part {
    size_t row, width, k0, depth;
} exact_part;

typedef struct exact_isa exact_isa;

/* Where the sums [cols / nr][rows / mr][mr][nr] of a tile go: out[r * stride + c] = R(sum + bias[c]); bias
 * NULL: none. */
typedef struct exact_result {
    float *out;
    size_t stride, rows, cols;
    const float *bias;
} exact_result;

/* What is done to whole rows (rows.inc). */
typedef struct exact_rows {
    void (*finish)(const exact_result *to, const double *sums, const exact_isa *isa, sav_dtype R);
    /* s[n]: scores -> probabilities of R; e [n] is scratch; at NULL: the scores are scaled already */
    void (*softmax)(float *s, double *e, size_t n, const sav_attention *at, sav_dtype R);
    void (*activation)(float *out, const float *x, size_t n, sav_activation f, sav_dtype R);
} exact_rows;

struct exact_isa {
    size_t mr, nr; /* a register tile: mr rows x nr columns */
    /* panel[depth][width] = the part as doubles; rows that the operand does not have are 0 */
    void (*pack)(double *panel, const exact_operand *from, const exact_part *part);
    /* c[mr][nr] += a[depth][mr] . b[depth][nr], depth >= 1 */
    void (*tile)(double *c, const double *a, const double *b, size_t depth);
    const exact_rows *rows;
};

/* How to run, and with which ISA's loops. */
typedef struct exact_run {
    const sav_run *run;
    const exact_isa *isa;
} exact_run;

/* Rows that are packed together; columns of a thread's tile at most, of which half is a multiple of every nr
 * too; a block of k, of which nr columns stay in the first-level cache; rows of which such a block stays in
 * the second-level cache. */
enum { EXACT_ROWS = 256, EXACT_COLS = 192, EXACT_DEPTH = 128, EXACT_NEAR = 64 };

/* Each from the files of one ISA; which of them there are, the Makefile decides. */
extern const exact_rows sav_exact_rows_c, sav_exact_rows_avx2, sav_exact_rows_avx512;
extern const sav_kernels sav_exact_c, sav_exact_avx2, sav_exact_avx512;

void sav_exact_linear(const sav_product *to, size_t count, const float *x, size_t T, exact_run how);
void sav_exact_attention(float *out, const float *q, const float *k, const float *v,
                         const sav_attention *shape, exact_run how);
void sav_exact_activation(float *out, const float *x, size_t n, sav_activation f, exact_run how);
bool sav_exact_scratch(size_t *bytes, const sav_extent *most);

#endif
