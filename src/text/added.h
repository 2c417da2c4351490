/* added.h: added tokens (<|im_end|>, <image>, …): which there are, and cutting them out of a text.
 *
 *     text -> sav_added_split -> text, token, text, token, text
 *
 * They are found before everything else and go around byte-pair encoding. Source: tokenizers 0.21.4,
 * added_vocabulary.
 */
#ifndef SAV_ADDED_H
#define SAV_ADDED_H

#include "base/base.h"

#define SAV_ADDED_NONE UINT32_MAX
/* tokens; real folders have fewer than 100 (some language models: some thousand) */
#define SAV_ADDED_MOST 16384

typedef struct sav_added_token {
    char *content; /* as written, UTF-8 */
    char *needle;  /* what is searched for: content, or its NFC when `normalized` */
    uint32_t length, needle_length;
    uint32_t id;
    bool special;        /* left out by decoding with skip_special */
    bool normalized;     /* searched for behind NFC instead of before it */
    bool lstrip, rstrip; /* a hit takes the white space beside it along */
    bool single_word;    /* no hit beside a word character */
} sav_added_token;

/* Needles of one stage, longest first among those of one first byte. */
typedef struct sav_added_index {
    uint32_t *order; /* [count] places in tokens */
    uint32_t count;
    uint32_t first[257]; /* needles that begin with byte b: order[first[b] .. first[b + 1]) */
} sav_added_index;

typedef struct sav_added {
    sav_added_token *tokens; /* [count] in the order of their ids' giving */
    uint32_t count;
    size_t capacity;
    uint32_t next_id;            /* behind the largest */
    uint32_t *by_content;        /* [count] places in tokens, sorted */
    size_t sorted;               /* room of by_content */
    sav_added_index raw, normal; /* the two stages: before NFC, behind it */
} sav_added;

/* Adds a copy of `token` (content and length are read, needle is not), or replaces the flags of the one with
 * the same content. `nfc`: the tokenizer composes, so needles of normalized tokens are composed too. */
sav_status sav_added_put(sav_added *added, const sav_added_token *token, bool nfc, sav_error *err);
/* builds the two indices; none may be put behind it */
sav_status sav_added_finish(sav_added *added, sav_error *err);
void sav_added_free(sav_added *added);

const sav_added_token *sav_added_by_content(const sav_added *added, const char *content, size_t length);
const sav_added_token *sav_added_by_id(const sav_added *added, uint32_t id);

typedef struct sav_added_cut {
    size_t start, stop; /* bytes of the text */
    uint32_t id;        /* SAV_ADDED_NONE: plain text */
} sav_added_cut;

typedef struct sav_added_cuts {
    sav_added_cut *cuts;
    size_t count, capacity;
} sav_added_cuts;

/* Fills `out` (what it held is overwritten, its memory kept) with the pieces of the text, front to back. */
sav_status sav_added_split(sav_added_cuts *out, const sav_added_index *index, const sav_added *added,
                           const char *text, size_t length, sav_error *err);
void sav_added_cuts_free(sav_added_cuts *cuts);

#endif
