/* test_sync.c: what a power cut may take. The calls to the system are watched: what was written but not
 * synced may be gone, and may be there as well.
 *
 *   a store   no index line is written before its row is synced, so that a line on the disk has its row;
 *             both are synced when sav_store_sync returns; names of new files are synced with their folder
 *   a file    synced before it gets its name, the folder after that
 *
 * os_posix.c is compiled into this program with its calls renamed, as in test_system.c.
 */
#ifdef _WIN32
#include "../check.h"

int main(void) {
    check_skip("os_windows.c: its calls cannot be renamed");
    return check_report("sync");
}
#else
#ifdef __linux__
#define _GNU_SOURCE /* as os_posix.c */
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"
#include "classify/store.h"

enum { MOST = 1024 };

/* A file that was opened; of index.jsonl, lines instead of bytes. */
static struct watched {
    char name[300];
    size_t written, synced;
    bool folder, new, named; /* new: made by us; named: its folder was synced since */
} files[MOST];
static int opened[MOST]; /* by descriptor: file + 1 */
static size_t file_count;
static size_t row_bytes;
static bool renamed_unsynced; /* a rename whose folder is not synced yet */

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static struct watched *file_of(const char *end) {
    for (size_t i = 0; i < file_count; i++)
        if (ends_with(files[i].name, end)) return &files[i];
    return NULL;
}

static int watch_open(const char *path, int flags, mode_t mode) {
    const bool there = access(path, F_OK) == 0;
    const int fd = open(path, flags, mode);
    if (fd < 0 || fd >= MOST || strlen(path) >= sizeof files[0].name) return fd;
    struct watched *f = file_of(path);
    if (!f && CHECK(file_count < MOST)) {
        f = &files[file_count++];
        strcpy(f->name, path);
    }
    if (!f) return fd;
    f->folder = flags & O_DIRECTORY;
    if (!there) f->new = true, f->named = false;
    opened[fd] = (int)(f - files) + 1;
    return fd;
}

static ssize_t watch_write(int fd, const void *bytes, size_t length) {
    struct watched *f = opened[fd] ? &files[opened[fd] - 1] : NULL;
    const ssize_t done = write(fd, bytes, length);
    if (!f || done < 0) return done;
    if (!ends_with(f->name, "index.jsonl")) {
        f->written += (size_t)done;
        return done;
    }
    for (ssize_t i = 0; i < done; i++) f->written += ((const char *)bytes)[i] == '\n';
    const struct watched *rows = file_of("features.f32");
    if (!CHECK(rows && f->written * row_bytes <= rows->synced))
        printf("%zu lines, %zu bytes of rows synced\n", f->written, rows ? rows->synced : 0);
    return done;
}

static int watch_fsync(int fd) {
    struct watched *f = opened[fd] ? &files[opened[fd] - 1] : NULL;
    if (fsync(fd) != 0) return -1;
    if (f) f->synced = f->written;
    for (size_t i = 0; f && f->folder && i < file_count; i++)
        if (strncmp(files[i].name, f->name, strlen(f->name)) == 0) files[i].named = true;
    if (f && f->folder) renamed_unsynced = false;
    return 0;
}

static int watch_rename(const char *from, const char *to) {
    const struct watched *f = file_of(from);
    CHECK(f && f->written == f->synced && f->written); /* or the new name may have an empty file */
    renamed_unsynced = true;
    return rename(from, to);
}

static int watch_close(int fd) {
    if (fd >= 0 && fd < MOST) opened[fd] = 0;
    return close(fd);
}

#define FIRST(first, ...) first
#define SECOND(first, second, ...) second
#define open(path, ...) watch_open(path, FIRST(__VA_ARGS__, 0), SECOND(__VA_ARGS__, 0, 0))
#define close(fd) watch_close(fd)
#define write(fd, bytes, length) watch_write(fd, bytes, length)
#define fsync(fd) watch_fsync(fd)
#define rename(from, to) watch_rename(from, to)
#include "../../src/base/os_posix.c"
#undef open
#undef close
#undef write
#undef fsync
#undef rename

static sav_error err;

static void check_synced(size_t rows) {
    const struct watched *index = file_of("index.jsonl"), *features = file_of("features.f32");
    CHECK(index && features && index->synced == rows && features->synced == rows * row_bytes);
    CHECK(!renamed_unsynced);
    for (size_t i = 0; i < file_count; i++)
        if (!CHECK(!files[i].new || files[i].named || ends_with(files[i].name, ".tmp")))
            printf("%s: its folder was not synced\n", files[i].name);
}

static void test_store(void) {
    static const sav_store_info info = {
        .L = 1, .H = 2, .d = 3, .family = "f", .engine = "exact", .dtype = "f32"};
    static const float row[6] = {1, 2, 3, 4, 5, 6};
    char folder[400], name[65];
    sav_store *store;
    size_t rows = 0;
    row_bytes = sizeof row;
    snprintf(folder, sizeof folder, "%s/new/store", check_folder());
    for (int opening = 0; opening < 3; opening++) {
        if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return;
        for (int i = 0; i < 40; i++) {
            memset(name, "0123456789abcdef"[i % 16], 64), name[64] = '\0';
            CHECK_OK(sav_store_append(store, name, &(sav_store_line){.label = "x"}, row, &err), &err);
            rows++;
            if (i % 7 == 3) {
                CHECK_OK(sav_store_sync(store, &err), &err);
                check_synced(rows);
            }
        }
        sav_store_close(store);
        check_synced(rows);
    }
}

static void test_file(void) {
    char path[400];
    snprintf(path, sizeof path, "%s/one.file", check_folder());
    for (int i = 0; i < 2; i++) {
        CHECK_OK(sav_os_save(path, "whole", 5, &err), &err);
        CHECK(!renamed_unsynced);
    }
}

int main(void) {
    test_store();
    test_file();
    return check_report("sync");
}
#endif
