/* Prompts through models: what a session refuses, and what must not change a bit of the tap: threads, ISA, a
 * session's past, its neighbours, the file layout of the same weights.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../engine_run.h"
#include "../model_folder.h"
#include "../picture.h"
#include "forward/session.h"
#include "kernels/kernels.h"

static sav_error err;

#define TAIL "<|im_end|><|im_start|>assistant\n"
#define PICTURE "golden/llava/images/90x101.png"

/* ---- prompts ------------------------------------------------------------------------------------------- */

/* A literal prompt and the pictures of its placeholders. */
static sav_prompt prompt_of(sav_message *turn, sav_part parts[3], const char *literal, const char *first,
                            const char *second) {
    size_t count = 0;
    if (first) parts[count++] = (sav_part){.kind = SAV_IMAGE, .text = first};
    if (second) parts[count++] = (sav_part){.kind = SAV_IMAGE, .text = second};
    *turn = (sav_message){"user", parts, count};
    return (sav_prompt){turn, 1, literal};
}

static const struct example {
    const char *literal, *first, *second;
} EXAMPLES[] = {
    {"<|im_start|>user <image>\nWhat is this?" TAIL, PICTURE, NULL}, /* 100 tokens and more */
    {"<|im_start|>user Hello" TAIL, NULL, NULL},
    {"<image>a<image>", "golden/llava/images/49x61.png", "golden/llava/images/8x11.png"},
    {"<|im_start|>user Hello, hello, hello, hello, hello" TAIL, NULL, NULL},
};

enum { COUNT = sizeof EXAMPLES / sizeof EXAMPLES[0] };

static sav_model *open_or_end(const char *folder) {
    sav_model *model;
    if (CHECK_OK(sav_model_open(&model, folder, &err), &err)) return model;
    exit(1);
}

static sav_session *session_or_end(const sav_model *model, sav_options options) {
    sav_session *session;
    options.engine = options.engine ? options.engine : "exact";
    if (!CHECK_OK(sav_session_open(&session, model, &options, &err), &err)) exit(1);
    sav_session_team_work(session, 0); /* small as the prompts are, threads must show if they ever do */
    return session;
}

static float *tap_of(const sav_model *model) {
    float *tap = calloc(sav_model_describe(model)->features, sizeof *tap);
    if (!tap) exit(1);
    return tap;
}

static bool forward(float *tap, sav_session *session, const struct example *e) {
    sav_message turn;
    sav_part parts[3];
    const sav_prompt prompt = prompt_of(&turn, parts, e->literal, e->first, e->second);
    return CHECK_OK(sav_forward(session, &prompt, tap, 0, &err), &err);
}

/* The tap of a fresh session. */
static float *fresh(const sav_model *model, const struct example *e, sav_options options) {
    sav_session *session = session_or_end(model, options);
    float *tap = tap_of(model);
    forward(tap, session, e);
    sav_session_close(session);
    return tap;
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

static void test_options(const sav_model *model) {
    static const struct {
        sav_options options;
        sav_status status;
        const char *part;
    } rows[] = {
        {{.engine = "gpu"}, SAV_UNSUPPORTED, "engine gpu: found no such kernels"},
        {{.engine = "exact", .isa = "sse9"}, SAV_UNSUPPORTED, "ISA sse9"},
        {{.engine = "exact", .isa = "sse9"}, SAV_UNSUPPORTED, "exact c"}, /* the list of those there are */
        {{.isa = "sse9"}, SAV_UNSUPPORTED, "ISA sse9"},
        {{.engine = "exact", .dtype = SAV_I64}, SAV_BAD_INPUT, "expected f32, bf16 or f16"},
        {{.engine = "exact", .pillow = 12}, SAV_BAD_INPUT, "found Pillow 12; expected 11 or 13"},
    };
    sav_session *session;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_status got = sav_session_open(&session, model, &rows[i].options, &err);
        CHECK_FAILS(got, &err, rows[i].status, rows[i].part);
        CHECK(session == NULL);
    }
    static const char *const engines[] = {"panel", "blas"};
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        const sav_kernels *kernels = sav_kernels_find(engines[i], NULL, &err);
        if (!kernels || !engine_starts(kernels)) {
            check_skip("no OpenBLAS");
            continue;
        }
        const sav_options half = {.engine = engines[i], .dtype = SAV_BF16}, whole = {.engine = engines[i]};
        CHECK_FAILS(sav_session_open(&session, model, &half, &err), &err, SAV_BAD_INPUT,
                    i ? "the blas engine computes in f32" : "the panel engine computes in f32");
        if (CHECK_OK(sav_session_open(&session, model, &whole, &err), &err))
            CHECK_STR(sav_session_describe(session)->engine, engines[i]);
        sav_session_close(session);
    }
    /* the default */
    if (CHECK_OK(sav_session_open(&session, model, NULL, &err), &err))
        CHECK_STR(sav_session_describe(session)->engine, "panel");
    sav_session_close(session);
    /* which engine: that it can run */
    if (CHECK_OK(sav_session_open(&session, model, &(sav_options){.dtype = SAV_F16}, &err), &err))
        CHECK_STR(sav_session_describe(session)->engine, "exact");
    sav_session_close(session);
}

/* After each refusal the session still works. */
static void test_prompts(const sav_model *model) {
    static const struct {
        struct example prompt;
        const char *part;
    } rows[] = {
        {{"<image>", NULL, NULL}, "the prompt has 1 placeholder <image> for 0 pictures"},
        {{"a<image>b<image>", PICTURE, NULL}, "2 placeholders <image> for 1 picture"},
        {{"no place for it", PICTURE, NULL}, "0 placeholders <image> for 1 picture"},
        {{"<image>", PICTURE, PICTURE}, "1 placeholder <image> for 2 pictures"},
        {{"", NULL, NULL}, "the prompt has no tokens"},
        {{"\xff", NULL, NULL}, "UTF-8"},
        {{"<image>", "golden/llava/images/none.png", NULL}, "none.png"},
        {{"<image>", "golden/llava/images", NULL}, "golden/llava/images"},
        {{"<image>", "golden/cases.json", NULL}, "golden/cases.json"},
        {{"<image><image>", PICTURE, "golden/cases.json"}, "golden/cases.json"},
    };
    float *want = fresh(model, &EXAMPLES[0], (sav_options){0}), *got = tap_of(model);
    sav_session *session = session_or_end(model, (sav_options){0});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct example *e = &rows[i].prompt;
        sav_message turn;
        sav_part parts[3];
        const sav_prompt prompt = prompt_of(&turn, parts, e->literal, e->first, e->second);
        sav_status status = sav_forward(session, &prompt, got, 0, &err);
        CHECK(status == SAV_BAD_INPUT || status == SAV_UNSUPPORTED);
        if (!CHECK(status && strstr(err.message, rows[i].part)))
            printf("  row %zu: %s\n", i, status ? err.message : "no error");
        if (i % 4 == 0 && forward(got, session, &EXAMPLES[0]))
            check_bits(got, want, sav_model_describe(model)->features, "after a refusal");
    }
    sav_session_close(session);
    free(want);
    free(got);
}

/* What a changed copy of a fixture says to a prompt. */
static void refuse(const struct example *e, const char *folder, const char *part) {
    sav_model *model = open_or_end(folder);
    sav_session *session = session_or_end(model, (sav_options){0});
    float *tap = tap_of(model);
    sav_message turn;
    sav_part parts[3];
    const sav_prompt prompt = prompt_of(&turn, parts, e->literal, e->first, e->second);
    CHECK_FAILS(sav_forward(session, &prompt, tap, 0, &err), &err, SAV_BAD_INPUT, part);
    sav_session_close(session);
    sav_model_close(model);
    free(tap);
}

static void test_limits(void) {
    static const folder_edit fewer[] = {{"model.embed_tokens.weight", TENSOR_TRIM, NULL}};
    const char *folder = folder_copy("t70");
    folder_replace("config.json", "\"max_position_embeddings\": 32768", "\"max_position_embeddings\": 40");
    refuse(&EXAMPLES[0], folder, "the model takes 40 (max_position_embeddings)");
    folder_remove();
    folder = folder_copy("qwen2-window");
    folder_replace("config.json", "\"vocab_size\": 384", "\"vocab_size\": 350"); /* the tokenizer knows 384 */
    folder_tensors(fewer, 1);
    refuse(&(const struct example){"a<|im_end|>", NULL, NULL}, folder, "the model's vocabulary has 350");
    folder_remove();
    refuse(&EXAMPLES[0], "golden/models/qwen2-window",
           PICTURE ": golden/models/qwen2-window is a text model");
    const struct example text = {"<image> is text to a text model", NULL, NULL};
    sav_model *model = open_or_end("golden/models/qwen2-window");
    free(fresh(model, &text, (sav_options){0}));
    sav_model_close(model);
}

/* ---- the same bits ------------------------------------------------------------------------------------- */

/* Threads, ISAs, a session's past and its neighbour on the same model. */
static void test_same(const sav_model *model) {
    const size_t features = sav_model_describe(model)->features;
    float *want[COUNT], *got = tap_of(model);
    for (size_t i = 0; i < COUNT; i++)
        want[i] = fresh(model, &EXAMPLES[i], (sav_options){.isa = "c", .threads = 1});
    const sav_kernels *kernels;
    for (size_t k = 0; (kernels = sav_kernels_at(k)) != NULL; k++)
        for (int threads = 1; threads <= 3 && kernels->in_double; threads++) {
            char name[80];
            float *tap = fresh(model, &EXAMPLES[0], (sav_options){.isa = kernels->isa, .threads = threads});
            snprintf(name, sizeof name, "exact %s, %d threads", kernels->isa, threads);
            check_bits(tap, want[0], features, name);
            free(tap);
        }
    /* short, long, short again: memory grows and is used again */
    static const size_t order[] = {1, 0, 1, 3, 2, 0, 3};
    sav_session *one = session_or_end(model, (sav_options){.threads = 1}),
                *two = session_or_end(model, (sav_options){.threads = 2});
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const size_t other = (order[i] + 1) % COUNT;
        if (forward(got, one, &EXAMPLES[order[i]]))
            check_bits(got, want[order[i]], features, "a session with a past");
        if (forward(got, two, &EXAMPLES[other])) check_bits(got, want[other], features, "a second session");
    }
    /* twice the first example's, once the third's two */
    CHECK_SIZE(sav_session_describe(one)->pictures, 2 + 2);
    sav_session_close(one);
    sav_session_close(two);
    for (size_t i = 0; i < COUNT; i++) free(want[i]);
    free(got);
}

/* ---- the same weights in other files ------------------------------------------------------------------- */

static const folder_edit TO_4_52[] = {
    {"image_newline", TENSOR_RENAME, "model.image_newline"},
    {"vision_tower.*", TENSOR_RENAME, "model.vision_tower."},
    {"multi_modal_projector.*", TENSOR_RENAME, "model.multi_modal_projector."},
    {"language_model.model.*", TENSOR_RENAME, "model.language_model."},
};

static void check_layout(const char *name, const char *folder, float *const want[2], size_t features) {
    sav_model *model = open_or_end(folder);
    for (size_t i = 0; i < 2; i++) {
        float *tap = fresh(model, &EXAMPLES[i], (sav_options){0});
        if (CHECK_SIZE(sav_model_describe(model)->features, features))
            check_bits(tap, want[i], features, name);
        free(tap);
    }
    sav_model_close(model);
}

static void test_layouts(const sav_model *model) {
    const size_t features = sav_model_describe(model)->features;
    float *want[2];
    for (size_t i = 0; i < 2; i++) want[i] = fresh(model, &EXAMPLES[i], (sav_options){0});
    const char *folder = folder_copy("t70");
    folder_tensors(TO_4_52, sizeof TO_4_52 / sizeof *TO_4_52);
    check_layout("keys of transformers 4.52", folder, want, features);
    folder_shard(3);
    check_layout("keys of 4.52 in three shards", folder, want, features);
    folder_remove();
    folder = folder_copy("t70");
    folder_shard(5);
    check_layout("five shards", folder, want, features);
    folder_remove();
    free(want[0]);
    free(want[1]);
}

/* Fields that a config leaves out have the class's defaults: a copy without them gives the same tap. */
static void test_defaults(void) {
    static const struct {
        const char *fixture, *field;
    } rows[] = {{"qwen2-window", "\"rope_theta\": 10000.0,"},
                {"qwen2-window", "\"rms_norm_eps\": 1e-06,"},
                {"qwen2-window", "\"hidden_act\": \"silu\","},
                {"t70", "\"layer_norm_eps\": 1e-06,"},
                {"t70", "\"hidden_act\": \"gelu_pytorch_tanh\","},
                {"t70", "\"vision_aspect_ratio\": \"anyres_max_9\","},
                {"t70", "\"projector_hidden_act\": \"gelu\","}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[100];
        snprintf(path, sizeof path, "golden/models/%s", rows[i].fixture);
        const struct example *e = &EXAMPLES[strcmp(rows[i].fixture, "t70") == 0 ? 0 : 3];
        sav_model *model = open_or_end(path);
        float *want = fresh(model, e, (sav_options){0});
        const char *folder = folder_copy(rows[i].fixture);
        folder_replace("config.json", rows[i].field, "");
        sav_model *other = open_or_end(folder);
        float *got = fresh(other, e, (sav_options){0});
        check_bits(got, want, sav_model_describe(model)->features, rows[i].field);
        sav_model_close(model);
        sav_model_close(other);
        folder_remove();
        free(want);
        free(got);
    }
}

/* ---- tied embeddings ----------------------------------------------------------------------------------- */

typedef struct watch {
    const char *stage;
    float *data; /* of it */
    size_t count;
} watch;

static sav_status take(void *context, const sav_snapshot *stage, sav_error *e) {
    watch *w = context;
    (void)e;
    if (strcmp(stage->name, w->stage) != 0) return SAV_OK;
    w->count = 1;
    for (int i = 0; i < stage->rank; i++) w->count *= stage->shape[i];
    w->data = malloc(w->count * sizeof *w->data);
    memcpy(w->data, stage->data, w->count * sizeof *w->data);
    return SAV_OK;
}

/* A stage of a text prompt's dump, [count]. */
static float *stage_of(const char *folder, const char *stage, size_t *count) {
    sav_model *model = open_or_end(folder);
    sav_session *session = session_or_end(model, (sav_options){0});
    sav_message turn;
    sav_part parts[3];
    const sav_prompt prompt = prompt_of(&turn, parts, EXAMPLES[1].literal, NULL, NULL);
    watch w = {.stage = stage};
    const sav_sink sink = {take, &w};
    CHECK_OK(sav_dump(session, &prompt, &sink, &err), &err);
    sav_session_close(session);
    sav_model_close(model);
    *count = w.count;
    if (!CHECK(w.data != NULL)) exit(1);
    return w.data;
}

/* In t70 text_config ties and the top level does not. The text_config's word counts; where it ties, a stored
 * head is not read. */
static void test_tied(void) {
    static const struct {
        bool text, top, head;
        enum { LIKE_EMBEDDING, DOUBLED, MISSING } logits;
    } rows[] = {{true, false, false, LIKE_EMBEDDING}, {true, true, false, LIKE_EMBEDDING},
                {true, false, true, LIKE_EMBEDDING},  {true, true, true, LIKE_EMBEDDING},
                {false, true, false, MISSING},        {false, false, false, MISSING},
                {false, true, true, DOUBLED},         {false, false, true, DOUBLED}};
    static const folder_edit head[] = {
        {"language_model.model.embed_tokens.weight", TENSOR_DOUBLED, "language_model.lm_head.weight"}};
    static const char stage[] = "language_model.lm_head.output";
    size_t count, got_count;
    float *want = stage_of("golden/models/t70", stage, &count);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *folder = folder_copy("t70");
        folder_replace("config.json", "\"tie_word_embeddings\": true",
                       rows[i].text ? "\"tie_word_embeddings\":  true" : "\"tie_word_embeddings\":  false");
        folder_replace("config.json", "\"tie_word_embeddings\": false",
                       rows[i].top ? "\"tie_word_embeddings\":  true" : "\"tie_word_embeddings\":  false");
        if (rows[i].head) folder_tensors(head, 1);
        if (rows[i].logits == MISSING) {
            sav_model *model;
            CHECK_FAILS(sav_model_open(&model, folder, &err), &err, SAV_BAD_INPUT,
                        "tensor language_model.lm_head.weight is missing");
        } else {
            float *got = stage_of(folder, stage, &got_count), factor = rows[i].logits == DOUBLED ? 2 : 1;
            for (size_t j = 0; j < got_count; j++) got[j] /= factor; /* exact */
            if (CHECK_SIZE(got_count, count)) check_bits(got, want, count, "logits");
            free(got);
        }
        folder_remove();
    }
    free(want);
    const char *folder = folder_copy("qwen2-window"); /* a text model's own level is the top one */
    sav_model *model;
    folder_replace("config.json", "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    CHECK_FAILS(sav_model_open(&model, folder, &err), &err, SAV_BAD_INPUT,
                "tensor lm_head.weight is missing");
    folder_remove();
}

/* ---- a long prompt ------------------------------------------------------------------------------------- */

/* More tokens than a block of the MLP's rows: the short forward takes blocks, the dump all rows at once, the
 * tap is one. */
static void test_long(void) {
    char text[3001];
    sav_model *model = open_or_end("golden/models/qwen2-window");
    sav_session *session = session_or_end(model, (sav_options){.threads = 2});
    float *tap = tap_of(model);
    watch w = {.stage = "sav.tap"};
    const sav_sink sink = {take, &w};
    for (size_t i = 0; i < 3000; i++) text[i] = "The quick brown fox, 12 dogs. "[i * 7 % 30];
    text[3000] = '\0';
    const struct example e = {text, NULL, NULL};
    const sav_prompt prompt = {.literal = text};
    if (forward(tap, session, &e) && CHECK_OK(sav_dump(session, &prompt, &sink, &err), &err)) {
        CHECK(sav_session_describe(session)->tokens > 1100); /* two blocks and a part of one */
        check_bits(tap, w.data, w.count, "tap of a long prompt");
    }
    sav_session_close(session);
    sav_model_close(model);
    free(tap);
    free(w.data);
}

/* ---- a changed golden ---------------------------------------------------------------------------------- */

typedef struct comparison {
    const sav_safetensors *golden;
    char first[200]; /* stage that differs */
} comparison;

static sav_status compare(void *context, const sav_snapshot *stage, sav_error *e) {
    comparison *c = context;
    const sav_tensor *t = sav_safetensors_find(c->golden, stage->name);
    (void)e;
    if (t && !c->first[0] && memcmp(t->data, stage->data, t->count * sav_dtype_size(t->dtype)) != 0)
        snprintf(c->first, sizeof c->first, "%s", stage->name);
    return SAV_OK;
}

/* Goldens can fail: of the true one no stage differs, of one with a doubled weight the stage that reads the
 * weight does. */
static void test_changed(const sav_model *model) {
    static const struct {
        const char *path, *first;
    } rows[] = {
        {"golden/llava/t70-text.exact.safetensors", ""},
        {"golden/changed/t70-text.exact.safetensors", "language_model.model.layers.1.mlp.gate_proj.output"}};
    sav_part text = {.kind = SAV_TEXT, .text = "How many shapes are there?"};
    sav_message turn = {"user", &text, 1};
    const sav_prompt prompt = {&turn, 1, NULL};
    sav_session *session = session_or_end(model, (sav_options){0});
    for (size_t i = 0; i < 2; i++) {
        sav_safetensors *golden;
        if (!CHECK_OK(sav_safetensors_open(&golden, rows[i].path, &err), &err)) continue;
        comparison c = {.golden = golden};
        const sav_sink sink = {compare, &c};
        CHECK_OK(sav_dump(session, &prompt, &sink, &err), &err);
        CHECK_STR(c.first, rows[i].first);
        sav_safetensors_close(golden);
    }
    sav_session_close(session);
}

int main(void) {
    sav_model *model = open_or_end("golden/models/t70");
    test_options(model);
    if (!picture_reads(PICTURE)) return check_report("session");
    test_prompts(model);
    test_limits();
    test_same(model);
    test_layouts(model);
    test_defaults();
    test_tied();
    test_long();
    test_changed(model);
    sav_model_close(model);
    return check_report("session");
}
