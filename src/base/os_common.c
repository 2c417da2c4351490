/* os_common.c: the part of os.h that is the same on every system, by the calls of os_parts.h.
 *
 *   read     open -> a regular file? -> size -> mapped, or read to its end
 *   replace  PATH.savs-N.tmp -> write, sync -> renamed to PATH, so that PATH is always whole -> folder synced
 *   append   open -> lock -> write at the end
 */
#include <stdlib.h>
#include <string.h>

#include "base/os_parts.h"

static sav_status fail_memory(sav_error *err, const char *path) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
}

/* The system's words for a file that cannot be written: an I/O error, never a bad input. */
static sav_status fail_output(sav_error *err, const char *path, const char *what) {
    sav_sys_fail(err, path, what);
    if (err) err->status = SAV_IO_ERROR;
    return SAV_IO_ERROR;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static sav_status open_regular(sav_handle *out, size_t *size, const char *path, sav_error *err) {
    const char *kind;
    uint64_t bytes;
    sav_status status = SAV_OK;
    *out = sav_sys_open(path, SAV_SYS_READ);
    if (*out == SAV_NO_HANDLE) return sav_sys_fail(err, path, "open");
    if (!sav_sys_examine(&kind, &bytes, *out))
        status = sav_sys_fail(err, path, "look at");
    else if (kind)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found %s; expected a file", path, kind);
    else if (bytes > SIZE_MAX / 2)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: too large for this machine", path);
    else
        *size = (size_t)bytes;
    if (status) sav_sys_close(*out);
    return status;
}

sav_status sav_os_map(sav_map *out, const char *path, sav_error *err) {
    static const unsigned char nothing[1] = {0};
    sav_handle file;
    size_t size = 0;
    *out = (sav_map){nothing, 0};
    sav_status status = open_regular(&file, &size, path, err);
    if (status) return status;
    if (size) {
        const void *bytes = sav_sys_map(file, size);
        if (bytes)
            *out = (sav_map){bytes, size};
        else
            status = sav_sys_fail(err, path, "map");
    }
    sav_sys_close(file);
    return status;
}

void sav_os_unmap(sav_map *map) {
    if (map->size) sav_sys_unmap(map->bytes, map->size);
    *map = (sav_map){NULL, 0};
}

typedef struct source {
    sav_handle file;
    const char *name;
    size_t expect, limit; /* about how many bytes come; this many are an error */
} source;

/* Reads the source to its end and adds a NUL. */
static sav_status read_all(char **out, size_t *length, const source *from, sav_error *err) {
    char *bytes = NULL;
    size_t used = 0, capacity = 0, got = 0;
    sav_status status = SAV_OK;
    do {
        /* one byte more than is expected shows the end; one for the NUL */
        const size_t more = used ? 2 : sav_min(from->expect, from->limit) + 2;
        if (!sav_grow(&bytes, &capacity, used + more, 1))
            status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu bytes", from->name, used + more);
        else if (!sav_sys_read(&got, from->file, bytes + used, sav_min(capacity - used - 1, SAV_SYS_PIECE)))
            status = sav_sys_fail(err, from->name, "read");
        else if (got >= from->limit - used)
            status = sav_fail(err, SAV_BAD_INPUT, "%s: larger than the %zu bytes expected at most",
                              from->name, from->limit);
        else
            used += got;
    } while (!status && got);
    if (status) {
        sav_free(bytes);
        return status;
    }
    bytes[used] = '\0';
    *out = bytes;
    *length = used;
    return SAV_OK;
}

sav_status sav_os_read_file(char **out, size_t *length, const char *path, size_t limit, sav_error *err) {
    source from = {.name = path, .limit = limit};
    sav_status status = open_regular(&from.file, &from.expect, path, err);
    if (status) return status;
    status = read_all(out, length, &from, err);
    sav_sys_close(from.file);
    return status;
}

sav_status sav_os_read_stdin(char **out, size_t *length, size_t limit, sav_error *err) {
    return read_all(out, length, &(source){sav_sys_stdin(), "standard input", 65536, limit}, err);
}

/* ---- folders ------------------------------------------------------------------------------------------- */

bool sav_sys_names_add(sav_sys_names *names, char *name) {
    const bool other = name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    const bool fits = name &&
                      sav_grow(&names->items, &names->capacity, names->count + 1, sizeof *names->items);
    if (fits && other)
        names->items[names->count++] = name;
    else
        sav_free(name);
    return fits;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

sav_status sav_os_list(char ***names, size_t *count, const char *folder, sav_error *err) {
    sav_sys_names list = {0};
    sav_status status = sav_sys_list(&list, folder, err);
    if (status) {
        sav_os_names_free(list.items, list.count);
        return status;
    }
    if (list.count) qsort(list.items, list.count, sizeof *list.items, by_bytes);
    *names = list.items;
    *count = list.count;
    return SAV_OK;
}

void sav_os_names_free(char **names, size_t count) {
    for (size_t i = 0; i < count; i++) sav_free(names[i]);
    sav_free(names);
}

/* ---- files that are replaced --------------------------------------------------------------------------- */

struct sav_os_file {
    sav_handle file;
    char *path, *temporary;
};

static sav_status write_all(sav_handle file, const char *path, const void *bytes, size_t length,
                            sav_error *err) {
    const char *p = bytes;
    while (length) {
        size_t done;
        if (!sav_sys_write(&done, file, p, sav_min(length, SAV_SYS_PIECE)))
            return sav_sys_fail(err, path, "write");
        p += done;
        length -= done;
    }
    return SAV_OK;
}

static void file_free(sav_os_file *file) {
    if (!file) return;
    sav_free(file->path);
    sav_free(file->temporary);
    sav_free(file);
}

static sav_os_file *file_new(const char *path) {
    sav_os_file *file = sav_alloc(1, sizeof *file);
    if (file) *file = (sav_os_file){.file = SAV_NO_HANDLE, .path = sav_strdup(path)};
    if (file && file->path) return file;
    file_free(file);
    return NULL;
}

/* A temporary file that nobody holds: its process ended without removing it. */
static bool remove_remains(const char *path) {
    const char *kind = NULL;
    uint64_t size;
    sav_handle file = sav_sys_open(path, SAV_SYS_APPEND);
    if (file == SAV_NO_HANDLE) return false;
    const bool ours = sav_sys_examine(&kind, &size, file) && !kind && sav_sys_lock(file);
    if (ours) sav_os_remove(path);
    sav_sys_close(file);
    return ours;
}

/* The first name that is free. A link is not: whoever put it there wants another file to be written. The lock
 * tells others that the process lives; where there are no locks, remains stay. */
static sav_status open_temporary(sav_os_file *file, sav_error *err) {
    enum { TRIES = 100 };
    for (unsigned n = 1; n <= TRIES; n++) {
        sav_text name = {0};
        sav_free(file->temporary);
        sav_text_printf(&name, "%s.savs-%u.tmp", file->path, n);
        file->temporary = name.bytes;
        if (name.failed) return fail_memory(err, file->path);
        file->file = sav_sys_open(file->temporary, SAV_SYS_CREATE);
        if (file->file == SAV_NO_HANDLE && !sav_sys_taken()) return fail_output(err, file->path, "write");
        if (file->file == SAV_NO_HANDLE && remove_remains(file->temporary))
            file->file = sav_sys_open(file->temporary, SAV_SYS_CREATE);
        if (file->file == SAV_NO_HANDLE) continue;
        (void)sav_sys_lock(file->file);
        return SAV_OK;
    }
    return sav_fail(err, SAV_IO_ERROR, "%s: cannot write: all temporary names up to %s are taken", file->path,
                    sav_os_path_name(file->temporary));
}

sav_status sav_os_create(sav_os_file **out, const char *path, sav_error *err) {
    sav_os_file *file = file_new(path);
    if (!file) return fail_memory(err, path);
    /* the rename would put a file in the place of a device, such as /dev/null */
    const char *kind = sav_sys_kind(path);
    sav_status status = SAV_OK;
    if (kind)
        status =
            sav_fail(err, SAV_IO_ERROR, "%s: found %s; expected the name of a file to write", path, kind);
    else
        status = open_temporary(file, err);
    if (status) {
        file_free(file);
        return status;
    }
    *out = file;
    return SAV_OK;
}

/* "NAME.savs-12.tmp" */
static bool is_temporary(const char *name) {
    static const char middle[] = ".savs-", end[] = ".tmp";
    const size_t length = strlen(name);
    size_t at = length < sizeof end ? 0 : length - (sizeof end - 1);
    if (at == 0 || strcmp(name + at, end) != 0) return false;
    const size_t digits = at;
    while (at && name[at - 1] >= '0' && name[at - 1] <= '9') at--;
    return at < digits && at > sizeof middle - 1 &&
           memcmp(name + at - (sizeof middle - 1), middle, sizeof middle - 1) == 0;
}

void sav_os_remove_remains(const char *folder) {
    char **names;
    size_t count;
    if (sav_os_list(&names, &count, folder, NULL)) return;
    for (size_t i = 0; i < count; i++) {
        char *path = is_temporary(names[i]) ? sav_path_join(folder, names[i]) : NULL;
        if (path) (void)remove_remains(path);
        sav_free(path);
    }
    sav_os_names_free(names, count);
}

sav_status sav_os_write(sav_os_file *file, const void *bytes, size_t length, sav_error *err) {
    return write_all(file->file, file->path, bytes, length, err);
}

sav_status sav_os_commit(sav_os_file *file, sav_error *err) {
    sav_status status = SAV_OK;
    if (!sav_sys_sync(file->file)) status = sav_sys_fail(err, file->path, "write to disk");
    if (!sav_sys_close(file->file) && !status) status = sav_sys_fail(err, file->path, "close");
    if (!status && !sav_sys_rename(file->temporary, file->path))
        status = sav_sys_fail(err, file->path, "rename into place");
    if (status)
        sav_os_remove(file->temporary);
    else if (!sav_sys_sync_folder(file->path))
        status = sav_sys_fail(err, file->path, "write its name to disk");
    file_free(file);
    return status;
}

void sav_os_abandon(sav_os_file *file) {
    if (!file) return;
    sav_sys_close(file->file);
    sav_os_remove(file->temporary);
    file_free(file);
}

sav_status sav_os_save(const char *path, const void *bytes, size_t length, sav_error *err) {
    sav_os_file *file;
    sav_status status = sav_os_create(&file, path, err);
    if (status) return status;
    status = sav_os_write(file, bytes, length, err);
    if (!status) return sav_os_commit(file, err);
    sav_os_abandon(file);
    return status;
}

/* ---- files that grow ----------------------------------------------------------------------------------- */

struct sav_os_log {
    sav_handle file;
    char *path;
};

sav_status sav_os_log_open(sav_os_log **out, const char *path, bool lock, sav_error *err) {
    sav_os_log *log = sav_alloc(1, sizeof *log);
    char *copy = sav_strdup(path);
    if (!log || !copy) {
        sav_free(log);
        sav_free(copy);
        return fail_memory(err, path);
    }
    const char *kind = sav_os_is_link(path) ? "a link" : sav_sys_kind(path);
    const bool new = !kind && !sav_os_exists(path);
    *log = (sav_os_log){kind ? SAV_NO_HANDLE : sav_sys_open(path, SAV_SYS_APPEND), copy};
    sav_status status = SAV_OK;
    if (kind)
        status = sav_fail(err, SAV_IO_ERROR, "%s: found %s; expected a file", path, kind);
    else if (log->file == SAV_NO_HANDLE)
        status = fail_output(err, path, "open for writing");
    else if (lock && !sav_sys_lock(log->file))
        status = sav_fail(err, SAV_IO_ERROR, "%s: another process is writing to it", path);
    else if (new && !sav_sys_sync_folder(path))
        status = sav_sys_fail(err, path, "write its name to disk");
    if (status) {
        sav_os_log_close(log);
        return status;
    }
    *out = log;
    return SAV_OK;
}

sav_status sav_os_log_size(sav_os_log *log, uint64_t *size, sav_error *err) {
    const char *kind;
    if (sav_sys_examine(&kind, size, log->file)) return SAV_OK;
    return sav_sys_fail(err, log->path, "look at");
}

sav_status sav_os_log_truncate(sav_os_log *log, uint64_t size, sav_error *err) {
    if (sav_sys_truncate(log->file, size)) return SAV_OK;
    return sav_sys_fail(err, log->path, "cut");
}

sav_status sav_os_log_append(sav_os_log *log, const void *bytes, size_t length, sav_error *err) {
    if (!sav_sys_seek_end(log->file)) return sav_sys_fail(err, log->path, "write");
    return write_all(log->file, log->path, bytes, length, err);
}

sav_status sav_os_log_sync(sav_os_log *log, sav_error *err) {
    if (sav_sys_sync(log->file)) return SAV_OK;
    return sav_sys_fail(err, log->path, "write to disk");
}

void sav_os_log_close(sav_os_log *log) {
    if (!log) return;
    if (log->file != SAV_NO_HANDLE) sav_sys_close(log->file);
    sav_free(log->path);
    sav_free(log);
}
