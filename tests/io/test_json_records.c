/* Records of a list, one tree at a time: where they stand, what is refused, how much time and memory they
 * take.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../colliding.h"
#include "base/os.h"
#include "io/json.h"

/* Each record as "LINE:COLUMN JSON", then the error if there is one. */
static void check_records(const char *text, const char *want) {
    sav_json_records records;
    sav_text got = {0};
    sav_error err = {0};
    sav_json_records_begin(&records, text, strlen(text), "t", 3);
    for (;;) {
        sav_json_doc *doc;
        const char *twice;
        const sav_status status = sav_json_records_next(&doc, &records, &twice, &err);
        if (status) sav_text_printf(&got, "%s", err.message);
        if (!doc) break;
        CHECK(!status);
        const sav_json *root = sav_json_root(doc);
        sav_text_printf(&got, "%u:%u ", root->line, root->column);
        sav_json_put(&got, root);
        sav_text_printf(&got, "%s%s\n", twice ? " twice " : "", twice ? twice : "");
        sav_json_free(doc);
    }
    CHECK_STR(got.bytes ? got.bytes : "", want);
    sav_text_free(&got);
}

static void test_records(void) {
    check_records("[]", "");
    check_records(" [ ] \n", "");
    check_records("[{\"a\":1},\n  {\"b\":[2,{}]} ,3,\"x,]\\\"}\"\n]",
                  "3:2 {\"a\":1}\n4:3 {\"b\":[2,{}]}\n4:17 3\n"
                  "4:19 \"x,]\\\"}\"\n");
    check_records("[{\"a\":\"]\",\"b\":1,\"b\":2}]", "3:2 {\"a\":\"]\",\"b\":1,\"b\":2} twice b\n");
    check_records("[[[1]],[\n],null]", "3:2 [[1]]\n3:8 []\n4:3 null\n");
}

static void test_broken(void) {
    check_records("[", "t:3:2: expected ',' or ']'");
    check_records("[1", "3:2 1\nt:3:3: expected ',' or ']'");
    check_records("[1,", "3:2 1\nt:3:4: found no value; expected a record");
    check_records("[1,]", "3:2 1\nt:3:4: found no value; expected a record");
    check_records("[,1]", "t:3:2: found no value; expected a record");
    check_records("[1}", "3:2 1\nt:3:3: expected ',' or ']'");
    check_records("[1]x", "3:2 1\nt:3:4: found more behind the end of the value");
    check_records("[{} {}]", "3:2 {}\nt:3:5: expected ',' or ']'");
    check_records("[1 2]", "t:3:4: found more behind the end of the value");
    check_records("[{\"a\":[}]",
                  "t:3:8: found no value; expected a string, number, object, array, true, false or "
                  "null");
    check_records("[\"a]", "t:3:5: found the end; expected the closing quote of a string");
    check_records("[\"a\\", "t:3:5: found an unknown escape in a string");
    check_records("[{\"a\":\n1,}]", "t:4:3: expected a key in quotes");
}

/* ---- limits -------------------------------------------------------------------------------------------- */

static void test_most_values(void) {
    sav_json_doc *doc;
    sav_error err;
    const char *twice;
    sav_text text = {0};
    for (size_t count = SAV_JSON_RECORD_VALUES - 1; count <= SAV_JSON_RECORD_VALUES; count++) {
        sav_text_string(&text, "[0");
        for (size_t i = 1; i < count; i++) sav_text_bytes(&text, ",0", 2);
        sav_text_string(&text, "]");
        const sav_status status = sav_json_record(&doc, text.bytes, text.length, "t", 1, &twice, &err);
        if (count < SAV_JSON_RECORD_VALUES) {
            if (CHECK_OK(status, &err)) sav_json_free(doc);
        } else {
            CHECK_FAILS(status, &err, SAV_BAD_INPUT, "more values than a record may hold");
        }
        sav_text_free(&text);
    }
}

static void test_most_bytes(void) {
    const size_t length = (size_t)SAV_JSON_RECORD_BYTES + 3;
    sav_json_records records;
    sav_json_doc *doc;
    sav_error err;
    const char *twice;
    char *text = malloc(length);
    if (!text) exit(1);
    memset(text, 'x', length);
    text[0] = '[', text[1] = text[length - 2] = '"', text[length - 1] = ']'; /* one string: over by a byte */
    sav_json_records_begin(&records, text, length, "t", 1);
    CHECK_FAILS(sav_json_records_next(&doc, &records, &twice, &err), &err, SAV_BAD_INPUT,
                "t:1:2: found a record of over 64 MiB");
    CHECK_FAILS(sav_json_record(&doc, text + 1, length - 2, "t", 1, &twice, &err), &err, SAV_BAD_INPUT,
                "t:1:1: found a record of over 64 MiB");
    text[length - 3] = '"', text[length - 2] = ']';
    sav_json_records_begin(&records, text, length - 1, "t", 1);
    if (CHECK_OK(sav_json_records_next(&doc, &records, &twice, &err), &err)) {
        CHECK_SIZE(sav_json_root(doc)->length, (size_t)SAV_JSON_RECORD_BYTES - 2);
        sav_json_free(doc);
    }
    free(text);
}

/* ---- keys that collide --------------------------------------------------------------------------------- */

/* {"WORD":0,…} of the first `count` words; seedless ones, or plain numbers of the same length. */
static void put_object(sav_text *out, size_t count, bool colliding) {
    sav_text_string(out, "{");
    for (size_t i = 0; i < count; i++) {
        sav_text_string(out, i ? ",\"" : "\"");
        if (colliding) put_colliding(out, i);
        if (!colliding) sav_text_printf(out, "%0*zu", COLLIDING_LENGTH, i);
        sav_text_string(out, "\":0");
    }
}

static double seconds_of(const sav_text *text, const char *twice_wanted) {
    sav_json_doc *doc;
    sav_error err;
    const char *twice;
    const double start = sav_os_cpu_seconds();
    if (CHECK_OK(sav_json_parse(&doc, text->bytes, text->length, "t", 1, &twice, &err), &err)) {
        if (twice_wanted) CHECK(twice && strncmp(twice, twice_wanted, strlen(twice_wanted)) == 0);
        if (!twice_wanted) CHECK(!twice);
        sav_json_free(doc);
    }
    return sav_os_cpu_seconds() - start;
}

static void test_colliding_keys(void) {
    sav_text plain = {0}, colliding = {0}, first = {0};
    put_colliding(&first, 0);
    put_object(&plain, COLLIDING_WORDS, false);
    put_object(&colliding, COLLIDING_WORDS, true);
    sav_text_string(&plain, "}");
    const char *words = colliding.bytes;
    const size_t slot = sav_hash(words + 2, COLLIDING_LENGTH) & 0xFFFF, step = COLLIDING_LENGTH + 5;
    CHECK(sav_hash(words + 2 + step, COLLIDING_LENGTH) != sav_hash(words + 2, COLLIDING_LENGTH));
    CHECK_SIZE(sav_hash(words + 2 + step * 5000, COLLIDING_LENGTH) & 0xFFFF, slot);
    const size_t length = colliding.length;
    sav_text_string(&colliding, "}");
    const double usual = seconds_of(&plain, NULL), worst = seconds_of(&colliding, NULL);
    if (!CHECK(worst < 10 * usual + 0.5))
        printf("%.2f s for plain keys, %.2f s for colliding ones\n", usual, worst);
    /* one of them twice is still found: the one that stands twice first */
    colliding.length = length;
    for (size_t i = 0; i < 2; i++) {
        sav_text_string(&colliding, ",\"");
        put_colliding(&colliding, i);
        sav_text_string(&colliding, "\":0");
    }
    sav_text_string(&colliding, "}");
    seconds_of(&colliding, first.bytes);
    sav_text_free(&first);
    sav_text_free(&plain);
    sav_text_free(&colliding);
}

int main(void) {
    test_records();
    test_broken();
    test_most_values();
    test_most_bytes();
    test_colliding_keys();
    return check_report("json records");
}
