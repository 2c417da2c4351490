/* Folders as other versions and tools write them, against transformers 4.51.3 (golden/keys/forms.json):
 * switches and forms of preprocessor_config.json, rope_parameters, bounds, files in other places.
 * Each has the library's value, or is refused by the name of the key. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../model_folder.h"
#include "base/os.h"
#include "io/json.h"

static sav_error err;

#define LLAVA "report-llava"
#define QWEN "report-qwen2-vl"

/* ---- one stage of a folder ----------------------------------------------------------------------------- */

typedef struct stage {
    const char *name;
    float *data;
    size_t count;
    sav_status status;
    char notes[1000];
} stage;

static sav_status take(void *context, const sav_snapshot *snapshot, sav_error *e) {
    stage *w = context;
    (void)e;
    if (strcmp(snapshot->name, w->name) != 0) return SAV_OK;
    w->count = 1;
    for (int i = 0; i < snapshot->rank; i++) w->count *= snapshot->shape[i];
    if (!(w->data = malloc(w->count * sizeof *w->data))) exit(1);
    memcpy(w->data, snapshot->data, w->count * sizeof *w->data);
    return SAV_OK;
}

/* Of the latest copy; a failure is in err. picture NULL: the literal text alone. */
static stage stage_of(const char *name, const char *picture, const char *literal) {
    stage out = {.name = name};
    sav_model *model;
    sav_session *session = NULL;
    const sav_options options = {.engine = "exact", .threads = 1};
    const sav_part parts[] = {{.kind = SAV_IMAGE, .text = picture}, {.kind = SAV_TEXT, .text = "What?"}};
    const sav_message turn = {"user", parts, picture ? 2 : 0};
    const sav_prompt prompt = {&turn, 1, literal};
    const sav_sink sink = {take, &out};
    out.status = sav_model_open(&model, folder_path("."), &err);
    if (!out.status)
        snprintf(out.notes, sizeof out.notes, "%s",
                 sav_model_describe(model)->notes ? sav_model_describe(model)->notes : "");
    if (!out.status) out.status = sav_session_open(&session, model, &options, &err);
    if (!out.status) out.status = sav_dump(session, &prompt, &sink, &err);
    sav_session_close(session);
    sav_model_close(model);
    return out;
}

static sav_json_doc *goldens(void) {
    sav_json_doc *doc;
    if (!CHECK_OK(sav_json_read(&doc, "golden/keys/forms.json", &err), &err)) exit(1);
    return doc;
}

/* ---- pixels -------------------------------------------------------------------------------------------- */

/* Refused here though the library takes it: what it means is not the same to all versions, or not ours.
 * A form that is not in this list must have the library's pixels. */
static const char *const REFUSED[][2] = {
    {"both", "{\"do_rescale\":null}"},
    {"both", "{\"do_normalize\":null}"},
    {QWEN, "{\"do_resize\":null}"},
    {LLAVA, "{\"do_convert_rgb\":false}"},
    {"both", "{\"do_center_crop\":true,\"crop_size\":{\"height\":14,\"width\":14}}"},
    {"both", "{\"pad_size\":{\"height\":140,\"width\":140}}"},
    {"both", "{\"image_processor_type\":\"CLIPImageProcessor\"}"},
    {LLAVA, "{\"size\":null}"}, /* the tower has no such tiles */
    {LLAVA, "{\"size\":{\"height\":30,\"width\":30}}"},
    {LLAVA, "{\"size\":{\"height\":28,\"width\":56}}"},
    {LLAVA, "{\"image_grid_pinpoints\":[[28,28]]}"}, /* config.json's are others */
    {LLAVA, "{\"image_grid_pinpoints\":null}"},
};

/* Taken here though the library fails: the name of a class that it has no longer. */
static const char LAX[] = "{\"image_processor_type\":\"Qwen2_5_VLImageProcessor\"}";

static bool refused_here(const char *folder, const char *change) {
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        if (strcmp(REFUSED[i][1], change) == 0 &&
            (strcmp(REFUSED[i][0], "both") == 0 || strcmp(REFUSED[i][0], folder) == 0))
            return true;
    return false;
}

static bool names_one(const char *message, const sav_json *change) {
    for (const sav_json *key = change->child; key; key = key->next)
        if (strstr(message, key->key)) return true;
    return false;
}

static bool is_right(const stage *got, const sav_json *row, const char *change) {
    const sav_json *want = sav_json_get(row, "sha256");
    char hex[65] = "";
    if (refused_here(sav_json_get(row, "folder")->text, change) || (!want && strcmp(change, LAX) != 0))
        return got->status && names_one(err.message, sav_json_get(row, "change"));
    if (got->status || !got->data) return false;
    sav_sha256 hash;
    sav_sha256_init(&hash);
    sav_sha256_update(&hash, got->data, got->count * sizeof *got->data);
    sav_sha256_hex(&hash, hex);
    return !want || strcmp(hex, want->text) == 0;
}

static void check_pixels(const sav_json *row) {
    const char *folder = sav_json_get(row, "folder")->text;
    const sav_json *change = sav_json_get(row, "change");
    const bool null = sav_json_get(row, "null")->kind == SAV_JSON_TRUE;
    sav_text whole = {0};
    sav_json_put(&whole, change);
    folder_copy(folder);
    for (const sav_json *key = change->child; key; key = key->next) {
        sav_text value = {0};
        sav_json_put(&value, key);
        folder_set("preprocessor_config.json", key->key,
                   key->kind == SAV_JSON_NULL && !null ? NULL : value.bytes);
        sav_text_free(&value);
    }
    stage got = stage_of("pixel_values", sav_json_get(row, "picture")->text, NULL);
    if (!CHECK(is_right(&got, row, whole.bytes)))
        printf("  %s, %s: %s\n", folder, whole.bytes, got.status ? err.message : "other pixels");
    free(got.data);
    sav_text_free(&whole);
    folder_remove();
}

static void test_pixels(const sav_json *root) {
    for (const sav_json *row = sav_json_get(root, "pixels")->child; row; row = row->next) check_pixels(row);
}

/* size alone: the library passes it over, and so do we, but not in silence. */
static void test_size_note(void) {
    folder_copy(QWEN);
    folder_set("preprocessor_config.json", "min_pixels", NULL);
    folder_set("preprocessor_config.json", "max_pixels", NULL);
    folder_set("preprocessor_config.json", "size", "{\"shortest_edge\": 3136, \"longest_edge\": 12845056}");
    stage got = stage_of("pixel_values", "golden/qwen_vl/images/140x196.png", NULL);
    CHECK(!got.status && strstr(got.notes, "\"size\": not read, as transformers 4.51.3 does not"));
    CHECK(strstr(got.notes, "3136 to 1003520 pixels") != NULL);
    free(got.data);
    folder_set("preprocessor_config.json", "size", "{\"shortest_edge\": 3136, \"longest_edge\": 1003520}");
    got = stage_of("pixel_values", "golden/qwen_vl/images/140x196.png", NULL);
    CHECK_STR(got.notes, "");
    free(got.data);
    folder_remove();
}

/* ---- how positions turn -------------------------------------------------------------------------------- */

/* Changes of config.json, "PATH=VALUE", "PATH=" takes the key out; NULL at the end. */
typedef struct form {
    const char *what, *folder;
    const char *changes[6];
    const char *refused; /* part of the error; NULL: the tap is that of theta `theta` */
    int theta;           /* 0: 1,000,000, the folder's own; 1: 500 */
} form;

#define L_OUT "text_config.rope_theta=", "text_config.rope_scaling="
#define L "text_config.rope_parameters="
#define Q_OUT "rope_theta=", "rope_scaling="
#define Q "rope_parameters="
#define SECTION "\"mrope_section\":[2,1,1]"

static const form FORMS[] = {
    {"as 4.51.3 writes it", LLAVA, {NULL}, NULL, 0},
    {"as 4.51.3 writes it", QWEN, {NULL}, NULL, 0},
    {"theta moved", LLAVA, {L_OUT, L "{\"rope_theta\":1000000.0,\"rope_type\":\"default\"}"}, NULL, 0},
    {"theta moved",
     QWEN,
     {Q_OUT, Q "{\"rope_theta\":1000000.0,\"rope_type\":\"default\"," SECTION "}"},
     NULL,
     0},
    {"theta moved, another one", LLAVA, {L_OUT, L "{\"rope_theta\":500,\"rope_type\":\"default\"}"}, NULL, 1},
    {"theta moved, another one",
     QWEN,
     {Q_OUT, Q "{\"type\":\"mrope\",\"rope_theta\":5e2," SECTION "}"},
     NULL,
     1},
    {"theta not moved, another one", LLAVA, {"text_config.rope_theta=500"}, NULL, 1},
    {"theta not moved, another one", QWEN, {"rope_theta=500.0"}, NULL, 1},
    {"in both places, the same", LLAVA, {L "{\"rope_theta\":1e6,\"rope_type\":\"default\"}"}, NULL, 0},
    {"in both places, the same",
     QWEN,
     {Q "{\"rope_theta\":1e6,\"rope_type\":\"default\"," SECTION "}"},
     NULL,
     0},
    {"sections in rope_scaling alone",
     QWEN,
     {"rope_theta=", Q "{\"rope_theta\":1e6,\"rope_type\":\"default\"}"},
     NULL,
     0},
    {"theta outside, the rest inside",
     QWEN,
     {"rope_scaling=", Q "{\"rope_type\":\"default\"," SECTION "}"},
     NULL,
     0},
    {"null", LLAVA, {L "null"}, NULL, 0},
    {"in both places, others",
     LLAVA,
     {L "{\"rope_theta\":10000.0,\"rope_type\":\"default\"}"},
     "\"rope_parameters.rope_theta\": found 10000; rope_theta says 1e+06",
     0},
    {"in both places, others",
     QWEN,
     {Q "{\"rope_theta\":10000.0,\"rope_type\":\"default\"," SECTION "}"},
     "\"rope_parameters.rope_theta\": found 10000; rope_theta says 1e+06",
     0},
    {"sections differ",
     QWEN,
     {Q "{\"rope_theta\":1e6,\"mrope_section\":[1,2,1]}"},
     "\"mrope_section\": rope_scaling says another one",
     0},
    {"no theta anywhere",
     LLAVA,
     {L_OUT, L "{\"rope_type\":\"default\"}"},
     "\"rope_parameters.rope_theta\": found none",
     0},
    {"no theta anywhere",
     QWEN,
     {Q_OUT, Q "{\"rope_type\":\"default\"," SECTION "}"},
     "\"rope_parameters.rope_theta\": found none",
     0},
    {"no sections", QWEN, {Q_OUT, Q "{\"rope_theta\":1e6,\"rope_type\":\"default\"}"}, "mrope_section", 0},
    {"no type", LLAVA, {L_OUT, L "{\"rope_theta\":1e6}"}, "\"rope_parameters.rope_type\": found none", 0},
    {"theta as text",
     LLAVA,
     {L_OUT, L "{\"rope_theta\":\"1e6\",\"rope_type\":\"default\"}"},
     "\"rope_parameters.rope_theta\": expected a number",
     0},
    {"yarn",
     LLAVA,
     {L_OUT, L "{\"factor\":4.0,\"rope_theta\":1e6,\"rope_type\":\"yarn\"}"},
     "\"rope_parameters.rope_type\": found yarn",
     0},
    {"linear",
     LLAVA,
     {L_OUT, L "{\"rope_theta\":1e6,\"rope_type\":\"linear\",\"factor\":2}"},
     "found linear",
     0},
    {"dynamic",
     QWEN,
     {Q_OUT, Q "{\"rope_theta\":1e6,\"rope_type\":\"dynamic\"," SECTION "}"},
     "found dynamic",
     0},
    {"llama3 in rope_scaling",
     LLAVA,
     {"text_config.rope_scaling={\"rope_type\":\"llama3\",\"factor\":8}"},
     "\"rope_scaling.rope_type\": found llama3",
     0},
    {"a factor of a default",
     LLAVA,
     {L_OUT, L "{\"rope_theta\":1e6,\"rope_type\":\"default\",\"factor\":4}"},
     "\"text_config.rope_parameters.factor\": this key may change numbers",
     0},
    {"a factor of a default", QWEN, {"rope_scaling.factor=2"}, "\"rope_scaling.factor\"", 0},
    {"interleaved", QWEN, {"rope_scaling.mrope_interleaved=true"}, "\"rope_scaling.mrope_interleaved\"", 0},
    {"one a layer type",
     LLAVA,
     {L_OUT, L "{\"full_attention\":{\"rope_theta\":1e6,\"rope_type\":\"default\"}}"},
     "\"rope_parameters.rope_type\"",
     0},
    {"part of a head",
     LLAVA,
     {"text_config.partial_rotary_factor=0.5"},
     "\"text_config.partial_rotary_factor\": found 0.5",
     0},
    {"the whole head", LLAVA, {"text_config.partial_rotary_factor=1.0"}, NULL, 0},
    {"a new rope key", QWEN, {"rope_local_base_freq=10000"}, "\"rope_local_base_freq\"", 0},
    {"layers of both types",
     LLAVA,
     {"text_config.layer_types=[\"full_attention\",\"sliding_attention\"]"},
     "\"layer_types\": found sliding_attention; expected \"full_attention\"",
     0},
    {"layers as they are", QWEN, {"layer_types=[\"full_attention\",\"full_attention\"]"}, NULL, 0},
    {"dtype", LLAVA, {"dtype=\"float32\"", "torch_dtype=", "text_config.dtype=\"bfloat16\""}, NULL, 0},
    {"dtype", QWEN, {"dtype=\"float16\"", "torch_dtype="}, NULL, 0},
};

static void change_config(const char *const *changes) {
    for (; *changes; changes++) {
        char path[200];
        const char *equals = strchr(*changes, '=');
        snprintf(path, sizeof path, "%.*s", (int)(equals - *changes), *changes);
        folder_set("config.json", path, equals[1] ? equals + 1 : NULL);
    }
}

/* PyTorch's float32 against ours: near; forms of one model among each other: equal. */
static bool near(const stage *got, const sav_json *want) {
    double off = 0, all = 0;
    size_t i = 0;
    if (got->count != want->count) return false;
    for (const sav_json *v = want->child; v; v = v->next, i++) {
        const double x = sav_json_number(v->text, v->length), d = (double)got->data[i] - x;
        off += d * d;
        all += x * x;
    }
    return sqrt(off) <= 2e-6 * sqrt(all);
}

static const sav_json *tap_of(const sav_json *root, const char *folder, int theta) {
    const sav_json *row = sav_json_get(root, "taps")->child;
    while (!sav_json_is(sav_json_get(row, "folder"), folder)) row = row->next;
    return theta ? row->next : row;
}

static void test_rope(const sav_json *root) {
    stage first[2][2] = {{{0}}};
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        const form *f = &FORMS[i];
        const sav_json *row = tap_of(root, f->folder, f->theta);
        folder_copy(f->folder);
        change_config(f->changes);
        stage got = stage_of("sav.tap", NULL, sav_json_get(row, "text")->text);
        stage *same = &first[strcmp(f->folder, QWEN) == 0][f->theta];
        if (f->refused) {
            if (!CHECK(got.status && strstr(err.message, f->refused)))
                printf("  %s, %s: %s\n", f->folder, f->what, got.status ? err.message : "accepted");
        } else if (!CHECK(!got.status && near(&got, sav_json_get(row, "tap")))) {
            printf("  %s, %s: %s\n", f->folder, f->what, got.status ? err.message : "another tap");
        } else {
            CHECK_STR(got.notes, "");
            if (same->data) check_bits(got.data, same->data, got.count, f->what);
        }
        if (!f->refused && !same->data)
            *same = got;
        else
            free(got.data);
        folder_remove();
    }
    for (int i = 0; i < 4; i++) free(first[i / 2][i % 2].data);
}

/* config.json as transformers 5.24 saves it: the tap is that of the folder as it stands. */
static void test_saved_again(void) {
    static const char *const folders[] = {LLAVA, QWEN, "qwen2.5-vl", "qwen2-window"};
    static const char text[] = "The history of the red house on the hill, and who lives there still.";
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[200];
        char *config;
        size_t length;
        folder_copy(folders[i]);
        stage want = stage_of("sav.tap", NULL, text);
        snprintf(path, sizeof path, "golden/keys/5.24.0/%s.json", folders[i]);
        if (!CHECK_OK(sav_os_read_file(&config, &length, path, 1 << 20, &err), &err)) exit(1);
        folder_write("config.json", config, length);
        stage got = stage_of("sav.tap", NULL, text);
        /* PARITY: 5.x has no window where use_sliding_window is false; 4.51.3 masks: another model */
        const bool other = strcmp(folders[i], "qwen2-window") == 0;
        if (!CHECK(!want.status && !got.status)) printf("  %s: %s\n", folders[i], err.message);
        CHECK_STR(got.notes, "");
        if (!other && !want.status && !got.status) check_bits(got.data, want.data, want.count, folders[i]);
        free(want.data);
        free(got.data);
        sav_free(config);
        folder_remove();
    }
}

/* Files as transformers 4.57 writes them: everything twice, and every default of the fast processor. */
static void test_between(const sav_json *root) {
    static const char text[] =
        "{\"architectures\":[\"Qwen2VLForConditionalGeneration\"],\"attention_dropout\":0.0,\"dtype\":"
        "\"bfloat16\","
        "\"hidden_act\":\"silu\",\"hidden_size\":16,\"image_token_id\":null,\"initializer_range\":0.02,"
        "\"intermediate_size\":32,\"layer_types\":[\"full_attention\",\"full_attention\"],"
        "\"max_position_embeddings\":4096,\"max_window_layers\":80,\"model_type\":\"qwen2_vl_text\","
        "\"num_attention_heads\":2,\"num_hidden_layers\":2,\"num_key_value_heads\":1,\"rms_norm_eps\":1e-06,"
        "\"rope_scaling\":{\"mrope_section\":[2,1,1],\"rope_type\":\"default\",\"type\":\"default\"},"
        "\"rope_theta\":1000000.0,\"sliding_window\":null,\"tie_word_embeddings\":true,\"use_cache\":true,"
        "\"use_sliding_window\":false,\"video_token_id\":null,\"vision_end_token_id\":270,"
        "\"vision_start_token_id\":269,\"vision_token_id\":271,\"vocab_size\":320}";
    static const char *const processor[][2] = {
        {"crop_size", "null"},
        {"data_format", "\"channels_first\""},
        {"default_to_square", "true"},
        {"device", "null"},
        {"disable_grouping", "null"},
        {"do_center_crop", "null"},
        {"do_convert_rgb", "true"},
        {"do_normalize", "true"},
        {"do_pad", "null"},
        {"do_rescale", "true"},
        {"do_resize", "true"},
        {"image_processor_type", "\"Qwen2VLImageProcessorFast\""},
        {"input_data_format", "null"},
        {"pad_size", "null"},
        {"resample", "3"},
        {"rescale_factor", "0.00392156862745098"},
        {"return_tensors", "null"},
        {"size", "{\"longest_edge\":12845056,\"shortest_edge\":3136}"}};
    const sav_json *row = tap_of(root, QWEN, 0), *pixels = sav_json_get(root, "pixels")->child;
    while (!sav_json_is(sav_json_get(pixels, "folder"), QWEN)) pixels = pixels->next;
    folder_copy(QWEN);
    folder_set("config.json", "text_config", text);
    for (size_t i = 0; i < sizeof processor / sizeof *processor; i++)
        folder_set("preprocessor_config.json", processor[i][0], processor[i][1]);
    stage got = stage_of("sav.tap", NULL, sav_json_get(row, "text")->text);
    if (!CHECK(!got.status && near(&got, sav_json_get(row, "tap")))) printf("  %s\n", err.message);
    CHECK_STR(got.notes, "");
    free(got.data);
    got = stage_of("pixel_values", sav_json_get(pixels, "picture")->text, NULL);
    if (!CHECK(is_right(&got, pixels, "{}"))) printf("  %s\n", err.message);
    free(got.data);
    folder_remove();
}

/* ---- other files, other places ------------------------------------------------------------------------- */

static void check_open(const char *what, const char *part) {
    sav_model *model;
    const sav_status status = sav_model_open(&model, folder_path("."), &err);
    if (!CHECK(part ? status && (strstr(err.message, part) || strstr(err.hint, part)) : !status))
        printf("  %s: %s\n", what, status ? err.message : "accepted");
    sav_model_close(model);
}

/* A file's value set in a copy of a folder, opened. */
static void check_set(const char *folder, const char *file, const char *path, const char *value,
                      const char *part) {
    folder_copy(folder);
    folder_set(file, path, value);
    check_open(path, part);
    folder_remove();
}

#define PRE "preprocessor_config.json"
#define PRO "processor_config.json"

static void test_places(void) {
    for (int i = 0; i < 2; i++) {
        folder_copy(i ? QWEN : LLAVA);
        folder_delete(PRE);
        check_open("no preprocessor_config.json", "found no preprocessor_config.json");
        folder_set(PRO, "image_processor", "{\"do_resize\": true}");
        check_open("settings in processor_config.json alone", "processor_config.json");
        folder_remove();
        check_set(i ? QWEN : LLAVA, PRO, "image_processor", "{\"do_rescale\":true}", NULL);
        check_set(i ? QWEN : LLAVA, PRO, "image_processor", "{\"image_mean\":[0.1,0.2,0.3]}",
                  "\"image_mean\": found [0.1,0.2,0.3]");
        check_set(i ? QWEN : LLAVA, PRO, "image_processor.crop_mode", "1", "\"image_processor.crop_mode\"");
        check_set(i ? QWEN : LLAVA, "adapter_config.json", "r", "8", "adapter_config.json: found an adapter");
        check_set(i ? QWEN : LLAVA, "adapter_model.safetensors", "r", "8",
                  "adapter_model.safetensors: found an adapter");
        check_set(i ? QWEN : LLAVA, "generation_config.json", "repetition_penalty", "1.05", NULL);
        check_set(i ? QWEN : LLAVA, "video_preprocessor_config.json", "size", "{\"height\":7}", NULL);
    }
    folder_copy("t70-lmms"); /* lmms-lab's folders have none */
    check_open("no preprocessor_config.json", NULL);
    folder_set(PRE, "image_mean", "[0.48145466,0.4578275,0.40821073]");
    check_open("another mean", "\"image_mean\"");
    folder_remove();
    check_set(LLAVA, PRO, "num_image_tokens", "729", "\"num_image_tokens\": found 729");
    check_set(LLAVA, PRO, "vision_feature_select_strategy", "\"default\"",
              "\"vision_feature_select_strategy\"");
    check_set(LLAVA, "config.json", "architectures", "[\"LlavaQwenForCausalLM\"]", "\"architectures\"");
    check_set(QWEN, PRE, "max_pixels", "178956970", NULL);
    check_set(QWEN, PRE, "max_pixels", "178956971", "\"max_pixels\": found 178956971");
    check_set(QWEN, PRE, "min_pixels", "2147483648", "\"min_pixels\": found 2147483648");
    check_set(QWEN, PRE, "min_pixels", "12845057",
              "\"min_pixels\": found 12845057; expected at most max_pixels");
    check_set(QWEN, PRE, "max_pixels", "0", "\"max_pixels\": found 0");
    check_set(QWEN, "config.json", "vision_config.embed_dim", "9223372036854775807", "\"embed_dim\"");
    check_set(QWEN, "config.json", "vision_config.rope_parameters.rope_theta", "20000",
              "\"vision_config.rope_parameters.rope_theta\"");
    check_set(QWEN, "config.json", "vision_config.rope_parameters.rope_theta", "10000", NULL);
    check_set(QWEN, "config.json", "text_config.hidden_size", "32",
              "\"hidden_size\": found 32; the top of the file says 16");
    check_set(QWEN, "config.json", "use_mrope", "true", NULL);
    /* sizes that could be, and are not the tensors' */
    check_set(QWEN, "config.json", "intermediate_size", "33", "intermediate_size 33");
    check_set(QWEN, "config.json", "vision_config.mlp_ratio", "3", "embed_dim 8, intermediate_size 24");
    check_set(LLAVA, "config.json", "text_config.hidden_size", "20", "hidden_size 20");
    check_set(LLAVA, "config.json", "vision_config.intermediate_size", "17",
              "the tower's hidden_size 8, intermediate_size 17");
    check_set(LLAVA, "config.json", "quantization_config.quant_method", "\"awq\"", "quantization_config");
    check_set(LLAVA, "config.json", "text_config.quantization_config.bits", "4",
              "\"text_config.quantization_config\"");
}

int main(void) {
    sav_json_doc *doc = goldens();
    test_pixels(sav_json_root(doc));
    test_size_note();
    test_rope(sav_json_root(doc));
    test_saved_again();
    test_between(sav_json_root(doc));
    test_places();
    sav_json_free(doc);
    return check_report("forms");
}
