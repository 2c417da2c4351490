/* test_engines.c: the rows of all engines as a table: what each says of itself holds together, and the choice
 * of one asks nothing else. */
#include <string.h>

#include "../check.h"
#include "kernels/kernels.h"

static const sav_dtype TYPES[] = {SAV_F32, SAV_BF16, SAV_F16};
static const unsigned PACKED = SAV_BIT(SAV_U8);

/* An engine that has a row for every CPU runs on every CPU. */
static void test_rows(void) {
    for (size_t i = 0; sav_kernels_built(i); i++) {
        const sav_kernels *row = sav_kernels_built(i), *before = i ? sav_kernels_built(i - 1) : NULL;
        CHECK(sav_kernels_find(row->engine, NULL, NULL) != NULL);
        CHECK(row->linear && row->attention && row->activation && row->scratch);
        CHECK(row->computes & SAV_BIT(SAV_F32) && !(row->needs & ~row->reads));
        for (size_t j = 0; j < i; j++) {
            const sav_kernels *other = sav_kernels_built(j);
            const bool same = strcmp(other->engine, row->engine) == 0;
            CHECK(!same || strcmp(other->isa, row->isa) != 0);
            CHECK(!same || strcmp(before->engine, row->engine) == 0); /* rows of an engine lie together */
            CHECK(!same || (other->computes == row->computes && other->defaults == row->defaults &&
                            other->reads == row->reads && other->needs == row->needs));
        }
        if (!row->rest) continue;
        const sav_kernels *rest = sav_kernels_find(row->rest, NULL, NULL); /* takes what this one leaves */
        CHECK(rest && !rest->rest && !(row->reads & ~row->needs & ~rest->reads));
    }
}

/* Each R and each kind of folder has one engine for those who name none, whatever the order of the table. */
static void test_defaults(void) {
    for (size_t t = 0; t < sizeof TYPES / sizeof *TYPES; t++)
        for (int packed = 0; packed < 2; packed++) {
            const unsigned holds = packed ? PACKED : 0;
            const char *engine = sav_kernels_default(TYPES[t], holds);
            CHECK(engine != NULL);
            for (size_t i = 0; engine && sav_kernels_built(i); i++) {
                const sav_kernels *row = sav_kernels_built(i);
                const bool claims = sav_kernels_fit(row, holds) && row->defaults & SAV_BIT(TYPES[t]);
                CHECK(claims == (strcmp(row->engine, engine) == 0));
            }
        }
    CHECK(sav_kernels_default(SAV_I64, 0) == NULL);
}

static void test_choice(void) {
    static const struct {
        const char *engine, *isa;
        sav_dtype R;
        bool packed;
        const char *found, *error; /* one of them */
    } rows[] = {
        {NULL, NULL, SAV_F32, false, "panel", NULL},
        {NULL, NULL, SAV_BF16, false, "exact", NULL},
        {NULL, NULL, SAV_F16, false, "exact", NULL},
        {NULL, NULL, SAV_F32, true, "int8", NULL},
        {"exact", "c", SAV_F32, true, "exact", NULL}, /* the caller tells that it does not fit */
        {"int8", NULL, SAV_F32, false, "int8", NULL},
        {NULL, NULL, SAV_BF16, true, NULL, "the int8 engine computes in f32; bf16 and f16 are the exact"},
        {"panel", NULL, SAV_F16, false, NULL, "the panel engine computes in f32"},
        {NULL, NULL, SAV_I64, false, NULL, "expected f32, bf16 or f16"},
        {NULL, "sse9", SAV_F32, false, NULL, "engine panel, ISA sse9: found no such kernels"},
        {"gpu", NULL, SAV_F32, false, NULL, "engine gpu: found no such kernels"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_error err = {0};
        const unsigned holds = rows[i].packed ? PACKED : 0;
        const sav_kernels *got = sav_kernels_choose(rows[i].engine, rows[i].isa, rows[i].R, holds, &err);
        CHECK((got != NULL) == (rows[i].found != NULL));
        if (got && rows[i].found) CHECK_STR(got->engine, rows[i].found);
        if (rows[i].error) CHECK(strstr(err.message, rows[i].error) != NULL);
    }
}

static void test_fit(void) {
    const sav_kernels *exact = sav_kernels_find("exact", "c", NULL);
    const sav_kernels *int8 = sav_kernels_find("int8", "c", NULL);
    if (!CHECK(exact && int8)) return;
    CHECK(sav_kernels_fit(exact, 0) && !sav_kernels_fit(exact, PACKED));
    CHECK(!sav_kernels_fit(int8, 0) && sav_kernels_fit(int8, PACKED));
    CHECK(!sav_kernels_fit(int8, PACKED | SAV_BIT(SAV_I32))); /* another one's format */
}

int main(void) {
    test_rows();
    test_defaults();
    test_choice();
    test_fit();
    return check_report("engines");
}
