/* fit.c: `savs fit`: a store's features -> sav.safetensors. With a list, that says which rows count, and
 * their labels. */
#include <string.h>

#include "classify/feature_set.h"
#include "classify/labels.h"
#include "cli/cli.h"
#include "cli/fitting.h"
#include "cli/inputs.h"
#include "cli/open_session.h"
#include "cli/outputs.h"
#include "io/json.h"
#include "lists/shots.h"

/* Of each class only --shots examples; the others lose their label, which leaves them out of the fit. */
static sav_status draw_shots(sav_cli *cli, sav_feature_set *set, sav_error *err) {
    size_t few = 0;
    bool *keep = sav_alloc(set->N, sizeof *keep);
    if (!keep) return sav_fail(err, SAV_NO_MEMORY, "no memory for the draw of --shots");
    const sav_shots shots = {cli->shots, cli->seed};
    sav_status status = sav_shots_draw(keep, &few, set->labels, set->N, shots, err);
    for (size_t i = 0; i < set->N && !status; i++)
        if (!keep[i]) set->labels[i] = NULL;
    if (!status) sav_cli_warn_few(cli, few);
    sav_free(keep);
    return status;
}

static void put_json(sav_text *out, const sav_classifier_view *v, const char *path) {
    sav_text_string(out, "{\"sav\":");
    sav_json_put_string(out, path, strlen(path));
    sav_text_string(out, ",\"classes\":{");
    for (size_t c = 0; c < v->C; c++) {
        sav_text_string(out, c ? "," : "");
        sav_json_put_string(out, v->class_names[c], strlen(v->class_names[c]));
        sav_text_printf(out, ":%d", (int)v->class_counts[c]);
    }
    sav_text_string(out, "},\"heads\":[");
    for (size_t k = 0; k < v->K; k++) {
        const int32_t l = v->top_heads[2 * k], h = v->top_heads[2 * k + 1];
        sav_text_printf(out, "%s{\"layer\":%d,\"head\":%d,\"score\":", k ? "," : "", (int)l, (int)h);
        sav_json_put_double(out, (double)v->head_scores[(size_t)l * v->H + (size_t)h]);
        sav_text_string(out, "}");
    }
    sav_text_printf(out, "],\"n_head_scoring\":%zu,\"cut\":{\"count\":%d,\"next\":", v->scored,
                    (int)v->cut_count);
    if (v->cut_next < 0)
        sav_text_string(out, "null");
    else
        sav_text_printf(out, "%d", (int)v->cut_next);
    sav_text_printf(out, ",\"tied\":%zu,\"taken\":%zu},\"near_ties\":%zu,\"nan_cosines\":%zu}\n", v->cut_tied,
                    v->cut_taken, v->near_ties, v->nan_cosines);
}

/* Samples that stand in the store under two labels: a list was mended, and encoded again. */
static sav_status warn_relabelled(sav_cli *cli, const sav_feature_set *set, sav_error *err) {
    sav_labels samples = {0};
    size_t id, twice = 0;
    sav_status status = SAV_OK;
    size_t *first = sav_alloc(set->N, sizeof *first); /* the row of each sample's first label */
    if (!first) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", cli->store);
    for (size_t i = 0; i < set->N && !status; i++) {
        const size_t known = samples.count;
        status = sav_labels_add(&id, &samples, sav_store_at(set->store, i)->sample, err);
        if (status || !set->labels[i]) continue;
        if (id == known || !set->labels[first[id]]) first[id] = i;
        twice += strcmp(set->labels[first[id]], set->labels[i]) != 0;
    }
    if (twice)
        sav_console_warn(cli->console,
                         "%s: %zu row%s of samples that stand there under another label too: all are used, "
                         "unless --input LIST says which count",
                         cli->store, twice, twice == 1 ? " is" : "s are");
    sav_labels_free(&samples);
    sav_free(first);
    return status;
}

static sav_status fit(sav_cli *cli, sav_feature_set *set, sav_error *err) {
    sav_classifier *classifier = NULL;
    sav_text out = {0};
    sav_status status = cli->shots ? draw_shots(cli, set, err) : SAV_OK;
    if (!status) status = sav_cli_fit(&classifier, cli, set, err);
    set->origin.question = sav_feature_set_question(set);
    if (!status) status = sav_classifier_save(classifier, cli->out, &set->origin, err);
    if (!status) {
        if (cli->json)
            put_json(&out, sav_classifier_describe(classifier), cli->out);
        else
            sav_cli_put_heads(&out, sav_classifier_describe(classifier));
        status = sav_console_print(&out, err);
    }
    sav_text_free(&out);
    sav_classifier_free(classifier);
    return status;
}

static sav_status fit_command(sav_cli *cli, sav_error *err) {
    sav_feature_set set = {0};
    sav_list *list = NULL;
    sav_status status = sav_cli_try_file(cli, cli->out, err);
    if (!status && cli->input) status = sav_cli_read_list(&list, cli, cli->input, LABELS_REQUIRED, err);
    if (!status && list) status = sav_cli_try_beside(cli->out, list, err);
    if (!status) status = sav_feature_set_open(&set, cli->store, err);
    if (!status) status = list ? sav_cli_choose_rows(&set, cli, list, err) : warn_relabelled(cli, &set, err);
    if (!status) status = fit(cli, &set, err);
    sav_feature_set_close(&set);
    sav_list_free(list);
    return status;
}

const sav_command sav_command_fit = {
    .name = "fit",
    .usage = "--store DIR [--input LIST] --out FILE [options]",
    .summary = "class means, head scores, selection from a store; no model needed",
    .example = "savs fit --store train.store --out sav.safetensors",
    .options = {NEEDS(STORE), NEEDS(OUT), TAKES(INPUT), TAKES_LIST_OPTIONS, TAKES_PIXEL_OPTIONS, TAKES(HEADS),
                TAKES(VALIDATION), TAKES(SHOTS), TAKES(SEED), TAKES(THREADS)},
    .run = fit_command,
};
