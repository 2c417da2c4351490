/* shots.c: the shots of a training list. See shots.h. */
#include "lists/shots.h"

#include "classify/labels.h"
#include "classify/random.h"

typedef struct draw {
    size_t N;
    size_t *ids;     /* [N] class of each record, N = none */
    size_t *members; /* [N] records of the class at hand */
    size_t *picks;   /* [shots, at most N] */
    size_t *pool;    /* [N] */
    sav_labels labels;
    sav_random random;
} draw;

/* How many records the class has. */
static size_t draw_class(bool *keep, draw *d, size_t class_id, size_t shots) {
    size_t n = 0;
    for (size_t i = 0; i < d->N; i++)
        if (d->ids[i] == class_id) d->members[n++] = i;
    if (n <= shots) { /* all of it, without a draw */
        for (size_t i = 0; i < n; i++) keep[d->members[i]] = true;
        return n;
    }
    sav_random_sample(d->picks, &d->random, d->pool, n, shots);
    for (size_t i = 0; i < shots; i++) keep[d->members[d->picks[i]]] = true;
    return n;
}

static sav_status number_classes(draw *d, const char *const *labels, sav_error *err) {
    sav_status status = SAV_OK;
    for (size_t i = 0; i < d->N && !status; i++) {
        d->ids[i] = d->N;
        if (labels[i]) status = sav_labels_add(&d->ids[i], &d->labels, labels[i], err);
    }
    return status;
}

sav_status sav_shots_draw(bool *keep, size_t *short_classes, const char *const *labels, size_t N,
                          sav_shots shots, sav_error *err) {
    size_t few = 0;
    size_t *block = sav_alloc(N ? N : 1, 4 * sizeof *block);
    if (short_classes) *short_classes = 0;
    if (!block || N > UINT32_MAX / 2) {
        sav_free(block);
        return sav_fail(err, SAV_NO_MEMORY, "no memory to draw from %zu records", N);
    }
    draw d = {.N = N, .ids = block, .members = block + N, .picks = block + 2 * N, .pool = block + 3 * N};
    sav_status status = number_classes(&d, labels, err);
    for (size_t i = 0; i < N && !status; i++) keep[i] = false;
    sav_random_seed(&d.random, shots.seed);
    for (size_t c = 0; c < d.labels.count && !status; c++)
        few += draw_class(keep, &d, c, shots.count) < shots.count;
    if (short_classes) *short_classes = few;
    sav_labels_free(&d.labels);
    sav_free(block);
    return status;
}

sav_status sav_list_draw_shots(sav_list *list, size_t *short_classes, sav_shots shots, sav_error *err) {
    const char **labels = sav_alloc(list->count + 1, sizeof *labels);
    bool *keep = sav_alloc(list->count + 1, sizeof *keep);
    sav_status status =
        labels && keep ? SAV_OK
                       : sav_fail(err, SAV_NO_MEMORY, "%s: no memory to draw from its records", list->name);
    for (size_t i = 0; i < list->count && !status; i++) labels[i] = list->samples[i].label;
    if (!status) status = sav_shots_draw(keep, short_classes, labels, list->count, shots, err);
    if (!status) sav_list_keep(list, keep);
    sav_free(keep);
    sav_free(labels);
    return status;
}
