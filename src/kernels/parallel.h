/* parallel.h: OpenMP, when there. Threads split outputs, never sums, so their number never shows in a
 * result. */
#ifndef SAV_PARALLEL_H
#define SAV_PARALLEL_H

#include "kernels/kernels.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Whether so many multiply-adds are worth a team of threads. */
static inline bool sav_team(const sav_run *run, size_t work) {
    return work >= run->team_work;
}

/* 0 and below: whatever is usual. */
static inline sav_status sav_threads_check(int wanted, sav_error *err) {
    if (wanted <= SAV_MAX_THREADS) return SAV_OK;
    return sav_fail(err, SAV_BAD_INPUT, "found %d threads; expected at most %d", wanted,
                    (int)SAV_MAX_THREADS);
}

/* Without OpenMP there is one thread, whatever was asked for. */
static inline int sav_threads(int wanted) {
#ifdef _OPENMP
    return wanted < SAV_MAX_THREADS ? wanted : SAV_MAX_THREADS;
#else
    (void)wanted;
    return 1;
#endif
}

static inline int sav_thread(void) {
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

#endif
