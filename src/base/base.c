/* base.c: errors, checked sizes, the arena, growing text. See base.h. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"

/* ---- errors -------------------------------------------------------------------------------------------- */

enum { LONGEST_RAW = 6144 }; /* a path of 4096 bytes and what is said about it */

/* Copies text into out[size], what a terminal must not get escaped. What is too long loses its middle,
 * between whole characters: a message begins with what it is about and ends with the reason. */
static void copy_escaped(char *out, size_t size, const char *text) {
    static const char gap[] = "…";
    const size_t half = (size - sizeof gap) / 2, length = strlen(text);
    char one[SAV_UTF8_SHOWN];
    size_t total = 0, at = 0, n = 0;
    for (size_t from = 0; from < length;) total += sav_utf8_show(one, text, length, &from);
    bool cut = false;
    for (size_t from = 0; from < length;) {
        const size_t bytes = sav_utf8_show(one, text, length, &from);
        const bool kept = total < size || at + bytes <= half || at >= total - half;
        if (kept) memcpy(out + n, one, bytes), n += bytes;
        if (!kept && !cut) memcpy(out + n, gap, sizeof gap - 1), n += sizeof gap - 1;
        cut |= !kept;
        at += bytes;
    }
    out[n] = '\0';
}

sav_status sav_fail(sav_error *err, sav_status status, const char *format, ...) {
    if (!err) return status;
    char raw[LONGEST_RAW];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    err->status = status;
    err->hint[0] = '\0';
    copy_escaped(err->message, sizeof err->message, raw);
    return status;
}

/* What is too long ends behind the last sentence that fits, if one does. */
static void keep_sentences(char *text, size_t size) {
    if (strlen(text) < size) return;
    for (size_t at = size - 1; at; at--) {
        if (text[at] != ' ' || !strchr(".;", text[at - 1])) continue;
        text[at - (text[at - 1] == ';')] = '\0';
        return;
    }
}

void sav_hint(sav_error *err, const char *format, ...) {
    if (!err) return;
    char raw[LONGEST_RAW];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    keep_sentences(raw, sizeof err->hint);
    copy_escaped(err->hint, sizeof err->hint, raw);
}

void sav_error_prefix(sav_error *err, const char *format, ...) {
    if (!err) return;
    char raw[LONGEST_RAW], prefix[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    copy_escaped(prefix, sizeof prefix, raw);
    const size_t n = strlen(prefix);
    if (strncmp(err->message, prefix, n) == 0 && err->message[n] == ':') return; /* said already */
    snprintf(raw, sizeof raw, "%s: %s", prefix, err->message);
    copy_escaped(err->message, sizeof err->message, raw);
}

/* ---- memory -------------------------------------------------------------------------------------------- */

char *sav_strndup(const char *text, size_t length) {
    if (!text) return NULL;
    char *copy = sav_alloc(length + 1, 1);
    if (copy) memcpy(copy, text, length);
    return copy;
}

char *sav_strdup(const char *text) {
    return text ? sav_strndup(text, strlen(text)) : NULL;
}

bool sav_mul(size_t *out, size_t a, size_t b) {
    if (b && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

bool sav_add(size_t *out, size_t a, size_t b) {
    if (a > SIZE_MAX - b) return false;
    *out = a + b;
    return true;
}

bool sav_grow(void *array, size_t *capacity, size_t count, size_t size) {
    enum { FIRST = 16 };
    if (count <= *capacity) return true;
    const size_t doubled = *capacity > SIZE_MAX / 2 ? SIZE_MAX : sav_max(2 * *capacity, FIRST);
    const size_t grown = sav_max(doubled, count);
    void *old;
    memcpy(&old, array, sizeof old); /* assumes that all object pointers have one representation */
    void *new = sav_realloc(old, grown, size);
    if (!new) return false;
    memcpy(array, &new, sizeof new);
    *capacity = grown;
    return true;
}

size_t sav_hash(const void *bytes, size_t length) {
    const unsigned char *p = bytes;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < length; i++) hash = (hash ^ p[i]) * UINT64_C(0x100000001B3);
    return (size_t)(hash ^ hash >> 29);
}

char *sav_path_join(const char *folder, const char *name) {
    sav_text path = {0};
    const size_t length = strlen(folder);
    sav_text_printf(&path, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name);
    if (!path.failed) return path.bytes;
    sav_text_free(&path);
    return NULL;
}

/* ---- the arena ----------------------------------------------------------------------------------------- */

enum { ARENA_ALIGN = 64 };

void *sav_arena_alloc(sav_arena *arena, size_t count, size_t size) {
    size_t bytes, end;
    if (!sav_mul(&bytes, count, size) || !sav_add(&bytes, bytes, ARENA_ALIGN - 1) ||
        !sav_add(&end, arena->used, bytes / ARENA_ALIGN * ARENA_ALIGN)) {
        arena->overflow = true;
        return NULL;
    }
    void *piece = arena->base && end <= arena->size ? arena->base + arena->used : NULL;
    arena->used = end;
    return piece;
}

void *sav_arena_rows(sav_arena *arena, size_t rows, size_t cols, size_t size) {
    size_t count;
    if (sav_mul(&count, rows, cols)) return sav_arena_alloc(arena, count, size);
    arena->overflow = true;
    return NULL;
}

float *sav_arena_floats(sav_arena *arena, size_t rows, size_t cols) {
    return sav_arena_rows(arena, rows, cols, sizeof(float));
}

float *sav_arena_floats3(sav_arena *arena, size_t n, size_t rows, size_t cols) {
    size_t all;
    if (sav_mul(&all, n, rows)) return sav_arena_floats(arena, all, cols);
    arena->overflow = true;
    return NULL;
}

sav_status sav_arena_make(sav_arena *arena, sav_error *err) {
    size_t size = arena->used, bytes;
    if (arena->overflow || !sav_add(&bytes, size, ARENA_ALIGN + sizeof(void *)))
        return sav_fail(err, SAV_NO_MEMORY,
                        "scratch memory: the sizes wanted do not fit this machine's addresses");
    unsigned char *block = sav_alloc(bytes, 1);
    if (!block) return sav_fail(err, SAV_NO_MEMORY, "scratch memory: %zu bytes are not to be had", bytes);
    size_t past = ((uintptr_t)block + sizeof(void *)) % ARENA_ALIGN;
    arena->base = block + sizeof(void *) + (past ? ARENA_ALIGN - past : 0);
    /* the address to free is kept in front of the first piece */
    memcpy(arena->base - sizeof(void *), &block, sizeof(void *));
    arena->size = size;
    arena->used = 0;
    sav_os_large_pages(arena->base, size); /* packed rows and hidden states: tens of megabytes */
    return SAV_OK;
}

void sav_arena_free(sav_arena *arena) {
    if (arena->base) {
        void *block;
        memcpy(&block, arena->base - sizeof(void *), sizeof(void *));
        sav_free(block);
    }
    *arena = (sav_arena){0};
}

/* ---- growing text -------------------------------------------------------------------------------------- */

static bool text_reserve(sav_text *text, size_t more) {
    size_t want = 0; /* the text so far, the new bytes, a NUL */
    if (text->failed) return false;
    text->failed = !sav_add(&want, text->length, more) || !sav_add(&want, want, 1) ||
                   !sav_grow(&text->bytes, &text->capacity, want, 1);
    return !text->failed;
}

void sav_text_bytes(sav_text *text, const void *bytes, size_t length) {
    if (!text_reserve(text, length)) return;
    if (length) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void sav_text_string(sav_text *text, const char *string) {
    sav_text_bytes(text, string, strlen(string));
}

void sav_text_printf(sav_text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        text->failed = true;
    } else if (text_reserve(text, (size_t)n)) {
        vsnprintf(text->bytes + text->length, (size_t)n + 1, format, again);
        text->length += (size_t)n;
    }
    va_end(again);
}

void sav_text_free(sav_text *text) {
    sav_free(text->bytes);
    *text = (sav_text){0};
}
