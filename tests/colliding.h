/* colliding.h: words of one slot: 2^15 that any table of up to 2^16 slots by sav_hash puts into the same one,
 * which makes a table without a second thought a square of their number.
 */
#ifndef COLLIDING_H
#define COLLIDING_H

#include "base/base.h"

enum { COLLIDING_WORDS = 1 << 15, COLLIDING_LENGTH = 15 * 8 };

void put_colliding(sav_text *out, size_t i); /* the word i < COLLIDING_WORDS */

#endif
