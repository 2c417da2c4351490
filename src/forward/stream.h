/* stream.h: the weights of a forward under a memory budget: read ahead a layer, dropped behind.
 *
 *   layers in the order of a forward: tower 0 … vision_layers + 1, decoder 0 … L - 1
 *   before a layer: the next one is announced to the system, the one before it is given back
 *
 * Weights are mapped files, so a layer that was dropped comes back by itself when it is read again: nothing
 * here changes a result.
 */
#ifndef SAV_STREAM_H
#define SAV_STREAM_H

#include "models/model.h"

typedef struct sav_layer {
    const sav_matrix *matrices[SAV_LAYER_MATRICES]; /* [count] */
    size_t count;
    size_t bytes;
} sav_layer;

typedef struct sav_stream {
    const sav_model *model;
    sav_layer *layers; /* [tower + decoder] */
    size_t tower, decoder;
    size_t total, largest; /* bytes of all layers, of the largest one */
    bool on, ahead;        /* layers are dropped; the next one is announced */
    size_t held;           /* the layer that is in memory; tower + decoder: none */
} sav_stream;

sav_status sav_stream_open(sav_stream *out, const sav_model *model, sav_error *err);
void sav_stream_close(sav_stream *stream);

/* Bytes of a mapped matrix, its scales included. */
size_t sav_matrix_bytes(const sav_matrix *matrix);

/* Bytes that a forward of `depth` decoder layers reads. */
size_t sav_stream_bytes(const sav_stream *stream, sav_half half, size_t depth);

void sav_stream_enter(sav_stream *stream, sav_half half, size_t layer);
void sav_stream_embedded(sav_stream *stream); /* the embedding matrix has been read */
void sav_stream_leave(sav_stream *stream);    /* after a forward */
void sav_stream_drop_all(sav_stream *stream); /* whatever opening the folder brought into memory */

#endif
