/* dump_file.h: the stages of one forward -> a safetensors file with the goldens' names (docs/CLI.md §11).
 *
 *   sav_dump -> sink: copy of each stage wanted, bf16 and f16 narrowed to their two bytes
 *       -> file, metadata key `savs`
 *
 * The copies stay in memory until the file is written: name fewer stages where they are too many.
 */
#ifndef SAV_DUMP_FILE_H
#define SAV_DUMP_FILE_H

#include "base/base.h"

typedef struct sav_dump_file sav_dump_file;

typedef struct sav_dump_origin {
    const char *engine, *dtype, *pillow, *model_sha256;
} sav_dump_origin;

/* globs: names with * and ?, a comma between; NULL: every stage. */
sav_status sav_dump_file_new(sav_dump_file **out, const char *globs, sav_error *err);
void sav_dump_file_free(sav_dump_file *file); /* NULL is fine */
sav_sink sav_dump_file_sink(sav_dump_file *file);
size_t sav_dump_file_count(const sav_dump_file *file);
sav_status sav_dump_file_write(const sav_dump_file *file, const char *path, const sav_dump_origin *origin,
                               sav_error *err);

bool sav_glob_matches(const char *glob, size_t length, const char *name); /* * any run, ? any one byte */

#endif
