/* fuzz_tokenizer_json.c: any bytes -> tokenizer.json -> a tokenizer that encodes and decodes, or an error
 * with a message. */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char text[] = "ab abc<image>caf\xC3\xA9 e\xCC\x81  12\n\n<|im_end|> x";
    sav_json_doc *doc = NULL;
    sav_tokenizer *tokenizer = NULL;
    sav_error err = {SAV_OK, "", ""};
    const char *duplicate;
    if (sav_json_parse(&doc, (const char *)data, size, "tokenizer.json", 1, &duplicate, &err)) return 0;
    if (sav_tokenizer_parse(&tokenizer, doc, &err)) {
        if (!err.message[0] || tokenizer) abort();
    } else {
        sav_ids ids = {0};
        sav_text back = {0};
        if (sav_tokenizer_encode(&ids, tokenizer, text, sizeof text - 1, &err)) abort();
        for (size_t i = 0; i < ids.count; i++)
            if (ids.ids[i] >= sav_tokenizer_size(tokenizer)) abort();
        if (sav_tokenizer_decode(&back, tokenizer, ids.ids, ids.count, false, &err)) abort();
        sav_ids_free(&ids);
        sav_text_free(&back);
        sav_tokenizer_free(tokenizer);
    }
    sav_json_free(doc);
    return 0;
}
