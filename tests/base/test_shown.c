/* test_shown.c: names from files as a terminal and as a JSON reader get them: what a terminal obeys is
 * escaped, bytes that are no UTF-8 neither reach it nor make a file that cannot be read back.
 *
 * Right values: Python 3.11, bytes.decode("utf-8", "backslashreplace") for what is shown, and json.loads(out)
 * == bytes.decode("utf-8", "replace") for JSON.
 */
#include <string.h>

#include "../check.h"
#include "base/utf8.h"
#include "io/json.h"

static const struct {
    const char *text, *shown, *json; /* json without its quotes; NULL: as it is */
} cases[] = {
    {"", "", NULL},
    {"plain caf\xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9", /* a joiner is text */
     "plain caf\xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9", NULL},
    {"\x1b[2J\x1b]0;owned\a", "\\x1b[2J\\x1b]0;owned\\x07", "\\u001b[2J\\u001b]0;owned\\u0007"},
    {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d", "a\\nb\\tc\\r"},
    {"del\x7f", "del\\x7f", "del\\u007f"},
    {"\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0", "\\u0080\\u009b\\u009f\xC2\xA0", "\\u0080\\u009b\\u009f\xC2\xA0"},
    {"\xD8\x9C\xE2\x80\x8E\xE2\x80\x8F\xE2\x80\xAA\xE2\x80\xAE\xE2\x81\xA6\xE2\x81\xA9\xE2\x80\xA8\xE2\x80"
     "\xA9",
     "\\u061c\\u200e\\u200f\\u202a\\u202e\\u2066\\u2069\\u2028\\u2029",
     "\\u061c\\u200e\\u200f\\u202a\\u202e\\u2066\\u2069\\u2028\\u2029"},
    {"\x9B"
     "31m\xFF\xC3",
     "\\x9b31m\\xff\\xc3",
     "\xEF\xBF\xBD"
     "31m\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"\xE4\xBD"
     "a",
     "\\xe4\\xbd"
     "a",
     "\xEF\xBF\xBD"
     "a"},
    {"\xC0\x80\xED\xA0\x80", "\\xc0\\x80\\xed\\xa0\\x80",
     "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"\xF0\x9F\x98", "\\xf0\\x9f\\x98", "\xEF\xBF\xBD"},
    {"q\"b\\", "q\"b\\", "q\\\"b\\\\"},
};

static void test_cases(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sav_text shown = {0}, json = {0}, want = {0};
        sav_text_string(&shown, ""), sav_text_shown(&shown, cases[i].text);
        CHECK_STR(shown.bytes, cases[i].shown);
        sav_text_string(&want, "\""), sav_text_string(&want, cases[i].json ? cases[i].json : cases[i].text);
        sav_text_string(&want, "\"");
        sav_json_put_string(&json, cases[i].text, strlen(cases[i].text));
        CHECK_STR(json.bytes, want.bytes);
        sav_text_free(&shown);
        sav_text_free(&json);
        sav_text_free(&want);
    }
}

/* Our own reader gets back what Python does. */
static void test_back(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sav_text json = {0}, want = {0};
        sav_json_doc *doc;
        sav_error err;
        sav_json_put_string(&json, cases[i].text, strlen(cases[i].text));
        sav_text_string(&want, ""), sav_utf8_replace(&want, cases[i].text, strlen(cases[i].text));
        if (CHECK_OK(sav_json_parse(&doc, json.bytes, json.length, "t", 1, NULL, &err), &err)) {
            CHECK_STR(sav_json_root(doc)->text, want.bytes);
            sav_json_free(doc);
        }
        sav_text_free(&json);
        sav_text_free(&want);
    }
}

/* An error and its hint are lines for a terminal, too; a NUL ends no JSON string. */
static void test_errors(void) {
    static char long_place[300];
    sav_error err;
    sav_text json = {0};
    sav_fail(&err, SAV_BAD_INPUT, "%s: no",
             "b\xFF"
             "d\x1b\xE2\x80\xAE");
    CHECK_STR(err.message, "b\\xffd\\x1b\\u202e: no");
    sav_hint(&err, "%s", "\x9B");
    CHECK_STR(err.hint, "\\x9b");
    sav_error_prefix(&err, "%s", "\xC2\x9B");
    CHECK_STR(err.message, "\\u009b: b\\xffd\\x1b\\u202e: no");
    /* what is too long loses its middle between whole characters, escaped or not */
    for (size_t at = 300; at < 340; at++) {
        char text[1000];
        uint32_t point;
        size_t length = 0;
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = '\0';
        memcpy(text + at, "\xE4\xBD\xA0\x1b", 4);
        sav_fail(&err, SAV_BAD_INPUT, "%s", text);
        while (sav_utf8_decode(&point, err.message, strlen(err.message), &length)) continue;
        const char *escaped = strchr(err.message, '\\');
        CHECK(length == strlen(err.message) && length < sizeof err.message && length > 600);
        CHECK(strstr(err.message, "…") && (!escaped || strncmp(escaped, "\\x1b", 4) == 0));
    }
    /* a place is named once, whatever its bytes and length */
    static const char *const places[] = {"p.png", "b\xFF/\x1b.png", "l.jsonl:1", long_place};
    memset(long_place, 'y', sizeof long_place - 1);
    for (size_t i = 0; i < 4; i++) {
        char once[sizeof err.message];
        sav_fail(&err, SAV_BAD_INPUT, "%s: found a device", places[i]);
        strcpy(once, err.message);
        sav_error_prefix(&err, "%s", places[i]);
        CHECK_STR(err.message, once);
    }
    sav_fail(&err, SAV_BAD_INPUT, "l.jsonl:12: found nothing");
    sav_error_prefix(&err, "%s", "l.jsonl:1"); /* another place */
    CHECK_STR(err.message, "l.jsonl:1: l.jsonl:12: found nothing");
    sav_json_put_string(&json, "a\0b", 3);
    CHECK_STR(json.bytes, "\"a\\u0000b\"");
    sav_text_free(&json);
}

int main(void) {
    test_cases();
    test_back();
    test_errors();
    return check_report("shown");
}
