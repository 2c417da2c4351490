/* Every key that transformers 4.51.3 and 5.24 and lmms-lab's code write (golden/keys, from the classes
 * themselves), each with a changed value: it is in a table, and what the table says of it is true.
 *
 *   read      the change is an error that names the key, or the tap, the sizes or the notes are others
 *   harmless  the folder opens without a note, with the same tap
 *   only      with another value than those allowed: an error that names the key
 *   refused   an error that names the key
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../model_folder.h"
#include "base/os.h"
#include "models/family.h"

static sav_error err;

static const struct {
    const char *architecture, *fixture;
} FOLDERS[] = {{"Qwen2ForCausalLM", "qwen2-window"},
               {"LlavaOnevisionForConditionalGeneration", "report-llava"},
               {"LlavaQwenForCausalLM", "t70-lmms"},
               {"Qwen2VLForConditionalGeneration", "report-qwen2-vl"},
               {"Qwen2_5_VLForConditionalGeneration", "qwen2.5-vl"}};

/* Read, and seen by other pictures or prompts than this test's: test_forms.c, test_qwen_vl.c. */
static const char *const ELSEWHERE[] = {"min_pixels",       "max_pixels",          "do_resize",
                                        "video_token_id",   "tie_word_embeddings", "chat_template",
                                        "image_token_index"};

/* ---- what a folder gives ------------------------------------------------------------------------------- */

typedef struct result {
    sav_status status;
    char message[640], facts[1200];
    float *tap;
    size_t count;
} result;

static void forward(result *out, const sav_model *model) {
    const sav_model_info *info = sav_model_describe(model);
    sav_session *session;
    const sav_options options = {.engine = "exact", .threads = 1};
    const sav_part parts[] = {{.kind = SAV_IMAGE, .text = "golden/qwen_vl/images/140x196.png"},
                              {.kind = SAV_TEXT, .text = "What is this?"}};
    const sav_message turn = {"user", info->vision_layers ? parts : parts + 1, info->vision_layers ? 2 : 1};
    const sav_prompt prompt = {&turn, 1, NULL};
    snprintf(out->facts, sizeof out->facts, "%zu %zu %s", info->window, info->max_positions,
             info->notes ? info->notes : "");
    out->count = info->features;
    out->tap = calloc(out->count, sizeof *out->tap);
    if (!out->tap) exit(1);
    out->status = sav_session_open(&session, model, &options, &err);
    if (!out->status) out->status = sav_forward(session, &prompt, out->tap, 0, &err);
    sav_session_close(session);
}

static result try_folder(void) {
    result out = {0};
    sav_model *model;
    out.status = sav_model_open(&model, folder_path("."), &err);
    if (!out.status) forward(&out, model);
    if (out.status) snprintf(out.message, sizeof out.message, "%s", err.message);
    sav_model_close(model);
    return out;
}

static bool same(const result *a, const result *b) {
    size_t first;
    return !a->status && !b->status && strcmp(a->facts, b->facts) == 0 && a->count == b->count &&
           check_differ(a->tap, b->tap, a->count, &first) == 0;
}

/* ---- a changed file ------------------------------------------------------------------------------------ */

static const sav_json *at_path(const sav_json *root, const char *path) {
    char name[100];
    while (path && root) {
        path = folder_split(name, path);
        root = sav_json_get(root, name);
    }
    return root;
}

/* Another value of the same kind. */
static const char *changed(char out[64], const sav_json *now) {
    int64_t whole;
    const char *text = "7";
    snprintf(out, 64, "%s", text);
    if (now->kind == SAV_JSON_TRUE) return "false";
    if (now->kind == SAV_JSON_FALSE) return "true";
    if (now->kind == SAV_JSON_STRING) return "\"changed\"";
    if (now->kind == SAV_JSON_ARRAY) return now->count ? "[]" : "[7]";
    if (now->kind == SAV_JSON_OBJECT) return now->count ? "{}" : "{\"changed\":7}";
    if (sav_json_integer(&whole, now)) snprintf(out, 64, "%lld", (long long)whole + 1);
    if (now->kind == SAV_JSON_NUMBER && !sav_json_integer(&whole, now))
        snprintf(out, 64, "%.9g", 2 * sav_json_number(now->text, now->length) + 1);
    return out;
}

/* ---- the tables ---------------------------------------------------------------------------------------- */

static const sav_key *row_of(const char *architecture, const char *file, const char *path) {
    char json[120];
    sav_json_doc *doc;
    snprintf(json, sizeof json, "{\"architectures\":[\"%s\"]}", architecture);
    if (!CHECK_OK(sav_json_parse(&doc, json, strlen(json), "test", 1, NULL, &err), &err)) exit(1);
    const sav_family *family = sav_family_find(sav_json_root(doc), "test", &err);
    const sav_key *row = NULL;
    for (const sav_keys *const *t = family ? family->keys : NULL; t && *t && !row; t++) {
        char name[100];
        const sav_keys *table = *t;
        const char *rest = path;
        if (strcmp(table->file, file) != 0) continue;
        if (table->architecture && strcmp(table->architecture, architecture) != 0) continue;
        do {
            rest = folder_split(name, rest);
            row = sav_keys_find(table, name);
            table = row ? row->members : NULL;
        } while (rest && table);
        if (rest && row && row->use == SAV_KEY_READ) row = NULL; /* nobody looks at its members */
    }
    sav_json_free(doc);
    return row;
}

static bool elsewhere(const char *path) {
    for (size_t i = 0; i < sizeof ELSEWHERE / sizeof *ELSEWHERE; i++)
        if (strcmp(path, ELSEWHERE[i]) == 0) return true;
    return false;
}

/* Any name of the path: an error about size.height may be about "size". Tensors that do not fit a size say
 * which; an error of the tokenizer's says what is not there. */
static bool names_it(const result *got, const char *path, bool read) {
    char name[100];
    for (const char *rest = path; rest;) {
        rest = folder_split(name, rest);
        if (strstr(got->message, name)) return true;
    }
    return read && (strstr(got->message, "tensor ") || strstr(got->message, "placeholder"));
}

static bool allowed(const sav_key *row, const char *value) {
    sav_text json = {0};
    sav_unknown_keys unknown = {0};
    sav_json_doc *doc;
    const sav_key rows[] = {*row, {0}};
    const sav_keys table = {.rows = rows};
    sav_text_printf(&json, "{\"%s\":%s}", row->name, value);
    if (!CHECK_OK(sav_json_parse(&doc, json.bytes, json.length, "test", 1, NULL, &err), &err)) exit(1);
    const bool yes = sav_keys_check(&unknown, sav_json_root(doc), &table, "test", &err) == SAV_OK;
    sav_json_free(doc);
    sav_text_free(&json);
    sav_text_free(&unknown.names);
    return yes;
}

static bool as_said(const sav_key *row, const char *path, const char *value, const result *got,
                    const result *base) {
    if (row->use == SAV_KEY_HARMLESS || (row->use == SAV_KEY_ONLY && allowed(row, value)))
        return same(got, base);
    if (row->members && strcmp(value, "{}") == 0) return true; /* its members have lines of their own */
    if (row->use == SAV_KEY_READ)
        return got->status ? names_it(got, path, true) : elsewhere(path) || !same(got, base);
    return got->status == SAV_UNSUPPORTED && names_it(got, path, false);
}

static void check_key(const char *architecture, const char *file, const char *path, const char *absent,
                      const char *before, const result *base) {
    char number[64];
    sav_json_doc *doc;
    const sav_key *row = row_of(architecture, file, path);
    if (!CHECK(row != NULL)) {
        printf("  %s, %s: \"%s\" is in no table\n", architecture, file, path);
        return;
    }
    if (!CHECK_OK(sav_json_parse(&doc, absent, strlen(absent), "list", 1, NULL, &err), &err)) exit(1);
    sav_json_doc *file_doc;
    if (!CHECK_OK(sav_json_parse(&file_doc, before, strlen(before), file, 1, NULL, &err), &err)) exit(1);
    const sav_json *now = at_path(sav_json_root(file_doc), path);
    const char *value = changed(number, now ? now : sav_json_root(doc));
    folder_write(file, before, strlen(before));
    folder_set(file, path, value);
    result got = try_folder();
    if (!CHECK(as_said(row, path, value, &got, base)))
        printf("  %s, %s: \"%s\" changed to %s is not as its row says (%d): %s%s\n", architecture, file, path,
               value, row->use, got.message, got.status ? "" : got.facts);
    free(got.tap);
    sav_json_free(file_doc);
    sav_json_free(doc);
}

/* ---- lists --------------------------------------------------------------------------------------------- */

static char *read_whole(const char *path) {
    char *text;
    size_t length;
    if (!CHECK_OK(sav_os_read_file(&text, &length, path, (size_t)1 << 20, &err), &err)) exit(1);
    return text;
}

/* One section: "PATH\tDEFAULT" a line, up to the next '['; what is behind it. */
static char *check_section(char *line, const char *file, const char *architecture, const char *version) {
    const char *fixture = NULL;
    char path[300];
    for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS; i++)
        if (strcmp(FOLDERS[i].architecture, architecture) == 0) fixture = FOLDERS[i].fixture;
    if (!CHECK(fixture != NULL)) exit(1);
    folder_copy(fixture);
    snprintf(path, sizeof path, "golden/keys/%s/%s.json", version, fixture);
    if (sav_os_exists(path)) { /* config.json as that version writes it */
        char *config = read_whole(path);
        folder_write("config.json", config, strlen(config));
        sav_free(config);
    }
    result base = try_folder();
    if (!CHECK(base.status == SAV_OK)) printf("  %s %s: %s\n", version, architecture, base.message);
    const bool there = sav_os_exists(folder_path(file));
    char *before = there ? read_whole(folder_path(file)) : sav_strdup("{}");
    while (*line && *line != '[') {
        char *tab = strchr(line, '\t'), *end = strchr(line, '\n');
        if (!CHECK(tab && end && tab < end)) exit(1);
        *tab = *end = '\0';
        check_key(architecture, file, line, tab + 1, before, &base);
        line = end + 1;
    }
    sav_free(before);
    free(base.tap);
    folder_remove();
    return line;
}

static void check_version(const char *version) {
    char path[200], file[60], architecture[80];
    snprintf(path, sizeof path, "golden/keys/%s.txt", version);
    char *list = read_whole(path), *line = list;
    while (*line) {
        if (!CHECK(sscanf(line, "[%59s %79[^]]]", file, architecture) == 2)) break;
        line = strchr(line, '\n') + 1;
        line = check_section(line, file, architecture, version);
    }
    sav_free(list);
}

int main(void) {
    check_version("4.51.3");
    check_version("5.24.0");
    check_version("lmms-lab");
    return check_report("library keys");
}
