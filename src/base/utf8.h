/* utf8.h: code points in and out of UTF-8: what JSON reads, what a prompt must be, what decoded tokens
 * become.
 *
 * Well-formed is what table 3-7 of the Unicode Standard allows: no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#ifndef SAV_UTF8_H
#define SAV_UTF8_H

#include "base/base.h"

/* The code point at text[*at], and *at moved behind it. False, and nothing moved, at the end or where the
 * bytes are not well-formed. */
bool sav_utf8_decode(uint32_t *point, const char *text, size_t length, size_t *at);

/* One replacement character's worth of ill-formed bytes at text[at]: the longest prefix of a well-formed
 * sequence, or one byte. This is what one U+FFFD stands for in Python's decode("utf-8", "replace"). */
size_t sav_utf8_bad_length(const char *text, size_t length, size_t at);

/* UTF-8 of a code point; gives the number of bytes written, 1 to 4. */
size_t sav_utf8_encode(char out[4], uint32_t point);

/* Appends text with U+FFFD for what is not UTF-8. */
void sav_utf8_replace(sav_text *out, const char *text, size_t length);

/* Text from a file as messages quote it: its first 60 characters, "…" behind where there are more. Gives
 * out. */
enum { SAV_QUOTED = 60 * 4 + 4 };
const char *sav_quote(char out[SAV_QUOTED], const char *text, size_t length);
/* Characters that a terminal obeys or that turn the order of what follows: controls (C0, DEL, C1), line and
 * paragraph separators, marks of writing direction. */
bool sav_utf8_hidden(uint32_t point);

/* The character at text[*at] as it may be shown to people, and *at moved behind it: hidden ones as \x1b or
 * \u202e, a byte that is no UTF-8 as \xff, all others as they are. Gives the number of bytes written. */
enum { SAV_UTF8_SHOWN = 8 };
size_t sav_utf8_show(char out[SAV_UTF8_SHOWN], const char *text, size_t length, size_t *at);

/* Appends text in that form: names and labels among the results on standard output. */
void sav_text_shown(sav_text *out, const char *text);

/* Fails with the byte offset of the first ill-formed sequence; `what` names the text. */
sav_status sav_utf8_check(const char *text, size_t length, const char *what, sav_error *err);

#endif
