/* fuzz_model.c: bytes -> one file of a model folder -> the folder opened, a prompt laid out, pictures fitted.
 *
 * First byte: which folder and which of its files the rest replaces. What opens must have sizes that fit: the
 * tap, and the tokens of pictures of any shape.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instruments/inspect.h"
#include "memory.h"
#include "models/family.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const FOLDERS[] = {"golden/models/report-llava", "golden/models/report-qwen2-vl",
                                      "golden/models/qwen2.5-vl", "golden/models/t70-lmms"};
static const char *const FILES[] = {"config.json",           "preprocessor_config.json",
                                    "processor_config.json", "generation_config.json",
                                    "tokenizer_config.json", "special_tokens_map.json",
                                    "added_tokens.json",     "chat_template.json",
                                    "chat_template.jinja",   "model.safetensors.index.json",
                                    "adapter_config.json",   "video_preprocessor_config.json"};
enum { FOLDER_COUNT = sizeof FOLDERS / sizeof FOLDERS[0], FILE_COUNT = sizeof FILES / sizeof FILES[0] };

static void load(void) {
    static const char *const llava[] = {
        "config.json",    "preprocessor_config.json", "processor_config.json", "tokenizer_config.json",
        "tokenizer.json", "chat_template.json",       "model.safetensors",     NULL};
    static const char *const qwen[] = {"config.json",    "preprocessor_config.json", "tokenizer_config.json",
                                       "tokenizer.json", "model.safetensors",        NULL};
    static const char *const lmms[] = {"config.json", "tokenizer_config.json", "tokenizer.json",
                                       "model.safetensors", NULL};
    memory_load(FOLDERS[0], llava);
    memory_load(FOLDERS[1], qwen);
    memory_load(FOLDERS[2], qwen);
    memory_load(FOLDERS[3], lmms);
    memory_mark();
}

static void fit_pictures(const sav_model *model) {
    static const sav_size sizes[] = {{1, 1}, {28, 28}, {480, 640}, {10, 1990}, {13377, 13377}};
    const sav_picture_options how = {0};
    for (size_t i = 0; model->family->fit && i < sizeof sizes / sizeof sizes[0]; i++) {
        sav_picture_fit fit;
        sav_error err;
        if (model->family->fit(&fit, model, sizes[i], &how, &err)) continue;
        if (!fit.tokens || !fit.pieces || !fit.floats) abort();
    }
}

static void lay_out(const sav_model *model) {
    const sav_part parts[] = {{.kind = SAV_IMAGE, .text = "a.png"}, {.kind = SAV_TEXT, .text = "What?"}};
    const sav_message turn = {"user", parts, model->family->fit ? 2 : 1};
    const sav_prompt prompt = {&turn, 1, NULL};
    sav_token_list list;
    sav_error err;
    if (sav_inspect_prompt(&list, model, &prompt, &err) == SAV_OK) sav_token_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool loaded;
    char path[200];
    sav_model *model;
    sav_error err;
    if (!loaded) load();
    loaded = true;
    if (!size) return 0;
    const char *folder = FOLDERS[data[0] % FOLDER_COUNT], *file = FILES[data[0] / FOLDER_COUNT % FILE_COUNT];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    memory_put(path, data + 1, size - 1);
    if (strcmp(file, "model.safetensors.index.json") == 0) { /* its only shard */
        size_t length;
        char weights[200], shard[200];
        snprintf(weights, sizeof weights, "%s/model.safetensors", folder);
        snprintf(shard, sizeof shard, "%s/a.safetensors", folder);
        const unsigned char *bytes = memory_get(&length, weights);
        memory_put(shard, bytes, length);
        memory_remove(weights);
    }
    if (sav_model_open(&model, folder, &err) == SAV_OK) {
        const sav_model_info *info = sav_model_describe(model);
        if (info->features != info->L * info->H * info->d) abort();
        fit_pictures(model);
        lay_out(model);
        sav_model_close(model);
    } else if (!err.message[0]) {
        abort();
    }
    memory_reset();
    return 0;
}
