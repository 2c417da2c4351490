/* record.c: a list's record and the sample it becomes. See record.h. */
#include "lists/record.h"

#include <string.h>
#include <strings.h>

#include "base/os.h"
#include "base/utf8.h"
#include "lists/media_path.h"

enum { STRINGS = 6 };

static void strings_of(char **fields[STRINGS], sav_sample *sample) {
    char **const all[STRINGS] = {&sample->image,       &sample->question, &sample->label,
                                 &sample->question_id, &sample->group,    &sample->split};
    memcpy(fields, all, sizeof all);
}

static void free_strings(sav_sample *sample) {
    char **fields[STRINGS];
    strings_of(fields, sample);
    for (size_t i = 0; i < sample->media_count; i++) sav_free(sample->media[i]);
    sav_free(sample->media);
    for (size_t i = 0; i < STRINGS; i++) sav_free(*fields[i]);
}

void sav_sample_free(sav_sample *sample) {
    if (!sample->block) free_strings(sample);
    sav_free(sample->block);
    *sample = (sav_sample){0};
}

static size_t size_of(const char *string) {
    return string ? strlen(string) + 1 : 0;
}

static void move_string(char **to, char **end, const char *string) {
    const size_t size = size_of(string);
    *to = string ? memcpy(*end, string, size) : NULL;
    *end += size;
}

bool sav_sample_pack(sav_sample *sample) {
    char **fields[STRINGS];
    sav_sample packed = *sample;
    size_t size = sample->media_count * sizeof *sample->media;
    strings_of(fields, sample);
    for (size_t i = 0; i < sample->media_count; i++) size += size_of(sample->media[i]);
    for (size_t i = 0; i < STRINGS; i++) size += size_of(*fields[i]);
    packed.block = sav_alloc(size, 1);
    if (!packed.block) return false;
    packed.media = packed.block;
    char **moved[STRINGS], *end = (char *)packed.block + sample->media_count * sizeof *sample->media;
    strings_of(moved, &packed);
    for (size_t i = 0; i < sample->media_count; i++) move_string(&packed.media[i], &end, sample->media[i]);
    for (size_t i = 0; i < STRINGS; i++) move_string(moved[i], &end, *fields[i]);
    free_strings(sample);
    *sample = packed;
    return true;
}

char *sav_sample_image(const char *const *paths, size_t count) {
    sav_text out = {0};
    if (count != 1) sav_text_string(&out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i) sav_text_string(&out, ",");
        sav_json_put_string(&out, paths[i], strlen(paths[i]));
    }
    if (count != 1) sav_text_string(&out, "]");
    if (out.failed) sav_text_free(&out);
    return out.bytes;
}

size_t sav_sample_placeholders(const sav_sample *sample, const char *placeholder) {
    size_t count = 0;
    const char *at = strstr(sample->question, placeholder);
    while (at) {
        count++;
        at = strstr(at + strlen(placeholder), placeholder);
    }
    return count;
}

static const char *kind_name(sav_json_kind kind) {
    static const char *const names[] = {"null",     "false",  "true",     "a number",
                                        "a string", "a list", "an object"};
    return names[kind];
}

/* "LIST:LINE: "KEY" is a list; expected …" */
static void fail_kind(sav_record *in, const sav_json *node, const char *key, const char *expected) {
    in->status = sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: \"%s\" is %s; expected %s", in->source->list,
                          node->line, key, kind_name(node->kind), expected);
}

static void fail_memory(sav_record *in, uint32_t line, const char *key) {
    in->status = sav_fail(in->err, SAV_NO_MEMORY, "%s:%u: no memory for \"%s\"", in->source->list, line, key);
}

/* A string of C: a NUL inside would cut it short without a word. */
static char *copy_string(sav_record *in, const sav_json *node, const char *key) {
    if (memchr(node->text, '\0', node->length)) {
        in->status = sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: \"%s\" holds a NUL character", in->source->list,
                              node->line, key);
        return NULL;
    }
    char *copy = sav_strndup(node->text, node->length);
    if (!copy) fail_memory(in, node->line, key);
    return copy;
}

/* The JSON text of a value; "null" for NULL. */
static char *copy_json(sav_record *in, const sav_json *node, const char *key) {
    sav_text text = {0};
    if (node)
        sav_json_put(&text, node);
    else
        sav_text_string(&text, "null");
    if (!text.failed) return text.bytes;
    sav_text_free(&text);
    fail_memory(in, node ? node->line : in->object->line, key);
    return NULL;
}

static bool is_compound(const sav_json *node) {
    return node->kind == SAV_JSON_ARRAY || node->kind == SAV_JSON_OBJECT;
}

/* ---- text, label, id ----------------------------------------------------------------------------------- */

char *sav_record_text(sav_record *in, const char *key) {
    if (in->status) return NULL;
    const sav_json *node = sav_json_get(in->object, key);
    if (node && node->kind == SAV_JSON_STRING) return copy_string(in, node, key);
    if (node)
        fail_kind(in, node, key, "a string");
    else
        in->status = sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: found no \"%s\"", in->source->list,
                              in->object->line, key);
    return NULL;
}

/* PARITY: in the reference 1, 1.0 and true are one class, being equal dict keys; here each is its text, one
 * rule for lists and results (test_list.c: labels). */
char *sav_record_label(sav_record *in, const char *key) {
    if (in->status) return NULL;
    const sav_json *node = sav_json_get(in->object, key);
    if (!node || node->kind == SAV_JSON_NULL) return NULL;
    if (node->kind == SAV_JSON_STRING) return copy_string(in, node, key);
    if (!is_compound(node)) return copy_json(in, node, key);
    fail_kind(in, node, key, "a string, number, true or false");
    return NULL;
}

char *sav_record_id(sav_record *in, const char *key) {
    if (in->status) return NULL;
    const sav_json *node = sav_json_get(in->object, key);
    if (!node || !is_compound(node)) return copy_json(in, node, key);
    fail_kind(in, node, key, "a string or a number");
    return NULL;
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

bool sav_is_video_name(const char *path) {
    static const char *const endings[] = {".mp4", ".avi", ".mov", ".mkv", ".y4m"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

/* R/path with --image-root R, else absolute as it is, relative beside the list. No search, no second guess:
 * what is not there is an error when it is opened. */
static char *resolve(const char *path, const sav_record_source *source) {
    const char *base = source->folder;
    if (source->image_root) {
        base = source->image_root;
        if (*path == '/') path++;
    } else if (sav_os_path_absolute(path)) {
        base = "";
    }
    return *base ? sav_path_join(base, path) : sav_strdup(path);
}

sav_status sav_sample_add_media(sav_sample *sample, const char *path, const sav_record_source *source,
                                size_t line, sav_error *err) {
    sav_status status = sav_media_path(&path, path, err);
    if (status) {
        sav_error_prefix(err, "%s:%zu", source->list, line);
        return status;
    }
    char quoted[SAV_QUOTED];
    if (sav_is_video_name(path))
        return sav_fail(err, SAV_UNSUPPORTED, "%s:%zu: found the video %s; expected a picture", source->list,
                        line, sav_quote(quoted, path, strlen(path)));
    char *full = resolve(path, source);
    char **media = full ? sav_realloc(sample->media, sample->media_count + 1, sizeof *media) : NULL;
    if (!media) {
        sav_free(full);
        return sav_fail(err, SAV_NO_MEMORY, "%s:%zu: no memory for its pictures", source->list, line);
    }
    sample->media = media;
    media[sample->media_count++] = full;
    return SAV_OK;
}

static void add_media_node(sav_sample *out, sav_record *in, const sav_json *node, const char *key) {
    const char *list = in->source->list;
    if (node->kind != SAV_JSON_STRING) {
        in->status = sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: \"%s\" holds %s; expected a path", list,
                              node->line, key, kind_name(node->kind));
        return;
    }
    char *path = copy_string(in, node, key);
    if (path && !*path)
        in->status =
            sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: \"%s\" holds an empty path", list, node->line, key);
    if (!in->status) in->status = sav_sample_add_media(out, path, in->source, node->line, in->err);
    sav_free(path);
}

void sav_record_media(sav_sample *out, sav_record *in, const char *key) {
    const sav_json *node = sav_json_get(in->object, key);
    if (in->status || !node || node->kind == SAV_JSON_NULL ||
        (node->kind == SAV_JSON_STRING && !node->length))
        return;
    const sav_json *item = node->kind == SAV_JSON_ARRAY ? node->child : node;
    for (; item && !in->status; item = item == node ? NULL : item->next) add_media_node(out, in, item, key);
    if (!in->status) out->image = copy_json(in, node, key);
}

/* Whether it names a picture. */
static bool says_media(const sav_json *node) {
    return node && node->kind != SAV_JSON_NULL && (node->kind != SAV_JSON_STRING || node->length) &&
           (node->kind != SAV_JSON_ARRAY || node->count);
}

/* A path is the same as a list of it alone. */
static bool same_media(const sav_json *a, const sav_json *b) {
    const sav_json *one = a->kind == SAV_JSON_ARRAY ? a->child : a;
    const sav_json *other = b->kind == SAV_JSON_ARRAY ? b->child : b;
    while (one && other && sav_json_is(one, other->text ? other->text : "") && one->kind == other->kind) {
        one = one == a ? NULL : one->next;
        other = other == b ? NULL : other->next;
    }
    return !one && !other;
}

void sav_record_media_of(sav_sample *out, sav_record *in, const char *const *keys) {
    const char *const *found = NULL;
    for (; *keys && !in->status; keys++) {
        const sav_json *node = sav_json_get(in->object, *keys);
        if (!says_media(node)) continue;
        if (!found) {
            found = keys;
            sav_record_media(out, in, *keys);
        } else if (!same_media(sav_json_get(in->object, *found), node)) {
            in->status = sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: \"%s\" and \"%s\" name different pictures",
                                  in->source->list, node->line, *found, *keys);
            sav_hint(in->err, "They mean the same: keep one of them.");
        }
    }
}

void sav_record_check_placeholders(const sav_sample *out, sav_record *in) {
    if (in->status) return;
    const size_t found = sav_sample_placeholders(out, "<image>");
    if (found > out->media_count)
        in->status = sav_fail(in->err, SAV_BAD_INPUT,
                              "%s:%u: found %zu <image> placeholder%s for %zu picture%s", in->source->list,
                              in->object->line, found, sav_plural(found), out->media_count,
                              sav_plural(out->media_count));
    else if (sav_sample_placeholders(out, "<video>"))
        in->status = sav_fail(in->err, SAV_BAD_INPUT, "%s:%u: found a <video> placeholder without a video",
                              in->source->list, in->object->line);
}
