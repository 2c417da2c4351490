/* llava_onevision.c: LLaVA-OneVision: how a picture becomes tokens.
 *
 *   picture [h, w] -> tiles: base + grid (image/tiles.c) -> SigLIP, projector (vision/siglip.c) [tiles,
 *       g*g, D]
 *     -> base rows, then the grid's tiles joined to one map, unpadded, maybe shrunk,
 *         a newline behind each row
 *     -> the rows of the placeholder tokens
 *
 * Source: transformers 4.51.3, models/llava_onevision/. Positions are 0 … T - 1.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "models/model.h"
#include "vision/siglip.h"

/* What the family keeps in model->vision. */
typedef struct llava {
    sav_siglip tower;
    sav_projector projector;
    const float *image_newline; /* [D] */
    sav_anyres_grid grid;
    sav_filter filter;
    sav_pixel_table pixel_table;
} llava;

/* ---- names --------------------------------------------------------------------------------------------- */

#define DECODER "language_model.model."

static const sav_rename HF_4_52[] = {{"image_newline", "model.image_newline"},
                                     {"vision_tower.", "model.vision_tower."},
                                     {"multi_modal_projector.", "model.multi_modal_projector."},
                                     {DECODER, "model.language_model."},
                                     {"language_model.lm_head.", "lm_head."},
                                     {NULL, NULL}};
static const sav_rename LMMS_LAB[] = {{"image_newline", "model.image_newline"},
                                      {"vision_tower.", "model.vision_tower.vision_tower."},
                                      {"multi_modal_projector.linear_1.", "model.mm_projector.0."},
                                      {"multi_modal_projector.linear_2.", "model.mm_projector.2."},
                                      {DECODER, "model."},
                                      {"language_model.lm_head.", "lm_head."},
                                      {NULL, NULL}};

static bool any_begins(const sav_weights *weights, const char *begin) {
    for (size_t i = 0; i < sav_weights_count(weights); i++)
        if (strncmp(sav_weights_at(weights, i)->name, begin, strlen(begin)) == 0) return true;
    return false;
}

/* Files written by transformers >= 4.52 may still carry the old names, so the names decide, not the
 * version. */
static const sav_rename *layout_of(const sav_weights *weights) {
    if (any_begins(weights, "model.mm_projector.")) return LMMS_LAB;
    return any_begins(weights, "model.language_model.") ? HF_4_52 : NULL;
}

/* ---- config -------------------------------------------------------------------------------------------- */

/* [[h, w], …], or "(1x1),…,(6x6)" in units of the tile, as lmms-lab writes it. */
static sav_status read_pinpoints(sav_model *model, llava *v, const sav_json *node, const char *name,
                                 sav_error *err) {
    size_t count = 0, *pairs;
    bool text = node && node->kind == SAV_JSON_STRING, list = node && node->kind == SAV_JSON_ARRAY;
    size_t room = list ? node->count : 36;
    if (!(pairs = sav_model_own(model, room * 2, sizeof *pairs)))
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", name);
    if (list) {
        for (const sav_json *pair = node->child; pair; pair = pair->next, count++) {
            int64_t h, w;
            if (pair->kind != SAV_JSON_ARRAY || pair->count != 2 || !sav_json_integer(&h, pair->child) ||
                !sav_json_integer(&w, pair->child->next) || h < 1 || w < 1 || h > 1 << 20 || w > 1 << 20)
                return sav_fail(err, SAV_BAD_INPUT,
                                "%s:%u: \"image_grid_pinpoints\": expected pairs [height, width] of pixels",
                                name, pair->line);
            pairs[2 * count] = (size_t)h;
            pairs[2 * count + 1] = (size_t)w;
        }
    } else if (!node || (text && strcmp(node->text, "(1x1),...,(6x6)") == 0)) {
        const size_t unit = node ? v->grid.tile : 384; /* the class default is in pixels */
        for (size_t h = 1; h <= 6; h++)
            for (size_t w = 1; w <= 6; w++, count++) {
                pairs[2 * count] = h * unit;
                pairs[2 * count + 1] = w * unit;
            }
    }
    if (count == 0)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: \"image_grid_pinpoints\": expected pairs [height, width] or \"(1x1),...,(6x6)\"",
                        name);
    for (size_t i = 0; i < 2 * count; i++)
        if (pairs[i] % v->grid.tile)
            return sav_fail(
                err, SAV_BAD_INPUT,
                "%s: \"image_grid_pinpoints\": found %zu; expected a multiple of the tile side %zu", name,
                pairs[i], v->grid.tile);
    v->grid.pinpoints = pairs;
    v->grid.count = count;
    return SAV_OK;
}

/* PARITY: the processor hard-codes 9, so another N makes the library itself fail; it is refused here by
 * name. */
static sav_status read_grid(sav_model *model, llava *v, const sav_json *config, const char *key,
                            const char *name, sav_error *err) {
    const char *aspect;
    sav_status status = sav_json_string(&aspect, config, key, "anyres_max_9", name, err);
    if (status) return status;
    if (strcmp(aspect, "anyres_max_9") != 0)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: \"%s\": found \"%.60s\"; expected \"anyres_max_9\"", name,
                        key, aspect);
    v->grid.max_tiles = 9;
    return read_pinpoints(model, v, sav_json_get(config, "image_grid_pinpoints"), name, err);
}

/* preprocessor_config.json. PARITY: without the file the class defaults are CLIP's mean and std; lmms-lab's
 * folders have none and mean SigLIP's .5 (test: golden/llava, cases lmms). */
static sav_status read_preprocessor(const sav_model *model, llava *v, bool lmms, sav_error *err) {
    static const double half[3] = {0.5, 0.5, 0.5}, clip_mean[3] = {0.48145466, 0.4578275, 0.40821073},
                        clip_std[3] = {0.26862954, 0.26130258, 0.27577711};
    sav_json_doc *doc = NULL;
    sav_text path = {0};
    sav_status status = SAV_OK;
    sav_text_printf(&path, "%s/preprocessor_config.json", model->folder);
    if (path.failed) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    if (!lmms && sav_os_exists(path.bytes)) status = sav_json_read(&doc, path.bytes, err);
    if (!status)
        status = sav_pixel_table_read(&v->pixel_table, &v->filter, doc ? sav_json_root(doc) : NULL,
                                      path.bytes, lmms ? half : clip_mean, lmms ? half : clip_std, err);
    sav_json_free(doc);
    sav_text_free(&path);
    return status;
}

/* PARITY: defaults of LlavaOnevisionConfig when vision_config is absent, of SiglipVisionConfig when only a
 * field is. */
static sav_status read_tower(sav_siglip_config *c, const sav_json *vision, const char *name, sav_error *err) {
    const char *act;
    sav_status status;
    if ((status = sav_json_size(&c->C, vision, "hidden_size", 768, name, err)) ||
        (status = sav_json_size(&c->F, vision, "intermediate_size", 3072, name, err)) ||
        (status = sav_json_size(&c->layers, vision, "num_hidden_layers", 12, name, err)) ||
        (status = sav_json_size(&c->heads, vision, "num_attention_heads", 12, name, err)) ||
        (status = sav_json_size(&c->tile, vision, "image_size", 224, name, err)) ||
        (status = sav_json_size(&c->patch, vision, "patch_size", 16, name, err)) ||
        (status = sav_json_double(&c->norm_eps, vision, "layer_norm_eps", 1e-6, name, err)) ||
        (status = sav_json_string(&act, vision, "hidden_act", "gelu_pytorch_tanh", name, err)))
        return status;
    if (strcmp(act, "gelu_pytorch_tanh") != 0)
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s: vision \"hidden_act\": found \"%.60s\"; expected \"gelu_pytorch_tanh\"", name,
                        act);
    return SAV_OK;
}

static sav_status check_tower(sav_siglip_config *c, const char *name, sav_error *err) {
    if (!c->C || !c->F || !c->layers || !c->heads || c->C % c->heads || !c->patch || c->tile < c->patch ||
        c->tile > 4096 || c->C > 1u << 16 || c->F > 1u << 18 || c->layers > 1u << 10)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: vision sizes that do not fit: hidden_size %zu, %zu heads, intermediate_size "
                        "%zu, %zu layers, "
                        "image_size %zu, patch_size %zu",
                        name, c->C, c->heads, c->F, c->layers, c->tile, c->patch);
    c->g = c->tile / c->patch;
    return SAV_OK;
}

/* An ordinary Hugging Face config. */
static sav_status read_hf(sav_model *model, llava *v, const sav_json *config, const char *name,
                          sav_error *err) {
    const sav_json *text = sav_json_get(config, "text_config"),
                   *vision = sav_json_get(config, "vision_config");
    const char *act, *strategy;
    size_t image = 151646;
    bool bias;
    sav_status status;
    if (!text || text->kind != SAV_JSON_OBJECT || !vision || vision->kind != SAV_JSON_OBJECT)
        return sav_fail(err, SAV_BAD_INPUT, "%s: expected objects \"text_config\" and \"vision_config\"",
                        name);
    if ((status = sav_qwen2_read_config(&model->llm.config, text, NULL, &sav_qwen2_absent, name, err)) ||
        (status = read_tower(&v->tower.config, vision, name, err)) ||
        (status = check_tower(&v->tower.config, name, err)) ||
        (status = sav_json_size(&image, config, "image_token_id", image, name, err)) ||
        (status = sav_json_size(&image, config, "image_token_index", image, name, err)) ||
        (status = sav_json_string(&act, config, "projector_hidden_act", "gelu", name, err)) ||
        (status = sav_json_string(&strategy, config, "vision_feature_select_strategy", "full", name, err)) ||
        (status = sav_json_bool(&bias, config, "multimodal_projector_bias", true, name, err)))
        return status;
    /* the library reads that row of the embedding before it puts the picture there */
    if (image >= model->llm.config.V)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: \"image_token_index\": found %zu; expected an id below vocab_size %zu", name,
                        image, model->llm.config.V);
    const sav_json *layer = sav_json_get(config, "vision_feature_layer");
    int64_t feature_layer = -1;
    if (layer && (!sav_json_integer(&feature_layer, layer) || feature_layer != -1))
        return sav_fail(err, SAV_UNSUPPORTED, "%s:%u: \"vision_feature_layer\": expected -1", name,
                        layer->line);
    if (strcmp(act, "gelu") != 0 || strcmp(strategy, "full") != 0 || !bias)
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s: found projector_hidden_act \"%.30s\", vision_feature_select_strategy \"%.30s\", "
                        "projector bias %s; "
                        "expected \"gelu\", \"full\", true",
                        name, act, strategy, bias ? "true" : "false");
    model->image_token = (uint32_t)image;
    v->grid.tile = v->tower.config.tile;
    v->grid.patch = v->tower.config.patch;
    return read_grid(model, v, config, "vision_aspect_ratio", name, err);
}

/* lmms-lab's own config: Qwen2's fields flat; widths and depth of the tower from the tensors' shapes. */
static sav_status read_lmms(sav_model *model, llava *v, sav_binder *b, const sav_json *config,
                            const char *name, sav_error *err) {
    sav_siglip_config *c = &v->tower.config;
    const char *projector, *merge;
    size_t image = 151646, layers = 0;
    sav_status status;
    if ((status = sav_qwen2_read_config(&model->llm.config, config, NULL, &sav_qwen2_absent, name, err)) ||
        (status = sav_json_size(&image, config, "image_token_index", image, name, err)) ||
        (status = sav_json_string(&projector, config, "mm_projector_type", "mlp2x_gelu", name, err)) ||
        (status = sav_json_string(&merge, config, "mm_patch_merge_type", "spatial_unpad", name, err)))
        return status;
    if (strcmp(projector, "mlp2x_gelu") != 0 || strcmp(merge, "spatial_unpad") != 0)
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s: found mm_projector_type \"%.30s\", mm_patch_merge_type \"%.30s\"; expected "
                        "\"mlp2x_gelu\", \"spatial_unpad\"",
                        name, projector, merge);
    if (image >= SAV_TOKEN_NONE)
        return sav_fail(err, SAV_BAD_INPUT, "%s: \"image_token_index\": found %zu; expected a token id", name,
                        image);
    const sav_tensor *patch = sav_bind_peek(b, "vision_tower.vision_model.embeddings.patch_embedding.weight");
    const sav_tensor *position =
        sav_bind_peek(b, "vision_tower.vision_model.embeddings.position_embedding.weight");
    const sav_tensor *fc1 = sav_bind_peek(b, "vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias");
    while (sav_bind_peek(b, "vision_tower.vision_model.encoder.layers.%zu.layer_norm1.weight", layers))
        layers++;
    if (!patch || patch->rank != 4 || !position || position->rank != 2 || !fc1 || fc1->rank != 1)
        return sav_fail(
            err, SAV_BAD_INPUT,
            "%s: the folder's tensors hold no SigLIP tower; expected model.vision_tower.vision_tower.…",
            model->folder);
    *c = (sav_siglip_config){.layers = layers,
                             .C = patch->shape[0],
                             .heads = 16,
                             .F = fc1->shape[0],
                             .patch = patch->shape[2],
                             .norm_eps = 1e-6};
    model->image_token = (uint32_t)image;
    /* The tile is the smallest pinpoint; as text, pinpoints count tiles of 384. */
    const sav_json *points = sav_json_get(config, "image_grid_pinpoints");
    c->tile = v->grid.tile = 384;
    if (points && points->kind == SAV_JSON_ARRAY) {
        c->tile = SIZE_MAX;
        for (const sav_json *pair = points->child; pair; pair = pair->next) {
            int64_t side;
            for (const sav_json *n = pair->child; n; n = n->next)
                if (sav_json_integer(&side, n) && side > 0 && (size_t)side < c->tile) c->tile = (size_t)side;
        }
    }
    if ((status = check_tower(c, name, err)) != SAV_OK) return status;
    if (c->g * c->g != position->shape[0])
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: tiles of %zu pixels give %zu patches; the position embedding has %zu", name,
                        c->tile, c->g * c->g, position->shape[0]);
    v->grid.tile = c->tile;
    v->grid.patch = c->patch;
    return read_grid(model, v, config, "image_aspect_ratio", name, err);
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

#define TOWER "vision_tower.vision_model."

static void bind_layer(sav_binder *b, sav_siglip_layer *layer, size_t i, const sav_siglip_config *c) {
    layer->norm1 = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.layer_norm1.weight", i);
    layer->norm1_bias = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.layer_norm1.bias", i);
    layer->q_proj = sav_bind_matrix(b, c->C, c->C, TOWER "encoder.layers.%zu.self_attn.q_proj.weight", i);
    layer->q_bias = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.self_attn.q_proj.bias", i);
    layer->k_proj = sav_bind_matrix(b, c->C, c->C, TOWER "encoder.layers.%zu.self_attn.k_proj.weight", i);
    layer->k_bias = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.self_attn.k_proj.bias", i);
    layer->v_proj = sav_bind_matrix(b, c->C, c->C, TOWER "encoder.layers.%zu.self_attn.v_proj.weight", i);
    layer->v_bias = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.self_attn.v_proj.bias", i);
    layer->out_proj = sav_bind_matrix(b, c->C, c->C, TOWER "encoder.layers.%zu.self_attn.out_proj.weight", i);
    layer->out_bias = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.self_attn.out_proj.bias", i);
    layer->norm2 = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.layer_norm2.weight", i);
    layer->norm2_bias = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.layer_norm2.bias", i);
    layer->fc1 = sav_bind_matrix(b, c->F, c->C, TOWER "encoder.layers.%zu.mlp.fc1.weight", i);
    layer->fc1_bias = sav_bind_vector(b, c->F, TOWER "encoder.layers.%zu.mlp.fc1.bias", i);
    layer->fc2 = sav_bind_matrix(b, c->C, c->F, TOWER "encoder.layers.%zu.mlp.fc2.weight", i);
    layer->fc2_bias = sav_bind_vector(b, c->C, TOWER "encoder.layers.%zu.mlp.fc2.bias", i);
}

static void bind_tower(sav_binder *b, sav_model *model, llava *v) {
    sav_siglip *m = &v->tower;
    const sav_siglip_config *c = &m->config;
    const size_t D = model->llm.config.D;
    m->layers = sav_model_own(model, c->layers, sizeof *m->layers);
    if (!b->status && !m->layers) b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    const size_t filters[4] = {c->C, 3, c->patch, c->patch};
    m->patch_embedding = sav_bind_filters(b, 4, filters, TOWER "embeddings.patch_embedding.weight");
    m->patch_bias = sav_bind_vector(b, c->C, TOWER "embeddings.patch_embedding.bias");
    m->position_embedding = sav_bind_rows(b, c->g * c->g, c->C, TOWER "embeddings.position_embedding.weight");
    for (size_t i = 0; i < c->layers && !b->status; i++) bind_layer(b, &m->layers[i], i, c);
    /* PARITY: in the checkpoint, in the graph, in nobody's input */
    sav_bind_ignore(b, TOWER "post_layernorm.");
    sav_bind_ignore(b, TOWER "head.");
    v->projector.linear_1 = sav_bind_matrix(b, D, c->C, "multi_modal_projector.linear_1.weight");
    v->projector.bias_1 = sav_bind_vector(b, D, "multi_modal_projector.linear_1.bias");
    v->projector.linear_2 = sav_bind_matrix(b, D, D, "multi_modal_projector.linear_2.weight");
    v->projector.bias_2 = sav_bind_vector(b, D, "multi_modal_projector.linear_2.bias");
    v->image_newline = sav_bind_vector(b, D, "image_newline");
}

static void describe(sav_model_info *info, const sav_siglip_config *c) {
    info->vision_layers = c->layers;
    info->vision_width = c->C;
    info->vision_heads = c->heads;
    info->tile = c->tile;
}

static sav_status open_model(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    const sav_rename *renames = layout_of(model->weights);
    sav_binder b;
    llava *v = model->vision = sav_model_own(model, 1, sizeof *v);
    if (!v) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    sav_status status = sav_binder_begin(&b, model, renames, err);
    if (status) return status;
    b.status = renames == LMMS_LAB ? read_lmms(model, v, &b, config, name, err)
                                   : read_hf(model, v, config, name, err);
    if (!b.status) b.status = read_preprocessor(model, v, renames == LMMS_LAB, err);
    if (!b.status) bind_tower(&b, model, v);
    if (!b.status) sav_qwen2_bind(&b, &model->llm, DECODER, "language_model.");
    describe(&model->info, &v->tower.config);
    return sav_binder_end(&b);
}

/* ---- a prompt's pictures ------------------------------------------------------------------------------- */

/* One picture: read, planned; its tiles as bytes into *tiles (the caller frees). */
static sav_status read_picture(unsigned char **tiles, sav_anyres *plan, const llava *v, const char *path,
                               sav_pictures *how, sav_error *err) {
    sav_image image = {0};
    size_t bytes;
    sav_status status = sav_pictures_read(&image, path, how, err);
    if (!status) status = sav_anyres_plan(plan, image.h, image.w, &v->grid, err);
    if (!status &&
        (!sav_mul(&bytes, plan->tiles, 3 * plan->tile * plan->tile) || !(*tiles = sav_alloc(bytes, 1))))
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu tiles", path, plan->tiles);
    if (!status)
        status = sav_tiles_cut(*tiles, image.rgb, plan, (sav_resampling){v->filter, how->pillow}, err);
    sav_image_free(&image);
    return status;
}

static void count_tiles(sav_picture *out) {
    out->tokens = out->plan.tokens;
    out->units = out->plan.tiles;
    out->floats = out->units * 3 * out->plan.tile * out->plan.tile;
    out->sizes[0] = (int64_t)out->plan.h;
    out->sizes[1] = (int64_t)out->plan.w;
}

/* pixels: [tiles, 3, s, s]. */
static sav_status bring(sav_picture *out, const sav_model *model, const char *path, sav_pictures *how,
                        sav_error *err) {
    const llava *v = model->vision;
    unsigned char *tiles = NULL;
    sav_status status = read_picture(&tiles, &out->plan, v, path, how, err);
    if (!status) {
        count_tiles(out);
        out->pixels = sav_alloc(out->floats, sizeof *out->pixels);
        if (out->pixels)
            sav_tiles_normalise(out->pixels, tiles, out->units, v->grid.tile, &v->pixel_table);
        else
            status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu tiles of %zu pixels", path,
                              out->units, v->grid.tile * v->grid.tile);
    }
    sav_free(tiles);
    return status;
}

static sav_status look(sav_look *out, const sav_model *model, const char *path, sav_pictures *how,
                       sav_error *err) {
    const llava *v = model->vision;
    *out = (sav_look){.tile_h = v->grid.tile, .tile_w = v->grid.tile};
    sav_status status = read_picture(&out->rgb, &out->plan, v, path, how, err);
    if (status) sav_free(out->rgb);
    return status;
}

static sav_status suppose(sav_picture *out, const sav_model *model, size_t h, size_t w,
                          const sav_pictures *how, sav_error *err) {
    const llava *v = model->vision;
    (void)how;
    sav_status status = sav_anyres_plan(&out->plan, h, w, &v->grid, err);
    if (!status) count_tiles(out);
    return status;
}

/* ---- embedding ----------------------------------------------------------------------------------------- */

typedef struct llava_scratch {
    sav_siglip_scratch tower;
    const float **tiles; /* [units] into the pictures' pixels */
    float *features;     /* [units, g*g, D] the projector's output */
    /* [most rows * columns, D] a picture's open map before it is shrunk; NULL when none is */
    float *map;
    int64_t *sizes; /* [count, 2] and */
    /* [count, most tiles, 3, s, s]: as the processor returns them; NULL when nobody will look */
    float *padded;
    size_t most;
} llava_scratch;

static void *plan(sav_arena *arena, const sav_model *model, const sav_picture *const *pictures, size_t count,
                  bool whole) {
    const llava *v = model->vision;
    const size_t D = model->llm.config.D, P = v->tower.config.g * v->tower.config.g,
                 s2 = v->grid.tile * v->grid.tile;
    size_t features = 0, map = 0, largest = 0, units = 0, padded = 0;
    llava_scratch s = {0}, *kept = sav_arena_take(arena, 1, sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        const sav_anyres *p = &pictures[i]->plan;
        size_t cells = p->open_h * p->open_w;
        if (p->shrunk && cells > largest) largest = cells;
        if (p->tiles > s.most) s.most = p->tiles;
        units += p->tiles;
    }
    if (!sav_mul(&features, units, P) || !sav_mul(&features, features, D) || !sav_mul(&map, largest, D) ||
        !sav_mul(&padded, count * s.most, 3 * s2))
        arena->overflow = true;
    sav_siglip_plan(&s.tower, arena, &v->tower.config, D, units, whole);
    s.tiles = sav_arena_take(arena, units, sizeof *s.tiles);
    s.features = sav_arena_take(arena, features, sizeof *s.features);
    if (map) s.map = sav_arena_take(arena, map, sizeof *s.map);
    if (whole) s.sizes = sav_arena_take(arena, count, 2 * sizeof *s.sizes);
    if (whole) s.padded = sav_arena_take(arena, padded, sizeof *s.padded);
    if (kept) *kept = s;
    return kept;
}

/* The processor pads each picture with zero tiles to the most that one has. */
static void show(sav_trace *trace, const sav_model *model, const sav_picture *const *pictures, size_t count,
                 void *scratch) {
    const llava_scratch *s = scratch;
    const size_t side = ((const llava *)model->vision)->grid.tile, room = s->most * 3 * side * side;
    const size_t sizes[2] = {count, 2}, pixels[5] = {count, s->most, 3, side, side};
    for (size_t i = 0; i < count; i++) {
        memcpy(s->sizes + 2 * i, pictures[i]->sizes, 2 * sizeof *s->sizes);
        memset(s->padded + i * room, 0, room * sizeof *s->padded);
        memcpy(s->padded + i * room, pictures[i]->pixels, pictures[i]->floats * sizeof *s->padded);
    }
    sav_show_integers(trace, s->sizes, 2, sizes, "image_sizes");
    sav_show_pixels(trace, s->padded, 5, pixels, "pixel_values");
}

/* One picture's features [tiles, g*g, D] -> its tokens, out [tokens, D]. */
static void pack(float *out, const float *features, float *map, const sav_anyres *p, const float *newline,
                 size_t D, const sav_run *run) {
    const size_t g = p->g, P = g * g;
    float *rows = out + P * D; /* [map_h, map_w + 1, D] behind the base tile's rows */
    const size_t stride = (p->map_w + 1) * D;
    memcpy(out, features, P * D * sizeof *out);
    for (size_t y = 0; y < p->open_h; y++)
        for (size_t x = 0; x < p->open_w; x++) {
            size_t fy = p->cut_y + y, fx = p->cut_x + x; /* in the map of the whole grid: tile, then patch */
            size_t tile = 1 + fy / g * p->columns + fx / g, patch = fy % g * g + fx % g;
            float *to = p->shrunk ? map + (y * p->open_w + x) * D : rows + y * stride + x * D;
            memcpy(to, features + (tile * P + patch) * D, D * sizeof *to);
        }
    if (p->shrunk)
        sav_bilinear(rows, map, &(sav_resize){p->open_h, p->open_w, p->map_h, p->map_w, stride, D}, run);
    for (size_t y = 0; y < p->map_h; y++)
        for (size_t i = 0; i < D; i++)
            rows[y * stride + p->map_w * D + i] = sav_round((double)newline[i], run->R);
}

static void embed(float *const *to, const sav_model *model, const sav_picture *const *pictures, size_t count,
                  void *scratch, const sav_kernels *kernels, const sav_run *run, sav_trace *trace) {
    const llava *v = model->vision;
    llava_scratch *s = scratch;
    const size_t D = model->llm.config.D, P = v->tower.config.g * v->tower.config.g,
                 one = 3 * v->grid.tile * v->grid.tile;
    const float *features = s->features;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < pictures[i]->units; j++) s->tiles[n++] = pictures[i]->pixels + j * one;
    sav_siglip_forward(s->features, s->tiles, n, &v->tower, &v->projector, &s->tower, kernels, run, trace);
    for (size_t i = 0; i < count; i++) {
        pack(to[i], features, s->map, &pictures[i]->plan, v->image_newline, D, run);
        features += pictures[i]->units * P * D;
    }
}

static size_t matrices(const sav_matrix **out, const sav_model *model, size_t layer) {
    const llava *v = model->vision;
    if (layer == 0) {
        out[0] = &v->tower.patch_embedding;
        return 1;
    }
    if (layer > v->tower.config.layers) {
        out[0] = &v->projector.linear_1, out[1] = &v->projector.linear_2;
        return 2;
    }
    const sav_siglip_layer *l = &v->tower.layers[layer - 1];
    const sav_matrix *all[] = {&l->q_proj, &l->k_proj, &l->v_proj, &l->out_proj, &l->fc1, &l->fc2};
    memcpy(out, all, sizeof all);
    return sizeof all / sizeof *all;
}

static void limits(size_t *K, size_t *rows, size_t *keys, size_t *d, const sav_model *model,
                   const sav_picture *const *pictures, size_t count) {
    const sav_siglip_config *c = &((const llava *)model->vision)->tower.config;
    const size_t P = c->g * c->g, D = model->llm.config.D, patch = 3 * c->patch * c->patch;
    *K = c->F > D ? c->F : D;
    if (c->C > *K) *K = c->C;
    if (patch > *K) *K = patch;
    *rows = 0;
    for (size_t i = 0; i < count; i++) *rows += pictures[i]->units * P;
    *keys = P;
    *d = c->C / c->heads;
}

static const char *const NAMES[] = {"LlavaOnevisionForConditionalGeneration", "LlavaQwenForCausalLM", NULL};

const sav_family sav_family_llava_onevision = {.name = "llava_onevision",
                                               .architectures = NAMES,
                                               .fallback = SAV_LAYOUT_QWEN_1_5,
                                               .open = open_model,
                                               .read = bring,
                                               .suppose = suppose,
                                               .plan = plan,
                                               .show = show,
                                               .embed = embed,
                                               .matrices = matrices,
                                               .limits = limits,
                                               .look = look};
