/* png_write.h: RGB bytes -> a PNG file, without compression: for people who want to see the tiles. */
#ifndef SAV_PNG_WRITE_H
#define SAV_PNG_WRITE_H

#include "base/base.h"

/* rgb [h, w, 3]. */
sav_status sav_png_write(const char *path, const unsigned char *rgb, size_t h, size_t w, sav_error *err);

#endif
