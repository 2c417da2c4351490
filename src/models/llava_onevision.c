/* llava_onevision.c: LLaVA-OneVision: how a picture becomes tokens.
 *
 *   picture [h, w] -> tiles: base + grid (image/tiles.c) -> SigLIP, projector (vision/siglip.c) [tiles, g*g, D]
 *     -> base rows, then the grid's tiles joined to one map, unpadded, maybe shrunk, a newline behind each row
 *     -> the rows of the placeholder tokens
 *
 * Source: transformers 4.51.3, models/llava_onevision/. Positions are 0 … T - 1.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "models/model.h"

/* ---- names ------------------------------------------------------------------------------------------------------- */

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

/* Files written by transformers >= 4.52 may still carry the old names, so the names decide, not the version. */
static const sav_rename *layout_of(const sav_weights *weights) {
    if (sav_weights_find(weights, "model.mm_projector.0.weight")) return LMMS_LAB;
    return sav_weights_find(weights, "model.image_newline") ? HF_4_52 : NULL;
}

/* ---- config ------------------------------------------------------------------------------------------------------ */

/* [[h, w], …], or "(1x1),…,(6x6)" in units of the tile, as lmms-lab writes it. */
static sav_status read_pinpoints(sav_model *model, const sav_json *node, const char *name, sav_error *err) {
    size_t count = 0, *pairs;
    bool text = node && node->kind == SAV_JSON_STRING, list = node && node->kind == SAV_JSON_ARRAY;
    size_t room = list ? node->count : 36;
    if (!(pairs = sav_model_own(model, room * 2, sizeof *pairs))) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", name);
    if (list) {
        for (const sav_json *pair = node->child; pair; pair = pair->next, count++) {
            int64_t h, w;
            if (pair->kind != SAV_JSON_ARRAY || pair->count != 2 || !sav_json_integer(&h, pair->child) ||
                !sav_json_integer(&w, pair->child->next) || h < 1 || w < 1 || h > 1 << 20 || w > 1 << 20)
                return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"image_grid_pinpoints\": expected pairs [height, width] of pixels", name,
                                pair->line);
            pairs[2 * count] = (size_t)h;
            pairs[2 * count + 1] = (size_t)w;
        }
    } else if (!node || (text && strcmp(node->text, "(1x1),...,(6x6)") == 0)) {
        for (size_t h = 1; h <= 6; h++)
            for (size_t w = 1; w <= 6; w++, count++) {
                pairs[2 * count] = h * model->grid.tile;
                pairs[2 * count + 1] = w * model->grid.tile;
            }
    }
    if (count == 0)
        return sav_fail(err, SAV_BAD_INPUT, "%s: \"image_grid_pinpoints\": expected pairs [height, width] or \"(1x1),...,(6x6)\"", name);
    model->grid.pinpoints = pairs;
    model->grid.count = count;
    return SAV_OK;
}

/* PARITY: the processor hard-codes 9, so another N makes the library itself fail; it is refused here by name. */
static sav_status read_grid(sav_model *model, const sav_json *config, const char *key, const char *name, sav_error *err) {
    const char *aspect;
    sav_status status = sav_json_string(&aspect, config, key, "anyres_max_9", name, err);
    if (status) return status;
    if (strcmp(aspect, "anyres_max_9") != 0)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: \"%s\": found \"%.60s\"; expected \"anyres_max_9\"", name, key, aspect);
    model->grid.max_tiles = 9;
    return read_pinpoints(model, sav_json_get(config, "image_grid_pinpoints"), name, err);
}

static sav_status read_triple(double out[3], const sav_json *node, const double absent[3], const char *key, const char *name,
                              sav_error *err) {
    memcpy(out, absent, 3 * sizeof *out);
    if (!node || node->kind == SAV_JSON_NULL) return SAV_OK;
    const sav_json *v = node->kind == SAV_JSON_ARRAY && node->count == 3 ? node->child : NULL;
    for (int i = 0; i < 3; i++, v = v->next) {
        if (!v || v->kind != SAV_JSON_NUMBER)
            return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"%s\": expected three numbers", name, node->line, key);
        out[i] = strtod(v->text, NULL);
    }
    return SAV_OK;
}

/* preprocessor_config.json. PARITY: without the file the class defaults are CLIP's mean and std; lmms-lab's folders have
 * none and mean SigLIP's .5 (test: golden/llava, cases lmms). */
static sav_status read_preprocessor(sav_model *model, bool lmms, sav_error *err) {
    static const double half[3] = {0.5, 0.5, 0.5}, clip_mean[3] = {0.48145466, 0.4578275, 0.40821073},
                        clip_std[3] = {0.26862954, 0.26130258, 0.27577711};
    double mean[3], std[3], rescale = 1.0 / 255;
    size_t resample = 3;
    sav_json_doc *doc = NULL;
    sav_text path = {0};
    sav_status status = SAV_OK;
    const sav_json *root = NULL;
    sav_text_printf(&path, "%s/preprocessor_config.json", model->folder);
    if (path.failed) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    if (!lmms && sav_os_exists(path.bytes) && (status = sav_json_read(&doc, path.bytes, err)) == SAV_OK)
        root = sav_json_root(doc);
    if (!status) status = read_triple(mean, sav_json_get(root, "image_mean"), lmms ? half : clip_mean, "image_mean", path.bytes, err);
    if (!status) status = read_triple(std, sav_json_get(root, "image_std"), lmms ? half : clip_std, "image_std", path.bytes, err);
    if (!status) status = sav_json_double(&rescale, root, "rescale_factor", 1.0 / 255, path.bytes, err);
    if (!status) status = sav_json_size(&resample, root, "resample", 3, path.bytes, err);
    if (!status && (resample < 1 || resample > 3))
        status = sav_fail(err, SAV_UNSUPPORTED, "%s: \"resample\": found %zu; expected 1 (lanczos), 2 (bilinear) or 3 (bicubic)",
                          path.bytes, resample);
    if (!status) {
        model->filter = (sav_filter)resample;
        sav_pixel_table_make(&model->pixel_table, rescale, mean, std);
    }
    sav_json_free(doc);
    sav_text_free(&path);
    return status;
}

/* PARITY: defaults of LlavaOnevisionConfig when vision_config is absent, of SiglipVisionConfig when only a field is. */
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
        return sav_fail(err, SAV_UNSUPPORTED, "%s: vision \"hidden_act\": found \"%.60s\"; expected \"gelu_pytorch_tanh\"", name, act);
    return SAV_OK;
}

static sav_status check_tower(sav_siglip_config *c, const char *name, sav_error *err) {
    if (!c->C || !c->F || !c->layers || !c->heads || c->C % c->heads || !c->patch || c->tile < c->patch || c->tile > 4096 ||
        c->C > 1u << 16 || c->F > 1u << 18 || c->layers > 1u << 10)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: vision sizes that do not fit: hidden_size %zu, %zu heads, intermediate_size %zu, %zu layers, "
                        "image_size %zu, patch_size %zu",
                        name, c->C, c->heads, c->F, c->layers, c->tile, c->patch);
    c->g = c->tile / c->patch;
    return SAV_OK;
}

/* An ordinary Hugging Face config. */
static sav_status read_hf(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    const sav_json *text = sav_json_get(config, "text_config"), *vision = sav_json_get(config, "vision_config");
    const char *act, *strategy;
    size_t image = 151646;
    bool bias;
    sav_status status;
    if (!text || text->kind != SAV_JSON_OBJECT || !vision || vision->kind != SAV_JSON_OBJECT)
        return sav_fail(err, SAV_BAD_INPUT, "%s: expected objects \"text_config\" and \"vision_config\"", name);
    if ((status = sav_qwen2_read_config(&model->llm.config, text, name, err)) ||
        (status = read_tower(&model->tower.config, vision, name, err)) || (status = check_tower(&model->tower.config, name, err)) ||
        (status = sav_json_size(&image, config, "image_token_id", image, name, err)) ||
        (status = sav_json_size(&image, config, "image_token_index", image, name, err)) ||
        (status = sav_json_string(&act, config, "projector_hidden_act", "gelu", name, err)) ||
        (status = sav_json_string(&strategy, config, "vision_feature_select_strategy", "full", name, err)) ||
        (status = sav_json_bool(&bias, config, "multimodal_projector_bias", true, name, err)))
        return status;
    const sav_json *layer = sav_json_get(config, "vision_feature_layer");
    int64_t feature_layer = -1;
    if (layer && (!sav_json_integer(&feature_layer, layer) || feature_layer != -1))
        return sav_fail(err, SAV_UNSUPPORTED, "%s:%u: \"vision_feature_layer\": expected -1", name, layer->line);
    if (strcmp(act, "gelu") != 0 || strcmp(strategy, "full") != 0 || !bias)
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s: found projector_hidden_act \"%.30s\", vision_feature_select_strategy \"%.30s\", projector bias %s; "
                        "expected \"gelu\", \"full\", true",
                        name, act, strategy, bias ? "true" : "false");
    model->image_token = (uint32_t)image;
    model->grid.tile = model->tower.config.tile;
    model->grid.patch = model->tower.config.patch;
    return read_grid(model, config, "vision_aspect_ratio", name, err);
}

/* lmms-lab's own config: Qwen2's fields flat; widths and depth of the tower from the tensors' shapes. */
static sav_status read_lmms(sav_model *model, sav_binder *b, const sav_json *config, const char *name, sav_error *err) {
    sav_siglip_config *c = &model->tower.config;
    const char *projector, *merge;
    size_t image = 151646, layers = 0;
    sav_status status;
    if ((status = sav_qwen2_read_config(&model->llm.config, config, name, err)) ||
        (status = sav_json_size(&image, config, "image_token_index", image, name, err)) ||
        (status = sav_json_string(&projector, config, "mm_projector_type", "mlp2x_gelu", name, err)) ||
        (status = sav_json_string(&merge, config, "mm_patch_merge_type", "spatial_unpad", name, err)))
        return status;
    if (strcmp(projector, "mlp2x_gelu") != 0 || strcmp(merge, "spatial_unpad") != 0)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: found mm_projector_type \"%.30s\", mm_patch_merge_type \"%.30s\"; expected \"mlp2x_gelu\", \"spatial_unpad\"",
                        name, projector, merge);
    const sav_tensor *patch = sav_bind_peek(b, "vision_tower.vision_model.embeddings.patch_embedding.weight");
    const sav_tensor *position = sav_bind_peek(b, "vision_tower.vision_model.embeddings.position_embedding.weight");
    const sav_tensor *fc1 = sav_bind_peek(b, "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight");
    while (sav_bind_peek(b, "vision_tower.vision_model.encoder.layers.%zu.layer_norm1.weight", layers)) layers++;
    if (!patch || patch->rank != 4 || !position || position->rank != 2 || !fc1 || fc1->rank != 2)
        return sav_fail(err, SAV_BAD_INPUT, "%s: the folder's tensors hold no SigLIP tower; expected model.vision_tower.vision_tower.…",
                        model->folder);
    *c = (sav_siglip_config){.layers = layers, .C = patch->shape[0], .heads = 16, .F = fc1->shape[0], .patch = patch->shape[2],
                             .norm_eps = 1e-6};
    model->image_token = (uint32_t)image;
    /* The tile is the smallest pinpoint; as text, pinpoints count tiles of 384. */
    const sav_json *points = sav_json_get(config, "image_grid_pinpoints");
    c->tile = model->grid.tile = 384;
    if (points && points->kind == SAV_JSON_ARRAY) {
        c->tile = SIZE_MAX;
        for (const sav_json *pair = points->child; pair; pair = pair->next) {
            int64_t side;
            for (const sav_json *v = pair->child; v; v = v->next)
                if (sav_json_integer(&side, v) && side > 0 && (size_t)side < c->tile) c->tile = (size_t)side;
        }
    }
    if ((status = check_tower(c, name, err)) != SAV_OK) return status;
    if (c->g * c->g != position->shape[0])
        return sav_fail(err, SAV_BAD_INPUT, "%s: tiles of %zu pixels give %zu patches; the position embedding has %zu", name, c->tile,
                        c->g * c->g, position->shape[0]);
    model->grid.tile = c->tile;
    model->grid.patch = c->patch;
    return read_grid(model, config, "image_aspect_ratio", name, err);
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

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

static void bind_tower(sav_binder *b, sav_model *model) {
    sav_siglip *m = &model->tower;
    const sav_siglip_config *c = &m->config;
    const size_t D = model->llm.config.D;
    m->layers = sav_model_own(model, c->layers, sizeof *m->layers);
    if (!b->status && !m->layers) b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    m->patch_embedding = sav_bind_matrix(b, c->C, 3 * c->patch * c->patch, TOWER "embeddings.patch_embedding.weight");
    m->patch_bias = sav_bind_vector(b, c->C, TOWER "embeddings.patch_embedding.bias");
    m->position_embedding = sav_bind_vector(b, c->g * c->g * c->C, TOWER "embeddings.position_embedding.weight");
    for (size_t i = 0; i < c->layers && !b->status; i++) bind_layer(b, &m->layers[i], i, c);
    sav_bind_ignore(b, TOWER "post_layernorm."); /* PARITY: in the checkpoint, in the graph, in nobody's input */
    sav_bind_ignore(b, TOWER "head.");
    model->projector.linear_1 = sav_bind_matrix(b, D, c->C, "multi_modal_projector.linear_1.weight");
    model->projector.bias_1 = sav_bind_vector(b, D, "multi_modal_projector.linear_1.bias");
    model->projector.linear_2 = sav_bind_matrix(b, D, D, "multi_modal_projector.linear_2.weight");
    model->projector.bias_2 = sav_bind_vector(b, D, "multi_modal_projector.linear_2.bias");
    model->image_newline = sav_bind_vector(b, D, "image_newline");
}

static sav_status open_model(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    const sav_rename *renames = layout_of(model->weights);
    sav_binder binder;
    sav_status status = sav_binder_begin(&binder, model, renames, err);
    if (status) return status;
    binder.status = renames == LMMS_LAB ? read_lmms(model, &binder, config, name, err) : read_hf(model, config, name, err);
    if (!binder.status) binder.status = read_preprocessor(model, renames == LMMS_LAB, err);
    if (!binder.status) bind_tower(&binder, model);
    if (!binder.status) sav_qwen2_bind(&binder, &model->llm, DECODER, "language_model.");
    return sav_binder_end(&binder);
}

/* ---- a prompt's pictures ----------------------------------------------------------------------------------------- */

/* One picture: read, planned; its tiles as bytes into *tiles (the caller frees). */
static sav_status read_picture(unsigned char **tiles, sav_anyres *plan, int64_t size[2], const sav_model *model,
                               const char *path, sav_session_pictures *how, sav_error *err) {
    sav_image image = {0};
    size_t bytes;
    sav_status status = sav_image_read(&image, path, err);
    if (status) return status;
    how->read++;
    how->turned += image.orientation != 1;
    if (how->rotate) status = sav_image_rotate(&image, image.orientation, err);
    if (!status) status = sav_anyres_plan(plan, image.h, image.w, &model->grid, err);
    if (!status) {
        size[0] = (int64_t)image.h;
        size[1] = (int64_t)image.w;
        if (!sav_mul(&bytes, plan->tiles, 3 * plan->tile * plan->tile) || !(*tiles = sav_alloc(bytes, 1)))
            status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu tiles", path, plan->tiles);
    }
    if (!status) status = sav_tiles_cut(*tiles, image.rgb, plan, model->filter, how->pillow, err);
    sav_image_free(&image);
    return status;
}

static sav_status read_pictures(sav_input *in, const sav_model *model, const sav_part *const *parts, size_t pictures,
                                sav_session_pictures *how, sav_error *err) {
    const size_t s = model->grid.tile, one = 3 * s * s;
    size_t floats = 0, n = 0;
    sav_status status = SAV_OK;
    unsigned char **tiles = sav_alloc(pictures, sizeof *tiles);
    in->images = pictures;
    in->sizes = sav_alloc(2 * pictures, sizeof *in->sizes);
    in->plans = sav_alloc(pictures, sizeof *in->plans);
    in->starts = sav_alloc(pictures, sizeof *in->starts);
    if (!tiles || !in->sizes || !in->plans || !in->starts) status = sav_fail(err, SAV_NO_MEMORY, "no memory for %zu pictures", pictures);
    for (size_t i = 0; i < pictures && !status; i++) {
        status = read_picture(&tiles[i], &in->plans[i], in->sizes + 2 * i, model, parts[i]->text, how, err);
        in->tiles += in->plans[i].tiles;
        if (in->plans[i].tiles > in->most) in->most = in->plans[i].tiles;
    }
    if (!status && (!sav_mul(&floats, in->most, one) || !sav_mul(&floats, floats, pictures) ||
                    !(in->pixels = sav_alloc(floats, sizeof *in->pixels)) ||
                    !(in->tile = sav_alloc(in->tiles, sizeof *in->tile))))
        status = sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tiles of %zu pixels", in->tiles, s * s);
    for (size_t i = 0; i < pictures && !status; i++) {
        float *first = in->pixels + i * in->most * one;
        sav_tiles_normalise(first, tiles[i], in->plans[i].tiles, s, &model->pixel_table);
        for (size_t j = 0; j < in->plans[i].tiles; j++) in->tile[n++] = first + j * one;
    }
    for (size_t i = 0; i < pictures && tiles; i++) sav_free(tiles[i]);
    sav_free(tiles);
    return status;
}

/* ids with one placeholder a picture -> ids with as many as the picture has tokens. */
static sav_status expand(sav_input *in, const sav_ids *ids, const sav_ids *places, sav_error *err) {
    size_t T = ids->count - places->count, t = 0, picture = 0;
    for (size_t i = 0; i < in->images; i++)
        if (!sav_add(&T, T, in->plans[i].tokens)) return sav_fail(err, SAV_BAD_INPUT, "too many visual tokens");
    if (!(in->ids = sav_alloc(T, sizeof *in->ids))) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tokens", T);
    in->T = T;
    for (size_t i = 0; i < ids->count; i++) {
        size_t times = 1;
        if (picture < places->count && places->ids[picture] == i) {
            in->starts[picture] = t;
            times = in->plans[picture++].tokens;
        }
        while (times--) in->ids[t++] = ids->ids[i];
    }
    return SAV_OK;
}

static sav_status prepare(sav_input *in, const sav_model *model, const sav_ids *ids, const sav_ids *places,
                          const sav_part *const *parts, size_t pictures, sav_session_pictures *how, sav_error *err) {
    sav_status status = read_pictures(in, model, parts, pictures, how, err);
    return status ? status : expand(in, ids, places, err);
}

/* ---- embedding --------------------------------------------------------------------------------------------------- */

static void plan(sav_embed_scratch *s, sav_arena *arena, const sav_model *model, const sav_input *in, bool whole) {
    const size_t D = model->llm.config.D, P = model->tower.config.g * model->tower.config.g;
    size_t floats, largest = 0;
    *s = (sav_embed_scratch){0};
    if (in->tiles == 0) return;
    sav_siglip_plan(&s->tower, arena, &model->tower.config, D, in->tiles, whole);
    if (!sav_mul(&floats, in->tiles, P) || !sav_mul(&floats, floats, D)) arena->overflow = true;
    else s->features = sav_arena_take(arena, floats, sizeof *s->features);
    for (size_t i = 0; i < in->images; i++) {
        size_t cells = in->plans[i].open_h * in->plans[i].open_w;
        if (in->plans[i].shrunk && cells > largest) largest = cells;
    }
    if (!sav_mul(&floats, largest, D)) arena->overflow = true;
    else if (largest) s->map = sav_arena_take(arena, floats, sizeof *s->map);
}

/* One picture's features [tiles, g*g, D] -> its tokens, out [tokens, D]. */
static void pack(float *out, const float *features, float *map, const sav_anyres *p, const float *newline, size_t D,
                 const sav_run *run) {
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
    if (p->shrunk) sav_bilinear(rows, stride, map, p->map_h, p->map_w, p->open_h, p->open_w, D, run);
    for (size_t y = 0; y < p->map_h; y++)
        for (size_t i = 0; i < D; i++) rows[y * stride + p->map_w * D + i] = sav_round((double)newline[i], run->R);
}

static void embed(float *x, const sav_model *model, const sav_input *in, sav_embed_scratch *s, const sav_kernels *kernels,
                  const sav_run *run, sav_trace *trace) {
    const size_t D = model->llm.config.D, P = model->tower.config.g * model->tower.config.g;
    const float *features = s->features;
    if (in->tiles == 0) return;
    sav_siglip_forward(s->features, in->tile, in->tiles, &model->tower, &model->projector, &s->tower, kernels, run, trace);
    for (size_t i = 0; i < in->images; i++) {
        pack(x + in->starts[i] * D, features, s->map, &in->plans[i], model->image_newline, D, run);
        features += in->plans[i].tiles * P * D;
    }
}

static void limits(size_t *K, size_t *keys, size_t *d, size_t *rows, const sav_model *model, const sav_input *in) {
    const sav_siglip_config *c = &model->tower.config;
    const size_t P = c->g * c->g, D = model->llm.config.D, patch = 3 * c->patch * c->patch;
    *K = c->F > D ? c->F : D;
    if (c->C > *K) *K = c->C;
    if (patch > *K) *K = patch;
    *keys = P;
    *d = c->C / c->heads;
    *rows = in->tiles * P;
}

static const char *const NAMES[] = {"LlavaOnevisionForConditionalGeneration", "LlavaQwenForCausalLM", NULL};

const sav_family sav_family_llava_onevision = {"llava_onevision", NAMES, SAV_LAYOUT_QWEN_1_5, open_model, prepare, plan, embed, limits};
