/* tracer.c: which functions a program calls, in the order of their first calls. For tools/checks/visits.
 *
 * Loaded with LD_PRELOAD into a program that was compiled with -finstrument-functions; one thread. At its end
 * it writes each function once, its offset in the program in hexadecimal, one a line, to the file TRACER_OUT.
 * What is called inside a function of TRACER_SKIP (offsets, apart by spaces) is not seen.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 14 };

static uintptr_t seen[SLOTS], order[SLOTS], skip[64], base;
static size_t count, skips, depth; /* depth: calls since a function of skip was entered; 0: none was */

void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

static int take_base(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    (void)data;
    base = info->dlpi_addr;
    return 1; /* the first is the program */
}

static void __attribute__((constructor)) start(void) {
    const char *text = getenv("TRACER_SKIP");
    dl_iterate_phdr(take_base, NULL);
    while (text && *text && skips < sizeof skip / sizeof *skip) {
        char *end;
        skip[skips++] = strtoul(text, &end, 16);
        if (end == text) break;
        text = end;
    }
}

void __cyg_profile_func_enter(void *function, void *caller) {
    const uintptr_t at = (uintptr_t)function - base;
    (void)caller;
    if (depth) {
        depth++;
        return;
    }
    for (size_t i = 0; i < skips; i++)
        if (skip[i] == at) depth = 1;
    if (depth) return;
    size_t slot = (at >> 2) % SLOTS;
    while (seen[slot] && seen[slot] != at) slot = (slot + 1) % SLOTS;
    if (seen[slot] || count == SLOTS / 2) return;
    seen[slot] = at;
    order[count++] = at;
}

void __cyg_profile_func_exit(void *function, void *caller) {
    (void)function;
    (void)caller;
    if (depth) depth--;
}

static void __attribute__((destructor)) finish(void) {
    const char *path = getenv("TRACER_OUT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    for (size_t i = 0; i < count; i++) fprintf(file, "%lx\n", (unsigned long)order[i]);
    fclose(file);
}
