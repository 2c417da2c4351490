/* Pillow's resize: coefficient rows, the CRC table of known results, sizes of 1 pixel, both orders of passes.
 * The wide comparison with Pillow (hundreds of sizes) is in test_image_golden.c. */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "../picture.h"
#include "image/resize.h"

/* ---- coefficients -------------------------------------------------------------------------------------- */

static void check_row(size_t n, size_t m, sav_filter filter, size_t at, size_t first, const int *row,
                      size_t count) {
    sav_resize_axis axis;
    sav_error err;
    if (!CHECK_OK(sav_resize_axis_make(&axis, n, m, filter, &err), &err)) return;
    CHECK_SIZE(axis.first[at], first);
    CHECK_SIZE(axis.count[at], count);
    for (size_t t = 0; t < count && t < axis.count[at]; t++)
        CHECK(axis.coefficient[at * axis.width + t] == row[t]);
    sav_resize_axis_free(&axis);
}

#define ROW(n, m, filter, at, first, ...)                                     \
    do {                                                                      \
        const int row_[] = {__VA_ARGS__};                                     \
        check_row(n, m, filter, at, first, row_, sizeof row_ / sizeof *row_); \
    } while (0)

static void test_coefficients(void) {
    ROW(5, 3, SAV_BICUBIC, 0, 0, 2452055, 1871305, 0, -129056);
    ROW(5, 3, SAV_BICUBIC, 1, 0, -156067, 1033945, 2438549, 1033945, -156067);
    ROW(5, 3, SAV_BICUBIC, 2, 1, -129056, 0, 1871305, 2452055);
    ROW(3, 5, SAV_BICUBIC, 0, 0, 4510855, -316551);
    ROW(3, 5, SAV_BICUBIC, 1, 0, 2723168, 1658941, -187805);
    ROW(3, 5, SAV_BICUBIC, 2, 0, 0, 4194304, 0);
    ROW(3, 5, SAV_BICUBIC, 3, 0, -187805, 1658941, 2723168);
    ROW(3, 5, SAV_BICUBIC, 4, 1, -316551, 4510855);
    ROW(640, 384, SAV_BICUBIC, 0, 0, 2452055, 1871305, 0, -129056);
    ROW(640, 384, SAV_BICUBIC, 1, 0, -157533, 1043653, 2461446, 1043653, -157533, -39383);
    for (size_t i = 0; i < 4; i++) ROW(1, 4, SAV_BICUBIC, i, 0, 4194304);
    ROW(5, 3, SAV_BILINEAR, 0, 0, 2396745, 1797559, 0);
    ROW(5, 3, SAV_BILINEAR, 1, 1, 932068, 2330169, 932068);
    ROW(5, 3, SAV_BILINEAR, 2, 3, 1797559, 2396745);
    ROW(7, 3, SAV_LANCZOS, 0, 0, 1648661, 1850544, 982255, 0, -278210, -68390, 59444);
    ROW(7, 3, SAV_LANCZOS, 1, 0, -244898, 245227, 1223174, 1747299, 1223174, 245227, -244898);
    ROW(7, 3, SAV_LANCZOS, 2, 0, 59444, -68390, -278210, 0, 982255, 1850544, 1648661);
}

/* ---- pixels -------------------------------------------------------------------------------------------- */

static uint32_t resized(size_t w, size_t h, size_t ow, size_t oh, sav_filter filter, sav_pillow pillow) {
    sav_error err;
    unsigned char *in = picture_make(h, w), *out = picture_make(oh, ow);
    CHECK_OK(sav_image_resize(out, (sav_size){oh, ow}, in, (sav_size){h, w}, (sav_resampling){filter, pillow},
                              &err),
             &err);
    uint32_t crc = picture_crc32(out, oh * ow * 3);
    sav_free(in);
    sav_free(out);
    return crc;
}

static void check_crc(uint32_t got, uint32_t want, const char *what, size_t w, size_t h) {
    if (!CHECK(got == want))
        printf("%zu x %zu %s: CRC32 %08x, want %08x\n", w, h, what, (unsigned)got, (unsigned)want);
}

static void test_table(void) {
    static const struct {
        size_t w, h, ow, oh;
        sav_filter filter;
        uint32_t in, pillow13, pillow11;
    } rows[] = {
        {5, 3, 3, 5, SAV_BICUBIC, 0x2187f36a, 0x77b151fc, 0x77b151fc},
        {64, 48, 28, 28, SAV_BICUBIC, 0x5508e5b5, 0xc09113c5, 0xc09113c5},
        {64, 48, 28, 28, SAV_BILINEAR, 0x5508e5b5, 0x3a01a956, 0x3a01a956},
        {64, 48, 28, 28, SAV_LANCZOS, 0x5508e5b5, 0xda8967d4, 0xda8967d4},
        {37, 91, 56, 56, SAV_BICUBIC, 0xb8858d86, 0xe9bce8c0, 0xbf89758d},
        {37, 91, 56, 56, SAV_LANCZOS, 0xb8858d86, 0xa60a5534, 0x54058161},
        {91, 37, 56, 56, SAV_BICUBIC, 0x8b35fa8c, 0xd3ef6674, 0xd3ef6674},
        {640, 480, 384, 384, SAV_BICUBIC, 0x7bc57d52, 0x19dbd311, 0x19dbd311},
        {640, 480, 644, 476, SAV_BICUBIC, 0x7bc57d52, 0xb8d50b8f, 0xb0a63d8c},
        {480, 640, 384, 512, SAV_BICUBIC, 0x8e069a44, 0xb68e993c, 0xb68e993c},
        {100, 500, 28, 140, SAV_BICUBIC, 0xac072e3d, 0x743a74c3, 0x48ef77ac},
        {1, 1, 56, 56, SAV_BICUBIC, 0xe1d2f9f4, 0x2faada21, 0x2faada21},
        {1200, 60, 1204, 56, SAV_BICUBIC, 0x555d38de, 0xebb0c9f8, 0x0b098e9b},
        {60, 1200, 56, 1204, SAV_BICUBIC, 0x8bff9cbb, 0xb53c5981, 0xb53c5981},
        {60, 60, 60, 31, SAV_BICUBIC, 0x8250d738, 0xde0ded79, 0xde0ded79},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char *in = picture_make(rows[i].h, rows[i].w);
        check_crc(picture_crc32(in, rows[i].h * rows[i].w * 3), rows[i].in, "as generated", rows[i].w,
                  rows[i].h);
        sav_free(in);
        check_crc(resized(rows[i].w, rows[i].h, rows[i].ow, rows[i].oh, rows[i].filter, SAV_PILLOW_11),
                  rows[i].pillow11, "Pillow 11", rows[i].w, rows[i].h);
        check_crc(resized(rows[i].w, rows[i].h, rows[i].ow, rows[i].oh, rows[i].filter, SAV_PILLOW_13),
                  rows[i].pillow13, "Pillow 13", rows[i].w, rows[i].h);
    }
}

static void test_generator(void) {
    static const unsigned char want[9] = {0, 204, 9, 34, 48, 115, 44, 101, 96};
    unsigned char got[9];
    picture_fill(got, 1, 3);
    CHECK(memcmp(got, want, sizeof want) == 0);
}

/* A size that does not change is copied; a flat colour stays flat; sizes of zero and unknown filters are
 * errors. */
static void test_edges(void) {
    sav_error err;
    unsigned char *in = picture_make(7, 9), *out = picture_make(40, 40);
    const sav_size size = {7, 9}, none = {0, 4}, flat_size = {7, 0};
    const sav_resampling cubic = {SAV_BICUBIC, SAV_PILLOW_11};
    CHECK_OK(sav_image_resize(out, size, in, size, cubic, &err), &err);
    CHECK(memcmp(out, in, 7 * 9 * 3) == 0);
    for (int level = 0; level < 256; level += 51)
        for (int filter = SAV_LANCZOS; filter <= SAV_BICUBIC; filter++) {
            const sav_resampling how = {(sav_filter)filter, SAV_PILLOW_11};
            bool flat = true;
            memset(in, level, 7 * 9 * 3);
            CHECK_OK(sav_image_resize(out, (sav_size){40, 4}, in, size, how, &err), &err);
            for (size_t i = 0; i < 40 * 4 * 3; i++) flat = flat && out[i] == level;
            CHECK(flat);
        }
    CHECK_FAILS(sav_image_resize(out, none, in, size, cubic, &err), &err, SAV_BAD_INPUT, "at least 1 x 1");
    CHECK_FAILS(sav_image_resize(out, size, in, flat_size, cubic, &err), &err, SAV_BAD_INPUT,
                "at least 1 x 1");
    CHECK_FAILS(sav_image_resize(out, size, in, size, (sav_resampling){(sav_filter)0, SAV_PILLOW_11}, &err),
                &err, SAV_UNSUPPORTED, "resample 0");
    sav_free(in);
    sav_free(out);
}

int main(void) {
    test_generator();
    test_coefficients();
    test_table();
    test_edges();
    return check_report("test_resize");
}
