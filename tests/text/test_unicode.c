/* test_unicode.c: UTF-8 in and out, classes and composition, without a vocabulary. Whole tables are tried
 * through the tokenizer (test_tokenizer_bulk); here are the rules that a wrong table or a platform's own
 * Unicode would break.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

static sav_error err;

static void nfc(const char *text, const char *want) {
    sav_text out = {0};
    CHECK_OK(sav_unicode_nfc(&out, text, strlen(text), &err), &err);
    if (!CHECK_STR(out.bytes, want)) printf("  from \"%s\"\n", text);
    sav_text_free(&out);
}

static void test_nfc(void) {
    nfc("", "");
    nfc("plain", "plain");
    nfc("e\xCC\x81", "\xC3\xA9");
    nfc("\xC3\xA9", "\xC3\xA9");
    /* marks are sorted: the dot below comes first and composes */
    nfc("a\xCC\x88\xCC\xA3", "\xE1\xBA\xA1\xCC\x88");
    nfc("q\xCC\x87\xCC\xA3", "q\xCC\xA3\xCC\x87");
    nfc("a\xCC\x81\xCC\x81", "\xC3\xA1\xCC\x81");
    nfc("\xCC\x81", "\xCC\x81");
    nfc("\xCD\x84", "\xCC\x88\xCC\x81");             /* U+0344 stays apart */
    nfc("\xE0\xA5\x98", "\xE0\xA4\x95\xE0\xA4\xBC"); /* U+0958 */
    nfc("\xEF\xAC\x9D", "\xD7\x99\xD6\xB4");         /* U+FB1D */
    nfc("\xE2\x84\xAB", "\xC3\x85");                 /* Angstrom sign */
    nfc("\xEF\xA4\x80", "\xE8\xB1\x88");             /* U+F900 */
    nfc("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C");
    nfc("\xEA\xB0\x80\xE1\x86\xA7", "\xEA\xB0\x80\xE1\x86\xA7"); /* T index 0 does not compose */
    nfc("\xEA\xB0\x81\xE1\x86\xA8", "\xEA\xB0\x81\xE1\x86\xA8"); /* LVT + T neither */
    nfc("\xE0\xA7\x87\xE0\xA6\xBE", "\xE0\xA7\x8B");             /* a starter as second half, adjacent */
    nfc("\xE0\xA7\x87\xCC\xA3\xE0\xA6\xBE", "\xE0\xA7\x87\xCC\xA3\xE0\xA6\xBE");
    nfc(">\xCC\xB8", "\xE2\x89\xAF");
    /* Unicode 9.0: U+0897 (of 16.0) is a starter and blocks; U+11938 does not decompose */
    nfc("a\xCC\x81\xE0\xA2\x97\xCC\xA3", "\xC3\xA1\xE0\xA2\x97\xCC\xA3");
    nfc("\xF0\x91\xA4\xB5\xF0\x91\xA4\xB0", "\xF0\x91\xA4\xB5\xF0\x91\xA4\xB0");
}

/* Thousands of marks on one letter: sorted in one pass, equal classes in their order. */
static void test_many_marks(void) {
    sav_text in = {0}, want = {0}, out = {0};
    sav_text_string(&in, "q");
    sav_text_string(&want, "q");
    for (int i = 0; i < 5000; i++) sav_text_string(&in, i % 2 ? "\xCC\xA3" : i % 4 ? "\xCC\x87" : "\xCC\x81");
    for (int i = 0; i < 5000; i++)
        if (i % 2) sav_text_string(&want, "\xCC\xA3");
    for (int i = 0; i < 5000; i++)
        if (i % 2 == 0) sav_text_string(&want, i % 4 ? "\xCC\x87" : "\xCC\x81");
    CHECK_OK(sav_unicode_nfc(&out, in.bytes, in.length, &err), &err);
    CHECK(out.length == want.length && memcmp(out.bytes, want.bytes, want.length) == 0);
    sav_text_free(&in);
    sav_text_free(&want);
    sav_text_free(&out);
}

static void replaced(const char *bytes, size_t length, const char *want) {
    sav_text out = {0};
    sav_utf8_replace(&out, bytes, length);
    CHECK_STR(out.bytes, want);
    sav_text_free(&out);
}

static void test_utf8(void) {
    for (uint32_t c = 0; c < 0x110000; c++) {
        char bytes[4];
        size_t length = sav_utf8_encode(bytes, c), at = 0;
        uint32_t back = 0;
        bool good = sav_utf8_decode(&back, bytes, length, &at);
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        bool survives = good ? !surrogate && back == c && at == length : surrogate;
        if (!survives) CHECK(survives);
    }
#define R "\xEF\xBF\xBD"
    replaced("\xF0\x9F\x98", 3, R);
    replaced("\xF0\x9F\x98"
             "A",
             4, R "A");
    replaced("\xE0\x80\x80", 3, R R R);
    replaced("\xED\xA0\x80", 3, R R R);
    replaced("\xC0\x80", 2, R R);
    replaced("\xF4\x90\x80\x80", 4, R R R R);
    replaced("\xF0\x9F\x98\x80", 4, "\xF0\x9F\x98\x80");
    replaced("a\xFF", 2, "a" R);
    CHECK_OK(sav_utf8_check("\xC3\xA9", 2, "x", &err), &err);
    CHECK_FAILS(sav_utf8_check("ab\xC3", 3, "prompt.txt", &err), &err, SAV_BAD_INPUT,
                "prompt.txt: byte 0xC3 at offset 2");
}

static void test_kinds(void) {
    static const struct {
        uint32_t point;
        sav_unicode_kind kind;
    } rows[] = {
        {'a', SAV_UNICODE_LETTER},
        {'7', SAV_UNICODE_NUMBER},
        {'_', SAV_UNICODE_OTHER},
        {' ', SAV_UNICODE_SPACE},
        {0x0B, SAV_UNICODE_SPACE},
        {0x1C, SAV_UNICODE_OTHER},
        {0x85, SAV_UNICODE_SPACE},
        {0xA0, SAV_UNICODE_SPACE},
        {0xAA, SAV_UNICODE_LETTER},
        {0xB2, SAV_UNICODE_NUMBER},
        {0x301, SAV_UNICODE_OTHER},
        {0x180E, SAV_UNICODE_OTHER},
        {0x200B, SAV_UNICODE_OTHER},
        {0x2028, SAV_UNICODE_SPACE},
        {0x3000, SAV_UNICODE_SPACE},
        {0xFEFF, SAV_UNICODE_OTHER},
        /* 16.0 */
        {0x1C89, SAV_UNICODE_LETTER},
        {0x105C0, SAV_UNICODE_LETTER},
        {0x16100, SAV_UNICODE_LETTER},
        /* 15.1, 17.0, 17.0 */
        {0x2EBF0, SAV_UNICODE_LETTER},
        {0xA7CE, SAV_UNICODE_OTHER},
        {0x16EA0, SAV_UNICODE_OTHER},
        {0x323B0, SAV_UNICODE_OTHER},
        {0x10FFFF, SAV_UNICODE_OTHER},
        {0x4E00, SAV_UNICODE_LETTER},
        {0x2167, SAV_UNICODE_NUMBER},
    };
    size_t counts[4] = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!CHECK(sav_unicode_kind_of(rows[i].point) == rows[i].kind)) printf("  U+%04X\n", rows[i].point);
    for (uint32_t c = 0; c < 0x110000; c++) counts[sav_unicode_kind_of(c)]++;
    CHECK_SIZE(counts[SAV_UNICODE_LETTER], 141028);
    CHECK_SIZE(counts[SAV_UNICODE_NUMBER], 1911);
    CHECK_SIZE(counts[SAV_UNICODE_SPACE], 25);
    CHECK(sav_unicode_is_word('_') && sav_unicode_is_word(0x301) && !sav_unicode_is_word('-') &&
          !sav_unicode_is_word(0xB2));
}

/* Pre-tokens of `text`, with | between them. */
static void pieces(const char *text, const char *want) {
    sav_text out = {0};
    for (size_t at = 0, length = strlen(text); at < length;) {
        size_t bytes = sav_pretokenize_next(text + at, length - at);
        if (at) sav_text_string(&out, "|");
        sav_text_bytes(&out, text + at, bytes);
        at += bytes;
    }
    CHECK_STR(out.bytes, want);
    sav_text_free(&out);
}

static void test_pieces(void) {
    pieces("Hello world", "Hello| world");
    pieces("I'm we'LL'd", "I|'m| we|'LL|'d");
    pieces("'sx ''s 'll", "'s|x| ''|s| '|ll");
    pieces("12 3", "1|2| |3");
    pieces("a  b", "a| | b");
    pieces("a   1", "a|  | |1");
    pieces("x \n\n  y", "x| \n\n| | y");
    pieces("foo_bar(1);\n\nz", "foo|_bar|(|1|);\n\n|z");
    pieces("a ", "a| ");
    pieces("a  ", "a|  ");
    pieces("\n \n ", "\n \n| ");
    pieces("\tx\t\ty", "\tx|\t|\ty");
    pieces("\xC2\xA0!", "\xC2\xA0|!"); /* a no-break space goes with letters, not with signs */
    pieces("\xC2\xA0z", "\xC2\xA0z");
    pieces("e\xCC\x81z", "e|\xCC\x81z"); /* a mark is no letter: it begins the next piece */
    pieces("'\xC5\xBFx", "'\xC5\xBF|x");
    pieces("'\xE2\x84\xAA", "'\xE2\x84\xAA");
}

int main(void) {
    test_utf8();
    test_kinds();
    test_nfc();
    test_many_marks();
    test_pieces();
    return check_report("text/test_unicode");
}
