/* qwen_vl.c: Qwen2-VL and Qwen2.5-VL: how a picture becomes tokens, and where tokens stand.
 *
 *   picture [h, w] -> on white, resized to multiples of 28 (image/patches.c)
 *       -> pixel_values [P, 1176], grid (1, gh, gw)
 *     -> vision/qwen_vit.c [P/4, D] -> the rows of the <|image_pad|> tokens
 *   positions [3, T]: text (n, n, n); the merged token at row y, column x of a picture (n, n + y, n + x)
 *
 * Source: transformers 4.51.3, models/qwen2_vl/, models/qwen2_5_vl/; qwen_vl_utils 0.0.11.
 */
#include <math.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "models/model.h"
#include "vision/qwen_vit.h"

/* What the families keep in model->vision. */
typedef struct qwen_vl {
    sav_qwen_vit tower;
    sav_filter filter;
    sav_pixel_table pixel_table;
    size_t min_pixels, max_pixels; /* the processor's own bounds */
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

/* mrope_section [t, h, w] -> which of the three turns each frequency. */
static sav_status read_mrope(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    const sav_json *scaling = sav_json_get(config, "rope_scaling"),
                   *section = sav_json_get(scaling, "mrope_section");
    const size_t half = model->llm.config.d / 2;
    const sav_json *type = sav_json_get(scaling, "rope_type") ? sav_json_get(scaling, "rope_type")
                                                              : sav_json_get(scaling, "type");
    size_t n = 0, axis = 0;
    if (type && !sav_json_is(type, "mrope") && !sav_json_is(type, "default"))
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s:%u: \"rope_scaling\": expected type \"mrope\" or \"default\"", name, type->line);
    if (!section || section->kind != SAV_JSON_ARRAY || section->count != 3)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: \"rope_scaling\": expected \"mrope_section\" of three numbers", name);
    if (!(model->llm.axis = sav_model_own(model, half, 1)))
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", name);
    for (const sav_json *node = section->child; node; node = node->next, axis++) {
        int64_t count;
        if (!sav_json_integer(&count, node) || count < 0 || (uint64_t)count > half - n)
            return sav_fail(err, SAV_BAD_INPUT,
                            "%s:%u: \"mrope_section\": its sum must be half the head size, %zu", name,
                            node->line, half);
        memset(model->llm.axis + n, (int)axis, (size_t)count);
        n += (size_t)count;
    }
    if (n != half)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s:%u: \"mrope_section\": found a sum of %zu; expected half the head size, %zu",
                        name, section->line, n, half);
    return SAV_OK;
}

static sav_status check_act(const sav_json *vision, const char *expected, const char *name, sav_error *err) {
    const char *act;
    sav_status status = sav_json_string(&act, vision, "hidden_act", expected, name, err);
    if (!status && strcmp(act, expected) != 0)
        status = sav_fail(err, SAV_UNSUPPORTED, "%s: vision \"hidden_act\": found \"%.40s\"; expected \"%s\"",
                          name, act, expected);
    return status;
}

/* Fields both towers have; E is the width of the blocks. */
static sav_status read_grid(sav_qwen_vit_config *c, const sav_json *vision, const char *name,
                            sav_error *err) {
    sav_status status;
    size_t channels;
    if ((status = sav_json_size(&c->layers, vision, "depth", 32, name, err)) ||
        (status = sav_json_size(&c->heads, vision, "num_heads", 16, name, err)) ||
        (status = sav_json_size(&channels, vision, "in_channels", 3, name, err)) ||
        (status = sav_json_size(&c->grid.patch, vision, "patch_size", 14, name, err)) ||
        (status = sav_json_size(&c->grid.merge, vision, "spatial_merge_size", 2, name, err)) ||
        (status = sav_json_size(&c->grid.temporal, vision, "temporal_patch_size", 2, name, err)))
        return status;
    if (channels != 3)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: vision \"in_channels\": found %zu; expected 3", name,
                        channels);
    return SAV_OK;
}

static sav_status check_tower(const sav_qwen_vit_config *c, size_t D, const char *name, sav_error *err) {
    if (!c->layers || !c->E || !c->heads || !c->M || c->E % c->heads || c->E / c->heads % 4 ||
        !c->grid.patch || !c->grid.merge || !c->grid.temporal || c->layers > 1u << 10 || c->E > 1u << 16 ||
        c->M > 1u << 18 || c->grid.patch > 256 || c->grid.merge > 16 || c->grid.temporal > 16)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: vision sizes that do not fit: width %zu, %zu heads (a head's size must be "
                        "divisible by 4), MLP %zu, "
                        "%zu layers, patches of %zu pixels",
                        name, c->E, c->heads, c->M, c->layers, c->grid.patch);
    if (c->D != D)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: the tower gives rows of %zu; the decoder's hidden_size is %zu", name, c->D, D);
    return SAV_OK;
}

static sav_status read_tower_2(sav_qwen_vit_config *c, const sav_json *vision, const char *name,
                               sav_error *err) {
    double ratio;
    sav_status status;
    if ((status = read_grid(c, vision, name, err)) ||
        (status = sav_json_size(&c->E, vision, "embed_dim", 1280, name, err)) ||
        (status = sav_json_size(&c->D, vision, "hidden_size", 3584, name, err)) ||
        (status = sav_json_double(&ratio, vision, "mlp_ratio", 4, name, err)) ||
        (status = check_act(vision, "quick_gelu", name, err)))
        return status;
    c->M = ratio > 0 && ratio < 64 ? (size_t)((double)c->E * ratio) : 0;
    return SAV_OK;
}

static sav_status read_tower_2_5(sav_qwen_vit_config *c, sav_model *model, const sav_json *vision,
                                 const char *name, sav_error *err) {
    static const int64_t usual[] = {7, 15, 23, 31};
    const sav_json *list = sav_json_get(vision, "fullatt_block_indexes");
    size_t pixels;
    bool *full;
    sav_status status;
    if ((status = read_grid(c, vision, name, err)) ||
        (status = sav_json_size(&c->E, vision, "hidden_size", 3584, name, err)) ||
        (status = sav_json_size(&c->M, vision, "intermediate_size", 3420, name, err)) ||
        (status = sav_json_size(&c->D, vision, "out_hidden_size", 3584, name, err)) ||
        (status = sav_json_size(&pixels, vision, "window_size", 112, name, err)) ||
        (status = check_act(vision, "silu", name, err)))
        return status;
    size_t side = c->grid.patch * c->grid.merge;
    if (!side || !pixels || pixels % side)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: vision \"window_size\": found %zu; expected a multiple of patch_size x "
                        "spatial_merge_size, %zu",
                        name, pixels, side);
    c->window = pixels / side;
    if (c->layers > 1u << 10)
        return sav_fail(err, SAV_BAD_INPUT, "%s: vision \"depth\": found %zu", name, c->layers);
    if (!(full = sav_model_own(model, c->layers, sizeof *full)))
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", name);
    if (list && list->kind != SAV_JSON_ARRAY)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s:%u: \"fullatt_block_indexes\": expected a list of whole numbers", name,
                        list->line);
    for (size_t i = 0; !list && i < 4; i++)
        if ((size_t)usual[i] < c->layers) full[usual[i]] = true;
    for (const sav_json *node = list ? list->child : NULL; node; node = node->next) {
        int64_t i;
        if (!sav_json_integer(&i, node) || i < 0)
            return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"fullatt_block_indexes\": expected whole numbers",
                            name, node->line);
        if ((size_t)i < c->layers) full[i] = true;
    }
    c->full = full;
    return SAV_OK;
}

/* The processor's file repeats three sizes of the tower's; where they differ the library fails in the
 * tower. */
static sav_status check_grid(const sav_patch_grid *grid, const sav_json *root, const char *name,
                             sav_error *err) {
    size_t patch, merge, temporal;
    sav_status status;
    if ((status = sav_json_size(&patch, root, "patch_size", grid->patch, name, err)) ||
        (status = sav_json_size(&merge, root, "merge_size", grid->merge, name, err)) ||
        (status = sav_json_size(&temporal, root, "temporal_patch_size", grid->temporal, name, err)))
        return status;
    if (patch == grid->patch && merge == grid->merge && temporal == grid->temporal) return SAV_OK;
    return sav_fail(
        err, SAV_BAD_INPUT,
        "%s: patch_size %zu, merge_size %zu, temporal_patch_size %zu; vision_config says %zu, %zu, %zu", name,
        patch, merge, temporal, grid->patch, grid->merge, grid->temporal);
}

/* PARITY: only min_pixels and max_pixels at the top of the file count; `size` is ignored, and without the two
 * keys the class default rules, so that a picture is resized twice (test_qwen_vl.c). */
static sav_status read_preprocessor(const sav_model *model, qwen_vl *v, sav_error *err) {
    static const double mean[3] = {0.48145466, 0.4578275, 0.40821073},
                        std[3] = {0.26862954, 0.26130258, 0.27577711};
    sav_json_doc *doc = NULL;
    sav_text path = {0};
    sav_status status = SAV_OK;
    const sav_json *root = NULL;
    sav_text_printf(&path, "%s/preprocessor_config.json", model->folder);
    if (path.failed) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    if (sav_os_exists(path.bytes) && (status = sav_json_read(&doc, path.bytes, err)) == SAV_OK)
        root = sav_json_root(doc);
    if (!status) status = check_grid(&v->tower.config.grid, root, path.bytes, err);
    if (!status) status = sav_pixel_table_read(&v->pixel_table, &v->filter, root, path.bytes, mean, std, err);
    if (!status) status = sav_json_size(&v->min_pixels, root, "min_pixels", UTILS_MIN, path.bytes, err);
    if (!status) status = sav_json_size(&v->max_pixels, root, "max_pixels", CLASS_MAX, path.bytes, err);
    sav_json_free(doc);
    sav_text_free(&path);
    return status;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static void bind_block(sav_binder *b, sav_qwen_vit_block *block, size_t i, const sav_qwen_vit_config *c) {
    const size_t E = c->E, M = c->M;
    block->norm1 = sav_bind_vector(b, E, "visual.blocks.%zu.norm1.weight", i);
    block->norm2 = sav_bind_vector(b, E, "visual.blocks.%zu.norm2.weight", i);
    block->qkv = sav_bind_matrix(b, 3 * E, E, "visual.blocks.%zu.attn.qkv.weight", i);
    block->qkv_bias = sav_bind_vector(b, 3 * E, "visual.blocks.%zu.attn.qkv.bias", i);
    block->proj = sav_bind_matrix(b, E, E, "visual.blocks.%zu.attn.proj.weight", i);
    block->proj_bias = sav_bind_vector(b, E, "visual.blocks.%zu.attn.proj.bias", i);
    if (c->window) {
        block->fc1 = sav_bind_matrix(b, M, E, "visual.blocks.%zu.mlp.gate_proj.weight", i);
        block->fc1_bias = sav_bind_vector(b, M, "visual.blocks.%zu.mlp.gate_proj.bias", i);
        block->up = sav_bind_matrix(b, M, E, "visual.blocks.%zu.mlp.up_proj.weight", i);
        block->up_bias = sav_bind_vector(b, M, "visual.blocks.%zu.mlp.up_proj.bias", i);
        block->fc2 = sav_bind_matrix(b, E, M, "visual.blocks.%zu.mlp.down_proj.weight", i);
        block->fc2_bias = sav_bind_vector(b, E, "visual.blocks.%zu.mlp.down_proj.bias", i);
    } else {
        block->norm1_bias = sav_bind_vector(b, E, "visual.blocks.%zu.norm1.bias", i);
        block->norm2_bias = sav_bind_vector(b, E, "visual.blocks.%zu.norm2.bias", i);
        block->fc1 = sav_bind_matrix(b, M, E, "visual.blocks.%zu.mlp.fc1.weight", i);
        block->fc1_bias = sav_bind_vector(b, M, "visual.blocks.%zu.mlp.fc1.bias", i);
        block->fc2 = sav_bind_matrix(b, E, M, "visual.blocks.%zu.mlp.fc2.weight", i);
        block->fc2_bias = sav_bind_vector(b, E, "visual.blocks.%zu.mlp.fc2.bias", i);
    }
}

static void bind_tower(sav_binder *b, sav_model *model, sav_qwen_vit *m) {
    const sav_qwen_vit_config *c = &m->config;
    const size_t unit = c->grid.merge * c->grid.merge, wide = unit * c->E, half = c->E / c->heads / 2;
    m->blocks = sav_model_own(model, c->layers, sizeof *m->blocks);
    m->inv_freq = sav_model_own(model, half, sizeof *m->inv_freq);
    m->axis = sav_model_own(model, half, 1);
    if (!b->status && (!m->blocks || !m->inv_freq || !m->axis))
        b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    if (b->status) return;
    sav_rope_frequencies(m->inv_freq, 10000, half); /* half / 2 of them, for y; the same again for x */
    memcpy(m->inv_freq + half / 2, m->inv_freq, half / 2 * sizeof *m->inv_freq);
    memset(m->axis + half / 2, 1, half / 2);
    const size_t filters[5] = {c->E, 3, c->grid.temporal, c->grid.patch, c->grid.patch};
    m->patch_embed = sav_bind_filters(b, 5, filters, "visual.patch_embed.proj.weight");
    for (size_t i = 0; i < c->layers && !b->status; i++) bind_block(b, &m->blocks[i], i, c);
    m->ln_q = sav_bind_vector(b, c->E, "visual.merger.ln_q.weight");
    if (!c->window) m->ln_q_bias = sav_bind_vector(b, c->E, "visual.merger.ln_q.bias");
    m->mlp_0 = sav_bind_matrix(b, wide, wide, "visual.merger.mlp.0.weight");
    m->mlp_0_bias = sav_bind_vector(b, wide, "visual.merger.mlp.0.bias");
    m->mlp_2 = sav_bind_matrix(b, c->D, wide, "visual.merger.mlp.2.weight");
    m->mlp_2_bias = sav_bind_vector(b, c->D, "visual.merger.mlp.2.bias");
}

static sav_status read_config(sav_model *model, qwen_vl *v, bool windows, const sav_json *config,
                              const char *name, sav_error *err) {
    /* Defaults of Qwen2VLConfig and Qwen2_5_VLConfig. Configs of transformers >= 4.52 nest the decoder's
     * fields. */
    static const sav_qwen2_config absent = {.L = 80,
                                            .D = 8192,
                                            .H = 64,
                                            .G = 8,
                                            .F = 29568,
                                            .V = 152064,
                                            .norm_eps = 1e-5,
                                            .rope_theta = 1e6,
                                            .window = 4096,
                                            .max_positions = 32768,
                                            .divides = true};
    const sav_json *nested = sav_json_get(config, "text_config"), *text = nested ? nested : config;
    const sav_json *vision = sav_json_get(config, "vision_config");
    size_t image = 151655;
    sav_status status;
    if (!vision || vision->kind != SAV_JSON_OBJECT)
        return sav_fail(err, SAV_BAD_INPUT, "%s: expected an object \"vision_config\"", name);
    if ((status = sav_qwen2_read_config(&model->llm.config, text, config, &absent, name, err)) ||
        (status = windows ? read_tower_2_5(&v->tower.config, model, vision, name, err)
                          : read_tower_2(&v->tower.config, vision, name, err)) ||
        (status = check_tower(&v->tower.config, model->llm.config.D, name, err)) ||
        (status = read_mrope(model, sav_json_get(text, "rope_scaling") ? text : config, name, err)) ||
        (status = sav_json_size(&image, config, "image_token_id", image, name, err)))
        return status;
    if (model->llm.config.D % model->llm.config.H)
        return sav_fail(err, SAV_BAD_INPUT, "%s: hidden_size %zu does not divide into %zu heads", name,
                        model->llm.config.D, model->llm.config.H);
    if (image >= model->llm.config.V)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: \"image_token_id\": found %zu; expected an id below vocab_size %zu", name, image,
                        model->llm.config.V);
    model->image_token = (uint32_t)image;
    return SAV_OK;
}

static sav_status open_model(sav_model *model, bool windows, const sav_json *config, const char *name,
                             sav_error *err) {
    const bool newer = sav_weights_find(model->weights, "model.visual.patch_embed.proj.weight") ||
                       sav_weights_find(model->weights, "model.language_model.norm.weight");
    const sav_rename *renames = newer ? HF_4_52 : NULL;
    sav_binder b;
    qwen_vl *v = model->vision = sav_model_own(model, 1, sizeof *v);
    if (!v) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    sav_status status = sav_binder_begin(&b, model, renames, err);
    if (status) return status;
    b.status = read_config(model, v, windows, config, name, err);
    if (!b.status) b.status = read_preprocessor(model, v, err);
    if (!b.status) bind_tower(&b, model, &v->tower);
    if (!b.status) sav_qwen2_bind(&b, &model->llm, "model.", "");
    const sav_qwen_vit_config *c = &v->tower.config;
    model->info.vision_layers = c->layers;
    model->info.vision_width = c->E;
    model->info.vision_heads = c->heads;
    return sav_binder_end(&b);
}

static sav_status open_2(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    return open_model(model, false, config, name, err);
}

static sav_status open_2_5(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    return open_model(model, true, config, name, err);
}

/* ---- a prompt's pictures ------------------------------------------------------------------------------- */

/* rgb resized into fresh bytes; the same size is a copy. */
static sav_status resize(unsigned char **out, sav_size to, const unsigned char *rgb, sav_size from,
                         sav_resampling how, sav_error *err) {
    size_t pixels;
    *out = sav_mul(&pixels, to.h, to.w) ? sav_alloc(pixels, 3) : NULL;
    if (!*out) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu x %zu pixels", to.w, to.h);
    return sav_image_resize(*out, to, rgb, from, how, err);
}

/* A picture's size -> first by qwen_vl_utils' rule, then last by the processor's; the same but for bounds
 * that differ. */
static sav_status fit(sav_size *first, sav_size *last, const qwen_vl *v, sav_size picture,
                      const sav_pictures *how, sav_error *err) {
    const sav_patch_grid *grid = &v->tower.config.grid;
    const size_t low = how->min_pixels, high = how->max_pixels;
    const sav_size_bounds utils = {UTILS_FACTOR, low ? low : UTILS_MIN, high ? high : UTILS_MAX, true};
    const sav_size_bounds processor = {grid->patch * grid->merge, low ? low : v->min_pixels,
                                       high ? high : v->max_pixels, false};
    sav_status status = sav_smart_resize(first, picture, &utils, err);
    return status ? status : sav_smart_resize(last, *first, &processor, err);
}

/* One picture: on white, resized by qwen_vl_utils' rule, then by the processor's. *rgb [size->h, size->w, 3]
 * is the caller's to free. */
static sav_status read_picture(unsigned char **rgb, sav_size *size, const qwen_vl *v, const char *path,
                               sav_pictures *how, sav_error *err) {
    sav_image image = {0};
    unsigned char *once = NULL;
    sav_size first;
    const sav_resampling utils = {SAV_BICUBIC, how->pillow}, processor = {v->filter, how->pillow};
    sav_status status = sav_pictures_read(&image, path, how, err);
    const bool named = status != SAV_OK; /* reading says which file; what follows knows sizes alone */
    const sav_size picture = {image.h, image.w};
    if (!status) sav_image_on_white(&image);
    if (!status) status = fit(&first, size, v, picture, how, err);
    if (!status) status = resize(&once, first, image.rgb, picture, utils, err);
    if (!status) status = resize(rgb, *size, once, first, processor, err);
    sav_image_free(&image);
    sav_free(once);
    if (status && !named) sav_error_prefix(err, "%s", path);
    return status;
}

/* A picture of H x W pixels: its grid, tokens, patches. */
static void count_patches(sav_picture *out, size_t H, size_t W, const sav_patch_grid *grid) {
    const size_t gh = H / grid->patch, gw = W / grid->patch;
    out->sizes[0] = 1;
    out->sizes[1] = (int64_t)gh;
    out->sizes[2] = (int64_t)gw;
    out->units = gh * gw;
    out->tokens = gh * gw / (grid->merge * grid->merge);
    out->floats = out->units * 3 * grid->temporal * grid->patch * grid->patch;
}

/* pixels: [P, 1176]. */
static sav_status bring(sav_picture *out, const sav_model *model, const char *path, sav_pictures *how,
                        sav_error *err) {
    const qwen_vl *v = model->vision;
    const sav_patch_grid *grid = &v->tower.config.grid;
    unsigned char *rgb = NULL;
    sav_size size = {0};
    sav_status status = read_picture(&rgb, &size, v, path, how, err);
    if (!status) {
        count_patches(out, size.h, size.w, grid);
        out->pixels = sav_alloc(out->floats, sizeof *out->pixels);
        if (out->pixels)
            sav_patches_fill(out->pixels, rgb, (size_t)out->sizes[1], (size_t)out->sizes[2], grid,
                             &v->pixel_table);
        else
            status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu patches", path, out->units);
    }
    sav_free(rgb);
    return status;
}

static sav_status look(sav_look *out, const sav_model *model, const char *path, sav_pictures *how,
                       sav_error *err) {
    const qwen_vl *v = model->vision;
    /* pixels of one token */
    const size_t patch = v->tower.config.grid.patch, side = patch * v->tower.config.grid.merge;
    sav_image image = {0};
    *out = (sav_look){.plan = {.tiles = 1}};
    sav_status status = sav_pictures_read(&image, path, how, err);
    out->plan.h = image.h, out->plan.w = image.w;
    sav_image_free(&image);
    sav_size size = {0};
    if (!status) status = read_picture(&out->rgb, &size, v, path, how, err);
    if (status) {
        sav_free(out->rgb);
        return status;
    }
    out->tile_h = size.h, out->tile_w = size.w;
    out->plan.nh = out->tile_h, out->plan.nw = out->tile_w;
    out->plan.rows = out->tile_h / patch, out->plan.columns = out->tile_w / patch;
    out->plan.map_h = out->tile_h / side, out->plan.map_w = out->tile_w / side;
    out->plan.tokens = out->plan.map_h * out->plan.map_w;
    return SAV_OK;
}

static sav_status suppose(sav_picture *out, const sav_model *model, size_t h, size_t w,
                          const sav_pictures *how, sav_error *err) {
    const qwen_vl *v = model->vision;
    sav_size first, last;
    sav_status status = fit(&first, &last, v, (sav_size){h, w}, how, err);
    if (!status) count_patches(out, last.h, last.w, &v->tower.config.grid);
    return status;
}

/* M-RoPE: a counter n walks the tokens; behind a picture it goes on at 1 + the largest coordinate in it. */
static sav_status place(sav_input *in, const sav_model *model, const sav_picture *const *pictures,
                        sav_error *err) {
    const int64_t merge = (int64_t)((const qwen_vl *)model->vision)->tower.config.grid.merge;
    const size_t T = in->T;
    int64_t n = 0;
    size_t picture = 0;
    if (!(in->positions = sav_alloc(T, 3 * sizeof *in->positions)))
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tokens", T);
    for (size_t t = 0; t < T;) {
        if (picture == in->images || t != in->starts[picture]) {
            for (size_t axis = 0; axis < 3; axis++) in->positions[axis * T + t] = n;
            t++;
            n++;
            continue;
        }
        const int64_t rows = pictures[picture]->sizes[1] / merge, cols = pictures[picture]->sizes[2] / merge;
        for (int64_t y = 0; y < rows; y++)
            for (int64_t x = 0; x < cols; x++, t++) {
                in->positions[t] = n;
                in->positions[T + t] = n + y;
                in->positions[2 * T + t] = n + x;
            }
        n += rows > cols ? rows : cols;
        picture++;
    }
    return SAV_OK;
}

/* ---- embedding ----------------------------------------------------------------------------------------- */

typedef struct qwen_scratch {
    sav_qwen_vit_scratch tower;
    int64_t *grids; /* [count, 3] */
    float *pixels;  /* [P, 1176] of all pictures; NULL: there is one, and its own are used */
    float *rows;    /* [P/4, D] */
    size_t P;
} qwen_scratch;

static void *plan(sav_arena *arena, const sav_model *model, const sav_picture *const *pictures, size_t count,
                  bool whole) {
    const sav_qwen_vit_config *c = &((const qwen_vl *)model->vision)->tower.config;
    size_t rows = 0, floats = 0;
    qwen_scratch s = {0}, *kept = sav_arena_take(arena, 1, sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        s.P += pictures[i]->units;
        floats += pictures[i]->floats;
    }
    if (!sav_mul(&rows, s.P / (c->grid.merge * c->grid.merge), c->D)) arena->overflow = true;
    s.grids = sav_arena_take(arena, count, 3 * sizeof *s.grids);
    if (count > 1) s.pixels = sav_arena_take(arena, floats, sizeof *s.pixels);
    sav_qwen_vit_plan(&s.tower, arena, c, s.P, count, whole); /* a picture is one frame */
    s.rows = sav_arena_take(arena, rows, sizeof *s.rows);
    if (kept) *kept = s;
    return kept;
}

/* The pictures' grids and pixels, one behind the other. */
static const float *join(qwen_scratch *s, const sav_picture *const *pictures, size_t count) {
    float *to = s->pixels;
    for (size_t i = 0; i < count; i++) {
        memcpy(s->grids + 3 * i, pictures[i]->sizes, 3 * sizeof *s->grids);
        if (count == 1) return pictures[0]->pixels;
        memcpy(to, pictures[i]->pixels, pictures[i]->floats * sizeof *to);
        to += pictures[i]->floats;
    }
    return s->pixels;
}

static void show(sav_trace *trace, const sav_model *model, const sav_picture *const *pictures, size_t count,
                 void *scratch) {
    const sav_patch_grid *grid = &((const qwen_vl *)model->vision)->tower.config.grid;
    qwen_scratch *s = scratch;
    const size_t sizes[2] = {count, 3}, pixels[2] = {s->P, 3 * grid->temporal * grid->patch * grid->patch};
    const float *all = join(s, pictures, count);
    sav_show_integers(trace, s->grids, 2, sizes, "image_grid_thw");
    sav_show_pixels(trace, all, 2, pixels, "pixel_values");
}

static void embed(float *const *to, const sav_model *model, const sav_picture *const *pictures, size_t count,
                  void *scratch, const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const qwen_vl *v = model->vision;
    qwen_scratch *s = scratch;
    const size_t D = v->tower.config.D;
    const float *rows = s->rows, *pixels = join(s, pictures, count);
    sav_qwen_vit_forward(s->rows, pixels, s->grids, count, &v->tower, &s->tower, kernels, run, trace);
    for (size_t i = 0; i < count; i++) {
        memcpy(to[i], rows, pictures[i]->tokens * D * sizeof *rows);
        rows += pictures[i]->tokens * D;
    }
}

static size_t matrices(const sav_matrix **out, const sav_model *model, size_t layer) {
    const sav_qwen_vit *m = &((const qwen_vl *)model->vision)->tower;
    if (layer == 0) {
        out[0] = &m->patch_embed;
        return 1;
    }
    if (layer > m->config.layers) {
        out[0] = &m->mlp_0, out[1] = &m->mlp_2;
        return 2;
    }
    const sav_qwen_vit_block *block = &m->blocks[layer - 1];
    const sav_matrix *all[] = {&block->qkv, &block->proj, &block->fc1, &block->fc2, &block->up};
    const size_t count = m->config.window ? 5 : 4; /* up is a gated MLP's */
    memcpy(out, all, count * sizeof *all);
    return count;
}

static void limits(size_t *K, size_t *rows, size_t *keys, size_t *d, const sav_model *model,
                   const sav_picture *const *pictures, size_t count) {
    const sav_qwen_vit_config *c = &((const qwen_vl *)model->vision)->tower.config;
    const size_t wide = c->grid.merge * c->grid.merge * c->E,
                 columns = 3 * c->grid.temporal * c->grid.patch * c->grid.patch;
    *K = wide > c->M ? wide : c->M;
    if (columns > *K) *K = columns;
    *rows = *keys = 0;
    for (size_t i = 0; i < count; i++) {
        *rows += pictures[i]->units;
        if (pictures[i]->units > *keys) *keys = pictures[i]->units; /* a frame; a picture has one */
    }
    *d = c->E / c->heads;
}

static const char *const NAMES_2[] = {"Qwen2VLForConditionalGeneration", NULL};
static const char *const NAMES_2_5[] = {"Qwen2_5_VLForConditionalGeneration", NULL};

#define FAMILY(title, names, opens)                                                                    \
    {                                                                                                  \
        .name = title, .architectures = names, .fallback = SAV_LAYOUT_QWEN_VL, .open = opens,          \
        .place = place, .read = bring, .suppose = suppose, .plan = plan, .show = show, .embed = embed, \
        .matrices = matrices, .limits = limits, .look = look, .bounded = true                          \
    }

const sav_family sav_family_qwen2_vl = FAMILY("qwen2_vl", NAMES_2, open_2);
const sav_family sav_family_qwen2_5_vl = FAMILY("qwen2_5_vl", NAMES_2_5, open_2_5);
