/* fuzz_tokenizer.c: any bytes -> ids -> text, with a small tokenizer that has every flag an added token can
 * have.
 *
 * Text that is UTF-8 encodes; what comes back from its ids is well-formed, and is the text in NFC where no
 * added token was hit. The same bytes, read as ids, decode. Places of a placeholder that is no token are
 * where its marker stands.
 */
#include <stdlib.h>
#include <string.h>

#include "text/pretokenize.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All 256 bytes, some merges (UTF-8 of é among them) and added tokens. */
static void write_json(sav_text *out) {
    sav_text_string(out, "{\"normalizer\": {\"type\": \"NFC\"}, \"pre_tokenizer\": {\"type\": \"Sequence\", "
                         "\"pretokenizers\": "
                         "[{\"type\": \"Split\", \"pattern\": {\"Regex\": ");
    sav_json_put_string(out, sav_pretokenize_pattern, strlen(sav_pretokenize_pattern));
    sav_text_string(
        out, "}, \"behavior\": \"Isolated\"}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
             "\"use_regex\": false}]}, \"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": {");
    for (uint32_t byte = 0, next = 0x100; byte < 256; byte++) {
        bool plain = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        char utf8[4];
        sav_text_string(out, byte ? ", " : "");
        sav_json_put_string(out, utf8, sav_utf8_encode(utf8, plain ? byte : next++));
        sav_text_printf(out, ": %u", byte);
    }
    sav_text_string(
        out,
        ", \"==\": 256, \"====\": 257, \"ab\": 258, \"abab\": 259, \"ba\": 260, \"\xC3\x83\xC2\xA9\": 261}, "
        "\"merges\": [\"= =\", \"== ==\", \"a b\", \"b a\", \"ab ab\", \"\xC3\x83 \xC2\xA9\"]}, "
        "\"added_tokens\": [{\"id\": 262, \"content\": \"<|im_end|>\", \"special\": true}, "
        "{\"id\": 263, \"content\": \"<r>\", \"rstrip\": true, \"normalized\": false}, "
        "{\"id\": 264, \"content\": \"<l>\", \"lstrip\": true, \"normalized\": false}, "
        "{\"id\": 265, \"content\": \"<w>\", \"single_word\": true, \"normalized\": false}, "
        "{\"id\": 266, \"content\": \"e\xCC\x81\xCC\x81\", \"normalized\": true}, "
        "{\"id\": 267, \"content\": \"  \", \"normalized\": false, \"lstrip\": true, \"rstrip\": true}]}");
}

static sav_tokenizer *make(void) {
    sav_tokenizer *tokenizer = NULL;
    sav_text text = {0};
    sav_json_doc *doc = NULL;
    write_json(&text);
    if (sav_json_parse(&doc, text.bytes, text.length, "tokenizer.json", 1, NULL, NULL) ||
        sav_tokenizer_parse(&tokenizer, doc, NULL))
        abort();
    sav_json_free(doc);
    sav_text_free(&text);
    return tokenizer;
}

static void check_round_trip(const sav_tokenizer *tokenizer, const sav_ids *ids, const char *bytes,
                             size_t size) {
    sav_text back = {0}, composed = {0};
    bool added = false;
    for (size_t i = 0; i < ids->count; i++) added = added || ids->ids[i] >= 262;
    if (sav_tokenizer_decode(&back, tokenizer, ids->ids, ids->count, false, NULL)) abort();
    if (sav_utf8_check(back.bytes ? back.bytes : "", back.length, "decoded", NULL)) abort();
    if (sav_unicode_nfc(&composed, bytes, size, NULL)) abort();
    if (!added && (back.length != composed.length ||
                   memcmp(back.bytes ? back.bytes : "", composed.bytes, back.length) != 0))
        abort();
    sav_text_free(&back);
    sav_text_free(&composed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sav_tokenizer *tokenizer; /* made once, as a program would */
    sav_ids ids = {0}, places = {0};
    sav_text text = {0};
    const char *bytes = size ? (const char *)data : "";
    if (!tokenizer) tokenizer = make();
    if (sav_tokenizer_encode(&ids, tokenizer, bytes, size, NULL) == SAV_OK)
        check_round_trip(tokenizer, &ids, bytes, size);
    else if (sav_utf8_check(bytes, size, "text", NULL) == SAV_OK)
        abort();
    ids.count = 0;
    if (sav_tokenizer_encode_media(&ids, &places, tokenizer, bytes, size, &(sav_placeholder){"<image>", 999},
                                   NULL) == SAV_OK)
        for (size_t i = 0; i < places.count; i++)
            if (ids.ids[places.ids[i]] != 999) abort();
    ids.count = 0;
    for (size_t i = 0; i + 1 < size; i += 2) sav_ids_push(&ids, (uint32_t)(data[i] | (data[i + 1] & 1) << 8));
    if (sav_tokenizer_decode(&text, tokenizer, ids.ids, ids.count, size & 1, NULL)) abort();
    if (text.bytes && sav_utf8_check(text.bytes, text.length, "decoded", NULL)) abort();
    sav_text_free(&text);
    sav_ids_free(&ids);
    sav_ids_free(&places);
    return 0;
}
