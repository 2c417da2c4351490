/* Memory of a forward: opening a model, a session and running a prompt, a batch, a list with each allocation
 * refused once; and the contract that sav_session_run, the arithmetic behind the plan, allocates nothing.
 */
#include "../engine_run.h"
#include "../picture.h"
#include "fault.h"
#include "forward/session.h"
#include "tasks/encode.h"

static const sav_part with_picture[] = {{.kind = SAV_IMAGE, .text = "golden/llava/images/49x61.png"},
                                        {.kind = SAV_TEXT, .text = "What is this?"}};
static const sav_part text_alone[] = {{.kind = SAV_TEXT, .text = "What is this? \xE4\xBD\xA0\xE5\xA5\xBD"}};
static const sav_part with_small[] = {{.kind = SAV_IMAGE, .text = "golden/qwen_vl/images/60x90-rgba.png"},
                                      {.kind = SAV_TEXT, .text = "What is this?"}};
static const sav_message picture_turn = {"user", with_picture, 2}, text_turn = {"user", text_alone, 1},
                         small_turn = {"user", with_small, 2};
static const sav_prompt picture_prompt = {.messages = &picture_turn, .count = 1};
static const sav_prompt small_prompt = {.messages = &small_turn, .count = 1};
static const sav_prompt text_prompt = {.messages = &text_turn, .count = 1};

static const char *folder;
static const sav_prompt *prompt;
static sav_options options = {.engine = "exact", .threads = 1};
static bool dumped;

static sav_status take(void *context, const sav_snapshot *stage, sav_error *err) {
    (void)err;
    *(size_t *)context += stage->rank >= 0;
    return SAV_OK;
}

/* Folder to tap, or to a dump. */
static sav_status forward(sav_error *err) {
    static float tap[1 << 16];
    size_t stages = 0;
    const sav_sink sink = {take, &stages};
    sav_model *model = NULL;
    sav_session *session = NULL;
    sav_status status = sav_model_open(&model, folder, err);
    if (!status) status = sav_session_open(&session, model, &options, err);
    if (!status && dumped) status = sav_dump(session, prompt, &sink, err);
    if (!status && !dumped) {
        CHECK(sav_model_describe(model)->features <= sizeof tap / sizeof *tap);
        status = sav_forward(session, prompt, tap, 0, err);
    }
    sav_session_close(session);
    sav_model_close(model);
    return status;
}

/* Two prompts that share a picture and one of text, in a batch of so few rows that the last does not fit. */
static sav_status batch(sav_error *err) {
    static float taps[1 << 16];
    static const sav_part again[] = {{.kind = SAV_IMAGE, .text = "golden/llava/images/49x61.png"},
                                     {.kind = SAV_TEXT, .text = "What colour?"}};
    static const sav_message again_turn = {"user", again, 2};
    const sav_prompt prompts[] = {picture_prompt, {.messages = &again_turn, .count = 1}, text_prompt};
    sav_model *model = NULL;
    sav_session *session = NULL;
    sav_status status = sav_model_open(&model, folder, err);
    if (!status) status = sav_session_open(&session, model, &options, err);
    if (!status) {
        CHECK(3 * sav_model_describe(model)->features <= sizeof taps / sizeof *taps);
        sav_session_limit(session, 100);
        status = sav_forward_batch(session, prompts, 3, taps, 0, err);
    }
    sav_session_close(session);
    sav_model_close(model);
    return status;
}

static sav_status take_nothing(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    (void)context, (void)sample, (void)tap, (void)err;
    return SAV_OK;
}

/* The same as a list. */
static sav_status list(sav_error *err) {
    static const char lines[] =
        "{\"image\":\"49x61.png\",\"question\":\"a\",\"label\":\"x\"}\n{\"question\":\"b\",\"label\":\"y\"}\n"
        "{\"image\":\"49x61.png\",\"question\":\"c\",\"label\":\"y\"}\n";
    sav_model *model = NULL;
    sav_session *session = NULL;
    sav_list *samples = NULL;
    sav_status status =
        sav_list_parse(&samples, lines, sizeof lines - 1, "list", "golden/llava/images", NULL, err);
    if (!status) status = sav_model_open(&model, folder, err);
    if (!status) status = sav_session_open(&session, model, &options, err);
    if (!status) {
        const sav_encoder encoder = {.model = model, .session = session};
        status = sav_encode_each(samples, &encoder, take_nothing, NULL, err);
    }
    sav_session_close(session);
    sav_model_close(model);
    sav_list_free(samples);
    return status;
}

/* Each prompt's picture, if any, is its first part. */
static bool readable(const sav_prompt *of) {
    const sav_part *part = of->messages->parts;
    return part->kind != SAV_IMAGE || picture_reads(part->text);
}

static void fail(const char *name, const char *model, const sav_prompt *of, bool dump) {
    folder = model;
    prompt = of;
    dumped = dump;
    if (readable(of)) fault_each(name, forward);
}

/* From the plan to the tap: no call of sav_alloc or sav_realloc, in any engine, at one thread and at two. */
static void count(const char *model_folder, const sav_prompt *of, const char *engine, int threads) {
    static float tap[1 << 16];
    const sav_options chosen = {.engine = engine, .threads = threads};
    sav_error err;
    sav_model *model = NULL;
    sav_session *session = NULL;
    if (readable(of) && CHECK_OK(sav_model_open(&model, model_folder, &err), &err) &&
        CHECK_OK(sav_session_open(&session, model, &chosen, &err), &err)) {
        for (int whole = 0; whole < 2; whole++) {
            size_t stages = 0;
            const sav_sink sink = {take, &stages};
            if (!CHECK_OK(sav_session_prepare(session, of, whole, &err), &err)) break;
            fault_start(0);
            CHECK_OK(sav_session_run(session, tap, 0, whole ? &sink : NULL, &err), &err);
            CHECK_SIZE((size_t)fault_calls, 0);
            CHECK(!whole || stages > 10);
        }
    }
    sav_session_close(session);
    sav_model_close(model);
}

/* The same for a batch of two. */
static void count_batch(const char *model_folder, const sav_prompt *of, const char *engine) {
    static float taps[1 << 16];
    const sav_options chosen = {.engine = engine, .threads = 2};
    bool fits;
    sav_error err;
    sav_model *model = NULL;
    sav_session *session = NULL;
    if (readable(of) && CHECK_OK(sav_model_open(&model, model_folder, &err), &err) &&
        CHECK_OK(sav_session_open(&session, model, &chosen, &err), &err)) {
        sav_session_begin(session, false);
        CHECK_OK(sav_session_add(session, &fits, of, &err), &err);
        CHECK_OK(sav_session_add(session, &fits, &text_prompt, &err), &err);
        CHECK_OK(sav_session_pack(session, &err), &err);
        fault_start(0);
        CHECK_OK(sav_session_run(session, taps, 0, NULL, &err), &err);
        CHECK_SIZE((size_t)fault_calls, 0);
    }
    sav_session_close(session);
    sav_model_close(model);
}

int main(void) {
    fail("text, one file", "golden/models/qwen2-window", &text_prompt, false);
    fail("text, shards", "golden/models/qwen2-sharded", &text_prompt, false);
    fail("picture", "golden/models/t70", &picture_prompt, false);
    fail("picture, dump", "golden/models/t70", &picture_prompt, true);
    fail("lmms-lab", "golden/models/t70-lmms", &picture_prompt, false);
    fail("Qwen2-VL", "golden/models/qwen2-vl", &small_prompt, false);
    fail("Qwen2.5-VL, shards", "golden/models/qwen2.5-vl-d128", &small_prompt, false);
    folder = "golden/models/t70";
    if (readable(&picture_prompt)) fault_each("batch", batch);
    if (readable(&picture_prompt)) fault_each("list", list);
    for (int threads = 1; threads <= 2; threads++) {
        count("golden/models/qwen2-window", &text_prompt, "exact", threads);
        count("golden/models/t70", &picture_prompt, "exact", threads);
        count("golden/models/qwen2-vl", &small_prompt, "exact", threads);
        count("golden/models/qwen2.5-vl", &small_prompt, "exact", threads);
        count("golden/models/qwen2.5-vl", &small_prompt, "panel", threads);
        count("golden/models/t70", &picture_prompt, "panel", threads);
        const sav_kernels *blas = sav_kernels_find("blas", NULL, NULL);
        if (!blas || !engine_starts(blas)) continue;
        count("golden/models/qwen2.5-vl", &small_prompt, "blas", threads);
        count("golden/models/t70", &picture_prompt, "blas", threads);
    }
    count_batch("golden/models/t70", &picture_prompt, "exact");
    count_batch("golden/models/qwen2.5-vl", &small_prompt, "exact");
    CHECK(fault_live == 0);
    return check_report("alloc forward");
}
