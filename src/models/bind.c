/* bind.c: tensors of a checkpoint -> fields of the model, by the names of transformers <= 4.51.
 *
 * A missing, misshapen or unasked tensor is an error that names it. Matrices stay where the file is mapped; vectors (norms,
 * biases) are widened to float once, since they are small and read by every row.
 */
#include <stdio.h>
#include <string.h>

#include "models/model.h"

sav_status sav_binder_begin(sav_binder *b, sav_model *model, const sav_rename *renames, sav_error *err) {
    *b = (sav_binder){.model = model, .renames = renames, .err = err};
    b->used = sav_alloc(sav_weights_count(model->weights), sizeof *b->used);
    if (!b->used) b->status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    return b->status;
}

static const sav_tensor *look_up(sav_binder *b, char file_name[256], const char *format, va_list args) {
    char name[256];
    vsnprintf(name, sizeof name, format, args);
    snprintf(file_name, 256, "%s", name);
    for (const sav_rename *r = b->renames; r && r->from; r++) {
        size_t n = strlen(r->from);
        if (strncmp(name, r->from, n) != 0) continue;
        snprintf(file_name, 256, "%s%s", r->to, name + n);
        break;
    }
    size_t at = sav_weights_index(b->model->weights, file_name);
    if (at == sav_weights_count(b->model->weights)) return NULL;
    b->used[at] = true;
    return sav_weights_at(b->model->weights, at);
}

static void put_shape(sav_text *out, int rank, const size_t *shape) {
    sav_text_string(out, "[");
    for (int i = 0; i < rank; i++) sav_text_printf(out, "%s%zu", i ? ", " : "", shape[i]);
    sav_text_string(out, "]");
}

static void fail_tensor(sav_binder *b, const sav_tensor *t, const char *name, int rank, const size_t *shape) {
    sav_text wanted = {0}, found = {0};
    put_shape(&wanted, rank, shape);
    if (t) put_shape(&found, t->rank, t->shape);
    const char *want = wanted.bytes ? wanted.bytes : "", *got = found.bytes ? found.bytes : "";
    if (t)
        b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s: found %s %s; expected F32, BF16 or F16 %s",
                             sav_weights_file_of(b->model->weights, t), name, sav_dtype_name(t->dtype), got, want);
    else
        b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s is missing; expected F32, BF16 or F16 %s", b->model->folder,
                             name, want);
    sav_text_free(&wanted);
    sav_text_free(&found);
}

/* The tensor of just this shape, or NULL with the binder's status set. */
static const sav_tensor *bind(sav_binder *b, int rank, const size_t *shape, const char *format, va_list args) {
    char name[256];
    if (b->status) return NULL;
    const sav_tensor *t = look_up(b, name, format, args);
    bool fits = t && t->dtype <= SAV_F16 && t->rank == rank;
    for (int i = 0; i < rank && fits; i++) fits = t->shape[i] == shape[i];
    if (fits) return t;
    fail_tensor(b, t, name, rank, shape);
    return NULL;
}

/* The same, its values widened to float into memory of the model. */
static const float *bind_wide(sav_binder *b, int rank, const size_t *shape, const char *format, va_list args) {
    const sav_tensor *t = bind(b, rank, shape, format, args);
    if (!t) return NULL;
    float *wide = sav_model_own(b->model, t->count, sizeof *wide);
    if (!wide) {
        b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", b->model->folder);
        return NULL;
    }
    for (size_t i = 0; i < t->count; i++) wide[i] = sav_tensor_float(t, i);
    return wide;
}

sav_matrix sav_bind_matrix(sav_binder *b, size_t rows, size_t cols, const char *format, ...) {
    const size_t shape[2] = {rows, cols};
    va_list args;
    va_start(args, format);
    const sav_tensor *t = bind(b, 2, shape, format, args);
    va_end(args);
    return t ? (sav_matrix){.data = t->data, .dtype = t->dtype, .rows = rows, .cols = cols} : (sav_matrix){0};
}

sav_matrix sav_bind_filters(sav_binder *b, int rank, const size_t *shape, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const sav_tensor *t = bind(b, rank, shape, format, args);
    va_end(args);
    return t ? (sav_matrix){.data = t->data, .dtype = t->dtype, .rows = shape[0], .cols = t->count / shape[0]} : (sav_matrix){0};
}

const float *sav_bind_vector(sav_binder *b, size_t n, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const float *wide = bind_wide(b, 1, &n, format, args);
    va_end(args);
    return wide;
}

const float *sav_bind_rows(sav_binder *b, size_t rows, size_t cols, const char *format, ...) {
    const size_t shape[2] = {rows, cols};
    va_list args;
    va_start(args, format);
    const float *wide = bind_wide(b, 2, shape, format, args);
    va_end(args);
    return wide;
}

const sav_tensor *sav_bind_peek(sav_binder *b, const char *format, ...) {
    char name[256];
    va_list args;
    if (b->status) return NULL;
    va_start(args, format);
    const sav_tensor *t = look_up(b, name, format, args);
    va_end(args);
    return t;
}

void sav_bind_ignore(sav_binder *b, const char *prefix) {
    char name[256];
    if (b->status) return;
    snprintf(name, sizeof name, "%s", prefix);
    for (const sav_rename *r = b->renames; r && r->from; r++) {
        size_t n = strlen(r->from);
        if (strncmp(prefix, r->from, n) != 0) continue;
        snprintf(name, sizeof name, "%s%s", r->to, prefix + n);
        break;
    }
    for (size_t i = 0; i < sav_weights_count(b->model->weights); i++)
        if (strncmp(sav_weights_at(b->model->weights, i)->name, name, strlen(name)) == 0) b->used[i] = true;
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

sav_status sav_binder_end(sav_binder *b) {
    for (size_t i = 0; !b->status && i < sav_weights_count(b->model->weights); i++) {
        const sav_tensor *t = sav_weights_at(b->model->weights, i);
        /* buffers that older writers stored: recomputed here */
        if (b->used[i] || ends_with(t->name, ".inv_freq") || ends_with(t->name, ".position_ids")) continue;
        b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s is not part of this architecture (%s)",
                             sav_weights_file_of(b->model->weights, t), t->name, b->model->family->name);
    }
    sav_free(b->used);
    b->used = NULL;
    return b->status;
}
