/* pretokenize.h: cuts text into the pieces that byte-pair encoding may not join.
 *
 *     normalised text, UTF-8 -> sav_pretokenize_next, again and again -> pre-tokens -> bpe.h
 */
#ifndef SAV_PRETOKENIZE_H
#define SAV_PRETOKENIZE_H

#include "base/base.h"

/* The pattern that the scanner is, as tokenizer.json spells it. A file with another one is refused. */
extern const char sav_pretokenize_pattern[];

/* Length in bytes of the pre-token that starts at text[0]; length > 0, text is well-formed UTF-8 to its end.
 * Every text is a run of pre-tokens without gaps. */
size_t sav_pretokenize_next(const char *text, size_t length);

#endif
