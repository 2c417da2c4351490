/* random.c: MT19937 and the draws of Python's random module. See random.h. */
#include "classify/random.h"

#include <string.h>

static void init_one(sav_random *random, uint32_t seed) {
    uint32_t *w = random->words;
    w[0] = seed;
    for (uint32_t i = 1; i < SAV_RANDOM_WORDS; i++)
        w[i] = UINT32_C(1812433253) * (w[i - 1] ^ w[i - 1] >> 30) + i;
}

void sav_random_seed(sav_random *random, uint64_t seed) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t length = key[1] ? 2 : 1; /* little-endian words without leading zeros; 0 is one word */
    uint32_t *w = random->words, i = 1, j = 0;
    init_one(random, UINT32_C(19650218));
    for (int k = SAV_RANDOM_WORDS; k; k--) {
        w[i] = (w[i] ^ (w[i - 1] ^ w[i - 1] >> 30) * UINT32_C(1664525)) + key[j] + j;
        i++;
        if (i == SAV_RANDOM_WORDS) {
            w[0] = w[SAV_RANDOM_WORDS - 1];
            i = 1;
        }
        j = (j + 1) % length;
    }
    for (int k = SAV_RANDOM_WORDS - 1; k; k--) {
        w[i] = (w[i] ^ (w[i - 1] ^ w[i - 1] >> 30) * UINT32_C(1566083941)) - i;
        i++;
        if (i == SAV_RANDOM_WORDS) {
            w[0] = w[SAV_RANDOM_WORDS - 1];
            i = 1;
        }
    }
    w[0] = UINT32_C(0x80000000); /* so that the state is not zero */
    random->next = SAV_RANDOM_WORDS;
}

/* Fresh words from old ones: the recurrence over all 624 at once. */
static void refill(sav_random *random) {
    uint32_t *w = random->words;
    for (size_t i = 0; i < SAV_RANDOM_WORDS; i++) {
        const uint32_t y = (w[i] & UINT32_C(0x80000000)) |
                           (w[(i + 1) % SAV_RANDOM_WORDS] & UINT32_C(0x7fffffff));
        w[i] = w[(i + 397) % SAV_RANDOM_WORDS] ^ y >> 1 ^ (y & 1 ? UINT32_C(0x9908b0df) : 0);
    }
    random->next = 0;
}

uint32_t sav_random_word(sav_random *random) {
    if (random->next == SAV_RANDOM_WORDS) refill(random);
    uint32_t y = random->words[random->next++];
    y ^= y >> 11;
    y ^= y << 7 & UINT32_C(0x9d2c5680);
    y ^= y << 15 & UINT32_C(0xefc60000);
    return y ^ y >> 18;
}

size_t sav_random_below(sav_random *random, size_t n) {
    int bits = 0;
    for (size_t m = n; m; m >>= 1) bits++;
    size_t r;
    do {
        r = sav_random_word(random) >> (32 - bits);
    } while (r >= n);
    return r;
}

/* 21, plus 4^ceil(log4(3k)) when k > 5: the size of a Python set that would hold the picks, as random.sample
 * has it. */
static size_t set_size(size_t k) {
    size_t power = 1;
    if (k <= 5) return 21;
    while (power < 3 * k) power *= 4;
    return 21 + power;
}

static bool contains(const size_t *picks, size_t count, size_t pick) {
    for (size_t i = 0; i < count; i++)
        if (picks[i] == pick) return true;
    return false;
}

void sav_random_sample(size_t *out, sav_random *random, size_t *pool, size_t n, size_t k) {
    if (n > set_size(k)) { /* few of many: draw again what is taken already */
        for (size_t i = 0; i < k; i++) {
            do {
                out[i] = sav_random_below(random, n);
            } while (contains(out, i, out[i]));
        }
        return;
    }
    /* else take from a shrinking pool, the last one filling each gap */
    for (size_t i = 0; i < n; i++) pool[i] = i;
    for (size_t i = 0; i < k; i++) {
        const size_t j = sav_random_below(random, n - i);
        out[i] = pool[j];
        pool[j] = pool[n - i - 1];
    }
}
