/* memory.h: files that exist in memory alone, for fuzz targets that open folders (os_memory.c): no disk is
 * touched, and what is mapped lies in a block of just its size, so that a sanitizer sees one byte too far.
 */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Real files of `folder`, kept from now on under the same path; names ends with NULL. Ends the program when
 * one cannot be read. */
void memory_load(const char *folder, const char *const *names);
/* What is there now stays: memory_reset comes back to it. */
void memory_mark(void);
void memory_reset(void);

void memory_put(const char *path, const void *bytes, size_t length); /* replaces what was there */
void memory_remove(const char *path);
/* The bytes of a file, NULL: none; valid until it is written. */
const unsigned char *memory_get(size_t *length, const char *path);

#endif
