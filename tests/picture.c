#include "picture.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "image/image.h"

void picture_fill(unsigned char *rgb, size_t h, size_t w) {
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++)
            for (size_t c = 0; c < 3; c++) {
                uint32_t v = 2654435761u * (uint32_t)x + 2246822519u * (uint32_t)y +
                             3266489917u * (uint32_t)c;
                v ^= v >> 15;
                v *= 2246822519u;
                v ^= v >> 13;
                *rgb++ = (unsigned char)(v & 255);
            }
}

unsigned char *picture_make(size_t h, size_t w) {
    unsigned char *rgb = sav_alloc(h * w, 3);
    if (!rgb) {
        printf("no memory for a picture of %zu x %zu\n", w, h);
        exit(1);
    }
    picture_fill(rgb, h, w);
    return rgb;
}

bool picture_reads(const char *path) {
    sav_image image = {0};
    sav_error err;
    const sav_status status = sav_image_read(&image, path, 0, &err);
    sav_image_free(&image);
    if (status != SAV_UNSUPPORTED) return true; /* damage is for the test to find */
    check_skip(err.message);
    return false;
}

uint32_t picture_crc32(const void *bytes, size_t length) {
    const unsigned char *p = bytes;
    uint32_t table[256], crc = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
    }
    for (size_t i = 0; i < length; i++) crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
    return ~crc;
}
