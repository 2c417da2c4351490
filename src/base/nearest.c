/* nearest.c: which known word was meant? See nearest.h. */
#include "base/nearest.h"

#include <string.h>

/* Letters inserted, deleted, changed or swapped with their neighbour on the way from a to b (restricted
 * Damerau distance). */
static size_t distance(const char *a, const char *b) {
    enum { MOST = 31 };
    const size_t n = strlen(a), m = strlen(b);
    size_t rows[3][MOST + 1];
    if (n > MOST || m > MOST) return MOST;
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

sav_nearest sav_nearest_to(const char *word) {
    return (sav_nearest){.word = word, .limit = strlen(word) / 3 + 2};
}

void sav_nearest_offer(sav_nearest *nearest, const char *known) {
    const size_t far = distance(nearest->word, known);
    if (far >= nearest->limit) return;
    nearest->limit = far;
    nearest->found = known;
}
