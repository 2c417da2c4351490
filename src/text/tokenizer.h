/* tokenizer.h: text to token ids and back, as Hugging Face `tokenizers` 0.21.4 does it for Qwen2's
 * tokenizers.
 *
 *     UTF-8 -> added tokens cut out -> each piece: NFC -> added tokens again -> pre-tokens
 *         -> byte-pair encoding -> ids [T]
 *
 * Nothing is put in front or behind: no beginning or end token, no prefix space. A special token that a user
 * types is that token: there is no escaping.
 */
#ifndef SAV_TOKENIZER_H
#define SAV_TOKENIZER_H

#include "io/json.h"
#include "text/added.h"
#include "text/bpe.h"

#define SAV_TOKEN_NONE UINT32_MAX

typedef struct sav_tokenizer sav_tokenizer; /* immutable once open; any number of threads may use it */

/* Reads tokenizer.json of a model folder, or vocab.json and merges.txt where it is absent; then the added
 * tokens of tokenizer_config.json, or of added_tokens.json and special_tokens_map.json. A normalizer,
 * pre-tokenizer, pattern, decoder or post-processor other than Qwen2's is an error that names it, and so is a
 * key that changes ids in a way not written here. notes (may be NULL) gets a line for each file with keys
 * that are not read. */
sav_status sav_tokenizer_open(sav_tokenizer **out, sav_text *notes, const char *folder, sav_error *err);
/* The same from a tokenizer.json alone, already read. */
sav_status sav_tokenizer_parse(sav_tokenizer **out, const sav_json_doc *doc, sav_error *err);
void sav_tokenizer_free(sav_tokenizer *tokenizer); /* NULL is fine */

/* Appends the ids of `text`. Text that is no UTF-8 is an error that names the byte. */
sav_status sav_tokenizer_encode(sav_ids *out, const sav_tokenizer *tokenizer, const char *text, size_t length,
                                sav_error *err);

typedef struct sav_placeholder {
    const char *text; /* "<image>" */
    uint32_t marker;  /* the id that it gets where it is no added token */
} sav_placeholder;

/* The same for a prompt with media, and appends to `places` where the placeholders fell (indices into
 * out->ids). Where the placeholder is an added token it gets that token's id; where it is none (lmms-lab's
 * folders) the text is cut at each literal placeholder, each chunk encoded alone, and `marker` put between:
 * the same ids around it either way. */
sav_status sav_tokenizer_encode_media(sav_ids *out, sav_ids *places, const sav_tokenizer *tokenizer,
                                      const char *text, size_t length, const sav_placeholder *placeholder,
                                      sav_error *err);

/* of an added token; SAV_TOKEN_NONE */
uint32_t sav_tokenizer_id(const sav_tokenizer *tokenizer, const char *added);
size_t sav_tokenizer_size(const sav_tokenizer *tokenizer); /* largest id + 1 */

/* A token as the vocabulary spells it (byte alphabet), or the content of an added one. Not NUL-terminated;
 * NULL for an id without a token. */
const char *sav_tokenizer_piece(const sav_tokenizer *tokenizer, uint32_t id, size_t *length);

/* Appends the text of ids. Ids without a token give nothing; with skip_special, so do special tokens. What is
 * no UTF-8 when all bytes are side by side becomes U+FFFD. */
sav_status sav_tokenizer_decode(sav_text *out, const sav_tokenizer *tokenizer, const uint32_t *ids,
                                size_t count, bool skip_special, sav_error *err);

#endif
