/* input.c: what families share on the way from a prompt to sav_input: a picture read, placeholders expanded,
 * the pixel table.
 */
#include <string.h>

#include "models/model.h"

void sav_input_free(sav_input *input) {
    sav_free(input->ids);
    sav_free(input->content);
    sav_free(input->positions);
    sav_free(input->pictures);
    sav_free(input->starts);
    *input = (sav_input){0};
}

sav_status sav_pictures_choose(sav_pictures *out, const sav_model *model, const sav_options *o,
                               sav_error *err) {
    if (o->pillow && o->pillow != SAV_PILLOW_11 && o->pillow != SAV_PILLOW_13)
        return sav_fail(err, SAV_BAD_INPUT, "resize order: found Pillow %d; expected 11 or 13", o->pillow);
    if (o->min_pixels && o->max_pixels && o->min_pixels > o->max_pixels)
        return sav_fail(err, SAV_BAD_INPUT, "bounds of pixels: found at least %zu and at most %zu",
                        o->min_pixels, o->max_pixels);
    if ((o->min_pixels || o->max_pixels) && !model->family->bounded)
        return sav_fail(err, SAV_BAD_INPUT, "%s: bounds of pixels are for the Qwen-VL families; found %s",
                        model->folder, model->family->name);
    *out = (sav_pictures){.pillow = o->pillow == SAV_PILLOW_13 ? SAV_PILLOW_13 : SAV_PILLOW_11,
                          .rotate = o->exif_rotate != 0,
                          .min_pixels = o->min_pixels,
                          .max_pixels = o->max_pixels};
    return SAV_OK;
}

sav_status sav_pictures_read(sav_image *out, const char *path, sav_pictures *how, sav_error *err) {
    sav_status status = sav_image_read(out, path, err);
    if (status) return status;
    how->read++;
    how->turned += out->orientation != 1;
    if (how->rotate) status = sav_image_rotate(out, out->orientation, err);
    if (status) sav_error_prefix(err, "%s", path);
    return status;
}

sav_status sav_input_expand(sav_input *in, const sav_ids *ids, const sav_ids *places,
                            const sav_picture *const *pictures, sav_error *err) {
    size_t T = ids->count - places->count, t = 0, picture = 0;
    for (size_t i = 0; i < in->images; i++)
        if (!sav_add(&T, T, pictures[i]->tokens))
            return sav_fail(err, SAV_BAD_INPUT, "too many visual tokens");
    in->ids = sav_alloc(T, sizeof *in->ids);
    in->content = sav_alloc(T, sizeof *in->content);
    if (!in->ids || !in->content) return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tokens", T);
    in->T = T;
    for (size_t i = 0; i < ids->count; i++) {
        const bool visual = picture < places->count && places->ids[picture] == i;
        const size_t times = visual ? pictures[picture]->tokens : 1;
        if (visual) in->starts[picture] = t;
        for (size_t n = 0; n < times; n++, t++) {
            in->ids[t] = ids->ids[i];
            in->content[t] = visual ? -1 - (int64_t)in->pictures[picture] : in->ids[t];
        }
        picture += visual;
    }
    return SAV_OK;
}

static sav_status read_triple(double out[3], const sav_json *node, const double absent[3], const char *key,
                              const char *name, sav_error *err) {
    memcpy(out, absent, 3 * sizeof *out);
    if (!node || node->kind == SAV_JSON_NULL) return SAV_OK;
    const sav_json *v = node->kind == SAV_JSON_ARRAY && node->count == 3 ? node->child : NULL;
    for (int i = 0; i < 3; i++, v = v->next) {
        if (!v || v->kind != SAV_JSON_NUMBER)
            return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"%s\": expected three numbers", name, node->line,
                            key);
        out[i] = sav_json_number(v->text, v->length);
    }
    return SAV_OK;
}

sav_status sav_pixel_table_read(sav_pixel_table *table, sav_filter *filter, const sav_json *root,
                                const char *name, const double absent_mean[3], const double absent_std[3],
                                sav_error *err) {
    double mean[3], std[3], rescale;
    size_t resample;
    sav_status status;
    if ((status =
             read_triple(mean, sav_json_get(root, "image_mean"), absent_mean, "image_mean", name, err)) ||
        (status = read_triple(std, sav_json_get(root, "image_std"), absent_std, "image_std", name, err)) ||
        (status = sav_json_double(&rescale, root, "rescale_factor", 1.0 / 255, name, err)) ||
        (status = sav_json_size(&resample, root, "resample", SAV_BICUBIC, name, err)))
        return status;
    if (std[0] == 0 || std[1] == 0 || std[2] == 0)
        return sav_fail(err, SAV_BAD_INPUT, "%s: \"image_std\": found 0; pixels are divided by it", name);
    if (resample < SAV_LANCZOS || resample > SAV_BICUBIC)
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s: \"resample\": found %zu; expected 1 (lanczos), 2 (bilinear) or 3 (bicubic)",
                        name, resample);
    *filter = (sav_filter)resample;
    sav_pixel_table_make(table, rescale, mean, std);
    return SAV_OK;
}
