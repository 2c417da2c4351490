/* json.h: JSON in (config, tokenizer, safetensors headers, lists) and out (results, dumps' metadata). RFC
 * 8259.
 *
 * Text in UTF-8 -> a tree of const nodes in one block. Strict: no NaN, no comments, no lone surrogates, no
 * control characters in strings, depth at most 64; errors name line and column. Big files are expected (a
 * tokenizer.json has 300,000 strings), so nodes are small and come from blocks.
 */
#ifndef SAV_JSON_H
#define SAV_JSON_H

#include "base/base.h"

typedef enum sav_json_kind {
    SAV_JSON_NULL,
    SAV_JSON_FALSE,
    SAV_JSON_TRUE,
    SAV_JSON_NUMBER,
    SAV_JSON_STRING,
    SAV_JSON_ARRAY,
    SAV_JSON_OBJECT
} sav_json_kind;

typedef struct sav_json {
    sav_json_kind kind;
    uint32_t line, column;        /* where it starts, from 1 */
    uint32_t count;               /* children of an array or object */
    uint32_t key_length;          /* of a member's key, without the NUL */
    uint32_t length;              /* of a string's bytes or a number's text, without the NUL */
    const char *key;              /* of an object's member, NUL-terminated; may hold NULs inside */
    const char *text;             /* string: decoded bytes, NUL-terminated. number: as written */
    const struct sav_json *child; /* first child */
    const struct sav_json *next;  /* next sibling */
} sav_json;

typedef struct sav_json_doc sav_json_doc; /* owns the tree */

/* name stands in errors ("config.json:3:7: …"); first_line is 1, or the line where a JSON Lines record
 * stands. `duplicate`, when not NULL, gets the first key that an object holds twice (the last one wins in
 * look-ups), else NULL; when `duplicate` is NULL a duplicate key is an error. */
sav_status sav_json_parse(sav_json_doc **out, const char *text, size_t length, const char *name,
                          uint32_t first_line, const char **duplicate, sav_error *err);
sav_status sav_json_read(sav_json_doc **out, const char *path, sav_error *err); /* a whole file */

/* A record of a list is read by itself, so that a long list never stands in memory as one tree. It may have
 * this many bytes and this many values: strings, numbers, objects … */
enum { SAV_JSON_RECORD_BYTES = 64 << 20, SAV_JSON_RECORD_VALUES = 500000 };

/* The text of one record: a line of JSON Lines. */
sav_status sav_json_record(sav_json_doc **out, const char *text, size_t length, const char *name,
                           uint32_t line, const char **duplicate, sav_error *err);

/* Or the elements of an array, one document each. *out NULL: there is none left. */
typedef struct sav_json_records {
    const char *at, *end, *line_start, *name;
    uint32_t line;
    size_t count; /* so far */
} sav_json_records;

void sav_json_records_begin(sav_json_records *records, const char *text, size_t length, const char *name,
                            uint32_t first_line);
sav_status sav_json_records_next(sav_json_doc **out, sav_json_records *records, const char **duplicate,
                                 sav_error *err);

void sav_json_free(sav_json_doc *doc); /* NULL is fine */
const sav_json *sav_json_root(const sav_json_doc *doc);
const char *sav_json_name(const sav_json_doc *doc);

/* Member of an object, the last one of that key; NULL when absent, or when `object` is NULL or no object.
 * Walks the members: for large objects use the children directly. */
const sav_json *sav_json_get(const sav_json *object, const char *key);

/* Values with a default for "absent" (node NULL or JSON null); a wrong kind or range is an error that names
 * file, line and key. */
sav_status sav_json_size(size_t *out, const sav_json *object, const char *key, size_t absent,
                         const char *name, sav_error *err);
sav_status sav_json_double(double *out, const sav_json *object, const char *key, double absent,
                           const char *name, sav_error *err);
sav_status sav_json_bool(bool *out, const sav_json *object, const char *key, bool absent, const char *name,
                         sav_error *err);
sav_status sav_json_string(const char **out, const sav_json *object, const char *key, const char *absent,
                           const char *name, sav_error *err);

/* A JSON number's value, whatever decimal point the host program's locale has. */
double sav_json_number(const char *text, size_t length);

bool sav_json_is(const sav_json *node, const char *string); /* a string equal to it */
static inline bool sav_json_is_null(const sav_json *node) { /* absent, too */
    return !node || node->kind == SAV_JSON_NULL;
}
/* A whole number that fits; false otherwise (also for 1.0 and 1e3, which are no integers as written). */
bool sav_json_integer(int64_t *out, const sav_json *node);

/* ---- writing ------------------------------------------------------------------------------------------- */

/* A string with its quotes; escapes what Python's json.dumps(ensure_ascii=False) escapes: \" \\ \n \r \t \b
 * \f \u00xx, and as \uxxxx what else sav_utf8_hidden has. Bytes that are no UTF-8 (a path may have them)
 * become U+FFFD. */
void sav_json_put_string(sav_text *out, const char *bytes, size_t length);
/* The shortest decimal that reads back as the same double; null for NaN and infinities. */
void sav_json_put_double(sav_text *out, double value);
/* A node as compact JSON: numbers as they were written. */
void sav_json_put(sav_text *out, const sav_json *node);

#endif
