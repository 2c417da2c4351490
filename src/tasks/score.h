/* score.h: predictions against labels: accuracy and what stands beside it (reference/tasks.md §4.1, §4.6).
 *
 *   labels [N], predictions [N] -> correct, Wilson interval, recall a class, balanced accuracy, macro-F1,
 *       confusion matrix
 */
#ifndef SAV_SCORE_H
#define SAV_SCORE_H

#include "classify/labels.h"

typedef struct sav_score {
    size_t tested;                /* predictions in all */
    size_t scored;                /* with a label */
    size_t correct;               /* label and prediction are the same bytes */
    double accuracy, interval[2]; /* of the scored; NaN when nothing is scored */
    double balanced_accuracy;     /* mean recall over the classes below */
    double macro_f1;
    /* the C that occur in the scored labels, in order of the training list, then of the test list */
    sav_labels classes;
    double *recall;    /* [C] */
    size_t *confusion; /* [C, C + 1]: rows = label, columns = prediction; the last: anything else */
} sav_score;

/* labels[i] NULL: predicted, not scored. predictions[i] NULL: no answer, a miss. known [known_count]: class
 * names in order of the training list, may be NULL. */
sav_status sav_score_accuracy(sav_score *out, const char *const *labels, const char *const *predictions,
                              size_t count, const char *const *known, size_t known_count, sav_error *err);
void sav_score_free(sav_score *score);

/* 95 % Wilson interval of hits among n, clipped to [0, 1]; NaN for n = 0. */
void sav_score_wilson(double interval[2], size_t hits, size_t n);

#endif
