/* qwen_vl.c: Qwen2-VL and Qwen2.5-VL: how a picture becomes tokens, and where tokens stand.
 *
 *   picture [h, w] -> on white, resized to multiples of 28 (image/patches.c)
 *       -> pixel_values [P, 1176], grid (1, gh, gw)
 *     -> vision/qwen_vit.c [P/4, D] -> the rows of the <|image_pad|> tokens
 *   positions [3, T]: text (n, n, n); the merged token at row y, column x of a picture (n, n + y, n + x)
 *
 * Source: transformers 4.51.3, models/qwen2_vl/, models/qwen2_5_vl/; qwen_vl_utils 0.0.11.
 */
#include <string.h>

#include "image/patches.h"
#include "models/family.h"
#include "models/preprocessor.h"
#include "vision/qwen_vit.h"

/* What the families keep in model->vision. */
typedef struct qwen_vl {
    sav_qwen_vit tower;
    sav_preprocessor processor;
    int64_t vision_start, video_token;
} qwen_vl;

enum {
    UTILS_FACTOR = 28, /* qwen_vl_utils: IMAGE_FACTOR, and its bounds when the message has none */
    UTILS_MIN = 4 * 28 * 28,
    UTILS_MAX = 16384 * 28 * 28,
    CLASS_MAX = 28 * 28 * 1280 /* the processor's, when its file is silent */
};

/* ---- config -------------------------------------------------------------------------------------------- */

static const sav_rename HF_4_52[] = {
    {"visual.", "model.visual."}, {"model.", "model.language_model."}, {NULL, NULL}};

/* PARITY: only min_pixels and max_pixels count. `size` must have both edges, is ignored, and without the two
 * keys the class default rules, so that a picture is resized twice (test_qwen_vl.c). Folders of transformers
 * 5 have their bounds there alone: a note says what rules instead. */
static void check_size(sav_text *notes, const sav_preprocessor *processor, sav_config *in) {
    const sav_json *size = sav_config_find(in, "size");
    int64_t low, high;
    if (in->status || !size || size->kind == SAV_JSON_NULL) return;
    if (!sav_json_integer(&low, sav_json_get(size, "shortest_edge")) ||
        !sav_json_integer(&high, sav_json_get(size, "longest_edge")))
        sav_config_fail(in, SAV_BAD_INPUT, size, "size",
                        "expected whole numbers \"shortest_edge\" and \"longest_edge\"");
    else if (low != (int64_t)processor->min_pixels || high != (int64_t)processor->max_pixels)
        sav_text_printf(notes,
                        "%s:%u: \"size\": not read, as transformers 4.51.3 does not: pictures get %zu to %zu "
                        "pixels; say others as \"min_pixels\" and \"max_pixels\"\n",
                        in->name, size->line, processor->min_pixels, processor->max_pixels);
}

/* The processor's file repeats three sizes of the tower's; where they differ the library fails there. */
static void check_grid(sav_config *in, const char *key, size_t found, const char *towers, size_t tower) {
    if (found != tower)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, key), key,
                        "found %zu; expected vision_config's %s, %zu", found, towers, tower);
}

static const sav_keys PREPROCESSOR;

static sav_status read_processor(qwen_vl *v, sav_model *model, sav_error *err) {
    const sav_patch_grid *grid = &v->tower.config.grid, *found = &v->processor.grid;
    sav_preprocessor_absent absent = {.min_pixels = UTILS_MIN, .max_pixels = CLASS_MAX, .grid = *grid};
    sav_json_doc *doc;
    memcpy(absent.mean, sav_clip_mean, sizeof absent.mean);
    memcpy(absent.std, sav_clip_std, sizeof absent.std);
    sav_status status = sav_preprocessor_open(&doc, model->folder, &PREPROCESSOR, err);
    if (status) return status;
    sav_config in = {.object = sav_json_root(doc), .name = sav_json_name(doc), .err = err};
    sav_preprocessor_read(&v->processor, &in, &absent);
    check_grid(&in, "patch_size", found->patch, "patch_size", grid->patch);
    check_grid(&in, "merge_size", found->merge, "spatial_merge_size", grid->merge);
    check_grid(&in, "temporal_patch_size", found->temporal, "temporal_patch_size", grid->temporal);
    check_size(&model->notes, &v->processor, &in);
    sav_json_free(doc);
    return in.status;
}

/* Configs of transformers >= 4.52 nest the decoder's fields. */
static void read_config(sav_model *model, qwen_vl *v, bool windows, sav_config *in) {
    /* defaults of Qwen2VLConfig and Qwen2_5_VLConfig */
    static const sav_decoder_config absent = {.L = 80,
                                              .D = 8192,
                                              .H = 64,
                                              .G = 8,
                                              .F = 29568,
                                              .V = 152064,
                                              .norm_eps = 1e-5,
                                              .rope_theta = 1e6,
                                              .window = 4096,
                                              .max_positions = 32768,
                                              .divides = true,
                                              .mrope = true};
    const sav_json *nested = sav_json_get(in->object, "text_config"),
                   *vision = sav_json_get(in->object, "vision_config");
    sav_decoder_config *c = &model->decoder.config;
    if (!vision || vision->kind != SAV_JSON_OBJECT) {
        in->status = sav_fail(in->err, SAV_BAD_INPUT, "%s: expected an object \"vision_config\"", in->name);
        return;
    }
    if (nested) sav_config_agree(in, nested, in->object, &sav_decoder_qwen2_keys, "the top of the file");
    sav_config text = {
        .object = nested ? nested : in->object, .outer = in->object, .name = in->name, .err = in->err};
    sav_config tower = {.object = vision, .name = in->name, .part = "vision ", .err = in->err};
    text.status = in->status;
    model->decoder.kind->read(c, &text, &absent);
    tower.status = text.status;
    if (windows)
        sav_qwen_vit_read_2_5(&v->tower.config, &tower, &model->owned);
    else
        sav_qwen_vit_read_2(&v->tower.config, &tower);
    sav_qwen_vit_check(&v->tower.config, c->D, &tower);
    in->status = tower.status;
    const size_t image = sav_config_size(in, "image_token_id", 151655);
    if (!in->status && c->D % c->H)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(&text, "num_attention_heads"),
                        "num_attention_heads", "found %zu; expected a divisor of hidden_size, %zu", c->H,
                        c->D);
    if (image >= c->V)
        sav_config_fail(in, SAV_BAD_INPUT, NULL, "image_token_id",
                        "found %zu; expected an id below vocab_size %zu", image, c->V);
    model->image_token = (uint32_t)image;
    v->vision_start = (int64_t)sav_config_size(in, "vision_start_token_id", 151652);
    v->video_token = (int64_t)sav_config_size(in, "video_token_id", 151656);
}

static sav_status open_model(sav_model *model, bool windows, const sav_json *config, const char *name,
                             sav_error *err) {
    const bool newer = sav_weights_find(model->weights, "model.visual.patch_embed.proj.weight") ||
                       sav_weights_find(model->weights, "model.language_model.norm.weight");
    sav_binder b;
    sav_config in = {.object = config, .name = name, .err = err};
    qwen_vl *v = model->vision = sav_own(&model->owned, 1, sizeof *v);
    if (!v) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    sav_status status = sav_model_bind(&b, model, newer ? HF_4_52 : NULL, err);
    if (status) return status;
    read_config(model, v, windows, &in);
    b.status = in.status ? in.status : read_processor(v, model, err);
    sav_qwen_vit_bind(&v->tower, &b);
    model->decoder.kind->bind(&model->decoder, &b, "model.", "");
    model->info.vision_layers = v->tower.config.Lv;
    model->info.vision_width = v->tower.config.Dv;
    model->info.vision_heads = v->tower.config.Hv;
    return sav_binder_end(&b);
}

static sav_status open_2(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    return open_model(model, false, config, name, err);
}

static sav_status open_2_5(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    return open_model(model, true, config, name, err);
}

/* ---- a picture ----------------------------------------------------------------------------------------- */

static size_t either(size_t value, size_t other) {
    return value ? value : other;
}

/* qwen_vl_utils' size: the picture's own bounds before the session's before the default ones. PARITY: a size
 * that is asked for (resized_height, resized_width) knows the default bounds alone (test_requests.c). */
static sav_status utils_size(sav_size *out, sav_size picture, const sav_picture_options *how,
                             sav_error *err) {
    const sav_picture_bounds *own = &how->own;
    sav_size_bounds bounds = {UTILS_FACTOR, UTILS_MIN, UTILS_MAX, true};
    if (own->resized_height && own->resized_width) {
        picture = (sav_size){own->resized_height, own->resized_width};
        return sav_smart_resize(out, picture, &bounds, err);
    }
    const size_t low = either(own->min_pixels, how->min_pixels),
                 high = either(own->max_pixels, how->max_pixels);
    if (low && high && low > high)
        return sav_fail(err, SAV_BAD_INPUT, "found min_pixels %zu above max_pixels %zu", low, high);
    bounds.min_pixels = either(low, UTILS_MIN);
    bounds.max_pixels = either(high, UTILS_MAX);
    return sav_smart_resize(out, picture, &bounds, err);
}

/* Bounds may ask for any size: none is made that could not be read either. */
static sav_status check_resized(sav_size size, sav_error *err) {
    if ((double)size.h * (double)size.w <= SAV_MAX_PICTURE_PIXELS) return SAV_OK;
    return sav_fail(err, SAV_BAD_INPUT,
                    "%zu x %zu pixels (width x height) after the resize; expected at most %d", size.w, size.h,
                    SAV_MAX_PICTURE_PIXELS);
}

/* A picture's size -> first by qwen_vl_utils' rule, then last by the processor's, which knows nothing of the
 * picture's own bounds. */
static sav_status resized(sav_size *first, sav_size *last, const qwen_vl *v, sav_size picture,
                          const sav_picture_options *how, sav_error *err) {
    const sav_patch_grid *grid = &v->tower.config.grid;
    const sav_size_bounds processor = {grid->patch * grid->merge,
                                       either(how->min_pixels, v->processor.min_pixels),
                                       either(how->max_pixels, v->processor.max_pixels), false};
    sav_status status = utils_size(first, picture, how, err);
    if (!status) status = check_resized(*first, err);
    if (!status && v->processor.keep && first->h % processor.factor == 0 &&
        first->w % processor.factor == 0) {
        *last = *first; /* do_resize false: as qwen_vl_utils has made it */
        return SAV_OK;
    }
    if (!status) status = sav_smart_resize(last, *first, &processor, err);
    return status ? status : check_resized(*last, err);
}

static sav_status fit(sav_picture_fit *out, const sav_model *model, sav_size picture,
                      const sav_picture_options *how, sav_error *err) {
    const qwen_vl *v = model->vision;
    const sav_patch_grid *grid = &v->tower.config.grid;
    sav_size first, last;
    sav_status status = resized(&first, &last, v, picture, how, err);
    if (status) return status;
    const size_t gh = last.h / grid->patch, gw = last.w / grid->patch;
    *out = (sav_picture_fit){.picture = picture,
                             .fitted = last,
                             .pieces = 1,
                             .side = last,
                             .rows = gh,
                             .columns = gw,
                             .map_h = gh / grid->merge,
                             .map_w = gw / grid->merge,
                             .tokens = gh * gw / (grid->merge * grid->merge),
                             .patches = gh * gw,
                             .keys = gh * gw,
                             .dv = v->tower.config.Dv / v->tower.config.Hv,
                             .floats = gh * gw * 3 * grid->temporal * grid->patch * grid->patch,
                             .sizes = {1, (int64_t)gh, (int64_t)gw}};
    return SAV_OK;
}

/* rgb resized into fresh bytes; the same size is a copy. */
static sav_status resize(unsigned char **out, sav_size to, const unsigned char *rgb, sav_size from,
                         sav_resampling how, sav_error *err) {
    size_t pixels;
    *out = sav_mul(&pixels, to.h, to.w) ? sav_alloc(pixels, 3) : NULL;
    if (!*out) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu x %zu pixels", to.w, to.h);
    return sav_image_resize(*out, to, rgb, from, how, err);
}

/* On white, resized by qwen_vl_utils' rule, then by the processor's. pixels: [P, 1176]. */
static sav_status read_picture(sav_picture *out, const sav_model *model, sav_image *image,
                               const sav_picture_options *how, sav_error *err) {
    const qwen_vl *v = model->vision;
    const sav_resampling utils = {SAV_BICUBIC, how->pillow}, processor = {v->processor.filter, how->pillow};
    unsigned char *once = NULL, *rgb = NULL;
    sav_size first, last;
    sav_image_on_white(image);
    sav_status status = resized(&first, &last, v, out->fit.picture, how, err);
    if (!status) status = resize(&once, first, image->rgb, out->fit.picture, utils, err);
    if (!status) status = resize(&rgb, last, once, first, processor, err);
    if (!status) out->pixels = sav_alloc(out->fit.floats, sizeof *out->pixels);
    if (!status && !out->pixels)
        status = sav_fail(err, SAV_NO_MEMORY, "no memory for %zu patches", out->fit.patches);
    if (!status)
        sav_patches_fill(out->pixels, rgb, out->fit.rows, out->fit.columns, &v->tower.config.grid,
                         &v->processor.pixels);
    sav_free(once);
    if (!status && how->keep_rgb)
        out->rgb = rgb;
    else
        sav_free(rgb);
    return status;
}

/* How many pictures get places: as many as <|vision_start|> stand right before a placeholder. PARITY: they
 * are only counted; it is the first so many pictures that get them, wherever those marks stand. A mark at the
 * prompt's end or before <|video_pad|> fails in the library too (test_requests.c). */
static sav_status count_marks(size_t *out, const sav_token_row *tokens, const sav_model *model,
                              sav_error *err) {
    const qwen_vl *v = model->vision;
    *out = 0;
    for (size_t t = 0; t < tokens->T && tokens->pictures->count; t++) {
        if (tokens->ids[t] != v->vision_start) continue;
        if (t + 1 == tokens->T || tokens->ids[t + 1] == v->video_token)
            return sav_fail(err, SAV_BAD_INPUT,
                            "token %zu is <|vision_start|> %s; expected a placeholder of a picture behind it",
                            t, t + 1 == tokens->T ? "at the end" : "before <|video_pad|>");
        *out += tokens->ids[t + 1] == (int64_t)model->image_token;
    }
    return SAV_OK;
}

/* M-RoPE (get_rope_index): a counter n walks the tokens; behind a picture it goes on at 1 + the largest
 * coordinate in it. */
static sav_status positions(int64_t *out, size_t *laid, const sav_token_row *tokens, const sav_model *model,
                            sav_error *err) {
    const size_t T = tokens->T;
    sav_status status = count_marks(laid, tokens, model, err);
    int64_t n = 0;
    size_t picture = 0;
    for (size_t t = 0; t < T && !status;) {
        if (picture == *laid || t != tokens->starts[picture]) {
            for (size_t axis = 0; axis < 3; axis++) out[axis * T + t] = n;
            t++;
            n++;
            continue;
        }
        const sav_picture_fit *fits = &tokens->pictures->items[picture++]->fit;
        const int64_t rows = (int64_t)fits->map_h, cols = (int64_t)fits->map_w;
        for (int64_t y = 0; y < rows; y++)
            for (int64_t x = 0; x < cols; x++, t++) {
                out[t] = n;
                out[T + t] = n + y;
                out[2 * T + t] = n + x;
            }
        n += rows > cols ? rows : cols;
    }
    return status;
}

/* ---- embedding ----------------------------------------------------------------------------------------- */

typedef struct qwen_scratch {
    sav_qwen_vit_scratch tower;
    int64_t *grids; /* [count, 3] */
    float *pixels;  /* [P, 1176] of all pictures; NULL: there is one, and its own are used */
    float *rows;    /* [P/4, D] */
} qwen_scratch;

static void *plan(sav_arena *arena, const sav_model *model, const sav_picture_set *pictures, bool whole) {
    const sav_qwen_vit_config *c = &((const qwen_vl *)model->vision)->tower.config;
    size_t P = 0, floats = 0;
    qwen_scratch s = {0}, *kept = sav_arena_alloc(arena, 1, sizeof *kept);
    for (size_t i = 0; i < pictures->count; i++) {
        P += pictures->items[i]->fit.patches;
        floats += pictures->items[i]->fit.floats;
    }
    s.grids = sav_arena_rows(arena, pictures->count, 3, sizeof *s.grids);
    if (pictures->count > 1) s.pixels = sav_arena_alloc(arena, floats, sizeof *s.pixels);
    sav_qwen_vit_plan(&s.tower, arena, c, P, pictures->count, whole); /* a picture is one frame */
    s.rows = sav_arena_floats(arena, P / (c->grid.merge * c->grid.merge), c->D);
    if (kept) *kept = s;
    return kept;
}

/* The pictures' grids and pixels, one behind the other -> pixels [P, 1176]. */
static const float *join(qwen_scratch *s, const sav_picture_set *pictures) {
    float *to = s->pixels;
    for (size_t i = 0; i < pictures->count; i++) {
        const sav_picture *picture = pictures->items[i];
        memcpy(s->grids + 3 * i, picture->fit.sizes, 3 * sizeof *s->grids);
        if (pictures->count == 1) return picture->pixels;
        memcpy(to, picture->pixels, picture->fit.floats * sizeof *to);
        to += picture->fit.floats;
    }
    return s->pixels;
}

static void show_pictures(sav_pass *p, const float *pixels, const sav_picture_set *pictures,
                          const qwen_scratch *s) {
    const size_t count = pictures->count;
    size_t P = 0, width = 0;
    for (size_t i = 0; i < count; i++) {
        P += pictures->items[i]->fit.patches;
        width = pictures->items[i]->fit.floats / pictures->items[i]->fit.patches;
    }
    const sav_snapshot grids = {"image_grid_thw", SAV_I64, 2, {count, 3}, s->grids};
    const sav_snapshot values = {"pixel_values", SAV_F32, 2, {P, width}, pixels};
    sav_show_stage(p, &grids);
    sav_show_stage(p, &values);
}

static void embed(sav_pass *p, float *const *to, const sav_model *model, const sav_picture_set *pictures,
                  void *scratch) {
    const qwen_vl *v = model->vision;
    qwen_scratch *s = scratch;
    const size_t D = v->tower.config.D;
    const float *rows = s->rows, *pixels = join(s, pictures);
    const sav_grids grids = {s->grids, pictures->count};
    if (p->whole) show_pictures(p, pixels, pictures, s);
    sav_qwen_vit_forward(p, s->rows, pixels, &grids, &v->tower, &s->tower);
    for (size_t i = 0; i < pictures->count; i++) {
        const size_t floats = pictures->items[i]->fit.tokens * D;
        memcpy(to[i], rows, floats * sizeof *rows);
        rows += floats;
    }
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

#define AT_THE_TOP "the top of the file says it"
#define TEXT_ROWS(name)                                                                                     \
    {                                                                                                       \
        SAV_ONLY("model_type", "\"" name "\"|\"" name "_text\"|null", "the decoder is this family's"),      \
            SAV_HARMLESS("image_token_id", AT_THE_TOP), SAV_HARMLESS("video_token_id", AT_THE_TOP),         \
            SAV_HARMLESS("vision_start_token_id", AT_THE_TOP),                                              \
            SAV_HARMLESS("vision_end_token_id", AT_THE_TOP), SAV_HARMLESS("vision_token_id", AT_THE_TOP), { \
            0                                                                                               \
        }                                                                                                   \
    }
#define CONFIG_ROWS(name, text, tower)                                                                  \
    {                                                                                                   \
        SAV_READ("architectures"), SAV_OBJECT("text_config", text), SAV_OBJECT("vision_config", tower), \
            SAV_OBJECT("quantization_config", &sav_quantised_keys),                                     \
            SAV_ONLY("model_type", "\"" name "\"|null", "the architecture is this family's"),           \
            SAV_READ("image_token_id"), SAV_READ("vision_start_token_id"), SAV_READ("video_token_id"),  \
            SAV_HARMLESS("vision_end_token_id", "the prompt's text has the token"),                     \
            SAV_HARMLESS("vision_token_id", "no prompt holds the token"), {                             \
            0                                                                                           \
        }                                                                                               \
    }

static const sav_key TEXT_2_ROWS[] = TEXT_ROWS("qwen2_vl"), TEXT_2_5_ROWS[] = TEXT_ROWS("qwen2_5_vl");
static const sav_keys TEXT_2 = {.rows = TEXT_2_ROWS, .more = &sav_decoder_qwen2_keys};
static const sav_keys TEXT_2_5 = {.rows = TEXT_2_5_ROWS, .more = &sav_decoder_qwen2_keys};
static const sav_key ROWS_2[] = CONFIG_ROWS("qwen2_vl", &TEXT_2, &sav_qwen_vit_keys_2);
static const sav_key ROWS_2_5[] = CONFIG_ROWS("qwen2_5_vl", &TEXT_2_5, &sav_qwen_vit_keys_2_5);
static const sav_keys CONFIG_2 = {.file = "config.json", .rows = ROWS_2, .more = &sav_decoder_qwen2_keys};
static const sav_keys CONFIG_2_5 = {.file = "config.json", .rows = ROWS_2_5, .more = &sav_decoder_qwen2_keys};

static const sav_key SIZE_ROWS[] = {SAV_READ("shortest_edge"),
                                    SAV_READ("longest_edge"),
                                    SAV_ONLY("height", "null", "bounds count pixels"),
                                    SAV_ONLY("width", "null", "bounds count pixels"),
                                    {0}};
static const sav_keys SIZE = {.others = SAV_OTHERS_REFUSED, .rows = SIZE_ROWS};

static const sav_key PREPROCESSOR_ROWS[] = {
    SAV_OBJECT("size", &SIZE),
    SAV_READ("min_pixels"),
    SAV_READ("max_pixels"),
    SAV_READ("patch_size"),
    SAV_READ("merge_size"),
    SAV_READ("temporal_patch_size"),
    SAV_ONLY("image_processor_type",
             "\"Qwen2VLImageProcessor\"|\"Qwen2VLImageProcessorFast\"|\"Qwen2VLImageProcessorPil\"|"
             "\"Qwen2_5_VLImageProcessor\"|null",
             "pictures are prepared as Qwen2-VL's processor does"),
    SAV_HARMLESS("do_pad", "this processor pads nothing"),
    SAV_HARMLESS("do_convert_rgb", "qwen_vl_utils has made pictures RGB before"),
    {0}};
static const sav_keys PREPROCESSOR = {
    .file = "preprocessor_config.json", .rows = PREPROCESSOR_ROWS, .more = &sav_preprocessor_keys};

static const sav_key PROCESSOR_ROWS[] = {SAV_OBJECT("image_processor", &PREPROCESSOR), {0}};
static const sav_keys PROCESSOR = {
    .file = "processor_config.json", .rows = PROCESSOR_ROWS, .more = &sav_processor_keys};

static const sav_keys *const KEYS_2[] = {&CONFIG_2,       &PREPROCESSOR, &PROCESSOR, &sav_generation_keys,
                                         &sav_video_keys, NULL};
static const sav_keys *const KEYS_2_5[] = {&CONFIG_2_5,          &PREPROCESSOR,   &PROCESSOR,
                                           &sav_generation_keys, &sav_video_keys, NULL};

static const char *const QWEN2_VL[] = {"Qwen2VLForConditionalGeneration", NULL};
static const char *const QWEN2_5_VL[] = {"Qwen2_5_VLForConditionalGeneration", NULL};

const sav_family sav_family_qwen2_vl = {.name = "qwen2_vl",
                                        .architectures = QWEN2_VL,
                                        .fallback = SAV_LAYOUT_QWEN_VL,
                                        .decoder = &sav_decoder_qwen2,
                                        .keys = KEYS_2,
                                        .bounded = true,
                                        .open = open_2,
                                        .positions = positions,
                                        .fit = fit,
                                        .read = read_picture,
                                        .plan = plan,
                                        .embed = embed};

const sav_family sav_family_qwen2_5_vl = {.name = "qwen2_5_vl",
                                          .architectures = QWEN2_5_VL,
                                          .fallback = SAV_LAYOUT_QWEN_VL,
                                          .decoder = &sav_decoder_qwen2,
                                          .keys = KEYS_2_5,
                                          .bounded = true,
                                          .open = open_2_5,
                                          .positions = positions,
                                          .fit = fit,
                                          .read = read_picture,
                                          .plan = plan,
                                          .embed = embed};
