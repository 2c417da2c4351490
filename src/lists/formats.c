/* formats.c: the table of list formats. See formats.h.
 *
 * A further dataset is one function and one row of the table at the end.
 */
#include "lists/formats.h"

#include <string.h>
#include <strings.h>

#include "base/os.h"

static sav_status fail_record(sav_error *err, const sav_record_place *place, size_t line, const char *what) {
    return sav_fail(err, SAV_BAD_INPUT, "%s:%zu: %s", place->list, line, what);
}

static const char *kind_name(sav_json_kind kind) {
    static const char *const names[] = {"null",     "false",  "true",     "a number",
                                        "a string", "a list", "an object"};
    return names[kind];
}

/* A string of C: a NUL inside would cut it short without a word. */
static sav_status copy_string(char **out, const sav_json *node, const char *key,
                              const sav_record_place *place, sav_error *err) {
    if (memchr(node->text, '\0', node->length))
        return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"%s\" holds a NUL character", place->list, node->line,
                        key);
    if ((*out = sav_strndup(node->text, node->length)) == NULL)
        return sav_fail(err, SAV_NO_MEMORY, "%s:%u: no memory for \"%s\"", place->list, node->line, key);
    return SAV_OK;
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

static bool is_video_name(const char *path) {
    static const char *const endings[] = {".mp4", ".avi", ".mov", ".mkv", ".y4m"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

/* reference/tasks.md §2.2: R/rel with --image-root R; else absolute as it is, relative beside the list. No
 * search. */
static void resolve(sav_text *out, const char *path, const sav_record_place *place) {
    const char *base = place->folder;
    if (place->image_root) {
        base = place->image_root;
        if (*path == '/') path++;
    } else if (sav_os_path_absolute(path)) {
        base = "";
    }
    sav_text_string(out, base);
    if (*base && base[strlen(base) - 1] != '/') sav_text_string(out, "/");
    sav_text_string(out, path);
}

sav_status sav_sample_add_media(sav_sample *sample, const char *path, const sav_record_place *place,
                                size_t line, sav_error *err) {
    if (is_video_name(path))
        return sav_fail(err, SAV_UNSUPPORTED, "%s:%zu: found the video %s; expected a picture", place->list,
                        line, path);
    sav_text text = {0};
    resolve(&text, path, place);
    char **media = text.failed ? NULL : sav_realloc(sample->media, sample->media_count + 1, sizeof *media);
    if (!media) {
        sav_text_free(&text);
        return sav_fail(err, SAV_NO_MEMORY, "%s:%zu: no memory for its pictures", place->list, line);
    }
    sample->media = media;
    media[sample->media_count++] = text.bytes;
    return SAV_OK;
}

static sav_status add_media_node(sav_sample *sample, const sav_json *node, const char *key,
                                 const sav_record_place *place, sav_error *err) {
    if (node->kind != SAV_JSON_STRING)
        return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"%s\" holds %s; expected a path", place->list,
                        node->line, key, kind_name(node->kind));
    char *path = NULL;
    sav_status status = copy_string(&path, node, key, place, err);
    if (!status && !*path)
        status =
            sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"%s\" holds an empty path", place->list, node->line, key);
    if (!status) status = sav_sample_add_media(sample, path, place, node->line, err);
    sav_free(path);
    return status;
}

/* A path, a list of paths, or nothing: absent, null and "" are text alone. */
static sav_status read_media(sav_sample *out, const sav_json *record, const char *key,
                             const sav_record_place *place, sav_error *err) {
    const sav_json *node = sav_json_get(record, key);
    if (!node || node->kind == SAV_JSON_NULL || sav_json_is(node, "")) return SAV_OK;
    if (node->kind != SAV_JSON_ARRAY) return add_media_node(out, node, key, place, err);
    sav_status status = SAV_OK;
    for (const sav_json *item = node->child; item && !status; item = item->next)
        status = add_media_node(out, item, key, place, err);
    return status;
}

size_t sav_text_placeholders(const char *text, const char *placeholder) {
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, placeholder)) != NULL; p += strlen(placeholder)) count++;
    return count;
}

static sav_status check_placeholders(const sav_sample *sample, const sav_record_place *place, size_t line,
                                     sav_error *err) {
    const size_t found = sav_text_placeholders(sample->question, "<image>");
    if (found > sample->media_count)
        return sav_fail(err, SAV_BAD_INPUT, "%s:%zu: found %zu <image> placeholder%s for %zu picture%s",
                        place->list, line, found, found == 1 ? "" : "s", sample->media_count,
                        sample->media_count == 1 ? "" : "s");
    if (sav_text_placeholders(sample->question, "<video>"))
        return fail_record(err, place, line, "found a <video> placeholder without a video");
    return SAV_OK;
}

/* ---- text, label, id ----------------------------------------------------------------------------------- */

static sav_status read_text(char **out, const sav_json *record, const char *key,
                            const sav_record_place *place, sav_error *err) {
    const sav_json *node = sav_json_get(record, key);
    if (!node) return sav_fail(err, SAV_BAD_INPUT, "%s:%u: found no \"%s\"", place->list, record->line, key);
    if (node->kind != SAV_JSON_STRING)
        return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"%s\" is %s; expected a string", place->list, node->line,
                        key, kind_name(node->kind));
    return copy_string(out, node, key, place, err);
}

/* A string as it is; a number, true or false as its JSON text; NULL for null and absent. PARITY: in the
 * reference 1, 1.0 and true are one class, being equal dict keys; here each is its text, one rule for lists
 * and results (test_list.c: labels). */
static sav_status read_label(char **out, const sav_json *record, const char *key,
                             const sav_record_place *place, sav_error *err) {
    const sav_json *node = sav_json_get(record, key);
    if (!node || node->kind == SAV_JSON_NULL) return SAV_OK;
    if (node->kind == SAV_JSON_STRING) return copy_string(out, node, key, place, err);
    if (node->kind == SAV_JSON_ARRAY || node->kind == SAV_JSON_OBJECT)
        return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"%s\" is %s; expected a string, number, true or false",
                        place->list, node->line, key, kind_name(node->kind));
    sav_text text = {0};
    sav_json_put(&text, node);
    if (text.failed) {
        sav_text_free(&text);
        return sav_fail(err, SAV_NO_MEMORY, "%s:%u: no memory for \"%s\"", place->list, node->line, key);
    }
    *out = text.bytes;
    return SAV_OK;
}

/* Any scalar, kept as JSON text; "null" when absent. */
static sav_status read_id(char **out, const sav_json *record, const char *key, const sav_record_place *place,
                          sav_error *err) {
    const sav_json *node = sav_json_get(record, key);
    if (node && (node->kind == SAV_JSON_ARRAY || node->kind == SAV_JSON_OBJECT))
        return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"%s\" is %s; expected a string or a number", place->list,
                        node->line, key, kind_name(node->kind));
    sav_text text = {0};
    if (node)
        sav_json_put(&text, node);
    else
        sav_text_string(&text, "null");
    if (text.failed) {
        sav_text_free(&text);
        return sav_fail(err, SAV_NO_MEMORY, "%s:%u: no memory for \"%s\"", place->list, record->line, key);
    }
    *out = text.bytes;
    return SAV_OK;
}

/* ---- the formats --------------------------------------------------------------------------------------- */

/* {"image": "cat.jpg", "question": "What animal is this?", "question_id": 0, "label": "cat"} */
static sav_status read_general(sav_sample *out, const sav_json *record, const sav_record_place *place,
                               sav_error *err) {
    sav_status status = read_text(&out->question, record, "question", place, err);
    if (!status) status = read_media(out, record, "image", place, err);
    if (!status) status = check_placeholders(out, place, record->line, err);
    if (!status) status = read_label(&out->label, record, "label", place, err);
    if (!status) status = read_id(&out->question_id, record, "question_id", place, err);
    return status;
}

static const sav_format formats[] = {
    {"general", read_general, "accuracy"},
};

const sav_format *sav_format_find(const char *name) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, name) == 0) return &formats[i];
    return NULL;
}

const sav_format *sav_format_at(size_t i) {
    return i < sizeof formats / sizeof formats[0] ? &formats[i] : NULL;
}

void sav_format_names(sav_text *out) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        sav_text_printf(out, "%s%s", i ? ", " : "", formats[i].name);
}
