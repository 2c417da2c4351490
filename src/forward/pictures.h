/* pictures.h: the pictures of a batch: each file read once, known by its bytes.
 *
 *   path -> SHA-256 of the file -> a picture that is there, under the same bounds,
 *                                  or decoded (image/), turned, fitted and read by the family
 */
#ifndef SAV_PICTURES_H
#define SAV_PICTURES_H

#include "models/family.h"

/* Files decoded so far; of them with an orientation other than 1, and the other notes of sav_image. */
typedef struct sav_pictures_seen {
    size_t read, turned, damaged, unrefined;
    char *first_damaged, *first_unrefined; /* their paths; free them with sav_free */
} sav_pictures_seen;

typedef struct sav_pictures {
    sav_picture_options how;
    bool apart; /* nothing is shared, for comparison */
    /* [count] of the batch, then spare ones up to `loaded`: read for a prompt that did not fit */
    sav_picture **items;
    struct sav_picture_tag *tags; /* [loaded] */
    size_t count, loaded;
    size_t capacity, tag_capacity;
    sav_pictures_seen seen;
} sav_pictures;

/* From a session's options, checked: SAV_BAD_INPUT for bounds that cross, an unknown order of passes, or
 * bounds that the model's family does not know. */
sav_status sav_picture_choose(sav_picture_options *out, const sav_model *model, const sav_options *options,
                              sav_error *err);

/* One picture from its file, by its own bounds (how->own): an error in a family that knows none. Free pixels
 * and rgb in any case. */
sav_status sav_picture_load(sav_picture *out, sav_pictures_seen *seen, const sav_model *model,
                            const char *path, const sav_picture_options *how, sav_error *err);

/* The picture of this part's file and bounds, as number *at of the batch: the same bytes under the same
 * bounds are one picture. */
sav_status sav_pictures_find(size_t *at, sav_pictures *all, const sav_model *model, const sav_part *part,
                             sav_error *err);
sav_picture_set sav_pictures_set(const sav_pictures *all); /* those of the batch */

/* A new batch. Pictures of a prompt that was dropped last are kept for it; those that nobody asked for in a
 * whole batch go. */
void sav_pictures_begin(sav_pictures *all);
void sav_pictures_free(sav_pictures *all);

#endif
