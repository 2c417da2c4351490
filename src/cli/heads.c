/* heads.c: features with labels -> heads, and what people should know of them. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { DEFAULT_HEADS = 20 };

sav_status sav_cli_check_heads(const sav_cli *cli, size_t L, size_t H, sav_error *err) {
    const size_t wanted = cli->heads ? cli->heads : DEFAULT_HEADS;
    if (wanted <= L * H) return SAV_OK;
    sav_fail(err, SAV_BAD_INPUT, "--heads %zu: the model has %zu heads (%zu layers of %zu)", wanted, L * H, L,
             H);
    sav_hint(err, "ask for fewer with --heads");
    return SAV_BAD_INPUT;
}

/* A mean of one example is that example: its own head score says nothing. */
static void tell_lonely(sav_cli *cli, const sav_classifier_view *heads) {
    size_t lonely = 0, first = 0;
    for (size_t c = heads->C; c-- > 0;)
        if (heads->class_counts[c] == 1) {
            lonely++;
            first = c;
        }
    if (lonely == 1)
        sav_console_warn(cli->console,
                         "class \"%s\" has one example: its score in the choice of heads is vacuous",
                         heads->class_names[first]);
    else if (lonely)
        sav_console_warn(cli->console,
                         "%zu classes, \"%s\" the first, have one example: their scores in the choice of "
                         "heads are vacuous",
                         lonely, heads->class_names[first]);
    if (heads->nan_cosines)
        sav_console_warn(cli->console, "%zu cosines of the training examples are NaN", heads->nan_cosines);
}

sav_status sav_cli_fit_heads(sav_classifier **out, sav_cli *cli, const float *features,
                             const char *const *labels, const size_t shape[4], sav_dtype dtype,
                             sav_error *err) {
    const sav_fit_options options = {.K = cli->heads,
                                     .dtype = dtype,
                                     .validation = cli->validation,
                                     .seed = cli->seed,
                                     .threads = (int)cli->threads};
    sav_status status = sav_cli_check_heads(cli, shape[1], shape[2], err);
    if (!status) status = sav_fit(out, features, labels, shape, &options, err);
    if (!status) tell_lonely(cli, sav_classifier_describe(*out));
    return status;
}

size_t sav_cli_depth(const sav_classifier_view *heads) {
    size_t depth = 0;
    for (size_t k = 0; k < heads->K; k++)
        if ((size_t)heads->top_heads[2 * k] + 1 > depth) depth = (size_t)heads->top_heads[2 * k] + 1;
    return depth;
}

void sav_cli_put_heads(sav_text *out, const sav_classifier_view *heads) {
    enum { COLUMNS = 4 };
    sav_text_printf(out,
                    "%zu of %zu heads vote on %zu classes (layer.head and the share of examples it puts into "
                    "their class):\n",
                    heads->K, heads->L * heads->H, heads->C);
    for (size_t k = 0; k < heads->K; k++) {
        const size_t l = (size_t)heads->top_heads[2 * k], h = (size_t)heads->top_heads[2 * k + 1];
        sav_text_printf(out, "  %2zu.%-2zu %.3f%s", l, h, (double)heads->head_scores[l * heads->H + h],
                        k % COLUMNS == COLUMNS - 1 || k + 1 == heads->K ? "\n" : "   ");
    }
    if (heads->cut_tied > heads->cut_taken)
        sav_text_printf(
            out,
            "the cut is ambiguous: %zu heads share the last score, %zu of them vote (later layers first)\n",
            heads->cut_tied, heads->cut_taken);
}

void sav_cli_tell_unseen(sav_cli *cli, const sav_predictions *p) {
    size_t unseen = 0;
    const char *first = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const char *label = p->answers[i].label;
        bool known = label == NULL;
        for (size_t c = 0; c < p->view->C && !known; c++) known = strcmp(label, p->view->class_names[c]) == 0;
        if (!known && unseen++ == 0) first = label;
    }
    if (unseen)
        sav_console_warn(cli->console,
                         "%zu of %zu test samples have a label that no training example has, \"%s\" the "
                         "first: they count as wrong",
                         unseen, p->count, first);
}
