/* os_memory.c: os_parts.h over files in memory, linked into fuzz targets in the place of os_posix.c. See
 * memory.h.
 *
 * Two layers: what was there at memory_mark, and what was written, replaced or removed since. A folder is
 * there when a file is in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_parts.h"
#include "memory.h"

enum { MOST_FILES = 512, MOST_OPEN = 64 };

typedef struct file {
    char *path;
    unsigned char *bytes; /* NULL: removed */
    size_t length;
    bool locked;
} file;

typedef struct opened {
    file *of; /* NULL: free */
    size_t at;
    bool held; /* the lock is this one's */
} opened;

static file files[2][MOST_FILES]; /* below the mark, above it */
static size_t counts[2];
static int layer;
static opened handles[MOST_OPEN];
static bool name_taken;

static void *must(void *memory) {
    if (!memory) abort();
    return memory;
}

/* ---- the files ----------------------------------------------------------------------------------------- */

static file *in_layer(int which, const char *path) {
    for (size_t i = 0; i < counts[which]; i++)
        if (strcmp(files[which][i].path, path) == 0) return &files[which][i];
    return NULL;
}

static file *find(const char *path) {
    file *found = in_layer(1, path);
    if (!found) found = in_layer(0, path);
    return found && found->bytes ? found : NULL;
}

/* The file of the layer that is written now, made when it is not there. */
static file *writable(const char *path) {
    file *found = in_layer(layer, path);
    if (found) return found;
    if (counts[layer] == MOST_FILES) abort();
    found = &files[layer][counts[layer]++];
    *found = (file){.path = must(sav_strdup(path))};
    return found;
}

void memory_put(const char *path, const void *bytes, size_t length) {
    file *to = writable(path);
    unsigned char *copy = must(malloc(length ? length : 1));
    if (length) memcpy(copy, bytes, length);
    free(to->bytes);
    to->bytes = copy;
    to->length = length;
}

void memory_remove(const char *path) {
    if (!find(path)) return;
    file *gone = writable(path);
    free(gone->bytes);
    gone->bytes = NULL;
    gone->length = 0;
}

const unsigned char *memory_get(size_t *length, const char *path) {
    const file *found = find(path);
    *length = found ? found->length : 0;
    return found ? found->bytes : NULL;
}

void memory_mark(void) {
    layer = 1;
}

void memory_reset(void) {
    for (size_t i = 0; i < counts[1]; i++) {
        sav_free(files[1][i].path);
        free(files[1][i].bytes);
    }
    counts[1] = 0;
    memset(handles, 0, sizeof handles);
}

void memory_load(const char *folder, const char *const *names) {
    for (; *names; names++) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, *names);
        FILE *in = fopen(path, "rb");
        if (!in || fseek(in, 0, SEEK_END)) {
            fprintf(stderr, "%s: cannot be read\n", path);
            exit(1);
        }
        const long length = ftell(in);
        char *bytes = must(malloc((size_t)length + 1));
        rewind(in);
        if (fread(bytes, 1, (size_t)length, in) != (size_t)length) abort();
        fclose(in);
        memory_put(path, bytes, (size_t)length);
        free(bytes);
    }
}

/* ---- os_parts.h ---------------------------------------------------------------------------------------- */

sav_status sav_sys_fail(sav_error *err, const char *path, const char *what) {
    return sav_fail(err, SAV_BAD_INPUT, "%s: cannot %s: it is not there", path, what);
}

sav_handle sav_sys_open(const char *path, sav_sys_mode mode) {
    file *there = find(path);
    name_taken = mode == SAV_SYS_CREATE && there;
    if ((mode == SAV_SYS_READ && !there) || name_taken) return SAV_NO_HANDLE;
    if (mode == SAV_SYS_CREATE || (mode == SAV_SYS_APPEND && !there)) memory_put(path, "", 0);
    if (mode == SAV_SYS_APPEND && there) { /* a copy above the mark */
        const file *of = find(path);
        memory_put(path, of->bytes, of->length);
    }
    for (int i = 0; i < MOST_OPEN; i++)
        if (!handles[i].of) {
            handles[i] = (opened){.of = find(path)};
            return i;
        }
    abort();
}

bool sav_sys_taken(void) {
    return name_taken;
}

bool sav_sys_close(sav_handle handle) {
    if (handles[handle].held) handles[handle].of->locked = false;
    handles[handle] = (opened){0};
    return true;
}

bool sav_sys_examine(const char **kind, uint64_t *size, sav_handle handle) {
    *kind = NULL;
    *size = handles[handle].of->length;
    return true;
}

const char *sav_sys_kind(const char *path) {
    return sav_os_is_folder(path) ? "a folder" : NULL;
}

bool sav_sys_read(size_t *done, sav_handle handle, void *bytes, size_t length) {
    opened *in = &handles[handle];
    const size_t left = in->of->length - sav_min(in->at, in->of->length);
    *done = sav_min(length, left);
    if (*done) memcpy(bytes, in->of->bytes + in->at, *done);
    in->at += *done;
    return true;
}

bool sav_sys_write(size_t *done, sav_handle handle, const void *bytes, size_t length) {
    file *to = handles[handle].of;
    to->bytes = must(realloc(to->bytes, to->length + length ? to->length + length : 1));
    if (length) memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
    *done = length;
    return true;
}

bool sav_sys_seek_end(sav_handle handle) {
    (void)handle;
    return true;
}

bool sav_sys_truncate(sav_handle handle, uint64_t size) {
    file *to = handles[handle].of;
    if (size > to->length) return false;
    to->length = (size_t)size;
    return true;
}

bool sav_sys_sync(sav_handle handle) {
    (void)handle;
    return true;
}

bool sav_sys_sync_folder(const char *path) {
    (void)path;
    return true;
}

bool sav_sys_lock(sav_handle handle) {
    opened *by = &handles[handle];
    if (by->of->locked) return false;
    by->held = by->of->locked = true;
    return true;
}

bool sav_sys_rename(const char *from, const char *to) {
    const file *of = find(from);
    if (!of) return false;
    memory_put(to, of->bytes, of->length);
    memory_remove(from);
    return true;
}

sav_handle sav_sys_stdin(void) {
    memory_put("standard input", "", 0);
    return sav_sys_open("standard input", SAV_SYS_READ);
}

/* Files below the mark stay as they are, in blocks of just their size; others may be replaced while
 * mapped. */
const void *sav_sys_map(sav_handle handle, size_t size) {
    const file *of = handles[handle].of;
    if (of >= files[0] && of < files[0] + MOST_FILES && layer == 1) return of->bytes;
    void *copy = malloc(size);
    if (copy) memcpy(copy, of->bytes, size);
    return copy;
}

void sav_sys_unmap(const void *bytes, size_t size) {
    (void)size;
    for (size_t i = 0; i < counts[0]; i++)
        if (files[0][i].bytes == bytes) return;
    free((void *)(uintptr_t)bytes);
}

/* ---- os.h ---------------------------------------------------------------------------------------------- */

void sav_os_remove(const char *path) {
    memory_remove(path);
}

sav_status sav_os_stat(sav_os_stamp *out, const char *path, sav_error *err) {
    const file *found = find(path);
    if (!found) return sav_sys_fail(err, path, "look at");
    *out = (sav_os_stamp){.size = found->length};
    return SAV_OK;
}

const char *sav_os_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool sav_os_path_absolute(const char *path) {
    return path[0] == '/';
}

/* What follows "folder/" in a path; NULL: it is not in it. */
static const char *inside(const char *path, const char *folder) {
    size_t length = strlen(folder);
    while (length && folder[length - 1] == '/') length--;
    return strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

bool sav_os_is_folder(const char *path) {
    for (int which = 0; which < 2; which++)
        for (size_t i = 0; i < counts[which]; i++)
            if (inside(files[which][i].path, path)) return true;
    return false;
}

bool sav_os_is_link(const char *path) {
    (void)path;
    return false;
}

bool sav_os_exists(const char *path) {
    return find(path) || sav_os_is_folder(path);
}

sav_status sav_sys_list(sav_sys_names *out, const char *folder, sav_error *err) {
    if (!sav_os_is_folder(folder)) return sav_sys_fail(err, folder, "list");
    for (int which = 0; which < 2; which++)
        for (size_t i = 0; i < counts[which]; i++) {
            const char *name = inside(files[which][i].path, folder);
            if (!name || !find(files[which][i].path) || (which == 0 && in_layer(1, files[which][i].path)))
                continue;
            const size_t length = strcspn(name, "/");
            bool there = false;
            for (size_t n = 0; n < out->count; n++)
                there = there ||
                        (strlen(out->items[n]) == length && memcmp(out->items[n], name, length) == 0);
            if (!there && !sav_sys_names_add(out, sav_strndup(name, length)))
                return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
        }
    return SAV_OK;
}

/* An empty folder has a file named ".", which lists leave out. */
sav_status sav_os_make_folder(const char *path, sav_error *err) {
    char *name = sav_path_join(path, ".");
    if (!name) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    memory_put(name, "", 0);
    sav_free(name);
    return SAV_OK;
}

void sav_os_announce(const void *bytes, size_t length) {
    (void)bytes;
    (void)length;
}

void sav_os_drop(const void *bytes, size_t length, const char *path, uint64_t offset) {
    (void)bytes;
    (void)length;
    (void)path;
    (void)offset;
}

void sav_os_large_pages(void *memory, size_t length) {
    (void)memory;
    (void)length;
}

sav_os_function *sav_os_find_function(const char *library, const char *name, sav_error *err) {
    sav_fail(err, SAV_UNSUPPORTED, "%s: found no %s; expected no library here", library, name);
    return NULL;
}

double sav_os_seconds(void) {
    return 0;
}

double sav_os_cpu_seconds(void) {
    return 0;
}

double sav_os_thread_seconds(void) {
    return 0;
}

uint64_t sav_os_resident_bytes(void) {
    return 0;
}

uint64_t sav_os_peak_bytes(void) {
    return 0;
}

int sav_os_cores(void) {
    return 1;
}
