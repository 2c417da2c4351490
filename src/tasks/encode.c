/* encode.c: a list through a model, batch by batch. See encode.h. */
#include "tasks/encode.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "classify/store.h"
#include "models/model.h"

/* Bytes of taps that may wait for their turn. */
enum { WAITING_BYTES = 256 << 20 };

/* What happens to samples. */
typedef enum answer { NEW, PRESENT, REPEATED } answer; /* PRESENT: nothing is left to do */

typedef struct visitor {
    /* Asked before a sample is computed; may be NULL. REPEATED: take gets *tap, which may be NULL. */
    sav_status (*known)(answer *out, const float **tap, void *context, const sav_sample *sample,
                        const sav_prompt *prompt, sav_error *err);
    sav_encode_take *take; /* in list order */
    /* after a failure: what was computed before its turn, in list order; may be NULL */
    sav_encode_take *keep;
    void *context;
} visitor;

/* ---- the loop ------------------------------------------------------------------------------------------ */

/* The taps of one batch; freed when the last of them is handed out. */
typedef struct taps {
    size_t left;
    float *values; /* [batch, L, H, d] */
} taps;

typedef struct slot {
    enum { TO_DO, IN_BATCH, READY, DONE, BAD } state; /* DONE: nothing to hand out */
    size_t next;      /* the next sample with the same pictures; count: none */
    taps *batch;      /* READY: its tap is here … */
    const float *tap; /* … at this place */
    sav_error *why;   /* BAD */
} slot;

typedef struct loop {
    sav_list *list;
    const sav_encoder *e;
    const visitor *v;
    slot *slots;   /* [count] */
    bool *keep;    /* [count] */
    size_t *batch; /* [count] the samples of the running one */
    size_t batch_count;
    size_t first; /* samples before it are handed out */
    size_t ahead; /* most samples from there on that may be computed */
    size_t finished;
    uint64_t rows;
} loop;

static int by_media(const void *a, const void *b) {
    const sav_sample *one = *(const sav_sample *const *)a, *other = *(const sav_sample *const *)b;
    if (one->media_count != other->media_count) return one->media_count < other->media_count ? -1 : 1;
    for (size_t i = 0; i < one->media_count; i++) {
        const int order = strcmp(one->media[i], other->media[i]);
        if (order) return order;
    }
    return one < other ? -1 : one > other;
}

static bool same_media(const sav_sample *one, const sav_sample *other) {
    if (one->media_count != other->media_count) return false;
    for (size_t i = 0; i < one->media_count; i++)
        if (strcmp(one->media[i], other->media[i]) != 0) return false;
    return true;
}

/* Chains samples with the same pictures, in list order. */
static sav_status chain(loop *l, sav_error *err) {
    const sav_list *list = l->list;
    const sav_sample **order = sav_alloc(list->count, sizeof *order);
    if (!order) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
    for (size_t i = 0; i < list->count; i++) order[i] = &list->samples[i];
    if (list->count) qsort(order, list->count, sizeof *order, by_media);
    for (size_t i = 0; i < list->count; i++) {
        const bool more = i + 1 < list->count && same_media(order[i], order[i + 1]);
        l->slots[order[i] - list->samples].next = more ? (size_t)(order[i + 1] - list->samples) : list->count;
    }
    sav_free(order);
    return SAV_OK;
}

/* A failure of the sample's own waits for its turn, so that those before it come out first. */
static sav_status set_aside(loop *l, size_t i, const sav_error *why, sav_error *err) {
    slot *s = &l->slots[i];
    if (!(s->why = sav_alloc(1, sizeof *s->why)))
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", l->list->name);
    *s->why = *why;
    s->state = BAD;
    l->finished++;
    return SAV_OK;
}

/* Sample i into the batch, if it fits. */
static sav_status add_sample(loop *l, size_t i, bool *fits, sav_error *err) {
    const sav_sample *sample = &l->list->samples[i];
    sav_chat *chat = NULL;
    const float *tap = NULL;
    answer known = NEW;
    *fits = true;
    sav_status status = l->e->check ? l->e->check(l->e->context, err) : SAV_OK;
    if (status) return status;
    status = sav_sample_chat(&chat, sample, err);
    if (!status && l->v->known) status = l->v->known(&known, &tap, l->v->context, sample, &chat->prompt, err);
    if (!status && known == NEW) status = sav_session_add(l->e->session, fits, &chat->prompt, err);
    sav_chat_free(chat);
    if (status && status != SAV_NO_MEMORY && status != SAV_STOPPED) return set_aside(l, i, err, err);
    if (status || !*fits) return status;
    l->slots[i].state = known == NEW ? IN_BATCH : known == PRESENT ? DONE : READY;
    l->slots[i].tap = tap;
    if (known == NEW)
        l->batch[l->batch_count++] = i;
    else
        l->finished++;
    return SAV_OK;
}

/* The first sample that is to be done and all with its pictures, the next one and all with its, until the
 * batch is full. */
static sav_status gather(loop *l, sav_error *err) {
    const size_t count = l->list->count, end = l->ahead < count - l->first ? l->first + l->ahead : count;
    bool fits = true;
    sav_status status = SAV_OK;
    sav_session_begin(l->e->session, false);
    l->batch_count = 0;
    for (size_t i = l->first; i < end && fits && !status; i++) {
        if (l->slots[i].state == BAD && !l->e->skip_bad) break; /* nothing behind it will be wanted */
        for (size_t k = i; k < end && fits && !status; k = l->slots[k].next)
            if (l->slots[k].state == TO_DO) status = add_sample(l, k, &fits, err);
    }
    return status;
}

/* Between layers: may the run go on, and how far is it? */
static sav_status between(void *context, double share, sav_error *err) {
    const loop *l = context;
    sav_status status = l->e->check ? l->e->check(l->e->context, err) : SAV_OK;
    if (!status && l->e->progress)
        l->e->progress(l->e->context, (double)l->finished + share * (double)l->batch_count, l->list->count,
                       l->rows + (uint64_t)(share * (double)sav_session_rows(l->e->session)));
    return status;
}

static sav_status run_batch(loop *l, sav_error *err) {
    const size_t features = sav_model_describe(l->e->model)->features;
    size_t floats = 0;
    if (!l->batch_count) return SAV_OK;
    taps *batch = sav_alloc(1, sizeof *batch);
    if (batch && sav_mul(&floats, l->batch_count, features))
        batch->values = sav_alloc(floats, sizeof *batch->values);
    sav_status status =
        batch && batch->values
            ? sav_session_pack(l->e->session, err)
            : sav_fail(err, SAV_NO_MEMORY, "no memory for %zu samples' features", l->batch_count);
    if (!status) status = sav_session_run(l->e->session, batch->values, l->e->depth, NULL, err);
    if (status) {
        if (batch) sav_free(batch->values);
        sav_free(batch);
        return status;
    }
    batch->left = l->batch_count;
    for (size_t i = 0; i < l->batch_count; i++) {
        slot *s = &l->slots[l->batch[i]];
        s->state = READY;
        s->batch = batch;
        s->tap = batch->values + i * features;
    }
    l->finished += l->batch_count;
    l->rows += sav_session_rows(l->e->session);
    l->batch_count = 0;
    return SAV_OK;
}

static void let_go(slot *s) {
    if (s->batch && --s->batch->left == 0) {
        sav_free(s->batch->values);
        sav_free(s->batch);
    }
    sav_free(s->why);
    s->batch = NULL;
    s->why = NULL;
}

static sav_status tell_bad(loop *l, size_t i, sav_error *err) {
    const sav_sample *sample = &l->list->samples[i];
    sav_error why = *l->slots[i].why;
    char place[512];
    sav_sample_place(place, sizeof place, l->list, sample);
    sav_error_prefix(&why, "%s", place);
    if (!l->e->skip_bad) {
        *err = why;
        return why.status;
    }
    if (sav_notes_add(&l->list->bad, sample->line, why.message)) return SAV_OK;
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", l->list->name);
}

/* What is finished from `first` on, in list order. */
static sav_status hand_out(loop *l, sav_error *err) {
    sav_status status = SAV_OK;
    for (; l->first < l->list->count && !status; l->first += !status) {
        slot *s = &l->slots[l->first];
        if (s->state == TO_DO || s->state == IN_BATCH) break;
        if (s->state == BAD) status = tell_bad(l, l->first, err);
        if (s->state == READY) status = l->v->take(l->v->context, &l->list->samples[l->first], s->tap, err);
        l->keep[l->first] = s->state != BAD;
        let_go(s);
    }
    return status;
}

/* After a failure. A second one is not told: less is kept then. */
static void keep_rest(loop *l) {
    sav_error ignored;
    for (size_t i = l->first; l->slots && l->v->keep && i < l->list->count; i++)
        if (l->slots[i].state == READY && l->slots[i].batch &&
            l->v->keep(l->v->context, &l->list->samples[i], l->slots[i].tap, &ignored))
            return;
}

static sav_status encode_samples(loop *l, sav_error *err) {
    sav_error later;
    while (l->first < l->list->count) {
        sav_status status = gather(l, err), handed;
        if (!status) status = run_batch(l, err);
        handed = hand_out(l, &later); /* also after a failure: what came before it counts */
        if (handed && !status) *err = later;
        if (status || handed) return status ? status : handed;
        if (l->e->progress) l->e->progress(l->e->context, (double)l->finished, l->list->count, l->rows);
    }
    return SAV_OK;
}

/* reserved: bytes of the memory budget that the caller needs. */
static sav_status encode(sav_list *list, const sav_encoder *e, const visitor *v, uint64_t reserved,
                         sav_error *err) {
    sav_error own;
    loop l = {.list = list, .e = e, .v = v};
    const size_t bytes = sav_model_describe(e->model)->features * sizeof(float);
    err = err ? err : &own;
    const uint64_t memory = sav_session_describe(e->session)->memory,
                   room = memory ? sav_min(WAITING_BYTES, memory / 16) : WAITING_BYTES;
    l.ahead = sav_min(list->count, bytes < room ? room / bytes : 1);
    l.slots = sav_alloc(list->count, sizeof *l.slots);
    l.keep = sav_alloc(list->count, sizeof *l.keep);
    l.batch = sav_alloc(list->count, sizeof *l.batch);
    sav_status status = l.slots && l.keep && l.batch
                            ? chain(&l, err)
                            : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
    sav_session_watch(e->session, between, &l);
    /* a batch's taps are whole to its end */
    if (!status) status = sav_session_reserve(e->session, reserved + 2 * l.ahead * bytes, err);
    if (!status) status = encode_samples(&l, err);
    if (status) keep_rest(&l);
    sav_session_watch(e->session, NULL, NULL);
    for (size_t i = 0; l.slots && i < list->count; i++) let_go(&l.slots[i]);
    if (!status) sav_list_keep(list, l.keep);
    if (!status && list->count == 0)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: every sample was left out", list->name);
    sav_free(l.slots);
    sav_free(l.keep);
    sav_free(l.batch);
    return status;
}

sav_status sav_encode_each(sav_list *list, const sav_encoder *encoder, sav_encode_take *take, void *context,
                           sav_error *err) {
    const visitor v = {NULL, take, take, context};
    return encode(list, encoder, &v, 0, err);
}

/* ---- into memory --------------------------------------------------------------------------------------- */

typedef struct memory {
    float *features; /* [N, L, H, d] */
    size_t size, taken;
} memory;

static sav_status take_row(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    memory *m = context;
    (void)sample, (void)err;
    memcpy(m->features + m->taken++ * m->size, tap, m->size * sizeof *tap);
    return SAV_OK;
}

sav_status sav_encode_list(float **features, sav_list *list, const sav_encoder *encoder, sav_error *err) {
    memory m = {.size = sav_model_describe(encoder->model)->features};
    size_t count;
    *features = NULL;
    if (sav_mul(&count, list->count, m.size)) m.features = sav_alloc(count, sizeof *m.features);
    if (!m.features)
        return sav_fail(err, SAV_NO_MEMORY, "no memory for the features of %zu samples", list->count);
    const visitor v = {NULL, take_row, NULL, &m};
    sav_status status = encode(list, encoder, &v, (uint64_t)count * sizeof *m.features, err);
    if (status)
        sav_free(m.features);
    else
        *features = m.features;
    return status;
}

/* ---- into a store -------------------------------------------------------------------------------------- */

/* Rows stand in the store in list order, whatever order they were computed in, since classes and sums follow
 * it. What a failure leaves behind before its turn waits in a store inside the store, STORE/ahead, and is not
 * computed again. */
typedef struct filling {
    sav_store *store;
    sav_store *before; /* STORE/ahead of an earlier failure; NULL: there is none */
    sav_store *after;  /* the same, being written */
    sav_text ahead;    /* its path */
    sav_store_info info;
    const char *pixel_options;
    sav_encode_report *report;
    const sav_sample *samples; /* the list's */
    char (*keys)[65];          /* [count] */
    bool *kept;                /* [count] its tap is one of `before` */
} filling;

static sav_status is_stored(answer *out, const float **tap, void *context, const sav_sample *sample,
                            const sav_prompt *prompt, sav_error *err) {
    filling *f = context;
    const size_t i = (size_t)(sample - f->samples), row_floats = f->info.L * f->info.H * f->info.d;
    size_t row;
    sav_status status = sav_store_key(f->keys[i], prompt, &f->info, f->pixel_options, err);
    if (status) return status;
    if (sav_store_claim(f->store, f->keys[i], sample->question_id, sample->label)) {
        *out = PRESENT;
        f->report->present++;
    } else if (sav_store_find(&row, f->store, f->keys[i])) {
        *out = REPEATED;
    } else if (f->before && sav_store_find(&row, f->before, f->keys[i])) {
        *out = REPEATED;
        *tap = sav_store_features(f->before) + row * row_floats;
        f->kept[i] = true;
    }
    return SAV_OK;
}

/* A sample equal to one that the store has by now copies its features, whether its own were computed or
 * not. */
static sav_status take_stored(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    filling *f = context;
    const size_t i = (size_t)(sample - f->samples);
    size_t row;
    const bool copy = sav_store_find(&row, f->store, f->keys[i]);
    sav_status status =
        copy ? sav_store_repeat(f->store, row, sample->question_id, sample->label, err)
             : sav_store_append(f->store, f->keys[i], sample->question_id, sample->label, tap, err);
    if (status) return status;
    if (copy)
        f->report->copied++;
    else if (f->kept[i])
        f->report->present++;
    else
        f->report->forwarded++;
    return SAV_OK;
}

static sav_status keep_ahead(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    filling *f = context;
    sav_status status = f->after ? SAV_OK : sav_store_append_to(&f->after, f->ahead.bytes, &f->info, err);
    if (!status)
        status = sav_store_append(f->after, f->keys[sample - f->samples], sample->question_id, sample->label,
                                  tap, err);
    if (!status) f->report->ahead++;
    return status;
}

/* An earlier failure's, if it can be used: a damaged one is computed again. */
static void open_ahead(filling *f) {
    sav_error why;
    if (!sav_os_is_folder(f->ahead.bytes)) return;
    if (!sav_store_open(&f->before, f->ahead.bytes, &why) &&
        (!sav_store_count(f->before) || sav_store_check(f->before, &why))) {
        sav_store_close(f->before);
        f->before = NULL;
    }
}

/* All that was ahead has had its turn. */
static void remove_ahead(const filling *f) {
    static const char *const files[] = {"store.json", "index.jsonl", "features.f32"};
    if (!sav_os_is_folder(f->ahead.bytes)) return;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        sav_text path = {0};
        sav_text_printf(&path, "%s/%s", f->ahead.bytes, files[i]);
        if (!path.failed) sav_os_remove(path.bytes);
        sav_text_free(&path);
    }
    sav_os_remove(f->ahead.bytes);
}

static sav_status fill(filling *f, const char *folder, sav_list *list, const sav_encoder *encoder,
                       sav_error *err) {
    const visitor v = {is_stored, take_stored, keep_ahead, f};
    sav_status status = sav_store_append_to(&f->store, folder, &f->info, err);
    if (status) return status;
    open_ahead(f);
    status = encode(list, encoder, &v, 0, err);
    sav_error full;
    if (sav_store_sync(f->store, &full) && (!status || status == SAV_STOPPED)) {
        status = full.status;
        if (err) *err = full;
    }
    f->report->strangers = sav_store_unclaimed(f->store);
    if (!status) remove_ahead(f);
    return status;
}

sav_status sav_encode_store(sav_encode_report *report, const char *folder, sav_list *list,
                            const char *pixel_options, const sav_encoder *encoder, sav_error *err) {
    const sav_model_info *model = sav_model_describe(encoder->model);
    const sav_session_info *session = sav_session_describe(encoder->session);
    filling f = {.info = {.L = model->L,
                          .H = model->H,
                          .d = model->d,
                          .family = model->family,
                          .model = model->folder,
                          .model_sha256 = model->sha256,
                          .engine = session->engine,
                          .dtype = sav_storage_name(session->dtype)},
                 .pixel_options = pixel_options,
                 .report = report,
                 .samples = list->samples,
                 .keys = sav_alloc(list->count, sizeof *f.keys),
                 .kept = sav_alloc(list->count, sizeof *f.kept)};
    const size_t bad = list->bad.count;
    *report = (sav_encode_report){0};
    sav_text_printf(&f.ahead, "%s/ahead", folder);
    sav_status status = f.keys && f.kept && !f.ahead.failed
                            ? fill(&f, folder, list, encoder, err)
                            : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
    report->left_out = list->bad.count - bad;
    sav_store_close(f.before);
    sav_store_close(f.after);
    sav_store_close(f.store);
    sav_text_free(&f.ahead);
    sav_free(f.keys);
    sav_free(f.kept);
    return status;
}

/* ---- out of a store ------------------------------------------------------------------------------------ */

sav_status sav_feature_set_open(sav_feature_set *out, const char *folder, sav_error *err) {
    *out = (sav_feature_set){0};
    sav_status status = sav_store_open(&out->store, folder, err);
    if (status) return status;
    const sav_store_info *info = sav_store_describe(out->store);
    out->N = sav_store_count(out->store);
    out->L = info->L, out->H = info->H, out->d = info->d;
    if (!sav_storage_find(&out->dtype, info->dtype)) out->dtype = SAV_F32;
    out->features = sav_store_features(out->store);
    out->origin = (sav_origin){info->model, info->model_sha256, info->engine};
    out->labels = sav_alloc(out->N, sizeof *out->labels);
    out->question_ids = sav_alloc(out->N, sizeof *out->question_ids);
    if (!out->labels || !out->question_ids)
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its %zu rows", folder, out->N);
    else if (out->N == 0)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found no rows; expected what savs encode writes", folder);
    else
        status = sav_store_check(out->store, err); /* a damaged row would change the heads without a word */
    for (size_t i = 0; i < out->N && !status; i++) {
        out->labels[i] = sav_store_at(out->store, i)->label;
        out->question_ids[i] = sav_store_at(out->store, i)->question_id;
    }
    if (status) sav_feature_set_close(out);
    return status;
}

void sav_feature_set_close(sav_feature_set *set) {
    sav_free(set->labels);
    sav_free(set->question_ids);
    sav_store_close(set->store);
    *set = (sav_feature_set){0};
}
