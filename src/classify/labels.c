/* labels.c: class names numbered in order of first appearance. See labels.h.
 *
 * They are found by an AA tree (Arne Andersson, "Balanced search trees made simple", 1993): names that were
 * chosen to collide would make a hash table a square.
 */
#include "classify/labels.h"

#include <string.h>

/* Node i stands for name i - 1; node 0 is nowhere. A left child is one level lower, a right one at most, a
 * right grandchild surely. */
struct sav_label_node {
    uint32_t left, right, level;
};

/* A left child of its parent's level becomes the parent. */
static uint32_t skew(sav_label_node *nodes, uint32_t top) {
    const uint32_t left = nodes[top].left;
    if (!left || nodes[left].level != nodes[top].level) return top;
    nodes[top].left = nodes[left].right;
    nodes[left].right = top;
    return left;
}

/* Of three of one level in a row to the right the middle one rises. */
static uint32_t split(sav_label_node *nodes, uint32_t top) {
    const uint32_t right = nodes[top].right;
    if (!right || !nodes[right].right || nodes[nodes[right].right].level != nodes[top].level) return top;
    nodes[top].right = nodes[right].left;
    nodes[right].left = top;
    nodes[right].level++;
    return right;
}

/* The tree below `top` with the new node, whose name is not in it: its top. Depth: 2 log2(count) at most. */
static uint32_t insert(sav_labels *labels, uint32_t top, uint32_t new) {
    sav_label_node *nodes = labels->nodes;
    if (!top) return new;
    if (strcmp(labels->names[new - 1], labels->names[top - 1]) < 0)
        nodes[top].left = insert(labels, nodes[top].left, new);
    else
        nodes[top].right = insert(labels, nodes[top].right, new);
    return split(nodes, skew(nodes, top));
}

sav_status sav_labels_add(size_t *id, sav_labels *labels, const char *name, sav_error *err) {
    if (sav_labels_find(id, labels, name)) return SAV_OK;
    const size_t count = labels->count;
    char *copy = sav_strdup(name);
    if (!copy || count >= UINT32_MAX - 1 ||
        !sav_grow(&labels->names, &labels->capacity, count + 1, sizeof *labels->names) ||
        !sav_grow(&labels->nodes, &labels->node_capacity, count + 2, sizeof *labels->nodes)) {
        sav_free(copy);
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu class names", count + 1);
    }
    const uint32_t new = (uint32_t)count + 1;
    labels->names[count] = copy;
    labels->nodes[0] = (sav_label_node){0, 0, 0};
    labels->nodes[new] = (sav_label_node){0, 0, 1};
    labels->root = insert(labels, labels->root, new);
    *id = labels->count++;
    return SAV_OK;
}

bool sav_labels_find(size_t *id, const sav_labels *labels, const char *name) {
    uint32_t at = labels->root;
    while (at) {
        const int order = strcmp(name, labels->names[at - 1]);
        if (order == 0) {
            *id = at - 1;
            return true;
        }
        at = order < 0 ? labels->nodes[at].left : labels->nodes[at].right;
    }
    return false;
}

void sav_labels_free(sav_labels *labels) {
    for (size_t i = 0; i < labels->count; i++) sav_free(labels->names[i]);
    sav_free(labels->names);
    sav_free(labels->nodes);
    *labels = (sav_labels){0};
}
