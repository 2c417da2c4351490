/* LLaVA-OneVision's plan: sizes, tiles and tokens at the places where a slip would show; tables of pixel
 * values. Tiles of many sizes against the reference processor are in test_image_golden.c. */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "../picture.h"
#include "image/tiles.h"

/* tile side x (1…6) in both directions, height outer: the released pinpoints for 384. */
static sav_anyres plan_of(size_t tile, size_t patch, size_t h, size_t w) {
    size_t pinpoints[72], n = 0;
    sav_anyres plan;
    sav_error err;
    for (size_t i = 1; i <= 6; i++)
        for (size_t j = 1; j <= 6; j++) {
            pinpoints[n++] = tile * i;
            pinpoints[n++] = tile * j;
        }
    sav_anyres_grid grid = {pinpoints, 36, tile, patch, 9};
    if (!CHECK_OK(sav_anyres_plan(&plan, h, w, &grid, &err), &err)) memset(&plan, 0, sizeof plan);
    return plan;
}

static void test_table(void) {
    static const struct {
        size_t h, w, ph, pw, nh, nw, tiles, map_h, map_w, tokens;
        bool shrunk;
    } rows[] = {
        {480, 640, 768, 768, 576, 768, 5, 40, 54, 2929, false},
        {427, 640, 768, 768, 513, 768, 5, 36, 54, 2709, false},
        {640, 480, 768, 768, 768, 576, 5, 54, 40, 2943, false},
        {375, 500, 384, 768, 384, 512, 3, 27, 36, 1728, false},
        {224, 224, 384, 384, 384, 384, 2, 27, 27, 1485, false},
        {10, 10, 384, 384, 384, 384, 2, 27, 27, 1485, false},
        {768, 1024, 768, 1152, 768, 1024, 7, 54, 73, 4725, false},
        {1080, 1920, 1152, 1920, 1080, 1920, 16, 60, 108, 7269, true},
        {3000, 4000, 1920, 2304, 1728, 2304, 31, 70, 93, 7309, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_anyres p = plan_of(384, 14, rows[i].h, rows[i].w);
        CHECK_SIZE(p.ph, rows[i].ph);
        CHECK_SIZE(p.pw, rows[i].pw);
        CHECK_SIZE(p.nh, rows[i].nh);
        CHECK_SIZE(p.nw, rows[i].nw);
        CHECK_SIZE(p.tiles, rows[i].tiles);
        CHECK_SIZE(p.map_h, rows[i].map_h);
        CHECK_SIZE(p.map_w, rows[i].map_w);
        CHECK_SIZE(p.tokens, rows[i].tokens);
        CHECK(p.shrunk == rows[i].shrunk);
    }
}

/* One fixture for each slip that it alone would show. "t70": tile 70, patch 14, five patches a side. */
static void test_traps(void) {
    /* the fit: ceiling of the rounded product, not of the exact one */
    sav_anyres p = plan_of(384, 14, 827, 1654);
    CHECK_SIZE(p.nh, 961);
    CHECK_SIZE(plan_of(70, 14, 25, 125).nh, 29);
    CHECK_SIZE(plan_of(70, 14, 19, 190).nh, 22);

    p = plan_of(70, 14, 90, 101); /* an odd rest: the padded picture is one row short of 140 */
    CHECK_SIZE(p.nh, 125);
    CHECK_SIZE(p.nh + 2 * p.pad_y, 139);
    p = plan_of(384, 14, 427, 640);
    CHECK_SIZE(p.nh + 2 * p.pad_y, 767);

    p = plan_of(70, 14, 49, 245); /* unpad: 49 * (20 / 245) is 4; truncated unrounded it would be 3 */
    CHECK_SIZE(p.ph, 70);
    CHECK_SIZE(p.pw, 280);
    CHECK_SIZE(p.open_h, 5);
    CHECK_SIZE(p.tokens, 25 + 5 * 20 + 5);
    p = plan_of(70, 14, 147, 245); /* below 1.1: r = 1.075, not shrunk */
    CHECK(!p.shrunk);
    CHECK_SIZE(p.map_h, 13);
    CHECK_SIZE(p.map_w, 20);

    p = plan_of(70, 14, 8, 11); /* floor, not rounding, of the unpadded size: 8 * 5 / 11 = 3.6 */
    CHECK_SIZE(p.cut_y, 1);
    CHECK_SIZE(p.open_h, 3);
    p = plan_of(28, 14, 8, 17); /* 2 * 8 * 2 / 17 */
    CHECK_SIZE(p.open_h + 2 * p.cut_y, p.full_h);

    p = plan_of(70, 14, 281, 281); /* Python's float //: 14, where floor(20 / r) or rounding says 15 */
    CHECK(p.shrunk);
    CHECK_SIZE(p.map_h, 14);
    CHECK_SIZE(p.map_w, 14);
    p = plan_of(384, 14, 1466, 2447); /* the same at true size */
    CHECK(p.shrunk);
    CHECK_SIZE(p.tokens, 729 + p.map_h * p.map_w + p.map_h);
    p = plan_of(70, 14, 300, 280);
    CHECK(p.shrunk);
    p = plan_of(70, 14, 200, 420);
    CHECK(p.shrunk);

    CHECK_SIZE(plan_of(70, 14, 64, 90).tiles, 3); /* height first: (90, 64) would be another count of rows */
    CHECK_SIZE(plan_of(70, 14, 64, 90).columns, 2);
    CHECK_SIZE(plan_of(70, 14, 200, 210).tiles, 10);
    CHECK_SIZE(plan_of(384, 14, 1, 3000).ph, 384); /* nothing keeps a pixel: the least waste */
    CHECK_SIZE(plan_of(384, 14, 1, 3000).pw, 384);
    CHECK_SIZE(plan_of(384, 14, 1, 30000).tiles, 2);
}

/* The last row of tiles is cut one short and stretched back to s: never padded by a row of zeros. */
static void test_short_tile(void) {
    sav_anyres p = plan_of(70, 14, 90, 101);
    sav_error err;
    unsigned char *rgb = picture_make(90, 101), *tiles = picture_make(p.tiles * 70, 70);
    memset(rgb, 200, 90 * 101 * 3);
    if (CHECK_OK(sav_tiles_cut(tiles, rgb, &p, (sav_resampling){SAV_BICUBIC, SAV_PILLOW_11}, &err), &err)) {
        const unsigned char *last = tiles + (p.tiles - 1) * 70 * 70 * 3;
        bool base = true;
        for (size_t i = 0; i < 70 * 70 * 3; i++) base = base && tiles[i] == 200;
        CHECK(base);
        CHECK(last[0] == 200);
        CHECK(last[70 * 69 * 3] == 0);   /* seven rows of zeros below … */
        CHECK(last[70 * 55 * 3] == 200); /* … of 62 rows of picture, stretched from 69 rows in all to 70 */
        CHECK(p.pad_y == 7);
    }
    sav_free(rgb);
    sav_free(tiles);
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

static const double CLIP_MEAN[3] = {0.48145466, 0.4578275, 0.40821073},
                    CLIP_STD[3] = {0.26862954, 0.26130258, 0.27577711};
static const double HALF[3] = {0.5, 0.5, 0.5};

static uint32_t bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static uint32_t table_crc(const sav_pixel_table *table) {
    unsigned char bytes[3 * 256 * 4];
    for (size_t i = 0; i < 3 * 256; i++) {
        uint32_t u = bits(table->value[i / 256][i % 256]);
        for (size_t b = 0; b < 4; b++) bytes[4 * i + b] = (unsigned char)(u >> 8 * b);
    }
    return picture_crc32(bytes, sizeof bytes);
}

static void test_numbers(void) {
    static const int at[5] = {0, 1, 127, 128, 255};
    static const uint32_t clip[3][5] = {{0xbfe568dc, 0xbfe38a7f, 0x3d7ce092, 0x3d9c5620, 0x3ff71541},
                                        {0xbfe044b8, 0xbfde58f1, 0x3e1d9531, 0x3e2cf36b, 0x4004cae5},
                                        {0xbfbd77d8, 0xbfbba5e1, 0x3ea6c5e6, 0x3eae0dc4, 0x40095660}};
    static const uint32_t half[5] = {0xbf800000, 0xbf7dfdfe, 0xbb808080, 0x3b808100, 0x3f800000};
    sav_pixel_table table;
    sav_pixel_table_make(&table, 0.00392156862745098, CLIP_MEAN, CLIP_STD);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 5; i++) CHECK(bits(table.value[c][at[i]]) == clip[c][i]);
    CHECK(table_crc(&table) == 0x88a84fb3);
    sav_pixel_table_make(&table, 1.0 / 255, HALF, HALF);
    for (int i = 0; i < 5; i++) CHECK(bits(table.value[1][at[i]]) == half[i]);
    CHECK(table_crc(&table) == 0x958a2463);
    static const unsigned char tiles[2 * 3] = {0, 1, 127, 128, 255, 0}; /* two tiles of one pixel */
    float got[6];
    sav_tiles_normalise(got, tiles, 2, 1, &table);
    CHECK(bits(got[1]) == half[1] && bits(got[3]) == half[3] && bits(got[4]) == half[4]);
}

static void test_bad_grid(void) {
    sav_anyres plan;
    sav_error err;
    static const size_t odd[] = {70, 100}, good[] = {70, 140};
    sav_anyres_grid grid = {good, 1, 70, 14, 9};
    CHECK_OK(sav_anyres_plan(&plan, 5, 5, &grid, &err), &err);
    CHECK_FAILS(sav_anyres_plan(&plan, 0, 5, &grid, &err), &err, SAV_BAD_INPUT, "5 x 0");
    grid.max_tiles = 0;
    CHECK_FAILS(sav_anyres_plan(&plan, 5, 5, &grid, &err), &err, SAV_BAD_INPUT, "anyres_max_0");
    grid = (sav_anyres_grid){odd, 1, 70, 14, 9};
    CHECK_FAILS(sav_anyres_plan(&plan, 5, 5, &grid, &err), &err, SAV_BAD_INPUT, "found 100");
    grid = (sav_anyres_grid){good, 0, 70, 14, 9};
    CHECK_FAILS(sav_anyres_plan(&plan, 5, 5, &grid, &err), &err, SAV_BAD_INPUT, "empty");
    grid = (sav_anyres_grid){good, 1, 7, 14, 9};
    CHECK_FAILS(sav_anyres_plan(&plan, 5, 5, &grid, &err), &err, SAV_BAD_INPUT, "at least a patch");
}

int main(void) {
    test_table();
    test_traps();
    test_short_tile();
    test_numbers();
    test_bad_grid();
    return check_report("test_tiles");
}
