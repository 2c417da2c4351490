/* test_savfile.c: sav.safetensors written, read back and damaged. */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"
#include "io/safetensors.h"
#include "sav.h"

static const float features[] = {1, 0, 0, 1, 0, 1, 1, 0, 1, 0.1f, 0, 1, 0.1f, 1, 1, 0}; /* [4, 1, 2, 2] */
static const char *const labels[] = {"caf\xC3\xA9", "a \"b\"\n", "caf\xC3\xA9", "a \"b\"\n"};
static const size_t shape[4] = {4, 1, 2, 2};
static char path[600];

static void test_round_trip(sav_dtype dtype) {
    const sav_origin origin = {"tiny", "abc123", "exact", "qwen2", NULL, "What \"is\" it?\n"};
    const sav_fit_options options = {.K = 2, .dtype = dtype};
    sav_classifier *classifier, *again;
    sav_error err;
    if (!CHECK_OK(sav_fit(&classifier, features, labels, shape, &options, &err), &err)) return;
    if (CHECK_OK(sav_classifier_save(classifier, path, &origin, &err), &err) &&
        CHECK_OK(sav_classifier_open(&again, path, &err), &err)) {
        const sav_classifier_view *a = sav_classifier_describe(classifier),
                                  *b = sav_classifier_describe(again);
        int32_t votes[2][2], head_votes[2][2];
        sav_prediction p, q;
        CHECK(b->L == 1 && b->H == 2 && b->d == 2 && b->C == 2 && b->K == 2 && b->dtype == dtype);
        check_bits(b->activations, a->activations, 8, "activations");
        check_bits(b->head_scores, a->head_scores, 2, "head_scores");
        CHECK(memcmp(b->top_heads, a->top_heads, 4 * sizeof(int32_t)) == 0);
        CHECK(b->class_counts[0] == 2 && b->class_counts[1] == 2);
        CHECK_STR(b->class_names[0], labels[0]);
        CHECK_STR(b->class_names[1], labels[1]);
        CHECK_STR(b->origin.model, "tiny");
        CHECK_STR(b->origin.model_sha256, "abc123");
        CHECK_STR(b->origin.engine, "exact");
        CHECK_STR(b->origin.family, "qwen2");
        CHECK_STR(b->origin.question, "What \"is\" it?\n");
        CHECK(b->origin.source_sha256 == NULL);
        CHECK_OK(sav_predict(&p, votes[0], head_votes[0], classifier, features + 4, &err), &err);
        CHECK_OK(sav_predict(&q, votes[1], head_votes[1], again, features + 4, &err), &err);
        CHECK(p.winner == q.winner && p.margin == q.margin &&
              memcmp(votes[0], votes[1], sizeof votes[0]) == 0);
        sav_classifier_free(again);
    }
    sav_classifier_free(classifier);
}

/* What a file holds; each case changes one thing of a good one. */
typedef struct content {
    size_t C, K, d, L, H, pairs, counts;
    sav_dtype scores;
    int32_t top[4], count[2];
    const char *labels, *dtype, *version;
} content;

static const content good = {
    2, 2, 2, 1, 2, 2, 2, SAV_F32, {0, 1, 0, 0}, {2, 2}, "{\"0\":\"a\",\"1\":\"b\"}", "f32", "1"};

static void check_content(const content *c, const char *part) {
    static const float zeros[64] = {0};
    static const char *const keys[] = {"int_to_str", "dtype", "format_version"};
    const char *const values[] = {c->labels, c->dtype, c->version};
    const sav_tensor tensors[] = {
        {"activations", SAV_F32, 3, {c->C, c->K, c->d}, c->C * c->K * c->d, zeros},
        {"top_heads", SAV_I32, 2, {c->pairs, 2}, c->pairs * 2, c->top},
        {"head_scores", c->scores, 2, {c->L, c->H}, c->L * c->H, zeros},
        {"class_counts", SAV_I32, 1, {c->counts}, c->counts, c->count},
    };
    sav_classifier *classifier;
    sav_error err = {0};
    if (!CHECK_OK(sav_safetensors_write(path, tensors, 4, &(sav_metadata){3, keys, values}, &err), &err))
        return;
    sav_status status = sav_classifier_open(&classifier, path, &err);
    if (!part) {
        if (CHECK_OK(status, &err)) sav_classifier_free(classifier);
        return;
    }
    if (!status || !strstr(err.message, part)) printf("got \"%s\", want \"%s\"\n", err.message, part);
    CHECK(status && strstr(err.message, part));
    if (!status) sav_classifier_free(classifier);
}

static void test_damage(void) {
    content c = good;
    check_content(&c, NULL);
    c = good, c.dtype = NULL, c.version = NULL, check_content(&c, NULL);
    c = good, c.labels = "{\"1\":\"b\",\"0\":\"a\"}", check_content(&c, NULL);
    c = good, c.labels = NULL, check_content(&c, "no int_to_str");
    c = good, c.labels = "[\"a\",\"b\"]", check_content(&c, "no JSON object");
    c = good, c.labels = "{\"0\":\"a\"}", check_content(&c, "no string for class 1");
    c = good, c.labels = "{\"0\":\"a\",\"1\":2}", check_content(&c, "no string for class 1");
    c = good, c.labels = "{\"0\":\"a\",\"1\":\"a\"}", check_content(&c, "class 1 like class 0");
    c = good, c.labels = "{\"0\":\"a\",\"1\":\"b\",\"2\":\"c\"}", check_content(&c, "3 labels for 2 classes");
    static const char *const odd[] = {
        "00", "01", "+1", " 1", "1 ", "1.0", "1e0", "", "-1", "18446744073709551617", "one"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) { /* names of class 1 that are none */
        char text[80];
        snprintf(text, sizeof text, "{\"0\":\"a\",\"%s\":\"b\"}", odd[i]);
        c = good, c.labels = text, check_content(&c, "no string for class 1");
    }
    c = good, c.labels = "{\"0\":", check_content(&c, "sav.safetensors:1:");
    c = good, c.dtype = "f64", check_content(&c, "found dtype f64");
    c = good, c.version = "2", check_content(&c, "format_version 2");
    c = good, c.top[0] = 1, check_content(&c, "found layer 1, head 1");
    c = good, c.top[3] = -1, check_content(&c, "found layer 0, head -1");
    c = good, c.count[1] = 0, check_content(&c, "found 0 for class 1");
    c = good, c.pairs = 1, check_content(&c, "shapes that do not fit");
    c = good, c.counts = 1, check_content(&c, "shapes that do not fit");
    c = good, c.K = 1, check_content(&c, "shapes that do not fit");
    c = good, c.d = 0, check_content(&c, "no elements");
    c = good, c.scores = SAV_I32, check_content(&c, "expected F32");
}

/* Seconds to read a file of so many classes, the least of five times. */
static double time_classes(size_t C) {
    static const char *const keys[] = {"int_to_str"};
    static const int32_t top[2] = {0, 0};
    static const float score = 1;
    float *means = sav_alloc(C, sizeof *means);
    int32_t *counts = sav_alloc(C, sizeof *counts);
    sav_text names = {0};
    sav_error err;
    double least = 1e9;
    for (size_t c = C; c-- > 0;) sav_text_printf(&names, "%s\"%zu\":\"l%zu\"", c + 1 == C ? "{" : ",", c, c);
    sav_text_string(&names, "}");
    for (size_t c = 0; counts && c < C; c++) counts[c] = 1;
    const sav_tensor tensors[] = {{"activations", SAV_F32, 3, {C, 1, 1}, C, means},
                                  {"top_heads", SAV_I32, 2, {1, 2}, 2, top},
                                  {"head_scores", SAV_F32, 2, {1, 1}, 1, &score},
                                  {"class_counts", SAV_I32, 1, {C}, C, counts}};
    const char *const values[] = {names.bytes};
    CHECK_OK(sav_safetensors_write(path, tensors, 4, &(sav_metadata){1, keys, values}, &err), &err);
    for (int i = 0; i < 5; i++) {
        sav_classifier *classifier = NULL;
        const double start = sav_os_thread_seconds();
        if (!CHECK_OK(sav_classifier_open(&classifier, path, &err), &err)) break;
        const double spent = sav_os_thread_seconds() - start;
        least = spent < least ? spent : least;
        CHECK(sav_classifier_describe(classifier)->C == C &&
              strcmp(sav_classifier_describe(classifier)->class_names[1], "l1") == 0);
        sav_classifier_free(classifier);
    }
    sav_text_free(&names);
    sav_free(means);
    sav_free(counts);
    return least;
}

/* Twice the classes take about twice the time: with a search for each class it was four times, 18 s for
 * 50,000. */
static void test_many_classes(void) {
    const double once = time_classes(20000), twice = time_classes(40000);
    printf("20000 classes %.4f s, 40000 %.4f s: x %.2f\n", once, twice, twice / once);
    CHECK(twice < 3 * once + 0.05); /* some clocks tick slowly */
}

static void test_paths(void) {
    const sav_fit_options options = {.K = 2};
    sav_error err;
    sav_classifier *classifier =
        (sav_classifier *)(void *)&err; /* a failure leaves NULL, whatever was there */
    CHECK_FAILS(sav_classifier_open(&classifier, "no/such.safetensors", &err), &err, SAV_BAD_INPUT,
                "no/such.safetensors");
    CHECK(classifier == NULL);
    if (!CHECK_OK(sav_fit(&classifier, features, labels, shape, &options, &err), &err)) return;
    CHECK_FAILS(sav_classifier_save(classifier, "no/such/folder/sav.safetensors", NULL, &err), &err,
                SAV_IO_ERROR, "cannot write");
    CHECK_FAILS(sav_classifier_save(classifier, check_folder(), NULL, &err), &err, SAV_IO_ERROR,
                "found a folder");
    CHECK_OK(sav_classifier_save(classifier, path, NULL, &err), &err);
    sav_classifier_free(classifier);
    if (!CHECK_OK(sav_classifier_open(&classifier, path, &err), &err)) return;
    CHECK(sav_classifier_describe(classifier)->origin.model == NULL);
    sav_classifier_free(classifier);
}

/* Which model a file belongs to: by identity, or by what a quantised folder was made of. */
static void test_check(void) {
    static const char other[] = "0123456789012345678901234567890123456789012345678901234567890123";
    sav_model *model;
    sav_classifier *classifier, *loaded;
    sav_error err;
    if (!CHECK_OK(sav_model_open(&model, "golden/models/t70", &err), &err)) return;
    const sav_model_info *m = sav_model_describe(model);
    const sav_origin origins[] = {{.model_sha256 = m->sha256},
                                  {.model_sha256 = other, .source_sha256 = m->sha256},
                                  {.model = "unknown"},
                                  {.model = "else", .model_sha256 = other},
                                  {.model = "else", .model_sha256 = other, .source_sha256 = ""}};
    const size_t all[4] = {2, m->L, m->H, m->d}, fewer[4] = {2, m->L - 1, m->H, m->d};
    float *taps = sav_alloc(2 * m->features, sizeof *taps);
    const sav_fit_options options = {.K = 1};
    for (size_t i = 0; i < sizeof origins / sizeof *origins && taps; i++) {
        if (!CHECK_OK(sav_fit(&classifier, taps, labels, all, &options, &err), &err)) break;
        if (CHECK_OK(sav_classifier_save(classifier, path, &origins[i], &err), &err) &&
            CHECK_OK(sav_classifier_open(&loaded, path, &err), &err)) {
            if (i < 3)
                CHECK_OK(sav_classifier_check(loaded, model, &err), &err);
            else
                CHECK_FAILS(sav_classifier_check(loaded, model, &err), &err, SAV_BAD_INPUT,
                            "another model, else, than golden/models/t70");
            sav_classifier_free(loaded);
        }
        sav_classifier_free(classifier);
    }
    if (taps && CHECK_OK(sav_fit(&classifier, taps, labels, fewer, &options, &err), &err)) {
        CHECK_FAILS(sav_classifier_check(classifier, model, &err), &err, SAV_BAD_INPUT,
                    "2 layers of 6 heads");
        sav_classifier_free(classifier);
    }
    sav_free(taps);
    sav_model_close(model);
}

int main(void) {
    snprintf(path, sizeof path, "%s/sav.safetensors", check_folder());
    test_check();
    test_round_trip(SAV_F32);
    test_round_trip(SAV_BF16);
    test_round_trip(SAV_F16);
    test_damage();
    test_many_classes();
    test_paths();
    return check_report("savfile");
}
