/* memory.c: scratch sized and taken, and the memory budget divided. See session.h.
 *
 *   one arena:  engine's scratch | x [N, D] | to | tap | tower's scratch, then in its place the decoder's
 *   --memory:   what is there before | weights: all, else two layers, else one | the caller's | batches
 */
#include "base/os.h"
#include "forward/session.h"

/* Rows of a batch, and patches that go through the tower together. More rows make better use of a weight that
 * was read once, but take more memory: at a width of 3584 this many take 0.4 GB. SHORT_ROWS: what must fit
 * into a budget. */
enum { BATCH_ROWS = 4096, TOWER_ROWS = 4096, SHORT_ROWS = 256 };

/* ---- scratch ------------------------------------------------------------------------------------------- */

size_t sav_scratch_group(const sav_picture_set *pictures, bool whole) {
    size_t n = 1, rows = pictures->items[0]->fit.patches;
    if (whole) return pictures->count;
    for (; n < pictures->count; n++) {
        rows += pictures->items[n]->fit.patches;
        if (rows > TOWER_ROWS) break;
    }
    return n;
}

/* The deepest product of a forward; the tower's count where there are pictures. */
static size_t deepest(const sav_model *model, bool pictures) {
    size_t K = model->decoder.config.D; /* lm_head's, which is in no layer */
    for (size_t i = 0; i < model->modules.count; i++) {
        const sav_linear *m = model->modules.items[i].module;
        if (pictures || m->layer >= model->decoder.first_layer) K = sav_max(K, m->weight.cols);
    }
    return K;
}

/* Most rows, deepest product, longest attention and its head size of a forward. */
static sav_extent extent_of(const sav_session *s, const sav_rows *rows, const sav_picture_set *pictures) {
    sav_extent most = {rows->N, deepest(s->model, pictures->count > 0), rows->most_keys, s->model->info.d,
                       s->run.threads};
    for (size_t i = 0, n; i < pictures->count; i += n) {
        const sav_picture_set rest = {pictures->items + i, pictures->count - i};
        size_t patches = 0;
        n = sav_scratch_group(&rest, s->whole);
        for (size_t j = 0; j < n; j++) {
            const sav_picture_fit *fit = &rest.items[j]->fit;
            patches += fit->patches;
            most.keys = sav_max(most.keys, fit->keys);
            most.d = sav_max(most.d, fit->dv);
        }
        most.T = sav_max(most.T, patches);
    }
    return most;
}

void sav_scratch_plan(sav_session *s, sav_arena *arena, const sav_rows *rows,
                      const sav_picture_set *pictures) {
    const sav_model *model = s->model;
    const sav_decoder *decoder = &model->decoder;
    const sav_extent most = extent_of(s, rows, pictures);
    sav_scratch *to = &s->scratch;
    size_t bytes = 0;
    if (!s->kernels->scratch(&bytes, &most)) arena->overflow = true;
    to->engine = sav_arena_alloc(arena, bytes, 1);
    to->x = sav_arena_floats(arena, rows->N, decoder->config.D);
    to->to = sav_arena_alloc(arena, pictures->count, sizeof *to->to);
    to->tap = s->whole ? sav_arena_alloc(arena, model->info.features, sizeof *to->tap) : NULL;
    size_t end = to->tower = arena->used;
    for (size_t i = 0, n; i < pictures->count; i += n, arena->used = to->tower) {
        sav_picture_set group = {pictures->items + i, pictures->count - i};
        group.count = n = sav_scratch_group(&group, s->whole);
        model->family->plan(arena, model, &group, s->whole);
        end = sav_max(end, arena->used);
    }
    decoder->kind->plan(arena, decoder, rows, s->whole, false);
    arena->used = sav_max(end, arena->used);
}

size_t sav_scratch_bytes(sav_session *s, const sav_rows *rows, const sav_picture_set *pictures) {
    const sav_scratch kept = s->scratch;
    sav_arena arena = {0};
    size_t bytes, floats = 0;
    sav_scratch_plan(s, &arena, rows, pictures);
    s->scratch = kept;
    for (size_t i = 0; i < pictures->count; i++) floats += pictures->items[i]->fit.floats;
    if (arena.overflow || !sav_mul(&bytes, floats, sizeof(float)) || !sav_add(&bytes, bytes, arena.used))
        return SIZE_MAX;
    return bytes;
}

/* ---- the budget ---------------------------------------------------------------------------------------- */

/* Text alone. */
static size_t text_bytes(sav_session *s, size_t N) {
    const sav_rows rows = {.N = N, .most_keys = N, .split = true};
    const sav_picture_set none = {NULL, 0};
    return sav_scratch_bytes(s, &rows, &none);
}

size_t sav_memory_left(const sav_session *s) {
    const uint64_t spent = s->info.fixed_bytes + s->info.held_bytes + s->reserved;
    return spent > s->info.memory ? 0 : (size_t)sav_min(SIZE_MAX, s->info.memory - spent);
}

static sav_status fail_small(const sav_session *s, size_t shortest, sav_error *err) {
    const sav_session_info *info = &s->info;
    sav_fail(err, SAV_NO_MEMORY,
             "%s: a memory budget of %.1f MiB; expected at least %.1f: %.1f for the program, %.1f for a "
             "layer, %.1f for a prompt of %d tokens",
             s->model->folder, sav_mib(info->memory),
             sav_mib(info->fixed_bytes + info->held_bytes + s->reserved + shortest),
             sav_mib(info->fixed_bytes + s->reserved), sav_mib(info->held_bytes), sav_mib(shortest),
             SHORT_ROWS);
    sav_hint(err, "raise --memory, or take a quantised or a smaller model");
    return SAV_NO_MEMORY;
}

/* Weights: all, else two layers, else one. */
static void divide_weights(sav_session *s, size_t shortest) {
    sav_stream *stream = &s->stream;
    s->info.held_bytes = stream->total;
    stream->on = sav_memory_left(s) < text_bytes(s, BATCH_ROWS);
    if (stream->on) s->info.held_bytes = 2 * (uint64_t)stream->largest;
    stream->ahead = stream->on && sav_memory_left(s) >= shortest;
    if (stream->on && !stream->ahead) s->info.held_bytes = stream->largest;
    s->info.streams = stream->on;
}

sav_status sav_memory_divide(sav_session *s, sav_error *err) {
    enum { UNKNOWN_FIXED = 64 << 20 };
    sav_session_info *info = &s->info;
    info->layer_bytes = s->stream.largest;
    info->batch_rows = s->most_rows = BATCH_ROWS;
    if (!info->memory) return SAV_OK;
    if (!info->fixed_bytes) {
        sav_stream_drop_all(&s->stream); /* whatever opening the folder read of the weights */
        info->fixed_bytes = sav_os_resident_bytes();
        if (!info->fixed_bytes) info->fixed_bytes = UNKNOWN_FIXED;
    }
    const size_t shortest = text_bytes(s, SHORT_ROWS);
    divide_weights(s, shortest);
    if (sav_memory_left(s) < shortest) return fail_small(s, shortest, err);
    while (s->most_rows > SHORT_ROWS && text_bytes(s, s->most_rows) > sav_memory_left(s))
        s->most_rows -= SHORT_ROWS / 4;
    info->batch_rows = s->most_rows;
    return SAV_OK;
}

/* The first prompt may have any length that memory has; those that share most of theirs with it go on a
 * little beyond. */
sav_status sav_memory_fits(bool *fits, sav_session *s, sav_error *err) {
    const sav_batch *b = &s->batch;
    const sav_rows rows = {.N = b->N, .most_keys = b->most_keys, .split = b->count > 1};
    const sav_picture_set pictures = sav_pictures_set(&s->pictures);
    *fits = b->count == 1 ||
            (b->count <= SAV_BATCH_MOST && b->N <= sav_max(s->most_rows, s->first + s->most_rows / 4));
    if (!s->info.memory || !*fits) return SAV_OK;
    const size_t bytes = sav_scratch_bytes(s, &rows, &pictures);
    *fits = bytes <= sav_memory_left(s);
    if (*fits || b->count > 1) return SAV_OK;
    sav_fail(
        err, SAV_NO_MEMORY,
        "a prompt of %zu tokens takes %.1f MiB beside the weights; the memory budget of %.1f leaves %.1f",
        b->N, sav_mib(bytes), sav_mib(s->info.memory), sav_mib(sav_memory_left(s)));
    sav_hint(err, "raise --memory%s",
             s->model->family->bounded && pictures.count ? ", or bound pictures by --max-pixels" : "");
    return SAV_NO_MEMORY;
}

sav_status sav_session_reserve(sav_session *s, uint64_t bytes, sav_error *err) {
    s->reserved = bytes;
    return sav_memory_divide(s, err);
}

sav_status sav_session_measure(size_t *tokens, size_t *bytes, sav_session *s, size_t text, sav_size picture,
                               sav_error *err) {
    const sav_family *family = s->model->family;
    sav_picture imagined = {0};
    const sav_picture *one = &imagined;
    const sav_picture_set pictures = {&one, picture.h && picture.w};
    sav_session_begin(s, false);
    if (pictures.count && !family->fit)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: found a text model; expected one that sees pictures",
                        s->model->folder);
    sav_status status = pictures.count ? family->fit(&imagined.fit, s->model, picture, &s->pictures.how, err)
                                       : SAV_OK;
    if (status) return status;
    const sav_rows rows = {.N = text + imagined.fit.tokens, .most_keys = text + imagined.fit.tokens};
    *tokens = rows.N;
    *bytes = sav_scratch_bytes(s, &rows, &pictures);
    if (*bytes == SIZE_MAX)
        return sav_fail(err, SAV_NO_MEMORY, "%s: a forward's memory does not fit this machine's addresses",
                        s->model->folder);
    return SAV_OK;
}
