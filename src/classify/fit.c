/* fit.c: features and labels -> the heads that vote; a tap -> its class.
 *
 *   labels -> ids -> (validation split) -> sums -> means -> units -> hits -> selection -> activations, scores
 *   tap -> one vote of each selected head -> winner
 *
 * The rule: reference/sav.md §4; the arithmetic: stage.c.
 */
#include <math.h>
#include <string.h>

#include "base/round.h"
#include "classify/classifier.h"
#include "classify/random.h"

/* ---- the classifier ------------------------------------------------------------------------------------ */

static sav_status fail_memory(sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "no memory for class means of this size");
}

static bool product(size_t *out, const size_t *factors, size_t count) {
    *out = 1;
    for (size_t i = 0; i < count; i++)
        if (!sav_mul(out, *out, factors[i])) return false;
    return true;
}

sav_status sav_classifier_make(sav_classifier *heads, sav_error *err) {
    const sav_classifier_view *v = &heads->view;
    const size_t shape[3] = {v->C, v->K, v->d};
    size_t all, values;
    if (!sav_mul(&all, v->L, v->H) || !product(&values, shape, 3)) return fail_memory(err);
    heads->class_counts = sav_alloc(v->C, sizeof *heads->class_counts);
    heads->top_heads = sav_alloc(v->K, 2 * sizeof *heads->top_heads);
    heads->head_scores = sav_alloc(all, sizeof *heads->head_scores);
    heads->activations = sav_alloc(values, sizeof *heads->activations);
    heads->units = sav_alloc(values, sizeof *heads->units);
    if (!heads->class_counts || !heads->top_heads || !heads->head_scores || !heads->activations ||
        !heads->units)
        return fail_memory(err);
    return SAV_OK;
}

void sav_classifier_finish(sav_classifier *heads) {
    sav_classifier_view *v = &heads->view;
    const sav_fit_setup stage = {0, v->K, v->d, v->C, v->dtype, 1};
    sav_stage_units(heads->units, heads->activations, &stage);
    v->class_names = (const char *const *)heads->labels.names;
    v->class_counts = heads->class_counts;
    v->top_heads = heads->top_heads;
    v->head_scores = heads->head_scores;
    v->activations = heads->activations;
    v->origin = (sav_origin){heads->model, heads->model_sha256, heads->engine};
}

const sav_classifier_view *sav_classifier_describe(const sav_classifier *heads) {
    return &heads->view;
}

void sav_classifier_free(sav_classifier *heads) {
    if (!heads) return;
    sav_labels_free(&heads->labels);
    sav_free(heads->class_counts);
    sav_free(heads->top_heads);
    sav_free(heads->head_scores);
    sav_free(heads->activations);
    sav_free(heads->units);
    sav_free(heads->model);
    sav_free(heads->model_sha256);
    sav_free(heads->engine);
    sav_free(heads);
}

/* ---- fit ----------------------------------------------------------------------------------------------- */

/* What a fit needs between its steps. */
typedef struct work {
    int32_t *ids;       /* [N] class, -1 = left out */
    int32_t *fit_ids;   /* [N] the part that makes the means */
    int32_t *score_ids; /* [N] the part that scores the heads */
    int32_t *hits;      /* [L*H] */
    int32_t *top;       /* [K] flat heads */
    float *means;       /* [C, L*H, d] */
    float *units;       /* [L*H, d, C] */
    size_t *draw;       /* [3, N] members, pool and picks of a validation draw */
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

static sav_status check_options(const sav_fit_options *options, const size_t shape[4], size_t *selected,
                                sav_error *err) {
    size_t values;
    if (!product(&values, shape, 4) || !values || values > SIZE_MAX / sizeof(float) || shape[0] > INT32_MAX ||
        shape[1] * shape[2] > INT32_MAX)
        return sav_fail(err, SAV_BAD_INPUT,
                        "found features [%zu, %zu, %zu, %zu]; expected [examples, layers, heads, size]",
                        shape[0], shape[1], shape[2], shape[3]);
    if (options->dtype != SAV_F32 && options->dtype != SAV_BF16 && options->dtype != SAV_F16)
        return sav_fail(err, SAV_BAD_INPUT, "the stage computes in f32, bf16 or f16");
    if (!(options->validation >= 0 && options->validation < 1))
        return sav_fail(err, SAV_BAD_INPUT, "found a validation share of %g; expected one between 0 and 1",
                        options->validation);
    *selected = options->K ? options->K : 20;
    if (*selected > shape[1] * shape[2]) {
        sav_fail(err, SAV_BAD_INPUT, "found --heads %zu; this model has %zu heads (%zu layers of %zu)",
                 *selected, shape[1] * shape[2], shape[1], shape[2]);
        sav_hint(err, "choose --heads between 1 and %zu", shape[1] * shape[2]);
        return SAV_BAD_INPUT;
    }
    return SAV_OK;
}

/* Class ids in order of first appearance. */
static sav_status number_labels(int32_t *ids, sav_labels *known, const char *const *labels, size_t count,
                                sav_error *err) {
    for (size_t n = 0, id = 0; n < count; n++) {
        ids[n] = -1;
        if (!labels[n]) continue;
        sav_status status = sav_labels_add(&id, known, labels[n], err);
        if (status) return status;
        ids[n] = (int32_t)id;
    }
    if (!known->count)
        return sav_fail(err, SAV_BAD_INPUT, "found no labelled examples to fit on; expected at least one");
    return SAV_OK;
}

/* Of each class with n > 1 examples, a draw of floor(n * share), at least 1, moves from the fit part to the
 * scoring part. */
static sav_status split(work *w, size_t count, size_t classes, const sav_fit_options *options,
                        sav_error *err) {
    size_t *members = w->draw, *pool = members + count, *picks = pool + count, moved = 0;
    sav_random random;
    sav_random_seed(&random, options->seed);
    for (size_t n = 0; n < count; n++) w->score_ids[n] = -1;
    for (size_t c = 0; c < classes; c++) {
        size_t size = 0;
        for (size_t n = 0; n < count; n++)
            if (w->ids[n] == (int32_t)c) members[size++] = n;
        if (size < 2) continue;
        size_t share = (size_t)((double)size * options->validation);
        share = share < 1 ? 1 : share >= size ? size - 1 : share;
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

static sav_status make_work(work *w, const sav_fit_setup *stage, size_t selected, sav_error *err) {
    const size_t shape[3] = {stage->C, stage->LH, stage->d};
    size_t values;
    if (!product(&values, shape, 3)) return fail_memory(err);
    w->fit_ids = sav_alloc(stage->N, sizeof *w->fit_ids);
    w->score_ids = sav_alloc(stage->N, sizeof *w->score_ids);
    w->hits = sav_alloc(stage->LH, sizeof *w->hits);
    w->top = sav_alloc(selected, sizeof *w->top);
    w->means = sav_alloc(values, sizeof *w->means);
    w->units = sav_alloc(values, sizeof *w->units);
    w->draw = sav_alloc(stage->N, 3 * sizeof *w->draw);
    if (!w->fit_ids || !w->score_ids || !w->hits || !w->top || !w->means || !w->units || !w->draw)
        return fail_memory(err);
    memcpy(w->fit_ids, w->ids, stage->N * sizeof *w->ids);
    memcpy(w->score_ids, w->ids, stage->N * sizeof *w->ids);
    return SAV_OK;
}

/* Scores of all heads, and the means of the selected ones. */
static void collect(sav_classifier *heads, const work *w, const sav_fit_setup *stage) {
    sav_classifier_view *v = &heads->view;
    const size_t d = stage->d;
    for (size_t n = 0; n < stage->N; n++) v->scored += w->score_ids[n] >= 0;
    for (size_t f = 0; f < stage->LH; f++)
        heads->head_scores[f] = sav_round_f32((double)w->hits[f] / (double)v->scored);
    for (size_t r = 0; r < v->K; r++) {
        const size_t f = (size_t)w->top[r];
        heads->top_heads[2 * r] = (int32_t)(f / v->H);
        heads->top_heads[2 * r + 1] = (int32_t)(f % v->H);
        for (size_t c = 0; c < v->C; c++)
            memcpy(heads->activations + (c * v->K + r) * d, w->means + (c * stage->LH + f) * d,
                   d * sizeof(float));
    }
}

sav_status sav_fit(sav_classifier **out, const float *features, const char *const *labels,
                   const size_t shape[4], const sav_fit_options *options, sav_error *err) {
    static const sav_fit_options defaults = {0};
    size_t selected = 0;
    work w = {0};
    sav_classifier *heads = NULL;
    sav_stage_cut cut;
    sav_stage_report report;
    *out = NULL;
    if (!options) options = &defaults;
    sav_status status = check_options(options, shape, &selected, err);
    if (status) return status;
    sav_fit_setup stage = {shape[0], shape[1] * shape[2], shape[3], 0, options->dtype, options->threads};
    heads = sav_alloc(1, sizeof *heads);
    w.ids = sav_alloc(shape[0], sizeof *w.ids);
    if (!heads || !w.ids) {
        status = fail_memory(err);
        goto done;
    }
    if ((status = number_labels(w.ids, &heads->labels, labels, shape[0], err))) goto done;
    stage.C = heads->labels.count;
    heads->view = (sav_classifier_view){
        .L = shape[1], .H = shape[2], .d = shape[3], .C = stage.C, .K = selected, .dtype = options->dtype};
    if ((status = sav_classifier_make(heads, err)) || (status = make_work(&w, &stage, selected, err)))
        goto done;
    if (options->validation > 0 && (status = split(&w, shape[0], stage.C, options, err))) goto done;

    sav_stage_sums(w.means, heads->class_counts, features, w.fit_ids, &stage);
    sav_stage_means(w.means, w.means, heads->class_counts, &stage);
    sav_stage_units(w.units, w.means, &stage);
    if ((status = sav_stage_hits(w.hits, NULL, &report, features, w.score_ids, w.units, &stage, err)))
        goto done;
    if ((status = sav_stage_select(w.top, &cut, w.hits, stage.LH, selected, err))) goto done;
    collect(heads, &w, &stage);
    heads->view.cut_count = cut.count;
    heads->view.cut_next = cut.next;
    heads->view.cut_tied = cut.tied;
    heads->view.cut_taken = cut.taken;
    heads->view.near_ties = report.near_ties;
    heads->view.nan_cosines = report.nan_cosines;
    sav_classifier_finish(heads);
    *out = heads;
    heads = NULL;
done:
    sav_classifier_free(heads);
    work_free(&w);
    return status;
}

/* ---- predict ------------------------------------------------------------------------------------------- */

sav_status sav_predict(sav_prediction *out, int32_t *votes, int32_t *head_votes, const sav_classifier *heads,
                       const float *tap, sav_error *err) {
    const sav_classifier_view *v = &heads->view;
    const size_t d = v->d, C = v->C;
    const sav_fit_setup stage = {1, v->K, d, C, v->dtype, 1};
    sav_status status = SAV_OK;
    float *unit = sav_alloc(d, sizeof *unit), *cosines = sav_alloc(C, sizeof *cosines);
    double *sum = sav_alloc(C, sizeof *sum);
    if (!unit || !cosines || !sum) {
        status = sav_fail(err, SAV_NO_MEMORY, "no memory to vote on %zu classes", C);
        goto done;
    }
    *out = (sav_prediction){0, 0, 0, 0};
    for (size_t r = 0; r < v->K; r++) {
        const size_t f = (size_t)v->top_heads[2 * r] * v->H + (size_t)v->top_heads[2 * r + 1];
        sav_stage_cosines(cosines, tap + f * d, heads->units + r * d * C, unit, sum, &stage);
        const sav_vote vote = sav_stage_vote(cosines, &stage);
        head_votes[r] = vote.choice;
        out->near_ties += vote.near_tie;
        out->nan_cosines += vote.nan;
    }
    sav_stage_winner(&out->winner, &out->margin, votes, head_votes, v->K, C);
done:
    sav_free(sum);
    sav_free(cosines);
    sav_free(unit);
    return status;
}
