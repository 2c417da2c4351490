/* decode.h: what the three decoders (ppm.c, png.c, jpeg.c) share; private to this folder.
 *
 * A decoder gets a zeroed sav_image and may leave it half filled on failure: sav_image_decode frees it.
 */
#ifndef SAV_IMAGE_DECODE_H
#define SAV_IMAGE_DECODE_H

#include "image/image.h"

typedef struct sav_image_source {
    const unsigned char *bytes; /* [length] */
    size_t length;
    const char *name;  /* for messages */
    size_t max_pixels; /* SAV_IMAGE_MAX_PIXELS; less where a test must not wait */
    bool size_only;    /* sav_image_start ends the decode with SAV_STOPPED: only h and w are wanted */
} sav_image_source;

sav_status sav_ppm_decode(sav_image *out, const sav_image_source *in, sav_error *err);
sav_status sav_png_decode(sav_image *out, const sav_image_source *in, sav_error *err);
sav_status sav_jpeg_decode(sav_image *out, const sav_image_source *in, sav_error *err);

/* What sav_image_decode does, under the source's own limit. */
sav_status sav_image_decode_source(sav_image *out, const sav_image_source *in, sav_error *err);

/* Checks h and w against zero and the pixel limit, then makes rgb, and alpha where asked. A failure ends the
 * decode. */
sav_status sav_image_start(sav_image *out, size_t h, size_t w, bool alpha, const sav_image_source *in,
                           sav_error *err);

/* The orientation in a TIFF block (what follows "Exif\0\0" in JPEG's APP1, or PNG's eXIf); 1 when absent or
 * damaged. */
int sav_exif_orientation(const unsigned char *tiff, size_t length);

#endif
