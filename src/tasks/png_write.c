/* png_write.c: RGB bytes -> PNG (ISO/IEC 15948), its zlib stream (RFC 1950) of stored blocks (RFC 1951 §3.2.4).
 *
 * No library: what libpng would add is compression, and these files are looked at once.
 */
#include "tasks/png_write.h"

#include <string.h>

#include "base/os.h"
#include "sav/store.h"

enum { STORED_MOST = 65535 };

static void put_big32(sav_text *out, size_t value) {
    const unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16), (unsigned char)(value >> 8),
                                    (unsigned char)value};
    sav_text_bytes(out, bytes, sizeof bytes);
}

/* length | type, data | CRC over the two: `body` holds type and data. */
static void put_chunk(sav_text *out, const sav_text *body) {
    if (body->failed || body->length < 4) {
        out->failed = true;
        return;
    }
    put_big32(out, body->length - 4);
    sav_text_bytes(out, body->bytes, body->length);
    put_big32(out, sav_crc32(body->bytes, body->length));
}

static uint32_t adler32(const unsigned char *bytes, size_t length) {
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < length; i++) {
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* Rows, each behind its filter byte 0, as one zlib stream. */
static void put_pixels(sav_text *out, const unsigned char *rgb, size_t h, size_t w) {
    sav_text rows = {0};
    for (size_t y = 0; y < h; y++) {
        sav_text_bytes(&rows, "", 1);
        sav_text_bytes(&rows, rgb + y * w * 3, w * 3);
    }
    sav_text_bytes(out, "\x78\x01", 2);
    for (size_t at = 0; at < rows.length;) {
        size_t n = rows.length - at < STORED_MOST ? rows.length - at : STORED_MOST;
        const unsigned char head[5] = {at + n == rows.length, (unsigned char)n, (unsigned char)(n >> 8), (unsigned char)~n,
                                       (unsigned char)(~n >> 8)};
        sav_text_bytes(out, head, sizeof head);
        sav_text_bytes(out, rows.bytes + at, n);
        at += n;
    }
    put_big32(out, rows.failed ? 0 : adler32((const unsigned char *)rows.bytes, rows.length));
    out->failed = out->failed || rows.failed;
    sav_text_free(&rows);
}

sav_status sav_png_write(const char *path, const unsigned char *rgb, size_t h, size_t w, sav_error *err) {
    static const char signature[8] = "\x89PNG\r\n\x1a\n";
    sav_text file = {0}, body = {0};
    sav_os_file *to;
    sav_text_bytes(&file, signature, sizeof signature);
    sav_text_string(&body, "IHDR");
    put_big32(&body, w);
    put_big32(&body, h);
    sav_text_bytes(&body, "\x08\x02\0\0\0", 5); /* 8 bits, RGB */
    put_chunk(&file, &body);
    body.length = 0;
    sav_text_string(&body, "IDAT");
    put_pixels(&body, rgb, h, w);
    put_chunk(&file, &body);
    body.length = 0;
    sav_text_string(&body, "IEND");
    put_chunk(&file, &body);
    sav_text_free(&body);
    sav_status status = file.failed ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory to write it", path)
                                    : sav_os_create(&to, path, err);
    if (!status) {
        status = sav_os_write(to, file.bytes, file.length, err);
        if (status)
            sav_os_abandon(to);
        else
            status = sav_os_commit(to, err);
    }
    sav_text_free(&file);
    return status;
}
