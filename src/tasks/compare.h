/* compare.h: two dumps stage by stage: which is the first stage, in execution order, whose bits differ?
 *
 *   file A, file B (, truth) -> stages in execution order, each: where, shapes, how many elements differ,
 *       how far
 *
 * Bits: -0 differs from +0, a NaN equals a NaN. Files of different types are compared as numbers. The
 * execution order is what the files' metadata say (`savs`, member `stages`); a file without it follows the
 * other one's.
 */
#ifndef SAV_COMPARE_H
#define SAV_COMPARE_H

#include "base/base.h"

typedef enum sav_compare_kind {
    SAV_COMPARE_EQUAL,  /* same shape and type, every bit */
    SAV_COMPARE_VALUES, /* same shape; elements differ, or the type does */
    SAV_COMPARE_SHAPES, /* the shapes differ: nothing was compared */
    SAV_COMPARE_ONLY_A, /* the other file lacks it */
    SAV_COMPARE_ONLY_B
} sav_compare_kind;

typedef struct sav_compare_stage {
    const char *name;
    sav_compare_kind kind;
    char shape[160];         /* "[32, 64] F32", or both where they differ */
    bool integers;           /* ids, positions, heads: equal or wrong, never close */
    size_t count, differ;    /* elements, and those that differ */
    size_t first;            /* flat index of the first that differs */
    double first_a, first_b; /* and its values */
    size_t nan_a, nan_b;     /* NaNs, where the other file has none there */
    /* |a - b| at most; |a - b|_2 / |a|_2; NaN where a NaN stands against a number */
    double max_abs, rel_l2;
    bool has_truth;          /* the truth has this stage in this shape */
    double truth_a, truth_b; /* |a - t|_2 / |t|_2 and the same of b */
} sav_compare_stage;

typedef struct sav_comparison sav_comparison;

/* truth may be NULL. */
sav_status sav_compare_open(sav_comparison **out, const char *a, const char *b, const char *truth,
                            sav_error *err);
void sav_compare_free(sav_comparison *comparison); /* NULL is fine */
size_t sav_compare_count(const sav_comparison *comparison);
const sav_compare_stage *sav_compare_at(const sav_comparison *comparison, size_t i); /* in execution order */
/* The stages at which the files differ: any bit, or with limit >= 0 more than that as rel-L2 (integers:
 * any). */
bool sav_compare_differs(const sav_compare_stage *stage, double limit);

/* What a safetensors file is, by its tensors. */
bool sav_compare_is_classifier(const char *path);

#endif
