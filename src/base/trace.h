/* trace.h: how a forward shows its stages. Costs one test a stage when nobody looks. */
#ifndef SAV_TRACE_H
#define SAV_TRACE_H

#include "base/base.h"

/* Travels through a forward that shows its stages. After a sink has failed, status stays and nothing more is sent. */
typedef struct sav_trace {
    const sav_sink *sink; /* NULL: nobody looks */
    sav_dtype dtype;      /* storage type of the float stages */
    sav_status status;
    sav_error *err;
} sav_trace;

static inline bool sav_watched(const sav_trace *trace) {
    return trace->sink != NULL;
}

/* Sends floats of shape [a, b, …] (rank numbers behind the data), named by a format. */
void sav_show(sav_trace *trace, const float *data, int rank, const size_t *shape, const char *name, ...) SAV_PRINTF(5, 6);
/* The common case: a matrix [rows, cols]. */
void sav_show_rows(sav_trace *trace, const float *data, size_t rows, size_t cols, const char *name, ...) SAV_PRINTF(5, 6);
/* pixel_values: float32 whatever the run's storage type. */
void sav_show_pixels(sav_trace *trace, const float *data, int rank, const size_t *shape, const char *name);
void sav_show_integers(sav_trace *trace, const int64_t *data, int rank, const size_t *shape, const char *name);

#endif
