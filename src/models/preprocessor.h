/* preprocessor.h: preprocessor_config.json, one reader for all families.
 *
 *   mean, std, rescale_factor, switches -> a table of 3 x 256 values; resample -> filter; bounds, sizes
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
    bool keep; /* do_resize false */
} sav_preprocessor;

/* What stands where the file says nothing. */
typedef struct sav_preprocessor_absent {
    double mean[3], std[3];
    size_t min_pixels, max_pixels;
    sav_patch_grid grid; /* patch 0: the family's processor has neither these nor bounds of pixels */
} sav_preprocessor_absent;

extern const double sav_clip_mean[3], sav_clip_std[3];

/* The folder's file. Without it the library stops too. keys: the family's, for a second place that may say
 * the same. */
sav_status sav_preprocessor_open(sav_json_doc **out, const char *folder, const sav_keys *keys,
                                 sav_error *err);

/* in->object NULL: as if the file were empty. The status is the config's. */
void sav_preprocessor_read(sav_preprocessor *out, sav_config *in, const sav_preprocessor_absent *absent);

/* What is common to all image processors, behind the rows of a family's own. */
extern const sav_keys sav_preprocessor_keys;
extern const sav_keys sav_processor_keys; /* processor_config.json, the same */
/* Files whose keys count for no picture: generation_config.json, video_preprocessor_config.json. */
extern const sav_keys sav_generation_keys, sav_video_keys;

#endif
