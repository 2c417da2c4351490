/* test_predictions.c: predictions as a library has them: lines, margins, ties, the array, scores. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "tasks/predictions.h"

/* Two heads of size 2 and four examples: head 0 tells the classes apart, head 1 sees the same everywhere. */
static const float taps[] = {1, 0, 1, 1, 0, 1, 1, 1, 1, 0.1f, 1, 1, 0.1f, 1, 1, 1}; /* [4, 1, 2, 2] */
static const char *const labels[] = {"a", "b", "a", "b"};

static sav_classifier *fitted(size_t K) {
    static const size_t shape[4] = {4, 1, 2, 2};
    const sav_fit_options options = {.K = K};
    sav_classifier *classifier = NULL;
    sav_error err;
    CHECK_OK(sav_fit(&classifier, taps, labels, shape, &options, &err), &err);
    return classifier;
}

static bool predict(sav_predictions *p, size_t index, const char *label) {
    const sav_answer who = {.index = index, .image = "\"p.png\"", .question_id = "7", .label = label};
    sav_error err;
    return CHECK_OK(sav_predictions_add(p, who, taps + 4 * index, &err), &err);
}

static void test_lines(void) {
    sav_classifier *classifier = fitted(1);
    const sav_prediction_options options = {.most = 3};
    sav_predictions p;
    sav_text array = {0}, json = {0}, words = {0};
    sav_error err;
    if (classifier && CHECK_OK(sav_predictions_begin(&p, classifier, &options, &err), &err)) {
        predict(&p, 0, "a"), predict(&p, 1, "a"), predict(&p, 2, NULL);
        CHECK(p.count == 3 && p.tied_votes == 0 && p.answers[1].prediction && p.margin == 1);
        sav_predictions_put_array(&array, &p);
        CHECK_STR(
            array.bytes,
            "[{\"index\":0,\"image\":\"p.png\",\"question_id\":7,\"group\":null,\"split\":null,\"label\":"
            "\"a\","
            "\"prediction\":\"a\","
            "\"correct\":true,\"margin\":1,\"votes\":{\"a\":1},\"head_votes\":[\"a\"]},"
            "{\"index\":1,\"image\":\"p.png\",\"question_id\":7,\"group\":null,\"split\":null,\"label\":"
            "\"a\","
            "\"prediction\":\"b\","
            "\"correct\":false,\"margin\":1,\"votes\":{\"b\":1},\"head_votes\":[\"b\"]},"
            "{\"index\":2,\"image\":\"p.png\",\"question_id\":7,\"group\":null,\"split\":null,\"label\":null,"
            "\"prediction\":\"a\","
            "\"correct\":null,\"margin\":1,\"votes\":{\"a\":1},\"head_votes\":[\"a\"]}]\n");
        CHECK_OK(sav_predictions_score(&json, &words, &p, NULL, &err), &err);
        CHECK_STR(words.bytes, "accuracy 0.5000 (95 % interval 0.0945 to 0.9055): 1 of 2\n"
                               "1 sample without a label: predicted, not scored\n");
        CHECK(json.bytes && strstr(json.bytes, "{\"accuracy\":0.5,") == json.bytes &&
              strstr(json.bytes, "\"tied_votes\":0}\n") != NULL);
        sav_predictions_free(&p);
    }
    sav_text_free(&array);
    sav_text_free(&json);
    sav_text_free(&words);
    sav_classifier_free(classifier);
}

/* Head 1 votes for class a everywhere: for class b the two heads stand against each other, margin 0. */
static void test_margins(void) {
    sav_classifier *classifier = fitted(2);
    const sav_prediction_options options = {.most = 2, .min_margin = 1};
    sav_predictions p;
    sav_error err;
    if (classifier && CHECK_OK(sav_predictions_begin(&p, classifier, &options, &err), &err)) {
        predict(&p, 0, "a"), predict(&p, 1, "b");
        CHECK(p.answers[0].prediction && strcmp(p.answers[0].prediction, "a") == 0);
        CHECK(p.answers[1].prediction == NULL && p.margin == 0 && p.tied_votes == 1);
        sav_predictions_free(&p);
    }
    sav_classifier_free(classifier);
}

/* A head whose cosine is NaN votes as in PyTorch, whose argmax takes NaN for the largest. When that is all of
 * them, the sample has no prediction, however the votes stand; one head that compares numbers makes one. */
static void test_no_numbers(void) {
    static const float bad[3][4] = {{NAN, 0, NAN, 1}, {INFINITY, 1, 1, INFINITY}, {NAN, 0, 1, 1}};
    sav_classifier *classifier = fitted(2);
    const sav_prediction_options options = {.most = 4};
    sav_predictions p;
    sav_error err;
    if (!classifier || !CHECK_OK(sav_predictions_begin(&p, classifier, &options, &err), &err)) return;
    for (size_t i = 0; i < 3; i++) {
        const sav_answer who = {.index = i, .label = "a"};
        CHECK_OK(sav_predictions_add(&p, who, bad[i], &err), &err);
        CHECK(p.no_number == (i < 2));
    }
    CHECK(!p.answers[0].prediction && !p.answers[1].prediction && p.answers[2].prediction);
    CHECK(p.no_numbers == 2 && p.nan_cosines == 5 && p.tied_votes == 0);
    CHECK(
        p.lines.bytes &&
        strncmp(
            p.lines.bytes,
            "{\"index\":0,\"image\":null,\"question_id\":null,\"group\":null,\"split\":null,\"label\":\"a\","
            "\"prediction\":null,\"correct\":false,\"margin\":0,\"votes\":{},\"head_votes\":[]}\n",
            strcspn(p.lines.bytes, "\n") + 1) == 0);
    sav_predictions_free(&p);
    sav_classifier_free(classifier);
}

static void test_nothing(void) {
    sav_classifier *classifier = fitted(1);
    const sav_prediction_options unknown = {.most = 1, .protocol = "by feeling"}, none = {.most = 1};
    sav_predictions p;
    sav_text array = {0};
    sav_error err;
    if (!classifier) return;
    CHECK_FAILS(sav_predictions_begin(&p, classifier, &unknown, &err), &err, SAV_UNSUPPORTED,
                "\"by feeling\"");
    if (CHECK_OK(sav_predictions_begin(&p, classifier, &none, &err), &err)) {
        sav_predictions_put_array(&array, &p);
        CHECK_STR(array.bytes, "[]\n");
        sav_text_free(&array);
        sav_predictions_free(&p);
    }
    sav_classifier_free(classifier);
}

int main(void) {
    test_lines();
    test_margins();
    test_no_numbers();
    test_nothing();
    return check_report("predictions");
}
