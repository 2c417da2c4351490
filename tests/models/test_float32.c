/* The float32 engines against the truth: each stage's rel-L2 error against f64 is at most 1.5 times PyTorch's
 * own float32 error (golden/f32_errors.json) + 2^-24, and the bits do not depend on the number of threads.
 *
 * The same program runs again with other OpenBLAS kernels (OPENBLAS_CORETYPE), since those are what a user's
 * CPU picks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../engine_run.h"
#include "../golden_case.h"
#include "kernels/kernels.h"

typedef struct watch {
    const char *name;
    sav_safetensors *truth;
    const sav_json *errors; /* PyTorch's, by stage */
    size_t stages, wrong;
    double worst; /* largest share of the bound */
    sav_sha256 bits;
} watch;

static sav_json_doc *all_errors[2]; /* by family of cases */
static const char *engine, *isa;

static size_t elements(const sav_snapshot *stage) {
    size_t count = 1;
    for (int i = 0; i < stage->rank; i++) count *= stage->shape[i];
    return count;
}

static double relative_error(const float *got, const sav_tensor *truth) {
    double error = 0, size = 0;
    for (size_t i = 0; i < truth->count; i++) {
        double t;
        memcpy(&t, (const char *)truth->data + 8 * i, 8);
        error += ((double)got[i] - t) * ((double)got[i] - t);
        size += t * t;
    }
    return size > 0 ? sqrt(error / size) : sqrt(error);
}

static sav_status take(void *context, const sav_snapshot *stage, sav_error *err) {
    watch *w = context;
    double allowed;
    const sav_tensor *truth = w->truth ? sav_safetensors_find(w->truth, stage->name) : NULL;
    if (stage->dtype == SAV_F32) sav_sha256_update(&w->bits, stage->data, elements(stage) * sizeof(float));
    if (!truth || truth->dtype != SAV_F64 || stage->dtype != SAV_F32 || !sav_json_get(w->errors, stage->name))
        return SAV_OK;
    if (truth->count != elements(stage) ||
        sav_json_double(&allowed, w->errors, stage->name, 0, "f32_errors.json", err)) {
        w->wrong++;
        return SAV_OK;
    }
    double error = relative_error(stage->data, truth), bound = 1.5 * allowed + 0x1p-24;
    w->stages++;
    if (error / bound > w->worst) w->worst = error / bound;
    if (!(error <= bound) && w->wrong++ == 0)
        printf("%s: %s: error %.3g; PyTorch %.3g, so at most %.3g\n", w->name, stage->name, error, allowed,
               bound);
    return SAV_OK;
}

/* One dump with so many threads; its bits as a digest. */
static bool run(char hex[65], watch *w, const sav_json *node, int threads) {
    golden_case c;
    sav_error err;
    const sav_sink sink = {take, w};
    sav_sha256_init(&w->bits);
    bool ok = golden_case_open(&c, node, (sav_options){.engine = engine, .isa = isa, .threads = threads}) &&
              CHECK_OK(sav_dump(c.session, &c.prompt, &sink, &err), &err);
    golden_case_close(&c);
    sav_sha256_hex(&w->bits, hex);
    return ok;
}

static const sav_json *errors_of(const char *name) {
    const sav_json *errors = sav_json_get(sav_json_root(all_errors[0]), name);
    return errors ? errors : sav_json_get(sav_json_root(all_errors[1]), name);
}

static void run_case(const sav_json *node) {
    const char *name = sav_json_get(node, "name")->text;
    char one[65], two[65];
    watch w = {.name = name, .errors = errors_of(name)}, again = {.name = name};
    sav_error err;
    if (!sav_json_is(sav_json_get(node, "dtype"), "f32") || !w.errors) return;
    if (!CHECK_OK(sav_safetensors_open(&w.truth, golden_path(name, ".f64.safetensors"), &err), &err)) return;
    if (run(one, &w, node, 1)) {
        CHECK(w.wrong == 0);
        CHECK(w.stages > 0);
        if (run(two, &again, node, 2)) CHECK_STR(two, one);
        printf("%s %s %s: %zu stages, at most %.2f of the bound\n", engine, isa, name, w.stages, w.worst);
    }
    sav_safetensors_close(w.truth);
}

#if defined(__x86_64__)
/* This program once more, with another choice of OpenBLAS's kernels. */
static void run_again(const char *program, const char *core) {
    char command[500];
    snprintf(command, sizeof command, "OPENBLAS_CORETYPE=%s '%s' blas", core, program);
    CHECK(system(command) == 0);
}
#endif

int main(int argc, char **argv) {
    const bool again = argc > 1; /* argument: the one engine to test */
    const sav_kernels *kernels;
    sav_error err;
    if (CHECK_OK(sav_json_read(&all_errors[0], "golden/f32_errors.json", &err), &err) &&
        CHECK_OK(sav_json_read(&all_errors[1], "golden/qwen_vl/f32_errors.json", &err), &err))
        for (size_t i = 0; (kernels = sav_kernels_at(i)) != NULL; i++) {
            engine = kernels->engine;
            isa = kernels->isa;
            if (!engine_starts(kernels)) continue;
            if (again ? strcmp(engine, argv[1]) == 0 : !kernels->in_double && !kernels->needs)
                golden_cases(NULL, run_case);
        }
    sav_json_free(all_errors[0]);
    sav_json_free(all_errors[1]);
    kernels = sav_kernels_find("blas", NULL, &err);
    if (!kernels || !engine_starts(kernels)) {
        check_skip("no OpenBLAS");
    } else if (!again) {
#if defined(__x86_64__)
        run_again(argv[0], "Haswell");
        run_again(argv[0], "Prescott");
#endif
    }
    return check_report("float32");
}
