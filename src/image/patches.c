/* patches.c: sizes and patches of the Qwen-VL families. See patches.h. */
#include "image/patches.h"

#include <math.h>

sav_status sav_smart_resize(sav_size *out, sav_size in, const sav_size_bounds *bounds, sav_error *err) {
    const size_t h = in.h, w = in.w;
    const double f = (double)bounds->factor, min = (double)bounds->min_pixels,
                 max = (double)bounds->max_pixels;
    if (h == 0 || w == 0) return sav_fail(err, SAV_BAD_INPUT, "found a picture without pixels");
    if (!bounds->guard && (h < bounds->factor || w < bounds->factor))
        return sav_fail(err, SAV_BAD_INPUT, "found %zu x %zu pixels; the processor takes sides from %zu", w,
                        h, bounds->factor);
    if ((double)sav_max(h, w) / (double)sav_min(h, w) > 200)
        return sav_fail(err, SAV_BAD_INPUT,
                        "found %zu x %zu pixels (width x height); sides may differ 200 times at most", w, h);
    double high = rint((double)h / f) * f, wide = rint((double)w / f) * f;
    if (bounds->guard && high < f) high = f;
    if (bounds->guard && wide < f) wide = f;
    if (high * wide > max) {
        double beta = sqrt((double)h * (double)w / max);
        high = floor((double)h / beta / f) * f;
        wide = floor((double)w / beta / f) * f;
    } else if (high * wide < min) {
        double beta = sqrt(min / ((double)h * (double)w));
        high = ceil((double)h * beta / f) * f;
        wide = ceil((double)w * beta / f) * f;
    }
    if (high < f || wide < f)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%zu x %zu pixels (width x height) shrink to nothing under a bound of %zu pixels", w,
                        h, bounds->max_pixels);
    *out = (sav_size){(size_t)high, (size_t)wide};
    return SAV_OK;
}

void sav_image_on_white(sav_image *image) {
    if (!image->alpha) return;
    for (size_t i = 0; i < image->h * image->w; i++)
        for (size_t c = 0; c < 3; c++) {
            unsigned alpha = image->alpha[i], t = image->rgb[3 * i + c] * alpha + 255 * (255 - alpha) + 128;
            image->rgb[3 * i + c] = (unsigned char)(((t >> 8) + t) >> 8);
        }
}

void sav_patches_fill(float *out, const unsigned char *rgb, size_t gh, size_t gw, const sav_patch_grid *grid,
                      const sav_pixel_table *table) {
    const size_t a = grid->patch, frame = a * a, width = gw * a;
    for (size_t p = 0; p < gh * gw; p++) {
        float *row = out + p * 3 * grid->temporal * frame;
        size_t py, px;
        sav_patch_place(&py, &px, p, gw, grid->merge);
        for (size_t c = 0; c < 3; c++)
            for (size_t t = 0; t < grid->temporal; t++)
                for (size_t i = 0; i < a; i++)
                    for (size_t j = 0; j < a; j++)
                        row[(c * grid->temporal + t) * frame + i * a + j] =
                            table->value[c][rgb[((py * a + i) * width + px * a + j) * 3 + c]];
    }
}
