/* Any bytes -> sav_image_decode: a picture whose every byte can be read and turned, or an error with a
 * message. A PNG is tried a second time with its checksums put right, since libpng looks at nothing behind a
 * wrong one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIXELS = 1 << 18 }; /* a forged size shall not cost seconds */

static uint32_t crc32_of(const uint8_t *p, size_t length) {
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void try(const uint8_t *data, size_t size) {
    sav_image image;
    sav_error err = {SAV_OK, "", ""};
    sav_image_source in = {.bytes = data, .length = size, .name = "fuzz", .max_pixels = PIXELS};
    if (sav_image_decode_source(&image, &in, &err)) {
        if (!err.message[0] || image.rgb || image.alpha) abort();
        return;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < image.h * image.w * 3; i++) sum += image.rgb[i];
    for (size_t i = 0; image.alpha && i < image.h * image.w; i++) sum += image.alpha[i];
    if (image.orientation < 0 || image.orientation > 8 || sum == UINT32_MAX) abort();
    const bool unreadable = image.orientation == 0;
    if ((sav_image_rotate(&image, image.orientation, &err) == SAV_BAD_INPUT) != unreadable) abort();
    sav_image_free(&image);
}

static void try_with_checksums(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size);
    if (!copy) return;
    memcpy(copy, data, size);
    for (size_t at = 8; size - at >= 12;) {
        uint8_t *p = copy + at;
        size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (length > size - at - 12) break;
        uint32_t crc = crc32_of(p + 4, length + 4);
        for (size_t b = 0; b < 4; b++) p[8 + length + b] = (uint8_t)(crc >> (24 - 8 * b));
        at += length + 12;
    }
    try(copy, size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try(data, size);
    if (size > 8 && memcmp(data, "\x89PNG", 4) == 0) try_with_checksums(data, size);
    return 0;
}
