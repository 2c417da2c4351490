/* results.c: predictions.jsonl, metrics.json, `show samples`. See results.h. */
#include "tasks/results.h"

#include <string.h>

#include "io/json.h"

static void put_key(sav_text *out, const char *key) {
    sav_text_printf(out, ",\"%s\":", key);
}

static void put_string(sav_text *out, const char *string) {
    if (string)
        sav_json_put_string(out, string, strlen(string));
    else
        sav_text_string(out, "null");
}

static void put_json(sav_text *out, const char *json) {
    sav_text_string(out, json ? json : "null");
}

/* ---- predictions --------------------------------------------------------------------------------------- */

static bool is_first_vote(const int32_t *head_votes, size_t r) {
    for (size_t i = 0; i < r; i++)
        if (head_votes[i] == head_votes[r]) return false;
    return true;
}

/* The order of Counter.most_common. */
static void put_votes(sav_text *out, const sav_result *result, const sav_classifier_view *view) {
    const char *comma = "";
    int32_t most = 0;
    for (size_t c = 0; c < view->C && result->head_votes; c++)
        if (result->votes[c] > most) most = result->votes[c];
    sav_text_string(out, "{");
    for (int32_t votes = most; votes; votes--) {
        for (size_t r = 0; r < view->K; r++) {
            const int32_t c = result->head_votes[r];
            if (result->votes[c] != votes || !is_first_vote(result->head_votes, r)) continue;
            sav_text_string(out, comma);
            put_string(out, view->class_names[c]);
            sav_text_printf(out, ":%d", (int)votes);
            comma = ",";
        }
    }
    sav_text_string(out, "}");
}

void sav_result_put(sav_text *out, const sav_result *result, const sav_classifier_view *view) {
    const sav_answer *a = &result->answer;
    const bool correct = a->label && a->prediction && strcmp(a->label, a->prediction) == 0;
    sav_text_printf(out, "{\"index\":%zu", a->index);
    put_key(out, "image"), put_json(out, a->image);
    put_key(out, "question_id"), put_json(out, a->question_id);
    put_key(out, "group"), put_json(out, a->group);
    put_key(out, "split"), put_string(out, a->split);
    put_key(out, "label"), put_string(out, a->label);
    put_key(out, "prediction"), put_string(out, a->prediction);
    put_key(out, "correct"), sav_text_string(out, !a->label ? "null" : correct ? "true" : "false");
    sav_text_printf(out, ",\"margin\":%zu", result->margin);
    put_key(out, "votes"), put_votes(out, result, view);
    put_key(out, "head_votes"), sav_text_string(out, "[");
    for (size_t r = 0; r < view->K && result->head_votes; r++) {
        sav_text_string(out, r ? "," : "");
        put_string(out, view->class_names[result->head_votes[r]]);
    }
    sav_text_string(out, "]}\n");
}

/* ---- samples ------------------------------------------------------------------------------------------- */

void sav_sample_put(sav_text *out, const sav_sample *sample) {
    sav_text_printf(out, "{\"index\":%zu,\"images\":[", sample->index);
    for (size_t i = 0; i < sample->media_count; i++) {
        sav_text_string(out, i ? "," : "");
        put_string(out, sample->media[i]);
    }
    sav_text_string(out, "]");
    put_key(out, "prompt"), put_string(out, sample->question);
    put_key(out, "label"), put_string(out, sample->label);
    put_key(out, "question_id"), put_json(out, sample->question_id);
    put_key(out, "group"), put_json(out, sample->group);
    sav_text_string(out, "}\n");
}

/* ---- metrics ------------------------------------------------------------------------------------------- */

static void put_count(sav_text *out, const char *key, size_t value) {
    sav_text_printf(out, ",\"%s\":%zu", key, value);
}

/* How clear the choice of heads was, and how close the votes were. */
static void put_near_ties(sav_text *out, const sav_metrics *metrics) {
    const sav_classifier_view *view = metrics->view;
    if (view->scored) {
        sav_text_printf(out, ",\"cut\":{\"count\":%d,\"next\":", (int)view->cut_count);
        if (view->cut_next < 0)
            sav_text_string(out, "null");
        else
            sav_text_printf(out, "%d", (int)view->cut_next);
        sav_text_printf(out, ",\"tied\":%zu,\"taken\":%zu}", view->cut_tied, view->cut_taken);
        put_count(out, "n_head_scoring", view->scored);
        put_count(out, "fit_near_ties", view->near_ties);
        put_count(out, "fit_nan_cosines", view->nan_cosines);
    }
    put_count(out, "near_ties", metrics->near_ties);
    put_count(out, "nan_cosines", metrics->nan_cosines);
    put_count(out, "tied_votes", metrics->tied_votes);
}

void sav_metrics_put(sav_text *out, const sav_metrics *metrics) {
    sav_text_string(out, "{");
    if (metrics->scores->members.bytes) sav_text_string(out, metrics->scores->members.bytes);
    put_count(out, "n_classes", metrics->view->C);
    put_count(out, "n_heads", metrics->view->K);
    put_near_ties(out, metrics);
    if (metrics->more) sav_text_printf(out, ",%s", metrics->more);
    sav_text_string(out, "}\n");
}
