/* stage.h: the arithmetic of Sparse Attention Vectors, step by step (docs/CONTRACT.md §9).
 *
 *   features [N, L*H, d] -> class sums [C, L*H, d] -> class means
 *       -> cosines [C] of one head and one example -> argmax
 *   -> hits [L*H] -> selection [K]
 *
 * R is the stage's type: values of bf16 and f16 travel in floats, every operation computes in double and
 * rounds once. One implementation for every engine: equal features give equal heads and votes. OpenMP splits
 * heads, never sums, so the results are the same at any number of threads.
 */
#ifndef SAV_STAGE_H
#define SAV_STAGE_H

#include "base/base.h"

typedef struct sav_fit_setup {
    size_t N;
    size_t LH; /* L*H heads, flat: l*H + h */
    size_t d, C;
    sav_dtype dtype; /* R */
    int threads;     /* 0 = OpenMP's default */
} sav_fit_setup;

/* One head's opinion of one example. */
typedef struct sav_vote {
    int32_t choice; /* first class of the largest cosine; NaN counts as larger than everything */
    bool near_tie;  /* best and second best differ by no more than the tolerance of R */
    bool nan;       /* a cosine is NaN */
} sav_vote;

/* ids[n] = class of example n, -1 = not used. Sums are taken in list order. counts [C] may be NULL. */
void sav_stage_sums(float *sums, int32_t *counts, const float *features, const int32_t *ids,
                    const sav_fit_setup *stage);
/* may be in place */
void sav_stage_means(float *means, const float *sums, const int32_t *counts, const sav_fit_setup *stage);

/* The unit vectors of the class means, laid out for the loop over classes: means [C, L*H, d] -> units
 * [L*H, d, C]. */
void sav_stage_units(float *units, const float *means, const sav_fit_setup *stage);

/* What one head's comparison with one example needs. */
typedef struct sav_stage_scratch {
    float *unit;    /* [d] the example as a unit vector */
    double *sum;    /* [C] */
    float *cosines; /* [C] the result */
} sav_stage_scratch;

sav_status sav_stage_scratch_make(sav_stage_scratch *out, const sav_fit_setup *stage, sav_error *err);
void sav_stage_scratch_free(sav_stage_scratch *scratch);

/* scratch->cosines [C] of x [d] with one head's units [d, C]. */
void sav_stage_cosines(sav_stage_scratch *scratch, const float *x, const float *units,
                       const sav_fit_setup *stage);
sav_vote sav_stage_vote(const float *cosines, const sav_fit_setup *stage);
double sav_stage_tolerance(sav_dtype dtype); /* of near ties: 2^-20, 2^-8, 2^-11 */

typedef struct sav_stage_report {
    size_t near_ties, nan_cosines; /* (example, head) pairs */
} sav_stage_report;

/* hits [L*H]: how many examples each head puts into their class. */
sav_status sav_stage_hits(int32_t *hits, sav_stage_report *report, const float *features, const int32_t *ids,
                          const float *units, const sav_fit_setup *stage, sav_error *err);

typedef struct sav_stage_cut {
    int32_t count, next; /* hits at rank K, and most hits outside; next = -1 when all heads are selected */
    /* heads with `count` hits, and how many of them are selected; ambiguous if tied > taken */
    size_t tied, taken;
} sav_stage_cut;

/* top [K]: the heads with most hits; equal hits: the higher flat index first. */
sav_status sav_stage_select(int32_t *top, sav_stage_cut *cut, const int32_t *hits, size_t LH, size_t K,
                            sav_error *err);

/* votes [C] from head_votes [K] in rank order; the winner has most votes, a tie goes to the one whose first
 * vote came first. Fills winner and margin, its votes less the runner-up's. */
void sav_stage_winner(sav_prediction *out, int32_t *votes, const int32_t *head_votes, size_t K, size_t C);

#endif
