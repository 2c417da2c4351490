/* test_compare.c: dumps written and compared: names by glob, narrow types, the order of stages, -0, NaN,
 * shapes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "instruments/dump_file.h"
#include "io/safetensors.h"
#include "tasks/compare.h"

static char path_a[600], path_b[600];

static void test_globs(void) {
    static const struct {
        const char *glob, *name;
        bool matches;
    } cases[] = {{"*", "", true},
                 {"a*c", "abc", true},
                 {"a*c", "abcb", false},
                 {"a?c", "abc", true},
                 {"a?c", "ac", false},
                 {"*b*", "abc", true},
                 {"", "", true},
                 {"", "a", false},
                 {"a", "ab", false},
                 {"**a", "ba", true},
                 {"*.1.*o", "l.1.x.o", true},
                 {"a*b*c", "aXbYbc", true},
                 {"a*b*c", "aXcY", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK(sav_glob_matches(cases[i].glob, strlen(cases[i].glob), cases[i].name) == cases[i].matches);
}

/* A dump of the stages whose names are in `names` ("a b c"), each [2, 2] with its values times its place in
 * the list. */
static void write_dump(const char *path, const char *names, sav_dtype dtype, const float values[4],
                       const char *globs) {
    static const sav_dump_origin origin = {"exact", "f32", "11", NULL};
    sav_dump_file *file;
    sav_error err;
    if (!CHECK_OK(sav_dump_file_new(&file, globs, &err), &err)) return;
    const sav_sink sink = sav_dump_file_sink(file);
    for (const char *at = names; *at; at += strspn(at, " ")) {
        char name[64] = "";
        const size_t n = strcspn(at, " ");
        memcpy(name, at, n);
        const sav_snapshot stage = {name, dtype, 2, {2, 2}, values};
        CHECK_OK(sink.receive(sink.context, &stage, &err), &err);
        at += n;
    }
    CHECK_OK(sav_dump_file_write(file, path, &origin, &err), &err);
    sav_dump_file_free(file);
}

/* The files' stages as "name=kind:differ …". */
static void check_stages(const char *want) {
    static const char *const kinds[] = {"equal", "values", "shapes", "a", "b"};
    sav_comparison *c;
    sav_error err;
    sav_text got = {0};
    if (!CHECK_OK(sav_compare_open(&c, path_a, path_b, NULL, &err), &err)) return;
    for (size_t i = 0; i < sav_compare_count(c); i++) {
        const sav_compare_stage *s = sav_compare_at(c, i);
        sav_text_printf(&got, "%s%s=%s:%zu", i ? " " : "", s->name, kinds[s->kind], s->differ);
    }
    CHECK_STR(got.bytes, want);
    sav_text_free(&got);
    sav_compare_free(c);
}

static const float plain[4] = {1, -2, 0.5f, 0};

/* Names sort in another order than they run; what B alone has stands behind its predecessor there. */
static void test_order(void) {
    write_dump(path_a, "z m a", SAV_F32, plain, NULL);
    write_dump(path_b, "y z m n o a", SAV_F32, plain, NULL);
    check_stages("y=b:0 z=equal:0 m=equal:0 n=b:0 o=b:0 a=equal:0");
    write_dump(path_b, "z m n o a", SAV_F32, plain, "z,?");
    check_stages("z=equal:0 m=equal:0 n=b:0 o=b:0 a=equal:0");
    write_dump(path_b, "z m n o a", SAV_F32, plain, "m*,a");
    check_stages("z=a:0 m=equal:0 a=equal:0");
    /* no metadata */
    const sav_tensor bare[] = {{"a", SAV_F32, 2, {2, 2}, 4, plain}, {"z", SAV_F32, 1, {4}, 4, plain}};
    sav_error err;
    CHECK_OK(sav_safetensors_write(path_b, bare, 2, NULL, &err), &err);
    check_stages("z=shapes:0 m=a:0 a=equal:0");
}

static void test_values(void) {
    const float other[4] = {1, -2, 0.5f, -0.0f}, nan[4] = {1, NAN, 0.5f, 0}, far[4] = {1, -2, 0.75f, 0};
    write_dump(path_a, "s", SAV_F32, plain, NULL);
    write_dump(path_b, "s", SAV_F32, other, NULL);
    check_stages("s=values:1"); /* -0 is not +0 */
    write_dump(path_b, "s", SAV_F32, nan, NULL);
    check_stages("s=values:1");
    write_dump(path_a, "s", SAV_F32, nan, NULL);
    check_stages("s=equal:0");
    write_dump(path_a, "s", SAV_BF16, plain, NULL);
    write_dump(path_b, "s", SAV_F16, plain, NULL);
    check_stages("s=values:0"); /* equal numbers of other types */
    write_dump(path_b, "s", SAV_BF16, plain, NULL);
    check_stages("s=equal:0");
    write_dump(path_b, "s", SAV_BF16, far, NULL);
    check_stages("s=values:1");
}

static void test_limits(void) {
    const float far[4] = {1, -2, 0.75f, 0};
    sav_comparison *c;
    sav_error err;
    write_dump(path_a, "s", SAV_F32, plain, NULL);
    write_dump(path_b, "s", SAV_F32, far, NULL);
    if (!CHECK_OK(sav_compare_open(&c, path_a, path_b, path_a, &err), &err)) return;
    const sav_compare_stage *s = sav_compare_at(c, 0);
    CHECK(s->first == 2 && s->first_a == 0.5 && s->first_b == 0.75 && s->max_abs == 0.25);
    CHECK(fabs(s->rel_l2 - 0.25 / sqrt(5.25)) < 1e-15);
    CHECK(s->has_truth && s->truth_a == 0 && s->truth_b == s->rel_l2);
    CHECK(sav_compare_differs(s, -1) && sav_compare_differs(s, 0.1) && !sav_compare_differs(s, 0.11));
    sav_compare_free(c);
    CHECK(!sav_compare_is_classifier(path_a));
    CHECK_FAILS(sav_compare_open(&c, path_a, "none", NULL, &err), &err, SAV_BAD_INPUT, "none");
}

int main(void) {
    snprintf(path_a, sizeof path_a, "%s/a.safetensors", check_folder());
    snprintf(path_b, sizeof path_b, "%s/b.safetensors", check_folder());
    test_globs();
    test_order();
    test_values();
    test_limits();
    return check_report("compare");
}
