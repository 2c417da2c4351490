/* config.c: fields of a config with a sticky status. See config.h. */
#include "io/config.h"

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
        in->status = sav_fail(in->err, SAV_UNSUPPORTED, "%s: \"%s\": found \"%.60s\"; expected \"%s\"",
                              in->name, key, found, expected);
}
