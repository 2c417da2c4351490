/* keys.h: what each key of a file from outside is to us: a table for each object, one check for all.
 *
 *   object of a parsed file, its table
 *     -> refused: a key that would change numbers and is not read, by name     error
 *     -> neither known nor suspect: its name                                   one warning a file
 *
 *   static const sav_key ROWS[] = {
 *       SAV_READ("resample"),
 *       SAV_HARMLESS("processor_class", "names a class of Python"),
 *       SAV_ONLY("do_rescale", "true|null", "pixels are always rescaled"),
 *       SAV_REFUSED("crop_size", "pictures are never cropped"),
 *       {0}};
 *   static const sav_keys KEYS = {.file = "preprocessor_config.json", .rows = ROWS};
 *
 * The tables are beside the code that reads the file; docs/KEYS.md is written from them.
 */
#ifndef SAV_KEYS_H
#define SAV_KEYS_H

#include "io/json.h"

typedef enum sav_key_use {
    SAV_KEY_READ,     /* its value is used, or checked where it is read */
    SAV_KEY_HARMLESS, /* no value of it changes a number here */
    SAV_KEY_ONLY,     /* harmless with some values, refused with any other */
    SAV_KEY_REFUSED
} sav_key_use;

struct sav_keys;

typedef struct sav_key {
    const char *name; /* a '*' at its end stands for any ending */
    sav_key_use use;
    const char *why;    /* harmless: the reason; refused: what to do, a whole sentence or NULL */
    const char *values; /* SAV_KEY_ONLY: compact JSON, "true|null"; numbers are compared by value */
    const struct sav_keys *members; /* of its value: an object, or a list of objects; NULL: nobody looks */
} sav_key;

#define SAV_READ(name) \
    { name, SAV_KEY_READ, NULL, NULL, NULL }
#define SAV_OBJECT(name, members) \
    { name, SAV_KEY_READ, NULL, NULL, members }
#define SAV_HARMLESS(name, why) \
    { name, SAV_KEY_HARMLESS, why, NULL, NULL }
#define SAV_ONLY(name, values, why) \
    { name, SAV_KEY_ONLY, why, values, NULL }
#define SAV_REFUSED(name, why) \
    { name, SAV_KEY_REFUSED, why, NULL, NULL }

/* What becomes of a key without a row. */
typedef enum sav_key_others {
    SAV_OTHERS_SUSPECT, /* refused when its name speaks of numbers (keys.c), else named in the warning */
    SAV_OTHERS_REFUSED, /* each is refused: objects of which every member counts, as rope_scaling */
    SAV_OTHERS_NAMED    /* each is named in the warning: requests of users */
} sav_key_others;

typedef struct sav_keys {
    /* "config.json"; of a table that others point to: what documents call it, or NULL */
    const char *file;
    const char *level; /* the object in it: "text_config"; "" or NULL is the file's own */
    const char
        *architecture; /* for folders of this one alone (config.json's "architectures"); NULL: of any */
    sav_key_others others;
    const sav_key *rows;         /* the row behind the last has no name; NULL: those of `more` alone */
    const struct sav_keys *more; /* rows that are common to several objects; NULL: none */
} sav_keys;

/* What is known of a key: its row, or NULL. */
const sav_key *sav_keys_find(const sav_keys *table, const char *key);

/* The names that no table knows, of one file. */
typedef struct sav_unknown_keys {
    sav_text names; /* "a", "text_config.b" */
    size_t count;
} sav_unknown_keys;

/* Each member of `object` (NULL, or no object: nothing) against the table, and their members against theirs.
 * name: the file, for errors.
 * SAV_UNSUPPORTED: "NAME:LINE: "KEY": …". */
sav_status sav_keys_check(sav_unknown_keys *unknown, const sav_json *object, const sav_keys *table,
                          const char *name, sav_error *err);
/* Appends the file's warning, a line with its '\n'; nothing when all keys are known. Frees `unknown`. */
void sav_keys_warn(sav_text *out, sav_unknown_keys *unknown, const char *name);

#endif
