/* sample.h: one sample of a list: what is asked about which pictures, and its label; sample -> prompt. */
#ifndef SAV_SAMPLE_H
#define SAV_SAMPLE_H

#include "lists/chat.h"

typedef struct sav_sample {
    size_t index; /* ordinal of the record in the list: bad records count, blank lines do not */
    size_t line;  /* where the record starts; 0 in a folder list */
    char **media; /* [media_count] pictures, as they will be opened */
    size_t media_count;
    char *question;    /* what the format asks; `<image>` where a picture belongs */
    char *label;       /* NULL: not scored */
    char *question_id; /* JSON text as written, "null" when absent */
    char *group;       /* JSON text; "null" where the format has none */
    char *split;       /* NULL where the format has none */
} sav_sample;

void sav_sample_free(sav_sample *sample); /* what it owns */

size_t sav_sample_placeholders(const sav_sample *sample, const char *placeholder); /* in its question */

/* One user message: pictures without a placeholder first, in order, then the question; where its text holds
 * `<image>` the remaining pictures stand, in order, as SAV_IMAGE_INLINE. */
sav_status sav_sample_chat(sav_chat **out, const sav_sample *sample, sav_error *err);

#endif
