/* spans.c: packed rows, for decoders. See spans.h. */
#include "llm/spans.h"

#include <string.h>

const float *sav_span_gather(float *spare, const float *k, const sav_rows *rows, const sav_span *span,
                             size_t width) {
    if (span->in_front) return k + (span->first - span->past) * width;
    memcpy(spare + span->past * width, k + span->first * width, span->count * width * sizeof *spare);
    size_t at = span->parent;
    for (size_t end = span->past; end > 0;) { /* tokens past … end - 1 of the sample stand in span `at` */
        const sav_span *parent = &rows->spans[at];
        memcpy(spare + parent->past * width, k + parent->first * width,
               (end - parent->past) * width * sizeof *spare);
        end = parent->past;
        at = parent->parent;
    }
    return spare;
}

const float *sav_span_append(float *cached, const float *k, const sav_span *span, size_t l, size_t width) {
    float *all = cached + l * span->cache->capacity * width;
    memcpy(all + span->past * width, k + span->first * width, span->count * width * sizeof *all);
    return all;
}

static size_t last_row(const sav_span *span) {
    return span->first + span->count - 1;
}

void sav_span_ends(float *to, const float *from, const sav_rows *rows, size_t width) {
    for (size_t i = 0; i < rows->span_count; i++)
        memcpy(to + i * width, from + last_row(&rows->spans[i]) * width, width * sizeof *to);
}

void sav_span_tap(const sav_outputs *out, const float *mixed, const sav_rows *rows, size_t l, size_t width,
                  bool ends) {
    for (size_t i = 0; i < rows->span_count && out->taps; i++) {
        const sav_span *span = &rows->spans[i];
        const size_t row = ends ? i : last_row(span);
        memcpy(out->taps + span->sample * out->features + l * width, mixed + row * width,
               width * sizeof *mixed);
    }
}

bool sav_span_fits(sav_pass *p, const sav_rows *rows) {
    for (size_t i = 0; i < rows->span_count && !p->status; i++) {
        const sav_span *span = &rows->spans[i];
        if (span->cache && span->count > span->cache->capacity - span->past)
            p->status = sav_fail(p->err, SAV_BAD_INPUT,
                                 "a cache of %zu tokens: found %zu behind %zu that stand there",
                                 span->cache->capacity, span->count, span->past);
    }
    return p->status == SAV_OK;
}

void sav_span_commit(const sav_rows *rows) {
    for (size_t i = 0; i < rows->span_count; i++)
        if (rows->spans[i].cache) rows->spans[i].cache->count += rows->spans[i].count;
}
