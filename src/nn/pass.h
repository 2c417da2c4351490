/* pass.h: what travels through a forward: how operations run, who sees their results, who is asked before a
 * layer.
 *
 *   session -> sav_pass -> every function of a network -> kernels (the engine's table)
 *                                                         sav_show (a dump's sink)
 *                                                         sav_enter (streaming, Ctrl-C), sav_book (bench)
 *
 * Costs one test an operation when nobody looks on.
 */
#ifndef SAV_PASS_H
#define SAV_PASS_H

#include "kernels/kernels.h"

/* Which part of a network a module is. `bench` books time by it; `quantize` asks it. */
typedef enum sav_role {
    SAV_ROLE_EMBEDDING,
    SAV_ROLE_PATCHES, /* a tower's convolution: pixels to rows */
    SAV_ROLE_NORM,    /* norms and residuals */
    SAV_ROLE_Q,
    SAV_ROLE_K,
    SAV_ROLE_V,
    SAV_ROLE_QKV, /* the three as one matrix */
    SAV_ROLE_ROPE,
    SAV_ROLE_ATTENTION,
    SAV_ROLE_OUT, /* o_proj, out_proj, proj: the heads joined */
    SAV_ROLE_MLP_IN,
    SAV_ROLE_ACTIVATION,
    SAV_ROLE_MLP_OUT,
    SAV_ROLE_PROJECTOR, /* LLaVA's projector, Qwen's merger */
    SAV_ROLE_LM_HEAD,
    SAV_ROLES
} sav_role;

/* What an operation took. */
typedef struct sav_cost {
    double flop;           /* of products and attention */
    uint64_t weight_bytes; /* read */
} sav_cost;

/* Layers are counted in the order in which a forward runs them: those of the tower first (its patch embedding
 * is one, its projector or merger is one), then the decoder's. Before and between them it is SAV_NO_LAYER. */
#define SAV_NO_LAYER SIZE_MAX

/* Asked before each layer: its weights are made ready, and the run may end here. */
typedef struct sav_gate {
    sav_status (*enter)(void *context, size_t layer, sav_error *err);
    void *context;
} sav_gate;

/* Told behind each operation: what ran since the last call belongs to this layer and role. */
typedef struct sav_observer {
    void (*book)(void *context, size_t layer, sav_role role, const sav_cost *cost);
    void *context;
} sav_observer;

typedef struct sav_pass {
    const sav_kernels *kernels;
    sav_run run;                  /* storage type R, threads, scratch */
    size_t depth;                 /* decoder layers to run */
    bool whole;                   /* the whole graph of one sample, every stage shown */
    const sav_sink *sink;         /* receives the stages; NULL: nobody looks */
    const sav_gate *gate;         /* NULL: nobody is asked */
    const sav_observer *observer; /* NULL: nobody measures */
    size_t layer;                 /* the one that runs */
    size_t stack;                 /* rows are shown as [stack, rows / stack, cols]; 0: as [rows, cols] */
    sav_status status; /* after a sink or the gate has failed it stays, and nothing more is shown */
    sav_error *err;
} sav_pass;

/* False: the forward ends. */
bool sav_enter(sav_pass *p, size_t layer);
void sav_book(sav_pass *p, sav_role role, const sav_cost *cost); /* cost NULL: none to speak of */

/* A module's result, rows [rows, cols], as the stage "PATH.output"; path NULL: it is not shown. */
void sav_show(sav_pass *p, const float *x, size_t rows, size_t cols, const char *path);
/* The same as "PATH.input". */
void sav_show_input(sav_pass *p, const float *x, size_t rows, size_t cols, const char *path);
/* Anything else under its full name: data as `stage` says, floats in R unless its dtype says another. */
void sav_show_stage(sav_pass *p, const sav_snapshot *stage);

#endif
