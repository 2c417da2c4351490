/* os.h: every call to the operating system. Tests wrap these to make each of them fail.
 *
 * os_posix.c and os_windows.c make them, os_common.c has what they share (os_parts.h). Paths are UTF-8 byte
 * strings. Errors name the path and carry the system's own words.
 */
#ifndef SAV_OS_H
#define SAV_OS_H

#include "base/base.h"

/* A read-only file mapping, or its bytes where mapping is impossible (empty files). */
typedef struct sav_map {
    const unsigned char *bytes; /* [size] */
    size_t size;
} sav_map;

/* Regular files only: a folder, FIFO, socket or device is an error, found before anything could block. */
sav_status sav_os_map(sav_map *out, const char *path, sav_error *err);
void sav_os_unmap(sav_map *map);

/* Advice about a piece of a mapping, which the system may ignore. announce: it will be read soon. drop: it
 * will not be read for a while; path and offset say where it stands in its file, so that the system's own
 * copy may go too. */
void sav_os_announce(const void *bytes, size_t length);
void sav_os_drop(const void *bytes, size_t length, const char *path, uint64_t offset);
/* Advice, too: the system may put this new memory into large pages. */
void sav_os_large_pages(void *memory, size_t length);

/* Shows whether a mapped file was changed: its size and when it was last written. */
typedef struct sav_os_stamp {
    uint64_t size;
    int64_t seconds, nanoseconds;
} sav_os_stamp;
sav_status sav_os_stat(sav_os_stamp *out, const char *path, sav_error *err);

/* The whole of a regular file with a NUL behind it; `limit` bytes or more are an error. Free *out with
 * sav_free. */
sav_status sav_os_read_file(char **out, size_t *length, const char *path, size_t limit, sav_error *err);
/* All of standard input, the same way. */
sav_status sav_os_read_stdin(char **out, size_t *length, size_t limit, sav_error *err);

const char *sav_os_path_name(const char *path); /* the part behind the last separator; points into path */
bool sav_os_path_absolute(const char *path);
bool sav_os_is_folder(const char *path);
bool sav_os_is_link(const char *path); /* itself, wherever it leads */
bool sav_os_exists(const char *path);
bool sav_os_same_file(const char *one,
                      const char *other); /* by whatever names; false when one is not there */
/* Names in a folder without "." and "..", sorted by bytes; free each name and the array with
 * sav_os_names_free. */
sav_status sav_os_list(char ***names, size_t *count, const char *folder, sav_error *err);
void sav_os_names_free(char **names, size_t count);
sav_status sav_os_make_folder(const char *path, sav_error *err); /* parents too; fine if there */

/* A file being written: bytes go to a temporary name beside `path`, commit syncs and renames it, abandon
 * removes it. The name is PATH.savs-N.tmp with the first N that nothing has, a link to elsewhere included;
 * what a killed process left under such a name goes. */
typedef struct sav_os_file sav_os_file;
sav_status sav_os_create(sav_os_file **out, const char *path, sav_error *err);
sav_status sav_os_write(sav_os_file *file, const void *bytes, size_t length, sav_error *err);
sav_status sav_os_commit(sav_os_file *file, sav_error *err); /* closes in any case */
void sav_os_abandon(sav_os_file *file);                      /* NULL is fine */
/* A whole file at once, the same way. */
sav_status sav_os_save(const char *path, const void *bytes, size_t length, sav_error *err);
/* a file or an empty folder; no error when it is not there */
void sav_os_remove(const char *path);
/* Removes the temporary files in a folder that killed processes left behind; those of running ones stay. */
void sav_os_remove_remains(const char *folder);

/* An append-only file for stores. open creates it and takes an exclusive lock when `lock`; held until
 * close. A link is refused: it would have another file cut and written. */
typedef struct sav_os_log sav_os_log;
sav_status sav_os_log_open(sav_os_log **out, const char *path, bool lock, sav_error *err);
sav_status sav_os_log_size(sav_os_log *log, uint64_t *size, sav_error *err);
sav_status sav_os_log_truncate(sav_os_log *log, uint64_t size, sav_error *err);
sav_status sav_os_log_append(sav_os_log *log, const void *bytes, size_t length, sav_error *err);
sav_status sav_os_log_sync(sav_os_log *log, sav_error *err);
void sav_os_log_close(sav_os_log *log);

/* Opens /dev/null for each of the descriptors 0, 1, 2 that is closed, so that no file gets its number.
 * Writing to a standard output that was closed still fails. */
void sav_os_guard_streams(void);
bool sav_os_is_terminal(int descriptor);
/* main's arguments in UTF-8: unchanged on POSIX, a copy with *count set on Windows. */
char **sav_os_arguments(int *count, char **words);

/* A function of a shared library, which is loaded if it was not yet and stays. NULL: not there, err has the
 * system's words. */
typedef void sav_os_function(void);
sav_os_function *sav_os_find_function(const char *library, const char *name, sav_error *err);

double sav_os_seconds(void); /* monotonic */
/* of this process, all threads: what other processes take is not counted */
double sav_os_cpu_seconds(void);
/* of this thread alone: others may still be spinning behind a parallel loop */
double sav_os_thread_seconds(void);
/* memory this process has resident now, mapped files included; 0: unknown */
uint64_t sav_os_resident_bytes(void);
/* most memory this process had resident so far, mapped files included; 0: unknown */
uint64_t sav_os_peak_bytes(void);
int sav_os_cores(void); /* physical cores this process may use, at least 1 */

#endif
