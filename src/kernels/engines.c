/* engines.c: the choice of a row of kernels. An engine's own file has its rows, and they say what it can do;
 * which engines there are stands in engines.inc.
 *
 *   engine, isa, R, what the folder holds -> rows -> the one to run
 */
#include <stdio.h>
#include <string.h>

#include "kernels/kernels.h"

#define ENGINE(name) extern const sav_kernels *const sav_engine_##name[];
#include "kernels/engines.inc"
#undef ENGINE

static const sav_kernels *const *const ENGINES[] = {
#define ENGINE(name) sav_engine_##name,
#include "kernels/engines.inc"
#undef ENGINE
};

const sav_kernels *sav_kernels_built(size_t i) {
    size_t before = 0; /* rows of the engines before */
    for (size_t e = 0; e < sizeof ENGINES / sizeof *ENGINES; e++) {
        size_t rows = 0;
        for (; ENGINES[e][rows]; rows++)
            if (before + rows == i) return ENGINES[e][rows];
        before += rows;
    }
    return NULL;
}

const sav_kernels *sav_kernels_at(size_t i) {
    size_t here = 0;
    for (size_t row = 0; sav_kernels_built(row); row++) {
        if (!sav_kernels_built(row)->runs_here()) continue;
        if (here == i) return sav_kernels_built(row);
        here++;
    }
    return NULL;
}

/* Rows that run here, as "exact avx2, exact c, …"; too many: the list is cut. */
static void list_rows(char *list, size_t size) {
    *list = 0;
    for (size_t i = 0; sav_kernels_at(i); i++) {
        const sav_kernels *row = sav_kernels_at(i);
        const size_t used = strlen(list);
        snprintf(list + used, size - used, "%s%s %s", used ? ", " : "", row->engine, row->isa);
    }
}

const sav_kernels *sav_kernels_find(const char *engine, const char *isa, sav_error *err) {
    char list[200];
    for (size_t i = 0; sav_kernels_built(i); i++) {
        const sav_kernels *row = sav_kernels_built(i);
        if (strcmp(row->engine, engine) == 0 && (!isa || strcmp(row->isa, isa) == 0) && row->runs_here())
            return row;
    }
    list_rows(list, sizeof list);
    sav_fail(err, SAV_UNSUPPORTED,
             "engine %s%s%s: found no such kernels in this program on this CPU; expected one of: %s", engine,
             isa ? ", ISA " : "", isa ? isa : "", list);
    return NULL;
}

bool sav_kernels_fit(const sav_kernels *kernels, unsigned holds) {
    return !(holds & ~kernels->reads) && !(kernels->needs & ~holds);
}

const char *sav_kernels_default(sav_dtype R, unsigned holds) {
    for (size_t i = 0; R <= SAV_F16 && sav_kernels_built(i); i++) {
        const sav_kernels *row = sav_kernels_built(i);
        if (sav_kernels_fit(row, holds) && row->defaults & SAV_BIT(R)) return row->engine;
    }
    return NULL;
}

const sav_kernels *sav_kernels_choose(const char *engine, const char *isa, sav_dtype R, unsigned holds,
                                      sav_error *err) {
    const char *usual = sav_kernels_default(R, 0);
    if (!engine) engine = sav_kernels_default(R, holds);
    if (!usual || !engine) {
        sav_fail(err, SAV_BAD_INPUT, "storage type: expected f32, bf16 or f16");
        return NULL;
    }
    const sav_kernels *row = sav_kernels_find(engine, isa, err);
    if (!row || row->computes & SAV_BIT(R)) return row;
    sav_fail(err, SAV_BAD_INPUT,
             "storage type: the %s engine computes in f32; bf16 and f16 are the %s engine's", engine, usual);
    return NULL;
}
