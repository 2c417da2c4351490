/* keys.c: the keys of a file against their table. See keys.h. */
#include "io/keys.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

enum { MOST_NAMED = 8 }; /* keys of a warning */

/* A key whose name holds one of these may change numbers: it is not passed over. */
static const char *const SUSPECT[] = {"rope",  "norm",  "eps",    "act",  "scale",   "image",
                                      "pixel", "patch", "resize", "crop", "token_id"};

static bool suspect(const char *key) {
    for (size_t i = 0; i < sizeof SUSPECT / sizeof SUSPECT[0]; i++) {
        const size_t length = strlen(SUSPECT[i]);
        for (const char *at = key; *at; at++)
            if (strncasecmp(at, SUSPECT[i], length) == 0) return true;
    }
    return false;
}

static bool fits(const char *pattern, const char *key) {
    const size_t length = strlen(pattern);
    if (length && pattern[length - 1] == '*') return strncmp(pattern, key, length - 1) == 0;
    return strcmp(pattern, key) == 0;
}

const sav_key *sav_keys_find(const sav_keys *table, const char *key) {
    for (; table; table = table->more)
        for (const sav_key *row = table->rows; row && row->name; row++)
            if (fits(row->name, key)) return row;
    return NULL;
}

/* Whether the value is one of "a|b|c". shown: it as compact JSON. */
static bool among(const char *values, const sav_json *value, const char *shown) {
    const size_t length = strlen(shown);
    for (const char *at = values; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        const size_t n = strcspn(at, "|");
        if (n == length && strncmp(at, shown, n) == 0) return true;
        if (value->kind == SAV_JSON_NUMBER && (*at == '-' || (*at >= '0' && *at <= '9')) &&
            sav_json_number(at, n) == sav_json_number(value->text, value->length))
            return true;
    }
    return false;
}

/* A walk over one file. */
typedef struct walk {
    sav_unknown_keys *unknown;
    const char *name;
    sav_error *err;
} walk;

enum { NAMED = 160 + SAV_QUOTED }; /* "level.key" */

static void put_name(char out[NAMED], const char *level, const sav_json *member) {
    char key[SAV_QUOTED];
    snprintf(out, NAMED, "%s%s%s", level, *level ? "." : "", sav_quote(key, member->key, member->key_length));
}

static sav_status refuse(const walk *w, const sav_json *member, const sav_key *row, const char *level) {
    char key[NAMED], quoted[SAV_QUOTED];
    const char *why = row && row->why ? row->why : "";
    sav_text value = {0};
    put_name(key, level, member);
    sav_json_put(&value, member);
    if (row && row->use == SAV_KEY_ONLY)
        sav_fail(w->err, SAV_UNSUPPORTED, "%s:%u: \"%s\": found %s; expected %s%s%s", w->name, member->line,
                 key, sav_quote(quoted, value.bytes ? value.bytes : "", value.length), row->values,
                 *why ? ": " : "", why);
    else
        sav_fail(w->err, SAV_UNSUPPORTED, "%s:%u: \"%s\": this key may change numbers and is not read%s%s",
                 w->name, member->line, key, *why ? "; " : "", why);
    sav_text_free(&value);
    return SAV_UNSUPPORTED;
}

static sav_status check_value(bool *allowed, const walk *w, const sav_json *member, const sav_key *row) {
    sav_text value = {0};
    sav_json_put(&value, member);
    const bool failed = value.failed;
    *allowed = !failed && among(row->values, member, value.bytes);
    sav_text_free(&value);
    return failed ? sav_fail(w->err, SAV_NO_MEMORY, "%s: no memory to look at its keys", w->name) : SAV_OK;
}

/* Objects of a list may all have the same key: it is named and counted once while names are shown. */
static void add_unknown(sav_unknown_keys *unknown, const char *level, const sav_json *member) {
    char key[NAMED], name[NAMED + 2];
    put_name(key, level, member);
    snprintf(name, sizeof name, "\"%s\"", key);
    if (unknown->names.bytes && strstr(unknown->names.bytes, name)) return;
    if (unknown->count++ < MOST_NAMED)
        sav_text_printf(&unknown->names, "%s%s", unknown->names.length ? ", " : "", name);
}

static sav_status check_object(const walk *w, const sav_json *object, const sav_keys *table,
                               const char *level);

/* What stands in a key's value: an object, or each object of a list. */
static sav_status check_members(const walk *w, const sav_json *member, const sav_key *row,
                                const char *level) {
    char inner[160];
    sav_status status = SAV_OK;
    snprintf(inner, sizeof inner, "%s%s%.60s", level, *level ? "." : "", member->key);
    if (member->kind == SAV_JSON_OBJECT) return check_object(w, member, row->members, inner);
    if (member->kind != SAV_JSON_ARRAY) return SAV_OK;
    for (const sav_json *item = member->child; item && !status; item = item->next)
        status = check_object(w, item, row->members, inner);
    return status;
}

static sav_status check_object(const walk *w, const sav_json *object, const sav_keys *table,
                               const char *level) {
    sav_status status = SAV_OK;
    if (!object || object->kind != SAV_JSON_OBJECT) return SAV_OK;
    for (const sav_json *member = object->child; member && !status; member = member->next) {
        const sav_key *row = sav_keys_find(table, member->key);
        bool refused = row && row->use == SAV_KEY_REFUSED;
        bool allowed = true;
        if (row && row->use == SAV_KEY_ONLY) status = check_value(&allowed, w, member, row);
        if (status) return status;
        refused |= !allowed;
        /* null says nothing, whatever the key: it is named all the same */
        if (!row && member->kind != SAV_JSON_NULL)
            refused = table->others == SAV_OTHERS_REFUSED ||
                      (table->others == SAV_OTHERS_SUSPECT && suspect(member->key));
        if (refused) return refuse(w, member, row, level);
        if (!row) add_unknown(w->unknown, level, member);
        if (row && row->members) status = check_members(w, member, row, level);
    }
    return status;
}

sav_status sav_keys_check(sav_unknown_keys *unknown, const sav_json *object, const sav_keys *table,
                          const char *name, sav_error *err) {
    const walk w = {unknown, name, err};
    return check_object(&w, object, table, table->level ? table->level : "");
}

void sav_keys_warn(sav_text *out, sav_unknown_keys *unknown, const char *name) {
    if (unknown->count) {
        sav_text_printf(out, "%s: %s not read: %s", name, unknown->count == 1 ? "a key is" : "keys are",
                        unknown->names.bytes ? unknown->names.bytes : "");
        if (unknown->count > MOST_NAMED) sav_text_printf(out, " and %zu more", unknown->count - MOST_NAMED);
        sav_text_string(out, "\n");
    }
    out->failed |= unknown->names.failed;
    sav_text_free(&unknown->names);
    *unknown = (sav_unknown_keys){0};
}
