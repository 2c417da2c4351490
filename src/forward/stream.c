/* stream.c: layers of weights read ahead and dropped behind. See stream.h. */
#include "forward/stream.h"

sav_status sav_stream_open(sav_stream *s, const sav_model *model, sav_error *err) {
    const sav_register *all = &model->modules;
    *s = (sav_stream){.model = model, .held = SAV_NO_LAYER};
    s->layers = sav_alloc(all->layers, sizeof *s->layers);
    if (!s->layers) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    for (size_t i = 0; i < all->count; i++) {
        const sav_linear *m = all->items[i].module;
        sav_layer *layer = &s->layers[m->layer];
        if (!layer->count++) layer->first = i;
        layer->bytes += sav_matrix_bytes(&m->weight);
    }
    for (size_t i = 0; i < all->layers; i++) s->largest = sav_max(s->largest, s->layers[i].bytes);
    s->total = sav_stream_bytes(s, 0, all->layers);
    return SAV_OK;
}

void sav_stream_close(sav_stream *s) {
    sav_free(s->layers);
    s->layers = NULL;
}

size_t sav_stream_bytes(const sav_stream *s, size_t first, size_t last) {
    size_t bytes = 0;
    for (size_t i = first; i < last; i++) bytes += s->layers[i].bytes;
    return bytes;
}

/* Advice to the system about a layer's weights and their scales. */
static void advise(const sav_stream *s, size_t i, void (*how)(const sav_weights *, const void *, size_t)) {
    const sav_layer *layer = &s->layers[i];
    for (size_t m = layer->first; m < layer->first + layer->count; m++) {
        const sav_matrix *weight = &s->model->modules.items[m].module->weight;
        how(s->model->weights, weight->data, sav_matrix_data_bytes(weight));
        how(s->model->weights, weight->scales, sav_matrix_scale_bytes(weight));
    }
}

static void drop(sav_stream *s) {
    if (s->held != SAV_NO_LAYER) advise(s, s->held, sav_weights_drop);
    s->held = SAV_NO_LAYER;
}

void sav_stream_enter(sav_stream *s, size_t layer) {
    if (!s->on || layer == s->held) return;
    drop(s);
    s->held = layer;
    if (s->ahead && layer + 1 < s->model->modules.layers) advise(s, layer + 1, sav_weights_announce);
}

void sav_stream_embedded(sav_stream *s) {
    const sav_matrix *table = &s->model->decoder.embed_tokens.weight;
    if (s->on) sav_weights_drop(s->model->weights, table->data, sav_matrix_bytes(table));
}

void sav_stream_leave(sav_stream *s) {
    if (!s->on) return;
    drop(s);
    if (s->ahead)
        advise(s, 0, sav_weights_announce); /* the next batch's first; its pictures are read meanwhile */
}

void sav_stream_drop_all(sav_stream *s) {
    const sav_weights *w = s->model->weights;
    for (size_t i = 0; i < sav_weights_count(w); i++) {
        const sav_tensor *t = sav_weights_at(w, i);
        sav_weights_drop(w, t->data, t->count * sav_dtype_size(t->dtype));
    }
}
