/* exact.c: linear, attention and activation under the numeric contract (see the table in MODEL.md).
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
#include "kernels/elementary.h"
#include "kernels/parallel.h"

enum { QUERY_ROWS = 32 }; /* query rows of one head that one thread handles together; a multiple of every mr */

/* Doubles of one thread: column panels [EXACT_COLS * EXACT_DEPTH], sums [EXACT_ROWS * EXACT_COLS]; for attention the packed
 * queries [QUERY_ROWS * keys or d] and the scores [QUERY_ROWS, keys] as floats. */
static bool thread_doubles(size_t *out, size_t keys, size_t d) {
    size_t deep = sav_round_up(keys > d ? keys : d, EXACT_DEPTH), rows;
    if (!sav_mul(&rows, deep, QUERY_ROWS + QUERY_ROWS / 2)) return false;
    return sav_add(out, rows, (size_t)EXACT_COLS * EXACT_DEPTH + (size_t)EXACT_ROWS * EXACT_COLS);
}

bool sav_exact_scratch(size_t *bytes, size_t T, size_t K, size_t keys, size_t d, int threads) {
    size_t own, shared;
    return thread_doubles(&own, keys, d) && sav_mul(&own, own, (size_t)threads) &&
           sav_mul(&shared, sav_round_up(K, EXACT_DEPTH), sav_min(sav_round_up(T, 8), EXACT_ROWS)) && sav_add(&own, own, shared) &&
           sav_mul(bytes, own, sizeof(double));
}

/* sums[cols / nr][rows / mr][mr][nr] of one tile: columns col .. col + cols - 1 of W against packed rows a[rows / mr][K][mr].
 * k runs in blocks, and inside them in order. */
static void sum_tile(double *sums, double *panels, const double *a, size_t rows, const exact_operand *W, size_t col,
                     size_t cols, size_t N, size_t K, const exact_isa *isa) {
    size_t down = sav_round_up(rows, isa->mr) / isa->mr, across = sav_round_up(cols, isa->nr) / isa->nr;
    size_t tile = isa->mr * isa->nr;
    memset(sums, 0, down * across * tile * sizeof *sums);
    for (size_t k0 = 0; k0 < K; k0 += EXACT_DEPTH) {
        size_t depth = sav_min(K - k0, EXACT_DEPTH);
        for (size_t j = 0; j < across; j++) {
            isa->pack(panels, W, isa->nr, col + j * isa->nr, N, k0, depth);
            for (size_t i = 0; i < down; i++)
                isa->tile(sums + (j * down + i) * tile, a + (i * K + k0) * isa->mr, panels, depth);
        }
    }
}

/* out[r * stride + c] = R(sum + bias[c]) of a tile that sum_tile filled; bias NULL: none. */
static void round_tile(float *out, size_t stride, const double *sums, const float *bias, size_t rows, size_t cols,
                       sav_dtype R, const exact_isa *isa) {
    size_t down = sav_round_up(rows, isa->mr) / isa->mr;
    for (size_t c0 = 0; c0 < cols; c0 += isa->nr)
        for (size_t r = 0; r < rows; r++) {
            const double *sum = sums + ((c0 / isa->nr * down + r / isa->mr) * isa->mr + r % isa->mr) * isa->nr;
            float *to = out + r * stride + c0;
            size_t n = sav_min(cols - c0, isa->nr);
            for (size_t c = 0; c < n; c++) to[c] = sav_round(bias ? sum[c] + (double)sav_round((double)bias[c0 + c], R) : sum[c], R);
        }
}

void sav_exact_linear(const sav_product *to, size_t count, const float *x, size_t T, const sav_run *run, const exact_isa *isa) {
    const size_t K = to->W->cols, tiles = sav_product_tiles(to, count, EXACT_COLS);
    const exact_operand from = {x, SAV_F32, run->R, K, 1};
    double *a = run->scratch, *own = a + sav_round_up(K, EXACT_DEPTH) * sav_min(sav_round_up(T, 8), EXACT_ROWS);
    for (size_t t0 = 0; t0 < T; t0 += EXACT_ROWS) {
        size_t rows = sav_min(T - t0, EXACT_ROWS), panels = sav_round_up(rows, isa->mr) / isa->mr;
#pragma omp parallel num_threads(run->threads) if (sav_team(run, sav_product_work(to, count, rows)))
        {
            double *panel = own + (size_t)sav_thread() * ((size_t)EXACT_COLS * EXACT_DEPTH + (size_t)EXACT_ROWS * EXACT_COLS);
            double *sums = panel + (size_t)EXACT_COLS * EXACT_DEPTH;
#pragma omp for schedule(static)
            for (size_t i = 0; i < panels; i++) isa->pack(a + i * K * isa->mr, &from, isa->mr, t0 + i * isa->mr, T, 0, K);
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < tiles; i++) {
                size_t n0;
                const sav_product *p = sav_product_tile(&n0, to, EXACT_COLS, i);
                const size_t N = p->W->rows, cols = sav_min(N - n0, EXACT_COLS);
                const exact_operand weights = {p->W->data, p->W->dtype, run->R, K, 1};
                sum_tile(sums, panel, a, rows, &weights, n0, cols, N, K, isa);
                round_tile(p->out + t0 * N + n0, N, sums, p->bias ? p->bias + n0 : NULL, rows, cols, run->R, isa);
            }
        }
    }
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

static float scaled(float s, const sav_attention *at, sav_dtype R) {
    return sav_round(at->divide ? (double)s / at->scale : (double)s * at->scale, R);
}

/* PARITY: in f16, -65504 + s overflows for s <= -16, and the Qwen-VL modules then set every infinity to 0, so that a masked
 * key gets weight (test: golden/qwen_vl, f16 cases). Only there masked scores must be computed. */
static void mask_by_sum(float *s, size_t keys, size_t first, size_t last, const sav_attention *at, sav_dtype R) {
    for (size_t k = 0; k < keys; k++) {
        s[k] = scaled(s[k], at, R);
        if (k < first || k >= last) s[k] = sav_round((double)s[k] - 65504.0, R);
        if (isinf(s[k])) s[k] = 0;
    }
}

/* One row of scores -> probabilities; keys outside [first, last) are masked: they would add exact zeros to both sums, so
 * they are left out of them. e [keys] is scratch. PARITY: softmax runs in float32 whatever R is, then is cast to R
 * (test_kernels.c). */
static void softmax_row(float *s, double *e, size_t keys, size_t first, size_t last, const sav_attention *at, sav_dtype R) {
    float most = -INFINITY;
    double sum = 0;
    if (at->inf_to_zero && R == SAV_F16) {
        mask_by_sum(s, keys, first, last, at, R);
        first = 0;
        last = keys;
    } else {
        for (size_t k = first; k < last; k++) s[k] = scaled(s[k], at, R);
    }
    for (size_t k = first; k < last; k++)
        if (s[k] > most || isnan(s[k])) most = s[k];
    for (size_t k = first; k < last; k++) sum += e[k] = sav_exp((double)s[k] - (double)most);
    memset(s, 0, first * sizeof *s);
    for (size_t k = first; k < last; k++) s[k] = sav_round((double)(float)(e[k] / sum), R);
    memset(s + last, 0, (keys - last) * sizeof *s);
}

typedef struct operands { /* of one block; v sideways: row = element of the head, k = key */
    exact_operand q, k, v;
} operands;

/* a is packed q, then packed scores. */
static void scores_block(float *scores, double *a, double *panel, double *sums, const operands *from,
                         const sav_attention_block *b, size_t d, const sav_run *run, const exact_isa *isa) {
    for (size_t i = 0; i < b->rows; i += isa->mr) isa->pack(a + i * d, &from->q, isa->mr, i, b->rows, 0, d);
    for (size_t n0 = 0; n0 < b->keys; n0 += EXACT_COLS) {
        size_t cols = sav_min(b->keys - n0, EXACT_COLS);
        sum_tile(sums, panel, a, b->rows, &from->k, n0, cols, b->keys, d, isa);
        round_tile(scores + n0, b->keys, sums, NULL, b->rows, cols, run->R, isa);
    }
}

static void values_block(float *out, size_t out_stride, const float *scores, double *a, double *panel, double *sums,
                         const operands *from, const sav_attention_block *b, size_t d, const sav_run *run, const exact_isa *isa) {
    const exact_operand p = {scores, SAV_F32, SAV_F32, b->keys, 1};
    for (size_t i = 0; i < b->rows; i += isa->mr) isa->pack(a + i * b->keys, &p, isa->mr, i, b->rows, 0, b->keys);
    for (size_t n0 = 0; n0 < d; n0 += EXACT_COLS) {
        size_t cols = sav_min(d - n0, EXACT_COLS);
        sum_tile(sums, panel, a, b->rows, &from->v, n0, cols, d, b->keys, isa);
        round_tile(out + n0, out_stride, sums, NULL, b->rows, cols, run->R, isa);
    }
}

void sav_exact_attention(float *out, const float *q, const float *k, const float *v, const sav_attention *at,
                     const sav_run *run, const exact_isa *isa) {
    const size_t d = at->d, tasks = sav_attention_tasks(at, QUERY_ROWS);
    const size_t deep = sav_round_up(at->keys > d ? at->keys : d, EXACT_DEPTH);
    const size_t own = deep * (QUERY_ROWS + QUERY_ROWS / 2) + (size_t)EXACT_COLS * EXACT_DEPTH + (size_t)EXACT_ROWS * EXACT_COLS;
#pragma omp parallel for schedule(dynamic) num_threads(run->threads) if (sav_team(run, sav_attention_work(at)))
    for (size_t task = 0; task < tasks; task++) {
        sav_attention_block b;
        if (!sav_attention_block_at(&b, at, task, QUERY_ROWS)) continue;
        double *panel = (double *)run->scratch + (size_t)sav_thread() * own;
        double *sums = panel + (size_t)EXACT_COLS * EXACT_DEPTH, *a = sums + (size_t)EXACT_ROWS * EXACT_COLS;
        float *scores = (float *)(a + deep * QUERY_ROWS);
        const operands from = {{q + b.row * at->q_stride + b.head * d, SAV_F32, SAV_F32, at->q_stride, 1},
                               {k + b.first_key * at->kv_stride + b.kv * d, SAV_F32, SAV_F32, at->kv_stride, 1},
                               {v + b.first_key * at->kv_stride + b.kv * d, SAV_F32, SAV_F32, 1, at->kv_stride}};
        scores_block(scores, a, panel, sums, &from, &b, d, run, isa);
        for (size_t r = 0; r < b.rows; r++) {
            size_t begin, end;
            sav_attention_visible(&begin, &end, at, &b, r);
            softmax_row(scores + r * b.keys, a, b.keys, begin, end, at, run->R);
        }
        values_block(out + b.row * at->heads * d + b.head * d, at->heads * d, scores, a, panel, sums, &from, &b, d, run, isa);
    }
}

/* ---- activation -------------------------------------------------------------------------------------------------- */

static double gelu_tanh(double x) {
    const double u = x * x * x;
    return 0.5 * x * (1 + sav_tanh(0.79788456080286535588 * (x + 0.044715 * u))); /* sqrt(2 / pi) */
}

static double gelu_erf(double x) {
    return x * 0.5 * (1 + sav_erf(x * 0.70710678118654752440)); /* M_SQRT1_2 */
}

static double silu(double x) {
    return x / (1 + sav_exp(-x));
}

/* Three operations of the module, x * sigmoid(1.702 * x), each rounded. */
static void quick_gelu(float *out, const float *x, size_t n, const sav_run *run) {
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, n * 64))
    for (size_t i = 0; i < n; i++) {
        float scaled_x = sav_round((double)x[i] * 1.702, run->R);
        float gate = sav_round(1 / (1 + sav_exp(-(double)scaled_x)), run->R);
        out[i] = sav_round((double)x[i] * (double)gate, run->R);
    }
}

void sav_exact_activation(float *out, const float *x, size_t n, sav_activation f, const sav_run *run) {
    if (f == SAV_QUICK_GELU) {
        quick_gelu(out, x, n, run);
        return;
    }
    double (*const of)(double) = f == SAV_GELU_TANH ? gelu_tanh : f == SAV_GELU_ERF ? gelu_erf : silu;
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, n * 64))
    for (size_t i = 0; i < n; i++) out[i] = sav_round(of((double)x[i]), run->R);
}
