/* sample.h: the shots of a training list: K records of each class, drawn as Python would (reference/tasks.md
 * §2.4). */
#ifndef SAV_SAMPLE_H
#define SAV_SAMPLE_H

#include "lists/list.h"

/* keep[n] = true for the chosen records: of each class with more than `shots` records a draw of that many,
 * else all; classes in order of first appearance, one generator for all. The chosen stay in list order.
 * Records without a label are not chosen. `short_classes` (may be NULL) gets the number of classes with fewer
 * records than shots. */
sav_status sav_sample_shots(bool *keep, size_t *short_classes, const char *const *labels, size_t count,
                            size_t shots, uint64_t seed, sav_error *err);

/* The same on a list: what is not chosen leaves it. */
sav_status sav_list_shots(sav_list *list, size_t *short_classes, size_t shots, uint64_t seed, sav_error *err);

#endif
