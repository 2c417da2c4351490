/* labels.h: class names numbered in order of first appearance: labels of a list -> class ids 0 … C-1.
 *
 * The reference keeps them in a Python dict, which has the same order.
 */
#ifndef SAV_LABELS_H
#define SAV_LABELS_H

#include "base/base.h"

typedef struct sav_label_node sav_label_node;

typedef struct sav_labels { /* zeroed = empty */
    char **names;           /* [count], owned */
    size_t count, capacity;
    sav_label_node *nodes; /* [count + 1] the names in order, a balanced tree */
    size_t node_capacity;
    uint32_t root;
} sav_labels;

/* The id of name, a new one at its first appearance. */
sav_status sav_labels_add(size_t *id, sav_labels *labels, const char *name, sav_error *err);
bool sav_labels_find(size_t *id, const sav_labels *labels, const char *name);
void sav_labels_free(sav_labels *labels);

#endif
