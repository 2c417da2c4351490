/* messages.c: Hugging Face chat JSON -> prompt. See messages.h. */
#include "lists/messages.h"

#include <string.h>

#include "base/os.h"
#include "io/json.h"
#include "lists/media_path.h"

#define LARGEST_FILE ((size_t)1 << 28)

typedef struct reader {
    sav_chat *chat;
    const char *name, *folder;
    sav_error *err;
} reader;

static sav_status fail_at(const reader *in, const sav_json *node, const char *what) {
    return sav_fail(in->err, SAV_BAD_INPUT, "%s:%u:%u: %s", in->name, node->line, node->column, what);
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

static sav_status add_image(reader *in, const sav_json *part) {
    const sav_json *path = NULL;
    sav_status status = string_of(&path, in, part, "image");
    if (status) return status;
    const char *name;
    status = sav_media_path(&name, path->text, in->err);
    if (status) {
        sav_error_prefix(in->err, "%s:%u:%u", in->name, path->line, path->column);
        return status;
    }
    const bool whole = !*in->folder || sav_os_path_absolute(name);
    char *full = whole ? sav_strdup(name) : sav_path_join(in->folder, name);
    if (!full) return sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory to read it", in->name);
    sav_chat_part(in->chat, SAV_IMAGE, full, strlen(full));
    sav_free(full);
    return SAV_OK;
}

static sav_status add_part(reader *in, const sav_json *part) {
    const sav_json *type = NULL, *text = NULL;
    if (part->kind != SAV_JSON_OBJECT) return fail_at(in, part, "expected a part {\"type\": …}");
    sav_status status = string_of(&type, in, part, "type");
    if (status) return status;
    if (sav_json_is(type, "image")) return add_image(in, part);
    if (sav_json_is(type, "text")) {
        status = string_of(&text, in, part, "text");
        if (!status) sav_chat_part(in->chat, SAV_TEXT, text->text, text->length);
        return status;
    }
    return sav_fail(in->err, SAV_UNSUPPORTED,
                    "%s:%u:%u: found a part of type \"%s\"; expected \"text\" or \"image\"", in->name,
                    type->line, type->column, type->text);
}

static sav_status add_message(reader *in, const sav_json *message) {
    const sav_json *role = NULL;
    if (message->kind != SAV_JSON_OBJECT)
        return fail_at(in, message, "expected a message {\"role\": …, \"content\": …}");
    sav_status status = string_of(&role, in, message, "role");
    if (status) return status;
    if (!sav_json_is(role, "system") && !sav_json_is(role, "user") && !sav_json_is(role, "assistant"))
        return fail_at(in, role, "found an unknown role; expected system, user or assistant");
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

sav_status sav_messages_parse(sav_chat **out, const char *bytes, size_t length, const char *name,
                              const char *folder, sav_error *err) {
    reader in = {NULL, name, folder, err};
    sav_json_doc *doc;
    *out = NULL;
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    sav_status status = sav_json_parse(&doc, bytes, length, name, 1, NULL, err);
    if (status) return status;
    const sav_json *list = sav_json_root(doc);
    if (list->kind == SAV_JSON_OBJECT && sav_json_get(list, "messages"))
        list = sav_json_get(list, "messages");
    if (list->kind != SAV_JSON_ARRAY || !list->count)
        status =
            fail_at(&in, list,
                    "expected a list of messages, [{\"role\": …, \"content\": …}], or {\"messages\": [...]}");
    in.chat = sav_chat_new();
    for (const sav_json *message = list->child; message && !status; message = message->next)
        status = add_message(&in, message);
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
