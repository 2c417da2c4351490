/* feature_set.c: a store's features for fit and predict. See feature_set.h. */
#include "classify/feature_set.h"

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

void sav_feature_set_close(sav_feature_set *set) {
    sav_free(set->labels);
    sav_store_close(set->store);
    *set = (sav_feature_set){0};
}
