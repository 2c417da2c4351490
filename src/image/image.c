/* image.c: finds out what a picture file is and hands it to its decoder; orientation; the picture's memory.
 *
 *   path -> mapped bytes -> type by first bytes -> sav_{ppm,png,jpeg}_decode -> sav_image
 */
#include "image/image.h"

#include <string.h>

#include "base/os.h"
#include "image/decode.h"

/* ---- the picture's memory ------------------------------------------------------------------------------ */

sav_status sav_image_start(sav_image *out, size_t h, size_t w, bool alpha, const sav_image_source *in,
                           sav_error *err) {
    size_t pixels;
    if (h == 0 || w == 0)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: found a picture of %zu x %zu pixels; expected at least 1 x 1", in->name, w, h);
    if (!sav_mul(&pixels, h, w) || pixels > in->max_pixels)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: found a picture of %zu x %zu pixels; expected at most %zu in all", in->name, w,
                        h, in->max_pixels);
    out->h = h;
    out->w = w;
    out->orientation = 1;
    if (in->size_only) return SAV_STOPPED;
    out->rgb = sav_alloc(pixels, 3);
    if (alpha) out->alpha = sav_alloc(pixels, 1);
    if (!out->rgb || (alpha && !out->alpha))
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu x %zu pixels", in->name, w, h);
    return SAV_OK;
}

void sav_image_free(sav_image *image) {
    sav_free(image->rgb);
    sav_free(image->alpha);
    memset(image, 0, sizeof *image);
}

/* ---- type by first bytes ------------------------------------------------------------------------------- */

static bool starts(const sav_image_source *in, size_t at, const char *magic, size_t length) {
    return in->length >= at + length && memcmp(in->bytes + at, magic, length) == 0;
}

/* Names a picture type that we know and do not read, by a mark of at least `shortest` bytes; NULL for
 * anything else. */
static const char *foreign_type(const sav_image_source *in, size_t shortest) {
    static const struct {
        const char *magic, *name;
        size_t at, length;
    } types[] = {
        {"GIF8", "a GIF", 0, 4},
        {"BM", "a BMP", 0, 2},
        {"II*\0", "a TIFF", 0, 4},
        {"MM\0*", "a TIFF", 0, 4},
        {"II+\0", "a TIFF", 0, 4},
        {"MM\0+", "a TIFF", 0, 4},
        {"WEBP", "a WebP", 8, 4},
        {"ftypheic", "a HEIC", 4, 8},
        {"ftypheix", "a HEIC", 4, 8},
        {"ftyphevc", "a HEIC", 4, 8},
        {"ftypheim", "a HEIC", 4, 8},
        {"ftypmif1", "a HEIC", 4, 8},
        {"ftypmsf1", "a HEIC", 4, 8},
        {"ftypavif", "an AVIF", 4, 8},
        {"ftypavis", "an AVIF", 4, 8},
        {"\xFF\x0A", "a JPEG XL", 0, 2},
        {"JXL ", "a JPEG XL", 4, 4},
        {"jP  ", "a JPEG 2000", 4, 4},
        {"\xFF\x4F\xFF\x51", "a JPEG 2000", 0, 4},
        {"8BPS", "a Photoshop", 0, 4},
        {"%PDF", "a PDF", 0, 4},
        {"P7", "a PAM", 0, 2},
        {"Pf", "a PFM", 0, 2},
        {"PF", "a PFM", 0, 2},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].length >= shortest && starts(in, types[i].at, types[i].magic, types[i].length))
            return types[i].name;
    return NULL;
}

static sav_status refuse(const sav_image_source *in, sav_error *err) {
    const char *type = foreign_type(in, 2);
    if (!in->length)
        return sav_fail(err, SAV_BAD_INPUT, "%s: found an empty file; expected a PNG, JPEG or PPM picture",
                        in->name);
    if (!type)
        return sav_fail(err, SAV_BAD_INPUT, "%s: found no picture type known here; expected PNG, JPEG or PPM",
                        in->name);
    sav_fail(err, SAV_UNSUPPORTED, "%s: found %s file; expected PNG, JPEG or PPM", in->name, type);
    sav_hint(err, "convert it first, e.g. `magick IN OUT.png`, or with Pillow: "
                  "Image.open(IN).convert('RGB').save('OUT.png')");
    return SAV_UNSUPPORTED;
}

/* Two bytes are no sign: a text may begin with them. */
bool sav_image_recognised(const unsigned char *bytes, size_t length) {
    const sav_image_source in = {.bytes = bytes, .length = length, .name = ""};
    const char *type = foreign_type(&in, 4);
    if (starts(&in, 0, "\x89PNG\r\n\x1A\n", 8) || starts(&in, 0, "\xFF\xD8\xFF", 3)) return true;
    if (length > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6')
        return bytes[2] == ' ' || bytes[2] == '\n' || bytes[2] == '\t' || bytes[2] == '\r';
    return type && strcmp(type, "a PDF") != 0;
}

sav_status sav_image_decode_source(sav_image *out, const sav_image_source *in, sav_error *err) {
    sav_status status;
    memset(out, 0, sizeof *out);
    if (starts(in, 0, "\x89PNG\r\n\x1A\n", 8))
        status = sav_png_decode(out, in, err);
    else if (starts(in, 0, "\xFF\xD8\xFF", 3))
        status = sav_jpeg_decode(out, in, err);
    else if (in->length >= 2 && in->bytes[0] == 'P' && in->bytes[1] >= '1' && in->bytes[1] <= '6')
        status = sav_ppm_decode(out, in, err);
    else
        status = refuse(in, err);
    if (status == SAV_STOPPED) status = SAV_OK; /* h and w are there, as asked */
    if (status) sav_image_free(out);
    return status;
}

sav_status sav_image_decode(sav_image *out, const unsigned char *bytes, size_t length, const char *name,
                            sav_error *err) {
    const sav_image_source in = {
        .bytes = bytes, .length = length, .name = name, .max_pixels = SAV_IMAGE_MAX_PIXELS};
    return sav_image_decode_source(out, &in, err);
}

static sav_status decode_file(sav_image *out, const char *path, size_t most, bool size_only, sav_error *err) {
    const bool lower = most && most < SAV_IMAGE_MAX_PIXELS;
    sav_map map;
    memset(out, 0, sizeof *out);
    sav_status status = sav_os_map(&map, path, err);
    if (status) return status;
    const sav_image_source in = {.bytes = map.bytes,
                                 .length = map.size,
                                 .name = path,
                                 .max_pixels = lower ? most : SAV_IMAGE_MAX_PIXELS,
                                 .size_only = size_only};
    status = sav_image_decode_source(out, &in, err);
    sav_os_unmap(&map);
    return status;
}

sav_status sav_image_read(sav_image *out, const char *path, size_t most, sav_error *err) {
    return decode_file(out, path, most, false, err);
}

sav_status sav_image_measure(size_t *h, size_t *w, const char *path, size_t most, sav_error *err) {
    sav_image image;
    sav_status status = decode_file(&image, path, most, true, err);
    *h = image.h;
    *w = image.w;
    sav_image_free(&image);
    return status;
}

/* ---- orientation --------------------------------------------------------------------------------------- */

/* Moves `channels` bytes a pixel from in [h, w] to out, which is [w, h] when the two axes change places. */
static void turn(unsigned char *out, const unsigned char *in, size_t h, size_t w, size_t channels,
                 int orientation) {
    /* 5 transpose, 6 a quarter turn clockwise, 7 transverse, 8 counter-clockwise */
    bool swap = orientation >= 5;
    /* read from the right */
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    /* read from below */
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    size_t rows = swap ? w : h, columns = swap ? h : w;
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            size_t sy = swap ? x : y, sx = swap ? y : x;
            if (flip_y) sy = h - 1 - sy;
            if (flip_x) sx = w - 1 - sx;
            memcpy(out + (y * columns + x) * channels, in + (sy * w + sx) * channels, channels);
        }
}

sav_status sav_image_rotate(sav_image *image, int orientation, sav_error *err) {
    if (orientation == 0) {
        sav_fail(err, SAV_BAD_INPUT, "found EXIF or XMP that cannot be read; expected an orientation");
        sav_hint(err, "Pillow's exif_transpose raises an exception here; leave out --exif-rotate to use the "
                      "picture as stored.");
        return SAV_BAD_INPUT;
    }
    if (orientation < 1 || orientation > 8)
        return sav_fail(err, SAV_BAD_INPUT, "orientation %d; expected 1 to 8", orientation);
    image->orientation = 1;
    if (orientation == 1) return SAV_OK;
    size_t h = image->h, w = image->w;
    sav_image turned = {.h = orientation >= 5 ? w : h, .w = orientation >= 5 ? h : w, .orientation = 1};
    turned.rgb = sav_alloc(h * w, 3);
    if (image->alpha) turned.alpha = sav_alloc(h * w, 1);
    if (!turned.rgb || (image->alpha && !turned.alpha)) {
        sav_image_free(&turned);
        return sav_fail(err, SAV_NO_MEMORY, "no memory to turn a picture of %zu x %zu pixels", w, h);
    }
    turn(turned.rgb, image->rgb, h, w, 3, orientation);
    if (image->alpha) turn(turned.alpha, image->alpha, h, w, 1, orientation);
    sav_image_free(image);
    *image = turned;
    return SAV_OK;
}
