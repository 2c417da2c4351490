/* inspect_pictures.c: a picture as the model sees it, and the memory that a forward takes. See inspect.h. */
#include <string.h>

#include "image/image.h"
#include "instruments/inspect.h"
#include "models/model.h"

/* ---- one picture --------------------------------------------------------------------------------------- */

static sav_status write_tiles(const sav_look *look, const char *folder, const char *name, sav_error *err) {
    sav_status status = SAV_OK;
    for (size_t i = 0; i < look->plan.tiles && !status; i++) {
        sav_text path = {0};
        sav_text_printf(&path, "%s/%s-%zu.png", folder, name, i);
        status = path.failed
                     ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder)
                     : sav_image_write_png(path.bytes, look->rgb + i * look->tile_h * look->tile_w * 3,
                                           look->tile_h, look->tile_w, err);
        sav_text_free(&path);
    }
    return status;
}

sav_status sav_inspect_picture(sav_picture_report *out, const sav_model *model, const char *path,
                               const sav_options *options, const char *folder, const char *name,
                               sav_error *err) {
    sav_look look;
    sav_pictures how;
    if (!model->family->look)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: found a text model; expected one that sees pictures",
                        model->folder);
    sav_status status = sav_pictures_choose(&how, model, options, err);
    if (!status) status = model->family->look(&look, model, path, &how, err);
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

/* ---- memory -------------------------------------------------------------------------------------------- */

sav_status sav_inspect_memory(sav_memory_plan *out, const sav_model *model, sav_session *session,
                              sav_error *err) {
    static const size_t prompts[SAV_MEMORY_ROWS][3] = {
        {1024, 0, 0}, {8192, 0, 0}, {64, 480, 640}, {64, 1080, 1920}};
    const size_t most = model->llm.config.max_positions;
    sav_status status = SAV_OK;
    *out = (sav_memory_plan){.count = model->family->suppose ? SAV_MEMORY_ROWS : 2};
    for (size_t i = 0; i < out->count && !status; i++) {
        out->rows[i].text = prompts[i][0] < most ? prompts[i][0] : most;
        out->rows[i].height = prompts[i][1];
        out->rows[i].width = prompts[i][2];
        status = sav_session_measure(&out->rows[i].tokens, &out->rows[i].bytes, session, out->rows[i].text,
                                     prompts[i][1], prompts[i][2], err);
    }
    return status;
}
