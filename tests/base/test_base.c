/* test_base.c: storage types, growing arrays, joined paths, the arena's checked sizes. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "base/round.h"
#include "base/utf8.h"

static void test_names(void) {
    static const char *const names[] = {"F32", "BF16", "F16", "F64", "I64", "I32",     "U8",     "BOOL",
                                        "I8",  "I16",  "U16", "U32", "U64", "F8_E4M3", "F8_E5M2"};
    static const size_t sizes[] = {4, 2, 2, 8, 8, 4, 1, 1, 1, 2, 2, 4, 8, 1, 1};
    CHECK_SIZE(sizeof names / sizeof *names, SAV_DTYPES);
    for (int i = 0; i < SAV_DTYPES; i++) {
        CHECK_STR(sav_dtype_name((sav_dtype)i), names[i]);
        CHECK_SIZE(sav_dtype_size((sav_dtype)i), sizes[i]);
    }
    for (int i = 0; i < SAV_DTYPES; i++) CHECK(sav_is_storage((sav_dtype)i) == (i <= SAV_F16));
    sav_dtype dtype = SAV_U8;
    CHECK(!sav_storage_find(&dtype, "u8") && !sav_storage_find(&dtype, "BF16"));
    CHECK(!sav_storage_find(&dtype, NULL) && dtype == SAV_U8);
    for (sav_dtype type = SAV_F32; type <= SAV_F16; type++)
        CHECK(sav_storage_find(&dtype, sav_storage_name(type)) && dtype == type);
}

/* Every stored number of a half type comes back from a row that begins at an odd address. */
static void test_rows(sav_dtype dtype) {
    enum { ALL = 65536 };
    static unsigned char bytes[2 * ALL + 1], back[2 * ALL + 1];
    static float wide[ALL];
    size_t wrong = 0, first;
    for (uint32_t i = 0; i < ALL; i++) memcpy(bytes + 1 + 2 * i, &(uint16_t){(uint16_t)i}, 2);
    sav_widen(wide, bytes + 1, ALL, dtype);
    for (uint32_t i = 0; i < ALL; i++) {
        const float one = dtype == SAV_BF16 ? sav_widen_bf16((uint16_t)i) : sav_widen_f16((uint16_t)i);
        const float at = sav_widen_one(bytes + 1, i, dtype);
        wrong += check_differ(&one, wide + i, 1, &first) + check_differ(&at, wide + i, 1, &first);
    }
    CHECK_SIZE(wrong, 0);
    sav_narrow(back + 1, wide, ALL, dtype);
    for (uint32_t i = 0; i < ALL; i++)
        if (!isnan(wide[i]) && memcmp(back + 1 + 2 * i, bytes + 1 + 2 * i, 2) != 0) wrong++;
    CHECK_SIZE(wrong, 0);
}

static void test_values(void) {
    const float values[] = {1 + 0x1.8p-8f, NAN, -0.0f, 1e30f};
    uint16_t half[4];
    float back[4];
    sav_narrow(half, values, 4, SAV_BF16);
    sav_widen(back, half, 4, SAV_BF16);
    CHECK(back[0] == 1 + 0x1p-7f && isnan(back[1]) && signbit(back[2])); /* rounded, not cut */
    sav_narrow(half, values, 4, SAV_F16);
    CHECK(isinf(sav_widen_one(half, 3, SAV_F16)) && isnan(sav_widen_one(half, 1, SAV_F16)));
    sav_narrow(back, values, 4, SAV_F32);
    CHECK(memcmp(back, values, sizeof back) == 0);
    CHECK(isnan(sav_widen_one(values, 0, SAV_I32)));
    CHECK(sav_same(1, 1) && sav_same(-NAN, NAN) && sav_same(HUGE_VAL, HUGE_VAL) && sav_same(-0.0, -0.0));
    CHECK(!sav_same(0.0, -0.0) && !sav_same(1, NAN) && !sav_same(1, 2));
}

/* Quotes end after 60 characters, messages that are too long lose their middle, both between characters. */
static void test_long_text(void) {
    char quoted[SAV_QUOTED], text[3000], want[300] = "";
    sav_error err;
    CHECK_STR(sav_quote(quoted, "short", 5), "short");
    memset(text, 'x', sizeof text);
    CHECK_SIZE(strlen(sav_quote(quoted, text, 60)), 60);
    memset(want, 'x', 60);
    memcpy(want + 60, "…", 4);
    CHECK_STR(sav_quote(quoted, text, 61), want);
    for (size_t i = 0; i < 1000; i++) memcpy(text + 3 * i, "\xE7\x8C\xAB", 3);
    memcpy(want, text, 180);
    memcpy(want + 180, "…", 4);
    CHECK_STR(sav_quote(quoted, text, 3000), want);
    text[2999] = '\0'; /* half a character at its end */
    sav_fail(&err, SAV_BAD_INPUT, "%.2997s: the reason", text);
    CHECK(strlen(err.message) < sizeof err.message && strlen(err.message) > sizeof err.message - 12);
    CHECK(strncmp(err.message, text, 300) == 0 && strstr(err.message, "…"));
    const char *end = err.message + strlen(err.message) - strlen("猫: the reason");
    CHECK_STR(end, "猫: the reason");
    CHECK(sav_utf8_check(err.message, strlen(err.message), "m", NULL) == SAV_OK);
    memset(text, '\x01', 2999);
    sav_fail(&err, SAV_BAD_INPUT, "f: %s: the reason", text);
    CHECK(strstr(err.message, "f: \\x01\\x01") == err.message && strstr(err.message, "…\\x01"));
    CHECK_STR(err.message + strlen(err.message) - 12, ": the reason");
    sav_hint(&err, "%s!", text);
    CHECK(strlen(err.hint) < sizeof err.hint && err.hint[strlen(err.hint) - 1] == '!');
    /* a hint of several sentences keeps whole ones */
    static const char first[] = "Mend the line, or leave it out with --skip-bad";
    memset(text, 'x', 700);
    text[700] = '\0';
    sav_hint(&err, "%s. The file %s is long. So is this.", first, text);
    CHECK_STR(err.hint, "Mend the line, or leave it out with --skip-bad.");
    sav_hint(&err, "%s; the file %s is long", first, text);
    CHECK_STR(err.hint, first);
    text[500] = '\0';
    sav_hint(&err, "Short. The file %s is long; and more. %s.", text, first);
    CHECK(strncmp(err.hint, "Short. The file xxx", 19) == 0 && strlen(err.hint) < sizeof err.hint);
    CHECK_STR(err.hint + strlen(err.hint) - strlen(first) - 1,
              "Mend the line, or leave it out with --skip-bad.");
    sav_hint(&err, "Short. The file %s is long; %s. And more: %s.", text, first, text);
    CHECK_STR(err.hint + strlen(err.hint) - strlen(first) - 1,
              "Mend the line, or leave it out with --skip-bad.");
    sav_fail(&err, SAV_BAD_INPUT, "a\nb\xC2\x85");
    CHECK_STR(err.message, "a\\x0ab\\u0085");
}

static void test_grow(void) {
    int64_t *list = NULL;
    size_t room = 0;
    bool ok = true;
    for (size_t i = 0; i < 1000 && ok; i++) {
        ok = sav_grow(&list, &room, i + 1, sizeof *list);
        if (ok) list[i] = (int64_t)i;
    }
    CHECK(ok && room == 1024 && list[0] == 0 && list[999] == 999);
    int64_t *before = list;
    CHECK(!sav_grow(&list, &room, SIZE_MAX / 2, sizeof *list) && list == before && room == 1024);
    CHECK(sav_grow(&list, &room, 5000, sizeof *list) && room == 5000);
    sav_free(list);
}

static void check_join(const char *folder, const char *name, const char *want) {
    char *path = sav_path_join(folder, name);
    CHECK_STR(path, want);
    sav_free(path);
}

static void test_arena(void) {
    sav_arena arena = {0};
    sav_error err;
    for (int pass = 0; pass < 2; pass++) {
        float *a = sav_arena_floats(&arena, 3, 5), *b = sav_arena_floats3(&arena, 2, 3, 5);
        CHECK_SIZE(arena.used, 64 + 128);
        if (pass) CHECK(a && b == a + 16);
        if (!pass && !CHECK_OK(sav_arena_make(&arena, &err), &err)) return;
    }
    sav_arena_free(&arena);
    sav_arena wide[3] = {{0}};
    CHECK(!sav_arena_floats(&wide[0], SIZE_MAX / 2, 3) && wide[0].overflow);
    CHECK(!sav_arena_floats3(&wide[1], SIZE_MAX / 2, 3, 0) && wide[1].overflow);
    CHECK(!sav_arena_rows(&wide[2], SIZE_MAX / 2, 2, 2) && wide[2].overflow);
    CHECK_FAILS(sav_arena_make(&wide[2], &err), &err, SAV_NO_MEMORY, "do not fit");
}

int main(void) {
    test_names();
    test_rows(SAV_BF16);
    test_rows(SAV_F16);
    test_values();
    test_long_text();
    test_grow();
    check_join("a", "b", "a/b");
    check_join("a/", "b", "a/b");
    check_join("/", "b", "/b");
    test_arena();
    return check_report("base");
}
