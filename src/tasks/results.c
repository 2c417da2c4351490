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
static void put_votes(sav_text *out, const sav_result *result, const sav_classifier_view *heads) {
    const char *comma = "";
    int32_t most = 0;
    for (size_t c = 0; c < heads->C; c++)
        if (result->votes[c] > most) most = result->votes[c];
    sav_text_string(out, "{");
    for (int32_t votes = most; votes; votes--) {
        for (size_t r = 0; r < heads->K; r++) {
            const int32_t c = result->head_votes[r];
            if (result->votes[c] != votes || !is_first_vote(result->head_votes, r)) continue;
            sav_text_string(out, comma);
            put_string(out, heads->class_names[c]);
            sav_text_printf(out, ":%d", (int)votes);
            comma = ",";
        }
    }
    sav_text_string(out, "}");
}

void sav_result_put(sav_text *out, const sav_result *result, const sav_classifier_view *heads) {
    const bool correct = result->label && result->prediction &&
                         strcmp(result->label, result->prediction) == 0;
    sav_text_printf(out, "{\"index\":%zu", result->index);
    put_key(out, "question_id"), put_json(out, result->question_id);
    put_key(out, "group"), put_json(out, result->group);
    put_key(out, "split"), put_string(out, result->split);
    put_key(out, "label"), put_string(out, result->label);
    put_key(out, "prediction"), put_string(out, result->prediction);
    put_key(out, "correct"), sav_text_string(out, !result->label ? "null" : correct ? "true" : "false");
    sav_text_printf(out, ",\"margin\":%zu", result->margin);
    put_key(out, "votes"), put_votes(out, result, heads);
    put_key(out, "head_votes");
    for (size_t r = 0; r < heads->K; r++) {
        sav_text_string(out, r ? "," : "[");
        put_string(out, heads->class_names[result->head_votes[r]]);
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

static void put_number(sav_text *out, const char *key, double value) {
    put_key(out, key), sav_json_put_double(out, value);
}

static void put_count(sav_text *out, const char *key, size_t value) {
    sav_text_printf(out, ",\"%s\":%zu", key, value);
}

static void put_classes(sav_text *out, const sav_score *score) {
    const size_t C = score->classes.count;
    put_key(out, "recall"), sav_text_string(out, "{");
    for (size_t c = 0; c < C; c++) {
        sav_text_string(out, c ? "," : "");
        put_string(out, score->classes.names[c]);
        sav_text_string(out, ":");
        sav_json_put_double(out, score->recall[c]);
    }
    sav_text_string(out, "},\"confusion\":{\"labels\":[");
    for (size_t c = 0; c < C; c++) {
        sav_text_string(out, c ? "," : "");
        put_string(out, score->classes.names[c]);
    }
    sav_text_string(out, "],\"matrix\":[");
    for (size_t i = 0; i < C * (C + 1); i++) {
        const size_t column = i % (C + 1);
        sav_text_printf(out, "%s%zu%s",
                        column ? ","
                        : i    ? ",["
                               : "[",
                        score->confusion[i], column == C ? "]" : "");
    }
    sav_text_string(out, "]}");
}

/* How clear the choice of heads was, and how close the votes were (reference/sav.md §4). */
static void put_near_ties(sav_text *out, const sav_metrics *metrics) {
    const sav_classifier_view *heads = metrics->heads;
    if (heads->scored) {
        sav_text_printf(out, ",\"cut\":{\"count\":%d,\"next\":", (int)heads->cut_count);
        if (heads->cut_next < 0)
            sav_text_string(out, "null");
        else
            sav_text_printf(out, "%d", (int)heads->cut_next);
        sav_text_printf(out, ",\"tied\":%zu,\"taken\":%zu}", heads->cut_tied, heads->cut_taken);
        put_count(out, "n_head_scoring", heads->scored);
        put_count(out, "fit_near_ties", heads->near_ties);
        put_count(out, "fit_nan_cosines", heads->nan_cosines);
    }
    put_count(out, "near_ties", metrics->near_ties);
    put_count(out, "nan_cosines", metrics->nan_cosines);
    put_count(out, "tied_votes", metrics->tied_votes);
}

void sav_metrics_put(sav_text *out, const sav_metrics *metrics) {
    const sav_score *score = metrics->score;
    sav_text_string(out, "{\"accuracy\":");
    sav_json_put_double(out, score->accuracy);
    if (score->scored) {
        put_key(out, "accuracy_interval"), sav_text_string(out, "[");
        sav_json_put_double(out, score->interval[0]);
        sav_text_string(out, ",");
        sav_json_put_double(out, score->interval[1]);
        sav_text_string(out, "]");
    } else {
        sav_text_string(out, ",\"accuracy_interval\":null");
    }
    put_count(out, "n_test", score->tested);
    put_count(out, "n_scored", score->scored);
    put_count(out, "n_correct", score->correct);
    put_number(out, "balanced_accuracy", score->balanced_accuracy);
    put_number(out, "macro_f1", score->macro_f1);
    put_classes(out, score);
    put_count(out, "n_classes", metrics->heads->C);
    put_count(out, "n_heads", metrics->heads->K);
    put_near_ties(out, metrics);
    if (metrics->more) sav_text_printf(out, ",%s", metrics->more);
    sav_text_string(out, "}\n");
}
