/* png.c: PNG through libpng, with the transformations that make it equal to Pillow's
 * Image.open(f).convert("RGB").
 *
 *   palette, gray 1/2/4/8/16, RGB 8/16, gray+alpha, RGBA; plain or Adam7 -> rgb [h, w, 3] (+ alpha [h, w])
 *
 * No gamma, no ICC, no tRNS, no background: colour as stored. libpng reports errors by longjmp. All state of
 * a decode lives in one struct that outlives the jump, so that no local variable is read after it; nothing
 * else is skipped by it. Source: PngImagePlugin.py, ZipDecode.c, Convert.c of Pillow 11.3.0; manual of libpng
 * 1.6.
 */
#include "image/decode.h"

#ifdef SAV_IMAGES

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

typedef struct job {
    const sav_image_source *in;
    size_t at; /* bytes read */
    sav_image *out;
    sav_error *err;
    png_structp png;
    png_infop info;
    png_bytep pixels; /* [h, stride] as libpng gives them; out->rgb itself where no more is to be done */
    size_t stride;
    jmp_buf escape;
    sav_status status;
    char message[160];
} job;

/* ---- callbacks ----------------------------------------------------------------------------------------- */

static void on_error(png_structp png, png_const_charp message) {
    job *j = png_get_error_ptr(png);
    snprintf(j->message, sizeof j->message, "%s", message);
    longjmp(j->escape, 1);
}

/* Warnings are about things that do not touch the pixels. */
static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep to, size_t length) {
    job *j = png_get_io_ptr(png);
    if (length > j->in->length - j->at) png_error(png, "the file is cut short");
    memcpy(to, j->in->bytes + j->at, length);
    j->at += length;
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t size) {
    (void)png;
    return sav_alloc(size, 1);
}

static void on_free(png_structp png, png_voidp p) {
    (void)png;
    sav_free(p);
}

/* ---- what Pillow would do ------------------------------------------------------------------------------ */

/* The modes that matter here. PARITY: 16-bit gray clamps (v >> 8 is wrong), 16-bit colour drops the low byte
 * (rounding, png_set_scale_16, is wrong), 16-bit gray+alpha opens as RGBA but 8-bit as LA
 * (tests/image/test_image_golden.c). */
typedef struct layout {
    bool gray16; /* two bytes a pixel, big-endian */
    bool alpha;  /* four bytes a pixel */
} layout;

static layout choose(png_structp png, png_byte color, png_byte depth) {
    layout l = {.gray16 = color == PNG_COLOR_TYPE_GRAY && depth == 16,
                .alpha = color == PNG_COLOR_TYPE_RGB_ALPHA ||
                         (color == PNG_COLOR_TYPE_GRAY_ALPHA && depth == 16)};
    if (l.gray16) return l;
    /* with tRNS that gives alpha: stripped below */
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16) png_set_strip_16(png);
    if (!l.alpha) png_set_strip_alpha(png);
    if (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(png);
    return l;
}

static void unpack(job *j, layout l) {
    size_t count = j->out->h * j->out->w;
    const unsigned char *p = j->pixels;
    for (size_t i = 0; i < count && l.gray16; i++, p += 2) memset(j->out->rgb + 3 * i, p[0] ? 255 : p[1], 3);
    for (size_t i = 0; i < count && l.alpha; i++, p += 4) {
        memcpy(j->out->rgb + 3 * i, p, 3);
        j->out->alpha[i] = p[3];
    }
}

/* ---- the decode, in the reach of longjmp --------------------------------------------------------------- */

static void limits(job *j) {
    png_set_user_limits(j->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours is on pixels: sav_image_start */
    /* A wrong checksum is an error in any chunk up to the data's end, as in Pillow; there libpng would only
     * warn. */
    png_set_crc_action(j->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
#ifdef PNG_SET_UNKNOWN_CHUNKS_SUPPORTED
    /* text, ICC, gamma: not even parsed */
    png_set_keep_unknown_chunks(j->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
#endif
}

static void read_pixels(job *j) {
    png_read_info(j->png, j->info);
    png_uint_32 w = png_get_image_width(j->png, j->info), h = png_get_image_height(j->png, j->info);
    layout l = choose(j->png, png_get_color_type(j->png, j->info), png_get_bit_depth(j->png, j->info));
    /* the limit, before libpng makes room for rows */
    j->status = sav_image_start(j->out, h, w, l.alpha, j->in, j->err);
    if (j->status) return;
    int passes = png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    size_t bytes = l.gray16 ? 2 : l.alpha ? 4 : 3;
    j->stride = png_get_rowbytes(j->png, j->info);
    if (j->stride != w * bytes) png_error(j->png, "rows of an unexpected size");
    j->pixels = bytes == 3 ? j->out->rgb : sav_alloc(h, j->stride);
    if (!j->pixels) {
        j->status = sav_fail(j->err, SAV_NO_MEMORY, "%s: no memory for its pixels", j->in->name);
        return;
    }
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < h; y++) png_read_row(j->png, j->pixels + y * j->stride, NULL);
    /* No png_read_end: whatever follows the data (a missing IEND too) is accepted, as in Pillow. */
    unpack(j, l);
}

static void decode(job *j) {
    if (setjmp(j->escape) == 0) {
        /* Both creators report through on_error or by NULL. */
        j->png =
            png_create_read_struct_2(PNG_LIBPNG_VER_STRING, j, on_error, on_warning, NULL, on_alloc, on_free);
        if (j->png) j->info = png_create_info_struct(j->png);
        if (!j->info) {
            j->status = sav_fail(j->err, SAV_NO_MEMORY, "%s: no memory to start libpng", j->in->name);
            return;
        }
        png_set_read_fn(j->png, j, on_read);
        limits(j);
        read_pixels(j);
    } else {
        /* libpng's words: "Out of memory", "out of memory" … */
        bool memory = strstr(j->message, "emory") != NULL;
        j->status = sav_fail(j->err, memory ? SAV_NO_MEMORY : SAV_BAD_INPUT, "%s: byte %zu: PNG: %s",
                             j->in->name, j->at, j->message);
    }
}

/* The orientation in the eXIf chunk, wherever it stands; chunks are length, name, data, checksum. */
static int orientation_of(const sav_image_source *in) {
    size_t at = 8;
    while (in->length - at >= 12) {
        const unsigned char *p = in->bytes + at;
        size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (length > in->length - at - 12) return 1;
        if (memcmp(p + 4, "eXIf", 4) == 0) return sav_exif_orientation(p + 8, length);
        at += length + 12;
    }
    return 1;
}

sav_status sav_png_decode(sav_image *out, const sav_image_source *in, sav_error *err) {
    job j = {.in = in, .out = out, .err = err};
    decode(&j);
    if (j.png) png_destroy_read_struct(&j.png, &j.info, NULL);
    if (j.pixels != out->rgb) sav_free(j.pixels);
    if (!j.status) out->orientation = orientation_of(in);
    return j.status;
}

#else

sav_status sav_png_decode(sav_image *out, const sav_image_source *in, sav_error *err) {
    (void)out;
    sav_fail(err, SAV_UNSUPPORTED, "%s: found a PNG file; this build reads PPM alone (IMAGES=0)", in->name);
    sav_hint(err, "build with libpng and libjpeg, or convert the picture to PPM");
    return SAV_UNSUPPORTED;
}

#endif
