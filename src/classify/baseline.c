/* baseline.c: class means of whole vectors. See baseline.h. */
#include "classify/baseline.h"

#include <math.h>

sav_vectors sav_baseline_last_layer(const float *taps, size_t N, size_t L, size_t H, size_t d) {
    const size_t width = H * d;
    return (sav_vectors){taps + (L - 1) * width, N, width, L * width};
}

static void add_means(double *means, size_t *counts, const sav_vectors *train, const int32_t *ids, size_t C) {
    const size_t D = train->D;
    for (size_t n = 0; n < train->N; n++) {
        if (ids[n] < 0) continue;
        double *mean = means + (size_t)ids[n] * D;
        const float *x = train->values + n * train->stride;
        counts[ids[n]]++;
        for (size_t k = 0; k < D; k++) mean[k] += (double)x[k];
    }
    for (size_t c = 0; c < C; c++)
        for (size_t k = 0; k < D; k++) means[c * D + k] /= (double)counts[c];
}

/* The query's own norm is the same for every class, so only the mean's divides. */
static int32_t nearest(const double *means, const double *norms, const float *x, size_t D, size_t C) {
    double best = 0;
    int32_t choice = 0;
    for (size_t c = 0; c < C; c++) {
        double dot = 0;
        for (size_t k = 0; k < D; k++) dot += means[c * D + k] * (double)x[k];
        const double score = norms[c] > 0 ? dot / norms[c] : 0;
        if (c == 0 || score > best) {
            best = score;
            choice = (int32_t)c;
        }
    }
    return choice;
}

sav_status sav_baseline_class_means(int32_t *predicted, const sav_vectors *train, const int32_t *ids,
                                    size_t C, const sav_vectors *test, sav_error *err) {
    const size_t D = train->D;
    const ptrdiff_t M = (ptrdiff_t)test->N;
    size_t values = 0;
    double *means = sav_mul(&values, C, D) ? sav_alloc(values, sizeof *means) : NULL;
    double *norms = sav_alloc(C, sizeof *norms);
    size_t *counts = sav_alloc(C, sizeof *counts);
    sav_status status = SAV_OK;
    if (!means || !norms || !counts) {
        status = sav_fail(err, SAV_NO_MEMORY, "no memory for %zu class means of %zu values", C, D);
        goto done;
    }
    add_means(means, counts, train, ids, C);
    for (size_t c = 0; c < C; c++) {
        for (size_t k = 0; k < D; k++) norms[c] += means[c * D + k] * means[c * D + k];
        norms[c] = sqrt(norms[c]);
    }
#pragma omp parallel for schedule(static)
    for (ptrdiff_t m = 0; m < M; m++)
        predicted[m] = nearest(means, norms, test->values + (size_t)m * test->stride, D, C);
done:
    sav_free(means);
    sav_free(norms);
    sav_free(counts);
    return status;
}
