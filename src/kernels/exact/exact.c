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

#include "kernels/attention.h"
#include "kernels/parallel.h"
#include "kernels/prefetch.h"

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

/* Columns col .. col + cols - 1 of out = a . W^T, where a is `down` register tiles high. */
typedef struct exact_tile {
    const exact_operand *W; /* [N, K]: its rows are out's columns */
    size_t col, cols, K, down;
    double *panels, *sums; /* a thread's scratch: the columns packed; [cols / nr][down][mr][nr] */
    const exact_isa *isa;
} exact_tile;

/* What is read after k of this tile's columns `first` ..: the next block of k. */
static sav_prefetch plan_prefetch(const exact_tile *t, size_t first, size_t k, size_t tiles) {
    const bool lie_together = t->W->k_step == 1;
    return sav_prefetch_plan(&(sav_stretch){.data = t->W->data,
                                            .size = sav_dtype_size(t->W->dtype),
                                            .stride = t->W->row_step,
                                            .N = t->W->rows,
                                            .row = first,
                                            .rows = t->isa->nr,
                                            .k0 = k,
                                            .depth = lie_together ? sav_min(t->K - k, EXACT_DEPTH) : 0},
                             tiles);
}

/* sums += k0 .. k0 + depth - 1 of the packed rows a[down][depth][mr] times the tile's columns. A few rows,
 * which stay in the second-level cache, go through all columns; the first of them meet each panel just
 * packed. */
static void add_block(const exact_tile *t, double *sums, const double *a, size_t k0, size_t depth) {
    const exact_isa *isa = t->isa;
    const size_t across = sav_round_up(t->cols, isa->nr) / isa->nr, high = EXACT_NEAR / isa->mr;
    for (size_t i0 = 0; i0 < t->down; i0 += high)
        for (size_t j = 0; j < across; j++) {
            const size_t some = sav_min(t->down - i0, high), first = t->col + j * isa->nr;
            const exact_part columns = {first, isa->nr, k0, depth};
            double *panel = t->panels + j * isa->nr * depth;
            sav_prefetch next = plan_prefetch(t, first, i0 ? t->K : k0 + depth, some);
            if (i0 == 0) isa->pack(panel, t->W, &columns);
            for (size_t i = 0; i < some; i++) {
                sav_prefetch_some(&next);
                isa->tile(sums + (j * t->down + i0 + i) * isa->mr * isa->nr, a + (i0 + i) * isa->mr * depth,
                          panel, depth);
            }
        }
}

/* sums of the tile over all of k, in blocks and inside them in order: one chain of additions an output. a is
 * packed block after block: block k0 [down][depth][mr] starts at a + k0 * down * mr. */
static void sum_tile(const exact_tile *t, const double *a) {
    memset(t->sums, 0, sav_round_up(t->cols, t->isa->nr) * t->down * t->isa->mr * sizeof *t->sums);
    for (size_t k0 = 0; k0 < t->K; k0 += EXACT_DEPTH)
        add_block(t, t->sums, a + k0 * t->down * t->isa->mr, k0, sav_min(t->K - k0, EXACT_DEPTH));
}

/* Rows of `from`, `down` panels of them, the first being block.row; block.k0 is a block of k. */
static void pack_rows(double *a, const exact_operand *from, exact_part block, size_t down,
                      const exact_isa *isa) {
    block.width = isa->mr;
    for (size_t i = 0; i < down; i++, block.row += isa->mr)
        isa->pack(a + i * isa->mr * block.depth, from, &block);
}

/* Columns of a tile. Wide tiles read the packed rows less often, which pays where these do not stay in the
 * second-level cache; but each thread should find some tiles. */
static size_t tile_columns(const sav_product *to, size_t count, size_t rows, int threads) {
    const bool enough = sav_product_tiles(to, count, EXACT_COLS) >= 4 * (size_t)threads;
    return rows > EXACT_NEAR && enough ? EXACT_COLS : EXACT_COLS / 2;
}

void sav_exact_linear(const sav_product *to, size_t count, const float *x, size_t T, exact_run how) {
    const sav_run *run = how.run;
    const exact_isa *isa = how.isa;
    const size_t K = to->W->cols, blocks = (K + EXACT_DEPTH - 1) / EXACT_DEPTH;
    const exact_operand from = {x, SAV_F32, run->R, T, K, 1};
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
                const exact_part block = {.row = t0, .k0 = k0, .depth = sav_min(K - k0, EXACT_DEPTH)};
                pack_rows(a + k0 * down * isa->mr, &from, block, down, isa);
            }
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < tiles; i++) {
                size_t n0;
                const sav_product *p = sav_product_tile(&n0, to, width, i);
                const size_t N = p->W->rows, cols = sav_min(N - n0, width);
                const exact_operand W = {p->W->data, p->W->dtype, run->R, N, K, 1};
                sum_tile(&(exact_tile){&W, n0, cols, K, down, panels, sums, isa}, a);
                const exact_result result = {p->out + t0 * N + n0, N, rows, cols,
                                             p->bias ? p->bias + n0 : NULL};
                isa->rows->finish(&result, sums, isa, run->R);
            }
        }
    }
}

/* ---- attention ----------------------------------------------------------------------------------------- */

/* One row of scores s [keys], on its way to probabilities; keys outside [first, last) are masked. e [keys] is
 * scratch. */
typedef struct score_row {
    float *s;
    double *e;
    size_t keys, first, last;
} score_row;

/* PARITY: in f16, -65504 + s overflows for s <= -16, and the Qwen-VL modules then set every infinity to 0, so
 * that a masked key gets weight (test: golden/qwen_vl, f16 cases). Only there masked scores must be
 * computed. */
static void mask_by_sum(const score_row *row, const sav_attention *at, sav_dtype R) {
    float *s = row->s;
    for (size_t k = 0; k < row->keys; k++) {
        s[k] = sav_round(at->divide ? (double)s[k] / at->scale : (double)s[k] * at->scale, R);
        if (k < row->first || k >= row->last) s[k] = sav_round((double)s[k] - 65504.0, R);
        if (isinf(s[k])) s[k] = 0;
    }
}

/* Masked keys would add exact zeros to both sums, so they are left out of them. */
static void softmax_row(const score_row *row, const sav_attention *at, sav_dtype R, const exact_rows *rows) {
    float *s = row->s;
    if (at->inf_to_zero && R == SAV_F16) {
        mask_by_sum(row, at, R);
        rows->softmax(s, row->e, row->keys, NULL, R);
        return;
    }
    rows->softmax(s + row->first, row->e, row->last - row->first, at, R);
    memset(s, 0, row->first * sizeof *s);
    memset(s + row->last, 0, (row->keys - row->last) * sizeof *s);
}

/* One block of query rows of one head: what it reads and writes, and a thread's scratch. */
typedef struct head_block {
    exact_operand q, k, v; /* v sideways: row = element of the head, k = key */
    float *out;            /* [rows, d], out_stride apart */
    size_t rows, keys, d, out_stride;
    double *panels, *sums, *packed, *e;
    float *scores; /* [rows, keys] */
} head_block;

/* scores = q . k^T */
static void scores_block(const head_block *h, exact_run how) {
    const exact_isa *isa = how.isa;
    const size_t down = sav_round_up(h->rows, isa->mr) / isa->mr;
    for (size_t k0 = 0; k0 < h->d; k0 += EXACT_DEPTH) {
        const exact_part block = {.k0 = k0, .depth = sav_min(h->d - k0, EXACT_DEPTH)};
        pack_rows(h->packed + k0 * down * isa->mr, &h->q, block, down, isa);
    }
    for (size_t n0 = 0; n0 < h->keys; n0 += EXACT_COLS) {
        const size_t cols = sav_min(h->keys - n0, EXACT_COLS);
        sum_tile(&(exact_tile){&h->k, n0, cols, h->d, down, h->panels, h->sums, isa}, h->packed);
        isa->rows->finish(&(exact_result){h->scores + n0, h->keys, h->rows, cols, NULL}, h->sums, isa,
                          how.run->R);
    }
}

/* Elements d0 .. end - 1 of the head: out = scores . v. Blocks of keys outside, so that each block of
 * probabilities is packed once for all of them: the scratch for sums holds them, in tiles of EXACT_COLS. */
static void values_part(const head_block *h, size_t d0, size_t end, exact_run how) {
    const exact_isa *isa = how.isa;
    const size_t down = sav_round_up(h->rows, isa->mr) / isa->mr, high = down * isa->mr;
    const exact_operand p = {h->scores, SAV_F32, SAV_F32, h->rows, h->keys, 1};
    exact_tile tile = {&h->v, d0, 0, h->keys, down, h->panels, h->sums, isa};
    memset(h->sums, 0, sav_round_up(end - d0, EXACT_COLS) * high * sizeof *h->sums);
    for (size_t k0 = 0; k0 < h->keys; k0 += EXACT_DEPTH) {
        const size_t depth = sav_min(h->keys - k0, EXACT_DEPTH);
        pack_rows(h->packed, &p, (exact_part){.k0 = k0, .depth = depth}, down, isa);
        for (tile.col = d0; tile.col < end; tile.col += EXACT_COLS) {
            tile.cols = sav_min(end - tile.col, EXACT_COLS);
            add_block(&tile, h->sums + (tile.col - d0) * high, h->packed, k0, depth);
        }
    }
    for (size_t c = d0; c < end; c += EXACT_COLS) {
        const exact_result result = {h->out + c, h->out_stride, h->rows, sav_min(end - c, EXACT_COLS), NULL};
        isa->rows->finish(&result, h->sums + (c - d0) * high, isa, how.run->R);
    }
}

void sav_exact_attention(float *out, const float *q, const float *k, const float *v, const sav_attention *at,
                         exact_run how) {
    enum { WIDE = EXACT_ROWS / QUERY_ROWS * EXACT_COLS };
    const sav_run *run = how.run;
    const size_t d = at->d, tasks = sav_attention_tasks(at, QUERY_ROWS), keys = sav_attention_reach(at),
                 wide = sav_round_up(keys, 8);
    size_t doubles;
    if (!thread_doubles(&doubles, keys, d)) return; /* sav_exact_scratch has refused such a size */
#pragma omp parallel for schedule(dynamic) \
    num_threads(run->threads) if (sav_team(run, sav_attention_work(at)))
    for (size_t task = 0; task < tasks; task++) {
        sav_attention_block b;
        if (!sav_attention_block_at(&b, at, task, QUERY_ROWS)) continue;
        const size_t key = b.first_key * at->kv_stride + b.kv * d;
        head_block h = {
            .q = {q + b.row * at->q_stride + b.head * d, SAV_F32, SAV_F32, b.rows, at->q_stride, 1},
            .k = {k + key, SAV_F32, SAV_F32, b.keys, at->kv_stride, 1},
            .v = {v + key, SAV_F32, SAV_F32, d, 1, at->kv_stride},
            .out = out + b.row * at->H * d + b.head * d,
            .rows = b.rows,
            .keys = b.keys,
            .d = d,
            .out_stride = at->H * d,
            .panels = (double *)run->scratch + (size_t)sav_thread() * doubles};
        h.sums = h.panels + (size_t)EXACT_COLS * EXACT_DEPTH;
        h.e = h.panels + TILE_DOUBLES;
        h.packed = h.e + wide;
        h.scores = (void *)(h.packed + (size_t)QUERY_ROWS * (d > EXACT_DEPTH ? d : EXACT_DEPTH));
        scores_block(&h, how);
        for (size_t r = 0; r < b.rows; r++) {
            score_row row = {.s = h.scores + r * b.keys, .e = h.e, .keys = b.keys};
            sav_attention_visible(&row.first, &row.last, at, &b, r);
            softmax_row(&row, at, run->R, how.isa->rows);
        }
        for (size_t d0 = 0; d0 < d; d0 += WIDE) values_part(&h, d0, sav_min(d, d0 + WIDE), how);
    }
}

/* ---- activation ---------------------------------------------------------------------------------------- */

void sav_exact_activation(float *out, const float *x, size_t n, sav_activation f, exact_run how) {
    const sav_run *run = how.run;
    const size_t piece = 4096;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, n * 64))
    for (size_t i = 0; i < n; i += piece)
        how.isa->rows->activation(out + i, x + i, sav_min(n - i, piece), f, run->R);
}

const sav_kernels *const sav_engine_exact[] = {
#if defined(__x86_64__)
    &sav_exact_avx512, &sav_exact_avx2,
#endif
    &sav_exact_c, NULL};
