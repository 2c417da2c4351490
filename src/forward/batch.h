/* batch.h: prompts that go through a model together: compared, packed into rows.
 *
 *   inputs (input.h) -> sav_rows [N]: what samples begin with in common stands once
 *
 * Two samples share a row when the tokens up to it are the same and their pictures have the same bytes: then
 * positions, keys and values are the same too, since attention looks back only.
 */
#ifndef SAV_BATCH_H
#define SAV_BATCH_H

#include "forward/input.h"

/* More prompts are never in one batch, however few rows they need: equal ones share all. */
enum { SAV_BATCH_MOST = 4096 };

typedef struct sav_batch {
    bool apart; /* nothing is shared, for comparison */

    sav_input *inputs; /* [count] */
    size_t *order;     /* [count] the inputs by content, equal ones as they came */
    size_t count, capacity, order_capacity;
    size_t N, most_keys; /* rows, tokens of the longest prompt, so far */

    /* By sav_batch_pack: */
    sav_rows rows;      /* its arrays are the two below; x is the caller's */
    sav_span *spans;    /* [rows.span_count] */
    int64_t *positions; /* [1 or 3, N] */
    size_t *same_as;    /* [count] the sample whose tap is this one's too: itself, or an equal one */
    size_t *places;     /* [pictures] the first row of a picture */
} sav_batch;

void sav_batch_begin(sav_batch *batch); /* empties it */
void sav_batch_free(sav_batch *batch);

/* One more prompt. After a failure the batch and the pictures are as before. */
sav_status sav_batch_add(sav_batch *batch, sav_pictures *pictures, const sav_model *model,
                         const sav_prompt *prompt, sav_error *err);
/* Takes the last prompt out again. before: N and most_keys as they were before it. */
void sav_batch_drop(sav_batch *batch, const size_t before[2]);

/* Lays the rows out. pictures: how many the batch has. */
sav_status sav_batch_pack(sav_batch *batch, const sav_decoder *decoder, size_t pictures, sav_error *err);

/* Embeds the text rows into rows.x; and copies the pictures' rows from their first places to the others. */
void sav_batch_embed(sav_pass *p, const sav_batch *batch, const sav_decoder *decoder);
void sav_batch_repeat(const sav_batch *batch, const sav_picture_set *pictures, size_t D);

#endif
