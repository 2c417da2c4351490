/* png_write.c: writes pixels as a PNG file without any library, for `show pixels --out`.
 *
 *   rgb [h, w, 3] -> IHDR | IDAT: zlib stream of stored blocks, each row behind a filter byte 0 | IEND
 *
 * Source: PNG specification (chunks, CRC), RFC 1950 (zlib, Adler-32), RFC 1951 (stored blocks).
 */
#include <string.h>

#include "base/os.h"
#include "image/image.h"

enum { BLOCK_MAX = 65535 }; /* bytes in a stored block */

/* Bytes on their way into a chunk, with both running checksums. */
typedef struct stream {
    sav_os_file *file;
    uint32_t table[256];
    uint32_t crc;    /* of the chunk so far */
    uint32_t a, b;   /* Adler-32 of the rows so far */
    size_t left;     /* bytes of the zlib stream's content still to come */
    size_t in_block; /* bytes of the open stored block still to come */
    sav_status status;
    sav_error *err;
} stream;

static void put(stream *s, const void *bytes, size_t length) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < length; i++) s->crc = s->crc >> 8 ^ s->table[(s->crc ^ p[i]) & 255];
    if (!s->status && length) s->status = sav_os_write(s->file, bytes, length, s->err);
}

static void put32(stream *s, uint32_t value) {
    const unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                    (unsigned char)(value >> 8), (unsigned char)value};
    put(s, bytes, sizeof bytes);
}

static void open_chunk(stream *s, const char *name, size_t length) {
    put32(s, (uint32_t)length);
    s->crc = 0xFFFFFFFFu; /* the checksum covers name and data */
    put(s, name, 4);
}

static void close_chunk(stream *s) {
    put32(s, ~s->crc);
}

/* Content of the zlib stream: cut into stored blocks as it comes. */
static void put_content(stream *s, const unsigned char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        s->a = (s->a + bytes[i]) % 65521;
        s->b = (s->b + s->a) % 65521;
    }
    while (length) {
        if (!s->in_block) {
            s->in_block = s->left < BLOCK_MAX ? s->left : BLOCK_MAX;
            unsigned n = (unsigned)s->in_block;
            const unsigned char head[5] = {s->left <= BLOCK_MAX, (unsigned char)n, (unsigned char)(n >> 8),
                                           (unsigned char)~n, (unsigned char)(~n >> 8)};
            put(s, head, sizeof head);
        }
        size_t now = length < s->in_block ? length : s->in_block;
        put(s, bytes, now);
        bytes += now;
        length -= now;
        s->in_block -= now;
        s->left -= now;
    }
}

static void put_picture(stream *s, const unsigned char *rgb, size_t h, size_t w) {
    static const unsigned char zlib_head[2] = {0x78, 0x01}, rgb8[5] = {8, 2, 0, 0, 0};
    size_t content = h * (1 + 3 * w), blocks = (content + BLOCK_MAX - 1) / BLOCK_MAX;
    put(s, "\x89PNG\r\n\x1A\n", 8);
    open_chunk(s, "IHDR", 13);
    put32(s, (uint32_t)w);
    put32(s, (uint32_t)h);
    put(s, rgb8, sizeof rgb8);
    close_chunk(s);
    open_chunk(s, "IDAT", 2 + content + 5 * blocks + 4);
    put(s, zlib_head, 2);
    s->left = content;
    for (size_t y = 0; y < h; y++) {
        put_content(s, (const unsigned char *)"", 1); /* filter 0: none */
        put_content(s, rgb + y * w * 3, w * 3);
    }
    put32(s, s->b << 16 | s->a);
    close_chunk(s);
    open_chunk(s, "IEND", 0);
    close_chunk(s);
}

sav_status sav_image_write_png(const char *path, const unsigned char *rgb, size_t h, size_t w,
                               sav_error *err) {
    stream s = {.a = 1, .err = err};
    size_t pixels;
    if (!h || !w || !sav_mul(&pixels, h, w) || pixels > SAV_IMAGE_MAX_PIXELS)
        return sav_fail(err, SAV_BAD_INPUT, "%s: a picture of %zu x %zu pixels; expected 1 to %zu in all",
                        path, w, h, SAV_IMAGE_MAX_PIXELS);
    for (uint32_t i = 0; i < 256; i++) {
        s.table[i] = i;
        for (int bit = 0; bit < 8; bit++) s.table[i] = s.table[i] >> 1 ^ (s.table[i] & 1 ? 0xEDB88320u : 0);
    }
    sav_status status = sav_os_create(&s.file, path, err);
    if (status) return status;
    put_picture(&s, rgb, h, w);
    if (s.status) {
        sav_os_abandon(s.file);
        return s.status;
    }
    return sav_os_commit(s.file, err);
}
