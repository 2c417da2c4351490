/* stream.c: layers of weights read ahead and dropped behind. See stream.h. */
#include "forward/stream.h"

#include "kernels/int8/int8.h"

/* Of mapped matrices, whose sizes were checked when they were bound. */
static size_t matrix_bytes(const sav_matrix *m) {
    size_t bytes = 0, scales;
    if (m->dtype != SAV_U8) return m->rows * m->cols * sav_dtype_size(m->dtype);
    (void)sav_int8_sizes(&bytes, &scales, m->rows, m->cols, m->group);
    return bytes;
}

static size_t scale_bytes(const sav_matrix *m) {
    size_t bytes, scales = 0;
    if (m->dtype == SAV_U8) (void)sav_int8_sizes(&bytes, &scales, m->rows, m->cols, m->group);
    return scales * sizeof *m->scales;
}

size_t sav_matrix_bytes(const sav_matrix *matrix) {
    return matrix_bytes(matrix) + scale_bytes(matrix);
}

static void measure(sav_stream *s, size_t i) {
    sav_layer *layer = &s->layers[i];
    for (size_t m = 0; m < layer->count; m++) layer->bytes += sav_matrix_bytes(layer->matrices[m]);
    s->total += layer->bytes;
    if (layer->bytes > s->largest) s->largest = layer->bytes;
}

sav_status sav_stream_open(sav_stream *s, const sav_model *model, sav_error *err) {
    *s = (sav_stream){.model = model,
                      .tower = model->vision ? model->info.vision_layers + 2 : 0,
                      .decoder = model->llm.config.L};
    s->held = s->tower + s->decoder;
    if (!(s->layers = sav_alloc(s->held, sizeof *s->layers)))
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    for (size_t i = 0; i < s->tower; i++) {
        s->layers[i].count = model->family->matrices(s->layers[i].matrices, model, i);
        measure(s, i);
    }
    for (size_t l = 0; l < s->decoder; l++) {
        const sav_qwen2_layer *from = &model->llm.layers[l];
        s->layers[s->tower + l] = (sav_layer){{&from->q_proj, &from->k_proj, &from->v_proj, &from->o_proj,
                                               &from->gate_proj, &from->up_proj, &from->down_proj},
                                              7,
                                              0};
        measure(s, s->tower + l);
    }
    return SAV_OK;
}

void sav_stream_close(sav_stream *s) {
    sav_free(s->layers);
    s->layers = NULL;
}

size_t sav_stream_bytes(const sav_stream *s, sav_half half, size_t depth) {
    const size_t from = half == SAV_IN_TOWER ? 0 : s->tower,
                 to = half == SAV_IN_TOWER ? s->tower : s->tower + depth;
    size_t bytes = 0;
    for (size_t i = from; i < to; i++) bytes += s->layers[i].bytes;
    return bytes;
}

static void announce(const sav_stream *s, size_t i) {
    const sav_layer *layer = &s->layers[i];
    for (size_t m = 0; m < layer->count; m++) {
        sav_weights_announce(s->model->weights, layer->matrices[m]->data, matrix_bytes(layer->matrices[m]));
        sav_weights_announce(s->model->weights, layer->matrices[m]->scales, scale_bytes(layer->matrices[m]));
    }
}

static void drop(sav_stream *s) {
    const size_t none = s->tower + s->decoder;
    if (s->held == none) return;
    const sav_layer *layer = &s->layers[s->held];
    for (size_t m = 0; m < layer->count; m++) {
        sav_weights_drop(s->model->weights, layer->matrices[m]->data, matrix_bytes(layer->matrices[m]));
        sav_weights_drop(s->model->weights, layer->matrices[m]->scales, scale_bytes(layer->matrices[m]));
    }
    s->held = none;
}

void sav_stream_enter(sav_stream *s, sav_half half, size_t layer) {
    const size_t i = half == SAV_IN_TOWER ? layer : s->tower + layer;
    if (!s->on || i == s->held) return;
    drop(s);
    s->held = i;
    if (s->ahead && i + 1 < s->tower + s->decoder) announce(s, i + 1);
}

void sav_stream_embedded(sav_stream *s) {
    const sav_matrix *table = &s->model->llm.embed_tokens;
    if (s->on) sav_weights_drop(s->model->weights, table->data, matrix_bytes(table));
}

void sav_stream_leave(sav_stream *s) {
    if (!s->on) return;
    drop(s);
    if (s->ahead) announce(s, 0); /* the next batch's first; its pictures are read meanwhile */
}

void sav_stream_drop_all(sav_stream *s) {
    const sav_weights *w = s->model->weights;
    for (size_t i = 0; i < sav_weights_count(w); i++) {
        const sav_tensor *t = sav_weights_at(w, i);
        sav_weights_drop(w, t->data, t->count * sav_dtype_size(t->dtype));
    }
}
