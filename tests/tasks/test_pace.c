/* test_pace.c: how long a job will take still: lists, batches and clocks made by hand. */
#include <math.h>
#include <stdio.h>

#include "../check.h"
#include "tasks/pace.h"

static sav_encode_progress at(size_t total, size_t finished, size_t running, double share) {
    return (sav_encode_progress){.total = total,
                                 .finished = finished,
                                 .running = running,
                                 .done = (double)finished + share * (double)running};
}

static bool is(double left, double seconds) {
    if (fabs(left - seconds) < 1e-9) return true;
    printf("got %g seconds, want %g\n", left, seconds);
    return false;
}

/* Two lists of 20 and 10 samples, four a batch: the first takes 9 seconds, later ones 4. */
static void test_job(void) {
    sav_pace pace = {.later = 10};
    sav_pace_begin(&pace, 100);
    sav_encode_progress p = at(20, 0, 0, 0);
    CHECK(isnan(sav_pace_left(&pace, &p, 100)));
    p = at(20, 0, 4, 0.25); /* a first guess: one sample in 3 seconds, 29 to come */
    CHECK(is(sav_pace_left(&pace, &p, 103), 87) && pace.first_samples == 0);
    p = at(20, 4, 0, 0), p.batches = 1, p.computed = 4;
    CHECK(is(sav_pace_left(&pace, &p, 109), 26 * 9.0 / 4) && pace.first_samples == 4);
    p = at(20, 4, 4, 0.5), p.batches = 1, p.computed = 4; /* the clock runs down, whatever the share */
    CHECK(is(sav_pace_left(&pace, &p, 111), 26 * 9.0 / 4 - 2));
    p = at(20, 8, 0, 0), p.batches = 2, p.computed = 8; /* the first one does not count any more */
    CHECK(is(sav_pace_left(&pace, &p, 113), 22));
    p = at(20, 8, 4, 0.9), p.batches = 2, p.computed = 8;
    CHECK(is(sav_pace_left(&pace, &p, 116), 19));
    CHECK(
        is(sav_pace_left(&pace, &p, 200), 18)); /* a slow batch: the ones behind it are to come in any case */
    /* the second list: the pace stays */
    pace.later = 0;
    sav_pace_begin(&pace, 300);
    p = at(10, 0, 0, 0);
    CHECK(is(sav_pace_left(&pace, &p, 300), 10));
    p = at(10, 4, 0, 0), p.batches = 1,
    p.computed = 4; /* 8 seconds: 12 for 8 samples since the first batch */
    CHECK(is(sav_pace_left(&pace, &p, 308), 6 * 12.0 / 8));
    p = at(10, 10, 0, 0), p.batches = 2, p.computed = 10;
    CHECK(is(sav_pace_left(&pace, &p, 312), 0));
}

/* Samples that an earlier run computed cost nothing and say nothing. */
static void test_resumed(void) {
    sav_pace pace = {.later = 0};
    sav_pace_begin(&pace, 0);
    sav_encode_progress p = at(1000, 990, 0, 0);
    CHECK(isnan(sav_pace_left(&pace, &p, 1)));
    p = at(1000, 990, 5, 0.2); /* one of ten in 2 seconds */
    CHECK(is(sav_pace_left(&pace, &p, 2), 18));
    p = at(1000, 995, 0, 0), p.batches = 1, p.computed = 5;
    CHECK(is(sav_pace_left(&pace, &p, 10), 10));
}

int main(void) {
    test_job();
    test_resumed();
    return check_report("pace");
}
