/* Weights as tools leave them: metadata of null, an index that lists what no shard holds, names of training
 * tools, other files in the place of safetensors. What opens must give the tap of the plain folder, which
 * itself lies near PyTorch's (float32, eager, transformers 4.51.3).
 *
 * Right values of the index rows: transformers 4.51.3 run on the same folders. It reads all shards that the
 * index names, whatever it says of their tensors; a tensor that the index does not list stays random there.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../model_folder.h"

#define INDEX "model.safetensors.index.json"
#define FIRST "model-00001-of-00002.safetensors"
#define SECOND "model-00002-of-00002.safetensors"
#define QUESTION "the history of the red house on the hill in the north, and who lives there still"

enum { TAP = 32 };

static sav_error err;

static const float QWEN[TAP] = {
    0.219494f, -0.13528f,  -0.03893f, -0.153246f, -0.499422f, -0.089521f, 0.038288f,  -0.177282f,
    0.245624f, -0.170815f, 0.105002f, -0.129791f, -0.457719f, -0.120722f, 0.023718f,  -0.252159f,
    0.577219f, 0.447195f,  0.230036f, 0.87777f,   0.04806f,   0.094115f,  -0.090187f, -0.31906f,
    0.561595f, 0.504166f,  0.250565f, 0.892121f,  0.054439f,  0.156241f,  -0.080785f, -0.349773f};
static const float LLAVA[TAP] = {
    0.003307f,  0.053986f,  -0.253211f, 0.303608f, 0.026197f, 0.204945f,  -0.006169f, -0.082532f,
    -0.015732f, -0.04813f,  -0.27784f,  0.3032f,   0.039346f, 0.218446f,  -0.036245f, -0.044512f,
    -0.138075f, -0.681002f, -0.14463f,  0.102363f, 0.067743f, -0.355344f, -0.187988f, -0.016771f,
    -0.155818f, -0.678538f, -0.114553f, 0.124542f, 0.063295f, -0.314593f, -0.247394f, -0.017017f};

static bool tap_of(float tap[TAP], const char *folder) {
    const sav_part part = {.kind = SAV_TEXT, .text = QUESTION};
    const sav_message turn = {"user", &part, 1};
    const sav_prompt prompt = {&turn, 1, NULL};
    sav_session *session = NULL;
    sav_model *model;
    sav_status status = sav_model_open(&model, folder, &err);
    if (!status) status = sav_session_open(&session, model, &(sav_options){.engine = "exact"}, &err);
    if (!status) status = sav_forward(session, &prompt, tap, 0, &err);
    const bool ok = CHECK_OK(status, &err);
    sav_session_close(session);
    sav_model_close(model);
    return ok;
}

static void check_refused(const char *folder, const char *part, const char *hint) {
    sav_model *model;
    const sav_status got = sav_model_open(&model, folder, &err);
    CHECK_FAILS(got, &err, SAV_BAD_INPUT, part);
    CHECK(strstr(err.hint, hint) != NULL);
    sav_model_close(model);
}

/* ---- the plain folders --------------------------------------------------------------------------------- */

static void test_near_library(float tap[TAP], const char *fixture, const float want[TAP]) {
    double off = 0, length = 0;
    if (!tap_of(tap, folder_copy(fixture))) return;
    for (size_t i = 0; i < TAP; i++) {
        off += ((double)tap[i] - want[i]) * ((double)tap[i] - want[i]);
        length += (double)want[i] * want[i];
    }
    CHECK(sqrt(off / length) < 1e-4);
    folder_remove();
}

static void same_tap(const char *folder, const float want[TAP]) {
    float tap[TAP] = {0};
    if (tap_of(tap, folder)) check_bits(tap, want, TAP, "tap");
}

/* ---- one file ------------------------------------------------------------------------------------------ */

/* model.safetensors with `metadata` (JSON) as its __metadata__. */
static void put_metadata(const char *metadata) {
    sav_safetensors *file;
    sav_text out = {0};
    size_t header, size;
    if (!CHECK_OK(sav_safetensors_open(&file, folder_path("model.safetensors"), &err), &err)) exit(1);
    const unsigned char *bytes = sav_safetensors_header(file, &header, &size);
    const char *first = strstr((const char *)bytes + 8, "},\"") + 3; /* behind the file's own metadata */
    sav_text_printf(&out, "{\"__metadata__\":%s,\"", metadata);
    sav_text_bytes(&out, first, header - (size_t)(first - (const char *)bytes));
    unsigned char length[8] = {(unsigned char)out.length, (unsigned char)(out.length >> 8)};
    sav_text whole = {0};
    sav_text_bytes(&whole, length, 8);
    sav_text_bytes(&whole, out.bytes, out.length);
    sav_text_bytes(&whole, bytes + header, size - header);
    folder_delete("model.safetensors"); /* its bytes stay as long as they are mapped */
    folder_write("model.safetensors", whole.bytes, whole.length);
    sav_safetensors_close(file);
    sav_text_free(&out);
    sav_text_free(&whole);
}

static void test_metadata(const char *fixture, const float want[TAP]) {
    static const char *const opens[] = {"null", "{}", "{\"format\":\"pt\",\"more\":\"\"}"};
    static const char *const refused[] = {"{\"format\":null}", "{\"step\":3}", "[]", "\"pt\""};
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        const char *folder = folder_copy(fixture);
        put_metadata(opens[i]);
        same_tap(folder, want);
        folder_remove();
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *folder = folder_copy(fixture);
        put_metadata(refused[i]);
        check_refused(folder, "__metadata__", "");
        folder_remove();
    }
}

/* ---- an index ------------------------------------------------------------------------------------------ */

static void test_index(const float want[TAP]) {
    static const struct {
        const char *find, *replace;
    } opens[] = {{"{\"weight_map\"", "{\"metadata\": null, \"weight_map\""},
                 {"\"weight_map\": {", "\"weight_map\": {\"lm_head.weight\": \"" FIRST "\","},
                 {"\"weight_map\": {", "\"weight_map\": {\"lm_head.weight\": \"" SECOND "\","},
                 {"\"weight_map\": {", "\"weight_map\": {\"extra.weight\": \"" SECOND "\","},
                 {"\"model.norm.weight\": \"" SECOND, "\"model.norm.weight\": \"" FIRST},
                 {"\"model.layers.0.input_layernorm.weight\": \"" FIRST,
                  "\"model.layers.0.input_layernorm.weight\": \"" SECOND}};
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        const char *folder = folder_copy("report-qwen2-vl");
        folder_shard(2);
        folder_replace(INDEX, opens[i].find, opens[i].replace);
        same_tap(folder, want);
        folder_remove();
    }
    const char *folder = folder_copy("report-qwen2-vl");
    folder_shard(2);
    folder_replace(INDEX, "\"model.norm.weight\"", "\"model.norm.other\"");
    check_refused(folder, "tensor model.norm.weight of " SECOND " is not listed", "");
    folder_remove();
    folder = folder_copy("report-qwen2-vl");
    folder_shard(2);
    folder_replace(INDEX, "\"weight_map\": {", "\"weight_map\": {\"lm_head.weight\": \"third.safetensors\",");
    check_refused(folder, "third.safetensors", "every shard of the index");
    folder_remove();
}

/* A head that is not tied is missed, whatever an index says. */
static void test_untied(void) {
    const char *folder = folder_copy("report-qwen2-vl");
    folder_shard(2);
    folder_replace("config.json", "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    folder_replace(INDEX, "\"weight_map\": {", "\"weight_map\": {\"lm_head.weight\": \"" FIRST "\",");
    check_refused(folder, "tensor lm_head.weight is missing", "");
    folder_remove();
}

/* ---- names of training tools --------------------------------------------------------------------------- */

static void test_wrappers(void) {
    static const struct {
        folder_edit edit;
        const char *what, *hint;
    } rows[] = {
        {{"*", TENSOR_RENAME, "base_model.model."}, "found \"base_model.model.\"", "merge_and_unload"},
        {{"*", TENSOR_RENAME, "module."}, "DistributedDataParallel", ".module"},
        {{"*", TENSOR_RENAME, "_orig_mod."}, "torch.compile", "_orig_mod"},
        {{"model.layers.*", TENSOR_RENAME, "model._orig_mod.layers."}, "torch.compile", "_orig_mod"},
        {{"*", TENSOR_RENAME, "_fsdp_wrapped_module."}, "FSDP", "module inside"},
        {{"model.layers.0.self_attn.q_proj.weight", TENSOR_RENAME,
          "model.layers.0.self_attn.q_proj.base_layer.weight"},
         "found \".base_layer.\"",
         "merge_and_unload"},
        {{"", TENSOR_ADD, "model.layers.0.self_attn.q_proj.lora_A.default.weight"},
         "an adapter that is not merged",
         "merge_and_unload"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *folder = folder_copy("report-qwen2-vl");
        folder_tensors(&rows[i].edit, 1);
        check_refused(folder, rows[i].what, rows[i].hint);
        folder_remove();
    }
}

/* ---- other files --------------------------------------------------------------------------------------- */

static void test_instead(void) {
    static const struct {
        const char *name, *bytes, *what, *hint;
    } rows[] = {
        {"pytorch_model.bin", "x", "weights of torch.save, pytorch_model.bin", "save_pretrained"},
        {"pytorch_model-00001-of-00002.bin", "x", "weights of torch.save", "save_pretrained"},
        {"consolidated.00.pth", "x", "weights of torch.save", "save_file"},
        {"adapter_config.json", "{}", "an adapter (PEFT), adapter_config.json", "merge_and_unload"},
        {"adapter_model.safetensors", "x", "an adapter (PEFT)", "merge_and_unload"},
        {"qwen2-vl-q4_0.gguf", "GGUF", "GGUF weights", "Hugging Face folder"},
        {FIRST, "x", "a shard without " INDEX, "copy the index"},
        {"weights.safetensors", "x", "weights of another name", "model.safetensors"},
        {"model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
         "model.safetensors: found a Git LFS pointer", "git lfs pull"},
        {"model.safetensors", "<!DOCTYPE html>", "found a web page", "download"},
        {"README", "x", "found no model.safetensors", "may not be complete"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *folder = folder_copy("report-llava");
        folder_delete("model.safetensors");
        folder_write(rows[i].name, rows[i].bytes, strlen(rows[i].bytes));
        check_refused(folder, rows[i].what, rows[i].hint);
        folder_remove();
    }
}

int main(void) {
    float qwen[TAP] = {0}, llava[TAP] = {0};
    test_near_library(qwen, "report-qwen2-vl", QWEN);
    test_near_library(llava, "report-llava", LLAVA);
    test_metadata("report-qwen2-vl", qwen);
    test_metadata("report-llava", llava);
    test_index(qwen);
    test_untied();
    test_wrappers();
    test_instead();
    return check_report("weights");
}
