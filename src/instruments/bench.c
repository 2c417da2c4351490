/* bench.c: forwards whose operations are timed and counted. See bench.h. */
#include "instruments/bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "forward/session.h"
#include "kernels/peak.h"

const char *const sav_bench_names[SAV_BENCH_PLACES] = {"vision norm",
                                                       "vision qkv",
                                                       "vision rope",
                                                       "vision attention",
                                                       "vision out_proj",
                                                       "vision mlp",
                                                       "vision activation",
                                                       "merger",
                                                       "embedding",
                                                       "norm",
                                                       "qkv",
                                                       "rope",
                                                       "attention",
                                                       "o_proj",
                                                       "gate_proj, up_proj",
                                                       "activation",
                                                       "down_proj",
                                                       "last layer"};

/* ---- what an operation is booked to -------------------------------------------------------------------- */

/* [role] in a layer of the tower, in one of the decoder. */
static const sav_bench_place PLACES[SAV_ROLES][2] = {
    [SAV_ROLE_EMBEDDING] = {SAV_BENCH_EMBEDDING, SAV_BENCH_EMBEDDING},
    [SAV_ROLE_PATCHES] = {SAV_BENCH_TOWER_NORM, SAV_BENCH_NORM},
    [SAV_ROLE_NORM] = {SAV_BENCH_TOWER_NORM, SAV_BENCH_NORM},
    [SAV_ROLE_Q] = {SAV_BENCH_TOWER_QKV, SAV_BENCH_QKV},
    [SAV_ROLE_K] = {SAV_BENCH_TOWER_QKV, SAV_BENCH_QKV},
    [SAV_ROLE_V] = {SAV_BENCH_TOWER_QKV, SAV_BENCH_QKV},
    [SAV_ROLE_QKV] = {SAV_BENCH_TOWER_QKV, SAV_BENCH_QKV},
    [SAV_ROLE_ROPE] = {SAV_BENCH_TOWER_ROPE, SAV_BENCH_ROPE},
    [SAV_ROLE_ATTENTION] = {SAV_BENCH_TOWER_ATTENTION, SAV_BENCH_ATTENTION},
    [SAV_ROLE_OUT] = {SAV_BENCH_TOWER_OUT, SAV_BENCH_O_PROJ},
    [SAV_ROLE_MLP_IN] = {SAV_BENCH_TOWER_MLP, SAV_BENCH_GATE_UP},
    [SAV_ROLE_ACTIVATION] = {SAV_BENCH_TOWER_ACTIVATION, SAV_BENCH_ACTIVATION},
    [SAV_ROLE_MLP_OUT] = {SAV_BENCH_TOWER_MLP, SAV_BENCH_DOWN_PROJ},
    [SAV_ROLE_PROJECTOR] = {SAV_BENCH_MERGER, SAV_BENCH_MERGER},
    [SAV_ROLE_LM_HEAD] = {SAV_BENCH_LAST, SAV_BENCH_LAST},
};

typedef struct tally {
    double seconds, flop;
    uint64_t weight_bytes;
    size_t calls;
} tally;

typedef struct meter {
    size_t first, last; /* layers: the decoder's first and its last */
    double clock;
    tally places[SAV_BENCH_PLACES];
} meter;

/* The tower's last layer is the projector or merger; the decoder's last layer is one place. */
static sav_bench_place place_of(const meter *m, size_t layer, sav_role role) {
    if (layer == SAV_NO_LAYER) return SAV_BENCH_EMBEDDING;
    if (layer == m->last) return SAV_BENCH_LAST;
    if (layer + 1 == m->first) return SAV_BENCH_MERGER;
    return PLACES[role][layer >= m->first];
}

/* The time since the last call belongs to this operation. */
static void book(void *context, size_t layer, sav_role role, const sav_cost *cost) {
    meter *m = context;
    tally *at = &m->places[place_of(m, layer, role)];
    const double now = sav_os_cpu_seconds();
    at->seconds += now - m->clock;
    m->clock = now;
    at->calls += cost->flop > 0 || role == SAV_ROLE_ACTIVATION;
    at->flop += cost->flop;
    at->weight_bytes += cost->weight_bytes;
}

/* ---- rounds -------------------------------------------------------------------------------------------- */

typedef struct measured {
    double peak, peak_double, seconds;
    tally places[SAV_BENCH_PLACES];
} measured;

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/* Places first … last as one row. */
static sav_bench_row sum(const measured *rounds, size_t n, int first, int last) {
    sav_bench_row row = {0};
    double seconds[SAV_BENCH_ROUNDS], rates[SAV_BENCH_ROUNDS], shares[SAV_BENCH_ROUNDS];
    for (int p = first; p <= last; p++) {
        row.calls += rounds[0].places[p].calls;
        row.gflop += 1e-9 * rounds[0].places[p].flop;
        row.weight_bytes += rounds[0].places[p].weight_bytes;
    }
    for (size_t i = 0; i < n; i++) {
        seconds[i] = 0;
        for (int p = first; p <= last; p++) seconds[i] += rounds[i].places[p].seconds;
        rates[i] = seconds[i] > 0 ? row.gflop / seconds[i] : 0;
        shares[i] = rates[i] / rounds[i].peak;
    }
    row.cpu_seconds = median(seconds, n);
    row.gflops = median(rates, n);
    row.share = median(shares, n);
    return row;
}

static void report(sav_bench *out, const measured *rounds, size_t n) {
    double peaks[SAV_BENCH_ROUNDS], doubles[SAV_BENCH_ROUNDS], seconds[SAV_BENCH_ROUNDS];
    for (size_t i = 0; i < n; i++) {
        peaks[i] = rounds[i].peak;
        doubles[i] = rounds[i].peak_double;
        seconds[i] = rounds[i].seconds;
    }
    out->rounds = n;
    out->peak = median(peaks, n);
    out->peak_double = median(doubles, n);
    out->seconds = median(seconds, n);
    for (int p = 0; p < SAV_BENCH_PLACES; p++) out->places[p] = sum(rounds, n, p, p);
    out->tower = sum(rounds, n, SAV_BENCH_TOWER_NORM, SAV_BENCH_TOWER_ACTIVATION);
    out->decoder = sum(rounds, n, SAV_BENCH_NORM, SAV_BENCH_DOWN_PROJ);
    out->all = sum(rounds, n, 0, SAV_BENCH_PLACES - 1);
}

/* One forward, between two looks at the peak. */
static sav_status run_round(measured *out, meter *m, sav_session *session, float *tap, sav_error *err) {
    const size_t vector = session->kernels->vector_bytes;
    const double peak = sav_peak(vector, false), in_double = sav_peak(vector, true), wall = sav_os_seconds();
    memset(m->places, 0, sizeof m->places);
    m->clock = sav_os_cpu_seconds();
    sav_status status = sav_session_run(session, tap, 0, NULL, err);
    book(m, m->last, SAV_ROLE_NORM, &(sav_cost){0, 0});
    out->seconds = sav_os_seconds() - wall;
    out->peak = 0.5 * (peak + sav_peak(vector, false));
    out->peak_double = 0.5 * (in_double + sav_peak(vector, true));
    memcpy(out->places, m->places, sizeof m->places);
    return status;
}

/* ---- the prompt ---------------------------------------------------------------------------------------- */

/* One added token again and again, so that their number is right whatever the vocabulary; a picture comes
 * first. */
static sav_status prepare(sav_session *session, const sav_model *model, const sav_bench_shape *shape,
                          sav_error *err) {
    static const char *const words[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    const sav_part picture = {.kind = SAV_IMAGE, .text = shape->picture};
    const sav_message turn = {"user", &picture, shape->picture ? 1 : 0};
    sav_text text = {0};
    size_t w = 0;
    while (w < sizeof words / sizeof *words && sav_tokenizer_id(model->tokenizer, words[w]) == SAV_TOKEN_NONE)
        w++;
    if (w == sizeof words / sizeof *words)
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s: found none of the tokens %s, %s, %s; expected one to make a prompt of",
                        model->folder, words[0], words[1], words[2]);
    if (shape->picture && !model->vision)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: found a text model; expected one that sees pictures",
                        model->folder);
    if (shape->picture) sav_text_string(&text, sav_layout_placeholder(model->layout));
    for (size_t i = 0; i < shape->tokens; i++) sav_text_string(&text, words[w]);
    const sav_prompt prompt = {&turn, 1, text.bytes};
    sav_status status =
        text.failed || !text.bytes
            ? sav_fail(err, SAV_NO_MEMORY, "no memory for a prompt of %zu tokens", shape->tokens)
            : sav_session_prepare(session, &prompt, false, err);
    sav_text_free(&text);
    return status;
}

static sav_status run_rounds(sav_bench *out, meter *m, sav_session *session, const sav_bench_shape *shape,
                             size_t features, sav_error *err) {
    measured *rounds = sav_alloc(shape->rounds, sizeof *rounds);
    float *tap = sav_alloc(features, sizeof *tap);
    sav_status status =
        rounds && tap ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "no memory for %zu rounds", shape->rounds);
    /* the first warms up: page faults, caches; the next one writes over it */
    for (size_t i = 0; i <= shape->rounds && !status; i++) {
        status = shape->check ? shape->check(shape->context, err) : SAV_OK;
        if (!status) status = run_round(&rounds[i ? i - 1 : 0], m, session, tap, err);
    }
    if (!status) report(out, rounds, shape->rounds);
    sav_free(rounds);
    sav_free(tap);
    return status;
}

sav_status sav_bench_run(sav_bench *out, const sav_model *model, sav_session *session,
                         const sav_bench_shape *shape, sav_error *err) {
    const size_t first = model->decoder.first_layer;
    meter m = {.first = first, .last = first + model->info.L - 1};
    const sav_observer observer = {book, &m};
    *out = (sav_bench){.layers = model->info.L - 1, .in_double = session->kernels->in_double};
    sav_status status = prepare(session, model, shape, err);
    if (shape->read) shape->read(shape->context);
    sav_session_observe(session, &observer);
    if (!status) status = run_rounds(out, &m, session, shape, model->info.features, err);
    sav_session_observe(session, NULL);
    out->tokens = sav_session_describe(session)->tokens;
    return status;
}
