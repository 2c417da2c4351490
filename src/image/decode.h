/* decode.h: what the three decoders (ppm.c, png.c, jpeg.c) and exif.c share; private to this folder.
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

/* ---- orientation (exif.c) ------------------------------------------------------------------------------ */

/* The keys of Pillow's Image.info where exif_transpose looks: "exif", "Raw profile type exif",
 * "XML:com.adobe.xmp", "xmp". */
typedef enum sav_info_key {
    SAV_INFO_EXIF,
    SAV_INFO_PROFILE,
    SAV_INFO_XML,
    SAV_INFO_XMP,
    SAV_INFO_KEYS
} sav_info_key;

typedef struct sav_info_value {
    const unsigned char *bytes; /* [length], in the file or in own; NULL: there is no such key */
    size_t length;
    bool text;          /* a string in Python, no bytes */
    unsigned char *own; /* what had to be unpacked or joined */
    size_t capacity;
} sav_info_value;

typedef struct sav_picture_info {
    sav_info_value values[SAV_INFO_KEYS];
    bool forgiven; /* an unreadable Exif block counts as none */
} sav_picture_info;

void sav_info_set(sav_picture_info *info, sav_info_key key, sav_info_value value); /* takes value.own */
void sav_info_free(sav_picture_info *info);

/* 1 … 8, or 0 where Pillow's exif_transpose raises an exception. */
sav_status sav_info_orientation(int *out, const sav_picture_info *info, sav_error *err);

/* ---- what the walks through a file find ---------------------------------------------------------------- */

typedef struct sav_png_parts {
    const unsigned char *header, *palette; /* whole chunks, palette NULL: there is none */
    size_t pixels;                         /* offset of the first IDAT chunk */
    bool damaged, cut;                     /* a checksum of pixels is wrong or missing; their end too */
    sav_picture_info info;
} sav_png_parts;

/* Reads all chunks but the pixels (png_chunks.c); refuses what Pillow refuses. Free info in any case. */
sav_status sav_png_walk(sav_png_parts *out, const sav_image_source *in, sav_error *err);

typedef struct sav_jpeg_head {
    int process; /* the frame's marker, 0xC0 …; 0: none was found */
    int bits;    /* a sample */
    bool density;
    sav_picture_info info;
} sav_jpeg_head;

/* Reads the markers up to the first scan (jpeg_markers.c). Free info in any case. */
sav_status sav_jpeg_walk(sav_jpeg_head *out, const sav_image_source *in, sav_error *err);

/* "a lossless", "an arithmetic-coded" …; NULL for the processes that every libjpeg reads. */
const char *sav_jpeg_process(const sav_jpeg_head *head);

#endif
