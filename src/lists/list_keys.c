/* list_keys.c: keys of a list's records that nobody reads: named once for the whole list, with the known key
 * that may have been meant.
 */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/utf8.h"
#include "lists/list_reader.h"

enum { MOST_NAMED = 6 };

static sav_status add_name(sav_list_reader *in, const char *name) {
    sav_list_keys *unknown = &in->unknown;
    char quoted[SAV_QUOTED];
    sav_quote(quoted, name, strlen(name));
    for (size_t i = 0; i < unknown->count; i++)
        if (strcmp(unknown->names[i], quoted) == 0) return SAV_OK;
    if (unknown->count == SAV_LIST_KEYS) {
        unknown->more = true;
        return SAV_OK;
    }
    unknown->names[unknown->count] = sav_strdup(quoted);
    if (!unknown->names[unknown->count]) return sav_list_no_memory(in);
    unknown->count++;
    return SAV_OK;
}

sav_status sav_list_keys_check(sav_list_reader *in, const sav_json *record) {
    sav_status status = SAV_OK;
    for (const sav_json *member = record->child; member && !status; member = member->next) {
        const sav_key *row = sav_keys_find(in->format->keys, member->key);
        if (!row)
            status = add_name(in, member->key);
        else if (row->use == SAV_KEY_REFUSED && member->kind != SAV_JSON_NULL)
            status = sav_fail(in->err, SAV_UNSUPPORTED, "%s:%u: found \"%s\"; %s", in->list->name,
                              member->line, row->name, row->why);
    }
    return status;
}

static const char *nearest(const sav_keys *table, const char *name) {
    sav_nearest near = sav_nearest_to(name);
    near.limit = sav_max(3, strlen(name) / 4 + 2); /* "img" is near to "image", "prompt" to nothing */
    for (const sav_key *row = table->rows; row->name; row++)
        if (row->use == SAV_KEY_READ) sav_nearest_offer(&near, row->name);
    return near.found;
}

/* "img" (did you mean "image"?), "foo" and others */
static void put_unknown(sav_text *out, const sav_list_reader *in) {
    const sav_list_keys *unknown = &in->unknown;
    for (size_t i = 0; i < unknown->count && i < MOST_NAMED; i++) {
        const char *near = nearest(in->format->keys, unknown->names[i]);
        sav_text_printf(out, "%s\"%s\"", i ? ", " : "", unknown->names[i]);
        if (near) sav_text_printf(out, " (did you mean \"%s\"?)", near);
    }
    if (unknown->more || unknown->count > MOST_NAMED) sav_text_string(out, " and others");
}

sav_status sav_list_keys_warn(sav_list_reader *in) {
    char message[sizeof in->err->message];
    sav_text text = {0};
    if (!in->unknown.count) return SAV_OK;
    put_unknown(&text, in);
    if (text.failed) {
        sav_text_free(&text);
        return sav_list_no_memory(in);
    }
    in->list->unknown = text.bytes;
    snprintf(message, sizeof message, "%s: %s not read: %s", in->list->name,
             in->unknown.count == 1 ? "a key is" : "keys are", text.bytes);
    return sav_list_warn(in, 0, message);
}

void sav_list_keys_hint(const sav_list_reader *in) {
    sav_text text = {0};
    if (!in->unknown.count || in->err->hint[0]) return;
    put_unknown(&text, in);
    if (!text.failed)
        sav_hint(in->err, "%s not read: %s.", in->unknown.count == 1 ? "A key is" : "Keys are", text.bytes);
    sav_text_free(&text);
}

void sav_list_keys_free(sav_list_keys *unknown) {
    for (size_t i = 0; i < unknown->count; i++) sav_free(unknown->names[i]);
    *unknown = (sav_list_keys){.count = 0};
}

sav_status sav_list_check_pictures(const sav_list *list, sav_error *err) {
    if (!list->unknown) return SAV_OK;
    for (size_t i = 0; i < list->count; i++)
        if (list->samples[i].media_count) return SAV_OK;
    sav_fail(err, SAV_BAD_INPUT, "%s: no sample has a picture, and what is not read: %s; expected \"image\"",
             list->name, list->unknown);
    sav_hint(err, "For text alone take these keys out.");
    return SAV_BAD_INPUT;
}
