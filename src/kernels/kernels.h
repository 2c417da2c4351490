/* kernels.h: the operations of a forward, below the models.
 *
 * Engines differ in three of them: matmul (linear), attention, activation. They stand in a const table that
 * travels in the session; everything else is in elementwise.h and is the same for all engines, evaluated as
 * the numeric contract says.
 *
 *   exact/  the contract: double sums in increasing k, one rounding to R an operation
 *   int8/  matrices of a quantised folder: whole-number dot products; everything else by the best float32
 *       engine
 *   panel/  float32: our own micro-kernel over packed panels, weights widened while packed
 *   blas/   float32: each tile's matmul by OpenBLAS, weights widened a tile at a time
 *
 * Values of every storage type R travel in floats, which hold all numbers of f32, bf16 and f16.
 */
#ifndef SAV_KERNELS_H
#define SAV_KERNELS_H

#include "base/base.h"
#include "base/round.h"

/* A weight matrix as stored and mapped: W [N, K], row n gives output n. May be unaligned. */
typedef struct sav_matrix {
    const void *data; /* [rows, cols] of dtype; SAV_U8: panels of 16 rows (kernels/int8/int8.h) */
    /* SAV_F32, SAV_BF16, SAV_F16; SAV_U8 in quantised folders, which only the int8 engine reads */
    sav_dtype dtype;
    size_t rows, cols;   /* N, K */
    const float *scales; /* SAV_U8: [panels, groups, 16] */
    size_t group;        /* SAV_U8: columns that share a scale */
} sav_matrix;

/* One of the matrices that the same rows x [T, K] go through: out[T, N] = x . W[N, K]^T + bias[N]; bias NULL:
 * none. */
typedef struct sav_product {
    float *out; /* [T, N] */
    const sav_matrix *W;
    const float *bias; /* [N] */
} sav_product;

/* Below some hundred microseconds the barriers of a team of threads cost more than it saves, and on a busy
 * machine a hundred times more, since a thread that waits may wait for one that is not scheduled. In
 * multiply-adds. */
#ifndef SAV_TEAM_WORK /* make portability builds with 0 */
#define SAV_TEAM_WORK ((size_t)1 << 24)
#endif

/* How to run: the storage type, the threads, and the scratch that the plan sized. */
typedef struct sav_run {
    sav_dtype R;
    int threads;
    /* operations with less run on one thread: SAV_TEAM_WORK; 0 in tests that want teams on small shapes */
    size_t team_work;
    void *scratch; /* [kernels->scratch(…)] bytes, 64-byte aligned */
    /* not the engines': a table that wraps one and measures it finds its counts here (instruments/bench.c) */
    void *meter;
} sav_run;

/* Softmax attention of one sequence. Query i stands at position keys - queries + i. */
typedef struct sav_attention {
    size_t queries, keys;
    size_t heads, kv_heads, d;  /* head h reads key/value head h / (heads / kv_heads) */
    size_t q_stride, kv_stride; /* floats from one token to the next; a head's d floats lie together */
    /* [segment_count + 1] rows that attend to each other alone: [0] = 0, last = queries = keys. NULL: one */
    const size_t *segments;
    size_t segment_count;
    bool causal;   /* not with segments */
    size_t window; /* keys at distance >= window are masked; 0: none. Only with causal */
    double scale;  /* scores are multiplied by it … */
    bool divide;   /* … or divided */
    /* masked scores are computed, and infinities become 0: what the Qwen-VL modules do in f16 */
    bool inf_to_zero;
} sav_attention;

typedef enum sav_activation { SAV_GELU_TANH, SAV_GELU_ERF, SAV_SILU, SAV_QUICK_GELU } sav_activation;

typedef struct sav_kernels {
    const char *engine; /* "exact", "panel", "blas", "int8" */
    const char *isa;    /* "c", "avx2", … */
    /* x [T, K] through `count` matrices of K columns: one loop over all their outputs, so that small ones
     * share the threads and x is prepared once. */
    void (*linear)(const sav_product *to, size_t count, const float *x, size_t T, const sav_run *run);
    /* out[queries, heads * d] = softmax(q k^T * scale + mask) v. */
    void (*attention)(float *out, const float *q, const float *k, const float *v, const sav_attention *shape,
                      const sav_run *run);
    /* out[n] = f(x[n]); out may be x. */
    void (*activation)(float *out, const float *x, size_t n, sav_activation f, const sav_run *run);
    /* Bytes of scratch for linears of at most T rows and K columns and attention over at most `keys` keys of
     * head size d. */
    bool (*scratch)(size_t *bytes, size_t T, size_t K, size_t keys, size_t d, int threads);
    /* Tries a foreign library once against plain loops; false: a result was off, *what says which. NULL:
     * nothing to try. */
    bool (*sound)(const char **what);
} sav_kernels;

/* One product alone. */
static inline void sav_linear(float *out, const float *x, const sav_matrix *W, const float *bias, size_t T,
                              const sav_kernels *kernels, const sav_run *run) {
    const sav_product one = {out, W, bias};
    kernels->linear(&one, 1, x, T, run);
}

/* The outputs of several products in tiles of at most `width` columns, counted through. */
static inline size_t sav_product_tiles(const sav_product *to, size_t count, size_t width) {
    size_t tiles = 0;
    for (size_t i = 0; i < count; i++) tiles += (to[i].W->rows + width - 1) / width;
    return tiles;
}

/* The tile-th of them: its product, and its first column there. */
static inline const sav_product *sav_product_tile(size_t *column, const sav_product *to, size_t width,
                                                  size_t tile) {
    for (;; to++) {
        const size_t tiles = (to->W->rows + width - 1) / width;
        if (tile < tiles) break;
        tile -= tiles;
    }
    *column = tile * width;
    return to;
}

/* Multiply-adds. */
static inline size_t sav_product_work(const sav_product *to, size_t count, size_t T) {
    size_t work = 0;
    for (size_t i = 0; i < count; i++) work += T * to[i].W->rows * to[i].W->cols;
    return work;
}

/* engine and isa by name; NULL: the default engine, the best ISA of this CPU. NULL result: not built, or not
 * on this CPU; then err says which there are. */
const sav_kernels *sav_kernels_find(const char *engine, const char *isa, sav_error *err);
/* The i-th table built into this library whose ISA this CPU has; NULL past the end. */
const sav_kernels *sav_kernels_at(size_t i);
const sav_kernels *sav_kernels_built(size_t i); /* the same, whatever this CPU has */

#endif
