/* predictions.c: taps -> votes -> lines of predictions.jsonl and their scores; the loop's settings. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"

/* ---- votes --------------------------------------------------------------------------------------------- */

sav_status sav_predictions_begin(sav_predictions *p, const sav_classifier *heads, size_t room,
                                 size_t min_margin, sav_error *err) {
    *p = (sav_predictions){
        .heads = heads, .view = sav_classifier_describe(heads), .room = room, .min_margin = min_margin};
    p->votes = sav_alloc(p->view->C, sizeof *p->votes);
    p->head_votes = sav_alloc(p->view->K, sizeof *p->head_votes);
    p->labels = sav_alloc(room, sizeof *p->labels);
    p->answers = sav_alloc(room, sizeof *p->answers);
    if (p->votes && p->head_votes && p->labels && p->answers) return SAV_OK;
    sav_predictions_free(p);
    return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu predictions", room);
}

void sav_predictions_free(sav_predictions *p) {
    sav_free(p->votes);
    sav_free(p->head_votes);
    sav_free(p->labels);
    sav_free(p->answers);
    sav_text_free(&p->lines);
    *p = (sav_predictions){0};
}

sav_status sav_predictions_add(sav_predictions *p, sav_result who, const float *tap, sav_error *err) {
    sav_prediction vote;
    sav_status status = sav_predict(&vote, p->votes, p->head_votes, p->heads, tap, err);
    if (status) return status;
    p->winner = vote.winner;
    p->margin = vote.margin;
    p->near_ties += vote.near_ties;
    p->nan_cosines += vote.nan_cosines;
    p->tied_votes += vote.margin == 0;
    who.prediction = vote.margin >= p->min_margin ? p->view->class_names[vote.winner] : NULL;
    who.margin = vote.margin;
    who.votes = p->votes;
    who.head_votes = p->head_votes;
    p->labels[p->count] = who.label;
    p->answers[p->count++] = who.prediction;
    sav_result_put(&p->lines, &who, p->view);
    return p->lines.failed ? sav_fail(err, SAV_NO_MEMORY, "no memory for the predictions") : SAV_OK;
}

sav_status sav_predictions_take(void *predictions, const sav_sample *sample, const float *tap,
                                sav_error *err) {
    const sav_result who = {.index = sample->index,
                            .question_id = sample->question_id,
                            .group = sample->group,
                            .split = sample->split,
                            .label = sample->label};
    return sav_predictions_add(predictions, who, tap, err);
}

void sav_predictions_put_array(sav_text *out, const sav_predictions *p) {
    sav_text_string(out, "[");
    if (p->lines.length) sav_text_bytes(out, p->lines.bytes, p->lines.length - 1);
    sav_text_string(out, "]\n");
    for (size_t i = 0; !out->failed && i + 3 < out->length; i++)
        if (out->bytes[i] == '\n') out->bytes[i] = ','; /* inside strings a newline is escaped */
}

/* ---- after a failure ----------------------------------------------------------------------------------- */

static sav_status print_finished(const sav_predictions *p, bool json) {
    sav_text array = {0};
    if (!json) return sav_console_print(&p->lines, NULL);
    sav_predictions_put_array(&array, p);
    sav_status status = sav_console_print(&array, NULL);
    sav_text_free(&array);
    return status;
}

void sav_predictions_keep(const sav_predictions *p, const sav_cli *cli, const char *path, size_t total,
                          sav_error *err) {
    if (!p->count || p->lines.failed) return;
    const sav_status status = err->status;
    if (path ? sav_cli_write_file(path, &p->lines, NULL) : print_finished(p, cli->json)) return;
    /* a failure that may be the sample's own: the others can do without it */
    const bool own = status != SAV_STOPPED && status != SAV_NO_MEMORY && !cli->skip_bad;
    const sav_error before = *err;
    sav_hint(err, "%s%s%zu of %zu predictions are %s%s%s", before.hint, before.hint[0] ? "; " : "", p->count,
             total, path ? "in " : "on standard output", path ? path : "",
             own ? "; mend the line or leave it out with --skip-bad" : "");
}

/* ---- scores -------------------------------------------------------------------------------------------- */

sav_status sav_cli_score(sav_cli_scores *out, const sav_predictions *p, const char *more, sav_error *err) {
    sav_score score;
    *out = (sav_cli_scores){0};
    sav_status status =
        sav_score_accuracy(&score, p->labels, p->answers, p->count, p->view->class_names, p->view->C, err);
    if (status) return status;
    const sav_metrics metrics = {&score, p->view, p->near_ties, p->nan_cosines, p->tied_votes, more};
    sav_metrics_put(&out->json, &metrics);
    if (score.scored)
        sav_text_printf(&out->words, "accuracy %.4f (95 %% interval %.4f to %.4f): %zu of %zu\n",
                        score.accuracy, score.interval[0], score.interval[1], score.correct, score.scored);
    if (score.tested > score.scored)
        sav_text_printf(&out->words, "%zu samples without a label: predicted, not scored\n",
                        score.tested - score.scored);
    sav_score_free(&score);
    if (!out->json.failed && !out->words.failed) return SAV_OK;
    sav_cli_scores_free(out);
    return sav_fail(err, SAV_NO_MEMORY, "no memory for the scores");
}

void sav_cli_scores_free(sav_cli_scores *scores) {
    sav_text_free(&scores->json);
    sav_text_free(&scores->words);
}

/* ---- the loop's settings ------------------------------------------------------------------------------- */

static sav_status check(void *context, sav_error *err) {
    (void)context;
    return sav_console_check(err);
}

static void progress(void *context, double done, size_t total, uint64_t rows) {
    const sav_cli *cli = context;
    sav_console_progress(cli->console, cli->work, done, total, rows);
}

sav_encoder sav_cli_encoder(sav_cli *cli, const sav_model *model, sav_session *session, const char *what) {
    cli->work = what;
    sav_console_begin(cli->console);
    return (sav_encoder){.model = model,
                         .session = session,
                         .skip_bad = cli->skip_bad,
                         .context = cli,
                         .check = check,
                         .progress = progress};
}

void sav_cli_tell_left_out(sav_cli *cli, const sav_list *list, size_t from) {
    enum { TOLD = 10 };
    const size_t count = list->bad.count - from;
    if (!count) return;
    sav_console_warn(cli->console, "%s: %zu samples left out", list->name, count);
    for (size_t i = 0; i < count && i < TOLD; i++)
        sav_console_warn(cli->console, "left out: %s", list->bad.items[from + i].message);
    if (count > TOLD) sav_console_warn(cli->console, "left out: and %zu more", count - TOLD);
}

sav_status sav_cli_write_file(const char *path, const sav_text *text, sav_error *err) {
    if (text->failed) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to write it", path);
    return sav_os_save(path, text->bytes ? text->bytes : "", text->length, err);
}
