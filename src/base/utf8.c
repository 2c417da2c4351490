/* utf8.c: code points in and out of UTF-8. See utf8.h. */
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* Length of a sequence from its first byte, and the range that its second byte must be in (Table 3-7 of the
 * standard): the range is what keeps out overlong forms, surrogates and values above U+10FFFF. 0 for a byte
 * that starts nothing. */
static size_t sequence_start(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = 0x80, *high = 0xBF;
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return 2;
    if (lead < 0xF0) {
        if (lead == 0xE0) *low = 0xA0;
        if (lead == 0xED) *high = 0x9F;
        return 3;
    }
    if (lead > 0xF4) return 0;
    if (lead == 0xF0) *low = 0x90;
    if (lead == 0xF4) *high = 0x8F;
    return 4;
}

/* How many bytes at text[at] are a prefix of a well-formed sequence; *whole says whether they are all of
 * it. */
static size_t sequence_prefix(const char *text, size_t length, size_t at, bool *whole) {
    unsigned char low, high;
    size_t want = sequence_start((unsigned char)text[at], &low, &high), got = 1;
    while (got < want && at + got < length) {
        unsigned char byte = (unsigned char)text[at + got];
        if (byte < low || byte > high) break;
        low = 0x80, high = 0xBF;
        got++;
    }
    *whole = got == want;
    return got;
}

bool sav_utf8_decode(uint32_t *point, const char *text, size_t length, size_t *at) {
    if (*at >= length) return false;
    unsigned char lead = (unsigned char)text[*at];
    if (lead < 0x80) {
        *point = lead;
        *at += 1;
        return true;
    }
    bool whole;
    size_t bytes = sequence_prefix(text, length, *at, &whole);
    if (!whole) return false;
    uint32_t value = lead & (0xFFu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++) value = value << 6 | ((unsigned char)text[*at + i] & 0x3Fu);
    *point = value;
    *at += bytes;
    return true;
}

size_t sav_utf8_bad_length(const char *text, size_t length, size_t at) {
    bool whole;
    return sequence_prefix(text, length, at, &whole);
}

size_t sav_utf8_encode(char out[4], uint32_t point) {
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t bytes = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = bytes; i-- > 1; point >>= 6) out[i] = (char)(0x80 | (point & 0x3F));
    out[0] = (char)((0xF00u >> bytes & 0xF0u) | point);
    return bytes;
}

void sav_utf8_replace(sav_text *out, const char *text, size_t length) {
    size_t at = 0, kept = 0;
    uint32_t point;
    while (at < length) {
        if (sav_utf8_decode(&point, text, length, &at)) continue;
        sav_text_bytes(out, text + kept, at - kept);
        sav_text_string(out, "\xEF\xBF\xBD");
        at += sav_utf8_bad_length(text, length, at);
        kept = at;
    }
    sav_text_bytes(out, text + kept, at - kept);
}

bool sav_utf8_hidden(uint32_t point) {
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x61C || point == 0x200E ||
           point == 0x200F || (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

size_t sav_utf8_show(char out[SAV_UTF8_SHOWN], const char *text, size_t length, size_t *at) {
    const size_t from = *at;
    uint32_t point;
    if (!sav_utf8_decode(&point, text, length, at)) {
        *at += 1;
        return (size_t)snprintf(out, SAV_UTF8_SHOWN, "\\x%02x", (unsigned)(unsigned char)text[from]);
    }
    if (sav_utf8_hidden(point))
        return (size_t)snprintf(out, SAV_UTF8_SHOWN, point < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)point);
    memcpy(out, text + from, *at - from);
    return *at - from;
}

void sav_text_shown(sav_text *out, const char *text) {
    char shown[SAV_UTF8_SHOWN];
    const size_t length = strlen(text);
    for (size_t at = 0; at < length;) sav_text_bytes(out, shown, sav_utf8_show(shown, text, length, &at));
}

sav_status sav_utf8_check(const char *text, size_t length, const char *what, sav_error *err) {
    size_t at = 0;
    uint32_t point;
    while (sav_utf8_decode(&point, text, length, &at)) continue;
    if (at == length) return SAV_OK;
    return sav_fail(err, SAV_BAD_INPUT,
                    "%s: byte 0x%02X at offset %zu is not valid UTF-8; expected UTF-8 text", what,
                    (unsigned char)text[at], at);
}

const char *sav_quote(char out[SAV_QUOTED], const char *text, size_t length) {
    size_t at = 0;
    for (size_t n = 0; n < 60 && at < length; n++) {
        uint32_t point;
        if (!sav_utf8_decode(&point, text, length, &at)) at++; /* a byte that is none counts as one */
    }
    memcpy(out, text, at);
    if (at < length)
        memcpy(out + at, "…", sizeof "…");
    else
        out[at] = '\0';
    return out;
}
