/* classifier.c: a fitted classifier in memory. See classifier.h. */
#include "classify/classifier.h"

#include <string.h>

static sav_status fail_memory(sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "no memory for class means of this size");
}

sav_status sav_classifier_make(sav_classifier *classifier, sav_error *err) {
    const sav_classifier_view *v = &classifier->view;
    size_t LH, CKd;
    if (!sav_mul(&LH, v->L, v->H) || !sav_mul(&CKd, v->C, v->K) || !sav_mul(&CKd, CKd, v->d))
        return fail_memory(err);
    classifier->class_counts = sav_alloc(v->C, sizeof *classifier->class_counts);
    classifier->top_heads = sav_alloc(v->K, 2 * sizeof *classifier->top_heads);
    classifier->head_scores = sav_alloc(LH, sizeof *classifier->head_scores);
    classifier->activations = sav_alloc(CKd, sizeof *classifier->activations);
    classifier->units = sav_alloc(CKd, sizeof *classifier->units);
    if (!classifier->class_counts || !classifier->top_heads || !classifier->head_scores ||
        !classifier->activations || !classifier->units)
        return fail_memory(err);
    return SAV_OK;
}

void sav_classifier_finish(sav_classifier *classifier) {
    sav_classifier_view *v = &classifier->view;
    const sav_fit_setup stage = {.LH = v->K, .d = v->d, .C = v->C, .dtype = v->dtype, .threads = 1};
    sav_stage_units(classifier->units, classifier->activations, &stage);
    v->class_names = (const char *const *)classifier->labels.names;
    v->class_counts = classifier->class_counts;
    v->top_heads = classifier->top_heads;
    v->head_scores = classifier->head_scores;
    v->activations = classifier->activations;
    char *const *own = classifier->origin;
    v->origin = (sav_origin){own[0], own[1], own[2], own[3], own[4], own[5]};
}

const sav_classifier_view *sav_classifier_describe(const sav_classifier *classifier) {
    return &classifier->view;
}

void sav_classifier_free(sav_classifier *classifier) {
    if (!classifier) return;
    sav_labels_free(&classifier->labels);
    sav_free(classifier->class_counts);
    sav_free(classifier->top_heads);
    sav_free(classifier->head_scores);
    sav_free(classifier->activations);
    sav_free(classifier->units);
    for (size_t i = 0; i < sizeof classifier->origin / sizeof *classifier->origin; i++)
        sav_free(classifier->origin[i]);
    sav_free(classifier);
}

/* ---- which model --------------------------------------------------------------------------------------- */

static bool are_equal(const char *a, const char *b) {
    return a && b && *a && strcmp(a, b) == 0;
}

sav_kin sav_origin_kin(const sav_origin *a, const sav_origin *b) {
    if (!a->model_sha256 || !b->model_sha256) return SAV_KIN_UNKNOWN;
    if (are_equal(a->model_sha256, b->model_sha256)) return SAV_KIN_SAME;
    return are_equal(a->source_sha256, b->model_sha256) || are_equal(a->model_sha256, b->source_sha256) ||
                   are_equal(a->source_sha256, b->source_sha256)
               ? SAV_KIN_QUANTISED
               : SAV_KIN_NONE;
}

sav_status sav_classifier_check(const sav_classifier *classifier, const sav_model *model, sav_error *err) {
    const sav_classifier_view *v = &classifier->view;
    const sav_model_info *m = sav_model_describe(model);
    const sav_origin origin = {.model_sha256 = m->sha256, .source_sha256 = m->source_sha256};
    if (v->L != m->L || v->H != m->H || v->d != m->d)
        return sav_fail(
            err, SAV_BAD_INPUT,
            "the classifier was fitted on %zu layers of %zu heads of size %zu; %s has %zu of %zu of "
            "%zu",
            v->L, v->H, v->d, m->folder, m->L, m->H, m->d);
    if (sav_origin_kin(&v->origin, &origin) == SAV_KIN_NONE)
        return sav_fail(err, SAV_BAD_INPUT, "the classifier was fitted with another model, %s, than %s",
                        v->origin.model ? v->origin.model : "(not named)", m->folder);
    return SAV_OK;
}
