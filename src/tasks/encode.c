/* encode.c: a list through a model, one forward a sample. See encode.h. */
#include "tasks/encode.h"

#include <string.h>

#include "sav/store.h"

/* What happens to one sample: `known` (may be NULL) says that nothing is left to do for a prompt, `take` gets the tap. *fatal:
 * the failure is not the sample's own, no --skip-bad helps. */
typedef struct visitor {
    sav_status (*known)(bool *known, bool *fatal, void *context, const sav_sample *sample, const sav_prompt *prompt,
                        sav_error *err);
    sav_encode_take *take;
    void *context;
} visitor;

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static sav_status encode_sample(bool *fatal, float *tap, const sav_encoder *e, const sav_sample *sample, const visitor *v,
                                uint64_t *tokens, sav_error *err) {
    sav_chat *chat = NULL;
    bool known = false;
    *fatal = false;
    sav_status status = sav_sample_chat(&chat, sample, err);
    if (!status && v->known) status = v->known(&known, fatal, v->context, sample, &chat->prompt, err);
    if (!status && !known) {
        status = sav_forward(e->session, &chat->prompt, tap, e->depth, err);
        if (!status) {
            *tokens += sav_session_describe(e->session)->tokens;
            status = v->take(v->context, sample, tap, err);
            *fatal = true;
        }
    }
    sav_chat_free(chat);
    *fatal = *fatal || status == SAV_NO_MEMORY || status == SAV_STOPPED;
    return status;
}

static sav_status leave_out(sav_list *list, const sav_sample *sample, const sav_error *why, sav_error *err) {
    if (sav_notes_add(&list->bad, sample->line, why->message)) return SAV_OK;
    return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
}

static sav_status encode_samples(bool *keep, float *tap, sav_list *list, const sav_encoder *e, const visitor *v,
                                 sav_error *err) {
    uint64_t tokens = 0;
    for (size_t i = 0; i < list->count; i++) {
        const sav_sample *sample = &list->samples[i];
        bool fatal;
        sav_status status = e->check ? e->check(e->context, err) : SAV_OK;
        if (status) return status;
        status = encode_sample(&fatal, tap, e, sample, v, &tokens, err);
        keep[i] = status == SAV_OK;
        if (status && !fatal) {
            char place[512];
            sav_sample_place(place, sizeof place, list, sample);
            sav_error_prefix(err, "%s", place);
            if (e->skip_bad) {
                const sav_error why = *err;
                status = leave_out(list, sample, &why, err);
            }
        }
        if (status) return status;
        if (e->progress) e->progress(e->context, i + 1, list->count, tokens);
    }
    return SAV_OK;
}

static sav_status encode(sav_list *list, const sav_encoder *e, const visitor *v, sav_error *err) {
    sav_error own;
    err = err ? err : &own;
    bool *keep = sav_alloc(list->count, sizeof *keep);
    float *tap = sav_alloc(sav_model_describe(e->model)->features, sizeof *tap);
    sav_status status = keep && tap ? encode_samples(keep, tap, list, e, v, err)
                                    : sav_fail(err, SAV_NO_MEMORY, "no memory for a sample's features");
    if (!status) sav_list_keep(list, keep);
    if (!status && list->count == 0) status = sav_fail(err, SAV_BAD_INPUT, "%s: every sample was left out", list->name);
    sav_free(keep);
    sav_free(tap);
    return status;
}

sav_status sav_encode_each(sav_list *list, const sav_encoder *encoder, sav_encode_take *take, void *context,
                           sav_error *err) {
    const visitor v = {NULL, take, context};
    return encode(list, encoder, &v, err);
}

/* ---- into memory ------------------------------------------------------------------------------------------------- */

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
    if (!m.features) return sav_fail(err, SAV_NO_MEMORY, "no memory for the features of %zu samples", list->count);
    sav_status status = sav_encode_each(list, encoder, take_row, &m, err);
    if (status)
        sav_free(m.features);
    else
        *features = m.features;
    return status;
}

/* ---- into a store ------------------------------------------------------------------------------------------------ */

typedef struct filling {
    sav_store *store;
    sav_store_info info;
    const char *pixel_options;
    sav_encode_report *report;
    char key[65]; /* of the sample at hand */
} filling;

static sav_status is_stored(bool *known, bool *fatal, void *context, const sav_sample *sample, const sav_prompt *prompt,
                            sav_error *err) {
    filling *f = context;
    size_t row;
    sav_status status = sav_store_key(f->key, prompt, &f->info, f->pixel_options, err);
    if (status) return status;
    *known = true;
    if (sav_store_claim(f->store, f->key, sample->question_id, sample->label)) {
        f->report->present++;
    } else if (sav_store_find(&row, f->store, f->key)) {
        status = sav_store_repeat(f->store, row, sample->question_id, sample->label, err);
        *fatal = status != SAV_OK;
        if (!status) f->report->copied++;
    } else {
        *known = false;
    }
    return status;
}

static sav_status take_stored(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    filling *f = context;
    sav_status status = sav_store_append(f->store, f->key, sample->question_id, sample->label, tap, err);
    if (!status) f->report->forwarded++;
    return status;
}

sav_status sav_encode_store(sav_encode_report *report, const char *folder, sav_list *list, const char *pixel_options,
                            const sav_encoder *encoder, sav_error *err) {
    const sav_model_info *model = sav_model_describe(encoder->model);
    const sav_session_info *session = sav_session_describe(encoder->session);
    filling f = {.info = {.layers = model->L,
                          .heads = model->H,
                          .head_size = model->d,
                          .family = model->family,
                          .model = model->folder,
                          .model_sha256 = model->sha256,
                          .engine = session->engine,
                          .dtype = sav_storage_name(session->dtype)},
                 .pixel_options = pixel_options,
                 .report = report};
    *report = (sav_encode_report){0};
    sav_status status = sav_store_append_to(&f.store, folder, &f.info, err);
    if (status) return status;
    const size_t bad = list->bad.count;
    const visitor v = {is_stored, take_stored, &f};
    status = encode(list, encoder, &v, err);
    sav_error full;
    if (sav_store_sync(f.store, &full) && (!status || status == SAV_STOPPED)) {
        status = full.status;
        if (err) *err = full;
    }
    report->left_out = list->bad.count - bad;
    report->strangers = sav_store_unclaimed(f.store);
    sav_store_close(f.store);
    return status;
}

/* ---- out of a store ---------------------------------------------------------------------------------------------- */

sav_status sav_feature_set_open(sav_feature_set *out, const char *folder, sav_error *err) {
    *out = (sav_feature_set){0};
    sav_status status = sav_store_open(&out->store, folder, err);
    if (status) return status;
    const sav_store_info *info = sav_store_describe(out->store);
    out->count = sav_store_count(out->store);
    out->layers = info->layers, out->heads = info->heads, out->head_size = info->head_size;
    if (!sav_storage_find(&out->dtype, info->dtype)) out->dtype = SAV_F32;
    out->features = sav_store_features(out->store);
    out->origin = (sav_origin){info->model, info->model_sha256, info->engine};
    out->labels = sav_alloc(out->count, sizeof *out->labels);
    out->question_ids = sav_alloc(out->count, sizeof *out->question_ids);
    if (!out->labels || !out->question_ids)
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its %zu rows", folder, out->count);
    else if (out->count == 0)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found no rows; expected what savs encode writes", folder);
    else
        status = sav_store_check(out->store, err); /* a damaged row would change the heads without a word */
    for (size_t i = 0; i < out->count && !status; i++) {
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
