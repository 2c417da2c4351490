/* fuzz_tokenizer_files.c: bytes -> one of a folder's tokenizer files -> a tokenizer that encodes and decodes.
 *
 * First byte: which file the rest replaces, and whether tokenizer.json or the two older files are there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "memory.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char FOLDER[] = "golden/models/report-qwen2-vl";
static const char *const FILES[] = {"tokenizer_config.json",
                                    "special_tokens_map.json",
                                    "added_tokens.json",
                                    "tokenizer.json",
                                    "vocab.json",
                                    "merges.txt"};
enum { FILE_COUNT = sizeof FILES / sizeof FILES[0] };

static void put(const char *name, const void *bytes, size_t length) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    memory_put(path, bytes, length);
}

static void load(void) {
    static const char *const names[] = {"tokenizer_config.json", "tokenizer.json", NULL};
    static const char vocab[] = "{\"a\": 0, \"b\": 1, \"ab\": 2, \"\\u0120\": 3}",
                      merges[] = "#version: 0.2\na b\n";
    memory_load(FOLDER, names);
    put("vocab.json", vocab, sizeof vocab - 1);
    put("merges.txt", merges, sizeof merges - 1);
    memory_mark();
}

static void use(const sav_tokenizer *tokenizer) {
    static const char text[] = "see <point>12</point> <|im_start|>user\n e\xCC\x81 ab<|im_end|><|image_pad|>";
    sav_ids ids = {0};
    sav_text back = {0};
    if (sav_tokenizer_encode(&ids, tokenizer, text, sizeof text - 1, NULL)) abort();
    if (sav_tokenizer_decode(&back, tokenizer, ids.ids, ids.count, true, NULL)) abort();
    if (back.bytes && sav_utf8_check(back.bytes, back.length, "decoded", NULL)) abort();
    sav_text_free(&back);
    sav_ids_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool loaded;
    char path[200];
    sav_tokenizer *tokenizer;
    sav_text notes = {0};
    sav_error err;
    if (!loaded) load();
    loaded = true;
    if (!size) return 0;
    const size_t which = data[0] % FILE_COUNT;
    snprintf(path, sizeof path, "%s/tokenizer.json", FOLDER);
    if (which > 3 || data[0] & 64) memory_remove(path);
    snprintf(path, sizeof path, "%s/tokenizer_config.json", FOLDER);
    if (which == 1 || which == 2) put("tokenizer_config.json", "{}", 2);
    put(FILES[which], data + 1, size - 1);
    if (sav_tokenizer_open(&tokenizer, &notes, FOLDER, &err) == SAV_OK) {
        use(tokenizer);
        sav_tokenizer_free(tokenizer);
    } else if (!err.message[0]) {
        abort();
    }
    sav_text_free(&notes);
    memory_reset();
    return 0;
}
