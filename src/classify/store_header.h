/* store_header.h: store.json, what made a store's features: written when a store is made, read and compared
 * when it is opened.
 */
#ifndef SAV_STORE_HEADER_H
#define SAV_STORE_HEADER_H

#include <string.h>

#include "classify/store.h"

typedef struct sav_store_header {
    sav_store_info info;
    char *strings[6]; /* owned: what info's strings point to */
    size_t row_bytes; /* of a tap [L, H, d] */
} sav_store_header;

/* A copy of info, checked; path stands in errors. After a failure too: sav_store_header_free. */
sav_status sav_store_header_make(sav_store_header *out, const sav_store_info *info, const char *path,
                                 sav_error *err);
sav_status sav_store_header_read(sav_store_header *out, const char *path, sav_error *err);
sav_status sav_store_header_write(const sav_store_info *info, const char *path, sav_error *err);
void sav_store_header_free(sav_store_header *header);

/* Features of two models, engines or types must not mix. The model's folder may have moved: its digest
 * decides. */
sav_status sav_store_header_check(const sav_store_info *here, const sav_store_info *wanted, const char *path,
                                  sav_error *err);

/* Both NULL, or equal. */
static inline bool sav_same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

#endif
