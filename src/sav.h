/* sav.h: Sparse Attention Vectors (arXiv 2412.00142) on plain CPUs. The one public header.
 *
 *     sav_model *model;  sav_session *session;  sav_error err;
 *     sav_part parts[] = {{SAV_IMAGE, "cat.jpg"}, {SAV_TEXT, "What animal is this?"}};
 *     sav_message turn = {"user", parts, 2};
 *     sav_prompt prompt = {.messages = &turn, .count = 1};
 *     if (sav_model_open(&model, "llava-onevision-qwen2-7b-ov-hf", &err)) return report(&err);
 *     if (sav_session_open(&session, model, NULL, &err)) return report(&err);
 *     float *tap = malloc(sav_model_describe(model)->features * sizeof *tap);         // [L, H, d]
 *     if (sav_forward(session, &prompt, tap, NULL, &err)) return report(&err);
 *
 * Letters: T tokens, D width, H query heads, G key/value heads, d head size, F feed-forward width, P patches, L layers,
 * V vocabulary, C classes, N examples, K selected heads.
 *
 * A model is immutable and may serve many sessions; a session is used by one thread at a time. The library never exits,
 * prints, reads the environment or keeps mutable globals. One thing is process state all the same: OpenBLAS's own thread
 * count. The blas engine wants it to be 1 (openblas_set_num_threads(1)), which the program `savs` sees to.
 */
#ifndef SAV_H
#define SAV_H

#include <stddef.h>
#include <stdint.h>

/* ---- status and errors ------------------------------------------------------------------------------------------ */

typedef enum sav_status {
    SAV_OK = 0,
    SAV_BAD_INPUT,   /* a file, list or argument says something that cannot be; the message names it */
    SAV_UNSUPPORTED, /* well formed, but nothing here can run it */
    SAV_NO_MEMORY,
    SAV_IO_ERROR, /* the system refused: open, map, read, write, disk full */
    SAV_STOPPED   /* the caller's sink or stop flag asked for it */
} sav_status;

/* Filled by every function that returns a sav_status other than SAV_OK. `message` is one line:
 * "FILE[:LINE|, tensor T]: what was found; expected what". `hint` is one line or "". */
typedef struct sav_error {
    sav_status status;
    char message[640];
    char hint[256];
} sav_error;

/* Storage types of tensors, as safetensors names them. */
typedef enum sav_dtype { SAV_F32, SAV_BF16, SAV_F16, SAV_F64, SAV_I64, SAV_I32, SAV_U8, SAV_DTYPES } sav_dtype;

/* ---- prompts ---------------------------------------------------------------------------------------------------- */

typedef enum sav_part_kind {
    SAV_TEXT,        /* UTF-8 text; a placeholder typed in it (`<image>`) counts as one, as in the reference tokenizer */
    SAV_IMAGE,       /* a picture beside the text: where it goes and what surrounds it is the chat layout's business */
    SAV_IMAGE_INLINE /* a picture whose placeholder stood inside a list's question: bare placeholder, at this very place */
} sav_part_kind;

typedef struct sav_part {
    sav_part_kind kind;
    const char *text; /* SAV_TEXT: the text; pictures: the file's path */
} sav_part;

typedef struct sav_message {
    const char *role; /* "system", "user", "assistant" */
    const sav_part *parts;
    size_t count;
} sav_message;

/* One question to the model. The generation prompt (`<|im_start|>assistant…`) is always added behind the messages. */
typedef struct sav_prompt {
    const sav_message *messages;
    size_t count;
    const char *literal; /* not NULL: the prompt's bytes as they are, placeholders included; messages only bring pictures */
} sav_prompt;

/* ---- Sparse Attention Vectors: taps with labels -> heads; a tap -> votes ------------------------------------------ */

typedef struct sav_fit_options {
    size_t heads;      /* K, how many heads vote: 1 … L*H; 0 = 20 */
    sav_dtype dtype;   /* what sums, means and cosines are rounded to: SAV_F32, SAV_BF16, SAV_F16 */
    double validation; /* share of each class, in (0, 1), that scores the heads while the rest makes the means; 0 = off */
    uint64_t seed;     /* of that draw */
    int threads;       /* 0 = OpenMP's default; the results are the same at any number */
} sav_fit_options;

/* Where the taps came from; strings may be NULL. */
typedef struct sav_origin {
    const char *model, *model_sha256, *engine;
} sav_origin;

/* A fitted classifier, immutable: class means of the selected heads. */
typedef struct sav_heads sav_heads;

typedef struct sav_heads_view {
    size_t layers, heads, head_size, classes, selected; /* L, H, d, C, K */
    sav_dtype dtype;
    const char *const *class_names; /* [C], in order of first appearance in the training list */
    const int32_t *class_counts;    /* [C] examples behind each mean */
    const int32_t *top_heads;       /* [K, 2] layer and head, best first */
    const float *head_scores;       /* [L, H] share of the scored examples that each head puts into their class */
    const float *activations;       /* [C, K, d] class means of the selected heads */
    sav_origin origin;              /* of a file; NULLs after sav_fit */
    /* How clear the selection was; all 0 when read from a file. */
    size_t scored;                 /* examples that scored the heads */
    int32_t cut_count, cut_next;   /* hits at rank K; most hits outside, -1 if nothing is outside */
    size_t cut_tied, cut_taken;    /* heads with cut_count hits; selected ones among them. tied > taken: ambiguous */
    size_t near_ties, nan_cosines; /* (example, head) pairs: best two cosines as good as equal; a cosine NaN */
} sav_heads_view;

/* features [N, L, H, d]; labels [N], NULL leaves an example out; shape = {N, L, H, d}; options may be NULL. */
sav_status sav_fit(sav_heads **out, const float *features, const char *const *labels, const size_t shape[4],
                   const sav_fit_options *options, sav_error *err);
const sav_heads_view *sav_heads_describe(const sav_heads *heads);
void sav_heads_free(sav_heads *heads); /* NULL is fine */

/* The file `sav.safetensors`; opens in Python with safetensors.numpy.load_file. origin may be NULL. */
sav_status sav_heads_save(const sav_heads *heads, const char *path, const sav_origin *origin, sav_error *err);
sav_status sav_heads_open(sav_heads **out, const char *path, sav_error *err);

typedef struct sav_prediction {
    size_t winner;                 /* class id */
    size_t margin;                 /* votes of the winner less the runner-up's; 0 = the tie rule decided */
    size_t near_ties, nan_cosines; /* among the K selected heads */
} sav_prediction;

/* tap [L, H, d], of which only the selected heads are read; votes [C] and head_votes [K] class ids in rank order. */
sav_status sav_predict(sav_prediction *out, int32_t *votes, int32_t *head_votes, const sav_heads *heads, const float *tap,
                       sav_error *err);

#endif
