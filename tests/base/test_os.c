/* test_os.c: what every system must give: files mapped, read, replaced and appended to, folders, locks, names
 * in UTF-8, sizes above 4 GiB. test_system.c makes the calls behind them fail, where that can be.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"

static sav_error err;

static const char *path_of(const char *name) {
    static char path[4][700];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", check_folder(), name);
    return p;
}

static void put(const char *path, const void *bytes, size_t length) {
    sav_os_file *file;
    if (!CHECK_OK(sav_os_create(&file, path, &err), &err)) return;
    CHECK_OK(sav_os_write(file, bytes, length, &err), &err);
    CHECK_OK(sav_os_commit(file, &err), &err);
}

static void holds(const char *path, const void *want, size_t length) {
    char *got;
    size_t size;
    sav_map map;
    if (CHECK_OK(sav_os_read_file(&got, &size, path, 1000, &err), &err)) {
        CHECK(size == length && memcmp(got, want, length) == 0 && got[size] == '\0');
        sav_free(got);
    }
    if (!CHECK_OK(sav_os_map(&map, path, &err), &err)) return;
    CHECK(map.size == length && memcmp(map.bytes, want, length) == 0);
    sav_os_unmap(&map);
}

/* Bytes that a text mode would change, under names that no 8-bit code page has together. */
static void test_bytes_and_names(void) {
    static const char bytes[] = "a\r\nb\n\x1a\0c", *const names[] = {"caf\xC3\xA9",
                                                                     "\xE4\xBD\xA0\xE5\xA5\xBD",
                                                                     "\xF0\x9F\x98\x80.txt"};
    char **list, folder[600];
    size_t count;
    snprintf(folder, sizeof folder, "%s", path_of("\xCE\xB1/\xD0\xB1"));
    CHECK_OK(sav_os_make_folder(folder, &err), &err);
    CHECK_OK(sav_os_make_folder(folder, &err), &err); /* once more is fine */
    for (size_t i = 0; i < 3; i++) {
        char path[700];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        put(path, bytes, sizeof bytes);
        holds(path, bytes, sizeof bytes);
        put(path, "second", 6); /* over the first */
        holds(path, "second", 6);
        CHECK(sav_os_exists(path) && !sav_os_is_folder(path));
    }
    if (CHECK_OK(sav_os_list(&list, &count, folder, &err), &err)) {
        CHECK_SIZE(count, 3); /* and no temporary file */
        for (size_t i = 0; i < 3 && count == 3; i++) CHECK_STR(list[i], names[i]);
        sav_os_names_free(list, count);
    }
    put(path_of("empty"), "", 0);
    holds(path_of("empty"), "", 0);
}

static void test_refusals(void) {
    sav_map map;
    sav_os_file *file;
    sav_os_log *log;
    char **list, *bytes;
    size_t count;
    CHECK_FAILS(sav_os_map(&map, path_of("none"), &err), &err, SAV_BAD_INPUT, "none: cannot open: ");
    CHECK_FAILS(sav_os_map(&map, path_of("none/none"), &err), &err, SAV_BAD_INPUT, "none: cannot open: ");
    CHECK_FAILS(sav_os_map(&map, check_folder(), &err), &err, SAV_BAD_INPUT,
                "found a folder; expected a file");
    CHECK_FAILS(sav_os_create(&file, check_folder(), &err), &err, SAV_IO_ERROR, "found a folder");
    CHECK_FAILS(sav_os_create(&file, path_of("none/none"), &err), &err, SAV_IO_ERROR, "none: cannot write: ");
    CHECK_FAILS(sav_os_list(&list, &count, path_of("none"), &err), &err, SAV_BAD_INPUT,
                "none: cannot list: ");
    CHECK(sav_os_log_open(&log, check_folder(), true, &err) == SAV_IO_ERROR);
    put(path_of("file"), "12345", 5);
    CHECK_FAILS(sav_os_make_folder(path_of("file"), &err), &err, SAV_IO_ERROR,
                "found a file; expected a folder");
    CHECK(sav_os_make_folder(path_of("file/in"), &err) != SAV_OK);
    CHECK_FAILS(sav_os_read_file(&bytes, &count, path_of("file"), 5, &err), &err, SAV_BAD_INPUT,
                "larger than the 5 bytes");
    CHECK_OK(sav_os_create(&file, path_of("file"), &err), &err);
    CHECK_OK(sav_os_write(file, "other", 5, &err), &err);
    sav_os_abandon(file); /* the old one stays */
    holds(path_of("file"), "12345", 5);
    sav_os_remove(path_of("file"));
    CHECK(!sav_os_exists(path_of("file")));
    sav_os_remove(path_of("file"));
}

static void test_log(void) {
    sav_os_log *log, *second;
    uint64_t size = 9;
    const char *path = path_of("log");
    if (!CHECK_OK(sav_os_log_open(&log, path, true, &err), &err)) return;
    CHECK_OK(sav_os_log_append(log, "one\n", 4, &err), &err);
    CHECK_FAILS(sav_os_log_open(&second, path, true, &err), &err, SAV_IO_ERROR,
                "another process is writing to it");
    CHECK_OK(sav_os_log_append(log, "two\n", 4, &err), &err);
    CHECK_OK(sav_os_log_sync(log, &err), &err);
    holds(path, "one\ntwo\n", 8); /* readers need no lock */
    CHECK_OK(sav_os_log_truncate(log, 4, &err), &err);
    CHECK_OK(sav_os_log_size(log, &size, &err), &err);
    CHECK_SIZE((size_t)size, 4);
    CHECK_OK(sav_os_log_append(log, "end", 3, &err), &err);
    sav_os_log_close(log);
    if (!CHECK_OK(sav_os_log_open(&log, path, true, &err), &err)) return; /* the lock went with the first */
    CHECK_OK(sav_os_log_append(log, "!", 1, &err), &err);
    sav_os_log_close(log);
    holds(path, "one\nend!", 8);
}

/* Sizes and places that 32 bits do not hold. The file is a hole but for its end. */
static void test_large(void) {
    const uint64_t far = ((uint64_t)1 << 32) + 4096;
    sav_os_log *log;
    sav_map map;
    uint64_t size = 0;
    const char *path = path_of("large");
    if (sizeof(size_t) < 8) {
        check_skip("files above 4 GiB cannot be mapped here");
        return;
    }
    if (!CHECK_OK(sav_os_log_open(&log, path, false, &err), &err)) return;
    if (sav_os_log_truncate(log, far, &err) || sav_os_log_append(log, "far", 3, &err)) {
        check_skip(err.message); /* no room, or a limit */
        sav_os_log_close(log);
        return;
    }
    CHECK_OK(sav_os_log_size(log, &size, &err), &err);
    CHECK(size == far + 3);
    sav_os_log_close(log);
    if (!CHECK_OK(sav_os_map(&map, path, &err), &err)) return;
    CHECK(map.size == far + 3 && memcmp(map.bytes + far, "far", 3) == 0 && map.bytes[far - 1] == 0);
    sav_os_unmap(&map);
    sav_os_remove(path);
}

static void test_paths(void) {
    CHECK_STR(sav_os_path_name("a/b/c.txt"), "c.txt");
    CHECK_STR(sav_os_path_name("c.txt"), "c.txt");
    CHECK_STR(sav_os_path_name("a/"), "");
    CHECK(sav_os_path_absolute("/a") && !sav_os_path_absolute("a/b") && !sav_os_path_absolute(""));
#ifdef _WIN32
    CHECK_STR(sav_os_path_name("C:\\a\\c.txt"), "c.txt");
    CHECK_STR(sav_os_path_name("C:c.txt"), "c.txt");
    CHECK(sav_os_path_absolute("C:\\a") && sav_os_path_absolute("\\\\host\\share") &&
          !sav_os_path_absolute("a\\b"));
#endif
}

/* A library that is loaded when it is asked for: there, without the function, not there. */
static void test_libraries(void) {
#if defined(SAV_LOAD) && defined(__linux__)
    double (*square_root)(double) = (double (*)(double))sav_os_find_function("libm.so.6", "sqrt", &err);
    if (!square_root) {
        check_skip("another C library's names");
        return;
    }
    CHECK(square_root(9.0) >= 3.0 && square_root(9.0) <= 3.0);
    CHECK(!sav_os_find_function("libm.so.6", "no_such_function", &err) && err.status == SAV_IO_ERROR);
    CHECK(strstr(err.message, "no_such_function") != NULL);
    CHECK(!sav_os_find_function("no-such-library.so", "sqrt", &err) && err.status == SAV_IO_ERROR);
    CHECK(strstr(err.message, "no-such-library.so") != NULL);
#else
    check_skip("this build loads no libraries");
#endif
}

static void test_machine(void) {
    const double start = sav_os_seconds(), cpu = sav_os_cpu_seconds(), own = sav_os_thread_seconds();
    volatile unsigned work = 0;
    for (unsigned i = 0; i < 100000000; i++) work = work + i;
    CHECK(sav_os_seconds() > start && sav_os_cpu_seconds() > cpu && cpu >= 0);
    /* a part of the process's; Windows counts in ticks */
    CHECK(sav_os_thread_seconds() > own && own >= 0 && own <= cpu + 0.02);
    CHECK(sav_os_cores() >= 1);
    CHECK(sav_os_peak_bytes() > 100000);
}

int main(void) {
    test_bytes_and_names();
    test_refusals();
    test_log();
    test_large();
    test_paths();
    test_libraries();
    test_machine();
    return check_report("os");
}
