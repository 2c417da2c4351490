/* inspect_pictures.c: a picture as the model sees it, and the memory that a forward takes. See inspect.h. */
#include <string.h>

#include "models/model.h"
#include "tasks/inspect.h"
#include "tasks/png_write.h"

/* ---- one picture ------------------------------------------------------------------------------------------------- */

static sav_status write_tiles(const sav_look *look, const char *folder, const char *name, sav_error *err) {
    sav_status status = SAV_OK;
    for (size_t i = 0; i < look->plan.tiles && !status; i++) {
        sav_text path = {0};
        sav_text_printf(&path, "%s/%s-%zu.png", folder, name, i);
        status = path.failed ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder)
                             : sav_png_write(path.bytes, look->rgb + i * look->tile_h * look->tile_w * 3, look->tile_h,
                                             look->tile_w, err);
        sav_text_free(&path);
    }
    return status;
}

sav_status sav_inspect_picture(sav_picture_report *out, const sav_model *model, const char *path, int pillow, bool rotate,
                               const char *folder, const char *name, sav_error *err) {
    sav_look look;
    sav_pictures how = {.pillow = (sav_pillow)pillow, .rotate = rotate};
    if (!model->family->look)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: found a text model; expected one that sees pictures", model->folder);
    sav_status status = model->family->look(&look, model, path, &how, err);
    if (status) return status;
    const sav_anyres *plan = &look.plan;
    if (folder) status = write_tiles(&look, folder, name, err);
    *out = (sav_picture_report){.height = plan->h,
                                .width = plan->w,
                                .turned = how.turned != 0,
                                .best_height = plan->ph,
                                .best_width = plan->pw,
                                .fit_height = plan->nh,
                                .fit_width = plan->nw,
                                .tile = plan->tile,
                                .rows = plan->rows,
                                .columns = plan->columns,
                                .tiles = plan->tiles,
                                .map_height = plan->map_h,
                                .map_width = plan->map_w,
                                .shrunk = plan->shrunk,
                                .tokens = plan->tokens};
    sav_free(look.rgb);
    return status;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

enum { SHORT_TOKENS = 1024, LONG_TOKENS = 8192 };

/* What a session would take for the decoder over T tokens: its plan, measured. */
static bool measure(size_t *bytes, const sav_model *model, const sav_kernels *kernels, size_t T, int threads) {
    const sav_qwen2_config *c = &model->llm.config;
    sav_arena arena = {0};
    sav_qwen2_scratch decoder;
    size_t K = c->D > c->F ? c->D : c->F, engine;
    if (c->H * c->d > K) K = c->H * c->d;
    if (!kernels->scratch(&engine, T, K, T, c->d, threads)) return false;
    sav_arena_take(&arena, engine, 1);
    sav_qwen2_plan(&decoder, &arena, c, T, false);
    *bytes = arena.used;
    return !arena.overflow;
}

sav_status sav_inspect_memory(sav_memory_plan *out, const sav_model *model, const char *engine, const char *isa, int threads,
                              sav_error *err) {
    const sav_kernels *kernels = sav_kernels_find(engine, isa, err);
    if (!kernels) return SAV_UNSUPPORTED;
    const size_t most = model->llm.config.max_positions;
    *out = (sav_memory_plan){.short_tokens = most < SHORT_TOKENS ? most : SHORT_TOKENS,
                             .long_tokens = most < LONG_TOKENS ? most : LONG_TOKENS};
    if (measure(&out->short_bytes, model, kernels, out->short_tokens, threads) &&
        measure(&out->long_bytes, model, kernels, out->long_tokens, threads))
        return SAV_OK;
    return sav_fail(err, SAV_NO_MEMORY, "%s: a forward's memory does not fit this machine's addresses", model->folder);
}
