/* jpeg.c: JPEG through libjpeg-turbo, with its defaults, as Pillow uses it.
 *
 *   1 component -> gray; 3 -> RGB; 4 -> CMYK, inverted, through Pillow's CMYK line -> rgb [h, w, 3]
 *
 * libjpeg fills missing data with grey and only warns; our source manager makes the end of the bytes an error
 * instead, as Pillow does. Damage inside the data is accepted there and here. Errors arrive by longjmp: all
 * state of a decode lives in one struct that outlives the jump. libjpeg's own memory comes from malloc; it
 * offers no hook. Source: JpegImagePlugin.py, JpegDecode.c, Convert.c of Pillow 11.3.0; libjpeg.txt of
 * libjpeg-turbo.
 */
#include "image/decode.h"

#ifdef SAV_IMAGES

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

enum { MAX_SCANS = 1000 }; /* real files have about ten; a forged one could keep us busy for hours */

typedef struct job {
    struct jpeg_decompress_struct jpeg; /* first: callbacks get a pointer to it */
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const sav_image_source *in;
    sav_image *out;
    sav_error *err;
    unsigned char *row; /* [w, components] where libjpeg's rows are not ours yet */
    bool cut;           /* ran out of bytes */
    jmp_buf escape;
    sav_status status;
} job;

/* ---- callbacks ----------------------------------------------------------------------------------------- */

static job *job_of(j_common_ptr jpeg) {
    return (job *)(void *)jpeg;
}

static void on_error(j_common_ptr jpeg) {
    longjmp(job_of(jpeg)->escape, 1);
}

static void on_message(j_common_ptr jpeg, int level) {
    (void)jpeg;
    (void)level;
}

static void on_output(j_common_ptr jpeg) {
    (void)jpeg;
}

static void on_source(j_decompress_ptr jpeg) {
    (void)jpeg;
}

static boolean on_fill(j_decompress_ptr jpeg) {
    job_of((j_common_ptr)jpeg)->cut = true;
    ERREXIT(jpeg, JERR_INPUT_EOF);
    return FALSE;
}

static void on_skip(j_decompress_ptr jpeg, long count) {
    if (count <= 0) return;
    if ((size_t)count > jpeg->src->bytes_in_buffer) on_fill(jpeg);
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static void on_progress(j_common_ptr jpeg) {
    if (jpeg->is_decompressor && ((j_decompress_ptr)jpeg)->input_scan_number > MAX_SCANS)
        ERREXIT(jpeg, JERR_BAD_PROGRESSION);
}

/* ---- pixels -------------------------------------------------------------------------------------------- */

/* PARITY: CMYK is inverted whether an Adobe marker asks for it or not, and ink times white is MULDIV255 with
 * its own rounding (tests/image/test_image_golden.c). */
static void cmyk_to_rgb(unsigned char *rgb, const unsigned char *row, size_t w) {
    for (size_t x = 0; x < w; x++, row += 4)
        for (int c = 0; c < 3; c++) {
            int ink = 255 - row[c], white = row[3]; /* 255 - K, K inverted too */
            int t = ink * white + 128, v = white - (((t >> 8) + t) >> 8);
            *rgb++ = (unsigned char)(v < 0 ? 0 : v);
        }
}

static void read_rows(job *j) {
    size_t w = j->out->w;
    while (j->jpeg.output_scanline < j->jpeg.output_height) {
        unsigned char *rgb = j->out->rgb + j->jpeg.output_scanline * w * 3;
        JSAMPROW row = j->row ? j->row : rgb;
        if (jpeg_read_scanlines(&j->jpeg, &row, 1) != 1) ERREXIT(&j->jpeg, JERR_INPUT_EOF);
        if (j->jpeg.out_color_space == JCS_CMYK) cmyk_to_rgb(rgb, row, w);
        if (j->jpeg.out_color_space == JCS_GRAYSCALE)
            for (size_t x = 0; x < w; x++) memset(rgb + 3 * x, row[x], 3);
    }
}

/* The first Exif block; XMP shares its marker. */
static int orientation_of(const struct jpeg_decompress_struct *jpeg) {
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->data_length >= 6 && memcmp(m->data, "Exif\0", 6) == 0)
            return sav_exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

/* ---- the decode, in the reach of longjmp --------------------------------------------------------------- */

static void connect(job *j) {
    j->source.next_input_byte = j->in->bytes;
    j->source.bytes_in_buffer = j->in->length;
    j->source.init_source = on_source;
    j->source.term_source = on_source;
    j->source.fill_input_buffer = on_fill;
    j->source.skip_input_data = on_skip;
    j->source.resync_to_restart = jpeg_resync_to_restart;
    j->progress.progress_monitor = on_progress;
    j->jpeg.src = &j->source;
    j->jpeg.progress = &j->progress;
}

static void read_image(job *j) {
    jpeg_create_decompress(&j->jpeg);
    connect(j);
    jpeg_save_markers(&j->jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&j->jpeg, TRUE);
    int components = j->jpeg.num_components;
    if (components != 1 && components != 3 && components != 4) {
        j->status = sav_fail(j->err, SAV_UNSUPPORTED, "%s: found a JPEG of %d components; expected 1, 3 or 4",
                             j->in->name, components);
        return;
    }
    j->status = sav_image_start(j->out, j->jpeg.image_height, j->jpeg.image_width, false, j->in, j->err);
    if (j->status) return;
    j->out->orientation = orientation_of(&j->jpeg);
    j->jpeg.out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    if (components != 3) j->row = sav_alloc(j->out->w, (size_t)components);
    if (components != 3 && !j->row) {
        j->status = sav_fail(j->err, SAV_NO_MEMORY, "%s: no memory for a row of pixels", j->in->name);
        return;
    }
    jpeg_start_decompress(&j->jpeg);
    read_rows(j);
    jpeg_finish_decompress(&j->jpeg); /* wants the end marker, as Pillow does */
}

static void decode(job *j) {
    j->jpeg.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    if (setjmp(j->escape) == 0) {
        read_image(j);
        return;
    }
    char message[JMSG_LENGTH_MAX];
    j->errors.format_message((j_common_ptr)&j->jpeg, message);
    size_t at = j->in->length - j->source.bytes_in_buffer;
    bool memory = j->errors.msg_code == JERR_OUT_OF_MEMORY;
    if (j->cut)
        j->status =
            sav_fail(j->err, SAV_BAD_INPUT, "%s: byte %zu: JPEG: the file is cut short", j->in->name, at);
    else
        j->status = sav_fail(j->err, memory ? SAV_NO_MEMORY : SAV_BAD_INPUT, "%s: byte %zu: JPEG: %s",
                             j->in->name, at, message);
}

sav_status sav_jpeg_decode(sav_image *out, const sav_image_source *in, sav_error *err) {
    job *j = sav_alloc(1, sizeof *j);
    if (!j) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to start libjpeg", in->name);
    j->in = in;
    j->out = out;
    j->err = err;
    decode(j);
    sav_status status = j->status;
    jpeg_destroy_decompress(&j->jpeg);
    sav_free(j->row);
    sav_free(j);
    return status;
}

#else

sav_status sav_jpeg_decode(sav_image *out, const sav_image_source *in, sav_error *err) {
    (void)out;
    sav_fail(err, SAV_UNSUPPORTED, "%s: found a JPEG file; this build reads PPM alone (IMAGES=0)", in->name);
    sav_hint(err, "build with libpng and libjpeg, or convert the picture to PPM");
    return SAV_UNSUPPORTED;
}

#endif
