/* messages.c: Hugging Face chat JSON -> prompt. See messages.h.
 *
 * Sources: Qwen's chat template and ProcessorMixin.apply_chat_template of transformers 4.51.3 (which keys say
 * where a picture is), fetch_image of qwen_vl_utils 0.0.11 (its bounds).
 */
#include "lists/messages.h"

#include <math.h>
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"
#include "lists/media_path.h"

#define LARGEST_FILE ((size_t)1 << 28)

/* ---- keys ---------------------------------------------------------------------------------------------- */

static const sav_key FILE_ROWS[] = {
    SAV_READ("messages"),
    SAV_ONLY("image", "null|[]", "Pictures stand in the content of a message."),
    SAV_ONLY("images", "null|[]", "Pictures stand in the content of a message."),
    SAV_ONLY("video", "null|[]", "Videos are not read."),
    SAV_ONLY("videos", "null|[]", "Videos are not read."),
    SAV_ONLY("tools", "null|[]", "Tools are not laid out."),
    {0}};
static const sav_key MESSAGE_ROWS[] = {
    SAV_READ("role"),
    SAV_READ("content"),
    SAV_ONLY("image", "null|[]", "Pictures stand in the content of a message."),
    SAV_ONLY("images", "null|[]", "Pictures stand in the content of a message."),
    SAV_ONLY("video", "null|[]", "Videos are not read."),
    SAV_ONLY("videos", "null|[]", "Videos are not read."),
    SAV_ONLY("tool_calls", "null|[]", "Tools are not laid out."),
    {0}};
/* null: tables of other tools give each part the keys of all. PARITY: Qwen's template takes a text with a key
 * "image" for a picture, whatever its value. */
static const sav_key TEXT_ROWS[] = {SAV_READ("type"),
                                    SAV_READ("text"),
                                    SAV_ONLY("image", "null", "A picture is a part of its own."),
                                    SAV_ONLY("image_url", "null", "A picture is a part of its own."),
                                    SAV_ONLY("images", "null|[]", "A picture is a part of its own."),
                                    SAV_ONLY("video", "null", "Videos are not read."),
                                    {0}};
static const sav_key IMAGE_ROWS[] = {
    SAV_READ("type"),
    SAV_READ("image"),
    SAV_READ("image_url"),
    SAV_READ("path"),
    SAV_READ("url"),
    SAV_READ("min_pixels"),
    SAV_READ("max_pixels"),
    SAV_READ("resized_height"),
    SAV_READ("resized_width"),
    SAV_ONLY("text", "null|\"\"", "A text is a part of its own."),
    SAV_ONLY("images", "null|[]", "Each picture is a part of its own."),
    SAV_ONLY("base64", "null", "Write the picture into a file and give its path."),
    SAV_ONLY("video", "null", "Videos are not read."),
    {0}};
static const sav_keys FILE_KEYS = {"messages", "", NULL, SAV_OTHERS_NAMED, FILE_ROWS, NULL},
                      MESSAGE_KEYS = {"messages", "messages", NULL, SAV_OTHERS_NAMED, MESSAGE_ROWS, NULL},
                      TEXT_KEYS = {"messages", "text", NULL, SAV_OTHERS_NAMED, TEXT_ROWS, NULL},
                      IMAGE_KEYS = {"messages", "image", NULL, SAV_OTHERS_NAMED, IMAGE_ROWS, NULL};
const sav_keys *const sav_message_keys[] = {&FILE_KEYS, &MESSAGE_KEYS, &TEXT_KEYS, &IMAGE_KEYS, NULL};

/* ---- reading ------------------------------------------------------------------------------------------- */

typedef struct reader {
    sav_chat *chat;
    sav_unknown_keys unknown;
    const char *name, *folder;
    sav_error *err;
} reader;

static sav_status fail_at(const reader *in, const sav_json *node, const char *what) {
    return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u:%u: %s", in->name, node->line, node->column, what);
}

/* "…: found LABEL "VALUE"; expected …", the value cut. */
static sav_status fail_value(const reader *in, const sav_json *node, sav_status status, const char *label,
                             const char *expected) {
    char quoted[SAV_QUOTED];
    return sav_fail(in->err, status, "%s:%u:%u: found %s \"%s\"; expected %s", in->name, node->line,
                    node->column, label, sav_quote(quoted, node->text, node->length), expected);
}

/* The member as a string without NULs, which would cut it short. */
static sav_status string_of(const sav_json **out, const reader *in, const sav_json *object, const char *key) {
    const sav_json *node = sav_json_get(object, key);
    if (!node || node->kind != SAV_JSON_STRING || memchr(node->text, '\0', node->length))
        return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u:%u: expected a string in \"%s\"", in->name,
                        node ? node->line : object->line, node ? node->column : object->column, key);
    *out = node;
    return SAV_OK;
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

static const sav_json *present(const sav_json *object, const char *key) {
    const sav_json *node = sav_json_get(object, key);
    return node && node->kind != SAV_JSON_NULL ? node : NULL;
}

/* Which of the keys says where the picture is: one has to. */
static sav_status source_of(const sav_json **out, const reader *in, const sav_json *part) {
    static const char *const keys[] = {"image", "image_url", "path", "url"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!present(part, keys[i])) continue;
        if (found)
            return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u:%u: found \"%s\" and \"%s\" for one picture",
                            in->name, part->line, part->column, found, keys[i]);
        found = keys[i];
    }
    if (!found) return fail_at(in, part, "found a picture without a path; expected \"image\": \"PATH\"");
    return string_of(out, in, part, found);
}

/* A whole number of pixels, 56.0 too; 0: there is none. */
static sav_status pixels_of(size_t *out, const reader *in, const sav_json *part, const char *key) {
    const double most = 9007199254740992.0; /* 2^53: beyond it a double is not exact */
    const sav_json *node = present(part, key);
    *out = 0;
    if (!node) return SAV_OK;
    const double value = node->kind == SAV_JSON_NUMBER ? sav_json_number(node->text, node->length) : 0;
    if (value >= 1 && value <= most && value <= (double)SIZE_MAX && value == floor(value)) {
        *out = (size_t)value;
        return SAV_OK;
    }
    sav_text found = {0};
    char quoted[SAV_QUOTED];
    sav_json_put(&found, node);
    sav_fail(in->err, SAV_BAD_INPUT, "%s:%u:%u: \"%s\": found %s; expected a whole number from 1 on",
             in->name, node->line, node->column, key,
             sav_quote(quoted, found.bytes ? found.bytes : "", found.length));
    sav_text_free(&found);
    return SAV_BAD_INPUT;
}

static void note(reader *in, const sav_json *part, const char *what) {
    if (in->chat)
        sav_text_printf(&in->chat->notes, "%s:%u:%u: %s\n", in->name, part->line, part->column, what);
}

/* PARITY: qwen_vl_utils asks for resized_height and resized_width together, and then for no bound. */
static sav_status bounds_of(sav_picture_bounds *out, reader *in, const sav_json *part) {
    sav_status status = pixels_of(&out->min_pixels, in, part, "min_pixels");
    if (!status) status = pixels_of(&out->max_pixels, in, part, "max_pixels");
    if (!status) status = pixels_of(&out->resized_height, in, part, "resized_height");
    if (!status) status = pixels_of(&out->resized_width, in, part, "resized_width");
    if (status) return status;
    const bool sized = out->resized_height && out->resized_width;
    if (sized && (out->min_pixels || out->max_pixels))
        note(in, part, "min_pixels and max_pixels are not used beside resized_height and resized_width");
    if (!sized && (out->resized_height || out->resized_width))
        note(in, part, "resized_height and resized_width are used only together");
    if (out->max_pixels && out->min_pixels > out->max_pixels)
        return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u:%u: found min_pixels %zu above max_pixels %zu",
                        in->name, part->line, part->column, out->min_pixels, out->max_pixels);
    return SAV_OK;
}

static sav_status add_image(reader *in, const sav_json *part) {
    const sav_json *source = NULL;
    sav_picture_bounds bounds;
    const char *path;
    sav_status status = sav_keys_check(&in->unknown, part, &IMAGE_KEYS, in->name, in->err);
    if (!status) status = source_of(&source, in, part);
    if (!status) status = bounds_of(&bounds, in, part);
    if (status) return status;
    status = sav_media_path(&path, source->text, in->err);
    if (status) {
        sav_error_prefix(in->err, "%s:%u:%u", in->name, source->line, source->column);
        return status;
    }
    const bool whole = !*in->folder || sav_os_path_absolute(path);
    char *full = whole ? sav_strdup(path) : sav_path_join(in->folder, path);
    if (!full) return sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory to read it", in->name);
    sav_chat_part(in->chat, SAV_IMAGE, full, strlen(full));
    sav_chat_bounds(in->chat, &bounds);
    sav_free(full);
    return SAV_OK;
}

/* ---- messages ------------------------------------------------------------------------------------------ */

static sav_status add_part(reader *in, const sav_json *part) {
    const sav_json *type = NULL, *text = NULL;
    if (part->kind != SAV_JSON_OBJECT) return fail_at(in, part, "expected a part {\"type\": …}");
    sav_status status = string_of(&type, in, part, "type");
    if (status) return status;
    if (sav_json_is(type, "image") || sav_json_is(type, "image_url")) return add_image(in, part);
    if (!sav_json_is(type, "text"))
        return fail_value(in, type, SAV_UNSUPPORTED, "a part of type", "\"text\" or \"image\"");
    status = sav_keys_check(&in->unknown, part, &TEXT_KEYS, in->name, in->err);
    if (!status) status = string_of(&text, in, part, "text");
    if (!status) sav_chat_part(in->chat, SAV_TEXT, text->text, text->length);
    return status;
}

/* The generation prompt follows the last message: one of the assistant there would be a finished answer
 * before it, or, as its writer may have meant, the beginning of the answer, which is not laid out. */
static sav_status check_role(const reader *in, const sav_json *role, bool last) {
    const bool assistant = sav_json_is(role, "assistant");
    if (!sav_json_is(role, "system") && !sav_json_is(role, "user") && !assistant)
        return fail_value(in, role, SAV_BAD_INPUT, "the role", "system, user or assistant");
    if (assistant && last)
        return fail_at(in, role, "found the assistant's message at the end; expected a question behind it");
    return SAV_OK;
}

static sav_status add_message(reader *in, const sav_json *message) {
    const sav_json *role = NULL;
    if (message->kind != SAV_JSON_OBJECT)
        return fail_at(in, message, "expected a message {\"role\": …, \"content\": …}");
    sav_status status = string_of(&role, in, message, "role");
    if (!status) status = check_role(in, role, !message->next);
    if (!status) status = sav_keys_check(&in->unknown, message, &MESSAGE_KEYS, in->name, in->err);
    if (status) return status;
    const sav_json *content = sav_json_get(message, "content");
    if (!content || (content->kind != SAV_JSON_ARRAY && content->kind != SAV_JSON_STRING))
        return fail_at(in, content ? content : message, "expected \"content\": a string or a list of parts");
    sav_chat_message(in->chat, role->text);
    if (content->kind == SAV_JSON_STRING) {
        status = string_of(&content, in, message, "content");
        if (!status && content->length) sav_chat_part(in->chat, SAV_TEXT, content->text, content->length);
        return status;
    }
    for (const sav_json *part = content->child; part && !status; part = part->next)
        status = add_part(in, part);
    return status;
}

/* The list itself, or the member "messages" of an object. */
static sav_status list_of(const sav_json **out, reader *in, const sav_json *root) {
    sav_status status = sav_keys_check(&in->unknown, root, &FILE_KEYS, in->name, in->err);
    if (status) return status;
    *out = root;
    if (root->kind == SAV_JSON_OBJECT && sav_json_get(root, "messages"))
        *out = sav_json_get(root, "messages");
    if ((*out)->kind == SAV_JSON_ARRAY && (*out)->count) return SAV_OK;
    return fail_at(in, *out,
                   "expected a list of messages, [{\"role\": …, \"content\": …}], or {\"messages\": [...]}");
}

sav_status sav_messages_parse(sav_chat **out, const char *bytes, size_t length, const char *name,
                              const char *folder, sav_error *err) {
    reader in = {.name = name, .folder = folder, .err = err};
    const sav_json *list = NULL;
    sav_json_doc *doc;
    *out = NULL;
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    sav_status status = sav_json_parse(&doc, bytes, length, name, 1, NULL, err);
    if (status) return status;
    status = list_of(&list, &in, sav_json_root(doc));
    in.chat = sav_chat_new();
    for (const sav_json *message = status ? NULL : list->child; message && !status; message = message->next)
        status = add_message(&in, message);
    sav_text notes = {0};
    sav_keys_warn(in.chat ? &in.chat->notes : &notes, &in.unknown, name);
    sav_text_free(&notes);
    if (!status) status = sav_chat_seal(in.chat, err);
    sav_json_free(doc);
    if (status)
        sav_chat_free(in.chat);
    else
        *out = in.chat;
    return status;
}

sav_status sav_messages_read(sav_chat **out, const char *path, sav_error *err) {
    const bool piped = strcmp(path, "-") == 0;
    char *bytes = NULL, *folder = sav_strndup(path, piped ? 0 : (size_t)(sav_os_path_name(path) - path));
    size_t length = 0;
    *out = NULL;
    if (!folder) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to read it", path);
    sav_status status = piped ? sav_os_read_stdin(&bytes, &length, LARGEST_FILE, err)
                              : sav_os_read_file(&bytes, &length, path, LARGEST_FILE, err);
    if (!status)
        status = sav_messages_parse(out, bytes, length, piped ? "standard input" : path, folder, err);
    sav_free(bytes);
    sav_free(folder);
    return status;
}
