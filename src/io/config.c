/* config.c: fields of a config with a sticky status. See config.h. */
#include "io/config.h"

#include <stdio.h>
#include <string.h>

const sav_json *sav_config_find(const sav_config *in, const char *key) {
    const sav_json *node = sav_json_get(in->object, key);
    return node ? node : sav_json_get(in->outer, key);
}

/* The object that holds the field: messages want its line. */
static const sav_json *holder(const sav_config *in, const char *key) {
    return sav_json_get(in->object, key) ? in->object : in->outer;
}

size_t sav_config_size(sav_config *in, const char *key, size_t absent) {
    size_t value = absent;
    if (!in->status) in->status = sav_json_size(&value, holder(in, key), key, absent, in->name, in->err);
    return value;
}

double sav_config_double(sav_config *in, const char *key, double absent) {
    double value = absent;
    if (!in->status) in->status = sav_json_double(&value, holder(in, key), key, absent, in->name, in->err);
    return value;
}

bool sav_config_bool(sav_config *in, const char *key, bool absent) {
    bool value = absent;
    if (!in->status) in->status = sav_json_bool(&value, holder(in, key), key, absent, in->name, in->err);
    return value;
}

const char *sav_config_string(sav_config *in, const char *key, const char *absent) {
    const char *value = absent;
    if (!in->status) in->status = sav_json_string(&value, holder(in, key), key, absent, in->name, in->err);
    return value;
}

void sav_config_expect(sav_config *in, const char *key, const char *absent, const char *expected) {
    const char *found = sav_config_string(in, key, absent ? absent : expected);
    if (!in->status && strcmp(found, expected) != 0)
        sav_config_fail(in, SAV_UNSUPPORTED, NULL, key, "found \"%.60s\"; expected \"%s\"", found, expected);
}

void sav_config_triple(sav_config *in, const char *key, double out[3], const double absent[3]) {
    const sav_json *node = sav_config_find(in, key), *v = node;
    memcpy(out, absent, 3 * sizeof *out);
    if (in->status || !node || node->kind == SAV_JSON_NULL) return;
    if (node->kind == SAV_JSON_ARRAY) v = node->count == 3 ? node->child : NULL;
    for (int i = 0; i < 3; i++) {
        if (!v || v->kind != SAV_JSON_NUMBER) {
            sav_config_fail(in, SAV_BAD_INPUT, node, key, "expected three numbers, or one");
            return;
        }
        out[i] = sav_json_number(v->text, v->length);
        if (v != node) v = v->next;
    }
}

void sav_config_range(sav_config *in, const char *key, size_t found, size_t most) {
    if (found < 1 || found > most)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, key), key,
                        "found %zu; expected a whole number from 1 to %zu", found, most);
}

void sav_config_no_null(sav_config *in, const char *key) {
    const sav_json *node = sav_config_find(in, key);
    if (node && node->kind == SAV_JSON_NULL)
        sav_config_fail(in, SAV_UNSUPPORTED, node, key, "found null; expected a value, or no such key");
}

void sav_config_agree(sav_config *in, const sav_json *object, const sav_json *other, const sav_keys *table,
                      const char *other_name) {
    for (const sav_json *node = object ? object->child : NULL; node && !in->status; node = node->next) {
        const sav_json *twin = sav_json_get(other, node->key);
        const sav_key *row = sav_keys_find(table, node->key);
        sav_text one = {0}, two = {0};
        if (!twin || twin->kind == SAV_JSON_NULL || !row || row->use != SAV_KEY_READ) continue;
        sav_json_put(&one, node);
        sav_json_put(&two, twin);
        if (one.failed || two.failed)
            in->status = sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory", in->name);
        else if (strcmp(one.bytes, two.bytes) != 0)
            sav_config_fail(in, SAV_BAD_INPUT, node, node->key, "found %.60s; %s says %.60s", one.bytes,
                            other_name, two.bytes);
        sav_text_free(&one);
        sav_text_free(&two);
    }
}

void sav_config_fail(sav_config *in, sav_status status, const sav_json *node, const char *key,
                     const char *format, ...) {
    char what[400], line[24] = "";
    va_list args;
    if (in->status) return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (node) snprintf(line, sizeof line, ":%u", node->line);
    in->status =
        sav_fail(in->err, status, "%s%s: %s\"%s\": %s", in->name, line, in->part ? in->part : "", key, what);
}
