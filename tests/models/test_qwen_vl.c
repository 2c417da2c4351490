/* Qwen2-VL and Qwen2.5-VL beside their goldens: folders and pictures that are refused, window order against
 * the library's own lists, what the processor's file and EXIF do to a size, and the same tap from the same
 * weights in other files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../model_folder.h"
#include "../picture.h"
#include "base/os.h"
#include "forward/session.h"
#include "vision/qwen_vit.h"

static sav_error err;

#define IMAGES "golden/qwen_vl/images/"
#define MARK "<|vision_start|><|image_pad|><|vision_end|>"

static sav_model *open_or_end(const char *folder) {
    sav_model *model;
    if (CHECK_OK(sav_model_open(&model, folder, &err), &err)) return model;
    exit(1);
}

static sav_session *session_or_end(const sav_model *model, sav_options options) {
    sav_session *session;
    options.engine = "exact";
    if (!CHECK_OK(sav_session_open(&session, model, &options, &err), &err)) exit(1);
    return session;
}

/* ---- folders ------------------------------------------------------------------------------------------- */

#define V2 "qwen2-vl"
#define V25 "qwen2.5-vl"
#define SECTION "[\n   2,\n   2,\n   2\n  ]"
#define ROPE "\"rope_scaling\": {\n  \"type\": \"mrope\""

static const struct {
    const char *fixture, *find, *replace;
    sav_status status;
    const char *part;
} CONFIGS[] = {
    {V2, "\"vision_config\"", "\"vision\"", SAV_BAD_INPUT,
     "config.json: expected an object \"vision_config\""},
    {V25, "\"vision_config\"", "\"vision_config\": 3, \"vision\"", SAV_BAD_INPUT,
     "expected an object \"vision_config\""},
    /* M-RoPE */
    {V2, SECTION, "[2, 2, 1]", SAV_BAD_INPUT,
     "\"mrope_section\": found a sum of 5; expected half the head size, 6"},
    {V25, SECTION, "[2, 2, 3]", SAV_BAD_INPUT, "\"mrope_section\": its sum must be half the head size, 6"},
    {V2, SECTION, "[16, 24, 24]", SAV_BAD_INPUT, "half the head size, 6"},
    {V2, SECTION, "[2, -1, 5]", SAV_BAD_INPUT, "half the head size, 6"},
    {V2, SECTION, "[2, \"2\", 2]", SAV_BAD_INPUT, "half the head size, 6"},
    {V2, SECTION, "[2, 9223372036854775807, 2]", SAV_BAD_INPUT, "half the head size, 6"},
    {V2, SECTION, "[3, 3]", SAV_BAD_INPUT, "\"mrope_section\": expected three numbers"},
    {V25, "\"rope_scaling\"", "\"rope\"", SAV_BAD_INPUT, "expected \"mrope_section\" of three numbers"},
    {V25, "\"type\": \"mrope\"", "\"type\": \"yarn\"", SAV_UNSUPPORTED,
     "\"rope_scaling.rope_type\": found yarn; expected \"default\" or \"mrope\""},
    {V25, "\"type\": \"mrope\"", "\"rope_type\": \"default\"", SAV_OK, NULL},
    /* windows */
    {V25, "\"window_size\": 112", "\"window_size\": 100", SAV_BAD_INPUT,
     "\"window_size\": found 100; expected a multiple of patch_size x spatial_merge_size, 28"},
    {V25, "\"window_size\": 112", "\"window_size\": 14", SAV_BAD_INPUT, "\"window_size\": found 14"},
    {V25, "\"window_size\": 112", "\"window_size\": 0", SAV_BAD_INPUT, "\"window_size\": found 0"},
    {V25, "[\n   1\n  ]", "[-1]", SAV_BAD_INPUT, "\"fullatt_block_indexes\": expected whole numbers"},
    {V25, "[\n   1\n  ]", "[\"1\"]", SAV_BAD_INPUT, "\"fullatt_block_indexes\": expected whole numbers"},
    {V25, "[\n   1\n  ]", "[1, 99]", SAV_OK, NULL}, /* no such block, and nobody minds */
    /* sizes of the tower */
    {V2, "\"hidden_size\": 48,\n  \"mlp_ratio\"", "\"hidden_size\": 40, \"mlp_ratio\"", SAV_BAD_INPUT,
     "vision \"hidden_size\": found 40; expected the decoder's hidden_size, 48"},
    {V25, "\"out_hidden_size\": 48", "\"out_hidden_size\": 64", SAV_BAD_INPUT,
     "vision \"out_hidden_size\": found 64; expected the decoder's hidden_size, 48"},
    {V2, "\"num_heads\": 3", "\"num_heads\": 5", SAV_BAD_INPUT,
     "vision \"num_heads\": found 5 with embed_dim 24; expected heads of a size that is divisible by 4"},
    /* 6: no two halves of pairs */
    {V2, "\"num_heads\": 3", "\"num_heads\": 4", SAV_BAD_INPUT,
     "vision \"num_heads\": found 4 with embed_dim 24; expected heads of a size that is divisible by 4"},
    {V2, "\"num_heads\": 3", "\"num_heads\": 0", SAV_BAD_INPUT,
     "vision \"num_heads\": found 0; expected a whole number from 1 to 24"},
    {V25, "\"num_heads\": 2", "\"num_heads\": 3", SAV_BAD_INPUT,
     "vision \"num_heads\": found 3 with hidden_size 40; expected heads of a size that is divisible by 4"},
    {V2, "\"embed_dim\": 24", "\"embed_dim\": 1099511627776", SAV_BAD_INPUT,
     "vision \"embed_dim\": found 1099511627776; expected a whole number from 1 to 65536"},
    {V2, "\"mlp_ratio\": 4", "\"mlp_ratio\": 0", SAV_BAD_INPUT,
     "vision \"mlp_ratio\": found 0; expected a number above 0 and below 64"},
    {V2, "\"mlp_ratio\": 4", "\"mlp_ratio\": -1", SAV_BAD_INPUT,
     "vision \"mlp_ratio\": found -1; expected a number above 0 and below 64"},
    {V2, "\"mlp_ratio\": 4", "\"mlp_ratio\": 1e300", SAV_BAD_INPUT,
     "vision \"mlp_ratio\": found 1e+300; expected a number above 0 and below 64"},
    {V2, "\"patch_size\": 14", "\"patch_size\": 0", SAV_BAD_INPUT,
     "vision \"patch_size\": found 0; expected a whole number from 1 to 256"},
    {V25, "\"spatial_merge_size\": 2", "\"spatial_merge_size\": 0", SAV_BAD_INPUT,
     "\"window_size\": found 112"},
    {V2, "\"spatial_merge_size\": 2", "\"spatial_merge_size\": 4294967296", SAV_BAD_INPUT,
     "vision \"spatial_merge_size\": found 4294967296; expected a whole number from 1 to 16"},
    {V2, "\"temporal_patch_size\": 2", "\"temporal_patch_size\": 0", SAV_BAD_INPUT,
     "vision \"temporal_patch_size\": found 0; expected a whole number from 1 to 16"},
    {V2, "\"in_channels\": 3", "\"in_channels\": 4", SAV_UNSUPPORTED, "\"in_channels\": found 4; expected 3"},
    /* published files have it; the class does not read it */
    {V25, "\"in_channels\": 3", "\"in_chans\": 4", SAV_OK, NULL},
    {V2, "\"depth\": 2", "\"depth\": 3", SAV_BAD_INPUT, "tensor visual.blocks.2.norm1.weight is missing"},
    {V25, "\"depth\": 3", "\"depth\": 2", SAV_BAD_INPUT, "tensor visual.blocks.2."},
    {V25, "\"depth\": 3", "\"depth\": 1099511627776", SAV_BAD_INPUT, "\"depth\": found 1099511627776"},
    {V2, "\"quick_gelu\"", "\"gelu\"", SAV_UNSUPPORTED,
     "vision \"hidden_act\": found \"gelu\"; expected \"quick_gelu\""},
    {V25, "\"silu\",\n  \"window_size\"", "\"gelu\", \"window_size\"", SAV_UNSUPPORTED,
     "found \"gelu\"; expected \"silu\""},
    /* the decoder */
    {V2, "\"num_attention_heads\": 4", "\"num_attention_heads\": 3", SAV_BAD_INPUT,
     "\"num_key_value_heads\": found 2; expected a divisor of num_attention_heads, 3"},
    {V25, "\"num_attention_heads\": 4", "\"num_attention_heads\": 10", SAV_BAD_INPUT,
     "half the head size, 2"},
    {V2, "\"num_attention_heads\": 4,\n \"num_key_value_heads\": 2",
     "\"num_attention_heads\": 7, \"num_key_value_heads\": 7, \"head_dim\": 12", SAV_BAD_INPUT,
     "\"num_attention_heads\": found 7; expected a divisor of hidden_size, 48"},
    {V2, "\"image_token_id\": 358", "\"image_token_id\": 4294967654", SAV_BAD_INPUT,
     "\"image_token_id\": found 4294967654; expected an id below vocab_size 384"},
    {V2, "\"image_token_id\": 358", "\"image_token_id\": 357", SAV_BAD_INPUT,
     "\"image_token_id\": found 357; expected the tokenizer's <|image_pad|>, 358"},
    {V2, "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false", SAV_BAD_INPUT,
     "tensor lm_head.weight is missing"},
    /* one family's config over the other's tensors */
    {V2, "Qwen2VLForC", "Qwen2_5_VLForC", SAV_UNSUPPORTED, "expected \"silu\""},
    {V25, "Qwen2_5_VLForC", "Qwen2VLForC", SAV_UNSUPPORTED, "expected \"quick_gelu\""},
};

static void check_open(const char *what, const char *folder, sav_status want, const char *part) {
    sav_model *model;
    sav_status got = sav_model_open(&model, folder, &err);
    bool ok = want ? CHECK_FAILS(got, &err, want, part) : CHECK_OK(got, &err);
    if (!ok) printf("  row: %s\n", what);
    sav_model_close(model);
}

static void test_configs(void) {
    for (size_t i = 0; i < sizeof CONFIGS / sizeof *CONFIGS; i++) {
        const char *folder = folder_copy(CONFIGS[i].fixture);
        folder_replace("config.json", CONFIGS[i].find, CONFIGS[i].replace);
        check_open(CONFIGS[i].replace, folder, CONFIGS[i].status, CONFIGS[i].part);
        folder_remove();
    }
    const char *unnamed = folder_copy(V2);
    folder_replace("tokenizer.json", "<|image_pad|>", "<|image_pxd|>");
    folder_replace("tokenizer_config.json", "<|image_pad|>", "<|image_pxd|>");
    check_open("no placeholder", unnamed, SAV_BAD_INPUT, "its tokenizer has no added token <|image_pad|>");
    folder_remove();
    static const char *const processors[][3] = {
        {"\"patch_size\": 14", "\"patch_size\": 16",
         "\"patch_size\": found 16; expected vision_config's patch_size, 14"},
        {"\"merge_size\": 2", "\"merge_size\": 1",
         "\"merge_size\": found 1; expected vision_config's spatial_merge_size, 2"},
        {"\"temporal_patch_size\": 2", "\"temporal_patch_size\": 1",
         "\"temporal_patch_size\": found 1; expected vision_config's temporal_patch_size, 2"},
        {"\"max_pixels\": 12845056", "\"max_pixels\": \"many\"", "\"max_pixels\": found \"many\""},
        {"\"image_std\": [\n  0.26862954,", "\"image_std\": [ 0,", "\"image_std\": found 0"}};
    for (size_t i = 0; i < sizeof processors / sizeof *processors; i++) {
        const char *folder = folder_copy(V2);
        folder_replace("preprocessor_config.json", processors[i][0], processors[i][1]);
        check_open(processors[i][1], folder, SAV_BAD_INPUT, processors[i][2]);
        folder_remove();
    }
}

static void test_tensors(void) {
    static const struct {
        const char *what, *fixture;
        folder_edit edit;
        const char *part;
    } rows[] = {
        {"block's bias",
         V2,
         {"visual.blocks.1.attn.qkv.bias", TENSOR_DROP, NULL},
         "tensor visual.blocks.1.attn.qkv.bias is missing; expected F32, BF16 or F16 [72]"},
        {"gate's bias",
         V25,
         {"visual.blocks.2.mlp.gate_proj.bias", TENSOR_DROP, NULL},
         "tensor visual.blocks.2.mlp.gate_proj.bias is missing; expected F32, BF16 or F16 [36]"},
        {"merger",
         V25,
         {"visual.merger.mlp.2.weight", TENSOR_DROP, NULL},
         "tensor visual.merger.mlp.2.weight is missing; expected F32, BF16 or F16 [48, 160]"},
        {"patch embedding",
         V2,
         {"visual.patch_embed.proj.weight", TENSOR_DROP, NULL},
         "tensor visual.patch_embed.proj.weight is missing"},
        {"tower",
         V2,
         {"visual.*", TENSOR_DROP, NULL},
         "tensor visual.patch_embed.proj.weight is missing; expected F32, BF16 or F16 [24, 3, 2, 14, 14]"},
        {"decoder", V2, {"model.*", TENSOR_DROP, NULL}, "tensor model.embed_tokens.weight is missing"},
        {"patches turned",
         V2,
         {"visual.patch_embed.proj.weight", TENSOR_TAIL, NULL},
         "found F32 [24, 14, 14, 2, 3]; expected F32, BF16 or F16 [24, 3, 2, 14, 14]"},
        {"merger turned", V25, {"visual.merger.mlp.2.weight", TENSOR_TURN, NULL}, "found F32 [160, 48]"},
        {"RMSNorm with a bias",
         V25,
         {"visual.merger.ln_q.weight", TENSOR_COPY, "visual.merger.ln_q.bias"},
         "visual.merger.ln_q.bias is not part of this architecture (qwen2_5_vl)"},
        {"o_proj with a bias",
         V2,
         {"model.norm.weight", TENSOR_COPY, "model.layers.0.self_attn.o_proj.bias"},
         "is not part of this architecture (qwen2_vl)"},
        {"half of the names are new",
         V2,
         {"visual.*", TENSOR_RENAME, "model.visual."},
         "tensor model.language_model.embed_tokens.weight is missing"},
        {"the other half",
         V25,
         {"model.*", TENSOR_RENAME, "model.language_model."},
         "tensor model.visual.patch_embed.proj.weight is missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *folder = folder_copy(rows[i].fixture);
        folder_tensors(&rows[i].edit, 1);
        check_open(rows[i].what, folder, SAV_BAD_INPUT, rows[i].part);
        folder_remove();
    }
    /* a buffer that old files hold */
    const folder_edit old = {"model.norm.weight", TENSOR_COPY, "visual.rotary_pos_emb.inv_freq"};
    const char *folder = folder_copy(V2);
    folder_tensors(&old, 1);
    check_open("inv_freq", folder, SAV_OK, NULL);
    folder_remove();
}

/* ---- prompts ------------------------------------------------------------------------------------------- */

/* A stage of a literal prompt's dump, [count]; the caller frees it. */
typedef struct watch {
    const char *stage;
    float *data;
    size_t count;
} watch;

static sav_status take(void *context, const sav_snapshot *stage, sav_error *e) {
    watch *w = context;
    (void)e;
    if (strcmp(stage->name, w->stage) != 0) return SAV_OK;
    w->count = 1;
    for (int i = 0; i < stage->rank; i++) w->count *= stage->shape[i];
    if (!(w->data = malloc(w->count * sizeof *w->data))) exit(1);
    memcpy(w->data, stage->data, w->count * sizeof *w->data);
    return SAV_OK;
}

static sav_prompt prompt_of(sav_message *turn, sav_part parts[2], const char *literal, const char *first,
                            const char *second) {
    size_t count = 0;
    if (first) parts[count++] = (sav_part){.kind = SAV_IMAGE, .text = first};
    if (second) parts[count++] = (sav_part){.kind = SAV_IMAGE, .text = second};
    *turn = (sav_message){"user", parts, count};
    return (sav_prompt){turn, 1, literal};
}

static watch stage_of(const char *folder, const char *stage, const char *literal, const char *first,
                      const char *second) {
    sav_model *model = open_or_end(folder);
    sav_session *session = session_or_end(model, (sav_options){0});
    sav_message turn;
    sav_part parts[2];
    const sav_prompt prompt = prompt_of(&turn, parts, literal, first, second);
    watch w = {.stage = stage};
    const sav_sink sink = {take, &w};
    CHECK_OK(sav_dump(session, &prompt, &sink, &err), &err);
    sav_session_close(session);
    sav_model_close(model);
    if (!CHECK(w.data != NULL)) exit(1);
    return w;
}

static void refuse(const sav_model *model, sav_options options, const char *literal, const char *first,
                   const char *second, const char *part) {
    sav_session *session = session_or_end(model, options);
    float *tap = calloc(sav_model_describe(model)->features, sizeof *tap);
    sav_message turn;
    sav_part parts[2];
    const sav_prompt prompt = prompt_of(&turn, parts, literal, first, second);
    if (!CHECK_FAILS(sav_forward(session, &prompt, tap, 0, &err), &err, SAV_BAD_INPUT, part))
        printf("  prompt: %s\n", literal);
    sav_session_close(session);
    free(tap);
}

static const char *write_picture(const char *name, size_t h, size_t w) {
    static char path[2][500];
    static int turn;
    char *p = path[turn++ % 2];
    snprintf(p, sizeof path[0], "%s/%s", check_folder(), name);
    sav_text file = {0};
    unsigned char *rgb = picture_make(h ? h : 1, w ? w : 1);
    sav_os_file *out;
    sav_text_printf(&file, "P6\n%zu %zu\n255\n", w, h);
    sav_text_bytes(&file, rgb, h * w * 3);
    if (!CHECK_OK(sav_os_create(&out, p, &err), &err) ||
        !CHECK_OK(sav_os_write(out, file.bytes, file.length, &err), &err) ||
        !CHECK_OK(sav_os_commit(out, &err), &err))
        exit(1);
    sav_text_free(&file);
    sav_free(rgb);
    return p;
}

static void test_prompts(void) {
    static const char small[] = IMAGES "20x30.png";
    for (int f = 0; f < 2; f++) {
        sav_model *model = open_or_end(f ? "golden/models/" V25 : "golden/models/" V2);
        const sav_options none = {0};
        refuse(model, none, MARK "What?", NULL, NULL,
               "the prompt has 1 placeholder <|image_pad|> for 0 pictures");
        refuse(model, none, MARK MARK "What?", small, NULL, "2 placeholders <|image_pad|> for 1 picture");
        refuse(model, none, MARK "What?", small, small, "1 placeholder <|image_pad|> for 2 pictures");
        refuse(model, none, "What?", small, NULL, "0 placeholders <|image_pad|> for 1 picture");
        refuse(model, none, NULL, small, IMAGES "none.png", "none.png");
        /* escaped in the message, and there once */
        refuse(model, none, MARK, "no\nsuch.png", NULL, "such.png");
        CHECK(strstr(strstr(err.message, "such.png") + 1, "such.png") == NULL);
        refuse(model, none, MARK, write_picture("long.ppm", 1, 201), NULL,
               "long.ppm: found 201 x 1 pixels (width x height); sides may differ 200 times");
        refuse(model, none, MARK, write_picture("longer.ppm", 67, 11415), NULL,
               "longer.ppm: found 11424 x 56 pixels");
        refuse(model, (sav_options){.max_pixels = 100352}, MARK, write_picture("thin.ppm", 28, 5600), NULL,
               "shrink to nothing under a bound of 100352 pixels");
        refuse(model, none, MARK, write_picture("none.ppm", 0, 5), NULL, "none.ppm");
        sav_model_close(model);
    }
    /* a text model's folder where one that sees is expected */
    sav_model *text = open_or_end("golden/models/qwen2-window");
    refuse(text, (sav_options){0}, "What is this?", small, NULL,
           "is a text model; expected a prompt without pictures");
    sav_session *session;
    const sav_options crossed = {.min_pixels = 5000, .max_pixels = 4000}, bound = {.max_pixels = 4000};
    CHECK_FAILS(sav_session_open(&session, text, &crossed, &err), &err, SAV_BAD_INPUT,
                "at least 5000 and at most 4000");
    CHECK_FAILS(sav_session_open(&session, text, &bound, &err), &err, SAV_BAD_INPUT,
                "bounds of pixels are for the Qwen-VL families; found qwen2");
    sav_model_close(text);
}

/* A picture's rows do not know of the other's presence or place: each frame is a segment of its own. */
static void test_apart(void) {
    static const char *const folders[] = {"golden/models/" V2, "golden/models/" V25};
    static const char one[] = IMAGES "140x196.png", two[] = IMAGES "61x97.jpg";
    for (int f = 0; f < 2; f++) {
        watch a = stage_of(folders[f], "visual.output", MARK "?", one, NULL),
              b = stage_of(folders[f], "visual.output", MARK "?", two, NULL);
        watch ab = stage_of(folders[f], "visual.output", MARK " and " MARK "?", one, two);
        watch ba = stage_of(folders[f], "visual.output", MARK MARK "?", two, one);
        if (CHECK_SIZE(ab.count, a.count + b.count) && CHECK_SIZE(ba.count, a.count + b.count)) {
            check_bits(ab.data, a.data, a.count, "the first of two pictures");
            check_bits(ab.data + a.count, b.data, b.count, "the second of two pictures");
            check_bits(ba.data, b.data, b.count, "the other first");
            check_bits(ba.data + b.count, a.data, a.count, "the other second");
        }
        free(a.data);
        free(b.data);
        free(ab.data);
        free(ba.data);
    }
}

/* ---- sizes --------------------------------------------------------------------------------------------- */

static void check_size_of(const char *folder, const char *path, sav_picture_options how, size_t h, size_t w) {
    sav_model *model = open_or_end(folder);
    sav_picture picture = {0};
    sav_pictures_seen seen = {0};
    if (CHECK_OK(sav_picture_load(&picture, &seen, model, path, &how, &err), &err)) {
        CHECK_SIZE(picture.fit.fitted.h, h);
        CHECK_SIZE(picture.fit.fitted.w, w);
        CHECK_SIZE(picture.fit.tokens, h * w / 784);
    }
    sav_free(picture.pixels);
    sav_model_close(model);
}

/* A processor's file without min_pixels and max_pixels has the class's 1,003,520 pixels, whatever its `size`
 * says: resized twice, first as qwen_vl_utils does. Bounds that the user gives are both layers'. */
static void test_processor(void) {
    const char *path = write_picture("large.ppm", 1500, 1500);
    sav_picture_options how = {.pillow = SAV_PILLOW_11};
    check_size_of("golden/models/" V2, path, how, 1512, 1512);
    const char *folder = folder_copy(V2);
    folder_replace("preprocessor_config.json", "\"min_pixels\": 3136,\n \"max_pixels\": 12845056",
                   "\"size\": {\"shortest_edge\": 3136, \"longest_edge\": 12845056}");
    check_size_of(folder, path, how, 980, 980);
    how.max_pixels = 2000000;
    check_size_of(folder, path, how, 1400, 1400);
    how = (sav_picture_options){.pillow = SAV_PILLOW_11, .min_pixels = 100000};
    check_size_of(folder, IMAGES "20x30.png", how, 280, 392);

    /* The pixels, too, are those of two resizes, not of one. */
    enum { SIDE = 1500, FIRST = 1512, LAST = 980 };
    sav_model *model = open_or_end(folder);
    unsigned char *rgb = picture_make(SIDE, SIDE), *once = picture_make(FIRST, FIRST),
                  *twice = picture_make(LAST, LAST);
    sav_picture picture = {0};
    sav_pictures_seen seen = {0};
    how = (sav_picture_options){.pillow = SAV_PILLOW_11, .keep_rgb = true};
    const sav_size side = {SIDE, SIDE}, first = {FIRST, FIRST}, last = {LAST, LAST};
    const sav_resampling cubic = {SAV_BICUBIC, SAV_PILLOW_11};
    if (CHECK_OK(sav_image_resize(once, first, rgb, side, cubic, &err), &err) &&
        CHECK_OK(sav_image_resize(twice, last, once, first, cubic, &err), &err) &&
        CHECK_OK(sav_picture_load(&picture, &seen, model, path, &how, &err), &err))
        CHECK(memcmp(picture.rgb, twice, LAST * LAST * 3) == 0);
    sav_free(picture.rgb);
    sav_free(picture.pixels);
    sav_free(rgb);
    sav_free(once);
    sav_free(twice);
    sav_model_close(model);
    folder_remove();
}

/* What is measured for a supposed prompt is what the real one takes. */
static void test_measure(void) {
    static const char *const folders[] = {"golden/models/" V2, "golden/models/" V25, "golden/models/t70"};
    for (int f = 0; f < 3; f++) {
        sav_model *model = open_or_end(folders[f]);
        sav_session *session = session_or_end(model, (sav_options){0});
        sav_message turn;
        sav_part parts[2];
        const sav_prompt prompt =
            prompt_of(&turn, parts, f == 2 ? "<image>What?" : MARK "What?", IMAGES "61x97.jpg", NULL);
        size_t text, tokens, bytes, floats = 6 * 4 * 1176, visual = 6;
        sav_picture_fit fit;
        const sav_picture_options how = {.pillow = SAV_PILLOW_11};
        if (f == 2 && CHECK_OK(model->family->fit(&fit, model, (sav_size){61, 97}, &how, &err), &err))
            floats = fit.pieces * 3 * 70 * 70, visual = fit.tokens;
        if (CHECK_OK(sav_session_prepare(session, &prompt, false, &err), &err)) {
            const size_t scratch = sav_session_describe(session)->scratch_bytes;
            text = sav_session_describe(session)->tokens - visual;
            if (CHECK_OK(sav_session_measure(&tokens, &bytes, session, text, (sav_size){61, 97}, &err),
                         &err)) {
                CHECK_SIZE(tokens, text + visual);
                CHECK_SIZE(bytes, scratch + floats * sizeof(float));
            }
        }
        if (f < 2)
            CHECK_FAILS(sav_session_measure(&tokens, &bytes, session, 10, (sav_size){1, 201}, &err), &err,
                        SAV_BAD_INPUT, "200 times");
        sav_session_close(session);
        sav_model_close(model);
    }
}

/* golden/qwen_vl/images/61x97.jpg with an EXIF orientation of 6 (turn right): as stored, unless the user
 * asks. */
static void test_exif(void) {
    static const unsigned char exif[] = "\xff\xe1\x00\x22"
                                        "Exif\0\0"
                                        "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    char *jpeg, path[500];
    size_t length;
    sav_os_file *out;
    snprintf(path, sizeof path, "%s/turned.jpg", check_folder());
    if (!CHECK_OK(sav_os_read_file(&jpeg, &length, IMAGES "61x97.jpg", 1 << 20, &err), &err)) return;
    if (memcmp(jpeg, "\xff\xd8", 2) != 0) { /* make dist-check has turned it into a PPM */
        check_skip("61x97.jpg is no JPEG here: no EXIF");
        sav_free(jpeg);
        return;
    }
    CHECK_OK(sav_os_create(&out, path, &err), &err);
    CHECK_OK(sav_os_write(out, jpeg, 2, &err), &err);
    CHECK_OK(sav_os_write(out, exif, 36, &err), &err);
    CHECK_OK(sav_os_write(out, jpeg + 2, length - 2, &err), &err);
    CHECK_OK(sav_os_commit(out, &err), &err);
    sav_free(jpeg);
    check_size_of("golden/models/" V2, path, (sav_picture_options){.pillow = SAV_PILLOW_11}, 56, 84);
    check_size_of("golden/models/" V2, path, (sav_picture_options){.pillow = SAV_PILLOW_11, .rotate = true},
                  84, 56);
    watch plain = stage_of("golden/models/" V2, "pixel_values", MARK "?", IMAGES "61x97.jpg", NULL);
    watch turned = stage_of("golden/models/" V2, "pixel_values", MARK "?", path, NULL);
    if (CHECK_SIZE(turned.count, plain.count))
        check_bits(turned.data, plain.data, plain.count, "pixels of a picture with an orientation");
    free(plain.data);
    free(turned.data);
}

/* ---- windows ------------------------------------------------------------------------------------------- */

static void check_list(const size_t *got, size_t count, const sav_json *row, const char *key) {
    const sav_json *list = sav_json_get(row, key), *node = list ? list->child : NULL;
    size_t wrong = !list || list->count != count;
    for (size_t i = 0; !wrong && i < count; i++, node = node->next) {
        int64_t want;
        wrong = !sav_json_integer(&want, node) || (size_t)want != got[i];
    }
    if (!CHECK(!wrong)) printf("  line %u: %s\n", row->line, key);
}

static void check_windows(const sav_json *row) {
    int64_t grids[3 * 4], window = 0;
    size_t images = 0, P = 0, frames = 0;
    for (const sav_json *grid = sav_json_get(row, "grids")->child; grid && images < 4;
         grid = grid->next, images++) {
        const sav_json *node = grid->child;
        for (int i = 0; i < 3; i++, node = node->next) sav_json_integer(&grids[3 * images + (size_t)i], node);
        P += (size_t)(grids[3 * images] * grids[3 * images + 1] * grids[3 * images + 2]);
        frames += (size_t)grids[3 * images];
    }
    sav_json_integer(&window, sav_json_get(row, "window_size"));
    const sav_qwen_vit_config config = {
        .Lv = 1, .Dv = 8, .Hv = 1, .Fv = 8, .D = 8, .grid = {14, 2, 2}, .window = (size_t)window / 28};
    sav_arena arena = {0};
    sav_qwen_vit_scratch s;
    sav_qwen_vit_plan(&s, &arena, &config, P, frames, false);
    if (!CHECK_OK(sav_arena_make(&arena, &err), &err)) return;
    arena.used = 0;
    sav_qwen_vit_plan(&s, &arena, &config, P, frames, false);
    sav_qwen_vit_lay_out(&s, &(sav_grids){grids, images}, &config);
    check_list(s.order, s.frames[s.frame_count] / 4, row, "window_index");
    check_list(s.windows, s.window_count + 1, row, "cu_window_seqlens"); /* no empty window in it */
    check_list(s.frames, s.frame_count + 1, row, "cu_seqlens");
    sav_arena_free(&arena);
}

static void test_windows(void) {
    sav_json_doc *doc;
    if (!CHECK_OK(sav_json_read(&doc, "golden/qwen_vl/windows.json", &err), &err)) return;
    CHECK(sav_json_root(doc)->count > 10);
    for (const sav_json *row = sav_json_root(doc)->child; row; row = row->next) check_windows(row);
    sav_json_free(doc);
}

/* More patches than a block of the MLP's rows, 616: the short forward takes blocks, the dump all rows at
 * once, the tap is one. */
static void test_blocks(void) {
    for (int f = 0; f < 2; f++) {
        const char *folder = f ? "golden/models/" V25 : "golden/models/" V2;
        watch want = stage_of(folder, "sav.tap", MARK "What?", IMAGES "300x400.jpg", NULL);
        sav_model *model = open_or_end(folder);
        sav_session *session = session_or_end(model, (sav_options){.threads = 2});
        float *tap = calloc(want.count, sizeof *tap);
        sav_message turn;
        sav_part parts[2];
        const sav_prompt prompt = prompt_of(&turn, parts, MARK "What?", IMAGES "300x400.jpg", NULL);
        if (CHECK_OK(sav_forward(session, &prompt, tap, 0, &err), &err))
            check_bits(tap, want.data, want.count, "the tap of a large picture");
        sav_session_close(session);
        sav_model_close(model);
        free(tap);
        free(want.data);
    }
}

/* ---- the same weights in other files ------------------------------------------------------------------- */

static const folder_edit TO_4_52[] = {{"visual.*", TENSOR_RENAME, "model.visual."},
                                      {"model.*", TENSOR_RENAME, "model.language_model."}};

static void check_same(const char *what, const char *folder, const watch *want) {
    watch got = stage_of(folder, "sav.tap", MARK "What?", IMAGES "140x196.png", NULL);
    if (CHECK_SIZE(got.count, want->count)) check_bits(got.data, want->data, want->count, what);
    free(got.data);
}

/* The decoder's fields in "text_config", as transformers >= 4.52 writes them; the top may repeat them. */
static void nest(const char *architecture) {
    char head[400];
    snprintf(head, sizeof head,
             "{\"architectures\": [\"%s\"], \"image_token_id\": 358, \"video_token_id\": 359, "
             "\"vision_start_token_id\": 355, \"hidden_size\": 48, "
             "\"tie_word_embeddings\": null, \"text_config\": {",
             architecture);
    folder_replace("config.json", "{", head);
    folder_replace("config.json", "},\n \"vision_config\"", "}}, \"vision_config\"");
    folder_replace("config.json", "\"image_token_id\": 358,\n \"video", "\"video");
}

static void test_layouts(void) {
    static const char *const fixtures[] = {V2, V25}, *const names[] = {"Qwen2VLForConditionalGeneration",
                                                                       "Qwen2_5_VLForConditionalGeneration"};
    for (int f = 0; f < 2; f++) {
        char path[100];
        snprintf(path, sizeof path, "golden/models/%s", fixtures[f]);
        watch want = stage_of(path, "sav.tap", MARK "What?", IMAGES "140x196.png", NULL);
        const char *folder = folder_copy(fixtures[f]);
        folder_tensors(TO_4_52, 2);
        check_same("keys of transformers 4.52", folder, &want);
        nest(names[f]);
        check_same("keys and config of transformers 4.52", folder, &want);
        folder_shard(3);
        check_same("in three shards", folder, &want);
        folder_remove();
        folder = folder_copy(fixtures[f]);
        nest(names[f]);
        check_same("old keys, nested config", folder, &want);
        folder_remove();
        free(want.data);
    }
}

/* Fields that a config leaves out have the classes' defaults: a copy without them gives the same tap. */
static void test_defaults(void) {
    static const char *const rows[][2] = {{V2, "\"rope_theta\": 1000000.0,"},
                                          {V2, "\"mlp_ratio\": 4,"},
                                          {V2, "\"in_channels\": 3,"},
                                          {V2, "\"patch_size\": 14,"},
                                          {V2, "\"spatial_merge_size\": 2,"},
                                          {V2, "\"temporal_patch_size\": 2,"},
                                          {V2, "\"hidden_act\": \"quick_gelu\","},
                                          {V25, "\"window_size\": 112,"},
                                          {V25, "\"hidden_act\": \"silu\",\n  "}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[100];
        snprintf(path, sizeof path, "golden/models/%s", rows[i][0]);
        watch want = stage_of(path, "sav.tap", MARK "What?", IMAGES "140x196.png", NULL);
        const char *folder = folder_copy(rows[i][0]);
        folder_replace("config.json", rows[i][1], "");
        check_same(rows[i][1], folder, &want);
        folder_remove();
        free(want.data);
    }
    const char *folder = folder_copy(V2);
    folder_replace("config.json", "\"sliding_window\": null,", "");
    sav_model *model = open_or_end(folder);
    CHECK_SIZE(sav_model_describe(model)->window, 4096);
    sav_model_close(model);
    folder_remove();
}

/* qwen2.5-vl with eight blocks, the new ones copies of the first: where the config lists no blocks of full
 * attention, the last one is (7, 15, 23, 31). */
static void test_full_blocks(void) {
    static const char *const tensors[] = {
        "norm1.weight",       "norm2.weight",     "attn.qkv.weight",      "attn.qkv.bias",
        "attn.proj.weight",   "attn.proj.bias",   "mlp.gate_proj.weight", "mlp.gate_proj.bias",
        "mlp.up_proj.weight", "mlp.up_proj.bias", "mlp.down_proj.weight", "mlp.down_proj.bias"};
    enum { EACH = sizeof tensors / sizeof *tensors, BLOCKS = 8, HAD = 3, NEW = (BLOCKS - HAD) * EACH };
    static char from[NEW][60], to[NEW][60];
    static folder_edit edits[NEW];
    for (size_t i = 0; i < NEW; i++) {
        snprintf(from[i], sizeof from[i], "visual.blocks.0.%s", tensors[i % EACH]);
        snprintf(to[i], sizeof to[i], "visual.blocks.%zu.%s", HAD + i / EACH, tensors[i % EACH]);
        edits[i] = (folder_edit){from[i], TENSOR_COPY, to[i]};
    }
    static const char *const lists[] = {"\"fullatt_block_indexes\": [7, 15, 23, 31]", "\"other\": [1]",
                                        "\"fullatt_block_indexes\": []"};
    watch taps[3];
    for (size_t i = 0; i < 3; i++) {
        const char *folder = folder_copy(V25);
        folder_tensors(edits, NEW);
        folder_replace("config.json", "\"depth\": 3", "\"depth\": 8");
        folder_replace("config.json", "\"fullatt_block_indexes\": [\n   1\n  ]", lists[i]);
        taps[i] = stage_of(folder, "sav.tap", MARK "What?", IMAGES "140x196.png", NULL);
        folder_remove();
    }
    size_t first;
    check_bits(taps[1].data, taps[0].data, taps[0].count, "no list of blocks");
    CHECK(check_differ(taps[2].data, taps[0].data, taps[0].count, &first) > 0);
    for (size_t i = 0; i < 3; i++) free(taps[i].data);
}

/* qwen2-vl is tied and stores no head. A stored one is read only where the flag does not tie. */
static void test_tied(void) {
    static const folder_edit head[] = {{"model.embed_tokens.weight", TENSOR_DOUBLED, "lm_head.weight"}};
    watch want = stage_of("golden/models/" V2, "lm_head.output", "What?", NULL, NULL);
    for (int tied = 0; tied < 2; tied++) {
        const char *folder = folder_copy(V2);
        folder_tensors(head, 1);
        if (!tied)
            folder_replace("config.json", "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
        watch got = stage_of(folder, "lm_head.output", "What?", NULL, NULL);
        for (size_t i = 0; !tied && i < got.count; i++) got.data[i] /= 2; /* exact */
        if (CHECK_SIZE(got.count, want.count))
            check_bits(got.data, want.data, want.count, tied ? "tied" : "a head of its own");
        free(got.data);
        folder_remove();
    }
    free(want.data);
}

int main(void) {
    test_configs();
    test_tensors();
    if (!picture_reads(IMAGES "20x30.png")) return check_report("qwen_vl");
    test_prompts();
    test_apart();
    test_processor();
    test_measure();
    test_exif();
    test_windows();
    test_blocks();
    test_layouts();
    test_defaults();
    test_full_blocks();
    test_tied();
    return check_report("qwen_vl");
}
