/* png.c: PNG through libpng, with the transformations that make it equal to Pillow's
 * Image.open(f).convert("RGB").
 *
 *   palette, gray 1/2/4/8/16, RGB 8/16, gray+alpha, RGBA; plain or Adam7 -> rgb [h, w, 3] (+ alpha [h, w])
 *
 * No gamma, no ICC, no tRNS, no background: colour as stored. So libpng is given the header, the palette and
 * the pixels alone; png_chunks.c has read the rest and has judged what Pillow judges. libpng reports errors
 * by longjmp. All state of a decode lives in one struct that outlives the jump, so that no local variable is
 * read after it; nothing else is skipped by it. Source: PngImagePlugin.py, ZipDecode.c, Convert.c of Pillow
 * 11.3.0; manual of libpng 1.6.
 */
#include "image/decode.h"

#ifdef SAV_IMAGES

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

typedef struct job {
    const sav_image_source *in;
    const sav_png_parts *parts;
    const unsigned char *piece; /* what libpng reads now */
    size_t left;                /* bytes of it still to come */
    int step;                   /* pieces so far: signature, header, palette, then chunks of pixels */
    size_t at;                  /* behind the pieces of pixels so far */
    unsigned char head[8];      /* of a chunk that is cut short: the length that is there, its name */
    bool in_cut, ended_in_cut;  /* libpng has come to that chunk; when the last row was complete, it had */
    size_t rows, rows_stored;   /* unpacked so far; in the file, over all passes */
    bool gray16, alpha;         /* see choose() */
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

static size_t number(const unsigned char *p) {
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static bool give(job *j, const unsigned char *piece, size_t length) {
    j->piece = piece;
    j->left = length;
    return length > 0;
}

/* The next chunk of pixels, checksum included. One that is cut short comes in two pieces: a head with the
 * length that is there, then what is there. */
static bool next_pixels(job *j) {
    const unsigned char *p = j->in->bytes + j->at;
    const size_t rest = j->in->length - j->at;
    j->at = j->in->length;
    if (j->in_cut) return give(j, p, rest);
    if (rest < 8 || memcmp(p + 4, "IDAT", 4) != 0) return false;
    const size_t length = number(p);
    if (length <= rest - 8) {
        const size_t whole = 8 + length + sav_min(4, rest - 8 - length);
        j->at -= rest - whole;
        return give(j, p, whole);
    }
    j->in_cut = true;
    j->at -= rest - 8;
    for (int i = 0; i < 4; i++) j->head[i] = (unsigned char)((rest - 8) >> (24 - 8 * i));
    memcpy(j->head + 4, "IDAT", 4);
    return give(j, j->head, 8);
}

static bool next_piece(job *j) {
    const unsigned char *header = j->parts->header, *palette = j->parts->palette;
    j->step++;
    if (j->step == 1) return give(j, j->in->bytes, 8);
    if (j->step == 2) return give(j, header, number(header) + 12);
    if (j->step == 3 && palette && header[17] == PNG_COLOR_TYPE_PALETTE)
        return give(j, palette, number(palette) + 12);
    return next_pixels(j);
}

static void on_read(png_structp png, png_bytep to, size_t length) {
    job *j = png_get_io_ptr(png);
    while (length) {
        if (!j->left && !next_piece(j)) png_error(png, "the pixel data is cut short");
        const size_t part = sav_min(length, j->left);
        memcpy(to, j->piece, part);
        j->piece += part;
        j->left -= part;
        to += part;
        length -= part;
    }
}

/* libpng calls it for each row of each pass once its bytes are unpacked. */
static void on_row(png_structp png, png_row_infop row, png_bytep bytes) {
    job *j = png_get_error_ptr(png);
    (void)row;
    (void)bytes;
    j->rows++;
    if (j->rows == j->rows_stored) j->ended_in_cut = j->in_cut;
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
static void choose(job *j, png_byte color, png_byte depth) {
    /* two bytes a pixel, big-endian */
    j->gray16 = color == PNG_COLOR_TYPE_GRAY && depth == 16;
    /* four bytes a pixel */
    j->alpha = color == PNG_COLOR_TYPE_RGB_ALPHA || (color == PNG_COLOR_TYPE_GRAY_ALPHA && depth == 16);
    if (j->gray16) return;
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(j->png);
    if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(j->png);
    if (depth == 16) png_set_strip_16(j->png);
    if (!j->alpha) png_set_strip_alpha(j->png);
    if (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(j->png);
}

static void unpack(job *j) {
    size_t count = j->out->h * j->out->w;
    const unsigned char *p = j->pixels;
    for (size_t i = 0; i < count && j->gray16; i++, p += 2) memset(j->out->rgb + 3 * i, p[0] ? 255 : p[1], 3);
    for (size_t i = 0; i < count && j->alpha; i++, p += 4) {
        memcpy(j->out->rgb + 3 * i, p, 3);
        j->out->alpha[i] = p[3];
    }
}

/* ---- the decode, in the reach of longjmp --------------------------------------------------------------- */

static void limits(job *j) {
    png_set_user_limits(j->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours is on pixels: sav_image_start */
    /* the walk has judged the checksums */
    png_set_crc_action(j->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
#ifdef PNG_MAXIMUM_INFLATE_WINDOW
    /* PARITY: Pillow's inflate always has a window of 32 KiB; libpng would believe a stream that declares
     * less than it uses, as old encoders do (tests/image/test_image_golden.c). */
    png_set_option(j->png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
#endif
}

/* Over all passes; one of no columns stores no rows. */
static png_uint_32 count_rows(png_uint_32 h, png_uint_32 w, int passes) {
    static const png_uint_32 first[7][2] = {{0, 0}, {4, 0}, {0, 4}, {2, 0},
                                            {0, 2}, {1, 0}, {0, 1}}; /* x, y */
    static const png_uint_32 step[7] = {8, 8, 8, 4, 4, 2, 2};        /* of y */
    png_uint_32 rows = 0;
    if (passes == 1) return h;
    for (int p = 0; p < 7; p++)
        if (w > first[p][0] && h > first[p][1]) rows += (h - 1 - first[p][1]) / step[p] + 1;
    return rows;
}

static void read_pixels(job *j) {
    png_read_info(j->png, j->info);
    png_uint_32 w = png_get_image_width(j->png, j->info), h = png_get_image_height(j->png, j->info);
    choose(j, png_get_color_type(j->png, j->info), png_get_bit_depth(j->png, j->info));
    /* the limit, before libpng makes room for rows */
    j->status = sav_image_start(j->out, h, w, j->alpha, j->in, j->err);
    if (j->status) return;
    int passes = png_set_interlace_handling(j->png);
    j->rows_stored = count_rows(h, w, passes);
    png_set_read_user_transform_fn(j->png, on_row);
    png_read_update_info(j->png, j->info);
    size_t bytes = j->gray16 ? 2 : j->alpha ? 4 : 3;
    j->stride = png_get_rowbytes(j->png, j->info);
    if (j->stride != w * bytes) png_error(j->png, "rows of an unexpected size");
    j->pixels = bytes == 3 ? j->out->rgb : sav_alloc(h, j->stride);
    if (!j->pixels) {
        j->status = sav_fail(j->err, SAV_NO_MEMORY, "%s: no memory for its pixels", j->in->name);
        return;
    }
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < h; y++) png_read_row(j->png, j->pixels + y * j->stride, NULL);
    /* No png_read_end: the walk has read what follows. */
}

/* An error behind the last row is none, but noted: only then does libpng look for the stream's end, which may
 * be missing. */
static void finish(job *j, bool jumped) {
    const bool complete = j->rows_stored && j->rows == j->rows_stored;
    /* libpng's words: "Out of memory", "out of memory" … */
    const bool memory = strstr(j->message, "emory") != NULL;
    if (j->status) return;
    if (jumped && !complete)
        j->status = sav_fail(j->err, memory ? SAV_NO_MEMORY : SAV_BAD_INPUT, "%s: byte %zu: PNG: %s",
                             j->in->name, j->at, j->message);
    else if (j->parts->cut && !j->ended_in_cut)
        j->status = sav_fail(j->err, SAV_BAD_INPUT,
                             "%s: byte %zu: PNG: the last chunk of pixels is cut short", j->in->name,
                             j->in->length);
    else
        unpack(j);
    j->out->damaged = jumped;
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
        finish(j, false);
    } else {
        finish(j, true);
    }
}

sav_status sav_png_decode(sav_image *out, const sav_image_source *in, sav_error *err) {
    sav_png_parts parts;
    int orientation = 1;
    sav_status status = sav_png_walk(&parts, in, err);
    job j = {.in = in, .parts = &parts, .at = parts.pixels, .out = out, .err = err};
    if (!status) status = sav_info_orientation(&orientation, &parts.info, err);
    if (!status) {
        decode(&j);
        status = j.status;
    }
    if (j.png) png_destroy_read_struct(&j.png, &j.info, NULL);
    if (j.pixels != out->rgb) sav_free(j.pixels);
    out->orientation = orientation;
    out->damaged |= parts.damaged || !orientation;
    sav_info_free(&parts.info);
    return status;
}

#else

sav_status sav_png_decode(sav_image *out, const sav_image_source *in, sav_error *err) {
    (void)out;
    sav_fail(err, SAV_UNSUPPORTED, "%s: found a PNG file; this build reads PPM alone (IMAGES=0)", in->name);
    sav_hint(err, "build with libpng and libjpeg, or convert the picture to PPM");
    return SAV_UNSUPPORTED;
}

#endif
