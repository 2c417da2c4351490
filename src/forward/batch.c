/* batch.c: prompts -> inputs -> packed rows. See batch.h. */
#include "forward/batch.h"

#include <string.h>

/* ---- a batch grows ------------------------------------------------------------------------------------- */

/* Tokens that two samples begin with in common. A picture's tokens are equal as a whole or differ from the
 * first on. */
static size_t common(const sav_batch *b, const sav_input *one, const sav_input *other) {
    const size_t most = b->apart ? 0 : sav_min(one->T, other->T);
    size_t t = 0;
    while (t < most && one->content[t] == other->content[t]) t++;
    return t;
}

/* Lexicographic, so that what samples share stands side by side and a prefix comes before what goes on. */
static int compare_content(const sav_input *one, const sav_input *other) {
    const size_t most = sav_min(one->T, other->T);
    for (size_t t = 0; t < most; t++)
        if (one->content[t] != other->content[t]) return one->content[t] < other->content[t] ? -1 : 1;
    return one->T < other->T ? -1 : one->T > other->T;
}

/* Where an input belongs among those in order: behind the equal ones. */
static size_t place_of(const sav_batch *b, const sav_input *in) {
    size_t low = 0, high = b->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_content(&b->inputs[b->order[middle]], in) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void sav_batch_begin(sav_batch *b) {
    for (size_t i = 0; i < b->count; i++) sav_input_free(&b->inputs[i]);
    sav_free(b->spans);
    sav_free(b->positions);
    sav_free(b->same_as);
    sav_free(b->places);
    *b = (sav_batch){.apart = b->apart,
                     .inputs = b->inputs,
                     .order = b->order,
                     .capacity = b->capacity,
                     .order_capacity = b->order_capacity};
}

void sav_batch_free(sav_batch *b) {
    sav_batch_begin(b);
    sav_free(b->inputs);
    sav_free(b->order);
    *b = (sav_batch){0};
}

sav_status sav_batch_add(sav_batch *b, sav_pictures *pictures, const sav_model *model,
                         const sav_prompt *prompt, sav_error *err) {
    const size_t before = pictures->count;
    if (!sav_grow(&b->inputs, &b->capacity, b->count + 1, sizeof *b->inputs) ||
        !sav_grow(&b->order, &b->order_capacity, b->count + 1, sizeof *b->order))
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu prompts", b->count + 1);
    sav_input *in = &b->inputs[b->count];
    sav_status status = sav_input_read(in, pictures, model, prompt, err);
    if (status) {
        pictures->count = before; /* the others are spare now */
        return status;
    }
    /* Of all inputs a neighbour in order shares most. */
    const size_t at = place_of(b, in);
    size_t shared = at ? common(b, in, &b->inputs[b->order[at - 1]]) : 0;
    if (at < b->count) shared = sav_max(shared, common(b, in, &b->inputs[b->order[at]]));
    memmove(b->order + at + 1, b->order + at, (b->count - at) * sizeof *b->order);
    b->order[at] = b->count++;
    b->N += in->T - shared;
    b->most_keys = sav_max(b->most_keys, in->T);
    return SAV_OK;
}

void sav_batch_drop(sav_batch *b, const size_t before[2]) {
    size_t at = 0;
    sav_input_free(&b->inputs[--b->count]);
    while (b->order[at] != b->count) at++;
    memmove(b->order + at, b->order + at + 1, (b->count - at) * sizeof *b->order);
    b->N = before[0];
    b->most_keys = before[1];
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* The next sample in order: `past` tokens are those of the sample before it. Its other tokens become a
 * span. */
static void add_span(sav_batch *b, const sav_input *in, size_t past, size_t axes) {
    sav_span *span = &b->spans[b->rows.span_count];
    *span = (sav_span){.first = b->rows.N,
                       .count = in->T - past,
                       .past = past,
                       .in_front = true,
                       .sample = (size_t)(in - b->inputs)};
    if (past) {
        size_t at = b->rows.span_count - 1;
        while (b->spans[at].past >= past) at = b->spans[at].parent;
        const sav_span *parent = &b->spans[at];
        span->parent = at;
        span->in_front = parent->in_front && parent->first + (past - parent->past) == span->first;
    }
    for (size_t axis = 0; axis < axes; axis++)
        memcpy(b->positions + axis * b->N + span->first, in->positions + axis * in->T + past,
               span->count * sizeof *b->positions);
    for (size_t i = 0; i < in->images; i++)
        if (in->starts[i] >= past && b->places[in->pictures[i]] == SIZE_MAX)
            b->places[in->pictures[i]] = span->first + in->starts[i] - past;
    if (!span->in_front) b->rows.split = true;
    b->rows.N += span->count;
    b->rows.span_count++;
}

sav_status sav_batch_pack(sav_batch *b, const sav_decoder *decoder, size_t pictures, sav_error *err) {
    const size_t axes = decoder->axes;
    b->spans = sav_alloc(b->count, sizeof *b->spans);
    b->positions = sav_alloc(b->N, axes * sizeof *b->positions);
    b->same_as = sav_alloc(b->count, sizeof *b->same_as);
    b->places = sav_alloc(pictures, sizeof *b->places);
    if (!b->spans || !b->positions || !b->same_as || !b->places)
        return sav_fail(err, SAV_NO_MEMORY, "no memory for a batch of %zu rows", b->N);
    for (size_t i = 0; i < pictures; i++) b->places[i] = SIZE_MAX;
    b->rows = (sav_rows){.positions = b->positions, .spans = b->spans, .most_keys = b->most_keys};
    for (size_t i = 0; i < b->count; i++) {
        const sav_input *in = &b->inputs[b->order[i]];
        const size_t past = i ? common(b, in, &b->inputs[b->order[i - 1]]) : 0;
        if (past < in->T) add_span(b, in, past, axes);
        b->same_as[b->order[i]] = b->spans[b->rows.span_count - 1].sample;
    }
    return SAV_OK;
}

void sav_batch_embed(sav_pass *p, const sav_batch *b, const sav_decoder *decoder) {
    const size_t D = decoder->config.D;
    for (size_t i = 0; i < b->rows.span_count; i++) {
        const sav_span *span = &b->rows.spans[i];
        const int64_t *content = b->inputs[span->sample].content + span->past;
        for (size_t t = 0; t < span->count; t++)
            if (content[t] >= 0)
                sav_apply_embedding(p, b->rows.x + (span->first + t) * D, (size_t)content[t],
                                    &decoder->embed_tokens);
    }
    sav_book(p, SAV_ROLE_EMBEDDING, NULL);
}

void sav_batch_repeat(const sav_batch *b, const sav_picture_set *pictures, size_t D) {
    float *x = b->rows.x;
    for (size_t i = 0; i < b->rows.span_count; i++) {
        const sav_span *span = &b->rows.spans[i];
        const sav_input *in = &b->inputs[span->sample];
        for (size_t j = 0; j < in->images; j++) {
            const size_t picture = in->pictures[j], from = b->places[picture];
            if (in->starts[j] < span->past) continue;
            const size_t to = span->first + in->starts[j] - span->past;
            const size_t floats = pictures->items[picture]->fit.tokens * D;
            if (to != from) memcpy(x + to * D, x + from * D, floats * sizeof *x);
        }
    }
}
