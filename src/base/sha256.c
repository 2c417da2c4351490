/* sha256.c: SHA-256 as FIPS 180-4 writes it: names models, samples and dumps. */
#include <string.h>

#include "base/os.h"

static const uint32_t K256[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

static void digest_block(uint32_t state[8], const unsigned char block[64]) {
    uint32_t w[64], s[8];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
               (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    for (int t = 16; t < 64; t++) {
        uint32_t s0 = turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    memcpy(s, state, sizeof s);
    for (int t = 0; t < 64; t++) {
        uint32_t e1 = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25);
        uint32_t t1 = s[7] + e1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K256[t] + w[t];
        uint32_t e0 = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22);
        uint32_t t2 = e0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) state[i] += s[i];
}

void sav_sha256_init(sav_sha256 *hash) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, start, sizeof start);
    hash->length = 0;
}

void sav_sha256_update(sav_sha256 *hash, const void *bytes, size_t length) {
    const unsigned char *p = bytes;
    size_t held = (size_t)(hash->length % 64);
    hash->length += length;
    while (length) {
        size_t n = 64 - held < length ? 64 - held : length;
        if (n == 64) {
            digest_block(hash->state, p);
        } else {
            memcpy(hash->block + held, p, n);
            if (held + n == 64) digest_block(hash->state, hash->block);
        }
        held = (held + n) % 64;
        p += n;
        length -= n;
    }
}

void sav_sha256_hex(sav_sha256 *hash, char hex[65]) {
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = hash->length * 8;
    unsigned char tail[72] = {0x80};
    size_t pad = (size_t)((119 - hash->length % 64) % 64) + 1; /* to 56 bytes mod 64, the length's 8 behind */
    for (int i = 0; i < 8; i++) tail[pad + (size_t)i] = (unsigned char)(bits >> (56 - 8 * i));
    sav_sha256_update(hash, tail, pad + 8);
    for (int i = 0; i < 32; i++) {
        unsigned byte = hash->state[i / 4] >> (24 - 8 * (i % 4)) & 255;
        hex[2 * i] = digits[byte >> 4];
        hex[2 * i + 1] = digits[byte & 15];
    }
    hex[64] = '\0';
}

sav_status sav_sha256_file(char hex[65], const char *path, sav_error *err) {
    sav_map map;
    sav_sha256 hash;
    sav_status status = sav_os_map(&map, path, err);
    if (status) return status;
    sav_sha256_init(&hash);
    sav_sha256_update(&hash, map.bytes, map.size);
    sav_sha256_hex(&hash, hex);
    sav_os_unmap(&map);
    return SAV_OK;
}
