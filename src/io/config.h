/* config.h: a model's config read field by field, so that the list of fields can be checked beside the Python
 * class by eye.
 *
 *   sav_config in = {.object = sav_json_get(root, "vision_config"), .name = path, .err = err};
 *   c->D = sav_config_size(&in, "hidden_size", 768);
 *   c->F = sav_config_size(&in, "intermediate_size", 3072);
 *   return in.status;
 *
 * The status is sticky: the first field of a wrong kind or range is the error, which names file, line and
 * key, and every field after it has its default.
 */
#ifndef SAV_CONFIG_H
#define SAV_CONFIG_H

#include "io/keys.h"

typedef struct sav_config {
    const sav_json *object; /* NULL: every field is absent */
    const sav_json *outer;  /* where a field is looked up that `object` lacks; NULL: nowhere */
    const char *name;       /* of the file */
    /* stands in front of keys in messages of sav_config_fail and _expect: "vision "; NULL: nothing */
    const char *part;
    sav_status status;
    sav_error *err;
} sav_config;

/* The field's node, in `object` or `outer`; NULL when absent. */
const sav_json *sav_config_find(const sav_config *in, const char *key);

/* Values with a default for a field that is absent or null. */
size_t sav_config_size(sav_config *in, const char *key, size_t absent);
double sav_config_double(sav_config *in, const char *key, double absent);
bool sav_config_bool(sav_config *in, const char *key, bool absent);
const char *sav_config_string(sav_config *in, const char *key, const char *absent);
/* A string of which one value is known here; `absent` NULL: the same. Another one: SAV_UNSUPPORTED. */
void sav_config_expect(sav_config *in, const char *key, const char *absent, const char *expected);
/* Three numbers, or one that stands for all three. */
void sav_config_triple(sav_config *in, const char *key, double out[3], const double absent[3]);
/* A size that is read already: from 1 to `most`. */
void sav_config_range(sav_config *in, const char *key, size_t found, size_t most);
/* null where the library fails, or its versions disagree about what it means. */
void sav_config_no_null(sav_config *in, const char *key);
/* Keys that `table` says are read and that `object` and `other` both have: the same values. */
void sav_config_agree(sav_config *in, const sav_json *object, const sav_json *other, const sav_keys *table,
                      const char *other_name);
/* Any other complaint: "NAME[:LINE]: PART\"KEY\": …"; node may be NULL. Nothing when the status is set
 * already. */
void sav_config_fail(sav_config *in, sav_status status, const sav_json *node, const char *key,
                     const char *format, ...) SAV_PRINTF(5, 6);

/* What every config of the library holds, whatever its class: behind a class's own rows. */
extern const sav_keys sav_config_keys;

#endif
