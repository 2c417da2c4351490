/* nearest.h: a mistyped word -> the known word that it is nearest to, for "did you mean …?". */
#ifndef SAV_NEAREST_H
#define SAV_NEAREST_H

#include <stddef.h>

typedef struct sav_nearest {
    const char *word;
    size_t limit;      /* words this far away are other words */
    const char *found; /* the nearest of those offered so far, or NULL */
} sav_nearest;

sav_nearest sav_nearest_to(const char *word);
void sav_nearest_offer(sav_nearest *nearest, const char *known);

#endif
