/* formats.h: what the fields of a record mean, a table of list formats: JSON object -> sample
 * (reference/tasks.md §3). */
#ifndef SAV_FORMATS_H
#define SAV_FORMATS_H

#include "io/json.h"
#include "lists/list.h"

/* Where a record stands and what its paths start from. */
typedef struct sav_record_place {
    const char *list;       /* name of the list, for messages */
    const char *folder;     /* folder of the list; "" = the current one */
    const char *image_root; /* or NULL */
} sav_record_place;

typedef struct sav_format {
    const char *name;
    /* Fills the sample's strings; what it set before a failure is freed by the caller. */
    sav_status (*read)(sav_sample *out, const sav_json *record, const sav_record_place *place,
                       sav_error *err);
    const char *protocol; /* how its predictions are scored: a name in the table of tasks/protocols.c */
} sav_format;

const sav_format *sav_format_find(const char *name); /* NULL when unknown */
const sav_format *sav_format_at(size_t i);           /* NULL behind the last */
void sav_format_names(sav_text *out);                /* "general, …" */

/* Appends a picture's path, given as the list has it. */
sav_status sav_sample_add_media(sav_sample *sample, const char *path, const sav_record_place *place,
                                size_t line, sav_error *err);
size_t sav_text_placeholders(const char *text, const char *placeholder); /* how often it occurs */

#endif
