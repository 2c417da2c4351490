/* os_posix.c: the system's calls on Linux, macOS and the rest of POSIX: os_parts.h, and what else of os.h
 * differs from Windows (os_windows.c): paths, folders, advice on memory, clocks, cores.
 *
 * A path that is no regular file is opened without waiting (O_NONBLOCK), so that it can be refused before
 * anything could block on it.
 */
#ifdef __linux__
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "base/os_parts.h"

#include <dirent.h>
#ifdef SAV_LOAD
#include <dlfcn.h>
#endif
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

sav_status sav_sys_fail(sav_error *err, const char *path, const char *what) {
    const int code = errno;
    sav_status status = code == ENOENT || code == ENOTDIR || code == EISDIR ? SAV_BAD_INPUT : SAV_IO_ERROR;
    return sav_fail(err, code == ENOMEM ? SAV_NO_MEMORY : status, "%s: cannot %s: %s", path, what,
                    strerror(code));
}

/* ---- files --------------------------------------------------------------------------------------------- */

sav_handle sav_sys_open(const char *path, sav_sys_mode mode) {
    static const int flags[] = {[SAV_SYS_READ] = O_RDONLY | O_NONBLOCK,
                                [SAV_SYS_CREATE] = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                                [SAV_SYS_APPEND] = O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOFOLLOW};
    return open(path, flags[mode] | O_CLOEXEC, 0666);
}

bool sav_sys_taken(void) {
    return errno == EEXIST;
}

bool sav_sys_close(sav_handle file) {
    return close((int)file) == 0;
}

static const char *kind_name(mode_t mode) {
    if (S_ISREG(mode)) return NULL;
    if (S_ISDIR(mode)) return "a folder";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

bool sav_sys_examine(const char **kind, uint64_t *size, sav_handle file) {
    struct stat st;
    if (fstat((int)file, &st) != 0) return false;
    *kind = kind_name(st.st_mode);
    *size = (uint64_t)st.st_size;
    return true;
}

const char *sav_sys_kind(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? kind_name(st.st_mode) : NULL;
}

bool sav_sys_read(size_t *done, sav_handle file, void *bytes, size_t length) {
    ssize_t n;
    do n = read((int)file, bytes, length);
    while (n < 0 && errno == EINTR);
    *done = n < 0 ? 0 : (size_t)n;
    return n >= 0;
}

bool sav_sys_write(size_t *done, sav_handle file, const void *bytes, size_t length) {
    ssize_t n;
    do n = write((int)file, bytes, length);
    while (n < 0 && errno == EINTR);
    *done = n < 0 ? 0 : (size_t)n;
    return n >= 0;
}

bool sav_sys_seek_end(sav_handle file) {
    (void)file; /* O_APPEND does it */
    return true;
}

bool sav_sys_truncate(sav_handle file, uint64_t size) {
    return ftruncate((int)file, (off_t)size) == 0;
}

bool sav_sys_sync(sav_handle file) {
    return fsync((int)file) == 0;
}

/* Some file systems refuse to sync a folder, and a folder may be written but not read: nothing can be
 * done. */
bool sav_sys_sync_folder(const char *path) {
    const char *name = sav_os_path_name(path);
    char *folder = name == path ? sav_strdup(".") : sav_strndup(path, (size_t)(name - path));
    const int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) : -1;
    sav_free(folder);
    if (fd < 0) return true;
    const bool failed = fsync(fd) != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT);
    const int code = errno;
    close(fd);
    errno = code;
    return !failed;
}

bool sav_sys_lock(sav_handle file) {
    return flock((int)file, LOCK_EX | LOCK_NB) == 0;
}

bool sav_sys_rename(const char *from, const char *to) {
    return rename(from, to) == 0;
}

void sav_os_remove(const char *path) {
    (void)remove(path);
}

sav_status sav_os_stat(sav_os_stamp *out, const char *path, sav_error *err) {
    struct stat st;
    if (stat(path, &st) != 0) return sav_sys_fail(err, path, "look at");
#ifdef __APPLE__
    const struct timespec written = st.st_mtimespec;
#else
    const struct timespec written = st.st_mtim;
#endif
    *out = (sav_os_stamp){(uint64_t)st.st_size, (int64_t)written.tv_sec, (int64_t)written.tv_nsec};
    return SAV_OK;
}

sav_handle sav_sys_stdin(void) {
    return STDIN_FILENO;
}

/* ---- mapped memory ------------------------------------------------------------------------------------- */

const void *sav_sys_map(sav_handle file, size_t size) {
    const void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, (int)file, 0);
    return bytes == MAP_FAILED ? NULL : bytes;
}

void sav_sys_unmap(const void *bytes, size_t size) {
    munmap((void *)(uintptr_t)bytes, size);
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

bool sav_os_is_link(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

bool sav_os_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

bool sav_os_same_file(const char *one, const char *other) {
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

sav_status sav_sys_list(sav_sys_names *out, const char *folder, sav_error *err) {
    DIR *dir = opendir(folder);
    if (!dir) return sav_sys_fail(err, folder, "list");
    bool ok = true;
    for (struct dirent *entry = readdir(dir); ok && entry; entry = ok ? readdir(dir) : NULL)
        ok = sav_sys_names_add(out, sav_strdup(entry->d_name));
    closedir(dir);
    return ok ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its list of files", folder);
}

sav_status sav_os_make_folder(const char *path, sav_error *err) {
    char *part = sav_strdup(path);
    if (!part) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    sav_status status = SAV_OK;
    for (char *p = part + 1; !status && part[0]; p++) {
        if (*p != '/' && *p != '\0') continue;
        char kept = *p;
        *p = '\0';
        const bool made = mkdir(part, 0777) == 0;
        if (!made && errno != EEXIST) status = sav_sys_fail(err, part, "make the folder");
        if (made && !sav_sys_sync_folder(part)) status = sav_sys_fail(err, part, "write to disk");
        *p = kept;
        if (kept == '\0') break;
    }
    if (!status && !sav_os_is_folder(path))
        status = sav_fail(err, SAV_IO_ERROR, "%s: found a file; expected a folder or nothing", path);
    sav_free(part);
    return status;
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

/* ---- libraries ----------------------------------------------------------------------------------------- */

#ifdef SAV_LOAD /* static programs cannot */
sav_os_function *sav_os_find_function(const char *library, const char *name, sav_error *err) {
    sav_os_function *found = NULL;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    void *place = handle ? dlsym(handle, name) : NULL;
    memcpy(&found, &place, sizeof found); /* C has no cast between the two; POSIX says that they are alike */
    if (found) return found;
    sav_fail(err, SAV_IO_ERROR, "%s", dlerror());
    if (handle) dlclose(handle);
    return NULL;
}
#endif

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
