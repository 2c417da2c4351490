/* encode.c: a list through a model, batch by batch. See encode.h; into a store: encode_store.c.
 *
 *   link_same_pictures: samples that show the same pictures, chained
 *   until the list is at its end:
 *       run_batch:  samples not yet known -> prompts in the session -> taps [batch, L, H, d]
 *       emit_ready: taps -> the visitor, in list order, as far as they are there
 */
#include "tasks/encode_loop.h"

#include <stdlib.h>
#include <string.h>

#include "classify/feature_set.h"
#include "forward/session.h"

/* Bytes of taps that may wait for their turn. */
enum { WAITING_BYTES = 256 << 20 };

/* The taps of one batch; freed when the last of them is released. */
typedef struct taps {
    size_t left;
    float *values; /* [batch, L, H, d] */
} taps;

/* What has become of one sample. */
typedef struct slot {
    enum { WAITING, IN_BATCH, READY, DONE, FAILED } state; /* DONE: nothing to emit */
    size_t next;       /* the next sample with the same pictures; N: none */
    taps *batch;       /* READY: its tap is here … */
    const float *tap;  /* … from here on */
    sav_error *reason; /* FAILED */
} slot;

typedef struct loop {
    sav_list *list;
    const sav_encoder *encoder;
    const sav_encode_visitor *visitor;
    size_t N;
    slot *slots;   /* [N] */
    bool *keep;    /* [N] */
    size_t *batch; /* [N] the samples of the running one */
    size_t batch_count;
    size_t batch_rows; /* that go through the model in it */
    size_t first;      /* samples before it are emitted */
    size_t ahead;      /* most samples from there on that may be computed */
    size_t finished;
    size_t computed, batches; /* samples that went through the model, and in how many turns */
    uint64_t rows;
    bool told; /* of a tap that is not finite */
} loop;

static sav_status fail_memory(const loop *l, sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", l->list->name);
}

/* ---- samples with the same pictures -------------------------------------------------------------------- */

static int compare_media(const sav_sample *one, const sav_sample *other) {
    if (one->media_count != other->media_count) return one->media_count < other->media_count ? -1 : 1;
    for (size_t i = 0; i < one->media_count; i++) {
        const int order = strcmp(one->media[i], other->media[i]);
        if (order) return order;
    }
    return 0;
}

static int by_media(const void *a, const void *b) {
    const sav_sample *one = *(const sav_sample *const *)a, *other = *(const sav_sample *const *)b;
    const int order = compare_media(one, other);
    return order ? order : one < other ? -1 : one > other;
}

/* Chains them in list order. */
static sav_status link_same_pictures(loop *l, sav_error *err) {
    const sav_sample *samples = l->list->samples;
    const sav_sample **order = sav_alloc(l->N, sizeof *order);
    if (!order) return fail_memory(l, err);
    for (size_t i = 0; i < l->N; i++) order[i] = &samples[i];
    if (l->N) qsort(order, l->N, sizeof *order, by_media);
    for (size_t i = 0; i < l->N; i++) {
        const bool more = i + 1 < l->N && compare_media(order[i], order[i + 1]) == 0;
        l->slots[order[i] - samples].next = more ? (size_t)(order[i + 1] - samples) : l->N;
    }
    sav_free(order);
    return SAV_OK;
}

/* ---- samples into a batch ------------------------------------------------------------------------------ */

static sav_status check(const loop *l, sav_error *err) {
    return l->encoder->check ? l->encoder->check(l->encoder->context, err) : SAV_OK;
}

/* A failure of the sample's own waits for its turn, so that those before it come out first. */
static sav_status mark_failed(loop *l, size_t i, sav_error *err) {
    slot *s = &l->slots[i];
    s->reason = sav_alloc(1, sizeof *s->reason);
    if (!s->reason) return fail_memory(l, err);
    *s->reason = *err;
    s->state = FAILED;
    l->finished++;
    return SAV_OK;
}

/* Sample i into the batch, if it fits. */
static sav_status add_sample(loop *l, size_t i, bool *fits, sav_error *err) {
    const sav_sample *sample = &l->list->samples[i];
    const sav_encode_visitor *v = l->visitor;
    sav_chat *chat = NULL;
    const float *tap = NULL;
    sav_known known = SAV_KNOWN_NOT;
    *fits = true;
    sav_status status = check(l, err);
    if (status) return status;
    status = sav_sample_chat(&chat, sample, err);
    if (!status && v->known) status = v->known(&known, &tap, v->context, sample, &chat->prompt, err);
    if (!status && known == SAV_KNOWN_NOT)
        status = sav_session_add(l->encoder->session, fits, &chat->prompt, err);
    sav_chat_free(chat);
    if (status && status != SAV_NO_MEMORY && status != SAV_STOPPED) return mark_failed(l, i, err);
    if (status || !*fits) return status;
    l->slots[i].state = known == SAV_KNOWN_NOT ? IN_BATCH : known == SAV_KNOWN_DONE ? DONE : READY;
    l->slots[i].tap = tap;
    if (known == SAV_KNOWN_NOT)
        l->batch[l->batch_count++] = i;
    else
        l->finished++;
    return SAV_OK;
}

/* The first sample that waits and all with its pictures, the next one and all with its, until the batch is
 * full. */
static sav_status fill_batch(loop *l, sav_error *err) {
    const size_t end = l->first + sav_min(l->ahead, l->N - l->first);
    bool fits = true;
    sav_status status = SAV_OK;
    for (size_t i = l->first; i < end && fits && !status; i++) {
        if (l->slots[i].state == FAILED && !l->encoder->skip_bad) break; /* nothing behind it is wanted */
        if (l->slots[i].state != WAITING) continue;                      /* and its chain has been walked */
        for (size_t k = i; k < end && fits && !status; k = l->slots[k].next)
            if (l->slots[k].state == WAITING) status = add_sample(l, k, &fits, err);
    }
    return status;
}

/* ---- a batch through the model ------------------------------------------------------------------------- */

/* share: of the running batch. */
static void show_progress(const loop *l, double share) {
    const sav_encoder *e = l->encoder;
    const sav_encode_progress how_far = {.total = l->N,
                                         .finished = l->finished,
                                         .running = l->batch_count,
                                         .done = (double)l->finished + share * (double)l->batch_count,
                                         .rows = l->rows + (uint64_t)(share * (double)l->batch_rows),
                                         .computed = l->computed,
                                         .batches = l->batches};
    if (e->progress) e->progress(e->context, &how_far);
}

/* Between layers: may the run go on, and how far is it? */
static sav_status watch(void *context, double share, sav_error *err) {
    const loop *l = context;
    sav_status status = check(l, err);
    if (!status) show_progress(l, share);
    return status;
}

/* Weights that are no numbers, or overflow on the way, show here: such features still vote, and look
 * certain. */
static void check_finite(loop *l, size_t i, const float *tap) {
    const sav_model_info *m = sav_model_describe(l->encoder->model);
    const size_t width = m->H * m->d, depth = l->encoder->depth ? l->encoder->depth : m->L;
    size_t first = 0;
    const size_t count = sav_features_not_finite(&first, tap, depth, width);
    if (!count || l->told || !l->encoder->not_finite) return;
    char place[512];
    sav_sample_location(place, sizeof place, l->list, &l->list->samples[i]);
    l->encoder->not_finite(l->encoder->context, place, first, count, depth * width);
    l->told = true;
}

static void taps_free(taps *batch) {
    if (batch) sav_free(batch->values);
    sav_free(batch);
}

static sav_status run_batch(loop *l, sav_error *err) {
    const size_t features = sav_model_describe(l->encoder->model)->features;
    sav_session *session = l->encoder->session;
    size_t floats = 0;
    sav_status status = fill_batch(l, err);
    const size_t count = l->batch_count;
    if (status || !count) return status;
    taps *batch = sav_alloc(1, sizeof *batch);
    if (batch && sav_mul(&floats, count, features)) batch->values = sav_alloc(floats, sizeof *batch->values);
    if (!batch || !batch->values)
        status = sav_fail(err, SAV_NO_MEMORY, "no memory for %zu samples' features", count);
    if (!status) status = sav_session_pack(session, err);
    l->batch_rows = sav_session_rows(session);
    if (!status) status = sav_session_run(session, batch->values, l->encoder->depth, NULL, err);
    if (status) {
        taps_free(batch);
        return status;
    }
    batch->left = count;
    for (size_t i = 0; i < count; i++) {
        slot *s = &l->slots[l->batch[i]];
        s->state = READY;
        s->batch = batch;
        s->tap = batch->values + i * features;
        check_finite(l, l->batch[i], s->tap);
    }
    l->finished += count;
    l->computed += count;
    l->batches++;
    l->rows += l->batch_rows;
    l->batch_count = 0;
    l->batch_rows = 0;
    sav_session_begin(session, false); /* the next one */
    return SAV_OK;
}

/* ---- taps to the visitor ------------------------------------------------------------------------------- */

static void release(slot *s) {
    if (s->batch) s->batch->left--;
    if (s->batch && s->batch->left == 0) taps_free(s->batch);
    sav_free(s->reason);
    s->batch = NULL;
    s->reason = NULL;
}

/* The failure ends the loop, or becomes a note and the sample leaves the list. */
static sav_status report_failed(loop *l, size_t i, sav_error *err) {
    const sav_sample *sample = &l->list->samples[i];
    sav_error reason = *l->slots[i].reason;
    sav_sample_place(&reason, l->list, sample);
    if (!l->encoder->skip_bad) {
        *err = reason;
        return reason.status;
    }
    return sav_notes_add(&l->list->bad, sample->line, reason.message) ? SAV_OK : fail_memory(l, err);
}

/* What is finished from `first` on, in list order. */
static sav_status emit_ready(loop *l, sav_error *err) {
    const sav_encode_visitor *v = l->visitor;
    while (l->first < l->N) {
        slot *s = &l->slots[l->first];
        sav_status status = SAV_OK;
        if (s->state == WAITING || s->state == IN_BATCH) break;
        if (s->state == FAILED) status = report_failed(l, l->first, err);
        if (s->state == READY) status = v->emit(v->context, &l->list->samples[l->first], s->tap, err);
        l->keep[l->first] = s->state != FAILED;
        release(s);
        if (status) return status;
        l->first++;
    }
    return SAV_OK;
}

/* After a failure. A second one is not reported: less is saved then. */
static void save_rest(loop *l) {
    const sav_encode_visitor *v = l->visitor;
    sav_error ignored;
    for (size_t i = l->first; l->slots && v->save && i < l->N; i++) {
        const slot *s = &l->slots[i];
        if (s->state != READY || !s->batch) continue;
        if (v->save(v->context, &l->list->samples[i], s->tap, &ignored)) return;
    }
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

static sav_status run_batches(loop *l, sav_error *err) {
    while (l->first < l->N) {
        sav_error later;
        sav_status status = run_batch(l, err);
        const sav_status emitted =
            emit_ready(l, &later); /* after a failure too: what came before it counts */
        if (status) return status;
        if (emitted) {
            *err = later;
            return emitted;
        }
        show_progress(l, 0);
    }
    return SAV_OK;
}

static sav_status prepare(loop *l, sav_error *err) {
    const size_t bytes = sav_model_describe(l->encoder->model)->features * sizeof(float);
    sav_session *session = l->encoder->session;
    l->slots = sav_alloc(l->N, sizeof *l->slots);
    l->keep = sav_alloc(l->N, sizeof *l->keep);
    l->batch = sav_alloc(l->N, sizeof *l->batch);
    if (!l->slots || !l->keep || !l->batch) return fail_memory(l, err);
    sav_status status = link_same_pictures(l, err);
    if (status) return status;
    const uint64_t memory = sav_session_describe(session)->memory;
    const uint64_t most = memory && memory / 16 < WAITING_BYTES ? memory / 16 : WAITING_BYTES;
    l->ahead = bytes < most ? most / bytes : 1;
    if (l->ahead > l->N) l->ahead = l->N;
    sav_session_watch(session, watch, l);
    sav_session_begin(session, false);
    /* a batch's taps are whole to its end */
    return sav_session_reserve(session, l->encoder->reserve + 2 * l->ahead * bytes, err);
}

sav_status sav_encode_visit(sav_list *list, const sav_encoder *encoder, const sav_encode_visitor *visitor,
                            sav_error *err) {
    sav_error own;
    loop l = {.list = list, .encoder = encoder, .visitor = visitor, .N = list->count};
    if (!err) err = &own;
    sav_status status = prepare(&l, err);
    if (!status) status = run_batches(&l, err);
    if (status) save_rest(&l);
    sav_session_watch(encoder->session, NULL, NULL);
    for (size_t i = 0; l.slots && i < l.N; i++) release(&l.slots[i]);
    if (!status) sav_list_keep(list, l.keep);
    if (!status && list->count == 0)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: every sample was left out", list->name);
    sav_free(l.slots);
    sav_free(l.keep);
    sav_free(l.batch);
    return status;
}

/* ---- to whoever takes them, into memory ---------------------------------------------------------------- */

sav_status sav_encode_each(sav_list *list, const sav_encoder *encoder, sav_encode_emit *emit, void *context,
                           sav_error *err) {
    const sav_encode_visitor visitor = {.emit = emit, .save = emit, .context = context};
    return sav_encode_visit(list, encoder, &visitor, err);
}
