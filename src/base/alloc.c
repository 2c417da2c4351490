/* alloc.c: the one seam of allocation. A test that links its own three functions in front of these makes the
 * n-th allocation of any program fail; so nothing else may stand in this file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

void *sav_alloc(size_t count, size_t size) {
    return calloc(count ? count : 1, size ? size : 1); /* calloc checks the product */
}

void *sav_realloc(void *old, size_t count, size_t size) {
    size_t bytes;
    if (!sav_mul(&bytes, count, size)) return NULL;
    return realloc(old, bytes ? bytes : 1);
}

void sav_free(void *p) {
    free(p);
}
