/* image.h: a picture file becomes RGB bytes, equal to those of Pillow 11.3.0's Image.open(f).convert("RGB").
 *
 *   PNG, JPEG, PPM/PGM/PBM bytes -> decoder named by the first bytes -> rgb [h, w, 3] (+ alpha [h, w])
 *
 * What happens next (fit, pad, cut, resize, normalise) is in resize.h and tiles.h.
 */
#ifndef SAV_IMAGE_H
#define SAV_IMAGE_H

#include "base/base.h"

/* Twice Pillow's MAX_IMAGE_PIXELS: above it Image.open raises DecompressionBombError, and so do we. */
#define SAV_IMAGE_MAX_PIXELS ((size_t)SAV_MAX_PICTURE_PIXELS)

typedef struct sav_image {
    size_t h, w; /* pixels, both at least 1 */
    /* 1…8 as the file says it in EXIF or XMP; 1 where it says nothing; 0 where what it says is broken, so
     * that Pillow's exif_transpose raises. Parsed, never applied here */
    int orientation;
    /* Read as Pillow reads it, but its end marker, a checksum, a part of its compressed pixels, or what
     * should say its orientation is not right */
    bool damaged;
    /* A progressive JPEG without its last refinements: libjpeg smooths it, and not each version alike */
    bool unrefined;
    unsigned char *rgb; /* [h, w, 3], 0…255, red first */
    /* [h, w], 255 opaque; only where Pillow opens the file as RGBA (its colour is untouched), else NULL */
    unsigned char *alpha;
} sav_image;

/* Reads a regular file of any name; folders, FIFOs and devices are refused before they could block. A picture
 * of more than `most` pixels is refused before it is decoded; 0: SAV_IMAGE_MAX_PIXELS, which is the most. */
sav_status sav_image_read(sav_image *out, const char *path, size_t most, sav_error *err);

/* The same from bytes in memory; `name` stands in messages. */
sav_status sav_image_decode(sav_image *out, const unsigned char *bytes, size_t length, const char *name,
                            sav_error *err);

/* Whether a file begins as pictures do, of types that are read here or are told to be converted. */
bool sav_image_recognised(const unsigned char *bytes, size_t length);

/* What can be known of a picture before its pixels are read: it is a regular file, its first bytes are those
 * of a type that is read, its header gives h and w within the limit. */
sav_status sav_image_measure(size_t *h, size_t *w, const char *path, size_t most, sav_error *err);

/* Turns the picture as EXIF orientation 1…8 asks (ImageOps.exif_transpose) and sets its orientation to 1. */
sav_status sav_image_rotate(sav_image *image, int orientation, sav_error *err);

/* Writes rgb [h, w, 3] as a PNG file, uncompressed, so that the same pixels give the same bytes in every
 * build. */
sav_status sav_image_write_png(const char *path, const unsigned char *rgb, size_t h, size_t w,
                               sav_error *err);

void sav_image_free(sav_image *image); /* leaves it zeroed; fine twice */

#endif
