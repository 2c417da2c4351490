/* baseline.h: what SAVs are compared with: one class mean of a whole vector, no heads (docs/CONTRACT.md §9).
 *
 *   vectors [N, D] with class ids -> class means [C, D] -> cosine with a test vector -> largest
 *
 * The two other baselines of a fit are fits: one head (K = 1) and all heads (K = L*H).
 */
#ifndef SAV_BASELINE_H
#define SAV_BASELINE_H

#include "base/base.h"

typedef struct sav_vectors {
    const float *values; /* vector i starts at values + i * stride */
    size_t N, D;
    size_t stride;
} sav_vectors;

/* predicted [M] = the class whose mean has the largest cosine; equal: the lower id. ids [N], -1 = left out;
 * each class 0 … C-1 has an example. All in double, means too; a zero vector has cosine 0. */
sav_status sav_baseline_class_means(int32_t *predicted, const sav_vectors *train, const int32_t *ids,
                                    size_t C, const sav_vectors *test, sav_error *err);

/* `last-layer`: the H heads of the last layer as one vector of H*d. taps [N, L, H, d]. */
sav_vectors sav_baseline_last_layer(const float *taps, size_t N, size_t L, size_t H, size_t d);

#endif
