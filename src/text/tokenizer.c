/* tokenizer.c: encoding and decoding (see tokenizer.h; opening is in tokenizer_files.c).
 *
 *     raw text          "x é<|im_end|>"
 *     cut, raw          "x é" | <|im_end|>          added tokens with normalized = false
 *     NFC               "x é"                       each piece is composed by itself
 *     cut, normal       "x é"                       added tokens with normalized = true
 *     pre-tokens        "x" | " é"                  each piece is its own string: look-ahead ends at its end
 *     merges            87, 3958
 *
 * PARITY: composing whole prompts, or one pattern over a whole prompt, gives other ids beside special tokens:
 * <|im_end|> followed by U+0338 is not "≯". Guarded by test_tokenizer.
 */
#include "text/tokenizer.h"

#include <string.h>

#include "text/pretokenize.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

/* What one call of encode needs; freed at its end. */
typedef struct scratch {
    const sav_tokenizer *t;
    sav_bpe_work *work;
    sav_added_cuts raw, normal;
    sav_text composed;
} scratch;

static sav_status no_memory(sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "tokenizer: out of memory");
}

/* A piece without added tokens. */
static sav_status encode_plain(sav_ids *out, scratch *s, const char *text, size_t length, sav_error *err) {
    sav_status status = SAV_OK;
    while (length && !status) {
        size_t bytes = sav_pretokenize_next(text, length);
        status = sav_bpe_encode(out, &s->t->bpe, s->work, text, bytes, err);
        text += bytes;
        length -= bytes;
    }
    return status;
}

/* A piece between raw added tokens: compose it, cut the normalized ones out. */
static sav_status encode_piece(sav_ids *out, scratch *s, const char *text, size_t length, sav_error *err) {
    const sav_added *added = &s->t->added;
    s->composed.length = 0;
    if (s->t->nfc) {
        sav_status status = sav_unicode_nfc(&s->composed, text, length, err);
        if (status) return status;
        text = s->composed.bytes;
        length = s->composed.length;
    }
    sav_status status = sav_added_split(&s->normal, &added->normal, added, text, length, err);
    for (size_t i = 0; i < s->normal.count && !status; i++) {
        sav_added_cut cut = s->normal.cuts[i];
        if (cut.id == SAV_ADDED_NONE)
            status = encode_plain(out, s, text + cut.start, cut.stop - cut.start, err);
        else if (!sav_ids_push(out, cut.id))
            status = no_memory(err);
    }
    return status;
}

static sav_status encode_text(sav_ids *out, scratch *s, const char *text, size_t length, sav_error *err) {
    const sav_added *added = &s->t->added;
    sav_status status = sav_added_split(&s->raw, &added->raw, added, text, length, err);
    for (size_t i = 0; i < s->raw.count && !status; i++) {
        sav_added_cut cut = s->raw.cuts[i];
        if (cut.id == SAV_ADDED_NONE)
            status = encode_piece(out, s, text + cut.start, cut.stop - cut.start, err);
        else if (!sav_ids_push(out, cut.id))
            status = no_memory(err);
    }
    return status;
}

static sav_status scratch_make(scratch *s, const sav_tokenizer *t, sav_error *err) {
    *s = (scratch){.t = t, .work = sav_bpe_work_make()};
    return s->work ? SAV_OK : no_memory(err);
}

static void scratch_free(scratch *s) {
    sav_bpe_work_free(s->work);
    sav_added_cuts_free(&s->raw);
    sav_added_cuts_free(&s->normal);
    sav_text_free(&s->composed);
}

sav_status sav_tokenizer_encode(sav_ids *out, const sav_tokenizer *tokenizer, const char *text, size_t length,
                                sav_error *err) {
    scratch s;
    sav_status status = sav_utf8_check(text, length, "text", err);
    if (status) return status;
    status = scratch_make(&s, tokenizer, err);
    if (!status) status = encode_text(out, &s, text, length, err);
    scratch_free(&s);
    return status;
}

/* ---- media --------------------------------------------------------------------------------------------- */

static const char *find_bytes(const char *text, size_t length, const char *word, size_t word_length) {
    for (; length >= word_length; text++, length--)
        if (*text == *word && memcmp(text, word, word_length) == 0) return text;
    return NULL;
}

/* The placeholder is an ordinary string to the tokenizer: cut there, encode what is between. */
static sav_status encode_chunks(sav_ids *out, sav_ids *places, scratch *s, const char *text, size_t length,
                                const sav_placeholder *placeholder, sav_error *err) {
    const size_t bytes = strlen(placeholder->text);
    for (;;) {
        const char *hit = find_bytes(text, length, placeholder->text, bytes);
        sav_status status = encode_text(out, s, text, hit ? (size_t)(hit - text) : length, err);
        if (status || !hit) return status;
        if (out->count >= SAV_TOKEN_NONE || !sav_ids_push(places, (uint32_t)out->count) ||
            !sav_ids_push(out, placeholder->marker))
            return no_memory(err);
        length -= (size_t)(hit - text) + bytes;
        text = hit + bytes;
    }
}

/* Where id stands in out from `start` on. */
static sav_status find_places(sav_ids *places, const sav_ids *out, size_t start, uint32_t id,
                              sav_error *err) {
    for (size_t i = start; i < out->count; i++)
        if (out->ids[i] == id && (i >= SAV_TOKEN_NONE || !sav_ids_push(places, (uint32_t)i)))
            return no_memory(err);
    return SAV_OK;
}

sav_status sav_tokenizer_encode_media(sav_ids *out, sav_ids *places, const sav_tokenizer *tokenizer,
                                      const char *text, size_t length, const sav_placeholder *placeholder,
                                      sav_error *err) {
    scratch s;
    const size_t start = out->count;
    const uint32_t id = sav_tokenizer_id(tokenizer, placeholder->text);
    sav_status status = sav_utf8_check(text, length, "prompt", err);
    if (status) return status;
    status = scratch_make(&s, tokenizer, err);
    if (!status && id == SAV_TOKEN_NONE && *placeholder->text) {
        status = encode_chunks(out, places, &s, text, length, placeholder, err);
    } else if (!status) {
        status = encode_text(out, &s, text, length, err);
        if (!status) status = find_places(places, out, start, id, err);
    }
    scratch_free(&s);
    return status;
}

/* ---- ids and pieces ------------------------------------------------------------------------------------ */

uint32_t sav_tokenizer_id(const sav_tokenizer *tokenizer, const char *added) {
    const sav_added_token *token = sav_added_by_content(&tokenizer->added, added, strlen(added));
    return token ? token->id : SAV_TOKEN_NONE;
}

size_t sav_tokenizer_size(const sav_tokenizer *tokenizer) {
    size_t size = tokenizer->bpe.id_end;
    for (uint32_t i = 0; i < tokenizer->added.count; i++)
        if (tokenizer->added.tokens[i].id >= size) size = (size_t)tokenizer->added.tokens[i].id + 1;
    return size;
}

const char *sav_tokenizer_piece(const sav_tokenizer *tokenizer, uint32_t id, size_t *length) {
    const sav_added_token *token = sav_added_by_id(&tokenizer->added, id);
    if (!token) return sav_bpe_string(&tokenizer->bpe, id, length);
    *length = token->length;
    return token->content;
}

/* Bytes are put side by side over all tokens first, and only then read as UTF-8: a character may be spread
 * over tokens. */
sav_status sav_tokenizer_decode(sav_text *out, const sav_tokenizer *tokenizer, const uint32_t *ids,
                                size_t count, bool skip_special, sav_error *err) {
    sav_text bytes = {0};
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const sav_added_token *token = sav_added_by_id(&tokenizer->added, ids[i]);
        if (token && token->special && skip_special) continue;
        const char *piece = sav_tokenizer_piece(tokenizer, ids[i], &length);
        if (piece) sav_bpe_bytes(&bytes, piece, length);
    }
    if (bytes.bytes) sav_utf8_replace(out, bytes.bytes, bytes.length);
    bool failed = bytes.failed || out->failed;
    sav_text_free(&bytes);
    return failed ? no_memory(err) : SAV_OK;
}
