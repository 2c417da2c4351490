/* classifier.h: what a fitted classifier is inside: the view that users see, what it points to, and the
 * units that vote. */
#ifndef SAV_CLASSIFIER_H
#define SAV_CLASSIFIER_H

#include "classify/labels.h"
#include "classify/stage.h"

struct sav_classifier {
    sav_classifier_view view; /* first: sav_classifier_describe gives its address */
    sav_labels labels;        /* [C] names */
    int32_t *class_counts;    /* [C] */
    int32_t *top_heads;       /* [K, 2] */
    float *head_scores;       /* [L, H] */
    float *activations;       /* [C, K, d] */
    float *units;             /* [K, d, C] unit vectors of the activations, see sav_stage_units */
    char *origin[6];          /* what view.origin's strings point to */
};

/* Arrays for view.L, H, d, C, K, which must be set. */
sav_status sav_classifier_make(sav_classifier *classifier, sav_error *err);
/* Two origins: one model, one quantised from the other, others, or one of them does not say. */
typedef enum sav_kin { SAV_KIN_SAME, SAV_KIN_QUANTISED, SAV_KIN_NONE, SAV_KIN_UNKNOWN } sav_kin;
sav_kin sav_origin_kin(const sav_origin *a, const sav_origin *b);

/* Once the arrays and labels are filled: units, and the view's pointers. */
void sav_classifier_finish(sav_classifier *classifier);

#endif
