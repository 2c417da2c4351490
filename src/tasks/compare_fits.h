/* compare_fits.h: two fitted classifiers, or two feature stores: where do heads, votes and predictions part?
 *
 *   sav.safetensors A, B -> classes, heads, scores, means
 *   store A, B -> features row by row -> each fitted on its own rows
 *       -> heads, votes, predictions of its own rows
 */
#ifndef SAV_COMPARE_FITS_H
#define SAV_COMPARE_FITS_H

#include "base/base.h"

typedef struct sav_classifier_difference {
    bool equal;              /* every bit of all below */
    bool same_classes;       /* names in the same order, with the same numbers of examples */
    size_t K_a, K_b, common; /* heads that vote, and those that vote in both */
    bool same_order;
    size_t scores, scores_differ; /* heads of the model whose scores differ; 0 of 0 when the shapes do */
    /* elements of the means of the common heads; 0 of 0 when the classes differ */
    size_t means, means_differ;
    double means_rel_l2; /* |a - b|_2 / |a|_2 over them */
} sav_classifier_difference;

void sav_compare_classifiers(sav_classifier_difference *out, const sav_classifier *a,
                             const sav_classifier *b);

typedef struct sav_stores_difference {
    bool equal;            /* the same rows, every bit, and the same labels */
    size_t rows_a, rows_b; /* what stands in only one of them is not compared */
    size_t samples_differ; /* rows that are of another sample */
    size_t rows_differ;    /* rows with another bit */
    double rel_l2;         /* |a - b|_2 / |a|_2 over all */
    bool fitted;           /* both have labels: the rest is there */
    size_t K;              /* heads that vote in each fit */
    sav_classifier_difference classifiers;
    size_t votes, votes_differ; /* a vote a row and rank, where both ranks have the same head */
    size_t flipped;             /* rows whose prediction differs */
} sav_stores_difference;

/* K: heads that vote in each fit; 0: 20, or all where there are fewer. */
sav_status sav_compare_stores(sav_stores_difference *out, const char *a, const char *b, size_t K,
                              sav_error *err);

#endif
