/* encode_store.c: a list's taps into a store. See encode.h.
 *
 * Rows stand in the store in list order, whatever order they were computed in, since classes and sums follow
 * it. What a failure leaves behind before its turn waits in a store inside the store, STORE/ahead, and is not
 * computed again.
 */
#include "base/os.h"
#include "classify/store.h"
#include "classify/store_header.h"
#include "tasks/encode_loop.h"

typedef struct filling {
    sav_store *store;
    sav_store *before; /* STORE/ahead of an earlier failure; NULL: there is none */
    sav_store *after;  /* the same, being written */
    char *ahead;       /* its path */
    sav_store_info info;
    const char *pixel_options;
    sav_encode_report *report;
    const sav_sample *samples; /* [N] the list's */
    size_t N;
    char (*keys)[65]; /* [N] */
    bool *saved;      /* [N] its tap is one of `before` */
    size_t *rows;     /* [N] its row in the store; NO_ROW: none yet */
} filling;

#define NO_ROW SIZE_MAX

static sav_store_line line_of(const sav_sample *sample) {
    return (sav_store_line){sample->question_id, sample->label, sample->image, sample->question};
}

/* ---- one sample ---------------------------------------------------------------------------------------- */

static sav_status find_stored(sav_known *out, const float **tap, void *context, const sav_sample *sample,
                              const sav_prompt *prompt, sav_error *err) {
    filling *f = context;
    const size_t i = (size_t)(sample - f->samples), width = f->info.L * f->info.H * f->info.d;
    const sav_store_line line = line_of(sample);
    size_t row;
    sav_status status = sav_store_key(f->keys[i], prompt, &f->info, f->pixel_options, err);
    if (status) return status;
    if (sav_store_claim(&row, f->store, f->keys[i], &line)) {
        *out = SAV_KNOWN_DONE;
        f->report->present++;
        f->rows[i] = row;
    } else if (sav_store_find(&row, f->store, f->keys[i])) {
        *out = SAV_KNOWN_TAP;
    } else if (f->before && sav_store_find(&row, f->before, f->keys[i])) {
        *out = SAV_KNOWN_TAP;
        *tap = sav_store_features(f->before) + row * width;
        f->saved[i] = true;
    }
    return SAV_OK;
}

/* A sample equal to one that the store has by now copies its features, whether its own were computed or
 * not. */
static sav_status append_row(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    filling *f = context;
    const size_t i = (size_t)(sample - f->samples);
    const sav_store_line line = line_of(sample);
    size_t row;
    const bool copy = sav_store_find(&row, f->store, f->keys[i]);
    sav_status status = copy ? sav_store_repeat(f->store, row, &line, err)
                             : sav_store_append(f->store, f->keys[i], &line, tap, err);
    if (status) return status;
    f->rows[i] = sav_store_count(f->store) - 1;
    if (copy)
        f->report->copied++;
    else if (f->saved[i])
        f->report->present++;
    else
        f->report->forwarded++;
    return SAV_OK;
}

/* ---- what was computed before its turn ----------------------------------------------------------------- */

static sav_status save_ahead(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    filling *f = context;
    const char *key = f->keys[sample - f->samples];
    const sav_store_line line = line_of(sample);
    sav_status status = f->after ? SAV_OK : sav_store_append_to(&f->after, f->ahead, &f->info, err);
    if (!status) status = sav_store_append(f->after, key, &line, tap, err);
    if (!status) f->report->ahead++;
    return status;
}

/* An earlier failure's, if it can be used: one that is damaged, or of another model, engine or shape (it came
 * with a store from elsewhere), goes, and its samples are computed again. */
static void open_ahead(filling *f) {
    sav_error ignored;
    if (!sav_os_is_folder(f->ahead) || sav_os_is_link(f->ahead)) return;
    if (!sav_store_open(&f->before, f->ahead, &ignored) &&
        !sav_store_header_check(sav_store_describe(f->before), &f->info, f->ahead, &ignored) &&
        sav_store_count(f->before) && !sav_store_check(f->before, &ignored))
        return;
    sav_store_close(f->before);
    f->before = NULL;
    sav_store_remove(f->ahead);
}

/* ---- the list ------------------------------------------------------------------------------------------ */

static sav_status fill(filling *f, const char *folder, sav_list *list, const sav_encoder *encoder,
                       sav_error *err) {
    const sav_encode_visitor visitor = {
        .known = find_stored, .emit = append_row, .save = save_ahead, .context = f};
    sav_status status = sav_store_append_to(&f->store, folder, &f->info, err);
    if (status) return status;
    f->report->damaged = sav_store_damaged(f->store);
    f->report->begun = true;
    open_ahead(f);
    status = sav_encode_visit(list, encoder, &visitor, err);
    sav_error full;
    if (sav_store_sync(f->store, &full) && (!status || status == SAV_STOPPED)) {
        status = full.status;
        if (err) *err = full;
    }
    f->report->unlisted = sav_store_unclaimed(f->store);
    f->report->kept = sav_store_count(f->store) + f->report->ahead;
    if (status) return status;
    for (size_t i = 0; i < f->N; i++) f->report->relabelled += sav_store_claim_rest(f->store, f->keys[i]);
    sav_store_remove(f->ahead); /* all that was there has had its turn */
    return SAV_OK;
}

/* The rows of the samples that the list still has. */
static void keep_rows(filling *f) {
    size_t kept = 0;
    for (size_t i = 0; i < f->N; i++)
        if (f->rows[i] != NO_ROW) f->rows[kept++] = f->rows[i];
    f->report->rows = f->rows;
    f->rows = NULL;
}

sav_store_info sav_encode_store_info(const sav_encoder *encoder) {
    const sav_model_info *model = sav_model_describe(encoder->model);
    const sav_session_info *session = sav_session_describe(encoder->session);
    return (sav_store_info){.L = model->L,
                            .H = model->H,
                            .d = model->d,
                            .family = model->family,
                            .model = model->folder,
                            .model_sha256 = model->sha256,
                            .engine = session->engine,
                            .dtype = sav_storage_name(session->dtype),
                            .source_sha256 = *model->source_sha256 ? model->source_sha256 : NULL};
}

sav_status sav_encode_store(sav_encode_report *report, const char *folder, sav_list *list,
                            const char *pixel_options, const sav_encoder *encoder, sav_error *err) {
    filling f = {.info = sav_encode_store_info(encoder),
                 .pixel_options = pixel_options,
                 .report = report,
                 .samples = list->samples,
                 .N = list->count,
                 .rows = sav_alloc(list->count, sizeof *f.rows),
                 .keys = sav_alloc(list->count, sizeof *f.keys),
                 .saved = sav_alloc(list->count, sizeof *f.saved),
                 .ahead = sav_path_join(folder, "ahead")};
    const size_t bad = list->bad.count;
    *report = (sav_encode_report){0};
    for (size_t i = 0; f.rows && i < f.N; i++) f.rows[i] = NO_ROW;
    sav_status status = f.keys && f.saved && f.rows && f.ahead
                            ? fill(&f, folder, list, encoder, err)
                            : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
    report->left_out = list->bad.count - bad;
    if (!status) keep_rows(&f);
    sav_store_close(f.before);
    sav_store_close(f.after);
    sav_store_close(f.store);
    sav_free(f.ahead);
    sav_free(f.keys);
    sav_free(f.rows);
    sav_free(f.saved);
    return status;
}

/* ---- a list's rows in a store -------------------------------------------------------------------------- */

static sav_status find_row(size_t *row, const sav_store *store, const sav_sample *sample,
                           const char *pixel_options, sav_error *err) {
    char key[65];
    sav_chat *chat;
    sav_status status = sav_sample_chat(&chat, sample, err);
    if (status) return status;
    status = sav_store_key(key, &chat->prompt, sav_store_describe(store), pixel_options, err);
    sav_chat_free(chat);
    if (status || sav_store_find(row, store, key)) return status;
    sav_fail(err, SAV_BAD_INPUT, "found no features of this sample in %s", sav_store_folder(store));
    sav_hint(err, "Encode the list into the store first, and give the same picture options here.");
    return SAV_BAD_INPUT;
}

sav_status sav_encode_find(size_t *rows, const sav_store *store, sav_list *list, const char *pixel_options,
                           bool skip_bad, sav_error *err) {
    size_t found = 0;
    sav_status status = SAV_OK;
    bool *keep = sav_alloc(list->count, sizeof *keep);
    if (!keep) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
    for (size_t i = 0; i < list->count && !status; i++) {
        status = find_row(&rows[found], store, &list->samples[i], pixel_options, err);
        keep[i] = !status;
        found += keep[i];
        if (!status || status == SAV_NO_MEMORY) continue;
        sav_sample_place(err, list, &list->samples[i]);
        if (skip_bad)
            status = sav_notes_add(&list->bad, list->samples[i].line, err->message)
                         ? SAV_OK
                         : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
    }
    if (!status) sav_list_keep(list, keep);
    sav_free(keep);
    if (status || found) return status;
    return sav_fail(err, SAV_BAD_INPUT, "%s: none of its samples has features in %s", list->name,
                    sav_store_folder(store));
}
