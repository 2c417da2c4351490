/* The Qwen-VL families' sizes and patches: where a slip would show, 2,366 sizes by both forms of the
 * reference's rule, alpha on white for every colour and alpha, patch order by its formula. Sizes come from
 * golden/qwen_vl/ (tools/golden/patches_golden.py). */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "../picture.h"
#include "image/patches.h"
#include "io/safetensors.h"

enum { LOW = 3136, HIGH = 12845056, CLASS_HIGH = 1003520, UTILS = true, PROCESSOR = false };

static sav_error err;

static sav_status smart(sav_size *out, size_t h, size_t w, size_t low, size_t high, bool guard) {
    const sav_size_bounds bounds = {28, low, high, guard};
    return sav_smart_resize(out, (sav_size){h, w}, &bounds, &err);
}

static bool same(size_t h, size_t w, size_t low, size_t high, bool guard, size_t want_h, size_t want_w) {
    sav_size got = {0};
    sav_status status = smart(&got, h, w, low, high, guard);
    return want_h ? !status && got.h == want_h && got.w == want_w
                  : status == SAV_BAD_INPUT && err.message[0] != '\0';
}

/* One row for each slip that it alone would show; height first. */
static void test_table(void) {
    static const struct {
        size_t h, w, high, H, W;
    } rows[] = {
        {42, 70, HIGH, 56, 56},     /* half to even: 1.5 and 2.5 are both 2 */
        {10, 2000, HIGH, 28, 1988}, /* a side of nothing is lifted before pixels are counted */
        /* 19 * sqrt(3136 / 361) lies just above 56 in double arithmetic */
        {19, 19, HIGH, 84, 84},
        {38, 38, HIGH, 84, 84},
        {19, 76, HIGH, 56, 140},
        {31, 31, HIGH, 56, 56}, /* and just above in float arithmetic alone */
        {1500, 1500, HIGH, 1512, 1512},
        {1500, 1500, CLASS_HIGH, 980, 980},
        {67, 11415, HIGH, 56, 11424}, /* the processor refuses what comes out: 204:1 */
        {28, 5600, HIGH, 28, 5600},   /* 200:1 is allowed */
        {30, 60, HIGH, 56, 84},
    };
    sav_size got;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!CHECK(same(rows[i].h, rows[i].w, LOW, rows[i].high, UTILS, rows[i].H, rows[i].W)))
            printf("  %zu x %zu (height x width)\n", rows[i].h, rows[i].w);
    CHECK_FAILS(smart(&got, 28, 5601, LOW, HIGH, UTILS), &err, SAV_BAD_INPUT,
                "found 5601 x 28 pixels (width x height); sides may differ 200 times");
    CHECK_FAILS(smart(&got, 56, 11424, LOW, HIGH, PROCESSOR), &err, SAV_BAD_INPUT, "200 times");
    CHECK_FAILS(smart(&got, 27, 100, LOW, HIGH, PROCESSOR), &err, SAV_BAD_INPUT,
                "the processor takes sides from 28");
    CHECK_FAILS(smart(&got, 28, 5600, LOW, 100352, UTILS), &err, SAV_BAD_INPUT,
                "shrink to nothing under a bound of 100352");
    CHECK_FAILS(smart(&got, 0, 28, LOW, HIGH, UTILS), &err, SAV_BAD_INPUT, "without pixels");
    CHECK_FAILS(smart(&got, 28, 0, LOW, HIGH, UTILS), &err, SAV_BAD_INPUT, "without pixels");
}

static void test_golden(void) {
    sav_safetensors *file;
    if (!CHECK_OK(sav_safetensors_open(&file, "golden/qwen_vl/sizes.safetensors", &err), &err)) return;
    const sav_tensor *t = sav_safetensors_find(file, "sizes");
    CHECK(t && t->rank == 2 && t->shape[1] == 8 && t->shape[0] > 2000);
    for (size_t i = 0; t && i < t->shape[0]; i++) {
        size_t row[8];
        for (size_t j = 0; j < 8; j++) row[j] = (size_t)sav_tensor_integer(t, i * 8 + j);
        bool ok = CHECK(same(row[0], row[1], row[2], row[3], UTILS, row[4], row[5]));
        ok = CHECK(same(row[0], row[1], row[2], row[3], PROCESSOR, row[6], row[7])) && ok;
        if (!ok)
            printf("  row %zu: %zu x %zu (height x width) in %zu to %zu\n", i, row[0], row[1], row[2],
                   row[3]);
    }
    sav_safetensors_close(file);
}

/* Every alpha on every colour, as Pillow's paste with a mask gives it (the checksums are Pillow 11.3.0's); a
 * picture without alpha stays as it is. */
static void check_white(bool gray, uint32_t want) {
    enum { SIDE = 256 };
    unsigned char *rgb = picture_make(SIDE, SIDE), *alpha = picture_make(SIDE, SIDE);
    for (size_t m = 0; m < SIDE; m++)
        for (size_t v = 0; v < SIDE; v++) {
            unsigned char *p = rgb + (m * SIDE + v) * 3;
            p[0] = p[2] = (unsigned char)v;
            p[1] = (unsigned char)(gray ? v : 255 - m);
            alpha[m * SIDE + v] = (unsigned char)m;
        }
    sav_image image = {.h = SIDE, .w = SIDE, .orientation = 1, .rgb = rgb, .alpha = NULL};
    const uint32_t before = picture_crc32(rgb, SIDE * SIDE * 3);
    sav_image_on_white(&image);
    CHECK(picture_crc32(rgb, SIDE * SIDE * 3) == before);
    image.alpha = alpha;
    sav_image_on_white(&image);
    CHECK(picture_crc32(rgb, SIDE * SIDE * 3) == want);
    sav_free(rgb);
    sav_free(alpha);
}

/* Row p, column c*392 + t*196 + i*14 + j = channel c of pixel (14 y + i, 14 x + j), for both t; (y, x) of p
 * in blocks of 2 x 2. The table's values name channel and byte, so that nothing can stand in for another. */
static void test_order(void) {
    static const size_t grids[][2] = {{2, 2}, {2, 10}, {8, 4}, {6, 10}};
    const sav_patch_grid grid = {.patch = 14, .merge = 2, .temporal = 2};
    sav_pixel_table table;
    for (size_t c = 0; c < 3; c++)
        for (size_t v = 0; v < 256; v++) table.value[c][v] = (float)(c * 256 + v);
    for (size_t g = 0; g < sizeof grids / sizeof *grids; g++) {
        const size_t gh = grids[g][0], gw = grids[g][1], w = gw * 14;
        unsigned char *rgb = picture_make(gh * 14, w);
        float *out = sav_alloc(gh * gw * 1176, sizeof *out);
        size_t wrong = 0;
        if (!CHECK(out != NULL)) return;
        sav_patches_fill(out, rgb, gh, gw, &grid, &table);
        for (size_t p = 0; p < gh * gw; p++)
            for (size_t k = 0; k < 1176; k++) {
                const size_t c = k / 392, i = k % 196 / 14, j = k % 14;
                const size_t y = p / 4 / (gw / 2) * 2 + p % 4 / 2, x = p / 4 % (gw / 2) * 2 + p % 2;
                wrong += out[p * 1176 + k] != (float)(c * 256 + rgb[((14 * y + i) * w + 14 * x + j) * 3 + c]);
            }
        CHECK_SIZE(wrong, 0);
        sav_free(rgb);
        sav_free(out);
    }
}

int main(void) {
    test_table();
    test_golden();
    check_white(true, 0x065b8cbe);
    check_white(false, 0x55c067ff);
    test_order();
    return check_report("patches");
}
