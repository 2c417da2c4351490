/* feature_set.h: all features of a store, for fit and predict.
 *
 *   store -> features [N, L, H, d] where they lie on disk, labels [N], what made them
 */
#ifndef SAV_FEATURE_SET_H
#define SAV_FEATURE_SET_H

#include "classify/store.h"

typedef struct sav_feature_set {
    size_t N, L, H, d;
    sav_dtype dtype;       /* what the stage rounds to: the type the features were computed in */
    const float *features; /* [N, L, H, d] */
    /* [N], NULL: none. The array is the set's, the strings are the store's */
    const char **labels;
    const char **questions; /* [N] of the same kind */
    sav_origin origin;
    sav_store *store;
    float *copy; /* owned: features that do not stand in the store as they are wanted */
} sav_feature_set;

/* Every row's CRC is checked: a damaged row would change the heads without a word. */
sav_status sav_feature_set_open(sav_feature_set *out, const char *folder, sav_error *err);
/* Rows [N] instead of all, in this order. */
sav_status sav_feature_set_choose(sav_feature_set *set, const size_t *rows, size_t N, sav_error *err);
/* What all labelled rows were asked; NULL: not the same, or not known. */
const char *sav_feature_set_question(const sav_feature_set *set);
void sav_feature_set_close(sav_feature_set *set);

/* How many features of one sample, tap [L, width], are NaN or infinite; *layer: the first that has such. */
size_t sav_features_not_finite(size_t *layer, const float *tap, size_t L, size_t width);

#endif
