/* pace.c: how long a job will take still. See pace.h. */
#include "tasks/pace.h"

#include <math.h>

void sav_pace_begin(sav_pace *pace, double now) {
    pace->mark = now;
    pace->computed = pace->batches = 0;
}

/* A batch is through. */
static void note(sav_pace *pace, const sav_encode_progress *how_far, double now) {
    const size_t samples = how_far->computed - pace->computed;
    const bool first = pace->first_samples == 0;
    *(first ? &pace->first_seconds : &pace->other_seconds) += now - pace->mark;
    *(first ? &pace->first_samples : &pace->other_samples) += samples;
    pace->mark = now;
    pace->computed = how_far->computed;
    pace->batches = how_far->batches;
}

double sav_pace_left(sav_pace *pace, const sav_encode_progress *how_far, double now) {
    if (how_far->batches > pace->batches) note(pace, how_far, now);
    const double samples = (double)(how_far->total + pace->later - how_far->finished);
    const double share = how_far->done - (double)how_far->finished; /* of the running batch */
    if (!pace->first_samples) return share > 0 ? (now - pace->mark) / share * (samples - share) : NAN;
    const double each = pace->other_samples ? pace->other_seconds / (double)pace->other_samples
                                            : pace->first_seconds / (double)pace->first_samples;
    const double left = samples * each - (now - pace->mark), behind = samples - (double)how_far->running;
    return left > behind * each ? left : behind * each; /* a batch may take longer than others did */
}
