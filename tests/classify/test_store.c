/* test_store.c: the feature store: appended, resumed, torn, locked, damaged, on a full disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <signal.h>
#include <sys/resource.h>
#endif

#include "../check.h"
#include "base/os.h"
#include "classify/store.h"

enum { VALUES = 6, ROW = VALUES * 4 };

static const sav_store_info info = {1, 2, 3, "qwen2", "tiny", "digest", "exact", "f32", NULL};
static const float rows[3][VALUES] = {{1, 2, 3, 4, 5, 6}, {-1, 0, 0.5f, 7, 8, 9}, {3, 3, 3, 3, 3, 3}};
static char folder[600];

/* A name of 64 hex digits. */
static const char *name_of(char digit) {
    static char names[16][65];
    char *name = names[digit & 15];
    memset(name, digit, 64);
    return name;
}

static void new_folder(void) {
    static int number;
    snprintf(folder, sizeof folder, "%s/store%d", check_folder(), ++number);
}

static void path_of(char *out, const char *file) {
    snprintf(out, 700, "%s/%s", folder, file);
}

static char *contents(const char *file, size_t *length) {
    char path[700], *bytes = NULL;
    sav_error err;
    path_of(path, file);
    CHECK_OK(sav_os_read_file(&bytes, length, path, 1 << 20, &err), &err);
    return bytes;
}

static void write_bytes(const char *file, const char *mode, const void *bytes, size_t length) {
    char path[700];
    path_of(path, file);
    FILE *out = fopen(path, mode);
    if (!CHECK(out != NULL)) return;
    CHECK(fwrite(bytes, 1, length, out) == length);
    fclose(out);
}

/* What a list says of a row. */
#define LINE(id, word) (&(sav_store_line){.question_id = id, .label = word})

/* A store of three rows, the third a copy of the first under another label. */
static bool make_store(void) {
    sav_store *store;
    sav_error err;
    new_folder();
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return false;
    bool ok =
        CHECK_OK(sav_store_append(store, name_of('a'), LINE("7", "caf\xC3\xA9"), rows[0], &err), &err) &&
        CHECK_OK(sav_store_append(store, name_of('b'),
                                  &(sav_store_line){"\"x\"", NULL, "[\"a\",\"b\"]", "two?"}, rows[1], &err),
                 &err);
    size_t row = 9;
    CHECK(!sav_store_find(&row, store, name_of('c')) && sav_store_find(&row, store, name_of('a')) &&
          row == 0);
    ok = ok && CHECK_OK(sav_store_repeat(store, row, LINE(NULL, "\"q\""), &err), &err);
    sav_store_close(store);
    return ok;
}

static void test_crc(void) {
    CHECK(sav_crc32("123456789", 9) == 0xcbf43926u);
    CHECK(sav_crc32("", 0) == 0);
}

static void test_files(void) {
    size_t length;
    if (!make_store()) return;
    char *json = contents("store.json", &length);
    CHECK_STR(json, "{\"format\":1,\"L\":1,\"H\":2,\"d\":3,\"family\":\"qwen2\",\"model\":\"tiny\",\"model_"
                    "sha256\":\"digest\","
                    "\"engine\":\"exact\",\"dtype\":\"f32\"}\n");
    char *features = contents("features.f32", &length);
    CHECK_SIZE(length, 3 * ROW);
    CHECK(memcmp(features, rows, 2 * ROW) == 0 && memcmp(features + 2 * ROW, rows[0], ROW) == 0);
    char *index = contents("index.jsonl", &length), want[700];
    const unsigned a = sav_crc32(rows[0], ROW), b = sav_crc32(rows[1], ROW);
    snprintf(want, sizeof want,
             "{\"row\":0,\"sample\":\"%.64s\",\"question_id\":7,\"label\":\"caf\xC3\xA9\",\"image\":null,"
             "\"question\":null,\"crc32\":\"%08x\"}\n"
             "{\"row\":1,\"sample\":\"%.64s\",\"question_id\":\"x\",\"label\":null,\"image\":[\"a\",\"b\"],"
             "\"question\":\"two?\",\"crc32\":\"%08x\"}\n"
             "{\"row\":2,\"sample\":\"%.64s\",\"question_id\":null,\"label\":\"\\\"q\\\"\",\"image\":null,"
             "\"question\":null,\"crc32\":\"%08x\"}\n",
             name_of('a'), a, name_of('b'), b, name_of('a'), a);
    CHECK_STR(index, want);
    sav_free(json);
    sav_free(features);
    sav_free(index);
}

static void test_read(void) {
    sav_store *store;
    sav_error err;
    if (!make_store() || !CHECK_OK(sav_store_open(&store, folder, &err), &err)) return;
    CHECK_SIZE(sav_store_count(store), 3);
    const sav_store_info *got = sav_store_describe(store);
    CHECK(got->L == 1 && got->H == 2 && got->d == 3);
    CHECK_STR(got->model_sha256, "digest");
    CHECK_STR(sav_store_at(store, 0)->line.label, "caf\xC3\xA9");
    CHECK_STR(sav_store_at(store, 1)->line.question_id, "\"x\"");
    CHECK(sav_store_at(store, 1)->line.label == NULL);
    CHECK_STR(sav_store_at(store, 1)->line.image, "[\"a\",\"b\"]");
    CHECK_STR(sav_store_at(store, 1)->line.question, "two?");
    CHECK(sav_store_at(store, 0)->line.question == NULL);
    check_bits(sav_store_features(store), rows[0], VALUES, "row 0");
    check_bits(sav_store_features(store) + 2 * VALUES, rows[0], VALUES, "row 2");
    CHECK_OK(sav_store_check(store, &err), &err);
    CHECK_FAILS(sav_store_append(store, name_of('c'), LINE(NULL, NULL), rows[0], &err), &err, SAV_IO_ERROR,
                "open the store again");
    sav_store_close(store);
    char spoiled = 1;
    size_t length;
    char *features = contents("features.f32", &length);
    features[ROW + 5] ^= spoiled;
    write_bytes("features.f32", "wb", features, length);
    sav_free(features);
    if (!CHECK_OK(sav_store_open(&store, folder, &err), &err)) return;
    CHECK_FAILS(sav_store_check(store, &err), &err, SAV_BAD_INPUT, "row 1 is damaged");
    sav_store_close(store);
}

/* Stores of before rows knew their pictures and questions. */
static void test_old(void) {
    sav_store *store;
    sav_error err;
    char line[400];
    size_t row = 9;
    if (!make_store()) return;
    snprintf(line, sizeof line,
             "{\"row\":0,\"sample\":\"%.64s\",\"question_id\":7,\"label\":\"a\",\"crc32\":\"%08x\"}\n",
             name_of('a'), (unsigned)sav_crc32(rows[0], ROW));
    write_bytes("index.jsonl", "wb", line, strlen(line));
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return;
    CHECK_SIZE(sav_store_count(store), 1);
    CHECK(sav_store_at(store, 0)->line.image == NULL && sav_store_at(store, 0)->line.question == NULL);
    CHECK(sav_store_claim(&row, store, name_of('a'), &(sav_store_line){"7", "a", "\"a.png\"", "what?"}));
    CHECK_SIZE(row, 0);
    sav_store_close(store);
}

/* A list run again claims its rows; equal lines claim one each; what is new has no row. */
static void test_resume(void) {
    size_t claimed = 99;
    sav_store *store;
    sav_error err;
    if (!make_store() || !CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return;
    CHECK_SIZE(sav_store_count(store), 3);
    CHECK(sav_store_claim(&claimed, store, name_of('a'), LINE("7", "caf\xC3\xA9")) && claimed == 0);
    CHECK(!sav_store_claim(&claimed, store, name_of('a'), LINE("7", "caf\xC3\xA9"))); /* once */
    CHECK(!sav_store_claim(&claimed, store, name_of('a'), LINE("8", "caf\xC3\xA9"))); /* another id */
    CHECK_SIZE(sav_store_unclaimed(store), 2);
    CHECK(sav_store_claim(&claimed, store, name_of('a'), LINE(NULL, "\"q\"")) && claimed == 2);
    CHECK(sav_store_claim(&claimed, store, name_of('b'), LINE("\"x\"", NULL)));
    CHECK_SIZE(sav_store_unclaimed(store), 0);
    CHECK(!sav_store_claim(&claimed, store, name_of('c'), LINE(NULL, NULL)));
    CHECK_OK(sav_store_append(store, name_of('c'), LINE(NULL, NULL), rows[2], &err), &err);
    /* of this opening: an equal line has its own row */
    CHECK(!sav_store_claim(&claimed, store, name_of('c'), LINE(NULL, NULL)));
    size_t row = 0;
    CHECK(sav_store_find(&row, store, name_of('c')) && row == 3);
    CHECK_OK(sav_store_repeat(store, row, LINE(NULL, NULL), &err), &err);
    for (int i = 0; i < 70; i++) /* past the first growth of the tables */
        CHECK_OK(sav_store_repeat(store, (size_t)i, LINE("1", "z"), &err), &err);
    sav_store_close(store);
    if (!CHECK_OK(sav_store_open(&store, folder, &err), &err)) return;
    CHECK_SIZE(sav_store_count(store), 75);
    check_bits(sav_store_features(store) + 4 * VALUES, rows[2], VALUES, "row 4");
    CHECK_OK(sav_store_check(store, &err), &err);
    sav_store_close(store);
}

static void test_lock(void) {
    sav_store *store, *second;
    sav_error err;
    new_folder();
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return;
    CHECK_FAILS(sav_store_append_to(&second, folder, &info, &err), &err, SAV_IO_ERROR,
                "another process is writing");
    /* readers are welcome, also in an empty store */
    if (CHECK_OK(sav_store_open(&second, folder, &err), &err)) {
        CHECK(sav_store_count(second) == 0 && sav_store_features(second) == NULL);
        sav_store_close(second);
    }
    sav_store_close(store);
    if (CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) sav_store_close(store);
}

/* Whatever is cut off, the rows before it stay and the next append goes on from there. */
static void test_torn(void) {
    sav_store *store;
    sav_error err;
    size_t index_length, length;
    if (!make_store()) return;
    char *index = contents("index.jsonl", &index_length);
    for (size_t cut = 0; cut <= index_length; cut += cut + 2 < index_length ? 17 : 1) {
        size_t lines = 0;
        for (size_t i = 0; i < cut; i++) lines += index[i] == '\n';
        write_bytes("index.jsonl", "wb", index, cut);
        write_bytes("features.f32", "ab", "tail", 4);
        if (CHECK_OK(sav_store_open(&store, folder, &err), &err)) { /* a reader leaves it as it is */
            CHECK_SIZE(sav_store_count(store), lines);
            sav_store_close(store);
        }
        if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) break;
        CHECK_SIZE(sav_store_count(store), lines);
        for (size_t i = lines; i < 3; i++)
            CHECK_OK(sav_store_append(store, name_of('b'), LINE(NULL, NULL), rows[i], &err), &err);
        sav_store_close(store);
        sav_free(contents("features.f32", &length));
        CHECK_SIZE(length, 3 * ROW);
    }
    sav_free(index);
}

/* Bytes that the disk never wrote, though it said so: 0, 20 and 300 rows, one of them not that of its
 * line. */
static void check_damaged_end(size_t count, size_t at, size_t kept) {
    sav_store *store;
    sav_error err;
    size_t index_length, length;
    new_folder();
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return;
    for (size_t i = 0; i < count; i++)
        CHECK_OK(sav_store_append(store, name_of('a'), LINE("1", "z"), rows[i % 3], &err), &err);
    sav_store_close(store);
    char *index = contents("index.jsonl", &index_length), *features = contents("features.f32", &length);
    features[at * ROW + 7] ^= 4;
    write_bytes("features.f32", "wb", features, length);
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return;
    CHECK_SIZE(sav_store_damaged(store), count - kept);
    CHECK_SIZE(sav_store_count(store), kept);
    CHECK_SIZE(sav_store_unclaimed(store), kept);
    for (size_t i = kept; i < count; i++)
        CHECK_OK(sav_store_append(store, name_of('a'), LINE("1", "z"), rows[i % 3], &err), &err);
    sav_store_close(store);
    char *again = contents("index.jsonl", &length);
    CHECK(length == index_length && memcmp(index, again, length) == 0);
    if (CHECK_OK(sav_store_open(&store, folder, &err), &err)) {
        if (kept < count)
            CHECK_OK(sav_store_check(store, &err), &err);
        else /* further from the end: fit says so */
            CHECK_FAILS(sav_store_check(store, &err), &err, SAV_BAD_INPUT, "row 43 is damaged");
        sav_store_close(store);
    }
    sav_free(index);
    sav_free(features);
    sav_free(again);
}

static void test_damaged_end(void) {
    check_damaged_end(1, 0, 0);
    check_damaged_end(20, 19, 19);
    check_damaged_end(20, 0, 0);
    check_damaged_end(300, 299, 299);
    check_damaged_end(300, 44, 44); /* the 256th from the end */
    check_damaged_end(300, 43, 300);
}

static void check_index(const char *text, const char *part) {
    sav_error err;
    sav_store *store = (sav_store *)(void *)&err; /* a failure leaves NULL, whatever was there */
    write_bytes("index.jsonl", "wb", text, strlen(text));
    CHECK_FAILS(sav_store_open(&store, folder, &err), &err, SAV_BAD_INPUT, part);
    CHECK(store == NULL);
    CHECK_FAILS(sav_store_append_to(&store, folder, &info, &err), &err, SAV_BAD_INPUT, part);
}

static void test_bad_files(void) {
    sav_store *store;
    sav_error err;
    char line[300];
    if (!make_store()) return;
    check_index("{}\n", "index.jsonl:1: found something else");
    check_index("nonsense\n", "index.jsonl:1:1");
    snprintf(line, sizeof line, "{\"row\":1,\"sample\":\"%.64s\",\"label\":\"x\",\"crc32\":\"00000000\"}\n",
             name_of('a'));
    check_index(line, "expected row 0");
    snprintf(line, sizeof line, "{\"row\":0,\"sample\":\"%.64s\",\"label\":3,\"crc32\":\"00000000\"}\n",
             name_of('a'));
    check_index(line, "index.jsonl:1:");
    snprintf(line, sizeof line, "{\"row\":0,\"sample\":\"%.64s\",\"label\":null,\"crc32\":\"0000000G\"}\n",
             name_of('a'));
    check_index(line, "index.jsonl:1:");
    snprintf(line, sizeof line, "{\"row\":0,\"sample\":\"%.64s\",\"label\":null,\"crc32\":\"00000000\"}\n",
             name_of('a'));
    write_bytes("features.f32", "wb", rows, ROW - 1);
    check_index(line, "found 23 bytes; its index lists 1 rows of 24");
    write_bytes("store.json", "wb", "{\"format\":2}", 12);
    CHECK_FAILS(sav_store_open(&store, folder, &err), &err, SAV_UNSUPPORTED, "store format 2");
    write_bytes("store.json", "wb", "{\"format\":1,\"L\":1,\"H\":0,\"d\":3}", 30);
    CHECK_FAILS(sav_store_open(&store, folder, &err), &err, SAV_BAD_INPUT, "found features [1, 0, 3]");
    write_bytes("store.json", "wb", "[]", 2);
    CHECK_FAILS(sav_store_open(&store, folder, &err), &err, SAV_BAD_INPUT, "no object");
    char path[700];
    path_of(path, "store.json");
    remove(path);
    CHECK_FAILS(sav_store_append_to(&store, folder, &info, &err), &err, SAV_BAD_INPUT,
                "is this a feature store?");
    CHECK_FAILS(sav_store_open(&store, folder, &err), &err, SAV_BAD_INPUT, "store.json: cannot open");
}

static void test_mixed(void) {
    sav_store *store;
    sav_error err;
    if (!make_store()) return;
    sav_store_info other = info;
    other.H = 4;
    CHECK_FAILS(sav_store_append_to(&store, folder, &other, &err), &err, SAV_BAD_INPUT,
                "holds features [1, 2, 3]");
    other = info, other.engine = "blas";
    CHECK_FAILS(sav_store_append_to(&store, folder, &other, &err), &err, SAV_BAD_INPUT,
                "made with engine exact; now it is blas");
    other = info, other.model_sha256 = "else";
    CHECK_FAILS(sav_store_append_to(&store, folder, &other, &err), &err, SAV_BAD_INPUT,
                "model_sha256 digest");
    other = info, other.dtype = NULL;
    CHECK_FAILS(sav_store_append_to(&store, folder, &other, &err), &err, SAV_BAD_INPUT, "now it is null");
    other = info, other.model = "moved/tiny";
    if (CHECK_OK(sav_store_append_to(&store, folder, &other, &err), &err)) sav_store_close(store);
}

/* A file size limit stands in for a full disk: the append fails, and the store is as it was. */
static void test_full_disk(void) {
#ifdef _WIN32
    check_skip("no limit on file sizes here");
#else
    sav_store *store;
    sav_error err;
    struct rlimit old, tight;
    if (!make_store() || !CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    for (rlim_t limit = 3 * ROW; limit < 1000; limit += 40) { /* within the new row, then within its line */
        tight.rlim_cur = limit;
        setrlimit(RLIMIT_FSIZE, &tight);
        sav_status status = sav_store_append(store, name_of('c'), LINE(NULL, "label"), rows[2], &err);
        setrlimit(RLIMIT_FSIZE, &old);
        if (!status) break;
        CHECK(status == SAV_IO_ERROR && sav_store_count(store) == 3);
    }
    CHECK_SIZE(sav_store_count(store), 4);
    sav_store_close(store);
    if (!CHECK_OK(sav_store_open(&store, folder, &err), &err)) return;
    CHECK_SIZE(sav_store_count(store), 4);
    CHECK_STR(sav_store_at(store, 3)->line.label, "label");
    CHECK_OK(sav_store_check(store, &err), &err);
    sav_store_close(store);
#endif
}

static void check_key(const sav_prompt *prompt, const sav_store_info *from, const char *pixels,
                      const char *other, bool same) {
    char hex[65] = "";
    sav_error err;
    if (CHECK_OK(sav_store_key(hex, prompt, from, pixels, &err), &err))
        CHECK((strcmp(hex, other) == 0) == same);
}

static void test_keys(void) {
    char picture[700], copy[700], base[65], hex[65];
    sav_error err;
    new_folder();
    CHECK_OK(sav_os_make_folder(folder, &err), &err);
    write_bytes("a.png", "wb", "one", 3);
    write_bytes("copy.png", "wb", "one", 3);
    path_of(picture, "a.png");
    path_of(copy, "copy.png");
    sav_part parts[] = {{.kind = SAV_IMAGE, .text = picture},
                        {.kind = SAV_TEXT, .text = "ab"},
                        {.kind = SAV_TEXT, .text = "c"}};
    const sav_message turn = {"user", parts, 3};
    sav_prompt prompt = {&turn, 1, NULL};
    if (!CHECK_OK(sav_store_key(base, &prompt, &info, "pillow 11", &err), &err)) return;
    CHECK(strlen(base) == 64);
    check_key(&prompt, &info, "pillow 11", base, true);
    check_key(&prompt, &info, "pillow 13", base, false);
    parts[0].text = copy; /* the file's bytes count, not its name */
    check_key(&prompt, &info, "pillow 11", base, true);
    parts[0].kind = SAV_IMAGE_INLINE;
    check_key(&prompt, &info, "pillow 11", base, false);
    parts[0].kind = SAV_IMAGE;
    parts[1].text = "a", parts[2].text = "bc";
    check_key(&prompt, &info, "pillow 11", base, false);
    parts[1].text = "ab", parts[2].text = "c";
    sav_store_info other = info;
    other.engine = "blas";
    check_key(&prompt, &other, "pillow 11", base, false);
    prompt.literal = "p";
    check_key(&prompt, &info, "pillow 11", base, false);
    prompt.literal = NULL;
    write_bytes("copy.png", "wb", "two", 3);
    parts[0].text = copy;
    check_key(&prompt, &info, "pillow 11", base, false);
    parts[0].text = "no/such.png";
    CHECK_FAILS(sav_store_key(hex, &prompt, &info, NULL, &err), &err, SAV_BAD_INPUT, "no/such.png");
}

/* `count` rows of one sample, under `kinds` ids in turns, claimed from the last to the first; half of them by
 * claim_rest. Seconds of the claims. */
static double claim_all(size_t count, size_t kinds) {
    sav_store *store;
    sav_error err;
    char id[32];
    size_t row, claimed = 0;
    new_folder();
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%zu", i % kinds);
        if (sav_store_append(store, name_of('a'), LINE(id, "x"), rows[0], &err)) break;
    }
    sav_store_close(store);
    if (!CHECK_OK(sav_store_append_to(&store, folder, &info, &err), &err)) return 0;
    const double start = sav_os_cpu_seconds();
    for (size_t i = count; i-- > count / 2;) {
        snprintf(id, sizeof id, "%zu", i % kinds);
        claimed += sav_store_claim(&row, store, name_of('a'), LINE(id, "x"));
        CHECK(row % kinds == i % kinds);
    }
    CHECK_SIZE(claimed, count - count / 2);
    CHECK_SIZE(sav_store_unclaimed(store), count / 2);
    CHECK_SIZE(sav_store_claim_rest(store, name_of('a')), count / 2);
    for (size_t i = 0; i < count; i++)
        claimed += sav_store_claim_rest(store, name_of('a')) +
                   sav_store_claim(&row, store, name_of('a'), LINE("0", "x"));
    CHECK_SIZE(claimed, count - count / 2);
    const double seconds = sav_os_cpu_seconds() - start;
    sav_store_close(store);
    return seconds;
}

/* Rows of one sample are claimed in time that grows as their number does. */
static void test_equal_rows(void) {
    for (size_t kinds = 1; kinds <= 16384; kinds *= 16384) {
        const double few = claim_all(4096, kinds), many = claim_all(16384, kinds);
        if (!CHECK(many < 4 * 2.3 * few + 0.2)) printf("%.3f s, four times as many %.3f s\n", few, many);
    }
}

int main(void) {
    test_crc();
    test_files();
    test_read();
    test_old();
    test_resume();
    test_equal_rows();
    test_lock();
    test_torn();
    test_damaged_end();
    test_bad_files();
    test_mixed();
    test_full_disk();
    test_keys();
    return check_report("store");
}
