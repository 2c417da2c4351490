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
#include "tasks/results.h"

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
    const sav_store_info info = {shape[1], shape[2], shape[3], "llava_onevision",
                                 "t70",    "digest", "exact",  "f32"};
    sav_store *store;
    sav_error err;
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return false;
    bool ok = CHECK(list->count == shape[0]);
    for (size_t i = 0; i < list->count && ok; i++) {
        sav_chat *chat;
        char key[65];
        ok = CHECK_OK(sav_sample_chat(&chat, &list->samples[i], &err), &err);
        if (!ok) break;
        ok = CHECK_OK(sav_store_key(key, &chat->prompt, &info, NULL, &err), &err) &&
             CHECK_OK(sav_store_append(store, key, list->samples[i].question_id, list->samples[i].label,
                                       features + i * shape[1] * shape[2] * shape[3], &err),
                      &err);
        sav_chat_free(chat);
    }
    sav_store_close(store);
    return ok;
}

static sav_classifier *fit_store(const char *folder, size_t selected) {
    const char *labels[64];
    sav_classifier *heads = NULL;
    sav_store *store;
    sav_error err;
    if (!CHECK_OK(sav_store_open(&store, folder, &err), &err)) return NULL;
    const sav_store_info *info = sav_store_describe(store);
    const size_t shape[4] = {sav_store_count(store), info->L, info->H, info->d};
    const sav_fit_options options = {.K = selected};
    for (size_t i = 0; i < shape[0] && i < 64; i++) labels[i] = sav_store_at(store, i)->label;
    CHECK_OK(sav_fit(&heads, sav_store_features(store), labels, shape, &options, &err), &err);
    sav_store_close(store);
    return heads;
}

static void predict_all(sav_text *out, const sav_classifier *heads, const sav_list *list, const float *taps,
                        size_t width) {
    const sav_classifier_view *v = sav_classifier_describe(heads);
    for (size_t i = 0; i < list->count; i++) {
        const sav_sample *s = &list->samples[i];
        int32_t votes[16], head_votes[64];
        sav_prediction p;
        sav_error err;
        if (!CHECK_OK(sav_predict(&p, votes, head_votes, heads, taps + i * width, &err), &err)) return;
        const sav_result result = {
            {s->index, s->question_id, s->group, s->split, s->label, v->class_names[p.winner]},
            p.margin,
            votes,
            head_votes};
        sav_result_put(out, &result, v);
    }
}

int main(void) {
    char store[600], saved[600], *want = NULL;
    size_t shape[4], test_shape[4], length;
    sav_safetensors *file;
    sav_list *train = NULL, *test = NULL;
    sav_classifier *heads = NULL, *loaded = NULL;
    sav_text got = {0};
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
    if (ok) heads = fit_store(store, top->shape[0]);
    if (heads && CHECK_OK(sav_classifier_save(heads, saved, NULL, &err), &err) &&
        CHECK_OK(sav_classifier_open(&loaded, saved, &err), &err)) {
        for (size_t i = 0; i < top->count; i++)
            CHECK(sav_classifier_describe(heads)->top_heads[i] == (int32_t)sav_tensor_integer(top, i));
        predict_all(&got, loaded, test, taps, shape[1] * shape[2] * shape[3]);
        if (CHECK_OK(sav_os_read_file(&want, &length, GOLDEN "predictions.jsonl", 1 << 20, &err), &err))
            CHECK_STR(got.bytes, want);
    }
    sav_classifier_free(loaded);
    sav_classifier_free(heads);
    sav_list_free(test);
    sav_list_free(train);
    sav_text_free(&got);
    sav_free(want);
    sav_free(x);
    sav_free(taps);
    sav_safetensors_close(file);
    return check_report("fewshot");
}
