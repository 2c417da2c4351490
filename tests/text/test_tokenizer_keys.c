/* Keys of tokenizer files, each changed once: the ids are the library's, or the folder is refused by the
 * key's name. golden/text/tokenizer_keys.json has the edits and what transformers 4.51.3 gave (null: it
 * refuses).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../model_folder.h"
#include "io/json.h"
#include "text/tokenizer.h"

static sav_error err;

/* Refused here though the library opens it: newer versions read the key, or a placeholder would be
 * another. */
static const char *const STRICTER[] = {
    "add_bos_token",
    "add_eos_token",
    "add_prefix_space",
    "split_special_tokens",
    "do_lower_case",
    "vocab_file",
    "tokenizer_class LlamaTokenizer",
    "extra_special_tokens of another placeholder",
    "model_specific_special_tokens",
    "another norm",
    "older: split_special_tokens of the map",
    "tokenizer.json: add_prefix_space",
    "tokenizer.json: a template",
};
/* What opens with a warning that names the key. */
static const struct {
    const char *name, *key;
} WARNED[] = {{"another *_token", "\"point_token\""},
              {"older: another *_token of the map", "\"point_token\""}};

static bool is_stricter(const char *name) {
    for (size_t i = 0; i < sizeof STRICTER / sizeof *STRICTER; i++)
        if (strcmp(STRICTER[i], name) == 0) return true;
    return false;
}

static const char *folder_of(const sav_json *edits) {
    const char *folder = folder_copy("report-qwen2-vl");
    for (const sav_json *edit = edits->child; edit; edit = edit->next) {
        const sav_json *file = edit->child, *find = file->next, *replace = find->next;
        if (find->length)
            folder_replace(file->text, find->text, replace->text);
        else
            folder_write(file->text, replace->text, replace->length);
    }
    return folder;
}

static bool same_ids(const sav_ids *got, const sav_json *want) {
    const sav_json *id = want->child;
    int64_t value;
    bool same = got->count == want->count;
    for (size_t i = 0; i < got->count && same; i++, id = id->next)
        same = sav_json_integer(&value, id) && value == (int64_t)got->ids[i];
    return same;
}

/* Beside what was changed to make the folder an older one, no key may be named unless the table says so. */
static bool warns_rightly(const char *notes, const char *name) {
    for (size_t i = 0; i < sizeof WARNED / sizeof *WARNED; i++)
        if (strcmp(WARNED[i].name, name) == 0) return strstr(notes, WARNED[i].key) != NULL;
    return !strchr(notes, '"') || strstr(notes, ": a key is not read: \"was_decoder\"\n");
}

static void test_case(const sav_json *entry, const sav_json *text) {
    const char *name = sav_json_get(entry, "name")->text;
    const sav_json *want = sav_json_get(entry, "ids");
    const bool refused = is_stricter(name) || want->kind == SAV_JSON_NULL;
    const char *folder = folder_of(sav_json_get(entry, "edits"));
    sav_tokenizer *tokenizer = NULL;
    sav_text notes = {0};
    sav_ids ids = {0};
    const sav_status status = sav_tokenizer_open(&tokenizer, &notes, folder, &err);
    bool ok = CHECK((status != SAV_OK) == refused);
    if (status) {
        ok = ok && CHECK(strstr(err.message, "tokenizer") || strstr(err.message, "special_tokens_map"));
    } else if (CHECK_OK(sav_tokenizer_encode(&ids, tokenizer, text->text, text->length, &err), &err)) {
        ok = ok && CHECK(same_ids(&ids, want));
        ok = CHECK(warns_rightly(notes.bytes ? notes.bytes : "", name)) && ok;
    }
    if (!ok)
        printf("  case %s: %s%s\n", name, status ? err.message : "opened; ", notes.bytes ? notes.bytes : "");
    sav_ids_free(&ids);
    sav_text_free(&notes);
    sav_tokenizer_free(tokenizer);
    folder_remove();
}

/* The refusals name key and value. */
static void test_messages(void) {
    static const struct {
        const char *add, *part;
    } rows[] = {
        {"\"split_special_tokens\": true", "\"split_special_tokens\": found true; expected false|null"},
        {"\"add_prefix_space\": true", "\"add_prefix_space\": found true"},
        {"\"extra_special_tokens\": [\"<point>\"]", "extra_special_tokens"},
        {"\"extra_special_tokens\": {\"image_token\": \"<x>\"}",
         "extra_special_tokens: another \"image_token\""},
        {"\"new_image_key\": 1", "\"new_image_key\": this key may change numbers"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char with[200];
        sav_tokenizer *tokenizer;
        const char *folder = folder_copy("report-qwen2-vl");
        snprintf(with, sizeof with, "\"unk_token\": null, %s,", rows[i].add);
        folder_replace("tokenizer_config.json", "\"unk_token\": null,", with);
        CHECK_FAILS(sav_tokenizer_open(&tokenizer, NULL, folder, &err), &err, SAV_UNSUPPORTED, rows[i].part);
        folder_remove();
    }
}

int main(void) {
    sav_json_doc *golden;
    if (CHECK_OK(sav_json_read(&golden, "golden/text/tokenizer_keys.json", &err), &err)) {
        const sav_json *root = sav_json_root(golden), *entry = sav_json_get(root, "cases")->child;
        for (; entry; entry = entry->next) test_case(entry, sav_json_get(root, "text"));
        sav_json_free(golden);
    }
    test_messages();
    return check_report("text/test_tokenizer_keys");
}
