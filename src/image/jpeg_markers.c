/* jpeg_markers.c: what stands in front of a JPEG's first scan, as Pillow's plugin walks through it.
 *
 *   FF D8 | markers … | SOS  ->  Exif (APP1, its pieces joined), XMP (the last), the process of the frame
 *
 * libjpeg finds the same markers for its own use; this walk decides nothing about pixels. Source:
 * JpegImagePlugin.py of Pillow 11.3.0 (_open, APP, SOF).
 */
#include "image/decode.h"

#ifdef SAV_IMAGES

#include <string.h>

enum {
    SOS = 0xDA,    /* start of a scan */
    JPEG_LS = 0xF7 /* its frame; no JPEG decoder reads it */
};

/* Exif that stands in several markers is one block: the first with its header, the others without. */
static sav_status add_exif(sav_picture_info *info, const unsigned char *body, size_t length, sav_error *err) {
    sav_info_value *exif = &info->values[SAV_INFO_EXIF];
    if (!exif->bytes) {
        sav_info_set(info, SAV_INFO_EXIF, (sav_info_value){.bytes = body, .length = length});
        return SAV_OK;
    }
    const bool first = !exif->own;
    unsigned char *own = exif->own;
    if (!sav_grow(&own, &exif->capacity, exif->length + length - 6, 1))
        return sav_fail(err, SAV_NO_MEMORY, "no memory for an Exif block of %zu bytes", exif->length);
    if (first) memcpy(own, exif->bytes, exif->length);
    memcpy(own + exif->length, body + 6, length - 6);
    exif->bytes = exif->own = own;
    exif->length += length - 6;
    return SAV_OK;
}

static bool begins(const unsigned char *body, size_t length, const char *text, size_t count) {
    return length >= count && memcmp(body, text, count) == 0;
}

static sav_status read_marker(sav_jpeg_head *out, int marker, const unsigned char *body, size_t length,
                              sav_error *err) {
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/"; /* with its zero */
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (marker == 0xE0 && begins(body, length, "JFIF", 4) && length >= 12)
        out->density |= body[7] == 1 || body[7] == 2;
    if (marker == 0xE1 && begins(body, length, "Exif\0", 6)) return add_exif(&out->info, body, length, err);
    if (marker == 0xE1 && begins(body, length, xmp, sizeof xmp))
        sav_info_set(&out->info, SAV_INFO_XMP,
                     (sav_info_value){.bytes = body + sizeof xmp, .length = length - sizeof xmp});
    if (frame && length) {
        out->process = marker;
        out->bits = body[0];
    }
    return SAV_OK;
}

static bool has_length(int marker) {
    return marker >= 0xC0 && marker != 0xC8 && (marker < 0xD0 || marker > 0xD9) &&
           (marker < 0xF0 || marker > 0xFD);
}

sav_status sav_jpeg_walk(sav_jpeg_head *out, const sav_image_source *in, sav_error *err) {
    size_t at = 2;
    sav_status status = SAV_OK;
    *out = (sav_jpeg_head){.bits = 8};
    while (!status && at + 1 < in->length) {
        const unsigned char *p = in->bytes + at;
        const int marker = p[1];
        at += 1;
        if (p[0] != 0xFF || marker == 0xFF) continue; /* bytes between markers; a marker that is padded */
        at += 1;
        if (marker && marker < 0xC0)
            return sav_fail(err, SAV_BAD_INPUT, "%s: byte %zu: JPEG: found FF %02X; expected a marker",
                            in->name, at - 2, (unsigned)marker);
        if (marker == JPEG_LS) out->process = marker;
        if (!has_length(marker)) continue;
        if (in->length - at < 2) break;
        const size_t length = sav_max(2, (size_t)p[2] << 8 | p[3]);
        if (length > in->length - at || marker == SOS) break;
        status = read_marker(out, marker, p + 4, length - 2, err);
        at += length;
    }
    out->info.forgiven = out->info.values[SAV_INFO_EXIF].bytes && !out->density;
    return status;
}

const char *sav_jpeg_process(const sav_jpeg_head *head) {
    static const char *const names[16] = {
        [3] = "a lossless",
        [5] = "a hierarchical",
        [6] = "a hierarchical progressive",
        [7] = "a hierarchical lossless",
        [9] = "an arithmetic-coded",
        [10] = "an arithmetic-coded progressive",
        [11] = "an arithmetic-coded lossless",
        [13] = "an arithmetic-coded hierarchical",
        [14] = "an arithmetic-coded hierarchical progressive",
        [15] = "an arithmetic-coded hierarchical lossless",
    };
    if (head->process == JPEG_LS) return "a JPEG-LS";
    return head->process < 0xC0 || head->process > 0xCF ? NULL : names[head->process - 0xC0];
}

#endif
