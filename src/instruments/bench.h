/* bench.h: where a forward's time goes: `savs bench`.
 *
 *   session, a prompt of so many tokens, maybe a picture -> forwards with an observer (nn/pass.h)
 *     -> seconds, floating-point operations and weight bytes of each stage, shares of the multiply-add peak
 *
 * The forward is the ordinary one. Each operation says when it is done, its layer, its module's role and what
 * it cost; the time since the last one belongs to it. Seconds are CPU seconds of this process over all
 * threads, so that other processes do not count and a share is one core's.
 */
#ifndef SAV_BENCH_H
#define SAV_BENCH_H

#include "base/base.h"

typedef enum sav_bench_place {
    /* The tower; the projector or merger. */
    SAV_BENCH_TOWER_NORM, /* patches, norms, residuals */
    SAV_BENCH_TOWER_QKV,
    SAV_BENCH_TOWER_ROPE,
    SAV_BENCH_TOWER_ATTENTION,
    SAV_BENCH_TOWER_OUT,
    SAV_BENCH_TOWER_MLP,
    SAV_BENCH_TOWER_ACTIVATION,
    SAV_BENCH_MERGER,
    /* rows of the embedding, pictures put in their places, the decoder's rotary tables */
    SAV_BENCH_EMBEDDING,
    /* Decoder layers 0 … L - 2, which run whole. */
    SAV_BENCH_NORM, /* norms, residuals */
    SAV_BENCH_QKV,
    SAV_BENCH_ROPE,
    SAV_BENCH_ATTENTION,
    SAV_BENCH_O_PROJ,
    SAV_BENCH_GATE_UP,
    SAV_BENCH_ACTIVATION,
    SAV_BENCH_DOWN_PROJ,
    SAV_BENCH_LAST, /* the last layer and the norm before it: keys and values of all tokens, one query */
    SAV_BENCH_PLACES
} sav_bench_place;

extern const char *const sav_bench_names[SAV_BENCH_PLACES]; /* "vision qkv", …, "down_proj" */

enum { SAV_BENCH_ROUNDS = 64 }; /* at most */

/* A sum of places, or one. Medians over the rounds. */
typedef struct sav_bench_row {
    size_t calls; /* of kernels, in one forward */
    double cpu_seconds;
    double gflop;          /* of products and attention; 0: no share */
    uint64_t weight_bytes; /* read by products */
    double gflops, share;  /* Gflop a CPU second; as a share of the float32 peak */
} sav_bench_row;

typedef struct sav_bench {
    size_t tokens, rounds, layers; /* T; layers that run whole: L - 1 */
    double peak, peak_double;      /* Gflop/s of one core, medians: float32, double */
    bool in_double;                /* the engine sums in double: the second peak is its own */
    double seconds;                /* of a forward, by the clock on the wall */
    sav_bench_row places[SAV_BENCH_PLACES];
    sav_bench_row tower, decoder, all; /* tower: without merger; decoder: the layers that run whole */
} sav_bench;

typedef struct sav_bench_shape {
    size_t tokens;                                      /* of text */
    const char *picture;                                /* a file, or NULL */
    size_t rounds;                                      /* 1 … SAV_BENCH_ROUNDS, behind one that warms up */
    sav_status (*check)(void *context, sav_error *err); /* between forwards; may be NULL */
    void *context;
    void (*read)(void *context); /* called when the picture has been read; may be NULL */
} sav_bench_shape;

/* Measures; the session is not to be used for anything else afterwards. */
sav_status sav_bench_run(sav_bench *out, const sav_model *model, sav_session *session,
                         const sav_bench_shape *shape, sav_error *err);

#endif
