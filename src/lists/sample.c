/* sample.c: the shots of a training list. See sample.h. */
#include "lists/sample.h"

#include "classify/labels.h"
#include "classify/random.h"

typedef struct draw {
    size_t *ids;     /* [count] class of each record, count = none */
    size_t *members; /* [count] records of the class at hand */
    size_t *picks;   /* [shots at most count] */
    size_t *pool;    /* [count] */
    sav_labels labels;
    sav_random random;
} draw;

static void draw_class(bool *keep, draw *d, size_t class_id, size_t count, size_t shots,
                       size_t *short_classes) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (d->ids[i] == class_id) d->members[n++] = i;
    if (n < shots && short_classes) ++*short_classes;
    if (n <= shots) { /* all of it, without a draw */
        for (size_t i = 0; i < n; i++) keep[d->members[i]] = true;
        return;
    }
    sav_random_sample(d->picks, &d->random, d->pool, n, shots);
    for (size_t i = 0; i < shots; i++) keep[d->members[d->picks[i]]] = true;
}

sav_status sav_sample_shots(bool *keep, size_t *short_classes, const char *const *labels, size_t count,
                            size_t shots, uint64_t seed, sav_error *err) {
    sav_status status = SAV_OK;
    draw d = {0};
    size_t *block = sav_alloc(count ? count : 1, 4 * sizeof *block);
    if (short_classes) *short_classes = 0;
    if (!block || count > UINT32_MAX / 2) {
        status = sav_fail(err, SAV_NO_MEMORY, "no memory to draw from %zu records", count);
        goto done;
    }
    d.ids = block;
    d.members = block + count;
    d.picks = block + 2 * count;
    d.pool = block + 3 * count;
    for (size_t i = 0; i < count && !status; i++) {
        keep[i] = false;
        d.ids[i] = count;
        if (labels[i]) status = sav_labels_add(&d.ids[i], &d.labels, labels[i], err);
    }
    if (status) goto done;
    sav_random_seed(&d.random, seed);
    for (size_t c = 0; c < d.labels.count; c++) draw_class(keep, &d, c, count, shots, short_classes);
done:
    sav_labels_free(&d.labels);
    sav_free(block);
    return status;
}

sav_status sav_list_shots(sav_list *list, size_t *short_classes, size_t shots, uint64_t seed,
                          sav_error *err) {
    const char **labels = sav_alloc(list->count + 1, sizeof *labels);
    bool *keep = sav_alloc(list->count + 1, sizeof *keep);
    sav_status status = SAV_OK;
    if (!labels || !keep) {
        status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory to draw from its records", list->name);
        goto done;
    }
    for (size_t i = 0; i < list->count; i++) labels[i] = list->samples[i].label;
    status = sav_sample_shots(keep, short_classes, labels, list->count, shots, seed, err);
    if (!status) sav_list_keep(list, keep);
done:
    sav_free(keep);
    sav_free(labels);
    return status;
}
