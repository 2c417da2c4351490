/* random.h: Python's random numbers, so that a draw here and one in a Python twin pick the same samples.
 *
 *   seed -> MT19937 (Matsumoto and Nishimura 1998, init_by_array) -> below(n) -> sample(n, k)
 *
 * Equal to random.seed(S); random.sample(range(n), k) of CPython 3.11. What is drawn: docs/CLI.md §5.
 */
#ifndef SAV_RANDOM_H
#define SAV_RANDOM_H

#include "base/base.h"

enum { SAV_RANDOM_WORDS = 624 };

typedef struct sav_random {
    uint32_t words[SAV_RANDOM_WORDS];
    size_t next; /* the next word to use; SAV_RANDOM_WORDS = all used */
} sav_random;

void sav_random_seed(sav_random *random, uint64_t seed);
uint32_t sav_random_word(sav_random *random);
size_t sav_random_below(sav_random *random, size_t n); /* 0 … n-1; n from 1 to 2^32-1 */

/* k different numbers of 0 … n-1 in draw order. pool: [n] scratch. k <= n < 2^32. */
void sav_random_sample(size_t *out, sav_random *random, size_t *pool, size_t n, size_t k);

#endif
