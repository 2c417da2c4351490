/* baselines.c: what the demo compares SAVs with and the program `savs` does not offer: class means of whole
 * vectors.
 *
 *     baselines pixels TRAIN.jsonl TEST.jsonl SHOTS DRAWS         pictures as 56 x 56 x 3 numbers
 *     baselines last-layer TRAIN.store TEST.store SHOTS DRAWS     the last layer's heads as one vector
 *
 * Prints the accuracy of each draw of the shots (seeds 0 … DRAWS - 1), one a line: the class whose mean has
 * the largest cosine (classify/baseline.h). The draws are those of `savs fit --shots --seed`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classify/baseline.h"
#include "classify/feature_set.h"
#include "classify/labels.h"
#include "image/image.h"
#include "image/resize.h"
#include "lists/shots.h"

enum { SIDE = 56, PIXELS = 3 * SIDE * SIDE };

/* Vectors with their labels, wherever they come from. */
typedef struct set {
    sav_vectors vectors;
    const char **labels; /* [count] */
    float *pixels;       /* owned */
    sav_list *list;
    sav_feature_set features;
} set;

/* ---- reading ------------------------------------------------------------------------------------------- */

static sav_status read_picture(float *out, const char *path, sav_error *err) {
    static unsigned char small[PIXELS];
    sav_image image = {0};
    sav_status status = sav_image_read(&image, path, 0, err);
    if (!status)
        status = sav_image_resize(small, (sav_size){SIDE, SIDE}, image.rgb, (sav_size){image.h, image.w},
                                  (sav_resampling){SAV_BICUBIC, SAV_PILLOW_11}, err);
    for (size_t i = 0; i < PIXELS && !status; i++) out[i] = (float)small[i] / 255.0f;
    sav_image_free(&image);
    return status;
}

static sav_status read_pixels(set *out, const char *path, sav_error *err) {
    sav_status status = sav_list_read(&out->list, path, NULL, err);
    if (status) return status;
    const size_t count = out->list->count;
    out->pixels = sav_alloc(count, PIXELS * sizeof *out->pixels);
    out->labels = sav_alloc(count, sizeof *out->labels);
    if (!out->pixels || !out->labels)
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its pictures", path);
    for (size_t i = 0; i < count && !status; i++) {
        const sav_sample *s = &out->list->samples[i];
        out->labels[i] = s->label;
        if (s->media_count != 1)
            return sav_fail(err, SAV_BAD_INPUT, "%s:%zu: expected one picture", path, s->line);
        status = read_picture(out->pixels + i * PIXELS, s->media[0], err);
    }
    out->vectors = (sav_vectors){out->pixels, count, PIXELS, PIXELS};
    return status;
}

static sav_status read_last_layer(set *out, const char *folder, sav_error *err) {
    sav_feature_set *f = &out->features;
    sav_status status = sav_feature_set_open(f, folder, err);
    if (status) return status;
    out->vectors = sav_baseline_last_layer(f->features, f->N, f->L, f->H, f->d);
    out->labels = sav_alloc(f->N, sizeof *out->labels);
    if (!out->labels) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its labels", folder);
    memcpy(out->labels, f->labels, f->N * sizeof *out->labels);
    return SAV_OK;
}

static void set_free(set *s) {
    sav_free(s->pixels);
    sav_free(s->labels);
    sav_list_free(s->list);
    sav_feature_set_close(&s->features);
}

/* ---- one draw ------------------------------------------------------------------------------------------ */

/* ids [N] of the drawn examples, -1 of the others. */
static sav_status draw(int32_t *ids, sav_labels *labels, const set *train, size_t shots, uint64_t seed,
                       sav_error *err) {
    bool *keep = sav_alloc(train->vectors.N, sizeof *keep);
    if (!keep) return sav_fail(err, SAV_NO_MEMORY, "no memory for a draw");
    sav_status status =
        sav_shots_draw(keep, NULL, train->labels, train->vectors.N, (sav_shots){shots, seed}, err);
    for (size_t i = 0; i < train->vectors.N && !status; i++) {
        size_t id = 0;
        if (keep[i]) status = sav_labels_add(&id, labels, train->labels[i], err);
        ids[i] = keep[i] ? (int32_t)id : -1;
    }
    sav_free(keep);
    return status;
}

static sav_status score_draw(double *accuracy, const set *train, const set *test, size_t shots, uint64_t seed,
                             sav_error *err) {
    const size_t N = train->vectors.N, M = test->vectors.N;
    sav_labels labels = {0};
    int32_t *ids = sav_alloc(N, sizeof *ids), *predicted = sav_alloc(M, sizeof *predicted);
    size_t correct = 0;
    sav_status status = ids && predicted ? draw(ids, &labels, train, shots, seed, err)
                                         : sav_fail(err, SAV_NO_MEMORY, "no memory");
    if (!status)
        status = sav_baseline_class_means(predicted, &train->vectors, ids, labels.count, &test->vectors, err);
    for (size_t i = 0; i < M && !status; i++)
        correct += test->labels[i] && strcmp(labels.names[predicted[i]], test->labels[i]) == 0;
    *accuracy = (double)correct / (double)M;
    sav_labels_free(&labels);
    sav_free(ids);
    sav_free(predicted);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 6 || (strcmp(argv[1], "pixels") != 0 && strcmp(argv[1], "last-layer") != 0)) {
        fputs("usage: baselines pixels|last-layer TRAIN TEST SHOTS DRAWS\n", stderr);
        return 2;
    }
    sav_error err = {0};
    set train = {0}, test = {0};
    sav_status (*const read)(set *, const char *, sav_error *) = argv[1][0] == 'p' ? read_pixels
                                                                                   : read_last_layer;
    sav_status status = read(&train, argv[2], &err);
    if (!status) status = read(&test, argv[3], &err);
    const unsigned long shots = strtoul(argv[4], NULL, 10), draws = strtoul(argv[5], NULL, 10);
    for (unsigned long seed = 0; seed < draws && !status; seed++) {
        double accuracy;
        status = score_draw(&accuracy, &train, &test, shots, seed, &err);
        if (!status) printf("%.4f\n", accuracy);
    }
    if (status) fprintf(stderr, "baselines: %s\n", err.message);
    set_free(&train);
    set_free(&test);
    return status ? 1 : 0;
}
