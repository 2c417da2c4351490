/* predictions.c: taps -> votes -> lines of predictions.jsonl -> scores. See predictions.h. */
#include "tasks/predictions.h"

sav_status sav_predictions_begin(sav_predictions *p, const sav_classifier *classifier,
                                 const sav_prediction_options *options, sav_error *err) {
    *p = (sav_predictions){.classifier = classifier,
                           .view = sav_classifier_describe(classifier),
                           .protocol = sav_protocol_find(options->protocol),
                           .min_margin = options->min_margin};
    if (!p->protocol)
        return sav_fail(err, SAV_UNSUPPORTED, "found no scoring protocol \"%s\"", options->protocol);
    p->votes = sav_alloc(p->view->C, sizeof *p->votes);
    p->head_votes = sav_alloc(p->view->K, sizeof *p->head_votes);
    p->answers = sav_alloc(options->most, sizeof *p->answers);
    if (p->votes && p->head_votes && p->answers) return SAV_OK;
    sav_predictions_free(p);
    return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu predictions", options->most);
}

void sav_predictions_free(sav_predictions *p) {
    sav_free(p->votes);
    sav_free(p->head_votes);
    sav_free(p->answers);
    sav_text_free(&p->lines);
    *p = (sav_predictions){0};
}

sav_status sav_predictions_add(sav_predictions *p, sav_answer who, const float *tap, sav_error *err) {
    sav_prediction vote;
    sav_status status = sav_predict(&vote, p->votes, p->head_votes, p->classifier, tap, err);
    if (status) return status;
    p->winner = vote.winner;
    if (vote.nan_cosines && !p->nan_cosines) p->first_nan = who.index;
    p->no_number = vote.nan_cosines == p->view->K;
    p->no_numbers += p->no_number;
    p->margin = p->no_number ? 0 : vote.margin;
    p->near_ties += vote.near_ties;
    p->nan_cosines += vote.nan_cosines;
    p->tied_votes += !p->no_number && vote.margin == 0;
    who.prediction = !p->no_number && vote.margin >= p->min_margin ? p->view->class_names[vote.winner] : NULL;
    p->answers[p->count++] = who;
    const sav_result result = {who, p->margin, p->votes, p->no_number ? NULL : p->head_votes};
    sav_result_put(&p->lines, &result, p->view);
    return p->lines.failed ? sav_fail(err, SAV_NO_MEMORY, "no memory for the predictions") : SAV_OK;
}

sav_status sav_predictions_add_sample(void *predictions, const sav_sample *sample, const float *tap,
                                      sav_error *err) {
    const sav_answer who = {.index = sample->index,
                            .image = sample->image,
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

/* ---- scores -------------------------------------------------------------------------------------------- */

sav_status sav_predictions_score(sav_text *json, sav_text *words, const sav_predictions *p, const char *more,
                                 sav_error *err) {
    const sav_answers answers = {p->answers, p->count, p->view->class_names, p->view->C};
    sav_scores scores = {0};
    sav_status status = p->protocol->score(&scores, &answers, err);
    if (!status) {
        const sav_metrics metrics = {&scores, p->view, p->near_ties, p->nan_cosines, p->tied_votes, more};
        sav_metrics_put(json, &metrics);
        if (scores.members.failed || scores.words.failed || json->failed)
            status = sav_fail(err, SAV_NO_MEMORY, "no memory for the scores");
    }
    sav_text_free(&scores.members);
    if (status) {
        sav_text_free(&scores.words);
        sav_text_free(json);
    }
    *words = scores.words;
    return status;
}
