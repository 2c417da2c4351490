/* test_tokenizer_files.c: the forms a model folder's tokenizer comes in, with what older and newer folders
 * add on top, and the files that are refused: each with a message that names what is wrong.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "../qwen2_folder.h"
#include "text/tokenizer.h"

static sav_error err;

#define PATTERN                                                                       \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| " \
    "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|"                                        \
    "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define SPLIT                                                   \
    "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"" PATTERN \
    "\"}, \"behavior\": \"Isolated\", \"invert\": false}"
#define BYTES \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false}"
#define BEGIN                                                                                    \
    "{\"added_tokens\": [], \"normalizer\": {\"type\": \"NFC\"}, \"pre_tokenizer\": {\"type\": " \
    "\"Sequence\", "                                                                             \
    "\"pretokenizers\": [" SPLIT ", " BYTES "]}, \"decoder\": {\"type\": \"ByteLevel\"}, "
#define VOCAB "{\"a\": 0, \"b\": 1, \"ab\": 2, \"\\u0120\": 3, \"\\u0120a\": 4}"
#define GOOD                                                                                          \
    BEGIN "\"model\": {\"type\": \"BPE\", \"vocab\": " VOCAB ", \"merges\": [\"a b\", [\"\\u0120\", " \
          "\"a\"]]}}"

static const char *folder_of(const char *name) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    return path;
}

static void put(const char *folder, const char *name, const char *text) {
    CHECK_OK(qwen2_folder_file(folder_of(folder), name, text, strlen(text), &err), &err);
}

static void gives(const char *folder, const char *text, size_t count, const uint32_t *want) {
    sav_tokenizer *tokenizer;
    sav_ids ids = {0};
    if (!CHECK_OK(sav_tokenizer_open(&tokenizer, NULL, folder_of(folder), &err), &err)) return;
    CHECK_OK(sav_tokenizer_encode(&ids, tokenizer, text, strlen(text), &err), &err);
    bool same = ids.count == count && memcmp(ids.ids, want, count * sizeof *want) == 0;
    if (!CHECK(same)) {
        printf("  %s: \"%s\":", folder, text);
        for (size_t i = 0; i < ids.count; i++) printf(" %u", ids.ids[i]);
        printf("\n");
    }
    sav_ids_free(&ids);
    sav_tokenizer_free(tokenizer);
}
#define GIVES(folder, text, ...)                                  \
    do {                                                          \
        static const uint32_t want_[] = {__VA_ARGS__};            \
        gives(folder, text, sizeof want_ / sizeof *want_, want_); \
    } while (0)

/* A tokenizer.json that must be refused; each in a folder of its own. */
static void refused(sav_status status, const char *part, const char *json) {
    static int number;
    char name[32];
    sav_tokenizer *tokenizer = NULL;
    snprintf(name, sizeof name, "bad%d", number++);
    put(name, "tokenizer.json", json);
    CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder_of(name), &err), &err, status, part);
    CHECK(tokenizer == NULL && strstr(err.message, "tokenizer.json") != NULL);
}

static void test_stages(void) {
    put("good", "tokenizer.json", GOOD);
    GIVES("good", "ab a", 2, 4);
    refused(SAV_UNSUPPORTED, "normalizer \"NFKC\"; expected NFC",
            "{\"normalizer\": {\"type\": \"NFKC\"}, \"model\": {}}");
    refused(SAV_UNSUPPORTED, "pre-tokenizer \"Whitespace\"",
            "{\"pre_tokenizer\": {\"type\": \"Whitespace\"}, \"model\": {}}");
    refused(SAV_UNSUPPORTED, "no pre-tokenizer", "{\"model\": {}}");
#define SEQUENCE(list) \
    "{\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [" list "]}, \"model\": {}}"
    refused(SAV_UNSUPPORTED, "first pre-tokenizer \"Digits\"", SEQUENCE("{\"type\": \"Digits\"}"));
    refused(SAV_UNSUPPORTED, "pre-tokenizer pattern \"\\p{N}{1,3}\"; expected Qwen2's pattern",
            SEQUENCE("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\p{N}{1,3}\"}, \"behavior\": "
                     "\"Isolated\"}, " BYTES));
    refused(
        SAV_UNSUPPORTED, "Split without",
        SEQUENCE(
            "{\"type\": \"Split\", \"pattern\": {\"String\": \" \"}, \"behavior\": \"Isolated\"}, " BYTES));
    refused(SAV_UNSUPPORTED, "second pre-tokenizer \"(none)\"", SEQUENCE(SPLIT));
    refused(SAV_UNSUPPORTED, "third pre-tokenizer \"ByteLevel\"", SEQUENCE(SPLIT ", " BYTES ", " BYTES));
    refused(SAV_UNSUPPORTED, "add_prefix_space",
            SEQUENCE(SPLIT ", {\"type\": \"ByteLevel\", \"use_regex\": false}"));
#define MODEL(text) BEGIN "\"model\": " text "}"
    refused(SAV_BAD_INPUT, "no \"model\"", BEGIN "\"model\": null}");
    refused(SAV_UNSUPPORTED, "model \"WordPiece\"",
            MODEL("{\"type\": \"WordPiece\", \"vocab\": {}, \"merges\": []}"));
    refused(SAV_UNSUPPORTED, "byte_fallback",
            MODEL("{\"byte_fallback\": true, \"vocab\": {}, \"merges\": []}"));
    refused(SAV_UNSUPPORTED, "end_of_word_suffix",
            MODEL("{\"end_of_word_suffix\": \"</w>\", \"vocab\": {}, \"merges\": []}"));
    refused(SAV_UNSUPPORTED, "unk_token",
            MODEL("{\"unk_token\": \"a\", \"vocab\": " VOCAB ", \"merges\": []}"));
    refused(SAV_UNSUPPORTED, "dropout", MODEL("{\"dropout\": 0.5, \"vocab\": " VOCAB ", \"merges\": []}"));
    refused(SAV_UNSUPPORTED, "post-processor \"TemplateProcessing\"",
            BEGIN "\"post_processor\": {\"type\": \"TemplateProcessing\"}, \"model\": {}}");
    refused(SAV_UNSUPPORTED, "decoder \"Metaspace\"",
            /* the later of two keys counts */
            BEGIN "\"decoder\": {\"type\": \"Metaspace\"}, \"model\": {}}");
}

static void test_vocabulary(void) {
    refused(SAV_BAD_INPUT, "no vocabulary", MODEL("{\"merges\": []}"));
    refused(SAV_BAD_INPUT, "no merges", MODEL("{\"vocab\": {}}"));
    refused(SAV_BAD_INPUT, "id of token \"a\"", MODEL("{\"vocab\": {\"a\": -1}, \"merges\": []}"));
    refused(SAV_BAD_INPUT, "id of token \"a\"", MODEL("{\"vocab\": {\"a\": 1.5}, \"merges\": []}"));
    refused(SAV_BAD_INPUT, "id of token \"a\"", MODEL("{\"vocab\": {\"a\": 4000000000}, \"merges\": []}"));
    refused(SAV_BAD_INPUT, "id 0 belongs to \"a\" and to \"b\"",
            MODEL("{\"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}"));
    refused(SAV_BAD_INPUT, "stands twice", MODEL("{\"vocab\": {\"a\": 0, \"a\": 1}, \"merges\": []}"));
    refused(SAV_BAD_INPUT, "the merge's right part \"c\" is not in the vocabulary",
            MODEL("{\"vocab\": " VOCAB ", \"merges\": [\"a b\", \"a c\"]}"));
    refused(SAV_BAD_INPUT, "the merge's left part \"c\" is not in the vocabulary",
            MODEL("{\"vocab\": " VOCAB ", \"merges\": [[\"c\", \"a\"]]}"));
    refused(SAV_BAD_INPUT, "the merge's result \"ba\" is not in the vocabulary",
            MODEL("{\"vocab\": " VOCAB ", \"merges\": [\"b a\"]}"));
    refused(SAV_BAD_INPUT, "number 1 of the list already",
            MODEL("{\"vocab\": " VOCAB ", \"merges\": [\"a b\", \"a b\"]}"));
    refused(SAV_BAD_INPUT, "expected two tokens", MODEL("{\"vocab\": " VOCAB ", \"merges\": [\"ab\"]}"));
    refused(SAV_BAD_INPUT, "expected two tokens", MODEL("{\"vocab\": " VOCAB ", \"merges\": [\"a b c\"]}"));
    refused(SAV_BAD_INPUT, "a merge; expected", MODEL("{\"vocab\": " VOCAB ", \"merges\": [[\"a\"]]}"));
    refused(SAV_BAD_INPUT, "a merge; expected", MODEL("{\"vocab\": " VOCAB ", \"merges\": [1]}"));
    refused(SAV_BAD_INPUT, ":1:", "{\"model\": ");
    refused(SAV_BAD_INPUT, "tokenizer.json", "");
}

static void test_added(void) {
#define ADDED(list) "{\"added_tokens\": [" list "]" GOOD_TAIL
#define GOOD_TAIL                                                                                            \
    ", \"normalizer\": {\"type\": \"NFC\"}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": " \
    "[" SPLIT ", " BYTES "]}, \"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": " VOCAB         \
    ", \"merges\": [\"a b\"]}}"
    put("added", "tokenizer.json",
        ADDED("{\"id\": 5, \"content\": \"<x>\", \"special\": true}, {\"id\": 1, \"content\": \"b\"}"));
    GIVES("added", "a<x>ab", 0, 5, 0, 1);
    put("added", "tokenizer_config.json", /* flags on top; and a special token that is not there yet */
        "{\"added_tokens_decoder\": {\"5\": {\"content\": \"<x>\", \"special\": true, \"rstrip\": true}}, "
        "\"eos_token\": \"<e>\", \"pad_token\": {\"content\": \"<x>\"}}");
    GIVES("added", "a<x>  ab<e>", 0, 5, 0, 1, 6);
    refused(SAV_BAD_INPUT, "added token \"<x>\" has id 7; expected 5",
            ADDED("{\"id\": 7, \"content\": \"<x>\"}"));
    refused(SAV_BAD_INPUT, "added token \"a\" has id 5; expected 0",
            ADDED("{\"id\": 5, \"content\": \"a\"}"));
    refused(SAV_BAD_INPUT, "without a string \"content\"", ADDED("{\"id\": 5}"));
    refused(SAV_BAD_INPUT, "without a whole number \"id\"", ADDED("{\"content\": \"x\"}"));
    sav_tokenizer *tokenizer;
    put("added", "tokenizer_config.json", "{\"added_tokens_decoder\": {\"x\": {\"content\": \"<y>\"}}}");
    CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder_of("added"), &err), &err, SAV_BAD_INPUT,
                "tokenizer_config.json:1:");
}

static void test_two_files(void) {
    sav_tokenizer *tokenizer;
    CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder_of("nothing"), &err), &err, SAV_BAD_INPUT,
                "no tokenizer; expected");
    put("two", "vocab.json", VOCAB);
    CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder_of("two"), &err), &err, SAV_BAD_INPUT,
                "merges.txt");
    put("two", "merges.txt", "#version: 0.2\na b\r\n\n\xC4\xA0 a\n");
    GIVES("two", "ab a", 2, 4);
    GIVES("two", "a<|endoftext|>b", 0, 5, 1); /* the class's own default where a folder is silent */
    put("two", "added_tokens.json", "{\"<late>\": 6, \"<|endoftext|>\": 5, \"caf\\u00e9\": 7}");
    put("two", "special_tokens_map.json",
        "{\"eos_token\": {\"content\": \"<late>\"}, \"additional_special_tokens\": [\"<new>\"]}");
    GIVES("two", "<late><|endoftext|>cafe\xCC\x81<new>", 6, 5, 7, 8);
    put("two", "merges.txt", "#version: 0.2\na b\na z\n");
    CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder_of("two"), &err), &err, SAV_BAD_INPUT,
                "merges.txt:3: the merge's right");
    put("two", "merges.txt", "a b\n#version: 0.2\n");
    CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder_of("two"), &err), &err, SAV_BAD_INPUT,
                "merges.txt:2: ");
    put("two", "merges.txt", "a b\n\xFF z\n");
    CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder_of("two"), &err), &err, SAV_BAD_INPUT,
                "offset 4");
    put("two", "vocab.json", "[]");
    CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder_of("two"), &err), &err, SAV_BAD_INPUT,
                "no vocabulary");
}

int main(void) {
    test_stages();
    test_vocabulary();
    test_added();
    test_two_files();
    return check_report("text/test_tokenizer_files");
}
