/* int8.c: linear over int8 panels, every product of one call over the same quantised rows.
 *
 *   x [T, K] -> blocks of 256 rows -> bytes, scales, starts (once for q, k, v; once for gate, up)
 *   -> tiles of 64 outputs, which threads take -> blocks of 1024 k,
 *       whose panels stay in the first cache -> rows 4 or 8 at a time
 *   -> out [T, N] + bias
 *
 * Blocks and tiles change no result: groups are added in order of k whatever the block.
 */
#include "kernels/int8/int8.h"

#include <string.h>

#include "kernels/parallel.h"
#include "kernels/prefetch.h"

enum { BLOCK_ROWS = 256, TILE_COLS = 64, BLOCK_DEPTH = 1024 };

static const sav_kernels *float_engine(void) {
    return sav_kernels_find(SAV_INT8_REST, NULL, NULL); /* never NULL: its plain C runs everywhere */
}

/* ---- scratch ------------------------------------------------------------------------------------------- */

/* Bytes of a block's rows, and behind them of each thread's sums [rows, TILE_COLS]. */
static bool block_bytes(size_t *rows_bytes, size_t *sums_bytes, size_t T, size_t K, size_t group) {
    const size_t rows = sav_min(sav_round_up(T, 8), BLOCK_ROWS), groups = K / group + 1;
    size_t bytes, pairs;
    *sums_bytes = rows * TILE_COLS * sizeof(float);
    return sav_mul(&bytes, rows, K + SAV_INT8_DEPTH) &&
           sav_mul(&pairs, rows * (sizeof(float) + sizeof(int32_t)), groups) &&
           sav_add(&bytes, bytes, pairs) && sav_add(rows_bytes, bytes, 3 * 64);
}

bool sav_int8_scratch(size_t *bytes, const sav_extent *most) {
    size_t other, rows, sums;
    if (most->K > SIZE_MAX - 64 || !float_engine()->scratch(&other, most) ||
        !block_bytes(&rows, &sums, most->T, most->K, SAV_INT8_GROUP_MIN) ||
        !sav_mul(&sums, sums, (size_t)most->threads) || !sav_add(&rows, rows, sums))
        return false;
    *bytes = rows > other ? rows : other; /* one or the other runs */
    return true;
}

/* Rows t0 .. t0 + rows - 1 of x, quantised; rows of 0 follow up to `padded`, a multiple of mr. */
typedef struct row_block {
    sav_int8_rows x;
    size_t t0, rows, padded;
    const sav_int8_isa *isa;
} row_block;

/* A block's rows at the front of the scratch; the sums follow. */
static void divide_scratch(row_block *b, float **sums, void *scratch, const sav_matrix *W) {
    sav_int8_rows *r = &b->x;
    char *at = scratch;
    r->stride = sav_round_up(W->cols, SAV_INT8_DEPTH);
    r->groups = (W->cols + W->group - 1) / W->group;
    r->x = (int8_t *)at;
    at += sav_round_up(b->padded * r->stride, 64);
    r->scale = (float *)(void *)at;
    at += sav_round_up(b->padded * r->groups * sizeof *r->scale, 64);
    r->start = (int32_t *)(void *)at;
    at += sav_round_up(b->padded * r->groups * sizeof *r->start, 64);
    *sums = (float *)(void *)at;
    const size_t more = b->padded - b->rows;
    memset(r->x + b->rows * r->stride, 0, more * r->stride);
    memset(r->scale + b->rows * r->groups, 0, more * r->groups * sizeof *r->scale);
    memset(r->start + b->rows * r->groups, 0, more * r->groups * sizeof *r->start);
}

/* ---- linear -------------------------------------------------------------------------------------------- */

/* At most TILE_COLS outputs of one product, n0 ..: some panels of W, and their sums. */
typedef struct column_tile {
    const sav_product *to;
    size_t n0, first, panels;
    float *sums; /* [panels][padded][16] */
} column_tile;

/* What is read after panel i of the tile: the next one's same groups, or the first one's next groups. `deep`:
 * bytes of the groups that a panel has in a span. */
static sav_prefetch plan_prefetch(const column_tile *t, size_t i, const row_block *b,
                                  const sav_int8_span *span, size_t deep) {
    const sav_matrix *W = t->to->W;
    const size_t bytes = b->x.stride * SAV_INT8_COLS; /* of a panel */
    const bool more = i + 1 < t->panels;
    const size_t at = sav_min((more ? span->from : span->to) * W->group * SAV_INT8_COLS, bytes);
    return sav_prefetch_plan(&(sav_stretch){.data = W->data,
                                            .size = 1,
                                            .stride = bytes,
                                            .N = t->first + t->panels,
                                            .row = t->first + (more ? i + 1 : 0),
                                            .rows = 1,
                                            .k0 = at,
                                            .depth = sav_min(deep, bytes - at)},
                             b->padded / b->isa->mr);
}

/* sums = x . W^T of the tile, over all of K: in spans of groups, each for all of the tile's panels. */
static void sum_columns(const column_tile *t, const row_block *b) {
    const sav_matrix *W = t->to->W;
    const sav_int8_rows *x = &b->x;
    const size_t at_once = BLOCK_DEPTH / W->group, quads = x->stride / SAV_INT8_DEPTH;
    sav_int8_span span = {.end = x->groups,
                          .steps = W->group / SAV_INT8_DEPTH,
                          .last = quads - (x->groups - 1) * (W->group / SAV_INT8_DEPTH)};
    memset(t->sums, 0, t->panels * b->padded * SAV_INT8_COLS * sizeof *t->sums);
    for (span.from = 0; span.from < span.end; span.from = span.to) {
        span.to = sav_min(span.from + at_once, span.end);
        for (size_t i = 0; i < t->panels; i++) {
            span.panel = (const unsigned char *)W->data + (t->first + i) * x->stride * SAV_INT8_COLS;
            span.scales = W->scales + (t->first + i) * x->groups * SAV_INT8_COLS;
            sav_prefetch next = plan_prefetch(t, i, b, &span, at_once * W->group * SAV_INT8_COLS);
            for (size_t r = 0; r < b->padded; r += b->isa->mr) {
                sav_prefetch_some(&next);
                b->isa->tile(t->sums + (i * b->padded + r) * SAV_INT8_COLS, x, r, &span);
            }
        }
    }
}

static void write_columns(const column_tile *t, const row_block *b) {
    const size_t N = t->to->W->rows;
    for (size_t i = 0; i < t->panels; i++) {
        const size_t c0 = t->n0 + i * SAV_INT8_COLS, cols = sav_min(N - c0, SAV_INT8_COLS);
        const float *bias = t->to->bias ? t->to->bias + c0 : NULL;
        for (size_t r = 0; r < b->rows; r++) {
            const float *from = t->sums + (i * b->padded + r) * SAV_INT8_COLS;
            float *to = t->to->out + (b->t0 + r) * N + c0;
            for (size_t c = 0; c < cols; c++) to[c] = bias ? from[c] + bias[c] : from[c];
        }
    }
}

static void linear(const sav_product *to, size_t count, const float *x, size_t T, sav_int8_run how) {
    const sav_run *run = how.run;
    const sav_int8_isa *isa = how.isa;
    const size_t K = to->W->cols, group = to->W->group, tiles = sav_product_tiles(to, count, TILE_COLS);
    for (size_t t0 = 0; t0 < T; t0 += BLOCK_ROWS) {
        const size_t rows = sav_min(T - t0, BLOCK_ROWS);
        row_block b = {.t0 = t0, .rows = rows, .padded = sav_round_up(rows, isa->mr), .isa = isa};
        float *sums;
        divide_scratch(&b, &sums, run->scratch, to->W);
#pragma omp parallel num_threads(run->threads) if (sav_team(run, sav_product_work(to, count, rows)))
        {
#pragma omp for schedule(static)
            for (size_t r = 0; r < rows; r++) isa->quantise(&b.x, r, x + (t0 + r) * K, K, group);
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < tiles; i++) {
                column_tile t = {.sums = sums + (size_t)sav_thread() * b.padded * TILE_COLS};
                t.to = sav_product_tile(&t.n0, to, TILE_COLS, i);
                t.first = t.n0 / SAV_INT8_COLS;
                t.panels = (sav_min(t.to->W->rows - t.n0, TILE_COLS) + SAV_INT8_COLS - 1) / SAV_INT8_COLS;
                sum_columns(&t, &b);
                write_columns(&t, &b);
            }
        }
    }
}

/* Matrices that were left as they are go through the float engine; neighbours of one kind stay together. */
void sav_int8_linear(const sav_product *to, size_t count, const float *x, size_t T, sav_int8_run how) {
    for (size_t i = 0, n; i < count; i += n) {
        const bool quantised = to[i].W->dtype == SAV_U8;
        for (n = 1; i + n < count && (to[i + n].W->dtype == SAV_U8) == quantised;) n++;
        if (quantised)
            linear(to + i, n, x, T, how);
        else
            float_engine()->linear(to + i, n, x, T, how.run);
    }
}

/* ---- the float engine's -------------------------------------------------------------------------------- */

void sav_int8_attention(float *out, const float *q, const float *k, const float *v,
                        const sav_attention *shape, const sav_run *run) {
    float_engine()->attention(out, q, k, v, shape, run);
}

void sav_int8_activation(float *out, const float *x, size_t n, sav_activation f, const sav_run *run) {
    float_engine()->activation(out, x, n, f, run);
}

const sav_kernels *const sav_engine_int8[] = {
#if defined(__x86_64__)
    &sav_int8_vnni,
#if defined(SAV_AVXVNNI) /* not every compiler has it */
    &sav_int8_avxvnni,
#endif
    &sav_int8_avx2,
#elif defined(__aarch64__)
    &sav_int8_dotprod, &sav_int8_neon,
#endif
    &sav_int8_c, NULL};
