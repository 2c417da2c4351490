/* compare_fits.c: two fitted classifiers, or two feature stores. See compare_fits.h. */
#include "tasks/compare_fits.h"

#include <math.h>
#include <string.h>

#include "classify/feature_set.h"

/* |a - b|² and |a|², gathered piece by piece. */
typedef struct distance {
    double gap, norm;
    size_t count, differ;
} distance;

static void add_distance(distance *sum, const float *a, const float *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const double x = (double)a[i], y = (double)b[i];
        sum->norm += x * x;
        if (sav_same(x, y)) continue;
        sum->gap += x == y ? 0 : (x - y) * (x - y);
        sum->differ++;
    }
    sum->count += count;
}

static double relative(const distance *sum) {
    return sum->gap == 0 ? 0 : sqrt(sum->gap / sum->norm);
}

/* ---- two classifiers ----------------------------------------------------------------------------------- */

static bool same_classes(const sav_classifier_view *a, const sav_classifier_view *b) {
    if (a->C != b->C) return false;
    for (size_t c = 0; c < a->C; c++)
        if (strcmp(a->class_names[c], b->class_names[c]) != 0 || a->class_counts[c] != b->class_counts[c])
            return false;
    return true;
}

/* Rank of a head among those that vote; K when it does not. */
static size_t rank_of(const sav_classifier_view *v, int32_t layer, int32_t head) {
    size_t k = 0;
    while (k < v->K && (v->top_heads[2 * k] != layer || v->top_heads[2 * k + 1] != head)) k++;
    return k;
}

static void compare_selected(sav_classifier_difference *out, const sav_classifier_view *a,
                             const sav_classifier_view *b) {
    distance means = {0};
    const size_t d = a->d;
    out->same_order = a->K == b->K;
    for (size_t k = 0; k < a->K; k++) {
        const size_t other = rank_of(b, a->top_heads[2 * k], a->top_heads[2 * k + 1]);
        if (other != k) out->same_order = false;
        if (other == b->K) continue;
        out->common++;
        for (size_t c = 0; out->same_classes && d == b->d && c < a->C; c++)
            add_distance(&means, a->activations + (c * a->K + k) * d, b->activations + (c * b->K + other) * d,
                         d);
    }
    out->means = means.count;
    out->means_differ = means.differ;
    out->means_rel_l2 = relative(&means);
}

void sav_compare_classifiers(sav_classifier_difference *out, const sav_classifier *classifier_a,
                             const sav_classifier *classifier_b) {
    const sav_classifier_view *a = sav_classifier_describe(classifier_a),
                              *b = sav_classifier_describe(classifier_b);
    *out = (sav_classifier_difference){.same_classes = same_classes(a, b), .K_a = a->K, .K_b = b->K};
    compare_selected(out, a, b);
    const bool same_model = a->L == b->L && a->H == b->H && a->d == b->d;
    if (same_model) {
        distance scores = {0};
        add_distance(&scores, a->head_scores, b->head_scores, a->L * a->H);
        out->scores = scores.count;
        out->scores_differ = scores.differ;
    }
    out->equal = same_model && out->same_classes && out->same_order && a->dtype == b->dtype &&
                 !out->scores_differ && !out->means_differ;
}

/* ---- two stores ---------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void compare_rows(sav_stores_difference *out, const sav_feature_set *a, const sav_feature_set *b) {
    const size_t row = a->L * a->H * a->d, rows = a->N < b->N ? a->N : b->N;
    distance all = {0};
    bool same_labels = true;
    for (size_t i = 0; i < rows; i++) {
        const size_t before = all.differ;
        add_distance(&all, a->features + i * row, b->features + i * row, row);
        out->rows_differ += all.differ != before;
        out->samples_differ += strcmp(sav_store_at(a->store, i)->sample, sav_store_at(b->store, i)->sample) !=
                               0;
        same_labels = same_labels && same_text(a->labels[i], b->labels[i]);
    }
    out->rel_l2 = relative(&all);
    out->equal = same_labels && a->N == b->N && !out->rows_differ;
}

static sav_status fit(sav_classifier **out, const sav_feature_set *set, size_t K, sav_error *err) {
    const size_t shape[4] = {set->N, set->L, set->H, set->d};
    const sav_fit_options options = {.K = K, .dtype = set->dtype};
    return sav_fit(out, set->features, set->labels, shape, &options, err);
}

/* Each classifier votes on its own rows. */
static sav_status compare_votes(sav_stores_difference *out, const sav_feature_set *a,
                                const sav_feature_set *b, const sav_classifier *classifier_a,
                                const sav_classifier *classifier_b, sav_error *err) {
    const sav_classifier_view *va = sav_classifier_describe(classifier_a),
                              *vb = sav_classifier_describe(classifier_b);
    const size_t row = a->L * a->H * a->d, rows = a->N < b->N ? a->N : b->N;
    const size_t K = va->K, C = va->C > vb->C ? va->C : vb->C;
    int32_t *votes = sav_alloc(C + 2 * K, sizeof *votes);
    sav_status status = votes ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "no memory for %zu votes", K);
    int32_t *votes_a = votes + C, *votes_b = votes + C + K;
    for (size_t i = 0; i < rows && !status; i++) {
        sav_prediction pa, pb;
        status = sav_predict(&pa, votes, votes_a, classifier_a, a->features + i * row, err);
        if (!status) status = sav_predict(&pb, votes, votes_b, classifier_b, b->features + i * row, err);
        if (status) break;
        out->flipped += strcmp(va->class_names[pa.winner], vb->class_names[pb.winner]) != 0;
        for (size_t k = 0; k < K; k++) {
            if (memcmp(va->top_heads + 2 * k, vb->top_heads + 2 * k, 2 * sizeof *va->top_heads) != 0)
                continue;
            out->votes++;
            out->votes_differ += strcmp(va->class_names[votes_a[k]], vb->class_names[votes_b[k]]) != 0;
        }
    }
    sav_free(votes);
    return status;
}

static bool any_label(const sav_feature_set *set) {
    for (size_t i = 0; i < set->N; i++)
        if (set->labels[i]) return true;
    return false;
}

static sav_status compare_sets(sav_stores_difference *out, const sav_feature_set *a, const sav_feature_set *b,
                               size_t K, sav_error *err) {
    sav_classifier *classifier_a = NULL, *classifier_b = NULL;
    if (a->L != b->L || a->H != b->H || a->d != b->d)
        return sav_fail(
            err, SAV_BAD_INPUT,
            "%s and %s: found %zu layers of %zu heads of size %zu and %zu of %zu of %zu; expected one shape",
            sav_store_folder(a->store), sav_store_folder(b->store), a->L, a->H, a->d, b->L, b->H, b->d);
    *out = (sav_stores_difference){.rows_a = a->N, .rows_b = b->N};
    compare_rows(out, a, b);
    if (!any_label(a) || !any_label(b)) return SAV_OK;
    out->fitted = true;
    out->K = K ? K : sav_min(a->L * a->H, SAV_DEFAULT_K);
    sav_status status = fit(&classifier_a, a, out->K, err);
    if (!status) status = fit(&classifier_b, b, out->K, err);
    if (!status) sav_compare_classifiers(&out->classifiers, classifier_a, classifier_b);
    if (!status) status = compare_votes(out, a, b, classifier_a, classifier_b, err);
    sav_classifier_free(classifier_a);
    sav_classifier_free(classifier_b);
    return status;
}

sav_status sav_compare_stores(sav_stores_difference *out, const char *a, const char *b, size_t K,
                              sav_error *err) {
    sav_feature_set set_a, set_b;
    sav_status status = sav_feature_set_open(&set_a, a, err);
    if (status) return status;
    status = sav_feature_set_open(&set_b, b, err);
    if (!status) {
        status = compare_sets(out, &set_a, &set_b, K, err);
        sav_feature_set_close(&set_b);
    }
    sav_feature_set_close(&set_a);
    return status;
}
