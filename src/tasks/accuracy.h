/* accuracy.h: predictions against labels: accuracy and what stands beside it.
 *
 *   answers [N] -> correct, Wilson interval, recall a class, balanced accuracy, macro-F1, confusion matrix
 *       -> members of metrics.json, a sentence
 *
 * The protocol of lists without groups; a protocol of groups or pairs may write these figures beside its own.
 */
#ifndef SAV_ACCURACY_H
#define SAV_ACCURACY_H

#include "classify/labels.h"
#include "tasks/protocols.h"

typedef struct sav_accuracy {
    size_t tested;             /* predictions in all */
    size_t scored;             /* with a label */
    size_t correct;            /* label and prediction are the same bytes */
    double share, interval[2]; /* correct of the scored; NaN when nothing is scored */
    double balanced;           /* mean recall over the classes below */
    double macro_f1;
    /* the C that occur in the scored labels, in order of the training list, then of the test list */
    sav_labels classes;
    double *recall;    /* [C] */
    size_t *confusion; /* [C, C + 1]: rows = label, columns = prediction; the last: anything else */
} sav_accuracy;

sav_status sav_accuracy_count(sav_accuracy *out, const sav_answers *answers, sav_error *err);
void sav_accuracy_put(sav_scores *out, const sav_accuracy *accuracy);
void sav_accuracy_free(sav_accuracy *accuracy);

#endif
