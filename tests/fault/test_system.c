/* Every call to the operating system in base/os_posix.c made to fail, one after the other: the error is said,
 * the file that was there before is still there and whole, no temporary file, descriptor or memory is left
 * behind.
 *
 * os_posix.c is compiled into this program with its calls renamed; the library's own object is then never
 * pulled in.
 */
#ifdef _WIN32
#include "../check.h"

int main(void) {
    check_skip("os_windows.c: its calls cannot be renamed");
    return check_report("system");
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
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"

static int call_number, call_at, call_errno; /* the call_at-th system call fails with call_errno */
static size_t write_limit;                   /* 0: none; else write takes at most so many bytes at once */
static int descriptors;                      /* open now */
static bool interrupted;                     /* EINTR was returned: an odd way to succeed */
static bool renamed;                         /* the new file is in place: only its name may be lost by then */

static bool call_fails(void) {
    if (++call_number != call_at) return false;
    errno = call_errno;
    return true;
}

static int fault_open(const char *path, int flags, mode_t mode) {
    if (call_fails()) return -1;
    int fd = open(path, flags, mode);
    if (fd >= 0) descriptors++;
    return fd;
}

static int fault_close(int fd) {
    bool fails = call_fails(); /* the descriptor is gone all the same, as on Linux */
    if (close(fd) == 0) descriptors--;
    if (fails) errno = call_errno;
    return fails ? -1 : 0;
}

static ssize_t fault_write(int fd, const void *bytes, size_t length) {
    if (call_fails()) {
        interrupted = interrupted || errno == EINTR;
        return -1;
    }
    return write(fd, bytes, write_limit && length > write_limit ? write_limit : length);
}

static ssize_t fault_read(int fd, void *bytes, size_t length) {
    if (call_fails()) {
        interrupted = interrupted || errno == EINTR;
        return -1;
    }
    return read(fd, bytes, write_limit && length > write_limit ? write_limit : length);
}

static int fault_rename(const char *from, const char *to) {
    if (call_fails() || rename(from, to) != 0) return -1;
    renamed = true;
    return 0;
}

#define FIRST(first, ...) first
#define SECOND(first, second, ...) second
#define open(path, ...) fault_open(path, FIRST(__VA_ARGS__, 0), SECOND(__VA_ARGS__, 0, 0))
#define close(fd) fault_close(fd)
#define write(fd, bytes, length) fault_write(fd, bytes, length)
#define read(fd, bytes, length) fault_read(fd, bytes, length)
#define fstat(fd, st) (call_fails() ? -1 : fstat(fd, st))
#define mmap(at, size, protect, flags, fd, offset) \
    (call_fails() ? MAP_FAILED : mmap(at, size, protect, flags, fd, offset))
#define opendir(path) (call_fails() ? NULL : opendir(path))
#define mkdir(path, mode) (call_fails() ? -1 : mkdir(path, mode))
#define fsync(fd) (call_fails() ? -1 : fsync(fd))
#define rename(from, to) fault_rename(from, to)
#define ftruncate(fd, size) (call_fails() ? -1 : ftruncate(fd, size))
#define flock(fd, what) (call_fails() ? -1 : flock(fd, what))
#include "../../src/base/os_posix.c"
#undef open
#undef close
#undef write
#undef read
#undef flock

/* ---- what is tried ------------------------------------------------------------------------------------- */

static char path[600], folder[512];
static const char old_text[] = "the old file, whole\n",
                  new_text[] = "the new file, written in several pieces\n";

static void put(const char *name, const char *text) {
    FILE *file = fopen(name, "wb");
    if (!CHECK(file != NULL)) return;
    fputs(text, file);
    fclose(file);
}

static bool holds(const char *name, const char *text) {
    char bytes[256];
    FILE *file = fopen(name, "rb");
    if (!file) return false;
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return length == strlen(text) && memcmp(bytes, text, length) == 0;
}

static size_t files_in(const char *name) {
    size_t count = 0;
    DIR *dir = (opendir)(name);
    if (!dir) return 0;
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static sav_status map_file(sav_error *err) {
    sav_map map;
    sav_status status = sav_os_map(&map, path, err);
    if (!status) CHECK(map.size == strlen(old_text) && memcmp(map.bytes, old_text, map.size) == 0);
    sav_os_unmap(&map);
    return status;
}

static sav_status read_file(sav_error *err) {
    char *bytes = NULL;
    size_t length;
    sav_status status = sav_os_read_file(&bytes, &length, path, 1000, err);
    if (!status) CHECK_STR(bytes, old_text);
    sav_free(bytes);
    return status;
}

static sav_status list_folder(sav_error *err) {
    char **names;
    size_t count;
    sav_status status = sav_os_list(&names, &count, folder, err);
    if (status) return status;
    CHECK_SIZE(count, 1);
    sav_os_names_free(names, count);
    return SAV_OK;
}

static sav_status make_folders(sav_error *err) {
    char deep[600];
    snprintf(deep, sizeof deep, "%s/new", folder);
    rmdir(deep);
    sav_status status = sav_os_make_folder(deep, err);
    rmdir(deep);
    return status;
}

static sav_status write_file(sav_error *err) {
    sav_os_file *file;
    sav_status status = sav_os_create(&file, path, err);
    if (status) return status;
    for (const char *p = new_text; !status && *p; p += 8)
        status = sav_os_write(file, p, strlen(p) < 8 ? strlen(p) : 8, err);
    if (!status) return sav_os_commit(file, err);
    sav_os_abandon(file);
    return status;
}

static sav_status append_log(sav_error *err) {
    sav_os_log *log;
    uint64_t size;
    sav_status status = sav_os_log_open(&log, path, true, err);
    if (status) return status;
    status = sav_os_log_size(log, &size, err);
    if (!status) status = sav_os_log_append(log, "row", 3, err);
    if (!status) status = sav_os_log_sync(log, err);
    if (!status) status = sav_os_log_truncate(log, size, err);
    sav_os_log_close(log);
    return status;
}

/* Fails call 1, 2, 3, ... until a run makes fewer calls than that. `most`: calls that may fail without a
 * word: a close after reading, a lock that only says "not remains", a folder that cannot be synced. */
static void fail_each(const char *name, sav_status (*scenario)(sav_error *), int code, int most) {
    int hidden = 0;
    for (int n = 1; n < 1000; n++) {
        put(path, old_text);
        size_t files = files_in(folder);
        call_number = 0, call_at = n, call_errno = code, interrupted = renamed = false;
        sav_error err = {SAV_OK, "", ""};
        sav_status status = scenario(&err);
        bool hit = call_number >= n;
        call_at = 0;
        bool clean = descriptors == 0 && fault_live == 0 && files_in(folder) == files;
        if (!CHECK(clean))
            printf("%s, call %d: %d descriptors, %ld blocks, %zu files too many\n", name, n, descriptors,
                   fault_live, files_in(folder) - files);
        if (status) {
            /* a folder that cannot be made names the parent at fault */
            CHECK(err.status == status &&
                  (strstr(err.message, folder) || (scenario == make_folders && err.message[0] == '/')));
            CHECK(scenario == append_log || holds(path, renamed ? new_text : old_text));
        } else {
            CHECK(scenario != write_file || holds(path, new_text));
            hidden += hit && !interrupted;
        }
        if (!hit) {
            CHECK(status == SAV_OK && n > 1);
            break;
        }
    }
    if (!CHECK(hidden <= most)) printf("%s: %d failures without a word\n", name, hidden);
}

static void test_disk_full(void) {
    sav_error err;
    put(path, old_text);
    call_number = 0, call_at = 3, call_errno = ENOSPC; /* open, lock, then the first write */
    CHECK_FAILS(write_file(&err), &err, SAV_IO_ERROR, strerror(ENOSPC));
    call_at = 0;
    CHECK(holds(path, old_text));
}

static void test_pieces(void) {
    sav_error err;
    put(path, old_text);
    write_limit = 3; /* the system may take or give fewer bytes than asked for */
    CHECK_OK(read_file(&err), &err);
    CHECK_OK(write_file(&err), &err);
    write_limit = 0;
    CHECK(holds(path, new_text));
}

static void test_not_a_file(void) {
    char fifo[600];
    sav_map map;
    sav_os_file *file;
    sav_error err;
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    CHECK(mkfifo(fifo, 0600) == 0);
    /* and does not wait for a writer */
    CHECK_FAILS(sav_os_map(&map, fifo, &err), &err, SAV_BAD_INPUT, "FIFO");
    CHECK_FAILS(sav_os_map(&map, folder, &err), &err, SAV_BAD_INPUT, "folder");
    CHECK_FAILS(sav_os_map(&map, "/dev/null", &err), &err, SAV_BAD_INPUT, "device");
    CHECK_FAILS(sav_os_create(&file, folder, &err), &err, SAV_IO_ERROR, "folder");
    /* a file renamed over a device or FIFO would destroy it */
    CHECK_FAILS(sav_os_create(&file, fifo, &err), &err, SAV_IO_ERROR, "FIFO");
    CHECK_FAILS(sav_os_create(&file, "/dev/null", &err), &err, SAV_IO_ERROR, "device");
    unlink(fifo);
}

/* Where the temporary file of `path` goes, by its number. */
static const char *temporary(unsigned n) {
    static char name[700];
    snprintf(name, sizeof name, "%s.savs-%u.tmp", path, n);
    return name;
}

/* Names that are taken: links of others, files of the user, remains, and the file of a process that lives. */
static void test_taken_names(void) {
    static const char precious[] = "precious";
    char victim[600], own[700];
    sav_error err;
    sav_os_file *first, *second;
    struct stat st;
    snprintf(victim, sizeof victim, "%s/victim", folder);
    put(victim, precious);
    put(path, old_text);
    CHECK(symlink(victim, temporary(1)) == 0 && symlink("nowhere", temporary(2)) == 0);
    CHECK(mkdir(temporary(3), 0700) == 0 && mkfifo(temporary(4), 0600) == 0);
    CHECK_OK(write_file(&err), &err);
    CHECK(holds(path, new_text) && holds(victim, precious) && lstat(path, &st) == 0 && S_ISREG(st.st_mode));
    CHECK(lstat(temporary(1), &st) == 0 && S_ISLNK(st.st_mode) && lstat(temporary(5), &st) != 0);
    CHECK(access(temporary(2), F_OK) != 0); /* nothing was made where the second link leads */
    unlink(temporary(1)), unlink(temporary(2)), rmdir(temporary(3)), unlink(temporary(4));
    CHECK(link(victim, temporary(1)) == 0); /* another name of a file: only the name goes */
    CHECK_OK(write_file(&err), &err);
    CHECK(holds(victim, precious) && access(temporary(1), F_OK) != 0);
    snprintf(own, sizeof own, "%s.%lu.tmp", path, (unsigned long)getpid()); /* a user's file of such a name */
    put(own, precious);
    put(temporary(1), "remains of a killed process");
    CHECK_OK(write_file(&err), &err);
    CHECK(holds(own, precious) && access(temporary(1), F_OK) != 0);
    unlink(own);
    /* two at once: neither takes the other's for remains */
    if (!CHECK_OK(sav_os_create(&first, path, &err), &err)) return;
    CHECK_OK(sav_os_write(first, "first", 5, &err), &err);
    put(temporary(7), "remains");
    sav_os_remove_remains(folder);
    CHECK(access(temporary(1), F_OK) == 0 && access(temporary(7), F_OK) != 0);
    if (CHECK_OK(sav_os_create(&second, path, &err), &err)) {
        CHECK_OK(sav_os_write(second, "second", 6, &err), &err);
        CHECK_OK(sav_os_commit(second, &err), &err);
    }
    CHECK(holds(path, "second"));
    CHECK_OK(sav_os_commit(first, &err), &err);
    CHECK(holds(path, "first"));
    /* all names taken: said, nothing written */
    for (unsigned n = 1; n <= 100; n++) CHECK(symlink(victim, temporary(n)) == 0);
    CHECK_FAILS(write_file(&err), &err, SAV_IO_ERROR, "up to file.savs-100.tmp are taken");
    CHECK(holds(victim, precious) && holds(path, "first"));
    for (unsigned n = 1; n <= 100; n++) unlink(temporary(n));
    /* the system says so, though nothing is there */
    call_number = 0, call_at = 1, call_errno = EEXIST;
    CHECK_OK(write_file(&err), &err);
    call_at = 0;
    CHECK(holds(path, new_text) && files_in(folder) == 4); /* . .. file victim */
    unlink(victim);
}

/* Only what has such a name is ever removed. */
static void test_remains(void) {
    static const char *const others[] = {"file.tmp",        "file.savs-.tmp",   "file.savs-1.tmp.txt",
                                         "file.savs-x.tmp", "file.12.tmp",      ".savs-1.tmp",
                                         "savs-1.tmp",      "file.savs-1a.tmp", "file.savs-1"};
    char name[700];
    const size_t before = files_in(folder);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, others[i]);
        put(name, "mine");
    }
    put(temporary(12), "remains");
    sav_os_remove_remains(folder);
    CHECK_SIZE(files_in(folder), before + sizeof others / sizeof *others);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, others[i]);
        CHECK(unlink(name) == 0);
    }
    sav_os_remove_remains("no/such/folder");
}

int main(void) {
    sav_error err;
    snprintf(folder, sizeof folder, "%s/system", check_folder());
    snprintf(path, sizeof path, "%s/file", folder);
    CHECK_OK(sav_os_make_folder(folder, &err), &err);
    fault_live = 0;
    descriptors = 0;
    static const struct {
        const char *name;
        sav_status (*scenario)(sav_error *);
        int hidden; /* with EIO; with EINTR the sync of a folder, too */
    } cases[] = {{"map", map_file, 1},         {"read", read_file, 1},   {"list", list_folder, 0},
                 {"folders", make_folders, 2}, {"write", write_file, 3}, {"log", append_log, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fail_each(cases[i].name, cases[i].scenario, EIO, cases[i].hidden);
        fail_each(cases[i].name, cases[i].scenario, EINTR, cases[i].hidden + (i >= 3));
    }
    test_disk_full();
    test_pieces();
    test_not_a_file();
    test_taken_names();
    test_remains();
    return check_report("system");
}
#endif
