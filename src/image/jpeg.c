/* jpeg.c: JPEG through libjpeg-turbo, with its defaults, as Pillow uses it.
 *
 *   1 component -> gray; 3 -> RGB; 4 -> CMYK, inverted, through Pillow's CMYK line -> rgb [h, w, 3]
 *
 * Like Pillow we hand the file over in blocks of 65,536 bytes and let libjpeg suspend at the end of each: it
 * is an error when it wants more than the file has, but once all rows are there the end marker may be
 * missing. Damage inside the data is accepted there and here, and noted (`damaged`). Errors arrive by
 * longjmp: all state of a decode lives in one struct that outlives the jump. libjpeg's own memory comes from
 * malloc; it offers no hook. Source: JpegImagePlugin.py, JpegDecode.c, Convert.c of Pillow 11.3.0;
 * libjpeg.txt of libjpeg-turbo.
 */
#include "image/decode.h"

#ifdef SAV_IMAGES

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

enum {
    BLOCK = 65536,       /* MAXBLOCK of Pillow's ImageFile.py */
    FREE_WORK = 1 << 24, /* blocks of 8 x 8 that the scans of any picture may pass over */
    MOST_WORK = 24,      /* or that many times the picture's own; ordinary files do it 4 to 6 times */
    LAST_SMOOTHED = 9    /* coefficients, in zigzag order, that libjpeg guesses while they are rough */
};

typedef struct job {
    struct jpeg_decompress_struct jpeg; /* first: callbacks get a pointer to it */
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const sav_image_source *in;
    const sav_jpeg_head *head;
    sav_image *out;
    sav_error *err;
    unsigned char *row;       /* [w, components] where libjpeg's rows are not ours yet */
    size_t given, skip;       /* bytes handed over so far; of those to come, to be passed over */
    bool cut;                 /* ran out of bytes */
    int scans;                /* begun so far */
    uint64_t work, most_work; /* blocks that they pass over; that they may */
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

/* Warnings: those that say that pixels are wrong are noted; bytes that libjpeg skips between markers are not.
 * (By their words, since not every libjpeg has every code.) */
static void on_message(j_common_ptr jpeg, int level) {
    static const char corrupt[] = "Corrupt JPEG data";
    const int code = jpeg->err->msg_code;
    if (level < 0 && code > 0 && code <= jpeg->err->last_jpeg_message && code != JWRN_EXTRANEOUS_DATA &&
        strncmp(jpeg->err->jpeg_message_table[code], corrupt, sizeof corrupt - 1) == 0)
        job_of(jpeg)->out->damaged = true;
}

static void on_output(j_common_ptr jpeg) {
    (void)jpeg;
}

static void on_source(j_decompress_ptr jpeg) {
    (void)jpeg;
}

static boolean on_fill(j_decompress_ptr jpeg) {
    (void)jpeg;
    return FALSE; /* suspend */
}

static void on_skip(j_decompress_ptr jpeg, long count) {
    job *j = job_of((j_common_ptr)jpeg);
    const size_t wanted = count > 0 ? (size_t)count : 0, now = sav_min(wanted, jpeg->src->bytes_in_buffer);
    jpeg->src->next_input_byte += now;
    jpeg->src->bytes_in_buffer -= now;
    j->skip = wanted - now;
}

/* Each scan passes over all blocks of its components, be it of one bit a block: a few bytes can ask for hours
 * of that. */
static void on_progress(j_common_ptr common) {
    job *j = job_of(common);
    if (j->jpeg.input_scan_number == j->scans) return;
    j->scans = j->jpeg.input_scan_number;
    for (int i = 0; i < j->jpeg.comps_in_scan; i++)
        j->work += (uint64_t)j->jpeg.cur_comp_info[i]->width_in_blocks *
                   j->jpeg.cur_comp_info[i]->height_in_blocks;
    if (j->work <= j->most_work) return;
    j->status = sav_fail(j->err, SAV_BAD_INPUT,
                         "%s: byte %zu: JPEG: a decompression bomb: found %d scans over %zu x %zu pixels, "
                         "%.0f million blocks so far; expected at most %.0f million",
                         j->in->name, j->given - j->source.bytes_in_buffer, j->scans, j->out->w, j->out->h,
                         (double)j->work / 1e6, (double)j->most_work / 1e6);
    longjmp(j->escape, 1);
}

/* Hands over the next block; what libjpeg has not read yet lies in front of it. */
static void feed(job *j) {
    do {
        const size_t more = sav_min(BLOCK, j->in->length - j->given);
        j->cut = !more;
        if (j->cut) longjmp(j->escape, 1);
        j->given += more;
        j->source.bytes_in_buffer += more;
        on_skip(&j->jpeg, (long)j->skip);
    } while (j->skip);
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
        while (jpeg_read_scanlines(&j->jpeg, &row, 1) != 1) feed(j);
        if (j->jpeg.out_color_space == JCS_CMYK) cmyk_to_rgb(rgb, row, w);
        if (j->jpeg.out_color_space == JCS_GRAYSCALE)
            for (size_t x = 0; x < w; x++) memset(rgb + 3 * x, row[x], 3);
    }
}

/* ---- the decode, in the reach of longjmp --------------------------------------------------------------- */

static void connect(job *j) {
    j->source.next_input_byte = j->in->bytes;
    j->source.init_source = on_source;
    j->source.term_source = on_source;
    j->source.fill_input_buffer = on_fill;
    j->source.skip_input_data = on_skip;
    j->source.resync_to_restart = jpeg_resync_to_restart;
    j->progress.progress_monitor = on_progress;
    j->jpeg.src = &j->source;
    j->jpeg.progress = &j->progress;
}

static void read_header(job *j) {
    int found;
    do {
        found = jpeg_read_header(&j->jpeg, FALSE); /* tables may come first, in a stream of their own */
        if (found == JPEG_SUSPENDED) feed(j);
    } while (found != JPEG_HEADER_OK);
    uint64_t blocks = 0;
    for (int i = 0; i < j->jpeg.num_components; i++)
        blocks += (uint64_t)j->jpeg.comp_info[i].width_in_blocks * j->jpeg.comp_info[i].height_in_blocks;
    j->most_work = blocks > FREE_WORK / MOST_WORK ? blocks * MOST_WORK : FREE_WORK;
}

static sav_status prepare(job *j) {
    const int components = j->jpeg.num_components;
    if (components != 1 && components != 3 && components != 4)
        return sav_fail(j->err, SAV_UNSUPPORTED, "%s: found a JPEG of %d components; expected 1, 3 or 4",
                        j->in->name, components);
    sav_status status =
        sav_image_start(j->out, j->jpeg.image_height, j->jpeg.image_width, false, j->in, j->err);
    if (status) return status;
    j->jpeg.out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    if (components != 3) j->row = sav_alloc(j->out->w, (size_t)components);
    if (components != 3 && !j->row)
        return sav_fail(j->err, SAV_NO_MEMORY, "%s: no memory for a row of pixels", j->in->name);
    return SAV_OK;
}

/* Asks what libjpeg's smoothing asks: are the first coefficients of each component there to the last bit? */
static bool is_unrefined(const struct jpeg_decompress_struct *jpeg) {
    if (!jpeg->progressive_mode || !jpeg->coef_bits) return false;
    for (int c = 0; c < jpeg->num_components; c++)
        for (int k = 1; k <= LAST_SMOOTHED; k++)
            if (jpeg->coef_bits[c][k]) return true;
    return false;
}

/* All rows are there. PARITY: that is enough for Pillow, also where libjpeg would read on for an end marker
 * (tests/image/test_image_golden.c). */
static void finish(job *j) {
    if (jpeg_finish_decompress(&j->jpeg)) return;
    const unsigned char *p = j->source.next_input_byte, *end = j->in->bytes + j->in->length;
    while (end - p >= 2 && !(p[0] == 0xFF && p[1] == JPEG_EOI)) p++;
    if (end - p < 2) j->out->damaged = true;
}

static void read_image(job *j) {
    jpeg_create_decompress(&j->jpeg);
    connect(j);
    read_header(j);
    j->status = prepare(j);
    if (j->status) return;
    while (!jpeg_start_decompress(&j->jpeg)) feed(j);
    j->out->unrefined = is_unrefined(&j->jpeg);
    read_rows(j);
    finish(j);
}

static sav_status refuse_process(const job *j, const char *process) {
    sav_fail(j->err, SAV_UNSUPPORTED, "%s: found %s JPEG; expected a baseline or a progressive one",
             j->in->name, process);
    sav_hint(j->err,
             "The linked libjpeg cannot read it; convert the picture to PNG with a program that can.");
    return SAV_UNSUPPORTED;
}

/* What stopped libjpeg. */
static void explain(job *j) {
    char message[JMSG_LENGTH_MAX];
    const size_t at = j->given - j->source.bytes_in_buffer;
    const bool memory = j->errors.msg_code == JERR_OUT_OF_MEMORY;
    const char *process = sav_jpeg_process(j->head);
    if (j->status) return;
    j->errors.format_message((j_common_ptr)&j->jpeg, message);
    if (j->cut)
        j->status =
            sav_fail(j->err, SAV_BAD_INPUT, "%s: byte %zu: JPEG: the file is cut short", j->in->name, at);
    else if (process && !memory)
        j->status = refuse_process(j, process);
    else
        j->status = sav_fail(j->err, memory ? SAV_NO_MEMORY : SAV_BAD_INPUT, "%s: byte %zu: JPEG: %s",
                             j->in->name, at, message);
}

static void decode(job *j) {
    j->jpeg.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    if (setjmp(j->escape) == 0)
        read_image(j);
    else
        explain(j);
}

sav_status sav_jpeg_decode(sav_image *out, const sav_image_source *in, sav_error *err) {
    sav_jpeg_head head;
    int orientation = 1;
    sav_status status = sav_jpeg_walk(&head, in, err);
    job j = {.in = in, .head = &head, .out = out, .err = err};
    if (!status && head.bits != 8)
        status = sav_fail(err, SAV_UNSUPPORTED, "%s: found a JPEG of %d bits a sample; expected 8", in->name,
                          head.bits);
    if (!status) status = sav_info_orientation(&orientation, &head.info, err);
    if (!status) {
        decode(&j);
        status = j.status;
        jpeg_destroy_decompress(&j.jpeg);
    }
    sav_free(j.row);
    out->orientation = orientation;
    out->damaged |= !orientation;
    sav_info_free(&head.info);
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
