/* panel.c: float32 linear and attention over packed panels.
 *
 *   linear   x [T, K] -> row panels [K / depth][rows / mr][depth][mr], packed once for all products of a call
 *              W [N, K] as stored -> a column panel [depth][nr], widened and transposed while packed,
 *                  used for all rows at once
 *              tiles of sums [mr][nr] -> + bias -> out [T, N]
 *   attention  of one key/value head: k -> row panels [keys / mr][d][mr], v sideways
 *       -> [d / mr][keys][mr], for a block of
 *              query rows of each head that reads it, nr rows at a time:
 *              q -> a column panel [d][nr] -> scores s [keys][nr] -> softmax down each column
 *                  -> v^T s [d][nr] -> out
 *              The scores are a column panel as they are, and exist for nr query rows of one head at a time.
 *
 * Threads take tiles of columns or blocks of queries, never parts of a sum: an element's terms are added in
 * one order, whatever the number of threads, the number of rows, and the row's place among them. Blocking:
 * Goto, van de Geijn, "Anatomy of high-performance matrix multiplication", 2008.
 */
#include "kernels/panel/panel.h"

#include <math.h>

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/parallel.h"
#include "kernels/prefetch.h"

enum { QUERY_ROWS = 384 }; /* of a head in one task; a multiple of every nr */

/* Rows of x that are packed together: as even blocks as at most PANEL_ROWS allow. */
static size_t row_block(size_t T, size_t mr) {
    const size_t blocks = (T + PANEL_ROWS - 1) / PANEL_ROWS;
    return sav_round_up((T + blocks - 1) / blocks, mr);
}

/* Terms of a block of a sum over K: few of them round less, many cost less. A sum of a small model has eight
 * blocks, that of a large one blocks of PANEL_DEPTH; as even blocks as that allows. */
static size_t block_depth(size_t K) {
    const size_t most = K <= 256 ? sav_round_up((K + 7) / 8, 8)
                                 : sav_min(sav_round_up((K + 3) / 4, 16), PANEL_DEPTH);
    const size_t blocks = (K + most - 1) / most;
    return sav_min(sav_round_up((K + blocks - 1) / blocks, 8), most);
}

/* ---- scratch ------------------------------------------------------------------------------------------- */

/* Floats of a thread: one column panel, sums of a tile of columns. */
static size_t linear_floats(const panel_isa *isa) {
    return isa->nr * PANEL_DEPTH + (size_t)PANEL_ROWS * PANEL_COLS;
}

/* Floats of a thread: k, v, scores, one query panel, outputs, sums. false: too many. */
static bool attention_floats(size_t *floats, size_t keys, size_t d, const panel_isa *isa) {
    const size_t deep = sav_round_up(d, isa->mr), wide = sav_round_up(keys, isa->mr);
    size_t rest, row;
    return sav_mul(&rest, 2, deep) && sav_add(&row, rest, isa->nr) && sav_mul(floats, wide, row) &&
           sav_add(&rest, rest, 1) && sav_mul(&rest, rest, isa->nr) && sav_add(floats, *floats, rest) &&
           sav_add(floats, *floats, 16);
}

bool sav_panel_scratch(size_t *bytes, const sav_extent *most, const panel_isa *isa) {
    size_t shared, own;
    if (!sav_mul(&shared, most->K, sav_min(sav_round_up(most->T, isa->mr), PANEL_ROWS)) ||
        !attention_floats(&own, most->keys, most->d, isa))
        return false;
    shared = sav_round_up(shared, 16);
    own = sav_round_up(own, 16);
    const size_t linear = linear_floats(isa);
    size_t for_linear, for_attention;
    if (!sav_mul(&for_linear, linear, (size_t)most->threads) || !sav_add(&for_linear, for_linear, shared) ||
        !sav_mul(&for_attention, own, (size_t)most->threads))
        return false;
    return sav_mul(bytes, for_linear > for_attention ? for_linear : for_attention, sizeof(float));
}

/* ---- linear -------------------------------------------------------------------------------------------- */

/* One tile of columns of one product, of the rows that were packed. */
typedef struct column_tile {
    const sav_product *to;
    size_t column, columns; /* of W's rows */
    const float *a;         /* the packed rows */
    size_t row, rows;       /* of out */
} column_tile;

/* What is packed after columns c .. of the tile at k0: the next columns in this block of k, or the next
 * block's first. */
static sav_prefetch plan_prefetch(const column_tile *t, size_t c, size_t k0, const panel_isa *isa) {
    const sav_matrix *W = t->to->W;
    const size_t K = W->cols, nr = isa->nr, block = block_depth(K);
    const bool more = c + nr < t->columns;
    const size_t next = more ? k0 : sav_min(K, k0 + block);
    return sav_prefetch_plan(&(sav_stretch){.data = W->data,
                                            .size = sav_dtype_size(W->dtype),
                                            .stride = K,
                                            .N = W->rows,
                                            .row = t->column + (more ? c + nr : 0),
                                            .rows = nr,
                                            .k0 = next,
                                            .depth = sav_min(K - next, block)},
                             sav_round_up(t->rows, isa->mr) / isa->mr);
}

/* sums[columns / nr][rows / mr][mr][nr] = a . W^T */
static void sum_columns(float *sums, float *panel, const column_tile *t, const panel_isa *isa) {
    const sav_matrix *W = t->to->W;
    const size_t K = W->cols, mr = isa->mr, nr = isa->nr, down = sav_round_up(t->rows, mr) / mr,
                 block = block_depth(K);
    const panel_operand weights = {W->data, W->dtype, W->rows, K};
    for (size_t k0 = 0; k0 < K; k0 += block) {
        const size_t depth = sav_min(K - k0, block);
        for (size_t c = 0; c < t->columns; c += nr) {
            const panel_part columns = {t->column + c, nr, k0, depth};
            sav_prefetch next = plan_prefetch(t, c, k0, isa);
            isa->pack(panel, &weights, &columns);
            for (size_t i = 0; i < down; i++) {
                sav_prefetch_some(&next);
                isa->tile(sums + (c / nr * down + i) * mr * nr, t->a + k0 * down * mr + i * depth * mr, panel,
                          depth, sav_min(t->rows - i * mr, mr), k0 > 0);
            }
        }
    }
}

static void write_columns(const float *sums, const column_tile *t, const panel_isa *isa) {
    const size_t mr = isa->mr, nr = isa->nr, down = sav_round_up(t->rows, mr) / mr, N = t->to->W->rows;
    for (size_t r = 0; r < t->rows; r++)
        for (size_t c0 = 0; c0 < t->columns; c0 += nr) {
            const float *from = sums + ((c0 / nr * down + r / mr) * mr + r % mr) * nr;
            const float *bias = t->to->bias ? t->to->bias + t->column + c0 : NULL;
            float *to = t->to->out + (t->row + r) * N + t->column + c0;
            const size_t n = sav_min(t->columns - c0, nr);
            if (bias)
                for (size_t c = 0; c < n; c++) to[c] = from[c] + bias[c];
            else
                memcpy(to, from, n * sizeof *to);
        }
}

void sav_panel_linear(const sav_product *to, size_t count, const float *x, size_t T, panel_run how) {
    const sav_run *run = how.run;
    const panel_isa *isa = how.isa;
    const size_t K = to->W->cols, tiles = sav_product_tiles(to, count, PANEL_COLS);
    const size_t block = row_block(T, isa->mr), deep = block_depth(K);
    const panel_operand from = {x, SAV_F32, T, K};
    float *a = run->scratch, *own = a + sav_round_up(K * sav_min(sav_round_up(T, isa->mr), PANEL_ROWS), 16);
    for (size_t t0 = 0; t0 < T; t0 += block) {
        const size_t rows = sav_min(T - t0, block), down = sav_round_up(rows, isa->mr) / isa->mr;
#pragma omp parallel num_threads(run->threads) if (sav_team(run, sav_product_work(to, count, rows)))
        {
            float *panel = own + (size_t)sav_thread() * linear_floats(isa),
                  *sums = panel + isa->nr * PANEL_DEPTH;
#pragma omp for schedule(static)
            for (size_t i = 0; i < down; i++)
                for (size_t k0 = 0; k0 < K; k0 += deep) {
                    const panel_part part = {t0 + i * isa->mr, isa->mr, k0, sav_min(K - k0, deep)};
                    isa->pack(a + k0 * down * isa->mr + i * part.depth * isa->mr, &from, &part);
                }
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < tiles; i++) {
                column_tile t = {.a = a, .row = t0, .rows = rows};
                t.to = sav_product_tile(&t.column, to, PANEL_COLS, i);
                t.columns = sav_min(t.to->W->rows - t.column, PANEL_COLS);
                sum_columns(sums, panel, &t, isa);
                write_columns(sums, &t, isa);
            }
        }
    }
}

/* ---- attention ----------------------------------------------------------------------------------------- */

/* A block of query rows at the keys and values of one head: what a thread works on, and its scratch. */
typedef struct head_block {
    const sav_attention *at;
    const sav_attention_block *b;
    const panel_isa *isa;
    float *k;    /* [keys / mr][d][mr] */
    float *v;    /* [keys / depth][d / mr][depth][mr] */
    float *s;    /* [keys][nr] scores, then probabilities that are not divided yet */
    float *q;    /* [d][nr] */
    float *o;    /* [d][nr] */
    float *sums; /* [nr] */
} head_block;

static void divide_scratch(head_block *m, float *scratch) {
    const panel_isa *isa = m->isa;
    const size_t deep = sav_round_up(m->at->d, isa->mr),
                 wide = sav_round_up(sav_attention_reach(m->at), isa->mr);
    m->q = scratch;
    m->o = m->q + deep * isa->nr;
    m->sums = m->o + deep * isa->nr;
    m->s = m->sums + isa->nr;
    m->k = m->s + wide * isa->nr;
    m->v = m->k + wide * deep;
}

/* Keys as rows; values sideways, so that the head's elements are rows: those are copied, not transposed. */
static void pack_keys_values(const head_block *m, const float *k, const float *v) {
    const size_t mr = m->isa->mr, d = m->at->d, down = sav_round_up(d, mr) / mr, stride = m->at->kv_stride;
    const size_t keys = m->b->keys;
    const panel_operand from = {k, SAV_F32, keys, stride};
    for (size_t i = 0; i < keys; i += mr) m->isa->pack(m->k + i * d, &from, &(panel_part){i, mr, 0, d});
    for (size_t k0 = 0; k0 < keys; k0 += PANEL_KEYS)
        m->isa->pack_sideways(m->v + k0 * down * mr, v + k0 * stride, stride, d,
                              sav_min(keys - k0, PANEL_KEYS));
}

/* A score is summed in parts: with large biases of k its terms are large, and a sum over them in one chain
 * rounds at the size of what has come together so far. Scores of the panel's `rows` queries, rows r0 .. of
 * the block, for keys [first, last); masked ones are -infinity. */
static void scores(const head_block *m, size_t r0, size_t rows, size_t first, size_t last) {
    const panel_isa *isa = m->isa;
    const size_t mr = isa->mr, nr = isa->nr, d = m->at->d, part = d <= 32 ? 4 : sav_round_up((d + 1) / 2, 4);
    for (size_t i = first / mr; i * mr < last; i++)
        for (size_t d0 = 0; d0 < d; d0 += part)
            isa->tile(m->s + i * mr * nr, m->k + (i * d + d0) * mr, m->q + d0 * nr, sav_min(d - d0, part), mr,
                      d0 > 0);
    for (size_t r = 0; r < rows; r++) {
        size_t begin, end;
        sav_attention_visible(&begin, &end, m->at, m->b, r0 + r);
        for (size_t key = first; key < begin; key++) m->s[key * nr + r] = -INFINITY;
        for (size_t key = end; key < last; key++) m->s[key * nr + r] = -INFINITY;
    }
}

/* o [d][nr] = v^T . s over keys [first, last), in blocks that start at multiples of PANEL_KEYS. */
static void values(const head_block *m, size_t first, size_t last) {
    const panel_isa *isa = m->isa;
    const size_t mr = isa->mr, nr = isa->nr, d = m->at->d, down = sav_round_up(d, mr) / mr;
    for (size_t k0 = first / PANEL_KEYS * PANEL_KEYS; k0 < last; k0 += PANEL_KEYS) {
        const size_t packed = sav_min(m->b->keys - k0, PANEL_KEYS), from = k0 < first ? first : k0;
        const size_t depth = sav_min(last, k0 + PANEL_KEYS) - from;
        for (size_t i = 0; i < down; i++)
            isa->tile(m->o + i * mr * nr, m->v + (k0 * down + i * packed + (from - k0)) * mr,
                      m->s + from * nr, depth, sav_min(d - i * mr, mr), k0 > first);
    }
}

/* Rows r0 .. r0 + rows - 1 of the block, of one query head. */
static void query_panel(float *out, const float *q, const head_block *m, size_t r0, size_t rows) {
    const sav_attention *at = m->at;
    const sav_attention_block *b = m->b;
    const size_t nr = m->isa->nr, d = at->d;
    const panel_operand from = {q, SAV_F32, b->row + b->rows, at->q_stride};
    size_t first, last, unused;
    sav_attention_visible(&first, &unused, at, b, r0);
    sav_attention_visible(&unused, &last, at, b, r0 + rows - 1);
    m->isa->pack(m->q, &from, &(panel_part){b->row + r0, nr, 0, d});
    scores(m, r0, rows, first, last);
    m->isa->softmax(m->sums, m->s, first, last, (float)(at->divide ? 1 / at->scale : at->scale));
    values(m, first, last);
    for (size_t i = 0; i < d; i++)
        for (size_t r = 0; r < nr; r++) m->o[i * nr + r] /= m->sums[r];
    for (size_t r = 0; r < rows; r++) {
        float *to = out + (b->row + r0 + r) * at->H * d;
        for (size_t i = 0; i < d; i++) to[i] = m->o[i * nr + r];
    }
}

void sav_panel_attention(float *out, const float *q, const float *k, const float *v, const sav_attention *at,
                         panel_run how) {
    const sav_run *run = how.run;
    const panel_isa *isa = how.isa;
    const size_t d = at->d, group = at->H / at->G;
    /* tasks are of key/value heads: all query heads that read one share its panels */
    sav_attention pairs = *at;
    pairs.H = at->G;
    const size_t tasks = sav_attention_tasks(&pairs, QUERY_ROWS);
    size_t own;
    if (!attention_floats(&own, sav_attention_reach(at), d, isa)) return; /* the plan asked before */
    own = sav_round_up(own, 16);
#pragma omp parallel for schedule(dynamic) \
    num_threads(run->threads) if (sav_team(run, sav_attention_work(at)))
    for (size_t task = 0; task < tasks; task++) {
        sav_attention_block b;
        if (!sav_attention_block_at(&b, &pairs, task, QUERY_ROWS)) continue;
        head_block m = {.at = at, .b = &b, .isa = isa};
        divide_scratch(&m, (float *)run->scratch + (size_t)sav_thread() * own);
        const size_t from = b.first_key * at->kv_stride + b.kv * d;
        pack_keys_values(&m, k + from, v + from);
        for (size_t h = b.kv * group; h < (b.kv + 1) * group; h++)
            for (size_t r0 = 0; r0 < b.rows; r0 += isa->nr)
                query_panel(out + h * d, q + h * d, &m, r0, sav_min(b.rows - r0, isa->nr));
    }
}

/* ---- activation ---------------------------------------------------------------------------------------- */

void sav_panel_activation(float *out, const float *x, size_t n, sav_activation f, panel_run how) {
    const sav_run *run = how.run;
    enum { PART = 4096 }; /* a multiple of every vector, so that threads share none */
    if (f == SAV_GELU_ERF) {
        sav_gelu_erf(out, x, n, run);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, n * 16))
    for (size_t i = 0; i < n; i += PART) how.isa->activation(out + i, x + i, sav_min(n - i, PART), f);
}

const sav_kernels *const sav_engine_panel[] = {
#if defined(__x86_64__)
    &sav_panel_avx512, &sav_panel_avx2,
#endif
    &sav_panel_c, NULL};
