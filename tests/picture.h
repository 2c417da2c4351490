/* picture.h: what tests of pictures share: the generated image G and zlib's CRC32. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* G(w, h): rgb [h, w, 3] of noise that any program can make again (tools/golden/image_golden.py has the same
 * lines). */
void picture_fill(unsigned char *rgb, size_t h, size_t w);
/* the same in fresh memory, for sav_free; ends the test on no memory */
unsigned char *picture_make(size_t h, size_t w);

/* Whether this build reads that picture; if not (IMAGES=0 leaves PPM alone), a skip is counted. */
bool picture_reads(const char *path);

uint32_t picture_crc32(const void *bytes, size_t length);

#endif
