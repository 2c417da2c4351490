/* protocols.h: how the predictions of a test list become numbers: a table of protocols.
 *
 *   answers [N] -> protocol -> members of metrics.json, sentences for people
 *
 * A list's format names its protocol (lists/formats.h). The name is looked up here once, when predictions
 * begin. A protocol is one file with one function, and one row in protocols.inc.
 */
#ifndef SAV_PROTOCOLS_H
#define SAV_PROTOCOLS_H

#include "base/base.h"

/* What was asked, and what came out. */
typedef struct sav_answer {
    size_t index;                            /* of the record in its list, or of the row in its store */
    const char *image, *question_id, *group; /* JSON texts; NULL = null */
    const char *split, *label;               /* NULL = null; without a label: predicted, not scored */
    const char *prediction;                  /* NULL = no answer: below --min-margin */
} sav_answer;

typedef struct sav_answers {
    const sav_answer *items; /* [N], in list order */
    size_t N;
    const char *const *class_names; /* [C], in order of the training list; may be NULL with C = 0 */
    size_t C;
} sav_answers;

typedef struct sav_scores {
    sav_text members; /* of metrics.json's object: `"accuracy":0.5,"n_test":4,…` */
    sav_text words;   /* sentences for people, one a line */
} sav_scores;

/* The texts' `failed` flags tell of missing memory. */
typedef sav_status sav_protocol_score(sav_scores *out, const sav_answers *answers, sav_error *err);

typedef struct sav_protocol {
    const char *name;
    sav_protocol_score *score;
} sav_protocol;

/* sav_score_accuracy and the others */
#define PROTOCOL(name) sav_protocol_score sav_score_##name;
#include "tasks/protocols.inc"
#undef PROTOCOL

/* NULL as a name: the one for samples that no list brought. NULL as the result: the name is unknown. */
const sav_protocol *sav_protocol_find(const char *name);

/* For all protocols: the 95 % Wilson interval of hits among n, clipped to [0, 1]; NaN for n = 0. */
void sav_wilson_interval(double interval[2], size_t hits, size_t n);

#endif
