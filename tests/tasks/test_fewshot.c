/* test_fewshot.c: golden/fewshot from lists and features to predictions.jsonl, byte for byte; the store in
 * between.
 *
 *   train.jsonl + sav.features -> store -> fit -> sav.safetensors -> predict(sav.test_features) -> lines
 *
 * The forward that makes the features has tests of its own; one label of the test list is not in the training
 * list.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"
#include "classify/store.h"
#include "io/safetensors.h"
#include "tasks/predictions.h"

#define GOLDEN "golden/fewshot/"

static float *floats_of(const sav_safetensors *file, const char *name, size_t shape[4]) {
    const sav_tensor *t = sav_safetensors_find(file, name);
    if (!CHECK(t && t->rank == 4)) return NULL;
    float *out = sav_alloc(t->count, sizeof *out);
    for (size_t i = 0; out && i < t->count; i++) out[i] = sav_tensor_float(t, i);
    memcpy(shape, t->shape, 4 * sizeof *shape);
    return out;
}

/* The taps of the list's samples, in a store under check_folder. */
static bool fill_store(const char *folder, const sav_list *list, const float *features,
                       const size_t shape[4]) {
    const sav_store_info info = {shape[1], shape[2], shape[3], "llava_onevision", "t70", "digest",
                                 "exact",  "f32",    NULL};
    sav_store *store;
    sav_error err;
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return false;
    bool ok = CHECK(list->count == shape[0]);
    for (size_t i = 0; i < list->count && ok; i++) {
        const sav_sample *sample = &list->samples[i];
        const sav_store_line line = {sample->question_id, sample->label, sample->image, sample->question};
        sav_chat *chat;
        char key[65];
        ok = CHECK_OK(sav_sample_chat(&chat, &list->samples[i], &err), &err);
        if (!ok) break;
        ok =
            CHECK_OK(sav_store_key(key, &chat->prompt, &info, NULL, &err), &err) &&
            CHECK_OK(sav_store_append(store, key, &line, features + i * shape[1] * shape[2] * shape[3], &err),
                     &err);
        sav_chat_free(chat);
    }
    sav_store_close(store);
    return ok;
}

static sav_classifier *fit_store(const char *folder, size_t K) {
    const char *labels[64];
    sav_classifier *classifier = NULL;
    sav_store *store;
    sav_error err;
    if (!CHECK_OK(sav_store_open(&store, folder, &err), &err)) return NULL;
    const sav_store_info *info = sav_store_describe(store);
    const size_t shape[4] = {sav_store_count(store), info->L, info->H, info->d};
    const sav_fit_options options = {.K = K};
    for (size_t i = 0; i < shape[0] && i < 64; i++) labels[i] = sav_store_at(store, i)->line.label;
    CHECK_OK(sav_fit(&classifier, sav_store_features(store), labels, shape, &options, &err), &err);
    sav_store_close(store);
    return classifier;
}

/* The list's predictions, by the protocol of its format. */
static void predict_all(sav_text *lines, sav_text *metrics, const sav_classifier *classifier,
                        const sav_list *list, const float *taps) {
    const size_t width = sav_classifier_describe(classifier)->L * sav_classifier_describe(classifier)->H *
                         sav_classifier_describe(classifier)->d;
    const sav_prediction_options options = {.most = list->count, .protocol = list->protocol};
    sav_predictions p;
    sav_text words = {0};
    sav_error err;
    if (!CHECK_OK(sav_predictions_begin(&p, classifier, &options, &err), &err)) return;
    for (size_t i = 0; i < list->count; i++)
        CHECK_OK(sav_predictions_add_sample(&p, &list->samples[i], taps + i * width, &err), &err);
    CHECK_OK(sav_predictions_score(metrics, &words, &p, "\"more\":1", &err), &err);
    sav_text_bytes(lines, p.lines.bytes, p.lines.length);
    sav_text_free(&words);
    sav_predictions_free(&p);
}

int main(void) {
    char store[600], saved[600], *want = NULL;
    size_t shape[4], test_shape[4], length;
    sav_safetensors *file;
    sav_list *train = NULL, *test = NULL;
    sav_classifier *classifier = NULL, *loaded = NULL;
    sav_text got = {0}, metrics = {0};
    sav_error err;
    const sav_list_options training = {.training = true};
    snprintf(store, sizeof store, "%s/store", check_folder());
    snprintf(saved, sizeof saved, "%s/sav.safetensors", check_folder());
    if (!CHECK_OK(sav_safetensors_open(&file, GOLDEN "t70.safetensors", &err), &err))
        return check_report("fewshot");
    float *x = floats_of(file, "sav.features", shape),
          *taps = floats_of(file, "sav.test_features", test_shape);
    const sav_tensor *top = sav_safetensors_find(file, "sav.top_heads");
    bool ok = x && taps && top &&
              CHECK_OK(sav_list_read(&train, GOLDEN "train.jsonl", &training, &err), &err) &&
              CHECK_OK(sav_list_read(&test, GOLDEN "test.jsonl", NULL, &err), &err) &&
              fill_store(store, train, x, shape);
    if (ok) classifier = fit_store(store, top->shape[0]);
    if (classifier && CHECK_OK(sav_classifier_save(classifier, saved, NULL, &err), &err) &&
        CHECK_OK(sav_classifier_open(&loaded, saved, &err), &err)) {
        for (size_t i = 0; i < top->count; i++)
            CHECK(sav_classifier_describe(classifier)->top_heads[i] == (int32_t)sav_tensor_integer(top, i));
        predict_all(&got, &metrics, loaded, test, taps);
        if (CHECK_OK(sav_os_read_file(&want, &length, GOLDEN "predictions.jsonl", 1 << 20, &err), &err))
            CHECK_STR(got.bytes, want);
        CHECK(metrics.bytes && strstr(metrics.bytes, "{\"accuracy\":0.625,") == metrics.bytes);
        CHECK(metrics.bytes && strstr(metrics.bytes, ",\"more\":1}\n") != NULL);
    }
    sav_classifier_free(loaded);
    sav_classifier_free(classifier);
    sav_list_free(test);
    sav_list_free(train);
    sav_text_free(&got);
    sav_text_free(&metrics);
    sav_free(want);
    sav_free(x);
    sav_free(taps);
    sav_safetensors_close(file);
    return check_report("fewshot");
}
