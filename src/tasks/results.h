/* results.h: what goes into predictions.jsonl, metrics.json and `show samples`: one JSON object a call
 * (docs/CLI.md §8, §9).
 *
 * Everything is compact JSON in the bytes of Python's json.dumps(…, ensure_ascii=False, separators=(",",
 * ":")). The texts' `failed` flag tells of missing memory.
 */
#ifndef SAV_RESULTS_H
#define SAV_RESULTS_H

#include "lists/list.h"
#include "tasks/protocols.h"

/* One prediction: of a list's sample or of a store's row. */
typedef struct sav_result {
    sav_answer answer;
    size_t margin;
    const int32_t *votes;      /* [C] */
    const int32_t *head_votes; /* [K] in rank order; NULL: no head could vote */
} sav_result;

/* {"index":0,"image":"a.jpg","question_id":0,"group":null,"split":null,"label":"cat","prediction":"cat",
 * "correct":true,"margin":10,"votes":{"cat":15,"dog":5},"head_votes":["cat",…]} and a newline. votes: most
 * first, equal ones in order of first vote. */
void sav_result_put(sav_text *out, const sav_result *result, const sav_classifier_view *view);

/* {"index":0,"images":["R/a.jpg"],"prompt":"…","label":"Yes","question_id":1,"group":0} and a newline. */
void sav_sample_put(sav_text *out, const sav_sample *sample);

typedef struct sav_metrics {
    const sav_scores *scores;
    const sav_classifier_view *view;
    size_t near_ties, nan_cosines; /* sums over the predictions */
    size_t tied_votes;             /* predictions of margin 0 */
    const char *more;              /* further members, `"timings":{…},"versions":{…}`, or NULL */
} sav_metrics;

/* metrics.json: the protocol's members, how clear the choice of heads and the votes were, then `more`. */
void sav_metrics_put(sav_text *out, const sav_metrics *metrics);

#endif
