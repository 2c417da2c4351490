/* test_fit.c: fit and predict through the public header: class order, selection, validation split, errors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "sav.h"

enum { N = 8, L = 2, H = 3, D = 4, HEADS = L * H };

static const size_t shape[4] = {N, L, H, D};
static const char *const labels[N] = {"dog", "dog", "cat", "dog", "cat", NULL, "ant", "cat"};

/* Head f tells classes apart in example n if f > 1; heads 0 and 1 see the same everywhere. A head's vector
 * has a large value at its class and a little noise that differs by example. */
static void make_features(float *x) {
    for (size_t n = 0; n < N; n++)
        for (size_t f = 0; f < HEADS; f++)
            for (size_t k = 0; k < D; k++) {
                const size_t c = !labels[n]                      ? 3
                                 : strcmp(labels[n], "dog") == 0 ? 0
                                 : strcmp(labels[n], "cat") == 0 ? 1
                                                                 : 2;
                x[(n * HEADS + f) * D + k] = (f > 1 && k == c ? 1.0f : 0.125f) + 0.001f * (float)(n % 3) +
                                             0.01f * (float)k;
            }
}

static void test_fit(void) {
    float x[N * HEADS * D];
    sav_classifier *classifier;
    sav_error err;
    make_features(x);
    sav_fit_options options = {.K = 3};
    if (!CHECK_OK(sav_fit(&classifier, x, labels, shape, &options, &err), &err)) return;
    const sav_classifier_view *v = sav_classifier_describe(classifier);
    CHECK(v->L == L && v->H == H && v->d == D && v->C == 3 && v->K == 3);
    CHECK_STR(v->class_names[0], "dog"); /* first appearance, not the alphabet; "ant" comes late */
    CHECK_STR(v->class_names[1], "cat");
    CHECK_STR(v->class_names[2], "ant");
    CHECK(v->class_counts[0] == 3 && v->class_counts[1] == 3 && v->class_counts[2] == 1);
    CHECK(v->scored == 7);
    /* four heads are perfect; ties go to the later layer, then the higher head */
    for (size_t r = 0; r < 3; r++)
        CHECK(v->top_heads[2 * r] == 1 && v->top_heads[2 * r + 1] == (int32_t)(2 - r));
    CHECK(v->head_scores[5] == 1 && v->head_scores[2] == 1 && v->head_scores[0] < 1);
    CHECK(v->cut_count == 7 && v->cut_next == 7 && v->cut_tied == 4 && v->cut_taken == 3);
    /* One example: the mean is the example. */
    check_bits(v->activations + (2 * 3 + 1) * D, x + (6 * HEADS + 4) * D, D, "mean of one");

    int32_t votes[3], head_votes[3];
    sav_prediction p;
    for (size_t n = 0; n < N; n++) {
        if (!labels[n]) continue;
        CHECK_OK(sav_predict(&p, votes, head_votes, classifier, x + n * HEADS * D, &err), &err);
        CHECK_STR(v->class_names[p.winner], labels[n]);
        CHECK(p.margin == 3 && votes[p.winner] == 3 && head_votes[2] == (int32_t)p.winner);
        CHECK(p.near_ties == 0 && p.nan_cosines == 0);
    }
    sav_classifier_free(classifier);
}

static void test_sizes(void) {
    float x[N * HEADS * D];
    sav_classifier *classifier;
    sav_error err;
    make_features(x);
    for (size_t k = 1; k <= HEADS; k++) {
        const sav_fit_options options = {.K = k};
        int32_t votes[3], head_votes[HEADS];
        sav_prediction p;
        if (!CHECK_OK(sav_fit(&classifier, x, labels, shape, &options, &err), &err)) return;
        CHECK_SIZE(sav_classifier_describe(classifier)->K, k);
        CHECK_OK(sav_predict(&p, votes, head_votes, classifier, x, &err), &err);
        CHECK(p.winner == 0);
        if (k == HEADS) CHECK(sav_classifier_describe(classifier)->cut_next == -1);
        sav_classifier_free(classifier);
    }
}

/* Two classes with equal means: the first maximum is the class seen first. */
static void test_equal_means(void) {
    static const float x[] = {1, 2, 1, 2, 1, 2};
    static const char *const two[] = {"z", "a", "a"};
    const size_t small[4] = {3, 1, 1, 2};
    const sav_fit_options options = {.K = 1};
    sav_classifier *classifier;
    sav_error err;
    int32_t votes[2], head_vote;
    sav_prediction p;
    if (!CHECK_OK(sav_fit(&classifier, x, two, small, &options, &err), &err)) return;
    CHECK_OK(sav_predict(&p, votes, &head_vote, classifier, x, &err), &err);
    CHECK(p.winner == 0 && p.near_ties == 1 && sav_classifier_describe(classifier)->near_ties == 3);
    CHECK(sav_classifier_describe(classifier)->head_scores[0] == 1.0f / 3);
    sav_classifier_free(classifier);
}

/* A zero vector: cosine 0 in f32 and a vote for the first class; in f16 a NaN that is counted. */
static void test_nan(void) {
    static const float x[] = {0, 0, 1, 0};
    static const char *const two[] = {"a", "b"};
    const size_t small[4] = {2, 1, 1, 2};
    sav_classifier *classifier;
    sav_error err;
    sav_fit_options options = {.K = 1, .dtype = SAV_F32};
    if (CHECK_OK(sav_fit(&classifier, x, two, small, &options, &err), &err)) {
        CHECK_SIZE(sav_classifier_describe(classifier)->nan_cosines, 0);
        sav_classifier_free(classifier);
    }
    options.dtype = SAV_F16;
    if (CHECK_OK(sav_fit(&classifier, x, two, small, &options, &err), &err)) {
        int32_t votes[2], head_vote;
        sav_prediction p;
        CHECK_SIZE(sav_classifier_describe(classifier)->nan_cosines, 2);
        CHECK_OK(sav_predict(&p, votes, &head_vote, classifier, x + 2, &err), &err);
        CHECK(p.nan_cosines == 1 && p.winner == 0);
        sav_classifier_free(classifier);
    }
}

static void test_validation(void) {
    float x[N * HEADS * D];
    sav_classifier *classifier;
    sav_error err;
    make_features(x);
    sav_fit_options options = {.K = 2, .validation = 0.25};
    if (!CHECK_OK(sav_fit(&classifier, x, labels, shape, &options, &err), &err)) return;
    const sav_classifier_view *v = sav_classifier_describe(classifier);
    CHECK(v->class_counts[0] == 2 && v->class_counts[1] == 2 && v->class_counts[2] == 1 && v->scored == 2);
    CHECK(v->head_scores[5] == 1 && v->cut_count == 2);
    /* random.seed(0): sample(range(3), 1) = [1], then sample(range(3), 1) = [1]: the second dog and the
     * second cat score. The cats' means are those of examples 2 and 7. */
    CHECK(v->activations[(1 * 2 + 0) * D] == (x[(2 * HEADS + 5) * D] + x[(7 * HEADS + 5) * D]) / 2);
    sav_classifier_free(classifier);
    static const char *const ones[] = {"a", "b"};
    const size_t small[4] = {2, L, H, D};
    CHECK_FAILS(sav_fit(&classifier, x, ones, small, &options, &err), &err, SAV_BAD_INPUT,
                "one example in every class");
    options.validation = 1;
    CHECK_FAILS(sav_fit(&classifier, x, labels, shape, &options, &err), &err, SAV_BAD_INPUT, "validation");
    options.validation = 0.9; /* a class of three: two score, one stays */
    if (!CHECK_OK(sav_fit(&classifier, x, labels, shape, &options, &err), &err)) return;
    CHECK(sav_classifier_describe(classifier)->class_counts[0] == 1 &&
          sav_classifier_describe(classifier)->scored == 4);
    sav_classifier_free(classifier);
}

static void test_errors(void) {
    float x[N * HEADS * D];
    sav_error err;
    sav_classifier *classifier =
        (sav_classifier *)(void *)&err; /* a failure leaves NULL, whatever was there */
    make_features(x);
    CHECK_FAILS(sav_fit(&classifier, x, labels, shape, NULL, &err), &err, SAV_BAD_INPUT,
                "--heads 20; this model has 6 heads");
    CHECK(classifier == NULL);
    sav_fit_options options = {.K = 7};
    CHECK_FAILS(sav_fit(&classifier, x, labels, shape, &options, &err), &err, SAV_BAD_INPUT,
                "6 heads (2 layers of 3)");
    options = (sav_fit_options){.K = 1, .dtype = SAV_I64};
    CHECK_FAILS(sav_fit(&classifier, x, labels, shape, &options, &err), &err, SAV_BAD_INPUT,
                "f32, bf16 or f16");
    options = (sav_fit_options){.K = 1};
    static const char *const none[N] = {NULL};
    CHECK_FAILS(sav_fit(&classifier, x, none, shape, &options, &err), &err, SAV_BAD_INPUT,
                "no labelled examples");
    const size_t empty[4] = {0, L, H, D}, huge[4] = {SIZE_MAX / 2, 4, 4, 4};
    CHECK_FAILS(sav_fit(&classifier, x, labels, empty, &options, &err), &err, SAV_BAD_INPUT,
                "features [0, 2, 3, 4]");
    CHECK_FAILS(sav_fit(&classifier, x, labels, huge, &options, &err), &err, SAV_BAD_INPUT, "features [");
}

int main(void) {
    test_fit();
    test_sizes();
    test_equal_means();
    test_nan();
    test_validation();
    test_errors();
    return check_report("fit");
}
