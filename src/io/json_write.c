/* json_write.c: strings, numbers and whole trees out as compact JSON, in the bytes that Python's json.dumps
 * writes with ensure_ascii=False and separators=(",", ":").
 *
 * All of it may reach a terminal: characters that one obeys are escaped, which Python reads as the same
 * string. A path may be any bytes: what is no UTF-8 becomes U+FFFD, since a reader refuses the whole file
 * otherwise.
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "io/json.h"

/* How the character at bytes[*at] is written where it does not stand for itself, and *at moved behind it. */
static bool escape(char out[8], const char *bytes, size_t length, size_t *at) {
    static const char names[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    uint32_t point;
    if (!sav_utf8_decode(&point, bytes, length, at)) {
        *at += sav_utf8_bad_length(bytes, length, *at);
        memcpy(out, "\xEF\xBF\xBD", 4);
        return true;
    }
    const char *name = point && point < 0x80 ? strchr(names, (int)point) : NULL;
    if (!name && !sav_utf8_hidden(point)) return false;
    if (name)
        snprintf(out, 8, "\\%c", letters[name - names]);
    else
        snprintf(out, 8, "\\u%04x", (unsigned)point);
    return true;
}

void sav_json_put_string(sav_text *out, const char *bytes, size_t length) {
    char escaped[8];
    sav_text_bytes(out, "\"", 1);
    size_t kept = 0; /* bytes[kept, from) wait to be copied */
    for (size_t at = 0, from = 0; at < length; from = at) {
        if (!escape(escaped, bytes, length, &at)) continue;
        sav_text_bytes(out, bytes + kept, from - kept);
        sav_text_string(out, escaped);
        kept = at;
    }
    sav_text_bytes(out, bytes + kept, length - kept);
    sav_text_bytes(out, "\"", 1);
}

void sav_json_put_double(sav_text *out, double value) {
    char text[48];
    if (!isfinite(value)) {
        sav_text_string(out, "null");
        return;
    }
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) break; /* both in the host's locale */
    }
    const char *point = localeconv()->decimal_point, *at = strstr(text, point);
    if (!at) {
        sav_text_string(out, text);
        return;
    }
    sav_text_bytes(out, text, (size_t)(at - text));
    sav_text_string(out, ".");
    sav_text_string(out, at + strlen(point));
}

void sav_json_put(sav_text *out, const sav_json *node) {
    static const char *const words[] = {"null", "false", "true"};
    if (node->kind <= SAV_JSON_TRUE) {
        sav_text_string(out, words[node->kind]);
    } else if (node->kind == SAV_JSON_NUMBER) {
        sav_text_bytes(out, node->text, node->length);
    } else if (node->kind == SAV_JSON_STRING) {
        sav_json_put_string(out, node->text, node->length);
    } else {
        bool object = node->kind == SAV_JSON_OBJECT;
        sav_text_string(out, object ? "{" : "[");
        for (const sav_json *child = node->child; child; child = child->next) {
            if (child != node->child) sav_text_string(out, ",");
            if (object) {
                sav_json_put_string(out, child->key, child->key_length);
                sav_text_string(out, ":");
            }
            sav_json_put(out, child);
        }
        sav_text_string(out, object ? "}" : "]");
    }
}
