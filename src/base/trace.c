/* trace.c: stages of a forward -> the caller's sink. See trace.h. */
#include "base/trace.h"

#include <stdio.h>
#include <string.h>

static void send(sav_trace *trace, const char *name, sav_dtype dtype, int rank, const size_t *shape,
                 const void *data) {
    sav_snapshot stage = {.name = name, .dtype = dtype, .rank = rank, .data = data};
    memcpy(stage.shape, shape, (size_t)rank * sizeof *shape);
    trace->status = trace->sink->take(trace->sink->context, &stage, trace->err);
}

static void send_named(sav_trace *trace, int rank, const size_t *shape, const float *data, const char *format,
                       va_list args) {
    char name[256];
    vsnprintf(name, sizeof name, format, args);
    send(trace, name, trace->dtype, rank, shape, data);
}

void sav_show(sav_trace *trace, const float *data, int rank, const size_t *shape, const char *name, ...) {
    if (!trace->sink || trace->status) return;
    va_list args;
    va_start(args, name);
    send_named(trace, rank, shape, data, name, args);
    va_end(args);
}

void sav_show_rows(sav_trace *trace, const float *data, size_t rows, size_t cols, const char *name, ...) {
    if (!trace->sink || trace->status) return;
    const size_t shape[2] = {rows, cols};
    va_list args;
    va_start(args, name);
    send_named(trace, 2, shape, data, name, args);
    va_end(args);
}

void sav_show_pixels(sav_trace *trace, const float *data, int rank, const size_t *shape, const char *name) {
    if (trace->sink && !trace->status) send(trace, name, SAV_F32, rank, shape, data);
}

void sav_show_integers(sav_trace *trace, const int64_t *data, int rank, const size_t *shape,
                       const char *name) {
    if (trace->sink && !trace->status) send(trace, name, SAV_I64, rank, shape, data);
}
