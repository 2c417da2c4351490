/* bench.c: forwards through a kernel table that times and counts. See bench.h. */
#include "instruments/bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "forward/stream.h"
#include "kernels/peak.h"
#include "models/model.h"

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

/* ---- whose weights these are --------------------------------------------------------------------------- */

/* The first ending that a tensor's name (without ".weight") has says where its product belongs, and what the
 * time before it was spent on. */
static const struct {
    const char *ending;
    bool tower;
    sav_bench_place product, before;
} ENDINGS[] = {
    {"self_attn.q_proj", true, SAV_BENCH_TOWER_QKV, SAV_BENCH_TOWER_NORM},
    {"self_attn.k_proj", true, SAV_BENCH_TOWER_QKV, SAV_BENCH_TOWER_NORM},
    {"self_attn.v_proj", true, SAV_BENCH_TOWER_QKV, SAV_BENCH_TOWER_NORM},
    {"attn.qkv", true, SAV_BENCH_TOWER_QKV, SAV_BENCH_TOWER_NORM},
    {"self_attn.out_proj", true, SAV_BENCH_TOWER_OUT, SAV_BENCH_TOWER_ATTENTION},
    {"attn.proj", true, SAV_BENCH_TOWER_OUT, SAV_BENCH_TOWER_ATTENTION},
    {"mlp.fc1", true, SAV_BENCH_TOWER_MLP, SAV_BENCH_TOWER_NORM},
    {"mlp.gate_proj", true, SAV_BENCH_TOWER_MLP, SAV_BENCH_TOWER_NORM},
    {"mlp.up_proj", true, SAV_BENCH_TOWER_MLP, SAV_BENCH_TOWER_NORM},
    {"mlp.fc2", true, SAV_BENCH_TOWER_MLP, SAV_BENCH_TOWER_ACTIVATION},
    {"mlp.down_proj", true, SAV_BENCH_TOWER_MLP, SAV_BENCH_TOWER_ACTIVATION},
    {"", true, SAV_BENCH_TOWER_NORM, SAV_BENCH_TOWER_NORM}, /* the patches' */
    {"self_attn.q_proj", false, SAV_BENCH_QKV, SAV_BENCH_NORM},
    {"self_attn.k_proj", false, SAV_BENCH_QKV, SAV_BENCH_NORM},
    {"self_attn.v_proj", false, SAV_BENCH_QKV, SAV_BENCH_NORM},
    {"self_attn.o_proj", false, SAV_BENCH_O_PROJ, SAV_BENCH_ATTENTION},
    {"mlp.gate_proj", false, SAV_BENCH_GATE_UP, SAV_BENCH_NORM},
    {"mlp.up_proj", false, SAV_BENCH_GATE_UP, SAV_BENCH_NORM},
    {"mlp.down_proj", false, SAV_BENCH_DOWN_PROJ, SAV_BENCH_ACTIVATION},
};

typedef struct weight {
    const unsigned char *data, *end;
    sav_bench_place product, before;
    bool tower;
    size_t layer;
} weight;

static bool ends_with(const char *name, const char *ending) {
    static const char weights[] = ".weight";
    size_t length = strlen(name), tail = sizeof weights - 1, n = strlen(ending);
    if (length < tail || strcmp(name + length - tail, weights) != 0) return false;
    return length - tail >= n && memcmp(name + length - tail - n, ending, n) == 0;
}

static bool in_merger(const char *name) {
    return strstr(name, "visual.merger.") || strstr(name, "multi_modal_projector.") ||
           strstr(name, "mm_projector.");
}

static weight know(const sav_tensor *t) {
    const unsigned char *data = t->data;
    weight w = {
        data, data + t->count * sav_dtype_size(t->dtype), SAV_BENCH_EMBEDDING, SAV_BENCH_EMBEDDING, false, 0};
    const char *layer = strstr(t->name, "layers.");
    if (in_merger(t->name)) {
        w.product = w.before = SAV_BENCH_MERGER;
        w.tower = true;
        return w;
    }
    w.tower = strstr(t->name, "vision_tower.") || strstr(t->name, "visual.");
    if (layer) w.layer = (size_t)strtoul(layer + 7, NULL, 10);
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++)
        if (ENDINGS[i].tower == w.tower && ends_with(t->name, ENDINGS[i].ending)) {
            w.product = ENDINGS[i].product;
            w.before = ENDINGS[i].before;
            break;
        }
    return w;
}

/* ---- the table that counts ----------------------------------------------------------------------------- */

typedef struct tally {
    double seconds, flop;
    uint64_t weight_bytes;
    size_t calls;
} tally;

/* What run->meter points to. */
typedef struct meter {
    const sav_kernels *inner;
    weight *weights; /* [count] */
    size_t count, last_layer;
    const weight *latest; /* of the latest product; NULL: none yet */
    double clock;
    tally places[SAV_BENCH_PLACES];
} meter;

/* The time since the last call belongs there. */
static tally *spend(meter *m, sav_bench_place place) {
    const double now = sav_os_cpu_seconds();
    m->places[place].seconds += now - m->clock;
    m->clock = now;
    return &m->places[place];
}

/* The last layer is one place. Only the residual and the norm before it are not its own: they stand behind
 * the layer before. */
static sav_bench_place in_layer(const meter *m, sav_bench_place place) {
    return m->latest && !m->latest->tower && m->latest->layer == m->last_layer ? SAV_BENCH_LAST : place;
}

static const weight *find(const meter *m, const void *data) {
    for (size_t i = 0; i < m->count; i++)
        if ((const unsigned char *)data >= m->weights[i].data &&
            (const unsigned char *)data < m->weights[i].end)
            return &m->weights[i];
    return NULL;
}

static void count_linear(const sav_product *to, size_t count, const float *x, size_t T, const sav_run *run) {
    meter *m = run->meter;
    const weight *before = m->latest, *w = find(m, to->W->data);
    const bool first = w && !w->tower && (!before || before->tower); /* tables and the first norm */
    if (!w) w = before;
    spend(m, first || !w ? SAV_BENCH_EMBEDDING : in_layer(m, w->before));
    m->latest = w;
    m->inner->linear(to, count, x, T, run);
    tally *at = spend(m, w ? in_layer(m, w->product) : SAV_BENCH_EMBEDDING);
    at->calls++;
    at->flop += 2.0 * (double)sav_product_work(to, count, T);
    for (size_t i = 0; i < count; i++) at->weight_bytes += sav_matrix_bytes(to[i].W);
}

/* Pairs of a query and a key that it sees. */
static double pairs(const sav_attention *a) {
    double n = 0;
    for (size_t i = 0; i < a->segment_count && a->segments; i++) {
        const double rows = (double)(a->segments[i + 1] - a->segments[i]);
        n += rows * rows;
    }
    for (size_t i = 0; i < a->queries && !a->segments; i++) {
        size_t seen = a->causal ? a->keys - a->queries + i + 1 : a->keys;
        n += (double)(a->window && a->window < seen ? a->window : seen);
    }
    return n;
}

static void count_attention(float *out, const float *q, const float *k, const float *v,
                            const sav_attention *a, const sav_run *run) {
    meter *m = run->meter;
    const bool tower = m->latest && m->latest->tower;
    spend(m, tower ? SAV_BENCH_TOWER_ROPE : in_layer(m, SAV_BENCH_ROPE));
    m->inner->attention(out, q, k, v, a, run);
    tally *at = spend(m, tower ? SAV_BENCH_TOWER_ATTENTION : in_layer(m, SAV_BENCH_ATTENTION));
    at->calls++;
    at->flop += 4.0 * (double)(a->heads * a->d) * pairs(a);
}

static void count_activation(float *out, const float *x, size_t n, sav_activation f, const sav_run *run) {
    meter *m = run->meter;
    sav_bench_place place = m->latest && m->latest->tower ? SAV_BENCH_TOWER_ACTIVATION : SAV_BENCH_ACTIVATION;
    if (m->latest && m->latest->product == SAV_BENCH_MERGER) place = SAV_BENCH_MERGER;
    m->inner->activation(out, x, n, f, run);
    spend(m, place)->calls++;
}

/* ---- rounds -------------------------------------------------------------------------------------------- */

typedef struct pass {
    double peak, peak_double, seconds;
    tally places[SAV_BENCH_PLACES];
} pass;

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/* Places first … last as one row. */
static sav_bench_row sum(const pass *rounds, size_t n, int first, int last) {
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

static void report(sav_bench *out, const pass *rounds, size_t n) {
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
static sav_status run_round(pass *out, meter *m, sav_session *session, float *tap, sav_error *err) {
    const size_t vector = m->inner->vector_bytes;
    const double peak = sav_peak(vector, false), in_double = sav_peak(vector, true), wall = sav_os_seconds();
    memset(m->places, 0, sizeof m->places);
    m->latest = NULL;
    m->clock = sav_os_cpu_seconds();
    sav_status status = sav_session_run(session, tap, 0, NULL, err);
    spend(m, SAV_BENCH_LAST);
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
    const sav_part picture = {SAV_IMAGE, shape->picture};
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
    pass *rounds = sav_alloc(shape->rounds, sizeof *rounds);
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
    const sav_session_info *info = sav_session_describe(session);
    const size_t count = sav_weights_count(model->weights);
    meter m = {.inner = sav_session_kernels(session), .count = count, .last_layer = model->info.L - 1};
    sav_kernels counting = *m.inner;
    counting.linear = count_linear;
    counting.attention = count_attention;
    counting.activation = count_activation;
    *out = (sav_bench){.layers = model->info.L - 1, .in_double = m.inner->in_double};
    if (!(m.weights = sav_alloc(count, sizeof *m.weights)))
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu tensors", count);
    for (size_t i = 0; i < count; i++) m.weights[i] = know(sav_weights_at(model->weights, i));
    sav_session_meter(session, &counting, &m);
    sav_status status = prepare(session, model, shape, err);
    if (shape->read) shape->read(shape->context);
    if (!status) status = run_rounds(out, &m, session, shape, model->info.features, err);
    out->tokens = info->tokens;
    sav_session_meter(session, m.inner, NULL);
    sav_free(m.weights);
    return status;
}
