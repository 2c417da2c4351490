/* test_bench.c: what savs bench counts is what the shapes say: operations and weight bytes of every stage. */
#include "../check.h"

#include <math.h>

#include "instruments/bench.h"
#include "models/model.h"

static bool alike(double a, double b) {
    return fabs(a - b) <= 1e-9 * fabs(b);
}

/* T tokens through `whole` layers and a trimmed one. */
static void check_counts(const sav_bench *b, const sav_model *model, const sav_model_info *i, double T) {
    const double Q = (double)(i->H * i->d), KV = (double)(i->G * i->d), D = (double)i->D, F = (double)i->F,
                 whole = (double)(i->L - 1);
    const double width = (double)sav_dtype_size(model->modules.items[0].module->weight.dtype);
    double pairs = 0, seen = 0;
    for (double t = 1; t <= T; t++) {
        seen = i->window && (double)i->window < t ? (double)i->window : t;
        pairs += seen;
    }
    const sav_bench_row *p = b->places;
    CHECK(alike(p[SAV_BENCH_QKV].gflop, 2e-9 * whole * T * (Q + 2 * KV) * D));
    CHECK(alike(p[SAV_BENCH_ATTENTION].gflop, 4e-9 * whole * Q * pairs));
    CHECK(alike(p[SAV_BENCH_O_PROJ].gflop, 2e-9 * whole * T * Q * D));
    CHECK(alike(p[SAV_BENCH_GATE_UP].gflop, 4e-9 * whole * T * F * D));
    CHECK(alike(p[SAV_BENCH_DOWN_PROJ].gflop, 2e-9 * whole * T * F * D));
    CHECK(alike(p[SAV_BENCH_LAST].gflop, 2e-9 * (2 * T * KV * D + Q * D + 2 * Q * seen)));
    CHECK(alike((double)p[SAV_BENCH_QKV].weight_bytes, whole * (Q + 2 * KV) * D * width));
    CHECK(alike((double)p[SAV_BENCH_DOWN_PROJ].weight_bytes, whole * F * D * width));
    double seconds = 0;
    for (int place = 0; place < SAV_BENCH_PLACES; place++) seconds += p[place].cpu_seconds;
    CHECK(alike(seconds, b->all.cpu_seconds)); /* one round: no time is lost between the places */
#ifdef _WIN32
    if (b->all.cpu_seconds <= 0 || b->all.share <= 0) {
        check_skip("CPU time goes in steps of 15 ms here: nothing to divide by");
        return;
    }
#endif
    CHECK(b->peak > 0 && b->peak_double > 0 && b->all.share > 0 && b->seconds > 0);
}

static void text(const char *engine) {
    sav_model *model;
    sav_session *session;
    sav_bench bench;
    sav_error err;
    const sav_options options = {.engine = engine, .threads = 1};
    const sav_bench_shape shape = {.tokens = 40, .rounds = 1};
    CHECK_OK(sav_model_open(&model, "golden/models/qwen2-window", &err), &err);
    CHECK_OK(sav_session_open(&session, model, &options, &err), &err);
    CHECK_OK(sav_bench_run(&bench, model, session, &shape, &err), &err);
    CHECK(bench.tokens == 40 && bench.layers == model->info.L - 1 && bench.rounds == 1);
    check_counts(&bench, model, sav_model_describe(model), 40);
    sav_session_close(session);
    sav_model_close(model);
}

int main(void) {
    text("exact");
    text(NULL);
    return check_report("bench");
}
