/* test_requests.c: requests that are odd but well formed mean what transformers 4.51.3 and qwen_vl_utils make
 * of them: bounds beside a picture, placeholders where nobody counts them. Right values: golden/requests/
 * (tools/golden/requests_golden.py). And in a batch nothing of it is shared that differs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "forward/session.h"
#include "lists/messages.h"

static sav_error err;

#define QWEN "golden/models/report-qwen2-vl"
#define LLAVA "golden/models/report-llava"
#define WIDE "golden/llava/images/100x200.png"
#define SQUARE "golden/llava/images/49x61.png"
#define MARK "<|vision_start|><|image_pad|><|vision_end|>"

static sav_model *open_or_end(const char *folder) {
    sav_model *model;
    if (!CHECK_OK(sav_model_open(&model, folder, &err), &err)) exit(1);
    return model;
}

/* Each row of a golden, with its model. */
static void rows_of(const char *path, void (*run)(const sav_json *row, const sav_model *model)) {
    sav_json_doc *doc;
    sav_model *model = NULL;
    char folder[200] = "";
    if (!CHECK_OK(sav_json_read(&doc, path, &err), &err)) return;
    CHECK(sav_json_root(doc)->count > 30);
    for (const sav_json *row = sav_json_root(doc)->child; row; row = row->next) {
        char wanted[200];
        snprintf(wanted, sizeof wanted, "golden/models/%s", sav_json_get(row, "model")->text);
        if (strcmp(wanted, folder) != 0) {
            sav_model_close(model);
            model = open_or_end(strcpy(folder, wanted));
        }
        run(row, model);
    }
    sav_model_close(model);
    sav_json_free(doc);
}

/* ---- bounds beside a picture --------------------------------------------------------------------------- */

static sav_chat *chat_of(const char *picture, const sav_json *part) {
    sav_text text = {0};
    sav_chat *chat = NULL;
    sav_text_printf(&text, "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"image\":\"%s\"", picture);
    for (const sav_json *member = part->child; member; member = member->next) {
        sav_text_printf(&text, ",\"%s\":", member->key);
        sav_json_put(&text, member);
    }
    sav_text_string(&text, "}]}]");
    CHECK_OK(sav_messages_parse(&chat, text.bytes, text.length, "m", "", &err), &err);
    sav_text_free(&text);
    return chat;
}

static void check_pixels(const sav_picture *picture, const char *want) {
    char hex[65];
    sav_sha256 hash;
    sav_sha256_init(&hash);
    sav_sha256_update(&hash, picture->pixels, picture->fit.floats * sizeof *picture->pixels);
    sav_sha256_hex(&hash, hex);
    CHECK_STR(hex, want);
}

/* Without pixels in the golden the picture is large: its size alone is looked at. */
static void check_bounds(const sav_json *row, const sav_model *model) {
    const sav_json *grid = sav_json_get(row, "grid"), *sha256 = sav_json_get(row, "sha256"),
                   *session = sav_json_get(row, "session");
    const char *path = sav_json_get(row, "picture")->text;
    sav_chat *chat = chat_of(path, sav_json_get(row, "part"));
    sav_options options = {0};
    sav_picture_options how;
    sav_pictures_seen seen = {0};
    sav_picture picture = {0};
    CHECK_OK(sav_json_size(&options.min_pixels, session, "min_pixels", 0, "row", &err), &err);
    CHECK_OK(sav_json_size(&options.max_pixels, session, "max_pixels", 0, "row", &err), &err);
    if (!chat || !CHECK_OK(sav_picture_choose(&how, model, &options, &err), &err)) return;
    how.own = chat->parts[0].bounds;
    sav_status status = SAV_OK;
    if (grid && !sha256) {
        const sav_size size = strcmp(path, WIDE) == 0 ? (sav_size){100, 200} : (sav_size){60, 90};
        status = model->family->fit(&picture.fit, model, size, &how, &err);
    } else {
        status = sav_picture_load(&picture, &seen, model, path, &how, &err);
    }
    if (status == SAV_UNSUPPORTED) { /* IMAGES=0: transparency has no PPM */
        check_skip(path);
        sav_chat_free(chat);
        return;
    }
    CHECK((status == SAV_BAD_INPUT) == !grid);
    if (grid && CHECK_OK(status, &err)) {
        int64_t h = 0, w = 0;
        CHECK(sav_json_integer(&h, grid->child->next) && sav_json_integer(&w, grid->child->next->next));
        CHECK_SIZE(picture.fit.rows, (size_t)h);
        CHECK_SIZE(picture.fit.columns, (size_t)w);
        if (sha256) check_pixels(&picture, sha256->text);
    }
    sav_free(picture.pixels);
    sav_chat_free(chat);
}

/* A picture of 200 x 120 (width x height), run through qwen_vl_utils 0.0.11 and the processor of 4.51.3. */
static void test_grids(void) {
    static const struct {
        sav_picture_bounds own;
        size_t rows, columns;
    } cases[] = {
        {{0, 0, 0, 0}, 8, 14}, {{0, 6272, 0, 0}, 4, 6}, {{60000, 0, 0, 0}, 14, 24}, {{0, 0, 56, 112}, 4, 8}};
    sav_model *model = open_or_end(QWEN);
    sav_picture_options how;
    CHECK_OK(sav_picture_choose(&how, model, &(sav_options){0}, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sav_picture_fit fit = {0};
        how.own = cases[i].own;
        CHECK_OK(model->family->fit(&fit, model, (sav_size){120, 200}, &how, &err), &err);
        CHECK_SIZE(fit.rows, cases[i].rows);
        CHECK_SIZE(fit.columns, cases[i].columns);
    }
    sav_model_close(model);
}

/* What the library would go on with and nobody means: refused by name. */
static void test_refused_bounds(void) {
    sav_model *qwen = open_or_end(QWEN), *llava = open_or_end(LLAVA);
    sav_picture_options how;
    sav_pictures_seen seen = {0};
    sav_picture picture = {0};
    CHECK_OK(sav_picture_choose(&how, qwen, &(sav_options){.max_pixels = 6272}, &err), &err);
    how.own.min_pixels = 60000;
    CHECK_FAILS(sav_picture_load(&picture, &seen, qwen, WIDE, &how, &err), &err, SAV_BAD_INPUT,
                WIDE ": found min_pixels 60000 above max_pixels 6272");
    how.max_pixels = 0;
    how.own = (sav_picture_bounds){.min_pixels = (size_t)1 << 40};
    CHECK_FAILS(sav_picture_load(&picture, &seen, qwen, WIDE, &how, &err), &err, SAV_BAD_INPUT,
                "after the resize; expected at most 178956970");
    how.own = (sav_picture_bounds){.min_pixels = 12000000}; /* counted before the resize: quick */
    CHECK_FAILS(sav_picture_load(&picture, &seen, qwen, WIDE, &how, &err), &err, SAV_BAD_INPUT,
                "the picture has 15400 tokens; the model takes 4096");
    CHECK(picture.pixels == NULL);
    const sav_picture_bounds each[] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        CHECK_OK(sav_picture_choose(&how, llava, &(sav_options){0}, &err), &err);
        how.own = each[i];
        CHECK_FAILS(sav_picture_load(&picture, &seen, llava, WIDE, &how, &err), &err, SAV_BAD_INPUT,
                    "for the Qwen-VL families; found llava_onevision");
    }
    sav_model_close(qwen);
    sav_model_close(llava);
}

/* ---- placeholders where nobody counts them ------------------------------------------------------------- */

static void check_numbers(const int64_t *got, size_t count, const sav_json *want, const char *what) {
    size_t i = 0, wrong = 0;
    for (const sav_json *one = want->child; one; one = one->next, i++) {
        int64_t number = -1;
        wrong += !sav_json_integer(&number, one) || i >= count || got[i] != number;
    }
    if (!CHECK_SIZE(wrong, 0) || !CHECK_SIZE(i, count)) printf("  %s\n", what);
}

static void check_prompt(const sav_json *row, const sav_model *model) {
    enum { MOST = 4 };
    const sav_json *ids = sav_json_get(row, "ids"), *positions = sav_json_get(row, "positions");
    const char *text = sav_json_get(row, "prompt")->text;
    sav_part parts[MOST];
    sav_message turn = {"user", parts, 0};
    for (const sav_json *one = sav_json_get(row, "pictures")->child; one && turn.count < MOST;
         one = one->next)
        parts[turn.count++] = (sav_part){.kind = SAV_IMAGE, .text = one->text};
    const sav_prompt prompt = {&turn, 1, text};
    sav_pictures pictures = {0};
    sav_input in;
    CHECK_OK(sav_picture_choose(&pictures.how, model, &(sav_options){0}, &err), &err);
    sav_status status = sav_input_read(&in, &pictures, model, &prompt, &err);
    if (status == SAV_UNSUPPORTED) {
        check_skip(text);
        sav_pictures_free(&pictures);
        return;
    }
    if (!CHECK(ids ? status == SAV_OK : status == SAV_BAD_INPUT)) printf("  %s: %s\n", text, err.message);
    if (ids && !status) {
        check_numbers(in.ids, in.T, ids, text);
        size_t axis = 0;
        for (const sav_json *one = positions ? positions->child : NULL; one; one = one->next)
            check_numbers(in.positions + in.T * axis++, in.T, one, text);
        CHECK_SIZE(axis, positions ? 3 : 0);
    }
    sav_input_free(&in);
    sav_pictures_free(&pictures);
}

/* ---- batches ------------------------------------------------------------------------------------------- */

enum { BOUNDS = 7, PROMPTS = BOUNDS + 2 };

/* Taps of a batch are those of each prompt alone: a picture under other bounds is another picture, and one
 * that stands like text shares nothing with one that has places, though what stands before them is equal. */
static void test_batch(void) {
    static const sav_picture_bounds bounds[BOUNDS] = {{0, 0, 0, 0},         {0, 6272, 0, 0}, {60000, 0, 0, 0},
                                                      {60000, 61000, 0, 0}, {0, 0, 84, 84},  {0, 0, 56, 84},
                                                      {0, 0, 84, 112}};
    const sav_options options = {.engine = "exact"};
    sav_part parts[BOUNDS], two[] = {{.kind = SAV_IMAGE, .text = WIDE}, {.kind = SAV_IMAGE, .text = SQUARE}};
    sav_message turns[BOUNDS], one_turn = {"user", two, 1}, two_turn = {"user", two, 2};
    sav_prompt prompts[PROMPTS];
    for (size_t i = 0; i < BOUNDS; i++) {
        parts[i] = (sav_part){.kind = SAV_IMAGE, .text = WIDE, .bounds = bounds[i]};
        turns[i] = (sav_message){"user", &parts[i], 1};
        prompts[i] = (sav_prompt){&turns[i], 1, MARK "a"};
    }
    /* the first picture has places, by the mark of the second; it stands like text */
    prompts[BOUNDS] = (sav_prompt){&two_turn, 1, "<|image_pad|>x" MARK "a"};
    prompts[BOUNDS + 1] = (sav_prompt){&one_turn, 1, "<|image_pad|>xa"};
    sav_model *model = open_or_end(QWEN);
    sav_session *session;
    const size_t features = sav_model_describe(model)->features;
    float *alone = calloc(PROMPTS * features, sizeof *alone),
          *taps = calloc(PROMPTS * features, sizeof *taps);
    if (!alone || !taps || !CHECK_OK(sav_session_open(&session, model, &options, &err), &err)) exit(1);
    for (size_t i = 0; i < PROMPTS; i++)
        CHECK_OK(sav_forward(session, &prompts[i], alone + i * features, 0, &err), &err);
    CHECK_OK(sav_forward_batch(session, prompts, PROMPTS, taps, 0, &err), &err);
    check_bits(taps, alone, PROMPTS * features, "a batch with bounds");
    size_t pairs = 0, first;
    for (size_t i = 0; i < PROMPTS; i++)
        for (size_t j = 0; j < i; j++)
            pairs += check_differ(alone + i * features, alone + j * features, features, &first) == 0;
    CHECK_SIZE(pairs, 1); /* 60000 to 61000 is the size of 60000 alone */
    sav_session_close(session);
    sav_model_close(model);
    free(alone);
    free(taps);
}

int main(void) {
    rows_of("golden/requests/bounds.json", check_bounds);
    rows_of("golden/requests/prompts.json", check_prompt);
    test_grids();
    test_refused_bounds();
    test_batch();
    return check_report("requests");
}
