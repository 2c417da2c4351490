/* session.c: a prompt through a model: prepare (text, pictures, memory), then run (arithmetic alone).
 *
 *   sav_prompt -> rendered bytes -> ids -> pictures -> sav_input, scratch sized and taken     sav_session_prepare
 *   sav_input -> inputs_embeds [T, D] -> decoder -> tap [L, H, d]                              sav_session_run
 *
 * The second step allocates nothing.
 */
#include <string.h>

#include "kernels/elementary.h"
#include "kernels/elementwise.h"
#include "models/model.h"
#include "kernels/parallel.h"

struct sav_session {
    const sav_model *model;
    const sav_kernels *kernels;
    sav_session_info info;
    sav_pictures pictures;
    sav_input input;
    bool whole; /* prepared for a dump */
    sav_arena arena;
    sav_run run;
    sav_qwen2_scratch decoder;
    void *embedding; /* the family's scratch, in the arena */
    float *tap; /* [L, H, d] of a dump */
};

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

static sav_status check_options(const sav_options *o, const sav_kernels *kernels, sav_error *err) {
    if (o->dtype > SAV_F16) return sav_fail(err, SAV_BAD_INPUT, "storage type: expected f32, bf16 or f16");
    if (o->dtype != SAV_F32 && strcmp(kernels->engine, "exact") != 0)
        return sav_fail(err, SAV_BAD_INPUT, "storage type: the %s engine computes in f32; bf16 and f16 are the exact engine's",
                        kernels->engine);
    if (!sav_float_mode_ok())
        return sav_fail(err, SAV_UNSUPPORTED, "this process flushes subnormal numbers to zero or does not round to nearest; expected IEEE arithmetic");
    const char *what;
    if (kernels->sound && !kernels->sound(&what)) {
        sav_fail(err, SAV_UNSUPPORTED, "OpenBLAS gives a wrong product on this CPU (%s)", what);
        sav_hint(err, "choose another of its kernels by OPENBLAS_CORETYPE, or --engine exact");
        return SAV_UNSUPPORTED;
    }
    return SAV_OK;
}

sav_status sav_session_open(sav_session **out, const sav_model *model, const sav_options *options, sav_error *err) {
    static const sav_options defaults = {0};
    const sav_options *o = options ? options : &defaults;
    sav_error own;
    err = err ? err : &own;
    *out = NULL;
    const sav_kernels *kernels = sav_kernels_find(o->engine ? o->engine : o->dtype != SAV_F32 ? "exact" : NULL, o->isa, err);
    if (!kernels) return err->status;
    sav_pictures pictures;
    sav_status status = check_options(o, kernels, err);
    if (!status) status = sav_pictures_choose(&pictures, model, o, err);
    if (status) return status;
    sav_session *s = sav_alloc(1, sizeof *s);
    if (!s) return sav_fail(err, SAV_NO_MEMORY, "no memory for a session");
    const int threads = sav_threads(o->threads > 0 ? o->threads : sav_os_cores());
    s->model = model;
    s->kernels = kernels;
    s->pictures = pictures;
    s->info = (sav_session_info){.engine = kernels->engine, .isa = kernels->isa, .dtype = o->dtype, .threads = threads,
                                 .pillow = (int)s->pictures.pillow};
    s->run = (sav_run){.R = o->dtype, .threads = threads, .team_work = SAV_TEAM_WORK};
    *out = s;
    return SAV_OK;
}

void sav_session_team_work(sav_session *session, size_t work) {
    session->run.team_work = work;
}

void sav_session_close(sav_session *session) {
    if (!session) return;
    sav_input_free(&session->input);
    sav_arena_free(&session->arena);
    sav_free(session);
}

const sav_session_info *sav_session_describe(const sav_session *session) {
    return &session->info;
}

/* ---- prepare ----------------------------------------------------------------------------------------------------- */

/* The prompt's bytes -> ids and where placeholders fell. A text model knows no placeholder: `<image>` is text there. */
static sav_status read_ids(sav_ids *ids, sav_ids *places, const sav_session *s, const sav_prompt *prompt, sav_error *err) {
    const sav_model *model = s->model;
    sav_text text = {0};
    sav_status status = sav_layout_render(&text, model->layout, prompt, err);
    const char *bytes = text.bytes ? text.bytes : "";
    if (!status && !model->vision)
        status = sav_tokenizer_encode(ids, model->tokenizer, bytes, text.length, err);
    else if (!status)
        status = sav_tokenizer_encode_media(ids, places, model->tokenizer, bytes, text.length,
                                            sav_layout_placeholder(model->layout), model->image_token, err);
    if (!status && ids->count == 0) status = sav_fail(err, SAV_BAD_INPUT, "the prompt has no tokens");
    sav_text_free(&text);
    return status;
}

/* Ids, then the family's share: pictures read, ids expanded. Pictures must be as many as placeholders. */
static sav_status read_prompt(sav_session *s, const sav_prompt *prompt, sav_error *err) {
    const sav_model *model = s->model;
    sav_ids ids = {0}, places = {0};
    size_t pictures = sav_layout_pictures(NULL, 0, model->layout, prompt);
    const sav_part **parts = sav_alloc(pictures, sizeof *parts);
    sav_status status = parts ? read_ids(&ids, &places, s, prompt, err)
                              : sav_fail(err, SAV_NO_MEMORY, "no memory for %zu pictures", pictures);
    if (!status && model->vision && places.count != pictures)
        status = sav_fail(err, SAV_BAD_INPUT, "the prompt has %zu placeholder%s %s for %zu picture%s", places.count,
                          places.count == 1 ? "" : "s", sav_layout_placeholder(model->layout), pictures,
                          pictures == 1 ? "" : "s");
    sav_input *in = &s->input;
    in->images = pictures;
    in->sizes = sav_alloc(pictures, 3 * sizeof *in->sizes);
    in->starts = sav_alloc(pictures, sizeof *in->starts);
    in->tokens = sav_alloc(pictures, sizeof *in->tokens);
    if (!status && (!in->sizes || !in->starts || !in->tokens))
        status = sav_fail(err, SAV_NO_MEMORY, "no memory for %zu pictures", pictures);
    if (!status) {
        sav_layout_pictures(parts, pictures, model->layout, prompt);
        status = model->family->prepare(&s->input, model, &ids, &places, parts, pictures, &s->pictures, err);
    }
    sav_free(parts);
    sav_ids_free(&ids);
    sav_ids_free(&places);
    return status;
}

static sav_status check_input(sav_session *s, sav_error *err) {
    const sav_qwen2_config *c = &s->model->llm.config;
    sav_input *in = &s->input;
    if (in->T > c->max_positions)
        return sav_fail(err, SAV_BAD_INPUT, "the prompt has %zu tokens; the model takes %zu (max_position_embeddings)", in->T,
                        c->max_positions);
    for (size_t t = 0; t < in->T; t++)
        if ((size_t)in->ids[t] >= c->V && !(in->images && in->ids[t] == (int64_t)s->model->image_token))
            return sav_fail(err, SAV_BAD_INPUT, "token id %lld at place %zu; the model's vocabulary has %zu", (long long)in->ids[t], t, c->V);
    if (in->axes) return SAV_OK; /* the family gave its own positions */
    in->axes = 1;
    if (!(in->positions = sav_alloc(in->T, sizeof *in->positions)))
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tokens", in->T);
    for (size_t t = 0; t < in->T; t++) in->positions[t] = (int64_t)t;
    return SAV_OK;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* All scratch of the forward, taken from an arena that may only be measuring. */
static void plan(sav_session *s, sav_arena *arena) {
    const sav_model *model = s->model;
    const sav_qwen2_config *c = &model->llm.config;
    size_t K = 0, keys = 0, d = 0, rows = 0, bytes;
    if (s->input.images) model->family->limits(&K, &rows, &keys, &d, model, &s->input);
    K = larger(K, larger(larger(c->D, c->F), c->H * c->d));
    if (!s->kernels->scratch(&bytes, larger(rows, s->input.T), K, larger(keys, s->input.T), larger(d, c->d), s->run.threads))
        arena->overflow = true;
    else
        s->run.scratch = sav_arena_take(arena, bytes, 1);
    sav_qwen2_plan(&s->decoder, arena, c, s->input.T, s->whole);
    s->embedding = s->input.images ? model->family->plan(arena, model, &s->input, s->whole) : NULL;
    s->tap = s->whole ? sav_arena_take(arena, model->info.features, sizeof *s->tap) : NULL;
}

sav_status sav_session_prepare(sav_session *s, const sav_prompt *prompt, bool whole, sav_error *err) {
    sav_error own;
    err = err ? err : &own;
    sav_input_free(&s->input);
    s->whole = s->input.whole = whole;
    sav_status status = read_prompt(s, prompt, err);
    if (!status) status = check_input(s, err);
    if (!status) {
        sav_arena measure = {0};
        plan(s, &measure);
        if (measure.used > s->arena.size || measure.overflow) {
            sav_arena_free(&s->arena);
            status = sav_arena_make(&measure, err);
            if (!status) s->arena = measure;
        }
        if (!status) {
            s->arena.used = 0;
            plan(s, &s->arena);
        }
    }
    s->info.tokens = s->input.T;
    s->info.pictures = s->pictures.read;
    s->info.turned = s->pictures.turned;
    s->info.scratch_bytes = s->arena.size;
    return status;
}

sav_status sav_session_measure(size_t *tokens, size_t *bytes, sav_session *s, size_t text, size_t h, size_t w, sav_error *err) {
    const sav_family *family = s->model->family;
    sav_input *in = &s->input;
    sav_arena arena = {0};
    sav_status status = SAV_OK;
    size_t floats = 0;
    sav_input_free(in);
    s->whole = false;
    in->T = text;
    if (h && w) {
        if (!family->suppose) return sav_fail(err, SAV_UNSUPPORTED, "%s: found a text model; expected one that sees pictures", s->model->folder);
        in->images = 1;
        in->sizes = sav_alloc(3, sizeof *in->sizes);
        in->tokens = sav_alloc(1, sizeof *in->tokens);
        status = in->sizes && in->tokens ? family->suppose(in, &floats, s->model, h, w, &s->pictures, err)
                                         : sav_fail(err, SAV_NO_MEMORY, "no memory for a picture's size");
        if (!status) in->T += in->tokens[0];
    }
    if (!status) plan(s, &arena);
    if (!status && (arena.overflow || !sav_mul(&floats, floats, sizeof(float)) || !sav_add(bytes, arena.used, floats)))
        status = sav_fail(err, SAV_NO_MEMORY, "%s: a forward's memory does not fit this machine's addresses", s->model->folder);
    *tokens = in->T;
    sav_input_free(in);
    return status;
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

static void show_inputs(const sav_session *s, sav_trace *trace) {
    const sav_input *in = &s->input;
    const size_t T[1] = {in->T}, axes[2] = {in->axes, in->T};
    sav_show_integers(trace, in->ids, 1, T, "input_ids");
    if (in->axes == 1)
        sav_show_integers(trace, in->positions, 1, T, "position_ids");
    else
        sav_show_integers(trace, in->positions, 2, axes, "position_ids");
    if (in->images) s->model->family->show(trace, s->model, in);
}

sav_status sav_session_run(sav_session *s, float *tap, size_t depth, const sav_sink *sink, sav_error *err) {
    const sav_model *model = s->model;
    const sav_qwen2_config *c = &model->llm.config;
    sav_trace trace = {.sink = sink, .dtype = s->run.R, .err = err};
    if (depth == 0 || depth > c->L) depth = c->L;
    show_inputs(s, &trace);
    for (size_t t = 0; t < s->input.T; t++)
        if ((size_t)s->input.ids[t] < c->V) sav_embed_row(s->decoder.x + t * c->D, &model->llm.embed_tokens, (size_t)s->input.ids[t], &s->run);
    if (s->input.images) model->family->embed(s->decoder.x, model, &s->input, s->embedding, s->kernels, &s->run, &trace);
    sav_show_rows(&trace, s->decoder.x, s->input.T, c->D, "inputs_embeds");
    sav_qwen2_forward(tap, &s->decoder, s->input.positions, &model->llm, s->input.T, depth, s->kernels, &s->run, &trace);
    return trace.status;
}

sav_status sav_forward(sav_session *session, const sav_prompt *prompt, float *tap, size_t depth, sav_error *err) {
    sav_status status = sav_session_prepare(session, prompt, false, err);
    return status ? status : sav_session_run(session, tap, depth, NULL, err);
}

sav_status sav_dump(sav_session *session, const sav_prompt *prompt, const sav_sink *sink, sav_error *err) {
    sav_status status = sav_session_prepare(session, prompt, true, err);
    return status ? status : sav_session_run(session, session->tap, 0, sink, err);
}
