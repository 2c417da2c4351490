/* blas.c: float32 linear and attention; OpenBLAS multiplies one tile at a time, single-threaded, threads take
 * tiles. The library is loaded when a session starts this engine; SAV_LINKED: it is part of the program.
 *
 *   linear  x [T, K], W [N, K] as stored -> out [T, N]: for each 128 columns of W,
 *       for each 512 of K in order, the block
 *              of W is widened to float once and used for all rows while it lies in cache
 *   attention  64 query rows of a head at a time; scores never exist as T x T
 *
 * Tiles do not depend on the number of threads, so results do not either.
 */
#include <math.h>
#include <string.h>

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/cpu.h"
#include "kernels/float32.h"
#include "kernels/parallel.h"

enum { COLS = 128, DEPTH = 512, QUERY_ROWS = 64 };

static bool scratch(size_t *bytes, const sav_extent *most) {
    size_t own;
    return sav_mul(&own, sav_round_up(most->keys, 16), QUERY_ROWS) &&
           sav_add(&own, own, (size_t)COLS * DEPTH) && sav_mul(&own, own, sizeof(float)) &&
           sav_mul(bytes, own, (size_t)most->threads);
}

/* cblas_sgemm, whose prototype is the same wherever integers are int: order, transpositions, m, n, k, alpha,
 * a, its stride, b, its stride, beta, c, its stride. */
typedef void gemm_function(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                           const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 }; /* cblas.h */

#ifdef SAV_LINKED
extern gemm_function cblas_sgemm;
#endif

/* c[m, n] (+)= a[m, k] . b[n, k]^T or, with `sideways`, a[m, k] . b[k, n]; rows are `stride` floats apart. */
typedef struct gemm {
    float *c;
    const float *a, *b;
    size_t m, n, k, c_stride, a_stride, b_stride;
    bool sideways, add;
} gemm;

static void multiply(const gemm *g, const sav_run *run) {
    gemm_function *sgemm = (gemm_function *)run->foreign;
    sgemm(ROW_MAJOR, NO_TRANS, g->sideways ? NO_TRANS : TRANS, (int)g->m, (int)g->n, (int)g->k, 1.0f, g->a,
          (int)g->a_stride, g->b, (int)g->b_stride, g->add ? 1.0f : 0.0f, g->c, (int)g->c_stride);
}

/* b of a product with rows n0 .. of W, k0 ..: in place when they are stored as floats and aligned, else
 * widened to tile. */
static void widen_tile(gemm *g, float *tile, const sav_matrix *W, size_t n0, size_t k0) {
    const size_t K = W->cols, size = sav_dtype_size(W->dtype);
    const char *from = (const char *)W->data + (n0 * K + k0) * size;
    const bool as_it_is = W->dtype == SAV_F32 && (uintptr_t)W->data % sizeof(float) == 0;
    g->b = as_it_is ? (const float *)(const void *)from : tile;
    g->b_stride = as_it_is ? K : g->k;
    for (size_t n = 0; n < g->n && !as_it_is; n++)
        sav_widen(tile + n * g->k, from + n * K * size, g->k, W->dtype);
}

static void linear(const sav_product *to, size_t count, const float *x, size_t T, const sav_run *run) {
    const size_t tiles = sav_product_tiles(to, count, COLS);
#pragma omp parallel for schedule(dynamic) \
    num_threads(run->threads) if (sav_team(run, sav_product_work(to, count, T)))
    for (size_t i = 0; i < tiles; i++) {
        size_t n0;
        const sav_product *p = sav_product_tile(&n0, to, COLS, i);
        const size_t N = p->W->rows, K = p->W->cols, cols = sav_min(N - n0, COLS);
        float *tile = (float *)run->scratch + (size_t)sav_thread() * COLS * DEPTH;
        for (size_t k0 = 0; k0 < K; k0 += DEPTH) {
            gemm g = {.c = p->out + n0, .a = x + k0, .m = T, .n = cols, .k = sav_min(K - k0, DEPTH)};
            g.c_stride = N, g.a_stride = K, g.add = k0 > 0;
            widen_tile(&g, tile, p->W, n0, k0);
            multiply(&g, run);
        }
        for (size_t t = 0; t < T && p->bias; t++)
            for (size_t c = 0; c < cols; c++) p->out[t * N + n0 + c] += p->bias[n0 + c];
    }
}

/* ---- attention ----------------------------------------------------------------------------------------- */

/* One row of scores -> probabilities; keys outside [first, last) are masked. A NaN score reaches the sum, and
 * so the whole row. The largest score is taken off before the scale is applied: large scores would lose in
 * the product what their difference has. */
static void softmax_row(float *s, size_t keys, size_t first, size_t last, float scale) {
    const size_t whole = first + (last - first) / FLOAT_LANES * FLOAT_LANES;
    sav_floats parts = {0}, most = parts - INFINITY;
    float lanes[FLOAT_LANES], tail[FLOAT_LANES], largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < FLOAT_LANES; i++) tail[i] = -INFINITY;
    memcpy(tail, s + whole, (last - whole) * sizeof *s);
    for (size_t k = first; k < whole; k += FLOAT_LANES)
        most = sav_floats_larger(most, sav_floats_load(s + k));
    sav_floats_store(lanes, sav_floats_larger(most, sav_floats_load(tail)));
    for (size_t i = 0; i < FLOAT_LANES; i++) largest = lanes[i] > largest ? lanes[i] : largest;
    for (size_t k = first; k < whole; k += FLOAT_LANES) {
        const sav_floats e = sav_floats_exp((sav_floats_load(s + k) - largest) * scale);
        sav_floats_store(s + k, e);
        parts += e;
    }
    const sav_floats e = sav_floats_exp((sav_floats_load(tail) - largest) * scale);
    sav_floats_store(tail, e);
    sav_floats_store(lanes, parts + e);
    memcpy(s + whole, tail, (last - whole) * sizeof *s);
    for (size_t i = 0; i < FLOAT_LANES; i++) sum += lanes[i];
    memset(s, 0, first * sizeof *s);
    memset(s + last, 0, (keys - last) * sizeof *s);
    const float share = 1 / sum;
    for (size_t k = first; k < last; k++) s[k] *= share;
}

static void attention(float *out, const float *q, const float *k, const float *v, const sav_attention *at,
                      const sav_run *run) {
    const size_t d = at->d, tasks = sav_attention_tasks(at, QUERY_ROWS),
                 own = sav_round_up(sav_attention_reach(at), 16) * QUERY_ROWS;
#pragma omp parallel for schedule(dynamic) \
    num_threads(run->threads) if (sav_team(run, sav_attention_work(at)))
    for (size_t task = 0; task < tasks; task++) {
        sav_attention_block b;
        if (!sav_attention_block_at(&b, at, task, QUERY_ROWS)) continue;
        const float *keys = k + b.first_key * at->kv_stride + b.kv * d,
                    *values = v + b.first_key * at->kv_stride + b.kv * d;
        float *scores = (float *)run->scratch + (size_t)sav_thread() * own,
              *to = out + b.row * at->H * d + b.head * d;
        multiply(&(gemm){scores, q + b.row * at->q_stride + b.head * d, keys, .m = b.rows, .n = b.keys,
                         .k = d, .c_stride = b.keys, .a_stride = at->q_stride, .b_stride = at->kv_stride},
                 run);
        for (size_t r = 0; r < b.rows; r++) {
            size_t begin, end;
            sav_attention_visible(&begin, &end, at, &b, r);
            softmax_row(scores + r * b.keys, b.keys, begin, end,
                        (float)(at->divide ? 1 / at->scale : at->scale));
        }
        for (size_t k0 = 0; k0 < b.keys; k0 += DEPTH)
            multiply(&(gemm){to, scores + k0, values + k0 * at->kv_stride, .m = b.rows, .n = d,
                             .k = sav_min(b.keys - k0, DEPTH), .c_stride = at->H * d, .a_stride = b.keys,
                             .b_stride = at->kv_stride, .sideways = true, .add = k0 > 0},
                     run);
    }
}

static void activation(float *out, const float *x, size_t n, sav_activation f, const sav_run *run) {
    enum { PART = 4096 };
    if (f == SAV_GELU_ERF) {
        sav_gelu_erf(out, x, n, run);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, n * 16))
    for (size_t i = 0; i < n; i += PART) sav_float_activation(out + i, x + i, sav_min(n - i, PART), f);
}

/* ---- self-test ----------------------------------------------------------------------------------------- */

static float test_value(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)(*state >> 8) * 0x1p-23f - 1.0f;
}

static bool gemm_agrees(size_t m, size_t n, size_t k, bool sideways, const sav_run *run) {
    enum { M = 70, N = 131, K = 150 };
    float a[M * K], b[N * K], c[M * N];
    uint32_t state = 1;
    for (size_t i = 0; i < m * k; i++) a[i] = test_value(&state);
    for (size_t i = 0; i < n * k; i++) b[i] = test_value(&state);
    multiply(&(gemm){c, a, b, m, n, k, n, k, sideways ? n : k, sideways, false}, run);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0, size = 0;
            for (size_t l = 0; l < k; l++) {
                double product = (double)a[i * k + l] * (double)(sideways ? b[l * n + j] : b[j * k + l]);
                sum += product;
                size += fabs(product);
            }
            if (!(fabs((double)c[i * n + j] - sum) <= size * 1e-5)) return false;
        }
    return true;
}

/* OpenBLAS once for each shape class: wrong kernels are on record for some CPUs. Takes milliseconds. */
static sav_status self_test(const sav_run *run, sav_error *err) {
    static const struct {
        size_t m, n, k;
        bool sideways;
        const char *name;
    } classes[] = {{1, 128, 150, false, "one row times a tile"},
                   {7, 131, 97, false, "few rows times a tile"},
                   {70, 128, 128, false, "many rows times a tile"},
                   {64, 127, 72, false, "query rows times keys"},
                   {64, 72, 113, true, "probabilities times values"},
                   {1, 128, 64, true, "one row of probabilities times values"}};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (gemm_agrees(classes[i].m, classes[i].n, classes[i].k, classes[i].sideways, run)) continue;
        sav_fail(err, SAV_UNSUPPORTED, "engine blas: OpenBLAS gives a wrong product on this CPU (%s)",
                 classes[i].name);
        sav_hint(err, "choose another of its kernels by OPENBLAS_CORETYPE, or leave --engine out");
        return SAV_UNSUPPORTED;
    }
    return SAV_OK;
}

/* ---- start --------------------------------------------------------------------------------------------- */

#ifdef SAV_LINKED
static sav_os_function *find_gemm(sav_error *err) {
    (void)err;
    return (sav_os_function *)cblas_sgemm;
}
#else
/* Fedora's threads library first: its plain one is not meant to be called by several threads. macOS does not
 * look where Homebrew puts it. */
static sav_os_function *find_gemm(sav_error *err) {
#if defined(_WIN32)
    static const char *const names[] = {"libopenblas.dll"};
#elif defined(__APPLE__)
    static const char *const names[] = {"/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
                                        "/usr/local/opt/openblas/lib/libopenblas.dylib", "libopenblas.dylib"};
#else
    static const char *const names[] = {"libopenblasp.so.0", "libopenblas.so.0"};
#endif
    sav_os_function *found = NULL;
    sav_error why = {0};
    for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++)
        found = sav_os_find_function(names[i], "cblas_sgemm", &why);
    if (found) return found;
    sav_fail(err, SAV_IO_ERROR, "engine blas: cannot load OpenBLAS: %s", why.message);
    sav_hint(err, "install OpenBLAS (libopenblas), or leave --engine out");
    return NULL;
}
#endif

/* OpenBLAS maps a buffer for each thread that calls it, and tries again for ever where there is no room:
 * under a limit such as ulimit -v. Asked for and given back here; none of it is touched. */
static sav_status check_room(int threads, sav_error *err) {
    enum { BUFFER = 160 << 20 }; /* 128 MiB in 0.3.21, and what a thread needs beside it */
    void *buffers[SAV_MAX_THREADS];
    int count = 0;
    while (count < threads && (buffers[count] = sav_alloc(BUFFER, 1)) != NULL) count++;
    for (int i = 0; i < count; i++) sav_free(buffers[i]);
    if (count == threads) return SAV_OK;
    sav_fail(err, SAV_NO_MEMORY,
             "engine blas: no memory for OpenBLAS's buffers; expected %d MiB for each of %d threads",
             BUFFER >> 20, threads);
    sav_hint(err, "leave --engine out, or raise the limit (ulimit -v)");
    return SAV_NO_MEMORY;
}

static sav_status start(sav_run *run, sav_error *err) {
    sav_status status = check_room(run->threads, err);
    if (status) return status;
    run->foreign = find_gemm(err);
    return run->foreign ? self_test(run, err) : SAV_IO_ERROR;
}

static const sav_kernels row = {.engine = "blas",
                                .isa = "openblas", /* it asks the CPU itself */
                                .runs_here = sav_cpu_has_c,
                                .computes = SAV_BIT(SAV_F32),
                                .reads = SAV_FLOATS,
                                .batch_alters = true,
                                .linear = linear,
                                .attention = attention,
                                .activation = activation,
                                .scratch = scratch,
                                .start = start};

const sav_kernels *const sav_engine_blas[] = {&row, NULL};
