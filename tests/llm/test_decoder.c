/* A decoder through its seam: a sample that goes on from a state (keys and values of the tokens before it)
 * has the bits that it has in one piece, however it is cut; logits are those that a dump shows, with and
 * without the rest of the graph.
 */
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "forward/session.h"
#include "kernels/parallel.h"

enum { TOKENS = 23, MOST = 64 };

static sav_error err;

typedef struct fixture {
    sav_model *model;
    const sav_kernels *kernels;
    sav_dtype R;
    int64_t ids[MOST];
    float *k, *v; /* of the cache */
    sav_kv_cache cache;
} fixture;

static void open_or_end(fixture *f, const char *folder, const char *engine, sav_dtype R) {
    *f = (fixture){.R = R};
    if (!CHECK_OK(sav_model_open(&f->model, folder, &err), &err)) exit(1);
    f->kernels = sav_kernels_find(engine, NULL, &err);
    if (!f->kernels) exit(1);
    const sav_decoder_config *c = &f->model->decoder.config;
    const size_t floats = c->L * MOST * c->G * c->d;
    f->k = calloc(floats, sizeof *f->k);
    f->v = calloc(floats, sizeof *f->v);
    f->cache = (sav_kv_cache){.k = f->k, .v = f->v, .capacity = MOST};
    for (size_t t = 0; t < TOKENS; t++) f->ids[t] = (int64_t)((t * 37 + 11) % c->V);
}

static void close_all(fixture *f) {
    sav_model_close(f->model);
    free(f->k);
    free(f->v);
}

/* Tokens first … first + count - 1 in one forward -> taps [L, H, d], logits [V] or NULL. cached: behind those
 * before them in the cache. */
static sav_status run(fixture *f, float *taps, float *logits, size_t first, size_t count, bool cached) {
    const sav_decoder *decoder = &f->model->decoder;
    const sav_decoder_config *c = &decoder->config;
    const sav_extent most = {count, sav_max(sav_max(c->D, c->F), c->H * c->d), MOST, c->d, 2};
    const sav_span span = {.count = count,
                           .past = cached ? f->cache.count : 0,
                           .in_front = true,
                           .cache = cached ? &f->cache : NULL};
    int64_t positions[3 * MOST];
    size_t bytes;
    sav_arena arena = {0};
    sav_rows rows = {.N = count, .positions = positions, .spans = &span, .span_count = 1, .most_keys = MOST};
    for (size_t axis = 0; axis < decoder->axes; axis++)
        for (size_t t = 0; t < count; t++) positions[axis * count + t] = (int64_t)(first + t);
    if (!CHECK(f->kernels->scratch(&bytes, &most))) return SAV_NO_MEMORY;
    decoder->kind->plan(&arena, decoder, &rows, false, logits != NULL);
    void *engine = calloc(bytes + 64, 1);
    if (!engine || !CHECK_OK(sav_arena_make(&arena, &err), &err)) exit(1);
    arena.used = 0;
    void *scratch = decoder->kind->plan(&arena, decoder, &rows, false, logits != NULL);
    rows.x = calloc(count * c->D, sizeof *rows.x);
    sav_pass p = {.kernels = f->kernels,
                  .run = {.R = f->R,
                          .threads = sav_threads(2),
                          .scratch = (char *)engine + (64 - (uintptr_t)engine % 64)},
                  .depth = c->L,
                  .layer = SAV_NO_LAYER,
                  .err = &err};
    for (size_t t = 0; t < count; t++)
        sav_apply_embedding(&p, rows.x + t * c->D, (size_t)f->ids[first + t], &decoder->embed_tokens);
    decoder->kind->forward(&p, &(sav_outputs){taps, f->model->info.features, logits}, scratch, &rows,
                           decoder);
    free(rows.x);
    free(engine);
    sav_arena_free(&arena);
    return p.status;
}

/* In one piece; first tokens, then one at a time; in three pieces. */
static void test_state(const char *folder, const char *engine, sav_dtype R) {
    static const size_t cuts[2][4] = {{0, 1, 7, TOKENS}, {0, 16, 22, TOKENS}};
    fixture f;
    open_or_end(&f, folder, engine, R);
    const size_t features = f.model->info.features, V = f.model->info.V;
    float *want = calloc(features, sizeof *want), *got = calloc(features, sizeof *got),
          *plain = calloc(features, sizeof *plain);
    float *all = calloc(V, sizeof *all), *last = calloc(V, sizeof *last);
    CHECK_OK(run(&f, want, all, 0, TOKENS, false), &err);
    CHECK_OK(run(&f, plain, NULL, 0, TOKENS, false), &err);
    check_bits(plain, want, features, "taps with and without logits");
    for (int way = 0; way < 2; way++) {
        f.cache.count = 0;
        for (size_t i = 0; i < 3; i++) {
            CHECK_OK(run(&f, got, i == 2 ? last : NULL, cuts[way][i], cuts[way][i + 1] - cuts[way][i], true),
                     &err);
            CHECK_SIZE(f.cache.count, cuts[way][i + 1]);
        }
        check_bits(got, want, features, "taps in pieces");
        check_bits(last, all, V, "logits in pieces");
    }
    f.cache.count = 0;
    for (size_t t = 0; t < TOKENS; t++) CHECK_OK(run(&f, got, last, t, 1, true), &err);
    check_bits(got, want, features, "taps token by token");
    check_bits(last, all, V, "logits token by token");
    memset(last, 0, V * sizeof *last);
    f.cache.count = 0;
    CHECK_OK(run(&f, NULL, last, 0, TOKENS, true), &err);
    check_bits(last, all, V, "logits without taps");
    f.cache.capacity = TOKENS + 2;
    CHECK_FAILS(run(&f, got, NULL, 0, 3, true), &err, SAV_BAD_INPUT, "a cache of 25 tokens");
    CHECK_SIZE(f.cache.count, TOKENS);
    free(want), free(got), free(plain), free(all), free(last);
    close_all(&f);
}

/* ---- logits beside a dump's ------------------------------------------------------------------------- */

typedef struct stage {
    const char *end;
    float *values;
    size_t count;
} stage;

static sav_status keep(void *context, const sav_snapshot *s, sav_error *e) {
    stage *want = context;
    const size_t n = strlen(s->name), m = strlen(want->end);
    (void)e;
    if (n < m || strcmp(s->name + n - m, want->end) != 0) return SAV_OK;
    want->count = s->shape[0] * s->shape[1];
    want->values = calloc(want->count, sizeof(float));
    memcpy(want->values, s->data, want->count * sizeof(float));
    return SAV_OK;
}

static void test_logits(const char *folder) {
    fixture f;
    sav_session *session;
    stage want = {.end = "lm_head.output"};
    const sav_sink sink = {keep, &want};
    const sav_prompt prompt = {.literal = "What is this? A longer text."};
    sav_ids ids = {0}, places = {0};
    open_or_end(&f, folder, "exact", SAV_F32);
    float *taps = calloc(f.model->info.features, sizeof *taps),
          *logits = calloc(f.model->info.V, sizeof *logits);
    if (CHECK_OK(sav_session_open(&session, f.model, &(sav_options){.engine = "exact"}, &err), &err) &&
        CHECK_OK(sav_dump(session, &prompt, &sink, &err), &err) &&
        CHECK_OK(sav_input_tokens(&ids, &places, f.model, &prompt, &err), &err) && CHECK(ids.count < MOST)) {
        for (size_t t = 0; t < ids.count; t++) f.ids[t] = (int64_t)ids.ids[t];
        CHECK_OK(run(&f, taps, logits, 0, ids.count, false), &err);
        if (CHECK_SIZE(want.count, f.model->info.V))
            check_bits(logits, want.values, want.count, "logits of a dump");
    }
    sav_session_close(session);
    sav_ids_free(&ids);
    sav_ids_free(&places);
    free(taps), free(logits), free(want.values);
    close_all(&f);
}

int main(void) {
    static const char *const folders[] = {"golden/models/qwen2-window", "golden/models/qwen2-vl",
                                          "golden/models/t70"};
    for (size_t i = 0; i < 3; i++) {
        test_state(folders[i], "exact", SAV_F32);
        test_state(folders[i], "exact", SAV_BF16);
        test_state(folders[i], "panel", SAV_F32);
        test_logits(folders[i]);
    }
    return check_report("decoder");
}
