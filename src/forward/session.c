/* session.c: prompts through a model: a batch is gathered (text, pictures), planned (memory), run (arithmetic
 * alone).
 *
 *   prompts -> inputs, pictures, packed rows -> scratch sized and taken     sav_session_begin, add, pack
 *   inputs_embeds [N, D] -> decoder -> taps [count, L, H, d]                sav_session_run
 *
 * The second step allocates nothing.
 */
#include "forward/session.h"

#include <string.h>

#include "base/os.h"
#include "kernels/float_mode.h"
#include "kernels/parallel.h"

/* ---- sessions ------------------------------------------------------------------------------------------ */

/* Types of its matrices beside those of floats. */
static unsigned holds(const sav_model *model) {
    return model->group ? SAV_BIT(SAV_U8) : 0;
}

/* A quantised folder runs with the engine that reads it, and that engine with no other folder. */
static sav_status check_engine(const sav_session *s, sav_error *err) {
    const sav_model *model = s->model;
    if (sav_kernels_fit(s->kernels, holds(model))) return SAV_OK;
    if (!model->group) {
        sav_fail(err, SAV_BAD_INPUT,
                 "%s: found weights as they were trained; the %s engine expects a folder of savs quantize",
                 model->folder, s->kernels->engine);
        sav_hint(err, "savs quantize --model %.80s --out NEW makes one; or leave --engine out",
                 model->folder);
    } else {
        sav_fail(err, SAV_BAD_INPUT, "%s: found int8 weights, which the %s engine cannot read", model->folder,
                 s->kernels->engine);
        sav_hint(err, "leave --engine out, or give the original folder");
    }
    return SAV_BAD_INPUT;
}

/* What the options say, checked against the model and this CPU. */
static sav_status choose(sav_session *s, const sav_options *o, sav_error *err) {
    const int threads = sav_threads(o->threads > 0 ? o->threads : sav_os_cores());
    s->kernels = sav_kernels_choose(o->engine, o->isa, o->dtype, holds(s->model), err);
    if (!s->kernels) return err->status;
    sav_status status = check_engine(s, err);
    if (!status) status = sav_float_mode_check(err);
    if (!status) status = sav_threads_check(o->threads, err);
    if (!status) status = sav_picture_choose(&s->pictures.how, s->model, o, err);
    s->run = (sav_run){.R = o->dtype, .threads = threads, .team_work = SAV_TEAM_WORK};
    if (!status && s->kernels->start) status = s->kernels->start(&s->run, err);
    if (status) return status;
    s->info = (sav_session_info){.engine = s->kernels->engine,
                                 .isa = s->kernels->isa,
                                 .dtype = o->dtype,
                                 .threads = threads,
                                 .pillow = (int)s->pictures.how.pillow,
                                 .memory = o->memory};
    sav_session_share(s, true);
    sav_session_watch(s, o->check, o->context);
    return SAV_OK;
}

sav_status sav_session_open(sav_session **out, const sav_model *model, const sav_options *options,
                            sav_error *err) {
    static const sav_options defaults = {0};
    sav_error own;
    err = err ? err : &own;
    *out = NULL;
    sav_session *s = sav_alloc(1, sizeof *s);
    if (!s) return sav_fail(err, SAV_NO_MEMORY, "no memory for a session");
    s->model = model;
    sav_status status = choose(s, options ? options : &defaults, err);
    if (!status) status = sav_stream_open(&s->stream, model, err);
    if (!status) status = sav_memory_divide(s, err);
    if (status)
        sav_session_close(s);
    else
        *out = s;
    return status;
}

void sav_session_watch(sav_session *session, sav_status (*check)(void *context, double share, sav_error *err),
                       void *context) {
    session->check = check;
    session->context = context;
}

void sav_session_team_work(sav_session *session, size_t work) {
    session->run.team_work = work;
}

/* PARITY: in f16 the Qwen-VL modules let a query see masked keys whose scores overflow (kernels.h,
 * inf_to_zero): there a row depends on tokens behind it, and nothing can be shared (test_batch.c). */
void sav_session_share(sav_session *s, bool share) {
    s->batch.apart = s->pictures.apart = !share || (s->model->decoder.config.divides && s->run.R == SAV_F16);
}

void sav_session_limit(sav_session *session, size_t rows) {
    session->most_rows = rows ? rows : session->info.batch_rows;
}

void sav_session_observe(sav_session *session, const sav_observer *observer) {
    session->observer = observer;
}

void sav_session_close(sav_session *session) {
    if (!session) return;
    sav_batch_free(&session->batch);
    sav_pictures_free(&session->pictures);
    sav_stream_close(&session->stream);
    sav_arena_free(&session->arena);
    sav_free(session);
}

const sav_session_info *sav_session_describe(const sav_session *session) {
    return &session->info;
}

/* ---- a batch is gathered ------------------------------------------------------------------------------- */

void sav_session_begin(sav_session *s, bool whole) {
    sav_batch_begin(&s->batch);
    sav_pictures_begin(&s->pictures);
    s->whole = whole;
}

size_t sav_session_rows(const sav_session *s) {
    return s->batch.N;
}

sav_status sav_session_add(sav_session *s, bool *fits, const sav_prompt *prompt, sav_error *err) {
    sav_error own;
    sav_batch *b = &s->batch;
    const size_t before[2] = {b->N, b->most_keys}, pictures = s->pictures.count;
    sav_status status = sav_batch_add(b, &s->pictures, s->model, prompt, err ? err : &own);
    s->info.pictures = s->pictures.seen.read;
    s->info.turned = s->pictures.seen.turned;
    s->info.damaged = s->pictures.seen.damaged;
    s->info.unrefined = s->pictures.seen.unrefined;
    s->info.first_damaged = s->pictures.seen.first_damaged;
    s->info.first_unrefined = s->pictures.seen.first_unrefined;
    *fits = false;
    if (status) return status;
    s->info.tokens = b->inputs[b->count - 1].T;
    if (b->count == 1) s->first = s->info.tokens;
    status = sav_memory_fits(fits, s, err);
    if (!status && *fits) return SAV_OK;
    sav_batch_drop(b, before);
    s->pictures.count = pictures;
    return status;
}

sav_status sav_session_pack(sav_session *s, sav_error *err) {
    sav_error own;
    sav_arena measure = {0};
    const sav_picture_set pictures = sav_pictures_set(&s->pictures);
    err = err ? err : &own;
    sav_status status = sav_batch_pack(&s->batch, &s->model->decoder, pictures.count, err);
    if (status) return status;
    sav_scratch_plan(s, &measure, &s->batch.rows, &pictures);
    if (measure.used > s->arena.size || measure.overflow) {
        sav_arena_free(&s->arena);
        status = sav_arena_make(&measure, err);
        if (!status) s->arena = measure;
    }
    if (!status) {
        s->arena.used = 0;
        sav_scratch_plan(s, &s->arena, &s->batch.rows, &pictures);
        s->batch.rows.x = s->scratch.x;
        s->run.scratch = s->scratch.engine;
    }
    s->info.scratch_bytes = s->arena.size;
    return status;
}

sav_status sav_session_prepare(sav_session *s, const sav_prompt *prompt, bool whole, sav_error *err) {
    bool fits;
    sav_session_begin(s, whole);
    sav_status status = sav_session_add(s, &fits, prompt, err);
    return status ? status : sav_session_pack(s, err);
}

/* ---- run ----------------------------------------------------------------------------------------------- */

/* ids and positions of a dump's only sample. */
static void show_inputs(sav_pass *p, const sav_session *s) {
    const sav_input *in = &s->batch.inputs[0];
    const size_t axes = s->model->decoder.axes;
    const sav_snapshot ids = {"input_ids", SAV_I64, 1, {in->T}, in->ids};
    const sav_snapshot flat = {"position_ids", SAV_I64, 1, {in->T}, in->positions};
    const sav_snapshot tall = {"position_ids", SAV_I64, 2, {axes, in->T}, in->positions};
    sav_show_stage(p, &ids);
    sav_show_stage(p, axes == 1 ? &flat : &tall);
}

/* Before a layer: its weights are made ready, and whoever watches is asked. */
static sav_status enter(void *context, size_t layer, sav_error *err) {
    sav_session *s = context;
    const bool tower = layer < s->model->decoder.first_layer;
    sav_status status = SAV_OK;
    if (s->check) status = s->check(s->context, s->worked < s->work ? s->worked / s->work : 1, err);
    if (!status) status = sav_weights_check(s->model->weights, err);
    if (!status) sav_stream_enter(&s->stream, layer);
    s->worked += (double)s->stream.layers[layer].bytes * (tower ? s->tower_rows : (double)s->batch.N);
    return status;
}

static double patches(const sav_picture_set *pictures) {
    double rows = 0;
    for (size_t i = 0; i < pictures->count; i++) rows += (double)pictures->items[i]->fit.patches;
    return rows;
}

/* The work ahead, for the share that is done. */
static void expect_work(sav_session *s, size_t depth, const sav_picture_set *pictures) {
    const size_t tower = s->model->decoder.first_layer;
    const double rows = (double)s->batch.N, tower_rows = patches(pictures);
    s->worked = 0;
    s->work = (double)sav_stream_bytes(&s->stream, 0, tower) * tower_rows +
              (double)sav_stream_bytes(&s->stream, tower, tower + depth) * rows;
}

/* The batch's pictures through the tower, a group at a time, to the rows where they stand first. */
static void embed_pictures(sav_pass *p, sav_session *s, const sav_picture_set *pictures) {
    const sav_family *family = s->model->family;
    const size_t D = s->model->decoder.config.D;
    for (size_t i = 0, n; i < pictures->count && !p->status; i += n) {
        sav_picture_set group = {pictures->items + i, pictures->count - i};
        sav_arena arena = s->arena; /* the same pieces that the plan counted */
        arena.used = s->scratch.tower;
        group.count = n = sav_scratch_group(&group, s->whole);
        void *scratch = family->plan(&arena, s->model, &group, s->whole);
        for (size_t j = 0; j < n; j++) s->scratch.to[j] = s->scratch.x + s->batch.places[i + j] * D;
        s->tower_rows = patches(&group);
        family->embed(p, s->scratch.to, s->model, &group, scratch);
    }
    sav_batch_repeat(&s->batch, pictures, D);
    p->layer = SAV_NO_LAYER;
}

sav_status sav_session_run(sav_session *s, float *taps, size_t depth, const sav_sink *sink, sav_error *err) {
    sav_error own;
    const sav_decoder *decoder = &s->model->decoder;
    const sav_decoder_config *c = &decoder->config;
    const sav_batch *b = &s->batch;
    const sav_picture_set pictures = sav_pictures_set(&s->pictures);
    const sav_outputs out = {taps, s->model->info.features, NULL};
    const sav_gate gate = {enter, s};
    sav_arena arena = s->arena; /* the same pieces that the plan counted, where the tower's were */
    arena.used = s->scratch.tower;
    sav_pass p = {.kernels = s->kernels,
                  .run = s->run,
                  .depth = depth == 0 || depth > c->L ? c->L : depth,
                  .whole = s->whole && sink,
                  .sink = sink,
                  .gate = &gate,
                  .observer = s->observer,
                  .layer = SAV_NO_LAYER,
                  .err = err ? err : &own};
    p.status = sav_float_mode_check(p.err);
    if (p.status) return p.status;
    expect_work(s, p.depth, &pictures);
    if (sink) show_inputs(&p, s);
    sav_batch_embed(&p, b, decoder);
    sav_stream_embedded(&s->stream);
    embed_pictures(&p, s, &pictures);
    const sav_snapshot embeds = {"inputs_embeds", p.run.R, 2, {b->rows.N, c->D}, b->rows.x};
    sav_show_stage(&p, &embeds);
    sav_book(&p, SAV_ROLE_EMBEDDING, NULL);
    void *scratch = decoder->kind->plan(&arena, decoder, &b->rows, s->whole, false);
    decoder->kind->forward(&p, &out, scratch, &b->rows, decoder);
    for (size_t i = 0; i < b->count && !p.status; i++)
        if (b->same_as[i] != i)
            memcpy(taps + i * out.features, taps + b->same_as[i] * out.features,
                   p.depth * c->H * c->d * sizeof *taps);
    sav_stream_leave(&s->stream);
    return p.status;
}

sav_status sav_forward(sav_session *session, const sav_prompt *prompt, float *tap, size_t depth,
                       sav_error *err) {
    sav_status status = sav_session_prepare(session, prompt, false, err);
    return status ? status : sav_session_run(session, tap, depth, NULL, err);
}

sav_status sav_forward_batch(sav_session *session, const sav_prompt *prompts, size_t count, float *taps,
                             size_t depth, sav_error *err) {
    const size_t features = session->model->info.features;
    sav_status status = SAV_OK;
    for (size_t i = 0, n; i < count && !status; i += n) {
        bool fits = true;
        sav_session_begin(session, false);
        for (n = 0; i + n < count && fits && !status; n += fits) {
            status = sav_session_add(session, &fits, &prompts[i + n], err);
            if (status) sav_error_prefix(err, "prompt %zu", i + n);
        }
        if (!status) status = sav_session_pack(session, err);
        if (!status) status = sav_session_run(session, taps + i * features, depth, NULL, err);
    }
    return status;
}

sav_status sav_dump(sav_session *session, const sav_prompt *prompt, const sav_sink *sink, sav_error *err) {
    sav_status status = sav_session_prepare(session, prompt, true, err);
    return status ? status : sav_session_run(session, session->scratch.tap, 0, sink, err);
}
