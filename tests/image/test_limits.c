/* Pictures that shall not be decoded: above a limit of pixels, bombs of JPEG scans; and what depends on the
 * blocks in which a file is handed to libjpeg. Files are made here from those of golden/image/odd.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../picture.h"
#include "base/os.h"
#include "classify/store.h"
#include "image/decode.h"
#include "io/safetensors.h"

static sav_error err;
static sav_image image;

/* ---- pixels -------------------------------------------------------------------------------------------- */

static void check_limit(const char *bytes, size_t length, size_t pixels) {
    sav_image_source in = {.bytes = (const unsigned char *)bytes, .length = length, .name = "x"};
    in.max_pixels = pixels - 1;
    char part[60];
    snprintf(part, sizeof part, "expected at most %zu in all", pixels - 1);
    CHECK_FAILS(sav_image_decode_source(&image, &in, &err), &err, SAV_BAD_INPUT, part);
    in.max_pixels = pixels;
    if (CHECK_OK(sav_image_decode_source(&image, &in, &err), &err)) sav_image_free(&image);
}

static void test_pixels(void) {
    static const char ppm[] = "P6 3 2 255\n123456789012345678";
    char path[400];
    check_limit(ppm, sizeof ppm - 1, 6);
    /* before the pixels are looked at */
    const sav_image_source cut = {
        .bytes = (const unsigned char *)ppm, .length = 11, .name = "x", .max_pixels = 5};
    CHECK_FAILS(sav_image_decode_source(&image, &cut, &err), &err, SAV_BAD_INPUT, "at most 5 in all");
    snprintf(path, sizeof path, "%s/x.ppm", check_folder());
    FILE *file = fopen(path, "wb");
    if (!CHECK(file && fwrite(ppm, 1, sizeof ppm - 1, file) == sizeof ppm - 1)) return;
    fclose(file);
    size_t h, w;
    CHECK_FAILS(sav_image_read(&image, path, 5, &err), &err, SAV_BAD_INPUT, "at most 5 in all");
    CHECK_FAILS(sav_image_measure(&h, &w, path, 5, &err), &err, SAV_BAD_INPUT, "at most 5 in all");
    CHECK_OK(sav_image_measure(&h, &w, path, 6, &err), &err);
    CHECK(h == 2 && w == 3);
    for (size_t most = 6; most; most = most == 6 ? SIZE_MAX : 0) /* more than Pillow's is Pillow's */
        if (CHECK_OK(sav_image_read(&image, path, most, &err), &err)) sav_image_free(&image);
    CHECK_FAILS(sav_image_rotate(&image, 0, &err), &err, SAV_BAD_INPUT, "EXIF or XMP that cannot be read");
    CHECK(strstr(err.hint, "--exif-rotate") != NULL);
    CHECK_FAILS(sav_image_rotate(&image, 9, &err), &err, SAV_BAD_INPUT, "expected 1 to 8");
}

#ifdef SAV_IMAGES

/* ---- JPEG ---------------------------------------------------------------------------------------------- */

typedef struct file {
    unsigned char *bytes;
    size_t length, capacity;
} file;

static void add(file *f, const void *bytes, size_t length) {
    if (!sav_grow(&f->bytes, &f->capacity, f->length + length, 1)) exit(1);
    memcpy(f->bytes + f->length, bytes, length);
    f->length += length;
}

static sav_status decode(file *f, size_t most) {
    const sav_image_source in = {.bytes = f->bytes, .length = f->length, .name = "x", .max_pixels = most};
    const sav_status status = sav_image_decode_source(&image, &in, &err);
    sav_free(f->bytes);
    *f = (file){0};
    return status;
}

/* All rows, then bytes that are no marker: an error where libjpeg meets them in the block of 65,536 bytes
 * that it has, nothing where they lie in the next (both as Pillow has it: 879cb7df are its pixels). */
static void test_blocks(const sav_safetensors *files) {
    const sav_tensor *t = sav_safetensors_find(files, "jpeg_end/marker_behind");
    static const unsigned char bad[5] = {0xFF, 0xC4, 0, 3, 0}, zeros[70000];
    static const size_t rows[][2] = {{0, 0}, {1000, 0}, {60000, 0}, {65536, 1}, {70000, 1}};
    if (!CHECK(t && t->count > 5 && memcmp((const char *)t->data + t->count - 5, bad, 5) == 0)) return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        file f = {0};
        add(&f, t->data, t->count - 5);
        add(&f, zeros, rows[i][0]);
        add(&f, bad, 5);
        const sav_status status = decode(&f, SAV_IMAGE_MAX_PIXELS);
        CHECK_SIZE(status == SAV_OK, rows[i][1]);
        if (status) continue;
        CHECK(image.damaged && picture_crc32(image.rgb, 9 * 9 * 3) == 0x879cb7df);
        sav_image_free(&image);
    }
}

/* The last scan of a progressive picture, many times, over a side that the header was changed to. */
static sav_status decode_scans(const sav_tensor *t, size_t side, size_t times) {
    const unsigned char *p = t->data;
    size_t size = 0, last = 0;
    file f = {0};
    for (size_t i = 0; i + 1 < t->count; i++) {
        if (p[i] == 0xFF && p[i + 1] == 0xC2 && !size) size = i + 5;
        if (p[i] == 0xFF && p[i + 1] == 0xDA) last = i;
    }
    const unsigned char sides[4] = {(unsigned char)(side >> 8), (unsigned char)side,
                                    (unsigned char)(side >> 8), (unsigned char)side};
    add(&f, p, size);
    add(&f, sides, 4);
    add(&f, p + size + 4, t->count - 2 - (size + 4));
    for (size_t i = 0; i < times; i++) add(&f, p + last, t->count - 2 - last);
    add(&f, "\xFF\xD9", 2);
    return decode(&f, SAV_IMAGE_MAX_PIXELS);
}

static void test_scans(const sav_safetensors *files) {
    const sav_tensor *t = sav_safetensors_find(files, "jpeg_scans/gray_6_of_6");
    /* side, scans beside the 6 of the file, read: 24 times the picture's blocks, or 2^24 blocks in all */
    static const size_t rows[][3] = {{2048, 240, 1}, {2048, 260, 0}, {64, 2000, 1},
                                     {6800, 18, 1},  {6800, 19, 0},  {4096, 600, 0}};
    if (!CHECK(t != NULL)) return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const sav_status status = decode_scans(t, rows[i][0], rows[i][1]);
        if (rows[i][2] ? CHECK_OK(status, &err)
                       : CHECK_FAILS(status, &err, SAV_BAD_INPUT, "decompression bomb"))
            sav_image_free(&image);
    }
}

static void check_limit_of(const sav_safetensors *files, const char *name, size_t pixels) {
    const sav_tensor *t = sav_safetensors_find(files, name);
    if (CHECK(t != NULL)) check_limit(t->data, t->count, pixels);
}

/* ---- frames of an animation ---------------------------------------------------------------------------- */

/* The file with one byte changed, and perhaps without an animation: Pillow 11.3 says the same of each. part
 * NULL: it is read. */
static void check_frame(size_t at, unsigned char byte, bool animated, const char *part) {
    enum { CONTROL = 33, FRAME = 53 }; /* acTL, the first fcTL */
    static const size_t chunks[][2] = {{CONTROL, 8}, {FRAME, 26}};
    char *bytes;
    size_t length;
    if (!CHECK_OK(sav_os_read_file(&bytes, &length,
                                   "tests/fuzz/corpus/image/png_animated_exif_before_frame_2", 1000, &err),
                  &err))
        return;
    bytes[at] = (char)byte;
    if (!animated) bytes[CONTROL + 8 + 3] = 0; /* of no frames */
    for (size_t i = 0; i < 2; i++) {
        char *name = bytes + chunks[i][0] + 4, *sum = name + 4 + chunks[i][1];
        const uint32_t crc = sav_crc32(name, 4 + chunks[i][1]);
        for (int k = 0; k < 4; k++) sum[k] = (char)(crc >> (24 - 8 * k));
    }
    const sav_image_source in = {
        .bytes = (const unsigned char *)bytes, .length = length, .name = "x", .max_pixels = 15};
    const sav_status got = sav_image_decode_source(&image, &in, &err);
    if (part)
        CHECK_FAILS(got, &err, SAV_BAD_INPUT, part);
    else
        CHECK_OK(got, &err);
    sav_image_free(&image);
    sav_free(bytes);
}

static void test_frames(void) {
    check_frame(64, 0, true, NULL);
    check_frame(64, 1, true, "the chunk fcTL is out of order");
    check_frame(76, 1, true, "the chunk fcTL is a frame outside the picture");
    check_frame(80, 1, true, "the chunk fcTL is a frame outside the picture");
    check_frame(249, 7, true, NULL); /* behind the second fcTL nothing is read */
    check_frame(249, 2, false, NULL);
    check_frame(249, 7, false, "the chunk fdAT is out of order");
}

static void test_files(void) {
    sav_safetensors *files = NULL;
    if (!CHECK_OK(sav_safetensors_open(&files, "golden/image/odd.safetensors", &err), &err)) return;
    check_limit_of(files, "png/profile_8", 15);
    check_limit_of(files, "png/adam7_cut_before_iend_3", 70);
    check_limit_of(files, "jpeg/exif_progressive", 21 * 13);
    check_limit_of(files, "jpeg_end/420_boundary", 61 * 47);
    test_blocks(files);
    test_scans(files);
    sav_safetensors_close(files);
}

#endif

int main(void) {
    test_pixels();
#ifdef SAV_IMAGES
    test_files();
    test_frames();
#else
    check_skip("PNG and JPEG: built with IMAGES=0");
#endif
    return check_report("image limits");
}
