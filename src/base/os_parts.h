/* os_parts.h: what a system provides so that os_common.c can do the rest of os.h. Only the os_*.c files
 * include this.
 *
 *   os.h  <-  os_common.c: what is read, written, replaced and locked, and what is said when it fails
 *         <-  os_posix.c | os_windows.c: one call of the system each, and whatever else differs
 *
 * A call that fails leaves the system's own reason behind (errno, GetLastError); sav_sys_fail puts it into
 * words.
 */
#ifndef SAV_OS_PARTS_H
#define SAV_OS_PARTS_H

#include "base/os.h"

typedef intptr_t sav_handle; /* a descriptor, or a HANDLE */
#define SAV_NO_HANDLE ((sav_handle)-1)

/* READ: an existing file, or whatever else is there, without waiting for it. CREATE: a new file to write,
 * where nothing is yet, not even a link. APPEND: read and written, made when it is not there, never through a
 * link. */
typedef enum sav_sys_mode { SAV_SYS_READ, SAV_SYS_CREATE, SAV_SYS_APPEND } sav_sys_mode;

sav_handle sav_sys_open(const char *path, sav_sys_mode mode);
bool sav_sys_taken(void); /* why the latest CREATE failed: something has that name */
bool sav_sys_close(sav_handle file);
/* *kind: "a folder", "a device", … or NULL for a regular file, whose bytes are then in *size. */
bool sav_sys_examine(const char **kind, uint64_t *size, sav_handle file);
/* The kind of what stands under a path; NULL: a regular file, or nothing. */
const char *sav_sys_kind(const char *path);

/* At most `length` bytes, which is at most SAV_SYS_PIECE; *done says how many. Reading: 0 is the end. */
enum { SAV_SYS_PIECE = 1 << 30 };
bool sav_sys_read(size_t *done, sav_handle file, void *bytes, size_t length);
bool sav_sys_write(size_t *done, sav_handle file, const void *bytes, size_t length);
bool sav_sys_seek_end(sav_handle file);
bool sav_sys_truncate(sav_handle file, uint64_t size);
bool sav_sys_sync(sav_handle file);
/* The names in the folder that holds `path`; true where the system cannot do that to a folder. */
bool sav_sys_sync_folder(const char *path);
bool sav_sys_lock(sav_handle file);
bool sav_sys_rename(const char *from, const char *to); /* over a file that is there */
const void *sav_sys_map(sav_handle file, size_t size); /* to be read; NULL on failure */
void sav_sys_unmap(const void *bytes, size_t size);
sav_handle sav_sys_stdin(void);

/* Names of a folder. add takes over the name, NULL where memory was short, and skips "." and "..". */
typedef struct sav_sys_names {
    char **items; /* [count] */
    size_t count, capacity;
} sav_sys_names;
bool sav_sys_names_add(sav_sys_names *names, char *name); /* in os_common.c */
sav_status sav_sys_list(sav_sys_names *out, const char *folder, sav_error *err);

/* "PATH: cannot WHAT: the system's words", with the status that fits them. */
sav_status sav_sys_fail(sav_error *err, const char *path, const char *what);

#endif
