/* qwen2.h: the decoder that all families share: token rows to the taps.
 *
 *   inputs_embeds [N, D] of a batch -> L layers -> a tap [L, H,
 *       d] a sample: the input of each o_proj at its last token
 *
 * A batch is packed rows: the tokens of several samples one behind the other, no padding, and what samples
 * begin with in common stands there once. N is the number of rows; with one sample N = T.
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
    /* [d/2] M-RoPE: which of three positions turns a frequency; NULL: there is one position */
    unsigned char *axis;
} sav_qwen2;

/* A run of packed rows: the tokens of one sample behind those that it shares with a sample before it. Its
 * keys are its past and its own rows. */
typedef struct sav_span {
    size_t first, count; /* rows first … first + count - 1; the last one is the sample's last token */
    size_t past;         /* tokens of the sample before them, which stand in parent, its parent, … */
    size_t parent;       /* a span before this one; only where past > 0 */
    bool in_front;       /* the past stands as one piece right in front of `first` */
    size_t sample;       /* whose tap this is */
} sav_span;

/* A batch, for the decoder. */
typedef struct sav_rows {
    size_t N;
    const int64_t *positions; /* [1 or 3, N] */
    const sav_span *spans;    /* [span_count] one a sample; a sample equal to another has none */
    size_t span_count;
    size_t most_keys; /* tokens of the longest sample */
    bool split;       /* some span's past is not in front of it */
} sav_rows;

/* Scratch of one forward; pointers into the session's arena. */
typedef struct sav_qwen2_scratch {
    float *x;             /* [N, D] the residual stream; holds inputs_embeds at the start */
    float *normed;        /* [N, D] */
    float *added;         /* [N, D] what a block adds to the stream */
    float *q;             /* [N, H*d] */
    float *k, *v;         /* [N, G*d] */
    float *mixed;         /* [N, H*d] attention's output: o_proj's input */
    float *cos, *sin;     /* [N, d/2] */
    float *keys, *values; /* [most_keys, G*d] of one span, put together; NULL unless the batch is split */
    float *gate, *up;     /* [mlp_rows, F] */
    /* the MLP runs over blocks of rows, so that [N, F] never exists; N when stages are shown */
    size_t mlp_rows;
    float *logits; /* [V], only when stages are shown */
} sav_qwen2_scratch;

/* Takes the scratch for a batch (its N, most_keys and split) from an arena (which may be measuring): all but
 * x, which is the caller's. whole: stages will be shown. */
void sav_qwen2_plan(sav_qwen2_scratch *scratch, sav_arena *arena, const sav_qwen2_config *config,
                    const sav_rows *rows, bool whole);

/* Runs layers 0 … depth - 1 over scratch->x [N, D] and fills taps[sample, l, H, d] for each span's sample;
 * features: floats from one sample's tap to the next. Allocates nothing. When trace is watched, the whole
 * graph of one sample runs and shows its stages; else the last layer that runs stops at its attention, with
 * each sample's last query alone. */
void sav_qwen2_forward(float *taps, size_t features, sav_qwen2_scratch *scratch, const sav_rows *rows,
                       const sav_qwen2 *model, size_t depth, const sav_kernels *kernels, const sav_run *run,
                       sav_trace *trace);

#endif
