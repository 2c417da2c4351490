/* tokenizer_parts.h: the inside of a sav_tokenizer, shared by tokenizer.c (use), tokenizer_files.c and
 * tokenizer_added.c (opening), and the tables of their files' keys. */
#ifndef SAV_TOKENIZER_PARTS_H
#define SAV_TOKENIZER_PARTS_H

#include "io/keys.h"
#include "text/tokenizer.h"

struct sav_tokenizer {
    sav_bpe bpe;
    sav_added added;
    bool nfc; /* compose text; false where tokenizer.json has no normalizer */
};

/* tokenizer.json's list. */
sav_status sav_added_read_list(sav_tokenizer *t, const sav_json *list, const char *name, sav_error *err);
/* All other files of the folder; notes: see sav_tokenizer_open. */
sav_status sav_added_read_folder(sav_tokenizer *t, sav_text *notes, const char *folder, sav_error *err);

/* ---- complaints and files ------------------------------------------------------------------------------ */

sav_status sav_tokenizer_no_memory(sav_error *err, const char *name);
/* Puts a node's place in front of an error. */
sav_status sav_tokenizer_at(sav_status status, const sav_json *node, const char *name, sav_error *err);
/* "NAME:LINE:COLUMN: WHAT "FOUND"; expected EXPECTED" */
sav_status sav_tokenizer_refuse(const char *what, const char *found, const char *expected,
                                const sav_json *node, const char *name, sav_error *err);
/* folder/file, parsed; *out NULL when there is no such file. */
sav_status sav_tokenizer_read(sav_json_doc **out, const char *folder, const char *file, sav_error *err);

/* A whole file against its table, with its note; doc NULL: nothing. */
sav_status sav_tokenizer_check(sav_text *notes, const sav_json_doc *doc, const sav_keys *table,
                               sav_error *err);
extern const sav_keys sav_tokenizer_json_keys, sav_tokenizer_config_keys, sav_special_map_keys;

#endif
