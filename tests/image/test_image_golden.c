/* golden/image/ (written by tools/golden/image_golden.py): every small file decodes to Pillow's bytes
 * or fails where it fails; resized noise and LLaVA-OneVision's tiles and token counts are the reference's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SAV_IMAGES
#include <jpeglib.h>
#endif

#include "../check.h"
#include "../picture.h"
#include "image/tiles.h"
#include "io/json.h"
#include "io/safetensors.h"

static bool crc_is(const void *bytes, size_t length, const sav_json *want, const char *what) {
    uint32_t crc = picture_crc32(bytes, length);
    bool same = want && want->kind == SAV_JSON_STRING && strtoul(want->text, NULL, 16) == crc;
    if (!same) printf("%s: CRC32 %08x, want %s\n", what, (unsigned)crc, want ? want->text : "one");
    return same;
}

static size_t size_at(const sav_json *array, size_t i) {
    const sav_json *node = array->child;
    int64_t value = 0;
    while (node && i--) node = node->next;
    return node && sav_json_integer(&value, node) ? (size_t)value : 0;
}

static const sav_json *last_of(const sav_json *array) {
    const sav_json *node = array->child;
    while (node && node->next) node = node->next;
    return node;
}

/* ---- decoders ------------------------------------------------------------------------------------------ */

static size_t member(const sav_json *record, const char *key) {
    size_t value = 0;
    sav_json_size(&value, record, key, 0, "decode.json", NULL);
    return value;
}

static void check_turned(sav_image *image, const sav_json *record, const char *name) {
    sav_error err;
    if (!CHECK_OK(sav_image_rotate(image, image->orientation, &err), &err)) return;
    CHECK_SIZE(image->w, member(record, "turned_w"));
    CHECK(crc_is(image->rgb, image->h * image->w * 3, sav_json_get(record, "turned"), name));
}

/* libjpeg-turbo before 3.0.1 smooths rough progressive files otherwise at some edges: where chroma has fewer
 * rows, or the picture is two blocks wide ("unrefined": 2). Pillow has 3.1.1. */
static bool smooths_as_pillow(void) {
#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 3000001
    return true;
#else
    return false;
#endif
}

static void check_good(sav_image *image, const sav_json *record, const char *name) {
    const sav_json *alpha = sav_json_get(record, "alpha");
    size_t area = image->h * image->w;
    CHECK_SIZE(image->w, member(record, "w"));
    CHECK_SIZE(image->h, member(record, "h"));
    if (member(record, "unrefined") != 2 || smooths_as_pillow())
        CHECK(crc_is(image->rgb, area * 3, sav_json_get(record, "rgb"), name));
    CHECK((alpha != NULL) == (image->alpha != NULL));
    if (alpha && image->alpha) CHECK(crc_is(image->alpha, area, alpha, name));
    CHECK_SIZE((size_t)image->orientation, member(record, "orientation"));
    if (image->orientation > 1) check_turned(image, record, name);
}

/* odd.json says what must be noted of a picture, and what an error must name. */
static void check_notes(const sav_image *image, const sav_json *record, const char *name) {
    const bool damaged = member(record, "damaged") || member(record, "orientation") == 0;
    if (!CHECK_SIZE(image->damaged, damaged) ||
        !CHECK_SIZE(image->unrefined, member(record, "unrefined") != 0))
        printf("%s: damaged, or unrefined\n", name);
}

static void check_record(const sav_safetensors *files, const sav_json *record) {
    const sav_json *node = sav_json_get(record, "name");
    const sav_tensor *file = node ? sav_safetensors_find(files, node->text) : NULL;
    sav_image image;
    sav_error err;
    if (!CHECK(file != NULL)) return;
    sav_status status = sav_image_decode(&image, file->data, file->count, file->name, &err);
    bool want_error = sav_json_is(sav_json_get(record, "verdict"), "error");
    if (status == SAV_UNSUPPORTED && strstr(err.message, "IMAGES=0")) return;
    if (!CHECK((status != SAV_OK) == want_error))
        printf("%s: %s\n", file->name, status ? err.message : "decoded; expected an error");
    if (status)
        CHECK(!image.rgb && err.message[0] && strncmp(err.message, file->name, strlen(file->name)) == 0);
    if (!status && !want_error) check_good(&image, record, file->name);
    if (!status && !want_error) check_notes(&image, record, file->name);
    const sav_json *words = sav_json_get(record, "words");
    if (status && words && !CHECK(strstr(err.message, words->text) != NULL))
        printf("%s: expected %s\n", err.message, words->text);
    sav_image_free(&image);
}

static void test_decode(const char *json, const char *safetensors) {
    sav_json_doc *doc = NULL;
    sav_safetensors *files = NULL;
    sav_error err;
    size_t count = 0;
    if (CHECK_OK(sav_json_read(&doc, json, &err), &err) &&
        CHECK_OK(sav_safetensors_open(&files, safetensors, &err), &err)) {
        for (const sav_json *record = sav_json_root(doc)->child; record; record = record->next, count++)
            check_record(files, record);
        CHECK_SIZE(count, sav_safetensors_count(files));
    }
    sav_safetensors_close(files);
    sav_json_free(doc);
#ifndef SAV_IMAGES
    check_skip("PNG and JPEG: built with IMAGES=0");
#endif
}

/* ---- resize -------------------------------------------------------------------------------------------- */

static void check_resize(const sav_json *row) { /* [w, h, w2, h2, filter, crc32] */
    size_t w = size_at(row, 0), h = size_at(row, 1), ow = size_at(row, 2), oh = size_at(row, 3),
           filter = size_at(row, 4);
    char name[100];
    sav_error err;
    snprintf(name, sizeof name, "resize %zu x %zu to %zu x %zu, filter %zu", w, h, ow, oh, filter);
    unsigned char *in = picture_make(h, w), *out = picture_make(oh, ow);
    const sav_resampling how = {(sav_filter)filter, SAV_PILLOW_11};
    if (CHECK_OK(sav_image_resize(out, (sav_size){oh, ow}, in, (sav_size){h, w}, how, &err), &err))
        CHECK(crc_is(out, oh * ow * 3, last_of(row), name));
    sav_free(in);
    sav_free(out);
}

static void test_resize(void) {
    sav_json_doc *doc = NULL;
    sav_error err;
    if (CHECK_OK(sav_json_read(&doc, "golden/image/resize.json", &err), &err))
        for (const sav_json *row = sav_json_root(doc)->child; row; row = row->next) check_resize(row);
    sav_json_free(doc);
}

/* ---- tiles --------------------------------------------------------------------------------------------- */

/* Pinpoints tile x (1…6) both ways, height outer. */
static bool plan_of(sav_anyres *plan, size_t tile, size_t patch, size_t h, size_t w) {
    size_t pinpoints[72];
    sav_error err;
    for (size_t i = 0; i < 36; i++) {
        pinpoints[2 * i] = tile * (1 + i / 6);
        pinpoints[2 * i + 1] = tile * (1 + i % 6);
    }
    sav_anyres_grid grid = {pinpoints, 36, tile, patch, 9};
    return CHECK_OK(sav_anyres_plan(plan, h, w, &grid, &err), &err);
}

/* The CRC32 of the values as little-endian float32. */
static bool floats_are(const float *values, size_t count, const sav_json *want, const char *name) {
    unsigned char *bytes = sav_alloc(count, 4);
    if (!bytes) return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t u;
        memcpy(&u, values + i, sizeof u);
        for (size_t b = 0; b < 4; b++) bytes[4 * i + b] = (unsigned char)(u >> 8 * b);
    }
    bool same = crc_is(bytes, count * 4, want, name);
    sav_free(bytes);
    return same;
}

static void check_tiles(const sav_json *row) { /* [tile, h, w, tiles, crc32]; tile 42 with CLIP's constants */
    static const double clip_mean[3] = {0.48145466, 0.4578275, 0.40821073};
    static const double clip_std[3] = {0.26862954, 0.26130258, 0.27577711}, half[3] = {0.5, 0.5, 0.5};
    size_t s = size_at(row, 0), h = size_at(row, 1), w = size_at(row, 2);
    char name[100];
    sav_anyres plan;
    sav_error err;
    sav_pixel_table table;
    snprintf(name, sizeof name, "tiles of %zu, picture %zu x %zu (height first)", s, h, w);
    if (!plan_of(&plan, s, 14, h, w) || !CHECK_SIZE(plan.tiles, size_at(row, 3))) return;
    sav_pixel_table_make(&table, 1.0 / 255, s == 42 ? clip_mean : half, s == 42 ? clip_std : half);
    unsigned char *rgb = picture_make(h, w), *tiles = picture_make(plan.tiles * s, s);
    float *values = sav_alloc(plan.tiles * s * s * 3, sizeof *values);
    if (CHECK(values != NULL) &&
        CHECK_OK(sav_tiles_cut(tiles, rgb, &plan, (sav_resampling){SAV_BICUBIC, SAV_PILLOW_11}, &err),
                 &err)) {
        sav_tiles_normalise(values, tiles, plan.tiles, s, &table);
        CHECK(floats_are(values, plan.tiles * s * s * 3, last_of(row), name));
    }
    sav_free(rgb);
    sav_free(tiles);
    sav_free(values);
}

static void check_tokens(const sav_json *row) { /* [tile, patch, h, w, tokens] */
    sav_anyres plan;
    if (!plan_of(&plan, size_at(row, 0), size_at(row, 1), size_at(row, 2), size_at(row, 3))) return;
    if (!CHECK_SIZE(plan.tokens, size_at(row, 4)))
        printf("tile %zu, picture %zu x %zu (height first)\n", plan.tile, plan.h, plan.w);
}

static void test_tiles(void) {
    sav_json_doc *doc = NULL;
    sav_error err;
    if (CHECK_OK(sav_json_read(&doc, "golden/image/tiles.json", &err), &err)) {
        const sav_json *values = sav_json_get(sav_json_root(doc), "pixel_values");
        const sav_json *tokens = sav_json_get(sav_json_root(doc), "tokens");
        CHECK(values && values->count >= 120 && tokens && tokens->count >= 1000);
        for (const sav_json *row = values ? values->child : NULL; row; row = row->next) check_tiles(row);
        for (const sav_json *row = tokens ? tokens->child : NULL; row; row = row->next) check_tokens(row);
    }
    sav_json_free(doc);
}

int main(void) {
    test_decode("golden/image/decode.json", "golden/image/decode.safetensors");
    test_decode("golden/image/odd.json", "golden/image/odd.safetensors");
    test_resize();
    test_tiles();
    return check_report("test_image_golden");
}
