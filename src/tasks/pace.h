/* pace.h: how long a job will take still, said from the batches that are through.
 *
 * The first batch also reads the weights from the disk, so it counts only until there is a second one.
 * Between the ends of batches the clock runs down: how far a batch is says little about its time, since the
 * vision tower, which comes first, takes longer than its share. So what is said within the first batch is too
 * long.
 */
#ifndef SAV_PACE_H
#define SAV_PACE_H

#include "tasks/encode.h"

typedef struct sav_pace {
    size_t later;                        /* samples of lists that come after the running one */
    double mark;                         /* seconds: the end of the latest batch, or the begin of the list */
    size_t computed, batches;            /* of the running list so far */
    double first_seconds, other_seconds; /* of the job's first batch, of the others */
    size_t first_samples, other_samples;
    bool told; /* the first estimate has been said */
} sav_pace;

void sav_pace_begin(sav_pace *pace, double now); /* of a list */
/* Notes how far the list is; returns the seconds that the job will take from now on, NaN: nothing is known.
 * Before a batch is through (pace->first_samples == 0) they are too many. */
double sav_pace_left(sav_pace *pace, const sav_encode_progress *how_far, double now);

#endif
