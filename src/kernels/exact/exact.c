/* exact.c: linear, attention and activation under the numeric contract (docs/CONTRACT.md §2).
 *
 *   linear     x [T, K], W [N, K] -> out [T, N]: double sums in increasing k, + bias, one rounding
 *   attention  q, k, v -> out: scores rounded, scaled and rounded, softmax rounded to f32 then R, p.v rounded
 *
 * Blocks of rows are packed once as doubles; tiles of columns are split over threads, each with its own sums.
 */
#include "kernels/exact/exact.h"

#include <math.h>
#include <string.h>

#include "kernels/ahead.h"
#include "kernels/attention.h"
#include "kernels/parallel.h"

/* query rows of one head that one thread handles together; a multiple of every mr */
enum { QUERY_ROWS = 64 };

/* Doubles of one thread for a tile: its column panels and its sums. */
#define TILE_DOUBLES ((size_t)EXACT_COLS * EXACT_DEPTH + (size_t)EXACT_ROWS * EXACT_COLS)

/* Doubles of one thread: a tile; for attention the packed queries or a block of packed probabilities, a row's
 * exponentials, and the scores [QUERY_ROWS, keys] as floats. */
static bool thread_doubles(size_t *out, size_t keys, size_t d) {
    size_t packed, scores, wide = sav_round_up(keys, 8);
    return sav_mul(&packed, d > EXACT_DEPTH ? d : EXACT_DEPTH, QUERY_ROWS) &&
           sav_mul(&scores, wide, QUERY_ROWS / 2 + 1) && sav_add(out, packed, scores) &&
           sav_add(out, *out, TILE_DOUBLES);
}

bool sav_exact_scratch(size_t *bytes, const sav_extent *most) {
    size_t own, shared;
    return thread_doubles(&own, most->keys, most->d) && sav_mul(&own, own, (size_t)most->threads) &&
           sav_mul(&shared, sav_round_up(most->K, EXACT_DEPTH),
                   sav_min(sav_round_up(most->T, 8), EXACT_ROWS)) &&
           sav_add(&own, own, shared) && sav_mul(bytes, own, sizeof(double));
}

/* What add_block works on: tile columns col .. col + cols - 1 of W [N, K], `down` register tiles high. */
typedef struct exact_tile {
    const exact_operand *W;
    size_t col, cols, N, K, down;
    const exact_isa *isa;
} exact_tile;

/* sums[cols / nr][down][mr][nr] += k0 .. k0 + depth - 1 of the packed rows a[down][depth][mr] times the
 * tile's columns. A few rows, which stay in the second-level cache, go through all columns; the first of them
 * meet each panel just packed. */
static void add_block(double *sums, double *panels, const double *a, const exact_tile *t, size_t k0,
                      size_t depth) {
    const exact_isa *isa = t->isa;
    const size_t across = sav_round_up(t->cols, isa->nr) / isa->nr, high = EXACT_NEAR / isa->mr;
    const size_t next = k0 + depth, next_depth = t->W->k_step == 1 ? sav_min(t->K - next, EXACT_DEPTH) : 0;
    for (size_t i0 = 0; i0 < t->down; i0 += high)
        for (size_t j = 0; j < across; j++) {
            const size_t some = sav_min(t->down - i0, high), first = t->col + j * isa->nr;
            double *panel = panels + j * isa->nr * depth;
            sav_ahead ahead = sav_look_ahead(t->W->data, t->W->dtype == SAV_F32 ? 4 : 2, t->W->row_step,
                                             first, isa->nr, t->N, next, i0 ? 0 : next_depth, some);
            if (i0 == 0) isa->pack(panel, t->W, isa->nr, first, t->N, k0, depth);
            for (size_t i = 0; i < some; i++) {
                sav_fetch(&ahead);
                isa->tile(sums + (j * t->down + i0 + i) * isa->mr * isa->nr, a + (i0 + i) * isa->mr * depth,
                          panel, depth);
            }
        }
}

/* sums of the tile over all of k, in blocks and inside them in order: one chain of additions an output. a is
 * packed block after block: block k0 [down][depth][mr] starts at a + k0 * down * mr. */
static void sum_tile(double *sums, double *panels, const double *a, const exact_tile *t) {
    memset(sums, 0, sav_round_up(t->cols, t->isa->nr) * t->down * t->isa->mr * sizeof *sums);
    for (size_t k0 = 0; k0 < t->K; k0 += EXACT_DEPTH)
        add_block(sums, panels, a + k0 * t->down * t->isa->mr, t, k0, sav_min(t->K - k0, EXACT_DEPTH));
}

/* Rows row .. of `from`, `down` panels high, block k0 of k. */
static void pack_rows(double *a, const exact_operand *from, size_t row, size_t rows, size_t down, size_t k0,
                      size_t depth, const exact_isa *isa) {
    for (size_t i = 0; i < down; i++)
        isa->pack(a + i * isa->mr * depth, from, isa->mr, row + i * isa->mr, rows, k0, depth);
}

/* Columns of a tile. Wide tiles read the packed rows less often, which pays where these do not stay in the
 * second-level cache; but each thread should find some tiles. */
static size_t tile_columns(const sav_product *to, size_t count, size_t rows, int threads) {
    const bool enough = sav_product_tiles(to, count, EXACT_COLS) >= 4 * (size_t)threads;
    return rows > EXACT_NEAR && enough ? EXACT_COLS : EXACT_COLS / 2;
}

void sav_exact_linear(const sav_product *to, size_t count, const float *x, size_t T, const sav_run *run,
                      const exact_isa *isa) {
    const size_t K = to->W->cols, blocks = (K + EXACT_DEPTH - 1) / EXACT_DEPTH;
    const exact_operand from = {x, SAV_F32, run->R, K, 1};
    double *a = run->scratch,
           *own = a + sav_round_up(K, EXACT_DEPTH) * sav_min(sav_round_up(T, 8), EXACT_ROWS);
    for (size_t t0 = 0; t0 < T; t0 += EXACT_ROWS) {
        const size_t rows = sav_min(T - t0, EXACT_ROWS), down = sav_round_up(rows, isa->mr) / isa->mr;
        const size_t width = tile_columns(to, count, rows, run->threads),
                     tiles = sav_product_tiles(to, count, width);
#pragma omp parallel num_threads(run->threads) if (sav_team(run, sav_product_work(to, count, rows)))
        {
            double *panels = own + (size_t)sav_thread() * TILE_DOUBLES,
                   *sums = panels + (size_t)EXACT_COLS * EXACT_DEPTH;
#pragma omp for schedule(static)
            for (size_t i = 0; i < blocks; i++) {
                const size_t k0 = i * EXACT_DEPTH;
                pack_rows(a + k0 * down * isa->mr, &from, t0, T, down, k0, sav_min(K - k0, EXACT_DEPTH), isa);
            }
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < tiles; i++) {
                size_t n0;
                const sav_product *p = sav_product_tile(&n0, to, width, i);
                const size_t N = p->W->rows;
                const exact_operand weights = {p->W->data, p->W->dtype, run->R, K, 1};
                const exact_tile tile = {&weights, n0, sav_min(N - n0, width), N, K, down, isa};
                sum_tile(sums, panels, a, &tile);
                isa->rows->finish(p->out + t0 * N + n0, N, sums, p->bias ? p->bias + n0 : NULL, rows,
                                  tile.cols, isa, run->R);
            }
        }
    }
}

/* ---- attention ----------------------------------------------------------------------------------------- */

/* PARITY: in f16, -65504 + s overflows for s <= -16, and the Qwen-VL modules then set every infinity to 0, so
 * that a masked key gets weight (test: golden/qwen_vl, f16 cases). Only there masked scores must be
 * computed. */
static void mask_by_sum(float *s, size_t keys, size_t first, size_t last, const sav_attention *at,
                        sav_dtype R) {
    for (size_t k = 0; k < keys; k++) {
        s[k] = sav_round(at->divide ? (double)s[k] / at->scale : (double)s[k] * at->scale, R);
        if (k < first || k >= last) s[k] = sav_round((double)s[k] - 65504.0, R);
        if (isinf(s[k])) s[k] = 0;
    }
}

/* One row of scores -> probabilities; keys outside [first, last) are masked: they would add exact zeros to
 * both sums, so they are left out of them. e [keys] is scratch. */
static void softmax_row(float *s, double *e, size_t keys, size_t first, size_t last, const sav_attention *at,
                        sav_dtype R, const exact_rows *rows) {
    if (at->inf_to_zero && R == SAV_F16) {
        mask_by_sum(s, keys, first, last, at, R);
        rows->softmax(s, e, keys, NULL, R);
        return;
    }
    rows->softmax(s + first, e, last - first, at, R);
    memset(s, 0, first * sizeof *s);
    memset(s + last, 0, (keys - last) * sizeof *s);
}

typedef struct operands { /* of one block; v sideways: row = element of the head, k = key */
    exact_operand q, k, v;
} operands;

/* One thread's room, laid out in its part of the scratch. */
typedef struct room {
    double *panels, *sums, *packed, *e;
    float *scores; /* [QUERY_ROWS, keys] */
} room;

static void scores_block(const room *own, const operands *from, const sav_attention_block *b, size_t d,
                         const sav_run *run, const exact_isa *isa) {
    const size_t down = sav_round_up(b->rows, isa->mr) / isa->mr;
    for (size_t k0 = 0; k0 < d; k0 += EXACT_DEPTH)
        pack_rows(own->packed + k0 * down * isa->mr, &from->q, 0, b->rows, down, k0,
                  sav_min(d - k0, EXACT_DEPTH), isa);
    for (size_t n0 = 0; n0 < b->keys; n0 += EXACT_COLS) {
        const exact_tile tile = {&from->k, n0, sav_min(b->keys - n0, EXACT_COLS), b->keys, d, down, isa};
        sum_tile(own->sums, own->panels, own->packed, &tile);
        isa->rows->finish(own->scores + n0, b->keys, own->sums, NULL, b->rows, tile.cols, isa, run->R);
    }
}

/* Blocks of keys outside, so that each block of probabilities is packed once for all d elements of the head:
 * the room for sums holds them, in tiles of EXACT_COLS. */
static void values_block(float *out, size_t out_stride, const room *own, const operands *from,
                         const sav_attention_block *b, size_t d, const sav_run *run, const exact_isa *isa) {
    enum { WIDE = EXACT_ROWS / QUERY_ROWS * EXACT_COLS };
    const size_t down = sav_round_up(b->rows, isa->mr) / isa->mr, high = down * isa->mr;
    const exact_operand p = {own->scores, SAV_F32, SAV_F32, b->keys, 1};
    for (size_t d0 = 0; d0 < d; d0 += WIDE) {
        const size_t end = sav_min(d, d0 + WIDE);
        exact_tile tile = {&from->v, d0, 0, end, b->keys, down, isa};
        memset(own->sums, 0, sav_round_up(end - d0, EXACT_COLS) * high * sizeof *own->sums);
        for (size_t k0 = 0; k0 < b->keys; k0 += EXACT_DEPTH) {
            const size_t depth = sav_min(b->keys - k0, EXACT_DEPTH);
            pack_rows(own->packed, &p, 0, b->rows, down, k0, depth, isa);
            for (tile.col = d0; tile.col < end; tile.col += EXACT_COLS) {
                tile.cols = sav_min(end - tile.col, EXACT_COLS);
                add_block(own->sums + (tile.col - d0) * high, own->panels, own->packed, &tile, k0, depth);
            }
        }
        for (tile.col = d0; tile.col < end; tile.col += EXACT_COLS) {
            tile.cols = sav_min(end - tile.col, EXACT_COLS);
            isa->rows->finish(out + tile.col, out_stride, own->sums + (tile.col - d0) * high, NULL, b->rows,
                              tile.cols, isa, run->R);
        }
    }
}

void sav_exact_attention(float *out, const float *q, const float *k, const float *v, const sav_attention *at,
                         const sav_run *run, const exact_isa *isa) {
    const size_t d = at->d, tasks = sav_attention_tasks(at, QUERY_ROWS), wide = sav_round_up(at->keys, 8);
    size_t doubles;
    if (!thread_doubles(&doubles, at->keys, d)) return; /* sav_exact_scratch has refused such a size */
#pragma omp parallel for schedule(dynamic) \
    num_threads(run->threads) if (sav_team(run, sav_attention_work(at)))
    for (size_t task = 0; task < tasks; task++) {
        sav_attention_block b;
        if (!sav_attention_block_at(&b, at, task, QUERY_ROWS)) continue;
        room own = {.panels = (double *)run->scratch + (size_t)sav_thread() * doubles};
        own.sums = own.panels + (size_t)EXACT_COLS * EXACT_DEPTH;
        own.e = own.panels + TILE_DOUBLES;
        own.packed = own.e + wide;
        own.scores = (void *)(own.packed + (size_t)QUERY_ROWS * (d > EXACT_DEPTH ? d : EXACT_DEPTH));
        const operands from = {
            {q + b.row * at->q_stride + b.head * d, SAV_F32, SAV_F32, at->q_stride, 1},
            {k + b.first_key * at->kv_stride + b.kv * d, SAV_F32, SAV_F32, at->kv_stride, 1},
            {v + b.first_key * at->kv_stride + b.kv * d, SAV_F32, SAV_F32, 1, at->kv_stride}};
        scores_block(&own, &from, &b, d, run, isa);
        for (size_t r = 0; r < b.rows; r++) {
            size_t begin, end;
            sav_attention_visible(&begin, &end, at, &b, r);
            softmax_row(own.scores + r * b.keys, own.e, b.keys, begin, end, at, run->R, isa->rows);
        }
        values_block(out + b.row * at->heads * d + b.head * d, at->heads * d, &own, &from, &b, d, run, isa);
    }
}

/* ---- activation ---------------------------------------------------------------------------------------- */

void sav_exact_activation(float *out, const float *x, size_t n, sav_activation f, const sav_run *run,
                          const exact_isa *isa) {
    const size_t piece = 4096;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, n * 64))
    for (size_t i = 0; i < n; i += piece)
        isa->rows->activation(out + i, x + i, sav_min(n - i, piece), f, run->R);
}

const sav_kernels *const sav_engine_exact[] = {
#if defined(__x86_64__)
    &sav_exact_avx512, &sav_exact_avx2,
#endif
    &sav_exact_c, NULL};
