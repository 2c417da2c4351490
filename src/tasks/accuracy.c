/* accuracy.c: predictions against labels. See accuracy.h. */
#include "tasks/accuracy.h"

#include <math.h>
#include <string.h>

#include "io/json.h"

/* ---- counting ------------------------------------------------------------------------------------------ */

/* The classes: those of the training list that occur in the scored labels, in its order; then the others as
 * they come. */
static sav_status collect_classes(sav_labels *classes, const sav_answers *answers, sav_error *err) {
    sav_labels seen = {0};
    sav_status status = SAV_OK;
    size_t id;
    for (size_t i = 0; i < answers->N && !status; i++)
        if (answers->items[i].label) status = sav_labels_add(&id, &seen, answers->items[i].label, err);
    for (size_t c = 0; c < answers->C && !status; c++)
        if (sav_labels_find(&id, &seen, answers->class_names[c]))
            status = sav_labels_add(&id, classes, answers->class_names[c], err);
    for (size_t c = 0; c < seen.count && !status; c++)
        status = sav_labels_add(&id, classes, seen.names[c], err);
    sav_labels_free(&seen);
    return status;
}

static void count_confusion(sav_accuracy *out, const sav_answers *answers) {
    const size_t C = out->classes.count;
    for (size_t i = 0; i < answers->N; i++) {
        const char *label = answers->items[i].label, *prediction = answers->items[i].prediction;
        size_t row = 0, column = C;
        if (!label) continue;
        sav_labels_find(&row, &out->classes, label);
        if (prediction && !sav_labels_find(&column, &out->classes, prediction)) column = C;
        out->confusion[row * (C + 1) + column]++;
        out->scored++;
        out->correct += row == column;
    }
}

/* Recall and F1 = 2tp / (2tp + fp + fn) of each class, and their means. */
static void average_classes(sav_accuracy *out) {
    const size_t C = out->classes.count, width = C + 1;
    double recalls = 0, f1 = 0;
    for (size_t c = 0; c < C; c++) {
        const size_t hits = out->confusion[c * width + c];
        size_t row = 0, column = 0;
        for (size_t k = 0; k < width; k++) row += out->confusion[c * width + k];
        for (size_t k = 0; k < C; k++) column += out->confusion[k * width + c];
        out->recall[c] = (double)hits / (double)row; /* row > 0: a class is one that occurs */
        recalls += out->recall[c];
        f1 += 2 * (double)hits / (double)(row + column);
    }
    out->balanced = C ? recalls / (double)C : NAN;
    out->macro_f1 = C ? f1 / (double)C : NAN;
}

sav_status sav_accuracy_count(sav_accuracy *out, const sav_answers *answers, sav_error *err) {
    *out = (sav_accuracy){.tested = answers->N};
    sav_status status = collect_classes(&out->classes, answers, err);
    const size_t C = out->classes.count;
    size_t cells = 0;
    if (!status) {
        out->recall = sav_alloc(C + 1, sizeof *out->recall);
        out->confusion = sav_mul(&cells, C, C + 1) ? sav_alloc(cells + 1, sizeof *out->confusion) : NULL;
        if (!out->recall || !out->confusion)
            status = sav_fail(err, SAV_NO_MEMORY, "no memory for the confusion of %zu classes", C);
    }
    if (status) {
        sav_accuracy_free(out);
        return status;
    }
    count_confusion(out, answers);
    average_classes(out);
    out->share = out->scored ? (double)out->correct / (double)out->scored : NAN;
    sav_wilson_interval(out->interval, out->correct, out->scored);
    return SAV_OK;
}

void sav_accuracy_free(sav_accuracy *accuracy) {
    sav_labels_free(&accuracy->classes);
    sav_free(accuracy->recall);
    sav_free(accuracy->confusion);
    *accuracy = (sav_accuracy){0};
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static void put_interval(sav_text *out, const sav_accuracy *a) {
    sav_text_string(out, ",\"accuracy_interval\":");
    if (!a->scored) {
        sav_text_string(out, "null");
        return;
    }
    sav_text_string(out, "[");
    sav_json_put_double(out, a->interval[0]);
    sav_text_string(out, ",");
    sav_json_put_double(out, a->interval[1]);
    sav_text_string(out, "]");
}

static void put_name(sav_text *out, const sav_labels *classes, size_t c) {
    if (c) sav_text_string(out, ",");
    sav_json_put_string(out, classes->names[c], strlen(classes->names[c]));
}

static void put_classes(sav_text *out, const sav_accuracy *a) {
    const size_t C = a->classes.count;
    sav_text_string(out, ",\"recall\":{");
    for (size_t c = 0; c < C; c++) {
        put_name(out, &a->classes, c);
        sav_text_string(out, ":");
        sav_json_put_double(out, a->recall[c]);
    }
    sav_text_string(out, "},\"confusion\":{\"labels\":[");
    for (size_t c = 0; c < C; c++) put_name(out, &a->classes, c);
    sav_text_string(out, "],\"columns\":[");
    for (size_t c = 0; c < C; c++) put_name(out, &a->classes, c);
    if (C) sav_text_string(out, ",\"another class or no answer\"");
    sav_text_string(out, "],\"matrix\":[");
    for (size_t row = 0; row < C; row++) {
        sav_text_string(out, row ? ",[" : "[");
        for (size_t column = 0; column <= C; column++)
            sav_text_printf(out, "%s%zu", column ? "," : "", a->confusion[row * (C + 1) + column]);
        sav_text_string(out, "]");
    }
    sav_text_string(out, "]}");
}

void sav_accuracy_put(sav_scores *out, const sav_accuracy *a) {
    sav_text *members = &out->members;
    sav_text_string(members, "\"accuracy\":");
    sav_json_put_double(members, a->share);
    put_interval(members, a);
    sav_text_printf(members, ",\"n_test\":%zu,\"n_scored\":%zu,\"n_correct\":%zu", a->tested, a->scored,
                    a->correct);
    sav_text_string(members, ",\"balanced_accuracy\":");
    sav_json_put_double(members, a->balanced);
    sav_text_string(members, ",\"macro_f1\":");
    sav_json_put_double(members, a->macro_f1);
    put_classes(members, a);
    if (a->scored)
        sav_text_printf(&out->words, "accuracy %.4f (95 %% interval %.4f to %.4f): %zu of %zu\n", a->share,
                        a->interval[0], a->interval[1], a->correct, a->scored);
    if (a->tested > a->scored)
        sav_text_printf(&out->words, "%zu sample%s without a label: predicted, not scored\n",
                        a->tested - a->scored, sav_plural(a->tested - a->scored));
}

sav_status sav_score_accuracy(sav_scores *out, const sav_answers *answers, sav_error *err) {
    sav_accuracy accuracy;
    sav_status status = sav_accuracy_count(&accuracy, answers, err);
    if (status) return status;
    sav_accuracy_put(out, &accuracy);
    sav_accuracy_free(&accuracy);
    return SAV_OK;
}
