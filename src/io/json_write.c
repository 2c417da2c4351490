/* json_write.c: strings, numbers and whole trees out as compact JSON, in the bytes that Python's json.dumps
 * writes with ensure_ascii=False and separators=(",", ":").
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"

void sav_json_put_string(sav_text *out, const char *bytes, size_t length) {
    static const char names[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    sav_text_bytes(out, "\"", 1);
    size_t kept = 0; /* bytes[kept, i) wait to be copied */
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        const char *name = c ? strchr(names, c) : NULL;
        if (!name && c >= 0x20) continue;
        sav_text_bytes(out, bytes + kept, i - kept);
        if (name)
            sav_text_printf(out, "\\%c", letters[name - names]);
        else
            sav_text_printf(out, "\\u%04x", c);
        kept = i + 1;
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
