/* Weights under a memory budget: a model of 120 MB runs in 34 beside the program, with the bits it has
 * without a budget; too small a budget and too long a prompt are errors that say what it takes; a shard that
 * is written or taken away under a session ends its forward.
 *
 * The process's resident peak is measured, so the order of the tests matters: the budget comes first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../model_folder.h"
#include "base/os.h"
#include "forward/session.h"

enum { LAYERS = 16, D = 512, F = 2048, KV = 128, V = 384, NAMES = 12, PROMPTS = 3 };

static sav_error err;
static const size_t MIB = 1 << 20;

/* ---- the model ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t rows, cols; /* cols 0: a vector */
} TENSORS[NAMES] = {{"input_layernorm.weight", D, 0},
                    {"mlp.down_proj.weight", D, F},
                    {"mlp.gate_proj.weight", F, D},
                    {"mlp.up_proj.weight", F, D},
                    {"post_attention_layernorm.weight", D, 0},
                    {"self_attn.k_proj.bias", KV, 0},
                    {"self_attn.k_proj.weight", KV, D},
                    {"self_attn.o_proj.weight", D, D},
                    {"self_attn.q_proj.bias", D, 0},
                    {"self_attn.q_proj.weight", D, D},
                    {"self_attn.v_proj.bias", KV, 0},
                    {"self_attn.v_proj.weight", KV, D}};

static void put_tensor(sav_text *header, size_t *at, const char *name, size_t rows, size_t cols) {
    const size_t bytes = rows * (cols ? cols : 1) * 2;
    sav_text_printf(header, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%zu", *at ? "," : "", name, rows);
    if (cols) sav_text_printf(header, ",%zu", cols);
    sav_text_printf(header, "],\"data_offsets\":[%zu,%zu]}", *at, *at + bytes);
    *at += bytes;
}

/* bf16 numbers of about 1/16, the same for every tensor but for where it begins. Not synced, unlike what the
 * library writes. */
static void write_weights(void) {
    sav_text header = {0};
    size_t bytes = 0, left;
    char name[100];
    sav_text_string(&header, "{");
    put_tensor(&header, &bytes, "model.embed_tokens.weight", V, D);
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < NAMES; i++) {
            snprintf(name, sizeof name, "model.layers.%d.%s", l, TENSORS[i].name);
            put_tensor(&header, &bytes, name, TENSORS[i].rows, TENSORS[i].cols);
        }
    put_tensor(&header, &bytes, "model.norm.weight", D, 0);
    sav_text_string(&header, "}");
    static uint16_t block[1 << 16];
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof block / sizeof *block; i++) {
        state = state * 1664525u + 1013904223u;
        block[i] = (uint16_t)(0x3d00u + (state >> 16 & 0xffu) + (state >> 31 << 15));
    }
    FILE *file = fopen(folder_path("model.safetensors"), "wb");
    if (!CHECK(file && !header.failed)) exit(1);
    for (int i = 0; i < 8; i++) fputc((int)((uint64_t)header.length >> (8 * i) & 255), file);
    fwrite(header.bytes, 1, header.length, file);
    /* an odd size: tensors differ */
    for (left = bytes; left; left -= left < sizeof block - 2 ? left : sizeof block - 2)
        fwrite(block, 1, left < sizeof block - 2 ? left : sizeof block - 2, file);
    CHECK(fclose(file) == 0);
    sav_text_free(&header);
}

static void make_model(void) {
    folder_copy("qwen2-window");
    folder_replace("config.json", "\"hidden_size\": 48", "\"hidden_size\": 512");
    folder_replace("config.json", "\"intermediate_size\": 56", "\"intermediate_size\": 2048");
    folder_replace("config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 16");
    folder_replace("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 8");
    folder_replace("config.json", "\"sliding_window\": 5", "\"sliding_window\": null");
    write_weights();
}

static sav_prompt PROMPT_LIST[PROMPTS] = {
    {.literal = "What is this?"}, {.literal = "What is that, over there?"}, {.literal = "Hello"}};

static float *run(sav_session *session, const sav_model *model) {
    float *taps = calloc(PROMPTS * sav_model_describe(model)->features, sizeof *taps);
    if (!taps) exit(1);
    CHECK_OK(sav_forward_batch(session, PROMPT_LIST, PROMPTS, taps, 0, &err), &err);
    return taps;
}

/* ---- the budget ---------------------------------------------------------------------------------------- */

/* What is there before any weight is read, and two layers of 7.6 MiB and a short prompt. */
static uint64_t memory;

static void set_budget(void) {
    const uint64_t before = sav_os_resident_bytes();
    memory = (before ? before : 64 * (uint64_t)MIB) + 34 * (uint64_t)MIB;
}

static void check_peak(uint64_t most) {
    const uint64_t peak = sav_os_peak_bytes();
    if (SANITIZED || !peak || !sav_os_resident_bytes()) {
        check_skip("the resident peak is not to be had, or is a sanitizer's");
        return;
    }
#ifdef _WIN32
    if (peak > most) {
        check_skip("pages stay that sav_os_drop gave back: wine keeps them");
        return;
    }
#endif
    if (!CHECK(peak <= most))
        printf("  a peak of %.1f MiB; expected at most %.1f\n", (double)peak / (double)MIB,
               (double)most / (double)MIB);
}

static void test_budget(const sav_model *model) {
    sav_session *session;
    float *small = NULL, *large = NULL;
    if (!CHECK_OK(sav_session_open(&session, model,
                                   &(sav_options){.engine = "exact", .threads = 1, .memory = memory}, &err),
                  &err))
        return;
    const sav_session_info *info = sav_session_describe(session);
    CHECK(info->streams == 1);
    CHECK_SIZE((size_t)info->held_bytes, 2 * (size_t)info->layer_bytes);
    CHECK(info->fixed_bytes + info->held_bytes < memory);
    CHECK_SIZE((size_t)info->layer_bytes, 2 * (2 * (size_t)D * D + 2 * KV * D + 3 * (size_t)F * D));
    small = run(session, model);
    check_peak(memory);
    sav_session_close(session);

    if (CHECK_OK(sav_session_open(&session, model, &(sav_options){.engine = "exact", .threads = 1}, &err),
                 &err)) {
        CHECK(sav_session_describe(session)->streams == 0);
        large = run(session, model);
        check_bits(small, large, PROMPTS * sav_model_describe(model)->features,
                   "taps with and without a budget");
        /* the measure can fail */
        if (!SANITIZED && sav_os_resident_bytes()) CHECK(sav_os_peak_bytes() > 100 * (uint64_t)MIB);
    }
    sav_session_close(session);
    free(small);
    free(large);
}

/* Room for all weights: nothing is dropped. */
static void test_ample(const sav_model *model) {
    sav_session *session;
    if (CHECK_OK(sav_session_open(&session, model,
                                  &(sav_options){.engine = "exact", .memory = (uint64_t)16 << 30}, &err),
                 &err)) {
        CHECK(sav_session_describe(session)->streams == 0);
        CHECK_SIZE(sav_session_describe(session)->batch_rows, 4096);
    }
    sav_session_close(session);
}

static void test_too_small(const sav_model *model) {
    static char text[20001];
    sav_session *session;
    sav_options options = {.engine = "exact", .threads = 1, .memory = 1};
    CHECK_FAILS(sav_session_open(&session, model, &options, &err), &err, SAV_NO_MEMORY, "expected at least");
    CHECK(session == NULL && strstr(err.hint, "--memory"));
    options.memory = memory;
#ifdef _WIN32
    if (sav_os_resident_bytes() > memory) {
        check_skip("the weights of the session before are still there: wine keeps them");
        return;
    }
#endif
    if (!CHECK_OK(sav_session_open(&session, model, &options, &err), &err)) return;
    float *taps = run(session, model);
    memset(text, 'a', 20000);
    const sav_prompt large = {.literal = text};
    CHECK_FAILS(sav_forward(session, &large, taps, 0, &err), &err, SAV_NO_MEMORY, "leaves");
    CHECK_FAILS(sav_session_reserve(session, 100 * MIB, &err), &err, SAV_NO_MEMORY, "expected at least");
    CHECK_OK(sav_session_reserve(session, 0, &err), &err);
    free(run(session, model)); /* still works */
    free(taps);
    sav_session_close(session);
}

/* ---- a shard that does not stay as it is --------------------------------------------------------------- */

static void test_changed(const sav_model *model) {
    sav_session *session;
    float *taps;
    const sav_prompt *prompt = &PROMPT_LIST[0];
    if (!CHECK_OK(sav_session_open(&session, model, &(sav_options){.engine = "exact"}, &err), &err)) return;
    taps = run(session, model);
    FILE *file = fopen(folder_path("model.safetensors"), "ab");
    fputc(0, file);
    fclose(file);
    CHECK_FAILS(sav_forward(session, prompt, taps, 0, &err), &err, SAV_IO_ERROR, "has been written since");
    folder_delete("model.safetensors");
    CHECK_FAILS(sav_forward(session, prompt, taps, 0, &err), &err, SAV_IO_ERROR, "model.safetensors");
    free(taps);
    sav_session_close(session);
}

/* ---- who watches --------------------------------------------------------------------------------------- */

typedef struct watch {
    size_t calls, most; /* the most-th call stops */
    double share;
    bool back; /* the share went back */
} watch;

static sav_status check(void *context, double share, sav_error *e) {
    watch *w = context;
    if (share < w->share || share > 1) w->back = true;
    w->share = share;
    return ++w->calls == w->most ? sav_fail(e, SAV_STOPPED, "stopped") : SAV_OK;
}

/* Asked before each layer; may end there. */
static void test_check(const sav_model *model) {
    sav_session *session;
    watch w = {0};
    if (!CHECK_OK(sav_session_open(&session, model,
                                   &(sav_options){.engine = "exact", .check = check, .context = &w}, &err),
                  &err))
        return;
    float *taps = calloc(sav_model_describe(model)->features, sizeof *taps);
    CHECK_OK(sav_forward(session, &PROMPT_LIST[0], taps, 0, &err), &err);
    CHECK_SIZE(w.calls, LAYERS);
    CHECK(!w.back && w.share > 0.9);
    w = (watch){.most = 5};
    CHECK_FAILS(sav_forward(session, &PROMPT_LIST[0], taps, 0, &err), &err, SAV_STOPPED, "stopped");
    CHECK_SIZE(w.calls, 5);
    sav_session_close(session);
    free(taps);
}

int main(void) {
    sav_model *model;
    make_model();
    if (!CHECK_OK(sav_model_open(&model, folder_path("."), &err), &err)) return check_report("memory");
    set_budget();
    test_budget(model);
    test_ample(model);
    test_too_small(model);
    test_check(model);
    test_changed(model);
    sav_model_close(model);
    folder_write("model.safetensors", "", 0); /* folder_remove takes what is there */
    folder_remove();
    return check_report("memory");
}
