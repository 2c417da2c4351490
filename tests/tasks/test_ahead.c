/* test_ahead.c: STORE/ahead is a file from outside like any other: rows of another shape, type, engine or
 * model are computed again, whatever they say they are, and a link leads nowhere.
 *
 * The row that lies ready has values of its own, so that it shows whether it was taken.
 */
#include <stdio.h>
#include <string.h>
#ifndef _WIN32
#include <unistd.h>
#endif

#include "../check.h"
#include "base/os.h"
#include "classify/store.h"
#include "tasks/encode.h"

enum { MOST = 4096 };

static const char lines[] =
    "{\"question\":\"one\",\"label\":\"x\"}\n{\"question\":\"two\",\"label\":\"y\"}\n";
static sav_model *model;
static sav_session *session;
static sav_store_info info; /* what encoding writes */
static char key[65];        /* of the first sample */
static float right[2 * MOST];
static char store_path[600], ahead_path[640];
static sav_error err;

static sav_list *read_list(void) {
    sav_list *list = NULL;
    CHECK_OK(sav_list_parse(&list, lines, sizeof lines - 1, "list", "", NULL, &err), &err);
    return list;
}

static bool prepare(void) {
    const sav_options options = {.engine = "exact", .threads = 1};
    sav_chat *chat = NULL;
    if (!CHECK_OK(sav_model_open(&model, "golden/models/qwen2-window", &err), &err) ||
        !CHECK_OK(sav_session_open(&session, model, &options, &err), &err))
        return false;
    const sav_model_info *m = sav_model_describe(model);
    info = (sav_store_info){m->L, m->H, m->d, m->family, m->folder, m->sha256, "exact", "f32", NULL};
    sav_list *list = read_list();
    const bool ok = list && CHECK(m->features <= MOST) &&
                    CHECK_OK(sav_sample_chat(&chat, &list->samples[0], &err), &err) &&
                    CHECK_OK(sav_store_key(key, &chat->prompt, &info, "", &err), &err);
    sav_chat_free(chat);
    sav_list_free(list);
    return ok;
}

static void new_store(void) {
    static int number;
    snprintf(store_path, sizeof store_path, "%s/store%d", check_folder(), ++number);
    snprintf(ahead_path, sizeof ahead_path, "%s/ahead", store_path);
}

/* The first sample's row lies ready in `folder`, made with `from`. */
static void put_row(const char *folder, const sav_store_info *from) {
    const size_t values = from->L * from->H * from->d;
    float *row = sav_alloc(values, sizeof *row);
    sav_store *store;
    for (size_t i = 0; row && i < values; i++) row[i] = (float)i + 0.5f;
    if (CHECK_OK(sav_store_append_to(&store, folder, from, &err), &err)) {
        CHECK_OK(sav_store_append(store, key, &(sav_store_line){.label = "x"}, row, &err), &err);
        sav_store_close(store);
    }
    sav_free(row);
}

/* The list into the store; features [2, L, H, d]. */
static sav_encode_report encode(float *features) {
    const sav_encoder encoder = {.model = model, .session = session};
    const size_t width = info.L * info.H * info.d;
    sav_encode_report report = {0};
    sav_list *list = read_list();
    sav_store *store;
    CHECK_OK(sav_encode_store(&report, store_path, list, "", &encoder, &err), &err);
    sav_list_free(list);
    sav_free(report.rows);
    if (!CHECK_OK(sav_store_open(&store, store_path, &err), &err)) return report;
    if (CHECK_SIZE(sav_store_count(store), 2))
        memcpy(features, sav_store_features(store), 2 * width * sizeof *features);
    CHECK_OK(sav_store_check(store, &err), &err);
    sav_store_close(store);
    return report;
}

/* The row ready in STORE/ahead: taken, or computed again with the right values. */
static void check(const char *what, const sav_store_info *from, bool taken) {
    static float features[2 * MOST];
    const size_t width = info.L * info.H * info.d;
    new_store();
    put_row(ahead_path, from);
    const sav_encode_report report = encode(features);
    if (!CHECK(report.present == taken && report.forwarded == 2u - taken)) printf("%s\n", what);
    if (taken)
        CHECK(features[0] == 0.5f && features[1] == 1.5f);
    else
        check_bits(features, right, width, what);
    check_bits(features + width, right + width, width, what);
    CHECK(!sav_os_exists(ahead_path));
}

static void test_fields(void) {
    sav_store_info other;
    check("the same", &info, true);
    other = info, other.model = "elsewhere/the-same";
    check("moved", &other, true); /* as sav_store_append_to has it: model_sha256 decides */
    other = info, other.L = 1;
    check("fewer layers", &other, false);
    other = info, other.L = 50;
    check("more layers", &other, false);
    other = info, other.H = info.H + 1;
    check("heads", &other, false);
    other = info, other.d = 1;
    check("head size", &other, false);
    other = info, other.L = info.d, other.d = info.L; /* as many bytes */
    check("layers for size", &other, false);
    other = info, other.L = other.H = other.d = 1;
    check("four bytes", &other, false);
    other = info, other.dtype = "bf16";
    check("dtype", &other, false);
    other = info, other.dtype = NULL;
    check("no dtype", &other, false);
    other = info, other.family = "qwen2_vl";
    check("family", &other, false);
    other = info, other.engine = "panel";
    check("engine", &other, false);
    other = info, other.model_sha256 = "0000";
    check("model", &other, false);
    other = info, other.model_sha256 = NULL;
    check("no model", &other, false);
}

/* A folder of that name which holds more than a store, and links: neither read nor deleted. */
static void test_links(void) {
#ifdef _WIN32
    check_skip("links need rights here");
#else
    static float features[2 * MOST];
    char elsewhere[600], path[700];
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", check_folder());
    put_row(elsewhere, &info);
    new_store();
    CHECK_OK(sav_os_make_folder(store_path, &err), &err);
    CHECK(symlink(elsewhere, ahead_path) == 0);
    CHECK_SIZE(encode(features).forwarded, 2);
    snprintf(path, sizeof path, "%s/store.json", elsewhere);
    CHECK(sav_os_exists(path));
    /* features.f32 as a link: its target would be cut to the rows of the index, to nothing */
    new_store();
    CHECK_OK(sav_os_make_folder(store_path, &err), &err);
    snprintf(path, sizeof path, "%s/features.f32", store_path);
    snprintf(elsewhere, sizeof elsewhere, "%s/victim", check_folder());
    CHECK_OK(sav_os_save(elsewhere, "precious", 8, &err), &err);
    CHECK(symlink(elsewhere, path) == 0);
    sav_store *store;
    CHECK_FAILS(sav_store_append_to(&store, store_path, &info, &err), &err, SAV_IO_ERROR, "found a link");
    snprintf(path, sizeof path, "%s/index.jsonl", store_path);
    char *bytes;
    size_t length;
    CHECK_OK(sav_os_read_file(&bytes, &length, elsewhere, 100, &err), &err);
    CHECK_STR(bytes, "precious");
    sav_free(bytes);
#endif
}

int main(void) {
    new_store();
    if (prepare()) {
        CHECK_SIZE(encode(right).forwarded, 2);
        test_fields();
        test_links();
    }
    sav_session_close(session);
    sav_model_close(model);
    return check_report("ahead");
}
