/* stream.h: the weights of a forward under a memory budget: read ahead a layer, dropped behind.
 *
 *   layers as the register of modules counts them, in the order of a forward
 *   before a layer: the next one is announced to the system, the one before it is given back
 *
 * Weights are mapped files, so a layer that was dropped comes back by itself when it is read again: nothing
 * here changes a result.
 */
#ifndef SAV_STREAM_H
#define SAV_STREAM_H

#include "models/model.h"

typedef struct sav_layer {
    size_t first, count; /* its modules in the register */
    size_t bytes;
} sav_layer;

typedef struct sav_stream {
    const sav_model *model;
    sav_layer *layers;     /* [model->modules.layers] */
    size_t total, largest; /* bytes of all layers, of the largest one */
    bool on, ahead;        /* layers are dropped; the next one is announced */
    size_t held;           /* the layer that is in memory; SAV_NO_LAYER: none */
} sav_stream;

sav_status sav_stream_open(sav_stream *out, const sav_model *model, sav_error *err);
void sav_stream_close(sav_stream *stream);

/* Bytes of layers first … last - 1. */
size_t sav_stream_bytes(const sav_stream *stream, size_t first, size_t last);

void sav_stream_enter(sav_stream *stream, size_t layer);
void sav_stream_embedded(sav_stream *stream); /* the embedding matrix has been read */
void sav_stream_leave(sav_stream *stream);    /* after a forward */
void sav_stream_drop_all(sav_stream *stream); /* whatever opening the folder brought into memory */

#endif
