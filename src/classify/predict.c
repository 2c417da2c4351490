/* predict.c: a tap -> one vote of each head that votes -> its class. The arithmetic: stage.c. */
#include "classify/classifier.h"
#include "kernels/float_mode.h"

sav_status sav_predict(sav_prediction *out, int32_t *votes, int32_t *head_votes,
                       const sav_classifier *classifier, const float *tap, sav_error *err) {
    const sav_classifier_view *v = &classifier->view;
    const size_t d = v->d, C = v->C;
    const sav_fit_setup stage = {.N = 1, .LH = v->K, .d = d, .C = C, .dtype = v->dtype, .threads = 1};
    sav_stage_scratch scratch;
    sav_status status = sav_float_mode_check(err);
    if (!status) status = sav_stage_scratch_make(&scratch, &stage, err);
    if (status) return status;
    *out = (sav_prediction){0, 0, 0, 0};
    for (size_t r = 0; r < v->K; r++) {
        const size_t f = (size_t)v->top_heads[2 * r] * v->H + (size_t)v->top_heads[2 * r + 1];
        sav_stage_cosines(&scratch, tap + f * d, classifier->units + r * d * C, &stage);
        const sav_vote vote = sav_stage_vote(scratch.cosines, &stage);
        head_votes[r] = vote.choice;
        out->near_ties += vote.near_tie;
        out->nan_cosines += vote.nan;
    }
    sav_stage_winner(out, votes, head_votes, v->K, C);
    sav_stage_scratch_free(&scratch);
    return SAV_OK;
}
