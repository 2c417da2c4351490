/* unicode.h: code points in and out of UTF-8, the character classes of the pre-tokenizer, canonical
 * composition.
 *
 *     bytes of a prompt -> sav_unicode_check (is it UTF-8?) -> pieces -> sav_unicode_nfc
 *         -> pretokenize.h -> bpe.h
 *
 * Two versions of Unicode live here because two live in the reference tokenizer: classes are those of 16.0,
 * composition is that of 9.0. The tables are generated from it: tools/golden/unicode_tables.py.
 */
#ifndef SAV_UNICODE_H
#define SAV_UNICODE_H

#include "base/base.h"

typedef enum sav_unicode_kind {
    SAV_UNICODE_OTHER,  /* punctuation, symbols, marks, controls, unassigned */
    SAV_UNICODE_LETTER, /* \p{L} */
    SAV_UNICODE_NUMBER, /* \p{N} */
    SAV_UNICODE_SPACE   /* \s */
} sav_unicode_kind;

/* The code point at text[*at], and *at moved behind it. False, and nothing moved, at the end or where the
 * bytes are no well-formed UTF-8 (overlong forms, surrogates and values above U+10FFFF are not). */
bool sav_unicode_decode(uint32_t *point, const char *text, size_t length, size_t *at);

/* One replacement character's worth of ill-formed bytes at text[at]: the longest prefix of a well-formed
 * sequence, or one byte. This is what one U+FFFD stands for in Python's decode("utf-8", "replace"). */
size_t sav_unicode_bad_length(const char *text, size_t length, size_t at);

/* UTF-8 of a code point; gives the number of bytes written, 1 to 4. */
size_t sav_unicode_encode(char out[4], uint32_t point);

/* Appends text with U+FFFD for what is not UTF-8. */
void sav_unicode_replace(sav_text *out, const char *text, size_t length);

/* Fails with the byte offset of the first ill-formed sequence; `what` names the text. */
sav_status sav_unicode_check(const char *text, size_t length, const char *what, sav_error *err);

sav_unicode_kind sav_unicode_kind_of(uint32_t point);
bool sav_unicode_is_word(uint32_t point); /* \w: what may not stand beside an added token with single_word */

/* Appends the canonical composition (NFC) of well-formed UTF-8. */
sav_status sav_unicode_nfc(sav_text *out, const char *text, size_t length, sav_error *err);

#endif
