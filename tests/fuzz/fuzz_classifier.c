/* fuzz_classifier.c: bytes -> sav.safetensors -> votes on two taps, saved, read again; the same file as the
 * other side of `diff`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "tasks/compare.h"
#include "tasks/compare_fits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_FEATURES = 1 << 16, MOST = 1 << 12 };

static void vote(const sav_classifier *classifier) {
    const sav_classifier_view *view = sav_classifier_describe(classifier);
    const size_t features = view->L * view->H * view->d;
    sav_prediction out;
    sav_error err;
    if (features > MOST_FEATURES || view->C > MOST || view->K > MOST) return;
    float *tap = calloc(features, sizeof *tap);
    int32_t *votes = calloc(view->C, sizeof *votes), *head_votes = calloc(view->K, sizeof *head_votes);
    if (tap && votes && head_votes)
        for (int round = 0; round < 2; round++) {
            for (size_t i = 0; i < features && round; i++) tap[i] = (float)((double)(i % 7) - 3);
            if (sav_predict(&out, votes, head_votes, classifier, tap, &err)) continue;
            if (out.winner >= view->C || out.margin > view->K) abort();
        }
    free(tap);
    free(votes);
    free(head_votes);
}

static void save_again(const sav_classifier *classifier) {
    sav_error err;
    sav_classifier *back;
    sav_classifier_difference difference;
    const sav_classifier_view *view = sav_classifier_describe(classifier);
    if (sav_classifier_save(classifier, "b.sav", &view->origin, &err)) abort();
    if (sav_classifier_open(&back, "b.sav", &err)) abort();
    sav_compare_classifiers(&difference, classifier, back);
    if (!difference.equal) abort();
    sav_classifier_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sav_classifier *classifier;
    sav_error err;
    memory_mark();
    memory_put("a.sav", data, size);
    (void)sav_compare_is_classifier("a.sav");
    if (sav_classifier_open(&classifier, "a.sav", &err) == SAV_OK) {
        vote(classifier);
        save_again(classifier);
        sav_classifier_free(classifier);
    } else if (!err.message[0]) {
        abort();
    }
    memory_reset();
    return 0;
}
