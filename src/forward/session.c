/* session.c: prompts through a model: a batch is gathered (text, pictures), planned (memory), run (arithmetic
 * alone).
 *
 *   prompts -> batch.h: inputs, pictures, packed rows -> scratch sized and taken  sav_session_begin, add,
 *       pack
 *   inputs_embeds [N, D] -> decoder -> taps [count, L, H, d]                           sav_session_run
 *
 * The second step allocates nothing.
 */
#include <string.h>

#include "forward/batch.h"
#include "forward/stream.h"
#include "kernels/elementary.h"
#include "kernels/elementwise.h"
#include "kernels/parallel.h"

/* Rows of a batch, and patches that go through the tower together. More rows make better use of a weight that
 * was read once, but take more memory: at a width of 3584 this many take 0.4 GB. SHORT_ROWS: what must fit
 * into a memory budget. */
enum { BATCH_ROWS = 4096, TOWER_ROWS = 4096, SHORT_ROWS = 256 };

struct sav_session {
    const sav_model *model;
    const sav_kernels *kernels;
    sav_session_info info;
    sav_pictures pictures;
    sav_batch batch;
    sav_stream stream;
    sav_status (*check)(void *context, double share, sav_error *err);
    void *context;
    double tower_rows;   /* patches of the group in the tower */
    double work, worked; /* of the running forward: bytes of weights times rows, in all and so far */
    uint64_t reserved;   /* of the memory budget, by the caller */
    size_t most_rows;
    size_t first; /* tokens of the batch's first prompt */
    bool whole;   /* for a dump */
    sav_arena arena;
    size_t tower; /* where the tower's scratch begins in the arena: it is over before the decoder's is used */
    sav_run run;
    sav_qwen2_scratch decoder;
    float **to; /* [pictures] where their rows go */
    float *tap; /* [L, H, d] of a dump */
};

/* ---- memory -------------------------------------------------------------------------------------------- */

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Pictures that go through the tower together, from the first one on: some thousand patches, at least one
 * picture. */
static size_t group_of(const sav_model *model, const sav_picture *const *pictures, size_t count, bool whole) {
    size_t n = 1, K, rows, keys, d;
    if (whole) return count;
    for (; n < count; n++) {
        model->family->limits(&K, &rows, &keys, &d, model, pictures, n + 1);
        if (rows > TOWER_ROWS) break;
    }
    return n;
}

/* All scratch of a forward of these rows and pictures, taken from an arena that may only be measuring. */
static void plan(sav_session *s, sav_arena *arena, const sav_rows *rows, const sav_picture *const *pictures,
                 size_t count) {
    const sav_model *model = s->model;
    const sav_qwen2_config *c = &model->llm.config;
    size_t K = larger(larger(c->D, c->F), c->H * c->d), most_rows = rows->N, most_keys = rows->most_keys,
           most_d = c->d, bytes, stream;
    for (size_t i = 0, n; i < count; i += n) {
        size_t k = 0, T = 0, keys = 0, d = 0;
        n = group_of(model, pictures + i, count - i, s->whole);
        model->family->limits(&k, &T, &keys, &d, model, pictures + i, n);
        K = larger(K, k), most_rows = larger(most_rows, T), most_keys = larger(most_keys, keys),
        most_d = larger(most_d, d);
    }
    if (!s->kernels->scratch(&bytes, &(sav_extent){most_rows, K, most_keys, most_d, s->run.threads}) ||
        !sav_mul(&stream, rows->N, c->D)) {
        arena->overflow = true;
        return;
    }
    s->run.scratch = sav_arena_take(arena, bytes, 1);
    s->decoder.x = sav_arena_take(arena, stream, sizeof *s->decoder.x);
    s->to = sav_arena_take(arena, count, sizeof *s->to);
    s->tap = s->whole ? sav_arena_take(arena, model->info.features, sizeof *s->tap) : NULL;
    size_t end = s->tower = arena->used;
    for (size_t i = 0, n; i < count; i += n, arena->used = s->tower) {
        n = group_of(model, pictures + i, count - i, s->whole);
        model->family->plan(arena, model, pictures + i, n, s->whole);
        end = larger(end, arena->used);
    }
    sav_qwen2_plan(&s->decoder, arena, c, rows, s->whole);
    arena->used = larger(end, arena->used);
}

static double picture_rows(const sav_session *s, const sav_picture *const *pictures, size_t count) {
    size_t K, rows, keys, d;
    s->model->family->limits(&K, &rows, &keys, &d, s->model, pictures, count);
    return (double)rows;
}

/* A batch's pictures, as families want them. */
static const sav_picture *const *pictures_of(const sav_batch *b) {
    return (const sav_picture *const *)b->pictures;
}

/* Bytes of scratch and pixels of a forward of so many rows; SIZE_MAX: none that fits an address. */
static size_t forward_bytes(sav_session *s, const sav_rows *rows, const sav_picture *const *pictures,
                            size_t count) {
    sav_arena arena = {0};
    size_t bytes, floats = 0;
    plan(s, &arena, rows, pictures, count);
    for (size_t i = 0; i < count; i++) floats += pictures[i]->floats;
    return arena.overflow || !sav_mul(&bytes, floats, sizeof(float)) || !sav_add(&bytes, bytes, arena.used)
               ? SIZE_MAX
               : bytes;
}

/* Text alone. */
static size_t text_bytes(sav_session *s, size_t N) {
    const sav_rows rows = {.N = N, .most_keys = N, .split = true};
    return forward_bytes(s, &rows, NULL, 0);
}

static size_t memory_left(const sav_session *s) {
    const uint64_t spent = s->info.fixed_bytes + s->info.held_bytes + s->reserved;
    return spent > s->info.memory ? 0 : (size_t)sav_min(SIZE_MAX, s->info.memory - spent);
}

static double mib(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

/* The budget: what is there before a forward, weights (all, else two layers, else one), the caller's share;
 * the rest is for batches. */
static sav_status divide_memory(sav_session *s, sav_error *err) {
    enum { UNKNOWN_FIXED = 64 << 20 };
    sav_session_info *info = &s->info;
    sav_stream *stream = &s->stream;
    info->layer_bytes = stream->largest;
    info->batch_rows = s->most_rows = BATCH_ROWS;
    if (!info->memory) return SAV_OK;
    if (!info->fixed_bytes) {
        sav_stream_drop_all(stream); /* whatever opening the folder read of the weights */
        info->fixed_bytes = sav_os_resident_bytes();
        if (!info->fixed_bytes) info->fixed_bytes = UNKNOWN_FIXED;
    }
    const size_t shortest = text_bytes(s, SHORT_ROWS);
    info->held_bytes = stream->total;
    stream->on = memory_left(s) < text_bytes(s, BATCH_ROWS);
    if (stream->on) info->held_bytes = 2 * (uint64_t)stream->largest;
    stream->ahead = stream->on && memory_left(s) >= shortest;
    if (stream->on && !stream->ahead) info->held_bytes = stream->largest;
    info->streams = stream->on;
    if (memory_left(s) < shortest) {
        sav_fail(err, SAV_NO_MEMORY,
                 "%s: a memory budget of %.1f MiB; expected at least %.1f: %.1f for the program, %.1f for a "
                 "layer, %.1f for a prompt of %d tokens",
                 s->model->folder, mib(info->memory),
                 mib(info->fixed_bytes + info->held_bytes + s->reserved + shortest),
                 mib(info->fixed_bytes + s->reserved), mib(info->held_bytes), mib(shortest), SHORT_ROWS);
        sav_hint(err, "raise --memory, or take a quantised or a smaller model");
        return SAV_NO_MEMORY;
    }
    while (s->most_rows > SHORT_ROWS && text_bytes(s, s->most_rows) > memory_left(s))
        s->most_rows -= SHORT_ROWS / 4;
    info->batch_rows = s->most_rows;
    return SAV_OK;
}

sav_status sav_session_reserve(sav_session *s, uint64_t bytes, sav_error *err) {
    s->reserved = bytes;
    return divide_memory(s, err);
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

static sav_status check_numbers(const sav_kernels *kernels, sav_error *err) {
    if (!sav_float_mode_ok())
        return sav_fail(err, SAV_UNSUPPORTED,
                        "this process flushes subnormal numbers to zero or does not round to nearest; "
                        "expected IEEE arithmetic");
    const char *what;
    if (kernels->sound && !kernels->sound(&what)) {
        sav_fail(err, SAV_UNSUPPORTED, "OpenBLAS gives a wrong product on this CPU (%s)", what);
        sav_hint(err, "choose another of its kernels by OPENBLAS_CORETYPE, or --engine exact");
        return SAV_UNSUPPORTED;
    }
    return SAV_OK;
}

/* Types of its matrices beside those of floats. */
static unsigned holds(const sav_model *model) {
    return model->group ? SAV_BIT(SAV_U8) : 0;
}

/* A quantised folder runs with the engine that reads it, and that engine with no other folder. */
static sav_status check_engine(const sav_model *model, const sav_kernels *kernels, sav_error *err) {
    if (sav_kernels_fit(kernels, holds(model))) return SAV_OK;
    if (!model->group) {
        sav_fail(err, SAV_BAD_INPUT,
                 "%s: found weights as they were trained; the %s engine expects a folder of savs quantize",
                 model->folder, kernels->engine);
        sav_hint(err, "savs quantize --model %.80s --out NEW makes one; --engine blas or exact runs this one",
                 model->folder);
    } else {
        sav_fail(err, SAV_BAD_INPUT, "%s: found int8 weights, which the %s engine cannot read", model->folder,
                 kernels->engine);
        sav_hint(err, "leave --engine out, or give the original folder");
    }
    return SAV_BAD_INPUT;
}

sav_status sav_session_open(sav_session **out, const sav_model *model, const sav_options *options,
                            sav_error *err) {
    static const sav_options defaults = {0};
    const sav_options *o = options ? options : &defaults;
    sav_error own;
    err = err ? err : &own;
    *out = NULL;
    const sav_kernels *kernels = sav_kernels_choose(o->engine, o->isa, o->dtype, holds(model), err);
    if (!kernels) return err->status;
    sav_pictures pictures;
    sav_status status = check_engine(model, kernels, err);
    if (!status) status = check_numbers(kernels, err);
    if (!status) status = sav_pictures_choose(&pictures, model, o, err);
    if (status) return status;
    sav_session *s = sav_alloc(1, sizeof *s);
    if (!s) return sav_fail(err, SAV_NO_MEMORY, "no memory for a session");
    const int threads = sav_threads(o->threads > 0 ? o->threads : sav_os_cores());
    s->model = model;
    s->kernels = kernels;
    s->pictures = pictures;
    s->info = (sav_session_info){.engine = kernels->engine,
                                 .isa = kernels->isa,
                                 .dtype = o->dtype,
                                 .threads = threads,
                                 .pillow = (int)s->pictures.pillow,
                                 .memory = o->memory};
    s->run = (sav_run){.R = o->dtype, .threads = threads, .team_work = SAV_TEAM_WORK};
    sav_session_share(s, true);
    sav_session_watch(s, o->check, o->context);
    status = sav_stream_open(&s->stream, model, err);
    if (!status) status = divide_memory(s, err);
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
void sav_session_share(sav_session *session, bool share) {
    session->batch.apart = !share || (session->model->llm.config.divides && session->run.R == SAV_F16);
}

void sav_session_limit(sav_session *session, size_t rows) {
    session->most_rows = rows ? rows : session->info.batch_rows;
}

const sav_kernels *sav_session_kernels(const sav_session *session) {
    return session->kernels;
}

void sav_session_meter(sav_session *session, const sav_kernels *kernels, void *meter) {
    session->kernels = kernels;
    session->run.meter = meter;
}

void sav_session_close(sav_session *session) {
    if (!session) return;
    sav_batch_free(&session->batch);
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
    s->whole = whole;
}

size_t sav_session_rows(const sav_session *s) {
    return s->batch.N;
}

/* The first prompt may have any length that memory has; those that share most of theirs with it go on a
 * little beyond. */
static sav_status has_room(bool *fits, sav_session *s, sav_error *err) {
    const sav_batch *b = &s->batch;
    const sav_rows rows = {.N = b->N, .most_keys = b->most_keys, .split = b->count > 1};
    *fits = b->count == 1 || b->N <= larger(s->most_rows, s->first + s->most_rows / 4);
    if (!s->info.memory || !*fits) return SAV_OK;
    const size_t bytes = forward_bytes(s, &rows, pictures_of(b), b->picture_count);
    *fits = bytes <= memory_left(s);
    if (*fits || b->count > 1) return SAV_OK;
    sav_fail(
        err, SAV_NO_MEMORY,
        "a prompt of %zu tokens takes %.1f MiB beside the weights; the memory budget of %.1f leaves %.1f",
        b->N, mib(bytes), mib(s->info.memory), mib(memory_left(s)));
    sav_hint(err, "raise --memory%s",
             s->model->family->bounded && b->picture_count ? ", or bound pictures by --max-pixels" : "");
    return SAV_NO_MEMORY;
}

sav_status sav_session_add(sav_session *s, bool *fits, const sav_prompt *prompt, sav_error *err) {
    sav_error own;
    sav_batch *b = &s->batch;
    const size_t N = b->N, most_keys = b->most_keys, pictures = b->picture_count;
    sav_status status = sav_batch_add(b, s->model, prompt, &s->pictures, err ? err : &own);
    s->info.pictures = s->pictures.read;
    s->info.turned = s->pictures.turned;
    *fits = false;
    if (status) return status;
    s->info.tokens = b->inputs[b->count - 1].T;
    if (b->count == 1) s->first = s->info.tokens;
    status = has_room(fits, s, err);
    if (status || !*fits) sav_batch_drop(b, N, most_keys, pictures);
    return status;
}

sav_status sav_session_pack(sav_session *s, sav_error *err) {
    sav_error own;
    sav_arena measure = {0};
    err = err ? err : &own;
    sav_status status = sav_batch_pack(&s->batch, s->model, err);
    if (status) return status;
    const sav_rows *rows = &s->batch.rows;
    plan(s, &measure, rows, pictures_of(&s->batch), s->batch.picture_count);
    if (measure.used > s->arena.size || measure.overflow) {
        sav_arena_free(&s->arena);
        status = sav_arena_make(&measure, err);
        if (!status) s->arena = measure;
    }
    if (!status) {
        s->arena.used = 0;
        plan(s, &s->arena, rows, pictures_of(&s->batch), s->batch.picture_count);
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

sav_status sav_session_measure(size_t *tokens, size_t *bytes, sav_session *s, size_t text, size_t h, size_t w,
                               sav_error *err) {
    const sav_family *family = s->model->family;
    sav_picture picture = {0};
    const sav_picture *one = &picture;
    sav_status status = SAV_OK;
    sav_session_begin(s, false);
    if (h && w) {
        if (!family->suppose)
            return sav_fail(err, SAV_UNSUPPORTED, "%s: found a text model; expected one that sees pictures",
                            s->model->folder);
        status = family->suppose(&picture, s->model, h, w, &s->pictures, err);
    }
    if (status) return status;
    const sav_rows rows = {.N = text + picture.tokens, .most_keys = text + picture.tokens};
    *tokens = rows.N;
    *bytes = forward_bytes(s, &rows, &one, h && w);
    if (*bytes == SIZE_MAX)
        return sav_fail(err, SAV_NO_MEMORY, "%s: a forward's memory does not fit this machine's addresses",
                        s->model->folder);
    return SAV_OK;
}

/* ---- run ----------------------------------------------------------------------------------------------- */

/* ids and positions of a dump's only sample. */
static void show_inputs(const sav_session *s, sav_trace *trace) {
    const sav_input *in = &s->batch.inputs[0];
    const size_t T[1] = {in->T}, axes[2] = {3, in->T};
    sav_show_integers(trace, in->ids, 1, T, "input_ids");
    if (s->model->llm.axis)
        sav_show_integers(trace, in->positions, 2, axes, "position_ids");
    else
        sav_show_integers(trace, in->positions, 1, T, "position_ids");
}

/* Before a layer: its weights are made ready, and whoever watches is asked. */
static sav_status enter(void *context, sav_half half, size_t layer, sav_error *err) {
    sav_session *s = context;
    const sav_layer *now = &s->stream.layers[half == SAV_IN_TOWER ? layer : s->stream.tower + layer];
    sav_status status = s->check ? s->check(s->context, s->worked < s->work ? s->worked / s->work : 1, err)
                                 : SAV_OK;
    if (!status) status = sav_weights_check(s->model->weights, err);
    if (!status) sav_stream_enter(&s->stream, half, layer);
    s->worked += (double)now->bytes * (half == SAV_IN_TOWER ? s->tower_rows : (double)s->batch.N);
    return status;
}

/* The work ahead, for the share that is done: a pass of the tower for each group. */
static void expect_work(sav_session *s, size_t depth) {
    const sav_batch *b = &s->batch;
    s->worked = 0;
    s->work = (double)sav_stream_bytes(&s->stream, SAV_IN_DECODER, depth) * (double)b->N;
    for (size_t i = 0; i < b->picture_count; i++)
        s->work += (double)sav_stream_bytes(&s->stream, SAV_IN_TOWER, 0) *
                   picture_rows(s, pictures_of(b) + i, 1);
}

/* The batch's pictures through the tower, a group at a time, to the rows where they stand first. */
static void embed_pictures(sav_session *s, sav_trace *trace) {
    const sav_family *family = s->model->family;
    const sav_batch *b = &s->batch;
    const size_t D = s->model->llm.config.D;
    for (size_t i = 0, n; i < b->picture_count && !trace->status; i += n) {
        const sav_picture *const *pictures = pictures_of(b) + i;
        sav_arena arena = s->arena; /* the same pieces that the plan counted */
        arena.used = s->tower;
        n = group_of(s->model, pictures, b->picture_count - i, s->whole);
        void *scratch = family->plan(&arena, s->model, pictures, n, s->whole);
        for (size_t j = 0; j < n; j++) s->to[j] = s->decoder.x + b->places[i + j] * D;
        s->tower_rows = picture_rows(s, pictures, n);
        if (sav_watched(trace)) family->show(trace, s->model, pictures, n, scratch);
        family->embed(s->to, s->model, pictures, n, scratch, s->kernels, &s->run, trace);
    }
    sav_batch_repeat(s->decoder.x, b, D);
}

sav_status sav_session_run(sav_session *s, float *taps, size_t depth, const sav_sink *sink, sav_error *err) {
    sav_error own;
    const sav_model *model = s->model;
    const sav_qwen2_config *c = &model->llm.config;
    const sav_batch *b = &s->batch;
    const size_t features = model->info.features;
    sav_trace trace = {
        .sink = sink, .enter = enter, .context = s, .dtype = s->run.R, .err = err ? err : &own};
    if (depth == 0 || depth > c->L) depth = c->L;
    expect_work(s, depth);
    if (sink) show_inputs(s, &trace);
    sav_batch_embed(s->decoder.x, b, model, &s->run);
    sav_stream_embedded(&s->stream);
    embed_pictures(s, &trace);
    sav_show_rows(&trace, s->decoder.x, b->rows.N, c->D, "inputs_embeds");
    sav_qwen2_forward(taps, features, &s->decoder, &b->rows, &model->llm, depth, s->kernels, &s->run, &trace);
    for (size_t i = 0; i < b->count && !trace.status; i++)
        if (b->same_as[i] != i)
            memcpy(taps + i * features, taps + b->same_as[i] * features, depth * c->H * c->d * sizeof *taps);
    sav_stream_leave(&s->stream);
    return trace.status;
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
    return status ? status : sav_session_run(session, session->tap, 0, sink, err);
}
