/* fuzz_quantised.c: bytes -> config.json, or the header of the weights, of an int8 folder -> opened, a text
 * through it. First byte: which. The folder is made once, by sav_quantize. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward/session.h"
#include "instruments/quantize.h"
#include "memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char MODEL[] = "golden/models/report-qwen2-vl", TO[] = "int8";
static unsigned char *tensors; /* [tensor_bytes] what follows the header */
static size_t tensor_bytes;

static void on_matrix(void *context, const char *name, double error, bool kept) {
    (void)context;
    (void)name;
    (void)error;
    (void)kept;
}

static sav_status go_on(void *context, uint64_t bytes, uint64_t total, sav_error *err) {
    (void)context;
    (void)bytes;
    (void)total;
    (void)err;
    return SAV_OK;
}

static void load(void) {
    static const char *const names[] = {"config.json",    "preprocessor_config.json", "tokenizer_config.json",
                                        "tokenizer.json", "model.safetensors",        NULL};
    const sav_quantize_hooks hooks = {NULL, on_matrix, go_on};
    sav_quantize_report report;
    sav_error err;
    size_t size, header = 8;
    memory_load(MODEL, names);
    if (sav_quantize(&report, MODEL, TO, &(sav_quantize_options){.group = 32, .threads = 1}, &hooks, &err) ||
        !report.matrices)
        abort();
    const unsigned char *bytes = memory_get(&size, "int8/model.safetensors");
    for (int i = 0; i < 3; i++) header += (size_t)bytes[i] << (8 * i);
    tensor_bytes = size - header;
    tensors = malloc(tensor_bytes);
    if (!tensors) abort();
    memcpy(tensors, bytes + header, tensor_bytes);
    memory_mark();
}

static void put_weights(const uint8_t *header, size_t length) {
    unsigned char *file = malloc(8 + length + tensor_bytes);
    if (!file) abort();
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)((uint64_t)length >> (8 * i));
    if (length) memcpy(file + 8, header, length);
    memcpy(file + 8 + length, tensors, tensor_bytes);
    memory_put("int8/model.safetensors", file, 8 + length + tensor_bytes);
    free(file);
}

static void forward(const sav_model *model) {
    const sav_part part = {.kind = SAV_TEXT, .text = "hi"};
    const sav_message turn = {"user", &part, 1};
    const sav_prompt prompt = {&turn, 1, NULL};
    const size_t features = sav_model_describe(model)->features;
    sav_session *session;
    sav_error err;
    if (features > 1 << 12 || sav_session_open(&session, model, &(sav_options){.threads = 1}, &err)) return;
    float *tap = calloc(features, sizeof *tap);
    if (tap) (void)sav_forward(session, &prompt, tap, 0, &err);
    free(tap);
    sav_session_close(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool loaded;
    sav_model *model;
    sav_error err;
    if (!loaded) load();
    loaded = true;
    if (!size) return 0;
    if (data[0] & 1)
        put_weights(data + 1, size - 1);
    else
        memory_put("int8/config.json", data + 1, size - 1);
    if (sav_model_open(&model, TO, &err) == SAV_OK) {
        if (data[0] & 2) forward(model);
        sav_model_close(model);
    } else if (!err.message[0]) {
        abort();
    }
    memory_reset();
    return 0;
}
