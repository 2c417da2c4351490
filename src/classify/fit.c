/* fit.c: features and labels -> the heads that vote.
 *
 *   labels -> ids -> (validation split) -> sums -> means -> units -> hits -> selection -> activations, scores
 *
 * The arithmetic: stage.c; the rules for ties and rounding: docs/CONTRACT.md.
 */
#include <math.h>
#include <string.h>

#include "base/round.h"
#include "base/utf8.h"
#include "classify/classifier.h"
#include "classify/random.h"
#include "kernels/float_mode.h"
#include "kernels/parallel.h"

/* What a fit needs between its steps. */
typedef struct work {
    sav_fit_setup stage;
    int32_t *ids;       /* [N] class, -1 = left out */
    int32_t *fit_ids;   /* [N] the part that makes the means */
    int32_t *score_ids; /* [N] the part that scores the heads */
    int32_t *hits;      /* [L*H] */
    int32_t *top;       /* [K] flat heads */
    float *means;       /* [C, L*H, d] */
    float *units;       /* [L*H, d, C] */
    size_t *draw;       /* [3, N] members, pool and picks of a validation draw */
    sav_stage_report report;
    sav_stage_cut cut;
} work;

static void work_free(work *w) {
    sav_free(w->ids);
    sav_free(w->fit_ids);
    sav_free(w->score_ids);
    sav_free(w->hits);
    sav_free(w->top);
    sav_free(w->means);
    sav_free(w->units);
    sav_free(w->draw);
}

static sav_status fail_memory(sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "no memory for class means of this size");
}

/* ---- what is asked for --------------------------------------------------------------------------------- */

static sav_status check_shape(const size_t shape[4], sav_error *err) {
    size_t values = shape[0];
    bool fits = shape[0] <= INT32_MAX;
    for (size_t i = 1; i < 4; i++) fits = fits && sav_mul(&values, values, shape[i]);
    if (fits && values && values <= SIZE_MAX / sizeof(float) && shape[1] * shape[2] <= INT32_MAX)
        return SAV_OK;
    return sav_fail(err, SAV_BAD_INPUT,
                    "found features [%zu, %zu, %zu, %zu]; expected [examples, layers, heads, size]", shape[0],
                    shape[1], shape[2], shape[3]);
}

static sav_status check_options(const sav_fit_options *options, sav_error *err) {
    if (!sav_is_storage(options->dtype))
        return sav_fail(err, SAV_BAD_INPUT, "the stage computes in f32, bf16 or f16");
    if (!(options->validation >= 0 && options->validation < 1))
        return sav_fail(err, SAV_BAD_INPUT, "found a validation share of %g; expected one between 0 and 1",
                        options->validation);
    return sav_threads_check(options->threads, err);
}

static sav_status check_K(size_t K, size_t L, size_t H, sav_error *err) {
    if (K <= L * H) return SAV_OK;
    sav_fail(err, SAV_BAD_INPUT, "found --heads %zu; this model has %zu heads (%zu layers of %zu)", K, L * H,
             L, H);
    sav_hint(err, "choose --heads between 1 and %zu", L * H);
    return SAV_BAD_INPUT;
}

/* ---- labels -> ids ------------------------------------------------------------------------------------- */

/* Class ids in order of first appearance. */
static sav_status number_labels(int32_t *ids, sav_labels *known, const char *const *labels, size_t N,
                                sav_error *err) {
    for (size_t n = 0, id = 0; n < N; n++) {
        ids[n] = -1;
        if (!labels[n]) continue;
        sav_status status = sav_utf8_check(labels[n], strlen(labels[n]), "label", err);
        if (!status) status = sav_labels_add(&id, known, labels[n], err);
        if (status) return status;
        ids[n] = (int32_t)id;
    }
    if (!known->count)
        return sav_fail(err, SAV_BAD_INPUT, "found no labelled examples to fit on; expected at least one");
    return SAV_OK;
}

/* Of each class with n > 1 examples, a draw of floor(n * share), at least 1, moves from the fit part to the
 * scoring part. */
static sav_status split(work *w, const sav_fit_options *options, sav_error *err) {
    const size_t N = w->stage.N;
    size_t *members = w->draw, *pool = members + N, *picks = pool + N, moved = 0;
    sav_random random;
    sav_random_seed(&random, options->seed);
    for (size_t n = 0; n < N; n++) w->score_ids[n] = -1;
    for (size_t c = 0; c < w->stage.C; c++) {
        size_t size = 0;
        for (size_t n = 0; n < N; n++)
            if (w->ids[n] == (int32_t)c) members[size++] = n;
        if (size < 2) continue;
        const size_t wanted = (size_t)((double)size * options->validation);
        const size_t share = wanted < 1 ? 1 : sav_min(wanted, size - 1);
        sav_random_sample(picks, &random, pool, size, share);
        for (size_t i = 0; i < share; i++) {
            w->score_ids[members[picks[i]]] = (int32_t)c;
            w->fit_ids[members[picks[i]]] = -1;
        }
        moved += share;
    }
    if (!moved)
        return sav_fail(err, SAV_BAD_INPUT,
                        "found one example in every class; a validation split needs two in at least one");
    return SAV_OK;
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

/* Once N, L*H, d and C are known. */
static sav_status work_make(work *w, size_t K, sav_error *err) {
    const sav_fit_setup *stage = &w->stage;
    size_t values;
    if (!sav_mul(&values, stage->C, stage->LH) || !sav_mul(&values, values, stage->d))
        return fail_memory(err);
    w->fit_ids = sav_alloc(stage->N, sizeof *w->fit_ids);
    w->score_ids = sav_alloc(stage->N, sizeof *w->score_ids);
    w->hits = sav_alloc(stage->LH, sizeof *w->hits);
    w->top = sav_alloc(K, sizeof *w->top);
    w->means = sav_alloc(values, sizeof *w->means);
    w->units = sav_alloc(values, sizeof *w->units);
    w->draw = sav_alloc(stage->N, 3 * sizeof *w->draw);
    if (!w->fit_ids || !w->score_ids || !w->hits || !w->top || !w->means || !w->units || !w->draw)
        return fail_memory(err);
    memcpy(w->fit_ids, w->ids, stage->N * sizeof *w->ids);
    memcpy(w->score_ids, w->ids, stage->N * sizeof *w->ids);
    return SAV_OK;
}

/* features -> class means, hits of every head, the K best. */
static sav_status select_heads(work *w, int32_t *class_counts, const float *features, size_t K,
                               sav_error *err) {
    const sav_fit_setup *stage = &w->stage;
    sav_stage_sums(w->means, class_counts, features, w->fit_ids, stage);
    sav_stage_means(w->means, w->means, class_counts, stage);
    sav_stage_units(w->units, w->means, stage);
    sav_status status = sav_stage_hits(w->hits, &w->report, features, w->score_ids, w->units, stage, err);
    return status ? status : sav_stage_select(w->top, &w->cut, w->hits, stage->LH, K, err);
}

/* Scores of all heads, the means of the selected ones, how clear the selection was. */
static void collect(sav_classifier *out, const work *w) {
    sav_classifier_view *v = &out->view;
    const size_t d = v->d, LH = w->stage.LH;
    for (size_t n = 0; n < w->stage.N; n++) v->scored += w->score_ids[n] >= 0;
    for (size_t f = 0; f < LH; f++)
        out->head_scores[f] = sav_round_f32((double)w->hits[f] / (double)v->scored);
    for (size_t r = 0; r < v->K; r++) {
        const size_t f = (size_t)w->top[r];
        out->top_heads[2 * r] = (int32_t)(f / v->H);
        out->top_heads[2 * r + 1] = (int32_t)(f % v->H);
        for (size_t c = 0; c < v->C; c++)
            memcpy(out->activations + (c * v->K + r) * d, w->means + (c * LH + f) * d, d * sizeof(float));
    }
    v->cut_count = w->cut.count;
    v->cut_next = w->cut.next;
    v->cut_tied = w->cut.tied;
    v->cut_taken = w->cut.taken;
    v->near_ties = w->report.near_ties;
    v->nan_cosines = w->report.nan_cosines;
}

/* The view has L, H, d, K and dtype. */
static sav_status fit(sav_classifier *out, work *w, const float *features, const char *const *labels,
                      const sav_fit_options *options, sav_error *err) {
    sav_classifier_view *v = &out->view;
    w->ids = sav_alloc(w->stage.N, sizeof *w->ids);
    if (!w->ids) return fail_memory(err);
    sav_status status = number_labels(w->ids, &out->labels, labels, w->stage.N, err);
    if (status) return status;
    v->C = out->labels.count;
    w->stage.C = v->C;
    status = sav_classifier_make(out, err);
    if (!status) status = work_make(w, v->K, err);
    if (!status && options->validation > 0) status = split(w, options, err);
    if (!status) status = select_heads(w, out->class_counts, features, v->K, err);
    if (status) return status;
    collect(out, w);
    sav_classifier_finish(out);
    return SAV_OK;
}

sav_status sav_fit(sav_classifier **out, const float *features, const char *const *labels,
                   const size_t shape[4], const sav_fit_options *options, sav_error *err) {
    static const sav_fit_options defaults = {0};
    *out = NULL;
    if (!options) options = &defaults;
    const size_t K = options->K ? options->K : SAV_DEFAULT_K;
    sav_status status = sav_float_mode_check(err);
    if (!status) status = check_shape(shape, err);
    if (!status) status = check_options(options, err);
    if (!status) status = check_K(K, shape[1], shape[2], err);
    if (status) return status;
    sav_classifier *classifier = sav_alloc(1, sizeof *classifier);
    if (!classifier) return fail_memory(err);
    classifier->view =
        (sav_classifier_view){.L = shape[1], .H = shape[2], .d = shape[3], .K = K, .dtype = options->dtype};
    work w = {.stage = {.N = shape[0],
                        .LH = shape[1] * shape[2],
                        .d = shape[3],
                        .dtype = options->dtype,
                        .threads = options->threads}};
    status = fit(classifier, &w, features, labels, options, err);
    if (status)
        sav_classifier_free(classifier);
    else
        *out = classifier;
    work_free(&w);
    return status;
}
