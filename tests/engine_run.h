/* engine_run.h: how the tests of kernels start an engine. */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "kernels/kernels.h"

/* Whether the engine can run here: a library of its may not be installed. */
static inline bool engine_starts(const sav_kernels *kernels) {
    sav_run run = {.R = SAV_F32, .threads = 1};
    sav_error err;
    const sav_status status = kernels->start ? kernels->start(&run, &err) : SAV_OK;
    if (status != SAV_IO_ERROR) CHECK_OK(status, &err);
    return !status;
}

/* The same, and one that cannot is a skip. */
static inline bool engine_or_skip(const sav_kernels *kernels) {
    if (engine_starts(kernels)) return true;
    check_skip("the engine's library is not installed");
    return false;
}

/* A run of an engine that starts. Every operation gets a team of threads. */
static inline sav_run engine_run(const sav_kernels *kernels, int threads, void *scratch) {
    sav_run run = {.R = SAV_F32, .threads = threads, .scratch = scratch};
    sav_error err;
    if (!kernels->start || !kernels->start(&run, &err)) return run;
    printf("%s\n", err.message);
    exit(1);
}

#endif
