/* formats.h: what the fields of a record mean: a table of list formats (formats.inc), JSON object -> sample.
 *
 * A dataset is one file with one function and a table of keys, and one row in formats.inc. The row also says
 * by which protocol predictions on it are scored.
 */
#ifndef SAV_FORMATS_H
#define SAV_FORMATS_H

#include "io/keys.h"
#include "lists/record.h"

/* Fills the sample's strings and pictures from the record's fields. */
typedef void sav_format_read(sav_sample *out, sav_record *in);

typedef struct sav_format {
    const char *name;
    sav_format_read *read;
    const sav_keys *keys; /* of a record */
    const char *protocol; /* a name of tasks/protocols.inc */
} sav_format;

/* sav_read_general and the others, and their tables of keys */
#define FORMAT(name, protocol)             \
    extern const sav_keys sav_keys_##name; \
    sav_format_read sav_read_##name;
#include "lists/formats.inc"
#undef FORMAT

const sav_format *sav_format_find(const char *name); /* NULL: what a list is without --data; unknown: NULL */
const sav_format *sav_format_at(size_t i);           /* NULL behind the last */
void sav_format_names(sav_text *out);                /* "general, …" */

#endif
