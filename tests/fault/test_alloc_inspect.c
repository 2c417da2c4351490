/* test_alloc_inspect.c: every allocation made to fail once behind `encode`, `dump`, `diff`, `show` and
 * `info`. */
#include <string.h>

#include "../picture.h"
#include "fault.h"
#include "instruments/dump_file.h"
#include "instruments/inspect.h"
#include "lists/messages.h"
#include "tasks/compare.h"
#include "tasks/compare_fits.h"
#include "tasks/encode.h"

#define MODEL "golden/models/t70"
#define PICTURE "golden/llava/images/8x11.png"
#define GOLDEN "golden/qwen2/window.exact.safetensors"

static sav_model *model;
static char store_path[600], dump_path[600], tile_path[600];

static sav_status compare(sav_error *err) {
    sav_comparison *c;
    sav_status status = sav_compare_open(&c, GOLDEN, GOLDEN, GOLDEN, err);
    if (!status) sav_compare_free(c);
    return status;
}

static sav_status write_dump(sav_error *err) {
    const float values[4] = {1, 2, 3, 4};
    const sav_snapshot stages[] = {
        {"a", SAV_F32, 1, {4}, values}, {"b", SAV_BF16, 2, {2, 2}, values}, {"c", SAV_F32, 1, {4}, values}};
    const sav_dump_origin origin = {"exact", "f32", "11", "0"};
    sav_dump_file *file;
    sav_status status = sav_dump_file_new(&file, "a,b", err);
    if (status) return status;
    const sav_sink sink = sav_dump_file_sink(file);
    for (size_t i = 0; i < 3 && !status; i++) status = sink.receive(sink.context, &stages[i], err);
    if (!status) status = sav_dump_file_write(file, dump_path, &origin, err);
    sav_dump_file_free(file);
    return status;
}

static sav_status read_list(sav_list **list, sav_error *err) {
    static const char text[] = "{\"question\":\"a\",\"label\":\"x\"}\n{\"question\":\"b\",\"label\":\"y\"}\n"
                               "{\"question\":\"<image>\",\"image\":\"none.png\",\"label\":\"y\"}\n{"
                               "\"question\":\"a\",\"label\":\"x\"}\n";
    static const sav_list_options options = {.training = true};
    return sav_list_parse(list, text, strlen(text), "list", "", &options, err);
}

static sav_status take_nothing(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    (void)context, (void)sample, (void)tap, (void)err;
    return SAV_OK;
}

/* The list through a session of its own, to nobody or into a store. */
static sav_status encode(bool store, sav_error *err) {
    static const sav_options options = {.engine = "exact", .threads = 1};
    sav_encoder encoder = {.model = model, .skip_bad = true};
    sav_encode_report report = {0};
    sav_list *list;
    sav_status status = read_list(&list, err);
    if (status) return status;
    status = sav_session_open(&encoder.session, model, &options, err);
    if (!status)
        status = store ? sav_encode_store(&report, store_path, list, "pillow 11", &encoder, err)
                       : sav_encode_each(list, &encoder, take_nothing, NULL, err);
    if (store) sav_free(report.rows);
    sav_session_close(encoder.session);
    sav_list_free(list);
    return status;
}

static sav_status encode_memory(sav_error *err) {
    return encode(false, err);
}

static sav_status encode_store(sav_error *err) {
    static const char *const files[] = {"store.json", "index.jsonl", "features.f32"};
    char path[700];
    for (size_t i = 0; i < 3; i++) { /* each run starts without one */
        snprintf(path, sizeof path, "%s/%s", store_path, files[i]);
        remove(path);
    }
    return encode(true, err);
}

static sav_status compare_stores(sav_error *err) {
    sav_stores_difference difference;
    return sav_compare_stores(&difference, store_path, store_path, 3, err);
}

static sav_status show_text(sav_error *err) {
    sav_token_list list;
    sav_status status = sav_inspect_text(&list, MODEL, "text", "two words", 9, err);
    if (!status) sav_token_list_free(&list);
    return status;
}

static sav_status show_prompt(sav_error *err) {
    sav_chat *chat;
    sav_token_list list;
    sav_status status = sav_messages_read(&chat, "golden/llava/t70-two.messages.json", err);
    if (status) return status;
    status = sav_inspect_prompt(&list, model, &chat->prompt, err);
    sav_token_list_free(&list);
    sav_chat_free(chat);
    return status;
}

static sav_status show_picture(sav_error *err) {
    const sav_options turned = {.pillow = 11, .exif_rotate = 1};
    const sav_part picture = {.kind = SAV_IMAGE, .text = PICTURE};
    sav_picture_report report;
    return sav_inspect_picture(&report, model, &picture, &turned, tile_path, "tile", err);
}

static void take_file(void *context, const char *path, uint64_t size, const char *sha256) {
    (void)context, (void)path, (void)size, (void)sha256;
}

static sav_status verify(sav_error *err) {
    const sav_verify_hooks hooks = {.file = take_file};
    return sav_inspect_verify(model, &hooks, err);
}

int main(void) {
    sav_error err;
    snprintf(store_path, sizeof store_path, "%s/store", check_folder());
    snprintf(dump_path, sizeof dump_path, "%s/dump.safetensors", check_folder());
    snprintf(tile_path, sizeof tile_path, "%s", check_folder());
    if (!CHECK_OK(sav_model_open(&model, MODEL, &err), &err)) return check_report("alloc inspect");
    fault_each("compare", compare);
    fault_each("dump", write_dump);
    fault_each("tokens of a text", show_text);
    fault_each("tokens of a prompt", show_prompt);
    if (picture_reads(PICTURE)) fault_each("picture", show_picture);
    fault_each("verify", verify);
    fault_each("features in memory", encode_memory);
    fault_each("features in a store", encode_store);
    CHECK_OK(encode_store(&err), &err);
    fault_each("two stores", compare_stores);
    sav_model_close(model);
    return check_report("alloc inspect");
}
