/* decoder.h: the seam between a family and its decoder: token rows to taps and logits.
 *
 *   inputs_embeds [N, D] of a batch -> L layers -> a tap [L, H, d] a sample: the input of each o_proj at
 *       its last token; logits [V] of that token where they are asked for
 *
 * A batch is packed rows: the tokens of several samples one behind the other, no padding, and what samples
 * begin with in common stands there once. N is the number of rows; with one sample N = T. A sample may also
 * go on from a state: the keys and values of the tokens before it (sav_kv_cache).
 *
 * A decoder is a table of four functions in a file of its own; its name stands in the row of the families
 * that use it.
 */
#ifndef SAV_DECODER_H
#define SAV_DECODER_H

#include "io/config.h"
#include "nn/bind.h"

typedef struct sav_decoder_config {
    size_t L, D, H, G, d, F, V;
    double norm_eps, rope_theta;
    size_t window; /* keys at distance >= window are masked; 0: none */
    size_t max_positions;
    bool tied;    /* lm_head is the embedding matrix */
    bool divides; /* scores are divided by sqrt(d), as the Qwen-VL modules do, not multiplied by d^-0.5 */
    bool mrope;   /* a token has three positions, and mrope_section says which turns a frequency */
    size_t section[3]; /* frequencies turned by time, row, column; their sum is d/2 */
} sav_decoder_config;

/* Keys and values of one sample's tokens so far, rotated: what the next forward goes on from. */
typedef struct sav_kv_cache {
    float *k, *v;           /* [L, capacity, G*d] */
    size_t count, capacity; /* tokens; the caller sees to it that a forward's own fit */
} sav_kv_cache;

/* A run of packed rows: the tokens of one sample behind those that it shares with a sample before it, or that
 * stand in its cache. Its keys are its past and its own rows. */
typedef struct sav_span {
    size_t first, count; /* rows first … first + count - 1; the last one is the sample's last token */
    size_t past;         /* tokens of the sample before them, which stand in parent, its parent, … */
    size_t parent;       /* a span before this one; only where past > 0 */
    bool in_front;       /* the past stands as one piece right in front of `first` */
    size_t sample;       /* whose tap this is */
    /* not NULL: the past is what stands here, past = cache->count; the forward appends the span's own keys */
    sav_kv_cache *cache;
} sav_span;

/* A batch, for the decoder. */
typedef struct sav_rows {
    size_t N;
    float *x;                 /* [N, D] inputs_embeds; the residual stream from there on */
    const int64_t *positions; /* [1 or 3, N] */
    const sav_span *spans;    /* [span_count] one a sample; a sample equal to another has none */
    size_t span_count;
    size_t most_keys; /* tokens of the longest sample */
    bool split;       /* some span's past is not in front of it */
} sav_rows;

/* What a forward fills. */
typedef struct sav_outputs {
    float *taps;     /* taps[sample, l, H, d] for each span's sample; NULL: nobody wants them */
    size_t features; /* floats from one sample's tap to the next */
    float *logits;   /* [span_count, V] of each span's last token; NULL: they are not computed */
} sav_outputs;

typedef struct sav_decoder sav_decoder;

typedef struct sav_decoder_kind {
    const char *name;
    const sav_decoder_config *absent; /* defaults of its own config class; d follows from the others */
    /* config.json's fields; `absent`: the defaults of the family's config class. The status is the
     * config's. */
    void (*read)(sav_decoder_config *out, sav_config *in, const sav_decoder_config *absent);
    /* Tensors "PREFIXlayers.0.…", "HEAD_PREFIXlm_head.weight"; m->config is there. The status is the
     * binder's. */
    void (*bind)(sav_decoder *m, sav_binder *b, const char *prefix, const char *head_prefix);
    /* Scratch for a batch (its N, most_keys, split, span_count) from an arena that may be measuring: then
     * NULL. whole: stages will be shown. logits: they will be asked for. */
    void *(*plan)(sav_arena *arena, const sav_decoder *m, const sav_rows *rows, bool whole, bool logits);
    /* With a cache: all layers run (p->depth = L), capacity is enough or the status is SAV_BAD_INPUT, and no
     * span shares the past of another one. PARITY: where scores overflow in f16 (inf_to_zero) a sample in
     * pieces is not the one in one piece, since its first tokens do not see the later ones. Runs layers 0 …
     * p->depth - 1 over rows->x. Allocates nothing. p->whole: the whole graph of one sample, every stage
     * shown; else the last layer that runs stops at its attention, with each sample's last query alone,
     * unless logits are wanted. */
    void (*forward)(sav_pass *p, const sav_outputs *out, void *scratch, const sav_rows *rows,
                    const sav_decoder *m);
} sav_decoder_kind;

/* An opened decoder. */
struct sav_decoder {
    const sav_decoder_kind *kind;
    sav_decoder_config config;
    sav_embedding embed_tokens; /* [V, D] */
    size_t axes;                /* positions of a token: 1, or 3 with M-RoPE */
    size_t first_layer;         /* its layer 0, as pass.h counts them */
    void *own;                  /* the kind's modules, in the model's memory */
};

/* Of each, the kind and what the keys of its config are. */
#define DECODER(name)                                 \
    extern const sav_decoder_kind sav_decoder_##name; \
    extern const sav_keys sav_decoder_##name##_keys;
#include "llm/decoders.inc"
#undef DECODER

#endif
