/* preprocessor.h: preprocessor_config.json, one reader for all families.
 *
 *   mean, std, rescale_factor -> a table of 3 x 256 values; resample -> filter; bounds and sizes of patches
 *
 * Source: transformers 4.51.3, image_processing_llava_onevision.py, image_processing_qwen2_vl.py.
 */
#ifndef SAV_PREPROCESSOR_H
#define SAV_PREPROCESSOR_H

#include "image/patches.h"
#include "io/config.h"

typedef struct sav_preprocessor {
    sav_filter filter;
    sav_pixel_table pixels;
    size_t min_pixels, max_pixels;
    sav_patch_grid grid;
} sav_preprocessor;

/* What stands where the file says nothing. */
typedef struct sav_preprocessor_absent {
    double mean[3], std[3];
    size_t min_pixels, max_pixels;
    sav_patch_grid grid; /* patch 0: the family's processor has neither these nor bounds of pixels */
} sav_preprocessor_absent;

extern const double sav_clip_mean[3], sav_clip_std[3];

/* folder NULL: as if there were no file. */
sav_status sav_preprocessor_read(sav_preprocessor *out, const char *folder,
                                 const sav_preprocessor_absent *absent, sav_error *err);

#endif
