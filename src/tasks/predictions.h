/* predictions.h: predictions as they come: taps [N, L, H, d] -> votes -> lines of predictions.jsonl
 *     -> protocol -> metrics.json, a sentence.
 *
 *     sav_predictions_begin(&p, classifier, &options, err);
 *     sav_encode_each(list, &encoder, sav_predictions_add_sample, &p, err);      -> p.lines, p.answers
 *     sav_predictions_score(&json, &words, &p, NULL, err);
 */
#ifndef SAV_PREDICTIONS_H
#define SAV_PREDICTIONS_H

#include "tasks/results.h"

typedef struct sav_prediction_options {
    size_t most;          /* predictions that may come */
    size_t min_margin;    /* with fewer votes ahead there is no answer */
    const char *protocol; /* by name; NULL: that of samples without a list */
} sav_prediction_options;

typedef struct sav_predictions {
    const sav_classifier *classifier;
    const sav_classifier_view *view;
    const sav_protocol *protocol;
    size_t min_margin;
    int32_t *votes, *head_votes; /* [C], [K] of the latest one */
    size_t margin, winner;       /* of the latest one */
    sav_text lines;              /* predictions.jsonl */
    sav_answer *answers;         /* [count], their strings are the caller's and the classifier's */
    size_t count;
    bool no_number; /* the latest one: a cosine of each head was NaN, so it says nothing */
    size_t near_ties, nan_cosines, tied_votes;
    size_t first_nan;  /* index of the first sample with such a cosine */
    size_t no_numbers; /* predictions that say nothing: null, whatever --min-margin */
} sav_predictions;

sav_status sav_predictions_begin(sav_predictions *p, const sav_classifier *classifier,
                                 const sav_prediction_options *options, sav_error *err);
/* who: the answer as far as it is known before the votes; its prediction is filled in here. */
sav_status sav_predictions_add(sav_predictions *p, sav_answer who, const float *tap, sav_error *err);
/* Adds a sample of a list: the `emit` of sav_encode_each. */
sav_status sav_predictions_add_sample(void *predictions, const sav_sample *sample, const float *tap,
                                      sav_error *err);
/* The lines as one JSON array. */
void sav_predictions_put_array(sav_text *out, const sav_predictions *p);
void sav_predictions_free(sav_predictions *p);

/* json: metrics.json; words: what it says, for people. Both start empty; after a failure they are empty
 * again. more: further members of metrics.json, or NULL. */
sav_status sav_predictions_score(sav_text *json, sav_text *words, const sav_predictions *p, const char *more,
                                 sav_error *err);

#endif
