/* fuzz_dump.c: bytes -> a dump -> compared with itself, with another and with a truth. First byte: which
 * side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "tasks/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STAGE(name, shape, begin, end) \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

/* Three stages of a small dump, in order. */
static void load(void) {
    static const char header[] =
        "{\"__metadata__\":{\"savs\":\"{\\\"stages\\\":[\\\"inputs_embeds\\\",\\\"model.layers.0.output\\\","
        "\\\"lm_head.output\\\"]}\"}," STAGE("inputs_embeds", "[2,2]", "0", "16") "," STAGE(
            "model.layers.0.output", "[2,2]", "16", "32") "," STAGE("lm_head.output", "[1,3]", "32",
                                                                    "44") "}";
    unsigned char file[8 + sizeof header - 1 + 44];
    const float values[11] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    memset(file, 0, 8);
    file[0] = (unsigned char)(sizeof header - 1);
    file[1] = (unsigned char)((sizeof header - 1) >> 8);
    memcpy(file + 8, header, sizeof header - 1);
    memcpy(file + 8 + sizeof header - 1, values, 44);
    memory_put("base", file, sizeof file);
    memory_mark();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct {
        const char *a, *b, *truth;
    } sides[] = {{"in", "base", NULL}, {"base", "in", NULL}, {"in", "in", NULL}, {"base", "base", "in"}};
    static bool loaded;
    sav_comparison *comparison;
    sav_error err;
    if (!loaded) load();
    loaded = true;
    if (!size) return 0;
    const size_t which = data[0] % 4;
    memory_put("in", data + 1, size - 1);
    if (sav_compare_open(&comparison, sides[which].a, sides[which].b, sides[which].truth, &err) == SAV_OK) {
        for (size_t i = 0; i < sav_compare_count(comparison); i++) {
            const sav_compare_stage *stage = sav_compare_at(comparison, i);
            if (which == 2 && (stage->kind != SAV_COMPARE_EQUAL || stage->differ)) abort();
            (void)sav_compare_differs(stage, -1);
            (void)sav_compare_differs(stage, 1e-5);
        }
        sav_compare_free(comparison);
    } else if (!err.message[0]) {
        abort();
    }
    memory_reset();
    return 0;
}
