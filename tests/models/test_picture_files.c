/* golden/image/files/: pictures as cameras, tools and broken transfers leave them, as files; what a Qwen2-VL
 * folder makes of each, as stored and turned, is what Qwen2VLImageProcessor makes of Pillow 11.3's pixels
 * (golden/image/files.json). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "forward/pictures.h"
#include "io/json.h"

#ifdef SAV_IMAGES

#define FILES "golden/image/files/"

static sav_error err;

static const sav_json *at(const sav_json *row, size_t i) {
    const sav_json *node = row->child;
    while (node && i--) node = node->next;
    return node;
}

static int64_t whole(const sav_json *row, size_t i) {
    int64_t value = -1;
    if (!sav_json_integer(&value, at(row, i))) CHECK(false);
    return value;
}

/* The first 16 digits of the SHA-256 of the values as little-endian float32. */
static void digest_of(char out[65], const float *values, size_t count) {
    sav_sha256 hash;
    sav_sha256_init(&hash);
    for (size_t i = 0; i < count; i++) {
        uint32_t u;
        unsigned char bytes[4];
        memcpy(&u, values + i, sizeof u);
        for (size_t b = 0; b < 4; b++) bytes[b] = (unsigned char)(u >> 8 * b);
        sav_sha256_update(&hash, bytes, sizeof bytes);
    }
    sav_sha256_hex(&hash, out);
    out[16] = 0;
}

static bool is(const char *name, const char *other) {
    return strcmp(name, other) == 0;
}

/* What is said of a file beside its pixels. */
static void check_seen(const sav_pictures_seen *seen, const char *name, const char *path) {
    const bool stored = is(name, "after-eoi.jpg") || is(name, "boundary.jpg") || is(name, "zeros.jpg") ||
                        is(name, "cmyk.jpg") || is(name, "cut-checksum.png") || is(name, "window-1k.png") ||
                        is(name, "window-32k.png") || is(name, "unrefined.jpg") ||
                        is(name, "arithmetic.jpg") || is(name, "lossless.jpg") || is(name, "broken-exif.png");
    const bool damaged = is(name, "broken-exif.png") || is(name, "boundary.jpg") || is(name, "zeros.jpg") ||
                         is(name, "cmyk.jpg") || is(name, "cut-checksum.png");
    CHECK_SIZE(seen->turned, !stored);
    if (!CHECK_SIZE(seen->damaged, damaged)) printf("  %s\n", name);
    CHECK_SIZE(seen->unrefined, is(name, "unrefined.jpg"));
    CHECK((seen->first_damaged != NULL) == damaged);
    if (damaged) CHECK_STR(seen->first_damaged, path);
}

static void check_row(const sav_model *model,
                      const sav_json *row) { /* [name, turned, rows, columns, digest] */
    const char *name = at(row, 0)->text, *digest = at(row, 4)->text;
    const sav_picture_options how = {.pillow = SAV_PILLOW_11, .rotate = whole(row, 1) != 0};
    sav_picture picture = {0};
    sav_pictures_seen seen = {0};
    char path[200], got[65];
    snprintf(path, sizeof path, FILES "%s", name);
    const sav_status status = sav_picture_load(&picture, &seen, model, path, &how, &err);
    if (is(digest, "raises")) {
        CHECK_FAILS(status, &err, SAV_BAD_INPUT, "EXIF or XMP that cannot be read");
        CHECK(strncmp(err.message, path, strlen(path)) == 0 && strstr(err.hint, "--exif-rotate"));
    } else if (status == SAV_UNSUPPORTED && (is(name, "lossless.jpg") || is(name, "arithmetic.jpg"))) {
        /* not every libjpeg can: libjpeg-turbo reads lossless ones since 3.0 */
        CHECK(strstr(err.message, is(name, "lossless.jpg") ? "a lossless JPEG" : "an arithmetic-coded"));
        CHECK(err.hint[0]);
    } else if (CHECK_OK(status, &err)) {
        digest_of(got, picture.pixels, picture.fit.floats);
        CHECK_SIZE((size_t)picture.fit.sizes[1], (size_t)whole(row, 2));
        CHECK_SIZE((size_t)picture.fit.sizes[2], (size_t)whole(row, 3));
        if (!CHECK_STR(got, digest)) printf("  %s, turned %d\n", name, how.rotate);
        check_seen(&seen, name, path);
    }
    sav_free(picture.pixels);
    sav_free(seen.first_damaged);
    sav_free(seen.first_unrefined);
}

/* A limit below the picture's pixels refuses it, through the options of a session too. */
static void check_limit(const sav_model *model) {
    sav_picture picture = {0};
    sav_pictures_seen seen = {0};
    sav_picture_options how;
    CHECK_OK(sav_picture_choose(&how, model, &(sav_options){.max_picture_pixels = 6271}, &err), &err);
    CHECK_FAILS(sav_picture_load(&picture, &seen, model, FILES "exif.png", &how, &err), &err, SAV_BAD_INPUT,
                "112 x 56 pixels; expected at most 6271");
    CHECK_SIZE(seen.read, 0);
    CHECK_OK(sav_picture_choose(&how, model, &(sav_options){.max_picture_pixels = 6272}, &err), &err);
    CHECK_OK(sav_picture_load(&picture, &seen, model, FILES "exif.png", &how, &err), &err);
    sav_free(picture.pixels);
    CHECK_FAILS(sav_picture_choose(&how, model, &(sav_options){.max_picture_pixels = 178956971}, &err), &err,
                SAV_BAD_INPUT, "at most 178956970");
}

static void check_files(void) {
    sav_model *model = NULL;
    sav_json_doc *doc = NULL;
    if (CHECK_OK(sav_model_open(&model, "golden/models/report-qwen2-vl", &err), &err) &&
        CHECK_OK(sav_json_read(&doc, "golden/image/files.json", &err), &err)) {
        CHECK_SIZE(sav_json_root(doc)->count, 34);
        for (const sav_json *row = sav_json_root(doc)->child; row; row = row->next) check_row(model, row);
        check_limit(model);
    }
    sav_json_free(doc);
    sav_model_close(model);
}

#endif

int main(void) {
#ifdef SAV_IMAGES
    check_files();
#else
    check_skip("PNG and JPEG: built with IMAGES=0");
#endif
    return check_report("picture_files");
}
