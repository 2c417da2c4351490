/* patches.h: how the Qwen-VL families cut a picture: a size in multiples of 28, then patches in merge order.
 *
 *   (h, w) -> (H, W), multiples of 28 within bounds of pixels                             sav_smart_resize
 *   rgb [H, W, 3] -> pixel_values [gh*gw, 3*2*14*14], four neighbours one after another   sav_patches_fill
 *
 * Source: qwen_vl_utils 0.0.11 (vision_process.py) and transformers 4.51.3
 * (models/qwen2_vl/image_processing_qwen2_vl.py).
 */
#ifndef SAV_IMAGE_PATCHES_H
#define SAV_IMAGE_PATCHES_H

#include "image/tiles.h"

typedef struct sav_patch_grid {
    /* 14, 2, 2: pixels a patch side, patches a merged token's side, frames a patch */
    size_t patch, merge, temporal;
} sav_patch_grid;

typedef struct sav_size_bounds {
    size_t factor; /* both sides become multiples of it: patch * merge, 28 */
    size_t min_pixels, max_pixels;
    bool guard; /* qwen_vl_utils' form: see below */
} sav_size_bounds;

/* PARITY: Python's round is half to even; qwen_vl_utils lifts both sides to `factor` before it counts the
 * pixels (guard), the processor does not and refuses what is smaller (test_patches.c). */
sav_status sav_smart_resize(sav_size *out, sav_size in, const sav_size_bounds *bounds, sav_error *err);

/* Alpha on white, where the file opened as RGBA: what qwen_vl_utils does before it converts. */
void sav_image_on_white(sav_image *image);

/* out [gh*gw, 3*temporal*patch*patch]: patches in merge order (blocks of merge x merge, row by row); columns
 * channel, frame, row, column. A still picture is its own second frame. */
void sav_patches_fill(float *out, const unsigned char *rgb, size_t gh, size_t gw, const sav_patch_grid *grid,
                      const sav_pixel_table *table);

/* Row and column of patch p in merge order. */
static inline void sav_patch_place(size_t *y, size_t *x, size_t p, size_t gw, size_t merge) {
    size_t block = p / (merge * merge), in = p % (merge * merge), across = gw / merge;
    *y = block / across * merge + in / merge;
    *x = block % across * merge + in % merge;
}

#endif
