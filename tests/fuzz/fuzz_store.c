/* fuzz_store.c: bytes -> one file of a feature store, or of its `ahead` -> read, checked, fitted, compared;
 * then `encode` goes on with it, and what it leaves must be whole.
 *
 * First byte: which file the rest replaces. The store has the first of three samples, `ahead` all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward/session.h"
#include "memory.h"
#include "tasks/compare_fits.h"
#include "tasks/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char MODEL[] = "golden/models/report-qwen2-vl";
static const char *const FILES[] = {"s/store.json",       "s/index.jsonl",       "s/features.f32",
                                    "s/ahead/store.json", "s/ahead/index.jsonl", "s/ahead/features.f32"};
static const char LIST[] = "{\"question\": \"red?\", \"label\": \"a\"}\n"
                           "{\"question\": \"the hill\", \"label\": \"b\"}\n"
                           "{\"question\": \"north\", \"label\": \"a\", \"question_id\": 7}\n";
static sav_session *session;
static sav_model *model;

static sav_status encode(const char *folder) {
    const sav_list_options options = {.training = true};
    const sav_encoder encoder = {.model = model, .session = session};
    sav_encode_report report;
    sav_list *list;
    sav_error err;
    if (sav_list_parse(&list, LIST, sizeof LIST - 1, "list", "", &options, &err)) abort();
    sav_status status = sav_encode_store(&report, folder, list, "", &encoder, &err);
    if (!status && report.forwarded + report.copied + report.present != 3) abort();
    if (status && !err.message[0]) abort();
    sav_free(report.rows);
    sav_list_free(list);
    return status;
}

/* "s/x" as it is -> "s/ahead/x", and s/x with its first row alone. */
static void split(const char *name, const char *ahead, size_t kept) {
    size_t length;
    const unsigned char *bytes = memory_get(&length, name);
    memory_put(ahead, bytes, length);
    bytes = memory_get(&length, name);
    memory_put(name, bytes, kept ? kept : length);
}

static void load(void) {
    static const char *const names[] = {"config.json",    "preprocessor_config.json", "tokenizer_config.json",
                                        "tokenizer.json", "model.safetensors",        NULL};
    sav_error err;
    size_t length;
    memory_load(MODEL, names);
    if (sav_model_open(&model, MODEL, &err)) abort();
    if (sav_session_open(&session, model, &(sav_options){.engine = "panel", .threads = 1}, &err)) abort();
    if (encode("s")) abort();
    const char *index = (const char *)memory_get(&length, "s/index.jsonl");
    const size_t line = (size_t)((const char *)memchr(index, '\n', length) - index) + 1;
    split("s/store.json", "s/ahead/store.json", 0);
    split("s/index.jsonl", "s/ahead/index.jsonl", line);
    split("s/features.f32", "s/ahead/features.f32", sav_model_describe(model)->features * sizeof(float));
    memory_mark();
}

static void read_store(const char *folder, bool whole) {
    sav_store *store;
    sav_error err;
    sav_status status = sav_store_open(&store, folder, &err);
    if (whole && status) abort();
    if (status) return;
    const size_t N = sav_store_count(store);
    const sav_store_info *info = sav_store_describe(store);
    const size_t shape[4] = {N, info->L, info->H, info->d};
    const char *labels[64];
    status = sav_store_check(store, &err);
    if (whole && (status || N < 3)) abort();
    for (size_t i = 0; i < N && i < 64; i++) labels[i] = sav_store_at(store, i)->line.label;
    sav_classifier *fitted;
    if (N && N <= 64 && sav_fit(&fitted, sav_store_features(store), labels, shape, NULL, &err) == SAV_OK)
        sav_classifier_free(fitted);
    sav_store_close(store);
    sav_stores_difference difference;
    (void)sav_compare_stores(&difference, folder, folder, 0, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool loaded;
    if (!loaded) load();
    loaded = true;
    if (!size) return 0;
    memory_put(FILES[data[0] % 6], data + 1, size - 1);
    read_store("s", false);
    read_store("s/ahead", false);
    if (encode("s") == SAV_OK) read_store("s", true);
    memory_reset();
    return 0;
}
