/* PPM, PGM and PBM against what Pillow makes of the same bytes; damaged headers; foreign types. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../check.h"
#include "image/image.h"

/* The file's bytes must decode to w x h pixels of the given gray levels or samples. */
static void check_file(const char *file, size_t length, size_t w, size_t h, bool gray, const int *want) {
    sav_image image;
    sav_error err;
    if (!CHECK_OK(sav_image_decode(&image, (const unsigned char *)file, length, "t.ppm", &err), &err)) return;
    CHECK_SIZE(image.w, w);
    CHECK_SIZE(image.h, h);
    CHECK(image.orientation == 1 && !image.alpha);
    for (size_t i = 0; i < w * h * 3; i++) {
        int level = want[gray ? i / 3 : i];
        if (!CHECK(image.rgb[i] == level))
            printf("\"%.20s\": sample %zu is %d, want %d\n", file, i, image.rgb[i], level);
    }
    sav_image_free(&image);
}

#define LITERAL(text) (text), sizeof(text) - 1
#define GRAY(file, w, h, ...) check_file(LITERAL(file), w, h, true, (const int[]){__VA_ARGS__})
#define RGB(file, w, h, ...) check_file(LITERAL(file), w, h, false, (const int[]){__VA_ARGS__})

static void test_values(void) {
    RGB("P6 1 2 255\n\1\2\3\375\376\377", 1, 2, 1, 2, 3, 253, 254, 255);
    GRAY("P5\n2\t1\r255 \0\200", 2, 1, 0, 128);
    GRAY("P5 4 1 100\n\0\62\144\377", 4, 1, 0, 128, 255, 255); /* 127.5 to even; above maxval clamps */
    GRAY("P5 2 1 15\n\10\1", 2, 1, 136, 17);
    GRAY("P5 1 1 102\n\1", 1, 1, 2); /* 2.5 rounds to even */
    RGB("P6 1 1 65535\n\0\377\22\64\377\377", 1, 1, 1, 18, 255);
    RGB("P6 1 1 1023\n\0\377\2\64\3\377", 1, 1, 64, 141, 255);
    GRAY("P5 3 1 1000\n\3\350\0\377\0\0", 3, 1, 255, 255, 0); /* mode I, clamped: practically white */
    GRAY("P5 3 1 65535\n\1\0\0\7\0\0", 3, 1, 255, 7, 0);
    GRAY("P4 9 2\n\200\200\0\0", 9, 2, 0, 255, 255, 255, 255, 255, 255, 255, 0, 255, 255, 255, 255, 255, 255,
         255, 255, 255);
    GRAY("P1 3 1 101", 3, 1, 0, 255, 0);
    GRAY("P1\n2 2\n0 1\n1#c\n0", 2, 2, 255, 0, 0, 255);
    GRAY("P2 3 1 15 8 1 15", 3, 1, 136, 17, 255);
    GRAY("P2 2 1 1000 1000 1", 2, 1, 255, 66);
    RGB("P3 1 1 255 1 2 3\n", 1, 1, 1, 2, 3);
}

static void test_comments(void) {
    RGB("P6 #wide\n1# none\n#\n 1 25#five\r5\n\1\2\3", 1, 1, 1, 2, 3);
    GRAY("P2 2 1 255 12#c\n3 4", 2, 1, 123, 4);
    RGB("P6 1 1 255 #\n\1\2\3", 1, 1, '#', '\n', 1); /* past the header a # is data */
    RGB("P6 1 1 255\n\1\2\3P6 more", 1, 1, 1, 2, 3);
}

static void check_bad(const char *file, size_t length, sav_status status, const char *part) {
    sav_image image;
    sav_error err;
    CHECK_FAILS(sav_image_decode(&image, (const unsigned char *)file, length, "t.ppm", &err), &err, status,
                part);
    CHECK(!image.rgb && !image.alpha);
}

#define BAD(file, part) check_bad(LITERAL(file), SAV_BAD_INPUT, part)

static void test_damage(void) {
    BAD("P6 1 1 255\n\1\2", "cut short");
    BAD("P6 1 1 256\n\1\2\3\4\5", "cut short");
    BAD("P4 9 2\n\1\2\3", "cut short");
    BAD("P1 2 2 010", "cut short");
    BAD("P3 1 1 255 1 2", "ends before");
    BAD("P3 1 1 255 1 2 256", "at most maxval 255");
    BAD("P1 2 1 02", "expected 0 or 1");
    BAD("P5 0 1 255\n", "at least 1 x 1");
    BAD("P5 1 1 0\n\1", "maxval 0");
    BAD("P5 1 1 65536\n\1\1", "maxval 65536");
    BAD("P5 -1 1 255\n\1", "expected a digit");
    BAD("P5 12345678901 1 255\n\1", "more than 10 digits");
    BAD("P5 9999999999 9999999999 255\n\1", "178956970");
    BAD("P6 13378 13378 255\n\1", "178956970");
    BAD("P6 1", "ends before the height");
    BAD("P6", "without a space");
    BAD("P6x1 1 255\n\1\2\3", "without a space");
    BAD("", "empty file");
    BAD("Hello", "no picture type");
}

static void test_foreign(void) {
    sav_error err;
    sav_image image;
    check_bad(LITERAL("BM......"), SAV_UNSUPPORTED, "a BMP");
    check_bad(LITERAL("II*\0...."), SAV_UNSUPPORTED, "a TIFF");
    check_bad(LITERAL("MM\0*...."), SAV_UNSUPPORTED, "a TIFF");
    check_bad(LITERAL("GIF89a"), SAV_UNSUPPORTED, "a GIF");
    check_bad(LITERAL("RIFF....WEBPVP8 "), SAV_UNSUPPORTED, "a WebP");
    check_bad(LITERAL("\0\0\0\30ftypheic"), SAV_UNSUPPORTED, "a HEIC");
    sav_image_decode(&image, (const unsigned char *)"GIF89a", 6, "a.gif", &err);
    CHECK(strstr(err.hint, "convert") != NULL);
}

/* Nothing that is no regular file may block. */
static void test_no_file(void) {
    sav_image image;
    sav_error err;
    CHECK_FAILS(sav_image_read(&image, check_folder(), 0, &err), &err, SAV_BAD_INPUT, "folder");
#ifdef _WIN32
    CHECK_FAILS(sav_image_read(&image, "NUL", 0, &err), &err, SAV_BAD_INPUT, "device");
#else
    char path[400];
    snprintf(path, sizeof path, "%s/fifo.png", check_folder());
    CHECK_FAILS(sav_image_read(&image, "/dev/null", 0, &err), &err, SAV_BAD_INPUT, "device");
    if (mkfifo(path, 0600) == 0)
        CHECK_FAILS(sav_image_read(&image, path, 0, &err), &err, SAV_BAD_INPUT, "FIFO");
#endif
    CHECK(sav_image_read(&image, "no/such/file.png", 0, &err) == SAV_BAD_INPUT);
    sav_image_free(&image);
}

int main(void) {
    test_values();
    test_comments();
    test_damage();
    test_foreign();
    test_no_file();
    return check_report("test_ppm");
}
