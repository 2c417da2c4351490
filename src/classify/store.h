/* store.h: the feature store: taps on disk, a folder that encode fills and fit and predict read (docs/CLI.md
 * §10).
 *
 *   store.json  what made the features:
 *       {"format":1,"L":…,"H":…,"d":…,"family":…,"model":…,"model_sha256":…,…}
 *   features.f32    raw little-endian rows [L, H, d], one a sample; np.memmap opens it
 *   index.jsonl   a line a row: {"row":0,"sample":"sha256…","question_id":…,"label":…,"image":…,"question":…,
 *                                "crc32":"8 hex digits"}; image and question are absent in older stores
 *
 * A row's bytes are on the disk before its index line is written, which follows at once, and a row counts
 * once its line is whole: whatever a crash or a full disk leaves behind the last whole line is cut off when
 * the store is opened for writing, and ignored by readers.
 */
#ifndef SAV_STORE_H
#define SAV_STORE_H

#include "base/base.h"

/* Strings may be NULL (written as null). */
typedef struct sav_store_info {
    size_t L, H, d;
    const char *family, *model, *model_sha256, *engine, *dtype;
    const char *source_sha256; /* of a quantised model: what it was made of; not written when NULL */
} sav_store_info;

/* What a list says of a row. */
typedef struct sav_store_line {
    const char *question_id; /* JSON text; NULL: null */
    const char *label;       /* NULL: none */
    const char *image;       /* JSON text, the pictures as the list has them; NULL: not known */
    const char *question;    /* NULL: not known */
} sav_store_line;

typedef struct sav_store_row {
    char sample[65]; /* SHA-256 of what went in: see sav_store_key */
    sav_store_line line;
    uint32_t crc32; /* of the row's bytes */
} sav_store_row;

typedef struct sav_store sav_store;

/* Opens a store for appending and locks it; makes it when there is none. One that holds features of another
 * model, engine or shape is refused. */
sav_status sav_store_append_to(sav_store **out, const char *folder, const sav_store_info *info,
                               sav_error *err);
/* Opens a store for reading. */
sav_status sav_store_open(sav_store **out, const char *folder, sav_error *err);
void sav_store_close(sav_store *store); /* NULL is fine */
/* Deletes the files of a store and its folder, as far as they are there and nothing else is in it. */
void sav_store_remove(const char *folder);

const sav_store_info *sav_store_describe(const sav_store *store);
const char *sav_store_folder(const sav_store *store);
size_t sav_store_count(const sav_store *store);
/* Rows that were cut off when the store was opened for appending, since one of the last 256 did not have the
 * CRC of its line: that one and those behind it. */
size_t sav_store_damaged(const sav_store *store);
const sav_store_row *sav_store_at(const sav_store *store, size_t row);
/* Features of the rows that were there when the store was opened for reading, one mapping: [count, L, H, d].
 * NULL in a store open for appending, and in an empty one. */
const float *sav_store_features(const sav_store *store);

/* Resuming. Each list line owns one row. claim: true if a row of this sample, id and label is there that no
 * earlier claim of this opening took, and which; nothing is left to do for the line then. */
bool sav_store_claim(size_t *row, sav_store *store, const char *sample, const sav_store_line *line);
/* rows from before that nobody claimed: of an older list */
size_t sav_store_unclaimed(const sav_store *store);
/* Claims what is left of this sample, under whatever id and label; how many rows that were. */
size_t sav_store_claim_rest(sav_store *store, const char *sample);

/* An earlier row of the same sample: its features need not be computed again. */
bool sav_store_find(size_t *row, const sav_store *store, const char *sample);

/* Appends a row of features [L, H, d], or a copy of an earlier row under a line of its own. After a
 * failure the store is as it was before. */
sav_status sav_store_append(sav_store *store, const char *sample, const sav_store_line *line,
                            const float *features, sav_error *err);
sav_status sav_store_repeat(sav_store *store, size_t row, const sav_store_line *line, sav_error *err);

/* Rows onto the disk, then the lines that say so. Appends do it by themselves, a fraction of a second at a
 * time; call it before closing, which does it too but cannot tell of a full disk. */
sav_status sav_store_sync(sav_store *store, sav_error *err);

/* A row's features [L, H, d], once their CRC is that of the index. drop: they will not be read for a while,
 * so that their memory may be used otherwise. */
sav_status sav_store_read(const float **out, const sav_store *store, size_t row, sav_error *err);
void sav_store_drop(const sav_store *store, size_t row);

/* Reads every row and compares its CRC; the first that differs is an error that names it. */
sav_status sav_store_check(const sav_store *store, sav_error *err);

/* The name of a sample: SHA-256 over the prompt's messages, the SHA-256 of each picture's file, and what else
 * decides the features: model, engine, dtype (from info) and pixel options (free text, may be NULL). */
sav_status sav_store_key(char hex[65], const sav_prompt *prompt, const sav_store_info *info,
                         const char *pixel_options, sav_error *err);

uint32_t sav_crc32(const void *bytes, size_t length); /* zlib's polynomial and conventions */

#endif
