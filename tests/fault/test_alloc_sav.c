/* test_alloc_sav.c: every allocation of classify/ and tasks/ made to fail once: fit, predict, files, store,
 * draws, scores. Each time the answer is a clean SAV_NO_MEMORY with a message, and every block has been given
 * back.
 */
#include <string.h>

#include "base/os.h"
#include "classify/baseline.h"
#include "classify/store.h"
#include "fault.h"
#include "lists/messages.h"
#include "lists/shots.h"
#include "tasks/predictions.h"

static const float features[] = {1, 0, 0, 1, 0, 1, 1, 0, 1, 0.1f, 0, 1, 0.1f, 1, 1, 0}; /* [4, 1, 2, 2] */
static const char *const labels[] = {"a", "b", "a", "b"};
static const size_t shape[4] = {4, 1, 2, 2};
static char sav_path[600], store_path[600], list_folder[600];

static sav_status fit(sav_error *err) {
    const sav_fit_options options = {.K = 2, .validation = 0.25, .threads = 1};
    sav_classifier *classifier;
    int32_t votes[2], head_votes[2];
    sav_prediction prediction;
    sav_status status = sav_fit(&classifier, features, labels, shape, &options, err);
    if (status) return status;
    status = sav_predict(&prediction, votes, head_votes, classifier, features, err);
    if (!status) status = sav_classifier_save(classifier, sav_path, NULL, err);
    sav_classifier_free(classifier);
    return status;
}

static sav_status open_heads(sav_error *err) {
    sav_classifier *classifier;
    sav_status status = sav_classifier_open(&classifier, sav_path, err);
    if (!status) sav_classifier_free(classifier);
    return status;
}

/* What a list says of a row. */
#define LINE(id, word) (&(sav_store_line){.question_id = id, .label = word})

static sav_status fill_store(sav_error *err) {
    static const sav_store_info info = {1, 2, 2, "f", "m", "s", "e", "f32", NULL};
    char name[65];
    static const char *const files[] = {"store.json", "index.jsonl", "features.f32"};
    char path[700];
    sav_store *store;
    for (size_t i = 0; i < 3; i++) { /* each run starts without one */
        snprintf(path, sizeof path, "%s/%s", store_path, files[i]);
        remove(path);
    }
    memset(name, 'a', 64);
    name[64] = '\0';
    sav_status status = sav_store_append_to(&store, store_path, &info, err);
    if (status) return status;
    status = sav_store_append(store, name, LINE("1", "x"), features, err);
    if (!status) status = sav_store_repeat(store, 0, LINE("2", NULL), err);
    sav_store_close(store);
    return status;
}

static sav_status read_store(sav_error *err) {
    sav_store *store;
    sav_status status = sav_store_open(&store, store_path, err);
    if (status) return status;
    status = sav_store_check(store, err);
    sav_store_close(store);
    return status;
}

static sav_status read_messages(sav_error *err) {
    static const char text[] =
        "{\"id\":1,\"tools\":[],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
        "\"image\":\"a\",\"detail\":1,\"text\":null,\"resized_width\":56},"
        "{\"type\":\"text\",\"text\":\"t\"}]}]}";
    sav_chat *chat;
    sav_status status = sav_messages_parse(&chat, text, strlen(text), "m", "d/", err);
    if (!status) sav_chat_free(chat);
    return status;
}

static sav_status read_folder(sav_error *err) {
    sav_list *list;
    size_t missing;
    sav_status status = sav_list_read(&list, list_folder, NULL, err);
    if (status) return status;
    status = sav_list_draw_shots(list, &missing, (sav_shots){1, 0}, err);
    sav_list_free(list);
    return status;
}

static sav_status score(sav_error *err) {
    const sav_prediction_options options = {.most = 2};
    const sav_answer labelled = {.index = 0, .label = "a"}, other = {.index = 1, .label = "never seen"};
    sav_text json = {0}, words = {0};
    sav_classifier *classifier;
    sav_predictions p;
    sav_status status = sav_classifier_open(&classifier, sav_path, err);
    if (status) return status;
    status = sav_predictions_begin(&p, classifier, &options, err);
    if (!status) {
        status = sav_predictions_add(&p, labelled, features, err);
        if (!status) status = sav_predictions_add(&p, other, features, err);
        if (!status) status = sav_predictions_score(&json, &words, &p, "\"more\":1", err);
        sav_predictions_free(&p);
    }
    sav_text_free(&json);
    sav_text_free(&words);
    sav_classifier_free(classifier);
    return status;
}

static sav_status baseline(sav_error *err) {
    static const int32_t ids[] = {0, 1, 0, 1};
    int32_t predicted[4];
    const sav_vectors taps = sav_baseline_last_layer(features, 4, 1, 2, 2);
    return sav_baseline_class_means(predicted, &taps, ids, 2, &taps, err);
}

int main(void) {
    char path[700];
    sav_os_file *file;
    sav_error err;
    snprintf(sav_path, sizeof sav_path, "%s/sav.safetensors", check_folder());
    snprintf(store_path, sizeof store_path, "%s/store", check_folder());
    snprintf(list_folder, sizeof list_folder, "%s/classes", check_folder());
    snprintf(path, sizeof path, "%s/cat", list_folder);
    CHECK_OK(sav_os_make_folder(path, &err), &err);
    for (char name = '1'; name < '4'; name++) {
        snprintf(path, sizeof path, "%s/cat/%c.png", list_folder, name);
        if (CHECK_OK(sav_os_create(&file, path, &err), &err)) CHECK_OK(sav_os_commit(file, &err), &err);
    }
    fault_each("fit", fit);
    fault_each("sav file", open_heads);
    fault_each("store filled", fill_store);
    fault_each("store read", read_store);
    fault_each("messages", read_messages);
    fault_each("folder", read_folder);
    fault_each("score", score);
    fault_each("baseline", baseline);
    return check_report("alloc sav");
}
