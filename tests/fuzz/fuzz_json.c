/* fuzz_json.c: any bytes -> the JSON reader; what it accepts is written, read again and written the same. */
#include <stdlib.h>
#include <string.h>

#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sav_json_doc *doc, *again;
    sav_error err;
    const char *duplicate;
    if (sav_json_parse(&doc, (const char *)data, size, "fuzz.json", 1, &duplicate, &err)) return 0;
    sav_text first = {0}, second = {0};
    sav_json_put(&first, sav_json_root(doc));
    if (sav_json_parse(&again, first.bytes, first.length, "again.json", 1, &duplicate, &err)) abort();
    sav_json_put(&second, sav_json_root(again));
    if (first.length != second.length || memcmp(first.bytes, second.bytes, first.length) != 0) abort();
    int64_t whole;
    double real;
    sav_json_integer(&whole, sav_json_root(doc));
    (void)sav_json_double(&real, sav_json_root(doc), "a", 0, "fuzz.json", &err);
    sav_text_free(&first);
    sav_text_free(&second);
    sav_json_free(again);
    sav_json_free(doc);
    return 0;
}
