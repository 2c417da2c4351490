/* store_key.c: what a stored row is known by: the SHA-256 of its sample, the CRC of its bytes. See
 * store.h. */
#include <stdio.h>
#include <string.h>

#include "classify/store.h"

/* CRC-32 as zlib has it (polynomial 0xedb88320, reflected), four bits at a time: remainders of the sixteen
 * nibbles. */
uint32_t sav_crc32(const void *bytes, size_t length) {
    static const uint32_t remainders[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const unsigned char *p = bytes;
    uint32_t crc = UINT32_C(0xffffffff);
    for (size_t i = 0; i < length; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ remainders[crc & 15];
        crc = crc >> 4 ^ remainders[crc & 15];
    }
    return ~crc;
}

/* Every piece goes in with its length in front, so that two prompts never run into the same bytes. */
static void add_piece(sav_sha256 *hash, const char *bytes, size_t length) {
    unsigned char size[8];
    for (int i = 0; i < 8; i++) size[i] = (unsigned char)((uint64_t)length >> (8 * i));
    sav_sha256_update(hash, size, sizeof size);
    sav_sha256_update(hash, bytes, length);
}

static void add_string(sav_sha256 *hash, const char *string) {
    add_piece(hash, string ? string : "", string ? strlen(string) : 0);
}

static sav_status add_file(sav_sha256 *hash, const char *path, sav_error *err) {
    char hex[65];
    sav_status status = sav_sha256_file(hex, path, err);
    if (!status) add_string(hash, hex);
    return status;
}

/* Bounds of its own are hashed where there are some: keys of pictures without stay as they were. */
static sav_status add_picture(sav_sha256 *hash, const sav_part *part, sav_error *err) {
    const sav_picture_bounds *b = &part->bounds;
    if (b->min_pixels || b->max_pixels || b->resized_height || b->resized_width) {
        char bounds[128];
        snprintf(bounds, sizeof bounds, "bounds %zu %zu %zu %zu", b->min_pixels, b->max_pixels,
                 b->resized_height, b->resized_width);
        add_string(hash, bounds);
    }
    return add_file(hash, part->text, err);
}

sav_status sav_store_key(char hex[65], const sav_prompt *prompt, const sav_store_info *info,
                         const char *pixel_options, sav_error *err) {
    static const char *const kinds[] = {"text", "image", "inline"};
    sav_sha256 hash;
    sav_status status = SAV_OK;
    sav_sha256_init(&hash);
    add_string(&hash, "savs sample 1");
    add_string(&hash, info->model_sha256);
    add_string(&hash, info->engine);
    add_string(&hash, info->dtype);
    add_string(&hash, pixel_options);
    add_string(&hash, prompt->literal ? "literal" : "messages");
    if (prompt->literal) add_string(&hash, prompt->literal);
    for (size_t m = 0; m < prompt->count; m++) {
        const sav_message *message = &prompt->messages[m];
        add_string(&hash, message->role);
        for (size_t i = 0; i < message->count && !status; i++) {
            const sav_part *part = &message->parts[i];
            add_string(&hash, kinds[part->kind]);
            if (part->kind == SAV_TEXT)
                add_string(&hash, part->text);
            else
                status = add_picture(&hash, part, err);
        }
        add_string(&hash, "end");
    }
    sav_sha256_hex(&hash, hex);
    return status;
}
