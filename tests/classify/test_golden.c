/* test_golden.c: the stage against golden/sav: sums, means, cosines, hits, heads, votes, predictions, all
 * bits, three types.
 *
 * Each file runs twice: step by step through stage.h, and, where it has no validation split of its own,
 * through sav_fit and sav_predict.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"
#include "classify/stage.h"
#include "io/json.h"
#include "io/safetensors.h"

typedef struct golden {
    const char *name;
    sav_safetensors *file;
    sav_json_doc *meta;
    size_t N, M, L, H, d, C, K;
    sav_dtype dtype;
    const char *labels[64]; /* class names by id */
} golden;

static const sav_tensor *tensor_of(const golden *g, const char *name) {
    const sav_tensor *t = sav_safetensors_find(g->file, name);
    if (!t) printf("%s: no %s\n", g->name, name);
    return t;
}

/* Fresh copies of a tensor, widened; NULL when it is absent. */
static float *floats_of(const golden *g, const char *name) {
    const sav_tensor *t = tensor_of(g, name);
    float *out = t ? sav_alloc(t->count + 1, sizeof *out) : NULL;
    for (size_t i = 0; out && i < t->count; i++) out[i] = sav_tensor_float(t, i);
    return out;
}

static int32_t *integers_of(const golden *g, const char *name) {
    const sav_tensor *t = tensor_of(g, name);
    int32_t *out = t ? sav_alloc(t->count + 1, sizeof *out) : NULL;
    for (size_t i = 0; out && i < t->count; i++) out[i] = (int32_t)sav_tensor_integer(t, i);
    return out;
}

static void check_floats(const golden *g, const char *name, const float *got) {
    char title[120];
    float *want = floats_of(g, name);
    snprintf(title, sizeof title, "%s: %s", g->name, name);
    if (CHECK(want != NULL)) check_bits(got, want, tensor_of(g, name)->count, title);
    sav_free(want);
}

static void check_integers(const golden *g, const char *name, const int32_t *got) {
    int32_t *want = integers_of(g, name);
    const size_t count = want ? tensor_of(g, name)->count : 0;
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) wrong += got[i] != want[i];
    if (wrong) printf("%s: %s: %zu of %zu differ\n", g->name, name, wrong, count);
    CHECK(count && !wrong);
    sav_free(want);
}

static int64_t number_of(const golden *g, const sav_json *object, const char *key) {
    const sav_json *node = sav_json_get(object, key);
    int64_t value = -1; /* null, as of a cut with nothing outside */
    if (!node) printf("%s: no %s\n", g->name, key);
    CHECK(node != NULL);
    sav_json_integer(&value, node);
    return value;
}

static bool golden_open(golden *g, const char *path) {
    sav_error err;
    *g = (golden){.name = path};
    if (!CHECK_OK(sav_safetensors_open(&g->file, path, &err), &err)) return false;
    const char *text = sav_safetensors_metadata(g->file, "savs");
    if (!CHECK(text != NULL)) return false;
    if (!CHECK_OK(sav_json_parse(&g->meta, text, strlen(text), path, 1, NULL, &err), &err)) return false;
    const sav_json *root = sav_json_root(g->meta);
    for (const sav_json *label = sav_json_get(root, "labels")->child; label && g->C < 64; label = label->next)
        g->labels[g->C++] = label->text;
    g->K = (size_t)number_of(g, root, "K");
    const sav_tensor *x = tensor_of(g, "sav.features"), *t = tensor_of(g, "sav.test_features");
    if (!CHECK(x && t && x->rank == 4 && t->rank == 4)) return false;
    g->N = x->shape[0];
    g->L = x->shape[1];
    g->H = x->shape[2];
    g->d = x->shape[3];
    g->M = t->shape[0];
    g->dtype = x->dtype;
    return true;
}

static void golden_close(golden *g) {
    sav_json_free(g->meta);
    sav_safetensors_close(g->file);
}

/* cosines [N, L*H, C] of every example and head. */
static void all_cosines(float *cosines, const float *x, const float *units, const sav_fit_setup *stage) {
    const size_t d = stage->d, C = stage->C, LH = stage->LH;
    sav_stage_scratch scratch = {sav_alloc(d, sizeof(float)), sav_alloc(C, sizeof(double)), NULL};
    for (size_t i = 0; i < stage->N * LH; i++) {
        scratch.cosines = cosines + i * C;
        sav_stage_cosines(&scratch, x + i * d, units + i % LH * d * C, stage);
    }
    sav_free(scratch.unit), sav_free(scratch.sum);
}

/* Means, cosines, hits, selection; top [K] flat heads. */
static void check_fit_steps(const golden *g, int32_t *top) {
    const size_t LH = g->L * g->H;
    const sav_fit_setup stage = {g->N, LH, g->d, g->C, g->dtype, 2};
    const sav_json *root = sav_json_root(g->meta), *cut_meta = sav_json_get(root, "cut");
    float *x = floats_of(g, "sav.features"), *means = sav_alloc(g->C * LH * g->d, sizeof *means);
    float *units = sav_alloc(g->C * LH * g->d, sizeof *units),
          *cosines = sav_alloc(g->N * LH * g->C, sizeof *cosines);
    int32_t *ids = integers_of(g, "sav.label_ids"), *held = integers_of(g, "sav.validation");
    int32_t *fit = integers_of(g, "sav.label_ids"), *counts = sav_alloc(g->C, sizeof *counts);
    int32_t *hits = sav_alloc(LH, sizeof *hits), *pairs = sav_alloc(g->K, 2 * sizeof *pairs);
    sav_stage_report report;
    sav_stage_cut cut;
    sav_error err;
    bool split = false;
    for (size_t n = 0; n < g->N; n++) split |= held[n] != 0;
    for (size_t n = 0; n < g->N; n++)
        if (held[n]) fit[n] = -1;
    sav_stage_sums(means, counts, x, fit, &stage);
    check_floats(g, "sav.class_sums", means);
    check_integers(g, "sav.class_counts", counts);
    sav_stage_means(means, means, counts, &stage);
    check_floats(g, "sav.class_means", means);
    sav_stage_units(units, means, &stage);
    all_cosines(cosines, x, units, &stage);
    check_floats(g, "sav.cosines", cosines);
    for (size_t n = 0; n < g->N; n++)
        if (split && !held[n]) ids[n] = -1;
    CHECK_OK(sav_stage_hits(hits, &report, x, ids, units, &stage, &err), &err);
    check_integers(g, "sav.head_counts", hits);
    CHECK((int64_t)report.nan_cosines == number_of(g, root, "fit_nan_cosines"));
    CHECK_OK(sav_stage_select(top, &cut, hits, LH, g->K, &err), &err);
    for (size_t r = 0; r < g->K; r++) {
        pairs[2 * r] = top[r] / (int32_t)g->H;
        pairs[2 * r + 1] = top[r] % (int32_t)g->H;
    }
    check_integers(g, "sav.top_heads", pairs);
    CHECK(cut.count == number_of(g, cut_meta, "count") && cut.next == number_of(g, cut_meta, "next"));
    CHECK((int64_t)cut.tied == number_of(g, cut_meta, "tied") &&
          (int64_t)cut.taken == number_of(g, cut_meta, "taken"));
    sav_free(x), sav_free(means), sav_free(units), sav_free(cosines);
    sav_free(ids), sav_free(held), sav_free(fit), sav_free(counts), sav_free(hits), sav_free(pairs);
}

/* Cosines and votes of the golden's own means on its test features. */
static void check_vote_steps(const golden *g, const int32_t *top) {
    const size_t LH = g->L * g->H;
    const sav_fit_setup stage = {1, LH, g->d, g->C, g->dtype, 1};
    const sav_json *root = sav_json_root(g->meta);
    float *means = floats_of(g, "sav.class_means"), *x = floats_of(g, "sav.test_features");
    float *units = sav_alloc(g->C * LH * g->d, sizeof *units);
    float *cosines = sav_alloc(g->M * g->K * g->C, sizeof *cosines);
    sav_stage_scratch scratch = {sav_alloc(g->d, sizeof(float)), sav_alloc(g->C, sizeof(double)), NULL};
    int32_t *head_votes = sav_alloc(g->M * g->K, sizeof *head_votes),
            *votes = sav_alloc(g->M * g->C, sizeof *votes);
    int32_t *winners = sav_alloc(g->M, sizeof *winners), *margins = sav_alloc(g->M, sizeof *margins);
    size_t near_ties = 0, nans = 0;
    sav_stage_units(units, means, &stage);
    for (size_t m = 0; m < g->M; m++) {
        sav_prediction prediction;
        for (size_t r = 0; r < g->K; r++) {
            const size_t f = (size_t)top[r];
            scratch.cosines = cosines + (m * g->K + r) * g->C;
            sav_stage_cosines(&scratch, x + (m * LH + f) * g->d, units + f * g->d * g->C, &stage);
            const sav_vote vote = sav_stage_vote(scratch.cosines, &stage);
            head_votes[m * g->K + r] = vote.choice;
            near_ties += vote.near_tie;
            nans += vote.nan;
        }
        sav_stage_winner(&prediction, votes + m * g->C, head_votes + m * g->K, g->K, g->C);
        winners[m] = (int32_t)prediction.winner;
        margins[m] = (int32_t)prediction.margin;
    }
    check_floats(g, "sav.test_cosines", cosines);
    check_integers(g, "sav.head_votes", head_votes);
    check_integers(g, "sav.votes", votes);
    check_integers(g, "sav.predictions", winners);
    check_integers(g, "sav.margins", margins);
    CHECK((int64_t)near_ties == number_of(g, root, "near_ties") &&
          (int64_t)nans == number_of(g, root, "nan_cosines"));
    sav_free(means), sav_free(x), sav_free(units), sav_free(scratch.unit), sav_free(cosines),
        sav_free(scratch.sum);
    sav_free(head_votes), sav_free(votes), sav_free(winners), sav_free(margins);
}

static void check_predictions(const golden *g, const sav_classifier *classifier) {
    float *x = floats_of(g, "sav.test_features");
    int32_t *head_votes = sav_alloc(g->M * g->K, sizeof *head_votes),
            *votes = sav_alloc(g->M * g->C, sizeof *votes);
    int32_t *winners = sav_alloc(g->M, sizeof *winners);
    sav_error err;
    for (size_t m = 0; m < g->M; m++) {
        sav_prediction p;
        if (!CHECK_OK(sav_predict(&p, votes + m * g->C, head_votes + m * g->K, classifier,
                                  x + m * g->L * g->H * g->d, &err),
                      &err))
            break;
        winners[m] = (int32_t)p.winner;
    }
    check_integers(g, "sav.head_votes", head_votes);
    check_integers(g, "sav.votes", votes);
    check_integers(g, "sav.predictions", winners);
    sav_free(x), sav_free(head_votes), sav_free(votes), sav_free(winners);
}

/* The same by the public calls, labels as strings. */
static void check_public(const golden *g) {
    const size_t shape[4] = {g->N, g->L, g->H, g->d};
    const sav_fit_options options = {.K = g->K, .dtype = g->dtype};
    float *x = floats_of(g, "sav.features");
    int32_t *ids = integers_of(g, "sav.label_ids"), *held = integers_of(g, "sav.validation");
    const char **labels = sav_alloc(g->N, sizeof *labels);
    sav_classifier *classifier = NULL;
    sav_error err;
    bool split = false;
    for (size_t n = 0; n < g->N; n++) {
        labels[n] = g->labels[ids[n]];
        split |= held[n] != 0;
    }
    if (!split && CHECK_OK(sav_fit(&classifier, x, labels, shape, &options, &err), &err)) {
        const sav_classifier_view *v = sav_classifier_describe(classifier);
        CHECK_SIZE(v->C, g->C);
        for (size_t c = 0; c < g->C; c++) CHECK_STR(v->class_names[c], g->labels[c]);
        check_integers(g, "sav.top_heads", v->top_heads);
        check_floats(g, "sav.head_scores", v->head_scores);
        check_integers(g, "sav.class_counts", v->class_counts);
        check_predictions(g, classifier);
    }
    sav_classifier_free(classifier);
    sav_free(x), sav_free(ids), sav_free(held), sav_free(labels);
}

int main(void) {
    char **names, path[300];
    size_t count = 0, files = 0;
    sav_error err;
    if (!CHECK_OK(sav_os_list(&names, &count, "golden/sav", &err), &err)) return check_report("golden");
    for (size_t i = 0; i < count; i++) {
        golden g;
        if (!strstr(names[i], ".safetensors")) continue;
        snprintf(path, sizeof path, "golden/sav/%s", names[i]);
        if (golden_open(&g, path)) {
            int32_t *top = sav_alloc(g.K, sizeof *top);
            check_fit_steps(&g, top);
            check_vote_steps(&g, top);
            check_public(&g);
            sav_free(top);
            files++;
        }
        golden_close(&g);
    }
    sav_os_names_free(names, count);
    CHECK(files >= 36);
    return check_report("golden");
}
