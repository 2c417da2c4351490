/* Model folders that are damaged, unusual or no model folders at all: what opens, and what each error says.
 *
 * Every row copies a fixture of golden/models/, changes one thing in it and opens it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"
#include "../model_folder.h"

static sav_error err;

#define TOWER "vision_tower.vision_model."
#define DECODER "language_model.model."

/* Opens the latest copy; a failure must say `part`. */
static void check_open(const char *what, const char *folder, sav_status want, const char *part) {
    sav_model *model;
    sav_status got = sav_model_open(&model, folder, &err);
    bool ok = want ? CHECK_FAILS(got, &err, want, part) : CHECK_OK(got, &err);
    if (!ok) printf("  row: %s\n", what);
    CHECK((got == SAV_OK) == (model != NULL));
    sav_model_close(model);
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static const struct {
    const char *what, *fixture;
    folder_edit edit;
    sav_status status;
    const char *part;
} TENSORS[] = {
    {"bias missing",
     "t70",
     {DECODER "layers.1.self_attn.k_proj.bias", TENSOR_DROP, NULL},
     SAV_BAD_INPUT,
     "tensor " DECODER "layers.1.self_attn.k_proj.bias is missing; expected F32, BF16 or F16 [30]"},
    {"matrix missing",
     "t70",
     {TOWER "encoder.layers.2.mlp.fc1.weight", TENSOR_DROP, NULL},
     SAV_BAD_INPUT,
     "tensor " TOWER "encoder.layers.2.mlp.fc1.weight is missing; expected F32, BF16 or F16 [44, 30]"},
    {"newline missing",
     "t70",
     {"image_newline", TENSOR_DROP, NULL},
     SAV_BAD_INPUT,
     "tensor image_newline is missing"},
    {"newline missing, 4.52 names",
     "t76",
     {"model.image_newline", TENSOR_DROP, NULL},
     SAV_BAD_INPUT,
     "tensor model.image_newline is missing"},
    {"projector missing, lmms-lab names",
     "t70-lmms",
     {"model.mm_projector.2.bias", TENSOR_DROP, NULL},
     SAV_BAD_INPUT,
     "tensor model.mm_projector.2.bias is missing"},
    {"tower missing, lmms-lab names",
     "t70-lmms",
     {"model.vision_tower.*", TENSOR_DROP, NULL},
     SAV_BAD_INPUT,
     "no SigLIP tower"},
    {"no tensor at all",
     "qwen2-window",
     {"model.*", TENSOR_DROP, NULL},
     SAV_BAD_INPUT,
     "model.embed_tokens.weight is missing"},
    {"unknown extra",
     "t70",
     {"image_newline", TENSOR_COPY, DECODER "layers.0.self_attn.o_proj.bias"},
     SAV_BAD_INPUT,
     "tensor " DECODER "layers.0.self_attn.o_proj.bias is not part of this architecture (llava_onevision)"},
    {"a layer too many",
     "qwen2-window",
     {"model.norm.weight", TENSOR_COPY, "model.layers.3.input_layernorm.weight"},
     SAV_BAD_INPUT,
     "model.layers.3.input_layernorm.weight is not part"},
    {"matrix turned",
     "t70",
     {DECODER "layers.0.mlp.gate_proj.weight", TENSOR_TURN, NULL},
     SAV_BAD_INPUT,
     "gate_proj.weight: found F32 [60, 88]; expected F32, BF16 or F16 [88, 60]"},
    {"positions turned",
     "t70",
     {TOWER "embeddings.position_embedding.weight", TENSOR_TURN, NULL},
     SAV_BAD_INPUT,
     "found F32 [30, 25]; expected F32, BF16 or F16 [25, 30]"},
    {"channels last",
     "t70",
     {TOWER "embeddings.patch_embedding.weight", TENSOR_TAIL, NULL},
     SAV_BAD_INPUT,
     "found F32 [30, 14, 14, 3]; expected F32, BF16 or F16 [30, 3, 14, 14]"},
    {"matrix flat",
     "t70",
     {DECODER "layers.0.self_attn.q_proj.weight", TENSOR_FLAT, NULL},
     SAV_BAD_INPUT,
     "found F32 [3600]"},
    {"matrix of three dimensions",
     "t70",
     {DECODER "layers.0.self_attn.q_proj.weight", TENSOR_DEEP, NULL},
     SAV_BAD_INPUT,
     "found F32 [60, 60, 1]; expected F32, BF16 or F16 [60, 60]"},
    {"vector of two dimensions",
     "t70",
     {DECODER "norm.weight", TENSOR_DEEP, NULL},
     SAV_BAD_INPUT,
     "found F32 [60, 1]; expected F32, BF16 or F16 [60]"},
    {"integers",
     "t70",
     {DECODER "layers.0.mlp.up_proj.weight", TENSOR_I64, NULL},
     SAV_BAD_INPUT,
     "found I64 [88, 60]"},
    {"doubles",
     "qwen2-window",
     {"model.layers.0.mlp.up_proj.weight", TENSOR_F64, NULL},
     SAV_BAD_INPUT,
     "found F64 [56, 48]"},
    {"doubles in a vector",
     "qwen2-window",
     {"model.norm.weight", TENSOR_F64, NULL},
     SAV_BAD_INPUT,
     "found F64 [48]"},
    {"old buffer: inv_freq",
     "qwen2-window",
     {"model.norm.weight", TENSOR_COPY, "model.layers.0.self_attn.rotary_emb.inv_freq"},
     SAV_OK,
     NULL},
    {"old buffer: position_ids", "t70", {"", TENSOR_ADD, TOWER "embeddings.position_ids"}, SAV_OK, NULL},
    {"pooling head", "t70", {"image_newline", TENSOR_COPY, TOWER "head.probe"}, SAV_OK, NULL},
    {"no post_layernorm", "t70", {TOWER "post_layernorm.*", TENSOR_DROP, NULL}, SAV_OK, NULL},
};

static void test_tensors(void) {
    for (size_t i = 0; i < sizeof TENSORS / sizeof *TENSORS; i++) {
        const char *folder = folder_copy(TENSORS[i].fixture);
        folder_tensors(&TENSORS[i].edit, 1);
        check_open(TENSORS[i].what, folder, TENSORS[i].status, TENSORS[i].part);
        folder_remove();
    }
}

/* ---- config.json --------------------------------------------------------------------------------------- */

#define KNOWN "known are LlavaOnevisionForConditionalGeneration, LlavaQwenForCausalLM, "
#define THETA "\"rope_theta\": 10000.0"
#define PAIR "[\n  [\n   70,\n   70\n  ],"

static const struct {
    const char *fixture, *find, *replace;
    sav_status status;
    const char *part;
} CONFIGS[] = {
    {"t70", "LlavaOnevisionForC", "LlamaForC", SAV_UNSUPPORTED,
     "found LlamaForConditionalGeneration; " KNOWN},
    {"t70", "\"architectures\"", "\"architects\"", SAV_UNSUPPORTED, "found none; " KNOWN},
    {"qwen2-window", "[\n  \"Qwen2ForCausalLM\"\n ]", "[7]", SAV_UNSUPPORTED, "found none; " KNOWN},
    {"qwen2-window", "{", "{,", SAV_BAD_INPUT, "config.json:1:2: "},
    {"qwen2-window", "\"hidden_act\":", "\"hidden_act\"", SAV_BAD_INPUT, "config.json:6:15: "},
    {"qwen2-window", "\n}", "", SAV_BAD_INPUT, "config.json:"},
    /* sizes */
    {"t70", "\"hidden_size\": 60", "\"hidden_size\": 1099511627776", SAV_BAD_INPUT,
     "\"hidden_size\": found 1099511627776; expected a whole number from 1 to 1048576"},
    {"t70", "\"hidden_size\": 60", "\"hidden_size\": 0", SAV_BAD_INPUT,
     "\"hidden_size\": found 0; expected a whole number from 1 to 1048576"},
    {"t70", "\"hidden_size\": 60", "\"hidden_size\": -60", SAV_BAD_INPUT,
     "found -60; expected a whole number from 0"},
    {"t70", "\"hidden_size\": 60", "\"hidden_size\": 60.0", SAV_BAD_INPUT,
     "found 60.0; expected a whole number"},
    {"t70", "\"hidden_size\": 60", "\"hidden_size\": \"60\"", SAV_BAD_INPUT,
     "found \"60\"; expected a whole number"},
    {"t70", "\"hidden_size\": 60", "\"hidden_size\": 9223372036854775808", SAV_BAD_INPUT,
     "expected a whole number"},
    {"t70", "\"hidden_size\": 60", "\"hidden_size\": 64", SAV_BAD_INPUT,
     "multi_modal_projector.linear_1.weight: found F32 [60, 30]; expected F32, BF16 or F16 [64, 30]"},
    {"t70", "\"num_attention_heads\": 6", "\"num_attention_heads\": 0", SAV_BAD_INPUT,
     "\"num_attention_heads\": found 0; expected a whole number from 1 to 16384"},
    {"t70", "\"num_attention_heads\": 6", "\"num_attention_heads\": 7", SAV_BAD_INPUT,
     "\"num_key_value_heads\": found 3; expected a divisor of num_attention_heads, 7"},
    {"t70", "\"num_key_value_heads\": 3", "\"num_key_value_heads\": 0", SAV_BAD_INPUT,
     "\"num_key_value_heads\": found 0; expected a whole number from 1 to 6"},
    {"t70", "\"num_key_value_heads\": 3", "\"num_key_value_heads\": 12", SAV_BAD_INPUT,
     "\"num_key_value_heads\": found 12; expected a whole number from 1 to 6"},
    {"t70", "\"num_key_value_heads\": 3", "\"num_key_value_heads\": null", SAV_BAD_INPUT,
     "expected F32, BF16 or F16 [60, 60]"},
    {"t70", "\"intermediate_size\": 88", "\"intermediate_size\": 1099511627776", SAV_BAD_INPUT,
     "\"intermediate_size\": found 1099511627776; expected a whole number from 1 to 4194304"},
    {"t70", "\"vocab_size\": 384", "\"vocab_size\": 4611686018427387903", SAV_BAD_INPUT,
     "embed_tokens.weight: found"},
    {"qwen2-window", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 1099511627776", SAV_BAD_INPUT,
     "\"num_hidden_layers\": found 1099511627776; expected a whole number from 1 to 4096"},
    {"qwen2-window", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", SAV_BAD_INPUT,
     "model.layers.3.input_layernorm.weight is missing"},
    {"qwen2-window", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2", SAV_BAD_INPUT,
     "model.layers.2."},
    {"qwen2-headdim", "\"head_dim\": 128", "\"head_dim\": 7", SAV_BAD_INPUT,
     "\"head_dim\": found 7; expected an even number from 2 to 1024"},
    {"qwen2-headdim", "\"head_dim\": 128", "\"head_dim\": 1099511627776", SAV_BAD_INPUT,
     "\"head_dim\": found 1099511627776; expected an even number from 2 to 1024"},
    {"t70", "\"hidden_size\": 30", "\"hidden_size\": 1099511627776", SAV_BAD_INPUT,
     "vision \"hidden_size\": found 1099511627776; expected a whole number from 1 to 65536"},
    {"t70", "\"num_attention_heads\": 5", "\"num_attention_heads\": 0", SAV_BAD_INPUT,
     "vision \"num_attention_heads\": found 0; expected a whole number from 1 to 30"},
    {"t70", "\"num_attention_heads\": 5", "\"num_attention_heads\": 4", SAV_BAD_INPUT,
     "vision \"num_attention_heads\": found 4; expected a divisor of hidden_size, 30"},
    {"t70", "\"patch_size\": 14", "\"patch_size\": 0", SAV_BAD_INPUT,
     "vision \"patch_size\": found 0; expected a whole number from 1 to 70"},
    {"t70", "\"patch_size\": 14", "\"patch_size\": 71", SAV_BAD_INPUT,
     "vision \"patch_size\": found 71; expected a whole number from 1 to 70"},
    {"t70", "\"image_size\": 70", "\"image_size\": 1099511627776", SAV_BAD_INPUT,
     "vision \"image_size\": found 1099511627776; expected a whole number from 1 to 4096"},
    {"t70", "\"image_token_index\": 355", "\"image_token_index\": 4294967651", SAV_BAD_INPUT,
     "\"image_token_index\": found 4294967651"},
    {"t70", "\"image_token_index\": 355", "\"image_token_index\": 354", SAV_BAD_INPUT,
     "\"image_token_index\": found 354; expected the tokenizer's <image>, 355"},
    /* numbers that are no sizes */
    {"qwen2-window", "\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": -1e-06", SAV_BAD_INPUT, "rms_norm_eps"},
    {"qwen2-window", "\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 1e999", SAV_BAD_INPUT, "rms_norm_eps"},
    {"qwen2-window", "\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": null", SAV_UNSUPPORTED,
     "\"rms_norm_eps\": found null"},
    {"qwen2-window", THETA, "\"rope_theta\": null", SAV_UNSUPPORTED, "\"rope_theta\": found null"},
    {"t70", "\"layer_norm_eps\": 1e-06", "\"layer_norm_eps\": null", SAV_UNSUPPORTED,
     "\"layer_norm_eps\": found null"},
    {"qwen2-window", THETA, "\"rope_theta\": 0", SAV_BAD_INPUT, "rope_theta"},
    {"qwen2-window", THETA, "\"rope_theta\": true", SAV_BAD_INPUT, "rope_theta"},
    {"qwen2-window", "\"sliding_window\": 5", "\"sliding_window\": 0", SAV_BAD_INPUT, "sliding_window"},
    {"qwen2-window", "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": 1", SAV_BAD_INPUT,
     "expected true or false"},
    /* what nothing here computes */
    {"qwen2-window", THETA, THETA ", \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0}",
     SAV_UNSUPPORTED, "\"rope_scaling.rope_type\": found yarn; expected \"default\""},
    {"qwen2-window", THETA, THETA ", \"rope_scaling\": {\"type\": \"linear\"}", SAV_UNSUPPORTED,
     "\"rope_scaling.rope_type\": found linear; expected \"default\""},
    {"qwen2-window", THETA, THETA ", \"rope_scaling\": {}", SAV_UNSUPPORTED,
     "\"rope_scaling.rope_type\": found none; expected \"default\""},
    {"qwen2-window", THETA, THETA ", \"rope_scaling\": {\"rope_type\": \"default\"}", SAV_OK, NULL},
    {"qwen2-window", THETA, THETA ", \"rope_scaling\": null", SAV_OK, NULL},
    {"qwen2-window", "\"silu\"", "\"gelu\"", SAV_UNSUPPORTED, "\"hidden_act\": found \"gelu\""},
    {"t70", "\"gelu_pytorch_tanh\"", "\"quick_gelu\"", SAV_UNSUPPORTED, "found \"quick_gelu\""},
    {"t70", "\"projector_hidden_act\": \"gelu\"", "\"projector_hidden_act\": \"relu\"", SAV_UNSUPPORTED,
     "\"relu\""},
    {"t70", "\"vision_feature_layer\": -1", "\"vision_feature_layer\": -2", SAV_UNSUPPORTED, "expected -1"},
    {"t70", "\"vision_feature_layer\": -1", "\"vision_feature_layer\": [-1]", SAV_UNSUPPORTED, "expected -1"},
    {"t70", "\"full\"", "\"default\"", SAV_UNSUPPORTED, "\"default\""},
    {"t70", "\"vision_config\"", "\"vision\"", SAV_BAD_INPUT,
     "expected objects \"text_config\" and \"vision_config\""},
    {"t70", "\"text_config\"", "\"text\"", SAV_BAD_INPUT,
     "expected objects \"text_config\" and \"vision_config\""},
    /* pictures */
    {"t70", "anyres_max_9", "anyres_max_4", SAV_UNSUPPORTED,
     "found \"anyres_max_4\"; expected \"anyres_max_9\""},
    {"t70-lmms", "anyres_max_9", "square", SAV_UNSUPPORTED, "\"image_aspect_ratio\": found \"square\""},
    {"t70", PAIR, "[[70],", SAV_BAD_INPUT, "expected pairs [height, width]"},
    {"t70", PAIR, "[[70, 0],", SAV_BAD_INPUT, "expected pairs [height, width]"},
    {"t70", PAIR, "[[70, \"70\"],", SAV_BAD_INPUT, "expected pairs [height, width]"},
    {"t70", PAIR, "[[70, 1099511627776],", SAV_BAD_INPUT, "expected pairs [height, width]"},
    {"t70", PAIR, "[[70, 71],", SAV_BAD_INPUT,
     "found 71; expected a multiple of the tile's side (image_size), 70"},
    {"t70", "\"image_grid_pinpoints\":", "\"image_grid_pinpoints\": [], \"other\":", SAV_BAD_INPUT,
     "image_grid_pinpoints"},
    {"t70", "\"image_grid_pinpoints\":", "\"image_grid_pinpoints\": \"(1x1),...,(3x3)\", \"other\":",
     SAV_BAD_INPUT, "(1x1),...,(6x6)"},
    {"t70", "\"image_grid_pinpoints\":", "\"image_grid_pinpoints\": \"(1x1),...,(6x6)\", \"other\":", SAV_OK,
     NULL},
    {"t70", "\"image_grid_pinpoints\":", "\"other\":", SAV_BAD_INPUT,
     "found 384; expected a multiple of the tile's side (image_size), 70"},
};

static void test_configs(void) {
    for (size_t i = 0; i < sizeof CONFIGS / sizeof *CONFIGS; i++) {
        const char *folder = folder_copy(CONFIGS[i].fixture);
        folder_replace("config.json", CONFIGS[i].find, CONFIGS[i].replace);
        check_open(CONFIGS[i].replace, folder, CONFIGS[i].status, CONFIGS[i].part);
        folder_remove();
    }
}

/* Absent fields have the library's defaults, not those of a released model: 4096 keys, theta 10000. */
static void test_window(void) {
    static const struct {
        const char *replace;
        size_t window;
    } rows[] = {{"\"sliding_window\": 5,", 5},
                {"\"sliding_window\": null,", 0},
                {"", 4096},
                {"\"sliding_window\": 131072,", 131072}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_model *model;
        const char *folder = folder_copy("qwen2-window");
        folder_replace("config.json", "\"sliding_window\": 5,", rows[i].replace);
        if (CHECK_OK(sav_model_open(&model, folder, &err), &err))
            CHECK_SIZE(sav_model_describe(model)->window, rows[i].window);
        sav_model_close(model);
        folder_remove();
    }
}

static void test_preprocessor(void) {
    static const struct {
        const char *find, *replace;
        sav_status status;
        const char *part;
    } rows[] = {
        {"{", "{]", SAV_BAD_INPUT, "preprocessor_config.json:1:2"},
        {"\"image_mean\": [\n  0.5,", "\"image_mean\": [", SAV_BAD_INPUT,
         "\"image_mean\": expected three numbers"},
        {"\"image_std\":", "\"image_std\": \"half\", \"other\":", SAV_BAD_INPUT,
         "\"image_std\": expected three numbers"},
        {"\"image_std\": [\n  0.5,", "\"image_std\": [\n 0,", SAV_BAD_INPUT, "\"image_std\": found 0"},
        {"\"resample\": 3", "\"resample\": 0", SAV_UNSUPPORTED, "\"resample\": found 0"},
        {"\"resample\": 3", "\"resample\": \"bicubic\"", SAV_BAD_INPUT, "\"resample\""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *folder = folder_copy("t70");
        folder_replace("preprocessor_config.json", rows[i].find, rows[i].replace);
        check_open(rows[i].replace, folder, rows[i].status, rows[i].part);
        folder_remove();
    }
}

/* ---- files --------------------------------------------------------------------------------------------- */

#define SECOND "model-00002-of-00003.safetensors"
#define INDEX "model.safetensors.index.json"
#define NORM "\"model.norm.weight\": \"model-00003-of-00003.safetensors\""

static void test_shards(void) {
    static const struct {
        const char *find, *replace, *part;
    } rows[] = {
        {NORM, "\"model.norm.weight\": \"../model-00003-of-00003.safetensors\"", "no plain file name"},
        {NORM, "\"model.norm.weight\": \"/etc/passwd\"", "no plain file name"},
        {NORM, "\"model.norm.weight\": \"..\"", "no plain file name"},
        {NORM, "\"model.norm.weight\": \"\"", "no plain file name"},
        {NORM, "\"model.norm.weight\": 3", "no plain file name"},
        {",\n  " NORM, "", "tensor model.norm.weight of model-00003-of-00003.safetensors is not listed"},
        {"\"weight_map\"", "\"map\"", "found no \"weight_map\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *folder = folder_copy("qwen2-sharded");
        folder_replace(INDEX, rows[i].find, rows[i].replace);
        check_open(rows[i].replace, folder, SAV_BAD_INPUT, rows[i].part);
        folder_remove();
    }
    const char *folder = folder_copy("qwen2-sharded");
    folder_delete(SECOND);
    check_open("shard missing", folder, SAV_BAD_INPUT, SECOND);
    CHECK(strstr(err.hint, "every shard") != NULL);
    folder_remove();
    folder = folder_copy("qwen2-sharded");
    folder_delete(INDEX);
    check_open("index missing", folder, SAV_BAD_INPUT, "model.safetensors");
    folder_remove();
    folder = folder_copy("qwen2-sharded");
    folder_cut(SECOND, 100000);
    check_open("shard cut", folder, SAV_BAD_INPUT, SECOND);
    folder_remove();
}

static void test_files(void) {
    const char *folder = folder_copy("t70");
    for (size_t length = 500000; length > 4; length /= 40) { /* in the data, in the header, in its length */
        folder_cut("model.safetensors", length);
        check_open("cut", folder, SAV_BAD_INPUT, "model.safetensors");
    }
    folder_remove();
    check_open("a file for a folder", "golden/cases.json", SAV_BAD_INPUT,
               "golden/cases.json: found no folder");
    check_open("nothing there", "golden/models/none", SAV_BAD_INPUT, "found no folder");
    check_open("no config", "golden/models", SAV_BAD_INPUT, "golden/models/config.json");
    folder = folder_copy("qwen2-window");
    folder_write("config.json", "[]", 2);
    check_open("no object", folder, SAV_UNSUPPORTED, "found none");
    folder_write("config.json", "", 0);
    check_open("empty", folder, SAV_BAD_INPUT, "config.json:1:1: ");
    folder_remove();
}

/* A FIFO in a file's place is refused at once: nobody will ever write into it. The alarm ends a program that
 * waits. */
static void test_fifos(void) {
#ifdef _WIN32
    check_skip("no FIFOs in folders here");
#else
    static const char *const names[] = {"config.json", "model.safetensors", "vocab.json",
                                        "tokenizer_config.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *folder = folder_copy("qwen2-window");
        folder_delete(names[i]);
        if (!CHECK(mkfifo(folder_path(names[i]), 0600) == 0)) return;
        alarm(60);
        check_open(names[i], folder, SAV_BAD_INPUT, names[i]);
        alarm(0);
        folder_remove();
    }
#endif
    const char *folder = folder_copy("qwen2-window");
    folder_delete("config.json");
    CHECK_OK(sav_os_make_folder(folder_path("config.json"), &err), &err);
    check_open("a folder for a file", folder, SAV_BAD_INPUT, "config.json");
    folder_remove();
}

int main(void) {
    test_tensors();
    test_configs();
    test_window();
    test_preprocessor();
    test_shards();
    test_files();
    test_fifos();
    return check_report("model");
}
