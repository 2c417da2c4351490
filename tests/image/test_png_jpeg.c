/* PNG written and read back; JPEG samplings that Pillow's encoder cannot make (4:4:0, 4:1:1, 4:1:0,
 * RGB-coded), encoded here with libjpeg and decoded to the bytes that Pillow gives for the same file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../picture.h"
#include "base/os.h"
#include "image/image.h"

#ifdef SAV_IMAGES
#include <jpeglib.h>

/* G(33, 57) at quality 75 with the given luma sampling; bytes by malloc. */
static unsigned char *encode(unsigned long *length, int across, int down, bool rgb_coded) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL, *rgb = picture_make(57, 33);
    *length = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, length);
    jpeg.image_width = 33;
    jpeg.image_height = 57;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    if (rgb_coded) jpeg_set_colorspace(&jpeg, JCS_RGB);
    jpeg_set_quality(&jpeg, 75, TRUE);
    jpeg.comp_info[0].h_samp_factor = across;
    jpeg.comp_info[0].v_samp_factor = down;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = rgb + (size_t)jpeg.next_scanline * 33 * 3;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    sav_free(rgb);
    return bytes;
}

static void test_samplings(void) {
    static const struct {
        int across, down;
        bool rgb_coded;
        unsigned long length;
        uint32_t file, rgb;
    } rows[] = {
        {1, 1, false, 3261, 0x9b6159e5, 0xb6ac6176}, {1, 2, false, 2373, 0x0738af0f, 0x3c6de64d},
        {2, 1, false, 2403, 0x75995116, 0x0fca06f4}, {4, 1, false, 2051, 0x1fa3a025, 0x24ca23aa},
        {2, 2, false, 1972, 0x37628e4e, 0x4318bd2d}, {4, 2, false, 1842, 0xe0d6a093, 0x82941183},
        {1, 1, true, 3836, 0x44d939d3, 0xcd035c5f},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned long length;
        sav_image image;
        sav_error err;
        unsigned char *bytes = encode(&length, rows[i].across, rows[i].down, rows[i].rgb_coded);
        if (length != rows[i].length || picture_crc32(bytes, length) != rows[i].file) {
            check_skip("this libjpeg encodes otherwise than libjpeg-turbo 2.1");
        } else if (CHECK_OK(sav_image_decode(&image, bytes, length, "t.jpg", &err), &err)) {
            CHECK(image.w == 33 && image.h == 57);
            CHECK(picture_crc32(image.rgb, image.h * image.w * 3) == rows[i].rgb);
            sav_image_free(&image);
        }
        free(bytes);
    }
}
#endif

/* Sizes around one stored block of 65,535 bytes: 1 + 3 * 145 bytes a row, 150 and 151 rows. */
static void test_written(void) {
    static const size_t sizes[][2] = {{1, 1}, {5, 3}, {150, 145}, {151, 145}, {1, 21845}, {2, 30000}};
    char path[400];
    snprintf(path, sizeof path, "%s/written.png", check_folder());
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t h = sizes[i][0], w = sizes[i][1];
        unsigned char *rgb = picture_make(h, w);
        sav_image image;
        sav_error err;
        if (CHECK_OK(sav_image_write_png(path, rgb, h, w, &err), &err)) {
            sav_status status = sav_image_read(&image, path, 0, &err);
            if (status == SAV_UNSUPPORTED) {
                check_skip("PNG is not read with IMAGES=0");
            } else if (CHECK_OK(status, &err)) {
                CHECK(image.h == h && image.w == w && memcmp(image.rgb, rgb, h * w * 3) == 0);
                sav_image_free(&image);
            }
        }
        sav_free(rgb);
    }
    sav_error err;
    CHECK_FAILS(sav_image_write_png(path, NULL, 0, 4, &err), &err, SAV_BAD_INPUT, "4 x 0");
    CHECK(sav_image_write_png("no/such/folder/x.png", (const unsigned char *)"abc", 1, 1, &err) ==
          SAV_IO_ERROR);
}

int main(void) {
    test_written();
#ifdef SAV_IMAGES
    test_samplings();
#endif
    return check_report("test_png_jpeg");
}
