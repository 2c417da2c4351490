/* heads.h: what a fitted classifier is inside: the view that users see, what it points to, and the units that
 * vote. */
#ifndef SAV_HEADS_H
#define SAV_HEADS_H

#include "sav/labels.h"
#include "sav/stage.h"

struct sav_heads {
    sav_heads_view view;   /* first: sav_heads_describe gives its address */
    sav_labels labels;     /* [C] names */
    int32_t *class_counts; /* [C] */
    int32_t *top_heads;    /* [K, 2] */
    float *head_scores;    /* [L, H] */
    float *activations;    /* [C, K, d] */
    float *units;          /* [K, d, C] unit vectors of the activations, see sav_stage_units */
    char *model, *model_sha256, *engine;
};

/* Arrays for view.layers, heads, head_size, classes, selected, which must be set. */
sav_status sav_heads_make(sav_heads *heads, sav_error *err);
/* Once the arrays and labels are filled: units, and the view's pointers. */
void sav_heads_finish(sav_heads *heads);

#endif
