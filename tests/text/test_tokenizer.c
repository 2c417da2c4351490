/* test_tokenizer.c: encoding and decoding against Hugging Face `tokenizers` 0.21.4: golden/text/ (written by
 * tools/golden/text_golden.py) with the full Qwen2 vocabulary in its three spellings, small tokenizers
 * for the flags of added tokens, and a table of single cases.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "../qwen2_folder.h"
#include "base/os.h"
#include "io/json.h"
#include "text/tokenizer.h"

static sav_error err;

/* ---- one by one: each row is a thing that is easy to get wrong ----------------------------------------- */

static const struct {
    const char *text;
    unsigned char length, count;
    uint32_t ids[24];
} table[] = {
    {"", 0, 0, {0}},
    {"!\015\012x", 4, 2, {45626, 87}},
    {" ", 1, 1, {220}},
    {"foo_bar(1);", 11, 5, {7975, 14388, 7, 16, 1215}},
    {"  ", 2, 1, {256}},
    {"e\314\201", 3, 1, {963}},
    {"a  b", 4, 3, {64, 220, 293}},
    {"a\314\210\314\243", 5, 3, {20229, 136, 230}},
    {"   a", 4, 2, {256, 264}},
    {"q\314\207\314\243", 5, 5, {80, 136, 96, 136, 229}},
    {"\012", 1, 1, {198}},
    {"\315\204", 2, 3, {136, 230, 53839}},
    {"\015\012\015\012", 4, 1, {871}},
    {"\340\245\230", 3, 3, {64704, 5502, 120}},
    {" \012 ", 3, 2, {715, 220}},
    {"\342\204\253", 3, 1, {144044}},
    {"a \012 b", 5, 3, {64, 715, 293}},
    {"\357\254\235", 3, 3, {32445, 146, 112}},
    {"x   \012y", 6, 3, {87, 5872, 88}},
    {"\341\204\222\341\205\241\341\206\253", 9, 1, {23573}},
    {"\011\011x", 3, 2, {197, 10225}},
    {"a\314\201\340\242\227\314\243", 8, 6, {1953, 156, 95, 245, 136, 96}},
    {"\302\240a", 3, 2, {4102, 64}},
    {"\357\244\200", 3, 2, {43410, 230}},
    {"a\302\205b", 4, 4, {64, 126, 227, 65}},
    {"\360\235\205\236", 4, 4, {128242, 245, 128242, 98}},
    {"\342\200\213x", 4, 2, {15692, 87}},
    {"\344\275\240\345\245\275\357\274\214\344\270\226\347\225\214", 15, 3, {108386, 3837, 99489}},
    {"\343\200\200\345\205\250", 6, 2, {22441, 35987}},
    {"\360\237\221\250\342\200\215\360\237\221\251\342\200\215\360\237\221\247",
     18,
     7,
     {145367, 378, 235, 145233, 378, 235, 145665}},
    {"\034\035", 2, 2, {216, 217}},
    {"\340\271\204\340\270\227\340\270\242", 9, 1, {125451}},
    {"\000", 1, 1, {188}},
    {"a<|im_end|>b", 12, 3, {64, 151645, 65}},
    {"I'm", 3, 2, {40, 2776}},
    {" <|im_end|> ", 12, 3, {220, 151645, 220}},
    {"I'M", 3, 2, {40, 27603}},
    {"<|im_end|", 9, 5, {27, 91, 318, 6213, 91}},
    {"'\305\277x", 4, 3, {6, 144815, 87}},
    {"<|im_start|>user\012hi<|im_end|>\012", 30, 6, {151644, 872, 198, 6023, 151645, 198}},
    {"'\342\204\252", 4, 2, {6, 42}},
    {"<|im_end|>\314\270", 12, 3, {151645, 136, 116}},
    {"we'LL'd", 7, 4, {896, 6, 4086, 4172}},
    {">\314\270", 3, 2, {58994, 107}},
    {"''s", 3, 2, {4605, 82}},
    {"e<|im_end|>\314\201", 13, 3, {68, 151645, 53839}},
    {" 'll", 4, 2, {364, 654}},
    {"<tool_call>x</tool_call>", 24, 3, {151657, 87, 151658}},
    {"12345", 5, 5, {16, 17, 18, 19, 20}},
    {"<image>", 7, 3, {27, 1805, 29}},
    {" 1", 2, 2, {220, 16}},
    {"<|IM_END|>", 10, 6, {27, 91, 1791, 10898, 91, 29}},
    {"  1", 3, 3, {220, 220, 16}},
    {"\364\217\277\277", 4, 4, {176, 237, 123, 123}},
    {"\302\275\342\205\247\302\262", 7, 4, {26062, 70467, 100, 29456}},
    {"\360\226\204\200", 4, 3, {125427, 226, 222}},
    {"\331\243\331\244", 4, 4, {149, 96, 149, 97}},
    {"aaaaaaaaaaaaaaaaaaaa", 20, 3, {69440, 69440, 28458}},
    {"...\012\012\012foo", 9, 2, {51030, 7975}},
    {"\342\200\257\342\200\257a", 7, 5, {378, 107, 378, 107, 64}},
};

static bool same_ids(const sav_ids *got, const uint32_t *want, size_t count, const char *what,
                     size_t number) {
    bool same = got->count == count && (count == 0 || memcmp(got->ids, want, count * sizeof *want) == 0);
    if (!CHECK(same)) {
        printf("  %s, case %zu: got", what, number);
        for (size_t i = 0; i < got->count && i < 24; i++) printf(" %u", got->ids[i]);
        printf("\n  want");
        for (size_t i = 0; i < count && i < 24; i++) printf(" %u", want[i]);
        printf("\n");
    }
    return same;
}

static void test_table(const sav_tokenizer *tokenizer) {
    sav_ids ids = {0};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ids.count = 0;
        CHECK_OK(sav_tokenizer_encode(&ids, tokenizer, table[i].text, table[i].length, &err), &err);
        same_ids(&ids, table[i].ids, table[i].count, "table", i);
    }
    sav_ids_free(&ids);
}

/* ---- golden files -------------------------------------------------------------------------------------- */

static void read_ids(sav_ids *out, const sav_json *list) {
    out->count = 0;
    for (const sav_json *node = list->child; node; node = node->next) {
        int64_t id;
        bool whole = sav_json_integer(&id, node);
        if (whole)
            sav_ids_push(out, (uint32_t)id);
        else
            CHECK(whole);
    }
}

static void check_decode(const sav_tokenizer *tokenizer, const sav_ids *ids, bool skip, const sav_json *want,
                         const char *what, size_t number) {
    sav_text text = {0};
    CHECK_OK(sav_tokenizer_decode(&text, tokenizer, ids->ids, ids->count, skip, &err), &err);
    bool same = text.length == want->length &&
                (text.length == 0 || memcmp(text.bytes, want->text, text.length) == 0);
    if (!CHECK(same))
        printf("  %s, case %zu: decoded \"%s\", want \"%s\"\n", what, number, text.bytes, want->text);
    sav_text_free(&text);
}

/* [text, ids, decoded] */
static void check_cases(const sav_tokenizer *tokenizer, const sav_json *cases, const char *what) {
    sav_ids got = {0}, want = {0};
    size_t number = 0;
    for (const sav_json *node = cases->child; node; node = node->next, number++) {
        const sav_json *text = node->child;
        got.count = 0;
        CHECK_OK(sav_tokenizer_encode(&got, tokenizer, text->text, text->length, &err), &err);
        read_ids(&want, text->next);
        same_ids(&got, want.ids, want.count, what, number);
        check_decode(tokenizer, &want, false, text->next->next, what, number);
    }
    sav_ids_free(&got);
    sav_ids_free(&want);
}

/* [ids, decoded, decoded without special tokens] */
static void check_decodes(const sav_tokenizer *tokenizer, const sav_json *cases) {
    sav_ids ids = {0};
    size_t number = 0;
    for (const sav_json *node = cases->child; node; node = node->next, number++) {
        read_ids(&ids, node->child);
        check_decode(tokenizer, &ids, false, node->child->next, "decodes", number);
        check_decode(tokenizer, &ids, true, node->child->next->next, "decodes, special skipped", number);
    }
    sav_ids_free(&ids);
}

static void test_full(const char *folder, const sav_json *golden, size_t least, const char *what) {
    sav_tokenizer *tokenizer;
    if (!CHECK_OK(sav_tokenizer_open(&tokenizer, NULL, folder, &err), &err)) return;
    CHECK(sav_json_get(golden, "cases")->count >= least);
    check_cases(tokenizer, sav_json_get(golden, "cases"), what);
    if (sav_json_get(golden, "decodes")) {
        test_table(tokenizer);
        check_decodes(tokenizer, sav_json_get(golden, "decodes"));
    }
    sav_tokenizer_free(tokenizer);
}

/* Each small tokenizer is a tokenizer.json in full: written to a folder of its own and opened. */
static void test_small(const sav_json *list) {
    char folder[512];
    size_t number = 0;
    for (const sav_json *node = list->child; node; node = node->next) {
        const sav_json *name = sav_json_get(node, "name");
        sav_text text = {0};
        sav_tokenizer *tokenizer;
        sav_json_put(&text, sav_json_get(node, "tokenizer"));
        snprintf(folder, sizeof folder, "%s/small%zu", check_folder(), number++);
        CHECK_OK(qwen2_folder_file(folder, "tokenizer.json", text.bytes, text.length, &err), &err);
        if (CHECK_OK(sav_tokenizer_open(&tokenizer, NULL, folder, &err), &err)) {
            check_cases(tokenizer, sav_json_get(node, "cases"), name->text);
            sav_tokenizer_free(tokenizer);
        }
        sav_text_free(&text);
    }
}

/* ---- media --------------------------------------------------------------------------------------------- */

/* Where `<image>` is an added token and where it is none: the same ids beside the placeholders, the same
 * places. */
static void test_media(const char *with, const char *without) {
    static const char *const prompts[] = {"<image>\nWhat?",
                                          "a <image> b <image>\xCC\xB8",
                                          "e<image>\xCC\x81 <image>",
                                          "none",
                                          "",
                                          "<image><image><image>",
                                          "<image",
                                          "x <image>"};
    sav_tokenizer *hf = NULL, *lmms = NULL;
    sav_ids a = {0}, b = {0}, places_a = {0}, places_b = {0};
    if (CHECK_OK(sav_tokenizer_open(&hf, NULL, with, &err), &err) &&
        CHECK_OK(sav_tokenizer_open(&lmms, NULL, without, &err), &err)) {
        uint32_t id = sav_tokenizer_id(hf, "<image>");
        CHECK_SIZE(id, 151646);
        CHECK_SIZE(sav_tokenizer_id(lmms, "<image>"), SAV_TOKEN_NONE);
        CHECK_SIZE(sav_tokenizer_size(hf), 151648);
        for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
            const char *p = prompts[i];
            a.count = b.count = places_a.count = places_b.count = 0;
            CHECK_OK(sav_tokenizer_encode_media(&a, &places_a, hf, p, strlen(p),
                                                &(sav_placeholder){"<image>", 7}, &err),
                     &err);
            CHECK_OK(sav_tokenizer_encode_media(&b, &places_b, lmms, p, strlen(p),
                                                &(sav_placeholder){"<image>", id}, &err),
                     &err);
            same_ids(&a, b.ids, b.count, "media", i);
            same_ids(&places_a, places_b.ids, places_b.count, "places", i);
        }
        CHECK_SIZE(places_a.count, 1);
        CHECK(places_a.count && a.ids[places_a.ids[0]] == id);
    }
    sav_ids_free(&a);
    sav_ids_free(&b);
    sav_ids_free(&places_a);
    sav_ids_free(&places_b);
    sav_tokenizer_free(hf);
    sav_tokenizer_free(lmms);
}

static void test_pieces(const char *folder) {
    sav_tokenizer *tokenizer;
    size_t length = 0;
    if (!CHECK_OK(sav_tokenizer_open(&tokenizer, NULL, folder, &err), &err)) return;
    const char *piece = sav_tokenizer_piece(tokenizer, 220, &length);
    CHECK(piece && length == 2 && memcmp(piece, "\xC4\xA0", 2) == 0);
    piece = sav_tokenizer_piece(tokenizer, 151645, &length);
    CHECK(piece && length == 10 && memcmp(piece, "<|im_end|>", 10) == 0);
    CHECK(sav_tokenizer_piece(tokenizer, 151936, &length) == NULL);
    CHECK(sav_tokenizer_piece(tokenizer, UINT32_MAX, &length) == NULL);
    sav_ids ids = {0};
    CHECK_FAILS(sav_tokenizer_encode(&ids, tokenizer, "abc\xFFz", 5, &err), &err, SAV_BAD_INPUT,
                "byte 0xFF at offset 3");
    CHECK_FAILS(sav_tokenizer_encode(&ids, tokenizer, "\xED\xA0\x80", 3, &err), &err, SAV_BAD_INPUT,
                "offset 0");
    CHECK_SIZE(ids.count, 0);
    /* a line as long as a book must not take the square of its length */
    sav_text line = {0};
    for (int i = 0; i < 1 << 20; i++) sav_text_string(&line, "=");
    double before = sav_os_seconds();
    CHECK_OK(sav_tokenizer_encode(&ids, tokenizer, line.bytes, line.length, &err), &err);
    CHECK(sav_os_seconds() - before < 120);
    CHECK(ids.count > 0 && ids.count < 1 << 15);
    sav_text_free(&line);
    sav_ids_free(&ids);
    sav_tokenizer_free(tokenizer);
}

int main(void) {
    char vocab[512], llava[512], lmms[512], strings[512], pairs[512], sha[65];
    sav_json_doc *qwen2 = NULL, *small = NULL, *golden = NULL;
    snprintf(vocab, sizeof vocab, "%s/qwen2", check_folder());
    snprintf(llava, sizeof llava, "%s/llava", check_folder());
    snprintf(lmms, sizeof lmms, "%s/lmms", check_folder());
    snprintf(strings, sizeof strings, "%s/strings", check_folder());
    snprintf(pairs, sizeof pairs, "%s/pairs", check_folder());
    CHECK_OK(qwen2_folder_write(vocab, sha, &err), &err);
    CHECK_OK(qwen2_folder_config(vocab, "qwen2.5-vl", &err), &err);
    CHECK_OK(qwen2_folder_json(strings, vocab, "qwen2.5-vl", false, &err), &err);
    CHECK_OK(qwen2_folder_json(pairs, vocab, "qwen2.5-vl", true, &err), &err);
    CHECK_OK(qwen2_folder_json(llava, vocab, "llava-onevision", true, &err), &err);
    CHECK_OK(qwen2_folder_json(lmms, vocab, "lmms-lab", false, &err), &err);
    if (CHECK_OK(sav_json_read(&qwen2, "golden/text/qwen2.json", &err), &err)) {
        test_full(vocab, sav_json_root(qwen2), 400, "vocab.json and merges.txt");
        test_full(strings, sav_json_root(qwen2), 400, "tokenizer.json, \"a b\"");
        test_full(pairs, sav_json_root(qwen2), 400, "tokenizer.json, [\"a\", \"b\"]");
    }
    if (CHECK_OK(sav_json_read(&golden, "golden/text/llava.json", &err), &err))
        test_full(llava, sav_json_root(golden), 90, "llava");
    if (CHECK_OK(sav_json_read(&small, "golden/text/small.json", &err), &err))
        test_small(sav_json_get(sav_json_root(small), "tokenizers"));
    test_media(llava, lmms);
    test_pieces(vocab);
    sav_json_free(qwen2);
    sav_json_free(golden);
    sav_json_free(small);
    return check_report("text/test_tokenizer");
}
