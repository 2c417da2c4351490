/* record.h: the fields of a list's record: JSON object -> strings and pictures of a sample.
 *
 *     out->question = sav_record_text(in, "question");
 *     sav_record_media(out, in, "image");
 *     out->label = sav_record_label(in, "label");
 *
 * The status is sticky: after the first failure nothing more is read, and whoever gave the record looks at it
 * once. What a format set before a failure is freed by them too.
 */
#ifndef SAV_RECORD_H
#define SAV_RECORD_H

#include "io/json.h"
#include "lists/sample.h"

/* Where records stand and what their paths start from. */
typedef struct sav_record_place {
    const char *list;       /* name of the list, for messages */
    const char *folder;     /* folder of the list; "" = the current one */
    const char *image_root; /* or NULL */
} sav_record_place;

typedef struct sav_record {
    const sav_json *object;
    const sav_record_place *place;
    sav_status status;
    sav_error *err;
} sav_record;

/* A string that has to be there. */
char *sav_record_text(sav_record *in, const char *key);
/* A string as it is; a number, true or false as its JSON text; NULL for null and absent. */
char *sav_record_label(sav_record *in, const char *key);
/* Any scalar as JSON text; "null" when absent. */
char *sav_record_id(sav_record *in, const char *key);
/* A path or a list of paths; absent, null and "" are text alone. */
void sav_record_media(sav_sample *out, sav_record *in, const char *key);
/* Behind question and pictures: as many `<image>` in the question as there are pictures, or fewer. */
void sav_record_check_placeholders(const sav_sample *out, sav_record *in);

/* Appends a picture's path, given as the list has it. */
sav_status sav_sample_add_media(sav_sample *sample, const char *path, const sav_record_place *place,
                                size_t line, sav_error *err);

#endif
