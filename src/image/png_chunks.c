/* png_chunks.c: the chunks of a PNG file, as Pillow's plugin walks through them.
 *
 *   signature | IHDR | PLTE | text, eXIf … | IDAT … | text, eXIf … | IEND
 *       -> where header, palette and pixels stand (for libpng), what says the orientation (for exif.c)
 *
 * PARITY: checksums count in front of the pixels alone, in every chunk; behind them a chunk may lack its
 * checksum but no byte of data; IEND may be missing; packed text of more than 1 MiB refuses the picture;
 * the pixels' own checksums are not looked at (they are noted here: `damaged`). Source: PngImagePlugin.py of
 * Pillow 11.3.0 (ChunkStream, PngStream, load_read, load_end).
 */
#include "image/decode.h"

#ifdef SAV_IMAGES

#include <string.h>

#include <zlib.h>

#include "base/utf8.h"

enum { MAX_TEXT = 1 << 20, MAX_TEXTS = 64 * MAX_TEXT }; /* MAX_TEXT_CHUNK, MAX_TEXT_MEMORY */
enum { DEFLATE_MOST = 1040 };                           /* bytes that a byte can unpack to: 1032 */

typedef struct walk {
    const sav_image_source *in;
    size_t at; /* bytes read */
    sav_png_parts *out;
    sav_error *err;
    size_t texts;     /* bytes of text unpacked so far */
    bool animation;   /* a good acTL was seen */
    uint32_t frames;  /* that it promises */
    bool frame_first; /* an fcTL stands in front of the pixels */
    int64_t sequence; /* number of the last fcTL or fdAT; -1: none so far */
} walk;

typedef struct chunk {
    const unsigned char *name, *data; /* [4], [there] */
    size_t length, there;             /* as the chunk says; as the file has */
} chunk;

static uint32_t number(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is(const chunk *c, const char *name) {
    return memcmp(c->name, name, 4) == 0;
}

static sav_status refuse(const walk *w, const chunk *c, const char *what) {
    const size_t at = (size_t)(c->name - 4 - w->in->bytes);
    return sav_fail(w->err, SAV_BAD_INPUT, "%s: byte %zu: PNG: the chunk %.4s %s", w->in->name, at,
                    (const char *)c->name, what);
}

/* False at the end of the file and at what is no chunk's name. */
static bool next_chunk(chunk *out, walk *w) {
    if (w->in->length - w->at < 8) return false;
    const unsigned char *p = w->in->bytes + w->at;
    for (int i = 4; i < 8; i++) {
        const unsigned char letter = p[i] | 0x20;
        if (!(letter >= 'a' && letter <= 'z') && !(p[i] >= '0' && p[i] <= '9') && p[i] != '_') return false;
    }
    w->at += 8;
    *out = (chunk){.name = p + 4, .data = p + 8, .length = number(p)};
    out->there = sav_min(out->length, w->in->length - w->at);
    w->at += out->there;
    return true;
}

/* Steps over a chunk's checksum: true when it is there and right. */
static bool checksum(walk *w, const chunk *c) {
    const bool whole = c->there == c->length && w->in->length - w->at >= 4;
    const unsigned char *sum = w->in->bytes + w->at;
    w->at += sav_min(4, w->in->length - w->at);
    return whole && number(sum) == (uint32_t)crc32_z(crc32_z(0, c->name, 4), c->data, c->there);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static voidpf on_alloc(voidpf context, uInt count, uInt size) {
    (void)context;
    return sav_alloc(count, size);
}

static void on_free(voidpf context, voidpf p) {
    (void)context;
    sav_free(p);
}

/* Unpacks at most MAX_TEXT bytes into value->own. A broken stream leaves value->bytes NULL; one that is cut
 * gives what is there. */
static sav_status unpack(sav_info_value *value, walk *w, const chunk *c, const unsigned char *packed,
                         size_t length) {
    z_stream z = {.zalloc = on_alloc, .zfree = on_free};
    const size_t most = length < MAX_TEXT / DEFLATE_MOST ? (length + 1) * DEFLATE_MOST : MAX_TEXT;
    *value = (sav_info_value){.text = true, .own = sav_alloc(most, 1)};
    if (!value->own || inflateInit(&z) != Z_OK) {
        sav_free(value->own);
        value->own = NULL;
        return sav_fail(w->err, SAV_NO_MEMORY, "%s: no memory to unpack text", w->in->name);
    }
    z.next_in = (z_const Bytef *)packed;
    z.avail_in = (uInt)length;
    z.next_out = value->own;
    z.avail_out = (uInt)most;
    const int code = length ? inflate(&z, Z_SYNC_FLUSH) : Z_OK;
    const size_t left = z.avail_in;
    value->length = most - z.avail_out;
    inflateEnd(&z);
    w->texts += value->length;
    if ((code == Z_OK || code == Z_BUF_ERROR) && left) return refuse(w, c, "unpacks to more than 1 MiB");
    if (code == Z_MEM_ERROR) return sav_fail(w->err, SAV_NO_MEMORY, "%s: no memory", w->in->name);
    if (code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END) value->bytes = value->own;
    if (!value->bytes) value->length = 0;
    return SAV_OK;
}

static size_t find_zero(const unsigned char *p, size_t length) {
    const unsigned char *zero = length ? memchr(p, 0, length) : NULL;
    return zero ? (size_t)(zero - p) : length;
}

/* Keeps a text that the orientation may be read from; drops any other. */
static void keep(walk *w, const unsigned char *key, size_t length, sav_info_value value) {
    static const char *const keys[SAV_INFO_KEYS] = {"exif", "Raw profile type exif", "XML:com.adobe.xmp",
                                                    "xmp"};
    for (int i = 0; i < SAV_INFO_KEYS; i++)
        if (strlen(keys[i]) == length && memcmp(keys[i], key, length) == 0) {
            sav_info_set(&w->out->info, (sav_info_key)i, value);
            return;
        }
    sav_free(value.own);
}

static sav_status read_plain_text(walk *w, const chunk *c) {
    const size_t key = find_zero(c->data, c->there), from = sav_min(key + 1, c->there);
    const bool bytes = key == 4 && memcmp(c->data, "exif", 4) == 0;
    w->texts += c->there - from;
    keep(w, c->data, key,
         (sav_info_value){.bytes = c->data + from, .length = c->there - from, .text = !bytes});
    return SAV_OK;
}

static sav_status read_packed_text(walk *w, const chunk *c) {
    const size_t key = find_zero(c->data, c->there), from = sav_min(key + 2, c->there);
    sav_info_value value;
    if (key + 1 < c->there && c->data[key + 1]) return refuse(w, c, "is packed by an unknown method");
    sav_status status = unpack(&value, w, c, c->data + from, c->there - from);
    if (!value.bytes) value.bytes = c->data; /* broken: an empty text */
    if (status)
        sav_free(value.own);
    else
        keep(w, c->data, key, value);
    return status;
}

static bool is_utf8(const unsigned char *text, size_t length) {
    return !sav_utf8_check((const char *)text, length, "", NULL);
}

static bool is_xml(const unsigned char *key, size_t length) {
    return length == 17 && memcmp(key, "XML:com.adobe.xmp", length) == 0;
}

/* PARITY: XMP in such a chunk stands under two keys: "xmp", bytes in any case, and its own, where all of it
 * is UTF-8. */
static sav_status keep_bytes(walk *w, sav_info_value value) {
    value.text = false;
    if (value.own) {
        value.own = sav_alloc(value.length, 1);
        if (!value.own) return sav_fail(w->err, SAV_NO_MEMORY, "%s: no memory for XMP", w->in->name);
        memcpy(value.own, value.bytes, value.length);
        value.bytes = value.own;
    }
    sav_info_set(&w->out->info, SAV_INFO_XMP, value);
    return SAV_OK;
}

/* key 0 | packed? method | language 0 | translated key 0 | text */
static sav_status read_international_text(walk *w, const chunk *c) {
    const unsigned char *end = c->data + c->there, *p = c->data;
    const size_t key = find_zero(p, c->there);
    if (c->there - key < 3) return SAV_OK;
    const unsigned char *flags = p + key + 1, *language = flags + 2;
    const size_t in_language = find_zero(language, (size_t)(end - language));
    const unsigned char *other = language + in_language + 1;
    if (other > end) return SAV_OK;
    const size_t in_other = find_zero(other, (size_t)(end - other));
    const unsigned char *text = other + in_other + 1;
    if (text > end || (flags[0] && flags[1])) return SAV_OK;
    sav_info_value value = {.bytes = text, .length = (size_t)(end - text), .text = true};
    sav_status status = flags[0] ? unpack(&value, w, c, text, value.length) : SAV_OK;
    if (status || !value.bytes) {
        sav_free(value.own);
        return status;
    }
    if (!flags[0]) w->texts += value.length;
    if (is_xml(p, key)) status = keep_bytes(w, value);
    const bool good = !status && is_utf8(language, in_language) && is_utf8(other, in_other) &&
                      is_utf8(value.bytes, value.length);
    if (good)
        keep(w, p, key, value);
    else
        sav_free(value.own);
    return status;
}

/* ---- the other chunks ---------------------------------------------------------------------------------- */

/* The least length that Pillow wants of chunks whose content does not matter here. */
static size_t least(const chunk *c) {
    static const struct {
        const char *name;
        size_t length;
    } rows[] = {{"IHDR", 13}, {"gAMA", 4}, {"sRGB", 1}, {"pHYs", 9}, {"acTL", 8}, {"fcTL", 26}, {"fdAT", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is(c, rows[i].name)) return rows[i].length;
    return 0;
}

static sav_status read_colour_profile(walk *w, const chunk *c) {
    const size_t name = find_zero(c->data, c->there), from = sav_min(name + 2, c->there);
    sav_info_value value;
    if (name + 1 >= c->there || c->data[name + 1]) return refuse(w, c, "is packed by an unknown method");
    sav_status status = unpack(&value, w, c, c->data + from, c->there - from);
    sav_free(value.own);
    return status;
}

/* PARITY: frames of an animation are numbered without gaps and lie inside the picture, whether they are
 * read or not (test: test_limits.c). */
static sav_status read_frame(walk *w, const chunk *c) {
    const unsigned char *header = w->out->header, *p = c->data; /* number, width, height, x, y */
    const uint32_t number_here = number(p);
    if ((int64_t)number_here != w->sequence + 1) return refuse(w, c, "is out of order");
    w->sequence = number_here;
    w->frame_first = true;
    for (int i = 4; i <= 8; i += 4) {
        const uint64_t end = (uint64_t)number(p + i) + number(p + i + 8);
        if (end > (header ? number(header + 4 + i) : 0))
            return refuse(w, c, "is a frame outside the picture");
    }
    return SAV_OK;
}

/* A frame's pixels, in front of which no fcTL ended the walk. */
static sav_status read_frame_pixels(walk *w, const chunk *c) {
    if (w->sequence < 0 || (int64_t)number(c->data) != w->sequence + 1)
        return refuse(w, c, "is out of order");
    w->sequence++;
    return SAV_OK;
}

static sav_status read_chunk(walk *w, const chunk *c) {
    sav_status status = SAV_OK;
    if (c->there < c->length) return refuse(w, c, "is cut short");
    if (c->length < least(c)) return refuse(w, c, "is too short");
    if (is(c, "tEXt")) status = read_plain_text(w, c);
    if (is(c, "zTXt")) status = read_packed_text(w, c);
    if (is(c, "iTXt")) status = read_international_text(w, c);
    if (is(c, "iCCP")) status = read_colour_profile(w, c);
    if (is(c, "eXIf"))
        sav_info_set(&w->out->info, SAV_INFO_EXIF, (sav_info_value){.bytes = c->data, .length = c->length});
    if (is(c, "fcTL")) status = read_frame(w, c);
    if (is(c, "fdAT")) status = read_frame_pixels(w, c);
    if (is(c, "acTL")) { /* a second one, or one of no frames: no animation */
        w->frames = number(c->data);
        w->animation = !w->animation && w->frames && w->frames <= 0x80000000u;
    }
    if (!status && w->texts > MAX_TEXTS) status = refuse(w, c, "is one text too many: 64 MiB in all");
    return status;
}

/* ---- the walk ------------------------------------------------------------------------------------------ */

/* Up to the first IDAT, left standing in front of it. */
static sav_status read_before(walk *w) {
    chunk c;
    sav_status status = SAV_OK;
    for (;;) {
        const size_t start = w->at;
        if (!next_chunk(&c, w))
            return sav_fail(w->err, SAV_BAD_INPUT, "%s: byte %zu: PNG: found no chunk of pixels here",
                            w->in->name, w->at);
        if (is(&c, "IDAT")) {
            w->at = w->out->pixels = start;
            break;
        }
        if (is(&c, "IEND")) return refuse(w, &c, "comes before any pixels");
        status = read_chunk(w, &c);
        if (!status && !checksum(w, &c)) status = refuse(w, &c, "has a wrong checksum");
        if (status) return status;
        if (is(&c, "IHDR")) w->out->header = c.name - 4;
        if (is(&c, "PLTE")) w->out->palette = c.name - 4;
    }
    if (!w->out->header)
        return sav_fail(w->err, SAV_BAD_INPUT, "%s: PNG: found no header (IHDR)", w->in->name);
    return SAV_OK;
}

/* Notes wrong and missing checksums. */
static void skip_pixels(walk *w) {
    chunk c;
    size_t start = w->at;
    while (next_chunk(&c, w) && is(&c, "IDAT")) {
        if (!checksum(w, &c)) w->out->damaged = true;
        if (c.there < c.length) w->out->cut = true;
        start = w->at;
    }
    w->at = start;
}

static sav_status read_behind(walk *w) {
    chunk c;
    /* an image in front of the animation is one frame more */
    const bool animated = w->animation && (uint64_t)w->frames + !w->frame_first > 1;
    while (next_chunk(&c, w) && !is(&c, "IEND") && !(animated && is(&c, "fcTL"))) {
        sav_status status = read_chunk(w, &c);
        if (status) return status;
        (void)checksum(w, &c);
    }
    return SAV_OK;
}

sav_status sav_png_walk(sav_png_parts *out, const sav_image_source *in, sav_error *err) {
    walk w = {.in = in, .at = 8, .out = out, .err = err, .sequence = -1};
    *out = (sav_png_parts){0};
    sav_status status = read_before(&w);
    if (status || in->size_only) return status;
    skip_pixels(&w);
    return read_behind(&w);
}

#endif
