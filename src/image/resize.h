/* resize.h: Pillow's Image.resize on uint8 RGB, equal in every byte.
 *
 *   rgb [h, w, 3] -> horizontal pass -> uint8 [h, ow, 3] -> vertical pass -> uint8 [oh, ow, 3]
 */
#ifndef SAV_IMAGE_RESIZE_H
#define SAV_IMAGE_RESIZE_H

#include "base/base.h"

/* The numbers of preprocessor_config.json's `resample` (PIL.Image.Resampling). */
typedef enum sav_filter { SAV_LANCZOS = 1, SAV_BILINEAR = 2, SAV_BICUBIC = 3 } sav_filter;

/* Which Pillow's order of the two passes: 11 (11.3.0 to 12.1.0, the contract): horizontal always first; 13
 * (13.0.0): vertical first where the height shrinks enough. The intermediate is uint8, so the order shows. */
typedef enum sav_pillow { SAV_PILLOW_11 = 11, SAV_PILLOW_13 = 13 } sav_pillow;

typedef struct sav_resampling {
    sav_filter filter;
    sav_pillow pillow;
} sav_resampling;

typedef struct sav_size { /* of a picture, in pixels */
    size_t h, w;
} sav_size;

/* in [h, w, 3] of size `from` -> out [h, w, 3] of size `to`; they must not overlap. A side that does not
 * change is not filtered. */
sav_status sav_image_resize(unsigned char *out, sav_size to, const unsigned char *in, sav_size from,
                            sav_resampling how, sav_error *err);

/* The weights of one axis, n -> m samples: out[i] = Σ_t coefficient[i * width + t] · in[first[i] + t], t <
 * count[i], in fixed point with SAV_RESIZE_BITS bits behind the point. */
enum { SAV_RESIZE_BITS = 22 };
typedef struct sav_resize_axis {
    size_t m, width;      /* width: room for one row of coefficients */
    size_t *first;        /* [m] */
    size_t *count;        /* [m] */
    int32_t *coefficient; /* [m, width] */
} sav_resize_axis;

sav_status sav_resize_axis_make(sav_resize_axis *out, size_t n, size_t m, sav_filter filter, sav_error *err);
void sav_resize_axis_free(sav_resize_axis *axis);

#endif
