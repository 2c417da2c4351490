/* Several prompts in one batch: taps equal to the bit to those of each prompt alone, in every family,
 * whatever they share, in whatever order they come, however the batch is cut; what is shared is found; a
 * float32 engine stays close.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../engine_run.h"
#include "base/os.h"
#include "forward/session.h"
#include "kernels/kernels.h"

static sav_error err;

#define A "golden/llava/images/49x61.png"
#define B "golden/llava/images/90x101.png"

enum { MOST = 12, PARTS = 4 };

/* A prompt: pictures and texts of one user turn; a word that ends in .png is a picture. */
typedef struct example {
    const char *parts[PARTS];
} example;

static const example PICTURES[] = {
    {{A, "What is this?"}},
    {{B, "What is this?"}},
    {{A, "What colour is it? One word."}},
    {{"What is this?"}},
    {{A, B, "What is the difference?"}},
    {{A, "What is this?"}}, /* equal to the first */
    {{B, "What colour is it?"}},
    {{A, A, "Are they equal?"}}, /* the same picture twice */
    {{A, B, "What is the same?"}},
    {{"Hello"}},
    {{"Look:", A, "What is it?"}}, /* the picture again, behind other text */
    {{B, "What"}},
};

static const example TEXTS[] = {
    {{"What is this?"}},
    {{"What is that? Say it in one word."}},
    {{"What is this? Say it."}},
    {{"Hello"}},
    {{"What is this?"}},
    {{"What"}},
    {{"A longer text, which goes on and on, beyond the window of keys."}},
    {{"A longer text, which goes on"}},
    {{"A"}},
    {{"A longer text, which goes on and on, beyond all."}},
    {{"Hello, hello"}},
    {{"Hello"}},
};

typedef struct prompts {
    sav_part parts[MOST][PARTS];
    sav_message turns[MOST];
    sav_prompt list[MOST];
} prompts;

static void make_prompts(prompts *p, const example *examples) {
    for (size_t i = 0; i < MOST; i++) {
        size_t n = 0;
        for (; n < PARTS && examples[i].parts[n]; n++) {
            const char *word = examples[i].parts[n], *dot = strrchr(word, '.');
            const bool picture = dot && strcmp(dot, ".png") == 0;
            p->parts[i][n] = (sav_part){.kind = picture ? SAV_IMAGE : SAV_TEXT, .text = word};
        }
        p->turns[i] = (sav_message){"user", p->parts[i], n};
        p->list[i] = (sav_prompt){.messages = &p->turns[i], .count = 1};
    }
}

typedef struct fixture {
    sav_model *model;
    sav_session *session;
    size_t features;
    float *alone, *taps; /* [MOST, features] */
    size_t tokens;       /* of all prompts together */
} fixture;

static void open_or_end(fixture *f, const char *folder, sav_options options, const prompts *p, size_t depth) {
    *f = (fixture){0};
    if (!CHECK_OK(sav_model_open(&f->model, folder, &err), &err) ||
        !CHECK_OK(sav_session_open(&f->session, f->model, &options, &err), &err))
        exit(1);
    f->features = sav_model_describe(f->model)->features;
    f->alone = calloc(MOST * f->features, sizeof *f->alone);
    f->taps = calloc(MOST * f->features, sizeof *f->taps);
    if (!f->alone || !f->taps) exit(1);
    for (size_t i = 0; i < MOST; i++) {
        CHECK_OK(sav_forward(f->session, &p->list[i], f->alone + i * f->features, depth, &err), &err);
        f->tokens += sav_session_describe(f->session)->tokens;
    }
}

static void close_all(fixture *f) {
    sav_session_close(f->session);
    sav_model_close(f->model);
    free(f->alone);
    free(f->taps);
}

static void clear(fixture *f) {
    for (size_t i = 0; i < MOST * f->features; i++) f->taps[i] = NAN;
}

/* ---- the same bits ------------------------------------------------------------------------------------- */

/* In the order of the list, backwards, and every fifth; with nothing shared; cut into small batches. */
static void check_orders(fixture *f, const prompts *p, const char *name) {
    static const size_t steps[] = {1, MOST - 1, 5};
    for (size_t s = 0; s < 3; s++)
        for (int way = 0; way < 3; way++) {
            sav_prompt list[MOST];
            for (size_t i = 0; i < MOST; i++) list[i] = p->list[i * steps[s] % MOST];
            sav_session_share(f->session, way != 1);
            sav_session_limit(f->session, way == 2 ? 100 : 0);
            clear(f);
            if (!CHECK_OK(sav_forward_batch(f->session, list, MOST, f->taps, 0, &err), &err)) continue;
            for (size_t i = 0; i < MOST; i++)
                check_bits(f->taps + i * f->features, f->alone + i * steps[s] % MOST * f->features,
                           f->features, name);
        }
    sav_session_share(f->session, true);
    sav_session_limit(f->session, 0);
}

/* Equal prompts and what prompts begin with stand in the batch once. most: rows of all tokens in per cent;
 * 100: nothing is shared. */
static void check_rows(fixture *f, const prompts *p, size_t most) {
    bool fits;
    sav_session_begin(f->session, false);
    for (size_t i = 0; i < MOST; i++)
        if (CHECK_OK(sav_session_add(f->session, &fits, &p->list[i], &err), &err)) CHECK(fits);
    const size_t rows = sav_session_rows(f->session);
    if (!CHECK(most == 100 ? rows == f->tokens : rows * 100 <= f->tokens * most))
        printf("  %zu rows of %zu tokens\n", rows, f->tokens);
    CHECK_OK(sav_session_pack(f->session, &err), &err);
}

static void test_exact(const char *folder, const example *examples, sav_dtype dtype, size_t most) {
    static prompts p;
    fixture f;
    make_prompts(&p, examples);
    open_or_end(&f, folder, (sav_options){.engine = "exact", .dtype = dtype, .threads = 2}, &p, 0);
    check_orders(&f, &p, folder);
    check_rows(&f, &p, most);
    close_all(&f);
}

/* Two layers deep: the rest of a tap is left alone. */
static void test_depth(void) {
    static prompts p;
    fixture f;
    make_prompts(&p, PICTURES);
    open_or_end(&f, "golden/models/t70", (sav_options){.engine = "exact"}, &p, 1);
    const sav_model_info *info = sav_model_describe(f.model);
    clear(&f);
    CHECK_OK(sav_forward_batch(f.session, p.list, MOST, f.taps, 1, &err), &err);
    for (size_t i = 0; i < MOST; i++) {
        const float *tap = f.taps + i * f.features;
        check_bits(tap, f.alone + i * f.features, info->H * info->d, "one layer");
        CHECK(isnan(tap[info->H * info->d]) && isnan(tap[f.features - 1]));
    }
    close_all(&f);
}

/* ---- the float32 engines ------------------------------------------------------------------------------- */

static double distance(const float *a, const float *b, size_t n) {
    double difference = 0, length = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        length += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / length);
}

/* Far below their distance from the truth, which is some 1e-6. */
static void test_float(const char *folder, const example *examples) {
    static prompts p;
    const sav_kernels *kernels;
    const char *before = "";
    make_prompts(&p, examples);
    for (size_t k = 0; (kernels = sav_kernels_at(k)) != NULL; k++) {
        fixture f;
        if (kernels->in_double || kernels->needs || strcmp(kernels->engine, before) == 0) continue;
        before = kernels->engine;
        if (!engine_or_skip(kernels)) continue;
        open_or_end(&f, folder, (sav_options){.engine = kernels->engine, .threads = 1}, &p, 0);
        double far = 0;
        if (CHECK_OK(sav_forward_batch(f.session, p.list, MOST, f.taps, 0, &err), &err))
            for (size_t i = 0; i < MOST; i++)
                far = fmax(far, distance(f.taps + i * f.features, f.alone + i * f.features, f.features));
        CHECK(far <= (kernels->batch_alters ? 2e-6 : 0));
        printf("%s %s: batch and alone at most %.2g apart\n", kernels->engine, folder, far);
        close_all(&f);
    }
}

/* ---- failures ------------------------------------------------------------------------------------------ */

/* A prompt that fails leaves the batch as it was; a batch is cut where it is full; what did not fit comes
 * next. */
static void test_failures(void) {
    static prompts p;
    fixture f;
    bool fits;
    make_prompts(&p, PICTURES);
    open_or_end(&f, "golden/models/t70", (sav_options){.engine = "exact"}, &p, 0);
    const sav_part bad_parts[] = {{.kind = SAV_IMAGE, .text = A},
                                  {.kind = SAV_IMAGE, .text = "golden/llava/images/none.png"},
                                  {.kind = SAV_TEXT, .text = "?"}};
    const sav_message bad_turn = {"user", bad_parts, 3};
    const sav_prompt bad = {.messages = &bad_turn, .count = 1};
    sav_session_begin(f.session, false);
    CHECK_OK(sav_session_add(f.session, &fits, &p.list[0], &err), &err);
    const size_t rows = sav_session_rows(f.session);
    CHECK_FAILS(sav_session_add(f.session, &fits, &bad, &err), &err, SAV_BAD_INPUT, "none.png");
    CHECK_SIZE(sav_session_rows(f.session), rows);
    CHECK_OK(sav_session_add(f.session, &fits, &p.list[4], &err), &err);
    CHECK_OK(sav_session_pack(f.session, &err), &err);
    clear(&f);
    CHECK_OK(sav_session_run(f.session, f.taps, 0, NULL, &err), &err);
    check_bits(f.taps, f.alone, f.features, "beside a bad prompt");
    check_bits(f.taps + f.features, f.alone + 4 * f.features, f.features, "behind a bad prompt");

    sav_session_limit(f.session, 10);
    sav_session_begin(f.session, false);
    CHECK_OK(sav_session_add(f.session, &fits, &p.list[0], &err), &err);
    CHECK(fits); /* longer than the limit, but the first */
    const size_t read = sav_session_describe(f.session)->pictures;
    CHECK_OK(sav_session_add(f.session, &fits, &p.list[1], &err), &err);
    CHECK(!fits);
    CHECK_SIZE(sav_session_rows(f.session), rows);
    sav_session_begin(f.session, false);
    CHECK_OK(sav_session_add(f.session, &fits, &p.list[1], &err), &err);
    CHECK(fits);
    CHECK_SIZE(sav_session_describe(f.session)->pictures, read + 1); /* read once, though asked for twice */

    const sav_prompt list[] = {p.list[0], bad};
    CHECK_FAILS(sav_forward_batch(f.session, list, 2, f.taps, 0, &err), &err, SAV_BAD_INPUT, "prompt 1: ");
    CHECK_OK(sav_forward_batch(f.session, list, 0, f.taps, 0, &err), &err);
    close_all(&f);
}

/* ---- very many prompts --------------------------------------------------------------------------------- */

/* Seconds to put `count` prompts into a batch, the three in turns. */
static double seconds_to_add(sav_session *session, const sav_prompt *three, size_t count) {
    bool fits;
    sav_session_begin(session, false);
    const double start = sav_os_cpu_seconds();
    for (size_t i = 0; i < count; i++)
        if (sav_session_add(session, &fits, &three[i % 3], &err) || !fits) break;
    return sav_os_cpu_seconds() - start;
}

/* Equal prompts need no rows, and yet a batch ends: SAV_BATCH_MOST of them are in it, the next one is not.
 * Time grows as their number does. */
static void test_equal_prompts(void) {
    static char text[3][2000];
    sav_part parts[3];
    sav_message turns[3];
    sav_prompt list[3];
    sav_model *model;
    sav_session *session;
    bool fits = false;
    for (size_t i = 0; i < 3; i++) { /* equal but for the last letter */
        memset(text[i], 'q', sizeof text[i] - 1);
        text[i][600] = (char)('a' + i);
        text[i][601] = '\0';
        parts[i] = (sav_part){.kind = SAV_TEXT, .text = text[i]};
        turns[i] = (sav_message){"user", &parts[i], 1};
        list[i] = (sav_prompt){.messages = &turns[i], .count = 1};
    }
    if (!CHECK_OK(sav_model_open(&model, "golden/models/qwen2-window", &err), &err) ||
        !CHECK_OK(sav_session_open(&session, model, &(sav_options){.engine = "exact", .threads = 1}, &err),
                  &err))
        return;
    sav_session_limit(session, 0);
    seconds_to_add(session, list, 64);
    const double few = seconds_to_add(session, list, SAV_BATCH_MOST / 4);
    const double many = seconds_to_add(session, list, SAV_BATCH_MOST);
    if (!CHECK(many < 4 * 2.3 * few + 0.2)) printf("%.3f s, four times as many %.3f s\n", few, many);
    const size_t rows = sav_session_rows(session);
    CHECK_OK(sav_session_add(session, &fits, &list[0], &err), &err);
    CHECK(!fits);
    CHECK_SIZE(sav_session_rows(session), rows);
    CHECK_OK(sav_session_pack(session, &err), &err);
    sav_session_close(session);
    sav_model_close(model);
}

int main(void) {
    test_equal_prompts();
    test_exact("golden/models/qwen2-window", TEXTS, SAV_F32, 80);
    test_exact("golden/models/t70", PICTURES, SAV_F32, 70);
    test_exact("golden/models/qwen2-vl", PICTURES, SAV_F32, 80);
    test_exact("golden/models/qwen2.5-vl", PICTURES, SAV_F32, 80);
    test_exact("golden/models/qwen2.5-vl", PICTURES, SAV_BF16, 80);
    test_exact("golden/models/qwen2-vl", PICTURES, SAV_F16, 100); /* a row may depend on what is behind it */
    test_depth();
    test_float("golden/models/qwen2-window", TEXTS);
    test_float("golden/models/t70", PICTURES);
    test_float("golden/models/qwen2.5-vl", PICTURES);
    test_failures();
    return check_report("batch");
}
