/* os.c: every call to the operating system: files mapped, read, written beside and renamed, folders, locks,
 * clock, cores.
 *
 * POSIX; os_windows.c is its counterpart. A path that is no regular file is refused before anything could
 * block on it (O_NONBLOCK, then fstat).
 */
#ifdef __linux__
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "base/os.h"

#ifndef _WIN32
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static sav_status fail_errno(sav_error *err, const char *path, const char *what) {
    int code = errno;
    sav_status status = code == ENOENT || code == ENOTDIR || code == EISDIR ? SAV_BAD_INPUT : SAV_IO_ERROR;
    return sav_fail(err, code == ENOMEM ? SAV_NO_MEMORY : status, "%s: cannot %s: %s", path, what,
                    strerror(code));
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static const char *kind_name(mode_t mode) {
    if (S_ISDIR(mode)) return "a folder";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

/* Opens a regular file; *size gets its length. -1 on error. */
static int open_regular(const char *path, size_t *size, sav_error *err) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        fail_errno(err, path, "open");
        return -1;
    }
    struct stat st;
    if (fstat(fd, &st) != 0) {
        fail_errno(err, path, "look at");
    } else if (!S_ISREG(st.st_mode)) {
        sav_fail(err, SAV_BAD_INPUT, "%s: found %s; expected a file", path, kind_name(st.st_mode));
    } else if (st.st_size < 0 || (uintmax_t)st.st_size > SIZE_MAX / 2) {
        sav_fail(err, SAV_BAD_INPUT, "%s: too large for this machine", path);
    } else {
        *size = (size_t)st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

sav_status sav_os_map(sav_map *out, const char *path, sav_error *err) {
    static const unsigned char nothing[1] = {0};
    *out = (sav_map){nothing, 0};
    size_t size;
    int fd = open_regular(path, &size, err);
    if (fd < 0) return err ? err->status : SAV_IO_ERROR;
    sav_status status = SAV_OK;
    if (size) {
        void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
            status = fail_errno(err, path, "map");
        else
            *out = (sav_map){bytes, size};
    }
    close(fd);
    return status;
}

void sav_os_unmap(sav_map *map) {
    if (map->size) munmap((void *)(uintptr_t)map->bytes, map->size);
    *map = (sav_map){NULL, 0};
}

/* The whole pages that bytes … bytes + length touch. */
static size_t pages_of(void **out, const void *bytes, size_t length) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)bytes / page * page;
    *out = (void *)from;
    return ((uintptr_t)bytes + length + page - 1) / page * page - from;
}

void sav_os_announce(const void *bytes, size_t length) {
    void *from;
    if (!length) return;
    const size_t size = pages_of(&from, bytes, length);
    (void)posix_madvise(from, size, POSIX_MADV_WILLNEED);
}

void sav_os_large_pages(void *memory, size_t length) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 2 << 20, from = ((uintptr_t)memory + page - 1) / page * page,
                    to = ((uintptr_t)memory + length) / page * page;
    /* no whole large page: nothing to ask for */
    if (to > from) (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
    (void)memory, (void)length;
#endif
}

void sav_os_drop(const void *bytes, size_t length, const char *path, uint64_t offset) {
    void *from;
    if (!length) return;
    const size_t size = pages_of(&from, bytes, length);
#ifdef MADV_DONTNEED /* POSIX_MADV_DONTNEED does nothing on Linux */
    (void)madvise(from, size, MADV_DONTNEED);
#else
    (void)posix_madvise(from, size, POSIX_MADV_DONTNEED);
#endif
#ifdef POSIX_FADV_DONTNEED
    const int fd = (open)(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    (void)posix_fadvise(fd, (off_t)offset, (off_t)length, POSIX_FADV_DONTNEED);
    (close)(fd);
#else
    (void)path, (void)offset;
#endif
}

sav_status sav_os_look(sav_os_stamp *out, const char *path, sav_error *err) {
    struct stat st;
    if (stat(path, &st) != 0) return fail_errno(err, path, "look at");
#ifdef __APPLE__
    const struct timespec written = st.st_mtimespec;
#else
    const struct timespec written = st.st_mtim;
#endif
    *out = (sav_os_stamp){(uint64_t)st.st_size, (int64_t)written.tv_sec, (int64_t)written.tv_nsec};
    return SAV_OK;
}

/* Reads fd to its end into fresh memory. `expect` sizes the first block. */
static sav_status read_all(char **out, size_t *length, int fd, const char *name, size_t expect, size_t limit,
                           sav_error *err) {
    size_t used = 0, room = expect < limit ? expect + 1 : limit;
    char *bytes = sav_alloc(room + 1, 1);
    if (!bytes) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu bytes", name, room);
    for (;;) {
        ssize_t got = read(fd, bytes + used, room - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            sav_free(bytes);
            return fail_errno(err, name, "read");
        }
        used += (size_t)got;
        if (got == 0 && used < room) break;
        if (used < room) continue;
        if (used >= limit) {
            sav_free(bytes);
            return sav_fail(err, SAV_BAD_INPUT, "%s: larger than the %zu bytes expected at most", name,
                            limit);
        }
        room = room > limit / 2 ? limit : room * 2 + 4096;
        if (room > limit) room = limit;
        char *more = sav_realloc(bytes, room + 1, 1);
        if (!more) {
            sav_free(bytes);
            return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu bytes", name, room);
        }
        bytes = more;
    }
    bytes[used] = '\0';
    *out = bytes;
    *length = used;
    return SAV_OK;
}

sav_status sav_os_read_file(char **out, size_t *length, const char *path, size_t limit, sav_error *err) {
    sav_error own;
    size_t size;
    err = err ? err : &own;
    int fd = open_regular(path, &size, err);
    if (fd < 0) return err->status;
    sav_status status = read_all(out, length, fd, path, size, limit, err);
    close(fd);
    return status;
}

sav_status sav_os_read_stdin(char **out, size_t *length, size_t limit, sav_error *err) {
    return read_all(out, length, STDIN_FILENO, "standard input", 65536, limit, err);
}

/* ---- folders ------------------------------------------------------------------------------------------- */

const char *sav_os_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool sav_os_path_absolute(const char *path) {
    return path[0] == '/';
}

bool sav_os_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool sav_os_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

sav_status sav_os_list(char ***names, size_t *count, const char *folder, sav_error *err) {
    char **list = NULL;
    size_t n = 0, room = 0;
    sav_status status = SAV_OK;
    DIR *dir = opendir(folder);
    if (!dir) return fail_errno(err, folder, "list");
    for (struct dirent *entry; !status && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (n == room) {
            char **more = sav_realloc(list, room = room * 2 + 16, sizeof *list);
            if (more) list = more;
            if (!more) status = SAV_NO_MEMORY;
        }
        if (!status && (list[n] = sav_strdup(entry->d_name)) == NULL) status = SAV_NO_MEMORY;
        if (!status) n++;
    }
    closedir(dir);
    if (status) {
        sav_os_names_free(list, n);
        return sav_fail(err, status, "%s: no memory for its list of files", folder);
    }
    if (n) qsort(list, n, sizeof *list, by_bytes);
    *names = list;
    *count = n;
    return SAV_OK;
}

sav_status sav_os_make_folder(const char *path, sav_error *err) {
    char *part = sav_strdup(path);
    if (!part) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    sav_status status = SAV_OK;
    for (char *p = part + 1; !status && part[0]; p++) {
        if (*p != '/' && *p != '\0') continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) status = fail_errno(err, part, "make the folder");
        *p = kept;
        if (kept == '\0') break;
    }
    if (!status && !sav_os_is_folder(path))
        status = sav_fail(err, SAV_IO_ERROR, "%s: found a file; expected a folder or nothing", path);
    sav_free(part);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

struct sav_os_file {
    int fd;
    char *path, *temporary;
};

static sav_status write_all(int fd, const char *path, const void *bytes, size_t length, sav_error *err) {
    const char *p = bytes;
    while (length) {
        ssize_t n = write(fd, p, length < (size_t)1 << 30 ? length : (size_t)1 << 30);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(err, path, "write");
        p += n;
        length -= (size_t)n;
    }
    return SAV_OK;
}

static void file_free(sav_os_file *file) {
    sav_free(file->path);
    sav_free(file->temporary);
    sav_free(file);
}

sav_status sav_os_create(sav_os_file **out, const char *path, sav_error *err) {
    sav_text name = {0};
    sav_text_printf(&name, "%s.%ld.tmp", path, (long)getpid());
    sav_os_file *file = sav_alloc(1, sizeof *file);
    char *copy = sav_strdup(path);
    if (name.failed || !file || !copy) {
        sav_text_free(&name);
        sav_free(file);
        sav_free(copy);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    }
    *file = (sav_os_file){-1, copy, name.bytes};
    sav_status status = SAV_OK;
    struct stat st; /* the rename would put a file in the place of a device, such as /dev/null */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        status = sav_fail(err, SAV_IO_ERROR, "%s: found %s; expected the name of a file to write", path,
                          kind_name(st.st_mode));
    else if ((file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
        status = sav_fail(err, SAV_IO_ERROR, "%s: cannot write: %s", path, strerror(errno));
    if (status) {
        file_free(file);
        return status;
    }
    *out = file;
    return SAV_OK;
}

sav_status sav_os_write(sav_os_file *file, const void *bytes, size_t length, sav_error *err) {
    return write_all(file->fd, file->path, bytes, length, err);
}

sav_status sav_os_commit(sav_os_file *file, sav_error *err) {
    sav_status status = SAV_OK;
    if (fsync(file->fd) != 0) status = fail_errno(err, file->path, "write to disk");
    if (close(file->fd) != 0 && !status) status = fail_errno(err, file->path, "close");
    if (!status && rename(file->temporary, file->path) != 0)
        status = fail_errno(err, file->path, "rename into place");
    if (status) unlink(file->temporary);
    file_free(file);
    return status;
}

void sav_os_abandon(sav_os_file *file) {
    if (!file) return;
    close(file->fd);
    unlink(file->temporary);
    file_free(file);
}

void sav_os_remove(const char *path) {
    (void)remove(path);
}

struct sav_os_log {
    int fd;
    char *path;
};

sav_status sav_os_log_open(sav_os_log **out, const char *path, bool lock, sav_error *err) {
    sav_os_log *log = sav_alloc(1, sizeof *log);
    char *copy = sav_strdup(path);
    if (!log || !copy) {
        sav_free(log);
        sav_free(copy);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    }
    *log = (sav_os_log){open(path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0666), copy};
    sav_status status = SAV_OK;
    struct stat st;
    if (log->fd < 0 || fstat(log->fd, &st) != 0)
        status = sav_fail(err, SAV_IO_ERROR, "%s: cannot open for writing: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = sav_fail(err, SAV_IO_ERROR, "%s: found %s; expected a file", path, kind_name(st.st_mode));
    else if (lock && flock(log->fd, LOCK_EX | LOCK_NB) != 0)
        status = sav_fail(err, SAV_IO_ERROR, "%s: another process is writing to it", path);
    if (status) {
        sav_os_log_close(log);
        return status;
    }
    *out = log;
    return SAV_OK;
}

sav_status sav_os_log_size(sav_os_log *log, uint64_t *size, sav_error *err) {
    struct stat st;
    if (fstat(log->fd, &st) != 0) return fail_errno(err, log->path, "look at");
    *size = (uint64_t)st.st_size;
    return SAV_OK;
}

sav_status sav_os_log_truncate(sav_os_log *log, uint64_t size, sav_error *err) {
    if (ftruncate(log->fd, (off_t)size) != 0) return fail_errno(err, log->path, "cut");
    return SAV_OK;
}

sav_status sav_os_log_append(sav_os_log *log, const void *bytes, size_t length, sav_error *err) {
    return write_all(log->fd, log->path, bytes, length, err);
}

sav_status sav_os_log_sync(sav_os_log *log, sav_error *err) {
    if (fsync(log->fd) != 0) return fail_errno(err, log->path, "write to disk");
    return SAV_OK;
}

void sav_os_log_close(sav_os_log *log) {
    if (!log) return;
    if (log->fd >= 0) close(log->fd);
    sav_free(log->path);
    sav_free(log);
}

/* ---- the three streams --------------------------------------------------------------------------------- */

void sav_os_guard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
        /* the lowest free number: fd itself */
        int got = open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
        if (got >= 0 && got != fd) close(got);
    }
}

bool sav_os_is_terminal(int descriptor) {
    return isatty(descriptor) == 1;
}

char **sav_os_arguments(int *count, char **words) {
    (void)count;
    return words;
}

/* ---- the machine --------------------------------------------------------------------------------------- */

static double seconds_by(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double sav_os_seconds(void) {
    return seconds_by(CLOCK_MONOTONIC);
}

double sav_os_cpu_seconds(void) {
    return seconds_by(CLOCK_PROCESS_CPUTIME_ID);
}

double sav_os_thread_seconds(void) {
    return seconds_by(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t sav_os_resident_bytes(void) {
    unsigned long long size, resident = 0;
#ifdef __linux__
    FILE *file = fopen("/proc/self/statm", "r"); /* in pages */
    if (!file) return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
#else
    (void)size;
    return resident;
#endif
}

uint64_t sav_os_peak_bytes(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0 || usage.ru_maxrss < 0) return 0;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

#ifdef __linux__
/* Whether CPU n is the first of its core's siblings that this process may use. A file that cannot be read: it
 * is. */
static bool first_of_core(int n, const cpu_set_t *allowed) {
    char path[100], line[200];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", n);
    FILE *file = fopen(path, "r");
    if (!file) return true;
    const char *p = fgets(line, sizeof line, file) ? line : "";
    fclose(file);
    while (*p) { /* "0,4" or "0-1" */
        char *end;
        long first = strtol(p, &end, 10), last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        for (long cpu = first; cpu <= last && cpu < n; cpu++)
            if (CPU_ISSET((size_t)cpu, allowed)) return false;
        if (end == p || *end != ',') break;
        p = end + 1;
    }
    return true;
}

int sav_os_cores(void) {
    cpu_set_t allowed;
    int cores = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    for (int n = 0; n < CPU_SETSIZE; n++)
        if (CPU_ISSET((size_t)n, &allowed) && first_of_core(n, &allowed)) cores++;
    return cores ? cores : 1;
}
#else
int sav_os_cores(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < 1024 ? (int)n : 1;
}
#endif

bool sav_os_has_dotprod(void) {
#if defined(__aarch64__) && defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1; /* HWCAP_ASIMDDP */
#elif defined(__aarch64__) && defined(__APPLE__)
    return true;
#else
    return false;
#endif
}
#endif
