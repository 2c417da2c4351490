/* test_accuracy.c: accuracy, Wilson interval, macro figures, confusion; and the table of protocols. */
#include <math.h>
#include <string.h>

#include "../check.h"
#include "lists/formats.h"
#include "tasks/accuracy.h"

static bool close_to(double got, double want) {
    return fabs(got - want) < 5e-7;
}

/* The figures of labels [N] and predictions [N]; C classes of a training list. */
static sav_status count(sav_accuracy *out, const char *const *labels, const char *const *guess, size_t N,
                        const char *const *classes, size_t C, sav_error *err) {
    sav_answer items[8] = {{0}};
    for (size_t i = 0; i < N; i++) {
        items[i].label = labels[i];
        items[i].prediction = guess[i];
    }
    return sav_accuracy_count(out, &(sav_answers){items, N, classes, C}, err);
}

/* Every list format names a protocol that is there; samples without a list have one too. */
static void test_protocols(void) {
    CHECK(sav_protocol_find(NULL) != NULL && sav_protocol_find("") == NULL);
    for (size_t i = 0; sav_format_at(i); i++) CHECK(sav_protocol_find(sav_format_at(i)->protocol) != NULL);
}

static void check_wilson(size_t hits, size_t n, double low, double high) {
    double interval[2];
    sav_wilson_interval(interval, hits, n);
    CHECK(close_to(interval[0], low) && close_to(interval[1], high) && interval[0] >= 0 && interval[1] <= 1);
}

static void test_wilson(void) {
    double interval[2];
    check_wilson(3, 4, 0.300642, 0.954413);
    check_wilson(9, 12, 0.467695, 0.911058);
    check_wilson(0, 5, 0, 0.434482);
    check_wilson(20, 20, 0.838875, 1);
    check_wilson(950, 1900, 0.477540, 0.522460);
    sav_wilson_interval(interval, 0, 0);
    CHECK(isnan(interval[0]) && isnan(interval[1]));
}

/* Figures equal to scikit-learn's. */
static void test_example(void) {
    static const char *const y[] = {"a", "a", "a", "b", "b", "c"}, *const guess[] = {"a", "b", "a",
                                                                                     "b", "c", "b"};
    static const size_t want[] = {2, 1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0};
    sav_accuracy s;
    sav_error err;
    if (!CHECK_OK(count(&s, y, guess, 6, NULL, 0, &err), &err)) return;
    CHECK(s.tested == 6 && s.scored == 6 && s.correct == 3 && s.share == 0.5);
    CHECK(close_to(s.balanced, 0.388889) && close_to(s.macro_f1, 0.4));
    CHECK(s.classes.count == 3 && memcmp(s.confusion, want, sizeof want) == 0);
    CHECK(close_to(s.recall[0], 2.0 / 3) && s.recall[1] == 0.5 && s.recall[2] == 0);
    sav_accuracy_free(&s);
}

static void test_edges(void) {
    static const char *const aa[] = {"a", "a"}, *const az[] = {"a", "z"}, *const none[] = {NULL, NULL};
    sav_accuracy s;
    sav_error err;
    /* a prediction outside the labels */
    if (CHECK_OK(count(&s, aa, az, 2, NULL, 0, &err), &err)) {
        CHECK(close_to(s.macro_f1, 0.666667) && s.confusion[0] == 1 && s.confusion[1] == 1);
        sav_accuracy_free(&s);
    }
    if (CHECK_OK(count(&s, none, az, 2, aa, 1, &err), &err)) { /* nothing scored */
        CHECK(s.tested == 2 && s.scored == 0 && isnan(s.share) && isnan(s.macro_f1) && s.classes.count == 0);
        sav_accuracy_free(&s);
    }
    /* Rows in the order of the training list; "yak" is only in the test list and counts as wrong; an
     * abstention is a miss. */
    static const char *const known[] = {"zebra", "cat", "unused"};
    static const char *const y[] = {"yak", "cat", "zebra", "cat", NULL}, *const guess[] = {"cat", "cat", NULL,
                                                                                           "unused", "cat"};
    static const size_t want[] = {0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0};
    if (CHECK_OK(count(&s, y, guess, 5, known, 3, &err), &err)) {
        CHECK(s.classes.count == 3 && s.scored == 4 && s.correct == 1 && s.share == 0.25);
        CHECK_STR(s.classes.names[0], "zebra");
        CHECK_STR(s.classes.names[1], "cat");
        CHECK_STR(s.classes.names[2], "yak");
        CHECK(memcmp(s.confusion, want, sizeof want) == 0);
        sav_accuracy_free(&s);
    }
}

int main(void) {
    test_protocols();
    test_wilson();
    test_example();
    test_edges();
    return check_report("accuracy");
}
