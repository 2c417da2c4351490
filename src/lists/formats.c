/* formats.c: the table of list formats. See formats.h. */
#include "lists/formats.h"

#include <string.h>

static const sav_format formats[] = {
#define FORMAT(name, protocol) {#name, sav_read_##name, #protocol},
#include "lists/formats.inc"
#undef FORMAT
};

const sav_format *sav_format_at(size_t i) {
    return i < sizeof formats / sizeof formats[0] ? &formats[i] : NULL;
}

const sav_format *sav_format_find(const char *name) {
    const sav_format *format = NULL;
    for (size_t i = 0; (format = sav_format_at(i)) != NULL; i++)
        if (!name || strcmp(format->name, name) == 0) break;
    return format;
}

void sav_format_names(sav_text *out) {
    for (size_t i = 0; sav_format_at(i); i++)
        sav_text_printf(out, "%s%s", i ? ", " : "", sav_format_at(i)->name);
}
