/* fitting.c: labelled features -> a classifier. See fitting.h. */
#include "cli/fitting.h"

#include <string.h>

#include "classify/labels.h"

void sav_cli_warn_few(sav_cli *cli, size_t few) {
    if (few)
        sav_console_warn(cli->console, "%zu class%s fewer than %zu examples: all are used", few,
                         few == 1 ? " has" : "es have", cli->shots);
}

sav_status sav_cli_check_heads(const sav_cli *cli, size_t L, size_t H, sav_error *err) {
    const size_t wanted = cli->heads ? cli->heads : SAV_DEFAULT_K;
    if (wanted <= L * H) return SAV_OK;
    sav_fail(err, SAV_BAD_INPUT, "--heads %zu: the model has %zu heads (%zu layers of %zu)", wanted, L * H, L,
             H);
    sav_hint(err, "ask for fewer with --heads");
    return SAV_BAD_INPUT;
}

/* The first example behind cosines that are NaN. */
static void warn_nan(sav_cli *cli, const sav_feature_set *examples, size_t nan, size_t compared) {
    const size_t width = examples->H * examples->d;
    size_t n = 0, layer = 0, count = 0;
    for (; n < examples->N && !count && !cli->warned_of_nan; n++) /* or it has been named */
        if (examples->labels[n])
            count = sav_features_not_finite(&layer, examples->features + n * examples->L * width, examples->L,
                                            width);
    if (count)
        sav_console_warn(
            cli->console,
            "%zu of %zu comparisons of a training example with the class means are NaN: of the "
            "features of example %zu (from 0), %zu of %zu are infinite or NaN, from layer %zu on",
            nan, compared, n - 1, count, examples->L * width, layer);
    else
        sav_console_warn(cli->console,
                         "%zu of %zu comparisons of a training example with the class means are NaN", nan,
                         compared);
}

/* A mean of one example is that example: its own head score says nothing. */
static void warn_weak(sav_cli *cli, const sav_classifier_view *classifier, const sav_feature_set *examples) {
    const size_t compared = classifier->scored * classifier->L * classifier->H;
    size_t single = 0, first = 0;
    for (size_t c = classifier->C; c-- > 0;)
        if (classifier->class_counts[c] == 1) {
            single++;
            first = c;
        }
    if (single == 1)
        sav_console_warn(cli->console,
                         "class \"%s\" has one example: its score in the choice of heads is vacuous",
                         classifier->class_names[first]);
    else if (single)
        sav_console_warn(cli->console,
                         "%zu classes, \"%s\" the first, have one example: their scores in the choice of "
                         "heads are vacuous",
                         single, classifier->class_names[first]);
    if (classifier->C == 1)
        sav_console_warn(cli->console, "there is one class, \"%s\": every prediction will be that",
                         classifier->class_names[0]);
    if (classifier->nan_cosines) warn_nan(cli, examples, classifier->nan_cosines, compared);
    if (compared && classifier->C > 1 && classifier->near_ties == compared)
        sav_console_warn(cli->console,
                         "every head puts every training example as near to two classes: the features do not "
                         "tell the classes apart (are weights or pictures empty?)");
}

sav_status sav_cli_fit(sav_classifier **out, sav_cli *cli, const sav_feature_set *examples, sav_error *err) {
    const size_t shape[4] = {examples->N, examples->L, examples->H, examples->d};
    const sav_fit_options options = {.K = cli->heads,
                                     .dtype = examples->dtype,
                                     .validation = cli->validation,
                                     .seed = cli->seed,
                                     .threads = (int)cli->threads};
    sav_status status = sav_cli_check_heads(cli, examples->L, examples->H, err);
    if (!status) status = sav_fit(out, examples->features, examples->labels, shape, &options, err);
    if (!status) warn_weak(cli, sav_classifier_describe(*out), examples);
    return status;
}

size_t sav_cli_depth(const sav_classifier_view *classifier) {
    size_t depth = 0;
    for (size_t k = 0; k < classifier->K; k++)
        if ((size_t)classifier->top_heads[2 * k] + 1 > depth)
            depth = (size_t)classifier->top_heads[2 * k] + 1;
    return depth;
}

void sav_cli_put_heads(sav_text *out, const sav_classifier_view *classifier) {
    enum { COLUMNS = 4 };
    sav_text_printf(out,
                    "%zu of %zu heads vote on %zu class%s (layer.head and the share of examples it puts into "
                    "their class):\n",
                    classifier->K, classifier->L * classifier->H, classifier->C,
                    classifier->C == 1 ? "" : "es");
    for (size_t k = 0; k < classifier->K; k++) {
        const size_t l = (size_t)classifier->top_heads[2 * k], h = (size_t)classifier->top_heads[2 * k + 1];
        sav_text_printf(out, "  %2zu.%-2zu %.3f%s", l, h,
                        (double)classifier->head_scores[l * classifier->H + h],
                        k % COLUMNS == COLUMNS - 1 || k + 1 == classifier->K ? "\n" : "   ");
    }
    if (classifier->cut_tied > classifier->cut_taken)
        sav_text_printf(
            out,
            "the cut is ambiguous: %zu heads share the last score, %zu of them vote (later layers first)\n",
            classifier->cut_tied, classifier->cut_taken);
}

static void warn_unseen(sav_cli *cli, const sav_predictions *p) {
    size_t unseen = 0, id;
    const char *first = NULL;
    sav_labels known = {0};
    sav_status status = SAV_OK;
    for (size_t c = 0; c < p->view->C && !status; c++)
        status = sav_labels_add(&id, &known, p->view->class_names[c], NULL);
    for (size_t i = 0; i < p->count && !status; i++) { /* without memory for it nothing is said */
        const char *label = p->answers[i].label;
        if (!label || sav_labels_find(&id, &known, label)) continue;
        if (unseen == 0) first = label;
        unseen++;
    }
    sav_labels_free(&known);
    if (unseen)
        sav_console_warn(cli->console,
                         "%zu of %zu test samples have a label that no training example has, \"%s\" the "
                         "first: they count as wrong",
                         unseen, p->count, first);
}

void sav_cli_warn_votes(sav_cli *cli, const sav_predictions *p) {
    const size_t votes = p->count * p->view->K;
    warn_unseen(cli, p);
    if (p->nan_cosines)
        sav_console_warn(
            cli->console,
            "%zu of %zu votes compare with NaN, index %zu the first: %zu of %zu predictions say nothing "
            "and are null",
            p->nan_cosines, votes, p->first_nan, p->no_numbers, p->count);
    if (p->count && p->view->C > 1 && p->near_ties == votes)
        sav_console_warn(
            cli->console,
            "every vote is as good as tied: the features do not tell the classes apart (are weights or "
            "pictures empty?)");
}
