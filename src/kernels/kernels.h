/* kernels.h: the operations of a forward, below the models.
 *
 * Engines differ in three of them: matmul (linear), attention, activation. They stand in a const table, one
 * row for an engine and an ISA, that travels in the session. A row also says what it is: everyone asks those
 * fields and nobody an engine's name. Everything else is in elementwise.h and is the same for all engines,
 * evaluated as the numeric contract says (docs/CONTRACT.md).
 *
 *   exact/  the contract: double sums in increasing k, one rounding to R an operation
 *   int8/  matrices of a quantised folder: whole-number dot products; everything else by a float32 engine
 *   panel/  float32: our own micro-kernel over packed panels, weights widened while packed
 *   blas/   float32: each tile's matmul by OpenBLAS, weights widened a tile at a time
 *
 * Values of every storage type R travel in floats, which hold all numbers of f32, bf16 and f16.
 */
#ifndef SAV_KERNELS_H
#define SAV_KERNELS_H

#include "base/base.h"
#include "base/os.h"
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
    void *scratch;            /* [kernels->scratch(…)] bytes, 64-byte aligned */
    sav_os_function *foreign; /* of a library that the engine's start loaded; NULL: it needs none */
    /* not the engines': a table that wraps one and measures it finds its counts here (instruments/bench.c) */
    void *meter;
} sav_run;

/* Softmax attention of one sequence. Query i stands at position keys - queries + i. */
typedef struct sav_attention {
    size_t queries, keys;
    size_t H, G, d;             /* head h reads key/value head h / (H / G) */
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

/* What scratch is sized for: linears of at most T rows and K columns; attention in which a query sees at most
 * `keys` keys of head size d. */
typedef struct sav_extent {
    size_t T, K, keys, d;
    int threads;
} sav_extent;

/* A storage type as one bit of a mask. */
#define SAV_BIT(dtype) (1u << (dtype))
#define SAV_FLOATS (SAV_BIT(SAV_F32) | SAV_BIT(SAV_BF16) | SAV_BIT(SAV_F16))

typedef struct sav_kernels {
    const char *engine, *isa; /* as users name them: "exact", "panel", …; "c", "avx2", … */
    bool (*runs_here)(void);  /* this CPU has the ISA */

    unsigned computes; /* storage types R that it can compute in */
    unsigned defaults; /* those for which it is the engine when the user names none */
    unsigned reads;    /* storage types of matrices that it can multiply with */
    unsigned needs;    /* those of them that a folder must have to be run with it; 0: any folder */
    /* the engine of everything but products with the matrices that it needs; NULL: this one does it all */
    const char *rest;
    bool batch_alters;   /* a row's bits may depend on the rows beside it: a batch has other bits */
    bool in_double;      /* its sums are of doubles: its speed is told as a share of the double peak */
    size_t vector_bytes; /* of the registers it computes in, for its peak; 0: the widest of this CPU */

    /* x [T, K] through `count` matrices of K columns: one loop over all their outputs, so that small ones
     * share the threads and x is prepared once. */
    void (*linear)(const sav_product *to, size_t count, const float *x, size_t T, const sav_run *run);
    /* out[queries, H * d] = softmax(q k^T * scale + mask) v. */
    void (*attention)(float *out, const float *q, const float *k, const float *v, const sav_attention *shape,
                      const sav_run *run);
    /* out[n] = f(x[n]); out may be x. */
    void (*activation)(float *out, const float *x, size_t n, sav_activation f, const sav_run *run);
    /* Bytes of scratch for operations of at most this size; false: too many. */
    bool (*scratch)(size_t *bytes, const sav_extent *most);
    /* Once before the others: loads a foreign library into run->foreign and tries it against plain loops.
     * SAV_IO_ERROR: it is not there; SAV_UNSUPPORTED: a result was off. NULL: nothing to start. */
    sav_status (*start)(sav_run *run, sav_error *err);
} sav_kernels;

/* One product alone. */
static inline void sav_multiply(float *out, const float *x, const sav_matrix *W, const float *bias, size_t T,
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

/* For the template of an ISA's file: names and text made with the word that ISA stands for. */
#define SAV_NAME(start, word) SAV_NAME_(start, word)
#define SAV_NAME_(start, word) start##word
#define SAV_TEXT(word) SAV_TEXT_(word)
#define SAV_TEXT_(word) #word

/* ---- the table of engines (engines.inc) ---------------------------------------------------------------- */

/* The i-th row of this program that this CPU can run, NULL past the end; and the i-th, whatever CPU this is.
 * Rows of an engine lie together, its best ISA first; the order of engines means nothing. */
const sav_kernels *sav_kernels_at(size_t i);
const sav_kernels *sav_kernels_built(size_t i);
/* The row of this engine and ISA (NULL: its best here). NULL result: not built, or not on this CPU; then err
 * says which there are. */
const sav_kernels *sav_kernels_find(const char *engine, const char *isa, sav_error *err);
/* Whether it runs a folder that holds matrices of these types beside those of floats. */
bool sav_kernels_fit(const sav_kernels *kernels, unsigned holds);
/* The row for a run in R of such a folder; engine NULL: the one whose row says that it is the default; an ISA
 * alone does not change it. An engine that cannot compute in R is an error, one that does not fit the folder
 * is not: whoever knows the folder's name tells that. */
const sav_kernels *sav_kernels_choose(const char *engine, const char *isa, sav_dtype R, unsigned holds,
                                      sav_error *err);
/* The name of the engine for R when none is named. NULL: R is no type to compute in. */
const char *sav_kernels_default(sav_dtype R, unsigned holds);

#endif
