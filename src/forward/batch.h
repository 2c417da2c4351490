/* batch.h: prompts that go through a model together: read, compared, packed into rows.
 *
 *   prompt -> ids, pictures (each file once) -> sav_input             sav_batch_add
 *   inputs -> sav_rows [N]: what samples begin with in common stands once,
 *       and each sample's last row  sav_batch_pack
 *
 * Two samples share a row when the tokens up to it are the same and their pictures have the same bytes: then
 * positions, keys and values are the same too, since attention looks back only.
 */
#ifndef SAV_BATCH_H
#define SAV_BATCH_H

#include "models/model.h"

typedef struct sav_batch {
    bool apart; /* nothing is shared, for comparison */

    /* [picture_count] of the batch, then spare ones up to picture_all: read for a prompt that did not fit */
    sav_picture **pictures;
    size_t picture_count, picture_all, picture_room;

    sav_input *inputs; /* [count] */
    size_t count, room;
    size_t N, most_keys; /* rows, tokens of the longest prompt, so far */

    /* By sav_batch_pack: */
    sav_rows rows;      /* its arrays are the two below */
    sav_span *spans;    /* [rows.span_count] */
    int64_t *positions; /* [1 or 3, N] */
    size_t *same_as;    /* [count] the sample whose tap is this one's too: itself, or an equal one */
    size_t *places;     /* [picture_count] the first row of a picture */
} sav_batch;

/* Empties the batch. Pictures of a prompt that was dropped last are kept for the next. */
void sav_batch_begin(sav_batch *batch);
void sav_batch_free(sav_batch *batch);

/* One more prompt. After a failure the batch is as before. */
sav_status sav_batch_add(sav_batch *batch, const sav_model *model, const sav_prompt *prompt,
                         sav_pictures *how, sav_error *err);
/* Takes the last prompt out again. N and most_keys: as they were before it. */
void sav_batch_drop(sav_batch *batch, size_t N, size_t most_keys, size_t picture_count);

/* Lays the rows out. */
sav_status sav_batch_pack(sav_batch *batch, const sav_model *model, sav_error *err);

/* Embeds the text rows into x [N, D]; and copies the pictures' rows from their first places to the others. */
void sav_batch_embed(float *x, const sav_batch *batch, const sav_model *model, const sav_run *run);
void sav_batch_repeat(float *x, const sav_batch *batch, size_t D);

#endif
