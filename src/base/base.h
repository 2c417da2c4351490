/* base.h: what every folder stands on: errors, allocation with checked sizes, one arena, growing arrays and
 * text, SHA-256.
 *
 * Nothing here knows of tensors or models. Storage types are in dtype.h, UTF-8 in utf8.h, calls to the
 * operating system in os.h.
 */
#ifndef SAV_BASE_H
#define SAV_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "sav.h"

#if defined(__MINGW32__) /* plain printf there means the formats of another C library */
#define SAV_PRINTF(format_at, args_at) __attribute__((format(gnu_printf, format_at, args_at)))
#elif defined(__GNUC__)
#define SAV_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define SAV_PRINTF(format_at, args_at)
#endif

/* ---- errors -------------------------------------------------------------------------------------------- */

/* Fills err (may be NULL) and returns status, so that a failure reads `return sav_fail(err, SAV_BAD_INPUT,
 * "%s: …", …)`. Control characters that come from files and bytes that are no UTF-8 are escaped
 * (base/utf8.h); a message too long loses its middle. */
sav_status sav_fail(sav_error *err, sav_status status, const char *format, ...) SAV_PRINTF(3, 4);

/* Adds advice, "what to do", to an error that is already filled. */
void sav_hint(sav_error *err, const char *format, ...) SAV_PRINTF(2, 3);

/* Puts "prefix: " in front of the message, unless it begins so already: for example the list's line in front
 * of an image's error. */
void sav_error_prefix(sav_error *err, const char *format, ...) SAV_PRINTF(2, 3);

/* A larger number of threads from a user is an error. */
enum { SAV_MAX_THREADS = 256 };

/* ---- memory -------------------------------------------------------------------------------------------- */

/* The one seam of allocation (alloc.c): NULL when count * size overflows or memory is short; zeroed; freed by
 * sav_free. Tests put their own alloc.c in front of it and make each allocation fail once. */
void *sav_alloc(size_t count, size_t size);
/* the new part is not zeroed; after a failure `old` is still valid */
void *sav_realloc(void *old, size_t count, size_t size);
void sav_free(void *p);
char *sav_strdup(const char *text); /* NULL for NULL or no memory */
char *sav_strndup(const char *text, size_t length);

/* Makes the array whose address is given (&list->items) large enough for `count` elements of `size` bytes.
 * *capacity is how many fit, 0 with a NULL array at first; it doubles, from 16 on. What is new is not zeroed.
 * False when memory is short, with everything as it was. */
bool sav_grow(void *array, size_t *capacity, size_t count, size_t size);

/* "folder/name"; no second '/' when the folder ends with one. Free it with sav_free; NULL: no memory. */
char *sav_path_join(const char *folder, const char *name);

/* FNV-1a, 64 bits, folded: for hash tables whose size is a power of two. */
size_t sav_hash(const void *bytes, size_t length);

/* Multiply and add sizes that come from files: false on overflow, with *out unchanged. */
bool sav_mul(size_t *out, size_t a, size_t b);
bool sav_add(size_t *out, size_t a, size_t b);

static inline size_t sav_min(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t sav_max(size_t a, size_t b) {
    return a > b ? a : b;
}

/* "1 row", "2 rows" */
static inline const char *sav_plural(size_t n) {
    return n == 1 ? "" : "s";
}

static inline double sav_mib(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

static inline size_t sav_round_up(size_t n, size_t unit) { /* to a multiple of unit */
    return (n + unit - 1) / unit * unit;
}

/* One block, handed out front to back and given back all at once: the forward's scratch. Every piece is
 * 64-byte aligned. A plan pass measures with base == NULL (take returns NULL and only counts), then the block
 * is made and the same calls run again: the two passes cannot disagree, since they are one function. */
typedef struct sav_arena {
    unsigned char *base; /* NULL while measuring */
    size_t size;         /* bytes of base */
    size_t used;         /* bytes handed out, or wanted so far */
    bool overflow;       /* a size did not fit size_t */
} sav_arena;

/* A piece for count elements of size bytes; for a matrix; for floats [rows, cols] or [n, rows, cols]. The
 * products are checked inside: one that does not fit sets `overflow`, and sav_arena_make says so. */
void *sav_arena_alloc(sav_arena *arena, size_t count, size_t size);
void *sav_arena_rows(sav_arena *arena, size_t rows, size_t cols, size_t size);
float *sav_arena_floats(sav_arena *arena, size_t rows, size_t cols);
float *sav_arena_floats3(sav_arena *arena, size_t n, size_t rows, size_t cols);
/* turns a measuring arena of `used` bytes into a real one */
sav_status sav_arena_make(sav_arena *arena, sav_error *err);
void sav_arena_free(sav_arena *arena);

/* ---- growing text -------------------------------------------------------------------------------------- */

/* Bytes that grow. After a failed append `failed` is set and further appends do nothing, so that a writer
 * checks once. */
typedef struct sav_text {
    char *bytes; /* NUL-terminated when not NULL */
    size_t length;
    size_t capacity;
    bool failed;
} sav_text;

void sav_text_bytes(sav_text *text, const void *bytes, size_t length);
void sav_text_string(sav_text *text, const char *string);
void sav_text_printf(sav_text *text, const char *format, ...) SAV_PRINTF(2, 3);
void sav_text_free(sav_text *text);

/* ---- SHA-256 (FIPS 180-4) ------------------------------------------------------------------------------ */

typedef struct sav_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    unsigned char block[64];
} sav_sha256;

void sav_sha256_init(sav_sha256 *hash);
void sav_sha256_update(sav_sha256 *hash, const void *bytes, size_t length);
void sav_sha256_hex(sav_sha256 *hash, char hex[65]);                        /* ends the hash */
sav_status sav_sha256_file(char hex[65], const char *path, sav_error *err); /* of a whole file */

#endif
