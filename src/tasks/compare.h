/* compare.h: two dumps stage by stage: which is the first stage, in execution order, whose bits differ, and
 * which is the first that differs by more than float noise?
 *
 *   file A, file B (, truth) -> stages in execution order, each: where, shapes, how many elements differ,
 *       how far, noise or not
 *
 * Bits: -0 differs from +0, a NaN equals a NaN. Files of different types are compared as numbers. Dimensions
 * of one do not count: [1, T, D] is [T, D]. Of the final norm and of lm_head the last row is compared where
 * only one file has all rows. The execution order is what the files' metadata say (`savs`, member `stages`);
 * a file without it follows the other one's. Names of other programs: compare_names.h.
 */
#ifndef SAV_COMPARE_H
#define SAV_COMPARE_H

#include "io/safetensors.h"

typedef enum sav_compare_kind {
    SAV_COMPARE_EQUAL,  /* same shape and type, every bit */
    SAV_COMPARE_VALUES, /* same shape; elements differ, or the type does */
    SAV_COMPARE_SHAPES, /* the shapes differ: nothing was compared */
    SAV_COMPARE_ONLY_A, /* the other file lacks it */
    SAV_COMPARE_ONLY_B
} sav_compare_kind;

/* Values of one element. */
typedef struct sav_compare_element {
    size_t index; /* flat, among those compared */
    double a, b;
} sav_compare_element;

typedef struct sav_compare_stage {
    const char *name; /* as the file writes it whose order leads */
    sav_compare_kind kind;
    char shape[192];      /* "[32, 64] F32", or both where they differ */
    bool integers;        /* ids, positions, heads: equal or wrong, never close */
    size_t count, differ; /* elements, and those that differ */
    /* of those that differ the first, and the one with the largest |a - b| */
    sav_compare_element first, farthest;
    size_t nan_a, nan_b; /* NaNs, where the other file has none there */
    /* |a - b| at most; |a - b|_2 / |a|_2; NaN where a NaN stands against a number */
    double max_abs, rel_l2;
    sav_dtype precision; /* of the coarser file, by its values: bf16 stays bf16 when it is written as F32 */
    bool noise;          /* equal, or no farther than roundings explain: sav_mark_noise */
    bool has_truth;      /* the truth has this stage in this shape */
    double truth_a, truth_b; /* |a - t|_2 / |t|_2 and the same of b */
} sav_compare_stage;

typedef struct sav_comparison sav_comparison;

/* truth may be NULL. */
sav_status sav_compare_open(sav_comparison **out, const char *a, const char *b, const char *truth,
                            sav_error *err);
/* The same of opened files: A, B, and a truth or NULL. They are closed with it, and at once when it fails. */
sav_status sav_compare_parsed(sav_comparison **out, sav_safetensors *const files[3], sav_error *err);
void sav_compare_free(sav_comparison *comparison); /* NULL is fine */
size_t sav_compare_count(const sav_comparison *comparison);
const sav_compare_stage *sav_compare_at(const sav_comparison *comparison, size_t i); /* in execution order */
/* The stages at which the files differ: any bit, or with limit >= 0 more than that as rel-L2 (integers:
 * any). */
bool sav_compare_differs(const sav_compare_stage *stage, double limit);

/* Stages that the two files name differently; how, by sav_stage_changes, for each file. */
size_t sav_compare_renamed(uint32_t *changes_a, uint32_t *changes_b, const sav_comparison *comparison);

/* What a safetensors file is, by its tensors. */
bool sav_compare_is_classifier(const char *path);

#endif
