/* ppm.c: the six Netpbm formats as Pillow's PpmImagePlugin reads them, comments and roundings included.
 *
 *   "P1" … "P6" | width | height | maxval (not P1, P4) | one whitespace byte | samples -> rgb [h, w, 3]
 *
 * P1 P4 black and white, P2 P5 gray, P3 P6 colour; P1 P2 P3 in decimal text, P4 P5 P6 in bytes. Source:
 * PpmImagePlugin.py of Pillow 11.3.0. Numbers are plain digits here (Python's int() takes "+5" and "1_0"
 * too).
 */
#include <math.h>
#include <string.h>

#include "image/decode.h"

enum { TOKEN_MAX = 10, MAXVAL_MAX = 65535 };

typedef struct reader {
    const sav_image_source *in;
    size_t at;              /* bytes read */
    bool plain, bits, gray; /* decimal text; one bit a sample; one sample a pixel */
    unsigned long maxval;
} reader;

static bool is_space(int c) {
    return c == ' ' || (c >= '\t' && c <= '\r'); /* tab, newline, vertical tab, form feed, carriage return */
}

/* The next byte outside comments, -1 at the end. PARITY: a comment may stand inside a token and takes its
 * line end with it, so that "12#c\n3" is 123 (tests/image/test_ppm.c). */
static int next(reader *r) {
    bool comment = false;
    while (r->at < r->in->length) {
        const int c = r->in->bytes[r->at++];
        if (c == '#') comment = true;
        if (!comment) return c;
        if (c == '\n' || c == '\r') comment = false;
    }
    return -1;
}

/* One decimal number and the whitespace byte behind it. */
static sav_status number(unsigned long *out, reader *r, const char *what, sav_error *err) {
    unsigned long value = 0;
    int digits = 0, c = next(r);
    while (is_space(c)) c = next(r);
    for (; c >= 0 && !is_space(c); c = next(r)) {
        if (c < '0' || c > '9')
            return sav_fail(err, SAV_BAD_INPUT, "%s: byte %zu: found 0x%02x in the %s; expected a digit",
                            r->in->name, r->at - 1, (unsigned)c, what);
        digits++;
        if (digits > TOKEN_MAX)
            return sav_fail(err, SAV_BAD_INPUT, "%s: byte %zu: the %s has more than %d digits", r->in->name,
                            r->at - 1, what, TOKEN_MAX);
        value = value > 999999999 ? 4294967295ul : value * 10 + (unsigned long)(c - '0');
    }
    if (!digits) return sav_fail(err, SAV_BAD_INPUT, "%s: the file ends before the %s", r->in->name, what);
    *out = value;
    return SAV_OK;
}

static sav_status cut_short(const reader *r, sav_error *err) {
    return sav_fail(err, SAV_BAD_INPUT, "%s: the picture data is cut short: the file ends at byte %zu",
                    r->in->name, r->in->length);
}

/* level[v] for a sample v of 0…65535: what Pillow makes of it in 8 bits. */
static void fill_levels(unsigned char *level, const reader *r) {
    for (unsigned long v = 0; v <= MAXVAL_MAX; v++) {
        /* PARITY: gray with maxval above 255 opens as mode I, scaled to 0…65535, and convert("RGB") clamps it
         * at 255: practically white (tests/image/test_ppm.c). rint is round-half-even, as Python's round. */
        double full = r->gray && r->maxval > 255 ? 65535.0 : 255.0;
        double scaled = r->maxval == 255 ? (double)v : rint((double)v / (double)r->maxval * full);
        level[v] = (unsigned char)(scaled > 255.0 ? 255.0 : scaled);
    }
}

/* Gray becomes three equal channels. */
static void put(unsigned char *rgb, size_t i, unsigned char value, bool gray) {
    if (gray)
        memset(rgb + 3 * i, value, 3);
    else
        rgb[i] = value;
}

/* P2, P3, P5, P6: samples through the table of levels. */
static sav_status read_samples(sav_image *out, reader *r, const unsigned char *level, sav_error *err) {
    const size_t count = out->h * out->w * (r->gray ? 1 : 3), width = r->maxval > 255 ? 2 : 1;
    const unsigned char *bytes = r->in->bytes + r->at;
    if (!r->plain && (r->in->length - r->at) / width < count) return cut_short(r, err);
    for (size_t i = 0; i < count; i++) {
        unsigned long v;
        if (r->plain) {
            sav_status status = number(&v, r, "picture data", err);
            if (status) return status;
            if (v > r->maxval)
                return sav_fail(err, SAV_BAD_INPUT,
                                "%s: byte %zu: found the sample %lu; expected at most maxval %lu",
                                r->in->name, r->at, v, r->maxval);
        } else {
            v = width == 1 ? bytes[i] : (unsigned long)bytes[2 * i] << 8 | bytes[2 * i + 1];
        }
        put(out->rgb, i, level[v], r->gray);
    }
    return SAV_OK;
}

/* P1 and P4: 1 is black. P1's digits need no space between them; a row of P4 fills whole bytes, highest bit
 * first. */
static sav_status read_bits(sav_image *out, reader *r, sav_error *err) {
    size_t h = out->h, w = out->w, stride = w / 8 + (w % 8 != 0);
    const unsigned char *bytes = r->in->bytes + r->at;
    if (!r->plain && (r->in->length - r->at) / stride < h) return cut_short(r, err);
    for (size_t i = 0; i < h * w; i++) {
        bool black;
        if (r->plain) {
            int c = next(r);
            while (is_space(c)) c = next(r);
            if (c < 0) return cut_short(r, err);
            if (c != '0' && c != '1')
                return sav_fail(err, SAV_BAD_INPUT, "%s: byte %zu: found 0x%02x; expected 0 or 1",
                                r->in->name, r->at - 1, (unsigned)c);
            black = c == '1';
        } else {
            size_t x = i % w;
            black = bytes[i / w * stride + x / 8] >> (7 - x % 8) & 1;
        }
        put(out->rgb, i, black ? 0 : 255, true);
    }
    return SAV_OK;
}

static sav_status read_header(reader *r, size_t *h, size_t *w, sav_error *err) {
    unsigned long width = 0, height = 0;
    sav_status status = number(&width, r, "width", err);
    if (!status) status = number(&height, r, "height", err);
    if (!status && !r->bits) status = number(&r->maxval, r, "maxval", err);
    if (!status && (r->maxval < 1 || r->maxval > MAXVAL_MAX))
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found maxval %lu; expected 1 to %d", r->in->name,
                          r->maxval, MAXVAL_MAX);
    *h = height;
    *w = width;
    return status;
}

sav_status sav_ppm_decode(sav_image *out, const sav_image_source *in, sav_error *err) {
    const int kind = in->bytes[1] - '0';
    size_t h, w;
    reader r = {.in = in,
                .at = 2,
                .plain = kind <= 3,
                .bits = kind == 1 || kind == 4,
                .gray = kind == 2 || kind == 5,
                .maxval = 255};
    if (in->length < 3 || !is_space(in->bytes[2]))
        return sav_fail(err, SAV_BAD_INPUT, "%s: found P%d without a space behind it; expected a PPM header",
                        in->name, kind);
    sav_status status = read_header(&r, &h, &w, err);
    if (!status) status = sav_image_start(out, h, w, false, in, err);
    if (status) return status;
    if (r.bits) return read_bits(out, &r, err);
    unsigned char *level = sav_alloc(MAXVAL_MAX + 1, 1);
    if (!level) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its table of levels", in->name);
    fill_levels(level, &r);
    status = read_samples(out, &r, level, err);
    sav_free(level);
    return status;
}
