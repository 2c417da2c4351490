/* engine_list.c: the kernel table in words. See engine_list.h. */
#include "tasks/engine_list.h"

#include <string.h>

#include "kernels/kernels.h"

void sav_engines_describe(sav_text *out) {
    const char *last = "";
    for (size_t i = 0; sav_kernels_at(i); i++) {
        const sav_kernels *row = sav_kernels_at(i);
        if (strcmp(row->engine, last) == 0)
            sav_text_printf(out, ", %s", row->isa);
        else
            sav_text_printf(out, "%sengine %s: %s", i ? "\n" : "", row->engine, row->isa);
        last = row->engine;
    }
    sav_text_string(out, "\n");
}

static const char *name_of(const sav_kernels *row, bool isa) {
    return isa ? row->isa : row->engine;
}

void sav_engines_names(sav_text *out, bool isas) {
    for (size_t i = 0; sav_kernels_built(i); i++) {
        const sav_kernels *row = sav_kernels_built(i);
        size_t first = 0;
        while (strcmp(name_of(sav_kernels_built(first), isas), name_of(row, isas)) != 0) first++;
        if (first == i) sav_text_printf(out, "%s%s", i ? "|" : "", name_of(row, isas));
    }
}

const char *sav_engines_instead(const char *engine, sav_dtype R) {
    const sav_kernels *row = sav_kernels_find(engine, NULL, NULL);
    return row && !(row->computes & SAV_BIT(R)) ? sav_kernels_default(R, 0) : NULL;
}

sav_status sav_engines_check(const char *engine, const char *isa, sav_dtype R, sav_error *err) {
    return sav_kernels_choose(engine, isa, R, 0, err) ||
                   sav_kernels_choose(engine, isa, R, SAV_BIT(SAV_U8), NULL)
               ? SAV_OK
               : SAV_UNSUPPORTED;
}
