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
#include <stdio.h>
#include <string.h>

#include "image/tiles.h"
#include "kernels/elementwise.h"
#include "models/family.h"
#include "models/preprocessor.h"
#include "vision/siglip.h"

/* What the family keeps in model->vision. */
typedef struct llava {
    sav_siglip tower;
    const float *image_newline; /* [D] */
    sav_anyres_grid grid;
    sav_preprocessor processor;
} llava;

#define NESTED "LlavaOnevisionForConditionalGeneration"
#define FLAT "LlavaQwenForCausalLM" /* lmms-lab's own class */

/* ---- names --------------------------------------------------------------------------------------------- */

#define DECODER "language_model.model."
#define TOWER "vision_tower.vision_model."

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

/* [[h, w], …] -> pairs [count, 2]. */
static size_t read_pairs(size_t *pairs, sav_config *in, const sav_json *list) {
    size_t count = 0;
    for (const sav_json *pair = list->child; pair && !in->status; pair = pair->next, count++) {
        int64_t h, w;
        if (pair->kind != SAV_JSON_ARRAY || pair->count != 2 || !sav_json_integer(&h, pair->child) ||
            !sav_json_integer(&w, pair->child->next) || h < 1 || w < 1 || h > 1 << 20 || w > 1 << 20) {
            sav_config_fail(in, SAV_BAD_INPUT, pair, "image_grid_pinpoints",
                            "expected pairs [height, width] of pixels");
            return 0;
        }
        pairs[2 * count] = (size_t)h;
        pairs[2 * count + 1] = (size_t)w;
    }
    return count;
}

/* 1 x 1 … 6 x 6 of a side -> pairs [36, 2]. */
static size_t all_pairs(size_t *pairs, size_t unit) {
    size_t count = 0;
    for (size_t h = 1; h <= 6; h++)
        for (size_t w = 1; w <= 6; w++, count++) {
            pairs[2 * count] = h * unit;
            pairs[2 * count + 1] = w * unit;
        }
    return count;
}

/* A list of pairs, or "(1x1),…,(6x6)" in units of the tile, as lmms-lab writes it. */
static void read_pinpoints(sav_anyres_grid *grid, sav_config *in, sav_owned *owned) {
    const sav_json *node = sav_config_find(in, "image_grid_pinpoints");
    const bool list = node && node->kind == SAV_JSON_ARRAY;
    size_t *pairs = in->status ? NULL : sav_own(owned, list ? node->count : 36, 2 * sizeof *pairs);
    if (in->status) return;
    if (!pairs)
        in->status = sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory", in->name);
    else if (list)
        grid->count = read_pairs(pairs, in, node);
    else if (!node || sav_json_is(node, "(1x1),...,(6x6)"))
        grid->count = all_pairs(pairs, node ? grid->tile : 384); /* the class default is in pixels */
    if (grid->count == 0)
        sav_config_fail(in, SAV_BAD_INPUT, NULL, "image_grid_pinpoints",
                        "expected pairs [height, width] or \"(1x1),...,(6x6)\"");
    for (size_t i = 0; i < 2 * grid->count && !in->status; i++)
        if (pairs[i] % grid->tile)
            sav_config_fail(in, SAV_BAD_INPUT, NULL, "image_grid_pinpoints",
                            "found %zu; expected a multiple of the tile's side (image_size), %zu", pairs[i],
                            grid->tile);
    grid->pinpoints = pairs;
}

/* PARITY: the processor hard-codes 9, so another N makes the library itself fail; it is refused here by
 * name. */
static void read_grid(llava *v, sav_config *in, const char *aspect, sav_owned *owned) {
    sav_config_expect(in, aspect, "anyres_max_9", "anyres_max_9");
    v->grid.max_tiles = 9;
    v->grid.tile = v->tower.config.tile;
    v->grid.patch = v->tower.config.patch;
    read_pinpoints(&v->grid, in, owned);
}

/* An ordinary Hugging Face config. */
static void read_hf(sav_model *model, llava *v, sav_config *in) {
    const sav_json *text = sav_json_get(in->object, "text_config"),
                   *vision = sav_json_get(in->object, "vision_config");
    if (!text || text->kind != SAV_JSON_OBJECT || !vision || vision->kind != SAV_JSON_OBJECT) {
        in->status = sav_fail(in->err, SAV_BAD_INPUT,
                              "%s: expected objects \"text_config\" and \"vision_config\"", in->name);
        return;
    }
    sav_config decoder = {.object = text, .name = in->name, .err = in->err};
    sav_config tower = {.object = vision, .name = in->name, .part = "vision ", .err = in->err};
    model->decoder.kind->read(&model->decoder.config, &decoder, model->decoder.kind->absent);
    tower.status = decoder.status;
    sav_siglip_read(&v->tower.config, &tower);
    sav_siglip_check(&v->tower.config, &tower);
    in->status = tower.status;
    size_t image = sav_config_size(in, "image_token_id", 151646);
    image = sav_config_size(in, "image_token_index", image);
    sav_config_expect(in, "projector_hidden_act", "gelu", "gelu");
    sav_config_expect(in, "vision_feature_select_strategy", "full", "full");
    if (!sav_config_bool(in, "multimodal_projector_bias", true))
        sav_config_fail(in, SAV_UNSUPPORTED, NULL, "multimodal_projector_bias", "found false; expected true");
    if (image >=
        model->decoder.config.V) /* the library reads that row of the embedding before the picture is there */
        sav_config_fail(in, SAV_BAD_INPUT, NULL, "image_token_index",
                        "found %zu; expected an id below vocab_size %zu", image, model->decoder.config.V);
    const sav_json *layer = sav_json_get(in->object, "vision_feature_layer");
    int64_t feature_layer = -1;
    if (layer && (!sav_json_integer(&feature_layer, layer) || feature_layer != -1))
        sav_config_fail(in, SAV_UNSUPPORTED, layer, "vision_feature_layer", "expected -1");
    model->image_token = (uint32_t)image;
    read_grid(v, in, "vision_aspect_ratio", &model->owned);
}

/* The tile is the smallest pinpoint; as text, pinpoints count tiles of 384. */
static size_t smallest_side(const sav_json *points) {
    size_t side = SIZE_MAX;
    int64_t n;
    if (!points || points->kind != SAV_JSON_ARRAY) return 384;
    for (const sav_json *pair = points->child; pair; pair = pair->next)
        for (const sav_json *node = pair->child; node; node = node->next)
            if (sav_json_integer(&n, node) && n > 0 && (size_t)n < side) side = (size_t)n;
    return side == SIZE_MAX ? 0 : side;
}

/* Widths and depth of lmms-lab's tower from the tensors' shapes. */
static void measure_tower(sav_siglip_config *c, sav_binder *b, sav_config *in) {
    char norm[80];
    const sav_tensor *patch = sav_bind_peek(b, TOWER "embeddings.patch_embedding.weight");
    const sav_tensor *position = sav_bind_peek(b, TOWER "embeddings.position_embedding.weight");
    const sav_tensor *fc1 = sav_bind_peek(b, TOWER "encoder.layers.0.mlp.fc1.bias");
    size_t layers = 0;
    do snprintf(norm, sizeof norm, TOWER "encoder.layers.%zu.layer_norm1.weight", layers);
    while (sav_bind_peek(b, norm) && ++layers);
    const size_t side = smallest_side(sav_json_get(in->object, "image_grid_pinpoints"));
    if (!side)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, "image_grid_pinpoints"),
                        "image_grid_pinpoints", "expected pairs [height, width] or \"(1x1),...,(6x6)\"");
    if (in->status) return;
    if (!patch || patch->rank != 4 || !position || position->rank != 2 || !fc1 || fc1->rank != 1) {
        in->status = sav_fail(
            in->err, SAV_BAD_INPUT,
            "%s: the folder's tensors hold no SigLIP tower; expected model.vision_tower.vision_tower.…",
            b->folder);
        return;
    }
    *c = (sav_siglip_config){.Lv = layers,
                             .Dv = patch->shape[0],
                             .Hv = 16,
                             .Fv = fc1->shape[0],
                             .patch = patch->shape[2],
                             .tile = side,
                             .norm_eps = 1e-6};
    sav_siglip_check(c, in);
    if (!in->status && c->g * c->g != position->shape[0])
        in->status = sav_fail(in->err, SAV_BAD_INPUT,
                              "%s: tiles of %zu pixels give %zu patches; the position embedding has %zu",
                              in->name, c->tile, c->g * c->g, position->shape[0]);
}

/* lmms-lab's own config: Qwen2's fields flat. */
static void read_lmms(sav_model *model, llava *v, sav_binder *b, sav_config *in) {
    model->decoder.kind->read(&model->decoder.config, in, model->decoder.kind->absent);
    const size_t image = sav_config_size(in, "image_token_index", 151646);
    sav_config_expect(in, "mm_projector_type", "mlp2x_gelu", "mlp2x_gelu");
    sav_config_expect(in, "mm_patch_merge_type", "spatial_unpad", "spatial_unpad");
    if (image >= SAV_TOKEN_NONE)
        sav_config_fail(in, SAV_BAD_INPUT, NULL, "image_token_index", "found %zu; expected a token id",
                        image);
    model->image_token = (uint32_t)image;
    model->is_marker = true;
    measure_tower(&v->tower.config, b, in);
    read_grid(v, in, "image_aspect_ratio", &model->owned);
}

/* PARITY: the file's pinpoints choose the tiles, config.json's put them together again; where they differ the
 * library fails, or mixes up its rows. An absent list is the class's. */
static void check_pinpoints(const sav_anyres_grid *grid, sav_config *in) {
    const sav_json *list = sav_config_find(in, "image_grid_pinpoints");
    size_t count = 0;
    bool same = false;
    if (in->status) return;
    if (list && list->kind != SAV_JSON_NULL && list->kind != SAV_JSON_ARRAY)
        sav_config_fail(in, SAV_UNSUPPORTED, list, "image_grid_pinpoints", "expected pairs [height, width]");
    const bool listed = list && list->kind == SAV_JSON_ARRAY;
    size_t *pairs = sav_alloc(sav_max(listed ? list->count : 36, 1), 2 * sizeof *pairs);
    if (!pairs)
        in->status = sav_fail(in->err, SAV_NO_MEMORY, "%s: no memory", in->name);
    else if (!in->status)
        count = listed ? read_pairs(pairs, in, list) : all_pairs(pairs, 384);
    if (pairs && !in->status)
        same = count == grid->count && memcmp(pairs, grid->pinpoints, 2 * count * sizeof *pairs) == 0;
    sav_free(pairs);
    if (!same)
        sav_config_fail(in, SAV_BAD_INPUT, list, "image_grid_pinpoints",
                        "found %zu pinpoints%s; expected those of config.json, %zu", count,
                        listed ? "" : ", the class's", grid->count);
}

/* PARITY: `size` is the tile's side, 384 where the file has none; the tower takes tiles of image_size. */
static void check_size(size_t tile, sav_config *in) {
    static const char *const sides[] = {"height", "width"};
    const sav_json *size = sav_config_find(in, "size");
    if (size && size->kind == SAV_JSON_NULL) size = NULL;
    if (size && size->kind != SAV_JSON_OBJECT)
        sav_config_fail(in, SAV_UNSUPPORTED, size, "size", "expected {\"height\", \"width\"}");
    if (!size && tile != 384)
        sav_config_fail(in, SAV_BAD_INPUT, NULL, "size",
                        "found none, which is 384; expected the tower's image_size, %zu", tile);
    for (size_t i = 0; i < 2 && size; i++) {
        int64_t side = 0;
        const sav_json *node = sav_json_get(size, sides[i]);
        if (!sav_json_integer(&side, node) || side != (int64_t)tile)
            sav_config_fail(in, SAV_BAD_INPUT, node ? node : size, "size",
                            "found %s %.20s; expected the tower's image_size, %zu", sides[i],
                            node && node->kind == SAV_JSON_NUMBER ? node->text : "of no number", tile);
    }
}

static const sav_keys PREPROCESSOR;

/* PARITY: without mean and std the class's are CLIP's; lmms-lab's folders have no such file and mean SigLIP's
 * .5 (test: golden/llava, cases lmms). */
static sav_status read_processor(llava *v, const char *folder, bool lmms, sav_error *err) {
    static const sav_preprocessor_absent siglip = {.mean = {0.5, 0.5, 0.5}, .std = {0.5, 0.5, 0.5}};
    sav_preprocessor_absent clip = {0};
    sav_json_doc *doc = NULL;
    memcpy(clip.mean, sav_clip_mean, sizeof clip.mean);
    memcpy(clip.std, sav_clip_std, sizeof clip.std);
    sav_status status = lmms ? SAV_OK : sav_preprocessor_open(&doc, folder, &PREPROCESSOR, err);
    sav_config in = {.name = folder, .status = status, .err = err};
    if (doc) in.object = sav_json_root(doc), in.name = sav_json_name(doc);
    if (!status) sav_preprocessor_read(&v->processor, &in, lmms ? &siglip : &clip);
    if (doc) check_size(v->grid.tile, &in);
    if (doc) check_pinpoints(&v->grid, &in);
    sav_json_free(doc);
    return in.status;
}

/* PARITY: the processor writes as many placeholders for the whole picture as processor_config.json says. */
static sav_status check_tokens(const llava *v, const char *folder, sav_error *err) {
    const size_t P = v->tower.config.g * v->tower.config.g;
    sav_json_doc *doc;
    sav_status status = sav_model_file(&doc, folder, "processor_config.json", err);
    if (!doc) return status;
    sav_config in = {.object = sav_json_root(doc), .name = sav_json_name(doc), .err = err};
    const size_t count = sav_config_size(&in, "num_image_tokens", P);
    if (count != P)
        sav_config_fail(&in, SAV_BAD_INPUT, sav_config_find(&in, "num_image_tokens"), "num_image_tokens",
                        "found %zu; expected the patches of a tile (image_size, patch_size), %zu", count, P);
    sav_json_free(doc);
    return in.status;
}

static sav_status open_model(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    const sav_rename *renames = layout_of(model->weights);
    const bool lmms = renames == LMMS_LAB,
               flat = sav_json_is(sav_json_get(config, "architectures")->child, FLAT);
    sav_binder b;
    sav_config in = {.object = config, .name = name, .err = err};
    llava *v = model->vision = sav_own(&model->owned, 1, sizeof *v);
    if (!v) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    if (lmms != flat)
        return sav_fail(err, SAV_BAD_INPUT, "%s: \"architectures\": the tensors are named as %s names them",
                        name, lmms ? FLAT : NESTED);
    sav_status status = sav_model_bind(&b, model, renames, err);
    if (status) return status;
    if (lmms)
        read_lmms(model, v, &b, &in);
    else
        read_hf(model, v, &in);
    b.status = in.status ? in.status : read_processor(v, model->folder, lmms, err);
    if (!b.status && !lmms) b.status = check_tokens(v, model->folder, err);
    v->tower.config.D = model->decoder.config.D;
    sav_siglip_bind(&v->tower, &b);
    sav_bind_scope(&b, "%s", "");
    v->image_newline = sav_bind_values(&b, "image_newline", v->tower.config.D, 0);
    model->decoder.kind->bind(&model->decoder, &b, DECODER, "language_model.");
    model->info.vision_layers = v->tower.config.Lv;
    model->info.vision_width = v->tower.config.Dv;
    model->info.vision_heads = v->tower.config.Hv;
    model->info.tile = v->tower.config.tile;
    return sav_binder_end(&b);
}

/* ---- a picture ----------------------------------------------------------------------------------------- */

static sav_status fit(sav_picture_fit *out, const sav_model *model, sav_size picture,
                      const sav_picture_options *how, sav_error *err) {
    const llava *v = model->vision;
    sav_anyres plan;
    (void)how;
    sav_status status = sav_anyres_plan(&plan, picture.h, picture.w, &v->grid, err);
    if (status) return status;
    *out = (sav_picture_fit){.picture = picture,
                             .fitted = {plan.nh, plan.nw},
                             .canvas = {plan.ph, plan.pw},
                             .pieces = plan.tiles,
                             .side = {plan.tile, plan.tile},
                             .rows = plan.rows,
                             .columns = plan.columns,
                             .map_h = plan.map_h,
                             .map_w = plan.map_w,
                             .shrunk = plan.shrunk,
                             .tokens = plan.tokens,
                             .patches = plan.tiles * plan.g * plan.g,
                             .keys = plan.g * plan.g,
                             .dv = v->tower.config.Dv / v->tower.config.Hv,
                             .floats = plan.tiles * 3 * plan.tile * plan.tile,
                             .sizes = {(int64_t)picture.h, (int64_t)picture.w}};
    return SAV_OK;
}

/* How the picture was cut: a function of its size, which fit() has been through. */
static sav_anyres plan_of(const llava *v, const sav_picture *picture) {
    sav_anyres plan = {0};
    (void)sav_anyres_plan(&plan, picture->fit.picture.h, picture->fit.picture.w, &v->grid, NULL);
    return plan;
}

/* pixels: [tiles, 3, s, s]. */
static sav_status read_picture(sav_picture *out, const sav_model *model, sav_image *image,
                               const sav_picture_options *how, sav_error *err) {
    const llava *v = model->vision;
    const sav_anyres plan = plan_of(v, out);
    const size_t s = plan.tile;
    unsigned char *tiles = sav_alloc(out->fit.floats, 1);
    out->pixels = sav_alloc(out->fit.floats, sizeof *out->pixels);
    sav_status status =
        tiles && out->pixels
            ? sav_tiles_cut(tiles, image->rgb, &plan, (sav_resampling){v->processor.filter, how->pillow}, err)
            : sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tiles of %zu pixels", plan.tiles, s * s);
    if (!status) sav_tiles_normalise(out->pixels, tiles, plan.tiles, s, &v->processor.pixels);
    if (!status && how->keep_rgb)
        out->rgb = tiles;
    else
        sav_free(tiles);
    return status;
}

/* ---- embedding ----------------------------------------------------------------------------------------- */

typedef struct llava_scratch {
    sav_siglip_scratch tower;
    const float **tiles; /* [pieces] into the pictures' pixels */
    float *features;     /* [pieces, g*g, D] the projector's output */
    /* [most rows * columns, D] a picture's open map before it is shrunk; NULL when none is */
    float *map;
    /* [count, 2] and [count, most tiles, 3, s, s]: as the processor returns them; NULL when nobody looks */
    int64_t *sizes;
    float *padded;
    size_t most;
} llava_scratch;

static void *plan(sav_arena *arena, const sav_model *model, const sav_picture_set *pictures, bool whole) {
    const llava *v = model->vision;
    const sav_siglip_config *c = &v->tower.config;
    size_t largest = 0, pieces = 0;
    llava_scratch s = {0}, *kept = sav_arena_alloc(arena, 1, sizeof *kept);
    for (size_t i = 0; i < pictures->count; i++) {
        const sav_anyres p = plan_of(v, pictures->items[i]);
        if (p.shrunk) largest = sav_max(largest, p.open_h * p.open_w);
        s.most = sav_max(s.most, p.tiles);
        pieces += p.tiles;
    }
    sav_siglip_plan(&s.tower, arena, c, pieces, whole);
    s.tiles = sav_arena_alloc(arena, pieces, sizeof *s.tiles);
    s.features = sav_arena_floats3(arena, pieces, c->g * c->g, c->D);
    if (largest) s.map = sav_arena_floats(arena, largest, c->D);
    if (whole) s.sizes = sav_arena_rows(arena, pictures->count, 2, sizeof *s.sizes);
    if (whole) s.padded = sav_arena_floats3(arena, pictures->count, s.most, 3 * c->tile * c->tile);
    if (kept) *kept = s;
    return kept;
}

/* Sizes and pixels as the processor returns them: each picture padded with zero tiles to the most that one
 * has. */
static void show_pictures(sav_pass *p, const llava *v, const sav_picture_set *pictures,
                          const llava_scratch *s) {
    const size_t side = v->grid.tile, floats = s->most * 3 * side * side, n = pictures->count;
    const sav_snapshot sizes = {"image_sizes", SAV_I64, 2, {n, 2}, s->sizes};
    const sav_snapshot pixels = {"pixel_values", SAV_F32, 5, {n, s->most, 3, side, side}, s->padded};
    for (size_t i = 0; i < n; i++) {
        const sav_picture *picture = pictures->items[i];
        memcpy(s->sizes + 2 * i, picture->fit.sizes, 2 * sizeof *s->sizes);
        memset(s->padded + i * floats, 0, floats * sizeof *s->padded);
        memcpy(s->padded + i * floats, picture->pixels, picture->fit.floats * sizeof *s->padded);
    }
    sav_show_stage(p, &sizes);
    sav_show_stage(p, &pixels);
}

/* pack_image_features: one picture's features [tiles, g*g, D] -> its tokens, out [tokens, D]. */
static void pack(sav_pass *p, float *out, const float *features, float *map, const llava *v,
                 const sav_anyres *plan) {
    const size_t g = plan->g, P = g * g, D = v->tower.config.D;
    float *rows = out + P * D; /* [map_h, map_w + 1, D] behind the base tile's rows */
    const size_t stride = (plan->map_w + 1) * D;
    memcpy(out, features, P * D * sizeof *out);
    for (size_t y = 0; y < plan->open_h; y++)
        for (size_t x = 0; x < plan->open_w; x++) {
            /* in the map of the whole grid: tile, then patch */
            const size_t fy = plan->cut_y + y, fx = plan->cut_x + x;
            const size_t tile = 1 + fy / g * plan->columns + fx / g, patch = fy % g * g + fx % g;
            float *to = plan->shrunk ? map + (y * plan->open_w + x) * D : rows + y * stride + x * D;
            memcpy(to, features + (tile * P + patch) * D, D * sizeof *to);
        }
    if (plan->shrunk)
        sav_bilinear(rows, map,
                     &(sav_resize){plan->open_h, plan->open_w, plan->map_h, plan->map_w, stride, D}, &p->run);
    for (size_t y = 0; y < plan->map_h; y++)
        for (size_t i = 0; i < D; i++)
            rows[y * stride + plan->map_w * D + i] = sav_round((double)v->image_newline[i], p->run.R);
}

static void embed(sav_pass *p, float *const *to, const sav_model *model, const sav_picture_set *pictures,
                  void *scratch) {
    const llava *v = model->vision;
    llava_scratch *s = scratch;
    const size_t P = v->tower.config.g * v->tower.config.g, one = 3 * v->grid.tile * v->grid.tile;
    const float *features = s->features;
    size_t n = 0;
    if (p->whole) show_pictures(p, v, pictures, s);
    for (size_t i = 0; i < pictures->count; i++)
        for (size_t j = 0; j < pictures->items[i]->fit.pieces; j++)
            s->tiles[n++] = pictures->items[i]->pixels + j * one;
    sav_siglip_forward(p, s->features, s->tiles, n, &v->tower, &s->tower);
    for (size_t i = 0; i < pictures->count; i++) {
        const sav_anyres cut = plan_of(v, pictures->items[i]);
        pack(p, to[i], features, s->map, v, &cut);
        features += cut.tiles * P * v->tower.config.D;
    }
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

#define ITS_OWN "text_config says it of the decoder"
#define TRAINED "concerns training"
#define OTHER_RULES "for other rules of cutting pictures"

static const sav_key TEXT_ROWS[] = {SAV_ONLY("model_type", "\"qwen2\"|null", "the decoder is Qwen2"), {0}};
static const sav_keys TEXT = {.rows = TEXT_ROWS, .more = &sav_decoder_qwen2_keys};

static const sav_key NESTED_ROWS[] = {
    SAV_READ("architectures"),
    SAV_OBJECT("text_config", &TEXT),
    SAV_OBJECT("vision_config", &sav_siglip_keys),
    SAV_OBJECT("quantization_config", &sav_quantised_keys),
    SAV_ONLY("model_type", "\"llava_onevision\"|null", "the architecture is LLaVA-OneVision's"),
    SAV_READ("image_token_index"),
    SAV_READ("image_token_id"),
    SAV_READ("image_grid_pinpoints"),
    SAV_READ("vision_aspect_ratio"),
    SAV_READ("vision_feature_layer"),
    SAV_READ("vision_feature_select_strategy"),
    SAV_READ("projector_hidden_act"),
    SAV_READ("multimodal_projector_bias"),
    SAV_ONLY("use_image_newline_parameter", "true|null", "a newline stands behind each row of a picture"),
    SAV_HARMLESS("tie_word_embeddings", ITS_OWN),
    SAV_HARMLESS("video_token_index", "for videos"),
    SAV_HARMLESS("video_token_id", "for videos"),
    SAV_HARMLESS("ignore_index", TRAINED),
    SAV_HARMLESS("image_seq_length", "the size says how many tokens a picture takes"),
    {0}};
static const sav_keys CONFIG = {
    .file = "config.json", .architecture = NESTED, .rows = NESTED_ROWS, .more = &sav_config_keys};

static const sav_key FLAT_ROWS[] = {
    SAV_READ("architectures"),
    SAV_OBJECT("quantization_config", &sav_quantised_keys),
    SAV_READ("image_token_index"),
    SAV_READ("image_grid_pinpoints"),
    SAV_READ("image_aspect_ratio"),
    SAV_READ("mm_projector_type"),
    SAV_READ("mm_patch_merge_type"),
    SAV_HARMLESS("mm_vision_tower", "the tensors say how wide and deep the tower is"),
    SAV_HARMLESS("vision_tower_pretrained", "the tensors are the tower"),
    SAV_HARMLESS("mm_hidden_size", "the tensors say how wide the tower is"),
    SAV_HARMLESS("mm_vision_select_layer", "lmms-lab's SigLIP tower takes its last layer"),
    SAV_HARMLESS("mm_vision_select_feature", "SigLIP has no class token"),
    SAV_ONLY("mm_use_im_patch_token", "false|null", "no tokens stand around a picture"),
    SAV_ONLY("mm_use_im_start_end", "false|null", "no tokens stand around a picture"),
    SAV_ONLY("use_mm_proj", "true|null", "pictures go through the projector"),
    SAV_ONLY("use_pos_skipping", "false|null", "positions are 0 … T - 1"),
    SAV_ONLY("mm_resampler_type", "null", "the projector's rows are not resampled"),
    SAV_HARMLESS("pos_skipping_range", "use_pos_skipping is off"),
    SAV_HARMLESS("image_crop_resolution", OTHER_RULES),
    SAV_HARMLESS("image_split_resolution", OTHER_RULES),
    SAV_HARMLESS("mm_newline_position", "for videos"),
    SAV_HARMLESS("mm_spatial_pool_*", "for videos"),
    SAV_HARMLESS("add_faster_video", "for videos"),
    SAV_HARMLESS("faster_token_stride", "for videos"),
    SAV_HARMLESS("force_sample", "for videos"),
    SAV_HARMLESS("add_time_instruction", "for videos"),
    SAV_HARMLESS("mm_tunable_parts", TRAINED),
    SAV_HARMLESS("mm_projector_lr", TRAINED),
    SAV_HARMLESS("mm_vision_tower_lr", TRAINED),
    SAV_HARMLESS("unfreeze_mm_vision_tower", TRAINED),
    SAV_HARMLESS("freeze_mm_mlp_adapter", TRAINED),
    SAV_HARMLESS("tune_mm_mlp_adapter", TRAINED),
    SAV_HARMLESS("tokenizer_model_max_length", TRAINED),
    SAV_HARMLESS("tokenizer_padding_side", TRAINED),
    {0}};
static const sav_keys CONFIG_FLAT = {
    .file = "config.json", .architecture = FLAT, .rows = FLAT_ROWS, .more = &sav_decoder_qwen2_keys};

static const sav_key SIZE_ROWS[] = {SAV_READ("height"),
                                    SAV_READ("width"),
                                    SAV_ONLY("shortest_edge", "null", "a tile is a square"),
                                    SAV_ONLY("longest_edge", "null", "a tile is a square"),
                                    {0}};
static const sav_keys SIZE = {.others = SAV_OTHERS_REFUSED, .rows = SIZE_ROWS};

static const sav_key PREPROCESSOR_ROWS[] = {
    SAV_OBJECT("size", &SIZE),
    SAV_READ("image_grid_pinpoints"),
    SAV_ONLY("image_processor_type",
             "\"LlavaOnevisionImageProcessor\"|\"LlavaOnevisionImageProcessorFast\"|"
             "\"LlavaOnevisionImageProcessorPil\"|null",
             "pictures are prepared as LLaVA-OneVision's processor does"),
    SAV_HARMLESS("do_resize", "a tile has its size already"),
    SAV_ONLY("do_pad", "true", "without it the library fails"),
    SAV_ONLY("do_convert_rgb", "true|null", "pictures are RGB"),
    {0}};
static const sav_keys PREPROCESSOR = {.file = "preprocessor_config.json",
                                      .architecture = NESTED,
                                      .rows = PREPROCESSOR_ROWS,
                                      .more = &sav_preprocessor_keys};

/* lmms-lab's code knows no such file, and cuts pictures as its tower's own processor does. */
static const sav_key PREPROCESSOR_FLAT_ROWS[] = {
    SAV_ONLY("image_mean", "0.5|[0.5,0.5,0.5]", "SigLIP's"),
    SAV_ONLY("image_std", "0.5|[0.5,0.5,0.5]", "SigLIP's"),
    SAV_ONLY("rescale_factor", "0.00392156862745098", "SigLIP's"),
    SAV_ONLY("resample", "3", "SigLIP's"),
    SAV_ONLY("do_resize", "true", "SigLIP's"),
    SAV_ONLY("do_rescale", "true", "SigLIP's"),
    SAV_ONLY("do_normalize", "true", "SigLIP's"),
    SAV_HARMLESS("size", "the tile is the smallest pinpoint of config.json"),
    SAV_HARMLESS("image_processor_type", "config.json's architecture says how pictures are cut"),
    {0}};
static const sav_keys PREPROCESSOR_FLAT = {.file = "preprocessor_config.json",
                                           .architecture = FLAT,
                                           .rows = PREPROCESSOR_FLAT_ROWS,
                                           .more = &sav_preprocessor_keys};

static const sav_key PROCESSOR_ROWS[] = {
    SAV_OBJECT("image_processor", &PREPROCESSOR),
    SAV_READ("num_image_tokens"),
    SAV_ONLY("vision_feature_select_strategy", "\"full\"|null", "all patches of a tile are tokens"),
    SAV_ONLY("vision_aspect_ratio", "\"anyres_max_9\"|null", "a picture is cut to at most 9 tiles"),
    SAV_ONLY("image_token", "\"<image>\"|null", "the prompt's placeholder"),
    SAV_HARMLESS("video_token", "for videos"),
    {0}};
static const sav_keys PROCESSOR = {
    .file = "processor_config.json", .rows = PROCESSOR_ROWS, .more = &sav_processor_keys};

static const sav_keys *const KEYS[] = {&CONFIG,    &CONFIG_FLAT,         &PREPROCESSOR,   &PREPROCESSOR_FLAT,
                                       &PROCESSOR, &sav_generation_keys, &sav_video_keys, NULL};

static const char *const ARCHITECTURES[] = {NESTED, FLAT, NULL};

const sav_family sav_family_llava_onevision = {.name = "llava_onevision",
                                               .architectures = ARCHITECTURES,
                                               .fallback = SAV_LAYOUT_QWEN_1_5,
                                               .decoder = &sav_decoder_qwen2,
                                               .keys = KEYS,
                                               .open = open_model,
                                               .fit = fit,
                                               .read = read_picture,
                                               .plan = plan,
                                               .embed = embed};
