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

#endif
