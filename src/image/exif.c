/* exif.c: a picture's orientation, from wherever Pillow's exif_transpose takes it.
 *
 *   what PNG chunks and JPEG markers say (sav_picture_info)
 *       -> a TIFF block: Exif, or ImageMagick's text of one in hexadecimal digits -> its tag 0x0112
 *       -> without that tag: XMP, the first `tiff:Orientation="N` or `tiff:Orientation>N`
 *       -> 1 … 8, or 0 where exif_transpose raises
 *
 * PARITY: odd tags are read as Python does it: the last of several counts, any number type will do, 6.0 and
 * 12/2 turn as 6 does, bytes and text never turn, a directory that runs out of bytes keeps what came before
 * (tests/image/test_image_golden.c, golden/image/odd.json). Source: Image.getexif, Exif.load, ImageOps.py,
 * ImageFileDirectory_v2 in TiffImagePlugin.py of Pillow 11.3.0.
 */
#include <string.h>

#include "image/decode.h"

enum { ABSENT = -1, RAISES = 0, AS_STORED = 1 };

void sav_info_set(sav_picture_info *info, sav_info_key key, sav_info_value value) {
    sav_free(info->values[key].own);
    info->values[key] = value;
}

void sav_info_free(sav_picture_info *info) {
    for (int key = 0; key < SAV_INFO_KEYS; key++) sav_info_set(info, (sav_info_key)key, (sav_info_value){0});
}

/* ---- the TIFF block ------------------------------------------------------------------------------------ */

/* An unsigned number of `size` bytes at p, in the byte order the TIFF block declares. */
static uint64_t number(const unsigned char *p, size_t size, bool little) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | p[little ? size - 1 - i : i];
    return value;
}

/* Numbers by TIFF type: how many bytes each; 0: a type that Pillow skips. */
static size_t size_of_type(uint64_t type) {
    static const unsigned char sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};
    return type < sizeof sizes ? sizes[type] : 0;
}

/* What a quotient turns; 0/0 is not a number. */
static int turn_of_quotient(int64_t a, int64_t b) {
    return b && a % b == 0 && a / b >= 1 && a / b <= 8 ? (int)(a / b) : AS_STORED;
}

static int turn_of_float(double value) {
    for (int i = 2; i <= 8; i++)
        if (value >= i && value <= i) return i;
    return AS_STORED;
}

/* The first value of a tag of this type. */
static int turn_of(uint64_t type, const unsigned char *p, bool little) {
    enum { SHORT = 3, LONG, RATIONAL, SBYTE, SSHORT = 8, SLONG, SRATIONAL, FLOAT, DOUBLE, IFD, LONG8 = 16 };
    const uint64_t whole = number(p, size_of_type(type), little), half = number(p, 4, little);
    uint32_t single = (uint32_t)whole;
    float f;
    double d;
    switch (type) {
    case SHORT:
    case LONG:
    case SBYTE:
    case SSHORT:
    case SLONG:
    case IFD:
    case LONG8:
        return whole >= 1 && whole <= 8 ? (int)whole : AS_STORED; /* a negative one is large here */
    case RATIONAL:
        return turn_of_quotient((int64_t)half, (int64_t)number(p + 4, 4, little));
    case SRATIONAL:
        return turn_of_quotient((int32_t)half, (int32_t)number(p + 4, 4, little));
    case FLOAT:
        memcpy(&f, &single, sizeof f);
        return turn_of_float((double)f);
    case DOUBLE:
        memcpy(&d, &whole, sizeof d);
        return turn_of_float(d);
    default:
        return AS_STORED; /* bytes and text */
    }
}

/* The directory at `at`: its entries up to the first that points outside. */
static int read_directory(const unsigned char *tiff, size_t length, size_t at, bool little) {
    enum { ENTRY = 12, ORIENTATION = 0x0112 };
    int found = ABSENT;
    if (at > length || length - at < 2) return ABSENT;
    uint64_t entries = number(tiff + at, 2, little);
    at += 2;
    for (; entries && length - at >= ENTRY; entries--, at += ENTRY) {
        const uint64_t type = number(tiff + at + 2, 2, little);
        const uint64_t bytes = size_of_type(type) * number(tiff + at + 4, 4, little);
        const unsigned char *data = tiff + at + 8;
        if (bytes > 4) {
            const uint64_t offset = number(data, 4, little);
            if (offset > length || bytes > length - offset) return found;
            data = tiff + offset;
        }
        if (bytes && number(tiff + at, 2, little) == ORIENTATION) found = turn_of(type, data, little);
    }
    return found;
}

static int read_block(const unsigned char *tiff, size_t length) {
    static const char heads[][5] = {"MM\0*", "II*\0", "MM*\0", "II\0*", "MM\0+", "II+\0"};
    while (length >= 6 && memcmp(tiff, "Exif\0", 6) == 0) tiff += 6, length -= 6;
    if (!length) return ABSENT;
    if (length < 8) return RAISES;
    size_t head = 0;
    while (head < sizeof heads / sizeof *heads && memcmp(tiff, heads[head], 4) != 0) head++;
    /* the last head means an offset of 64 bits, for which Pillow keeps too few bytes */
    if (head + 1 >= sizeof heads / sizeof *heads) return RAISES;
    const bool little = tiff[0] == 'I';
    return read_directory(tiff, length, (size_t)number(tiff + 4, 4, little), little);
}

/* ---- ImageMagick's text of a block --------------------------------------------------------------------- */

static int digit(unsigned char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Three lines are passed over (empty, name, length); the line ends of the rest go, then come pairs of digits
 * with white space between them. */
static sav_status read_profile(int *turn, const sav_info_value *profile, sav_error *err) {
    const unsigned char *text = profile->bytes, *end = text + profile->length;
    unsigned char *block = sav_alloc(profile->length / 2 + 1, 1);
    size_t lines = 0, count = 0;
    int high = -1; /* the first digit of a pair; -1: none */
    if (!block) return sav_fail(err, SAV_NO_MEMORY, "no memory for a profile of %zu bytes", profile->length);
    for (*turn = ABSENT; text < end && *turn != RAISES; text++) {
        if (*text == '\n') {
            lines++;
        } else if (lines >= 3) {
            const int value = digit(*text);
            const bool space = *text == ' ' || (*text >= '\t' && *text <= '\r');
            if (value < 0 && (!space || high >= 0)) *turn = RAISES;
            if (value < 0) continue;
            if (high >= 0) block[count++] = (unsigned char)(high << 4 | value);
            high = high >= 0 ? -1 : value;
        }
    }
    if (high >= 0) *turn = RAISES;
    if (*turn != RAISES) *turn = read_block(block, count);
    sav_free(block);
    return SAV_OK;
}

/* ---- XMP ----------------------------------------------------------------------------------------------- */

static int read_xmp(const sav_info_value *xmp) {
    static const char name[] = "tiff:Orientation";
    const size_t length = sizeof name - 1;
    const unsigned char *p = xmp->bytes;
    for (size_t left = xmp->length; left > length + 1; p++, left--) {
        if (*p != 't' || memcmp(p, name, length) != 0) continue;
        const unsigned char *q = p + length;
        const size_t skip = *q == '>' ? 1 : q[0] == '=' && q[1] == '"' ? 2 : 0;
        if (skip && left > length + skip && q[skip] >= '0' && q[skip] <= '9')
            return q[skip] >= '1' && q[skip] <= '8' ? q[skip] - '0' : AS_STORED;
    }
    return ABSENT;
}

static int read_either_xmp(const sav_picture_info *info) {
    const sav_info_value *xml = &info->values[SAV_INFO_XML], *xmp = &info->values[SAV_INFO_XMP];
    if (xml->length) return read_xmp(xml);
    /* PARITY: a text under the key "xmp" is searched with a pattern for bytes, which raises. */
    return xmp->length && xmp->text ? RAISES : read_xmp(xmp);
}

sav_status sav_info_orientation(int *out, const sav_picture_info *info, sav_error *err) {
    const sav_info_value *exif = &info->values[SAV_INFO_EXIF], *profile = &info->values[SAV_INFO_PROFILE];
    sav_status status = SAV_OK;
    int turn = ABSENT;
    if (exif->bytes)
        turn = exif->text && exif->length ? RAISES : read_block(exif->bytes, exif->length);
    else if (profile->bytes)
        status = read_profile(&turn, profile, err);
    /* PARITY: where the plugin has looked for a density already, exif_transpose finds an empty table, and
     * looks no further. */
    if (turn == RAISES && info->forgiven) turn = AS_STORED;
    if (turn == ABSENT) turn = read_either_xmp(info);
    *out = turn == ABSENT ? AS_STORED : turn;
    return status;
}
