/* bind.h: tensors of a checkpoint -> modules, by the names of transformers <= 4.51, and the register that
 * keeps them.
 *
 *   sav_weights, key layout -> binder, one line a module -> the model's fields
 *                                                         + sav_register, in the order of a forward
 *
 * The register is what streaming reads ahead, what `quantize` rewrites and what `bench` books time to: a
 * family or a decoder names each of its linears once, here.
 */
#ifndef SAV_BIND_H
#define SAV_BIND_H

#include "io/safetensors.h"
#include "nn/module.h"

/* Memory that lives as long as the model. */
typedef struct sav_owned {
    void **items; /* [count] */
    size_t count, capacity;
} sav_owned;

void *sav_own(sav_owned *owned, size_t count, size_t size); /* zeroed; NULL: no memory */
void sav_owned_free(sav_owned *owned);

/* The linears of a model's layers in the order of its forward; a layer's stand side by side. Embedding and
 * lm_head are tables: in no layer, never quantised. */
typedef struct sav_registered {
    const sav_linear *module;
    size_t tensor; /* its weight's number in sav_weights */
} sav_registered;

typedef struct sav_register {
    sav_registered *items; /* [count] */
    size_t count, capacity;
    size_t layers; /* of tower and decoder, as pass.h counts them */
} sav_register;

void sav_register_free(sav_register *all);

/* Bytes of a mapped matrix, its scales included; of its two parts. */
size_t sav_matrix_bytes(const sav_matrix *matrix);
size_t sav_matrix_data_bytes(const sav_matrix *matrix);
size_t sav_matrix_scale_bytes(const sav_matrix *matrix);

/* One key layout: names that begin with `from` begin with `to` in the file. First match wins. */
typedef struct sav_rename {
    const char *from, *to;
} sav_rename;

typedef struct sav_binder {
    const sav_weights *weights;
    const char *folder, *family; /* for messages */
    size_t group;              /* of a quantised folder: columns that share a scale; 0: weights as trained */
    const sav_rename *renames; /* ends with from == NULL; may be NULL */
    sav_owned *owned;
    sav_register *modules;
    bool *used;      /* [tensors] */
    char sizes[200]; /* config.json's, from which the shapes expected follow: for messages */
    char scope[128]; /* stands in front of each name: "model.layers.3." */
    char *paths;     /* where the next path goes */
    size_t paths_left;
    sav_status status; /* after the first failure the rest does nothing */
    sav_error *err;
} sav_binder;

sav_status sav_binder_begin(sav_binder *b);
/* Every tensor of the folder must have been asked for; ends the binder. */
sav_status sav_binder_end(sav_binder *b);

/* Which sizes of config.json the shapes from here on follow from: a shape that differs names them. */
void sav_bind_sizes(sav_binder *b, const char *format, ...) SAV_PRINTF(2, 3);

/* Names from here on stand in this scope. */
void sav_bind_scope(sav_binder *b, const char *format, ...) SAV_PRINTF(2, 3);
/* The same, and a layer of the forward begins: the modules up to the next call are its weights. */
void sav_bind_layer(sav_binder *b, const char *format, ...) SAV_PRINTF(2, 3);
/* "SCOPENAME", kept with the model: the path of a module made of modules. */
const char *sav_bind_path(sav_binder *b, const char *name);
void *sav_bind_own(sav_binder *b, size_t count, size_t size); /* NULL: the status is set */

/* NAME.weight [N, K], in a quantised folder maybe as int8 panels, and NAME.bias [N]; matrix: without a
 * bias. */
void sav_bind_linear(sav_binder *b, sav_linear *out, const char *name, size_t N, size_t K, sav_role role);
void sav_bind_matrix(sav_binder *b, sav_linear *out, const char *name, size_t N, size_t K, sav_role role);
/* A convolution's filters NAME.weight [outputs, …] as rows, no bias. shape [rank]. */
void sav_bind_filters(sav_binder *b, sav_linear *out, const char *name, int rank, const size_t *shape);
/* NAME.weight [V, D], of which rows are looked up or which is lm_head: never quantised, in no layer. */
void sav_bind_table(sav_binder *b, sav_matrix *out, const char *name, size_t V, size_t D);
/* NAME.weight [D], NAME.bias [D]. */
void sav_bind_layer_norm(sav_binder *b, sav_norm *out, const char *name, size_t D, double eps);
void sav_bind_rms_norm(sav_binder *b, sav_norm *out, const char *name, size_t D, double eps);
/* The path of an activation, which has no tensors. */
void sav_bind_act(sav_binder *b, sav_act *out, const char *name, sav_activation f);
/* A tensor [rows, cols], or a vector with cols 0, widened to float. */
const float *sav_bind_values(sav_binder *b, const char *name, size_t rows, size_t cols);
/* NULL when absent; marks it as known. For config facts that only the shapes tell. */
const sav_tensor *sav_bind_peek(sav_binder *b, const char *name);
void sav_bind_ignore(sav_binder *b, const char *prefix); /* tensors that are known and not needed */

#endif
