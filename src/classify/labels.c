/* labels.c: class names numbered in order of first appearance. See labels.h. */
#include "classify/labels.h"

#include <string.h>

/* The slot that holds name, or the free one where it belongs. */
static size_t slot_of(const sav_labels *labels, const char *name) {
    size_t at = sav_hash(name, strlen(name)) & (labels->slot_count - 1);
    while (labels->slots[at] && strcmp(labels->names[labels->slots[at] - 1], name) != 0)
        at = (at + 1) & (labels->slot_count - 1);
    return at;
}

/* Names and slots for one more. At most half of the slots are taken, so a free one always ends a search. */
static bool grow(sav_labels *labels) {
    size_t capacity = labels->capacity;
    if (labels->count > UINT32_MAX / 8) return false;
    if (!sav_grow(&labels->names, &capacity, labels->count + 1, sizeof *labels->names)) return false;
    uint32_t *slots = sav_alloc(capacity * 2, sizeof *slots);
    if (!slots) return false;
    sav_free(labels->slots);
    labels->slots = slots;
    labels->slot_count = capacity * 2;
    labels->capacity = capacity;
    for (size_t i = 0; i < labels->count; i++) slots[slot_of(labels, labels->names[i])] = (uint32_t)i + 1;
    return true;
}

sav_status sav_labels_add(size_t *id, sav_labels *labels, const char *name, sav_error *err) {
    if (sav_labels_find(id, labels, name)) return SAV_OK;
    char *copy = sav_strdup(name);
    if (!copy || (labels->count == labels->capacity && !grow(labels))) {
        sav_free(copy);
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu class names", labels->count + 1);
    }
    labels->names[labels->count] = copy;
    labels->slots[slot_of(labels, copy)] = (uint32_t)labels->count + 1;
    *id = labels->count++;
    return SAV_OK;
}

bool sav_labels_find(size_t *id, const sav_labels *labels, const char *name) {
    if (!labels->slot_count) return false;
    const uint32_t found = labels->slots[slot_of(labels, name)];
    if (!found) return false;
    *id = found - 1;
    return true;
}

void sav_labels_free(sav_labels *labels) {
    for (size_t i = 0; i < labels->count; i++) sav_free(labels->names[i]);
    sav_free(labels->names);
    sav_free(labels->slots);
    *labels = (sav_labels){0};
}
