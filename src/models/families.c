/* families.c: the table of families: config.json's "architectures" -> sav_family. See family.h. */
#include "models/family.h"

#define FAMILY(name) extern const sav_family sav_family_##name;
#include "models/families.inc"
#undef FAMILY

static const sav_family *const FAMILIES[] = {
#define FAMILY(name) &sav_family_##name,
#include "models/families.inc"
#undef FAMILY
};

enum { COUNT = sizeof FAMILIES / sizeof FAMILIES[0] };

const sav_family *sav_family_find(const sav_json *config, const char *name, sav_error *err) {
    const sav_json *list = sav_json_get(config, "architectures");
    const sav_json *first = list && list->kind == SAV_JSON_ARRAY ? list->child : NULL;
    sav_text known = {0};
    for (size_t f = 0; f < COUNT; f++)
        for (const char *const *a = FAMILIES[f]->architectures; *a; a++) {
            if (sav_json_is(first, *a)) {
                sav_text_free(&known);
                return FAMILIES[f];
            }
            sav_text_printf(&known, "%s%s", known.length ? ", " : "", *a);
        }
    sav_fail(err, SAV_UNSUPPORTED, "%s: \"architectures\": found %.80s; known are %s", name,
             first && first->kind == SAV_JSON_STRING ? first->text : "none", known.bytes ? known.bytes : "");
    sav_text_free(&known);
    return NULL;
}

const sav_family *sav_family_at(size_t i) {
    return i < COUNT ? FAMILIES[i] : NULL;
}
