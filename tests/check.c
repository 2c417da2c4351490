#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef _WIN32
#include <windows.h>
#endif

#include "base/os.h"

static int passed, failed, skipped;
static char folder[256];

static bool count(bool ok) {
    if (ok)
        passed++;
    else
        failed++;
    return ok;
}

bool check_true(bool condition, const char *text, const char *file, int line) {
    if (!condition) printf("%s:%d: failed: %s\n", file, line, text);
    return count(condition);
}

bool check_string(const char *got, const char *want, const char *file, int line) {
    bool ok = got && want ? strcmp(got, want) == 0 : got == want;
    if (!ok)
        printf("%s:%d: got \"%s\", want \"%s\"\n", file, line, got ? got : "(null)", want ? want : "(null)");
    return count(ok);
}

bool check_size(size_t got, size_t want, const char *file, int line) {
    if (got != want) printf("%s:%d: got %zu, want %zu\n", file, line, got, want);
    return count(got == want);
}

bool check_ok(sav_status got, const sav_error *err, const char *text, const char *file, int line) {
    if (got) printf("%s:%d: %s: %s\n", file, line, text, err ? err->message : "(no error given)");
    return count(got == SAV_OK);
}

bool check_fails(sav_status got, const sav_error *err, sav_status want, const char *part, const char *text,
                 const char *file, int line) {
    bool ok = got == want && strstr(err->message, part) != NULL;
    if (!ok)
        printf("%s:%d: %s: got status %d \"%s\", want %d with \"%s\"\n", file, line, text, (int)got,
               got ? err->message : "", (int)want, part);
    return count(ok);
}

size_t check_differ(const float *got, const float *want, size_t length, size_t *first) {
    size_t differ = 0;
    for (size_t i = 0; i < length; i++) {
        if (isnan(got[i]) && isnan(want[i])) continue;
        if (memcmp(got + i, want + i, sizeof *got) == 0) continue;
        if (differ++ == 0) *first = i;
    }
    return differ;
}

bool check_bits(const float *got, const float *want, size_t length, const char *name) {
    size_t i = 0, differ = check_differ(got, want, length, &i);
    if (differ) {
        printf("%s: element %zu is %a, want %a\n", name, i, (double)got[i], (double)want[i]);
        printf("%s: %zu of %zu elements differ\n", name, differ, length);
    }
    return count(differ == 0);
}

void check_skip(const char *why) {
    printf("skipped: %s\n", why);
    skipped++;
}

const char *check_folder(void) {
    if (!folder[0]) {
        const char *tmp = getenv("TMPDIR");
#ifdef _WIN32
        if (!tmp) tmp = getenv("TEMP");
#endif
        snprintf(folder, sizeof folder, "%s/savs-test-%ld", tmp && tmp[0] ? tmp : "/tmp", (long)getpid());
        sav_error err;
        if (sav_os_make_folder(folder, &err)) {
            printf("%s\n", err.message);
            exit(1);
        }
    }
    return folder;
}

/* A file, a link or an empty folder. */
static bool remove_one(const char *path) {
#ifdef _WIN32
    wchar_t wide[1000];
    if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 1000)) return false;
    return DeleteFileW(wide) || RemoveDirectoryW(wide);
#else
    return unlink(path) == 0 || rmdir(path) == 0;
#endif
}

bool check_remove(const char *path) {
    char **names;
    size_t count;
    if (remove_one(path)) return true;
    if (sav_os_list(&names, &count, path, NULL)) return false;
    for (size_t i = 0; i < count; i++) {
        char inner[1000];
        snprintf(inner, sizeof inner, "%s/%s", path, names[i]);
        check_remove(inner);
    }
    sav_os_names_free(names, count);
    return remove_one(path);
}

int check_report(const char *name) {
    if (folder[0] && !check_remove(folder)) printf("could not remove %s\n", folder);
    printf("%s: %d passed, %d failed, %d skipped\n", name, passed, failed, skipped);
    return failed != 0 || passed + skipped == 0;
}
