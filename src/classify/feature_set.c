/* feature_set.c: a store's features for fit and predict. See feature_set.h. */
#include "classify/feature_set.h"

#include <math.h>

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
    out->origin = (sav_origin){.model = info->model,
                               .model_sha256 = info->model_sha256,
                               .engine = info->engine,
                               .family = info->family,
                               .source_sha256 = info->source_sha256};
    out->labels = sav_alloc(out->N, sizeof *out->labels);
    out->questions = sav_alloc(out->N, sizeof *out->questions);
    if (!out->labels || !out->questions)
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its %zu rows", folder, out->N);
    else if (out->N == 0)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found no rows; expected what savs encode writes", folder);
    else
        status = sav_store_check(out->store, err); /* a damaged row would change the heads without a word */
    for (size_t i = 0; i < out->N && !status; i++) {
        out->labels[i] = sav_store_at(out->store, i)->line.label;
        out->questions[i] = sav_store_at(out->store, i)->line.question;
    }
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
    const char **labels = sav_alloc(N, sizeof *labels), **questions = sav_alloc(N, sizeof *questions);
    size_t floats = 0;
    float *copy = !in_place && sav_mul(&floats, N, width) ? sav_alloc(floats, sizeof *copy) : NULL;
    if (!labels || !questions || (!in_place && !copy)) {
        sav_free(labels);
        sav_free(questions);
        sav_free(copy);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu rows", sav_store_folder(set->store), N);
    }
    for (size_t i = 0; i < N; i++) {
        labels[i] = set->labels[rows[i]];
        questions[i] = set->questions[rows[i]];
        if (copy) memcpy(copy + i * width, set->features + rows[i] * width, width * sizeof *copy);
    }
    if (in_place) set->features += rows[0] * width;
    if (copy) set->features = copy;
    sav_free(set->labels);
    sav_free(set->questions);
    set->labels = labels;
    set->questions = questions;
    set->copy = copy;
    set->N = N;
    return SAV_OK;
}

const char *sav_feature_set_question(const sav_feature_set *set) {
    const char *question = NULL;
    for (size_t i = 0; i < set->N; i++) {
        if (!set->labels[i]) continue;
        if (!set->questions[i] || (question && strcmp(question, set->questions[i]) != 0)) return NULL;
        question = set->questions[i];
    }
    return question;
}

void sav_feature_set_close(sav_feature_set *set) {
    sav_free(set->copy);
    sav_free(set->labels);
    sav_free(set->questions);
    sav_store_close(set->store);
    *set = (sav_feature_set){0};
}

size_t sav_features_not_finite(size_t *layer, const float *tap, size_t L, size_t width) {
    size_t count = 0;
    for (size_t k = 0; k < L * width; k++) {
        if (isfinite(tap[k])) continue;
        if (!count) *layer = k / width;
        count++;
    }
    return count;
}
