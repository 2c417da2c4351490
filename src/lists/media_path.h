/* media_path.h: where a picture is, as lists and messages say it -> the path that is opened.
 *
 *   "cats/1.jpg", "/cats/1.jpg"        as it is
 *   "file:///cats/1.jpg"               "/cats/1.jpg": what follows "file://", byte for byte
 *   "data:…", "https://…", "s3://…"    refused by name, its content never quoted
 *
 * Source: qwen_vl_utils 0.0.11, vision_process.py, fetch_image. (It also downloads and decodes base64.)
 */
#ifndef SAV_MEDIA_PATH_H
#define SAV_MEDIA_PATH_H

#include "base/base.h"

/* *path points into `address`. An error says what was found: callers put file and line in front
 * (sav_error_prefix). */
sav_status sav_media_path(const char **path, const char *address, sav_error *err);

/* Looks at a picture's file without decoding it: it is there, of a type that is read, and of at most `most`
 * pixels (0: as many as any may have). */
sav_status sav_media_check(const char *path, size_t most, sav_error *err);

#endif
