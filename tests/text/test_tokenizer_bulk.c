/* test_tokenizer_bulk.c: the full Qwen2 vocabulary on every code point and on generated text, against CRC32s
 * of the ids that Hugging Face `tokenizers` 0.21.4 gives (no golden file needed: the sets are rules).
 *
 *     A  each code point alone                                         4,194,090 ids
 *     B  x c U+0345 U+0323 U+0301 space ' c s newline for each c      18,396,332 ids
 *     C  2000 strings from a linear congruential generator                37,429 ids
 *
 * Under a sanitizer, which makes it twenty times slower, A and B take every sixteenth code point.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "../qwen2_folder.h"
#include "base/os.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#if SANITIZED
enum { STEP = 16, A_IDS = 261258, B_IDS = 1148017 };
#define A_CRC 0x70674AC2u
#define B_CRC 0x902F8333u
#else
enum { STEP = 1, A_IDS = 4194090, B_IDS = 18396332 };
#define A_CRC 0x664A13FEu
#define B_CRC 0xBC347602u
#endif

typedef struct tally {
    sav_tokenizer *tokenizer;
    sav_ids ids;
    uint32_t crc;
    size_t total, failures;
} tally;

static uint32_t crc_byte[256]; /* zlib's CRC32, a table a test fills for itself */

static void crc_setup(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? 0xEDB88320u ^ value >> 1 : value >> 1;
        crc_byte[i] = value;
    }
}

static void take(tally *t, const char *text, size_t length) {
    t->ids.count = 0;
    if (sav_tokenizer_encode(&t->ids, t->tokenizer, text, length, NULL) != SAV_OK) t->failures++;
    for (size_t i = 0; i < t->ids.count; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            t->crc = crc_byte[(t->crc ^ t->ids.ids[i] >> shift) & 0xFF] ^ t->crc >> 8;
    t->total += t->ids.count;
}

static void start(tally *t) {
    t->crc = 0xFFFFFFFFu;
    t->total = t->failures = 0;
}

static void expect(tally *t, const char *name, size_t ids, uint32_t crc) {
    CHECK_SIZE(t->failures, 0);
    CHECK_SIZE(t->total, ids);
    if (!CHECK((t->crc ^ 0xFFFFFFFFu) == crc))
        printf("  set %s: crc %08x, expected %08x\n", name, t->crc ^ 0xFFFFFFFFu, crc);
}

static void put(sav_text *text, uint32_t point) {
    char bytes[4];
    sav_text_bytes(text, bytes, sav_utf8_encode(bytes, point));
}

static void set_a(tally *t) {
    start(t);
    for (uint32_t c = 0; c < 0x110000; c += STEP) {
        char bytes[4];
        if (c < 0xD800 || c > 0xDFFF) take(t, bytes, sav_utf8_encode(bytes, c));
    }
    expect(t, "A", A_IDS, A_CRC);
}

static void set_b(tally *t) {
    sav_text text = {0};
    start(t);
    for (uint32_t c = 0; c < 0x110000; c += STEP) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        text.length = 0;
        put(&text, 'x');
        put(&text, c);
        put(&text, 0x345);
        put(&text, 0x323);
        put(&text, 0x301);
        sav_text_string(&text, " '");
        put(&text, c);
        sav_text_string(&text, "s\n");
        take(t, text.bytes, text.length);
    }
    expect(t, "B", B_IDS, B_CRC);
    sav_text_free(&text);
}

static uint32_t draw(uint32_t *state) {
    *state = 1664525u * *state + 1013904223u;
    return *state >> 8;
}

static void set_c(tally *t) {
    static const uint32_t ranges[12][2] = {{0x20, 0x7E},     {0x09, 0x0D},     {0xA0, 0x24F},
                                           {0x300, 0x36F},   {0x590, 0x6FF},   {0x900, 0xDFF},
                                           {0x1100, 0x11FF}, {0x2000, 0x206F}, {0x3040, 0x30FF},
                                           {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3}, {0x1F300, 0x1FAFF}};
    sav_text text = {0};
    uint32_t state = 12345;
    start(t);
    for (int i = 0; i < 2000; i++) {
        uint32_t length = 1 + draw(&state) % 24;
        text.length = 0;
        for (uint32_t k = 0; k < length; k++) {
            const uint32_t *range = ranges[draw(&state) % 12];
            put(&text, range[0] + draw(&state) % (range[1] - range[0] + 1));
        }
        take(t, text.bytes, text.length);
        if (i == 1) {
            static const uint32_t want[] = {58510, 197, 149549, 197};
            CHECK(t->ids.count == 4 && memcmp(t->ids.ids, want, sizeof want) == 0);
        }
    }
    expect(t, "C", 37429, 0xFA470E81);
    sav_text_free(&text);
}

int main(void) {
    sav_error err;
    tally t = {0};
    char sha[65];
    sav_text folder = {0};
    sav_text_printf(&folder, "%s/qwen2", check_folder());
    crc_setup();
    if (CHECK_OK(qwen2_folder_write(folder.bytes, sha, &err), &err) &&
        CHECK_OK(qwen2_folder_config(folder.bytes, "qwen2.5-vl", &err), &err)) {
        CHECK_STR(sha, "8831e4f1a044471340f7c0a83d7bd71306a5b867e95fd870f74d0c5308a904d5");
        double before = sav_os_seconds();
        if (CHECK_OK(sav_tokenizer_open(&t.tokenizer, NULL, folder.bytes, &err), &err)) {
            printf("# open: %.3f s\n", sav_os_seconds() - before);
            set_a(&t);
            set_c(&t);
            before = sav_os_seconds();
            set_b(&t);
            printf("# set B: %.2f s\n", sav_os_seconds() - before);
        }
    }
    sav_tokenizer_free(t.tokenizer);
    sav_ids_free(&t.ids);
    sav_text_free(&folder);
    return check_report("text/test_tokenizer_bulk");
}
