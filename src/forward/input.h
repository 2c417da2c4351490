/* input.h: one prompt, read: its tokens, where its pictures stand, the positions.
 *
 *   prompt -> layout -> bytes -> ids with a placeholder a picture
 *     -> one id a visual token, positions [axes, T]
 */
#ifndef SAV_INPUT_H
#define SAV_INPUT_H

#include "forward/pictures.h"

typedef struct sav_input {
    size_t T;
    int64_t *ids; /* [T], one placeholder id for each visual token */
    /* [T] the same, but for a visual token -1 - the batch's number of its picture, and far below where the
     * picture has no places of its own: what makes two samples equal */
    int64_t *content;
    int64_t *positions; /* [axes, T] */
    size_t images;
    size_t *pictures; /* [images] which of the batch's pictures */
    size_t *starts;   /* [images] its first token */
} sav_input;

sav_status sav_input_read(sav_input *out, sav_pictures *pictures, const sav_model *model,
                          const sav_prompt *prompt, sav_error *err);
void sav_input_free(sav_input *input);

/* The prompt's bytes -> ids and where placeholders fell. A text model knows no placeholder: `<image>` is text
 * there. */
sav_status sav_input_tokens(sav_ids *ids, sav_ids *places, const sav_model *model, const sav_prompt *prompt,
                            sav_error *err);

#endif
