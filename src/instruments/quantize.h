/* quantize.h: a model folder -> the same folder with its big matrices as int8 panels, for the int8 engine.
 *
 *   measure   each matrix of decoder and tower quantised once, its error noted; too large: it stays as it is
 *   write     shard after shard, panel after panel: memory for one matrix's scales and a handful of panels
 *   copy      tokenizer and preprocessor files; config.json last, with the format's version and group size
 *
 * What stays as it is: norms, biases, embeddings, lm_head, the tower's patch embedding; matrices whose
 * relative error |W - int8(W)|_2 / |W|_2 is above SAV_QUANTIZE_WORST (weights in which few outliers set a
 * group's scale); matrices with infinities or NaN; q_proj and k_proj of a decoder layer with a k bias of
 * SAV_QUANTIZE_BIAS or more; the whole tower with keep_vision.
 */
#ifndef SAV_QUANTIZE_H
#define SAV_QUANTIZE_H

#include "base/base.h"

/* Gaussian weights have 0.0117 in groups of 64 and 0.0128 in groups of 128. */
#define SAV_QUANTIZE_WORST 0.03
#define SAV_QUANTIZE_BIAS \
    100.0f /* Qwen2's 7B models: in the hundreds in the first and the last layer, some tens between */

typedef struct sav_quantize_options {
    size_t group; /* 32, 64, 128; 0: the default, 128 */
    bool keep_vision;
    int threads; /* 0: the cores this process may use; the same bytes at any number */
} sav_quantize_options;

typedef struct sav_quantize_hooks {
    void *context;
    /* A matrix measured; kept: it stays as it is. */
    void (*matrix)(void *context, const char *name, double error, bool kept);
    /* Between pieces of work; bytes of weights seen of `total`, twice over: measured, written. A failure ends
     * the work. */
    sav_status (*check)(void *context, uint64_t bytes, uint64_t total, sav_error *err);
} sav_quantize_hooks;

typedef struct sav_quantize_report {
    size_t group, matrices, kept;       /* matrices quantised; matrices that could have been */
    double mean_error, worst_error;     /* relative, of those quantised */
    uint64_t bytes_before, bytes_after; /* of tensors */
} sav_quantize_report;

/* to: a folder that does not exist or is empty. A folder is complete once it has its config.json. */
sav_status sav_quantize(sav_quantize_report *out, const char *folder, const char *to,
                        const sav_quantize_options *options, const sav_quantize_hooks *hooks, sav_error *err);

#endif
