/* qwen2.h: the decoder that all families share: token rows to the tap.
 *
 *   inputs_embeds [T, D] -> L layers -> tap [L, H, d], the input of each o_proj at the last token
 *
 * Source: transformers 4.51.3, models/qwen2/modeling_qwen2.py, eager attention.
 */
#ifndef SAV_QWEN2_H
#define SAV_QWEN2_H

#include "base/trace.h"
#include "kernels/kernels.h"

typedef struct sav_qwen2_config {
    size_t L, D, H, G, d, F, V;
    double norm_eps, rope_theta;
    size_t window; /* keys at distance >= window are masked; 0: none */
    size_t max_positions;
    bool tied;    /* lm_head is the embedding matrix */
    bool divides; /* scores are divided by sqrt(d), as the Qwen-VL modules do, not multiplied by d^-0.5 */
} sav_qwen2_config;

typedef struct sav_qwen2_layer {
    const float *input_norm;                  /* [D] */
    sav_matrix q_proj, k_proj, v_proj;        /* [H*d, D], [G*d, D], [G*d, D] */
    const float *q_bias, *k_bias, *v_bias;    /* [H*d], [G*d], [G*d] */
    sav_matrix o_proj;                        /* [D, H*d] */
    const float *post_norm;                   /* [D] */
    sav_matrix gate_proj, up_proj, down_proj; /* [F, D], [F, D], [D, F] */
} sav_qwen2_layer;

typedef struct sav_qwen2 {
    sav_qwen2_config config;
    const char *prefix;      /* of its stages' names: "model." or "language_model.model." */
    const char *head_prefix; /* "" or "language_model." */
    sav_matrix embed_tokens; /* [V, D] */
    sav_qwen2_layer *layers; /* [L] */
    const float *norm;       /* [D] */
    sav_matrix lm_head;      /* [V, D] */
    float *inv_freq;         /* [d/2] */
    unsigned char *axis;     /* [d/2] M-RoPE: which of three positions turns a frequency; NULL: there is one position */
} sav_qwen2;

/* Scratch of one forward; pointers into the session's arena. */
typedef struct sav_qwen2_scratch {
    float *x;         /* [T, D] the residual stream; holds inputs_embeds at the start */
    float *normed;    /* [T, D] */
    float *added;     /* [T, D] what a block adds to the stream */
    float *q;         /* [T, H*d] */
    float *k, *v;     /* [T, G*d] */
    float *mixed;     /* [T, H*d] attention's output: o_proj's input */
    float *cos, *sin; /* [T, d/2] */
    float *gate, *up; /* [mlp_rows, F] */
    size_t mlp_rows;  /* the MLP runs over blocks of rows, so that [T, F] never exists; T when stages are shown */
    float *logits;    /* [V], only when stages are shown */
} sav_qwen2_scratch;

/* Takes the scratch for T tokens from an arena (which may be measuring). whole: stages will be shown. */
void sav_qwen2_plan(sav_qwen2_scratch *scratch, sav_arena *arena, const sav_qwen2_config *config, size_t T, bool whole);

/* Runs layers 0 … depth - 1 over scratch->x [T, D] and fills tap[l, H, d] for each. Allocates nothing. When trace is
 * watched, the whole graph runs and shows its stages; else the last layer that runs stops at its attention, with the last
 * token's query alone. positions [1 or 3, T]. */
void sav_qwen2_forward(float *tap, sav_qwen2_scratch *scratch, const int64_t *positions, const sav_qwen2 *model, size_t T,
                       size_t depth, const sav_kernels *kernels, const sav_run *run, sav_trace *trace);

#endif
