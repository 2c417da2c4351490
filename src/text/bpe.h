/* bpe.h: byte-level byte-pair encoding: the vocabulary, the merge list, pieces to ids and back.
 *
 *     one pre-token, bytes -> byte alphabet -> merges, best first -> ids
 *
 * The vocabulary is text: each byte is written as one printable character of the byte alphabet (GPT-2's), so
 * that a token of raw bytes is a string in JSON. Source: tokenizers 0.21.4, models::bpe.
 */
#ifndef SAV_BPE_H
#define SAV_BPE_H

#include "base/base.h"

#define SAV_BPE_NONE UINT32_MAX
#define SAV_BPE_MOST_IDS (1u << 22) /* ids are below this; arrays are sized by the largest one */

/* Token ids that grow. */
typedef struct sav_ids {
    uint32_t *ids;
    size_t count, capacity;
} sav_ids;

bool sav_ids_push(sav_ids *list, uint32_t id); /* false: no memory, list as it was */
void sav_ids_free(sav_ids *list);

typedef struct sav_bpe_merge { /* a slot of the merge table: left, right -> joined */
    uint32_t left, right;
    uint32_t rank;
    uint32_t joined; /* SAV_BPE_NONE: slot is free */
} sav_bpe_merge;

typedef struct sav_bpe_span { /* a token's string in the pool */
    uint32_t start, length;   /* bytes; start SAV_BPE_NONE: no token has this id */
} sav_bpe_span;

typedef struct sav_bpe {
    sav_text pool;         /* all token strings, one after the other */
    sav_bpe_span *strings; /* [id_end] of pool, by id */
    uint32_t id_end;       /* largest id + 1 */
    size_t id_capacity;
    uint32_t count;        /* tokens */
    uint32_t *slots;       /* [slot_count] hash of strings -> id, SAV_BPE_NONE: free */
    size_t slot_count;     /* a power of two */
    sav_bpe_merge *merges; /* [merge_slots] */
    size_t merge_slots;    /* a power of two */
    uint32_t merge_count;  /* = the next rank */
    uint32_t byte_id[256]; /* the token of one byte, SAV_BPE_NONE when the vocabulary lacks it */
    bool ignore_merges;    /* look a whole pre-token up first */
} sav_bpe;

/* Building, in this order: tokens, merges (in order of rank), then finish. A token or id that is there
 * already, a merge that is there already or whose parts or whole are no tokens: errors; the caller puts file
 * and line in front of them. */
sav_status sav_bpe_add_token(sav_bpe *bpe, const char *string, size_t length, uint32_t id, sav_error *err);
sav_status sav_bpe_add_merge(sav_bpe *bpe, const char *left, size_t left_length, const char *right,
                             size_t right_length, sav_error *err);
void sav_bpe_finish(sav_bpe *bpe); /* fills byte_id */
void sav_bpe_free(sav_bpe *bpe);

uint32_t sav_bpe_find(const sav_bpe *bpe, const char *string, size_t length); /* SAV_BPE_NONE when absent */
/* A token's string as the vocabulary has it (not NUL-terminated), NULL for an id not in use. */
const char *sav_bpe_string(const sav_bpe *bpe, uint32_t id, size_t *length);

typedef struct sav_bpe_work sav_bpe_work; /* scratch of encoding: kept between pre-tokens, one a caller */
sav_bpe_work *sav_bpe_work_make(void);    /* NULL: no memory */
void sav_bpe_work_free(sav_bpe_work *work);

/* Appends the ids of one pre-token. O(n log n) in its bytes. */
sav_status sav_bpe_encode(sav_ids *out, const sav_bpe *bpe, sav_bpe_work *work, const char *text,
                          size_t length, sav_error *err);

/* Appends the bytes that a token string stands for: through the byte alphabet if each of its characters is in
 * it, as they are otherwise. */
void sav_bpe_bytes(sav_text *out, const char *string, size_t length);

#endif
