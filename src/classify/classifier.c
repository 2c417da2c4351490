/* classifier.c: a fitted classifier in memory. See classifier.h. */
#include "classify/classifier.h"

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
    v->origin = (sav_origin){classifier->model, classifier->model_sha256, classifier->engine};
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
    sav_free(classifier->model);
    sav_free(classifier->model_sha256);
    sav_free(classifier->engine);
    sav_free(classifier);
}
