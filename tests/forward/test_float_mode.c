/* test_float_mode.c: another mode of arithmetic, set by whatever else lives in the process, is an error at
 * every entry that computes, at any time; what is computed afterwards is right again.
 *
 * Right values: those of the same calls in the usual mode.
 */
#include <fenv.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "../check.h"

static const float features[] = {1e-40f, 1, 1, 0, 3e-40f, 1, 0.5f, 1, 2e-40f, 1, 1, 1}; /* [3, 1, 2, 2] */
static const char *const labels[] = {"a", "a", "b"};
static const size_t shape[4] = {3, 1, 2, 2};
static const sav_part parts[] = {{.kind = SAV_TEXT, .text = "hello"}};
static const sav_message turn = {"user", parts, 1};
static const sav_prompt prompt = {.messages = &turn, .count = 1};
static sav_model *model;
static sav_session *session;
static sav_classifier *classifier;
static char path[600];
static float means[8], tap[4096], again[4096];

static sav_status receive(void *context, const sav_snapshot *stage, sav_error *err) {
    (void)context, (void)stage, (void)err;
    return SAV_OK;
}

/* Each entry, in whatever mode; how many gave SAV_OK and how many the right error. */
static void call_all(int *done, int *refused) {
    sav_error err[9];
    sav_model *m = NULL;
    sav_session *s = NULL;
    sav_classifier *fitted = NULL, *opened = NULL;
    sav_prediction p;
    int32_t votes[2], head_votes[2];
    const sav_options options = {.engine = "exact", .threads = 1};
    const sav_fit_options fit = {.K = 2};
    const sav_sink sink = {receive, NULL};
    const sav_status got[9] = {sav_model_open(&m, "golden/models/qwen2-window", &err[0]),
                               sav_session_open(&s, model, &options, &err[1]),
                               sav_forward(session, &prompt, again, 0, &err[2]),
                               sav_forward_batch(session, &prompt, 1, again, 0, &err[3]),
                               sav_dump(session, &prompt, &sink, &err[4]),
                               sav_fit(&fitted, features, labels, shape, &fit, &err[5]),
                               sav_predict(&p, votes, head_votes, classifier, features, &err[6]),
                               sav_classifier_open(&opened, path, &err[7]),
                               sav_predict(&p, votes, head_votes, classifier, features + 8, &err[8])};
    *done = *refused = 0;
    for (size_t i = 0; i < 9; i++) {
        *done += got[i] == SAV_OK;
        *refused += got[i] == SAV_UNSUPPORTED && strstr(err[i].message, "expected IEEE arithmetic") != NULL;
    }
    sav_session_close(s);
    sav_model_close(m);
    sav_classifier_free(fitted);
    sav_classifier_free(opened);
}

static void check_refused(const char *mode, int done, int refused) {
    if (!CHECK(done == 0 && refused == 9)) printf("%s: %d done, %d refused\n", mode, done, refused);
    call_all(&done, &refused);
    CHECK(done == 9 && refused == 0);
    check_bits(again, tap, sav_model_describe(model)->features, mode);
}

static void test_modes(void) {
    static const struct {
        int mode;
        const char *name;
    } modes[] = {
#ifdef FE_UPWARD
        {FE_UPWARD, "upward"},
#endif
#ifdef FE_DOWNWARD
        {FE_DOWNWARD, "downward"},
#endif
#ifdef FE_TOWARDZERO
        {FE_TOWARDZERO, "toward zero"},
#endif
    };
    int done, refused;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (fesetround(modes[i].mode)) {
            check_skip(modes[i].name);
            continue;
        }
        call_all(&done, &refused);
        fesetround(FE_TONEAREST);
        check_refused(modes[i].name, done, refused);
    }
#if defined(__x86_64__)
    static const unsigned bits[] = {0x8000, 0x0040, 0x8040}; /* FTZ, DAZ, both */
    for (size_t i = 0; i < 3; i++) {
        const unsigned usual = _mm_getcsr();
        _mm_setcsr(usual | bits[i]);
        call_all(&done, &refused);
        _mm_setcsr(usual);
        check_refused("flush to zero", done, refused);
    }
#else
    check_skip("no way to flush subnormal numbers here");
#endif
}

int main(void) {
    sav_error err;
    const sav_options options = {.engine = "exact", .threads = 1};
    const sav_fit_options fit = {.K = 2};
    snprintf(path, sizeof path, "%s/sav", check_folder());
    if (CHECK_OK(sav_model_open(&model, "golden/models/qwen2-window", &err), &err) &&
        CHECK_OK(sav_session_open(&session, model, &options, &err), &err) &&
        CHECK_OK(sav_forward(session, &prompt, tap, 0, &err), &err) &&
        CHECK_OK(sav_fit(&classifier, features, labels, shape, &fit, &err), &err) &&
        CHECK_OK(sav_classifier_save(classifier, path, NULL, &err), &err)) {
        memcpy(means, sav_classifier_describe(classifier)->activations, sizeof means);
        const float mean = means[0] < 1e-30f ? means[0] : means[2]; /* one that flushing would lose */
        CHECK(mean > 1.99e-40f && mean < 2.01e-40f);
        test_modes();
    }
    sav_classifier_free(classifier);
    sav_session_close(session);
    sav_model_close(model);
    return check_report("float mode");
}
