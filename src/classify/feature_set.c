/* feature_set.c: a store's features for fit and predict. See feature_set.h. */
#include "classify/feature_set.h"

#include <string.h>

sav_status sav_feature_set_open(sav_feature_set *out, const char *folder, sav_error *err) {
    *out = (sav_feature_set){0};
    sav_status status = sav_store_open(&out->store, folder, err);
    if (status) return status;
    const sav_store_info *info = sav_store_describe(out->store);
    out->N = sav_store_count(out->store);
    out->L = info->L, out->H = info->H, out->d = info->d;
    if (!sav_storage_find(&out->dtype, info->dtype)) out->dtype = SAV_F32;
    out->features = sav_store_features(out->store);
    out->origin = (sav_origin){info->model, info->model_sha256, info->engine};
    out->labels = sav_alloc(out->N, sizeof *out->labels);
    if (!out->labels)
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its %zu rows", folder, out->N);
    else if (out->N == 0)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found no rows; expected what savs encode writes", folder);
    else
        status = sav_store_check(out->store, err); /* a damaged row would change the heads without a word */
    for (size_t i = 0; i < out->N && !status; i++) out->labels[i] = sav_store_at(out->store, i)->line.label;
    if (status) sav_feature_set_close(out);
    return status;
}

/* Do the rows follow each other? */
static bool are_consecutive(const size_t *rows, size_t N) {
    for (size_t i = 1; i < N; i++)
        if (rows[i] != rows[0] + i) return false;
    return true;
}

sav_status sav_feature_set_choose(sav_feature_set *set, const size_t *rows, size_t N, sav_error *err) {
    const size_t width = set->L * set->H * set->d;
    const bool in_place = N && are_consecutive(rows, N);
    const char **labels = sav_alloc(N, sizeof *labels);
    size_t floats = 0;
    float *copy = !in_place && sav_mul(&floats, N, width) ? sav_alloc(floats, sizeof *copy) : NULL;
    if (!labels || (!in_place && !copy)) {
        sav_free(labels);
        sav_free(copy);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu rows", sav_store_folder(set->store), N);
    }
    for (size_t i = 0; i < N; i++) {
        labels[i] = set->labels[rows[i]];
        if (copy) memcpy(copy + i * width, set->features + rows[i] * width, width * sizeof *copy);
    }
    if (in_place) set->features += rows[0] * width;
    if (copy) set->features = copy;
    sav_free(set->labels);
    set->labels = labels;
    set->copy = copy;
    set->N = N;
    return SAV_OK;
}

void sav_feature_set_close(sav_feature_set *set) {
    sav_free(set->copy);
    sav_free(set->labels);
    sav_store_close(set->store);
    *set = (sav_feature_set){0};
}
