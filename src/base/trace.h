/* trace.h: how a forward shows its stages, and how it asks before each layer whether to go on. Costs one test
 * a stage when nobody looks. */
#ifndef SAV_TRACE_H
#define SAV_TRACE_H

#include "base/base.h"

typedef enum sav_half { SAV_IN_TOWER, SAV_IN_DECODER } sav_half;

/* Travels through a forward. After a sink or `enter` has failed, status stays and nothing more is sent. */
typedef struct sav_trace {
    const sav_sink *sink; /* NULL: nobody looks */
    /* Before layer number `layer` of a half: the weights it reads are announced, and the run may end here.
     * NULL: nobody asks. */
    sav_status (*enter)(void *context, sav_half half, size_t layer, sav_error *err);
    void *context;
    sav_dtype dtype; /* storage type of the float stages */
    sav_status status;
    sav_error *err;
} sav_trace;

static inline bool sav_watched(const sav_trace *trace) {
    return trace->sink != NULL;
}

/* False: the forward ends. */
static inline bool sav_enter(sav_trace *trace, sav_half half, size_t layer) {
    if (!trace->status && trace->enter) trace->status = trace->enter(trace->context, half, layer, trace->err);
    return trace->status == SAV_OK;
}

/* Sends floats of shape [a, b, …] (rank numbers behind the data), named by a format. */
void sav_show(sav_trace *trace, const float *data, int rank, const size_t *shape, const char *name, ...)
    SAV_PRINTF(5, 6);
/* The common case: a matrix [rows, cols]. */
void sav_show_rows(sav_trace *trace, const float *data, size_t rows, size_t cols, const char *name, ...)
    SAV_PRINTF(5, 6);
/* pixel_values: float32 whatever the run's storage type. */
void sav_show_pixels(sav_trace *trace, const float *data, int rank, const size_t *shape, const char *name);
void sav_show_integers(sav_trace *trace, const int64_t *data, int rank, const size_t *shape,
                       const char *name);

#endif
