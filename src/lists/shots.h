/* shots.h: the shots of a training list: so many records of each class, drawn as Python would
 * (classify/random.h). */
#ifndef SAV_SHOTS_H
#define SAV_SHOTS_H

#include "lists/list.h"

typedef struct sav_shots {
    size_t count; /* of each class */
    uint64_t seed;
} sav_shots;

/* keep[n] = true for the chosen records: of each class with more than `shots.count` records a draw of that
 * many, else all; classes in order of first appearance, one generator for all. The chosen stay in list order.
 * Records without a label are not chosen. labels [N], NULL: none. `short_classes` (may be NULL) gets the
 * number of classes with fewer records than that. */
sav_status sav_shots_draw(bool *keep, size_t *short_classes, const char *const *labels, size_t N,
                          sav_shots shots, sav_error *err);

/* The same on a list: what is not chosen leaves it. */
sav_status sav_list_draw_shots(sav_list *list, size_t *short_classes, sav_shots shots, sav_error *err);

#endif
