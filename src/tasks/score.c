/* score.c: predictions against labels. See score.h. */
#include "tasks/score.h"

#include <math.h>

void sav_score_wilson(double interval[2], size_t hits, size_t n) {
    static const double z = 1.959963984540054;
    interval[0] = interval[1] = NAN;
    if (!n) return;
    const double N = (double)n, p = (double)hits / N, below = 1 + z * z / N;
    const double centre = (p + z * z / (2 * N)) / below;
    const double half = z * sqrt(p * (1 - p) / N + z * z / (4 * N * N)) / below;
    interval[0] = centre - half < 0 ? 0 : centre - half;
    interval[1] = centre + half > 1 ? 1 : centre + half;
}

/* The classes: known ones that occur in the scored labels, in the order known; then the others as they
 * come. */
static sav_status collect_classes(sav_labels *classes, const char *const *labels, size_t count,
                                  const char *const *known, size_t known_count, sav_error *err) {
    sav_labels seen = {0};
    sav_status status = SAV_OK;
    size_t id;
    for (size_t i = 0; i < count && !status; i++)
        if (labels[i]) status = sav_labels_add(&id, &seen, labels[i], err);
    for (size_t c = 0; known && c < known_count && !status; c++)
        if (sav_labels_find(&id, &seen, known[c])) status = sav_labels_add(&id, classes, known[c], err);
    for (size_t c = 0; c < seen.count && !status; c++)
        status = sav_labels_add(&id, classes, seen.names[c], err);
    sav_labels_free(&seen);
    return status;
}

static void count_confusion(sav_score *score, const char *const *labels, const char *const *predictions) {
    const size_t C = score->classes.count;
    for (size_t i = 0; i < score->tested; i++) {
        size_t row = 0, column = C;
        if (!labels[i]) continue;
        sav_labels_find(&row, &score->classes, labels[i]);
        if (predictions[i] && !sav_labels_find(&column, &score->classes, predictions[i])) column = C;
        score->confusion[row * (C + 1) + column]++;
        score->scored++;
        score->correct += row == column;
    }
}

/* Recall and F1 = 2tp / (2tp + fp + fn) of each class, and their means. */
static void average_classes(sav_score *score) {
    const size_t C = score->classes.count, width = C + 1;
    double recalls = 0, f1 = 0;
    for (size_t c = 0; c < C; c++) {
        const size_t hits = score->confusion[c * width + c];
        size_t row = 0, column = 0;
        for (size_t k = 0; k < width; k++) row += score->confusion[c * width + k];
        for (size_t k = 0; k < C; k++) column += score->confusion[k * width + c];
        score->recall[c] = (double)hits / (double)row; /* row > 0: a class is one that occurs */
        recalls += score->recall[c];
        f1 += 2 * (double)hits / (double)(row + column);
    }
    score->balanced_accuracy = C ? recalls / (double)C : NAN;
    score->macro_f1 = C ? f1 / (double)C : NAN;
}

sav_status sav_score_accuracy(sav_score *out, const char *const *labels, const char *const *predictions,
                              size_t count, const char *const *known, size_t known_count, sav_error *err) {
    *out = (sav_score){.tested = count};
    sav_status status = collect_classes(&out->classes, labels, count, known, known_count, err);
    const size_t C = out->classes.count;
    size_t cells = 0;
    if (!status) {
        out->recall = sav_alloc(C + 1, sizeof *out->recall);
        out->confusion = sav_mul(&cells, C, C + 1) ? sav_alloc(cells + 1, sizeof *out->confusion) : NULL;
        if (!out->recall || !out->confusion)
            status = sav_fail(err, SAV_NO_MEMORY, "no memory for the confusion of %zu classes", C);
    }
    if (status) {
        sav_score_free(out);
        return status;
    }
    count_confusion(out, labels, predictions);
    average_classes(out);
    out->accuracy = out->scored ? (double)out->correct / (double)out->scored : NAN;
    sav_score_wilson(out->interval, out->correct, out->scored);
    return SAV_OK;
}

void sav_score_free(sav_score *score) {
    sav_labels_free(&score->classes);
    sav_free(score->recall);
    sav_free(score->confusion);
    *score = (sav_score){0};
}
