/* check.h: the whole test framework. A test program calls check_*() and ends with `return
 * check_report("name");`.
 *
 * Each check counts once and prints only when it fails, with file and line. check_skip counts as skipped,
 * never as passed.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

/* Whether AddressSanitizer is built in: it keeps freed memory, and is slow. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define CHECK(condition) check_true((condition), #condition, __FILE__, __LINE__)
#define CHECK_STR(got, want) check_string((got), (want), __FILE__, __LINE__)
#define CHECK_SIZE(got, want) check_size((got), (want), __FILE__, __LINE__)
/* The call must succeed; prints the error otherwise. Gives true on success. */
#define CHECK_OK(call, err) check_ok((call), (err), #call, __FILE__, __LINE__)
/* The call must fail with `status`, and the message must contain `part`. */
#define CHECK_FAILS(call, err, status, part) \
    check_fails((call), (err), (status), (part), #call, __FILE__, __LINE__)

bool check_true(bool condition, const char *text, const char *file, int line);
bool check_string(const char *got, const char *want, const char *file, int line);
bool check_size(size_t got, size_t want, const char *file, int line);
bool check_ok(sav_status got, const sav_error *err, const char *text, const char *file, int line);
bool check_fails(sav_status got, const sav_error *err, sav_status want, const char *part, const char *text,
                 const char *file, int line);
/* Float arrays equal to the bit; NaN equals NaN, -0 differs from +0. Prints the first difference and how
 * many. This is the one compare function of the project's tests. */
bool check_bits(const float *got, const float *want, size_t count, const char *name);
/* What check_bits counts and prints: how many elements differ, and the first of them. Counts as no check. */
size_t check_differ(const float *got, const float *want, size_t count, size_t *first);
void check_skip(const char *why);
int check_report(const char *name); /* prints "name: N passed, N failed, N skipped"; 0 if none failed */

/* A scratch folder of this process, made at the first call and removed by check_report. */
const char *check_folder(void);
bool check_remove(const char *path); /* a file, a link, or a folder with all that is in it */

#endif
