/* unicode.h: the character classes of the pre-tokenizer, canonical composition.
 *
 *     bytes of a prompt -> sav_utf8_check -> pieces -> sav_unicode_nfc
 *         -> pretokenize.h -> bpe.h
 *
 * Two versions of Unicode live here because two live in the reference tokenizer: classes are those of 16.0,
 * composition is that of 9.0. The tables are generated from that tokenizer: tools/golden/unicode_tables.py.
 */
#ifndef SAV_UNICODE_H
#define SAV_UNICODE_H

#include "base/utf8.h"

typedef enum sav_unicode_kind {
    SAV_UNICODE_OTHER,  /* punctuation, symbols, marks, controls, unassigned */
    SAV_UNICODE_LETTER, /* \p{L} */
    SAV_UNICODE_NUMBER, /* \p{N} */
    SAV_UNICODE_SPACE   /* \s */
} sav_unicode_kind;

sav_unicode_kind sav_unicode_kind_of(uint32_t point);
bool sav_unicode_is_word(uint32_t point); /* \w: what may not stand beside an added token with single_word */

/* Appends the canonical composition (NFC) of well-formed UTF-8. */
sav_status sav_unicode_nfc(sav_text *out, const char *text, size_t length, sav_error *err);

#endif
