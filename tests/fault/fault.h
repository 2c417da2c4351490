/* fault.h: takes the place of base/alloc.c in the test program that includes it: allocations are counted, and
 * the n-th can be made to fail. The linker finds these three before the library's, so alloc.c's object is
 * never pulled in.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdio.h>
#include <stdlib.h>

#include "../check.h"

static long fault_calls; /* allocations asked for since fault_start */
static long fault_at;    /* this one fails; 0: none does */
static long fault_live;  /* blocks not yet given back */

static bool fault_now(void) {
    return ++fault_calls == fault_at;
}

void *sav_alloc(size_t count, size_t size) {
    if (fault_now()) return NULL;
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (p) fault_live++;
    return p;
}

void *sav_realloc(void *old, size_t count, size_t size) {
    size_t bytes;
    if (!sav_mul(&bytes, count, size) || fault_now()) return NULL;
    void *p = realloc(old, bytes ? bytes : 1);
    if (p && !old) fault_live++;
    return p;
}

void sav_free(void *p) {
    if (p) fault_live--;
    free(p);
}

static inline void fault_start(long at) {
    fault_calls = 0;
    fault_at = at;
}

/* Runs the scenario with its 1st, 2nd, 3rd, ... allocation refused, until a run asks for fewer. Each time:
 * success, or SAV_NO_MEMORY with a message, and every block given back. */
static inline void fault_each(const char *name, sav_status (*scenario)(sav_error *)) {
    long n = 0;
    bool hit = true;
    while (hit) {
        sav_error err = {SAV_OK, "", ""};
        const long before = fault_live;
        fault_start(++n);
        const sav_status status = scenario(&err);
        hit = fault_calls >= n;
        fault_start(0);
        const bool said = status == SAV_OK ||
                          (status == SAV_NO_MEMORY && err.status == status && err.message[0]);
        const bool ok = said && fault_live == before && (hit || status == SAV_OK);
        if (!ok)
            printf("%s, allocation %ld: status %d \"%s\", %ld blocks kept\n", name, n, (int)status,
                   err.message, fault_live - before);
        CHECK(ok);
        fault_live = before;
    }
    CHECK(n > 1);
    printf("%s: %ld allocations\n", name, n - 1);
}

#endif
