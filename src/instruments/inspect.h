/* inspect.h: what the program makes of a model folder, a prompt, a picture, without a forward: `info` and
 * `show`.
 *
 *   text or prompt -> ids with their pieces                         sav_inspect_text, _prompt
 *   picture -> size, grid, token count, tiles as PNG                sav_inspect_picture
 *   session -> memory that a forward takes                          sav_inspect_memory
 *   folder -> every byte verified                                   sav_inspect_verify
 */
#ifndef SAV_INSPECT_H
#define SAV_INSPECT_H

#include "base/base.h"

/* ---- tokens -------------------------------------------------------------------------------------------- */

typedef struct sav_token {
    uint32_t id;
    const char *piece; /* as the vocabulary spells it; NULL: an id without a token */
    size_t length;
} sav_token;

typedef struct sav_token_list {
    sav_token *tokens; /* [count] */
    size_t count;
    struct sav_tokenizer *own; /* opened for this list; NULL: the pieces are the model's */
    sav_text notes;            /* of the folder that was opened for it: as sav_model_info's */
} sav_token_list;

/* The bytes alone, by the folder's tokenizer; the folder needs no weights. name: what the text is called in
 * messages. */
sav_status sav_inspect_text(sav_token_list *out, const char *folder, const char *name, const char *text,
                            size_t length, sav_error *err);
/* A prompt as the model lays it out; a picture is one placeholder, no picture file is opened. */
sav_status sav_inspect_prompt(sav_token_list *out, const sav_model *model, const sav_prompt *prompt,
                              sav_error *err);
void sav_token_list_free(sav_token_list *list);

/* ---- pictures ------------------------------------------------------------------------------------------ */

typedef struct sav_picture_report {
    size_t height, width;           /* as decoded (and turned, with rotate) */
    bool turned;                    /* the file has an orientation other than 1, in EXIF or XMP */
    bool damaged, unrefined;        /* the notes of sav_image */
    size_t best_height, best_width; /* the pinpoint chosen; 0 in families that cut no tiles */
    size_t fit_height, fit_width;   /* the picture's size inside it */
    /* tiles = 1 + rows * columns; tile 0: one picture of rows x columns patches */
    size_t tile, rows, columns, tiles;
    size_t map_height, map_width; /* feature map that becomes tokens, beside the base tile's */
    bool shrunk;
    size_t tokens;
} sav_picture_report;

/* How the model sees a picture with its bounds under a session's pillow, exif_rotate, min_pixels and
 * max_pixels. folder (may be NULL): its tiles are written there as "NAME-0.png" …; number 0 is the whole
 * picture. */
sav_status sav_inspect_picture(sav_picture_report *out, const sav_model *model, const sav_part *picture,
                               const sav_options *options, const char *folder, const char *name,
                               sav_error *err);

/* ---- the folder ---------------------------------------------------------------------------------------- */

/* two prompts of text alone, one where the context is no longer; two with a picture, where the model sees */
enum { SAV_MEMORY_ROWS = 4 };

typedef struct sav_memory_row {
    size_t text, height, width; /* the prompt: tokens of text, and a picture's pixels (0: none) */
    size_t tokens, bytes;       /* in all, and what their forward takes beside the weights */
} sav_memory_row;

typedef struct sav_memory_plan {
    sav_memory_row rows[SAV_MEMORY_ROWS];
    size_t count;
} sav_memory_plan;

/* Measured by the forward's own plan, without a forward. */
sav_status sav_inspect_memory(sav_memory_plan *out, const sav_model *model, sav_session *session,
                              sav_error *err);

/* A line of the report: a file's digest, or a finding. */
typedef struct sav_verify_hooks {
    void *context;
    void (*file)(void *context, const char *path, uint64_t size, const char *sha256);
    /* only where there are some */
    void (*tensor)(void *context, const char *name, uint64_t not_finite, uint64_t count);
    sav_status (*check)(void *context, sav_error *err); /* between tensors; may be NULL */
} sav_verify_hooks;

/* Reads every byte of the folder's files and every weight; multiplies with the BLAS against plain loops.
 * Failure: a wrong product, an unreadable file, or SAV_BAD_INPUT that names the first tensor with a value
 * that is not finite. */
sav_status sav_inspect_verify(const sav_model *model, const sav_verify_hooks *hooks, sav_error *err);

#endif
