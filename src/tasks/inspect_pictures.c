/* inspect_pictures.c: a picture as the model sees it, and the memory that a forward takes. See inspect.h. */
#include <string.h>

#include "models/model.h"
#include "tasks/inspect.h"
#include "tasks/png_write.h"

/* ---- one picture ------------------------------------------------------------------------------------------------- */

static sav_status write_tiles(const sav_image *image, const sav_anyres *plan, const sav_model *model, int pillow,
                              const char *folder, const char *name, sav_error *err) {
    size_t bytes;
    const size_t tile = 3 * plan->tile * plan->tile;
    unsigned char *tiles = sav_mul(&bytes, plan->tiles, tile) ? sav_alloc(bytes, 1) : NULL;
    if (!tiles) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tiles", plan->tiles);
    sav_status status = sav_tiles_cut(tiles, image->rgb, plan, model->filter, (sav_pillow)pillow, err);
    for (size_t i = 0; i < plan->tiles && !status; i++) {
        sav_text path = {0};
        sav_text_printf(&path, "%s/%s-%zu.png", folder, name, i);
        status = path.failed ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder)
                             : sav_png_write(path.bytes, tiles + i * tile, plan->tile, plan->tile, err);
        sav_text_free(&path);
    }
    sav_free(tiles);
    return status;
}

sav_status sav_inspect_picture(sav_picture_report *out, const sav_model *model, const char *path, int pillow, bool rotate,
                               const char *folder, const char *name, sav_error *err) {
    sav_image image = {0};
    sav_anyres plan;
    if (model->tower.config.layers == 0)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: found a text model; expected one that sees pictures", model->folder);
    sav_status status = sav_image_read(&image, path, err);
    const int orientation = image.orientation;
    if (!status && rotate) status = sav_image_rotate(&image, image.orientation, err);
    if (!status) status = sav_anyres_plan(&plan, image.h, image.w, &model->grid, err);
    if (!status && folder) status = write_tiles(&image, &plan, model, pillow, folder, name, err);
    if (!status)
        *out = (sav_picture_report){.height = image.h,
                                    .width = image.w,
                                    .orientation = orientation,
                                    .best_height = plan.ph,
                                    .best_width = plan.pw,
                                    .fit_height = plan.nh,
                                    .fit_width = plan.nw,
                                    .tile = plan.tile,
                                    .rows = plan.rows,
                                    .columns = plan.columns,
                                    .tiles = plan.tiles,
                                    .map_height = plan.map_h,
                                    .map_width = plan.map_w,
                                    .shrunk = plan.shrunk,
                                    .tokens = plan.tokens};
    sav_image_free(&image);
    return status;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

enum { TEXT_TOKENS = 1024, QUESTION_TOKENS = 64 };

/* Scratch of a forward over T tokens with the input's pictures: the plan that a session would make, measured. */
static bool measure(size_t *bytes, const sav_model *model, const sav_kernels *kernels, const sav_input *in, size_t T,
                    int threads) {
    const sav_qwen2_config *c = &model->llm.config;
    sav_arena arena = {0};
    sav_qwen2_scratch decoder;
    sav_embed_scratch embedding;
    size_t K, keys, d, rows, engine;
    model->family->limits(&K, &keys, &d, &rows, model, in);
    K = K > c->D ? K : c->D;
    K = K > c->F ? K : c->F;
    if (!kernels->scratch(&engine, rows > T ? rows : T, K, keys > T ? keys : T, d > c->d ? d : c->d, threads)) return false;
    sav_arena_take(&arena, engine, 1);
    sav_qwen2_plan(&decoder, &arena, c, T, false);
    model->family->plan(&embedding, &arena, model, in, false);
    *bytes = arena.used;
    return !arena.overflow;
}

/* The pinpoint that gives most tokens, as a picture of just that size. */
static sav_status largest_picture(sav_anyres *out, const sav_model *model, sav_error *err) {
    *out = (sav_anyres){0};
    for (size_t i = 0; i < model->grid.count; i++) {
        sav_anyres plan;
        sav_status status = sav_anyres_plan(&plan, model->grid.pinpoints[2 * i], model->grid.pinpoints[2 * i + 1], &model->grid, err);
        if (status) return status;
        if (plan.tokens > out->tokens) *out = plan;
    }
    return SAV_OK;
}

sav_status sav_inspect_memory(sav_memory_plan *out, const sav_model *model, const char *engine, const char *isa, int threads,
                              sav_error *err) {
    const sav_kernels *kernels = sav_kernels_find(engine, isa, err);
    if (!kernels) return SAV_UNSUPPORTED;
    sav_input none = {0};
    const size_t most = model->llm.config.max_positions;
    *out = (sav_memory_plan){.text_tokens = most < TEXT_TOKENS ? most : TEXT_TOKENS};
    bool fits = measure(&out->text_bytes, model, kernels, &none, out->text_tokens, threads);
    if (fits && model->tower.config.layers) {
        sav_anyres plan;
        sav_status status = largest_picture(&plan, model, err);
        if (status) return status;
        sav_input one = {.images = 1, .plans = &plan, .tiles = plan.tiles, .most = plan.tiles};
        out->picture_tokens = plan.tokens + QUESTION_TOKENS;
        fits = measure(&out->picture_bytes, model, kernels, &one, out->picture_tokens, threads);
    }
    return fits ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: a forward's memory does not fit this machine's addresses", model->folder);
}
