/* parallel.h: OpenMP, when there. Threads split outputs, never sums, so their number never shows in a result. */
#ifndef SAV_PARALLEL_H
#define SAV_PARALLEL_H

#ifdef _OPENMP
#include <omp.h>
#endif

static inline int sav_thread(void) {
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

#endif
