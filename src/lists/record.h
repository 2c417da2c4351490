/* record.h: a list's record and the sample it becomes: JSON object -> question, pictures, label.
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

/* What is asked about which pictures. */
typedef struct sav_sample {
    size_t index; /* ordinal of the record in the list: bad records count, blank lines do not */
    size_t line;  /* where the record starts; 0 in a folder list */
    char **media; /* [media_count] pictures, as they will be opened */
    size_t media_count;
    char *image;       /* JSON text: the pictures as the list has them: a path, a list of paths, null */
    char *question;    /* what the format asks; `<image>` where a picture belongs */
    char *label;       /* NULL: not scored */
    char *question_id; /* JSON text as written, "null" when absent */
    char *group;       /* JSON text; "null" where the format has none */
    char *split;       /* NULL where the format has none */
    void *block;       /* all of the above, once it is packed; NULL: each by itself */
} sav_sample;

void sav_sample_free(sav_sample *sample); /* what it owns */

/* Moves its strings into one block, half the memory: a list may have a million samples. false: no memory, and
 * the sample as it was. */
bool sav_sample_pack(sav_sample *sample);

/* `image` of pictures that no JSON list names: a path, several as a list. By sav_free; NULL: no memory. */
char *sav_sample_image(const char *const *paths, size_t count);

size_t sav_sample_placeholders(const sav_sample *sample, const char *placeholder); /* in its question */

/* ---- the fields of a record ---------------------------------------------------------------------------- */

/* Where records stand and what their paths start from. */
typedef struct sav_record_source {
    const char *list;       /* name of the list, for messages */
    const char *folder;     /* folder of the list; "" = the current one */
    const char *image_root; /* or NULL */
} sav_record_source;

typedef struct sav_record {
    const sav_json *object;
    const sav_record_source *source;
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
/* The same under any of several keys, the last NULL; two that differ are an error. */
void sav_record_media_of(sav_sample *out, sav_record *in, const char *const *keys);
/* Behind question and pictures: as many `<image>` in the question as there are pictures, or fewer. */
void sav_record_check_placeholders(const sav_sample *out, sav_record *in);

bool sav_is_video_name(const char *path); /* by its ending */
/* Appends a picture's path, given as the list has it. */
sav_status sav_sample_add_media(sav_sample *sample, const char *path, const sav_record_source *source,
                                size_t line, sav_error *err);

#endif
