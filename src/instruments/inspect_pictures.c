/* inspect_pictures.c: a picture as the model sees it, and the memory that a forward takes. See inspect.h. */
#include <string.h>

#include "forward/session.h"
#include "instruments/inspect.h"

/* ---- one picture --------------------------------------------------------------------------------------- */

static sav_status write_pieces(const sav_picture *picture, const char *folder, const char *name,
                               sav_error *err) {
    const sav_picture_fit *fit = &picture->fit;
    sav_status status = SAV_OK;
    for (size_t i = 0; i < fit->pieces && !status; i++) {
        sav_text path = {0};
        sav_text_printf(&path, "%s/%s-%zu.png", folder, name, i);
        status = path.failed
                     ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder)
                     : sav_image_write_png(path.bytes, picture->rgb + i * fit->side.h * fit->side.w * 3,
                                           fit->side.h, fit->side.w, err);
        sav_text_free(&path);
    }
    return status;
}

sav_status sav_inspect_picture(sav_picture_report *out, const sav_model *model, const sav_part *part,
                               const sav_options *options, const char *folder, const char *name,
                               sav_error *err) {
    sav_picture picture = {0};
    const sav_picture_fit *fit = &picture.fit;
    sav_picture_options how;
    sav_pictures_seen seen = {0};
    if (!model->family->fit)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: found a text model; expected one that sees pictures",
                        model->folder);
    sav_status status = sav_picture_choose(&how, model, options, err);
    how.keep_rgb = folder != NULL;
    how.own = part->bounds;
    how.most_tokens = 0; /* people may want to see it */
    if (!status) status = sav_picture_load(&picture, &seen, model, part->text, &how, err);
    if (!status && folder) status = write_pieces(&picture, folder, name, err);
    if (!status)
        *out = (sav_picture_report){.height = fit->picture.h,
                                    .width = fit->picture.w,
                                    .turned = seen.turned != 0,
                                    .damaged = seen.damaged != 0,
                                    .unrefined = seen.unrefined != 0,
                                    .best_height = fit->canvas.h,
                                    .best_width = fit->canvas.w,
                                    .fit_height = fit->fitted.h,
                                    .fit_width = fit->fitted.w,
                                    .tile = fit->canvas.h ? fit->side.h : 0,
                                    .rows = fit->rows,
                                    .columns = fit->columns,
                                    .tiles = fit->pieces,
                                    .map_height = fit->map_h,
                                    .map_width = fit->map_w,
                                    .shrunk = fit->shrunk,
                                    .tokens = fit->tokens};
    sav_free(picture.pixels);
    sav_free(picture.rgb);
    sav_free(seen.first_damaged);
    sav_free(seen.first_unrefined);
    return status;
}

/* ---- memory -------------------------------------------------------------------------------------------- */

sav_status sav_inspect_memory(sav_memory_plan *out, const sav_model *model, sav_session *session,
                              sav_error *err) {
    static const size_t prompts[SAV_MEMORY_ROWS][3] = {
        {1024, 0, 0}, {8192, 0, 0}, {64, 480, 640}, {64, 1080, 1920}};
    const size_t most = model->info.max_positions;
    sav_status status = SAV_OK;
    const size_t count = model->family->fit ? SAV_MEMORY_ROWS : 2;
    *out = (sav_memory_plan){0};
    for (size_t i = 0; i < count && !status; i++) {
        sav_memory_row *row = &out->rows[out->count];
        if (i == 1 && most <= prompts[0][0]) continue; /* as long as the first one */
        *row = (sav_memory_row){
            .text = sav_min(prompts[i][0], most), .height = prompts[i][1], .width = prompts[i][2]};
        status = sav_session_measure(&row->tokens, &row->bytes, session, row->text,
                                     (sav_size){row->height, row->width}, err);
        out->count++;
    }
    return status;
}
